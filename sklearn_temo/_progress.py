"""How far long work is, and how long the rest of it will take."""

from __future__ import annotations

import sys
from contextlib import suppress
from time import monotonic

_SECONDS_BETWEEN = 1.0


class Progress:
    """Prints lines such as ``[name] 12 of 40 clips, 3 s, 7 s left``, at most one a second.

    Where they cannot be printed (a full disk, a pipe that nobody reads any more) they are dropped:
    the work goes on.

    Parameters
    ----------
    name : str
        Who is at work.
    total : int
        Pieces of work in all.
    pieces : str
        What they are called.
    verbose : int
        0 for silence.
    n_at_once : int, default=1
        How many pieces are worked on at a time.
    """

    def __init__(
        self, name: str, total: int, pieces: str, verbose: int, n_at_once: int = 1
    ) -> None:
        self._name = name
        self._total = total
        self._pieces = pieces
        self._verbose = verbose
        self._n_at_once = n_at_once
        self._n_done = self._n_worked_for = 0
        # When the first work was done, and how many pieces it was.
        self._first: tuple[float, int] | None = None
        self._start = self._last = monotonic()

    def advance(self, n: int = 1, *, free: bool = False) -> None:
        """Count pieces as done, and say so when it is time to.

        Parameters
        ----------
        n : int, default=1
            Pieces.
        free : bool, default=False
            They cost nothing, since somebody did them before: they say nothing of the rest.
        """
        self._n_done += n
        self._n_worked_for += 0 if free else n
        now = monotonic()
        if self._first is None and not free:
            self._first = now, n
        is_last = self._n_done == self._total
        if not self._verbose or (now - self._last < _SECONDS_BETWEEN and not is_last):
            return
        self._last = now
        spent = f"{_span(now - self._start)}{self._left(now)}"
        show(f"[{self._name}] {self._n_done} of {self._total} {self._pieces}, {spent}")

    def _left(self, now: float) -> str:
        """How long the rest will take; nothing where it cannot be told yet, or all is done."""
        if self._first is None or self._n_done == self._total:
            return ""
        # Before the first piece is done, processes and models start, which takes as long as many
        # pieces and comes once. What is worked on at a time is done at about the same time: less
        # than that says nothing of how long it takes.
        since, n_first = self._first
        n_timed = self._n_worked_for - n_first
        if n_timed < self._n_at_once:
            return ""
        return f", {_span((now - since) / n_timed * (self._total - self._n_done))} left"


def show(line: str) -> None:
    """Print a line, where that can be done.

    Parameters
    ----------
    line : str
    """
    # UnicodeEncodeError and writing to what is closed are ValueErrors.
    with suppress(OSError, ValueError):
        print(line, file=sys.stdout, flush=True)


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
