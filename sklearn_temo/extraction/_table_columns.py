"""Columns of a table of landmarks, from the landmarks of clips, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..blendshapes import NAMES
from ..layout import LandmarkLayout
from ._landmarks import ClipLandmarks

# Arrays of a table, by name: one value or one small array per row, see make_arrays.
Arrays = dict[str, NDArray[Any]]

# What a column holds. Coordinates are FLOAT32, which saves memory when they are read.
TEXT, WHOLE, NUMBER, FLAG, FLOAT32 = (
    *("text", "whole numbers", "numbers", "true or false"),
    "numbers (float32)",
)

NEEDED = {"source": TEXT, "frame": WHOLE, "time": NUMBER, "detected": FLAG}
# The same for all frames of a clip.
OF_CLIPS = {"label": TEXT, "group": TEXT, "onset": NUMBER, "offset": NUMBER}

# Columns of arrays that may be missing.
OF_FRAMES = {
    "head_pose": [f"pose_{row}{column}" for row in range(4) for column in range(4)],
    "gaze": [f"gaze_{eye}_{axis}" for eye in ("right", "left") for axis in "xyz"],
    "blendshapes": list(NAMES),
}
SHAPES = {"head_pose": (4, 4), "gaze": (2, 3), "blendshapes": (len(NAMES),)}

# Escape sequence, in a table, of a byte of a file name that is not UTF-8.
_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")


class TableClip(NamedTuple):
    """A clip, with its label and its group as text; None where they are unknown."""

    clip: ClipLandmarks
    label: str | None = None
    group: str | None = None


def find_optional(clips: Iterable[ClipLandmarks]) -> set[str]:
    """Names of the arrays that at least one clip has, of those that may be missing."""
    names = ("onset", "offset", *OF_FRAMES)
    return {name for clip in clips for name in names if getattr(clip, name) is not None}


def make_arrays(clips: Sequence[TableClip], optional: set[str]) -> Arrays:
    """Arrays of a table, in the order of its columns, with one entry per clip and frame.

    `optional` is as returned by :func:`find_optional` for all clips of the table; what a clip lacks
    is NaN.
    """
    found, labels, groups = zip(*clips, strict=True)
    lengths = [len(clip.times) for clip in found]
    arrays = {
        name: np.repeat(np.array([_escape(text) for text in texts]), lengths)
        for name, texts in (
            ("source", [clip.source for clip in found]),
            ("label", labels),
            ("group", groups),
        )
        if texts[0] is not None
    }
    for name in ("onset", "offset"):
        if name in optional:
            times = np.array([getattr(clip, name) for clip in found], dtype=np.float64)
            arrays[name] = np.repeat(times, lengths)
    width, height = np.array([clip.size for clip in found], dtype=np.int32).T
    arrays |= {
        "frame": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time": np.concatenate([clip.times for clip in found]),
        "detected": np.concatenate([clip.detected for clip in found]),
        "width": np.repeat(width, lengths),
        "height": np.repeat(height, lengths),
        "fps": np.repeat([float(clip.fps) for clip in found], lengths),
    }
    for name, shape in SHAPES.items():
        if name in optional:
            values = [getattr(clip, name) for clip in found]
            missing = [np.full((n, *shape), np.nan, dtype=np.float32) for n in lengths]
            arrays[name] = np.concatenate(
                [m if v is None else v for v, m in zip(values, missing, strict=True)]
            )
    arrays["landmarks"] = np.concatenate([clip.landmarks for clip in found])
    return arrays


def _escape(text: str) -> str:
    """Replace what file names that are not UTF-8 contain, surrogates, which cannot be written."""
    return text.encode("utf-8", "backslashreplace").decode()


def unescape(text: str) -> str:
    """Restore the bytes of a file name that are not UTF-8."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def coordinate_names(n_landmarks: int) -> list[str]:
    """Columns of the coordinates of a frame, ``p{landmark:03d}_{x|y|z}``."""
    names = LandmarkLayout(1, n_landmarks, 3).feature_names()
    return [name.removeprefix("f000_") for name in names]


def count_landmarks(header: Iterable[str], pattern: str) -> int:
    """Number of landmarks in a table; the pattern of a coordinate has the landmark as its group."""
    numbers = (re.fullmatch(pattern, name) for name in header)
    return 1 + max((int(found[1]) for found in numbers if found), default=0)


def flatten(arrays: Arrays) -> Arrays:
    """Columns of a table from its arrays."""
    columns: Arrays = {}
    for name, array in arrays.items():
        if array.ndim == 1:
            columns[name] = array
            continue
        names = OF_FRAMES.get(name) or coordinate_names(array.shape[1])
        rows = array.reshape(len(array), -1).T
        columns |= zip(names, np.ascontiguousarray(rows), strict=True)
    return columns


def columns_to_read(header: Sequence[str]) -> dict[str, str]:
    """What each column holds of a table with this header that is read, or is needed."""
    kinds = NEEDED | {name: kind for name, kind in OF_CLIPS.items() if name in header}
    for names in OF_FRAMES.values():
        if not set(names).isdisjoint(header):
            kinds |= dict.fromkeys(names, FLOAT32)
    n_landmarks = count_landmarks(header, r"p(\d{3,})_[xyz]")
    return kinds | dict.fromkeys(coordinate_names(n_landmarks), FLOAT32)


def unflatten(columns: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays of a table from its columns."""
    arrays = {name: columns[name] for name in {**NEEDED, **OF_CLIPS} if name in columns}
    for name, shape in SHAPES.items():
        if OF_FRAMES[name][0] in columns:
            arrays[name] = stack(columns, OF_FRAMES[name], shape)
    n_landmarks = count_landmarks(columns, r"p(\d{3,})_[xyz]")
    arrays["landmarks"] = stack(columns, coordinate_names(n_landmarks), (n_landmarks, 3))
    return arrays


def stack(
    columns: Mapping[str, NDArray[Any]], names: Sequence[str], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Array of shape (n_rows, *shape) of columns."""
    first = columns[names[0]]
    stacked = np.empty((len(first), len(names)), dtype=np.float32)
    for number, name in enumerate(names):
        stacked[:, number] = columns[name]
    return stacked.reshape(-1, *shape)
