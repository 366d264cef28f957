"""Reading of clips as RGB frames with times."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._clip_window import Span
from ._clips import Clip, UnsupportedClip, add_label
from ._damage import find_damage
from ._images import ImageFile, open_image
from ._time_limit import restart_time_limit
from ._video import DamagedVideo, UnreadableFile, Video, WrongTimeline, as_unreadable

# Maximum rounding error of times in containers, as a share of the step between two frames.
_ROUNDING = 0.1

# Most containers round times to milliseconds.
_TICK = 1e-3

Window = tuple[float | None, float | None]


@dataclass(frozen=True)
class Frame:
    """One frame of a clip.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 3)
        RGB, upright, with square pixels.
    time : float
        Seconds, or the number of the frame in a clip without times.
    repeats : int
        Number of frames of the sample that it is used for.
    n_total : int
        Number of different frames that are read of the clip.
    """

    pixels: NDArray[np.uint8]
    time: float
    repeats: int
    n_total: int


def check_window(window: Any) -> Window:
    """Validate a window of time.

    Parameters
    ----------
    window : (float or None, float or None)
        As in :func:`pick_frames`.

    Returns
    -------
    (float or None, float or None)
        As Python numbers.

    Raises
    ------
    ValueError
        If it is not a pair of finite numbers in order.
    """
    with suppress(TypeError, ValueError):
        start, stop = (None if end is None else float(end) for end in window)
        is_finite = all(end is None or np.isfinite(end) for end in (start, stop))
        # Comparing a time from the start to a time from the end needs the duration of a clip.
        if is_finite and (
            start is None or stop is None or (start < 0) != (stop < 0) or start < stop
        ):
            return start, stop
    raise ValueError(
        f"sampling={window!r} must be a pair (start, stop) of finite numbers of seconds, the start "
        "before the stop; None leaves an end open."
    )


def pick_frames(
    times: ArrayLike, n_frames: int | None, window: Window | None = None
) -> dict[int, int]:
    """Choose the frames nearest to evenly spaced times.

    Of two frames that are equally near, the earlier one is chosen.

    Parameters
    ----------
    times : array-like of float of shape (n_times,)
        Times of the frames, ascending; at least one.
    n_frames : int or None
        How many frames, evenly spaced in time, with the first and the last; None for all.
    window : (float or None, float or None) or None, default=None
        Choose only frames from `start` to `stop`, both inclusive, counted from the first frame,
        or back from the last frame if negative; None is an open end. A Span must lie inside the
        clip.

    Returns
    -------
    dict of int to int
        Numbers of the frames, ascending, and how often each one is used.

    Raises
    ------
    ValueError
        If no frame is inside the window, or a Span reaches beyond the clip.

    Examples
    --------
    >>> from sklearn_temo.extraction._reading import pick_frames
    >>> times = [0.0, 0.5, 1.0, 1.5, 2.0]
    >>> pick_frames(times, 3)
    {0: 1, 2: 1, 4: 1}
    >>> pick_frames(times, 4, window=(-0.5, None))
    {3: 2, 4: 2}
    """
    times = np.asarray(times, dtype=np.float64)
    start, stop = window or (None, None)
    step = np.median(np.diff(times)) if len(times) > 1 else np.inf
    slack = min(_TICK, _ROUNDING * step)
    first, last = 0, len(times) - 1
    if start is not None:
        first = int(np.searchsorted(times, times[0 if start >= 0 else -1] + start - slack))
    if stop is not None:
        end = times[0 if stop >= 0 else -1] + stop
        last = int(np.searchsorted(times, end + slack, side="right")) - 1
    length = times[-1] - times[0]
    is_span = isinstance(window, Span)
    # The last frame is shown for one step. Annotated times are often rounded.
    is_beyond = is_span and max(start or 0, stop or 0) > length + 1.5 * step
    if first > last or is_beyond:
        extent = "1 frame"
        if len(times) > 1:
            extent = (
                f"{len(times)} frames from 0 to {length:.6g} (seconds, or frames of an array), "
                f"{step:.6g} apart"
            )
        if is_beyond:
            raise ValueError(
                f"its part {window} ends after the file, which has {extent}; correct the onset and "
                "the offset."
            )
        place = f"its part {window}" if is_span else f"sampling={window!r}"
        raise ValueError(f"no frame lies inside {place}; the clip has {extent}.")
    if n_frames is None:
        return dict.fromkeys(range(first, last + 1), 1)
    # Containers round times. Rounding is undone, so that a video of constant frame rate and the
    # array of its frames give the same sample.
    even = np.linspace(times[0], times[-1], len(times))
    if np.abs(times - even).max() <= _ROUNDING * (even[-1] - even[0]) / len(even):
        times = even
    wanted = np.linspace(times[first], times[last], n_frames)
    places = np.interp(wanted, times, np.arange(len(times)))
    numbers, repeats = np.unique(np.ceil(places - 0.5 - 1e-6).astype(int), return_counts=True)
    return dict(zip(numbers.tolist(), repeats.tolist(), strict=True))


def read_clip(
    clip: Clip, n_frames: int | None, window: Window | None = None
) -> tuple[float, Generator[Frame]]:
    """Open a clip, and read a sample of its frames.

    Parameters
    ----------
    clip : Clip
    n_frames, window
        As in :func:`pick_frames`. The span of the clip replaces `window`. The frames of arrays and
        of clips of image files are at times 0, 1, 2, ...

    Returns
    -------
    fps : float
        Mean frames per second; NaN if the clip has no rate.
    frames : generator of Frame
        Each frame once. The repeats add up to `n_frames`; a clip of fewer frames repeats some.

    Raises
    ------
    OSError
        If the operating system does not allow reading the file.
    ValueError
        Here or from the frames, if the file cannot be decoded, is damaged, or has no frame inside
        `window`. The message does not name the clip: see :func:`add_label`.
    """
    content, window = clip.content, clip.span or window
    if isinstance(content, tuple):
        return np.nan, _with_time_limit(_read_image_files(content, n_frames, window))
    if not isinstance(content, Path):
        picks = pick_frames(range(len(content)), n_frames, window)
        frames = (Frame(content[i], float(i), n, len(picks)) for i, n in picks.items())
        return np.nan, _with_time_limit(frames)
    # Pillow and FFmpeg report a file without permission as a damaged one.
    with open(content, "rb") as file:
        file.read(1)
    image = open_image(content)
    if image is None:
        video = Video(content)
        return video.fps, _with_time_limit(_read_video(video, n_frames, window))
    fps, times = image.timeline()
    return fps, _with_time_limit(_read_image(image, times, n_frames, window))


def _read_video(video: Video, n_frames: int | None, window: Window | None) -> Generator[Frame]:
    start, stop = window or (None, None)
    counts_back = (start or 0) < 0 or (stop or 0) < 0
    n_read = 0
    with closing(video):
        with as_unreadable():
            damage = find_damage(video.path, video.stream, video.packets, video.errors, video.spans)
        # The packets usually contain the times of the frames; otherwise, all frames are decoded.
        for find_timeline in (video.packet_timeline, video.decoded_timeline):
            times, _ = timeline = find_timeline()
            if not times:
                continue
            # A window before the damage contains the same frames as in the undamaged clip.
            if damage and (counts_back or stop is None or stop >= damage.start - times[0]):
                raise DamagedVideo(damage.message)
            picks = pick_frames(times, n_frames, window)
            # The frames from which a window is counted are decoded to verify the timeline.
            needed = {0, *picks, len(times) - 1 if counts_back else 0}
            frames: Iterable[Frame] = (
                Frame(pixels, time, picks[number], len(picks))
                for number, time, pixels in video.frames_at(timeline, needed)
                if number in picks
            )
            try:
                if n_frames is not None or counts_back:
                    frames = list(frames)
                # Frames that were already read are the same in both timelines.
                for frame in islice(frames, n_read, None):
                    n_read += 1
                    yield frame
                return
            except WrongTimeline:
                if find_timeline == video.decoded_timeline:
                    raise
    raise UnreadableFile("it has no frames")


def _read_image(
    image: ImageFile, times: list[float], n_frames: int | None, window: Window | None
) -> Generator[Frame]:
    with closing(image):
        picks = pick_frames(times, n_frames, window)
        for pixels, (number, repeats) in zip(image.read(picks), picks.items(), strict=True):
            yield Frame(pixels, times[number], repeats, len(picks))


def _read_image_files(
    paths: tuple[Path, ...], n_frames: int | None, window: Window | None
) -> Generator[Frame]:
    size = None
    picks = pick_frames(range(len(paths)), n_frames, window)
    for number, repeats in picks.items():
        try:
            image = open_image(paths[number])
            if image is None:
                raise UnreadableFile("it is not an image, but each file of a list must be one")
            with closing(image):
                if image.n_frames > 1:
                    raise UnsupportedClip(
                        f"has {image.n_frames} pictures, but each file of a list must have one; "
                        "pass the file as a clip of its own."
                    )
                (pixels,) = image.read([0])
            size = size or pixels.shape
            if pixels.shape != size:
                raise ValueError(
                    f"has {pixels.shape[1]} x {pixels.shape[0]} pixels, but the frames before it "
                    f"have {size[1]} x {size[0]}; all frames of a clip must have the same size."
                )
        except ValueError as error:
            raise add_label(f"frame {number} ({str(paths[number])!r})", error) from error
        yield Frame(pixels, float(number), repeats, len(picks))


def _with_time_limit(frames: Iterable[Frame]) -> Generator[Frame]:
    """Start the time limit of a worker process again at each frame."""
    for frame in frames:
        restart_time_limit()
        yield frame
