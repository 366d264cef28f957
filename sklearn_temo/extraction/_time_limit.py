"""Time limit of worker processes: one that reads no new frame for long ends itself."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import IO


@dataclass
class _Timer:
    seconds: float
    log: IO[str]
    started: float = -float("inf")


# The timer of faulthandler belongs to the process.
_timer: _Timer | None = None


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """End this process if :func:`restart_time_limit` is not called for so many seconds.

    For worker processes only; None is no limit. It also ends a process that is inside C code.
    """
    global _timer
    if seconds is None:
        yield
        return
    with open(os.devnull, "w") as log:
        _timer = _Timer(seconds, log)
        restart_time_limit()
        try:
            yield
        finally:
            _timer = None
            faulthandler.cancel_dump_traceback_later()


def restart_time_limit() -> None:
    """Start the time limit again, if this process has one; called for each frame that is read."""
    timer, now = _timer, monotonic()
    # Each start takes a new thread.
    if timer is not None and now - timer.started > timer.seconds / 10:
        faulthandler.dump_traceback_later(timer.seconds, exit=True, file=timer.log)
        timer.started = now
