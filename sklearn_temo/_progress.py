"""Progress of long computations."""

from __future__ import annotations

import multiprocessing
import sys
from importlib.util import find_spec
from time import monotonic
from types import TracebackType
from typing import Any

_SECONDS_BETWEEN = 1.0


class Progress:
    """Shows how many items are done, and the estimated time left.

    In a terminal, or a notebook with ipywidgets, a bar is drawn if rich is installed. Elsewhere,
    lines such as ``[name] 12 of 40 clips, 3 s, 7 s left`` are printed: one at the start, at most
    one per second, and the last one.

    Parameters
    ----------
    name : str
        Name of the estimator or function that is running.
    total : int
        Number of items.
    unit : str
        Name of the items, such as "clips".
    verbose : int
        0 shows nothing.
    """

    def __init__(self, name: str, total: int, unit: str, verbose: int) -> None:
        self._name = name
        self._total = total
        self._unit = unit
        # Without items, there is nothing to show.
        self._verbose = verbose if total else 0
        # Items that are done; those that took time; and the part of the next one that is done.
        self._n_done = self._n_timed = 0
        self._share = 0.0
        # Time and timed items when the first of them was done. Before it, processes and models
        # start, only once.
        self._first: tuple[float, float] | None = None
        self._start = self._last = monotonic()
        self._n_shown = -1
        self._bar: Any = None

    def __enter__(self) -> Progress:
        """Show that nothing is done yet; it may be entered again to go on."""
        if self._verbose:
            status = f"{self._n_done} of {self._total} {self._unit}"
            self._bar = _start_bar(self._name, self._total, self._n_done, status)
            if self._bar is None and not self._n_done:
                self._show(monotonic())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Show the last state, unless an error was raised, and close the bar."""
        if self._verbose and kind is None and self._n_shown != self._n_done:
            self._show(monotonic())
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __getstate__(self) -> dict[str, Any]:
        # A bar has a thread.
        return {**self.__dict__, "_bar": None}

    def advance(self, n: int = 1, *, cached: bool = False) -> None:
        """Count items as done.

        Parameters
        ----------
        n : int, default=1
            Number of items.
        cached : bool, default=False
            Whether the items took no time, because they were cached or skipped. They are left out
            of the estimate of the time left.
        """
        self._n_done += n
        self._share = 0.0
        if not cached:
            self._n_timed += n
        self._update(is_timed=not cached)

    def advance_within(self, share: float) -> None:
        """Set the part of the next item that is done, from 0 to 1."""
        self._share = share
        self._update(is_timed=True)

    def _update(self, *, is_timed: bool) -> None:
        now = monotonic()
        if is_timed and self._first is None:
            self._first = now, self._n_timed + self._share
        is_due = self._n_done >= self._total or now - self._last >= _SECONDS_BETWEEN
        # A bar limits its own rate.
        if self._verbose and (is_due or self._bar is not None):
            self._show(now)

    def _show(self, now: float) -> None:
        self._last, self._n_shown = now, self._n_done
        done = self._n_done + self._share
        status = f"{done:.1f}" if self._share else f"{self._n_done}"
        status += f" of {self._total} {self._unit}"
        left, elapsed = "", f", {_span(now - self._start)}" if done else ""
        if self._first is not None and done < self._total:
            seconds, n_timed = now - self._first[0], self._n_timed + self._share - self._first[1]
            if n_timed > 0:
                left = f", {_span(seconds / n_timed * (self._total - done))} left"
        if self._bar is None:
            print(f"[{self._name}] {status}{elapsed}{left}", flush=True)
        else:
            self._bar.update(self._bar.task_ids[0], completed=done, status=status + left)


def _start_bar(name: str, total: int, n_done: int, status: str) -> Any:
    """Draw a bar with rich; None where lines must be printed."""
    # Processes of joblib write to the same terminal.
    if multiprocessing.parent_process() is not None:
        return None
    try:
        from rich import get_console, progress
        from rich.errors import LiveError
    except ImportError:
        return None
    # Bars in bars must have the same console, as those of scikit-learn have.
    console = get_console()
    is_terminal = console.is_terminal and not console.is_dumb_terminal
    # rich takes a file for a terminal if FORCE_COLOR is set.
    is_terminal = is_terminal and getattr(sys.stdout, "isatty", bool)()
    if not (is_terminal or (console.is_jupyter and find_spec("ipywidgets"))):
        return None
    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[status]}", markup=False),
        progress.TimeElapsedColumn(),
        console=console,
    )
    bar.add_task(name, total=total, completed=n_done, status=status)
    try:
        bar.start()
    except LiveError:
        # Before version 14.1 of rich, there may be one at a time.
        return None
    return bar


def _span(seconds: float) -> str:
    """Format a duration with a readable unit."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
