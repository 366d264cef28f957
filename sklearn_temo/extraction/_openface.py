"""Columns of a table with the names, units and axes of OpenFace 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..blendshapes import NAMES
from ._table_columns import (
    FLAG,
    FLOAT32,
    NUMBER,
    OF_CLIPS,
    TEXT,
    WHOLE,
    Arrays,
    count_landmarks,
    stack,
)

_MILLIMETRES = 10  # in a centimetre, the unit of the head pose

# MediaPipe's y is up and its z towards the camera; those of OpenFace are opposite.
_AXES = np.diag([1.0, -1.0, -1.0])

_GAZE = [f"gaze_{eye}_{axis}" for eye in range(2) for axis in "xyz"]
_POSE = [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]

_NEEDED = {"source": TEXT, "frame": WHOLE, "timestamp": NUMBER, "success": FLAG}


def to_openface(arrays: Arrays) -> Arrays:
    """Columns with OpenFace's names, in its order; those that it does not have come last."""
    success = arrays["detected"].astype(np.int8)
    columns: Arrays = {
        "frame": arrays["frame"] + 1,
        "face_id": np.zeros_like(arrays["frame"]),
        "timestamp": arrays["time"],
        "confidence": success.astype(np.float64),
        "success": success,
    }
    if "gaze" in arrays:
        gaze = arrays["gaze"]
        columns |= zip(_GAZE, gaze.reshape(-1, 6).T, strict=True)
        x, y, z = gaze.mean(axis=1).T
        columns |= {"gaze_angle_x": np.arctan2(x, -z), "gaze_angle_y": np.arctan2(y, -z)}
    if "head_pose" in arrays:
        columns |= zip(_POSE, _to_pose(arrays["head_pose"]).T, strict=True)
    landmarks = arrays["landmarks"]
    columns |= zip(
        _coordinate_names(landmarks.shape[1]),
        np.ascontiguousarray(landmarks.transpose(2, 1, 0)).reshape(-1, len(landmarks)),
        strict=True,
    )
    others = ("source", *OF_CLIPS, "width", "height", "fps")
    columns |= {name: arrays[name] for name in others if name in arrays}
    if "blendshapes" in arrays:
        columns |= zip(NAMES, arrays["blendshapes"].T, strict=True)
    return columns


def is_openface(header: Sequence[str]) -> bool:
    """Whether the columns of a table have OpenFace's names."""
    return "timestamp" in header and "success" in header


def columns_to_read(header: Sequence[str]) -> dict[str, str]:
    """What each column holds of a table with this header that is read, or is needed.

    Raises ValueError for a table that OpenFace wrote.
    """
    if "x_0" in header and "z_0" not in header:
        raise ValueError(
            "it has no columns z_0, z_1, ...: the landmarks of OpenFace itself are others than "
            "those of MediaPipe, and have no z; extract the clips again with sklearn_temo"
        )
    kinds = _NEEDED | {name: kind for name, kind in OF_CLIPS.items() if name in header}
    for names in (_GAZE, _POSE, NAMES):
        if not set(names).isdisjoint(header):
            kinds |= dict.fromkeys(names, FLOAT32)
    return kinds | dict.fromkeys(_coordinate_names(count_landmarks(header, r"x_(\d+)")), FLOAT32)


def from_openface(columns: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays of a table from its columns."""
    arrays = {
        "source": columns["source"],
        **{name: columns[name] for name in OF_CLIPS if name in columns},
        "frame": columns["frame"] - 1,
        "time": columns["timestamp"],
        "detected": columns["success"],
    }
    if _GAZE[0] in columns:
        arrays["gaze"] = stack(columns, _GAZE, (2, 3))
    if _POSE[0] in columns:
        arrays["head_pose"] = _from_pose(stack(columns, _POSE, (6,)))
    if NAMES[0] in columns:
        arrays["blendshapes"] = stack(columns, NAMES, (len(NAMES),))
    n_landmarks = count_landmarks(columns, r"x_(\d+)")
    coordinates = stack(columns, _coordinate_names(n_landmarks), (3, n_landmarks))
    arrays["landmarks"] = coordinates.transpose(0, 2, 1)
    return arrays


def _coordinate_names(n_landmarks: int) -> list[str]:
    return [f"{axis}_{landmark}" for axis in "xyz" for landmark in range(n_landmarks)]


def _to_pose(matrices: NDArray[Any]) -> NDArray[np.float32]:
    """Translation in millimetres and angles in radians, of shape (n_rows, 6)."""
    from scipy.spatial.transform import Rotation

    pose = np.full((len(matrices), 6), np.nan, dtype=np.float32)
    known = np.isfinite(matrices).all(axis=(1, 2))
    if known.any():
        matrices = matrices[known].astype(np.float64)
        pose[known, :3] = _MILLIMETRES * matrices[:, :3, 3] @ _AXES
        # Capital letters: R = Rx Ry Rz. A scale in the matrix is removed.
        rotations = Rotation.from_matrix(_AXES @ matrices[:, :3, :3] @ _AXES)
        pose[known, 3:] = rotations.as_euler("XYZ")
    return pose


def _from_pose(pose: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrices of shape (n_rows, 4, 4), the inverse of :func:`_to_pose`."""
    from scipy.spatial.transform import Rotation

    matrices = np.full((len(pose), 4, 4), np.nan, dtype=np.float32)
    known = np.isfinite(pose).all(axis=1)
    if known.any():
        matrices[known] = np.eye(4)
        rotations = Rotation.from_euler("XYZ", pose[known, 3:]).as_matrix()
        matrices[known, :3, :3] = _AXES @ rotations @ _AXES
        matrices[known, :3, 3] = pose[known, :3] @ _AXES / _MILLIMETRES
    return matrices
