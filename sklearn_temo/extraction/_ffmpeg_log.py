"""Messages that FFmpeg logs while it reads a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# A message of FFmpeg: level, name of the format or codec, and text.
Message = tuple[int, str, str]

# Errors that say nothing about the pixels.
_HARMLESS = ("SEI", "APP fields", "unref short failure")

# Warnings that report a packet that is lost.
_LOSSES = ("Packet corrupt", "sync lost")

# The log of FFmpeg is global. These are the number of readers, and the settings to restore.
_lock = Lock()
_n_active = 0
_settings: tuple[int | None, bool] = (None, True)


@contextmanager
def captured_errors(name: str | None = None) -> Iterator[list[Message]]:
    """Collect the errors of this thread, of the format or codec `name`, until the block ends."""
    import av.logging

    global _n_active, _settings
    with _lock:
        if not _n_active:
            _settings = av.logging.get_level(), av.logging.get_skip_repeated()
            # A message is otherwise left out if it equals the previous one of any thread.
            av.logging.set_skip_repeated(False)
            av.logging.set_level(av.logging.WARNING)
        _n_active += 1
    found: list[Message] = []
    try:
        with av.logging.Capture() as log:
            yield found
    finally:
        found += [
            (level, source, text.strip())
            for level, source, text in log
            if _counts(level, text) and name in (None, source)
        ]
        with _lock:
            _n_active -= 1
            if not _n_active:
                level, skips = _settings
                av.logging.set_level(level)
                av.logging.set_skip_repeated(skips)


def _counts(level: int, text: str) -> bool:
    import av.logging

    if level > av.logging.ERROR:
        return any(part in text for part in _LOSSES)
    return not any(part in text for part in _HARMLESS)
