"""Whether a video file ends before the video does, as where a copy was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import error as TooShort
from struct import unpack
from typing import Any, BinaryIO

# Seconds that a header may promise more than is there, where the file breaks off. Headers count the
# sound, which ends some hundredths after the pictures, and round. Both are far below this, and who
# has lost no more than this has lost three frames.
_TOLERANCE = 0.1

# Where a download was given its room before its content, the rest is zeros. No video ends so.
_ZEROS = 512


@dataclass(frozen=True)
class CutOff:
    """A video of which the end is missing.

    Parameters
    ----------
    last : float
        When the last frame that is there is shown, in seconds.
    promised : float or None
        When the last frame ends by what the header says; None where it doesn't tell.
    """

    last: float
    promised: float | None


def find_cut(path: Path, container: Any, times: list[float]) -> CutOff | None:
    """Look whether the end of a video is missing.

    That a header promises more than is there says little by itself: some count the sound, some
    lie, and some hold the largest number since they were written before the video was. That a file
    ends in the middle of what its container calls a piece says little either: the index at the end
    may be damaged, and a recorder that was switched off leaves such files, all of whose frames are
    good. Both together are a file that was cut off.

    Parameters
    ----------
    path : Path
    container : av.container.InputContainer
        The file, open.
    times : list of float
        When its frames are shown, ascending, as far as the packets tell.

    Returns
    -------
    CutOff or None
        None where the file is whole, or nothing is known.
    """
    kind = container.format.name
    if not times or kind not in _PIECES:
        return None
    promised = promised_end(container)
    if promised is None and kind != "asf":
        return None
    first, last = times[0], times[-1]
    # Some headers count from the first frame, some from zero.
    there = max(last, last - first)
    gap = (last - first) / max(1, len(times) - 1)
    if promised is not None and promised - there <= max(_TOLERANCE, 1.5 * gap):
        return None
    return CutOff(last, promised) if _breaks_off(path, _PIECES[kind]) else None


def promised_end(container: Any) -> float | None:
    """When the last frame ends by the header.

    Parameters
    ----------
    container : av.container.InputContainer

    Returns
    -------
    float or None
        Seconds; None where the header doesn't tell.
    """
    stream = container.streams.video[0]
    if container.format.name == "avi":
        # FFmpeg makes the duration of an AVI file fit its size, and so of one that breaks off.
        return float(stream.frames * stream.time_base) or None
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _breaks_off(path: Path, piece_end: Callable[[BinaryIO, int], int | None]) -> bool:
    """Whether a file ends inside one of the pieces that it is made of."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        position = 0
        while position < size:
            try:
                end = piece_end(file, position)
            except TooShort:
                return True
            if end is None:
                break
            if end > size:
                return True
            position = end
        file.seek(max(0, size - _ZEROS))
        return not any(file.read())


def _riff_end(file: BinaryIO, start: int) -> int | None:
    """AVI: the whole, and pieces of a gigabyte beyond the first."""
    name, size = unpack("<4sI", _read(file, start, 8))
    # The length is filled in when all is written; where it can't be, one of these is left.
    return None if name != b"RIFF" or size in (0, 0xFFFFFFFF) else start + 8 + size


def _box_end(file: BinaryIO, start: int) -> int | None:
    """MP4 and QuickTime: the boxes of the outermost level, of which `mdat` has the frames."""
    size, name = unpack(">I4s", _read(file, start, 8))
    if size == 1:
        (size,) = unpack(">Q", _read(file, start + 8, 8))
    # 0 is a box that goes to the end of the file, wherever that is.
    return start + size if size >= 8 and name.isascii() else None


def _tag_end(file: BinaryIO, start: int) -> int | None:
    """Flash: the header, then tags of one packet each, with the size of the tag before in front."""
    if not start:
        return unpack(">5xI", _read(file, start, 9))[0]
    # Behind the last tag its size is alone.
    if file.seek(0, os.SEEK_END) - start == 4:
        return start + 4
    kind, high, low = unpack(">4xBBH", _read(file, start, 8))
    return start + 15 + (high << 16) + low if kind in (8, 9, 18) else None


def _element_end(file: BinaryIO, start: int) -> int | None:
    """Matroska and WebM: a header, and a segment with all the rest."""
    name = _read(file, start, 4)
    if name not in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        return None
    (first,) = _read(file, start + 4, 1)
    # As many more bytes belong to the number as there are zeros in front of its highest bit.
    length = 9 - first.bit_length()
    if length > 8:
        return None
    number = int.from_bytes(_read(file, start + 4, length)) & ((1 << 7 * length) - 1)
    # All bits set stand for a length that nobody knew yet.
    return None if number == (1 << 7 * length) - 1 else start + 4 + length + number


def _object_end(file: BinaryIO, start: int) -> int | None:
    """Windows Media: a header, then the data, whose length is in a header of its own."""
    name, size = unpack("<16sQ", _read(file, start, 24))
    return start + size if name[:4] in (b"\x30\x26\xb2\x75", b"\x36\x26\xb2\x75") else None


def _read(file: BinaryIO, start: int, n: int) -> bytes:
    file.seek(start)
    content = file.read(n)
    if len(content) < n:
        raise TooShort
    return content


# By the names of FFmpeg. Other containers (MPEG streams, Ogg) promise nothing: where they end is
# where the video ends.
_PIECES = {
    "avi": _riff_end,
    "mov,mp4,m4a,3gp,3g2,mj2": _box_end,
    "flv": _tag_end,
    "matroska,webm": _element_end,
    "asf": _object_end,
}
