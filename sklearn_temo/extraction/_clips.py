"""Clips as people pass them, looked at before they are read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """A clip that has been looked at, but not read.

    Parameters
    ----------
    content : Path, tuple of Path, or ndarray of uint8 of shape (n_frames, height, width, 3)
        Paths in a tuple are image files, a frame each.
    source : str
        What the clip is called: its path as it was passed, or "clip 3" for an array. A clip of
        image files is called after the first and the last: "S005/001/01.png ... 11.png".
    label : str
        What messages call it: its index, and its path or its shape.
    """

    content: Path | tuple[Path, ...] | NDArray[np.uint8]
    source: str
    label: str

    def frame(self, number: int, path: Path) -> Clip:
        """One frame of a clip of image files, as a clip by itself.

        Parameters
        ----------
        number : int
            Of the frame.
        path : Path
            Of its file.

        Returns
        -------
        Clip
            Whose label names the clip, the frame and the file.
        """
        return Clip(path, str(path), f"{self.label}, frame {number} ({str(path)!r})")


@dataclass(frozen=True)
class BadClip:
    """A clip that cannot be read, as can be seen without reading it.

    Parameters
    ----------
    source : str
        What the clip is called, as in :class:`Clip`.
    error : Exception
        What :func:`check_clips` would raise for it.
    """

    source: str
    error: Exception


def check_clips(clips: Any) -> list[Clip]:
    """Look at everything that is cheap to see, before the long work begins.

    Parameters
    ----------
    clips : sequence of str, path, ndarray, or tuple or list of paths
        Also a pandas Series, an object array, or a uint8 array of shape (n_clips, n_frames, height,
        width, 3). Arrays are RGB, which nobody can check: OpenCV reads BGR, and
        ``frames[..., ::-1]`` turns that into RGB. A tuple or a list of paths of images is one clip.

    Returns
    -------
    list of Clip

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        Naming the first clip that cannot be read, what was found, and what to do.
    """
    checked = []
    for clip in _look_one_by_one(clips):
        if isinstance(clip, BadClip):
            raise clip.error
        checked.append(clip)
    return checked


def look_at_clips(clips: Any) -> list[Clip | BadClip]:
    """Look at clips as :func:`check_clips` does, and go on after bad ones.

    Parameters
    ----------
    clips : sequence of str, path, ndarray, or tuple or list of paths
        As in :func:`check_clips`.

    Returns
    -------
    list of Clip or BadClip
        In the order of `clips`.

    Raises
    ------
    TypeError, ValueError
        If `clips` as a whole is not a list of clips, or is empty.
    """
    return list(_look_one_by_one(clips))


def _look_one_by_one(clips: Any) -> Iterator[Clip | BadClip]:
    if isinstance(clips, (str, bytes, os.PathLike)):
        raise TypeError(
            f"clips must be a list of clips, got the single path {clips!r}: pass [path]."
        )
    if clips is None or isinstance(clips, Mapping) or not isinstance(clips, Iterable):
        raise TypeError(
            "clips must be a list of paths or of uint8 RGB arrays, got "
            f"{'None' if clips is None else type(clips).__name__}."
        )
    if hasattr(clips, "__array__"):
        clips = _split_array(np.asarray(clips))
    index, sources = -1, _Sources()
    for index, clip in enumerate(clips):
        source = sources.name(index, clip)
        try:
            yield _check_clip(index, clip, source)
        except (OSError, TypeError, ValueError) as error:
            # A traceback would keep the clip itself.
            yield BadClip(source, error.with_traceback(None))
    if index < 0:
        raise ValueError("clips is empty: at least one clip is needed.")


def _split_array(array: NDArray[Any]) -> Iterable[Any]:
    """Take the clips out of an array that stands in for a list."""
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "OUT":
        array = array[:, 0]
    if array.ndim == 5 or (array.ndim == 1 and array.dtype.kind in "OUT"):
        return array
    raise ValueError(
        f"clips is an array of shape {array.shape} and dtype {array.dtype}: expected a 1-D array "
        "of paths or of arrays, or a uint8 array of shape (n_clips, n_frames, height, width, 3); "
        "pass [frames] for a single clip, list(images) for a stack of images."
    )


def _check_clip(index: int, clip: Any, source: str) -> Clip:
    if _is_path(clip):
        return _check_file(Clip(_file(clip), source, f"clip {index} ({source!r})"))
    if isinstance(clip, (tuple, list)) and (not clip or any(map(_is_path, clip))):
        return _check_frames(index, clip, source)
    if not isinstance(clip, np.ndarray):
        raise TypeError(
            f"clip {index} is a {type(clip).__name__}: expected a path, a tuple of paths of "
            "images, or a uint8 array of shape (height, width, 3) or (n_frames, height, width, 3); "
            "np.stack makes one of a list, and rows whose path is missing are best dropped."
        )
    label = f"clip {index} (array of shape {clip.shape})"
    if clip.dtype != np.uint8:
        raise TypeError(
            f"{label}: the dtype is {clip.dtype}, expected uint8 from 0 to 255; {_to_uint8(clip)}."
        )
    if clip.ndim not in (3, 4) or clip.shape[-1] != 3 or 0 in clip.shape:
        raise ValueError(
            f"{label}: expected (height, width, 3) or (n_frames, height, width, 3), RGB and not "
            "empty; np.moveaxis puts colours last, clip[..., :3] drops alpha, np.stack([grey] * 3, "
            "axis=-1) colours grey of shape (height, width) or (n_frames, height, width)."
        )
    return Clip(clip if clip.ndim == 4 else clip[None], source, label)


def _is_path(clip: Any) -> bool:
    return isinstance(clip, (str, os.PathLike))


def _file(path: Any) -> Path:
    """Where a path leads, which may begin with the home folder."""
    # A folder that is really called ~ is what somebody got who wrote it where it is not expanded.
    is_literal = not str(path).startswith("~") or os.path.lexists(path)
    return Path(path) if is_literal else Path(os.path.expanduser(path))


def _source(index: int, clip: Any) -> str:
    """What a clip is called, be it good or bad."""
    if _is_path(clip):
        return str(clip)
    if isinstance(clip, (tuple, list)) and clip and all(map(_is_path, clip)):
        first, last = Path(clip[0]), Path(clip[-1])
        if len(clip) == 1:
            return str(first)
        return f"{first} ... {last.name if last.parent == first.parent else last}"
    return f"clip {index}"


class _Sources:
    """Names of clips, no two of which share one unless they are the same files."""

    def __init__(self) -> None:
        self._frames: dict[str, tuple[str, ...]] = {}

    def name(self, index: int, clip: Any) -> str:
        source = _source(index, clip)
        if isinstance(clip, (tuple, list)) and " ... " in source:
            # Others may begin and end with the same files.
            frames = tuple(map(str, clip))
            if self._frames.setdefault(source, frames) != frames:
                source = f"{source} (clip {index})"
        return source


def _check_frames(index: int, frames: Sequence[Any], source: str) -> Clip:
    """Look at a clip whose frames are image files."""
    if not frames:
        raise ValueError(
            f"clip {index} is an empty {type(frames).__name__}: expected the paths of its frames, "
            "one at least."
        )
    for number, frame in enumerate(frames):
        if not _is_path(frame):
            raise TypeError(
                f"clip {index}, frame {number} is a {type(frame).__name__}: expected the path of "
                "an image, as the other frames of the clip."
            )
    paths = tuple(map(_file, frames))
    clip = Clip(paths, source, f"clip {index} ({source!r})")
    for number, path in enumerate(paths):
        _check_file(clip.frame(number, path))
    return clip


def _check_file(clip: Clip) -> Clip:
    path, label = clip.content, clip.label
    assert isinstance(path, Path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"{label}: no such file, seen from {Path.cwd()}; check the path, or pass it whole."
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{label}: cannot be opened ({error}); check the path.") from None
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(f"{label}: is a folder; pass the files in it.")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{label}: is a device or a pipe; pass a file.")
    if not status.st_size:
        raise ValueError(f"{label}: the file is empty (0 bytes); copy or download it again.")
    return clip


def _to_uint8(clip: NDArray[Any]) -> str:
    """What to do with an array of another type."""
    if clip.dtype.kind == "f" and np.isnan(clip).any():
        return "some of its values are NaN: fill or drop those frames first"
    if clip.dtype == np.uint16:
        return "for 16 bits a colour convert it with (clip >> 8).astype(np.uint8)"
    if clip.dtype.kind in "fb":
        return "for values from 0 to 1 convert it with (255.0 * clip).round().astype(np.uint8)"
    return "convert it with clip.astype(np.uint8) if that is what it holds"
