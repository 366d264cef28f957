"""Columns and names of selected landmarks, for all landmark selectors."""

from __future__ import annotations

import numpy as np
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted


class LandmarkSelectorMixin(SelectorMixin):
    """Mixin for selectors that keep all columns of some landmarks.

    ``fit`` sets ``layout_``, the layout of the columns of `X`, and ``_landmark_support``, a mask of
    the selected landmarks.
    """

    def transform(self, X):
        """Keep the columns of the selected landmarks.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features_in_)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips, n_frames * n_kept * n_coords)
            Clips of the selected landmarks. An array has its layout attached (see
            ``LandmarkArray``), so that the next step needs no `n_frames`. A DataFrame or
            another container if ``set_output`` asks for one.
        """
        kept = super().transform(X)
        self.layout_.check(X)
        if type(kept) is not np.ndarray or not self._landmark_support.any():
            return kept
        return self.layout_.keep(self._landmark_support).attach(kept)

    def get_landmark_support(self, indices=False):
        """Mask or indices of the selected landmarks.

        Parameters
        ----------
        indices : bool, default=False
            Return indices instead of a mask.

        Returns
        -------
        ndarray of bool of shape (n_landmarks,), or of int of shape (n_kept,)
        """
        check_is_fitted(self)
        support = self._landmark_support
        return np.flatnonzero(support) if indices else support.copy()

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of the selected landmarks.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Names of all columns. None for those seen in :meth:`fit`, or, if there were none,
            those of :meth:`LandmarkLayout.feature_names`.

        Returns
        -------
        ndarray of str of shape (n_frames * n_kept * n_coords,)
        """
        check_is_fitted(self)
        if input_features is None and not hasattr(self, "feature_names_in_"):
            return self.layout_.feature_names()[self.get_support()]
        return super().get_feature_names_out(input_features)

    def _get_support_mask(self):
        return self.layout_.feature_mask(self.get_landmark_support())

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_landmark_support")
