// Elements, numbers, and charts that several sections share. Strings of the report become text
// nodes or attributes, never markup.
"use strict";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    // The content security policy forbids style attributes, but not styles that scripts set.
    if (name === "style") {
      for (const [property, setting] of Object.entries(value)) {
        node.style.setProperty(property, setting);
      }
    } else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const isNumber = (value) => typeof value === "number";
const fixed = (value, digits = 2) => {
  if (!isNumber(value)) return "\u2013";
  const text = value.toFixed(digits);
  return Number(text) < 0 ? text.replace("-", "\u2212") : text.replace("-", "");
};
const signed = (value, digits = 2) =>
  (isNumber(value) && Number(value.toFixed(digits)) > 0 ? "+" : "") + fixed(value, digits);
const percent = (value, digits = 0) =>
  isNumber(value) ? fixed(100 * value, digits) + "\u202f%" : "\u2013";
const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const sum = (values) => values.reduce((total, value) => total + value, 0);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (position - low) * (sorted[high] - sorted[low]);
}

// The stops of both colour maps are in the style sheet, where they depend on the colour scheme.
function between(name, position) {
  const low = Math.min(Math.floor(position), 7);
  const share = Math.round(100 * (position - low));
  return `color-mix(in srgb, var(--${name}${low + 1}) ${share}%, var(--${name}${low}))`;
}
const sequential = (value) => between("seq", 8 * clamp(value, 0, 1));
const diverging = (value) => between("div", 4 + 4 * clamp(value, -1, 1));

function table(headers, rows, attributes = {}) {
  const isText = headers.map((_, j) => rows.every((row) => !isNumber(row[j].sort ?? row[j])));
  const cell = (tag, content, j, more = {}) =>
    html(tag, { ...more, ...(isText[j] ? {} : { class: "number" }) }, content);
  const head = headers.map((header, j) => cell("th", header, j, { scope: "col" }));
  const body = rows.map((row) =>
    html(
      "tr",
      {},
      ...row.map((content, j) =>
        cell(
          j ? "td" : "th",
          isNumber(content) ? content.toLocaleString("en") : content,
          j,
          j ? {} : { scope: "row" },
        ),
      ),
    ),
  );
  const element = html(
    "table",
    attributes,
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...body),
  );
  return html(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "table" },
    element,
  );
}

// Horizontal bars with their numbers: [{label, value}]; signed bars start in the middle.
function bars(items, { most, isSigned = false, digits = 2 }) {
  return html(
    "ul",
    { class: isSigned ? "bars signed" : "bars" },
    ...items.map(({ label, value }) => {
      const length = (isSigned ? 50 : 100) * clamp(Math.abs(value) / (most || 1), 0, 1);
      const start = isSigned ? (value < 0 ? 50 - length : 50) : 0;
      const colour = isSigned ? `var(--${value < 0 ? "against" : "for"})` : "var(--accent)";
      const bar = { left: `${start}%`, width: `${length}%`, background: colour };
      return html(
        "li",
        {},
        html("span", { class: "label" }, label),
        html("span", { class: "track", "aria-hidden": "true" }, html("span", { style: bar })),
        html("span", { class: "number" }, isSigned ? signed(value, digits) : fixed(value, digits)),
      );
    }),
  );
}

// A score and its confidence interval on a line from 0 to 1.
function interval({ value, low, high }) {
  if (!isNumber(value)) return html("span", {}, "\u2013");
  const mark = html(
    "span",
    { class: "interval", "aria-hidden": "true" },
    html("span", { class: "dot", style: { left: percentOf(value) } }),
  );
  if (!isNumber(low) || !isNumber(high)) return html("span", {}, mark, fixed(value));
  const style = { left: percentOf(low), width: percentOf(high - low) };
  mark.prepend(html("span", { class: "whisker", style }));
  return html(
    "span",
    { class: "score" },
    mark,
    html("strong", {}, fixed(value)),
    html("span", { class: "muted" }, ` ${fixed(low)} to ${fixed(high)}`),
  );
}
const percentOf = (value) => `${(100 * clamp(value, 0, 1)).toFixed(2)}%`;

// A heat map of signed numbers as a table: the numbers are read aloud, and shown on hover. At most
// `nVisible` of the names of the columns are visible below them.
function heatMap(title, rowNames, columnNames, values, most, nVisible) {
  const step = Math.ceil(columnNames.length / nVisible);
  const heads = columnNames.map((name, j) =>
    html("th", { scope: "col", ...(j % step ? { class: "unseen" } : {}) }, html("span", {}, name)),
  );
  const rows = rowNames.map((row, i) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, row),
      ...values[i].map((value, j) =>
        html(
          "td",
          {
            style: { background: isNumber(value) ? diverging(value / most) : "transparent" },
            title: `${row}, ${columnNames[j]}: ${signed(value, 3)}`,
          },
          html("span", { class: "hidden" }, signed(value, 3)),
        ),
      ),
    ),
  );
  return html(
    "table",
    { class: noun === "landmark" ? "heat" : "heat by-name" },
    html("caption", {}, title),
    html("tbody", {}, ...rows),
    html("tfoot", {}, html("tr", {}, html("td", {}), ...heads)),
  );
}

function colourBar(colour, labels, caption) {
  const stops = Array.from({ length: 17 }, (_, i) => colour(i / 16)).join(", ");
  return html(
    "div",
    { class: "colour-bar" },
    html("span", { class: "muted" }, caption),
    html("div", { style: { background: `linear-gradient(to right, ${stops})` } }),
    html("div", { class: "ends" }, ...labels.map((label) => html("span", {}, label))),
  );
}

// Ticks of an axis: about `n` of them, at multiples of 1, 2 or 5.
function ticks(low, high, n) {
  const rough = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((multiple) => multiple * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

// Draw a chart again when its width changes, so that its texts keep their size.
function responsive(draw, description) {
  const holder = html("div", { class: "chart", role: "img", "aria-label": description });
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width && width !== drawn) holder.replaceChildren(draw((drawn = width)));
  }).observe(holder);
  return holder;
}

// The marker of each method, the same as in the displays; "style" is the number of its style.
const MARKERS = [
  "M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z", // circle: T-EMO, trained
  "M0,-4.8L4.8,0L0,4.8L-4.8,0z", // diamond: T-EMO, randomized
  "M-3.5,-3.5H3.5V3.5H-3.5z", // square: linear SVM
  "M0,-4.5L4.4,3.5H-4.4z", // triangle: RBF SVM
  "M-3.5,-3.5L3.5,3.5M-3.5,3.5L3.5,-3.5", // cross: random landmarks
  "M0,4.5L4.4,-3.5H-4.4z", // from here on, other methods
  "M-1.5,-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5z",
  "M-4.5,0L3.5,-4.4V4.4z",
  "M4.5,0L-3.5,-4.4V4.4z",
];
const N_METHODS = 5;
const styleOf = ({ style }) =>
  style < N_METHODS ? style : N_METHODS + ((style - N_METHODS) % (MARKERS.length - N_METHODS));

function marker(line, x, y, ...children) {
  const style = styleOf(line);
  const place = `translate(${x} ${y})`;
  const attributes = { class: `point line${style}`, d: MARKERS[style], transform: place };
  return svg("path", attributes, ...children);
}

// Line and marker of a legend.
const key = (line) =>
  svg(
    "svg",
    { class: "key", viewBox: "0 0 32 16", "aria-hidden": "true" },
    svg("line", { class: `curve line${styleOf(line)}`, x1: 0, x2: 32, y1: 8, y2: 8 }),
    marker(line, 16, 8),
  );

// Scores against k with one standard error: [{name, style, k, mean, standard_error}].
function lineChart(lines, width, { yLabel, mark }) {
  const points = lines.map(({ k, mean, standard_error: error }) =>
    k
      .map((x, i) => ({ x, y: mean[i], e: error?.[i] ?? 0 }))
      .filter(({ y }) => isNumber(y))
      .sort((a, b) => a.x - b.x),
  );
  const all = points.flat();
  const [left, right, top, bottom, height] = [60, 16, 12, 42, Math.min(320, 160 + width / 4)];
  const ks = [...new Set(all.map(({ x }) => x))].sort((a, b) => a - b);
  const range = (() => {
    const low = Math.min(...all.map(({ y, e }) => y - e));
    const high = Math.max(...all.map(({ y, e }) => y + e));
    const pad = 0.08 * (high - low) || 0.05;
    return { low: low - pad, high: high + pad };
  })();
  const span = Math.log(ks.at(-1) / ks[0]) || 1;
  const X = (k) => left + (width - left - right) * (Math.log(k / ks[0]) / span);
  const Y = (y) => top + (height - top - bottom) * (1 - (y - range.low) / (range.high - range.low));
  const chart = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    style: { "max-width": `${width}px` },
  });
  for (const y of ticks(range.low, range.high, 6)) {
    chart.append(
      svg("line", { class: "grid", x1: left, x2: width - right, y1: Y(y), y2: Y(y) }),
      svg("text", { x: left - 8, y: Y(y) + 4, "text-anchor": "end" }, fixed(y)),
    );
  }
  let free = -Infinity;
  for (const k of ks) {
    if (X(k) < free) continue;
    free = X(k) + 34;
    chart.append(
      svg("text", { x: X(k), y: height - bottom + 18, "text-anchor": "middle" }, `${k}`),
    );
  }
  chart.append(
    svg(
      "text",
      { class: "axis", x: (left + width) / 2, y: height - 4, "text-anchor": "middle" },
      `number of ${noun}s k`,
    ),
    svg(
      "text",
      {
        class: "axis",
        x: 4 - height / 2 + bottom / 2,
        y: 11,
        transform: "rotate(-90)",
        "text-anchor": "middle",
      },
      yLabel,
    ),
  );
  if (isNumber(mark)) {
    chart.append(
      svg("line", { class: "mark", x1: X(mark), x2: X(mark), y1: top, y2: height - bottom }),
    );
  }
  points.forEach((line, i) => {
    const path = (edge) => line.map((point) => `${X(point.x)},${Y(edge(point))}`);
    const band = [...path(({ y, e }) => y + e), ...path(({ y, e }) => y - e).reverse()];
    const style = styleOf(lines[i]);
    chart.append(
      svg("polygon", { class: `band line${style}`, points: band.join(" ") }),
      svg("polyline", { class: `curve line${style}`, points: path(({ y }) => y).join(" ") }),
    );
    for (const { x, y, e } of line) {
      const text = `${lines[i].name}, k = ${x}: ${fixed(y, 3)} \u00b1 ${fixed(e, 3)}`;
      chart.append(marker(lines[i], X(x), Y(y), svg("title", {}, text)));
    }
  });
  return chart;
}
