"""Reduction in rounds: attribute, drop, and begin again with what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._ranking import in_order, keep_first

if TYPE_CHECKING:
    from ._evidence import Evidence


@dataclass(frozen=True)
class Reduction:
    """What came of some rounds.

    Parameters
    ----------
    rounds : list of Evidence
        Of each round, for the landmarks that it began with.
    scores : ndarray of shape (n_landmarks,)
        Of each landmark, in the last round it took part in.
    per_class : ndarray of shape (n_classes, n_landmarks)
        The same for each class.
    ranking : ndarray of int of shape (n_landmarks,)
        From 1 on; the kept ones come first.
    kept : ndarray of int of shape (n_kept,)
        Numbers of the landmarks that are left.
    """

    rounds: list[Evidence]
    scores: NDArray[np.float64]
    per_class: NDArray[np.float64]
    ranking: NDArray[np.intp]
    kept: NDArray[np.intp]


def reduce_in_rounds(
    n_landmarks: int,
    rounds: Sequence[tuple[int, NDArray[np.intp] | None]],
    gather: Callable[[NDArray[np.intp]], Evidence],
    *,
    avoid_repeats: bool,
) -> Reduction:
    """Drop landmarks until few are left.

    Parameters
    ----------
    n_landmarks : int
        All of them.
    rounds : sequence of tuple of int, and ndarray of int of shape (n_landmarks,) or None
        How many are left after each round, and the mirror partners that it does not part.
    gather : callable
        From numbers of landmarks, which are left, to the evidence of a round.
    avoid_repeats : bool
        Whether landmarks that say the same again come later than their scores alone would have it.

    Returns
    -------
    Reduction
    """
    left = np.arange(n_landmarks)
    ranking = np.empty(n_landmarks, dtype=np.intp)
    scores = np.zeros(n_landmarks)
    per_class = np.zeros((0, n_landmarks))
    done: list[Evidence] = []
    for n_left, partners in rounds:
        evidence = gather(left)
        relevance = evidence.relevance
        if not done:
            per_class = np.zeros((len(relevance.per_class), n_landmarks))
        scores[left], per_class[:, left] = relevance.overall, relevance.per_class
        pairs = None
        if partners is not None:
            scores, per_class = ((v + v[..., partners]) / 2 for v in (scores, per_class))
            pairs = np.searchsorted(left, partners[left])
        groups = in_order(scores[left], pairs, evidence.courses if avoid_repeats else None)
        kept = keep_first(groups, n_left)
        order = np.concatenate(groups)
        order = np.concatenate([order[kept[order]], order[~kept[order]]])
        ranking[left[order]] = np.arange(1, len(left) + 1)
        left = left[kept]
        done.append(evidence)
    return Reduction(done, scores, per_class, ranking, left)


def round_sizes(
    step: int | float | Sequence[int] | None, n_landmarks: int, n_kept: int
) -> list[int]:
    """Numbers of landmarks that are left after each round of selection.

    Parameters
    ----------
    step : int, float, sequence of int or None
        Landmarks dropped in a round, a share of all of them, or the numbers left after each round,
        of which those above `n_kept` count; None for a single round.
    n_landmarks : int
    n_kept : int
        Left after the last round.

    Returns
    -------
    list of int
        Falling, and ending in `n_kept`.

    Raises
    ------
    ValueError
        If `step` is nothing of this kind.
    """
    if step is None:
        return [n_kept]
    if isinstance(step, Integral) and not isinstance(step, bool) and int(step) >= 1:
        return [*range(n_landmarks - int(step), n_kept, -int(step)), n_kept]
    if isinstance(step, float | np.floating) and 0 < step < 1:
        return round_sizes(max(1, int(step * n_landmarks)), n_landmarks, n_kept)
    if isinstance(step, Sequence | np.ndarray) and not isinstance(step, str):
        sizes = list(step)
        whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in sizes)
        if sizes and whole and sizes == sorted({*sizes}, reverse=True) and sizes[-1] >= 1:
            return [*(int(n) for n in sizes if n_kept < n < n_landmarks), n_kept]
    raise ValueError(
        "step must be None, an int from 1 on (landmarks dropped in a round), a share of all "
        "landmarks as a float between 0 and 1, or a falling sequence of how many are left after "
        f"each round, such as [234, 128]; got step={step!r}."
    )
