"""Data and results of an evaluation, for its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import LandmarkLayout

# Verdict, message and numbers of a check.
Finding = tuple[str, str, Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Run:
    """Data and results of an evaluation.

    Parameters
    ----------
    estimator : estimator
        Not fitted; takes `X`.
    fitted : list of estimators
        Of each fold.
    X : array-like or list of length n_clips
    y : ndarray of shape (n_clips,)
    groups : ndarray of shape (n_clips,) or None
    layout : LandmarkLayout or None
        Layout of `X`; None if it is not known.
    splits : list of (ndarray, ndarray)
        Indices of the training and the test clips of each fold.
    folds : ndarray of int of shape (n_clips,)
        -1 for clips that were not tested.
    hits, majority_hits : ndarray of bool of shape (n_clips,)
        Whether the estimator and the majority class are right.
    random_state : RandomState
    """

    estimator: Any
    fitted: list[Any]
    X: Any
    y: NDArray[Any]
    groups: NDArray[Any] | None
    layout: LandmarkLayout | None
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    folds: NDArray[np.intp]
    hits: NDArray[np.bool_]
    majority_hits: NDArray[np.bool_]
    random_state: np.random.RandomState

    @property
    def used(self) -> NDArray[np.bool_]:
        """Clips that are trained on or tested: not those that were skipped."""
        indices = np.concatenate([indices for split in self.splits for indices in split])
        return np.isin(np.arange(len(self.y)), indices)
