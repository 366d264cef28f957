"""The face mesh of MediaPipe: its geometry, regions and symmetry.

Everything is derived from the bundled model file (its geometry metadata) and from MediaPipe's
connection tables, which ``tools/write_face_connections.py`` copies into the package. Left and
right are the subject's own, as in MediaPipe: the subject's left is where x is large.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = [
    "MODEL_SHA256",
    "N_LANDMARKS",
    "canonical_face",
    "contours",
    "edges",
    "eye_centres",
    "eye_corners",
    "is_full_mesh",
    "mirror_pairs",
    "model_path",
    "pose_weights",
    "regions",
    "triangles",
]

N_LANDMARKS = 468
"""Landmarks of the mesh; the model adds ten of the irises, 478 in all."""

N_LANDMARKS_WITH_IRISES = 478

FULL_MESHES = (N_LANDMARKS, N_LANDMARKS_WITH_IRISES)

MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"

_GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"

# The canonical face has no irises. These are the pairs that real faces show: the two centres, and
# each ring from the point nearest the nose on round (a test compares them with extracted faces).
_IRIS_PAIRS = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))


@cache
def model_path() -> Path:
    """Path of the bundled Face Landmarker model, verified once per process.

    Returns
    -------
    Path
        ``face_landmarker.task``, Google's MediaPipe Face Landmarker (float16, version 1).

    Raises
    ------
    RuntimeError
        If the file is not the one that the package was built with.
    """
    path = Path(str(resources.files("sklearn_temo") / "models" / "face_landmarker.task"))
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
    if found != MODEL_SHA256:
        raise RuntimeError(
            f"the bundled model {path} is damaged: its SHA-256 is {found}, expected "
            f"{MODEL_SHA256}; install sklearn-temo again."
        )
    return path


@cache
def canonical_face() -> NDArray[np.float64]:
    """Positions of the mesh on MediaPipe's canonical face.

    Returns
    -------
    ndarray of shape (468, 3)
        In centimetres; x to the subject's left, y **up**, z towards the viewer. (Extracted
        landmarks have y down and z away from the viewer.)
    """
    return _read_only(_vertices()[:, :3])


@cache
def triangles() -> NDArray[np.intp]:
    """Triangles of the mesh, ndarray of shape (898, 3)."""
    packed = [number for field, number in _fields(_mesh_message()) if field == 4]
    return _read_only(np.array(packed, dtype=np.intp).reshape(-1, 3))


@cache
def edges() -> NDArray[np.intp]:
    """Edges of the triangles, each once, ndarray of shape (1365, 2)."""
    sides = triangles()[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    return _read_only(np.unique(np.sort(sides, axis=1), axis=0))


@cache
def pose_weights() -> NDArray[np.float64]:
    """How much each landmark says of the head's pose.

    Returns
    -------
    ndarray of shape (468,)
        MediaPipe's own weights: positive at the 33 landmarks that expressions hardly move, zero
        elsewhere; they sum to 1.
    """
    weights = np.zeros(N_LANDMARKS)
    for field, message in _fields(_geometry()):
        if field == 2:
            entry = dict(_fields(message))
            weights[entry[1]] = entry[2]
    return _read_only(weights / weights.sum())


@cache
def contours() -> dict[str, NDArray[np.intp]]:
    """Named contours of the mesh (lips, eyes, brows, nose, oval of the face).

    Returns
    -------
    dict of str to ndarray of shape (n_edges, 2)
        MediaPipe's connection tables.
    """
    text = resources.files("sklearn_temo") / "models" / "face_connections.json"
    tables = json.loads(text.read_text(encoding="utf-8"))
    return {name: _read_only(np.array(table, dtype=np.intp)) for name, table in tables.items()}


@cache
def eye_corners() -> NDArray[np.intp]:
    """The corners of the eyes, ndarray of shape (2, 2): the subject's right eye, then the left.

    They are the landmarks of an eye's contour that also tell the head's pose: blinking does not
    move them.
    """
    still = np.flatnonzero(pose_weights())
    return _read_only(
        np.stack([np.intersect1d(contours()[eye], still) for eye in ("right_eye", "left_eye")])
    )


def eye_centres(landmarks: NDArray[Any]) -> NDArray[Any]:
    """Centres of the eyes, midway between their corners.

    Parameters
    ----------
    landmarks : ndarray of shape (..., n_landmarks, n_coords)
        A full mesh.

    Returns
    -------
    ndarray of shape (..., 2, n_coords)
        The subject's right eye, then the left.
    """
    return landmarks[..., eye_corners(), :].mean(axis=-2)


def is_full_mesh(n_landmarks: int) -> bool:
    """Whether so many landmarks are a whole face, without (468) or with (478) irises."""
    return n_landmarks in FULL_MESHES


@cache
def mirror_pairs(n_landmarks: int = N_LANDMARKS) -> NDArray[np.intp]:
    """Which landmark each one becomes in a mirror.

    Parameters
    ----------
    n_landmarks : {468, 478}, default=468

    Returns
    -------
    ndarray of int of shape (n_landmarks,)
        An involution; 28 landmarks lie on the midline and are their own partners.

    Raises
    ------
    ValueError
        If `n_landmarks` is not that of a full mesh.
    """
    if not is_full_mesh(n_landmarks):
        raise ValueError(
            f"a full mesh has {N_LANDMARKS} landmarks, or {N_LANDMARKS_WITH_IRISES} with the "
            f"irises, got {n_landmarks}."
        )
    face = canonical_face()
    found = cdist(face, face * [-1, 1, 1]).argmin(axis=1)
    pairs = np.concatenate([found, np.arange(N_LANDMARKS, n_landmarks)])
    for right, left in _IRIS_PAIRS if n_landmarks > N_LANDMARKS else ():
        pairs[right], pairs[left] = left, right
    return _read_only(pairs)


@cache
def regions() -> NDArray[np.str_]:
    """Region of the face in which each landmark of the mesh lies.

    Returns
    -------
    ndarray of str of shape (468,)
        One of lips, nose, left/right eye, left/right brow, left/right cheek, forehead, chin. A
        landmark belongs to the contour that it lies on, or within 1 cm of; what is left is
        forehead above the brows, chin below the lips between their corners, cheek elsewhere.
    """
    face = canonical_face()
    lines = {
        "lips": "lips",
        "nose": "nose",
        "left eye": "left_eye",
        "right eye": "right_eye",
        "left brow": "left_eyebrow",
        "right brow": "right_eyebrow",
    }
    members = {region: np.unique(contours()[line]) for region, line in lines.items()}
    distance = np.stack(
        [
            np.linalg.norm(face[:, None] - face[points], axis=-1).min(axis=1)
            for points in members.values()
        ]
    )
    nearest = np.array(list(members), dtype="<U12")[distance.argmin(axis=0)]
    lips = face[members["lips"]]
    brows = face[np.concatenate([members["left brow"], members["right brow"]])]
    x, y = face[:, 0], face[:, 1]
    rest = np.select(
        [y > brows[:, 1].mean(), (y < lips[:, 1].min()) & (np.abs(x) <= lips[:, 0].max()), x > 0],
        ["forehead", "chin", "left cheek"],
        "right cheek",
    )
    return _read_only(np.where(distance.min(axis=0) <= 1.0, nearest, rest))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


@cache
def _geometry() -> bytes:
    with zipfile.ZipFile(model_path()) as bundle:
        return bundle.read(_GEOMETRY)


def _mesh_message() -> bytes:
    return next(value for field, value in _fields(_geometry()) if field == 1)


def _vertices() -> NDArray[np.float64]:
    """The vertex buffer: x, y, z, u, v of each landmark."""
    numbers = [number for field, number in _fields(_mesh_message()) if field == 3]
    return np.array(numbers, dtype=np.float64).reshape(N_LANDMARKS, 5)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field number and value of each entry of a serialised protocol buffer.

    The wire format is four lines of varint and three kinds of value; a dependency on protobuf
    would bring a compiler and a schema for it.
    """
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        field, wire_type = divmod(varint(), 8)
        if wire_type == 0:
            yield field, varint()
        elif wire_type == 5:
            yield field, struct.unpack_from("<f", message, position)[0]
            position += 4
        elif wire_type == 2:
            length = varint()
            yield field, message[position : position + length]
            position += length
        else:
            raise ValueError(f"unexpected wire type {wire_type} in the geometry metadata.")
