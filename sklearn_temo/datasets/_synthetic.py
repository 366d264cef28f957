"""Synthetic clips of expressions, in which the moving landmarks are known."""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from .. import mesh
from .._threads import one_thread
from ..layout import LandmarkLayout


class Pull(NamedTuple):
    """Displacement of the skin around one place of the left half of the face."""

    anchor: str
    """Place of the largest displacement: a key of :func:`_anchors`."""
    direction: tuple[float, float, float]
    """Displacement there at full intensity: away from the midline, up and forward, in cm."""
    reach: float
    """Distance along the skin at which the displacement ends, in cm."""


ACTION_UNITS: dict[str, tuple[str, list[Pull]]] = {
    "1": ("inner brow raiser", [Pull("inner brow", (-0.05, 0.6, 0.0), 1.7)]),
    "2": ("outer brow raiser", [Pull("outer brow", (0.05, 0.6, 0.0), 1.5)]),
    "4": ("brow lowerer", [Pull("inner brow", (-0.3, -0.35, 0.1), 2.2)]),
    "5": ("upper lid raiser", [Pull("upper lid", (0.0, 0.25, 0.0), 0.5)]),
    "6": ("cheek raiser", [Pull("cheek", (0.05, 0.35, 0.2), 1.8)]),
    "7": (
        "lid tightener",
        [Pull("lower lid", (0.0, 0.2, 0.0), 0.7), Pull("upper lid", (0.0, -0.15, 0.0), 0.3)],
    ),
    "9": (
        "nose wrinkler",
        [Pull("nose side", (0.05, 0.4, 0.1), 1.5), Pull("upper lip", (0.0, 0.25, 0.1), 0.9)],
    ),
    "12": ("lip corner puller", [Pull("lip corner", (0.6, 0.6, -0.3), 2.2)]),
    "14": ("dimpler", [Pull("lip corner", (0.25, 0.05, -0.35), 1.6)]),
    "15": ("lip corner depressor", [Pull("lip corner", (0.05, -0.5, -0.1), 1.8)]),
    "16": ("lower lip depressor", [Pull("lower lip", (0.0, -0.35, 0.1), 0.9)]),
    "20": ("lip stretcher", [Pull("lip corner", (0.6, -0.15, -0.25), 1.7)]),
    "23": (
        "lip tightener",
        [
            Pull("lip corner", (-0.3, 0.0, 0.0), 1.2),
            Pull("upper lip", (0.0, -0.2, -0.1), 0.4),
            Pull("lower lip", (0.0, 0.2, -0.1), 0.4),
        ],
    ),
    "26": ("jaw drop", [Pull("jaw", (0.0, -1.0, -0.2), 2.0)]),
}

# Action units of each emotion. R is the subject's right side only, as in FACS.
EMOTIONS = {
    "anger": ("4", "5", "7", "23"),
    "contempt": ("R12", "R14"),
    "disgust": ("9", "15", "16"),
    "fear": ("1", "2", "4", "5", "20", "26"),
    "happiness": ("6", "12"),
    "sadness": ("1", "4", "15"),
    "surprise": ("1", "2", "5", "26"),
}

# A landmark that an emotion moves less than this, at full intensity, does not move at all:
# otherwise tracking noise would hide some of the landmarks in `moving`.
_MIN_MOTION_CM = 0.2

# Spread (of the logarithm) of the strength of each action unit of an emotion, between clips.
_STRENGTH_SPREAD = 0.4


@validate_params(
    {
        "n_clips": [Interval(Integral, 1, None, closed="left")],
        "n_frames": [Interval(Integral, 2, None, closed="left")],
        "emotions": ["array-like", None],
        "n_subjects": [Interval(Integral, 1, None, closed="left")],
        "intensity": [tuple, list],
        "duration": [tuple, list],
        "head_motion": [Interval(Real, 0, None, closed="left")],
        "identity": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "size": [tuple, list],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_expression_clips(
    n_clips=300,
    n_frames=16,
    *,
    emotions=None,
    n_subjects=30,
    intensity=(0.2, 1.0),
    duration=(0.25, 0.6),
    head_motion=3.0,
    identity=0.4,
    noise=0.5,
    size=(640, 480),
    random_state=None,
):
    """Make synthetic clips of emotions in which the moving landmarks are known.

    Each clip starts with a neutral face and rises to the apex of its emotion, with random onset,
    speed and strength, on the face of one of the synthetic subjects, whose head moves. The clips
    have the units of the output of :class:`~sklearn_temo.FaceLandmarkTransformer` and can replace
    it in a pipeline.

    Parameters
    ----------
    n_clips : int, default=300
        Number of clips, at least one per emotion. Emotions are balanced to within one clip.
    n_frames : int, default=16
        Frames of a clip, at least 2. Frame 0 is neutral.
    emotions : array-like of str or None, default=None
        Some of anger, contempt, disgust, fear, happiness, sadness and surprise. None selects all.
    n_subjects : int, default=30
        Number of subjects. Each has about ``n_clips / n_subjects`` clips, of different emotions.
    intensity : (float, float), default=(0.2, 1.0)
        Range of the strength of an apex; 1 moves a lip corner by about 0.9 cm.
    duration : (float, float), default=(0.25, 0.6)
        Range of the time from the neutral face to the apex, as a share of the clip. It begins in
        the first 35 % of the clip. With ``(0, 0)`` the apex follows the neutral face at once.
    head_motion : float, default=3.0
        Standard deviation of each of yaw, pitch and roll at the start of a clip, in degrees. Within
        a clip they change by about half as much, and the head shifts and approaches in proportion.
    identity : float, default=0.4
        Root mean square distance between the face of a subject and the canonical face, in cm. The
        mean over 81 people of CK+ is 0.47.
    noise : float, default=0.5
        Standard deviation of the tracking noise in x and y, in pixels; twice that in z. It is
        correlated between neighbours on the mesh.
    size : (int, int), default=(640, 480)
        Width and height of the image in pixels. The width of the face is 5/16 of the shorter side.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same clips in each call.

    Returns
    -------
    data : Bunch
        With the attributes

        data : ndarray of float32 of shape (n_clips, n_frames * 468 * 3)
            Isotropic pixels: x to the right of the image (the subject's left), y down, z away from
            the viewer.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        target_names : ndarray of str of shape (n_emotions,)
            The emotions, sorted: the order of a classifier's `classes_`.
        groups : ndarray of int of shape (n_clips,)
            Subjects.
        moving : ndarray of bool of shape (n_emotions, 468)
            The landmarks that move in each emotion of `target_names`. All others are subject to
            head motion and noise only.
        rise : ndarray of float32 of shape (n_clips, n_frames)
            Share of the apex in each frame: 0 for the neutral face, 1 at the apex.
        action_units : dict of str to list of str
            Number and FACS name of the action units of each emotion.
        layout : LandmarkLayout
            Layout of the columns of `data`.
        DESCR : str
            A description of the clips.

    Raises
    ------
    ValueError
        If an emotion is unknown, `n_clips` is smaller than the number of emotions, `intensity`
        or `size` is not a pair of positive numbers, or `duration` is not a pair from 0 to 1.

    Notes
    -----
    An action unit is a field of displacements: a direction at an anchor on the contours of the
    mesh, times a raised cosine of the distance along the skin, cut off where it has fallen to a
    quarter. The 33 landmarks from which MediaPipe estimates the head pose never move. Left and
    right differ slightly in strength; contempt moves the subject's right side only.

    References
    ----------
    .. [1] Ekman, P., Friesen, W. V. and Hager, J. C. (2002). Facial Action Coding System: The
       Manual. Research Nexus.

    Examples
    --------
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=70, n_subjects=10, random_state=0)
    >>> print(clips.target[0], clips.groups[0])
    sadness 3
    >>> clips.action_units["happiness"]
    ['AU6 cheek raiser', 'AU12 lip corner puller']

    The number of landmarks that move in each emotion:

    >>> for emotion, moving in zip(clips.target_names, clips.moving):
    ...     print(emotion, moving.sum())
    anger 88
    contempt 38
    disgust 92
    fear 149
    happiness 90
    sadness 62
    surprise 135
    """
    names = np.unique(list(EMOTIONS) if emotions is None else emotions)
    if not set(names) <= set(EMOTIONS):
        raise ValueError(f"emotions must be some of {list(EMOTIONS)}, got {names.tolist()}.")
    if not 0 < len(names) <= n_clips:
        raise ValueError(
            f"n_clips={n_clips} clips cannot show {len(names)} emotions; expected one or more "
            "emotions and at least one clip for each."
        )
    low, high = intensity
    if not 0 < low <= high:
        raise ValueError(f"intensity must be (lowest, highest) with 0 < lowest, got {intensity!r}.")
    shortest, longest = duration
    if not 0 <= shortest <= longest <= 1:
        raise ValueError(
            f"duration must be (shortest, longest) with 0 <= shortest and longest <= 1, got "
            f"{duration!r}."
        )
    width, height = size
    if not min(size) > 0:
        raise ValueError(f"size must be (width, height), both positive, got {size!r}.")
    random = check_random_state(random_state)

    order = random.permutation(n_clips)
    classes = (np.arange(n_clips) % len(names))[order]
    subjects = (np.arange(n_clips) * n_subjects // n_clips)[order]

    face = _subject_faces(n_subjects, identity, random)[subjects]
    moving = np.stack([moving_landmarks(name) for name in names])
    apex = _apex(names[classes], low, high, random) * moving[classes][:, :, None]
    rise = _rise(n_clips, n_frames, duration, random)
    clips = face[:, None] + rise[:, :, None, None] * apex[:, None]

    pixels_per_cm = 5 / 16 * min(width, height) / np.ptp(mesh.canonical_face()[:, 0])
    rotation, shift, scale = _head_poses(n_clips, n_frames, head_motion, random)
    clips = np.matmul(clips, (pixels_per_cm * scale * rotation).astype(np.float32))
    clips += (pixels_per_cm * shift).astype(np.float32)
    clips *= np.array([1, -1, -1], dtype=np.float32)
    clips += np.array([width / 2, height / 2, 0], dtype=np.float32)
    if noise > 0:
        clips += np.float32(noise) * _tracking_noise(clips.shape, random).swapaxes(-1, -2)

    layout = LandmarkLayout(n_frames, mesh.N_LANDMARKS, 3)
    return Bunch(
        data=layout.flatten(clips),
        target=names[classes],
        target_names=names,
        groups=subjects,
        moving=moving,
        rise=rise,
        action_units={name: list(map(_full_name, EMOTIONS[name])) for name in names.tolist()},
        layout=layout,
        DESCR=Path(__file__)
        .with_name("descr")
        .joinpath("synthetic.txt")
        .read_text(encoding="utf-8"),
    )


def moving_landmarks(emotion: str) -> NDArray[np.bool_]:
    """Which landmarks an emotion moves, ndarray of shape (468,)."""
    field = np.sum([displacement_field(code) for code in EMOTIONS[emotion]], axis=0)
    return np.linalg.norm(field, axis=1) >= _MIN_MOTION_CM


@cache
def displacement_field(code: str) -> NDArray[np.float64]:
    """Displacement of each landmark by an action unit at full intensity, in cm.

    Parameters
    ----------
    code : str
        A key of `ACTION_UNITS`; a leading R restricts it to the subject's right side.

    Returns
    -------
    ndarray of shape (468, 3)
        In the axes of :func:`~sklearn_temo.mesh.canonical_face`. Zero at the landmarks with a pose
        weight.
    """
    field = np.zeros((mesh.N_LANDMARKS, 3))
    for pull in ACTION_UNITS[code.removeprefix("R")][1]:
        distance = _skin_distances()[:, _anchors()[pull.anchor]].min(axis=1)
        # A raised cosine, cut off where it has fallen to a quarter.
        left = np.where(distance < pull.reach, np.cos(np.pi / 3 * distance / pull.reach) ** 2, 0.0)
        right = left[mesh.mirror_pairs()]
        if code.startswith("R"):
            left = np.zeros_like(right)
        # Where both sides pull, the larger displacement counts; sideways they cancel.
        displacement = np.maximum(left, right)[:, None] * pull.direction
        displacement[:, 0] *= (left - right) / np.maximum(left + right, np.finfo(float).tiny)
        field += displacement
    field[mesh.pose_weights() > 0] = 0.0
    field.flags.writeable = False
    return field


@cache
def _anchors() -> dict[str, NDArray[np.intp]]:
    """Landmarks of the left half and the midline at which action units pull."""
    face = mesh.canonical_face()
    x, y = face[:, 0], face[:, 1]
    contour = {name: np.unique(table) for name, table in mesh.contours().items()}
    inner_eye, outer_eye = sorted(mesh.eye_corners()[1], key=lambda landmark: x[landmark])
    eye, brow = np.setdiff1d(contour["left_eye"], (inner_eye, outer_eye)), contour["left_eyebrow"]
    lips = contour["lips"][x[contour["lips"]] >= 0]
    corner, nose_wing = lips[x[lips].argmax()], contour["nose"][x[contour["nose"]].argmax()]
    slope = (y[outer_eye] - y[inner_eye]) / (x[outer_eye] - x[inner_eye])
    above_corners = y[eye] > y[inner_eye] + slope * (x[eye] - x[inner_eye])
    mid_lips = lips[x[lips] < 0.6 * x[corner]]
    lower_lip = mid_lips[y[mid_lips] < y[corner]]
    midline = np.flatnonzero(mesh.mirror_pairs() == np.arange(mesh.N_LANDMARKS))

    def nearest_to_middle(*landmarks: np.intp) -> NDArray[np.intp]:
        middle = face[list(landmarks)].mean(axis=0)
        return np.array([np.linalg.norm(face - middle, axis=1).argmin()])

    return {
        "inner brow": brow[np.argsort(x[brow])[:2]],
        "outer brow": brow[x[brow] > x[brow].mean()],
        "upper lid": eye[above_corners],
        "lower lid": eye[~above_corners],
        "cheek": nearest_to_middle(outer_eye, nose_wing),
        "nose side": nearest_to_middle(inner_eye, nose_wing),
        "lip corner": np.array([corner]),
        "upper lip": mid_lips[y[mid_lips] > y[corner]],
        "lower lip": lower_lip,
        "jaw": np.union1d(lower_lip, midline[y[midline] < y[lower_lip].min()]),
    }


@cache
def _skin_distances() -> NDArray[np.float64]:
    """Distances along the skin in cm, ndarray of shape (468, 468).

    The mesh spans the eyes and the mouth. Edges across these openings, between two landmarks of a
    contour that are not neighbours on it, are not skin.
    """
    face, edges = mesh.canonical_face(), mesh.edges()
    for name in ("left_eye", "right_eye", "lips"):
        outline = np.sort(mesh.contours()[name], axis=1)
        is_outline = (edges[:, None] == outline).all(axis=2).any(axis=1)
        edges = edges[is_outline | ~np.isin(edges, outline).all(axis=1)]
    first, second = edges.T
    lengths = np.linalg.norm(face[first] - face[second], axis=1)
    shape = (mesh.N_LANDMARKS, mesh.N_LANDMARKS)
    return dijkstra(coo_array((lengths, (first, second)), shape=shape), directed=False)


def _full_name(code: str) -> str:
    number = code.removeprefix("R")
    side = " (right side)" if code.startswith("R") else ""
    return f"AU{number} {ACTION_UNITS[number][0]}{side}"


def _apex(target: NDArray[Any], low: float, high: float, random: RandomState) -> NDArray[Any]:
    """Displacements in cm at the apex of each clip, ndarray of shape (n_clips, 468, 3)."""
    codes = sorted({code for name in np.unique(target) for code in EMOTIONS[name]})
    strength = random.uniform(low, high, size=(len(target), 1)) * [
        [code in EMOTIONS[name] for code in codes] for name in target
    ]
    # People combine the action units of an emotion in different proportions.
    strength *= random.lognormal(sigma=_STRENGTH_SPREAD, size=strength.shape)
    fields = np.stack([displacement_field(code) for code in codes]).astype(np.float32)
    apex = np.tensordot(strength.astype(np.float32), fields, axes=1)
    sides = np.tanh(mesh.canonical_face()[:, 0])
    apex *= (1 + random.normal(scale=0.08, size=(len(target), 1)) * sides)[:, :, None]
    return apex


def _rise(
    n_clips: int, n_frames: int, duration: tuple[float, float], random: RandomState
) -> NDArray[np.float32]:
    """Share of the apex in each frame, from 0 to 1, ndarray of shape (n_clips, n_frames)."""
    onset = random.uniform(0.0, 0.35, size=(n_clips, 1))
    lasts = np.maximum(random.uniform(*duration, size=(n_clips, 1)), np.finfo(float).eps)
    phase = np.clip((np.linspace(0, 1, n_frames) - onset) / lasts, 0, 1)
    return (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)


def _subject_faces(n_subjects: int, identity: float, random: RandomState) -> NDArray[np.float32]:
    """Symmetric neutral faces in cm, ndarray of shape (n_subjects, 468, 3).

    The canonical face is stretched, displaced smoothly around a dozen places, and has a small
    amount of each action unit.
    """
    face = mesh.canonical_face()
    stretch = 0.05 * random.normal(size=(n_subjects, 1, 3)) * face
    places = face[random.randint(mesh.N_LANDMARKS, size=(n_subjects, 12))]
    distance = np.linalg.norm(face[None, :, None] - places[:, None], axis=-1)
    bulges = np.exp(-0.5 * (distance / 2.5) ** 2) @ (0.2 * random.normal(size=(n_subjects, 12, 3)))
    fields = np.stack([displacement_field(code) for code in ACTION_UNITS])
    posture = np.tensordot(0.1 * random.normal(size=(n_subjects, len(fields))), fields, axes=1)
    change = stretch + bulges + posture
    change = (change + change[:, mesh.mirror_pairs()] * [-1, 1, 1]) / 2
    size = np.sqrt((change**2).sum(axis=-1).mean(axis=-1))
    return (face + identity * change / size[:, None, None]).astype(np.float32)


def _head_poses(
    n_clips: int, n_frames: int, head_motion: float, random: RandomState
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rotation (for row vectors), shift in cm and scale of each frame.

    Shapes are (n_clips, n_frames, 3, 3), (n_clips, n_frames, 1, 3) and (n_clips, n_frames, 1, 1).
    """
    time = np.linspace(0, 1, n_frames)[:, None]
    start, sway = random.normal(size=(2, n_clips, 1, 7)) * head_motion
    phase = random.uniform(0, 2 * np.pi, size=(n_clips, 1, 7))
    tempo = 2 * np.pi * random.uniform(0.2, 0.8, size=(n_clips, 1, 7))
    pose = start + 0.5 * sway * np.sin(tempo * time + phase)
    pitch, yaw, roll = np.moveaxis(np.deg2rad(pose[..., :3]), -1, 0)
    rotation = np.eye(3)
    for angle, (i, j) in ((roll, (0, 1)), (yaw, (2, 0)), (pitch, (1, 2))):
        turn = np.broadcast_to(np.eye(3), (n_clips, n_frames, 3, 3)).copy()
        turn[..., i, i] = turn[..., j, j] = np.cos(angle)
        turn[..., i, j] = np.sin(angle)
        turn[..., j, i] = -np.sin(angle)
        rotation = turn @ rotation
    shift = 0.2 * pose[..., None, 3:6] * [1, 1, 0]
    return rotation, shift, np.exp(0.01 * pose[..., None, 6:])


def _tracking_noise(shape: tuple[int, ...], random: RandomState) -> NDArray[np.float32]:
    """Noise of standard deviation 1 in x and y and 2 in z, about half of it shared by neighbours.

    ndarray of shape (n_clips, n_frames, 3, 468)
    """
    face = mesh.canonical_face()
    nearby = np.exp(-0.5 * (np.linalg.norm(face[:, None] - face, axis=-1) / 1.5) ** 2)
    nearby /= np.linalg.norm(nearby, axis=1, keepdims=True)
    mixing = nearby + np.eye(len(face))
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
    # Landmarks last: one large matrix product, ten times as fast as one per frame.
    white = random.standard_normal((*shape[:-2], 3, len(face))).astype(np.float32)
    white *= np.array([1, 1, 2], dtype=np.float32)[:, None]
    # The rounding of large products depends on the number of threads.
    with one_thread():
        return (white.reshape(-1, len(face)) @ mixing.T.astype(np.float32)).reshape(white.shape)
