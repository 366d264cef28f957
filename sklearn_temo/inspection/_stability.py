"""Stability of a selection over folds or bootstrap samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.utils import Bunch

from ._fitted_selectors import find_relevance, mean_relevance


def selection_stability(selections: Any, *, confidence_level: float = 0.95) -> Bunch:
    r"""Compute how stable the selected landmarks are over folds or bootstrap samples.

    Parameters
    ----------
    selections : list of estimators, or array-like of bool of shape (n_selections, n_landmarks)
        Fitted selectors, or estimators that contain one at any depth, such as the pipelines in
        ``cross_validate(..., return_estimator=True)["estimator"]``; or the landmarks that each
        selection kept. An estimator counts as one selection. If it contains several selectors, the
        landmarks that at least half of them keep; in a
        :class:`~sklearn.multiclass.OneVsRestClassifier`, the landmarks that are kept for any
        class. To examine one class, pass the classifiers of that class.
    confidence_level : float, default=0.95
        Level of the confidence interval, between 0 and 1.

    Returns
    -------
    result : Bunch
        With the attributes

        frequencies : ndarray of shape (n_landmarks,)
            Share of the selections that keep each landmark.
        stability : float
            1 if all selections are equal; the expected value is 0 if each selection draws its
            landmarks at random. NaN if every selection keeps all landmarks, or none.
        confidence_interval : tuple of float
            Lower and upper end of the interval for `stability`.
        supports : ndarray of bool of shape (n_selections, n_landmarks)
            Landmarks that each selection keeps.

    Raises
    ------
    TypeError
        If an estimator contains no fitted landmark selector.
    ValueError
        If there are fewer than two selections, they differ in the number of landmarks, an array is
        not boolean or not 2-D, or `confidence_level` is not between 0 and 1.

    See Also
    --------
    StabilityLandmarkSelector : Keeps the landmarks that are selected from most half samples.
    smallest_k : Chooses the number of landmarks.

    Notes
    -----
    The stability [1]_ of selections with frequencies :math:`p_j` of the landmarks and
    :math:`\bar p = \frac 1 d \sum_j p_j` is

    .. math::

        1 - \frac{\frac 1 d \sum_j \frac{M}{M - 1} p_j (1 - p_j)}{\bar p (1 - \bar p)}

    for :math:`M` selections of :math:`d` landmarks. Landmarks count as different even if they are
    neighbours and move together: a selection that exchanges them is unstable by this measure.

    The interval is the asymptotic one of [1]_, for many independent selections. Folds of a
    cross-validation share most of their training data, which makes selections more alike than those
    from new data would be, and five or ten are few: take the interval as a lower limit of the
    uncertainty. It is cut off at 1.

    References
    ----------
    .. [1] Nogueira, S., Sechidis, K., Brown, G. (2018). On the stability of feature selection
       algorithms. Journal of Machine Learning Research 18(174), 1-54.

    Examples
    --------
    >>> from sklearn_temo import selection_stability
    >>> kept = [[True, True, False, False], [True, False, True, False], [True, True, False, False]]
    >>> result = selection_stability(kept)
    >>> result.frequencies.round(2)
    array([1.  , 0.67, 0.33, 0.  ])
    >>> round(result.stability, 2)
    0.33

    The selections of a cross-validation over people:

    >>> from sklearn.model_selection import GroupKFold, cross_validate
    >>> from sklearn_temo import make_temo_pipeline
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True)
    >>> folds = cross_validate(
    ...     pipe,
    ...     smiles.data,
    ...     smiles.target,
    ...     groups=smiles.groups,
    ...     cv=GroupKFold(3),
    ...     return_estimator=True,
    ... )
    >>> result = selection_stability(folds["estimator"])
    >>> print(f"{(result.frequencies == 1).sum()} landmarks are in all 3 folds")
    15 landmarks are in all 3 folds
    """
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be between 0 and 1, got {confidence_level}.")
    supports = _find_supports(selections)
    if len(supports) < 2:
        raise ValueError(f"expected two selections or more, got {len(supports)}.")
    stability, variance = _stability_and_variance(supports)
    margin = norm.ppf((1 + confidence_level) / 2) * np.sqrt(variance)
    return Bunch(
        frequencies=supports.mean(axis=0),
        stability=stability,
        confidence_interval=(float(stability - margin), float(min(stability + margin, 1.0))),
        supports=supports,
    )


def fold_estimators(cv_results: Any) -> Any:
    """Fitted estimator of each fold, from the result of cross_validate or a list of them."""
    if hasattr(cv_results, "fit"):
        raise TypeError(
            f"cv_results must hold a fitted estimator for each fold, got one "
            f"{type(cv_results).__name__}, which was fitted on all clips. Pass "
            "cross_validate(estimator, X, y, return_estimator=True); "
            "LandmarkRelevanceDisplay.from_estimator draws a single fit."
        )
    if not isinstance(cv_results, Mapping):
        return cv_results
    if "estimator" not in cv_results:
        raise ValueError(
            f"cv_results has no key 'estimator', only {list(cv_results)}; expected the result of "
            "cross_validate(..., return_estimator=True). A search keeps no estimators of its "
            "folds: cross-validate its best_estimator_."
        )
    return cv_results["estimator"]


def _find_supports(selections: Any) -> NDArray[np.bool_]:
    """Landmarks that each selection keeps, ndarray of bool of shape (n_selections, n_landmarks)."""
    if hasattr(selections, "fit"):
        raise TypeError(
            f"selections must be a list of fitted estimators, got one {type(selections).__name__}. "
            "Pass the estimators of several folds or bootstrap samples."
        )
    if all(hasattr(each, "fit") for each in selections):
        return _supports_of_estimators(selections)
    try:
        supports = np.array(selections)
    except ValueError:  # of different lengths
        supports = np.array(selections, dtype=object)
    if supports.ndim != 2 or supports.dtype != bool:
        raise ValueError(
            "selections must be a list of fitted estimators, or an array of bool of shape "
            f"(n_selections, n_landmarks); got shape {supports.shape} and dtype "
            f"{supports.dtype}. Pass masks of the landmarks, not their indices."
        )
    return supports


def _supports_of_estimators(estimators: Sequence[Any]) -> NDArray[np.bool_]:
    supports: list[NDArray[np.bool_]] = []
    for i, estimator in enumerate(estimators):
        found = find_relevance(estimator)
        if not found:
            raise TypeError(
                f"selection {i}, a {type(estimator).__name__}, contains no fitted landmark "
                "selector; expected a fitted selector, or an estimator that contains one."
            )
        support = mean_relevance(found, None, per_class=False)[1]
        # A one-vs-rest model has one support for each class.
        supports.append(np.any(np.atleast_2d(support), axis=0))
    sizes = [len(support) for support in supports]
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(
                f"selection 0 has {sizes[0]} landmarks and selection {i} has {size}; expected "
                "selections from the same landmarks."
            )
    return np.array(supports)


def _stability_and_variance(supports: NDArray[np.bool_]) -> tuple[float, float]:
    """Stability of selections, and the asymptotic variance of this estimate."""
    n_selections = len(supports)
    frequency, share = supports.mean(axis=0), supports.mean(axis=1)
    mean = frequency.mean()
    chance = mean * (1 - mean)
    if chance == 0:
        return np.nan, np.nan
    unbiased = n_selections / (n_selections - 1) * frequency * (1 - frequency)
    stability = 1 - unbiased.mean() / chance
    agreement = (supports * frequency).mean(axis=1)
    influence = agreement - share * mean - stability / 2 * (share + mean - 2 * share * mean - 1)
    return float(stability), float(4 / n_selections * np.var(influence / chance))
