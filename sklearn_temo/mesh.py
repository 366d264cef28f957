"""Geometry, regions and mirror pairs of MediaPipe's face mesh.

The tables are in ``models/face_geometry.json``, which ``tools/write_face_geometry.py`` writes from
the bundled model. Left and right are the subject's own, as in MediaPipe: the subject's left is
where x is large.

Examples
--------
>>> from sklearn_temo import mesh
>>> mesh.N_LANDMARKS, mesh.N_LANDMARKS_WITH_IRISES, mesh.FULL_MESHES
(468, 478, (468, 478))
>>> print(*mesh.REGIONS[:5], sep=", ")
forehead, right brow, left brow, right eye, left eye
>>> mesh.MODEL_SHA256[:8]
'64184e22'
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

N_LANDMARKS = 468
"""Number of landmarks of the mesh; the ten landmarks of the irises make it 478."""

N_LANDMARKS_WITH_IRISES = 478

FULL_MESHES = (N_LANDMARKS, N_LANDMARKS_WITH_IRISES)

REGIONS = (
    "forehead",
    "right brow",
    "left brow",
    "right eye",
    "left eye",
    "nose",
    "right cheek",
    "left cheek",
    "lips",
    "chin",
)
"""Names of the regions of the face, from the forehead down; mirror pairs are side by side."""

MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"

# The canonical face has no irises. These pairs are those of extracted faces: the two centres, and
# the rings, each from the point nearest the nose.
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
        If the file is missing or its SHA-256 differs from `MODEL_SHA256`.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> mesh.model_path().name
    'face_landmarker.task'
    """
    path = Path(str(resources.files("sklearn_temo") / "models" / "face_landmarker.task"))
    if not path.is_file():
        raise RuntimeError(f"the bundled model {path} is missing; install sklearn-temo again.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != MODEL_SHA256:
        raise RuntimeError(
            f"the bundled model {path} is damaged: its SHA-256 is {found}, expected "
            f"{MODEL_SHA256}; install sklearn-temo again."
        )
    return path


@cache
def canonical_face() -> NDArray[np.float64]:
    """Positions of the landmarks on MediaPipe's canonical face.

    Returns
    -------
    ndarray of shape (468, 3)
        In centimetres; x to the subject's left, y **up**, z towards the viewer. (Extracted
        landmarks have y down and z away from the viewer.)

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> nose, chin = mesh.canonical_face()[[4, 152]]
    >>> print(f"the tip of the nose is {nose[2] - chin[2]:.1f} cm in front of the chin")
    the tip of the nose is 3.3 cm in front of the chin
    """
    return _read_only(_geometry()["vertices"])


@cache
def triangles() -> NDArray[np.intp]:
    """Triangles of the mesh, ndarray of shape (898, 3).

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> print(mesh.triangles()[0], "is the first of", len(mesh.triangles()))
    [173 155 133] is the first of 898
    """
    return _read_only(_geometry()["triangles"])


@cache
def edges() -> NDArray[np.intp]:
    """Edges of the triangles without repetition, ndarray of shape (1365, 2).

    Examples
    --------
    The neighbours of landmark 4, the tip of the nose:

    >>> from sklearn_temo import mesh
    >>> edges = mesh.edges()
    >>> neighbours = edges[(edges == 4).any(axis=1)]
    >>> neighbours[neighbours != 4]
    array([  1,   5,  45, 275])
    """
    sides = triangles()[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    return _read_only(np.unique(np.sort(sides, axis=1), axis=0))


@cache
def pose_weights() -> NDArray[np.float64]:
    """Weights of the landmarks in MediaPipe's estimate of the head pose.

    Returns
    -------
    ndarray of shape (468,)
        Positive at the 33 landmarks that expressions hardly move, zero elsewhere; their sum is 1.

    Examples
    --------
    The five landmarks with the largest weights, and their regions:

    >>> from sklearn_temo import mesh
    >>> largest = mesh.pose_weights().argsort()[-5:]
    >>> for landmark in largest:
    ...     print(landmark, mesh.regions()[landmark])
    365 left cheek
    136 right cheek
    4 nose
    358 nose
    129 nose
    """
    weights = np.array(_geometry()["pose_weights"])
    return _read_only(weights / weights.sum())


@cache
def contours() -> dict[str, NDArray[np.intp]]:
    """Contours of the lips, eyes, brows, nose and oval of the face.

    Returns
    -------
    dict of str to ndarray of shape (n_edges, 2)
        MediaPipe's connection tables by name, such as ``"left_eyebrow"``.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> print(*mesh.contours(), sep=", ")
    lips, nose, left_eye, right_eye, left_eyebrow, right_eyebrow, face_oval
    >>> mesh.contours()["lips"][:2]
    array([[ 61, 146],
           [146,  91]])
    """
    return {name: _read_only(table) for name, table in _geometry()["contours"].items()}


@cache
def eye_corners() -> NDArray[np.intp]:
    """Corners of the eyes, ndarray of shape (2, 2): the subject's right eye, then the left.

    They are the landmarks of an eye's contour that have a pose weight: blinking does not move them.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> mesh.eye_corners()
    array([[ 33, 133],
           [263, 362]])
    """
    eyes = (contours()["right_eye"], contours()["left_eye"])
    return _read_only([np.intersect1d(eye, np.flatnonzero(pose_weights())) for eye in eyes])


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

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> right, left = mesh.eye_centres(mesh.canonical_face())
    >>> print(f"the eyes of the canonical face are {left[0] - right[0]:.1f} cm apart")
    the eyes of the canonical face are 6.3 cm apart
    """
    return landmarks[..., eye_corners(), :].mean(axis=-2)


@cache
def iris_centres() -> NDArray[np.intp]:
    """Landmarks at the centres of the irises: the subject's right eye, then the left.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> mesh.iris_centres()
    array([468, 473])
    """
    return _read_only(_IRIS_PAIRS[0])


def is_full_mesh(n_landmarks: int) -> bool:
    """Whether a number of landmarks is that of a full mesh: 468, or 478 with the irises.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> mesh.is_full_mesh(478), mesh.is_full_mesh(68)
    (True, False)
    """
    return n_landmarks in FULL_MESHES


@cache
def mirror_pairs(n_landmarks: int = N_LANDMARKS) -> NDArray[np.intp]:
    """Mirror partner of each landmark of the full mesh.

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

    Examples
    --------
    The outer corners of the eyes, landmarks 33 and 263, and the tip of the nose:

    >>> from sklearn_temo import mesh
    >>> mesh.mirror_pairs()[[33, 263, 4]]
    array([263,  33,   4])
    """
    _check_full_mesh(n_landmarks)
    pairs = np.arange(n_landmarks)
    face = canonical_face()
    pairs[:N_LANDMARKS] = cdist(face, face * [-1, 1, 1]).argmin(axis=1)
    if n_landmarks > N_LANDMARKS:
        right, left = np.transpose(_IRIS_PAIRS)
        pairs[right], pairs[left] = left, right
    return _read_only(pairs)


@cache
def regions(n_landmarks: int = N_LANDMARKS) -> NDArray[np.str_]:
    """Region of the face that each landmark belongs to.

    Parameters
    ----------
    n_landmarks : {468, 478}, default=468

    Returns
    -------
    ndarray of str of shape (n_landmarks,)
        One of `REGIONS`. A landmark within 1 cm of a contour belongs to the nearest one. The others
        are forehead above the brows, chin below the lips and between their corners, and cheek
        elsewhere. The landmarks of the irises belong to the eyes.

    Raises
    ------
    ValueError
        If `n_landmarks` is not that of a full mesh.

    Examples
    --------
    >>> from sklearn_temo import mesh
    >>> regions = mesh.regions()
    >>> print(regions[4], regions[13], regions[152], sep=", ")
    nose, lips, chin
    >>> int((regions == "lips").sum())
    97
    """
    if n_landmarks != N_LANDMARKS:
        _check_full_mesh(n_landmarks)
        irises = np.repeat(["right eye", "left eye"], 5)
        return _read_only(np.concatenate([regions(), irises]))
    face = canonical_face()
    members = {
        name.replace("_", " ").replace("eyebrow", "brow"): face[np.unique(table)]
        for name, table in contours().items()
        if name != "face_oval"
    }
    distance = np.stack([cdist(face, points).min(axis=1) for points in members.values()])
    nearest = np.array(list(members), dtype="<U12")[distance.argmin(axis=0)]
    lips, brows = members["lips"], np.concatenate([members["left brow"], members["right brow"]])
    x, y = face[:, 0], face[:, 1]
    rest = np.select(
        [y > brows[:, 1].mean(), (y < lips[:, 1].min()) & (np.abs(x) <= lips[:, 0].max()), x > 0],
        ["forehead", "chin", "left cheek"],
        "right cheek",
    )
    return _read_only(np.where(distance.min(axis=0) <= 1.0, nearest, rest))


@cache
def _geometry() -> dict[str, Any]:
    text = resources.files("sklearn_temo") / "models" / "face_geometry.json"
    return json.loads(text.read_text(encoding="utf-8"))


def _check_full_mesh(n_landmarks: int) -> None:
    if not is_full_mesh(n_landmarks):
        raise ValueError(
            f"a full mesh has {N_LANDMARKS} landmarks, or {N_LANDMARKS_WITH_IRISES} with the "
            f"irises, got {n_landmarks}."
        )


def _read_only(values: Any) -> NDArray[Any]:
    array = np.array(values)
    array.flags.writeable = False
    return array
