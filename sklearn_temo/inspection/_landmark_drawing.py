"""Drawing of the landmarks of several panels with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._face_drawing import PANEL_INCHES, relative_width

_MAX_COLUMNS = 4
_OUTLINE = "0.15"


def panel_axes(
    ax: Any, n_panels: int, ncols: int | None, extent: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Return the given Axes, or those of a new figure with panels of the shape of `extent`."""
    import matplotlib.pyplot as plt

    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(given) != n_panels:
            raise ValueError(
                f"ax must hold one Axes for each of the {n_panels} panels, got {len(given)}; "
                "per_class=False draws a single panel."
            )
        return given
    if ncols is None:
        n_rows = -(-n_panels // _MAX_COLUMNS)
        ncols = -(-n_panels // n_rows)
    nrows = -(-n_panels // ncols)
    width = PANEL_INCHES * (1.5 if n_panels == 1 else 1.0)
    height = width * extent[1] / extent[0]
    size = ncols * width + 0.8, nrows * (height + 0.35) + 0.4
    _, grid = plt.subplots(nrows, ncols, figsize=size, layout="constrained", squeeze=False)
    for unused in grid.flat[n_panels:]:
        unused.remove()
    return grid.ravel()[:n_panels]


def draw_landmarks(
    axes: Any,
    points: NDArray[np.float64],
    relevance: NDArray[np.float64],
    kept: NDArray[np.bool_] | None,
    **kwargs: Any,
) -> Any:
    """Draw landmarks with colour and size by relevance; kept ones outlined, dropped ones small.

    The landmarks are drawn in increasing order of relevance: around lips and eyes they overlap,
    and the relevant ones must stay visible. `kwargs` are arguments of ``Axes.scatter`` and include
    `norm`.
    """
    order = np.argsort(relevance, kind="stable")
    unit = relative_width(axes)
    size = (3 + 32 * kwargs["norm"](relevance[order])) * unit**2
    style: dict[str, Any] = {"linewidths": 0}
    if kept is not None:
        kept = kept[order]
        size = np.where(kept, size, 0.35 * size)
        style = {
            "linewidths": np.where(kept, 0.5 * unit, 0),
            "edgecolors": _OUTLINE,
            "alpha": np.where(kept, 1.0, 0.5),
        }
    style |= {"s": size, "zorder": 2} | kwargs
    return axes.scatter(*points[order].T, c=relevance[order], **style)


def add_support_legend(figure: Any, support: NDArray[np.bool_]) -> None:
    """Add a legend of kept and dropped landmarks below the panels."""
    from matplotlib.lines import Line2D

    common: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "0.75"}
    numbers = support.sum(axis=1)
    fewest, most = numbers.min(), numbers.max()
    kept = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    figure.legend(
        handles=[
            Line2D([], [], markersize=6, markeredgecolor=_OUTLINE, **common),
            Line2D([], [], markersize=3, markeredgewidth=0, **common),
        ],
        labels=[f"kept ({kept} of {support.shape[1]})", "dropped"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
