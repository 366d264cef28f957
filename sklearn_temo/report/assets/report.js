// The numbers of the report, and the page of all sections.
"use strict";

const report = JSON.parse(document.getElementById("report-data").textContent);
const classNames = report.confusion.classes.map(String);
const level = `${Number((100 * report.scores.level).toFixed(2))}\u202f%`;
const noun = report.data.noun ?? "landmark";
const paragraph = (text, name = "") => html("p", name ? { class: name } : {}, text);
const missing = (text) => [paragraph(text, "missing")];

function data() {
  const {
    n_clips: n,
    n_people: nPeople,
    n_frames: nFrames,
    n_landmarks: nLandmarks,
    classes,
    extraction,
  } = report.data;
  const frames = isNumber(nFrames)
    ? `, ${count(nFrames, "frame")} each, with ${count(nLandmarks, noun)}`
    : "";
  const people = nPeople === null ? "" : ` of ${count(nPeople, "person", "people")}`;
  const text = paragraph(`${count(n, "clip")}${people}${frames}.`);
  const hasPeople = classes.some(({ n_people: people }) => isNumber(people));
  const columns = ["class", "clips", ...(hasPeople ? ["people"] : [])];
  const numbers = table(
    columns,
    classes.map((c) => [`${c.name}`, c.n_clips, ...(hasPeople ? [c.n_people ?? "\u2013"] : [])]),
  );
  if (!extraction) {
    return [
      text,
      numbers,
      paragraph(
        `The data were rows of ${noun}s, so the extraction from ` +
          "videos or images is not described.",
        "missing",
      ),
    ];
  }
  const { frames_seen: seen, frames_with_face: found, skipped, doubtful } = extraction;
  const list = (title, clips) =>
    clips.length
      ? [
          html("h3", {}, `${title}: ${count(clips.length, "clip")}`),
          table(
            ["clip", "reason"],
            clips.map(({ clip, reason }) => [`${clip}`, reason]),
            { class: "reasons" },
          ),
        ]
      : [paragraph(`${title}: none.`)];
  return [
    text,
    numbers,
    html("h3", {}, "Extraction"),
    paragraph(
      `A face was found in ${found.toLocaleString("en")} of ${count(seen, "frame")} ` +
        `(${percent(seen ? found / seen : null, 1)}) of ${count(extraction.n_clips, "clip")}.`,
    ),
    ...list("Left out", skipped),
    ...list("Doubtful", doubtful),
  ];
}

function versions() {
  return [
    html(
      "dl",
      { class: "versions" },
      ...Object.entries(report.versions).flatMap(([name, version]) => [
        html("dt", {}, name),
        html("dd", {}, version),
      ]),
    ),
    html("h3", {}, "SHA-256 of the data"),
    html("code", { class: "hash" }, report.data_sha256),
    html("h3", {}, "Estimator"),
    html("pre", { tabindex: "0" }, report.estimator),
  ];
}

const areApart = report.checks.some((c) => c.name === "shared_people" && c.verdict === "passed");
const apart = areApart ? "people" : "clips";
const noNetwork =
  "The estimator has no landmark selector or network that can be explained, so " +
  "this section is empty.";
// Title, the sentence that says how to read the section, whether there is data, content, and what
// to say without data.
const sections = [
  [
    "summary",
    "Summary",
    `Scores on ${apart} that were not in the training data, with ` +
      `${level} confidence intervals, next to simple comparisons.`,
    true,
    summary,
  ],
  [
    "landmarks",
    noun === "landmark" ? "Landmarks" : "Blendshapes",
    `The relevance of a ${noun} is its effect on the logit of a class, on average over all clips. ` +
      (report.relevance?.names
        ? `The ${noun}s that the selector keeps are listed, the most relevant first.`
        : "The k landmarks of the best rank are large and coloured."),
    report.relevance,
    () => landmarkSection(report.relevance, classNames),
    noNetwork,
  ],
  [
    "timeline",
    "Timeline",
    `Each cell shows how much a ${noun === "landmark" ? "region" : noun} raised (orange) or lowered (blue) the ` +
      "logit of a class in a frame, on average over the clips of the class.",
    report.timeline,
    timeline,
    report.relevance && !report.relevance.triangles.length
      ? "The landmarks are not a full face mesh, so they have no regions."
      : noNetwork,
  ],
  [
    "curve",
    "Score against k",
    `The mean score with the k best ${noun}s. The band is one standard error.`,
    report.score_against_k,
    curve,
    "No scores for different numbers of landmarks were computed.",
  ],
  [
    "confusion",
    "Confusion",
    "Each row holds the clips of one class, with their number and their " +
      "share of the row. Right predictions are on the diagonal.",
    true,
    confusion,
  ],
  [
    "clips",
    "Single clips",
    (noun === "landmark" ? "Orange landmarks and regions" : `Orange ${noun}s`) +
      " raised the logit of the predicted class, blue ones " +
      "lowered it. All shares of a clip add up to the difference between its logit and that of the baselines.",
    report.clips,
    clips,
    noNetwork,
  ],
  [
    "people",
    "People",
    "The accuracy of each person, from the lowest to the highest.",
    report.people?.length,
    people,
    "The people in the clips are not known.",
  ],
  [
    "stability",
    "Stability",
    `How similar the ${noun}s are that were selected in different folds.`,
    report.stability,
    stability,
    "There are no selections of several folds to compare.",
  ],
  [
    "checks",
    "Checks",
    "What was checked before these scores were reported.",
    report.checks.length,
    checks,
    "No checks were run.",
  ],
  ["data", "Data", "What the scores were computed on.", true, data],
  ["versions", "Versions", "What is needed to repeat the evaluation.", true, versions],
];

document.title = report.title;
const created = new Date(report.created);
document.body.append(
  html("a", { class: "skip", href: "#summary" }, "Skip to the summary"),
  html(
    "header",
    {},
    html("h1", { dir: "auto" }, report.title),
    paragraph(
      [
        count(report.data.n_clips, "clip"),
        ...(report.data.n_people === null ? [] : [count(report.data.n_people, "person", "people")]),
        count(report.data.classes.length, "class", "classes"),
        isNaN(created)
          ? report.created
          : created.toLocaleDateString("en-GB", { dateStyle: "long" }),
      ].join(" \u00b7 "),
      "muted",
    ),
  ),
  html(
    "nav",
    { "aria-label": "Sections" },
    html(
      "ul",
      {},
      ...sections.map(([id, title]) => html("li", {}, html("a", { href: `#${id}` }, title))),
    ),
  ),
);
const main = html("main");
document.body.append(main, html("footer", { class: "muted" }, "Made by sklearn_temo."));
// After the elements are in the page, since the face resolves colours of the style sheet.
for (const [id, title, how, hasData, content, otherwise] of sections) {
  const section = html(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    html("h2", { id: `${id}-title` }, title),
  );
  main.append(section);
  section.append(...(hasData ? [paragraph(how, "how"), ...content()] : missing(otherwise)));
}
