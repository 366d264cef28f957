"""The checks of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from . import _data_checks, _score_checks
from ._evaluation import Check
from ._run import Finding, Run

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
"""Checks of :func:`~sklearn_temo.evaluate`: names, and the problems that they find.

Examples
--------
>>> from sklearn_temo.evaluation import EVALUATION_CHECKS
>>> print(EVALUATION_CHECKS["shared_people"])
a person has clips in the training and the test data of a fold
"""


_CHECKS: dict[str, Callable[[Run], Finding]] = {
    "no_groups": _data_checks.no_groups,
    "shared_people": _data_checks.shared_people,
    "near_duplicates": _data_checks.near_duplicates,
    "outside_selection": _data_checks.outside_selection,
    "rare_class": _data_checks.rare_class,
    "dominant_person": _score_checks.dominant_person,
    "k_at_edge": _score_checks.k_at_edge,
    "unequal_folds": _score_checks.unequal_folds,
    "unstable_selection": _score_checks.unstable_selection,
    "identity": _data_checks.identity,
}


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
