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

    Examples
    --------
    A clip without a face:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> clips = [load_cremad_sample().data[0], np.zeros((4, 240, 320, 3), np.uint8)]
    >>> transformer = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     X = transformer.fit_transform(clips)
    >>> (skipped,) = transformer.report_.skipped
    >>> print(skipped.reason)
    clip 1 (array of shape (4, 240, 320, 3)): no face found in any of its 2 sampled frames; ...
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

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> transformer = FaceLandmarkTransformer(n_frames=4)
    >>> X = transformer.fit_transform(load_cremad_sample().data[:2])
    >>> print(transformer.report_)
    2 of 2 clips extracted, 0 from the cache, a face in 8 of 8 frames
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

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import SkippedClipsWarning
    >>> clips = [load_cremad_sample().data[0], np.zeros((4, 240, 320, 3), np.uint8)]
    >>> transformer = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan")
    >>> with warnings.catch_warnings(record=True, category=SkippedClipsWarning) as caught:
    ...     X = transformer.fit_transform(clips)
    >>> print(caught[0].message)
    1 of 2 clips could not be used and are NaN; the first: clip 1 (array of shape (4, 240, 320, 3)):
    no face found in any of its 2 sampled frames; ...
    >>> np.isnan(X).all(axis=1)
    array([False,  True])

    To stop instead, turn the warning into an error with
    ``warnings.simplefilter("error", SkippedClipsWarning)``.
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

    Examples
    --------
    A clip in which the face is missing from three of four frames:

    >>> import warnings
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import DoubtfulClipsWarning
    >>> transformer = FaceLandmarkTransformer(n_frames=4)
    >>> frames = transformer.read_frames(load_cremad_sample().data[0])
    >>> frames[1:] = 0
    >>> with warnings.catch_warnings(record=True, category=DoubtfulClipsWarning) as caught:
    ...     X = transformer.fit_transform([frames])
    >>> print(caught[0].message)
    the landmarks of 1 of 1 clips are doubtful; the first: clip 0 (array of shape (4, 360, 480, 3)):
    a face was found in 1 of 4 searched frames, fewer than min_detected=0.5; ...
    """

    def __str__(self) -> str:
        return (
            f"the landmarks of {len(self.report.doubtful)} of {self.report.n_clips} clips are "
            f"doubtful; the first: {self.report.doubtful[0].reason} The report_ of the transformer "
            "lists all."
        )
