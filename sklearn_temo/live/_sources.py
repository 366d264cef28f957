"""Frames of cameras and videos, all of them or the newest."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from numbers import Integral
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extraction._clips import Clip, add_label, check_clips
from ..extraction._landmarks import read_ahead
from ..extraction._reading import read_clip

# FFmpeg's input device for cameras, by operating system.
_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}

# Seconds between two looks at the event that stops a stream.
_POLL = 0.05
# Seconds that a reader has to end after it was told to. A camera that hangs is left to the end of
# the process.
_PATIENCE = 2.0


class StreamFrame(NamedTuple):
    """Frame of a stream: RGB pixels of shape (height, width, 3), and the time in seconds."""

    pixels: NDArray[np.uint8]
    time: float


class Stream:
    """Frames of a source, until it ends or is stopped.

    Parameters
    ----------
    source : int, str, path-like or iterable of (pixels, time)
        A number, or a name such as "/dev/video0", is a camera; other names are video files.
    newest : bool
        Whether frames are read in another thread, at the speed of the source, and those that are
        not used before the next one arrives are dropped. Otherwise every frame is used.
    stop : Event
        Ends the stream when it is set.

    Attributes
    ----------
    n_dropped : int
        Number of frames that were read but not used.
    idle : callable or None
        Called now and then while no newer frame has arrived.
    """

    def __init__(self, source: Any, newest: bool, stop: Event) -> None:
        self.n_dropped = 0
        self.idle: Callable[[], None] | None = None
        self._stop = stop
        self._newest = newest
        clip = check_source(source)
        self._is_file = clip is not None
        self._frames: Iterator[StreamFrame]
        if clip is not None:
            self._frames = _file_frames(clip)
        elif is_camera(source):
            self._frames = _camera_frames(source)
        else:
            self._frames = _given_frames(source)

    def __iter__(self) -> Generator[StreamFrame]:
        if self._newest:
            yield from self._newest_frames()
            return
        for frame in read_ahead(self._frames):
            if self._stop.is_set():
                return
            yield frame

    def _newest_frames(self) -> Generator[StreamFrame]:
        changed = Condition()
        waiting: list[StreamFrame] = []
        failed: list[BaseException] = []
        done = Event()

        def read() -> None:
            try:
                for frame in self._paced() if self._is_file else self._frames:
                    with changed:
                        if self._stop.is_set():
                            return
                        self.n_dropped += len(waiting)
                        waiting[:] = [frame]
                        changed.notify()
            except BaseException as error:
                failed.append(error)
            finally:
                with changed:
                    done.set()
                    changed.notify()

        reader = Thread(target=read, name="sklearn_temo.live", daemon=True)
        reader.start()
        try:
            while not self._stop.is_set():
                with changed:
                    if not waiting and not done.is_set():
                        # Not longer: a signal sets the event, and cannot notify.
                        changed.wait(_POLL)
                    frame = waiting.pop() if waiting else None
                if frame is not None:
                    yield frame
                elif done.is_set():
                    break
                elif self.idle is not None:
                    self.idle()
        finally:
            if not done.is_set():
                self._stop.set()
            reader.join(_PATIENCE)
        if failed:
            raise failed[0]

    def _paced(self) -> Iterator[StreamFrame]:
        """Frames of a file when they are due, as a camera would give them."""
        ahead = None
        for frame in self._frames:
            if ahead is None:
                ahead = frame.time - monotonic()
            if self._stop.wait(max(frame.time - ahead - monotonic(), 0)):
                return
            yield frame


def is_camera(source: Any) -> bool:
    """Whether a source is a number, or the name of a video device or an input of DirectShow."""
    if isinstance(source, str):
        return source.isdecimal() or source.startswith(("/dev/video", "video="))
    return isinstance(source, Integral)


def check_source(source: Any) -> Clip | None:
    """Clip of a video file, or None for another source; raises an error if there is no file."""
    if is_camera(source) or not isinstance(source, str | os.PathLike):
        return None
    (clip,) = check_clips([source], skip_bad=True)
    if clip.error is not None:
        # Errors name the file, not an index in a list of clips.
        raise add_label(repr(str(source)), clip.error)
    return clip


def _file_frames(clip: Clip) -> Iterator[StreamFrame]:
    try:
        fps, frames = read_clip(clip, None)
        if np.isnan(fps):
            raise ValueError("is no video; pass a video file or a camera.")
        for frame in frames:
            yield StreamFrame(frame.pixels, frame.time)
    except (OSError, TypeError, ValueError) as error:
        raise add_label(repr(clip.source), error) from error


def _given_frames(frames: Iterable[Any]) -> Iterator[StreamFrame]:
    for pixels, time in frames:
        yield StreamFrame(pixels, time)


def _camera_frames(camera: int | str) -> Iterator[StreamFrame]:
    """Frames of a camera, whose times begin at 0."""
    device, name = camera_device(camera)
    import av

    try:
        with av.open(name, format=device) as container:
            start = None
            for frame in container.decode(video=0):
                time = monotonic() if frame.time is None else float(frame.time)
                start = time if start is None else start
                yield StreamFrame(
                    frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), time - start
                )
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(
            f"the camera {name!r} cannot be read ({reason}); check that it is connected, that no "
            "other program uses it and that you may read it, or pass another one or a video file."
        ) from error


def camera_device(camera: int | str) -> tuple[str, str]:
    """FFmpeg's input device for cameras, and the name of the camera for it."""
    device = _DEVICES.get(sys.platform, "v4l2")
    name = str(camera)
    if device == "v4l2" and name.isdecimal():
        name = str(Path("/dev", f"video{name}"))
    return device, name
