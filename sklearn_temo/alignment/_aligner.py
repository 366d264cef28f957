"""Removal of head pose, position and scale, and displacement from a reference frame."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import mesh
from .._doc_links import DocLinkMixin
from ..head_pose import procrustes_rotation
from ..layout import LandmarkLayout, known_layout


def _can_invert(aligner: LandmarkAligner) -> bool:
    if aligner.reference == "mean":
        raise AttributeError(
            'inverse_transform is not available with reference="mean", which discards the mean of '
            "each clip."
        )
    return True


class LandmarkAligner(CallbackSupportMixin, DocLinkMixin, TransformerMixin, BaseEstimator):
    """Remove the position, rotation and size of the head, and keep the movement of the face.

    Each frame is moved so that the landmarks that expressions hardly move lie where they lie on
    MediaPipe's canonical face, and scaled so that the distance between the centres of the eyes is
    1. Then each clip is expressed as displacement from a reference frame. The transformer is
    stateless.

    Parameters
    ----------
    n_frames : int or None, default=None
        Frames of a clip. None infers it from the number of columns; see
        :meth:`LandmarkLayout.infer`.
    n_coords : {2, 3}, default=3
        Coordinates of a landmark. With 2 (x and y), ``rotation="full"`` is not possible.
    reference : {"first", "mean"} or None, default="first"
        Frame from which displacements are computed.

        - "first": frame 0 keeps its positions, the other frames become displacements from it.
        - "mean": every frame becomes its displacement from the mean of the clip.
        - None: all frames keep their positions.
    rotation : {"in-plane", "full"} or None, default="in-plane"
        Rotation of the head that is removed from each frame.

        - "in-plane": roll, estimated from x and y.
        - "full": yaw, pitch and roll, estimated by a 3-D fit. It relies on MediaPipe's depth,
          which is itself an estimate; use it where people turn their heads.
        - None: no rotation is removed.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    See Also
    --------
    FaceLandmarkTransformer : Extracts the landmarks of clips.
    make_temo_pipeline : Pipeline from clips to emotions.

    Notes
    -----
    The rotation is the weighted orthogonal Procrustes solution [1]_ on the 33 landmarks that
    MediaPipe uses for the pose of the head, with MediaPipe's weights. The centre of an eye is the
    midpoint of its corners, which blinking does not move.

    Frames with missing landmarks (NaN) stay NaN.

    References
    ----------
    .. [1] Umeyama, S. (1991). Least-squares estimation of transformation parameters between two
       point patterns. IEEE Transactions on Pattern Analysis and Machine Intelligence, 13(4),
       376-380. doi 10.1109/34.88573

    Examples
    --------
    The tip of the nose in two photographs of one person, before the alignment in pixels, and after
    it in units of the distance between the eyes:

    >>> import numpy as np
    >>> from sklearn_temo import LandmarkAligner
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> photographs = smiles.data[smiles.groups == "001"]
    >>> aligned = LandmarkAligner().fit_transform(photographs)
    >>> nose = smiles.layout.feature_mask(np.arange(468) == 4)
    >>> print(photographs[:, nose].round())
    [[ 665.  743. -113.]
     [ 649.  820. -113.]]
    >>> print(aligned[:, nose].round(2))
    [[-0.05  0.08 -0.62]
     [-0.11  0.11 -0.6 ]]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 2, 3, closed="both")],
        "reference": [StrOptions({"first", "mean"}), None],
        "rotation": [StrOptions({"in-plane", "full"}), None],
    }

    def __init__(self, *, n_frames=None, n_coords=3, reference="first", rotation="in-plane"):
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.reference = reference
        self.rotation = rotation

    @with_callbacks
    def fit(self, X, y=None):
        """Validate the parameters and the number of columns.

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
        progress = self._init_callback_context()
        progress.call_on_fit_task_begin(estimator=self, X=X)
        self._validate_clips(X, reset=True)
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
            Aligned landmarks, in units of the distance between the eyes.

        Raises
        ------
        ValueError
            If both eyes of a frame are at the same point, as in rows of zeros.
        """
        self._validate_params()
        X, layout = self._validate_clips(X, reset=False)
        clips = self._remove_pose(layout.unflatten(X))
        if self.reference == "first":
            clips[:, 1:] -= clips[:, :1]
        elif self.reference == "mean":
            clips -= clips.mean(axis=1, keepdims=True)
        return layout.flatten(clips)

    @available_if(_can_invert)
    def inverse_transform(self, X):
        """Convert displacements back to positions.

        Not available with ``reference="mean"``. The position, rotation and size of the head are
        not restored.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Output of :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_clips, n_frames * n_landmarks * n_coords)
            Aligned positions in every frame, in units of the distance between the eyes.
        """
        X, layout = self._validate_clips(X, reset=False)
        positions = layout.unflatten(X).copy()
        if self.reference == "first":
            positions[:, 1:] += positions[:, :1]
        return layout.flatten(positions)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Ignored.

        Returns
        -------
        ndarray of str of shape (n_features,)
            ``f{frame:03d}_p{landmark:03d}_{x|y|z}``.
        """
        check_is_fitted(self, "n_features_in_")
        rows = np.empty((0, self.n_features_in_))
        layout = LandmarkLayout.infer(rows, n_frames=self.n_frames, n_coords=self.n_coords)
        return layout.feature_names()

    def _validate_clips(self, X, *, reset):
        dtype = [np.float32, np.float64]
        rows = validate_data(self, X, dtype=dtype, ensure_all_finite="allow-nan", reset=reset)
        known = known_layout(X)
        if known is not None and known.noun == "blendshape":
            raise ValueError(
                f"LandmarkAligner needs positions of landmarks, but X has {known}, which need no "
                'alignment: leave the step out, or set it to "passthrough".'
            )
        layout = LandmarkLayout.infer(X, n_frames=self.n_frames, n_coords=self.n_coords)
        if not mesh.is_full_mesh(layout.n_landmarks):
            raise ValueError(
                f"LandmarkAligner needs the full face mesh of 468 or 478 landmarks to find the "
                f"pose of the head, but the {rows.shape[1]} features of X are {layout}. Pass the "
                "n_frames and n_coords of the clips, and select landmarks after aligning."
            )
        if self.rotation == "full" and self.n_coords != 3:
            raise ValueError(f'rotation="full" needs n_coords=3, got n_coords={self.n_coords}.')
        return rows, layout

    def _remove_pose(self, clips):
        """Copy of clips with the position, rotation and scale of the head removed."""
        anchors = np.flatnonzero(mesh.pose_weights())
        weights = mesh.pose_weights()[anchors]
        centre = np.einsum("l,...lc->...c", weights, clips[..., anchors, :])
        aligned = clips - centre[..., None, :].astype(clips.dtype)
        eyes = np.diff(mesh.eye_centres(aligned), axis=-2)
        # The squares of very large or small distances would not fit.
        distance = np.hypot.reduce(eyes.astype(np.float64), axis=-1, keepdims=True)
        if not distance.all():
            clip, frame = np.argwhere(distance == 0)[0, :2]
            raise ValueError(
                f"row {clip}, frame {frame}: both eyes are at the same point, so that the face has "
                "no size; leave out rows without landmarks."
            )
        aligned /= distance.astype(clips.dtype)
        if self.rotation is None:
            return aligned
        n_rotated = 2 if self.rotation == "in-plane" else 3
        # With y down and z away from the viewer, as landmarks are extracted.
        target = (mesh.canonical_face() * [1.0, -1.0, -1.0])[anchors, :n_rotated]
        target = target - weights @ target
        rotation = procrustes_rotation(aligned[..., anchors, :n_rotated], target, weights)
        aligned[..., :n_rotated] = aligned[..., :n_rotated] @ rotation.astype(clips.dtype)
        return aligned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
