"""Video decoding with PyAV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._damage import Packet, find_undecoded

# A playlist that is named .mp4 must not make FFmpeg read other files or addresses, and a packet
# that the end of the file cuts off must not be decoded.
_OPTIONS = {"protocol_whitelist": "file", "fflags": "+discardcorrupt"}

# A seek takes about as long as decoding this many frames.
_COST_OF_A_SEEK = 16

# Maximum rounding difference, in seconds, between the times of a packet and of its frame.
_SAME_TIME = 1e-6


class UnreadableFile(ValueError):
    """A file that cannot be decoded; its argument is the reason."""

    def __str__(self) -> str:
        return (
            f"cannot be read as a video or an image ({self.args[0]}); check that it is complete "
            "and plays; if it does, convert it to MP4 or PNG."
        )


class WrongTimeline(UnreadableFile):
    """The frames of a file do not have the times of a :class:`Timeline`."""


class Timeline(NamedTuple):
    """Times of the frames of a video.

    Parameters
    ----------
    times : list of float of length n_frames
        Seconds, ascending.
    keyframes : list of int
        Numbers of the frames at which decoding can begin, ascending; the first is 0. Empty if the
        file cannot be searched by time.
    """

    times: list[float]
    keyframes: list[int]


class Video:
    """The first video stream of a file, open until :meth:`close`.

    Parameters
    ----------
    path : Path
    n_threads : int, default=0
        Threads of the decoder; 0 leaves the choice to FFmpeg.

    Attributes
    ----------
    fps : float
        Mean frames per second, NaN if unknown.
    container : av.container.InputContainer
    packets : list of Packet
        Packets of all streams.

    Raises
    ------
    UnreadableFile
        Here and from all methods, if the file is not a video or cannot be decoded.
    """

    def __init__(self, path: Path, n_threads: int = 0) -> None:
        from av.video.reformatter import VideoReformatter

        self.path, self._n_threads = path, n_threads
        # Shared by all frames: setting one up takes as long as a conversion.
        self._reformatter = VideoReformatter()
        with as_unreadable():
            self._open()
            self._rate = self._stream.average_rate or 1
            self._tick = self._stream.time_base or 1
            self._aspect = Fraction(self._stream.sample_aspect_ratio or 1)
            self.fps = float(self._stream.average_rate or np.nan)
            self.packets = self._read_packets()
        self._packets = [packet for packet in self.packets if packet.is_video]

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def packet_timeline(self) -> Timeline:
        """Times from the packets, without decoding; empty if the packets have none."""
        if not all(packet.has_pts for packet in self._packets):
            return Timeline([], [])
        shown = sorted(
            (packet.time, packet.is_keyframe) for packet in self._packets if not packet.is_discarded
        )
        keyframes = [number for number, (_, is_key) in enumerate(shown) if is_key or not number]
        return Timeline([time for time, _ in shown], keyframes)

    def decoded_timeline(self) -> Timeline:
        """Times of the frames, found by decoding all of them."""
        with as_unreadable():
            times = [self._time(*numbered) for numbered in enumerate(self._from_the_start())]
            hole = find_undecoded(self.packet_timeline().times, sorted(times))
        if hole is not None:
            raise UnreadableFile(f"no frames can be decoded from {hole[0]:.3f} to {hole[1]:.3f} s")
        return Timeline(times, [])

    def frames_at(
        self, timeline: Timeline, numbers: Collection[int]
    ) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
        """Decode frames, and the frames that they depend on.

        Parameters
        ----------
        timeline : Timeline
        numbers : collection of int
            Numbers of the frames.

        Yields
        ------
        number : int
            Ascending.
        time : float
            Seconds.
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB as a player shows it, with square pixels and the rotation that the file asks for.

        Raises
        ------
        WrongTimeline
            If the time of a frame differs from its time in `timeline`.
        """
        times, keyframes = timeline
        frames: Iterator[Any] | None = None
        position = 0
        # If decoding fails after a seek, it may succeed from the start of the file.
        with as_unreadable(WrongTimeline if keyframes else UnreadableFile):
            for number in sorted(numbers):
                place = bisect_right(keyframes, number) - 1
                if keyframes and (frames is None or keyframes[place] - position >= _COST_OF_A_SEEK):
                    decoded = -np.inf if frames is None else times[position - 1]
                    position = keyframes[place]
                    frames = self._seek(times[position], decoded)
                if frames is None:
                    frames, keyframes, position = self._from_the_start(), [], 0
                frame = next(islice(frames, number - position, None), None)
                position = number + 1
                time = np.nan if frame is None else self._time(number, frame)
                if not abs(time - times[number]) <= _SAME_TIME:
                    raise WrongTimeline(f"it has no frame {number} at {times[number]:.3f} s")
                yield number, time, self._pixels(frame)

    def _open(self) -> None:
        import av

        # Passed as `options`, they would also apply to the streams, and PyAV 14 would crash on FLV
        # files. Metadata is not used and may be in any encoding.
        self.container = av.open(
            str(self.path), container_options=_OPTIONS, metadata_errors="replace"
        )
        streams = self.container.streams.video
        if not streams or streams[0].codec_context is None:
            raise UnreadableFile("it has no video stream of a known codec")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = self._n_threads

    def _read_packets(self) -> list[Packet]:
        """Packets of all streams in the order of the file."""
        packets: list[Packet] = []
        place, end = None, 0
        # PyAV raises IndexError at the end of a file whose damage looks like another stream.
        with suppress(IndexError):
            for packet in self.container.demux():
                if not packet.size:
                    continue
                has_pts = packet.pts is not None
                tick = packet.pts if has_pts else packet.dts
                time = np.nan if tick is None else float(tick * packet.time_base)
                # A packet without its own position follows the previous packet.
                start = end if packet.pos in (None, -1, place) else packet.pos
                place, end = packet.pos, start + packet.size
                packets.append(
                    Packet(
                        is_video=packet.stream_index == self._stream.index,
                        time=time,
                        has_pts=has_pts,
                        is_keyframe=packet.is_keyframe,
                        is_discarded=packet.is_discard,
                        position=start,
                        size=packet.size,
                    )
                )
        return packets

    def _from_the_start(self) -> Iterator[Any]:
        """Open the file again and decode from its first frame: some files cannot be rewound."""
        self.close()
        self._open()
        return _intact(self.container.decode(video=0))

    def _seek(self, time: float, decoded: float) -> Iterator[Any] | None:
        """Decode from the keyframe at `time`.

        Returns None if the seek does not reach it, or returns to a frame at or before `decoded`.
        """
        from av.error import FFmpegError

        try:
            self.container.seek(round(time / self._tick), stream=self._stream)
            frames = self.container.decode(video=0)
            frame = next(frames)
            if self._time(0, frame) > decoded + _SAME_TIME:
                # Frames before the keyframe belong to an open group of pictures.
                while self._time(0, frame) < time - _SAME_TIME:
                    frame = next(frames)
                is_exact = self._time(0, frame) <= time + _SAME_TIME
                if is_exact and frame.key_frame and not frame.is_corrupt:
                    return _intact(chain([frame], frames))
        except (FFmpegError, OSError, StopIteration):
            pass
        return None

    def _time(self, number: int, frame: Any) -> float:
        return float(number / self._rate) if frame.time is None else frame.time

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        width = round(frame.width * self._aspect)
        pixels = self._reformatter.reformat(frame, width=width, format="rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _intact(frames: Iterable[Any]) -> Iterator[Any]:
    """Yield frames, and raise at a damaged one: the decoder does not mark the frames after it."""
    begun = False
    for frame in frames:
        # The first frames of a recording may depend on frames before it.
        if frame.is_corrupt and begun:
            at = "" if frame.time is None else f" at {frame.time:.3f} s"
            raise UnreadableFile(f"the frame{at} is damaged")
        begun = begun or not frame.is_corrupt
        yield frame


@contextmanager
def as_unreadable(kind: type[UnreadableFile] = UnreadableFile) -> Iterator[None]:
    """Raise the errors of PyAV as UnreadableFile."""
    import av

    try:
        yield
    except UnreadableFile:
        raise
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise kind(getattr(error, "strerror", None) or str(error)) from error
