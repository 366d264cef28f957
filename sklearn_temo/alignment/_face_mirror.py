"""Sampler that adds mirror images to the training data."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_X_y

from .._doc_links import DocLinkMixin
from .._validation import check_no_nan
from ..layout import LandmarkLayout
from ..mirror import Mirror


class FaceMirror(DocLinkMixin, BaseEstimator):
    """Add the mirror image of every clip to the training data.

    A mirrored face shows the same emotion, so mirror images enlarge small training sets.
    :class:`~sklearn_temo.TEMOClassifier` adds them automatically; this sampler provides them to
    other classifiers. scikit-learn's ``Pipeline`` does not support steps that add samples: use
    ``imblearn.pipeline.make_pipeline`` of imbalanced-learn, which applies samplers in fit and
    skips them in predict.

    Parameters
    ----------
    n_frames : int or None, default=None
        Frames of a clip. None infers it; see :meth:`LandmarkLayout.infer`.
    n_coords : int or None, default=None
        Coordinates of a landmark, 1 for blendshapes. None infers it; see
        :meth:`LandmarkLayout.infer`.

    Attributes
    ----------
    mirror_pairs_ : ndarray of int of shape (n_landmarks,)
        Mirror partner of each landmark, found in the mean of frame 0; of each blendshape, found by
        its name.
    n_features_in_ : int
        Number of columns seen in :meth:`fit_resample`.

    See Also
    --------
    TEMOClassifier : Trains on mirror images without a sampler.

    Notes
    -----
    Frame 0 must hold positions: use a `reference` of :class:`~sklearn_temo.LandmarkAligner` other
    than "mean", and put scalers after this step. The mirror partner of each landmark must be
    present. :class:`~sklearn_temo.IGLandmarkSelector` keeps mirror pairs together from k = 40 up;
    with a smaller k, pass it ``symmetric=True``. The mirror image of blendshapes has those of the
    left and of the right exchanged.

    Examples
    --------
    >>> from sklearn_temo import FaceMirror, LandmarkAligner
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> X = LandmarkAligner().fit_transform(smiles.data)
    >>> X_both, y_both = FaceMirror().fit_resample(X, smiles.target)
    >>> print(f"{len(X)} photographs, {len(X_both)} with their mirror images")
    204 photographs, 408 with their mirror images

    In a pipeline, only the rows of the fit are mirrored:

    >>> from imblearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> train = smiles.groups < "080"
    >>> pipe = make_pipeline(LandmarkAligner(), FaceMirror(), SVC(C=100))
    >>> pipe = pipe.fit(smiles.data[train], smiles.target[train])
    >>> accuracy = pipe.score(smiles.data[~train], smiles.target[~train])
    >>> print(f"accuracy {accuracy:.1f}")
    accuracy 0.9
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 1, 3, closed="both"), None],
    }

    # imbalanced-learn recognises samplers by this attribute.
    _estimator_type = "sampler"

    def __init__(self, *, n_frames=None, n_coords=None):
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
        self._fit(X, y)
        return self

    def fit_resample(self, X, y):
        """Append the mirror image of every clip.

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
            If the mean of frame 0 is not a symmetric face, or the mirror partner of a blendshape is
            missing.
        """
        X, y, mirror = self._fit(X, y)
        return np.concatenate([X, mirror.apply(X)]), np.concatenate([y, y])

    def _fit(self, X, y):
        self._validate_params()
        dtypes, finite = [np.float32, np.float64], "allow-nan"
        rows, y = check_X_y(X, y, dtype=dtypes, ensure_all_finite=finite, estimator=self)
        check_no_nan(rows)
        layout = LandmarkLayout.infer(X, n_frames=self.n_frames, n_coords=self.n_coords)
        mirror = Mirror.from_clips(rows, layout)
        if mirror is None and layout.noun == "blendshape":
            raise ValueError(
                f"the {layout.n_landmarks} blendshapes of X cannot be mirrored. FaceMirror needs "
                "values between 0 and 1, not standardised, and the mirror partner of every "
                "blendshape (IGLandmarkSelector(symmetric=True) keeps partners together)."
            )
        if mirror is None:
            raise ValueError(
                f"the mean of frame 0 over {len(rows)} clips is not a symmetric face of "
                f"{layout.n_landmarks} landmarks. FaceMirror needs positions in frame 0, not "
                "standardised, and the mirror partner of every landmark "
                "(IGLandmarkSelector(symmetric=True) keeps partners together)."
            )
        self.n_features_in_ = rows.shape[1]
        self.mirror_pairs_ = mirror.pairs
        return rows, y, mirror
