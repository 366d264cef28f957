"""Part of a clip between two times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import isinf, isnan
from typing import NamedTuple


class Span(NamedTuple):
    """Onset and offset in seconds of a part of a clip, which must lie inside the clip."""

    onset: float | None
    offset: float | None

    def __str__(self) -> str:
        if self.onset is None:
            return f"[to {self.offset:g} s]"
        if self.offset is None:
            return f"[from {self.onset:g} s]"
        return f"[{self.onset:g} s to {self.offset:g} s]"


@dataclass(frozen=True)
class ClipWindow:
    """A clip that is the part of a file between two times.

    It is passed to :class:`~sklearn_temo.FaceLandmarkTransformer` in place of a path. The frames
    are then sampled between the two times, also if the parameter ``sampling`` is another window.

    Parameters
    ----------
    path : str or path-like
        A video or an image file, or a folder of numbered images.
    onset : float or None, default=None
        Time of the start in seconds, counted from the first frame; None or NaN is the start of the
        file. For a folder of images, which has no times, the index of a frame.
    offset : float or None, default=None
        Time of the end, inclusive, counted in the same way; None or NaN is the end of the file.

    Raises
    ------
    TypeError
        If `path` is no path, or a time is no number.
    ValueError
        If a time is negative or infinite, or the offset is not after the onset. If a time lies
        outside of the file, the extraction raises the error.

    See Also
    --------
    sklearn_temo.datasets.load_clip_list : Reads clips with onset and offset from a CSV file.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import ClipWindow
    >>> path = load_cremad_sample().data[0]
    >>> window = ClipWindow(path, onset=0.5, offset=1.0)
    >>> FaceLandmarkTransformer(n_frames=3).extract([window])[0].times.round(2)
    array([0.53, 0.76, 0.99])
    """

    path: str | os.PathLike[str]
    onset: float | None = None
    offset: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(
                "the path of a ClipWindow must be a str or a path-like, got a "
                f"{type(self.path).__name__}; slice an array or a list of images instead."
            )
        for name in ("onset", "offset"):
            value = getattr(self, name)
            try:
                time = None if value is None or isnan(value) else float(value)
            except TypeError:
                raise TypeError(f"{name}={value!r} must be a number of seconds or None.") from None
            if time is not None and (time < 0 or isinf(time)):
                raise ValueError(
                    f"{name}={value!r} must be a finite number of seconds from 0, or None."
                )
            # Python numbers: the representation is part of the cache key.
            object.__setattr__(self, name, time)
        if None not in (self.onset, self.offset) and not (self.onset or 0) < (self.offset or 0):
            raise ValueError(f"offset={self.offset:g} must be after onset={self.onset:g}.")

    def __str__(self) -> str:
        return str(self.path) if self.span is None else f"{self.path} {self.span}"

    @property
    def span(self) -> Span | None:
        """Both times; None if the window is the whole file."""
        if self.onset is None and self.offset is None:
            return None
        return Span(self.onset, self.offset)
