"""Head pose, position and scale removed; displacement from a reference frame."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import mesh
from ..layout import LandmarkLayout


def _reference_is_kept(aligner: LandmarkAligner) -> bool:
    if aligner.reference == "mean":
        raise AttributeError(
            'inverse_transform is not there with reference="mean": the mean of a clip is not kept.'
        )
    return True


class LandmarkAligner(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Remove the head's position, rotation and size, and keep what the face does.

    Each frame is moved so that the landmarks that expressions hardly move lie where they lie on
    MediaPipe's canonical face, and scaled so that the centres of the eyes are 1 apart. Then each
    clip is expressed as displacement from a reference frame. Nothing is learned: rows do not
    depend on each other.

    Parameters
    ----------
    n_frames : int, default=16
        Frames of a clip.
    n_coords : {2, 3}, default=3
        Coordinates of a landmark. With 2 (x and y), only ``pose="in-plane"`` is possible.
    reference : {"first", "mean"} or None, default="first"
        What the frames of a clip are compared with.

        - "first": frame 0 stays as it is, the others become differences from it, so nothing is
          lost.
        - "mean": every frame becomes its difference from the mean of the clip.
        - None: positions are kept.
    pose : {"in-plane", "head"} or None, default="in-plane"
        Which rotation is removed, frame by frame.

        - "in-plane": the tilt of the head (roll), from x and y.
        - "head": yaw and pitch too, by a 3-D similarity fit. It relies on MediaPipe's depth,
          which is an estimate: use it where people turn their heads.
        - None: none.

    Attributes
    ----------
    n_features_in_ : int
        Columns seen in :meth:`fit`.

    See Also
    --------
    FaceLandmarkTransformer : Extracts the landmarks that are aligned here.
    make_temo_pipeline : Puts the steps together with one layout.

    Notes
    -----
    The rotation is the weighted orthogonal Procrustes solution [1]_ on the 33 landmarks, and with
    the weights, that MediaPipe itself uses for the pose of the head. Centres of the eyes are
    midway between their corners, which blinking does not move.

    A frame with missing landmarks (NaN) stays missing, and so does its displacement.

    References
    ----------
    .. [1] Umeyama, S. (1991). Least-squares estimation of transformation parameters between two
       point patterns. IEEE Transactions on Pattern Analysis and Machine Intelligence, 13(4),
       376-380. doi 10.1109/34.88573

    Examples
    --------
    >>> from sklearn_temo import LandmarkAligner
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=7, n_frames=4, random_state=0)
    >>> LandmarkAligner(n_frames=4).fit_transform(clips.data).shape
    (7, 5616)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "n_coords": [Interval(Integral, 2, 3, closed="both")],
        "reference": [StrOptions({"first", "mean"}), None],
        "pose": [StrOptions({"in-plane", "head"}), None],
    }

    def __init__(self, *, n_frames=16, n_coords=3, reference="first", pose="in-plane"):
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.reference = reference
        self.pose = pose

    @with_callbacks
    def fit(self, X, y=None):
        """Check the parameters and the number of columns; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Landmarks in isotropic units, such as pixels, of a full mesh (468 or 478 landmarks).
        y : None
            Ignored.

        Returns
        -------
        self : LandmarkAligner
        """
        self._validate_params()
        X = self._validate_clips(X, reset=True)
        progress = self._init_callback_context()
        progress.call_on_fit_task_begin(estimator=self, X=X)
        self._layout(X.shape[1])
        progress.call_on_fit_task_end(estimator=self, X=X)
        return self

    def transform(self, X):
        """Align clips.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Landmarks in isotropic units.

        Returns
        -------
        ndarray of shape (n_clips, n_frames * n_landmarks * n_coords)
            In units of the distance between the eyes.
        """
        self._validate_params()
        X = self._validate_clips(X, reset=False)
        layout = self._layout(X.shape[1])
        clips = self._remove_pose(layout.unflatten(X))
        if self.reference == "first":
            clips[:, 1:] -= clips[:, :1]
        elif self.reference == "mean":
            clips -= clips.mean(axis=1, keepdims=True)
        return layout.flatten(clips)

    @available_if(_reference_is_kept)
    def inverse_transform(self, X):
        """Positions from displacements.

        Not there with ``reference="mean"``, which leaves the mean of a clip out. Position,
        rotation and size of the head are gone for good: what comes back is the aligned face.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            What :meth:`transform` returned.

        Returns
        -------
        ndarray of shape (n_clips, n_frames * n_landmarks * n_coords)
            Aligned positions in every frame, in units of the distance between the eyes.
        """
        X = self._validate_clips(X, reset=False)
        layout = self._layout(X.shape[1])
        positions = layout.unflatten(X).copy()
        if self.reference == "first":
            positions[:, 1:] += positions[:, :1]
        return layout.flatten(positions)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Ignored: the columns are named by frame, landmark and coordinate.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "n_features_in_")
        return self._layout(self.n_features_in_).feature_names()

    def _validate_clips(self, X, *, reset):
        return validate_data(
            self,
            X,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            reset=reset,
        )

    def _layout(self, n_features):
        layout = LandmarkLayout.from_n_features(n_features, self.n_frames, self.n_coords)
        if not mesh.is_full_mesh(layout.n_landmarks):
            raise ValueError(
                f"LandmarkAligner needs the full face mesh of 468 or 478 landmarks to find the "
                f"pose of the head; X has {n_features} features, which with n_frames="
                f"{self.n_frames} and n_coords={self.n_coords} are {layout.n_landmarks} "
                "landmarks. Select landmarks after aligning, not before."
            )
        if self.pose == "head" and self.n_coords != 3:
            raise ValueError(f'pose="head" needs n_coords=3, got n_coords={self.n_coords}.')
        return layout

    def _remove_pose(self, clips):
        """Frames at one place, turned upright and of one size, as a new array."""
        anchors = np.flatnonzero(mesh.pose_weights())
        weights = mesh.pose_weights()[anchors]
        centre = np.einsum("l,...lc->...c", weights, clips[..., anchors, :])
        aligned = clips - centre[..., None, :].astype(clips.dtype)
        eyes = np.diff(mesh.eye_centres(aligned), axis=-2)
        aligned /= np.linalg.norm(eyes, axis=-1, keepdims=True)
        if self.pose is None:
            return aligned
        n_rotated = 2 if self.pose == "in-plane" else 3
        target = _canonical_in_image_axes()[anchors, :n_rotated]
        target = target - weights @ target
        rotation = _procrustes(aligned[..., anchors, :n_rotated], target, weights)
        rotated = aligned[..., :n_rotated] @ rotation.astype(clips.dtype)
        aligned[..., :n_rotated] = rotated
        return aligned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _canonical_in_image_axes() -> NDArray[np.float64]:
    """The canonical face with y down and z away from the viewer, as landmarks are extracted."""
    return mesh.canonical_face() * [1.0, -1.0, -1.0]


def _procrustes(
    points: NDArray[Any], target: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Rotations R that bring centred points nearest to a target, ``points @ R``.

    Parameters
    ----------
    points : ndarray of shape (..., n_points, n_dims)
    target : ndarray of shape (n_points, n_dims)
    weights : ndarray of shape (n_points,)

    Returns
    -------
    ndarray of shape (..., n_dims, n_dims)
        Proper rotations; NaN where points are.
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
