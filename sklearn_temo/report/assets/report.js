// The sections of the report, from the numbers in the page.
"use strict";

const report = JSON.parse(document.getElementById("report-data").textContent);
const classNames = report.confusion.classes.map(String);
const level = `${Math.round(100 * report.scores.level)}\u202f%`;
const paragraph = (text, name = "") => html("p", name ? { class: name } : {}, text);
const missing = (text) => [paragraph(text, "missing")];

const marks = { passed: "\u2713", warning: "!", "not run": "\u2013", ignored: "\u2013" };
const verdict = (name) => html("span", { class: `verdict ${name.replace(" ", "-")}` },
  html("span", { "aria-hidden": "true" }, marks[name] ?? "!"), name);

function summary() {
  const { scores, checks, data } = report;
  const own = scores.rows[0]?.balanced_accuracy;
  const others = scores.rows.slice(1).filter((row) => isNumber(row.balanced_accuracy.value));
  const tile = (value, label, more) => html("div", { class: "tile" },
    html("div", { class: "value" }, value), html("div", {}, label), html("div", { class: "muted" }, more));
  const tiles = [];
  if (own) {
    tiles.push(tile(fixed(own.value), "balanced accuracy",
      isNumber(own.low) ? `${level} interval ${fixed(own.low)} to ${fixed(own.high)}` : "no interval"));
  }
  if (others.length) {
    const best = others.reduce((a, b) => (b.balanced_accuracy.value > a.balanced_accuracy.value ? b : a));
    tiles.push(tile(fixed(best.balanced_accuracy.value), `best comparison`, best.model));
  }
  if (report.relevance) {
    const { k, ranking } = report.relevance;
    tiles.push(tile(`${k}`, "landmarks kept", `of ${ranking.length}`));
  }
  const run = checks.filter((check) => ["passed", "warning"].includes(check.verdict));
  const passed = run.filter((check) => check.verdict === "passed").length;
  const warned = run.length - passed;
  tiles.push(tile(`${passed} of ${run.length}`, "checks passed",
    warned ? `${count(warned, "warning")}: see below` : "no warnings"));
  return [
    html("div", { class: "tiles" }, ...tiles),
    table(["model", "balanced accuracy", "accuracy"], scores.rows.map((row) =>
      [row.model, interval(row.balanced_accuracy), interval(row.accuracy)]), { class: "scores" }),
    ...checks.filter((check) => check.verdict === "warning").map((check) =>
      html("p", { class: "note" }, verdict("warning"), " ", html("strong", {}, check.name), ": ",
        check.message)),
    ...(data.n_people === null ? [paragraph("The people in the clips are not known, so the same " +
      "person may be in training and test data.", "note")] : []),
  ];
}

// Regions from the forehead down, where the positions of their landmarks are known.
function downwards(regions) {
  const { positions, regions: ofLandmark } = report.relevance ?? {};
  if (!ofLandmark) return regions.map((_, i) => i);
  const face = Object.values(positions)[0];
  const heights = regions.map((region) => {
    const ys = face.map(([, y]) => y).filter((_, i) => ofLandmark[i] === region);
    return sum(ys) / ys.length;
  });
  return regions.map((_, i) => i).sort((a, b) => heights[b] - heights[a]);
}

function timeline() {
  const { times, shares: unordered } = report.timeline;
  const order = downwards(report.timeline.regions);
  const regions = order.map((i) => report.timeline.regions[i]);
  const shares = Object.fromEntries(Object.entries(unordered).map(([name, rows]) =>
    [name, order.map((i) => rows[i])]));
  const shown = classNames.filter((name) => shares[name]);
  const most = Math.max(...shown.map((name) => largest(shares[name].flat()))) || 1;
  const legend = colourBar((t) => diverging(2 * t - 1),
    [`${signed(-most)} against`, "0", `${signed(most)} for`], "share of the logit");
  const n = shown.length ? shares[shown[0]][0].length : 0;
  if (n === 1) {
    const values = regions.map((_, i) => shown.map((name) => shares[name][i][0]));
    return [legend, html("div", { class: "one-frame" },
      heatMap("", regions, shown, values, most, shown.length))];
  }
  const frames = Array.from({ length: n }, (_, i) => (times ? `${fixed(times[i], 1)} s` : `${i}`));
  return [legend, html("div", { class: "panels" },
    ...shown.map((name) => heatMap(name, regions, frames, shares[name], most, 5))),
  ...(times ? [] : [paragraph("The columns are frames.", "muted")])];
}

function curve() {
  const { metric, lines, smallest_k: mark, note } = report.score_against_k;
  const name = metric.replaceAll("_", " ");
  const draw = (width) => lineChart(lines, width, { yLabel: name, mark });
  const numbers = lines.flatMap((line) => line.k.map((k, i) => [line.name, k,
    html("span", { class: "number" }, fixed(line.mean[i], 3)),
    html("span", { class: "number" }, fixed(line.standard_error?.[i], 3))]));
  return [
    html("ul", { class: "legend" }, ...lines.map((line, i) =>
      html("li", {}, html("span", { class: `key line${i % 4}`, "aria-hidden": "true" }), line.name))),
    responsive(draw, `Line chart of the ${name} against the number of landmarks; the numbers are in the table below.`),
    ...(isNumber(mark) ? [paragraph(`The dashed line is at k = ${mark}, the fewest landmarks ` +
      "within one standard error of the best score.")] : []),
    ...(note ? [paragraph(note, "muted")] : []),
    html("details", {}, html("summary", {}, "Numbers"),
      table(["line", "k", name, "standard error"], numbers)),
  ];
}

function confusion() {
  const { counts } = report.confusion;
  const rows = counts.map((row, i) => html("tr", {}, html("th", { scope: "row" }, classNames[i]),
    ...row.map((value, j) => {
      const share = value / (sum(row) || 1);
      const style = { background: `color-mix(in srgb, var(--accent) ${Math.round(50 * share)}%, var(--page))` };
      return html("td", { style, class: i === j ? "right" : "" }, html("div", {}, `${value}`),
        html("div", { class: "share" }, percent(share)));
    })));
  return [html("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "confusion matrix" },
    html("table", { class: "confusion" },
      html("caption", {}, "Rows: true class. Columns: predicted class."),
      html("thead", {}, html("tr", {}, html("td", {}), ...classNames.map((name) =>
        html("th", { scope: "col" }, name)))),
      html("tbody", {}, ...rows)))];
}

function clipCard(clip) {
  const facts = { true: clip.true, predicted: clip.predicted };
  if (isNumber(clip.probability)) facts.probability = fixed(clip.probability);
  if (clip.person !== null) facts.person = clip.person;
  const heading = [
    html("h4", { title: clip.name }, clip.name),
    html("ul", { class: "facts" }, ...Object.entries(facts).map(([name, value]) =>
      html("li", {}, html("span", { class: "muted" }, `${name} `), html("bdi", {}, `${value}`)))),
  ];
  if (!clip.shares || !clip.positions) return html("article", { class: "clip" }, ...heading);
  const most = largest(clip.shares) || 1;
  const { triangles = [], contours = {} } = report.relevance ?? {};
  const { picture, draw } = flatFace(clip.positions, { triangles, contours },
    `Face of the clip ${clip.name}; landmarks for ${clip.target} are orange, those against it are blue.`);
  draw((i) => (clip.shares[i] === 0 ? null : {
    colour: diverging(clip.shares[i] / most), size: Math.abs(clip.shares[i]) / most, faint: false,
  }));
  const regions = Object.entries(clip.by_region ?? {}).map(([label, frames]) => ({ label, value: sum(frames) }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 6);
  const total = clip.logit - clip.base_logit;
  return html("article", { class: "clip" }, ...heading, html("div", { class: "explanation" }, picture,
    html("div", {}, regions.length ? bars(regions, { most: largest(regions.map((r) => r.value)), isSigned: true }) : null)),
  paragraph(`Logit of ${clip.target}: ${signed(total)} compared with the baselines; the movement ` +
    `gives ${signed(clip.movement)}, the shape of the face ${signed(clip.identity)}. ` +
    `Completeness gap: ${percent(clip.completeness_gap, 1)}.`, "muted small"));
}

function clips() {
  const group = (title, items, none) => [html("h3", {}, title),
    items.length ? html("div", { class: "cards" }, ...items.map(clipCard)) : paragraph(none, "missing")];
  return [...group("Most surely right", report.clips.right, "No clip was predicted correctly."),
    ...group("Most surely wrong", report.clips.wrong, "No clip was predicted wrongly.")];
}

function people() {
  const sorted = [...report.people].sort((a, b) => a.accuracy - b.accuracy);
  const n = sorted.length;
  const strip = html("div", { class: "people", role: "img",
    style: { "max-width": `${2.5 * n}rem` },
    "aria-label": `Accuracy of ${n} people from the lowest to the highest; the numbers are in the table below.` },
  ...sorted.map((person) => html("span", { title: `${person.name}: ${percent(person.accuracy)} of ${count(person.n_clips, "clip")}` },
    html("span", { style: { height: percentOf(person.accuracy) } }))));
  const low = sorted[0];
  return [
    paragraph(`The median over ${n} people is ${percent(quantile(sorted.map((p) => p.accuracy), 0.5))}. ` +
      `The lowest is ${percent(low.accuracy)}, of person ${low.name} with ${count(low.n_clips, "clip")}.`),
    html("figure", { class: "people-chart" }, html("div", { class: "people-axis", "aria-hidden": "true" },
      html("span", {}, "100\u202f%"), html("span", {}, "50"), html("span", {}, "0")), strip),
    html("details", {}, html("summary", {}, "Accuracy of each person"),
      table(["person", "clips", "accuracy"], sorted.map((person) =>
        [`${person.name}`, person.n_clips, html("span", { class: "number" }, percent(person.accuracy))]))),
  ];
}

function stability() {
  const { value, low, high, frequencies, n_selections: n } = report.stability;
  const range = isNumber(low) && isNumber(high) ? ` (${level} interval ${fixed(low)} to ${fixed(high)})` : "";
  const text = paragraph(`The stability of ${count(n, "selection")} is ${fixed(value)}${range}. ` +
    "1 means that all selections hold the same landmarks, and 0 that they agree no more than " +
    "selections at random.");
  const face = report.relevance && Object.values(report.relevance.positions)[0];
  if (!face) return [text];
  const { picture, draw } = flatFace(face, report.relevance,
    "Face; the colour of a landmark is the share of the selections that hold it.");
  draw((i) => ({ colour: frequencies[i] ? sequential(frequencies[i]) : "var(--faint)", size: 0.3 * frequencies[i], faint: !frequencies[i] }));
  const always = frequencies.filter((f) => f === 1).length;
  return [html("div", { class: "beside" }, html("div", {}, text,
    paragraph(`${count(always, "landmark")} of ${frequencies.length} ${always === 1 ? "is" : "are"} in all ` +
      "selections."),
    colourBar(sequential, ["0", "1"], "share of the selections that hold a landmark")), picture)];
}

function checks() {
  return [html("ul", { class: "checks" }, ...report.checks.map((check) => html("li", {},
    html("div", {}, verdict(check.verdict)),
    html("div", {}, html("h3", {}, check.name), paragraph(check.message),
      html("dl", {}, ...Object.entries(check.numbers ?? {}).flatMap(([name, value]) =>
        [html("dt", {}, name.replaceAll("_", " ")), html("dd", {}, isNumber(value) && !Number.isInteger(value) ? fixed(value, 3) : `${value ?? "\u2013"}`)]))))))];
}

function data() {
  const { n_clips: n, n_people: nPeople, n_frames: nFrames, n_landmarks: nLandmarks, classes, extraction } = report.data;
  const text = paragraph(`${count(n, "clip")}${nPeople === null ? "" : ` of ${count(nPeople, "person", "people")}`}, ` +
    `${count(nFrames, "frame")} each, with ${count(nLandmarks, "landmark")}.`);
  const hasPeople = classes.some(({ n_people: people }) => isNumber(people));
  const columns = ["class", "clips", ...(hasPeople ? ["people"] : [])];
  const numbers = table(columns, classes.map((c) => [`${c.name}`, c.n_clips, ...(hasPeople ? [c.n_people ?? "\u2013"] : [])]));
  if (!extraction) {
    return [text, numbers, paragraph("The data were rows of landmarks, so the extraction from " +
      "videos or images is not described.", "missing")];
  }
  const { frames_seen: seen, frames_with_face: found, skipped, doubtful } = extraction;
  const list = (title, clips) => (clips.length ? [html("h3", {}, `${title}: ${count(clips.length, "clip")}`),
    table(["clip", "reason"], clips.map(({ clip, reason }) => [`${clip}`, reason]), { class: "reasons" })] :
    [paragraph(`${title}: none.`)]);
  return [text, numbers, html("h3", {}, "Extraction"),
    paragraph(`A face was found in ${found.toLocaleString("en")} of ${count(seen, "frame")} ` +
      `(${percent(seen ? found / seen : null, 1)}) of ${count(extraction.n_clips, "clip")}.`),
    ...list("Left out", skipped), ...list("Doubtful", doubtful)];
}

function versions() {
  return [
    html("dl", { class: "versions" }, ...Object.entries(report.versions).flatMap(([name, version]) =>
      [html("dt", {}, name), html("dd", {}, version)])),
    html("h3", {}, "SHA-256 of the data"), html("code", { class: "hash" }, report.data_sha256),
    html("h3", {}, "Estimator"), html("pre", { tabindex: "0" }, report.estimator),
  ];
}

const apart = report.data.n_people === null ? "clips" : "people";
const noNetwork = "The estimator has no landmark selector or network that can be explained, so " +
  "this section is empty.";
// Title, the sentence that says how to read the section, whether there is data, content, and what
// to say without data.
const sections = [
  ["summary", "Summary", `Scores on ${apart} that were not in the training data, with ` +
    `${level} confidence intervals, next to simple comparisons.`, true, summary],
  ["landmarks", "Landmarks", "The relevance of a landmark is its effect on the logit of a class, on " +
    "average over all clips. The k landmarks of the best rank are large and coloured.",
  report.relevance, () => landmarkSection(report, classNames), noNetwork],
  ["timeline", "Timeline", "Each cell shows how much a region raised (orange) or lowered (blue) the logit of a class in a " +
    "frame, on average over the clips of the class.", report.timeline, timeline,
  report.relevance && !report.relevance.triangles.length ?
    "The landmarks are not a full face mesh, so they have no regions." : noNetwork],
  ["curve", "Score against k", "The mean score with the k best landmarks. The band is one standard error.",
    report.score_against_k, curve, "No scores for different numbers of landmarks were computed."],
  ["confusion", "Confusion", "Each row holds the clips of one class, with their number and their " +
    "share of the row. Right predictions are on the diagonal.", true, confusion],
  ["clips", "Single clips", "Orange landmarks and regions raised the logit of the predicted class, blue ones " +
    "lowered it. All shares of a clip add up to the difference between its logit and that of the baselines.",
  report.clips, clips, noNetwork],
  ["people", "People", "The accuracy of each person, from the lowest to the highest.",
    report.people?.length, people, "The people in the clips are not known."],
  ["stability", "Stability", "How similar the landmarks are that were selected in different folds.",
    report.stability, stability, "There are no selections of several folds to compare."],
  ["checks", "Checks", "What was checked before these scores were reported.",
    report.checks.length, checks, "No checks were run."],
  ["data", "Data", "What the scores were computed on.", true, data],
  ["versions", "Versions", "What is needed to repeat the evaluation.", true, versions],
];

document.title = report.title;
const created = new Date(report.created);
document.body.append(
  html("a", { class: "skip", href: "#summary" }, "Skip to the summary"),
  html("header", {}, html("h1", { dir: "auto" }, report.title), paragraph([
    count(report.data.n_clips, "clip"),
    ...(report.data.n_people === null ? [] : [count(report.data.n_people, "person", "people")]),
    count(report.data.classes.length, "class", "classes"),
    isNaN(created) ? report.created : created.toLocaleDateString("en-GB", { dateStyle: "long" }),
  ].join(" \u00b7 "), "muted")),
  html("nav", { "aria-label": "Sections" }, html("ul", {}, ...sections.map(([id, title]) =>
    html("li", {}, html("a", { href: `#${id}` }, title))))),
);
const main = html("main");
document.body.append(main, html("footer", { class: "muted" }, "Made by sklearn_temo."));
// After the elements are in the page, since the face resolves colours of the style sheet.
for (const [id, title, how, hasData, content, otherwise] of sections) {
  const section = html("section", { id, "aria-labelledby": `${id}-title` },
    html("h2", { id: `${id}-title` }, title));
  main.append(section);
  section.append(...(hasData ? [paragraph(how, "how"), ...content()] : missing(otherwise)));
}
