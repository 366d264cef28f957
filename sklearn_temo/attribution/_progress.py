"""How far the attribution of a data set is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import Any

_SECONDS_BETWEEN = 1.0


def reported(blocks: Any, n_pairs: int, verbose: int) -> Iterator[Any]:
    """Print how many pairs are done and how long the rest will take, while blocks pass.

    Parameters
    ----------
    blocks : generator of AttributionBlock
        Closed when the work is cut short.
    n_pairs : int
        Pairs of sample and baseline in all blocks.
    verbose : int
        0 for silence.

    Yields
    ------
    AttributionBlock
        The given ones.
    """
    start = last = monotonic()
    n_done = 0
    with closing(blocks):
        for block in blocks:
            yield block
            n_done += block.gap.numel()
            now = monotonic()
            if verbose and (now - last >= _SECONDS_BETWEEN or n_done == n_pairs):
                last, spent = now, now - start
                print(
                    f"[attribution] {n_done} of {n_pairs} pairs of sample and baseline, "
                    f"{spent:.0f} s, {spent / n_done * (n_pairs - n_done):.0f} s left",
                    flush=True,
                )
