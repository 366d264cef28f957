"""Video files decoded with PyAV, no further than needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cut_off import CutOff, find_cut, promised_end
from ._damage import Hole, Piece, find_hole, find_unseen

# A playlist that calls itself .mp4 must not make the reader fetch what it lists, and where a file
# breaks off, half a picture is none.
_OPTIONS = {"protocol_whitelist": "file", "fflags": "+discardcorrupt"}

# Frames that are decoded as soon as a jump is made: the decoder's threads and its reordering of
# frames have to start anew.
_COST_OF_A_JUMP = 16

# Seconds; the same tick of a clock, read from a packet and from its frame.
_SAME_TIME = 1e-6


class UnreadableVideo(Exception):
    """A file that is no video, or a damaged one."""


class OtherFrames(UnreadableVideo):
    """The frames of a file are not those that its packets promise."""


class _Packet(NamedTuple):
    """A packet of pictures: when it is shown by the clock of the file, and what it is."""

    pts: int | None
    is_keyframe: bool
    is_discard: bool


@dataclass(frozen=True)
class Timeline:
    """When the frames of a video are shown.

    Parameters
    ----------
    times : list of float of length n_frames
        Seconds, ascending.
    ticks : list of int of length n_frames
        The same by the clock of the file; empty where nothing can be found by them.
    keyframes : list of int
        Numbers of the frames that don't build on others, ascending.
    """

    times: list[float]
    ticks: list[int]
    keyframes: list[int]


class Video:
    """An open video file: its first stream of pictures.

    It is opened once, and read from the start again for each pass over it. Whoever opens it closes
    it, with :meth:`close` or as a context manager.

    Parameters
    ----------
    path : Path
    n_threads : int, default=0
        Threads that decode; 0 leaves it to FFmpeg.

    Attributes
    ----------
    fps : float
        Mean frames a second, NaN where the file does not tell.

    Raises
    ------
    UnreadableVideo
        Here and from all methods, if the file is no video or is damaged.
    """

    def __init__(self, path: Path, n_threads: int = 0) -> None:
        from av.video.reformatter import VideoReformatter

        self._path = path
        self._n_threads = n_threads
        self._open()
        self._rate = self._stream.average_rate
        self._tick = Fraction(self._stream.time_base or 1)
        self._aspect = Fraction(self._stream.sample_aspect_ratio or 1)
        # Each frame would set one up for itself, which costs as much as the conversion.
        self._reformatter = VideoReformatter()
        self.fps = float(self._rate or np.nan)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def loss(self) -> CutOff | Hole | None:
        """Look whether the end of the video is missing, or a part in the middle."""
        times = sorted(
            piece.time for piece in self._pieces if piece.is_picture and piece.time is not None
        )
        with _one_kind_of_error():
            cut = find_cut(self._path, self._container, times)
            if cut is not None:
                return cut
            promised = promised_end(self._container)
            return find_hole(self._path, self._container.format.name, self._pieces, promised)

    def packet_timeline(self) -> Timeline:
        """When the packets are shown; empty where they don't tell."""
        packets = sorted(
            (packet.pts, packet.is_keyframe) for packet in self._packets if packet.pts is not None
        )
        if len(packets) < len(self._packets):
            return Timeline([], [], [])
        return Timeline(
            [float(tick * self._tick) for tick, _ in packets],
            [tick for tick, _ in packets],
            [number for number, (_, is_keyframe) in enumerate(packets) if is_keyframe],
        )

    def decoded_timeline(self) -> Timeline:
        """When the frames are shown, found by decoding them all."""
        with _one_kind_of_error():
            frames = self._intact(self._from_the_start().decode(video=0))
            times = [self._time(*numbered) for numbered in enumerate(frames)]
            self._check_all_seen(times)
            return Timeline(times, [], [])

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Decode all frames, one after the other.

        Yields
        ------
        time : float
            Seconds.
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB, as a player shows it: of square pixels, and turned as the camera noted.
        """
        with _one_kind_of_error():
            times = []
            frames = self._intact(self._from_the_start().decode(video=0))
            for number, frame in enumerate(frames):
                times.append(self._time(number, frame))
                yield times[-1], self._pixels(frame)
            self._check_all_seen(times)

    def frames_at(
        self, timeline: Timeline, numbers: Collection[int], checked: Collection[int] = ()
    ) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
        """Decode some frames, and of the others only those that these build on.

        Parameters
        ----------
        timeline : Timeline
        numbers : collection of int
            Which frames.
        checked : collection of int
            Frames that must be where `timeline` has them as well.

        Yields
        ------
        number : int
            Ascending.
        time : float
        pixels : ndarray of uint8 of shape (height, width, 3)
            As of :meth:`frames`.

        Raises
        ------
        OtherFrames
            If one of the frames is not where `timeline` has it.
        """
        # What fails after a jump might do without.
        with _one_kind_of_error(OtherFrames if timeline.keyframes else UnreadableVideo):
            coming: Iterator[Any] | None = None
            keyframes, position = timeline.keyframes, 0
            for number in sorted({*numbers, *checked}):
                place = bisect_right(keyframes, number) - 1
                keyframe = keyframes[place] if place >= 0 else 0
                if keyframes and (coming is None or keyframe - position >= _COST_OF_A_JUMP):
                    # Where the decoder has been, another jump would only bring it back to.
                    behind = timeline.ticks[position - 1] if coming else None
                    coming, position = self._jump(timeline.ticks[keyframe], behind), keyframe
                if coming is None:
                    coming = self._intact(self._from_the_start().decode(video=0))
                    keyframes, position = [], 0
                frame = next(islice(coming, number - position, None), None)
                position = number + 1
                expected = timeline.times[number]
                time = np.nan if frame is None else self._time(number, frame)
                if not abs(time - expected) <= _SAME_TIME:
                    raise OtherFrames(f"it has no frame {number} at {expected:.3f} s")
                if number in numbers:
                    yield number, time, self._pixels(frame)

    def _jump(self, tick: int, behind: int | None) -> Iterator[Any] | None:
        """Frames from a keyframe on; None if the file does not lead there, or not exactly."""
        from av.error import FFmpegError

        try:
            self._container.seek(tick, stream=self._stream)
            self._is_at_start = False
            frames = self._container.decode(video=0)
            for frame in frames:
                if frame.pts is None or (behind is not None and frame.pts <= behind):
                    return None
                # Frames before it are those of an open group, which build on what was left out.
                if frame.pts >= tick:
                    exact = frame.pts == tick and frame.key_frame and not frame.is_corrupt
                    return self._intact(chain([frame], frames)) if exact else None
        except (FFmpegError, OSError):
            pass
        return None

    def _intact(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Pass frames on, as long as the decoder has not had to make something up."""
        begun = False
        for frame in frames:
            # What builds on such a frame is wrong as well, and is not marked. Only at the start
            # of a recording frames are often without those that they build on.
            if frame.is_corrupt and begun:
                at = "" if frame.time is None else f" at {frame.time:.3f} s"
                raise UnreadableVideo(f"its picture{at} is damaged")
            begun = begun or not frame.is_corrupt
            yield frame

    def _check_all_seen(self, times: list[float]) -> None:
        if any(packet.pts is None for packet in self._packets):
            return
        # What an edit list takes out has a packet, and by right no frame.
        expected = sorted(
            float(packet.pts * self._tick)
            for packet in self._packets
            if packet.pts is not None and not packet.is_discard
        )
        hole = find_unseen(expected, sorted(times))
        if hole is not None:
            raise UnreadableVideo(
                f"no pictures can be decoded from {hole.last:.3f} s to {hole.until:.3f} s"
            )

    @property
    def _packets(self) -> list[_Packet]:
        return self._all_packets[0]

    @property
    def _pieces(self) -> list[Piece]:
        return self._all_packets[1]

    @cached_property
    def _all_packets(self) -> tuple[list[_Packet], list[Piece]]:
        """Those of the pictures, and where those of all streams are.

        To read these costs little, since nothing is decoded.
        """
        packets, pieces = [], []
        with _one_kind_of_error():
            for packet in self._from_the_start().demux():
                if not packet.size:
                    continue
                tick = packet.dts if packet.pts is None else packet.pts
                time = None if tick is None else float(tick * packet.time_base)
                is_picture = packet.stream_index == self._stream.index
                position = packet.pos if packet.pos is not None and packet.pos >= 0 else None
                pieces.append(Piece(position, packet.size, time, is_picture))
                if is_picture:
                    packets.append(_Packet(packet.pts, packet.is_keyframe, packet.is_discard))
        return packets, pieces

    def _open(self) -> None:
        import av

        with _one_kind_of_error():
            # Not `options`, which are the streams' too: old versions of PyAV crash by them where
            # streams are found late, as in Flash videos.
            # Titles and names of programs may be in any encoding; nobody reads them here.
            self._container = av.open(
                str(self._path), container_options=_OPTIONS, metadata_errors="replace"
            )
            if not self._container.streams.video:
                self._container.close()
                raise UnreadableVideo("it has no pictures")
            self._stream = self._container.streams.video[0]
            if self._stream.codec_context is None:
                self._container.close()
                raise UnreadableVideo("its pictures are coded in a way that is not known")
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.thread_count = self._n_threads
            self._is_at_start = True

    def _from_the_start(self) -> Any:
        """The container, not read from yet: not every file can be wound back exactly."""
        if not self._is_at_start:
            self.close()
            self._open()
        self._is_at_start = False
        return self._container

    def _time(self, number: int, frame: Any) -> float:
        return float(number / (self._rate or 1)) if frame.time is None else frame.time

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        width = round(frame.width * self._aspect)
        pixels = self._reformatter.reformat(frame, width=width, format="rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


@contextmanager
def _one_kind_of_error(kind: type[UnreadableVideo] = UnreadableVideo) -> Iterator[None]:
    import av

    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise kind(getattr(error, "strerror", None) or str(error)) from error
