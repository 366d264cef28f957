"""How far long work is, and how long the rest of it will take."""

from __future__ import annotations

from time import monotonic

_SECONDS_BETWEEN = 1.0


class Progress:
    """Prints lines such as ``[name] 12 of 40 clips, 3 s, 7 s left``, at most one a second.

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
    """

    def __init__(self, name: str, total: int, pieces: str, verbose: int) -> None:
        self._name = name
        self._total = total
        self._pieces = pieces
        self._verbose = verbose
        self._n_done = self._n_worked_for = 0
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
        is_last = self._n_done == self._total
        if not self._verbose or (now - self._last < _SECONDS_BETWEEN and not is_last):
            return
        self._last, spent = now, now - self._start
        left = ""
        if self._n_worked_for:
            seconds = spent / self._n_worked_for * (self._total - self._n_done)
            left = f", {_span(seconds)} left"
        print(
            f"[{self._name}] {self._n_done} of {self._total} {self._pieces}, {_span(spent)}{left}",
            flush=True,
        )


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
