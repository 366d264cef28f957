"""Head pose and gaze, computed from landmarks in the space of MediaPipe's virtual camera.

Examples
--------
How far the head turns to the side in a clip, in degrees:

>>> import numpy as np
>>> from scipy.spatial.transform import Rotation
>>> from sklearn_temo import FaceLandmarkTransformer
>>> from sklearn_temo.datasets import load_cremad_sample
>>> from sklearn_temo.head_pose import estimate_head_pose
>>> (clip,) = FaceLandmarkTransformer(n_frames=4).extract(load_cremad_sample().data[:1])
>>> pose = estimate_head_pose(clip.landmarks, clip.size)
>>> yaw = Rotation.from_matrix(pose[:, :3, :3]).as_euler("xyz", degrees=True)[:, 1]
>>> print(yaw.round())
[2. 3. 4. 4.]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import mesh

__all__ = ["estimate_gaze", "estimate_head_pose"]

# MediaPipe's virtual camera. It does not know the lens that a clip was recorded with.
_VERTICAL_FIELD_OF_VIEW = np.radians(63.0)

# Centres of the eyeballs on the canonical face, from the middle between the corners of the eye, in
# centimetres: away from the nose, up, and forward. The first two are the mean places of the irises
# in the bundled clips, whose speakers look into the camera. The depth, and the distance from the
# centre of the eyeball to the centre of the iris, are those of an adult's eye.
_EYEBALL_PLACE = (0.21, 0.17, -0.6)
_IRIS_DISTANCE = 1.0


def estimate_head_pose(landmarks: ArrayLike, size: tuple[float, float]) -> NDArray[np.float32]:
    """Estimate rotation and place of the head: MediaPipe's facial transformation matrix.

    Parameters
    ----------
    landmarks : array-like of shape (..., n_landmarks, 3)
        Positions of a full mesh of 468 or 478 landmarks in pixels, as extracted.
    size : tuple of (width, height)
        Of the frame, in pixels.

    Returns
    -------
    ndarray of float32 of shape (..., 4, 4)
        Moves points of the canonical face, as columns ``(x, y, z, 1)``, to the space of the camera:
        x to the right in the picture, y up, z towards the camera, in centimetres. The rotation is
        in the first three rows and columns. NaN in frames with NaN.

    Raises
    ------
    ValueError
        If the landmarks are not those of a full mesh with three coordinates, or the size is not
        positive.

    See Also
    --------
    sklearn_temo.mesh.canonical_face : Points of the canonical face.
    scipy.spatial.transform.Rotation : Converts the rotation to angles.

    Notes
    -----
    The canonical face is fitted to the 33 landmarks that expressions hardly move [1]_, as
    MediaPipe does it: the camera is assumed to have a vertical field of view of 63 degrees, with
    its axis in the middle of the frame, and each face to be as large as the canonical face. For
    other lenses, for parts cut out of a picture, and for small heads, the distance is wrong, and
    the rotation of faces far from the middle of the frame is slightly wrong.

    References
    ----------
    .. [1] D. Akca, "Generalized Procrustes analysis and its applications in photogrammetry", ETH
       Zurich, 2003, doi:10.3929/ethz-a-004656648.

    Examples
    --------
    >>> from scipy.spatial.transform import Rotation
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.head_pose import estimate_head_pose
    >>> (clip,) = FaceLandmarkTransformer(n_frames=2).extract(load_cremad_sample().data[:1])
    >>> pose = estimate_head_pose(clip.landmarks, clip.size)[0]
    >>> pitch, yaw, roll = Rotation.from_matrix(pose[:3, :3]).as_euler("xyz", degrees=True)
    >>> print(f"turned to the side by {yaw:.0f} degrees, {-pose[2, 3]:.0f} cm from the camera")
    turned to the side by 2 degrees, 48 cm from the camera
    """
    _, pose = _to_camera_space(_check_landmarks(landmarks, mesh.FULL_MESHES), size)
    return pose.astype(np.float32)


def estimate_gaze(landmarks: ArrayLike, size: tuple[float, float]) -> NDArray[np.float32]:
    """Estimate the directions in which both eyes look, from the places of the irises.

    Parameters
    ----------
    landmarks : array-like of shape (..., 478, 3)
        Positions of the full mesh with irises in pixels, as extracted.
    size : tuple of (width, height)
        Of the frame, in pixels.

    Returns
    -------
    ndarray of float32 of shape (..., 2, 3)
        Unit vectors for the subject's right eye and left eye, in the axes of the camera: x to the
        right in the picture, y down, z away from the camera. Eyes in the middle of the frame that
        look into the camera have ``(0, 0, -1)``. NaN in frames with NaN.

    Raises
    ------
    ValueError
        If the landmarks are not the 478 of the mesh with irises, or the size is not positive.

    See Also
    --------
    estimate_head_pose : Its assumptions about the camera apply here too.

    Notes
    -----
    An eyeball is a sphere whose centre is fixed to the head. From the middle between the corners of
    the eye, it is 2.1 mm away from the nose, 1.7 mm up and 6 mm back, on the scale of the canonical
    face.
    The line of sight from the camera to the centre of the iris meets it, 10 mm from its centre, at
    the iris. The direction from the centre of the eyeball to that point is the gaze, as in [1]_.

    The eyes of people differ from these dimensions, which shifts the gaze of a person by some
    degrees in all frames: compare directions within a clip, and use the mean of both eyes where
    their vergence does not matter. While an eye is closed, its gaze has no meaning; the blendshapes
    ``eyeBlinkLeft`` and ``eyeBlinkRight`` tell it. In small pictures the irises are a few pixels
    large, so that an error of one pixel is many degrees.

    References
    ----------
    .. [1] E. Wood, T. Baltrusaitis, X. Zhang, Y. Sugano, P. Robinson, A. Bulling, "Rendering of
       Eyes for Eye-Shape Registration and Gaze Estimation", ICCV 2015, arXiv:1505.05916.

    Examples
    --------
    The actor looks nearly into the camera, whose direction is ``(0, 0, -1)``:

    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.head_pose import estimate_gaze
    >>> extraction = FaceLandmarkTransformer(n_frames=2, n_landmarks=478)
    >>> (clip,) = extraction.extract(load_cremad_sample().data[:1])
    >>> gaze = estimate_gaze(clip.landmarks, clip.size)
    >>> print(gaze[0].mean(axis=0).round(1))
    [ 0.1  0.1 -1. ]
    """
    metric, pose = _to_camera_space(
        _check_landmarks(landmarks, (mesh.N_LANDMARKS_WITH_IRISES,)), size
    )
    away, up, forward = _EYEBALL_PLACE
    places = np.array([[-away, up, forward], [away, up, forward]])
    centres = mesh.eye_centres(metric) + places @ pose[..., :3, :3].swapaxes(-1, -2)
    rays = metric[..., mesh.iris_centres(), :]
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    # The nearer intersection of a ray with the eyeball; where they do not meet, the point of the
    # ray that is nearest to the centre.
    along = (rays * centres).sum(axis=-1)
    squared = _IRIS_DISTANCE**2 - np.square(centres).sum(axis=-1) + along**2
    gaze = (along - np.sqrt(np.maximum(squared, 0)))[..., None] * rays - centres
    gaze /= np.linalg.norm(gaze, axis=-1, keepdims=True)
    return (gaze * [1, -1, -1]).astype(np.float32)


def _to_camera_space(
    points: NDArray[np.float64], size: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Landmarks in the space of the camera, in centimetres, and the pose, of shape (..., 4, 4).

    As in MediaPipe's geometry pipeline: the depth of the head follows from the ratio of its size in
    the picture to that of the canonical face, which is estimated in two passes.
    """
    width, height = size
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise ValueError(f"size={size!r} must be the width and height of the frame, in pixels.")
    # On the plane at distance 1: x to the right, y up, z away from the camera.
    plane = (points - [width / 2, height / 2, 0]) * [1, -1, 1]
    plane *= 2 * np.tan(_VERTICAL_FIELD_OF_VIEW / 2) / height
    plane[..., 2] -= plane[..., : mesh.N_LANDMARKS, 2].mean(axis=-1, keepdims=True)

    def unproject(scale: NDArray[np.float64]) -> NDArray[np.float64]:
        depth = (plane[..., 2:] + 1) / scale[..., None, None]
        return np.concatenate([plane[..., :2] * depth, -depth], axis=-1)

    scale, *_ = _fit_canonical_face(plane * [1, 1, -1])
    scale = scale * _fit_canonical_face(unproject(scale))[0]
    metric = unproject(scale)
    size_of_face, rotation, translation = _fit_canonical_face(metric)
    pose = np.zeros((*points.shape[:-2], 4, 4))
    pose[..., :3, :3] = size_of_face[..., None, None] * rotation
    pose[..., :3, 3] = translation
    pose[..., 3, 3] = 1
    pose[np.isnan(size_of_face)] = np.nan
    return metric, pose


def _fit_canonical_face(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scale, rotation and translation that move the canonical face to points."""
    anchors = np.flatnonzero(mesh.pose_weights())
    weights = mesh.pose_weights()[anchors]
    face = mesh.canonical_face()[anchors]
    centre = weights @ face
    points = points[..., anchors, :]
    rotation = procrustes_rotation(points, face - centre, weights)
    rotated = (face - centre) @ rotation.swapaxes(-1, -2)
    scale = np.einsum("l,...lc,...lc->...", weights, rotated, points)
    scale /= np.einsum("l,lc,lc->", weights, face - centre, face - centre)
    translation = np.einsum("l,...lc->...c", weights, points)
    translation = translation - scale[..., None] * (rotation @ centre)
    return scale, rotation, translation


def procrustes_rotation(
    points: NDArray[Any], target: NDArray[Any], weights: NDArray[Any]
) -> NDArray[Any]:
    """Rotations R that minimise the distance of ``points @ R`` from a target.

    Parameters
    ----------
    points : ndarray of shape (..., n_points, n_dims)
    target : ndarray of shape (n_points, n_dims)
        Its weighted mean must be 0.
    weights : ndarray of shape (n_points,)

    Returns
    -------
    ndarray of shape (..., n_dims, n_dims)
        Proper rotations; NaN where points are NaN.
    """
    covariance = np.einsum("...lc,l,ld->...cd", points, weights, target, dtype=np.float64)
    missing = ~np.isfinite(covariance).all(axis=(-2, -1))
    covariance[missing] = np.eye(covariance.shape[-1])
    left, _, right = np.linalg.svd(covariance)
    handedness = np.ones(covariance.shape[:-1])
    handedness[..., -1] = np.linalg.det(left @ right)
    rotation = (left * handedness[..., None, :]) @ right
    rotation[missing] = np.nan
    return rotation


def _check_landmarks(landmarks: ArrayLike, numbers: tuple[int, ...]) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim < 2 or points.shape[-2] not in numbers or points.shape[-1] != 3:
        expected = " or ".join(map(str, numbers))
        raise ValueError(
            f"landmarks have shape {points.shape}, expected (..., {expected}, 3): pass x, y and z "
            "of all landmarks, which FaceLandmarkTransformer(n_landmarks=478) extracts."
        )
    return points
