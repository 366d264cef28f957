"""Input validation of clips."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._clip_window import ClipWindow, Span
from .._frame_folder import frame_files

# OpenCV, which MediaPipe uses, aborts the process for a longer side.
_MAX_SIDE = 32_766

# Pixels of a picture of 64 megapixels. Decoding and face detection need up to 16 bytes for each.
_MAX_PIXELS = 2**26


class UnsupportedClip(ValueError):
    """A clip that cannot be used although its file is not damaged."""


@dataclass(frozen=True)
class Clip:
    """A clip whose form was checked; `error` says why it cannot be used.

    Parameters
    ----------
    content : Path, tuple of Path, or ndarray of uint8 of shape (n_frames, height, width, 3)
        A tuple holds image files, one per frame. As the user passed it if the clip is invalid.
    source : str
        The path as the user passed it, or "clip 3" for an array. For a list of image files, the
        first and the last file: "S005/001/01.png ... 11.png".
    label : str
        Name of the clip in messages: its index, and its name or shape.
    error : Exception or None
        Why the clip is invalid, without the label; None if it is valid.
    span : Span or None
        The part of the file that is the clip; None for the whole file.
    """

    content: Path | tuple[Path, ...] | NDArray[np.uint8]
    source: str
    label: str
    error: Exception | None = None
    span: Span | None = None

    @property
    def name(self) -> str:
        """Source of the clip, and its part of the file."""
        return self.source if self.span is None else f"{self.source} {self.span}"


def check_clips(clips: Any, skip_bad: bool = False) -> list[Clip]:
    """Validate clips, as far as possible without decoding them.

    Parameters
    ----------
    clips : sequence of str, path, ClipWindow, ndarray, or tuple or list of paths
        Also a pandas Series, an object array, or a uint8 array of shape (n_clips, n_frames, height,
        width, 3). Arrays must be RGB. A tuple or a list of image paths is one clip, as is the path
        of a folder with numbered images.
    skip_bad : bool, default=False
        Return invalid clips with their `error`, instead of raising the error of the first.

    Returns
    -------
    list of Clip
        In the order of `clips`.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If `clips` is not a list of clips or is empty, or at the first invalid clip.
    """
    checked: list[Clip] = []
    files_of: dict[str, tuple[str, ...]] = {}
    for index, content in enumerate(_unwrap(clips)):
        span = None
        if isinstance(content, ClipWindow):
            span, content = content.span, content.path
        source, label = _names(index, content, span)
        if isinstance(content, tuple | list):
            # Other clips of image files may have the same first and last file.
            files = tuple(map(str, content))
            if files_of.setdefault(source, files) != files:
                source = f"{source} (clip {index})"
        try:
            checked.append(Clip(_check_content(content), source, label, span=span))
        except (OSError, TypeError, ValueError) as error:
            if not skip_bad:
                raise add_label(label, error) from None
            # A traceback would keep the clips in memory.
            checked.append(Clip(content, source, label, error.with_traceback(None), span))
    if not checked:
        raise ValueError("clips is empty: at least one clip is needed.")
    return checked


def _unwrap(clips: Any) -> Iterable[Any]:
    """Iterable of the clips in a list, an array or a similar container."""
    not_lists = str | bytes | os.PathLike | Mapping
    if isinstance(clips, Mapping) and hasattr(clips, "data"):
        raise TypeError(
            f"clips must be a list of paths or arrays, got a {type(clips).__name__}; pass its "
            "attribute data."
        )
    if isinstance(clips, not_lists) or not isinstance(clips, Iterable):
        raise TypeError(
            f"clips must be a list of paths or arrays, got a {type(clips).__name__}; pass [path] "
            "for a single clip."
        )
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


def _names(index: int, content: Any, span: Span | None) -> tuple[str, str]:
    """Source and label of a clip, as in :class:`Clip`."""
    name = f"clip {index}"
    if isinstance(content, np.ndarray):
        return name, f"{name} (array of shape {content.shape})"
    if _is_path(content):
        source = str(content)
    elif isinstance(content, tuple | list) and content and all(map(_is_path, content)):
        first, last = Path(content[0]), Path(content[-1])
        source = str(first)
        if len(content) > 1:
            source += f" ... {last.name if last.parent == first.parent else last}"
    else:
        return name, name
    return source, f"{name} ({source if span is None else f'{source} {span}'!r})"


def _check_content(content: Any) -> Path | tuple[Path, ...] | NDArray[np.uint8]:
    """Check that a clip can be read, without decoding it."""
    if _is_path(content):
        if not os.fspath(content):
            # It would mean the working directory.
            raise ValueError("the path is empty; pass the path of a file.")
        if not os.path.isdir(_expand(content)):
            return _check_file(content)
        content = frame_files(_expand(content))
    if isinstance(content, np.ndarray):
        return _check_array(content)
    if not isinstance(content, tuple | list) or not any(map(_is_path, content)):
        raise TypeError(
            "expected a path, a ClipWindow, a tuple of image paths, or a uint8 array of shape "
            f"(height, width, 3) or (n_frames, height, width, 3), got a {type(content).__name__}; "
            "np.stack makes an array of a list of frames, and rows whose path is missing must be "
            "dropped."
        )
    paths = []
    for number, frame in enumerate(content):
        if not _is_path(frame):
            raise TypeError(
                f"frame {number}: expected an image path, got {frame!r}; for a part of a file, "
                "pass ClipWindow(path, onset, offset)."
            )
        try:
            paths.append(_check_file(frame))
        except (OSError, ValueError) as error:
            raise add_label(f"frame {number} ({str(frame)!r})", error) from None
    return tuple(paths)


def add_label(label: str, error: Exception) -> Exception:
    """Copy of an error, without its traceback, whose message begins with a label.

    ValueError, TypeError, FileNotFoundError and OSError keep their type; others become ValueError.
    """
    kept = (ValueError, TypeError, FileNotFoundError, OSError)
    kind = type(error) if type(error) in kept else ValueError
    return kind(f"{label}: {error}")


def _expand(path: str | os.PathLike[str]) -> Path:
    # A folder may be named ~.
    return Path(path if os.path.lexists(path) else os.path.expanduser(path))


def _check_file(path: str | os.PathLike[str]) -> Path:
    checked = _expand(path)
    try:
        size = checked.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"no such file (working directory: {Path.cwd()}); check the path."
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"cannot be opened ({error}); check the path and its access rights."
        ) from None
    if not checked.is_file():
        raise ValueError("is a folder, a device or a pipe; pass a file, or a list of image files.")
    if not size:
        raise ValueError("the file is empty (0 bytes); copy or download it again.")
    return checked


def _check_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Check an array of frames, and make a single image a clip of one frame."""
    if array.dtype != np.uint8:
        raise TypeError(
            f"the dtype is {array.dtype}, expected uint8 from 0 to 255; convert values from 0 to 1 "
            "with (255.0 * clip).round().astype(np.uint8), 16-bit values with "
            "(clip >> 8).astype(np.uint8), other values from 0 to 255 with clip.astype(np.uint8)."
        )
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(
            "expected a non-empty RGB array of shape (height, width, 3) or (n_frames, height, "
            "width, 3); np.moveaxis moves colours to the last axis, clip[..., :3] removes alpha, "
            "np.stack([grey] * 3, axis=-1) converts grey of shape (height, width) or (n_frames, "
            "height, width)."
        )
    # The frames are in memory already, so that only the sides matter.
    _check_sides(width=array.shape[-2], height=array.shape[-3])
    return array if array.ndim == 4 else array[None]


def check_size(width: int, height: int) -> None:
    """Check that a frame can be decoded and processed.

    Parameters
    ----------
    width, height : int
        Pixels.

    Raises
    ------
    UnsupportedClip
        If it has too many pixels, or a side is too long.
    """
    _check_sides(width, height)
    if width * height > _MAX_PIXELS:
        raise UnsupportedClip(
            f"a frame has {width} x {height} pixels, {width * height:,} in all, but may have at "
            f"most {_MAX_PIXELS:,}; make the frames smaller."
        )


def _check_sides(width: int, height: int) -> None:
    if max(width, height) > _MAX_SIDE:
        raise UnsupportedClip(
            f"a frame has {width} x {height} pixels, but a side may have at most {_MAX_SIDE:,}; "
            "make the frames smaller."
        )
