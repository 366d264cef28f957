"""How far the attribution of a data set is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from .._progress import Progress


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
    progress = Progress("attribution", n_pairs, "pairs of sample and baseline", verbose)
    with closing(blocks):
        for block in blocks:
            yield block
            progress.advance(block.gap.numel())
