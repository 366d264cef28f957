"""Objects inside an estimator, and what a saved model does without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..layout import LandmarkArray

# Parameters and fitted attributes that hold rows of single clips.
_ROWS_OF_PEOPLE = {
    "baselines": "baselines of landmark selectors",
    "baselines_": "baselines of landmark selectors",
    "support_vectors_": "support vectors",
    "_fit_X": "training clips of a nearest-neighbour model",
    "X_train_": "training clips of a Gaussian process",
    "X_fit_": "training clips of a kernel model",
    "X_": "training clips of a label propagation",
    "component_indices_": "training clips of a Nystroem map",
}


def objects_in(value: Any) -> Iterator[Any]:
    """Objects with attributes that an estimator consists of, the estimator first, each once."""
    return _walk(value, set())


def _walk(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen or isinstance(value, type):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        members = list(value.values())
    elif isinstance(value, list | tuple | set):
        members = list(value)
    elif isinstance(value, np.ndarray):
        members = value.ravel().tolist() if value.dtype == object else []
    elif hasattr(value, "__dict__"):
        yield value
        members = list(vars(value).values())
    else:
        return
    for member in members:
        yield from _walk(member, seen)


def remove_local(estimator: Any) -> None:
    """Remove what belongs to this machine or to a run, and convert what skops cannot save.

    The first are folders, callbacks and reports of clips.
    """
    for each in objects_in(estimator):
        if vars(each).get("memory") is not None:
            each.memory = None
        vars(each).pop("_skl_callbacks", None)
        if hasattr(type(each), "extract"):
            vars(each).pop("report_", None)
        for name, value in list(vars(each).items()):
            if isinstance(value, LandmarkArray):
                setattr(each, name, np.asarray(value))
            elif isinstance(value, os.PathLike):
                setattr(each, name, os.fspath(value))
            elif isinstance(value, dict) and value and value.keys() <= {False, True}:
                # skops reads the keys False and True, such as classes in class_weight, as True.
                setattr(each, name, {int(key): number for key, number in value.items()})


def remove_baselines(estimator: Any) -> None:
    """Remove the baselines of landmark selectors, which are clips of people."""
    for each in objects_in(estimator):
        if hasattr(each, "baselines_"):
            each.baselines_ = None
        # Searches and StabilityLandmarkSelector keep selectors that are not fitted.
        if hasattr(each, "baselines") and not isinstance(each.baselines, str):
            each.baselines = "typical"


def count_rows_of_people(estimator: Any) -> dict[str, int]:
    """Number of rows of single clips in a fitted estimator, by the name of what holds them."""
    counts: dict[str, int] = {}
    for each in objects_in(estimator):
        for name, text in _ROWS_OF_PEOPLE.items():
            rows = vars(each).get(name)
            if rows is not None and not isinstance(rows, str) and len(rows):
                counts[text] = counts.get(text, 0) + len(rows)
    return counts
