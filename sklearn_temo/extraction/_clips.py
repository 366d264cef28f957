"""Input validation of clips."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Errors keep these types when a label is added; others become ValueError.
_KEPT_TYPES = (ValueError, TypeError, FileNotFoundError, OSError)


@dataclass(frozen=True)
class Clip:
    """A validated clip, not read yet.

    Parameters
    ----------
    content : Path, tuple of Path, or ndarray of uint8 of shape (n_frames, height, width, 3)
        A tuple holds image files, one per frame.
    source : str
        The path as the user passed it, or "clip 3" for an array. For a clip of image files, the
        first and the last file: "S005/001/01.png ... 11.png".
    label : str
        Name of the clip in messages: its index, and its path or shape.
    """

    content: Path | tuple[Path, ...] | NDArray[np.uint8]
    source: str
    label: str

    def labelled(self, error: Exception) -> Exception:
        """Copy of an error whose message begins with the label of the clip.

        Parameters
        ----------
        error : Exception

        Returns
        -------
        Exception
            Without a traceback, which would keep the frames of the clip in memory. Of the type of
            `error` if that is ValueError, TypeError, FileNotFoundError or OSError, else ValueError.
        """
        return add_label(self.label, error)


@dataclass(frozen=True)
class BadClip:
    """A clip that failed the validation.

    Parameters
    ----------
    source : str
        As in :class:`Clip`.
    error : Exception
        The error that :func:`check_clips` raises for it.
    """

    source: str
    error: Exception


def check_clips(clips: Any, skip_bad: bool = False) -> list[Clip | BadClip]:
    """Validate clips, as far as possible without decoding them.

    Parameters
    ----------
    clips : sequence of str, path, ndarray, or tuple or list of paths
        Also a pandas Series, an object array, or a uint8 array of shape (n_clips, n_frames, height,
        width, 3). Arrays must be RGB. A tuple or a list of image paths is one clip.
    skip_bad : bool, default=False
        Return a :class:`BadClip` for a clip that fails, instead of raising its error.

    Returns
    -------
    list of Clip or BadClip
        In the order of `clips`.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If `clips` is not a list of clips or is empty, or at the first bad clip.
    """
    checked: list[Clip | BadClip] = []
    files_of: dict[str, tuple[str, ...]] = {}
    for index, content in enumerate(_as_list(clips)):
        source = _source(index, content)
        label = source if source == f"clip {index}" else f"clip {index} ({source!r})"
        if isinstance(content, np.ndarray):
            label = f"clip {index} (array of shape {content.shape})"
        elif isinstance(content, tuple | list):
            # Other clips of image files may have the same first and last file.
            files = tuple(map(str, content))
            if files_of.setdefault(source, files) != files:
                source = f"{source} (clip {index})"
        clip = Clip(content, source, label)
        try:
            checked.append(replace(clip, content=_check_content(content)))
        except (OSError, TypeError, ValueError) as error:
            labelled = clip.labelled(error)
            if not skip_bad:
                raise labelled from None
            checked.append(BadClip(source, labelled))
    if not checked:
        raise ValueError("clips is empty: at least one clip is needed.")
    return checked


def _as_list(clips: Any) -> Iterable[Any]:
    """Take the clips out of whatever container the user passed."""
    if isinstance(clips, str | bytes | os.PathLike):
        raise TypeError(f"clips must be a list, got the single path {clips!r}: pass [path].")
    if isinstance(clips, Mapping) or not isinstance(clips, Iterable):
        raise TypeError(f"clips must be a list of paths or arrays, got {type(clips).__name__}.")
    if not hasattr(clips, "__array__"):
        return clips
    array = np.asarray(clips)
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "OUT":
        array = array[:, 0]
    if array.ndim == 5 or (array.ndim == 1 and array.dtype.kind in "OUT"):
        return array
    raise ValueError(
        f"clips is an array of shape {array.shape} and dtype {array.dtype}: expected a 1-D array "
        "of paths or of arrays, or a uint8 array of shape (n_clips, n_frames, height, width, 3); "
        "pass [frames] for a single clip, list(images) for a stack of images."
    )


def _is_path(content: Any) -> bool:
    return isinstance(content, str | os.PathLike)


def _source(index: int, content: Any) -> str:
    if _is_path(content):
        return str(content)
    if isinstance(content, tuple | list) and content and all(map(_is_path, content)):
        first, last = Path(content[0]), Path(content[-1])
        if len(content) == 1:
            return str(first)
        return f"{first} ... {last.name if last.parent == first.parent else last}"
    return f"clip {index}"


def _check_content(content: Any) -> Path | tuple[Path, ...] | NDArray[np.uint8]:
    if _is_path(content):
        return _check_file(content)
    if isinstance(content, np.ndarray):
        return _check_array(content)
    if not isinstance(content, tuple | list) or not any(map(_is_path, content)):
        raise TypeError(
            "expected a path, a tuple of image paths, or a uint8 array of shape (height, width, 3) "
            f"or (n_frames, height, width, 3), got a {type(content).__name__}; np.stack makes an "
            "array of a list of frames, and rows whose path is missing must be dropped."
        )
    paths = []
    for number, frame in enumerate(content):
        if not _is_path(frame):
            raise TypeError(f"frame {number}: expected an image path, got {frame!r}.")
        try:
            paths.append(_check_file(frame))
        except (OSError, ValueError) as error:
            raise add_label(f"frame {number} ({str(frame)!r})", error) from None
    return tuple(paths)


def add_label(label: str, error: Exception) -> Exception:
    """Copy of an error, without its traceback, whose message begins with a label."""
    kind = type(error) if type(error) in _KEPT_TYPES else ValueError
    return kind(f"{label}: {error}")


def _check_file(path: str | os.PathLike[str]) -> Path:
    # A folder may really be called ~.
    checked = Path(path if os.path.lexists(path) else os.path.expanduser(path))
    try:
        size = checked.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no such file (seen from {Path.cwd()}); check the path.") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be opened ({error}); check the path.") from None
    if not checked.is_file():
        raise ValueError("is a folder, a device or a pipe; pass a file, or a list of image files.")
    if not size:
        raise ValueError("the file is empty (0 bytes); copy or download it again.")
    return checked


def _check_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Check an array of frames, and make a single image a clip of one frame."""
    if array.dtype != np.uint8:
        advice = "convert it with clip.astype(np.uint8) if its values are from 0 to 255"
        if array.dtype.kind == "f" and np.isnan(array).any():
            advice = "some of its values are NaN: fill or drop those frames first"
        elif array.dtype == np.uint16:
            advice = "convert 16-bit colours with (clip >> 8).astype(np.uint8)"
        elif array.dtype.kind in "fb":
            advice = "convert values from 0 to 1 with (255.0 * clip).round().astype(np.uint8)"
        raise TypeError(f"the dtype is {array.dtype}, expected uint8 from 0 to 255; {advice}.")
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(
            "expected a non-empty RGB array of shape (height, width, 3) or (n_frames, height, "
            "width, 3); np.moveaxis moves colours to the last axis, clip[..., :3] drops alpha, "
            "np.stack([grey] * 3, axis=-1) converts grey of shape (height, width) or (n_frames, "
            "height, width)."
        )
    return array if array.ndim == 4 else array[None]
