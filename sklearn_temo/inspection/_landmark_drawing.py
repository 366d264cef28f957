"""Drawing of the landmarks of several panels with matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from ._face_drawing import PANEL_INCHES, ink, is_dark, relative_width
from ._relevance_panels import Labels

_FIGURE_PANEL_INCHES = 1.8
_MAX_COLUMNS = 4
_LABEL_POINTS = 7
# Names of classes and clips may contain "$", "_" or "\\", which are not meant as TeX.
LITERAL: dict[str, Any] = {"parse_math": False, "usetex": False}
# The low end of a sequential map and the centre of a diverging one are close to the background, on
# which the landmarks of little relevance then are quiet.
# Small points in the darkest eighth of magma cannot be told apart from black.
_MAGMA_START = 0.12
_DIVERGING = {
    False: ["#10437f", "#3787c0", "#e8e8e8", "#e6711b", "#7f2704"],
    True: ["#9fd4ff", "#2f7fc1", "#303030", "#c9620e", "#ffd29b"],
}
# Between the hues of the relevance, and as light as its middle.
_ARROW = {False: "#00876c", True: "#4fd1a5"}


def relevance_cmap(axes: Any) -> Any:
    """Colours of values that are not negative, quiet at 0 on the background of the Axes."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colours = colormaps["magma"](np.linspace(_MAGMA_START, 1, 256))
    return ListedColormap(colours if is_dark(axes) else colours[::-1], name="relevance")


def signed_cmap(axes: Any) -> Any:
    """Colours of signed values, blue below 0 and orange above, quiet at 0."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", _DIVERGING[is_dark(axes)])


def panel_axes(
    ax: Any, points: NDArray[np.float64], ncols: int | None, labels: list[Labels] | None
) -> NDArray[np.object_]:
    """Prepare the given Axes, or those of a new figure, for the points and labels of each panel."""
    n_panels = len(points)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    extent = 1.06 * (high - low)
    text = max(len(text) for _, texts in labels for text in texts) if labels else 0
    # On each side of the panel.
    room = (text * 0.6 * _LABEL_POINTS + 10) / 72 if labels else 0.0

    def size(nrows: int, ncols: int) -> tuple[float, float]:
        width = _FIGURE_PANEL_INCHES * (2.0 if n_panels == 1 else 1.0)
        height = width * extent[1] / extent[0]
        return ncols * (width + 2 * room) + 0.8, nrows * (height + 0.3) + 0.3

    axes = panel_grid(ax, n_panels, ncols, _MAX_COLUMNS, size)
    # All panels have one scale, so that their faces can be compared.
    middle = (low + high) / 2
    for each in axes:
        share = max(1 - 2 * room / (relative_width(each) * PANEL_INCHES), 0.3)
        each.set_xlim(middle[0] + np.array([-0.5, 0.5]) * extent[0] / share)
        each.set_ylim(middle[1] + np.array([-0.5, 0.5]) * extent[1])
        each.set_aspect("equal")
        each.set_axis_off()
    return axes


def panel_grid(
    ax: Any,
    n_panels: int,
    ncols: int | None,
    max_columns: int,
    size: Callable[[int, int], tuple[float, float]],
) -> NDArray[np.object_]:
    """The given Axes, or those of a new figure, one for each panel.

    `size` gives the width and height, in inches, of a figure with some rows and columns. Without
    `ncols`, there are at most `max_columns`.
    """
    import matplotlib.pyplot as plt

    if ax is not None:
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != n_panels:
            raise ValueError(
                f"ax must hold one Axes for each of the {n_panels} panels, got {len(axes)}; "
                "per_class=False draws a single panel."
            )
        return axes
    if ncols is None:
        ncols = -(-n_panels // -(-n_panels // max_columns))
    nrows = -(-n_panels // ncols)
    figsize = size(nrows, ncols)
    _, grid = plt.subplots(nrows, ncols, figsize=figsize, layout="constrained", squeeze=False)
    for unused in grid.flat[n_panels:]:
        unused.remove()
    return grid.ravel()[:n_panels]


def draw_landmarks(
    axes: Any,
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    kept: NDArray[np.bool_] | None,
    largest: float,
    **kwargs: Any,
) -> Any:
    """Draw landmarks with the colour and the area of their values; dropped ones are hollow.

    The landmarks are drawn in increasing order of the absolute value, the kept ones after the
    dropped ones: around lips and eyes they overlap, and the relevant ones must stay visible. A
    landmark of the absolute value `largest` has the largest area. `kwargs` are arguments of
    ``Axes.scatter``.
    """
    order = np.lexsort([np.abs(values), np.ones(len(values)) if kept is None else kept])
    unit = relative_width(axes)
    size = (4 + 38 * np.abs(values[order]) / largest) * unit
    style: dict[str, Any] = {"linewidths": 0}
    if kept is not None:
        kept = kept[order]
        size = np.where(kept, size, 2.5 * unit)
        style = {"linewidths": np.where(kept, 0, 0.4 * unit), "edgecolors": [ink(axes, 0.4)]}
    style |= {"s": size, "zorder": 3} | kwargs
    scatter = axes.scatter(*points[order].T, c=values[order], **style)
    if kept is not None:
        # Masked values have no colour.
        scatter.set_array(np.ma.masked_array(values[order], ~kept))
    return scatter


def draw_movement(
    axes: Any, points: NDArray[np.float64], movement: NDArray[np.float64], scale: float
) -> Any:
    """Draw arrows that end at the landmarks; a movement below a quarter of the largest has none."""
    length = np.linalg.norm(movement, axis=1)
    moving = length > 0.25 * length.max()
    unit = relative_width(axes)
    return axes.quiver(
        *points[moving].T,
        *movement[moving].T,
        pivot="tip",
        angles="xy",
        scale_units="xy",
        scale=1 / scale,
        units="inches",
        width=0.011 * unit,
        headwidth=5,
        headlength=6,
        headaxislength=5,
        minlength=0,
        color=_ARROW[is_dark(axes)],
        zorder=2,
    )


def draw_labels(
    axes: Any, points: NDArray[np.float64], targets: NDArray[np.float64], texts: list[str]
) -> None:
    """Write labels on the left and the right of the points, with a line to the target of each.

    The labels of a side are as close to the height of their targets as possible without overlap.
    """
    per_point = np.ptp(axes.get_xlim()) / (relative_width(axes) * PANEL_INCHES * 72)
    gap, margin = 1.4 * _LABEL_POINTS * per_point, 4 * per_point
    low, high = points[:, 0].min() - margin, points[:, 0].max() + margin
    by_x = np.argsort(targets[:, 0], kind="stable")
    # Half of the labels on each side, but no line across the face: only targets near the middle may
    # have their label on either side.
    offsets = (targets[:, 0] - points[:, 0].mean()) / np.ptp(points[:, 0])
    n_left = np.clip(-(-len(by_x) // 2), np.sum(offsets < -0.1), np.sum(offsets <= 0.1))
    for members, x, side in zip(
        np.split(by_x, [n_left]), (low, high), ("right", "left"), strict=True
    ):
        if not len(members):
            continue
        members = members[np.argsort(-targets[members, 1], kind="stable")]
        steps = gap * np.arange(len(members))
        heights = isotonic_regression(targets[members, 1] + steps, increasing=False) - steps
        for member, height in zip(members, heights, strict=True):
            axes.annotate(
                texts[member],
                targets[member],
                (x, height),
                ha=side,
                va="center",
                fontsize=_LABEL_POINTS,
                color=ink(axes, 0.85),
                arrowprops={
                    "arrowstyle": "-",
                    "color": ink(axes, 0.55),
                    "linewidth": 0.5,
                    "shrinkA": 1,
                    "shrinkB": 0,
                },
                zorder=5,
            )


def add_support_legend(
    figure: Any, axes: Any, support: NDArray[np.bool_], marker: str = "o"
) -> None:
    """Add a legend of kept and dropped landmarks below the panels."""
    from matplotlib.lines import Line2D

    numbers = support.sum(axis=1)
    fewest, most = numbers.min(), numbers.max()
    kept = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    common: dict[str, Any] = {"linestyle": "none", "marker": marker}
    filled: dict[str, Any] = {"color": ink(axes, 0.6), "markersize": 5, "markeredgewidth": 0}
    hollow: dict[str, Any] = {"color": "none", "markersize": 3, "markeredgecolor": ink(axes, 0.4)}
    figure.legend(
        handles=[Line2D([], [], **common, **style) for style in (filled, hollow)],
        labels=[f"kept ({kept} of {support.shape[1]})", "dropped"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
