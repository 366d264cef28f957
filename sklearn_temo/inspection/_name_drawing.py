"""Drawing of named landmarks, such as blendshapes, as bars with their names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._face_drawing import ink
from ._landmark_drawing import LITERAL, panel_grid

# Panels of bars per row of a new figure, and their sizes.
_MAX_COLUMNS = 3
_PANEL_INCHES, _BAR_INCHES, _MARGIN_INCHES = 2.8, 0.19, 0.9


def check_landmark_names(names: Any, n_landmarks: int) -> list[str]:
    """Names as a list; ValueError if there is not one for each landmark."""
    found = [str(name) for name in names]
    if len(found) != n_landmarks:
        raise ValueError(
            f"names must have one name for each of the {n_landmarks} landmarks, got {len(found)}."
        )
    return found


def largest(values: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """Indices of the `n` values with the largest size, without zeros, the largest first."""
    order = np.argsort(-np.abs(values), kind="stable")[:n]
    return order[values[order] != 0]


def sum_names(
    shares: NDArray[Any], names: tuple[str, ...], n: int
) -> tuple[NDArray[np.float64], list[str]]:
    """Shares of the `n` named landmarks with the largest ones, and the sum of the others.

    `shares` has shape (n_frames, n_landmarks). The landmarks keep their order, so that the left is
    beside the right. Returns the shares, of shape (n_frames, n_rows), and the name of each row.
    """
    chosen = np.sort(largest(np.abs(shares).sum(axis=0), n))
    if not len(chosen):
        chosen = np.arange(min(n, len(names)))
    rest = np.setdiff1d(np.flatnonzero(np.abs(shares).sum(axis=0)), chosen)
    found, titles = shares[:, chosen], [names[i] for i in chosen]
    if len(rest):
        found = np.column_stack([found, shares[:, rest].sum(axis=1)])
        titles.append(f"{len(rest)} others")
    return found, titles


def bar_axes(ax: Any, n_panels: int, n_bars: int, ncols: int | None) -> NDArray[np.object_]:
    """The given Axes, or those of a new figure, for panels of bars."""

    def size(nrows: int, ncols: int) -> tuple[float, float]:
        width = _PANEL_INCHES * (1.5 if n_panels == 1 else 1.0)
        return ncols * width, nrows * (_MARGIN_INCHES + _BAR_INCHES * n_bars) + 0.3

    return panel_grid(ax, n_panels, ncols, _MAX_COLUMNS, size)


def draw_bars(
    axes: Any,
    values: NDArray[np.float64],
    names: list[str],
    colours: Any,
    kept: NDArray[np.bool_] | None = None,
) -> Any:
    """Draw a bar for each value, the first on top, and return them; dropped ones are hollow.

    `colours` has a colour for each value.
    """
    bars = axes.barh(np.arange(len(values)), values, height=0.7, color=colours)
    axes.set_yticks(np.arange(len(values)), names, **LITERAL)
    for label, bar, is_kept in zip(
        axes.get_yticklabels(), bars, kept if kept is not None else [True] * len(bars), strict=True
    ):
        label.set_fontsize("small")
        if not is_kept:
            bar.set(facecolor="none", edgecolor=ink(axes, 0.4), linewidth=0.6)
            label.set_color(ink(axes, 0.55))
    axes.set_ylim(max(len(values), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize="small")
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.axvline(0, color=axes.xaxis.label.get_color(), linewidth=0.8)
    return bars
