"""Measures of explanations, for the benchmark of the methods.

All are computed on test clips of subjects that the network was not trained on, for the class that
it predicts. The share of a landmark is the sum over its frames and coordinates.

deletion, insertion
    Area under the curve of the probability of the class when the landmarks with the largest shares
    are replaced by those of the baseline first (deletion, lower is better), or put back first into
    the baseline (insertion, higher is better) [1]_. Averaged over the baselines.
ROAR, k
    Remove and retrain [2]_: balanced accuracy on the test clips of a randomized network that is
    fitted again after the k landmarks with the largest mean absolute share in training clips have
    been replaced by their mean in all clips. Lower is better. The same landmarks are removed from
    all clips: if they differed, their choice would tell the class.
agreement
    Rank correlation of the absolute shares with those of Integrated Gradients [3]_.
other seed
    Rank correlation of the absolute shares for two networks that differ in their seed. Higher is
    better.
sensitivity
    Largest change of the shares, relative to their norm, when uniform noise of up to 0.005
    distances of the eyes is added to the clip [4]_. Lower is better.
random weights, random labels
    Rank correlation of the absolute shares with those for the network with shuffled weights, and
    for a network that is trained on permuted labels [5]_. Lower is better.
recall
    Share of the landmarks that move in the emotion of the clip among as many landmarks with the
    largest absolute shares. Higher is better. On synthetic clips only, where they are known.
ms per clip
    Time of the explanation of a clip. For the methods that rank landmarks once for all clips, the
    time of the ranking divided by the number of explained clips.

References
----------
.. [1] Petsiuk, V., Das, A., Saenko, K. (2018). RISE: Randomized input sampling for explanation of
   black-box models. BMVC. arXiv 1806.07421.
.. [2] Hooker, S., Erhan, D., Kindermans, P.-J., Kim, B. (2019). A benchmark for interpretability
   methods in deep neural networks. NeurIPS. arXiv 1806.10758.
.. [3] Krishna, S. et al. (2022). The disagreement problem in explainable machine learning: A
   practitioner's perspective. arXiv 2202.01602.
.. [4] Yeh, C.-K., Hsieh, C.-Y., Suggala, A. S., Inouye, D. I., Ravikumar, P. (2019). On the
   (in)fidelity and sensitivity of explanations. NeurIPS. arXiv 1901.09392.
.. [5] Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M., Kim, B. (2018). Sanity checks
   for saliency maps. NeurIPS. arXiv 1810.03292.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from sklearn_temo import TEMOClassifier
from sklearn_temo.attribution import make_baselines

from .claims_folds import Split
from .explanations_methods import METHODS, Case, explain

# 1 if higher is better, -1 if lower is better, 0 if neither.
DIRECTIONS = {
    "deletion": -1,
    "insertion": 1,
    "ROAR": -1,
    "agreement": 0,
    "other seed": 1,
    "sensitivity": -1,
    "random weights": -1,
    "random labels": -1,
    "recall": 1,
    "ms per clip": -1,
}
# Points of the curves of deletion and insertion.
N_POINTS = 21
# Largest noise of the sensitivity, in distances of the eyes, and number of draws.
NOISE, N_DRAWS = 0.005, 3


@dataclass(frozen=True)
class Sizes:
    """Numbers of clips that are explained in a fold, and of landmarks that ROAR removes."""

    n_test: int = 6
    n_train: int = 12
    n_sensitivity: int = 2
    ks: tuple[int, ...] = (16, 64, 128, 234)


def evaluate_fold(
    split: Split,
    network: TEMOClassifier,
    regions: np.ndarray,
    moving: np.ndarray | None,
    sizes: Sizes,
) -> dict[str, dict[str, float]]:
    """Evaluate all methods on one fold.

    Parameters
    ----------
    split : Split
    network : TEMOClassifier
        Unfitted network.
    regions : ndarray of str of shape (n_landmarks,)
    moving : ndarray of bool of shape (n_classes, n_landmarks) or None
        Landmarks that move, where this is known.
    sizes : Sizes

    Returns
    -------
    dict of str to dict of str to float
        Value of each measure, by method and measure.
    """
    X, y, seed = split.X[split.train], split.y[split.train], split.seed
    rng = np.random.default_rng(seed)
    own = clone(network).set_params(random_state=seed, **split.shape).fit(X, y)
    other = clone(own).set_params(random_state=seed + 1).fit(X, y)
    y_permuted = rng.permutation(y)
    case = Case(own, X, y, make_baselines(X), split.layout, regions, seed)
    compared = {
        "other seed": replace(case, estimator=other),
        "random weights": replace(case, estimator=with_shuffled_weights(own, rng)),
        "random labels": replace(case, estimator=clone(own).fit(X, y_permuted), y=y_permuted),
    }
    test = rng.permutation(split.test)[: sizes.n_test]
    rows = split.X[test]
    target = np.searchsorted(own.classes_, own.predict(rows))
    explained = rng.permutation(len(X))[: sizes.n_train]
    y_explained = np.searchsorted(own.classes_, y[explained])
    noise = rng.uniform(-NOISE, NOISE, (N_DRAWS, sizes.n_sensitivity, X.shape[1]))
    noise = noise.astype(np.float32)
    results: dict[str, dict[str, float]] = {}
    for method in METHODS:
        # The first call imports, and allocates memory.
        explain(method, compared["other seed"], rows[:2], target[:2])
        start = perf_counter()
        shares = explain(method, case, rows, target)
        seconds = perf_counter() - start
        if method == next(iter(METHODS)):
            ours = shares
        values = dict(
            zip(("deletion", "insertion"), curves(case, rows, target, shares), strict=True)
        )
        order = np.argsort(-np.abs(explain(method, case, X[explained], y_explained)).mean(axis=0))
        for k in sizes.ks:
            values[f"ROAR, {k}"] = remove_and_retrain(split, order[:k])
        values["agreement"] = rank_correlation(shares, ours)
        for name, different in compared.items():
            values[name] = rank_correlation(shares, explain(method, different, rows, target))
        values["sensitivity"] = sensitivity(method, case, rows, target, noise)
        if moving is not None:
            truth = moving[np.searchsorted(own.classes_, split.y[test])]
            values["recall"] = recall(shares, truth)
        values["ms per clip"] = 1000 * seconds / len(rows)
        results[method] = values
    return results


def with_shuffled_weights(estimator: TEMOClassifier, rng: np.random.Generator) -> TEMOClassifier:
    """Copy a fitted classifier, with the entries of each parameter in random order."""
    estimator = deepcopy(estimator)
    with torch.no_grad():
        for parameter in estimator.module_.parameters():
            order = rng.permutation(parameter.numel())
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return estimator


def curves(
    case: Case, rows: np.ndarray, target: np.ndarray, shares: np.ndarray
) -> tuple[float, float]:
    """Areas under the curves of deletion and of insertion, averaged over clips and baselines."""
    n_landmarks = case.layout.n_landmarks
    rank = np.argsort(np.argsort(-shares, axis=1, kind="stable"), axis=1)
    n_replaced = np.round(np.linspace(0, n_landmarks, N_POINTS))
    baselines = case.layout.unflatten(case.baselines)
    areas = np.zeros(2)
    for row, of_class, ranks in zip(case.layout.unflatten(rows), target, rank, strict=True):
        first = (ranks < n_replaced[:, None])[:, None, :, None]
        for baseline in baselines:
            for i, pair in enumerate([(baseline, row), (row, baseline)]):
                clips = case.layout.flatten(np.where(first, *pair))
                probability = case.estimator.predict_proba(clips)[:, of_class]
                areas[i] += np.trapezoid(probability, n_replaced / n_landmarks)
    deletion, insertion = areas / (len(rows) * len(baselines))
    return float(deletion), float(insertion)


def remove_and_retrain(split: Split, removed: np.ndarray) -> float:
    """Balanced accuracy on the test clips without some of the landmarks."""
    mask = split.layout.feature_mask(np.isin(np.arange(split.layout.n_landmarks), removed))
    X = split.X.copy()
    X[:, mask] = X[split.train][:, mask].mean(axis=0)
    network = TEMOClassifier(randomized=True, random_state=split.seed, **split.shape)
    network.fit(X[split.train], split.y[split.train])
    return float(balanced_accuracy_score(split.y[split.test], network.predict(X[split.test])))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of the absolute shares of each clip, averaged over the clips.

    It is 0 for a clip whose shares are all equal, such as the zeros that a Lasso returns.
    """
    pairs = zip(np.abs(a), np.abs(b), strict=True)
    return float(np.mean([np.nan_to_num(spearmanr(*pair).statistic) for pair in pairs]))


def sensitivity(
    method: str, case: Case, rows: np.ndarray, target: np.ndarray, noise: np.ndarray
) -> float:
    """Largest relative change of the shares under noise of shape (n_draws, n_clips, n_features)."""
    n_clips = noise.shape[1]
    rows, target = rows[:n_clips], target[:n_clips]
    shares = explain(method, case, rows, target)
    changes = [
        np.linalg.norm(explain(method, case, rows + draw, target) - shares, axis=1)
        for draw in noise[:, : len(rows)]
    ]
    return float((np.max(changes, axis=0) / np.linalg.norm(shares, axis=1)).mean())


def recall(shares: np.ndarray, moving: np.ndarray) -> float:
    """Share of the moving landmarks of each clip among the largest absolute shares."""
    found = [
        truth[np.argsort(-np.abs(of_clip), kind="stable")[: truth.sum()]].mean()
        for of_clip, truth in zip(shares, moving, strict=True)
    ]
    return float(np.mean(found))
