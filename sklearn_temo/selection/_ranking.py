"""From scores of landmarks to an order, and to the ones that are kept."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from ._redundancy import Courses, order_without_repeats


def count_kept(k: int | float | str, n_landmarks: int) -> int:
    """Number of landmarks to keep.

    Parameters
    ----------
    k : int, float or "all"
        A number, a share of the landmarks (rounded, at least one), or all of them.
    n_landmarks : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If `k` asks for none, or for more than there are.
    """
    if isinstance(k, str) and k == "all":
        return n_landmarks
    if isinstance(k, Integral) and not isinstance(k, bool) and 1 <= k <= n_landmarks:
        return int(k)
    if isinstance(k, float | np.floating) and 0 < k <= 1:
        return max(1, round(float(k) * n_landmarks))
    raise ValueError(
        f"k must be an int from 1 to {n_landmarks} (the number of landmarks in X), a share as a "
        f'float above 0 and up to 1.0, or "all"; got k={k!r}.'
    )


def in_order(
    scores: NDArray[np.floating],
    pairs: NDArray[np.intp] | None = None,
    courses: Courses | None = None,
) -> list[NDArray[np.intp]]:
    """Landmarks in the order in which they are chosen.

    Parameters
    ----------
    scores : ndarray of shape (n_landmarks,)
        Not negative. With `pairs`, equal for partners.
    pairs : ndarray of int of shape (n_landmarks,), default=None
        The mirror partner of each landmark: both are chosen at once.
    courses : Courses, default=None
        What the landmarks do, for an order in which repeats come later; see
        :func:`order_without_repeats`. None takes the scores as they are.

    Returns
    -------
    list of ndarray of int
        Landmarks that are chosen together. Of equal ones those of the lowest number come first.
    """
    firsts = np.arange(len(scores)) if pairs is None else np.flatnonzero(pairs >= range(len(pairs)))
    groups = [np.array([i]) if pairs is None else np.unique([i, pairs[i]]) for i in firsts]
    if courses is None:
        order = np.argsort(-scores[firsts], kind="stable")
    else:
        order = order_without_repeats(scores, groups, courses)
    return [groups[i] for i in order]


def keep_first(groups: list[NDArray[np.intp]], n_kept: int) -> NDArray[np.bool_]:
    """Mask of the landmarks that are chosen first.

    Parameters
    ----------
    groups : list of ndarray of int
        As :func:`in_order` returns them: single landmarks, and pairs, none of which is parted. An
        odd place is filled with a single landmark.
    n_kept : int
        How many to keep.

    Returns
    -------
    ndarray of bool of shape (n_landmarks,)
    """
    kept = np.zeros(sum(map(len, groups)), dtype=bool)
    for group in groups:
        if kept.sum() + len(group) <= n_kept:
            kept[group] = True
    if kept.sum() < n_kept:
        # One place is left and every midline landmark is in: the last of them makes way.
        kept[[group for group in groups if len(group) == 1][-1]] = False
        kept[next(group for group in groups if len(group) == 2 and not kept[group].any())] = True
    return kept
