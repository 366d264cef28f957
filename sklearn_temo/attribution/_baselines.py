"""Where the paths of the integral begin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances
from sklearn.utils import check_random_state, check_X_y

KINDS = ("typical", "mean", "zero", "random")


def make_baselines(
    X: Any,
    y: ArrayLike,
    *,
    kind: str = "typical",
    n_baselines: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray:
    """Choose baselines from samples.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Their classes.
    kind : {"typical", "mean", "zero", "random"}, default="typical"
        - "typical": medoids of the classes in turn, in the order of the classes: the sample of a
          class that is nearest to all others of it; in a further round, the one that most reduces
          what is left of the distances.
        - "random": samples, drawn without replacement.
        - "mean": the mean of all samples, one baseline.
        - "zero": zeros, one baseline.
    n_baselines : int, default=5
        How many, at most the number of samples; "mean" and "zero" are always one.
    random_state : int, RandomState instance or None, default=None
        Of "random".

    Returns
    -------
    ndarray of shape (n_baselines, n_features)
    """
    X, y = check_X_y(X, y, dtype=[np.float32, np.float64])
    if n_baselines < 1:
        raise ValueError(f"n_baselines must be at least 1, got {n_baselines}.")
    if kind == "zero":
        return np.zeros((1, X.shape[1]), dtype=X.dtype)
    if kind == "mean":
        return X.mean(axis=0, keepdims=True, dtype=np.float64).astype(X.dtype)
    n_baselines = min(n_baselines, len(X))
    if kind == "random":
        rng = check_random_state(random_state)
        return X[rng.choice(len(X), n_baselines, replace=False)]
    if kind == "typical":
        return X[_typical_samples(X, y, n_baselines)]
    raise ValueError(f"kind must be one of {KINDS}, got {kind!r}.")


def _typical_samples(X, y, n_baselines):
    """Indices of the classes' medoids, one class after the other."""
    queues = [_medoids(X, np.flatnonzero(y == c), n_baselines) for c in np.unique(y)]
    chosen: list[int] = []
    while len(chosen) < n_baselines:
        chosen += [medoid for queue in queues if (medoid := next(queue, None)) is not None]
    return chosen[:n_baselines]


def _medoids(X, members, n_most):
    """The greedy start of k-medoids (PAM's BUILD), one sample after the other."""
    distance = pairwise_distances(X[members])
    nearest = np.full(len(members), np.inf)
    free = np.ones(len(members), dtype=bool)
    for _ in range(min(n_most, len(members))):
        cost = np.minimum(distance, nearest[:, None]).sum(axis=0)
        cost[~free] = np.inf
        best = int(cost.argmin())
        free[best] = False
        nearest = np.minimum(nearest, distance[best])
        yield members[best]
