"""Checks of the people, the clips and the landmarks of an evaluation."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, pairwise_distances_argmin_min
from sklearn.model_selection import LeaveOneGroupOut, check_cv, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, get_tags

from .. import blendshapes
from .._pipelines import find_search, stateless_steps
from ..alignment import LandmarkAligner
from ..layout import LandmarkLayout, restore_positions
from ._run import Finding, Run
from ._scores import balanced_weights

_MIN_PEOPLE = 5
# Root mean square difference of two frames after removing position and size, in units of the size
# of the face. Faces of different people differ by 2.4 % or more (London, CK+ and synthetic clips),
# neighbouring windows of a video by 1.3 % in the median.
_NEAR_DUPLICATE = 0.015
# With fewer landmarks, different faces may be nearly equal.
_MIN_LANDMARKS = 21
_N_COMPARED_LANDMARKS = 48
# The first or the last frame of a window lies in each window that overlaps it, at any place there.
_N_TEST_FRAMES, _N_TRAINING_FRAMES = 4, 64
# Hand, body, two hands, dlib's face, face mesh without and with irises, holistic model.
_COMPLETE_SETS = {21, 33, 42, 68, 468, 478, 543}
_UNKNOWN_LAYOUT = "the layout of X is not known: pass all landmarks, or set n_frames."


def no_groups(run: Run) -> Finding:
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


def shared_people(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    n_outer = _most_shared(run.splits, run.groups)
    search = find_search(run.estimator)
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
            f"{n_outer} of the people have clips in the training and the test data of a fold, so "
            "that the classifier can recognise them, and the scores may be too high. Use a "
            "splitter that keeps groups together, such as StratifiedGroupKFold, or cv=None.",
            numbers,
        )
    if n_inner:
        return (
            "warning",
            f"the search splits its training data so that {n_inner} of the people are on both "
            "sides of a split: it may choose parameters that recognise people. Pass a splitter "
            "that keeps groups together to the search, such as cv=StratifiedGroupKFold().",
            numbers,
        )
    return "passed", "no person is on both sides of a split.", numbers


def _most_shared(splits: Any, groups: NDArray[Any]) -> int:
    """Largest number of people that are on both sides of one of the splits."""
    return max(len(np.intersect1d(groups[train], groups[test])) for train, test in splits)


def near_duplicates(run: Run) -> Finding:
    if run.layout is None:
        return "not run", _UNKNOWN_LAYOUT, {}
    if run.layout.n_landmarks < _MIN_LANDMARKS:
        return "not run", f"needs {_MIN_LANDMARKS} landmarks or more.", {}
    frames = _normalised_frames(run.X, run.layout)
    test_frames = frames[:, _evenly(frames.shape[1], _N_TEST_FRAMES)]
    if not np.isfinite(frames[run.used]).all():
        return "not run", "X contains NaN.", {}
    distances, pairs = [], []
    for train, test in run.splits:
        index, distance = pairwise_distances_argmin_min(
            np.concatenate(test_frames[test]), np.concatenate(frames[train])
        )
        index, distance = index.reshape(len(test), -1), distance.reshape(len(test), -1)
        rows = np.arange(len(test)), distance.argmin(axis=1)
        distances.append(distance[rows])
        pairs.append(np.column_stack([test, train[index[rows] // frames.shape[1]]]))
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
    numbers |= {"test_clip": first, "training_clip": second}
    return (
        "warning",
        f"{n_near} of {len(nearest)} test clips have a frame that is nearly equal to a frame of a "
        f"training clip, for example clip {first} and clip {second} (counted from 0). They may be "
        "windows of one video, copies, or the same person in the same session. Give all clips of "
        "one video and of one person the same value in groups.",
        numbers,
    )


def _evenly(n: int, n_compared: int) -> NDArray[np.intp]:
    """Indices of `n_compared` of `n` items, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, n_compared).round().astype(np.intp))


def _normalised_frames(X: Any, layout: LandmarkLayout) -> NDArray[np.float32]:
    """Some landmarks of the frames, without position and size.

    Returns
    -------
    ndarray of shape (n_clips, n_compared_frames, n_values)
        The norm of each frame is 1.
    """
    clips = layout.unflatten(np.asarray(X, dtype=np.float32))
    clips = clips[:, _evenly(layout.n_frames, _N_TRAINING_FRAMES)]
    clips = clips[:, :, _evenly(layout.n_landmarks, _N_COMPARED_LANDMARKS)]
    clips, _ = restore_positions(clips)
    clips = clips - clips.mean(axis=2, keepdims=True)
    size = np.sqrt(np.square(clips).sum(axis=(2, 3), keepdims=True))
    clips = clips / np.where(size > 0, size, 1)
    return clips.reshape(*clips.shape[:2], -1)


def outside_selection(run: Run) -> Finding:
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
    noun = "landmark" if run.layout is None else run.layout.noun
    if numbers:
        n_landmarks = len(numbers)
        is_complete = numbers == list(range(n_landmarks)) and n_landmarks in _COMPLETE_SETS
    elif run.layout is not None:
        n_landmarks = run.layout.n_landmarks
        is_complete = (
            n_landmarks in _COMPLETE_SETS
            if noun == "landmark"
            else set(run.layout.names or ()) == set(blendshapes.NAMES)
        )
    else:
        return (
            "not run",
            f"{_UNKNOWN_LAYOUT} If the columns of X were selected with these labels, the scores "
            "may be too high.",
            {},
        )
    if not is_complete:
        whole = "a face mesh or another known set" if noun == "landmark" else "the 52 of a face"
        return (
            "warning",
            f"X has {n_landmarks} {noun}s, which are only a part of {whole}. If they were selected "
            "with these labels, the selection has seen the test clips, and the scores may be too "
            f"high: pass all {noun}s, and put the selector into the estimator. If the choice did "
            "not use the labels, ignore this check.",
            {"n_landmarks": n_landmarks},
        )
    return (
        "passed",
        f"X has all {n_landmarks} {noun}s, and nothing is frozen.",
        {"n_landmarks": n_landmarks},
    )


def rare_class(run: Run) -> Finding:
    units = np.arange(len(run.y)) if run.groups is None else run.groups
    unit = "clips" if run.groups is None else "people"
    counts = {
        label: len(np.unique(units[run.used & (run.y == label)]))
        for label in np.unique(run.y).tolist()
    }
    # Labels that are missing in the training data of a fold.
    untrained = {label for train, _ in run.splits for label in counts.keys() - {*run.y[train]}}
    rare = [label for label, n in counts.items() if n < _MIN_PEOPLE or label in untrained]
    rarest = min(counts, key=lambda label: counts[label])
    numbers = {f"n_{unit}_of_rarest_class": counts[rarest]}
    if rare:
        listed = ", ".join(f"{label} ({_count(counts[label], unit)})" for label in rare)
        return (
            "warning",
            f"{listed}: shown by fewer than {_MIN_PEOPLE} {unit}, or missing in the training data "
            "of a fold, so that its recall means little. Add people, leave the class out, or merge "
            "it with another one.",
            numbers,
        )
    return "passed", f"the rarest class, {rarest}, has {counts[rarest]} {unit}.", numbers


def _count(n: int, unit: str) -> str:
    return f"1 {'person' if unit == 'people' else 'clip'}" if n == 1 else f"{n} {unit}"


def identity(run: Run) -> Finding:
    if run.groups is None:
        return "not run", "needs groups.", {}
    if run.layout is None:
        return "not run", _UNKNOWN_LAYOUT, {}
    n_classes = {
        person: len(np.unique(run.y[run.groups == person])) for person in np.unique(run.groups)
    }
    used = run.used & [n_classes[person] > 1 for person in run.groups]
    y, people = run.y[used], run.groups[used]
    n_people = len(np.unique(people))
    if n_people < _MIN_PEOPLE:
        return "not run", f"needs {_MIN_PEOPLE} people with clips of two classes.", {}
    rows, steps = run.X, [step for _, step in stateless_steps(run.estimator)]
    for step in steps:
        rows = step.fit(rows, run.y).transform(rows)  # frozen steps have no fit_transform
    rows = np.asarray(rows)[used]
    if not np.isfinite(rows).all():
        return "not run", "X contains NaN.", {}
    # Classes do not help to recognise people, who are predicted in classes that were left out.
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1000))
    cv = list(LeaveOneGroupOut().split(rows, people, y))
    predicted = cross_val_predict(model, rows, people, cv=cv)
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
        if any(isinstance(step, LandmarkAligner) and step.reference == "first" for step in steps):
            advice = (
                "Check that the clips begin with a neutral face, which LandmarkAligner subtracts, "
                "and add people."
            )
        else:
            advice = (
                'If the clips begin with a neutral face, LandmarkAligner(reference="first") '
                "subtracts it; otherwise add people."
            )
        return "warning", f"{message}. {advice}", numbers
    return "passed", f"{message}.", numbers
