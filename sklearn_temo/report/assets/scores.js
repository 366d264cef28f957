// The sections on scores, people and checks.
"use strict";

const marks = { passed: "\u2713", warning: "!", "not run": "\u2013", ignored: "\u2013" };
const verdict = (name) =>
  html(
    "span",
    { class: `verdict ${name.replace(" ", "-")}` },
    html("span", { "aria-hidden": "true" }, marks[name] ?? "!"),
    name,
  );

function summary() {
  const { scores, checks, data } = report;
  const own = scores.rows[0]?.balanced_accuracy;
  const others = scores.rows.slice(1).filter((row) => isNumber(row.balanced_accuracy.value));
  const tile = (value, label, more) =>
    html(
      "div",
      { class: "tile" },
      html("div", { class: "value" }, value),
      html("div", {}, label),
      html("div", { class: "muted" }, more),
    );
  const tiles = [];
  if (own) {
    tiles.push(
      tile(
        fixed(own.value),
        "balanced accuracy",
        isNumber(own.low)
          ? `${level} interval ${fixed(own.low)} to ${fixed(own.high)}`
          : "no interval",
      ),
    );
  }
  if (others.length) {
    const best = others.reduce((a, b) =>
      b.balanced_accuracy.value > a.balanced_accuracy.value ? b : a,
    );
    tiles.push(tile(fixed(best.balanced_accuracy.value), `best comparison`, best.model));
  }
  if (report.relevance) {
    const { k, ranking } = report.relevance;
    tiles.push(tile(`${k}`, `${noun}s kept`, `of ${ranking.length}`));
  }
  const run = checks.filter((check) => ["passed", "warning"].includes(check.verdict));
  const passed = run.filter((check) => check.verdict === "passed").length;
  const warned = run.length - passed;
  if (run.length) {
    tiles.push(
      tile(
        `${passed} of ${run.length}`,
        "checks passed",
        warned ? `${count(warned, "warning")}: see below` : "no warnings",
      ),
    );
  }
  return [
    html("div", { class: "tiles" }, ...tiles),
    table(
      ["model", "balanced accuracy", "accuracy"],
      scores.rows.map((row) => [
        row.model,
        interval(row.balanced_accuracy),
        interval(row.accuracy),
      ]),
      { class: "scores" },
    ),
    ...checks
      .filter((check) => check.verdict === "warning")
      .map((check) =>
        html(
          "p",
          { class: "note" },
          verdict("warning"),
          " ",
          html("strong", {}, check.name.replaceAll("_", " ")),
          ": ",
          check.message,
        ),
      ),
    ...(data.n_people === null
      ? [
          paragraph(
            "The people in the clips are not known, so the same " +
              "person may be in training and test data.",
            "note",
          ),
        ]
      : []),
  ];
}

function curve() {
  const { metric, lines, smallest_k: mark, note } = report.score_against_k;
  const name = metric.replaceAll("_", " ");
  const draw = (width) => lineChart(lines, width, { yLabel: name, mark });
  const numbers = lines.flatMap((line) =>
    line.k.map((k, i) => [
      line.name,
      k,
      html("span", { class: "number" }, fixed(line.mean[i], 3)),
      html("span", { class: "number" }, fixed(line.standard_error?.[i], 3)),
    ]),
  );
  return [
    html(
      "ul",
      { class: "legend" },
      ...lines.map((line) => html("li", {}, key(line), line.name)),
    ),
    responsive(
      draw,
      `Line chart of the ${name} against the number of ${noun}s; the numbers are in the table below.`,
    ),
    ...(isNumber(mark)
      ? [
          paragraph(
            `The dashed line is at k = ${mark}, the fewest ${noun}s ` +
              "within one standard error of the best score.",
          ),
        ]
      : []),
    ...(note ? [paragraph(note, "muted")] : []),
    html(
      "details",
      {},
      html("summary", {}, "Numbers"),
      table(["line", "k", name, "standard error"], numbers),
    ),
  ];
}

function confusion() {
  const { counts } = report.confusion;
  const rows = counts.map((row, i) =>
    html(
      "tr",
      {},
      html("th", { scope: "row", title: classNames[i] }, classNames[i]),
      ...row.map((value, j) => {
        const share = value / (sum(row) || 1);
        const style = {
          background: `color-mix(in srgb, var(--accent) ${Math.round(50 * share)}%, var(--page))`,
        };
        return html(
          "td",
          { style, class: i === j ? "right" : "" },
          html("div", {}, `${value}`),
          html("div", { class: "share" }, percent(share)),
        );
      }),
    ),
  );
  return [
    html(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "confusion matrix" },
      html(
        "table",
        { class: "confusion" },
        html("caption", {}, "Rows: true class. Columns: predicted class."),
        html(
          "thead",
          {},
          html(
            "tr",
            {},
            html("td", {}),
            ...classNames.map((name) => html("th", { scope: "col", title: name }, name)),
          ),
        ),
        html("tbody", {}, ...rows),
      ),
    ),
  ];
}

function people() {
  const sorted = [...report.people].sort((a, b) => a.accuracy - b.accuracy);
  const n = sorted.length;
  const strip = html(
    "div",
    {
      class: "people",
      role: "img",
      style: { "max-width": `${2.5 * n}rem` },
      "aria-label": `Accuracy of ${n} people from the lowest to the highest; the numbers are in the table below.`,
    },
    ...sorted.map((person) =>
      html(
        "span",
        {
          title: `${person.name}: ${percent(person.accuracy)} of ${count(person.n_clips, "clip")}`,
        },
        html("span", { style: { height: percentOf(person.accuracy) } }),
      ),
    ),
  );
  const low = sorted[0];
  return [
    paragraph(
      `The median over ${n} people is ${percent(
        quantile(
          sorted.map((p) => p.accuracy),
          0.5,
        ),
      )}. ` +
        `The lowest is ${percent(low.accuracy)}, of person ${low.name} with ${count(low.n_clips, "clip")}.`,
    ),
    html(
      "figure",
      { class: "people-chart" },
      html(
        "div",
        { class: "people-axis", "aria-hidden": "true" },
        html("span", {}, "100\u202f%"),
        html("span", {}, "50"),
        html("span", {}, "0"),
      ),
      strip,
    ),
    html(
      "details",
      {},
      html("summary", {}, "Accuracy of each person"),
      table(
        ["person", "clips", "accuracy"],
        sorted.map((person) => [
          `${person.name}`,
          person.n_clips,
          html("span", { class: "number" }, percent(person.accuracy)),
        ]),
      ),
    ),
  ];
}

function checks() {
  return [
    html(
      "ul",
      { class: "checks" },
      ...report.checks.map((check) =>
        html(
          "li",
          {},
          html("div", {}, verdict(check.verdict)),
          html(
            "div",
            {},
            html("h3", {}, check.name.replaceAll("_", " ")),
            paragraph(check.message),
            html(
              "dl",
              {},
              ...Object.entries(check.numbers ?? {}).flatMap(([name, value]) => [
                html("dt", {}, name.replaceAll("_", " ")),
                html(
                  "dd",
                  {},
                  isNumber(value) && !Number.isInteger(value)
                    ? fixed(value, 3)
                    : `${value ?? "\u2013"}`,
                ),
              ]),
            ),
          ),
        ),
      ),
    ),
  ];
}
