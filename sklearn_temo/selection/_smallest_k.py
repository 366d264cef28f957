"""Choice of the fewest landmarks in a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._search_results import fewest_landmarks, read_search


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
    LandmarkCountDisplay : Draws the scores, and marks this candidate.
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
    results = read_search(cv_results, scoring, param)
    return fewest_landmarks(results.k, results.scores)
