"""Made clips of faces whose moving landmarks are known: a ground truth for selection."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from .. import mesh
from ..layout import LandmarkLayout
from ._action_units import (
    ACTION_UNITS,
    EMOTIONS,
    action_unit_names,
    action_units_of,
    displacement_field,
    moving_landmarks,
)

# Spread (of the logarithm) of each action unit's strength within an emotion, from clip to clip.
_VARIETY = 0.4

_DESCR = """\
Made expression clips

Clips of the canonical face of MediaPipe whose facial action units (FACS) are played from neutral to
an apex by made people. Which landmarks move in each emotion is known exactly (`moving`), so that
what a selector keeps can be compared with the truth. Emotions are combined from action units after
Ekman and Friesen (EMFACS). No recording of a person went into them, and an accuracy measured on
them says nothing about real faces.
"""


@validate_params(
    {
        "n_clips": [Interval(Integral, 1, None, closed="left")],
        "n_frames": [Interval(Integral, 2, None, closed="left")],
        "emotions": ["array-like", None],
        "n_subjects": [Interval(Integral, 1, None, closed="left")],
        "intensity": [tuple, list],
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
    head_motion=3.0,
    identity=0.4,
    noise=0.5,
    size=(640, 480),
    random_state=None,
):
    """Make clips of emotions of which the landmarks that move are known.

    Every clip starts with a neutral face and rises to the apex of its emotion at a random moment,
    at a random speed and strength, on the face of one of the made subjects, whose head moves. The
    clips are rendered in the units of :class:`~sklearn_temo.FaceLandmarkTransformer` and take its
    place in a pipeline.

    Parameters
    ----------
    n_clips : int, default=300
        At least one per emotion; emotions are balanced to within one clip.
    n_frames : int, default=16
        Frames of a clip, at least 2. Frame 0 is neutral.
    emotions : array-like of str or None, default=None
        Some of anger, contempt, disgust, fear, happiness, sadness and surprise; None is all.
    n_subjects : int, default=30
        People. Each shows about ``n_clips / n_subjects`` clips, of different emotions.
    intensity : (float, float), default=(0.2, 1.0)
        Range of the strength of an apex; 1 moves a lip corner by about 0.9 cm.
    head_motion : float, default=3.0
        Standard deviation of each of yaw, pitch and roll at the start of a clip, in degrees; half
        as much again comes and goes within the clip, and the head shifts and approaches in
        proportion.
    identity : float, default=0.4
        Root mean square distance between the faces of a subject and of MediaPipe, in cm. The mean
        over the 81 people of CK+ is 0.47.
    noise : float, default=0.5
        Standard deviation of the tracker's jitter in x and y, in pixels, twice that in z. It is
        correlated between neighbours on the mesh.
    size : (int, int), default=(640, 480)
        Width and height of the picture in pixels. The face is 5/16 of the shorter side wide.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same clips at every call.

    Returns
    -------
    data : Bunch
        With the attributes

        data : ndarray of float32 of shape (n_clips, n_frames * 468 * 3)
            Isotropic pixels: x to the right of the picture (the subject's left), y down, z away
            from the viewer.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        groups : ndarray of int of shape (n_clips,)
            Subjects.
        moving : ndarray of bool of shape (n_emotions, 468)
            The truth: which landmarks move in the clips of each emotion. All others only follow
            the head and the jitter.
        target_names : ndarray of str of shape (n_emotions,)
            What the rows of `moving` are, in the order of a classifier's `classes_`.
        action_units : dict of str to list of str
            Number and FACS name of the action units of each emotion.
        layout : LandmarkLayout
            Of the columns of `data`.
        DESCR : str
            What the clips are.

    Raises
    ------
    ValueError
        If an emotion is not known, or `n_clips` is too small to show each once.

    Notes
    -----
    An action unit is a field of displacements: a direction at an anchor found on the contours of
    the mesh, times a raised cosine of the distance along the skin that ends where it has fallen to
    a quarter. The 33 landmarks that MediaPipe takes the pose of the head from are held still. Left
    and right differ a little in strength; contempt is on the subject's right alone.

    References
    ----------
    .. [1] Ekman, P., Friesen, W. V. and Hager, J. C. (2002). Facial Action Coding System: The
       Manual. Research Nexus.

    Examples
    --------
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=70, n_subjects=10, random_state=0)
    >>> clips.data.shape
    (70, 22464)
    >>> clips.action_units["happiness"]
    ['AU6 cheek raiser', 'AU12 lip corner puller']
    >>> clips.moving.shape
    (7, 468)
    """
    names = _check_emotions(emotions, n_clips)
    low, high = _check_pair("intensity", intensity)
    if low > high:
        raise ValueError(f"intensity must be (lowest, highest), got {intensity!r}.")
    width, height = _check_pair("size", size)
    random = check_random_state(random_state)

    order = random.permutation(n_clips)
    classes = (np.arange(n_clips) % len(names))[order]
    subjects = (np.arange(n_clips) * n_subjects // n_clips)[order]
    moving = np.stack([moving_landmarks(name) for name in names.tolist()])

    face = _subject_faces(n_subjects, identity, random)[subjects]
    apex = _apex(names, moving, classes, (low, high), random)
    course = _course(n_clips, n_frames, random)[:, :, None, None]
    clips = face[:, None] + course * apex[:, None]

    pixels_per_cm = 5 / 16 * min(width, height) / np.ptp(mesh.canonical_face()[:, 0])
    rotation, shift, scale = _head_poses(n_clips, n_frames, head_motion, random)
    clips = np.matmul(clips, (pixels_per_cm * scale * rotation).astype(np.float32))
    clips += (pixels_per_cm * shift).astype(np.float32)
    clips *= np.array([1, -1, -1], dtype=np.float32)
    clips += np.array([width / 2, height / 2, 0], dtype=np.float32)
    if noise > 0:
        clips += np.float32(noise) * _jitter(clips.shape, random).swapaxes(-1, -2)

    layout = LandmarkLayout(n_frames, mesh.N_LANDMARKS, 3)
    return Bunch(
        data=layout.flatten(clips),
        target=names[classes],
        groups=subjects,
        moving=moving,
        target_names=names,
        action_units={name: action_unit_names(name) for name in names.tolist()},
        layout=layout,
        DESCR=_DESCR,
    )


def _check_emotions(emotions: Any, n_clips: int) -> NDArray[np.str_]:
    """Names of the emotions, sorted."""
    wanted = list(EMOTIONS) if emotions is None else [str(name) for name in emotions]
    unknown = sorted(set(wanted) - set(EMOTIONS))
    if unknown:
        raise ValueError(f"emotions has unknown {unknown}; known are {list(EMOTIONS)}.")
    if not wanted or len(set(wanted)) < len(wanted):
        raise ValueError(f"emotions must name one or more, each once, got {wanted}.")
    if n_clips < len(wanted):
        raise ValueError(
            f"n_clips={n_clips} is too small to show each of the {len(wanted)} emotions "
            f"{sorted(wanted)} once."
        )
    return np.array(sorted(wanted))


def _check_pair(name: str, pair: Any) -> tuple[float, float]:
    if len(pair) != 2 or not all(isinstance(value, Real) and float(value) > 0 for value in pair):
        raise ValueError(f"{name} must be two positive numbers, got {pair!r}.")
    first, second = pair
    return float(first), float(second)


def _apex(
    names: NDArray[np.str_],
    moving: NDArray[np.bool_],
    classes: NDArray[np.intp],
    intensity: tuple[float, float],
    random: np.random.RandomState,
) -> NDArray[np.float32]:
    """Displacements in cm at the apex of each clip, ndarray of shape (n_clips, 468, 3)."""
    codes = sorted({code for name in names for code in action_units_of(name)})
    takes_part = np.array([[code in action_units_of(n) for code in codes] for n in names])
    strength = random.uniform(*intensity, size=(len(classes), 1)) * takes_part[classes]
    # People never use the muscles of an emotion in quite the same proportion.
    strength *= random.lognormal(sigma=_VARIETY, size=strength.shape)
    fields = np.stack([displacement_field(code) for code in codes]).astype(np.float32)
    apex = np.tensordot(strength.astype(np.float32), fields, axes=1)
    sides = np.tanh(mesh.canonical_face()[:, 0])
    apex *= (1 + random.normal(scale=0.08, size=(len(classes), 1)) * sides)[:, :, None]
    return apex * moving[classes][:, :, None]


def _course(n_clips: int, n_frames: int, random: np.random.RandomState) -> NDArray[np.float32]:
    """From 0 in frame 0 to 1 at the apex, ndarray of shape (n_clips, n_frames)."""
    onset = random.uniform(0.0, 0.35, size=(n_clips, 1))
    duration = random.uniform(0.25, 0.6, size=(n_clips, 1))
    risen = np.clip((np.linspace(0, 1, n_frames) - onset) / duration, 0, 1)
    return (0.5 - 0.5 * np.cos(np.pi * risen)).astype(np.float32)


def _subject_faces(
    n_subjects: int, identity: float, random: np.random.RandomState
) -> NDArray[np.float32]:
    """Neutral faces in cm, ndarray of shape (n_subjects, 468, 3), symmetric.

    A face is stretched, bulges in a dozen places, and has habits: a trace of some action units.
    """
    face = mesh.canonical_face()
    stretch = 0.05 * random.normal(size=(n_subjects, 1, 3)) * face
    places = face[random.randint(mesh.N_LANDMARKS, size=(n_subjects, 12))]
    distance = np.linalg.norm(face[None, :, None] - places[:, None], axis=-1)
    bulges = np.exp(-0.5 * (distance / 2.5) ** 2) @ (0.2 * random.normal(size=(n_subjects, 12, 3)))
    fields = np.stack([displacement_field(code) for code in ACTION_UNITS])
    habits = np.tensordot(0.1 * random.normal(size=(n_subjects, len(fields))), fields, axes=1)
    change = stretch + bulges + habits
    change = (change + change[:, mesh.mirror_pairs()] * [-1, 1, 1]) / 2
    size = np.sqrt((change**2).sum(axis=-1).mean(axis=-1))
    return (face + identity * change / size[:, None, None]).astype(np.float32)


def _head_poses(
    n_clips: int, n_frames: int, head_motion: float, random: np.random.RandomState
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


def _jitter(shape: tuple[int, ...], random: np.random.RandomState) -> NDArray[np.float32]:
    """Noise of standard deviation 1 in x and y and 2 in z, about half of it shared nearby.

    ndarray of shape (n_clips, n_frames, 3, 468)
    """
    face = mesh.canonical_face()
    nearby = np.exp(-0.5 * (np.linalg.norm(face[:, None] - face, axis=-1) / 1.5) ** 2)
    nearby /= np.linalg.norm(nearby, axis=1, keepdims=True)
    mixing = nearby + np.eye(len(face))
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
    # Landmarks last: one large product of matrices, ten times as fast as one per frame.
    white = random.standard_normal((*shape[:-2], 3, len(face))).astype(np.float32)
    white *= np.array([1, 1, 2], dtype=np.float32)[:, None]
    return (white.reshape(-1, len(face)) @ mixing.T.astype(np.float32)).reshape(white.shape)
