"""Whether something is missing in the middle of a video, where its file was damaged."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

# A step from one frame to the next is a hole where it is so many times as long as the usual one.
_HOLE = 2.5

# Of the bytes that the missing time would take at the usual rate of the file, this share must be
# there. Quiet pictures take less than others, but hardly so much less.
_SHARE = 0.25

# Less than this is what containers write between packets for themselves.
_MIN_BYTES = 1024

# Zeros in a row that no coded picture, and no padding of MPEG streams, contains.
_ZEROS = bytes(512)

# What Matroska has behind the content of a block: the rest of its group, another block or group, a
# time, what is of no use, a checksum; and all that is in a segment.
_ELEMENTS = (
    *(bytes([number]) for number in b"\x9b\xfb\xa0\xa1\xa3\xa4\xa7\xab\xbf\xe7\xec"),
    b"\x75\xa1",
    b"\x75\xa2",
    b"\x58\x54",
    b"\x10\x43\xa7\x70",
    b"\x11\x4d\x9b\x74",
    b"\x12\x54\xc3\x67",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x19\x41\xa4\x69",
    b"\x1c\x53\xbb\x6b",
    b"\x1f\x43\xb6\x75",
)

# The first byte of each packet of a transport stream, and how long they are: broadcast, with times
# in front, with checksums behind.
_SYNC = 0x47
_LENGTHS = (188, 192, 204)

_BLOCK = 1 << 16
_MAX_BLOCKS = 256

# Packets in a row without a frame. Some are none by themselves (reference pictures that are not
# shown, halves of interlaced pictures), and up to seven build on what was before a splice.
_MAX_UNSEEN = 7


class Piece(NamedTuple):
    """A packet of a file, of pictures or of anything else.

    Parameters
    ----------
    position : int or None
        Of its first byte in the file; None for what follows the one before.
    size : int
        Bytes.
    time : float or None
        When it is shown, in seconds.
    is_picture : bool
        It belongs to the pictures.
    """

    position: int | None
    size: int
    time: float | None
    is_picture: bool


class Gap(NamedTuple):
    """Bytes that belong to no packet, as (start, stop) in the file."""

    start: int
    stop: int


@dataclass(frozen=True)
class Hole:
    """A part of a video that nobody can read.

    Parameters
    ----------
    last : float
        When the last frame in front of it is shown, in seconds.
    until : float or None
        When the next one is, or should be; None where nothing tells.
    n_bytes : int
        How long it is in the file.
    """

    last: float
    until: float | None
    n_bytes: int


def find_hole(path: Path, kind: str, pieces: list[Piece], promised: float | None) -> Hole | None:
    """Look whether a part of a video cannot be read.

    A demuxer goes over what it does not understand, to the next packet that it does, without a
    word. What is left is a step in the times, which says nothing by itself: screen recordings and
    telephones pause. Bytes that belong to no packet say nothing either: containers pad, and keep
    indices. A pause takes no bytes, however, and padding no time: where both are in one place, it
    is damage. MPEG streams may pad a pause, and editors leave what they took out in an MP4 or
    QuickTime file: these are believed to be damaged only where the bytes are zeros, or not in the
    rhythm of a transport stream. In most of the latter an index leads to every packet anyway, and
    what is damaged fails in the decoder.

    Where packets have no times of their own (AVI), or nothing is found behind the damage, there is
    no step. That the header promises more is then taken for true if bytes that belong to no packet
    are zeros, or begin as nothing does that the container has.

    Parameters
    ----------
    path : Path
    kind : str
        The container, by the name of FFmpeg.
    pieces : list of Piece
        All packets of the file, of all streams.
    promised : float or None
        When the last frame ends by the header.

    Returns
    -------
    Hole or None
        None where nothing is missing, or nothing is known.
    """
    shown = sorted(
        (piece.time, piece.position)
        for piece in pieces
        if piece.is_picture and piece.time is not None and piece.position is not None
    )
    if not shown:
        return None
    times = [time for time, _ in shown]
    steps = [after - before for before, after in pairwise(times)]
    usual = median(steps) if steps else 0.0
    gaps = _gaps(pieces)
    # Not the mean: the few pictures that build on no others are many times as large.
    size = median(piece.size for piece in pieces if piece.is_picture)
    rate = size / usual if usual else 0.0
    places = sorted(piece.position for piece in pieces if piece.position is not None)
    holes: list[tuple[Hole, Gap, float]] = []
    for (last, before), (until, behind) in pairwise(shown):
        if until - last > _HOLE * usual > 0:
            start, stop = sorted((before, behind))
            if kind == "asf":
                # Frames share a place, and those right behind damage have that of the ones before.
                place = bisect_right(places, stop)
                stop = places[min(place, len(places) - 1)]
            inside = gaps[bisect_left(gaps, Gap(start, 0)) : bisect_left(gaps, Gap(stop, 0))]
            if inside:
                gap = max(inside, key=_length)
                holes.append((Hole(last, until, _length(gap)), gap, until - last - usual))
    pads = kind.startswith(("mpeg", "mov,"))
    in_pauses = {gap for _, gap, _ in holes}
    overhead = max((_length(gap) for gap in gaps if gap not in in_pauses), default=0)
    for hole, gap, seconds in holes:
        needed = max(_MIN_BYTES, 2 * overhead, _SHARE * rate * seconds)
        if hole.n_bytes > needed and (not pads or _is_rubbish(path, kind, gap)):
            return hole
    tail = Gap(max(_end(piece) for piece in pieces), path.stat().st_size)
    if not kind.startswith("mov,"):
        return _missing_rest(path, kind, pieces, [*gaps, tail], times, usual, rate, promised)
    # Behind the frames of such a file may be anything, zeros also, but no fragment of it.
    if _has(path, tail, _ZEROS) and _has(path, tail, b"moof"):
        return Hole(times[-1], None, _length(tail))
    return None


def _missing_rest(
    path: Path,
    kind: str,
    pieces: list[Piece],
    gaps: list[Gap],
    times: list[float],
    usual: float,
    rate: float,
    promised: float | None,
) -> Hole | None:
    """The first rubbish that may be what the header promises and the packets lack."""
    # Other streams may last longer than the pictures, and the header may mean them.
    end = max(piece.time for piece in pieces if piece.time is not None)
    end = max(end, end - times[0]) + usual
    missing = 0.0 if promised is None else promised - end
    if missing <= max(0.1, usual):
        return None
    for gap in gaps:
        needed = max(_MIN_BYTES, _SHARE * rate * missing)
        if _length(gap) > needed and _is_rubbish(path, kind, gap):
            before = [
                piece.time
                for piece in pieces
                if piece.is_picture
                and piece.time is not None
                and piece.position is not None
                and piece.position < gap.stop
            ]
            last = max(before, default=times[0])
            return Hole(last, last + missing, _length(gap))
    return None


def find_unseen(packet_times: list[float], frame_times: list[float]) -> Hole | None:
    """Look whether the decoder gave no frames for many packets in a row.

    Those in front of the first frame build on what was never recorded, and don't count.

    Parameters
    ----------
    packet_times, frame_times : list of float
        When packets should be shown, and frames are, ascending.

    Returns
    -------
    Hole or None
    """
    if not frame_times or not packet_times:
        return None
    slack = 1e-6
    ends = [*frame_times[1:], packet_times[-1] + 1.0]
    for before, behind in zip(frame_times, ends, strict=True):
        first = bisect_right(packet_times, before + slack)
        if bisect_left(packet_times, behind - slack) - first > _MAX_UNSEEN:
            return Hole(before, min(behind, packet_times[-1]), 0)
    return None


def _gaps(pieces: list[Piece]) -> list[Gap]:
    """Bytes between packets, by their place in the file."""
    placed: list[list[int]] = []
    for piece in pieces:
        if piece.position is not None:
            placed.append([piece.position, piece.position + piece.size])
        elif placed:
            placed[-1][1] += piece.size
    placed.sort()
    gaps: list[Gap] = []
    reach = placed[0][1] if placed else 0
    for start, stop in placed[1:]:
        if start > reach:
            gaps.append(Gap(reach, start))
        reach = max(reach, stop)
    return gaps


def _length(gap: Gap) -> int:
    return gap.stop - gap.start


def _end(piece: Piece) -> int:
    return 0 if piece.position is None else piece.position + piece.size


def _is_rubbish(path: Path, kind: str, gap: Gap) -> bool:
    """Whether bytes are not what a container has between packets, as far as its kind tells."""
    if _has(path, gap, _ZEROS):
        return True
    with open(path, "rb") as file:
        file.seek(gap.start)
        head = file.read(min(_length(gap), _BLOCK))
    if kind == "matroska,webm":
        return not _are_elements(head, _length(gap), gap.stop == path.stat().st_size)
    if kind == "avi":
        # What FFmpeg calls the place of a packet is eight bytes in front of it.
        return re.match(rb"(?s).{8,9}[ -~]{4}", head) is None
    if kind == "mpegts":
        return not any(
            set(head[start::length]) == {_SYNC} for length in _LENGTHS for start in range(length)
        )
    return False


def _are_elements(head: bytes, length: int, is_tail: bool) -> bool:
    """Whether bytes, of which the first are known, are elements of Matroska one after the other."""
    place = 0
    while place < min(length, len(head)):
        name = next((name for name in _ELEMENTS if head.startswith(name, place)), None)
        if name is None:
            return False
        place += len(name)
        # As many more bytes belong to the size as there are zeros in front of its highest bit.
        n_bytes = 9 - head[place].bit_length() if place < len(head) else 9
        if n_bytes > 8:
            return False
        highest = 1 << 7 * n_bytes
        size = int.from_bytes(head[place : place + n_bytes]) & (highest - 1)
        if size == highest - 1:
            # Of all bits, it stands for a size that nobody knew yet.
            return True
        place += n_bytes + size
    # Between packets the last one is what leads to the next.
    return place <= length or not is_tail


def _has(path: Path, gap: Gap, wanted: bytes) -> bool:
    """Whether these bytes are in the gap, as far as it is looked at."""
    with open(path, "rb") as file:
        file.seek(gap.start)
        left = min(_length(gap), _MAX_BLOCKS * _BLOCK)
        before = b""
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            if wanted in before + block:
                return True
            before = block[-len(wanted) :]
            left -= len(block)
    return False
