"""Choice of the fewest landmarks in a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from .._warnings import warn_user


def smallest_k(
    cv_results: Mapping[str, Any], *, scoring: str | None = None, param: str | None = None
) -> int:
    """Choose the fewest landmarks whose score is within one standard error of the best.

    Pass it as `refit` to :class:`~sklearn.model_selection.GridSearchCV`, or call it with the
    ``cv_results_`` of any search.

    Parameters
    ----------
    cv_results : dict
        The attribute ``cv_results_`` of a search over `k`, which may also vary classifiers,
        preprocessing steps and other parameters, in one grid or in a list of grids.
    scoring : str or None, default=None
        Name of the metric, where the search has several. None for the only one.
    param : str or None, default=None
        Name of the parameter with the number of landmarks, such as ``"select__k"``. None finds it:
        the parameter of each candidate that is named `k` or ends with ``__k``. It may have another
        name in each grid of a list.

    Returns
    -------
    int
        Index of the candidate. If several have the fewest landmarks, the one with the best mean
        score, and the first of those.

    Raises
    ------
    ValueError
        If the metric is ambiguous or unknown, all candidates failed, a candidate has no `k` or
        several, or the smallest `k` is unknown since some candidates have a number of landmarks and
        others a share. The errors name the candidates.

    Warns
    -----
    UserWarning
        If there is a single split. Its standard error is unknown and taken as 0.

    See Also
    --------
    IGLandmarkSelector : Its parameter `k` is the number of landmarks.
    selection_stability : Shows how much the selected landmarks depend on the clips.

    Notes
    -----
    This is the one-standard-error rule [1]_. Candidates are compared by their mean score over the
    splits. The standard error is that of the best candidate: the standard deviation of its scores
    (with ``ddof=1``) divided by the root of the number of splits. Splits share training data, so it
    is a rough estimate; with repeated cross-validation it is too small.

    Candidates with a score of NaN have failed and are never chosen. ``"all"`` and a step that is
    replaced by ``"passthrough"`` count as more landmarks than any number. A number and a share can
    be compared only if the number of landmarks in the data is known, which ``cv_results_`` does not
    contain.

    A search calls `refit` after it has fitted all candidates, and an error there loses their
    scores. For a long search, pass ``refit=False`` and call this function afterwards.

    References
    ----------
    .. [1] Hastie, T., Tibshirani, R., Friedman, J. (2009). The Elements of Statistical Learning,
       2nd edition, section 7.10. Springer.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_temo import make_temo_pipeline, smallest_k
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> pipe = make_temo_pipeline(landmarks="passthrough", random_state=0)
    >>> _ = pipe.set_params(classify__max_epochs=5)
    >>> search = GridSearchCV(pipe, {"select__k": [64, "all"]}, cv=2, refit=smallest_k)
    >>> search.fit(clips.data, clips.target).best_params_
    {'select__k': 64}

    With several metrics, name one of them:

    >>> from functools import partial
    >>> search = GridSearchCV(
    ...     pipe,
    ...     {"select__k": [64, "all"]},
    ...     cv=2,
    ...     scoring=["balanced_accuracy", "neg_log_loss"],
    ...     refit=partial(smallest_k, scoring="balanced_accuracy"),
    ... )
    """
    metric = _find_metric(cv_results, scoring)
    candidates = cv_results["params"]
    sizes = _find_sizes(candidates, param)
    mean = np.asarray(cv_results[f"mean_test_{metric}"], dtype=float)
    if not np.isfinite(mean).any():
        raise ValueError(
            f"all {len(mean)} candidates have a mean test {metric} that is NaN or infinite. Pass "
            'error_score="raise" to the search to see why they failed.'
        )
    best = int(np.where(np.isfinite(mean), mean, -np.inf).argmax())
    is_near = np.isfinite(mean) & (mean >= mean[best] - _standard_error(cv_results, metric, best))
    near = np.flatnonzero(is_near).tolist()
    numbers = [i for i in near if isinstance(sizes[i], Integral)]
    shares = [i for i in near if isinstance(sizes[i], Real) and i not in numbers]
    if numbers and shares:
        raise ValueError(
            f"candidate {numbers[0]} ({candidates[numbers[0]]}) has a number of landmarks and "
            f"candidate {shares[0]} ({candidates[shares[0]]}) a share of them. The results of the "
            "search do not tell which is smaller: pass numbers only, or shares only."
        )
    everything = 1.0 if shares else np.inf

    def fewest_then_best(i: int) -> tuple[float, float]:
        return everything if isinstance(sizes[i], str) else float(sizes[i]), -mean[i]

    return min(near, key=fewest_then_best)


def _find_metric(cv_results: Mapping[str, Any], scoring: str | None) -> str:
    prefix = "mean_test_"
    names = [name.removeprefix(prefix) for name in cv_results if name.startswith(prefix)]
    if scoring is None and len(names) == 1:
        return names[0]
    if scoring not in names:
        raise ValueError(
            f"scoring must be one of the metrics of the search, {names}; got {scoring!r}. Pass "
            f'refit=functools.partial(smallest_k, scoring="{names[0]}"), for example.'
        )
    return str(scoring)


def _standard_error(cv_results: Mapping[str, Any], metric: str, candidate: int) -> float:
    """Compute the standard error of a candidate's mean score over the splits."""
    scores: list[float] = []
    while (name := f"split{len(scores)}_test_{metric}") in cv_results:
        scores.append(cv_results[name][candidate])
    if len(scores) == 1:
        warn_user(
            "the search has a single split, from which no standard error is computed: only "
            "candidates with the best score are considered. Pass cv with two splits or more."
        )
        return 0.0
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def _find_sizes(candidates: Sequence[Mapping[str, Any]], param: str | None) -> list[Any]:
    """Find the number of landmarks, the share of them or "all" of each candidate."""
    names = [
        [name for name in params if (name == param if param else f"__{name}".endswith("__k"))]
        for params in candidates
    ]
    steps = {name.removesuffix("__k") for found in names for name in found}
    sizes = []
    for i, (params, found) in enumerate(zip(candidates, names, strict=True)):
        if len(found) > 1:
            raise ValueError(
                f"candidate {i} ({dict(params)}) has several parameters that may be the number of "
                f"landmarks: {found}. Pass refit=functools.partial(smallest_k, "
                f'param="{found[0]}"), for example.'
            )
        if found:
            sizes.append(params[found[0]])
        elif any(isinstance(params.get(s), str) and params[s] == "passthrough" for s in steps):
            sizes.append("all")
        else:
            wanted = repr(param) if param else 'k, such as "select__k"'
            raise ValueError(
                f"candidate {i} ({dict(params)}) has no parameter {wanted}. Add it to each grid of "
                "the search, with a single value if it is not varied."
            )
    return sizes
