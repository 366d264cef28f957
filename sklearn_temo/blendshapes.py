"""Blendshapes: facial actions with a number from 0 to 1 in each frame, computed from landmarks.

Examples
--------
>>> from sklearn_temo import blendshapes
>>> len(blendshapes.NAMES), blendshapes.NAMES[44]
(52, 'mouthSmileLeft')
>>> blendshapes.MIRROR["mouthSmileLeft"]
'mouthSmileRight'
>>> blendshapes.ACTION_UNITS["mouthSmileLeft"]
(12,)
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from . import mesh

NAMES = (
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""The 52 blendshapes of MediaPipe's Face Landmarker, in its order."""

_OTHER_SIDE = {"Left": "Right", "Right": "Left"}

MIRROR = {name: re.sub("Left|Right", lambda side: _OTHER_SIDE[side[0]], name) for name in NAMES}
"""Name of each blendshape in the mirror image of a face; its own name where it has no side."""

_UNITS_OF_BOTH_SIDES = {
    "browDown": (4,),
    "browOuterUp": (2,),
    "cheekSquint": (6,),
    "eyeBlink": (43, 45),
    "eyeLookDown": (64,),
    "eyeLookUp": (63,),
    "eyeSquint": (7,),
    "eyeWide": (5,),
    "jaw": (30,),
    "mouth": (),
    "mouthDimple": (14,),
    "mouthFrown": (15,),
    "mouthLowerDown": (16,),
    "mouthPress": (24,),
    "mouthSmile": (12,),
    "mouthStretch": (20,),
    "mouthUpperUp": (10,),
    "noseSneer": (9,),
}
# Both eyes turn to the left (61) or to the right (62), outwards (65) or inwards (66).
_OTHER_UNITS: dict[str, tuple[int, ...]] = {
    "_neutral": (),
    "browInnerUp": (1,),
    "cheekPuff": (34,),
    "eyeLookInLeft": (62, 66),
    "eyeLookInRight": (61, 66),
    "eyeLookOutLeft": (61, 65),
    "eyeLookOutRight": (62, 65),
    "jawForward": (29,),
    "jawOpen": (26, 27),
    "mouthClose": (8,),
    "mouthFunnel": (22,),
    "mouthPucker": (18,),
    "mouthRollLower": (28,),
    "mouthRollUpper": (28,),
    "mouthShrugLower": (17,),
    "mouthShrugUpper": (17,),
}

ACTION_UNITS: dict[str, tuple[int, ...]] = {
    name: _OTHER_UNITS[name]
    if name in _OTHER_UNITS
    else _UNITS_OF_BOTH_SIDES[name.removesuffix("Left").removesuffix("Right")]
    for name in NAMES
}
"""Numbers of the action units of FACS whose movement each blendshape is named after.

They are no measurement of action units, see :ref:`action_units`. Empty where FACS has none.
"""

# The landmarks that the network takes: kLandmarksSubsetIdxs in MediaPipe's face_blendshapes_graph.
# fmt: off
_POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66,
    67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144,
    145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173,
    176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284,
    285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332,
    334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
])
# fmt: on

# Frames that are computed together: the arrays of more of them do not fit in the processor's cache.
_N_TOGETHER = 8

_EPSILON = 1e-6  # of the network's layer normalisation


# Of a mesh without irises, as shares of the width of the eye: the place of the centre of an iris,
# from the mean of the contour of the eye, away from the nose and up, and its radius. They are the
# means of the bundled clips, whose speakers look into the camera.
_IRIS_PLACE, _IRIS_RADIUS = (0.052, 0.038), 0.22


def predict_blendshapes(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Compute blendshapes from landmarks, with the weights of MediaPipe's network.

    Parameters
    ----------
    landmarks : array-like of shape (..., n_landmarks, n_coords)
        Positions of a full mesh in isotropic units such as pixels, x to the right and y down; z is
        not used. 478 landmarks, or 468 without the irises.

    Returns
    -------
    ndarray of float32 of shape (..., 52)
        From 0 to 1, in the order of `NAMES`. NaN in frames in which a landmark that the network
        takes is NaN, or in which all landmarks are at the same point.

    Raises
    ------
    ValueError
        If the landmarks are not those of a full mesh.

    See Also
    --------
    sklearn_temo.BlendshapeTransformer : Does this for the rows of a pipeline.

    Notes
    -----
    The network takes x and y of 146 landmarks. The position and the size of the face do not matter;
    its rotation does. The results are those of MediaPipe's Face Landmarker, up to rounding.

    With 468 landmarks, the irises are placed where they are if the person looks into the camera.
    The blendshapes ``eyeLook...`` then show only what the eyelids tell of the gaze; the other
    blendshapes change little.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.blendshapes import NAMES, predict_blendshapes
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> sample = load_cremad_sample()
    >>> extraction = FaceLandmarkTransformer(n_frames=1, n_landmarks=478, sampling=(1, 2))
    >>> frames = [clip.landmarks[0] for clip in extraction.extract(sample.data)]
    >>> smile = predict_blendshapes(frames)[:, NAMES.index("mouthSmileLeft")]
    >>> print(sample.target[smile.argmax()], smile.max().round(1))
    happiness 0.8
    """
    points = np.asarray(landmarks)
    n_landmarks = points.shape[-2] if points.ndim > 1 else 0
    if not mesh.is_full_mesh(n_landmarks) or points.shape[-1] < 2:
        raise ValueError(
            f"landmarks have shape {points.shape}, expected (..., n_landmarks, n_coords) with 468 "
            "or 478 landmarks and x and y: pass all landmarks of the face mesh."
        )
    frames = points[..., :2].reshape(-1, n_landmarks, 2)
    if n_landmarks == mesh.N_LANDMARKS:
        frames = np.concatenate([frames, _place_irises(frames)], axis=1)
    frames = frames[:, _POINTS]
    blendshapes = np.empty((len(frames), len(NAMES)), np.float32)
    for start in range(0, len(frames), _N_TOGETHER):
        part = slice(start, start + _N_TOGETHER)
        blendshapes[part] = _run_network(frames[part])
    return blendshapes.reshape(*points.shape[:-2], len(NAMES))


def _place_irises(frames: NDArray[Any]) -> NDArray[Any]:
    """Landmarks of the irises of eyes that look into the camera, of shape (n_frames, 10, 2)."""
    irises = []
    for eye, corners, sign in zip(("right", "left"), mesh.eye_corners(), (1, -1), strict=True):
        outer, inner = frames[:, corners].swapaxes(0, 1)
        across = sign * (inner - outer)  # to the right in the picture, as long as the eye is wide
        down = np.stack([-across[:, 1], across[:, 0]], axis=-1)
        away, up = _IRIS_PLACE
        centre = frames[:, np.unique(mesh.contours()[f"{eye}_eye"])].mean(axis=1)
        centre = centre - sign * away * across - up * down
        ring = [_IRIS_RADIUS * step for step in (across, -down, -across, down)]
        irises += [centre, *(centre + step for step in ring)]
    return np.stack(irises, axis=1)


def _run_network(points: NDArray[Any]) -> NDArray[np.float32]:
    """Output of the network, an MLP-Mixer, for points of shape (n_frames, 146, 2)."""
    outer, blocks = _weights()
    points = points - points.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        points = points / np.hypot(*np.moveaxis(points, -1, 0)).mean(axis=1)[:, None, None]
    points = (0.5 * points).astype(np.float32)
    # Tokens are along the first axis, so that each layer is one product of matrices for all frames.
    columns = outer["points"] @ points.swapaxes(0, 1).reshape(len(_POINTS), -1)
    columns += outer["points_bias"][:, None]
    rows = columns.reshape(-1, 2) @ outer["coordinates"].T + outer["coordinates_bias"]
    n_frames, n_channels = len(points), rows.shape[1]
    rows = np.concatenate([np.broadcast_to(outer["extra_token"], (n_frames, n_channels)), rows])
    for block in blocks:
        columns = _normalise(rows, block["norm_1"]).reshape(-1, n_frames * n_channels)
        hidden = block["token_1"] @ columns
        hidden += block["token_1_bias"][:, None]
        columns = block["token_2"] @ np.maximum(hidden, 0, out=hidden)
        columns += block["token_2_bias"][:, None]
        rows += columns.reshape(rows.shape)
        if block is blocks[-1]:
            rows = rows[:n_frames]  # the output depends on the extra token only
        hidden = _normalise(rows, block["norm_2"]) @ block["channel_1"].T
        hidden += block["channel_1_bias"]
        rows += np.maximum(hidden, 0, out=hidden) @ block["channel_2"].T
        rows += block["channel_2_bias"]
    return expit(rows @ outer["output"].T + outer["output_bias"])


def _normalise(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = rows - rows.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    centred *= weights / np.sqrt(variance + _EPSILON)
    return centred


@cache
def _weights() -> tuple[dict[str, NDArray[np.float32]], list[dict[str, NDArray[np.float32]]]]:
    """Weights of the layers outside the blocks, and of each block."""
    path = resources.files("sklearn_temo") / "models" / "face_blendshapes.npz"
    with path.open("rb") as file, np.load(file) as archive:
        arrays = {name: array.astype(np.float32) for name, array in archive.items()}
    stacked = [name for name in arrays if name.startswith(("norm", "token", "channel"))]
    n_blocks = len(arrays["norm_1"])
    blocks = [{name: arrays[name][block] for name in stacked} for block in range(n_blocks)]
    return {name: arrays[name] for name in arrays.keys() - stacked}, blocks
