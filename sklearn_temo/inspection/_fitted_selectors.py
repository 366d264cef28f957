"""Relevance of the landmark selectors inside a fitted estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsRestClassifier

from ..layout import LandmarkLayout

# Attributes that hold fitted estimators: an estimator, or a collection of them, which may be in
# tuples with their names.
_HOLDERS = (
    *("best_estimator_", "estimator_", "estimators_", "calibrated_classifiers_", "steps"),
    *("transformer_list", "transformers_", "regressor_", "final_estimator_"),
)


@dataclass(frozen=True, eq=False)
class Relevance:
    """Relevance of landmarks according to a selector, or to the selectors of a one-vs-rest model.

    Parameters
    ----------
    scores : ndarray of shape (n_landmarks,) or (n_panels, n_landmarks)
        For all classes; for a one-vs-rest model, those of each panel.
    scores_per_class : ndarray of shape (n_panels, n_landmarks) or None
        Those of the outputs of a regression, if there are several. None if there are neither
        classes nor outputs. The last classes, where there are more.
    support : ndarray of bool of shape (n_landmarks,) or (n_panels, n_landmarks)
    classes : ndarray of shape (n_classes,) or None
        Titles of the panels of outputs.
    layout : LandmarkLayout or None
        Layout of the rows that the selector was fitted on, where it is known.
    """

    scores: NDArray[Any]
    scores_per_class: Any
    support: NDArray[np.bool_]
    classes: Any
    layout: LandmarkLayout | None


def find_relevance(estimator: Any) -> list[Relevance]:
    """Relevance of each fitted selector in an estimator; empty if there is none."""
    return _walk(estimator, set())


def _walk(holder: Any, seen: set[int]) -> list[Relevance]:
    # The members of an ensemble may share a frozen estimator.
    if holder is None or isinstance(holder, str) or id(holder) in seen:
        return []
    if isinstance(holder, list | tuple | np.ndarray):
        return [found for member in holder for found in _walk(member, seen)]
    seen.add(id(holder))
    if hasattr(holder, "get_landmark_support"):
        return [_of_selector(holder)] if hasattr(holder, "landmark_scores_") else []
    if isinstance(holder, OneVsRestClassifier) and hasattr(holder, "estimators_"):
        each = [_walk(binary, seen) for binary in holder.estimators_]
        return [_of_one_vs_rest(each, holder.classes_)] if all(each) else []
    if isinstance(holder, FrozenEstimator) or not hasattr(holder, "fit"):
        # Not a parameter that was cloned and fitted: the estimator itself predicts.
        return _walk(getattr(holder, "estimator", None), seen)
    found = []
    for name in _HOLDERS:
        members = getattr(holder, name, None)
        if name == "steps" and isinstance(members, list):
            # The steps after a selector get only the landmarks that it keeps.
            found += next(filter(None, (_walk(step, seen) for step in members)), [])
        else:
            found += _walk(members, seen)
    return found


def _of_selector(selector: Any) -> Relevance:
    scores_per_class = getattr(selector, "landmark_scores_per_class_", None)
    classes = getattr(selector, "classes_", None)
    outputs = getattr(selector, "landmark_scores_per_output_", ())
    if len(outputs) > 1:
        scores_per_class = outputs
        classes = np.array([f"output {i}" for i in range(len(outputs))])
    support = selector.get_landmark_support()
    layout = getattr(selector, "layout_", None)
    return Relevance(selector.landmark_scores_, scores_per_class, support, classes, layout)


def _of_one_vs_rest(each: list[list[Relevance]], classes: NDArray[Any]) -> Relevance:
    """One panel for the selectors of each class."""
    # A binary model has two classes, which are not the classes of the panels.
    means = [mean_relevance(found, None, per_class=False) for found in each]
    scores = np.stack([mean[0] for mean in means])
    support = np.stack([mean[1] for mean in means])
    return Relevance(scores, scores, support, classes, each[0][0].layout)


def landmark_names(estimators: Any) -> tuple[str, ...] | None:
    """Names of the landmarks that the first of several estimators was fitted on; or None."""
    for estimator in estimators:
        found = find_relevance(estimator)
        layout = found[0].layout if found else None
        return None if layout is None else layout.names
    return None


def mean_relevance(
    found: list[Relevance], classes: Any, per_class: bool
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[Any] | None]:
    """Scores, support and class of each panel, for several selectors.

    `classes` are those of the estimator that contains the selectors, or None. The panel of all
    classes has the class None. Raises ValueError if the selectors differ in their landmarks.
    """
    numbers = sorted({each.support.shape[-1] for each in found})
    if len(numbers) > 1:
        raise ValueError(
            f"the estimator contains selectors of {numbers[0]} and of {numbers[-1]} landmarks; "
            "pass one of the selectors."
        )
    titles = _panel_classes(found, classes)
    by_class = titles is not None and (per_class or all(each.scores.ndim > 1 for each in found))
    scores: list[Any] = [each.scores_per_class if by_class else each.scores for each in found]
    support: list[Any] = [each.support for each in found]
    if not by_class:
        scores = [np.mean(np.atleast_2d(each), axis=0) for each in scores]
        support = [np.atleast_2d(kept).any(axis=0) for kept in support]
    kept = np.mean(np.broadcast_arrays(*support), axis=0) >= 0.5
    return np.mean(scores, axis=0), kept, titles if by_class else None


def _panel_classes(found: list[Relevance], classes: Any) -> NDArray[Any] | None:
    """Classes of the panels; None if the selectors were not fitted on the same classes."""
    if classes is None:
        classes = found[0].classes
    n_panels = {
        0 if each.scores_per_class is None else len(each.scores_per_class) for each in found
    }
    # Several targets have a list of classes each.
    if not isinstance(classes, np.ndarray) or len(n_panels) > 1 or n_panels == {0}:
        return None
    for each in found:
        # Ensembles number the classes before they fit their members.
        options = (classes, np.arange(len(classes)))
        if not any(np.array_equal(each.classes, option) for option in options):
            return None
    return classes[-n_panels.pop() :]
