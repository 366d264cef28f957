"""The columns of a table of landmarks, and the clips that are in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import LandmarkLayout
from ._clip_landmarks import ClipLandmarks

# A byte of a name that is not UTF-8, as it is written.
_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")

# What is read back, as kinds of numpy and in words. The rest of a table is for people.
READ_BACK = {
    "source": ("U", "text"),
    "frame": ("iu", "whole numbers"),
    "time": ("fiu", "numbers"),
    "detected": ("b", "true or false"),
    "landmarks": ("fiu", "numbers"),
}


def make_columns(clips: Sequence[ClipLandmarks]) -> dict[str, NDArray[Any]]:
    """Columns of a table, one row per clip and frame.

    Parameters
    ----------
    clips : sequence of ClipLandmarks
        At least one, and none that was skipped.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        In the order of the table; `landmarks`, of shape (n_rows, n_landmarks, 3), is the last.
    """
    lengths = [len(clip.times) for clip in clips]
    # Names of files that are not UTF-8 come with surrogates, which nobody can write.
    sources = [clip.source.encode("utf-8", "backslashreplace").decode() for clip in clips]
    width, height = np.array([clip.size for clip in clips], dtype=np.int32).T
    return {
        "source": np.repeat(np.array(sources), lengths),
        "frame": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time": np.concatenate([clip.times for clip in clips]).astype(np.float64, copy=False),
        "detected": np.concatenate([clip.detected for clip in clips]),
        "width": np.repeat(width, lengths),
        "height": np.repeat(height, lengths),
        "fps": np.repeat(np.array([clip.fps for clip in clips], dtype=np.float64), lengths),
        "landmarks": np.concatenate([clip.landmarks for clip in clips]).astype(
            np.float32, copy=False
        ),
    }


def restore_sources(sources: NDArray[np.str_]) -> NDArray[np.str_]:
    r"""Names of clips as they were before they were written.

    Parameters
    ----------
    sources : ndarray of str of shape (n_clips,)
        With bytes that are not UTF-8 as ``\udce9``. A name that holds these six characters
        itself is taken for one that doesn't.

    Returns
    -------
    ndarray of str of shape (n_clips,)
        With surrogates in their place, so that they open the files.
    """
    names = [_ESCAPED.sub(lambda found: chr(int(found[1], 16)), name) for name in sources.tolist()]
    return np.array(names, dtype=str)


def coordinate_names(n_landmarks: int) -> list[str]:
    """What the coordinates of a frame are called, as columns of their own.

    Parameters
    ----------
    n_landmarks : int

    Returns
    -------
    list of str
        ``p{landmark:03d}_{x|y|z}``, in the order of :class:`sklearn_temo.LandmarkLayout`.
    """
    names = LandmarkLayout(1, n_landmarks, 3).feature_names()
    return [name.removeprefix("f000_") for name in names]


def check_columns(path: Path, expected: Iterable[str], found: Iterable[str]) -> None:
    """Look whether a file has the columns of a table.

    Parameters
    ----------
    path : Path
        Of the file.
    expected, found : iterable of str
        Names of columns.

    Raises
    ------
    ValueError
        Naming one that is missing.
    """
    missing = sorted(set(expected) - set(found))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{str(path)!r} is no table of landmarks: the column {missing[0]!r}{more} is missing."
        )


def check_values(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Look whether columns hold rows, and values of their kinds.

    Parameters
    ----------
    path : Path
        Of the file.
    columns : dict of str to ndarray
        All of `READ_BACK`.

    Raises
    ------
    ValueError
    """
    if not len(columns["frame"]):
        raise ValueError(f"{str(path)!r} has no rows.")
    for name, (kinds, words) in READ_BACK.items():
        if columns[name].dtype.kind not in kinds:
            raise ValueError(
                f"{str(path)!r}: the column {name!r} must hold {words}, and nothing missing, but "
                f"holds {columns[name].dtype}."
            )


def find_clips(
    path: Path, source: NDArray[np.str_], frame: NDArray[np.integer]
) -> tuple[NDArray[np.intp], int]:
    """Find where clips start; a clip ends where the next frame is numbered 0.

    Parameters
    ----------
    path : Path
        Of the file.
    source : ndarray of str of shape (n_rows,)
    frame : ndarray of int of shape (n_rows,)

    Returns
    -------
    starts : ndarray of int of shape (n_clips,)
        The first row of each clip.
    n_frames : int
        Length of every clip.

    Raises
    ------
    ValueError
        If frames are missing or out of order, or the lengths differ.
    """
    is_start = frame == 0
    goes_on = (frame[1:] == frame[:-1] + 1) & (source[1:] == source[:-1])
    strays = np.flatnonzero(~(is_start | np.append(False, goes_on)))
    if len(strays):
        row = strays[0]
        raise ValueError(
            f"{str(path)!r}: row {row} is frame {frame[row]} of {str(source[row])!r}, but the row "
            "before it is not the frame before it; keep all frames of a clip, in their order."
        )
    starts = np.flatnonzero(is_start)
    lengths = np.diff(np.append(starts, len(frame)))
    others = np.flatnonzero(lengths != lengths[0])
    if len(others):
        other = others[0]
        raise ValueError(
            f"{str(path)!r}: clips must have equally many frames, but {str(source[0])!r} has "
            f"{lengths[0]} and {str(source[starts[other]])!r} has {lengths[other]}; extract them "
            "with a number of frames, or read the table with pandas."
        )
    return starts, int(lengths[0])
