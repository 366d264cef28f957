// The sections on regions over time, single clips and the stability of the selection.
"use strict";

function timeline() {
  const { times, regions, shares } = report.timeline;
  const shown = classNames.filter((name) => shares[name]);
  const most = Math.max(...shown.map((name) => largest(shares[name].flat()))) || 1;
  const legend = colourBar(
    (t) => diverging(2 * t - 1),
    [`${signed(-most)} against`, "0", `${signed(most)} for`],
    "share of the logit",
  );
  const n = shown.length ? shares[shown[0]][0].length : 0;
  if (n === 1) {
    const values = regions.map((_, i) => shown.map((name) => shares[name][i][0]));
    return [
      legend,
      html("div", { class: "one-frame" }, heatMap("", regions, shown, values, most, shown.length)),
    ];
  }
  const frames = Array.from({ length: n }, (_, i) => (times ? `${fixed(times[i], 1)} s` : `${i}`));
  return [
    legend,
    html(
      "div",
      { class: "panels" },
      ...shown.map((name) => heatMap(name, regions, frames, shares[name], most, 5)),
    ),
    ...(times ? [] : [paragraph("The columns are frames.", "muted")]),
  ];
}

function clipCard(clip) {
  const facts = { true: clip.true, predicted: clip.predicted };
  if (isNumber(clip.probability)) facts.probability = fixed(clip.probability);
  if (clip.person !== null) facts.person = clip.person;
  const heading = [
    html("h4", { title: clip.name }, clip.name),
    html(
      "ul",
      { class: "facts" },
      ...Object.entries(facts).map(([name, value]) =>
        html("li", {}, html("span", { class: "muted" }, `${name} `), html("bdi", {}, `${value}`)),
      ),
    ),
  ];
  if (!clip.shares || !(clip.positions || clip.names)) return html("article", { class: "clip" }, ...heading);
  const total = clip.logit - clip.base_logit;
  const sums = paragraph(
    `Logit of ${clip.target}: ${signed(total)} compared with the baselines` +
      (clip.identity
        ? `; the movement gives ${signed(clip.movement)}, the positions in the ` +
          `reference frame ${signed(clip.identity)}. `
        : ". ") +
      `Completeness gap: ${percent(clip.completeness_gap, 1)}.`,
    "muted small",
  );
  if (clip.names) return html("article", { class: "clip" }, ...heading, namedShares(clip), sums);
  const most = largest(clip.shares) || 1;
  const { triangles = [], contours = {} } = report.relevance ?? {};
  const { picture, draw } = flatFace(
    clip.positions,
    { triangles, contours },
    `Landmarks of the clip ${clip.name}; those for ${clip.target} are orange, those against it are blue.`,
  );
  draw((i) =>
    clip.shares[i] === 0
      ? null
      : {
          colour: diverging(clip.shares[i] / most),
          size: Math.abs(clip.shares[i]) / most,
          faint: false,
        },
  );
  const regions = Object.entries(clip.by_region ?? {})
    .map(([label, frames]) => ({ label, value: sum(frames) }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, 6);
  return html(
    "article",
    { class: "clip" },
    ...heading,
    html(
      "div",
      { class: "explanation" },
      picture,
      html(
        "div",
        {},
        regions.length
          ? bars(regions, { most: largest(regions.map((r) => r.value)), isSigned: true })
          : null,
      ),
    ),
    sums,
  );
}

function clips() {
  const group = (title, items, none) => [
    html("h3", {}, title),
    items.length
      ? html("div", { class: "cards" }, ...items.map(clipCard))
      : paragraph(none, "missing"),
  ];
  return [
    ...group("Most surely right", report.clips.right, "No clip was predicted correctly."),
    ...group("Most surely wrong", report.clips.wrong, "No clip was predicted wrongly."),
  ];
}

function stability() {
  const { value, low, high, frequencies, n_selections: n } = report.stability;
  const range =
    isNumber(low) && isNumber(high) ? ` (${level} interval ${fixed(low)} to ${fixed(high)})` : "";
  const text = paragraph(
    `The stability of ${count(n, "selection")} is ${fixed(value)}${range}. ` +
      `1 means that all selections hold the same ${noun}s, and 0 that they agree no more than ` +
      "selections at random.",
  );
  const names = report.relevance?.names;
  if (names) return [text, namedFrequencies(names, frequencies)];
  const face = report.relevance && Object.values(report.relevance.positions)[0];
  if (!face) return [text];
  const { picture, draw } = flatFace(
    face,
    report.relevance,
    "Landmarks; the colour is their frequency in the selections.",
  );
  draw((i) => ({
    colour: frequencies[i] ? sequential(frequencies[i]) : "var(--faint)",
    size: 0.3 * frequencies[i],
    faint: !frequencies[i],
  }));
  const always = frequencies.filter((f) => f === 1).length;
  return [
    html(
      "div",
      { class: "beside" },
      html(
        "div",
        {},
        text,
        paragraph(
          `${count(always, "landmark")} of ${frequencies.length} ${always === 1 ? "is" : "are"} in all ` +
            "selections.",
        ),
        colourBar(sequential, ["0", "1"], "frequency in the selections"),
      ),
      picture,
    ),
  ];
}
