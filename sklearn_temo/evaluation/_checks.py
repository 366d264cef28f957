"""Checks of an evaluation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, pairwise_distances_argmin_min
from sklearn.model_selection import LeaveOneGroupOut, check_cv, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, get_tags

from ..inspection import selection_stability
from ..inspection._fitted_selectors import find_relevance
from ..layout import LandmarkLayout
from ._evaluation import Check
from ._models import is_search, stateless_steps
from ._scores import balanced_weights

EVALUATION_CHECKS = {
    "no_groups": "the people are not known",
    "shared_people": "a person has clips in the training and the test data of a fold",
    "near_duplicates": "test clips are nearly equal to training clips, like windows of one video",
    "outside_selection": "landmarks were selected, or a step was fitted, before the evaluation",
    "rare_class": "a class is shown by too few people",
    "dominant_person": "the score depends on a single person",
    "k_at_edge": "a search chose the smallest or the largest number of landmarks of its grid",
    "unequal_folds": "the accuracy differs more between folds than by chance",
    "unstable_selection": "the folds select different landmarks",
    "identity": "the landmarks tell people apart better than the estimator tells classes apart",
}
"""Checks of :func:`~sklearn_temo.evaluate`: names, and the problems that they find."""

_MIN_PEOPLE = 5
# Root mean square difference of two frames after removing position and size, in units of the size
# of the face. Faces of different people differ by 2.4 % or more (London, CK+ and synthetic clips),
# neighbouring windows of a video by 1.3 % in the median.
_NEAR_DUPLICATE = 0.015
# With fewer landmarks, different faces may be nearly equal.
_MIN_LANDMARKS = 21
_N_COMPARED_LANDMARKS, _N_COMPARED_FRAMES = 48, 4
# Hand, body, two hands, dlib's face, face mesh without and with irises, holistic model.
_COMPLETE_SETS = {21, 33, 42, 68, 468, 478, 543}
_MAX_SHARE_OF_A_PERSON = 0.25
_N_PERMUTATIONS = 999
_MIN_P_VALUE = 0.01
# "Poor agreement" below it, by the benchmark that Nogueira et al. (2018) recommend.
_MIN_STABILITY = 0.4

Finding = tuple[str, str, dict[str, float]]


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


def run_checks(run: Run, ignore: Collection[str]) -> tuple[Check, ...]:
    """Run all checks that are not ignored."""
    checks = []
    for name in EVALUATION_CHECKS:
        finding: Finding = ("ignored", "", {})
        if name not in ignore:
            finding = _CHECKS[name](run)
        verdict, message, numbers = finding
        plain = {key: np.asarray(number).item() for key, number in numbers.items()}
        checks.append(Check(name, verdict, message, plain))
    return tuple(checks)


def _no_groups(run: Run) -> Finding:
    if run.groups is None:
        return (
            "warning",
            "the people are not known, so that clips of one person may be in the training and the "
            "test data, and the intervals assume independent clips. Pass the person of each clip "
            "as groups.",
            {},
        )
    n_people = len(np.unique(run.groups))
    return "passed", f"{n_people} people.", {"n_people": n_people}


def _shared_people(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    n_outer = _most_shared(run.splits, run.groups)
    search = _search_of(run.estimator)
    n_inner = 0
    if search is not None:
        train = run.splits[0][0]
        y, groups = run.y[train], run.groups[train]
        cv = check_cv(search.cv, y, classifier=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The groups parameter is ignored")
            n_inner = _most_shared(cv.split(_safe_indexing(run.X, train), y, groups), groups)
    numbers = {"n_people_on_both_sides": n_outer, "n_people_on_both_sides_of_the_search": n_inner}
    if n_outer:
        return (
            "warning",
            f"up to {n_outer} people have clips in the training and the test data of a fold, so "
            "that the classifier can recognise them: the scores are too high. Use a splitter that "
            "keeps groups together, such as StratifiedGroupKFold, or cv=None.",
            numbers,
        )
    if n_inner:
        return (
            "warning",
            f"the search splits its training data so that up to {n_inner} people are on both sides "
            "of a split: it may choose parameters that recognise people. Pass a splitter that "
            "keeps groups together to the search, such as cv=StratifiedGroupKFold().",
            numbers,
        )
    return "passed", "no person is on both sides of a split.", numbers


def _most_shared(splits: Any, groups: NDArray[Any]) -> int:
    """Largest number of people that are on both sides of one of the splits."""
    return max(len(np.intersect1d(groups[train], groups[test])) for train, test in splits)


def _near_duplicates(run: Run) -> Finding:
    if run.layout is None:
        return "not run", _UNKNOWN_LAYOUT, {}
    if run.layout.n_landmarks < _MIN_LANDMARKS:
        return "not run", f"needs {_MIN_LANDMARKS} landmarks or more.", {}
    frames = _normalised_frames(run.X, run.layout)
    if not np.isfinite(frames).all():
        return "not run", "X contains NaN.", {}
    n_frames, distances, pairs = frames.shape[1], [], []
    for train, test in run.splits:
        index, distance = pairwise_distances_argmin_min(
            np.concatenate(frames[test]), np.concatenate(frames[train])
        )
        index, distance = index.reshape(-1, n_frames), distance.reshape(-1, n_frames)
        rows = np.arange(len(test)), distance.argmin(axis=1)
        distances.append(distance[rows])
        pairs.append(np.column_stack([test, train[index[rows] // n_frames]]))
    nearest, clips = np.concatenate(distances), np.concatenate(pairs)
    n_near = int((nearest < _NEAR_DUPLICATE).sum())
    numbers = {
        "n_near_duplicates": n_near,
        "n_tested": len(nearest),
        "smallest_difference": float(nearest.min()),
    }
    if not n_near:
        return "passed", "no test clip is nearly equal to a training clip.", numbers
    first, second = clips[nearest.argmin()]
    return (
        "warning",
        f"{n_near} of {len(nearest)} test clips have a frame that is nearly equal to a frame of a "
        f"training clip, for example clip {first} and clip {second} (counted from 0). They may be "
        "windows of one video, copies, or the same person in the same session. Give all clips of "
        "one video and of one person the same value in groups.",
        numbers,
    )


def _normalised_frames(X: Any, layout: LandmarkLayout) -> NDArray[np.float32]:
    """Some landmarks of the first, the last and two more frames, without position and size.

    Returns
    -------
    ndarray of shape (n_clips, n_compared_frames, n_values)
        The norm of each frame is 1.
    """

    def evenly(n: int, n_compared: int) -> NDArray[np.intp]:
        return np.unique(np.linspace(0, n - 1, n_compared).round().astype(np.intp))

    clips = layout.unflatten(np.asarray(X, dtype=np.float32))
    clips = clips[:, evenly(layout.n_frames, _N_COMPARED_FRAMES)]
    clips = clips[:, :, evenly(layout.n_landmarks, _N_COMPARED_LANDMARKS)]
    clips = clips - clips.mean(axis=2, keepdims=True)
    size = np.sqrt(np.square(clips).sum(axis=(2, 3), keepdims=True))
    if size.shape[1] > 1 and np.median(size[:, 1:]) < np.median(size[:, :1]) / 2:
        # Displacements from frame 0, as LandmarkAligner returns them.
        clips[:, 1:] += clips[:, :1]
        size = np.sqrt(np.square(clips).sum(axis=(2, 3), keepdims=True))
    clips = clips / np.where(size > 0, size, 1)
    return clips.reshape(*clips.shape[:2], -1)


def _outside_selection(run: Run) -> Finding:
    for name, step in {"": run.estimator, **run.estimator.get_params()}.items():
        if isinstance(step, FrozenEstimator) and get_tags(step.estimator).requires_fit:
            return (
                "warning",
                f"{name or 'the estimator'} is a frozen {type(step.estimator).__name__} that was "
                "fitted before the evaluation, possibly on test clips. Pass an estimator that is "
                "fitted in each fold.",
                {},
            )
    names = [re.search(r"_p(\d{3,})_", str(name)) for name in getattr(run.X, "columns", ())]
    numbers = sorted({int(name[1]) for name in names if name})
    if not numbers and run.layout is None:
        return "not run", _UNKNOWN_LAYOUT, {}
    n_landmarks = len(numbers) if numbers else run.layout.n_landmarks  # type: ignore[union-attr]
    has_gaps = numbers != list(range(len(numbers)))
    if has_gaps or n_landmarks not in _COMPLETE_SETS:
        return (
            "warning",
            f"X has {n_landmarks} landmarks, which are only a part of a face mesh or another known "
            "set. If they were selected with these labels, the selection has seen the test clips, "
            "and the scores are too high: pass all landmarks, and put the selector into the "
            "estimator. If the choice did not use the labels, ignore this check.",
            {"n_landmarks": n_landmarks},
        )
    return (
        "passed",
        f"X has all {n_landmarks} landmarks, and nothing is frozen.",
        {"n_landmarks": n_landmarks},
    )


def _rare_class(run: Run) -> Finding:
    units = np.arange(len(run.y)) if run.groups is None else run.groups
    unit = "clips" if run.groups is None else "people"
    counts = {label: len(np.unique(units[run.y == label])) for label in np.unique(run.y).tolist()}
    # Labels that are missing in the training data of a fold.
    untrained = {label for train, _ in run.splits for label in counts.keys() - {*run.y[train]}}
    rare = [label for label, n in counts.items() if n < _MIN_PEOPLE or label in untrained]
    rarest = min(counts, key=lambda label: counts[label])
    numbers = {f"n_{unit}_of_rarest_class": counts[rarest]}
    if rare:
        return (
            "warning",
            f"{', '.join(f'{label} ({counts[label]} {unit})' for label in rare)}: shown by fewer "
            f"than {_MIN_PEOPLE} {unit}, or missing in the training data of a fold, so that its "
            "recall means little. Add people, leave the class out, or merge it with another one.",
            numbers,
        )
    return "passed", f"the rarest class, {rarest}, has {counts[rarest]} {unit}.", numbers


def _dominant_person(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    tested = run.folds >= 0
    people, index = np.unique(run.groups[tested], return_inverse=True)
    if len(people) < 2:
        return "not run", "needs two people or more.", {}
    # In row i the clips of all people but person i; all clips in the last row.
    counts = np.vstack([index != np.arange(len(people))[:, None], np.ones(len(index))])
    weights = balanced_weights(counts, run.y[tested])
    weights /= weights.sum(axis=1, keepdims=True)
    scores, majority = weights @ run.hits[tested], weights @ run.majority_hits[tested]
    *without, excess = scores - majority
    if excess <= 0:
        return "not run", "the estimator is not better than the majority class.", {}
    share = np.abs(excess - without) / excess
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


def _k_at_edge(run: Run) -> Finding:
    search = _search_of(run.estimator)
    if search is None:
        return "not run", "the estimator is not a search.", {}
    edges = [_edge(_search_of(fitted), run.layout) for fitted in run.fitted]
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


def _search_of(estimator: Any) -> Any:
    if isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    return estimator if is_search(estimator) else None


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


def _unequal_folds(run: Run) -> Finding:
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


def _unstable_selection(run: Run) -> Finding:
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


def _identity(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    if run.layout is None:
        return "not run", _UNKNOWN_LAYOUT, {}
    n_classes = {
        person: len(np.unique(run.y[run.groups == person])) for person in np.unique(run.groups)
    }
    used = np.array([n_classes[person] > 1 for person in run.groups])
    y, people = run.y[used], run.groups[used]
    n_people = len(np.unique(people))
    if n_people < _MIN_PEOPLE:
        return "not run", f"needs {_MIN_PEOPLE} people with clips of two classes.", {}
    rows = run.X
    for _, step in stateless_steps(run.estimator):
        rows = step.fit_transform(rows)
    rows = np.asarray(rows)[used]
    if not np.isfinite(rows).all():
        return "not run", "X contains NaN.", {}
    # Classes do not help to recognise people, who are predicted in classes that were left out.
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1000))
    predicted = cross_val_predict(model, rows, people, groups=y, cv=LeaveOneGroupOut())
    of_people = balanced_accuracy_score(people, predicted, adjusted=True)
    tested = run.folds >= 0
    weights = balanced_weights(np.ones((1, tested.sum())), run.y[tested])[0]
    chance = 1 / len(np.unique(run.y[tested]))
    of_classes = (weights @ run.hits[tested] * chance - chance) / (1 - chance)
    numbers = {"people": of_people, "classes": of_classes, "n_people": n_people}
    message = (
        f"a linear classifier recognises people with a score of {of_people:.2f}, and the estimator "
        f"classes with {of_classes:.2f} (0 is chance, 1 perfect)"
    )
    if of_people > of_classes:
        return (
            "warning",
            f"{message}. Keep people apart, and make the landmarks depend less on the person, for "
            'example with LandmarkAligner(reference="first") on clips that begin with a neutral '
            "face.",
            numbers,
        )
    return "passed", f"{message}.", numbers


_UNKNOWN_LAYOUT = "the layout of X is not known: pass all landmarks, or set n_frames."

_CHECKS: dict[str, Callable[[Run], Finding]] = {
    "no_groups": _no_groups,
    "shared_people": _shared_people,
    "near_duplicates": _near_duplicates,
    "outside_selection": _outside_selection,
    "rare_class": _rare_class,
    "dominant_person": _dominant_person,
    "k_at_edge": _k_at_edge,
    "unequal_folds": _unequal_folds,
    "unstable_selection": _unstable_selection,
    "identity": _identity,
}
