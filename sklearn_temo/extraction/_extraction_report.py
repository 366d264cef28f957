"""Report of an extraction, and the warnings that carry it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..mesh import N_LANDMARKS
from ._jitter import describe_noise


@dataclass(frozen=True)
class ReportedClip:
    """A clip that could not be used, or whose landmarks are doubtful.

    Attributes
    ----------
    index : int
        Its index in the list of clips.
    source : str
        Its name, as in :class:`ClipLandmarks`, with the times of a :class:`ClipWindow`.
    reason : str
        The message, which begins with the index and the name of the clip.
    """

    index: int
    source: str
    reason: str


def bare_reason(clip: ReportedClip) -> str:
    """Reason of a reported clip without its index and name."""
    return clip.reason.removeprefix(f"clip {clip.index} ({clip.source!r}): ")


@dataclass(frozen=True)
class ExtractionReport:
    r"""Results of a run, clip by clip.

    Attributes
    ----------
    n_clips : int
        Number of clips.
    n_cached : int
        Number of clips whose landmarks were read from the cache and could be used.
    skipped : tuple of ReportedClip
        Clips that could not be used, in the order of the clips.
    n_frames_seen : tuple of int of length n_clips
        Number of different frames of each clip that were searched for a face; 0 if the clip could
        not be read. Frames that are repeated in the sample count once.
    n_frames_with_face : tuple of int of length n_clips
        Number of these frames in which a face was found. The landmarks of the other frames are
        interpolated or NaN.
    doubtful : tuple of ReportedClip
        Clips whose landmarks are in the result, but may be those of several persons, are
        interpolated over more than `max_gap` or in too many frames, could not be smoothed, or are
        shorter than the window of `smooth`; in the order of the clips.
    noise : ndarray of float32 of shape (n_landmarks,)
        Jitter of each landmark from frame to frame in pixels, before smoothing: the standard
        deviation in x or y, and the median of it over the clips. Only clips with seconds of which
        neighbouring frames, at most 0.05 s apart, were searched count, as with ``sampling="all"``;
        NaN without such clips. See Notes.

    Notes
    -----
    The jitter of a landmark in a clip is estimated by
    :math:`1.4826 \; \mathrm{median}(|d_t|) / \sqrt{20}` from the third differences
    :math:`d_t = x_{t+3} - 3 x_{t+2} + 3 x_{t+1} - x_t` of x and of y. They are 0 for movements that
    are quadratic in time. For errors that are independent between frames, their variance is 20
    times that of the errors, and 1.4826 times the median absolute value of a normal variable is its
    standard deviation. Errors that are the same in consecutive frames, such as a contour that is
    off throughout a clip, do not count.
    """

    n_clips: int
    n_cached: int
    skipped: tuple[ReportedClip, ...]
    n_frames_seen: tuple[int, ...] = ()
    n_frames_with_face: tuple[int, ...] = ()
    doubtful: tuple[ReportedClip, ...] = ()
    noise: NDArray[np.float32] = field(
        default_factory=lambda: np.full(N_LANDMARKS, np.nan, np.float32), repr=False, compare=False
    )

    def __str__(self) -> str:
        n_good = self.n_clips - len(self.skipped)
        lines = [
            f"{n_good} of {self.n_clips} clips extracted, {self.n_cached} from the cache, a face "
            f"in {sum(self.n_frames_with_face)} of {sum(self.n_frames_seen)} frames"
        ]
        lines += [f"    {clip.reason}" for clip in self.skipped]
        lines += [f"    doubtful: {clip.reason}" for clip in self.doubtful]
        lines += [f"    {line}" for line in describe_noise(self.noise)]
        return "\n".join(lines)


class _ReportWarning(UserWarning):
    """Warning with the report of a run."""

    def __init__(self, report: ExtractionReport) -> None:
        super().__init__(report)
        self.report = report


class SkippedClipsWarning(_ReportWarning):
    """Clips could not be used, and are NaN in the result.

    Attributes
    ----------
    report : ExtractionReport
        Names the clips and the reasons.
    """

    def __str__(self) -> str:
        return (
            f"{len(self.report.skipped)} of {self.report.n_clips} clips could not be used and are "
            f"NaN; the first: {self.report.skipped[0].reason} The report_ of the transformer lists "
            "all: leave these clips out, because most estimators reject NaN."
        )


class DoubtfulClipsWarning(_ReportWarning):
    """Clips are in the result, but their landmarks may be wrong.

    Attributes
    ----------
    report : ExtractionReport
        Names the clips and the reasons.
    """

    def __str__(self) -> str:
        return (
            f"the landmarks of {len(self.report.doubtful)} of {self.report.n_clips} clips are "
            f"doubtful; the first: {self.report.doubtful[0].reason} The report_ of the transformer "
            "lists all."
        )
