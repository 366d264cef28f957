"""Clips as people have them (video files, image files, arrays) read as RGB frames in time."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._sampling import Window, check_window, pick_frames
from ._video import OtherFrames, UnreadableVideo, Video

# Pillow opens more, but some of its other formats are recognised by few bytes (TGA) or are videos
# (MPEG), and would take files away from the video reader.
_IMAGE_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# Other formats with several pages (TIFF, the stereo pairs of cameras) are not moving pictures.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP")

# What Pillow raises where an image breaks off or is damaged.
_BAD_IMAGE = (OSError, EOFError, SyntaxError, ValueError)


@dataclass(frozen=True)
class Clip:
    """A clip that has been looked at, but not read.

    Parameters
    ----------
    content : Path or ndarray of uint8 of shape (n_frames, height, width, 3)
    source : str
        What the clip is called: its path as it was passed, or "clip 3" for an array.
    label : str
        What messages call it: its index, and its path or its shape.
    """

    content: Path | NDArray[np.uint8]
    source: str
    label: str


@dataclass(frozen=True)
class Frame:
    """One frame of a clip.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 3)
        RGB, upright, of square pixels.
    time : float
        Seconds; the number of the frame where a clip has no times.
    repeats : int
        How many frames of the sample it stands for.
    """

    pixels: NDArray[np.uint8]
    time: float
    repeats: int


@dataclass(frozen=True)
class Footage:
    """A clip being read: its rate in frames a second (NaN where it has none) and its frames."""

    fps: float
    frames: Generator[Frame]


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
    clips : sequence of str, path or ndarray
        Also a pandas Series, an object array, or a uint8 array of shape (n_clips, n_frames, height,
        width, 3). Arrays are RGB, which nobody can check: OpenCV reads BGR, and
        ``frames[..., ::-1]`` turns that into RGB.

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
    clips : sequence of str, path or ndarray
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
    index = -1
    for index, clip in enumerate(clips):
        try:
            yield _check_clip(index, clip)
        except (OSError, TypeError, ValueError) as error:
            is_path = isinstance(clip, (str, os.PathLike))
            # A traceback would keep the clip itself.
            yield BadClip(str(clip) if is_path else f"clip {index}", error.with_traceback(None))
    if index < 0:
        raise ValueError("clips is empty: at least one clip is needed.")


def read_clip(
    clip: Clip, n_frames: int | None, window: Window | None = None, n_threads: int = 0
) -> Footage:
    """Begin to read a clip.

    Parameters
    ----------
    clip : Clip
    n_frames : int or None
        How many frames, evenly in time and with the first and the last; None for all of them.
    window : (float or None, float or None) or None, default=None
        Read only the frames from `start` to `stop`, both inclusive: seconds from the first frame,
        or back from the last frame if negative; None leaves an end open. Arrays of frames have no
        times: theirs are counted 0, 1, 2, ...
    n_threads : int, default=0
        Threads that decode a video; 0 chooses by the number of processors.

    Returns
    -------
    Footage
        Its frames come one by one, each of them once. The repeats of a sample add up to
        `n_frames`; a clip with fewer frames repeats some.

    Raises
    ------
    TypeError
        If `window` is no pair of numbers.
    ValueError
        Here or from the frames, if the file cannot be decoded, or no frame is inside `window`.
    """
    check_window(window)
    if not isinstance(clip.content, Path):
        frames = clip.content
        picks = _pick(clip, np.arange(len(frames)), n_frames, window)
        return Footage(
            np.nan, (Frame(frames[i], float(i), repeats) for i, repeats in picks.items())
        )
    image = _open_image(clip, clip.content)
    if image is not None:
        try:
            return _read_image(clip, image, n_frames, window)
        except _BAD_IMAGE as error:
            raise _unreadable(clip, error) from error
    try:
        video = Video(clip.content, n_threads)
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error
    return Footage(video.fps, _video_frames(clip, video, n_frames, window))


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


def _check_clip(index: int, clip: Any) -> Clip:
    if isinstance(clip, (str, os.PathLike)):
        return _check_file(Path(clip), str(clip), f"clip {index} ({str(clip)!r})")
    if not isinstance(clip, np.ndarray):
        raise TypeError(
            f"clip {index} is a {type(clip).__name__}: expected a path, or a uint8 array of shape "
            "(height, width, 3) or (n_frames, height, width, 3); np.stack makes one of a list, and "
            "rows whose path is missing are best dropped."
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
    return Clip(clip if clip.ndim == 4 else clip[None], f"clip {index}", label)


def _check_file(path: Path, source: str, label: str) -> Clip:
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
    return Clip(path, source, label)


def _to_uint8(clip: NDArray[Any]) -> str:
    """What to do with an array of another type."""
    if clip.dtype.kind == "f" and np.isnan(clip).any():
        return "some of its values are NaN: fill or drop those frames first"
    if clip.dtype == np.uint16:
        return "for 16 bits a colour convert it with (clip >> 8).astype(np.uint8)"
    if clip.dtype.kind in "fb":
        return "for values from 0 to 1 convert it with (255.0 * clip).round().astype(np.uint8)"
    return "convert it with clip.astype(np.uint8) if that is what it holds"


def _pick(
    clip: Clip, times: ArrayLike, n_frames: int | None, window: Window | None
) -> dict[int, int]:
    """Numbers of the frames to read, and how many frames of the sample each of them is."""
    try:
        return dict(pick_frames(times, n_frames, window))
    except ValueError as error:
        raise ValueError(f"{clip.label}: {error}") from None


def _unreadable(clip: Clip, reason: object) -> ValueError:
    return ValueError(
        f"{clip.label}: cannot be read as a video or an image ({reason}); check that it is whole "
        "and plays, and convert it to MP4 or PNG if it does."
    )


def _open_image(clip: Clip, path: Path) -> Any:
    """Open a file as a Pillow image; None if it is none, whatever its name ends with."""
    from PIL import Image, UnidentifiedImageError

    Image.init()
    try:
        return Image.open(path, formats=[f for f in _IMAGE_FORMATS if f in Image.OPEN])
    except UnidentifiedImageError:
        return None
    except (OSError, Image.DecompressionBombError) as error:
        raise _unreadable(clip, error) from error


def _read_image(clip: Clip, image: Any, n_frames: int | None, window: Window | None) -> Footage:
    is_animated = image.format in _ANIMATED_FORMATS and getattr(image, "n_frames", 1) > 1
    times = [0.0]
    if is_animated:
        for number in range(image.n_frames - 1):
            image.seek(number)
            times.append(times[-1] + image.info.get("duration", 0) / 1000)
        # Files that say nothing, or 0, leave the speed to whoever shows them.
        if not times[-1]:
            times = [float(number) for number in range(len(times))]
    fps = (len(times) - 1) / times[-1] if is_animated else np.nan
    return Footage(fps, _image_frames(clip, image, times, n_frames, window))


def _image_frames(
    clip: Clip, image: Any, times: list[float], n_frames: int | None, window: Window | None
) -> Generator[Frame]:
    with image:
        for number, repeats in _pick(clip, times, n_frames, window).items():
            try:
                image.seek(number)
                pixels = _rgb(image)
            except _BAD_IMAGE as error:
                raise _unreadable(clip, error) from error
            yield Frame(pixels, times[number], repeats)


def _video_frames(
    clip: Clip, video: Video, n_frames: int | None, window: Window | None
) -> Generator[Frame]:
    try:
        with video:
            if n_frames is None and window is None:
                yield from (Frame(pixels, time, 1) for time, pixels in video.frames())
            else:
                yield from _video_sample(clip, video, n_frames, window)
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error


def _video_sample(
    clip: Clip, video: Video, n_frames: int | None, window: Window | None
) -> Iterator[Frame]:
    from_the_end = any(end is not None and end < 0 for end in window or ())
    n_given = 0
    # The times are in the packets, which cost little to read. Where these have none, or not every
    # packet becomes a frame (edit lists, damage), it takes decoding to know them.
    for timeline in (video.packet_timeline, video.decoded_timeline):
        found = timeline()
        if not found.times:
            continue
        picks = _pick(clip, found.times, n_frames, window)
        checked = {0, len(found.times) - 1} if from_the_end else {0}
        frames = (
            Frame(pixels, time, picks[number])
            for number, time, pixels in video.frames_at(found, picks, checked)
        )
        try:
            # A sample has to be whole before any of it is given: other times make another sample.
            # Of all frames after the first, those that were given stay right.
            if n_frames is not None or from_the_end:
                yield from list(frames)
            else:
                for frame in islice(frames, n_given, None):
                    yield frame
                    n_given += 1
            return
        except OtherFrames:
            continue
    raise UnreadableVideo("it has no frames")


def _rgb(image: Any) -> NDArray[np.uint8]:
    """Pixels of an image as people see it: upright, 8 bits a colour, without transparency."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # Pillow's own conversion of 16 bits to 8 keeps the low values and makes the rest white.
        deep = np.clip(np.asarray(image), 0, 65535)
        image = Image.fromarray((deep >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    return np.array(image.convert("RGB"))
