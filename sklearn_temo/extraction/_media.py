"""Clips as people have them (video files, image files, arrays) read as RGB frames in time."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._video import UnreadableVideo, Video

# Pillow opens more, but some of its other formats are recognised by few bytes (TGA) or are videos
# (MPEG), and would take files away from the video reader.
_IMAGE_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# Other formats with several pages (TIFF, the stereo pairs of cameras) are not moving pictures.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP")

# What Pillow raises where an image breaks off or is damaged.
_BAD_IMAGE = (OSError, EOFError, SyntaxError, ValueError)

# Seconds; the same tick of a clock, read from a packet and from its frame.
_SAME_TIME = 1e-6

# Share of the gap between two frames by which rounded times may be off.
_ROUNDING = 0.1


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


def check_clips(clips: Any) -> list[Clip]:
    """Look at everything that is cheap to see, before the long work begins.

    Parameters
    ----------
    clips : sequence of str, path or ndarray
        Also a pandas Series, an object array, or a uint8 array of shape (n_clips, n_frames, height,
        width, 3).

    Returns
    -------
    list of Clip

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        Naming the first clip that cannot be read, what was found, and what to do.
    """
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
    checked = [_check_clip(index, clip) for index, clip in enumerate(clips)]
    if not checked:
        raise ValueError("clips is empty: at least one clip is needed.")
    return checked


def read_clip(clip: Clip, n_frames: int | None) -> Footage:
    """Begin to read a clip.

    Parameters
    ----------
    clip : Clip
    n_frames : int or None
        How many frames, evenly in time and with the first and the last; None for all of them.

    Returns
    -------
    Footage
        Its frames come one by one, each of them once. The repeats of a sample add up to
        `n_frames`; a clip with fewer frames repeats some.

    Raises
    ------
    ValueError
        Here or from the frames, if the file cannot be decoded.
    """
    if not isinstance(clip.content, Path):
        frames = clip.content
        picks = _pick(np.arange(len(frames)), n_frames)
        return Footage(np.nan, (Frame(frames[i], float(i), repeats) for i, repeats in picks))
    image = _open_image(clip, clip.content)
    if image is not None:
        try:
            return _read_image(clip, image, n_frames)
        except _BAD_IMAGE as error:
            raise _unreadable(clip, error) from error
    try:
        video = Video.probe(clip.content)
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error
    return Footage(video.fps, _video_frames(clip, video, n_frames))


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
        path = Path(clip)
        label = f"clip {index} ({str(clip)!r})"
        if not path.exists():
            raise FileNotFoundError(
                f"{label}: no such file, seen from {Path.cwd()}; check the path, or pass it whole."
            )
        if path.is_dir():
            raise ValueError(f"{label}: is a folder; pass the files in it.")
        if not path.stat().st_size:
            raise ValueError(f"{label}: the file is empty (0 bytes); copy or download it again.")
        return Clip(path, str(clip), label)
    if not isinstance(clip, np.ndarray):
        raise TypeError(
            f"clip {index} is a {type(clip).__name__}: expected a path, or a uint8 array of shape "
            "(height, width, 3) or (n_frames, height, width, 3); np.stack makes one of a list."
        )
    label = f"clip {index} (array of shape {clip.shape})"
    if clip.dtype != np.uint8:
        raise TypeError(
            f"{label}: the dtype is {clip.dtype}, expected uint8 from 0 to 255; convert it first, "
            "for values from 0 to 1 with (255 * clip).round().astype(np.uint8)."
        )
    if clip.ndim not in (3, 4) or clip.shape[-1] != 3 or 0 in clip.shape:
        raise ValueError(
            f"{label}: expected (height, width, 3) or (n_frames, height, width, 3), RGB and not "
            "empty; np.moveaxis puts colours last, np.stack([grey] * 3, axis=-1) colours grey."
        )
    return Clip(clip if clip.ndim == 4 else clip[None], f"clip {index}", label)


def _pick(times: ArrayLike, n_frames: int | None) -> list[tuple[int, int]]:
    """Choose the frames nearest to evenly spaced times: their numbers, and how often each.

    Of two that are equally near the earlier is taken, whatever floating point makes of the tie.
    """
    times = np.asarray(times, dtype=np.float64)
    if n_frames is None:
        return [(i, 1) for i in range(len(times))]
    # Containers round times to their own ticks. Undone, the same frames are taken from a file of
    # constant rate and from the array that somebody decoded it to.
    even = np.linspace(times[0], times[-1], len(times))
    if np.abs(times - even).max() <= _ROUNDING * (even[-1] - even[0]) / len(even):
        times = even
    wanted = np.linspace(times[0], times[-1], n_frames)
    place = np.interp(wanted, times, np.arange(len(times)))
    numbers, repeats = np.unique(np.ceil(place - 0.5 - 1e-6).astype(int), return_counts=True)
    return list(zip(numbers.tolist(), repeats.tolist(), strict=True))


def _unreadable(clip: Clip, reason: object) -> ValueError:
    return ValueError(
        f"{clip.label}: cannot be read as a video or an image ({reason}); check that it plays, and "
        "convert it to MP4 or PNG if it does."
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


def _read_image(clip: Clip, image: Any, n_frames: int | None) -> Footage:
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
    return Footage(fps, _image_frames(clip, image, times, n_frames))


def _image_frames(
    clip: Clip, image: Any, times: list[float], n_frames: int | None
) -> Generator[Frame]:
    with image:
        for number, repeats in _pick(times, n_frames):
            try:
                image.seek(number)
                pixels = _rgb(image)
            except _BAD_IMAGE as error:
                raise _unreadable(clip, error) from error
            yield Frame(pixels, times[number], repeats)


def _video_frames(clip: Clip, video: Video, n_frames: int | None) -> Generator[Frame]:
    try:
        if n_frames is None:
            yield from (Frame(pixels, time, 1) for time, pixels in video.frames())
            return
        # The times are in the packets, which cost little to read. Where these have none, or not
        # every packet becomes a frame (edit lists, damage), it takes decoding to know them.
        for times in (video.packet_times, video.frame_times):
            sample = _sample(video, times(), n_frames)
            if sample:
                yield from sample
                return
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error
    raise _unreadable(clip, "it has no frames")


def _sample(video: Video, times: list[float], n_frames: int) -> list[Frame]:
    """Decode the sample that some times lead to; empty if the frames have other times."""
    picks = dict(_pick(times, n_frames)) if times else {}
    sample = []
    for number, (time, pixels) in zip(picks, video.frames(picks), strict=False):
        if abs(time - times[number]) > _SAME_TIME:
            return []
        sample.append(Frame(pixels, time, picks[number]))
    return sample if len(sample) == len(picks) else []


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
