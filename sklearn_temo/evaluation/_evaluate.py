"""Evaluation of an estimator on people that it was not fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, indexable

from .._pipelines import add_extraction, find_layout, without_extraction
from .._progress import Progress
from .._warnings import warn_user
from ._arguments import check_arguments, check_labels
from ._checks import run_checks
from ._evaluation import Evaluation
from ._models import FoldResult, evaluate_fold
from ._run import Run
from ._scores import PeopleBootstrap

_N_FOLDS = 5


def evaluate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    ignore: Collection[str] = (),
    n_bootstraps: int = 1000,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> Evaluation:
    """Evaluate a classifier on people that it was not fitted on, and check the evaluation.

    The estimator is fitted in each fold of a cross-validation. Its predictions of the test clips
    give the scores, with intervals over people, and the differences to simpler models on the same
    clips. Checks look for common mistakes.

    Parameters
    ----------
    estimator : estimator
        A classifier, a pipeline or a search, cloned and fitted in each fold. A search is thus
        nested: it gets the `groups` of the training clips for its own splitter.
    X : array-like of shape (n_clips, n_features) or list of clips
        What the estimator takes: rows of landmarks, or clips if it begins with a
        :class:`~sklearn_temo.FaceLandmarkTransformer`.
    y : array-like of shape (n_clips,)
        Labels.
    groups : array-like of shape (n_clips,), default=None
        The person of each clip. None if they are not known; a check then warns.
    cv : int, splitter, iterable or None, default=None
        Folds. None or an int shuffles the people, or the clips if there are no `groups`, with
        :class:`~sklearn.model_selection.StratifiedGroupKFold` or
        :class:`~sklearn.model_selection.StratifiedKFold` of that many folds. None means 5, or
        fewer if there are fewer people or fewer clips of each class. Each clip may be tested once
        at most.
    ignore : collection of str, default=()
        Names of checks that are not run, see Notes.
    n_bootstraps : int, default=1000
        Number of resamples for the intervals.
    confidence_level : float, default=0.95
        Level of the intervals, between 0 and 1.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, see :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Determines the folds, if `cv` is None or an int, the random landmarks and the resamples. It
        is not passed to the estimator.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    Evaluation

    Raises
    ------
    TypeError
        If `estimator` is not a classifier, or the values of `y` or `groups` cannot be sorted.
    ValueError
        If `y` has one class only, a value of `y` or `groups` is missing, a name in `ignore` is
        unknown, `cv` tests a clip several times, the training clips of a fold are of one class, or
        a search cannot be fitted in each fold.

    Warns
    -----
    UserWarning
        If checks found problems. The warning names them; the result explains them.

    See Also
    --------
    selection_stability : Stability of the landmarks that the folds select.
    make_temo_pipeline : A pipeline to evaluate.

    Notes
    -----
    **Scores.** Accuracy and balanced accuracy are those of the predictions of all folds together,
    not means of the folds. Intervals are percentiles of a bootstrap [1]_ that draws people with all
    their clips, or clips if there are no groups. The fitted models stay the same, so the intervals
    do not include the variance from other training people.

    **Other models.** They are fitted and tested on the same clips:

    - *majority class*: the most frequent class of the training clips;
    - *random landmarks*: the estimator with random landmarks instead of its landmark selector, as
      many as this selects and with the parameters that a search has chosen; the mean of 3 draws;
    - *best SVM*: a linear SVM (``C=0.01``) or an RBF SVM (``C=10``) on all landmarks, behind
      the first steps of the estimator that learn nothing, such as
      :class:`~sklearn_temo.LandmarkAligner`, :class:`~sklearn.impute.SimpleImputer` for missing
      values and :class:`~sklearn.preprocessing.StandardScaler`. Inner folds of the training clips
      choose between the two by their balanced accuracy.

    **Extraction.** It learns nothing from the clips. If the first step of the pipeline is a
    :class:`~sklearn_temo.FaceLandmarkTransformer`, all clips are extracted once, before they are
    split; clips that it skips are not tested. If a search varies its parameters, each fit extracts
    its clips; pass `memory` to the transformer.

    **Checks.** :data:`sklearn_temo.evaluation.EVALUATION_CHECKS` lists them. They cannot find
    everything: a parameter that was chosen with the test clips leaves no trace.

    ====================  ==========================================================================
    name                  warns if
    ====================  ==========================================================================
    `no_groups`           `groups` is None.
    `shared_people`       A person has clips in the training and the test data of a fold, or of the
                          folds of a search.
    `near_duplicates`     A test clip has a frame that differs from a frame of a training clip by
                          less than 1.5 % of the size of the face (root mean square, without
                          position and size), as windows of one video do.
    `outside_selection`   A step is a fitted :class:`~sklearn.frozen.FrozenEstimator`, or the
                          landmarks of `X` are not a complete set (468 or 478 of a face, 21 or 42 of
                          hands, 33 of a body, 68 of dlib, 543 of a holistic model).
    `rare_class`          A class has fewer than 5 people, or clips if there are no groups, or none
                          in the training data of a fold.
    `dominant_person`     Leaving one person out changes the lead in balanced accuracy over the
                          majority class by more than a quarter.
    `k_at_edge`           A search chooses the smallest or largest `k` of its grid in half of the
                          folds or more, and values beyond it exist.
    `unequal_folds`       The accuracies of the folds differ more than in 99 % of random
                          assignments of the people to the folds.
    `unstable_selection`  :func:`~sklearn_temo.selection_stability` of the folds is below 0.4.
    `identity`            A linear classifier recognises people, in classes that it has not seen
                          them in, better than the estimator recognises classes. Both are measured
                          by the balanced accuracy, adjusted for chance.
    ====================  ==========================================================================

    References
    ----------
    .. [1] Field, C. A. and Welsh, A. H. (2007). Bootstrapping clustered data. Journal of the Royal
       Statistical Society, Series B 69(3), 369-390.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_temo import LandmarkAligner, evaluate
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_pipeline(LandmarkAligner(), SVC(C=100))
    >>> result = evaluate(
    ...     pipe, smiles.data, smiles.target, groups=smiles.groups, cv=3, random_state=0
    ... )
    >>> list(result.scores)
    ['estimator', 'majority class', 'best SVM']
    >>> result.scores["estimator"]["accuracy"].low > 0.7
    True
    >>> [check.name for check in result.checks if check.verdict == "warning"]
    []
    """
    check_arguments(estimator, ignore, n_bootstraps, confidence_level)
    X, y, groups = indexable(X, *check_labels(y, groups))
    classes = np.unique(y)
    random: np.random.RandomState = check_random_state(random_state)
    splits = _make_splits(cv, X, y, groups, random)
    rows_estimator, extractor = without_extraction(estimator)
    if extractor is not None:
        own = extractor.verbose
        X = extractor.set_params(verbose=max(own, verbose)).fit_transform(X)
        extractor.set_params(verbose=own)
        skipped = [clip.index for clip in extractor.report_.skipped]
        splits = [
            (train[~np.isin(train, skipped)], test[~np.isin(test, skipped)])
            for train, test in splits
            if not np.isin(test, skipped).all()
        ]
    _check_folds(splits, y)
    layout = find_layout(X, rows_estimator)
    seed = int(random.randint(2**31 - 1))
    results: list[FoldResult] = []
    with Progress("evaluate", len(splits), "folds", verbose) as progress:
        for result in Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(evaluate_fold)(
                rows_estimator, X, y, groups, train, test, layout, seed + 1000 * i
            )
            for i, (train, test) in enumerate(splits)
        ):
            results.append(result)
            progress.advance()

    folds = np.full(len(y), -1)
    for i, (_, test) in enumerate(splits):
        folds[test] = i
    hits = {model: np.zeros(len(y)) for model in results[0].predictions}
    predictions = np.full(len(y), None, dtype=object)
    for (_, test), result in zip(splits, results, strict=True):
        for model, draws in result.predictions.items():
            hits[model][test] = np.mean([draw == y[test] for draw in draws], axis=0)
        predictions[test] = result.predictions["estimator"][0]
    fitted = [result.estimator for result in results]
    tested = folds >= 0
    people, index = None, np.arange(tested.sum())
    if groups is not None:
        names, index = np.unique(groups[tested], return_inverse=True)
        people = _scores_of_people(names, index, hits["estimator"][tested])
    bootstrap = PeopleBootstrap(y[tested], index, n_bootstraps, confidence_level, random)
    scores = {model: bootstrap.intervals(each[tested]) for model, each in hits.items()}
    differences = {
        model: bootstrap.intervals(hits["estimator"][tested] - each[tested])
        for model, each in hits.items()
        if model != "estimator"
    }
    run = Run(
        estimator=rows_estimator,
        fitted=fitted,
        X=X,
        y=y,
        groups=groups,
        layout=layout,
        splits=splits,
        folds=folds,
        hits=hits["estimator"] == 1,
        majority_hits=hits["majority class"] == 1,
        random_state=random,
    )
    checks = run_checks(run, ignore)
    if extractor is not None:
        for each in fitted:
            add_extraction(each, extractor)
    found = [check.name for check in checks if check.verdict == "warning"]
    if found:
        warn_user(
            f"checks of the evaluation found problems: {', '.join(found)}. The printed result, or "
            "the report, says what was found and what to do. evaluate(..., "
            f"ignore={tuple(found)}) leaves out checks that do not matter."
        )
    return Evaluation(
        classes=classes,
        scores=scores,
        differences=differences,
        confidence_level=confidence_level,
        confusion=confusion_matrix(y[tested], predictions[tested].astype(y.dtype), labels=classes),
        predictions=predictions.astype(y.dtype) if tested.all() else predictions,
        probabilities=_probabilities(results, splits, classes, len(y)),
        folds=folds,
        people=people,
        estimators=fitted,
        checks=checks,
    )


def _make_splits(
    cv: Any,
    X: Any,
    y: NDArray[Any],
    groups: NDArray[Any] | None,
    random_state: np.random.RandomState,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and test clips of each fold."""
    if cv is None or isinstance(cv, Integral):
        n_folds = count_folds(cv, y, groups)
        seed = int(random_state.randint(2**31 - 1))
        splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = splitter(n_folds, shuffle=True, random_state=seed)
    clips = np.arange(len(y))
    with warnings.catch_warnings():
        # Checks report people on both sides, and rare classes.
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")
        warnings.filterwarnings("ignore", message="The least populated class")
        pairs: Iterator[Any] = check_cv(cv, y, classifier=True).split(X, y, groups)
        splits = [(clips[train], clips[test]) for train, test in pairs]
    if not splits:
        raise ValueError("cv has no folds.")
    clips, counts = np.unique(np.concatenate([test for _, test in splits]), return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"cv tests {(counts > 1).sum()} clips several times, the first is clip "
            f"{clips[counts > 1][0]}; pass a splitter that tests each clip at most once, and call "
            "evaluate for each repetition."
        )
    return splits


def count_folds(cv: Any, y: NDArray[Any], groups: NDArray[Any] | None) -> int:
    n_largest = int(np.unique(y, return_counts=True)[1].max())
    n_people = len(y) if groups is None else len(np.unique(groups))
    n_possible = min(n_largest, n_people)
    n_folds = max(2, min(_N_FOLDS, n_possible)) if cv is None else int(cv)
    if n_folds > n_possible:
        people = "" if groups is None else f"people {n_people}, "
        more = "more clips" if groups is None or n_people >= n_folds else "clips of more people"
        smaller = ", or fewer folds" if n_possible > 1 else ""
        raise ValueError(
            f"{n_folds} folds need as many people, and as many clips of a class; the numbers are: "
            f"{people}clips of the largest class {n_largest}. Pass {more}{smaller}."
        )
    return n_folds


def _check_folds(splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]], y: NDArray[Any]) -> None:
    for fold, (train, test) in enumerate(splits):
        if not len(test):
            raise ValueError(f"fold {fold} (counted from 0) of cv has no test clips.")
        if len(np.unique(y[train])) < 2:
            raise ValueError(
                f"the training clips of fold {fold} (counted from 0) of cv are not of two classes "
                "or more: pass another cv or random_state, or more clips."
            )


def _scores_of_people(
    names: NDArray[Any], index: NDArray[np.intp], hits: NDArray[np.float64]
) -> dict[Any, tuple[int, float]]:
    n_clips = np.bincount(index)
    accuracy = np.bincount(index, weights=hits) / n_clips
    each = zip(names.tolist(), n_clips.tolist(), accuracy.tolist(), strict=True)
    return {name: (n, score) for name, n, score in each}


def _probabilities(
    results: list[FoldResult],
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    classes: NDArray[Any],
    n_clips: int,
) -> NDArray[np.float64] | None:
    if any(result.probabilities is None for result in results):
        return None
    probabilities = np.full((n_clips, len(classes)), np.nan)
    for (_, test), result in zip(splits, results, strict=True):
        # A class without training clips has a probability of 0.
        probabilities[test] = 0
        columns = np.searchsorted(classes, result.estimator.classes_)
        probabilities[np.ix_(test, columns)] = result.probabilities
    return probabilities
