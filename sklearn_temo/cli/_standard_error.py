"""A standard error that may fail without ending the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any


@contextmanager
def forgiving_standard_error() -> Iterator[None]:
    """Drop what the standard error does not take, and go on.

    It may be a pipe that nobody reads any more, a file on a full disk, or a terminal that was
    closed. What is at work then has hours behind it, and its result goes elsewhere.
    """
    if sys.stderr is None:
        _open_2()
    with redirect_stderr(_Forgiving(sys.stderr)):
        yield


class _Forgiving:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            # UnicodeEncodeError and writing to what is closed are ValueErrors.
            except (OSError, ValueError):
                self._forget()
        return len(text)

    def flush(self) -> None:
        self.write("")

    def _forget(self) -> None:
        """Empty the buffer of the stream, which would make the interpreter's last flush fail.

        The exit code would be that of the flush. The disk may have room again later, so that the
        stream is led elsewhere for this moment only.
        """
        with suppress(OSError, ValueError):
            number = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                try:
                    before = os.dup(number)
                except OSError:
                    # It was closed: there is nothing to come back to.
                    os.dup2(nowhere, number)
                    self._stream.flush()
                    return
                try:
                    os.dup2(nowhere, number)
                    self._stream.flush()
                finally:
                    os.dup2(before, number)
                    os.close(before)
            finally:
                os.close(nowhere)


def _open_2() -> None:
    """Have the number of the standard error belong to no file that is opened later.

    MediaPipe writes there whatever it is: a table, for instance.
    """
    try:
        os.fstat(2)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere == 2:
            os.set_inheritable(2, True)
        else:
            os.dup2(nowhere, 2)
            os.close(nowhere)
