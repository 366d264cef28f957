"""Section of a report on the score against the number of landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import recall_score
from sklearn.pipeline import Pipeline

from .._progress import Progress
from .._search_results import SearchResults, fewest_landmarks, read_search, standard_errors
from ..inspection._candidate_names import name_candidates
from ..inspection._fitted_selectors import find_relevance
from ..inspection._method_styles import method_name, method_styles
from ..selection._ranking import count_kept
from ._clips import ReportClips

_KS = (8, 16, 32, 64, 128)


def describe_score_against_k(
    estimator: Any, evaluation: Any, clips: ReportClips, n_jobs: int | None, verbose: int
) -> dict[str, Any] | None:
    """Scores of a fitted search over `k`, or else of the rankings of the folds.

    None if the estimators have no selector that ranks landmarks.
    """
    relevance = find_relevance(evaluation.estimators[0])
    if not relevance:
        return None
    n_landmarks = relevance[0].scores.shape[-1]
    if hasattr(estimator, "cv_results_"):
        scoring = estimator.refit if isinstance(estimator.refit, str) else None
        # Otherwise, the search does not vary k, or does not tell which metric is the main one.
        with suppress(ValueError):
            results = read_search(estimator.cv_results_, scoring, None)
            # A single metric is called "score".
            metric = results.metric
            if metric == "score" and not callable(estimator.scoring):
                metric = estimator.scoring or "accuracy"
            return _describe_search(results, metric, n_landmarks, estimator)
    return _describe_rankings(evaluation, clips, n_landmarks, n_jobs, verbose)


def _describe_search(
    results: SearchResults, metric: str, n_landmarks: int, search: Any
) -> dict[str, Any]:
    ks = [count_kept(k, n_landmarks) for k in results.k]
    names = name_candidates(results.other_params)
    if not any(names):
        names = [method_name(getattr(search, "best_estimator_", None))] * len(names)
    return _section(
        metric,
        names,
        names,
        ks,
        results.scores,
        "The scores of the search on its own folds. The search chose the best of them, so its "
        "score is too high; those of the evaluation are from clips that no search has seen.",
    )


def _describe_rankings(
    evaluation: Any, clips: ReportClips, n_landmarks: int, n_jobs: int | None, verbose: int
) -> dict[str, Any] | None:
    parts = [_split(estimator) for estimator in evaluation.estimators]
    # The training clips of a fold are known only if each clip is tested once.
    if None in parts or (evaluation.folds < 0).any():
        return None
    kept = {int(part[1].get_landmark_support().sum()) for part in parts if part}
    ks = sorted({k for k in {*_KS, *kept} if k < n_landmarks} | {n_landmarks})
    scores = []
    with Progress("score against k", len(parts), "folds", verbose) as progress:
        for of_fold in Parallel(n_jobs, return_as="generator")(
            delayed(_score_fold)(*part, clips, evaluation.folds == fold, evaluation.predictions, ks)
            for fold, part in enumerate(parts)
            if part
        ):
            scores.append(of_fold)
            progress.advance()
    return _section(
        "balanced accuracy",
        ["first k of the ranking"] * len(ks),
        [method_name(evaluation.estimators[0])] * len(ks),
        ks,
        np.transpose(scores),
        "In each fold, the selector ranked the landmarks on the training clips, the steps after "
        "it were fitted to the first k of them, and the test clips were classified. A selector "
        "that is fitted with another k may order the landmarks differently.",
    )


def _split(estimator: Any) -> tuple[Pipeline | None, Any, Pipeline] | None:
    """Steps before the selector that ranks the landmarks, the selector, and the steps after it."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        # The clips are extracted.
        first = int(hasattr(estimator.steps[0][1], "extract"))
        for i, (_, step) in enumerate(estimator.steps[:-1]):
            if hasattr(step, "get_landmark_support") and hasattr(step, "ranking_"):
                return estimator[first:i] if i > first else None, step, estimator[i + 1 :]
    return None


def _score_fold(
    before: Pipeline | None,
    selector: Any,
    after: Pipeline,
    clips: ReportClips,
    is_test: NDArray[np.bool_],
    predictions: NDArray[Any],
    ks: Sequence[int],
) -> list[float]:
    """Balanced accuracy on the test clips of a fold for each number of landmarks.

    `predictions` are those of the evaluation, for the number of landmarks that the selector keeps.
    """
    rows = np.asarray(clips.rows if before is None else before.transform(clips.rows))
    y, labels = clips.y, np.unique(clips.y[is_test])
    scores = []
    for k in ks:
        kept = selector.ranking_ <= k
        if np.array_equal(kept, selector.get_landmark_support()):
            predicted = predictions[is_test].astype(y.dtype)
        else:
            columns = selector.layout_.feature_mask(kept)
            layout = selector.layout_.keep(kept)
            X = layout.attach(np.ascontiguousarray(rows[:, columns]))
            predicted = clone(after).fit(X[~is_test], y[~is_test]).predict(X[is_test])
        # The balanced accuracy, without its warning of predicted classes that no test clip has.
        score = recall_score(y[is_test], predicted, labels=labels, average="macro", zero_division=0)
        scores.append(float(score))
    return scores


def _section(
    metric: str,
    names: list[str],
    methods: list[str],
    ks: list[int],
    scores: NDArray[np.float64],
    note: str,
) -> dict[str, Any]:
    """Section of the report; candidates that failed, with NaN, are left out.

    `methods` determine how the lines look.
    """
    mean, errors = scores.mean(axis=1), standard_errors(scores)
    styles = method_styles(list(dict.fromkeys(methods)))
    lines = []
    for name, style in zip(dict.fromkeys(names), styles, strict=True):
        points = [i for i in range(len(ks)) if names[i] == name and np.isfinite(mean[i])]
        points.sort(key=lambda i: ks[i])
        lines.append(
            {
                "name": name or "score",
                "style": style.slot,
                "k": [ks[i] for i in points],
                "mean": mean[points],
                "standard_error": errors[points],
            }
        )
    smallest = ks[fewest_landmarks(ks, scores)] if np.isfinite(mean).any() else None
    return {"metric": metric, "lines": lines, "smallest_k": smallest, "note": note}
