"""Baseline selection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

KINDS = ("typical", "per_class", "mean", "zero", "random")

# Largest number of samples among which medoids are sought: their distances are a square matrix.
_MAX_SAMPLES = 2048


def make_baselines(
    X: Any,
    y: Any = None,
    *,
    kind: str = "typical",
    n_baselines: int = 5,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray:
    """Choose baselines from samples.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,), default=None
        Class of each sample. Used by "per_class" only.
    kind : {"typical", "per_class", "mean", "zero", "random"}, default="typical"
        - "typical": medoids of all samples, of any class. The first is the sample with the smallest
          sum of distances to the other samples; each further one is the sample that most reduces
          the sum of the distances to the nearest medoid (the BUILD step of k-medoids [1]_). Of more
          than 2048 samples, 2048 are used, drawn with a fixed seed.
        - "per_class": the first medoid of each class, in sorted order; `n_baselines` is ignored.
          Continuous numbers are no classes.
        - "random": samples drawn without replacement, with probabilities proportional to
          `sample_weight`.
        - "mean": the mean of all samples, a single baseline.
        - "zero": zeros, a single baseline.
    n_baselines : int, default=5
        Number of baselines of the kinds "typical" and "random", at most the number of samples.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples in distances, means and random draws. A sample of weight 0 is left
        out. None gives all samples the weight 1.
    random_state : int, RandomState instance or None, default=None
        Used by "random".

    Returns
    -------
    ndarray of shape (n_baselines, n_features)
        Baselines, in the dtype of `X` if that is float32 or float64.

    References
    ----------
    .. [1] Kaufman, L., Rousseeuw, P. J. (1990). Finding Groups in Data. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo.attribution import make_baselines
    >>> X = np.array([[0.0], [1.0], [5.0], [7.0], [8.0], [12.0]])
    >>> make_baselines(X, n_baselines=2)
    array([[5.],
           [0.]])
    >>> make_baselines(X, [0, 0, 0, 1, 1, 1], kind="per_class")
    array([[1.],
           [8.]])
    """
    X = check_array(X, dtype=[np.float32, np.float64])
    if n_baselines < 1:
        raise ValueError(f"n_baselines must be at least 1, got {n_baselines}.")
    weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    used = weight > 0
    X, weight = X[used], weight[used]
    n_baselines = min(n_baselines, len(X))
    if kind == "typical":
        return X[_medoids(X, np.arange(len(X)), weight, n_baselines)]
    if kind == "per_class":
        y = column_or_1d(y)
        check_classification_targets(y)
        check_consistent_length(used, y)
        y = y[used]
        return X[[_medoids(X, np.flatnonzero(y == c), weight, 1)[0] for c in np.unique(y)]]
    if kind == "random":
        p = None if sample_weight is None else weight / weight.sum(dtype=np.float64)
        rng = check_random_state(random_state)
        return X[rng.choice(len(X), n_baselines, replace=False, p=p)]
    if kind == "mean":
        # Summed in double precision: rounding errors of long float32 sums are large.
        mean = np.average(X.astype(np.float64), axis=0, weights=weight.astype(np.float64))
        return mean[None].astype(X.dtype)
    if kind == "zero":
        return np.zeros((1, X.shape[1]), dtype=X.dtype)
    raise ValueError(f"kind must be one of {KINDS}, got {kind!r}.")


def _medoids(X: NDArray, members: NDArray, weight: NDArray, n_medoids: int) -> list[int]:
    """Medoids of some samples, in the order in which the BUILD step of k-medoids adds them."""
    if len(members) > _MAX_SAMPLES:
        chosen = np.random.default_rng(0).choice(len(members), _MAX_SAMPLES, replace=False)
        members = members[np.sort(chosen)]
    medoids: list[int] = []
    # Centred, since squares of numbers that all samples have in common lose the differences, and
    # scaled, since squares of large numbers overflow.
    rows = X[members].astype(np.float64)
    rows -= rows[0]
    rows /= np.abs(rows).max() or 1
    distance = pairwise_distances(rows)
    nearest = np.full(len(members), np.inf)
    free = np.ones(len(members), dtype=bool)
    while len(medoids) < n_medoids:
        cost = (weight[members, None] * np.minimum(distance, nearest[:, None])).sum(axis=0)
        cost[~free] = np.inf
        best = int(cost.argmin())
        free[best] = False
        nearest = np.minimum(nearest, distance[best])
        medoids.append(members[best])
    return medoids
