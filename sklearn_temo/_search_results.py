"""Scores of a search over the number of landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._warnings import warn_user


@dataclass(frozen=True, eq=False)
class SearchResults:
    """Candidates of a search, their numbers of landmarks and their scores.

    Parameters
    ----------
    metric : str
    params : list of dict
        Parameters of each candidate.
    k_names : list of str
        Name of the parameter with the number of landmarks of each candidate; for a selector that is
        replaced by "passthrough", the name of this step.
    k : list
        Number of landmarks, share of them or "all" of each candidate.
    scores : ndarray of shape (n_candidates, n_folds)
    """

    metric: str
    params: list[Mapping[str, Any]]
    k_names: list[str]
    k: list[Any]
    scores: NDArray[np.float64]

    @property
    def other_params(self) -> list[dict[str, Any]]:
        """Parameters of each candidate without the one that has the number of landmarks."""
        return [
            {name: value for name, value in params.items() if name != k_name}
            for params, k_name in zip(self.params, self.k_names, strict=True)
        ]


def read_search(
    cv_results: Mapping[str, Any], scoring: str | None, param: str | None
) -> SearchResults:
    """Read the ``cv_results_`` of a search; None finds the metric and the parameter with k."""
    if "params" not in cv_results:
        raise ValueError(
            f"cv_results has no key 'params', only {list(cv_results)}; expected the attribute "
            "cv_results_ of a search, such as GridSearchCV."
        )
    metric = _find_metric(cv_results, scoring)
    params = list(cv_results["params"])
    k_names, k = _find_k(params, param)
    folds: list[Any] = []
    while (name := f"split{len(folds)}_test_{metric}") in cv_results:
        folds.append(cv_results[name])
    return SearchResults(metric, params, k_names, k, np.array(folds, dtype=float).T)


def standard_errors(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of each candidate's mean score over the folds; NaN for a single fold."""
    n_folds = scores.shape[1]
    if n_folds == 1:
        return np.full(len(scores), np.nan)
    return np.std(scores, axis=1, ddof=1) / np.sqrt(n_folds)


def fewest_landmarks(k: Sequence[Any], scores: NDArray[np.float64]) -> int:
    """Index of the candidate that has the fewest landmarks within one standard error of the best.

    `k` holds numbers, shares or "all". Raises ValueError if all candidates failed or numbers cannot
    be compared with shares.
    """
    mean = scores.mean(axis=1)
    if not np.isfinite(mean).any():
        raise ValueError(
            f"all {len(mean)} candidates have a mean test score that is NaN or infinite. Pass "
            'error_score="raise" to the search to see why they failed.'
        )
    best = int(np.where(np.isfinite(mean), mean, -np.inf).argmax())
    if scores.shape[1] == 1:
        warn_user(
            "the search has a single split, from which no standard error is computed: only "
            "candidates with the best score are considered. Pass cv with two splits or more."
        )
    margin = float(np.nan_to_num(standard_errors(scores[[best]])[0]))
    near = np.flatnonzero(np.isfinite(mean) & (mean >= mean[best] - margin)).tolist()
    numbers = [i for i in near if isinstance(k[i], Integral)]
    shares = [i for i in near if isinstance(k[i], Real) and i not in numbers]
    if numbers and shares:
        raise ValueError(
            f"candidate {numbers[0]} (k={k[numbers[0]]}) has a number of landmarks and candidate "
            f"{shares[0]} (k={k[shares[0]]}) a share of them. The results of the search do not "
            "tell which is smaller: pass numbers only, or shares only."
        )
    everything = 1.0 if shares else np.inf

    def fewest_then_best(i: int) -> tuple[float, float]:
        return everything if isinstance(k[i], str) else float(k[i]), -mean[i]

    return min(near, key=fewest_then_best)


def _find_metric(cv_results: Mapping[str, Any], scoring: str | None) -> str:
    prefix = "mean_test_"
    names = [name.removeprefix(prefix) for name in cv_results if name.startswith(prefix)]
    if scoring is None and len(names) == 1:
        return names[0]
    if scoring not in names:
        raise ValueError(
            f"scoring must be one of the metrics of the search, {names}; got {scoring!r}. Pass "
            f'scoring="{names[0]}", for example; to the refit of a search, by '
            f'functools.partial(smallest_k, scoring="{names[0]}").'
        )
    return str(scoring)


def _find_k(
    candidates: Sequence[Mapping[str, Any]], param: str | None
) -> tuple[list[str], list[Any]]:
    """Name and value of the parameter with the number of landmarks of each candidate."""
    names = [
        [name for name in params if (name == param if param else f"__{name}".endswith("__k"))]
        for params in candidates
    ]
    steps = {name.removesuffix("__k") for found in names for name in found}
    k_names, k = [], []
    for i, (params, found) in enumerate(zip(candidates, names, strict=True)):
        if len(found) > 1:
            raise ValueError(
                f"candidate {i} ({dict(params)}) has several parameters that may be the number of "
                f'landmarks: {found}. Pass param="{found[0]}", for example; to the refit of a '
                f'search, by functools.partial(smallest_k, param="{found[0]}").'
            )
        replaced = [s for s in steps if isinstance(p := params.get(s), str) and p == "passthrough"]
        if found:
            k_names.append(found[0])
            k.append(params[found[0]])
        elif replaced:
            k_names.append(replaced[0])
            k.append("all")
        else:
            wanted = repr(param) if param else 'k, such as "select__k"'
            raise ValueError(
                f"candidate {i} ({dict(params)}) has no parameter {wanted}. Add it to each grid of "
                "the search, with a single value if it is not varied."
            )
    return k_names, k
