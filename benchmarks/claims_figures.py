"""Figures of the benchmark of the claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_temo import LandmarkRelevanceDisplay, mesh

from .claims_scores import N_FIRST, RANDOMIZED, STANDARD, TRAINED, TUNED, Evaluation, Score

# Colour, marker and label of each method of the forest plot, in the palette of Okabe and Ito.
STYLES = {
    TRAINED: ("#0072B2", "o"),
    RANDOMIZED: ("#D55E00", "D"),
    TUNED: ("#000000", "s"),
    STANDARD: ("#CC79A7", "^"),
}


def forest_rows(evaluation: Evaluation) -> list[tuple[str, dict[str, Score]]]:
    """Differences from T-EMO, trained, on all landmarks, for each row of the forest plot."""
    n_all = evaluation.n_all
    reference = evaluation.score("all", n_all, TRAINED)
    selections = [(f"{n_all} (all)", "all", n_all)]
    for k in (evaluation.many, evaluation.few):
        selections += [(f"{k} selected", "IG", k), (f"{k} random", "random", k)]
    rows = [
        (
            label,
            {
                name: evaluation.score(method, k, name) - reference
                for name in STYLES
                if (method, name) != ("all", TRAINED)
            },
        )
        for label, method, k in selections
    ]
    reference = evaluation.one_vs_rest("all", n_all, TRAINED)
    single = {
        name: evaluation.one_vs_rest("all", n_all, name) - reference
        for name in STYLES
        if name != TRAINED
    }
    return [*rows, (f"{n_all}, one emotion against the rest", single)]


def _import_pyplot() -> Any:
    """Import pyplot with a backend that needs no screen, and with reproducible files."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "claims"
    from matplotlib import pyplot as plt

    return plt


def draw_forest(evaluation: Evaluation, file: Path) -> None:
    """Draw differences of balanced accuracy with their intervals."""
    plt = _import_pyplot()
    rows = forest_rows(evaluation)
    figure, ax = plt.subplots(figsize=(5.2, 6.2), layout="constrained")
    names = list(STYLES)
    labels = [label.replace(", ", ",\n").replace("emotion ", "emotion\n") for label, _ in rows]
    for y, (_, row) in enumerate(rows):
        if y % 2:
            ax.axhspan(y - 0.5, y + 0.5, color="0.94", zorder=0)
        if TRAINED not in row:
            height = y + 0.19 * (names.index(TRAINED) - 1.5)
            ax.plot(0, height, "o", color=STYLES[TRAINED][0], markerfacecolor="white", zorder=3)
        for name, difference in row.items():
            colour, marker = STYLES[name]
            height = y + 0.19 * (names.index(name) - 1.5)
            ax.plot(difference.interval, [height] * 2, color=colour, linewidth=1.8)
            ax.plot(difference.mean, height, marker, color=colour, markersize=6.5)
    ax.axvline(0, color="0.35", linewidth=1.2, zorder=1)
    ax.grid(axis="x", color="0.85")
    ax.set_axisbelow(True)
    ax.set_yticks(range(len(rows)), labels, fontsize=11)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=11)
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.set_xlabel(
        f"balanced accuracy minus that of T-EMO,\ntrained, on all {evaluation.n_all} landmarks "
        "(points)",
        fontsize=11,
    )
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, label=name, linewidth=1.8, markersize=6.5)
        for name, (colour, marker) in STYLES.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=11, frameon=False)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def draw_scores(evaluation: Evaluation, file: Path) -> None:
    """Draw balanced accuracy against the number of landmarks."""
    plt = _import_pyplot()
    blue, red, black, purple = (colour for colour, _ in STYLES.values())
    panels = {
        "linear SVM, tuned": [
            ("selected", "IG", TUNED, blue, "o-"),
            ("highest IG scores", "highest IG scores", TUNED, red, "^--"),
            ("highest F values", "F values", TUNED, purple, "s:"),
            ("random", "random", TUNED, black, "x-."),
        ],
        "T-EMO": [
            ("trained, selected", "IG", TRAINED, blue, "o-"),
            ("trained, random", "random", TRAINED, black, "x-."),
            ("randomized, selected", "IG", RANDOMIZED, red, "D--"),
            ("randomized, random", "random", RANDOMIZED, purple, "+:"),
        ],
    }
    figure, axes = plt.subplots(2, 1, figsize=(5.2, 7.4), sharex=True, layout="constrained")
    ks = evaluation.ks
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        for label, method, classifier, colour, style in lines:
            values = [
                evaluation.score(method if k < ks[-1] else "all", k, classifier).mean for k in ks
            ]
            ax.plot(ks, values, style, color=colour, label=label, linewidth=1.6, markersize=5)
        ax.set_title(title, fontsize=12)
        ax.set_ylabel("balanced accuracy (%)", fontsize=11)
        ax.set_xscale("log")
        ax.set_xticks(ks, [str(k) for k in ks])
        ax.minorticks_off()
        ax.tick_params(labelsize=11)
        ax.grid(axis="y", color="0.9")
        ax.spines[["right", "top"]].set_visible(False)
        ax.legend(fontsize=10, frameon=False)
    axes[-1].set_xlabel("number of landmarks k", fontsize=11)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def draw_faces(evaluation: Evaluation, file: Path) -> None:
    """Draw how often each landmark is among the first 20 selected for an emotion."""
    plt = _import_pyplot()
    counts: dict[str, np.ndarray] = {}
    for result in evaluation.results:
        if result.problem != "all" and result.method == "IG" and result.classifier == TRAINED:
            count = counts.setdefault(result.problem, np.zeros(mesh.N_LANDMARKS))
            count[list(result.kept[:N_FIRST])] += 1
    names = sorted(counts)
    display = LandmarkRelevanceDisplay.from_scores(
        np.array([counts[name] for name in names]),
        class_names=names,
        score_name="frequency of selection",
    )
    display.figure_.savefig(file, dpi=80, metadata={"Software": None})
    plt.close(display.figure_)
