"""Mirrored faces as additional samples, for samplers' pipelines."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_X_y

from ..layout import LandmarkLayout
from ..symmetry import Mirror


class FaceMirror(BaseEstimator):
    """Add the mirror image of every clip to the training data.

    A face in a mirror shows the same emotion, which on small data is worth points of accuracy.
    :class:`~sklearn_temo.TEMOClassifier` does this by itself; this sampler gives an SVM, or any
    other classifier, the same. A step that adds samples has no place in scikit-learn's
    ``Pipeline``: use the one of imbalanced-learn (``imblearn.pipeline.make_pipeline``), which
    calls it when fitting and passes it by when predicting.

    Parameters
    ----------
    n_frames : int, default=16
        Frames of a clip.
    n_coords : int, default=3
        Coordinates of a landmark.

    Attributes
    ----------
    mirror_pairs_ : ndarray of int of shape (n_landmarks,)
        The mirror partner of each landmark, found in the mean face of the data.
    n_features_in_ : int
        Columns seen in :meth:`fit_resample`.

    See Also
    --------
    TEMOClassifier : Learns from mirrored clips without a sampler.

    Notes
    -----
    The clips must hold positions in frame 0 (any `reference` of
    :class:`~sklearn_temo.LandmarkAligner` but "mean"), before any standardisation, and with each
    landmark its mirror partner. :class:`~sklearn_temo.IGLandmarkSelector` keeps both from k = 40
    up; for fewer, pass it ``symmetric=True``.

    Examples
    --------
    >>> from sklearn_temo import FaceMirror, LandmarkAligner
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=21, n_frames=4, random_state=0)
    >>> X = LandmarkAligner(n_frames=4).fit_transform(clips.data)
    >>> X_both, y_both = FaceMirror(n_frames=4).fit_resample(X, clips.target)
    >>> X_both.shape, y_both.shape
    ((42, 5616), (42,))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "n_coords": [Interval(Integral, 2, 3, closed="both")],
    }

    # What imbalanced-learn looks at to tell a sampler from other steps.
    _estimator_type = "sampler"

    def __init__(self, *, n_frames=16, n_coords=3):
        self.n_frames = n_frames
        self.n_coords = n_coords

    def fit(self, X, y):
        """Find the mirror pairs.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips with positions in frame 0.
        y : array-like of shape (n_clips,)
            Labels.

        Returns
        -------
        self : FaceMirror
        """
        self._find_mirror(*self._validate_clips(X, y))
        return self

    def fit_resample(self, X, y):
        """Clips and their mirror images.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips with positions in frame 0.
        y : array-like of shape (n_clips,)
            Labels.

        Returns
        -------
        X_resampled : ndarray of shape (2 * n_clips, n_features)
            The clips, then their mirror images in the same order.
        y_resampled : ndarray of shape (2 * n_clips,)
            Labels.

        Raises
        ------
        ValueError
            If the mean of frame 0 is not the picture of a symmetric face.
        """
        X, y = self._validate_clips(X, y)
        mirror = self._find_mirror(X, y)
        return np.concatenate([X, mirror.apply(X)]), np.concatenate([y, y])

    def _validate_clips(self, X, y):
        self._validate_params()
        return check_X_y(X, y, dtype=[np.float32, np.float64], estimator=self)

    def _find_mirror(self, X, y):
        layout = LandmarkLayout.from_n_features(X.shape[1], self.n_frames, self.n_coords)
        mirror = Mirror.from_clips(X, layout)
        if mirror is None:
            raise ValueError(
                f"the mean of frame 0 over {X.shape[0]} clips is not a symmetric face of "
                f"{layout.n_landmarks} landmarks: FaceMirror needs positions in frame 0, not "
                "standardised, and landmarks whose mirror partners are kept too "
                "(IGLandmarkSelector(symmetric=True) keeps them for any k)."
            )
        self.n_features_in_ = X.shape[1]
        self.mirror_pairs_ = mirror.pairs
        return mirror
