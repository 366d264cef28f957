"""Panels with the face mesh and its landmarks, in matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh

__all__ = ["add_support_legend", "draw_face", "draw_landmarks", "face_positions", "panel_axes"]

# Points and lines are sized for a panel this wide, and grow with it.
_PANEL_INCHES = 2.4
_MOST_COLUMNS = 4
_IRIS_RADIUS_CM = 0.25
_OUTLINE = "0.15"


def face_positions(n_landmarks: int) -> NDArray[np.float64]:
    """Positions of a full mesh, seen from the front.

    Parameters
    ----------
    n_landmarks : {468, 478}

    Returns
    -------
    ndarray of shape (n_landmarks, 2)
        In cm, y up.
    """
    face = mesh.canonical_face()[:, :2]
    # The canonical face has no irises. Each is a centre, then a ring that starts on the right of
    # the picture and goes over the top.
    ring = _IRIS_RADIUS_CM * np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]])
    irises = (mesh.eye_centres(face)[:, None] + ring).reshape(-1, 2)
    return np.concatenate([face, irises])[:n_landmarks]


def panel_axes(
    ax: Any, n_panels: int, ncols: int | None, extent: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Take the axes that were given, or make a figure.

    Parameters
    ----------
    ax : matplotlib Axes, array of them, or None
    n_panels : int
    ncols : int or None
        Panels in a row of a new figure; None is 4 at most, in rows as even as can be.
    extent : ndarray of shape (2,)
        Width and height of what is drawn, for the shape of the panels.

    Returns
    -------
    ndarray of matplotlib Axes of shape (n_panels,)

    Raises
    ------
    ValueError
        If `ax` holds another number of Axes.
    """
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
        n_rows = -(-n_panels // _MOST_COLUMNS)
        ncols = -(-n_panels // n_rows)
    nrows = -(-n_panels // ncols)
    width = _PANEL_INCHES * (1.5 if n_panels == 1 else 1.0)
    height = width * extent[1] / extent[0]
    _, grid = plt.subplots(
        nrows,
        ncols,
        figsize=(ncols * width + 0.8, nrows * (height + 0.35) + 0.4),
        layout="constrained",
        squeeze=False,
    )
    for spare in grid.flat[n_panels:]:
        spare.remove()
    return grid.ravel()[:n_panels]


def draw_face(axes: Any, points: NDArray[np.float64]) -> None:
    """Draw the tessellation of the face faintly, and its contours a little darker.

    Parameters
    ----------
    axes : matplotlib Axes
    points : ndarray of shape (468 or 478, 2)
    """
    from matplotlib.collections import LineCollection

    contours = np.concatenate(list(mesh.contours().values()))
    for edges, colour, width in ((mesh.edges(), "0.9", 0.4), (contours, "0.65", 0.7)):
        lines = LineCollection(
            list(points[edges]), colors=colour, linewidths=width * _unit(axes), zorder=1
        )
        axes.add_collection(lines)


def draw_landmarks(
    axes: Any,
    points: NDArray[np.float64],
    relevance: NDArray[np.float64],
    kept: NDArray[np.bool_] | None,
    **kwargs: Any,
) -> Any:
    """Draw landmarks coloured and sized by relevance.

    Parameters
    ----------
    axes : matplotlib Axes
    points : ndarray of shape (n_landmarks, 2)
    relevance : ndarray of shape (n_landmarks,)
    kept : ndarray of bool of shape (n_landmarks,), or None
        These are outlined, the others small and faint; None draws all alike.
    **kwargs : dict
        Of :meth:`matplotlib.axes.Axes.scatter`, with `norm`.

    Returns
    -------
    matplotlib PathCollection
        From the least relevant to the most: lips and eyes are crowded, and what matters must not
        be covered by what does not.
    """
    order = np.argsort(relevance, kind="stable")
    size = (3 + 32 * kwargs["norm"](relevance[order])) * _unit(axes) ** 2
    style: dict[str, Any] = {"linewidths": 0}
    if kept is not None:
        shown = kept[order]
        size = np.where(shown, size, 0.35 * size)
        style = {
            "linewidths": np.where(shown, 0.5 * _unit(axes), 0),
            "edgecolors": _OUTLINE,
            "alpha": np.where(shown, 1.0, 0.5),
        }
    style |= {"s": size, "zorder": 2} | kwargs
    return axes.scatter(*points[order].T, c=relevance[order], **style)


def add_support_legend(figure: Any, support: NDArray[np.bool_]) -> None:
    """Say under the panels what the outlines mean.

    Parameters
    ----------
    figure : matplotlib Figure
    support : ndarray of bool of shape (n_panels, n_landmarks)
    """
    from matplotlib.lines import Line2D

    common: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "0.75"}
    numbers = sorted(set(support.sum(axis=1).tolist()))
    kept = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
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


def _unit(axes: Any) -> float:
    """How many times as wide as usual a panel is."""
    return float(axes.get_position().width * axes.figure.get_figwidth() / _PANEL_INCHES)
