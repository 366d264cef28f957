"""Which frames of a clip are looked at, by when they are shown."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Share of the gap between two frames by which rounded times may be off.
_ROUNDING = 0.1

# Containers round times to ticks, mostly of a millisecond.
_TICK = 1e-3

Window = tuple[float | None, float | None]


def check_window(window: Any) -> None:
    """Validate a window of time.

    Parameters
    ----------
    window : (float or None, float or None) or None
        As in :func:`pick_frames`.

    Raises
    ------
    TypeError, ValueError
        Saying what was found.
    """
    if window is None:
        return
    if not isinstance(window, (tuple, list)) or len(window) != 2:
        raise TypeError(
            f"sampling must be a pair (start, stop) in seconds; got {window!r}: pass "
            "(start, None) for an open end."
        )
    for name, value in zip(("start", "stop"), window, strict=True):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(
                f"the {name} of sampling={window!r} must be a number of seconds or None, got a "
                f"{type(value).__name__}."
            )
        if not np.isfinite(float(value)):
            raise ValueError(
                f"the {name} of sampling={window!r} must be finite; None leaves an end open."
            )
    start, stop = window
    if start is not None and stop is not None and (start < 0) == (stop < 0) and start >= stop:
        raise ValueError(f"sampling={window!r} must start before it stops.")


def pick_frames(
    times: ArrayLike, n_frames: int | None, window: Window | None = None
) -> list[tuple[int, int]]:
    """Choose the frames nearest to evenly spaced times.

    Of two that are equally near the earlier is taken, whatever floating point makes of the tie.

    Parameters
    ----------
    times : array-like of float of shape (n_times,)
        When the frames are shown: ascending, at least one.
    n_frames : int or None
        How many to choose, evenly in time and with the first and the last; None for all of them.
    window : (float or None, float or None) or None, default=None
        Look only at the frames from `start` to `stop`, both inclusive. Counted from the time of
        the first frame, or back from the time of the last frame if negative; None leaves an end
        open.

    Returns
    -------
    list of (int, int)
        Numbers of frames, ascending, and how often each is to be taken.

    Raises
    ------
    ValueError
        If no frame is inside the window.

    Examples
    --------
    >>> from sklearn_temo.extraction._sampling import pick_frames
    >>> times = [0.0, 0.5, 1.0, 1.5, 2.0]
    >>> pick_frames(times, 3)
    [(0, 1), (2, 1), (4, 1)]
    >>> pick_frames(times, 4, window=(-0.5, None))
    [(3, 2), (4, 2)]
    """
    times = np.asarray(times, dtype=np.float64)
    first, last = _inside(times, window)
    if n_frames is None:
        return [(number, 1) for number in range(first, last + 1)]
    # Containers round times to their own ticks. Undone, the same frames are taken from a file of
    # constant rate and from the array that somebody decoded it to.
    even = np.linspace(times[0], times[-1], len(times))
    if np.abs(times - even).max() <= _ROUNDING * (even[-1] - even[0]) / len(even):
        times = even
    wanted = np.linspace(times[first], times[last], n_frames)
    place = np.interp(wanted, times, np.arange(len(times)))
    numbers, repeats = np.unique(np.ceil(place - 0.5 - 1e-6).astype(int), return_counts=True)
    return list(zip(numbers.tolist(), repeats.tolist(), strict=True))


def is_before_end(times: ArrayLike, window: Window | None) -> bool:
    """Whether a window holds the same frames whatever comes after these times.

    Parameters
    ----------
    times : array-like of float of shape (n_times,)
        As in :func:`pick_frames`.
    window : (float or None, float or None) or None
        As in :func:`pick_frames`.

    Returns
    -------
    bool
    """
    start, stop = window or (None, None)
    if stop is None or stop < 0 or (start is not None and start < 0):
        return False
    times = np.asarray(times, dtype=np.float64)
    return bool(stop < times[-1] - times[0])


def _inside(times: NDArray[np.float64], window: Window | None) -> tuple[int, int]:
    """Numbers of the first and the last frame inside a window."""
    start, stop = window or (None, None)
    slack = min(_TICK, _ROUNDING * np.median(np.diff(times))) if len(times) > 1 else _TICK
    first, last = 0, len(times) - 1
    begin, end = times[0], times[-1]
    if start is not None:
        begin = times[0 if start >= 0 else -1] + start
        first = int(np.searchsorted(times, begin - slack))
    if stop is not None:
        end = times[0 if stop >= 0 else -1] + stop
        last = int(np.searchsorted(times, end + slack, side="right")) - 1
    if first == last + 1 and last >= 0 and first < len(times) and begin <= end:
        before, behind = times[[last, first]] - times[0]
        raise ValueError(
            f"no frame lies inside sampling={window!r}, which is narrower than the distance "
            f"between frames: those next to it are shown at {before:.6g} and {behind:.6g} (seconds "
            "of a file from its first frame, frames of an array); choose a wider window."
        )
    if first > last:
        raise ValueError(
            f"no frame lies inside sampling={window!r}: the clip lasts {times[-1] - times[0]:.6g} "
            "(seconds of a file, frames of an array) from its first frame to its last; choose a "
            "window inside that."
        )
    return first, last
