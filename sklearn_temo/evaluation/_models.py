"""The estimator in each fold, and the simpler models that it is compared with."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import validate_data

from ..inspection._fitted_selectors import find_relevance
from ..layout import LandmarkLayout
from ..selection._landmark_support import LandmarkSelectorMixin

N_RANDOM_DRAWS = 3
_N_INNER_FOLDS = 3


class RandomLandmarks(LandmarkSelectorMixin, BaseEstimator):
    """Keeps `k` random landmarks."""

    def __init__(self, k, *, n_frames=None, n_coords=3, random_state=None):
        self.k = k
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the landmarks."""
        self.layout_ = LandmarkLayout.infer(X, n_frames=self.n_frames, n_coords=self.n_coords)
        validate_data(self, X, dtype=None, ensure_all_finite="allow-nan")
        order = np.random.RandomState(self.random_state).permutation(self.layout_.n_landmarks)
        self._landmark_support = order < self.k
        return self


@dataclass(frozen=True)
class FoldResult:
    """Fitted estimator of a fold, and predictions of its test clips.

    Parameters
    ----------
    estimator : estimator
    predictions : dict of str to list of ndarray of shape (n_test,)
        Of each model; several of a model that is drawn several times.
    probabilities : ndarray of shape (n_test, n_fold_classes) or None
    """

    estimator: Any
    predictions: dict[str, list[NDArray[Any]]]
    probabilities: NDArray[np.float64] | None


def evaluate_fold(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    groups: NDArray[Any] | None,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    layout: LandmarkLayout | None,
    seed: int,
) -> FoldResult:
    """Fit the estimator and the other models on the training clips; predict the test clips."""
    X_train, X_test, y_train = _safe_indexing(X, train), _safe_indexing(X, test), y[train]
    train_groups = None if groups is None else groups[train]
    with warnings.catch_warnings():
        # Of the splitter of a search: the checks "shared_people" and "rare_class" report it.
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")
        warnings.filterwarnings("ignore", message="The least populated class")
        fitted = clone(estimator).fit(X_train, y_train, **groups_for_fit(estimator, train_groups))
    predictions = {"estimator": [fitted.predict(X_test)]}
    majority = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(train), 1)), y_train)
    predictions["majority class"] = [majority.predict(np.zeros((len(test), 1)))]
    controls = _with_random_landmarks(fitted, layout, seed)
    if controls:
        predictions["random landmarks"] = [
            control.fit(X_train, y_train).predict(X_test) for control in controls
        ]
    svm = _best_svm(estimator, y_train, train_groups)
    with warnings.catch_warnings():
        # Inner folds without a class: the check "rare_class" reports it.
        for message in ("The least populated class", "y_pred contains classes", "A single label"):
            warnings.filterwarnings("ignore", message=message)
        warnings.filterwarnings("ignore", message="One or more of the test scores are non-finite")
        warnings.simplefilter("ignore", FitFailedWarning)
        svm.fit(X_train, y_train, **groups_for_fit(svm, train_groups))
    predictions["best SVM"] = [svm.predict(X_test)]
    probabilities = fitted.predict_proba(X_test) if hasattr(fitted, "predict_proba") else None
    return FoldResult(fitted, predictions, probabilities)


def is_search(estimator: Any) -> bool:
    """Whether an estimator is a search of parameters, such as GridSearchCV."""
    return all(hasattr(estimator, name) for name in ("estimator", "cv", "refit"))


def find_search(estimator: Any) -> Any:
    """The search that an estimator is, or that is the last step of a pipeline; or None."""
    if isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    return estimator if is_search(estimator) else None


def inner_pipeline(estimator: Any) -> Pipeline | None:
    """The pipeline that is the estimator, or that a search or another meta-estimator contains."""
    while not isinstance(estimator, Pipeline):
        estimator = getattr(estimator, "estimator", None)
        if estimator is None:
            return None
    return estimator


def stateless_steps(estimator: Any) -> list[tuple[str, Any]]:
    """First steps of a pipeline that learn nothing from the clips, such as LandmarkAligner."""
    found: list[tuple[str, Any]] = []
    pipeline = inner_pipeline(estimator)
    for name, step in [] if pipeline is None else pipeline.steps[:-1]:
        if step not in (None, "passthrough"):
            if not hasattr(step, "transform") or get_tags(step).requires_fit:
                break
            found.append((name, clone(step)))
    return found


def without_extraction(estimator: Any) -> tuple[Any, Any]:
    """Separate the extraction of landmarks, so that it runs once for all clips.

    Returns
    -------
    estimator : estimator
        Takes landmarks.
    extractor : FaceLandmarkTransformer or None
        None if the estimator does not begin with one, or searches its parameters.
    """
    from ..extraction import FaceLandmarkTransformer

    pipeline = estimator.estimator if is_search(estimator) else estimator
    if not isinstance(pipeline, Pipeline):
        return estimator, None
    if not isinstance(pipeline.steps[0][1], FaceLandmarkTransformer):
        return estimator, None
    name = pipeline.steps[0][0]
    grids = getattr(estimator, "param_grid", getattr(estimator, "param_distributions", {}))
    for grid in [grids] if isinstance(grids, dict) else grids:
        if any(name in parameter.split("__") for parameter in grid):
            return estimator, None
    estimator = clone(estimator)
    inner_pipeline(estimator).set_params(**{name: "passthrough"})  # type: ignore[union-attr]
    return estimator, clone(pipeline.steps[0][1])


def add_extraction(fitted: Any, extractor: Any) -> None:
    """Put the extraction back into a fitted estimator, so that it takes clips."""
    for holder in (fitted, getattr(fitted, "best_estimator_", None)):
        pipeline = inner_pipeline(holder)
        if pipeline is not None:
            pipeline.set_params(**{pipeline.steps[0][0]: extractor})


def groups_for_fit(estimator: Any, groups: NDArray[Any] | None) -> dict[str, Any]:
    """The groups as arguments of ``fit``, for the splitter of a search."""
    if groups is None:
        return {}
    if is_search(estimator):
        return {"groups": groups}
    if isinstance(estimator, Pipeline) and is_search(estimator[-1]):
        name = estimator.steps[-1][0]
        return {"groups" if get_config()["enable_metadata_routing"] else f"{name}__groups": groups}
    return {}


def _with_random_landmarks(fitted: Any, layout: LandmarkLayout | None, seed: int) -> list[Any]:
    """Copies of an estimator with random landmarks, as many as its selector has kept."""
    fitted = getattr(fitted, "best_estimator_", fitted)
    relevance = find_relevance(fitted)
    selectors = {
        name: step
        for name, step in fitted.get_params().items()
        if hasattr(step, "get_landmark_support")
    }
    if not relevance or not selectors:
        return []
    k = round(np.mean([np.atleast_2d(each.support).sum(axis=1).mean() for each in relevance]))
    controls = []
    for draw in range(N_RANDOM_DRAWS):
        control = clone(fitted)
        for name, selector in selectors.items():
            if any(name.startswith(f"{other}__") for other in selectors):
                continue
            shape = selector if layout is None else layout
            random_landmarks = RandomLandmarks(
                k,
                n_frames=getattr(shape, "n_frames", None),
                n_coords=getattr(shape, "n_coords", 3),
                random_state=(seed + draw) % 2**32,
            )
            control.set_params(**{name: random_landmarks})
        controls.append(control)
    return controls


def _best_svm(estimator: Any, y: NDArray[Any], groups: NDArray[Any] | None) -> Any:
    """A linear and an RBF SVM on all landmarks; the training clips decide which one is used."""
    first = [*stateless_steps(estimator), ("impute", SimpleImputer(keep_empty_features=True))]
    pipeline = Pipeline(
        [*first, ("scale", StandardScaler()), ("svm", SVC(kernel="linear", C=0.01))]
    )
    n_people = 0 if groups is None else len(np.unique(groups))
    n_folds = min(_N_INNER_FOLDS, np.unique(y, return_counts=True)[1].max())
    if n_folds < 2:
        return pipeline
    cv = StratifiedGroupKFold(min(n_folds, n_people)) if n_people > 1 else StratifiedKFold(n_folds)
    svms = [SVC(kernel="linear", C=0.01), SVC(C=10)]
    return GridSearchCV(pipeline, {"svm": svms}, cv=cv, scoring="balanced_accuracy")
