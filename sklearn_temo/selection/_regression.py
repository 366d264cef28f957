"""Which landmarks explain the classes together: the greedy choice of a regression."""

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
# Variance that the regression takes for noise, in shares of what the landmarks vary on average. On
# real faces half as much made no difference that could be told from chance.
_NOISE = 0.2
# Power of the scores that the variance of the weights is taken for.
_PRIOR = 0.75


@dataclass(frozen=True)
class Courses:
    """What landmarks do, and the classes, over the same principal components of clips.

    Parameters
    ----------
    landmarks : ndarray of shape (n_components, n_landmarks, n_courses)
        The courses of each landmark, which are orthogonal.
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
        courses = (left * sizes[:, None])[..., :_MOST_COURSES].transpose(1, 0, 2)
        # In one order in memory, so that what comes from a store gives the same sums.
        return cls(
            courses.astype(np.float32, order="C"),
            (directions.T @ indicators).astype(np.float32, order="C"),
        )


def explaining_order(
    scores: NDArray[np.floating], groups: list[NDArray[np.intp]], courses: Courses, n_wanted: int
) -> NDArray[np.intp]:
    """Order in which groups of landmarks add most to what explains the classes.

    The classes are taken for a linear function of the landmarks' courses with normally distributed
    weights, whose variance grows with the landmark's score, and noise: each choice is the group
    whose knowledge would lower the remaining variance of the classes most. What is alike to a group
    that was chosen explains little more.

    Parameters
    ----------
    scores : ndarray of shape (n_landmarks,)
        Not negative.
    groups : list of ndarray of int
        Of one landmark or two, chosen together.
    courses : Courses
    n_wanted : int
        Groups are chosen one by one until they have so many landmarks; the rest is ordered by
        score.

    Returns
    -------
    ndarray of int of shape (n_groups_in_all,)
        Numbers of groups.
    """
    landmarks = courses.landmarks.astype(np.float64)
    n_components, n_landmarks, n_courses = landmarks.shape
    deviations = (scores / max(scores.max(), np.finfo(np.float64).tiny)) ** (_PRIOR / 2)
    landmarks *= deviations[:, None]
    landmarks /= np.sqrt(np.square(landmarks).sum() / n_landmarks) or 1
    width = max(map(len, groups))
    members = np.array([[*group, *[n_landmarks] * (width - len(group))] for group in groups])
    nothing = np.zeros((n_components, 1, n_courses))
    landmarks = np.concatenate([landmarks, nothing], axis=1)[:, members]
    size = width * n_courses
    blocks = landmarks.reshape(n_components, len(groups), size).transpose(1, 2, 0).copy()
    # Both divided by the covariance of what is not explained yet.
    rest = np.hstack([landmarks.reshape(n_components, -1), courses.classes.astype(np.float64)])
    rest /= _NOISE
    order: list[int] = []
    is_left = np.ones(len(groups), dtype=bool)
    n_columns = len(groups) * size
    while is_left.any() and sum(len(groups[i]) for i in order) < n_wanted:
        whitened = rest[:, :n_columns].reshape(n_components, len(groups), size).transpose(1, 0, 2)
        covariance = np.eye(size) + blocks @ whitened
        slopes = blocks @ rest[:, n_columns:]
        gain = (slopes * np.linalg.solve(covariance, slopes)).sum(axis=(1, 2))
        # Not a number where a network yields none, of which it was warned.
        best = int(np.where(is_left, np.nan_to_num(gain), -1).argmax())
        order.append(best)
        is_left[best] = False
        rest -= whitened[best].copy() @ np.linalg.solve(covariance[best], blocks[best] @ rest)
    others = np.flatnonzero(is_left)
    by_score = np.argsort([-scores[groups[i]].mean() for i in others], kind="stable")
    return np.concatenate([np.array(order, dtype=np.intp), others[by_score]])
