"""Choosing landmarks one by one, where those that say again what was said come later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import LandmarkLayout

# What landmarks do together lies in the first principal components of clips, and what one landmark
# does in its first three; the rest is jitter.
_MOST_COMPONENTS = 64
_MOST_COURSES = 3
# What moves less, beside the landmark that moves most, is constant up to rounding.
_STILL = 1e-6
# Landmarks that are chosen by what they explain. So many explain most of what can be explained;
# what they leave is small, and follows jitter.
_N_EXPLAINING = 20
# Variance that the regression takes for noise, in shares of what the landmarks, weighted by their
# scores, vary on average over all of them.
_NOISE = 0.2
# What the movements of the landmarks count beside the classes, which a few landmarks explain.
_MOVEMENT = 9
# Afterwards: the power of the similarity by which a score is lowered, since neighbours on a face
# are alike to .9 and more, and the least share that is left of a score. With nothing left of it,
# landmarks that stand still, which are like none, would come before those that move.
_SHARPNESS = 16
_LEAST_SHARE = 0.2


@dataclass(frozen=True)
class Courses:
    """What landmarks do, and the classes, over the same principal components of clips.

    Parameters
    ----------
    landmarks : ndarray of shape (n_components, n_landmarks, n_courses)
        The courses of each landmark, which are orthogonal. Their squares sum to 1, and to 0 for a
        landmark that never moves.
    classes : ndarray of shape (n_components, n_classes)
        Indicators.
    """

    landmarks: NDArray[np.float32]
    classes: NDArray[np.float32]

    @classmethod
    def of(
        cls, columns: NDArray[Any], targets: NDArray[np.intp], layout: LandmarkLayout
    ) -> Courses:
        """Sum up clips, in which all classes count alike.

        Parameters
        ----------
        columns : ndarray of shape (n_clips, n_rows * n_landmarks * n_coords)
            Frames of clips, or other rows of numbers of each landmark.
        targets : ndarray of int of shape (n_clips,)
        layout : LandmarkLayout

        Returns
        -------
        Courses
        """
        columns = columns.astype(np.float64)
        indicators = np.eye(targets.max() + 1)[targets]
        weights = 1 / indicators.sum(axis=0)[targets]
        weights /= weights.sum()
        for values in (columns, indicators):
            values -= weights @ values
            values *= np.sqrt(weights)[:, None]
        # In units of the largest, so that squares stay in range.
        columns /= max(np.abs(columns).max(), np.finfo(np.float32).tiny)
        directions = np.linalg.eigh(columns @ columns.T)[1][:, : -_MOST_COMPONENTS - 1 : -1]
        n_components = directions.shape[1]
        shares = directions.T @ columns
        shares = shares.reshape(n_components, -1, layout.n_landmarks, layout.n_coords)
        of_landmarks = shares.transpose(2, 0, 1, 3).reshape(layout.n_landmarks, n_components, -1)
        left, sizes, _ = np.linalg.svd(of_landmarks, full_matrices=False)
        left, sizes = left[..., :_MOST_COURSES], sizes[:, :_MOST_COURSES]
        in_all = np.sqrt(np.square(sizes).sum(axis=1, keepdims=True))
        moves = in_all > _STILL * in_all.max()
        sizes = np.divide(sizes, in_all, out=np.zeros_like(sizes), where=moves)
        courses = (left * sizes[:, None]).transpose(1, 0, 2)
        # In one order in memory, so that what comes from a store gives the same sums.
        return cls(
            courses.astype(np.float32, order="C"),
            (directions.T @ indicators).astype(np.float32, order="C"),
        )

    def similarity(self) -> NDArray[np.float64]:
        """How alike the courses of landmarks are.

        The RV coefficient [1]_, a correlation of several numbers with several others, which does
        not change where a landmark's courses are turned.

        Returns
        -------
        ndarray of shape (n_landmarks, n_landmarks)
            From 0 to 1, symmetric. A landmark that never moves is like none but itself.

        References
        ----------
        .. [1] Robert, P., Escoufier, Y. (1976). A unifying tool for linear multivariate statistical
           methods: the RV-coefficient. Applied Statistics 25(3), 257-265.
        """
        courses = self.landmarks.astype(np.float64).transpose(2, 0, 1)
        # One course with one other at a time: all at once would take nine times the room.
        joint = np.zeros((courses.shape[2], courses.shape[2]))
        for one in courses:
            for other in courses:
                joint += np.square(one.T @ other)
        own = np.sqrt(joint.diagonal())
        norm = own[:, None] * own
        similarity = np.divide(joint, norm, out=np.zeros_like(joint), where=norm > 0)
        np.fill_diagonal(similarity, 1)
        # Rounding differs between the two halves.
        return np.minimum((similarity + similarity.T) / 2, 1)


def order_without_repeats(
    scores: NDArray[np.floating], groups: list[NDArray[np.intp]], courses: Courses
) -> NDArray[np.intp]:
    """Order in which groups of landmarks are chosen, in which repeats come later.

    The first are those that explain most together; see :func:`_explaining_groups`. From there on
    each choice is the highest score that is left, where scores are lowered for what is like a
    chosen landmark; see :func:`_damped_order`.

    Parameters
    ----------
    scores : ndarray of shape (n_landmarks,)
        Not negative, and the same within a group.
    groups : list of ndarray of int
        Of one landmark or two, chosen together.
    courses : Courses

    Returns
    -------
    ndarray of int of shape (n_groups,)
        Numbers of groups.
    """
    # Not a number where a network yields none, of which it was warned.
    relevance = np.nan_to_num(scores).astype(np.float64)
    sizes = np.array([len(group) for group in groups])
    # A single landmark fills its row, but counts once.
    members = np.array([np.resize(group, sizes.max()) for group in groups])
    counts = np.arange(sizes.max()) < sizes[:, None]
    similarity = courses.similarity()[members][:, :, members].max(axis=(1, 3))
    first = _explaining_groups(relevance, members, counts, courses)
    return _damped_order(relevance[members[:, 0]], similarity, first)


def _explaining_groups(
    scores: NDArray[np.float64],
    members: NDArray[np.intp],
    counts: NDArray[np.bool_],
    courses: Courses,
) -> list[int]:
    """The groups that explain most of the classes, and of what all landmarks do.

    The classes and the landmarks' courses, weighted by the scores, are taken for linear functions
    of the courses of the chosen landmarks with normally distributed weights, whose variance is the
    landmark's score, and noise: each choice is the group with which the penalised sum of squares of
    the best fit (that of ridge regression) becomes least. A pair counts with all that both explain.
    It ends where twenty landmarks or one more are chosen, or nothing is left to explain.
    """
    landmarks = courses.landmarks.astype(np.float64) * np.sqrt(scores)[:, None]
    n_components, n_landmarks, n_courses = landmarks.shape
    landmarks /= np.sqrt(np.square(landmarks).sum() / n_landmarks) or 1
    wanted = _shares(courses.classes.astype(np.float64))
    wanted += _MOVEMENT * _shares(landmarks.reshape(n_components, -1))
    n_groups, width = members.shape
    size = width * n_courses
    blocks = (landmarks[:, members] * counts[..., None]).reshape(n_components, n_groups, size)
    blocks = blocks.transpose(1, 2, 0).copy()
    # Divided by the covariance of what is not explained yet.
    rest = blocks / _NOISE
    chosen: list[int] = []
    is_left = np.ones(n_groups, dtype=bool)
    while is_left.any() and counts[chosen].sum() < _N_EXPLAINING:
        covariance = np.eye(size) + rest @ blocks.transpose(0, 2, 1)
        explained = (rest @ wanted) @ rest.transpose(0, 2, 1)
        gain = np.linalg.solve(covariance, explained).trace(axis1=1, axis2=2)
        best = int(np.where(is_left, gain, -1).argmax())
        if gain[best] <= 0:
            # Nothing moves, or nothing that moves has a score.
            break
        chosen.append(best)
        is_left[best] = False
        of_best = rest[best]
        rest -= (blocks @ of_best.T) @ np.linalg.solve(covariance[best], of_best)
    return chosen


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of the rows of a matrix with each other, as shares of their trace."""
    products = values @ values.T
    return products / (products.trace() or 1)


def _damped_order(
    scores: NDArray[np.float64], similarity: NDArray[np.float64], first: list[int]
) -> NDArray[np.intp]:
    """All groups: the given first ones, then the highest scores, lowered by what was chosen.

    A score is multiplied by one minus a power of the similarity with the most similar chosen one,
    and keeps a least share. Groups are as similar as their most similar members.
    """
    damping = np.maximum(1 - similarity**_SHARPNESS, _LEAST_SHARE)
    lowered = damping[first].min(axis=0, initial=1)
    order = list(first)
    is_left = np.ones(len(scores), dtype=bool)
    is_left[first] = False
    while is_left.any():
        best = int(np.where(is_left, scores * lowered, -1).argmax())
        order.append(best)
        is_left[best] = False
        np.minimum(lowered, damping[best], out=lowered)
    return np.array(order, dtype=np.intp)
