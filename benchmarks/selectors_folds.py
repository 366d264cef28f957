"""Evaluation of one selection method on one fold, for the benchmark of the selectors."""

from __future__ import annotations

import warnings
from dataclasses import replace
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_temo import IGLandmarkSelector, LandmarkLayout, TEMOClassifier

from .claims_folds import Result, Split, evaluate
from .selectors_ranking import RANKINGS, movements

# The selector of this package, with each network that it is compared with.
SELECTORS = {
    "IG": IGLandmarkSelector(),
    "IG, trained network": IGLandmarkSelector(TEMOClassifier(n_components=32, noise=0.4)),
}
ALL = "all landmarks"


class Selection(NamedTuple):
    """Landmarks that a method selects on the training clips of one fold, and their evaluation.

    Parameters
    ----------
    method : str
    seconds : float
        Time of one selection.
    results : list of Result
        One for each k and classifier.
    """

    method: str
    seconds: float
    results: list[Result]


def methods() -> list[str]:
    """Names of all methods, those of this package first."""
    return [*SELECTORS, *RANKINGS, ALL]


def evaluate_method(split: Split, method: str, ks: tuple[int, ...]) -> Selection:
    """Select landmarks on the training clips, and evaluate classifiers on the test clips."""
    # The linear SVM gets the movements in x and y; T-EMO makes its own use of all columns.
    moved = movements(split.X, split.layout)
    n_clips, n_landmarks, n_values = moved.shape
    rows = replace(
        split, X=moved.reshape(n_clips, -1), layout=LandmarkLayout(1, n_landmarks, n_values)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, kept = select(split, method, ks)
        results = []
        for landmarks in kept:
            results.append(evaluate(split, "all", method, landmarks, "T-EMO, randomized"))
            results.append(evaluate(rows, "all", method, landmarks, "linear SVM, tuned"))
    return Selection(method, seconds, results)


def select(split: Split, method: str, ks: tuple[int, ...]) -> tuple[float, list[np.ndarray]]:
    """Seconds of one selection on the training clips, and the landmarks for each k."""
    X, y, layout = split.X[split.train], split.y[split.train], split.layout
    if method == ALL:
        return 0.0, [np.arange(layout.n_landmarks)]
    start = perf_counter()
    if method in RANKINGS:
        order = RANKINGS[method](X, y, layout, np.random.default_rng(split.seed))
        return perf_counter() - start, [order[:k] for k in ks]
    with TemporaryDirectory() as memory:
        # The fits differ in k only and share one network.
        selector = clone(SELECTORS[method]).set_params(
            memory=memory, random_state=split.seed, **split.shape
        )
        selector.set_params(k=ks[0]).fit(X, y)
        seconds = perf_counter() - start
        kept = [selector.set_params(k=k).fit(X, y).get_landmark_support(indices=True) for k in ks]
    return seconds, kept
