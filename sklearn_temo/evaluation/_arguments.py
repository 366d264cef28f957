"""Checks of the arguments of an evaluation."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import check_scalar
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils.multiclass import check_classification_targets

from .._pipelines import find_search
from ._checks import EVALUATION_CHECKS


def check_labels(y: Any, groups: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Labels and groups as arrays with one value for each clip."""
    y = _one_for_each_clip(y, "y", "Leave these clips out.")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        found = f"only {str(classes[0])!r}" if len(classes) else "no clip"
        raise ValueError(f"y must have two classes or more, got {found}.")
    if groups is not None:
        advice = "Leave these clips out, or give each of them a value of its own."
        groups = _one_for_each_clip(groups, "groups", advice)
    return y, groups


def _one_for_each_clip(values: Any, name: str, advice: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1 and array.shape[1:] != (1,):
        found = f"an array of shape {array.shape}" if array.ndim else repr(values)
        raise ValueError(f"{name} must have one value for each clip, got {found}.")
    # An array of strings and NaN would hold the string "nan".
    objects = np.asarray(values, dtype=object).ravel()
    missing = [
        index
        for index, value in enumerate(objects)
        if value is None or is_pandas_na(value) or is_scalar_nan(value)
    ]
    if missing:
        raise ValueError(
            f"{name} is missing (None or NaN) for {len(missing)} of {len(objects)} clips, the "
            f"first is clip {missing[0]} (counted from 0). {advice}"
        )
    array = array.ravel()
    try:
        np.unique(array)
    except TypeError as error:
        types = sorted({type(value).__name__ for value in objects})
        raise TypeError(
            f"{name} has values of several types, {', '.join(types)}: convert them to one, for "
            f"example with [str(value) for value in {name}]."
        ) from error
    return array


def check_arguments(
    estimator: Any, ignore: Collection[str], n_bootstraps: int, confidence_level: float
) -> None:
    if not is_classifier(estimator):
        raise TypeError(
            f"estimator must be a classifier, got {type(estimator).__name__}. For a regressor, use "
            "sklearn.model_selection.cross_val_predict with groups."
        )
    search = find_search(estimator)
    if search is not None and not search.refit:
        raise ValueError(f"{type(search).__name__} must be created with refit=True to predict.")
    cv = getattr(search, "cv", None)
    if not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split")):
        raise ValueError(
            f"the cv of {type(search).__name__} is a list of splits of all clips, but the search "
            "is fitted to the training clips of each fold: pass a splitter, such as "
            "StratifiedGroupKFold(), or a number of folds."
        )
    is_collection = isinstance(ignore, Collection) and not isinstance(ignore, str)
    if not is_collection or {*ignore} - EVALUATION_CHECKS.keys():
        raise ValueError(
            f"ignore must be a collection of names of checks, got {ignore!r}; the checks are "
            f"{', '.join(EVALUATION_CHECKS)}."
        )
    check_scalar(n_bootstraps, "n_bootstraps", Integral, min_val=1)
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be between 0 and 1, got {confidence_level}.")
