"""Video files decoded with PyAV."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A playlist that calls itself .mp4 must not make the reader fetch what it lists.
_OPTIONS = {"protocol_whitelist": "file"}


class UnreadableVideo(Exception):
    """A file that is no video, or a damaged one."""


@dataclass(frozen=True)
class Video:
    """A video file, opened anew for each pass over it.

    Parameters
    ----------
    path : Path
    rate : Fraction or None
        Mean frames a second, where the file tells.
    aspect : Fraction
        Width of a pixel by its height.
    """

    path: Path
    rate: Fraction | None
    aspect: Fraction

    @classmethod
    def probe(cls, path: Path) -> Video:
        """Open a file to see whether it is a video.

        Raises
        ------
        UnreadableVideo
        """
        with _open(path) as (_, stream):
            return cls(path, stream.average_rate, Fraction(stream.sample_aspect_ratio or 1))

    @property
    def fps(self) -> float:
        """Mean frames a second, NaN where the file does not tell."""
        return float(self.rate or np.nan)

    def packet_times(self) -> list[float]:
        """Seconds at which the packets are shown; empty where they don't tell."""
        with _open(self.path) as (container, stream):
            packets = [packet for packet in container.demux(stream) if packet.size]
            if any(packet.pts is None for packet in packets):
                return []
            return sorted(float(packet.pts * packet.time_base) for packet in packets)

    def frame_times(self) -> list[float]:
        """Seconds at which the frames are shown, found by decoding them."""
        with _open(self.path) as (container, _):
            frames = container.decode(video=0)
            return [self._time(number, frame) for number, frame in enumerate(frames)]

    def frames(
        self, numbers: Collection[int] | None = None
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Decode frames one after the other.

        Parameters
        ----------
        numbers : collection of int, default=None
            Which frames, counted from 0; None for all.

        Yields
        ------
        time : float
            Seconds.
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB, as a player shows it: of square pixels, and turned as the camera noted.

        Raises
        ------
        UnreadableVideo
        """
        last = None if numbers is None else max(numbers, default=-1)
        with _open(self.path) as (container, _):
            for number, frame in enumerate(container.decode(video=0)):
                if numbers is None or number in numbers:
                    yield self._time(number, frame), self._pixels(frame)
                if number == last:
                    return

    def _time(self, number: int, frame: Any) -> float:
        return float(number / (self.rate or 1)) if frame.time is None else frame.time

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        width = round(frame.width * self.aspect)
        pixels = frame.to_ndarray(format="rgb24", width=width)
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a container and its first video stream; all that goes wrong is one kind of error."""
    import av

    try:
        with av.open(str(path), options=_OPTIONS) as container:
            if not container.streams.video:
                raise UnreadableVideo("it has no pictures")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableVideo(str(error)) from error
