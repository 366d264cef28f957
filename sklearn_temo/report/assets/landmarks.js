// The section with the face that turns: a class and a number of landmarks are chosen.
"use strict";

function landmarkSection(relevance, classes) {
  if (relevance.names) return namedRelevance(relevance, classes);
  const { scores, ranking, regions, positions } = relevance;
  const n = ranking.length;
  const shown = ["all", ...classes].filter((name) => scores[name]);
  const mean = Object.fromEntries(shown.map((name) => [name, sum(scores[name]) / n || 1]));
  // As in LandmarkRelevanceDisplay: 1 is an average landmark, all faces share one scale, and the
  // colour follows the square root of the relevance.
  const relative = (name) => scores[name].map((score) => score / mean[name]);
  const most = Math.max(1, ...shown.map((name) => Math.max(...relative(name))));
  const level = (value) => Math.sqrt(clamp(value / most, 0, 1));
  const state = { name: shown[0], k: relevance.k };
  const title = (name) => (name === "all" ? "all classes" : name);

  const stage = html("div", { class: "stage" });
  const viewer = html("div", { class: "viewer", tabindex: "0" });
  const tip = html("div", { class: "tip", hidden: "" });
  stage.append(viewer, tip);
  const turning = turningFace(viewer, relevance, n);
  const flatHolder = html("div", { class: turning ? "print-only" : "" });
  stage.append(flatHolder);

  const switches = html(
    "fieldset",
    { class: "switch" },
    html("legend", {}, "Class"),
    ...shown.map((name, i) => {
      const input = html("input", { type: "radio", name: "class", value: `${i}` });
      input.checked = i === 0;
      input.addEventListener("change", () => update({ name }));
      return html("label", { title: title(name) }, input, html("span", {}, title(name)));
    }),
  );
  const slider = html("input", { type: "range", id: "k", min: "1", max: `${n}`, step: "1" });
  slider.value = state.k;
  slider.addEventListener("input", () => update({ k: Number(slider.value) }));
  const output = html("output", { for: "k" });
  const regionBars = html("div");
  const best = html("div");
  const hint = turning
    ? "Drag the picture or use the arrow keys to turn it; Home shows it from the front."
    : "This browser has no WebGL for three dimensions, so the landmarks are shown from the front.";

  const style = (i) => ({
    colour: ranking[i] <= state.k ? sequential(level(current[i])) : "var(--faint)",
    size: clamp(current[i] / most, 0, 1),
    faint: ranking[i] > state.k,
  });
  let current = relative(state.name);
  const describe = (i) => [
    `landmark ${i}`,
    ...(regions ? [regions[i]] : []),
    `rank ${ranking[i]}`,
    `relevance ${fixed(current[i])}`,
  ];

  function update(change) {
    Object.assign(state, change);
    current = relative(state.name);
    const kept = ranking.filter((rank) => rank <= state.k).length;
    output.textContent = `${kept} of ${count(n, "landmark")}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    const description =
      `Relevance of the landmarks for ${title(state.name)}; ` +
      `${kept} of ${n} landmarks are coloured.`;
    viewer.setAttribute("aria-label", `${description} ${turning ? hint : ""}`);
    const face = positions[state.name] ?? Object.values(positions)[0];
    turning?.draw(face, style);
    const flat = flatFace(face, relevance, description);
    flat.draw(style);
    flatHolder.replaceChildren(flat.picture);
    if (regions) {
      const totals = Object.fromEntries(regions.map((region) => [region, 0]));
      current.forEach((value, i) => {
        if (ranking[i] <= state.k) totals[regions[i]] += value;
      });
      const all = sum(Object.values(totals)) || 1;
      const items = Object.entries(totals)
        .map(([label, value]) => ({ label, value: (100 * value) / all }))
        .sort((a, b) => b.value - a.value);
      regionBars.replaceChildren(
        html("h3", {}, "Share of the relevance by region, in %"),
        bars(items, { most: items[0].value, digits: 0 }),
      );
    }
    const order = ranking
      .map((_, i) => i)
      .filter((i) => ranking[i] <= state.k)
      .sort((a, b) => current[b] - current[a])
      .slice(0, 20);
    best.replaceChildren(
      table(
        ["landmark", ...(regions ? ["region"] : []), "rank", "relevance"],
        order.map((i) => [
          `${i}`,
          ...(regions ? [regions[i]] : []),
          ranking[i],
          html("span", { class: "number" }, fixed(current[i])),
        ]),
      ),
    );
  }
  // Places of the landmarks on the page, relative to the stage.
  function places() {
    if (turning) return turning.project();
    const { left, top } = stage.getBoundingClientRect();
    return [...flatHolder.querySelectorAll("circle")].reduce((all, circle) => {
      const box = circle.getBoundingClientRect();
      all[circle.dataset.landmark] = [
        box.left + box.width / 2 - left,
        box.top + box.height / 2 - top,
      ];
      return all;
    }, []);
  }
  stage.addEventListener("pointermove", (event) => {
    const { left, top, width } = stage.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    let [near, distance] = [null, 14];
    places().forEach((place, i) => {
      const d = place ? Math.hypot(place[0] - x, place[1] - y) : Infinity;
      if (d < distance) [near, distance] = [i, d];
    });
    tip.hidden = near === null || event.buttons > 0;
    if (tip.hidden) return;
    tip.replaceChildren(...describe(near).map((line) => html("div", {}, line)));
    tip.style.left = `${clamp(x + 14, 0, width - 150)}px`;
    tip.style.top = `${y + 14}px`;
  });
  stage.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  viewer.addEventListener("keydown", (event) => {
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const turn = turns[event.key];
    if (!turning || !(turn || event.key === "Home")) return;
    event.preventDefault();
    if (turn) turning.turn(0.15 * turn[0], 0.15 * turn[1]);
    else turning.front();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => update({}));
  if (!turning) {
    viewer.removeAttribute("tabindex");
    viewer.hidden = true;
  }
  update({});
  return [
    html(
      "div",
      { class: "landmarks" },
      html("figure", {}, stage, html("figcaption", { class: "muted" }, hint)),
      html(
        "div",
        { class: "controls" },
        switches,
        html(
          "div",
          { class: "slider" },
          html("label", { for: "k" }, "Landmarks k "),
          output,
          slider,
          html("p", { class: "muted" }, `The selector kept ${relevance.k}.`),
        ),
        colourBar(
          sequential,
          ["0", `${fixed(most / 4, 1)}`, `${fixed(most, 1)}`],
          "relevance (1 = average landmark)",
        ),
        regionBars,
      ),
    ),
    html("details", {}, html("summary", {}, "The 20 most relevant of these landmarks"), best),
  ];
}
