"""From scores of landmarks to an order, and to the ones that are kept."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray


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


def best_first(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Landmarks by falling score; equal scores in the order of their numbers."""
    return np.argsort(-scores, kind="stable")


def keep_best(
    scores: NDArray[np.floating], n_kept: int, pairs: NDArray[np.intp] | None = None
) -> NDArray[np.bool_]:
    """Mask of the landmarks with the highest scores.

    Parameters
    ----------
    scores : ndarray of shape (n_landmarks,)
        With `pairs`, equal for partners.
    n_kept : int
        How many to keep.
    pairs : ndarray of int of shape (n_landmarks,), default=None
        The mirror partner of each landmark: the kept set is closed under it. An odd place is
        filled with a midline landmark, one that is its own partner.

    Returns
    -------
    ndarray of bool of shape (n_landmarks,)
    """
    order = best_first(scores)
    kept = np.zeros(len(scores), dtype=bool)
    if pairs is None:
        kept[order[:n_kept]] = True
        return kept
    groups = [np.unique([i, pairs[i]]) for i in order if i <= pairs[i]]
    midline = [group for group in groups if len(group) == 1]
    for group in groups:
        if kept.sum() + len(group) <= n_kept:
            kept[group] = True
    if kept.sum() < n_kept:
        # One place is left and every midline landmark is in: the last of them makes way.
        kept[midline[-1]] = False
        kept[next(group for group in groups if len(group) == 2 and not kept[group].any())] = True
    return kept
