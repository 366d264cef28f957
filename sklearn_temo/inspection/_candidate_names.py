"""Names of the candidates of a search, from the parameters in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._method_styles import core_and_suffix, core_name, named_parameters

_ABSENT = object()


def name_candidates(
    params: Sequence[Mapping[str, Any]], by: str | Sequence[str] | None = None
) -> list[str]:
    """Name of each candidate; equal if the parameters `by`, or all, are equal.

    Candidates that have only default values of the parameters are called "default"; if no parameter
    differs, the names are empty.
    """
    known = list(dict.fromkeys(name for each in params for name in each))
    by = known if by is None else [by] if isinstance(by, str) else by
    if unknown := [name for name in by if name not in known]:
        raise ValueError(
            f"by has {unknown}, but besides the number of landmarks, the candidates have only the "
            f"parameters {known}."
        )
    parts = []
    for name in by:
        values = [each.get(name, _ABSENT) for each in params]
        if len({_key(value) for value in values}) > 1:
            parts.append(_describe(name.rpartition("__")[2], values))
    if not parts:
        return [""] * len(params)
    return [", ".join(filter(None, texts)) or "default" for texts in zip(*parts, strict=True)]


def best_of_each(names: Sequence[str], k: Sequence[Any], scores: NDArray[np.float64]) -> list[int]:
    """Candidate with the best mean score for each name and k, in the order of the search."""
    mean = np.nan_to_num(scores.mean(axis=1), nan=-np.inf)
    best: dict[Any, int] = {}
    for i, point in enumerate(zip(names, map(str, k), strict=True)):
        if point not in best or mean[i] > mean[best[point]]:
            best[point] = i
    return sorted(best.values())


def _describe(name: str, values: Sequence[Any]) -> list[str]:
    """Describe each value of one parameter; unequal values have unequal descriptions."""
    parts = [core_and_suffix(value) if _is_estimator(value) else (None, "") for value in values]
    texts = []
    for value, (core, suffix) in zip(values, parts, strict=True):
        if value is _ABSENT:
            texts.append("")
        elif core is None:
            texts.append(f"{name}={value!r}")
        elif not _is_estimator(core):  # a pipeline that ends with "passthrough"
            texts.append(_all_steps(value))
        else:
            peers = [
                other
                for other, other_suffix in parts
                if type(other) is type(core) and other_suffix == suffix
            ]
            texts.append(_words_and_differences(core, suffix, peers))
    keys = {
        text: {_key(v) for v, t in zip(values, texts, strict=True) if t == text} for text in texts
    }
    return [
        text if len(keys[text]) == 1 else _all_steps(value)
        for text, value in zip(texts, values, strict=True)
    ]


def _words_and_differences(estimator: Any, suffix: str, peers: Sequence[Any]) -> str:
    name = core_name(estimator)
    own = estimator.get_params(deep=False)
    others = [peer.get_params(deep=False) for peer in peers if core_name(peer) == name]
    shown = [
        f"{param}={_one_line(value)}"
        for param, value in own.items()
        if param not in named_parameters(estimator)
        and any(_key(other.get(param, _ABSENT)) != _key(value) for other in others)
    ]
    return name + suffix + (f" ({', '.join(shown)})" if shown else "")


def _all_steps(value: Any) -> str:
    steps = value.steps if hasattr(value, "steps") else [("", value)]
    return " + ".join(_one_line(step) for _, step in steps)


def _one_line(value: Any) -> str:
    return " ".join(repr(value).split())


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not isinstance(value, type)


def _key(value: Any) -> Any:
    """Hashable representation of a value, equal for estimators with equal parameters."""
    if _is_estimator(value):
        params = value.get_params(deep=False).items()
        return type(value), tuple((name, _key(each)) for name, each in params)
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    return repr(value)
