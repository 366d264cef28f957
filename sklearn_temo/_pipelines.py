"""Parts of pipelines and searches, and the layout of the rows that they take."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from . import blendshapes
from .layout import LandmarkArray, LandmarkLayout


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


def fitted_steps(estimator: Any) -> list[Any]:
    """Steps of a fitted estimator, nested ones opened; those of one member of an ensemble."""
    if isinstance(estimator, str) or estimator is None:
        return []
    if hasattr(estimator, "best_estimator_"):
        return fitted_steps(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return [inner for _, step in estimator.steps for inner in fitted_steps(step)]
    if len(getattr(estimator, "estimators_", ())):
        return fitted_steps(np.ravel(estimator.estimators_)[0])
    return [estimator]


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


def count_columns(fitted: Any) -> int | None:
    """Number of columns that a fitted estimator takes; None if no step tells it.

    The pipeline of scikit-learn does not tell it if its first step is "passthrough".
    """
    numbers = (getattr(step, "n_features_in_", None) for step in fitted_steps(fitted))
    return next(filter(None, numbers), None)


def find_layout(X: Any, estimator: Any) -> LandmarkLayout | None:
    """Layout of rows; None if they are clips, or the layout is not known."""
    if getattr(X, "ndim", 0) != 2:
        return None
    params = estimator.get_params()
    n_frames = [params[name] for name in params if f"__{name}".endswith("__n_frames")]
    n_coords = [params[name] for name in params if f"__{name}".endswith("__n_coords")]
    with warnings.catch_warnings():
        # The steps of the estimator warn of it.
        warnings.simplefilter("ignore")
        try:
            return LandmarkLayout.infer(
                X,
                n_frames=next(filter(None, n_frames), None),
                n_coords=next(filter(None, n_coords), None),
            )
        except ValueError:
            return None


def extracted_rows(extractor: Any, clips: Sequence[Any]) -> LandmarkArray:
    """Rows of clips that a FaceLandmarkTransformer extracted, in the form of its output.

    Parameters
    ----------
    extractor : FaceLandmarkTransformer
    clips : sequence of ClipLandmarks
        Of equally many frames.

    Returns
    -------
    LandmarkArray of shape (n_clips, n_features)
    """
    # The attribute of a clip is called like the output.
    output = getattr(extractor, "output", "landmarks")
    values = np.stack([getattr(clip, output) for clip in clips])
    n_frames, n_landmarks = values.shape[1:3]
    n_coords = values.shape[3] if values.ndim > 3 else 1
    names = blendshapes.NAMES if output == "blendshapes" else None
    layout = LandmarkLayout(n_frames, n_landmarks, n_coords, names=names)
    return layout.attach(values.reshape(len(values), -1))


def without_extraction(estimator: Any) -> tuple[Any, Any]:
    """Separate the extraction of landmarks, so that it runs once for all clips.

    Returns
    -------
    estimator : estimator
        Takes landmarks.
    extractor : FaceLandmarkTransformer or None
        None if the estimator does not begin with one, or searches its parameters.
    """
    pipeline = estimator.estimator if is_search(estimator) else estimator
    if not (isinstance(pipeline, Pipeline) and hasattr(pipeline[0], "extract")):
        return estimator, None
    name, extractor = pipeline.steps[0]
    grids = getattr(estimator, "param_grid", getattr(estimator, "param_distributions", {}))
    for grid in [grids] if isinstance(grids, dict) else grids:
        if any(name in parameter.split("__") for parameter in grid):
            return estimator, None
    prefix = "estimator__" if is_search(estimator) else ""
    return clone(estimator).set_params(**{prefix + name: "passthrough"}), clone(extractor)


def split_extraction(fitted: Any) -> tuple[Any, Any]:
    """The steps of a fitted pipeline or search that take rows, and the extraction before them.

    The extraction is None if the estimator takes rows.
    """
    while hasattr(fitted, "best_estimator_"):
        fitted = fitted.best_estimator_
    if isinstance(fitted, Pipeline) and hasattr(fitted[0], "extract"):
        return fitted[1:], fitted[0]
    return fitted, None


def add_extraction(fitted: Any, extractor: Any) -> None:
    """Put the extraction back into a fitted estimator, so that it takes clips."""
    for holder in (fitted, getattr(fitted, "best_estimator_", None)):
        pipeline = inner_pipeline(holder)
        if pipeline is not None:
            pipeline.set_params(**{pipeline.steps[0][0]: extractor})
