// Landmarks with names, such as blendshapes: bars take the place of the face.
"use strict";

const nBars = 10;

// The largest values, in absolute terms, with their names: [{label, value}].
function largestByName(names, values, n) {
  return names
    .map((label, i) => ({ label, value: values[i] }))
    .filter(({ value }) => value)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, n);
}

function namedRelevance({ names, scores, ranking, k }, classes) {
  const shown = ["all", ...classes].filter((name) => scores[name]);
  const relative = Object.fromEntries(
    shown.map((name) => {
      const mean = sum(scores[name]) / names.length || 1;
      return [name, scores[name].map((score, i) => (ranking[i] <= k ? score / mean : 0))];
    }),
  );
  const most = Math.max(1e-9, ...shown.map((name) => largest(relative[name])));
  return [
    paragraph(
      `The selector kept ${k} of ${count(names.length, noun)}. A bar is the relevance; ` +
        `1 is an average ${noun}.`,
    ),
    html(
      "div",
      { class: "named panels" },
      ...shown.map((name) => {
        const items = largestByName(names, relative[name], nBars);
        const title = name === "all" ? "all classes" : name;
        const best = items.slice(0, 3).map(({ label }) => label);
        return html(
          "div",
          {},
          html("h3", {}, title),
          paragraph(`${title}: ${best.join(", ")}`, "muted small"),
          bars(items, { most, digits: 1 }),
        );
      }),
    ),
  ];
}

function namedShares({ names, shares }) {
  const items = largestByName(names, shares, nBars);
  const most = largest(items.map(({ value }) => value));
  return html("div", { class: "named" }, bars(items, { most, isSigned: true }));
}

function namedFrequencies(names, frequencies) {
  const items = largestByName(names, frequencies, 2 * nBars);
  return html("div", { class: "named" }, html("h3", {}, "Frequency in the selections"), bars(items, { most: 1 }));
}
