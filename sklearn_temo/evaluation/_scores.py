"""Accuracy and balanced accuracy of several models, with intervals over people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._evaluation import ScoreInterval

METRICS = ("accuracy", "balanced_accuracy")


class PeopleBootstrap:
    """Scores of models on the same clips, and on resampled people.

    Parameters
    ----------
    y : ndarray of shape (n_clips,)
        Labels.
    people : ndarray of int of shape (n_clips,)
        Index of the person of each clip, without gaps. With a person for each clip, clips are
        resampled.
    n_bootstraps : int
    confidence_level : float
    random_state : RandomState
    """

    def __init__(
        self,
        y: NDArray,
        people: NDArray[np.intp],
        n_bootstraps: int,
        confidence_level: float,
        random_state: np.random.RandomState,
    ) -> None:
        n_people = people.max() + 1
        drawn = random_state.multinomial(n_people, np.full(n_people, 1 / n_people), n_bootstraps)
        # The first row is the sample itself.
        counts = np.vstack([np.ones(n_people), drawn])[:, people]
        self._weights = {"accuracy": counts, "balanced_accuracy": balanced_weights(counts, y)}
        for weights in self._weights.values():
            weights /= weights.sum(axis=1, keepdims=True)
        tail = (1 - confidence_level) / 2
        self._quantiles = (tail, 1 - tail)
        self._is_degenerate = n_people < 2

    def intervals(self, hits: NDArray[np.float64]) -> dict[str, ScoreInterval]:
        """Scores of a model, or differences of two models, with their intervals.

        Parameters
        ----------
        hits : ndarray of shape (n_clips,)
            1 where the model is right, or the difference of the hits of two models.
        """
        result = {}
        for metric in METRICS:
            # Rounding errors would put a constant score outside its own interval.
            scores = np.round(self._weights[metric] @ hits, 12)
            low, high = np.quantile(scores[1:], self._quantiles)
            if self._is_degenerate:
                low = high = np.nan
            result[metric] = ScoreInterval(float(scores[0]), float(low), float(high))
        return result


def balanced_weights(counts: NDArray[np.float64], y: NDArray) -> NDArray[np.float64]:
    """Weights of clips with which an accuracy becomes a balanced accuracy.

    Classes without a clip do not count, as in :func:`sklearn.metrics.balanced_accuracy_score`.

    Parameters
    ----------
    counts : ndarray of shape (n_samples, n_clips)
        Number of times that each clip is in a sample.
    y : ndarray of shape (n_clips,)

    Returns
    -------
    ndarray of shape (n_samples, n_clips)
    """
    weights = counts.astype(np.float64)
    for label in np.unique(y):
        total = weights[:, y == label].sum(axis=1, keepdims=True)
        weights[:, y == label] /= np.maximum(total, 1)
    return weights
