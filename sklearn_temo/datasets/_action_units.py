"""Facial action units as displacements of the mesh, and the emotions that combine them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from .. import mesh

__all__ = [
    "ACTION_UNITS",
    "EMOTIONS",
    "action_unit_names",
    "action_units_of",
    "displacement_field",
    "moving_landmarks",
]


@dataclass(frozen=True)
class Pull:
    """How the skin moves around one place of the left half of the face, at full intensity."""

    anchor: str
    """Where the pull is strongest: a name in :func:`_anchors`."""
    direction: tuple[float, float, float]
    """Outward from the midline, up and forward, in cm."""
    reach: float
    """How far along the skin it is felt, in cm."""


@dataclass(frozen=True)
class ActionUnit:
    """A facial action of FACS: its name, and what it does to the skin."""

    name: str
    pulls: tuple[Pull, ...]


ACTION_UNITS = {
    "1": ActionUnit("inner brow raiser", (Pull("inner brow", (-0.05, 0.6, 0.0), 1.7),)),
    "2": ActionUnit("outer brow raiser", (Pull("outer brow", (0.05, 0.6, 0.0), 1.5),)),
    "4": ActionUnit("brow lowerer", (Pull("inner brow", (-0.3, -0.35, 0.1), 2.2),)),
    "5": ActionUnit("upper lid raiser", (Pull("upper lid", (0.0, 0.25, 0.0), 0.5),)),
    "6": ActionUnit("cheek raiser", (Pull("cheek", (0.05, 0.35, 0.2), 1.8),)),
    "7": ActionUnit(
        "lid tightener",
        (
            Pull("lower lid", (0.0, 0.2, 0.0), 0.7),
            Pull("upper lid", (0.0, -0.15, 0.0), 0.3),
        ),
    ),
    "9": ActionUnit(
        "nose wrinkler",
        (
            Pull("nose side", (0.05, 0.4, 0.1), 1.5),
            Pull("upper lip", (0.0, 0.25, 0.1), 0.9),
        ),
    ),
    "12": ActionUnit("lip corner puller", (Pull("lip corner", (0.6, 0.6, -0.3), 2.2),)),
    "14": ActionUnit("dimpler", (Pull("lip corner", (0.25, 0.05, -0.35), 1.6),)),
    "15": ActionUnit("lip corner depressor", (Pull("lip corner", (0.05, -0.5, -0.1), 1.8),)),
    "16": ActionUnit("lower lip depressor", (Pull("lower lip", (0.0, -0.35, 0.1), 0.9),)),
    "20": ActionUnit("lip stretcher", (Pull("lip corner", (0.6, -0.15, -0.25), 1.7),)),
    "23": ActionUnit(
        "lip tightener",
        (
            Pull("lip corner", (-0.3, 0.0, 0.0), 1.2),
            Pull("upper lip", (0.0, -0.2, -0.1), 0.4),
            Pull("lower lip", (0.0, 0.2, -0.1), 0.4),
        ),
    ),
    "26": ActionUnit("jaw drop", (Pull("jaw", (0.0, -1.0, -0.2), 2.0),)),
}

# R is the subject's right side only; FACS writes contempt so.
EMOTIONS = {
    "anger": "4+5+7+23",
    "contempt": "R12+R14",
    "disgust": "9+15+16",
    "fear": "1+2+4+5+20+26",
    "happiness": "6+12",
    "sadness": "1+4+15",
    "surprise": "1+2+5+26",
}

# What moves less than this at full intensity would drown in the jitter of tracking: it is held
# still, so that the truth is crisp.
_LEAST_MOTION_CM = 0.2


def action_units_of(emotion: str) -> list[str]:
    """Codes of the action units of an emotion, such as "12" or "R12"."""
    return EMOTIONS[emotion].split("+")


def action_unit_names(emotion: str) -> list[str]:
    """Numbers and FACS names of the action units of an emotion."""
    names = []
    for code in action_units_of(emotion):
        number = code.removeprefix("R")
        side = " (right side)" if code.startswith("R") else ""
        names.append(f"AU{number} {ACTION_UNITS[number].name}{side}")
    return names


@cache
def _anchors() -> dict[str, NDArray[np.intp]]:
    """Landmarks of the left half and the midline at which action units pull."""
    face = mesh.canonical_face()
    x, y = face[:, 0], face[:, 1]
    contour = {name: np.unique(table) for name, table in mesh.contours().items()}
    inner_eye, outer_eye = sorted(mesh.eye_corners()[1], key=lambda landmark: x[landmark])
    eye, brow = np.setdiff1d(contour["left_eye"], (inner_eye, outer_eye)), contour["left_eyebrow"]
    lips = contour["lips"][x[contour["lips"]] >= 0]
    corner, wing = lips[x[lips].argmax()], contour["nose"][x[contour["nose"]].argmax()]
    slope = (y[outer_eye] - y[inner_eye]) / (x[outer_eye] - x[inner_eye])
    over_corners = y[eye] > y[inner_eye] + slope * (x[eye] - x[inner_eye])
    mid_lips = lips[x[lips] < 0.6 * x[corner]]
    lower_lip = mid_lips[y[mid_lips] < y[corner]]
    middle = np.flatnonzero(mesh.mirror_pairs() == np.arange(mesh.N_LANDMARKS))

    def nearest(*landmarks: np.intp) -> NDArray[np.intp]:
        midway = face[list(landmarks)].mean(axis=0)
        return np.array([np.linalg.norm(face - midway, axis=1).argmin()])

    return {
        "inner brow": brow[np.argsort(x[brow])[:2]],
        "outer brow": brow[x[brow] > x[brow].mean()],
        "upper lid": eye[over_corners],
        "lower lid": eye[~over_corners],
        "cheek": nearest(outer_eye, wing),
        "nose side": nearest(inner_eye, wing),
        "lip corner": np.array([corner]),
        "upper lip": mid_lips[y[mid_lips] > y[corner]],
        "lower lip": lower_lip,
        "jaw": np.union1d(lower_lip, middle[y[middle] < y[lower_lip].min()]),
    }


@cache
def _skin_distances() -> NDArray[np.float64]:
    """Distances along the mesh in cm, ndarray of shape (468, 468), around eyes and mouth.

    The mesh also spans the openings: the edges from lid to lid and from lip to lip, which join two
    landmarks of one contour without being part of it, are no skin.
    """
    face, edges = mesh.canonical_face(), mesh.edges()
    skin = np.ones(len(edges), dtype=bool)
    for name in ("left_eye", "right_eye", "lips"):
        outline = {frozenset(edge) for edge in mesh.contours()[name].tolist()}
        within = np.isin(edges, mesh.contours()[name]).all(axis=1)
        skin[within] = [frozenset(edge) in outline for edge in edges[within].tolist()]
    first, second = edges[skin].T
    lengths = np.linalg.norm(face[first] - face[second], axis=1)
    shape = (mesh.N_LANDMARKS, mesh.N_LANDMARKS)
    return dijkstra(coo_array((lengths, (first, second)), shape=shape), directed=False)


@cache
def displacement_field(code: str) -> NDArray[np.float64]:
    """Where an action unit moves each landmark.

    Parameters
    ----------
    code : str
        A key of `ACTION_UNITS`; with an R before it, on the subject's right side alone.

    Returns
    -------
    ndarray of shape (468, 3)
        In cm, at full intensity, in the axes of :func:`~sklearn_temo.mesh.canonical_face`. Zero
        at the landmarks that tell the pose of the head.
    """
    pairs = mesh.mirror_pairs()
    field = np.zeros((mesh.N_LANDMARKS, 3))
    for pull in ACTION_UNITS[code.removeprefix("R")].pulls:
        distance = _skin_distances()[:, _anchors()[pull.anchor]].min(axis=1)
        # A raised cosine, cut where it has fallen to a quarter.
        left = np.where(distance < pull.reach, np.cos(np.pi / 3 * distance / pull.reach) ** 2, 0.0)
        right = left[pairs]
        if code.startswith("R"):
            left = np.zeros_like(right)
        # Where both sides pull, the stronger says how much; sideways they cancel.
        weight = np.maximum(left, right)
        sideways = (left - right) / np.maximum(left + right, np.finfo(float).tiny)
        field += (
            weight[:, None]
            * pull.direction
            * np.stack([sideways, np.ones_like(weight), np.ones_like(weight)], axis=-1)
        )
    field[mesh.pose_weights() > 0] = 0.0
    field.flags.writeable = False
    return field


def moving_landmarks(emotion: str) -> NDArray[np.bool_]:
    """Find the landmarks that an emotion moves.

    Parameters
    ----------
    emotion : str
        A key of `EMOTIONS`.

    Returns
    -------
    ndarray of bool of shape (468,)
    """
    field = np.sum([displacement_field(code) for code in action_units_of(emotion)], axis=0)
    return np.linalg.norm(field, axis=1) >= _LEAST_MOTION_CM
