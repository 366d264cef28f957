"""Folders that hold the frames of a clip as numbered image files."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

# Not GIF: it is a format of animations, so several files are several clips.
FRAME_EXTENSIONS = (
    *(".avif", ".bmp", ".jp2", ".jpeg", ".jpg"),
    *(".png", ".ppm", ".tif", ".tiff", ".webp"),
)

_NUMBER = re.compile(r"\d+")
_DECIMAL = re.compile(r"\d+(?:\.\d+)?")


def frame_files(folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Images of a folder that holds the frames of one clip, in the order of their numbers.

    Other files, hidden files and subfolders are ignored. Raises ValueError if there are no images,
    or if their names do not number them as one sequence.
    """
    with os.scandir(folder) as entries:
        # A broken link is a missing frame, not a frame less.
        names = [entry.name for entry in entries if is_frame(entry.name) and not entry.is_dir()]
    if not names:
        raise ValueError(
            "is a folder without image files; pass a video file or a folder of numbered images. "
            "sklearn_temo.datasets.load_clip_folder lists the clips in subfolders."
        )
    return tuple(Path(folder, name) for name in sort_frames(names))


def is_frame(name: str) -> bool:
    """Whether a file name is that of an image, and not hidden."""
    return not name.startswith(".") and name.casefold().endswith(FRAME_EXTENSIONS)


def sort_frames(names: Iterable[str]) -> list[str]:
    """Sort the names of images by the numbers in them: ``frame2.png`` before ``frame10.png``.

    Raises ValueError if the names differ in more than numbers, or no number counts the frames.
    """
    largest, *others = sorted(_by_pattern(names), key=len, reverse=True)
    ordered = sorted(largest, key=_numbers)
    if len(ordered) == 1 and not others:
        return ordered
    reason = None
    if others:
        reason = f"{ordered[0]!r} and {others[0][0]!r} differ in more than numbers"
    elif not _counter(ordered):
        reason = f"no number counts the frames from {ordered[0]!r} to {ordered[-1]!r}"
    elif sorted(ordered, key=_decimals) != ordered:
        reason = f"numbers such as in {ordered[-1]!r} may be decimals, which have another order"
    if reason is not None:
        raise ValueError(
            f"its images are not the numbered frames of one clip: {reason}; remove other images "
            "from the folder, or pass a tuple of the images in their order."
        )
    return ordered


def has_regular(names: Iterable[str]) -> bool:
    """Whether images have numbers like 1, 2, 3 or 0, 5, 10, which pictures seldom have.

    More than half of the steps between the numbers must be equal: frames may be missing.
    """
    for alike in _by_pattern(names):
        counter = _counter(sorted(alike, key=_numbers))
        steps = [b - a for a, b in pairwise(counter)]
        if steps == [1] or (len(steps) > 1 and 2 * max(Counter(steps).values()) > len(steps)):
            return True
    return False


def differ_in_numbers(names: Iterable[str]) -> bool:
    """Whether the names of images differ only in their numbers."""
    return len(_by_pattern(names)) == 1


def _by_pattern(names: Iterable[str]) -> list[list[str]]:
    """Group names that differ only in their numbers."""
    alike = defaultdict(list)
    for name in sorted(names):
        alike[_NUMBER.sub("0", name.casefold())].append(name)
    return list(alike.values())


def _counter(ordered: list[str]) -> tuple[int, ...]:
    """The number in sorted names that increases from each to the next; empty if there is none."""
    columns = zip(*map(_numbers, ordered), strict=True)
    increasing = (column for column in columns if all(a < b for a, b in pairwise(column)))
    return next(increasing, ())


def _numbers(name: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(name)]


def _decimals(name: str) -> list[float]:
    return [float(number) for number in _DECIMAL.findall(name)]
