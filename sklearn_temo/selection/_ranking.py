"""Ranking of landmarks by score, with a redundancy penalty and mirror pairs kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from ..layout import LandmarkLayout

# Number of principal components of the clips, and of the movement of a single landmark. Components
# of lower variance are noise.
_MAX_COMPONENTS = 64
_MAX_LANDMARK_COMPONENTS = 3
# A landmark counts as constant if its movement is below this share of the largest movement; smaller
# movements are rounding errors.
_STILL = 1e-6
# Number of landmarks that are chosen by explained variance; further ones explain little more.
_N_EXPLAINING = 20
# Noise variance of the ridge regression, relative to the mean variance of the weighted landmarks.
_NOISE = 0.2
# Weight of the movements of all landmarks, relative to a weight of 1 for the targets.
_MOVEMENT_WEIGHT = 9
# Redundancy penalty: scores are multiplied by 1 - similarity**16, but by no less than 0.2. The
# power is high since neighbours on a face have similarities above 0.9. Without the lower bound,
# landmarks that never move, and are similar to none, would be chosen before landmarks that move.
_PENALTY_POWER = 16
_MIN_FACTOR = 0.2


def count_kept(k: int | float | str, n_landmarks: int, noun: str = "landmark") -> int:
    """Number of landmarks that the parameter `k` (a number, a share or "all") stands for."""
    if k == "all":
        return n_landmarks
    if not isinstance(k, Integral):
        return max(1, round(float(k) * n_landmarks))
    if k > n_landmarks:
        raise ValueError(
            f"k must be at most {n_landmarks}, the number of {noun}s in X; got k={k}. Pass a "
            'smaller number, a share such as k=0.25, or k="all".'
        )
    return int(k)


def round_sizes(
    step: int | float | Sequence[int] | None, n_landmarks: int, n_kept: int
) -> list[int]:
    """Numbers of landmarks that are left after each round; the last one is `n_kept`."""
    if step is None:
        return [n_kept]
    if isinstance(step, int | float | np.number):
        n_dropped = int(step) if isinstance(step, Integral) else max(1, int(step * n_landmarks))
        return [*range(n_landmarks - n_dropped, n_kept, -n_dropped), n_kept]
    sizes = [int(n) for n in step]
    if sizes != sorted({*step}, reverse=True):
        raise ValueError(
            "step must be a decreasing sequence of the numbers of landmarks left after each round, "
            f"such as [234, 128]; got step={step!r}."
        )
    return [*(n for n in sizes if n_kept < n < n_landmarks), n_kept]


@dataclass(frozen=True)
class LandmarkComponents:
    """Movements of landmarks, and targets, in the principal components of clips.

    Parameters
    ----------
    landmarks : ndarray of shape (n_components, n_landmarks, n_landmark_components)
        Principal components of each landmark's movement, which are orthogonal. The sum of their
        squares is 1, and 0 for a landmark that never moves.
    targets : ndarray of shape (n_components, n_targets)
        Centred class indicators, or standardised outputs of a regression.
    """

    landmarks: NDArray[np.float32]
    targets: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        columns: NDArray[Any],
        target: NDArray[Any],
        layout: LandmarkLayout,
        sample_weight: NDArray[np.floating] | None = None,
    ) -> LandmarkComponents:
        """Decompose clips, in which all classes have the same total weight.

        `target` has shape (n_clips,) and contains classes as integers from 0 on, or has shape
        (n_clips, n_outputs) and contains the outputs of a regression.
        `columns` has shape (n_clips, n_rows * n_landmarks * n_coords), where the rows are frames or
        other linear functions of the frames.
        """
        columns = columns.astype(np.float64)
        weight = np.ones(len(columns)) if sample_weight is None else sample_weight
        if target.ndim == 1:
            targets = np.eye(target.max() + 1)[target]
            weight = weight / (weight @ targets)[target]
        else:
            # Outputs in any unit count the same.
            targets = StandardScaler().fit_transform(target, sample_weight=weight)
        weight = weight / weight.sum()
        for matrix in (columns, targets):
            matrix -= weight @ matrix
            matrix *= np.sqrt(weight)[:, None]
        # Scaled so that squares neither overflow nor underflow.
        columns /= max(np.abs(columns).max(), np.finfo(np.float32).tiny)
        directions = np.linalg.eigh(columns @ columns.T)[1][:, : -_MAX_COMPONENTS - 1 : -1]
        n_components = directions.shape[1]
        scores = directions.T @ columns
        scores = scores.reshape(n_components, -1, layout.n_landmarks, layout.n_coords)
        of_landmarks = scores.transpose(2, 0, 1, 3).reshape(layout.n_landmarks, n_components, -1)
        # Eigenvectors of small Gram matrices take less time than singular vectors.
        axes = np.linalg.eigh(of_landmarks.transpose(0, 2, 1) @ of_landmarks)[1]
        landmarks = of_landmarks @ axes[..., : -_MAX_LANDMARK_COMPONENTS - 1 : -1]
        total = np.sqrt(np.square(landmarks).sum(axis=(1, 2), keepdims=True))
        moves = total > _STILL * total.max()
        landmarks = np.divide(landmarks, total, out=np.zeros_like(landmarks), where=moves)
        landmarks = landmarks.transpose(1, 0, 2)
        # The same memory order as after loading from a cache, so that later sums are equal.
        return cls(
            landmarks.astype(np.float32, order="C"),
            (directions.T @ targets).astype(np.float32, order="C"),
        )

    def similarity(self) -> NDArray[np.float64]:
        """Similarity of the movements of landmarks, ndarray of shape (n_landmarks, n_landmarks).

        The RV coefficient [1]_, a correlation between two sets of variables, from 0 to 1. It does
        not change when the movements of a landmark are rotated. A landmark that never moves is
        similar to itself only.

        References
        ----------
        .. [1] Robert, P., Escoufier, Y. (1976). A unifying tool for linear multivariate statistical
           methods: the RV-coefficient. Applied Statistics 25(3), 257-265.
        """
        components = self.landmarks.astype(np.float64).transpose(2, 0, 1).copy()
        # Pairs of components one by one, since all at once would take nine times the memory.
        joint = np.zeros((components.shape[2], components.shape[2]))
        for i, one in enumerate(components):
            joint += np.square(one.T @ one)
            for other in components[:i]:
                products = np.square(one.T @ other)
                joint += products
                joint += products.T
        own = np.sqrt(joint.diagonal())
        norm = own[:, None] * own
        similarity = np.divide(joint, norm, out=np.zeros_like(joint), where=norm > 0)
        np.fill_diagonal(similarity, 1)
        return np.minimum(similarity, 1, out=similarity)


def rank_landmarks(
    scores: NDArray[np.floating],
    n_kept: int,
    pairs: NDArray[np.intp] | None = None,
    components: LandmarkComponents | None = None,
) -> NDArray[np.intp]:
    """Indices of landmarks in the order in which they are chosen; the first `n_kept` are kept.

    With `pairs`, the mirror partner of each landmark, partners are chosen together and have equal
    scores. With `components`, the order is that of :func:`greedy_order`, else that of the scores.
    Equal landmarks are ordered by their index.
    """
    members = np.arange(len(scores))[:, None]
    if pairs is not None:
        members = np.column_stack([members, pairs])[pairs >= members[:, 0]]
    if components is None:
        order = np.argsort(-scores[members[:, 0]], kind="stable")
    else:
        order = greedy_order(scores, members, components)
    groups = [group[:1] if group[0] == group[-1] else group for group in members[order]]
    kept = np.zeros(len(scores), dtype=bool)
    n_free = n_kept
    for group in groups:
        if len(group) <= n_free:
            kept[group] = True
            n_free -= len(group)
    if n_free:
        # One place is left and all single landmarks are kept: the best remaining pair replaces the
        # last of them. Without single landmarks, one landmark of the pair is kept.
        pair = next(group for group in groups if len(group) == 2 and not kept[group].any())
        single = [group for group in groups if len(group) == 1]
        if single:
            kept[single[-1]] = False
            kept[pair] = True
        else:
            kept[pair[0]] = True
    ranked = np.concatenate(groups)
    return np.concatenate([ranked[kept[ranked]], ranked[~kept[ranked]]])


def greedy_order(
    scores: NDArray[np.floating], groups: NDArray[np.intp], components: LandmarkComponents
) -> NDArray[np.intp]:
    """Greedy selection with a redundancy penalty; returns indices of `groups`.

    `groups` has shape (n_groups, 1), or (n_groups, 2) for pairs of mirror partners; a landmark on
    the midline is its own partner.

    The first groups are those that explain most variance of the targets and of the movements of all
    landmarks (:func:`_explaining_groups`). Each further one has the highest penalised score: the
    score times one minus a power of the similarity to the most similar group that was chosen, with
    a lower bound. The similarity of groups is that of their most similar members.
    """
    # NaN where the network yields no numbers.
    relevance = np.nan_to_num(scores).astype(np.float64)
    similarity = components.similarity()
    for _ in range(2):
        similarity = similarity[groups].max(axis=1).T
    factors = np.maximum(1 - similarity**_PENALTY_POWER, _MIN_FACTOR)
    order = _explaining_groups(relevance, groups, components)
    factor = factors[order].min(axis=0, initial=1)
    relevance_left = relevance[groups[:, 0]]
    relevance_left[order] = -1
    while len(order) < len(groups):
        best = int((relevance_left * factor).argmax())
        order.append(best)
        relevance_left[best] = -1
        np.minimum(factor, factors[best], out=factor)
    return np.array(order, dtype=np.intp)


def _explaining_groups(
    scores: NDArray[np.float64], groups: NDArray[np.intp], components: LandmarkComponents
) -> list[int]:
    """Groups that explain most variance of the targets and of the movements of all landmarks.

    The targets and the movements are predicted by ridge regression from the movements of the chosen
    landmarks, where a landmark's variance is its score: this is the posterior mean of a Gaussian
    process whose covariance is ``sum of score * movement movement^T`` over the chosen landmarks,
    plus noise. Each step adds the group that reduces the unexplained variance most. It ends when
    about twenty landmarks are chosen or nothing is left to explain.
    """
    landmarks = components.landmarks.astype(np.float64) * np.sqrt(scores)[:, None]
    n_components, n_landmarks, n_each = landmarks.shape
    landmarks /= np.sqrt(np.square(landmarks).sum() / n_landmarks) or 1
    to_explain = _normalised_gram(components.targets.astype(np.float64))
    to_explain += _MOVEMENT_WEIGHT * _normalised_gram(landmarks.reshape(n_components, -1))
    # A landmark that is its own partner counts once.
    is_counted = np.ones(groups.shape, dtype=bool)
    is_counted[:, 1:] = groups[:, 1:] != groups[:, :1]
    n_groups, width = groups.shape
    size = width * n_each
    features = (landmarks[:, groups] * is_counted[..., None]).reshape(n_components, n_groups, size)
    rows = features.transpose(1, 2, 0).reshape(-1, n_components)

    def products(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Products of the rows of each group, of shape (n_groups, size, size)."""
        by_group = one.reshape(n_groups, size, -1), other.reshape(n_groups, size, -1)
        return by_group[0] @ by_group[1].transpose(0, 2, 1)

    # Inverse covariance given the chosen groups; covariance and explained variance of each group.
    inverse = np.eye(n_components) / _NOISE
    covariance = np.eye(size) + products(rows, rows) / _NOISE
    explained = products(rows @ to_explain, rows) / _NOISE**2
    chosen: list[int] = []
    is_left = np.ones(n_groups, dtype=bool)
    while is_left.any() and is_counted[chosen].sum() < _N_EXPLAINING:
        gain = np.linalg.solve(covariance, explained).trace(axis1=1, axis2=2)
        best = int(np.where(is_left, gain, -1).argmax())
        if gain[best] <= 0:
            # No landmark moves, or none that moves has a score.
            break
        chosen.append(best)
        is_left[best] = False
        # The inverse changes by -update @ update.T, and inverse @ to_explain @ inverse by
        # -(update @ cross.T + cross @ update.T).
        of_best = rows.reshape(n_groups, size, -1)[best] @ inverse
        update = np.linalg.solve(np.linalg.cholesky(covariance[best]), of_best).T
        cross = inverse @ (to_explain @ update)
        cross -= update @ (update.T @ to_explain @ update) / 2
        inverse -= update @ update.T
        by_update, by_cross = rows @ update, rows @ cross
        covariance -= products(by_update, by_update)
        mixed = products(by_update, by_cross)
        explained -= mixed + mixed.transpose(0, 2, 1)
    return chosen


def _normalised_gram(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram matrix of the rows, divided by its trace."""
    products = values @ values.T
    return products / (products.trace() or 1)
