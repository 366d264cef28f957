"""Video decoding with PyAV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._clips import UnsupportedClip, check_size
from ._damage import Packet, Spans
from ._ffmpeg_log import Message, captured_errors
from ._time_limit import restart_time_limit

# Formats that hold a video in one file. All others could be playlists, which read other files.
_CONTAINERS = (
    *("apng", "asf", "avi", "cavsvideo", "dhav", "dirac", "dnxhd", "dv", "flv", "gif", "gxf"),
    *("h261", "h263", "h264", "hevc", "ivf", "m4v", "matroska", "mjpeg", "mov", "mpeg", "mpegts"),
    *("mpegvideo", "mxf", "nsv", "nut", "nuv", "obu", "ogg", "rm", "roq", "swf", "ty", "vc1"),
    *("vvc", "wtv", "yuv4mpegpipe"),
)

# Sizes of the packets of transport streams. A recorder that is switched off writes whole ones, so
# that the last frame may be incomplete; the end of a download is somewhere in a packet.
_TRANSPORT_PACKETS = (188, 192)

# Times of joined recordings begin again: they go back by more than frames are reordered.
_LONG_STEP_BACK = 0.5

# The display shape may change by this share in the middle of a video.
_SAME_SHAPE = 0.01

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


class DamagedVideo(UnreadableFile):
    """A video of which a part cannot be decoded; its argument says which."""

    def __str__(self) -> str:
        return (
            f"{self.args[0]}; copy or download it again. If there is no other copy, save its "
            "readable part with `ffmpeg -i clip -c copy new`, or pass a window of time (sampling) "
            "that ends before the damage."
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
    """The video stream of a file, open until :meth:`close`.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    fps : float
        Mean frames per second, NaN for a single frame.
    container : av.container.InputContainer
    stream : av.video.VideoStream
    packets : list of Packet
        All packets of the video in the order of the file.
    errors : list of (int, str)
        Errors of FFmpeg in the order of the file, each after a number of packets.
    spans : list of (int, int)
        First byte of each packet of any stream, and the byte after its last.

    Raises
    ------
    UnreadableFile
        Here and from all methods, if the file is not a video or cannot be decoded.
    """

    def __init__(self, path: Path) -> None:
        from av.video.reformatter import VideoReformatter

        self.path = path
        # Shared by all frames: setting one up takes as long as a conversion.
        self._reformatter = VideoReformatter()
        with as_unreadable():
            self.errors = [(0, message) for message in self._open()]
            self._rate = self.stream.average_rate or 1
            self._tick = self.stream.time_base or 1
            self._shape: tuple[int, int] | None = None
            self.packets: list[Packet] = []
            self.spans: Spans = []
            self._read_packets()
        self.fps = self._mean_rate()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def packet_timeline(self) -> Timeline:
        """Times from the packets, without decoding; empty if the packets have none."""
        if not all(packet.has_pts for packet in self.packets):
            return Timeline([], [])
        if self._is_joined():
            return Timeline([], [])
        shown = sorted(
            (packet.time, packet.is_keyframe) for packet in self.packets if not packet.is_discarded
        )
        keyframes = [number for number, (_, is_key) in enumerate(shown) if is_key or not number]
        return Timeline([time for time, _ in shown], keyframes)

    def decoded_timeline(self) -> Timeline:
        """Times of the frames, found by decoding all of them."""
        with as_unreadable():
            times = [self._time(*numbered) for numbered in enumerate(self._from_the_start())]
        step, shift = float(np.median(np.diff(times))) if len(times) > 1 else 0.0, 0.0
        shown = times[:1]
        for before, time in pairwise(times):
            if time < before - _LONG_STEP_BACK:
                shift += before - time + step
            shown.append(time + shift)
        # Frames are decoded in the order in which they are shown, but AVI files have no times.
        return Timeline(sorted(shown), [])

    def _is_joined(self) -> bool:
        """Whether the file consists of several recordings, whose times begin again."""
        times = [packet.time for packet in self.packets if packet.is_keyframe]
        return any(after < before for before, after in pairwise(times))

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
            RGB as a player shows it, with square pixels, turned and mirrored as the file asks for.

        Raises
        ------
        WrongTimeline
            If the time of a frame differs from its time in `timeline`.
        """
        times, keyframes = timeline
        self._shape = None
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
                time = np.nan
                if frame is not None:
                    # A timeline without keyframes is that of the decoded frames.
                    is_decoded = not timeline.keyframes
                    time = times[number] if is_decoded else self._time(number, frame)
                if not abs(time - times[number]) <= _SAME_TIME:
                    raise WrongTimeline(f"it has no frame {number} at {times[number]:.3f} s")
                yield number, time, self._pixels(frame, time)

    def _mean_rate(self) -> float:
        """Mean frame rate; the rate that FFmpeg states may be a guess."""
        times = [packet.time for packet in self.packets if not packet.is_discarded]
        if len(times) < 2:
            return np.nan
        if self._is_joined():
            return float(self._rate)
        length = max(times) - min(times)
        return (len(times) - 1) / length if length > 0 else float(self._rate)

    def _open(self) -> list[str]:
        """Open the file; return the errors that FFmpeg logged meanwhile."""
        import av
        from av.stream import Disposition

        formats = [name for name in av.formats_available if name.endswith("_pipe")]
        options = {
            "protocol_whitelist": "file",
            "format_whitelist": ",".join([*_CONTAINERS, *formats]),
            # A packet that the end of the file cuts off must not be decoded.
            "fflags": "+discardcorrupt",
        }
        log: list[Message] = []
        try:
            with captured_errors() as log:
                # FFmpeg takes what is in front of a colon for a protocol. Metadata is not used and
                # may be in any encoding. Passed as `options`, the options would also apply to the
                # streams.
                self.container = av.open(
                    f"file:{self.path.absolute()}",
                    container_options=options,
                    metadata_errors="replace",
                )
        except av.error.FFmpegError:
            texts = [message for *_, message in log]
            if any("not on whitelist" in text or "m3u8/hls" in text for text in texts):
                raise UnsupportedClip(
                    "it is a playlist, or in a format without video; pass the video files."
                ) from None
            raise
        videos = self.container.streams.video
        # Pictures that belong to a video, such as its cover, are streams too.
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        streams = [stream for stream in videos if not stream.disposition & pictures]
        if videos and not streams:
            raise UnsupportedClip("it has a cover picture but no video; leave it out.")
        if len(streams) > 1:
            raise UnsupportedClip(
                f"it has {len(streams)} video streams; write one of them to a file, for example "
                "the second one with `ffmpeg -i clip -map 0:v:1 -c copy new`."
            )
        if not streams or streams[0].codec_context is None:
            raise UnreadableFile("it has no video stream of a known codec")
        self.stream = streams[0]
        # Some containers do not state the size.
        if self.stream.width and self.stream.height:
            aspect = Fraction(self.stream.sample_aspect_ratio or 1)
            check_size(round(self.stream.width * aspect), self.stream.height)
        # With several threads, the pixels of damaged frames depend on the number of threads, and
        # the messages of the decoder cannot be assigned to a file.
        self.stream.thread_type = "NONE"
        self.stream.codec_context.thread_count = 1
        name = self.container.format.name
        return [message for _, source, message in log if source == name]

    def _read_packets(self) -> None:
        """Read the packets of all streams, and the errors that FFmpeg logs meanwhile."""
        place, end = None, 0
        # PyAV raises IndexError at the end of a file whose damage looks like another stream.
        read = self.container.demux()
        with suppress(IndexError):
            while True:
                with captured_errors(self.container.format.name) as log:
                    packet = next(read, None)
                restart_time_limit()
                self.errors += [(len(self.packets), message) for *_, message in log]
                if packet is None:
                    break
                if not packet.size:
                    continue
                # A packet without its own position follows the previous packet.
                start = end if packet.pos in (None, -1, place) else packet.pos
                place, end = packet.pos, start + packet.size
                self.spans.append((start, end))
                if packet.stream_index == self.stream.index:
                    has_pts = packet.pts is not None
                    tick = packet.pts if has_pts else packet.dts
                    time = np.nan if tick is None else float(tick * packet.time_base)
                    self.packets.append(
                        Packet(time, has_pts, packet.is_keyframe, packet.is_discard, start)
                    )

    def _from_the_start(self) -> Iterator[Any]:
        """Open the file again and decode from its first frame: some files cannot be rewound."""
        self.close()
        self._open()
        return self._decode(is_start=True)

    def _decode(self, is_start: bool = False) -> Iterator[Any]:
        """Decode to the end, and raise at damage: the decoder does not mark the frames after it."""
        key_time, is_tainted, n_read, last = -np.inf, False, 0, None
        is_before_key = any(packet.is_keyframe for packet in self.packets)
        is_recording = is_start and self.container.format.name == "mpegts"
        n_bytes = self.path.stat().st_size
        is_recording = is_recording and any(n_bytes % size == 0 for size in _TRANSPORT_PACKETS)
        for packet in self.container.demux(self.stream):
            restart_time_limit()
            tick = packet.dts if packet.pts is None else packet.pts
            time = np.nan if tick is None else float(tick * self._tick)
            if packet.size:
                n_read, last = n_read + 1, packet.pts
            may_be_cut_off = is_recording and n_read == len(self.packets)
            if is_before_key and packet.is_keyframe:
                is_before_key, key_time = False, time
            frames, error = self._decode_packet(packet)
            is_complete = packet.size and not (is_before_key or time < key_time)
            if error and is_complete and not may_be_cut_off:
                raise DamagedVideo(f"is damaged at {time:.3f} s (FFmpeg: {error!r})")
            is_tainted = is_tainted or bool(error)
            for frame in frames:
                is_last = may_be_cut_off and frame.pts == last
                is_early = is_before_key or (frame.time or np.inf) < key_time - _SAME_TIME
                if frame.is_corrupt and not (is_early or is_last):
                    at = "" if frame.time is None else f" at {frame.time:.3f} s"
                    raise DamagedVideo(f"the frame{at} is damaged")
                # Without these frames, a recording begins at its first keyframe, and ends before
                # the frame that is cut off.
                if not ((is_early or is_last) and (is_tainted or frame.is_corrupt)):
                    yield frame

    def _decode_packet(self, packet: Any) -> tuple[list[Any], str]:
        """Frames that the decoder returns for a packet, and its first error; "" if it has none."""
        from av.error import FFmpegError

        frames = []
        try:
            with captured_errors(self.stream.codec_context.name) as log:
                frames = packet.decode()
        except FFmpegError as error:
            return [], log[0][2] if log else str(error.strerror)
        return frames, log[0][2] if log else ""

    def _seek(self, time: float, decoded: float) -> Iterator[Any] | None:
        """Decode from the keyframe at `time`.

        Returns None if the seek does not reach it, or returns to a frame at or before `decoded`.
        """
        from av.error import FFmpegError

        try:
            self.container.seek(round(time / self._tick), stream=self.stream)
            frames = self._decode()
            frame = next(frames)
            if self._time(0, frame) > decoded + _SAME_TIME:
                # Frames before the keyframe belong to an open group of pictures.
                while self._time(0, frame) < time - _SAME_TIME:
                    frame = next(frames)
                is_exact = self._time(0, frame) <= time + _SAME_TIME
                if is_exact and frame.key_frame:
                    return chain([frame], frames)
        except (FFmpegError, OSError, StopIteration, DamagedVideo):
            pass
        return None

    def _time(self, number: int, frame: Any) -> float:
        return float(number / self._rate) if frame.time is None else frame.time

    def _pixels(self, frame: Any, time: float) -> NDArray[np.uint8]:
        matrix = _display_matrix(frame)
        # The codec may change its pixel aspect; that of the container is that of the first frame.
        aspect = self.stream.codec_context.sample_aspect_ratio or Fraction(1)
        if self._shape is None:
            self._shape = frame.width, frame.height
            self._matrix, self._codec_aspect = matrix, aspect
            self._aspect = Fraction(self.stream.sample_aspect_ratio or 1)
        now = self._aspect * aspect / self._codec_aspect * frame.width / frame.height
        first = self._aspect * self._shape[0] / self._shape[1]
        if abs(now / first - 1) > _SAME_SHAPE or not np.array_equal(matrix, self._matrix):
            raise UnsupportedClip(
                f"its picture changes its shape or orientation at {time:.3f} s; cut it there with "
                "`ffmpeg -i clip -t SECONDS -c copy new`."
            )
        width, height = round(self._shape[0] * self._aspect), self._shape[1]
        check_size(width, height)
        # For small frames, several threads take twice the CPU time of one.
        pixels = self._reformatter.reformat(
            frame, width=width, height=height, format="rgb24", threads=1
        ).to_ndarray()
        return _oriented(pixels.astype(np.uint8, copy=False), matrix)


def _display_matrix(frame: Any) -> NDArray[np.int32]:
    """Linear part of the display matrix: stored (x, y) is shown at (x, y) @ matrix."""
    # PyAV fails on frames with side data of a type that it does not know.
    with suppress(KeyError, ValueError):
        stored = np.frombuffer(bytes(frame.side_data["DISPLAYMATRIX"]), np.int32)
        (a, b), (c, d) = np.sign(stored.reshape(3, 3)[:2, :2]).tolist()
        is_turned = abs(stored[1]) > abs(stored[0])
        return np.array([[0, b], [c, 0]] if is_turned else [[a, 0], [0, d]], np.int32)
    return np.eye(2, dtype=np.int32)


def _oriented(pixels: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Turn and mirror stored pixels of shape (height, width, 3)."""
    if not matrix[0, 0]:
        pixels = pixels.swapaxes(0, 1)
    to_x, to_y = matrix.sum(axis=0)
    return np.ascontiguousarray(pixels[:: -1 if to_y < 0 else 1, :: -1 if to_x < 0 else 1])


@contextmanager
def as_unreadable(kind: type[UnreadableFile] = UnreadableFile) -> Iterator[None]:
    """Raise the errors of PyAV as UnreadableFile."""
    import av

    try:
        yield
    except UnsupportedClip:
        raise
    except UnreadableFile as error:
        if isinstance(error, kind):
            raise
        raise kind(*error.args) from error
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise kind(getattr(error, "strerror", None) or str(error)) from error
