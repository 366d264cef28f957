"""Detection of truncated and damaged video files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from struct import unpack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Seconds by which the duration in a header may exceed that of the frames. Headers round, and
# include the sound, which often ends some hundredths of a second later.
_TOLERANCE = 0.1

# A step from one frame to the next is a gap if it is this many times as long as the median step.
_LONG_STEP = 2.5

# Bytes without a packet count as damage if they are at least this share of the expected size of the
# missing frames (at the median size of a frame), and more than containers write between packets.
_MIN_SHARE = 0.25
_MIN_BYTES = 1024

# Maximum number of bytes per packet of an index after the frames.
_INDEX_ENTRY = 24

# Identifier of the ASF header object that states the size of the packets, and the offset of it.
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_PACKET_SIZE = 92

# Number of equal bytes in a row that count as filler: coded frames have no run of this length.
_N_FILLER = 512
_MAX_SEARCHED = 1 << 24

# Packets in a row without a decoded frame that are not damage: some have no frame of their own
# (hidden reference frames, second fields of interlaced frames), and up to seven follow a splice.
_MAX_UNDECODED = 7


class Packet(NamedTuple):
    """A packet of a container, of any stream.

    Parameters
    ----------
    is_video : bool
    time : float
        Presentation time in seconds, or the decoding time if `has_pts` is false; NaN if unknown.
    has_pts, is_keyframe, is_discarded : bool
        A discarded packet, such as one that an edit list cuts out, has no frame.
    position, size : int
        Bytes.
    error : str
        For a packet of the video, the first error that FFmpeg logged since the previous one.
    """

    is_video: bool
    time: float
    has_pts: bool
    is_keyframe: bool
    is_discarded: bool
    position: int
    size: int
    error: str = ""


@dataclass(frozen=True)
class Damage:
    """The first part of a video file that is missing or cannot be read.

    Parameters
    ----------
    start : float
        Time in seconds of the last frame before it.
    message : str
        What was found.
    """

    start: float
    message: str


def find_damage(path: Path, container: Any, packets: list[Packet]) -> Damage | None:
    """Find out whether the end or a part in the middle of a video file is missing.

    Demuxers skip unknown bytes without an error. A single sign is not enough: recordings pause,
    containers contain padding, and headers are wrong. Damage is reported if two signs agree: time
    is missing (a long step between frames, or a longer duration in the header), and bytes are
    missing (the file ends inside an element, or has bytes that no packet covers). In MP4 files, one
    sign is enough: bytes after the last packet that contain a fragment and filler.

    Parameters
    ----------
    path : Path
    container : av.container.InputContainer
    packets : list of Packet
        All packets of all streams.

    Returns
    -------
    Damage or None
    """
    kind = container.format.name
    times = np.sort([packet.time for packet in packets if packet.is_video])
    times = times[~np.isnan(times)]
    if not len(times):
        return None
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    stated = _stated_duration(container)
    # FFmpeg reports no duration for an ASF file whose size differs from the size in its header.
    found = _find_error(kind, [packet for packet in packets if packet.is_video])
    is_short = _missing_time(stated, times, step) > 0 or (kind == "asf" and np.isnan(stated))
    if is_short and _is_truncated(path, kind):
        expected = "a larger size" if np.isnan(stated) else f"{stated:.3f} s"
        last = float(times[-1])
        return Damage(last, f"ends at {last:.3f} s, but its header states {expected}")
    missing = _missing_time(stated, np.sort([packet.time for packet in packets]), step)
    hole = _find_hole(path, kind, packets, step, missing)
    return min(filter(None, (hole, found)), key=attrgetter("start"), default=None)


def _find_error(kind: str, packets: list[Packet]) -> Damage | None:
    """Find the first error of FFmpeg between packets of the video."""
    for i, (before, packet) in enumerate(pairwise(packets), start=1):
        # A transport stream that is spliced at a keyframe loses the frame before it. FFmpeg reads
        # one packet ahead.
        is_splice = kind == "mpegts" and any(near.is_keyframe for near in packets[i : i + 2])
        if packet.error and not is_splice:
            found = f"is damaged at {before.time:.3f} s (FFmpeg: {packet.error!r})"
            return Damage(before.time, found)
    return None


def _find_hole(
    path: Path, kind: str, packets: list[Packet], step: float, missing: float
) -> Damage | None:
    """Find bytes that no packet covers, at a place where frames are missing."""
    packets = sorted(packets, key=attrgetter("position"))
    shown = np.array([packet.time if packet.is_video else np.nan for packet in packets])
    # Byte ranges between packets, one after each packet, and the times of the frames around it.
    starts = np.maximum.accumulate([packet.position + packet.size for packet in packets])
    stops = np.array([*(packet.position for packet in packets[1:]), path.stat().st_size])
    n_bytes = stops - starts
    before = np.fmax(np.fmax.accumulate(shown), np.nanmin(shown))
    after = np.append(np.fmin.accumulate(shown[:0:-1])[::-1], np.nan)
    seconds = np.where(after - before > _LONG_STEP * step, after - before - step, missing)
    size = np.median([packet.size for packet in packets if packet.is_video])
    needed = np.maximum(_MIN_BYTES, _MIN_SHARE * seconds * size / (step or 1.0))
    needed[-1] = max(needed[-1], _INDEX_ENTRY * len(packets))
    if kind == "asf":
        # All packets of an ASF file have the same size; those with few frames contain padding.
        place = _read(path, 0, _MAX_SEARCHED).find(_ASF_PROPERTIES) + _ASF_PACKET_SIZE
        needed += unpack("<I", _read(path, place, place + 4))[0]
    is_hole = (seconds > 0) & (n_bytes > needed)
    if kind.startswith("mov,"):
        # The index leads to every packet. Only a fragmented file may lose some, all at the end.
        is_hole[:-1], is_hole[-1] = False, b"moof" in _read(path, starts[-1], stops[-1])
    for i in np.flatnonzero(is_hole):
        # Only filler is damage in MPEG streams, which may contain padding during a pause, and at
        # the end of MP4 files, which may contain other data.
        has_filler = bytes(_N_FILLER) in _read(path, starts[i], stops[i])
        if has_filler or not kind.startswith(("mpeg", "mov,")):
            until = "on" if not seconds[i] else f"to {before[i] + seconds[i] + step:.3f} s"
            found = f"is damaged from {before[i]:.3f} s {until}, with {n_bytes[i]} unreadable bytes"
            return Damage(float(before[i]), found)
    return None


def find_undecoded(packets: list[float], frames: list[float]) -> tuple[float, float] | None:
    """Find a time with many packets but no frames.

    Packets before the first frame do not count: a recording may begin between keyframes.

    Parameters
    ----------
    packets, frames : list of float
        Times in seconds, ascending.

    Returns
    -------
    (float, float) or None
        Times of the frames before and after, or of the last packet if there is no frame after.
    """
    if not packets or not frames:
        return None
    ends = [*frames, packets[-1] + 1.0]
    n_undecoded = np.diff(np.searchsorted(packets, np.array(ends) - 1e-6)) - 1
    long = np.flatnonzero(n_undecoded > _MAX_UNDECODED)
    return (ends[long[0]], min(ends[long[0] + 1], packets[-1])) if len(long) else None


def _stated_duration(container: Any) -> float:
    """Duration in seconds according to the header; NaN if the header has none."""
    stream = container.streams.video[0]
    if container.format.name == "avi":
        # FFmpeg shortens the duration of a truncated AVI file.
        return float(stream.frames * stream.time_base) or np.nan
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return np.nan if container.duration is None else container.duration / 1e6


def _missing_time(stated: float, times: NDArray[np.float64], step: float) -> float:
    """Seconds by which the stated duration exceeds sorted times; 0 within the tolerance."""
    # Some headers count from the first frame, others from zero.
    gap = stated - max(np.nanmax(times), np.nanmax(times) - times[0])
    return gap - step if gap > max(_TOLERANCE, 1.5 * step) else 0.0


def _is_truncated(path: Path, kind: str) -> bool:
    """Whether a file ends in filler, or inside one of its outermost elements."""
    size = path.stat().st_size
    # The rest of an interrupted download may be allocated but not written.
    if _read(path, size - _N_FILLER, size) in (bytes(_N_FILLER), b"\xff" * _N_FILLER):
        return True
    if kind == "flv":
        # The length of a tag is stored at its end and in its header.
        (length,) = unpack(">I", _read(path, size - 4, size))
        tag = _read(path, size - 4 - length, size)
        return len(tag) != length + 4 or int.from_bytes(tag[1:4]) != length - 11
    position = 0
    while position < size:
        length = _element_length(_read(path, position, position + 24).ljust(24, b"\0"), kind)
        if length is None:
            return False
        position += length
    return position > size


def _element_length(head: bytes, kind: str) -> int | None:
    """Bytes of an outermost element of a container from its first 24; None if unknown."""
    if kind == "avi" and head.startswith(b"RIFF"):
        # The length is written last; until then it is 0 or the largest number.
        (length,) = unpack("<4xI", head[:8])
        return None if length in (0, 0xFFFFFFFF) else length + 8
    if kind.startswith("mov,"):
        length, name, long_length = unpack(">I4sQ", head[:16])
        length = long_length if length == 1 else length
        return length if length >= 8 and name.isalnum() else None
    if kind == "matroska,webm" and head.startswith((b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67")):
        # The zero bits before the first one bit are the number of further bytes of the length.
        n_bytes = 9 - head[4].bit_length()
        length = int.from_bytes(head[4 : 4 + n_bytes]) & ((1 << 7 * n_bytes) - 1)
        return None if length == (1 << 7 * n_bytes) - 1 else 4 + n_bytes + length
    if kind == "asf" and head.startswith((b"\x30\x26\xb2\x75", b"\x36\x26\xb2\x75")):
        (length,) = unpack("<16xQ", head)
        return length if length >= 24 else None
    return None


def _read(path: Path, start: int, stop: int) -> bytes:
    """Read a range of bytes of a file, at most 16 MiB."""
    with open(path, "rb") as file:
        file.seek(max(0, start))
        return file.read(min(stop - start, _MAX_SEARCHED))
