"""Detection of truncated and damaged video files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Seconds by which the duration in a header may exceed that of the frames. Headers round, and
# include the sound, which often ends some hundredths of a second later.
_TOLERANCE = 0.1

# A step from one frame to the next is a gap if it is this many times as long as the median step.
_LONG_STEP = 2.5

# Number of equal bytes in a row that count as filler: coded frames have no run of this length.
_N_FILLER = 512
_MAX_SEARCHED = 1 << 24

# FFmpeg may read these formats to their end while it opens a file, to find all streams.
_READ_AHEAD = ("asf", "flv")

# Editors leave sizes of Matroska elements that are too small. This is damage only with a gap.
_WEAK = "exceeds containing master element"

# FFmpeg searches AVI, MXF, NUT and MPEG files for the next packet without a message. Writers fill
# disk sectors up to this number of bytes.
_MIN_HOLE = 4096

# Identifier of the object of an ASF file that states the sizes of the file and of its packets.
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


Spans = list[tuple[int, int]]


class Packet(NamedTuple):
    """A packet of the video.

    Parameters
    ----------
    time : float
        Presentation time in seconds, or the decoding time if `has_pts` is false; NaN if unknown.
    has_pts, is_keyframe, is_discarded : bool
        A discarded packet, such as one that an edit list cuts out, has no frame.
    position : int
        First byte.
    """

    time: float
    has_pts: bool
    is_keyframe: bool
    is_discarded: bool
    position: int


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


def find_damage(
    path: Path, stream: Any, packets: list[Packet], errors: list[tuple[int, str]], spans: Spans
) -> Damage | None:
    """Find out whether the end or a part in the middle of a video file is missing.

    An error of FFmpeg between two packets is damage, and so is a gap in time where bytes belong to
    no packet. A missing end needs two signs, since headers are wrong and recorders are switched
    off: the header states a longer duration, and FFmpeg reports an error after the last packet, or
    the file ends in filler or inside an element.

    Parameters
    ----------
    path : Path
    stream : av.video.VideoStream
    packets : list of Packet
        All packets of the video in the order of the file.
    errors : list of (int, str)
        Errors of FFmpeg in the order of the file, each after a number of packets.
    spans : list of (int, int)
        First byte of each packet of any stream, and the byte after its last.

    Returns
    -------
    Damage or None
    """
    kind = stream.container.format.name
    times = np.sort([packet.time for packet in packets])
    times = times[~np.isnan(times)]
    if not len(times):
        return None
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    end = float(times[-1])
    stated = _stated_duration(stream)
    # Some headers count from the first frame, others from zero.
    is_short = stated - max(end, end - times[0]) > max(_TOLERANCE, 1.5 * step)
    gaps = times[:-1][np.diff(times) > _LONG_STEP * step].tolist()
    error = _find_error(stream, packets, errors, gaps)
    hole = None
    # The index of an MP4 file leads to every packet.
    if not kind.startswith("mov,"):
        # AVI files have no times, so that frames after missing ones are shown too early.
        long_step = 0.0 if kind == "avi" and is_short else _LONG_STEP * step
        hole = _find_hole(path, kind, packets, spans, long_step)
    if error or hole:
        return min(filter(None, (error, hole)), key=attrgetter("start"))
    # FFmpeg reports no duration for an ASF file whose size differs from the size in its header.
    if is_short or (kind == "asf" and np.isnan(stated)):
        places = {len(packets), 0} if kind in _READ_AHEAD else {len(packets)}
        if any(n_before in places for n_before, _ in errors) or _is_cut_off(path, kind):
            expected = "a larger size" if np.isnan(stated) else f"{stated:.3f} s"
            return Damage(end, f"ends at {end:.3f} s, but its header states {expected}")
    # FFmpeg does not report fragments of an MP4 file that it cannot reach.
    if kind.startswith("mov,"):
        rest = _read(path, max(stop for _, stop in spans), path.stat().st_size)
        if b"moof" in rest and bytes(_N_FILLER) in rest:
            found = f"is damaged from {end:.3f} s, with {len(rest)} unreadable bytes"
            return Damage(end, found)
    return None


def _find_error(
    stream: Any, packets: list[Packet], errors: list[tuple[int, str]], gaps: list[float]
) -> Damage | None:
    """Find the first error of FFmpeg between two packets of the video."""
    kind = stream.container.format.name
    for n_before, error in errors:
        if n_before == len(packets) or (n_before == 0 and kind not in _READ_AHEAD):
            continue
        # A transport stream that is spliced at a keyframe loses the frame before it. FFmpeg reads
        # one packet ahead.
        near = packets[n_before : n_before + 2]
        if kind == "mpegts" and any(packet.is_keyframe for packet in near):
            continue
        start = packets[max(n_before, 1) - 1].time
        is_sound = "stream = " in error and f"stream = {stream.index}," not in error
        if n_before == 0 or is_sound or _WEAK in error:
            start = next((gap for gap in gaps if gap >= start), np.nan)
        if not np.isnan(start):
            return Damage(start, f"is damaged at {start:.3f} s (FFmpeg: {error!r})")
    return None


def _find_hole(
    path: Path, kind: str, packets: list[Packet], spans: Spans, long_step: float
) -> Damage | None:
    """Find bytes that no packet covers, between two packets that are further apart in time."""
    starts, stops = np.array(sorted(spans)).T
    firsts, lasts = np.maximum.accumulate(stops)[:-1], starts[1:]
    shortest = _MIN_HOLE
    if kind == "asf":
        # All packets of an ASF file have the same size; those with few frames contain padding.
        shortest += int.from_bytes(_asf_properties(path)[76:80], "little")
    is_long = lasts - firsts > shortest
    for first, last in zip(firsts[is_long].tolist(), lasts[is_long].tolist(), strict=True):
        # MPEG streams contain padding, which is not zero.
        if kind.startswith("mpeg") and bytes(_N_FILLER) not in _read(path, first, last):
            continue
        for before, packet in pairwise(packets):
            is_around = before.position < last <= packet.position
            if is_around and packet.time - before.time > long_step:
                found = f"is damaged from {before.time:.3f} s, with {last - first} unreadable bytes"
                return Damage(before.time, found)
    return None


def _is_cut_off(path: Path, kind: str) -> bool:
    """Whether a file ends in filler, or inside an element of which FFmpeg reports no error."""
    size = path.stat().st_size
    # The rest of an interrupted download may be allocated but not written.
    if _read(path, size - _N_FILLER, size) in (bytes(_N_FILLER), b"\xff" * _N_FILLER):
        return True
    if kind == "flv":
        # The length of a tag is stored at its end and in its header.
        length = int.from_bytes(_read(path, size - 4, size))
        tag = _read(path, size - 4 - length, size)
        return len(tag) != length + 4 or int.from_bytes(tag[1:4]) != length - 11
    if kind == "asf":
        return size < int.from_bytes(_asf_properties(path)[24:32], "little")
    return False


def _asf_properties(path: Path) -> bytes:
    """Content of the header object of an ASF file with its properties; empty if it has none."""
    return _read(path, 0, _MAX_SEARCHED).partition(_ASF_PROPERTIES)[2]


def _stated_duration(stream: Any) -> float:
    """Duration in seconds according to the header; NaN if the header has none."""
    container = stream.container
    if container.format.name == "avi":
        # FFmpeg shortens the duration of a truncated AVI file.
        return float(stream.frames * stream.time_base) or np.nan
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return np.nan if container.duration is None else container.duration / 1e6


def _read(path: Path, start: int, stop: int) -> bytes:
    """Read a range of bytes of a file, at most 16 MiB."""
    with open(path, "rb") as file:
        file.seek(max(0, start))
        return file.read(min(stop - start, _MAX_SEARCHED))
