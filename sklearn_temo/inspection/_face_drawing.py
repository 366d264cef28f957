"""Drawing of a face from its landmarks with matplotlib."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh

# Lines and points are sized for an Axes of this width, and scale with it.
PANEL_INCHES = 2.4
# Half of the mean horizontal diameter of the visible iris of adults, 11.7 mm.
_IRIS_RADIUS_CM = 0.585
_EYE_DISTANCE_CM = 6.3
# The contour of the nose also crosses its wings, which looks like a part of the mesh.
_NOSE_CROSSINGS = (45, 115, 220, 275, 344, 440)
_EYES = {"right_eye": slice(468, 473), "left_eye": slice(473, 478)}


def face_positions(n_landmarks: int) -> NDArray[np.float64]:
    """Front view of a full mesh in cm with y up, ndarray of shape (n_landmarks, 2)."""
    face = mesh.canonical_face()[:, :2]
    # The canonical face has no irises. Each is a centre and four points: right, top, left, bottom.
    ring = _IRIS_RADIUS_CM * np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]])
    irises = np.concatenate([_eye_middle(face, eye) + ring for eye in _EYES])
    return np.concatenate([face, irises])[:n_landmarks]


def is_dark(axes: Any) -> bool:
    """Whether an Axes is drawn on a dark background."""
    from matplotlib.colors import to_rgb, to_rgba

    # The panels have no patch of their own: what is seen is the face colour of the figure.
    *background, alpha = to_rgba(axes.figure.figure.get_facecolor())
    if alpha < 0.5:
        # A transparent figure is meant for a background that its text can be read on.
        return bool(lightness(to_rgb(axes.title.get_color())) > 0.5)
    return bool(lightness(background) < 0.5)


def ink(axes: Any, strength: float) -> tuple[float, float, float]:
    """Grey between the background of an Axes (0) and black, or white on a dark background (1)."""
    grey = strength if is_dark(axes) else 1 - strength
    return grey, grey, grey


def draw_face(axes: Any, points: NDArray[np.float64]) -> None:
    """Draw a face behind landmarks, in shades of grey that suit the background of the Axes.

    The mesh and the oval of the face, filled lips and brows, the eyes with irises, and the nose.

    Parameters
    ----------
    axes : matplotlib Axes
        On which the limits and the aspect are left to the caller.
    points : ndarray of shape (n_landmarks, 2)
        Positions of a full mesh with y up, in any unit. 468 landmarks get irises in the middle of
        the eyes.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Circle, PathPatch

    unit = relative_width(axes)
    contours = mesh.contours()

    def lines(edges: Any, strength: float, width: float) -> None:
        axes.add_collection(
            LineCollection(
                list(points[edges]), colors=[ink(axes, strength)], linewidths=width * unit, zorder=1
            )
        )

    def fill(rings: list[NDArray[np.intp]], strength: float, outline: float) -> Any:
        patch = PathPatch(
            _outline([points[ring] for ring in rings]),
            facecolor=ink(axes, strength),
            edgecolor=ink(axes, outline),
            linewidth=0.7 * unit,
            joinstyle="round",
            zorder=1,
        )
        return axes.add_patch(patch)

    dark = is_dark(axes)
    fill(_rings("face_oval"), 0.09 if dark else 0.04, 0.35)
    lines(mesh.edges(), 0.2 if dark else 0.11, 0.3)
    nose = contours["nose"]
    lines(nose[~np.isin(nose, _NOSE_CROSSINGS).any(axis=1)], 0.33, 0.8)
    fill(_rings("lips"), 0.3 if dark else 0.22, 0.45)
    for brow in ("right_eyebrow", "left_eyebrow"):
        lower, upper = np.split(contours[brow], 2)
        chains = [[*chain[:, 0], chain[-1, 1]] for chain in (lower, upper)]
        fill([np.array(chains[0] + chains[1][::-1])], 0.35 if dark else 0.3, 0.4)
    for eye, iris in _EYES.items():
        opening = fill(_rings(eye), 0.75 if dark else 0.0, 0.55)
        if len(points) > mesh.N_LANDMARKS:
            centre = points[iris][0]
            radius = np.linalg.norm(points[iris][1:] - centre, axis=1).mean()
        else:
            centre = _eye_middle(points, eye)
            eyes = mesh.eye_centres(points)
            radius = _IRIS_RADIUS_CM / _EYE_DISTANCE_CM * np.linalg.norm(eyes[1] - eyes[0])
        for size, strength in ((1.0, 0.35), (0.45, 0.6)):
            shade = ink(axes, 1 - strength if dark else strength)
            disc = Circle(centre, size * radius, facecolor=shade, linewidth=0, zorder=1)
            axes.add_patch(disc)
            disc.set_clip_path(opening)


def relative_width(axes: Any) -> float:
    """Width of an Axes, divided by the width that lines and points are sized for."""
    # The figure may be a subfigure.
    figure_inches = axes.figure.bbox.width / axes.figure.dpi
    return float(axes.get_position().width * figure_inches / PANEL_INCHES)


def lightness(colours: Any) -> Any:
    """Luma of RGB colours of shape (..., 3) (ITU-R BT.601)."""
    return np.dot(colours, [0.299, 0.587, 0.114])


def _eye_middle(points: NDArray[np.float64], eye: str) -> NDArray[np.float64]:
    return points[np.unique(mesh.contours()[eye])].mean(axis=0)


@cache
def _rings(contour: str) -> list[NDArray[np.intp]]:
    """Landmarks along each closed line of a contour; the lips have an outer and an inner one."""
    neighbours: dict[int, list[int]] = {}
    for one, other in mesh.contours()[contour].tolist():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    rings = []
    while neighbours:
        ring = [next(iter(neighbours))]
        while following := [i for i in neighbours.pop(ring[-1]) if i in neighbours]:
            ring.append(following[0])
        rings.append(np.array(ring))
    return rings


def _outline(rings: list[NDArray[np.float64]]) -> Any:
    """Path of closed lines; each further one is a hole in the first."""
    from matplotlib.path import Path

    closed = []
    for i, ring in enumerate(rings):
        x, y = ring.T
        counterclockwise = np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) > 0
        # Rings of the opposite direction are holes.
        ring = ring if counterclockwise == (i == 0) else ring[::-1]
        closed.append(Path(np.concatenate([ring, ring[:1]]), closed=True))
    return Path.make_compound_path(*closed)
