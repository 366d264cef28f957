"""Clips as people have them (video files, images, arrays) read as RGB frames in time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._clips import Clip
from ._cut_off import CutOff
from ._damage import Hole
from ._sampling import Window, check_window, is_before_end, pick_frames
from ._video import OtherFrames, UnreadableVideo, Video

# Pillow opens more, but some of its other formats are recognised by few bytes (TGA) or are videos
# (MPEG), and would take files away from the video reader.
_IMAGE_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# Other formats with several pages (TIFF, the stereo pairs of cameras) are not moving pictures.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP")

# Six times 8K. The file may be small and say so nevertheless; as pixels these take 600 MB, and some
# of that again while they are converted.
_MAX_PIXELS = 200_000_000

_opening = threading.Lock()


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
        or back from the last frame if negative; None leaves an end open. Arrays of frames and
        clips of image files have no times: theirs are counted 0, 1, 2, ...
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
    if isinstance(clip.content, tuple):
        picks = _pick(clip, np.arange(len(clip.content)), n_frames, window)
        return Footage(np.nan, _sequence_frames(clip, clip.content, picks))
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
        except Exception as error:  # Pillow lets any through
            raise _unreadable(clip, error) from error
    try:
        video = Video(clip.content, n_threads)
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error
    return Footage(video.fps, _video_frames(clip, video, n_frames, window))


def _pick(
    clip: Clip, times: ArrayLike, n_frames: int | None, window: Window | None
) -> dict[int, int]:
    """Numbers of the frames to read, and how many frames of the sample each of them is."""
    try:
        return dict(pick_frames(times, n_frames, window))
    except ValueError as error:
        raise ValueError(f"{clip.label}: {error}") from None


def _unreadable(clip: Clip, reason: object) -> ValueError:
    what = str(reason) or type(reason).__name__
    return ValueError(
        f"{clip.label}: cannot be read as a video or an image ({what}); check that it is whole "
        "and plays, and convert it to MP4 or PNG if it does."
    )


def _incomplete(clip: Clip, loss: CutOff | Hole) -> ValueError:
    if isinstance(loss, Hole):
        until = "on" if loss.until is None else f"to {loss.until:.3f} s"
        return ValueError(
            f"{clip.label}: is damaged from {loss.last:.3f} s {until}, where "
            f"{loss.n_bytes} bytes cannot be read; copy or download it again. If there is no "
            "other copy, a window of time (sampling) that ends before that can be read."
        )
    cut = loss
    promised = "more" if cut.promised is None else f"{cut.promised:.3f} s"
    return ValueError(
        f"{clip.label}: breaks off at {cut.last:.3f} s, but its header promises {promised}; copy "
        "or download it again. If there is no more of it, `ffmpeg -i clip -c copy new` makes a "
        "clip of what there is; and a window of time (sampling) that ends before that can be read."
    )


def _open_image(clip: Clip, path: Path) -> Any:
    """Open a file as a Pillow image; None if it is none, whatever its name ends with."""
    from PIL import Image, UnidentifiedImageError

    Image.init()
    try:
        with _any_size():
            image = Image.open(path, formats=[f for f in _IMAGE_FORMATS if f in Image.OPEN])
    except UnidentifiedImageError:
        return None
    except Exception as error:  # Pillow lets any through
        raise _unreadable(clip, error) from error
    width, height = image.size
    if width * height > _MAX_PIXELS:
        image.close()
        raise ValueError(
            f"{clip.label}: is {width} x {height} pixels large, more than the "
            f"{_MAX_PIXELS // 10**6} million that are read at a time; scale it down, or cut the "
            "face out."
        )
    return image


@contextmanager
def _any_size() -> Iterator[None]:
    """Leave it to us which images are too large.

    Pillow warns of images of 90 million pixels, which cameras take, and calls those twice as large
    an attack, without their size. Its limit is one for the whole program.
    """
    from PIL import Image

    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


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
            except Exception as error:  # Pillow lets any through
                raise _unreadable(clip, error) from error
            yield Frame(pixels, times[number], repeats)


def _sequence_frames(
    clip: Clip, paths: tuple[Path, ...], picks: dict[int, int]
) -> Generator[Frame]:
    """Decode those image files of a clip that were picked; of an animated one the first picture."""
    size = None
    for number, repeats in picks.items():
        frame = clip.frame(number, paths[number])
        image = _open_image(frame, paths[number])
        if image is None:
            raise _unreadable(frame, "it is no image, as the frames of a clip of files must be")
        with image:
            try:
                pixels = _rgb(image)
            except Exception as error:  # Pillow lets any through
                raise _unreadable(frame, error) from error
        size = size or pixels.shape
        if pixels.shape != size:
            raise ValueError(
                f"{frame.label}: is {pixels.shape[1]} x {pixels.shape[0]} pixels large, but frames "
                f"before it are {size[1]} x {size[0]}; give all frames of a clip the same size."
            )
        yield Frame(pixels, float(number), repeats)


def _video_frames(
    clip: Clip, video: Video, n_frames: int | None, window: Window | None
) -> Generator[Frame]:
    try:
        with video:
            loss = video.loss()
            if n_frames is None and window is None:
                if loss is not None:
                    raise _incomplete(clip, loss)
                yield from (Frame(pixels, time, 1) for time, pixels in video.frames())
            else:
                yield from _video_sample(clip, video, n_frames, window, loss)
    except UnreadableVideo as error:
        raise _unreadable(clip, error) from error


def _video_sample(
    clip: Clip,
    video: Video,
    n_frames: int | None,
    window: Window | None,
    loss: CutOff | Hole | None,
) -> Iterator[Frame]:
    from_the_end = any(end is not None and end < 0 for end in window or ())
    n_given = 0
    # The times are in the packets, which cost little to read. Where these have none, or not every
    # packet becomes a frame (edit lists, damage), it takes decoding to know them.
    for timeline in (video.packet_timeline, video.decoded_timeline):
        found = timeline()
        if not found.times:
            continue
        # The same frames are in a window whatever is missing behind it.
        if loss is not None:
            sound = [time for time in found.times if time <= loss.last]
            if not sound or not is_before_end(sound, window):
                raise _incomplete(clip, loss)
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
