"""Standard error of C++ libraries that have no setting for what they print."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# All threads share the file descriptor.
_lock = threading.Lock()


@contextmanager
def discarded_stderr() -> Iterator[None]:
    """Discard what C++ code prints to standard error while it starts.

    The errors of MediaPipe and LiteRT are raised as exceptions, with their messages.
    """
    with _lock, open(os.devnull, "wb") as devnull:
        original = os.dup(2)
        os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
