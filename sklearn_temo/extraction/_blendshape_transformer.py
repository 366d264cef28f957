"""Transformer from rows of landmarks to rows of blendshapes."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import mesh
from .._doc_links import DocLinkMixin
from ..blendshapes import NAMES, predict_blendshapes
from ..layout import LandmarkLayout

# Smallest correlation of the places of landmarks with those of the canonical face. Profiles have
# more than 0.65, and most displacements less.
_MIN_RESEMBLANCE = 0.65


class BlendshapeTransformer(CallbackSupportMixin, DocLinkMixin, TransformerMixin, BaseEstimator):
    """Turn rows of landmarks into rows of blendshapes, without the clips.

    A blendshape is a facial action, such as ``mouthSmileLeft``, with a number from 0 to 1 in each
    frame. They are those of MediaPipe, whose network takes x and y of 146 landmarks. The
    transformer is stateless: `transform` works without `fit`.

    Parameters
    ----------
    n_frames : int or None, default=None
        Frames of a clip. None infers it from the number of columns; see
        :meth:`LandmarkLayout.infer`.
    n_coords : int or None, default=None
        Coordinates of a landmark, at least 2: x and y. None takes those of the layout that the
        previous step attached or of the column names, and 3 where there is neither.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    See Also
    --------
    FaceLandmarkTransformer : Extracts blendshapes from clips with ``output="blendshapes"``.
    sklearn_temo.blendshapes.predict_blendshapes : Computes the blendshapes of single frames.

    Notes
    -----
    Landmarks must be positions. After :class:`LandmarkAligner` they are displacements, unless it
    has ``reference=None``. The network was trained on faces as they are in the picture: those of
    aligned landmarks, whose head is turned upright, differ slightly.

    With 468 landmarks, which have no irises, the eight blendshapes ``eyeLook...`` show only what
    the eyelids tell of the gaze: see :func:`~sklearn_temo.blendshapes.predict_blendshapes`.

    Blendshapes are biometric data, as landmarks are.

    Examples
    --------
    >>> from sklearn_temo import BlendshapeTransformer
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> transformer = BlendshapeTransformer().set_output(transform="pandas")
    >>> table = transformer.fit_transform(smiles.data)
    >>> table = table[["f000_mouthSmileLeft", "f000_jawOpen"]]
    >>> table.groupby(smiles.target).mean().astype(float).round(1)
               f000_mouthSmileLeft  f000_jawOpen
    happiness                  0.6           0.0
    neutral                    0.0           0.0

    Landmarks and blendshapes side by side, 1404 and 52 columns:

    >>> from sklearn.pipeline import make_union
    >>> from sklearn_temo import LandmarkAligner
    >>> both = make_union(LandmarkAligner(), BlendshapeTransformer()).fit(smiles.data)
    >>> len(both.get_feature_names_out())
    1456
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(self, *, n_frames: int | None = None, n_coords: int | None = None) -> None:
        self.n_frames = n_frames
        self.n_coords = n_coords

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> BlendshapeTransformer:
        """Validate the parameters and the number of columns.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Positions of a full mesh (468 or 478 landmarks) in isotropic units, such as pixels.
        y : None
            Ignored.

        Returns
        -------
        BlendshapeTransformer
            The fitted transformer.
        """
        self._validate_params()
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X)
        self._validate_clips(X, reset=True)
        context.call_on_fit_task_end(estimator=self, X=X)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Compute the blendshapes of clips.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            As in :meth:`fit`.

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_frames * 52)
            From 0 to 1, NaN in frames with missing landmarks. Its layout has the names of the
            blendshapes.

        Raises
        ------
        ValueError
            If the columns are not those of a full mesh, or the landmarks of a frame do not resemble
            a face, as displacements do not.
        """
        self._validate_params()
        rows, layout = self._validate_clips(X, reset=False)
        clips = layout.unflatten(rows)
        _check_resemblance(clips)
        output = _layout_of_blendshapes(layout.n_frames)
        return output.attach(output.flatten(predict_blendshapes(clips)[..., None]))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, such as ``f000_browDownLeft``.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Ignored.

        Returns
        -------
        ndarray of str of shape (n_frames * 52,)
        """
        check_is_fitted(self, "_n_frames")
        return _layout_of_blendshapes(self._n_frames).feature_names()

    def _validate_clips(self, X: Any, *, reset: bool) -> tuple[NDArray[Any], LandmarkLayout]:
        dtype = [np.float32, np.float64]
        rows = validate_data(self, X, dtype=dtype, ensure_all_finite="allow-nan", reset=reset)
        layout = LandmarkLayout.infer(X, n_frames=self.n_frames, n_coords=self.n_coords)
        if not mesh.is_full_mesh(layout.n_landmarks) or layout.n_coords < 2:
            raise ValueError(
                f"BlendshapeTransformer needs x and y of the full face mesh of 468 or 478 "
                f"landmarks, but the {rows.shape[1]} features of X are {layout}. Pass the n_frames "
                "and n_coords of the clips, and select landmarks or blendshapes afterwards."
            )
        if reset:
            self._n_frames = layout.n_frames
        return rows, layout

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _layout_of_blendshapes(n_frames: int) -> LandmarkLayout:
    return LandmarkLayout(n_frames, len(NAMES), 1, NAMES)


def _check_resemblance(clips: NDArray[Any]) -> None:
    """Raise ValueError if the landmarks of a frame are not placed as on a face."""
    # As complex numbers, whose correlation does not depend on a rotation. y is down in clips.
    x, y, _ = mesh.canonical_face().T
    face = x - 1j * y
    face = (face - face.mean()) / np.linalg.norm(face - face.mean())
    landmarks = clips[..., : mesh.N_LANDMARKS, :2].astype(np.float64)
    landmarks = landmarks[..., 0] + 1j * landmarks[..., 1]
    landmarks -= landmarks.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(landmarks, axis=-1)
    unlike = np.abs(landmarks @ face.conj()) < _MIN_RESEMBLANCE * size
    unlike |= size == 0
    if unlike.any():
        clip, frame = np.argwhere(unlike)[0]
        raise ValueError(
            f"row {clip}, frame {frame}: the landmarks do not resemble a face, so they have no "
            "blendshapes. Pass positions, as they are extracted: use BlendshapeTransformer before "
            "LandmarkAligner or a scaler, or beside them in a FeatureUnion."
        )
