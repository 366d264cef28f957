"""Figures of the benchmark of the claims, drawn from its tables.

The tables are in the repository, so the figures can be drawn again without the data:

    python -m benchmarks.claims --draw
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_temo import LandmarkRelevanceDisplay
from sklearn_temo.inspection._method_styles import method_styles

from .claims_scores import N_FIRST, RANDOMIZED, STANDARD, TRAINED, TUNED, Evaluation, Score

METHODS = (TRAINED, RANDOMIZED, TUNED, STANDARD)
RBF = ("RBF SVM, tuned", "RBF SVM, standard")
# Words for the selection methods in tables and figures, in the order of the tables.
SELECTIONS = {
    "IG": "selected",
    "IG in rounds": "selected in rounds",
    "IG, trained network": "selected with a trained network",
    "highest IG scores": "highest IG scores",
    "F values": "highest F values",
    "random": "random",
    "random mirror pairs": "random mirror pairs",
    "all": "all",
}
# The figures of dark pages are drawn on a transparent background.
THEMES = {"": "default", "_dark": "dark_background"}
_CELL = re.compile(r"(?P<mean>[+−]\d+\.\d)(?: ± \d+\.\d)? \((?P<low>\S+) to (?P<high>\S+)\)")


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
                for name in METHODS
                if (method, name) != ("all", TRAINED)
            },
        )
        for label, method, k in selections
    ]
    reference = evaluation.one_vs_rest("all", n_all, TRAINED)
    single = {
        name: evaluation.one_vs_rest("all", n_all, name) - reference
        for name in METHODS
        if name != TRAINED
    }
    return [*rows, (f"{n_all}, one emotion against the rest", single)]


def first_landmarks(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Share of the folds, in percent, with each landmark among the first 20 for an emotion."""
    masks: dict[str, list[np.ndarray]] = {}
    for result in evaluation.results:
        if result.problem != "all" and result.method == "IG" and result.classifier == TRAINED:
            mask = np.isin(np.arange(evaluation.n_all), result.kept[:N_FIRST])
            masks.setdefault(result.problem, []).append(mask)
    return {emotion: 100 * np.mean(masks[emotion], axis=0) for emotion in sorted(masks)}


def draw_figures(folder: Path) -> None:
    """Draw all figures from the tables in a folder, for light and for dark pages.

    Parameters
    ----------
    folder : Path
        Folder with ``differences.csv``, ``balanced_accuracy.csv`` and, for faces,
        ``frequencies.csv``. The figures are written there, with ``differences.rst``, which shows
        the first one.
    """
    differences = _read(folder / "differences.csv")
    scores = _read(folder / "balanced_accuracy.csv")
    for suffix, theme in THEMES.items():
        with _pyplot(theme) as plt:
            _save(draw_forest(plt, differences), folder / f"differences{suffix}.svg")
            _save(draw_scores(plt, scores), folder / f"scores{suffix}.svg")
            if (folder / "frequencies.csv").exists():
                figure = draw_faces(_read(folder / "frequencies.csv"))
                figure.savefig(
                    folder / f"faces{suffix}.png",
                    dpi=100,
                    transparent=True,
                    metadata={"Software": None},
                )
    text = "\n".join(_forest_directives(differences))
    (folder / "differences.rst").write_text(text, encoding="utf-8")


@contextmanager
def _pyplot(theme: str) -> Iterator[Any]:
    """Pyplot with a backend that needs no screen, and with reproducible files."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with plt.style.context(theme), mpl.rc_context({"svg.hashsalt": "claims"}):
        yield plt
        plt.close("all")


def _save(figure: Any, file: Path) -> None:
    figure.savefig(file, transparent=True, metadata={"Date": None})


def _read(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def _number(text: str) -> float:
    return float(text.replace("−", "-"))


def draw_forest(plt: Any, table: Sequence[Sequence[str]]) -> Any:
    """Draw the differences of balanced accuracy of ``differences.csv`` with their intervals."""
    (_, *methods), *rows = table
    n_all = rows[0][0].split()[0]
    ink = plt.rcParams["axes.edgecolor"]
    figure, ax = plt.subplots(figsize=(5.6, 6.4), layout="constrained")
    styles = method_styles(methods)
    offsets = 0.19 * (np.arange(len(methods)) - (len(methods) - 1) / 2)
    for y, (_, *cells) in enumerate(rows):
        if y % 2:
            ax.axhspan(y - 0.5, y + 0.5, color="0.5", alpha=0.13, linewidth=0, zorder=0)
        for cell, style, offset in zip(cells, styles, offsets, strict=True):
            if found := _CELL.fullmatch(cell):
                mean, low, high = (_number(found[part]) for part in ("mean", "low", "high"))
                ax.plot([low, high], [y + offset] * 2, color=style.colour, linewidth=1.8)
            else:
                mean = 0.0  # the reference
            face = style.colour if style.filled else plt.rcParams["axes.facecolor"]
            marker = style.markers | {"markerfacecolor": face}
            ax.plot([mean], [y + offset], **marker, markersize=6.5, markeredgewidth=1.6)
    ax.axvline(0, color=ink, linewidth=1, linestyle=":", zorder=1)
    ax.annotate(
        f"T-EMO, trained,\nall {n_all}",
        (0, 1),
        (-4, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=10,
    )
    ax.grid(axis="x", color="0.5", alpha=0.3)
    ax.set_axisbelow(True)
    labels = [row[0].replace(", ", ",\n").replace("emotion ", "emotion\n") for row in rows]
    ax.set_yticks(range(len(rows)), labels, fontsize=11)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=11)
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.set_ylabel("landmarks", fontsize=11)
    ax.set_xlabel(
        f"balanced accuracy minus that of T-EMO, trained,\nwith all {n_all} landmarks (points)",
        fontsize=11,
    )
    handles = [
        plt.Line2D([], [], **style.markers, label=name, linewidth=1.8, markersize=6.5)
        for name, style in zip(methods, styles, strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=11, frameon=False)
    return figure


def draw_scores(plt: Any, table: Sequence[Sequence[str]]) -> Any:
    """Draw the balanced accuracies of ``balanced_accuracy.csv`` against k."""
    (_, _, *columns), *rows = table
    ks = [int(column) for column in columns]
    scores = {(row[0], row[1]): row[2:] for row in rows}
    selections = ("selected", "random", "highest IG scores", "highest F values")
    figure, axes = plt.subplots(
        2, 2, figsize=(8.8, 7.4), sharex=True, sharey=True, layout="constrained"
    )
    for ax, method in zip(axes.flat, (TRAINED, RANDOMIZED, TUNED), strict=False):
        found = {name: scores.get((method, name)) for name in selections}
        lines = [(f"k {name}", cells) for name, cells in found.items() if cells]
        # The method itself, and controls that look the same in each panel.
        names = [method, *(text for text, _ in lines[1:])]
        _draw_lines(ax, ks, lines, method_styles(names))
        _draw_all(ax, ks, scores[method, "selected"][-1])
        ax.set_title(method, fontsize=12)
    names = [*METHODS, *RBF]
    lines = [(name, scores.get((name, "selected"))) for name in names]
    known = [(name, cells) for name, cells in lines if cells]
    _draw_lines(axes[1, 1], ks, known, method_styles([name for name, _ in known]))
    axes[1, 1].set_title("k selected, all classifiers", fontsize=12)
    for ax in axes.flat:
        ax.set_xscale("log")
        ax.set_xticks(ks, [str(k) for k in ks])
        ax.minorticks_off()
        ax.tick_params(labelsize=10)
        ax.grid(axis="y", color="0.5", alpha=0.25)
        ax.spines[["right", "top"]].set_visible(False)
        ax.legend(fontsize=9.5, frameon=False, loc="lower right")
    for ax in axes[:, 0]:
        ax.set_ylabel("balanced accuracy (%)", fontsize=11)
    for ax in axes[1]:
        ax.set_xlabel("number of landmarks k", fontsize=11)
    return figure


def _draw_lines(ax: Any, ks: Sequence[int], lines: Any, styles: Any) -> None:
    for (label, cells), style in zip(lines, styles, strict=True):
        points = [
            (k, *map(float, cell.split(" ± "))) for k, cell in zip(ks, cells, strict=True) if cell
        ]
        x, mean, *error = zip(*points, strict=True)
        ax.errorbar(
            x,
            mean,
            yerr=error[0] if error else None,
            **style.curve,
            label=label,
            linewidth=1.5,
            markersize=5,
            elinewidth=0.8,
            capsize=0,
        )


def _draw_all(ax: Any, ks: Sequence[int], cell: str) -> None:
    """Line of the score with all landmarks."""
    score = float(cell.split(" ± ")[0])
    ax.axhline(score, color="0.5", linewidth=1, linestyle=":", zorder=1)
    ax.annotate(f"all {ks[-1]}", (ks[0], score), (0, 3), textcoords="offset points", fontsize=9.5)


def draw_faces(table: Sequence[Sequence[str]]) -> Any:
    """Draw how often each landmark is among the first ones that are selected for an emotion."""
    (_, *names), *rows = table
    display = LandmarkRelevanceDisplay.from_scores(
        np.array([row[1:] for row in rows], dtype=float).T,
        class_names=names,
        normalize=False,
        score_name="folds in which the landmark is selected (%)",
    )
    return display.figure_


def _forest_directives(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Figure of the page, for light and for dark pages."""
    (_, *methods), *rows = table
    n_all = rows[0][0].split()[0]
    label, *cells = rows[1]
    numbers = ", ".join(
        f"{name}, {cell.split(' ')[0]} points" for name, cell in zip(methods, cells, strict=True)
    )
    for suffix, theme in zip(THEMES, ("light", "dark"), strict=True):
        yield f".. figure:: /claims/differences{suffix}.svg"
        yield f"   :class: only-{theme}"
        yield (
            f"   :alt: Differences of balanced accuracy from T-EMO, trained, with all {n_all} "
            "landmarks, as points with intervals, a row for each set of landmarks and a colour and "
            f"marker for each classifier. With {label}: {numbers}. The other numbers are in the "
            "details."
        )
        yield "   :width: 560px"
        yield ""
        yield (
            f"   Balanced accuracy minus that of T-EMO, trained, with all {n_all} landmarks "
            "(dotted line), with 95 % intervals over the subjects. Points on the left are less "
            "accurate."
        )
        yield ""
