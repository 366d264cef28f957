"""Progress of long computations."""

from __future__ import annotations

from time import monotonic

_SECONDS_BETWEEN = 1.0


class Progress:
    """Prints lines such as ``[name] 12 of 40 clips, 3 s, 7 s left``.

    At most one line is printed per second; the last one is always printed.

    Parameters
    ----------
    name : str
        Name of the estimator or function that is running.
    total : int
        Number of items.
    unit : str
        Name of the items, such as "clips".
    verbose : int
        0 prints nothing.
    """

    def __init__(self, name: str, total: int, unit: str, verbose: int) -> None:
        self._name = name
        self._total = total
        self._unit = unit
        self._verbose = verbose
        self._n_done = self._n_timed = 0
        # Time at which the first item was done. Before it, processes and models start, only once.
        self._first: float | None = None
        self._start = self._last = monotonic()

    def advance(self, n: int = 1, *, cached: bool = False) -> None:
        """Count items as done, and print a line if the last one is a second old.

        Parameters
        ----------
        n : int, default=1
            Number of items.
        cached : bool, default=False
            Whether the items took no time, because they were cached or skipped. They are left out
            of the estimate of the time left.
        """
        now = monotonic()
        self._n_done += n
        if not cached:
            if self._first is None:
                self._first = now
            else:
                self._n_timed += n
        n_left = self._total - self._n_done
        if not self._verbose or (n_left and now - self._last < _SECONDS_BETWEEN):
            return
        self._last = now
        line = f"[{self._name}] {self._n_done} of {self._total} {self._unit}, "
        line += _span(now - self._start)
        if self._n_timed and self._first is not None and n_left:
            line += f", {_span((now - self._first) / self._n_timed * n_left)} left"
        print(line, flush=True)


def _span(seconds: float) -> str:
    """Format a duration with a readable unit."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
