"""Checks of the scores, the folds and the selections of an evaluation."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._pipelines import find_search
from ..inspection import selection_stability
from ..inspection._fitted_selectors import find_relevance
from ..layout import LandmarkLayout
from ._run import Finding, Run
from ._scores import balanced_weights

_MAX_SHARE_OF_A_PERSON = 0.25
_N_PERMUTATIONS = 999
_MIN_P_VALUE = 0.01
# "Poor agreement" below it, by the benchmark that Nogueira et al. (2018) recommend.
_MIN_STABILITY = 0.4


def dominant_person(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    tested = run.folds >= 0
    people, index = np.unique(run.groups[tested], return_inverse=True)
    if len(people) < 2:
        return "not run", "needs two people or more.", {}
    # In row i the clips of all people but person i; all clips in the last row.
    counts = np.vstack([index != np.arange(len(people))[:, None], np.ones(len(index))])
    labels = np.unique(run.y[tested], return_inverse=True)[1]
    weights = balanced_weights(counts, labels)
    weights /= weights.sum(axis=1, keepdims=True)
    scores, majority = weights @ run.hits[tested], weights @ run.majority_hits[tested]
    *without, excess = scores - majority
    if excess <= 0:
        return "not run", "the estimator is not better than the majority class.", {}
    # Without the only person of a class, the score is of fewer classes.
    shown = np.unique(np.column_stack([index, labels]), axis=0)
    is_only = np.isin(np.arange(len(people)), shown[np.bincount(shown[:, 1])[shown[:, 1]] == 1, 0])
    share = np.where(is_only, 0, np.abs(excess - without) / excess)
    most = int(share.argmax())
    numbers = {"largest_share": float(share[most]), "score": scores[-1], "without": scores[most]}
    message = (
        f"without person {people[most]}, the balanced accuracy is {scores[most]:.3f} instead of "
        f"{scores[-1]:.3f}"
    )
    if share[most] > _MAX_SHARE_OF_A_PERSON:
        return (
            "warning",
            f"{message}, which is {share[most]:.0%} of its lead over the majority class. Look at "
            "the clips and labels of this person, and add people.",
            numbers,
        )
    return "passed", f"{message}: no person matters more.", numbers


def k_at_edge(run: Run) -> Finding:
    search = find_search(run.estimator)
    if search is None:
        return "not run", "the estimator is not a search.", {}
    edges = [_edge(find_search(fitted), run.layout) for fitted in run.fitted]
    edges = [edge for edge in edges if edge is not None]
    if not edges:
        return "not run", "the search does not vary the number of landmarks, k.", {}
    for edge, advice in (("smallest", "smaller"), ("largest", "larger")):
        n_at_edge = edges.count(edge)
        if n_at_edge >= len(edges) / 2:
            return (
                "warning",
                f"the search chose the {edge} k of its grid in {n_at_edge} of {len(edges)} folds, "
                f"so the best one may be outside. Add {advice} values to the grid.",
                {"n_folds_at_edge": n_at_edge},
            )
    n_at_edge = len(edges) - edges.count("inside")
    return (
        "passed",
        f"the chosen k is at an edge of the grid in {n_at_edge} of {len(edges)} folds.",
        {"n_folds_at_edge": n_at_edge},
    )


def _edge(search: Any, layout: LandmarkLayout | None) -> str | None:
    """Edge of its grid at which a fitted search chose k; None if it had no choice."""
    for name, best in search.best_params_.items():
        if not f"__{name}".endswith("__k"):
            continue
        tried = [params.get(name) for params in search.cv_results_["params"]]
        values = {value for value in tried if isinstance(value, Real)}
        if len(values) + ("all" in tried) < 2:
            return None
        if best == "all" or best in (1, 1.0) or (layout and best == layout.n_landmarks):
            return "inside"  # There are no other values beyond.
        if best == min(values):
            return "smallest"
        return "largest" if best == max(values) and "all" not in tried else "inside"
    return None


def unequal_folds(run: Run) -> Finding:
    if len(run.splits) < 2:
        return "not run", "needs two folds or more.", {}
    tested = run.folds >= 0
    folds, hits = run.folds[tested], run.hits[tested]
    unit = np.arange(len(folds))
    if run.groups is not None:
        person = np.unique(run.groups[tested], return_inverse=True)[1]
        if len(np.unique(np.column_stack([person, folds]), axis=0)) == person.max() + 1:
            unit = person
    n_clips, n_hits = np.bincount(unit), np.bincount(unit, weights=hits)
    fold_of_unit = np.empty(len(n_clips), dtype=np.intp)
    fold_of_unit[unit] = folds

    def accuracies(fold: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
        sizes = np.bincount(fold, weights=n_clips, minlength=len(run.splits))
        n_right = np.bincount(fold, weights=n_hits, minlength=len(run.splits))
        return n_right[sizes > 0] / sizes[sizes > 0], sizes[sizes > 0]

    def spread(fold: NDArray[np.intp]) -> float:
        accuracy, sizes = accuracies(fold)
        return float(sizes @ np.square(accuracy - hits.mean()))

    observed = spread(fold_of_unit)
    n_larger = sum(
        spread(run.random_state.permutation(fold_of_unit)) >= observed - 1e-9
        for _ in range(_N_PERMUTATIONS)
    )
    p_value = (n_larger + 1) / (_N_PERMUTATIONS + 1)
    accuracy = accuracies(fold_of_unit)[0]
    numbers = {"lowest": accuracy.min(), "highest": accuracy.max(), "p_value": p_value}
    message = f"the accuracy of the folds is between {accuracy.min():.3f} and {accuracy.max():.3f}"
    if p_value < _MIN_P_VALUE:
        return (
            "warning",
            f"{message}; folds of people drawn at random differ that much with a probability of "
            f"{p_value:.3f}. Look for folds with other recordings, labels or numbers of clips.",
            numbers,
        )
    return "passed", f"{message} (p = {p_value:.3f}).", numbers


def unstable_selection(run: Run) -> Finding:
    if not all(find_relevance(fitted) for fitted in run.fitted):
        return "not run", "the estimator has no landmark selector.", {}
    if len(run.fitted) < 2:
        return "not run", "needs two folds or more.", {}
    stability = selection_stability(run.fitted).stability
    if np.isnan(stability):
        return "not run", "all landmarks are selected.", {}
    numbers = {"stability": stability}
    message = f"the stability of the selection is {stability:.2f}"
    if stability < _MIN_STABILITY:
        return (
            "warning",
            f"{message}, below {_MIN_STABILITY}: the folds select different landmarks, of which "
            "none should be interpreted alone. Add people, select more landmarks, or use "
            "StabilityLandmarkSelector.",
            numbers,
        )
    return "passed", f"{message}, where 1 is the same landmarks in all folds.", numbers
