"""What became of the clips of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SkippedClip:
    """A clip that could not be used.

    Attributes
    ----------
    index : int
        Its place in the list of clips.
    source : str
        What it is called, as in :class:`ClipLandmarks`.
    reason : str
        The clip, what was found, what was expected, and what to do.
    """

    index: int
    source: str
    reason: str


@dataclass(frozen=True)
class ExtractionReport:
    """What became of the clips of a run.

    Attributes
    ----------
    n_clips : int
        All of them.
    n_stored : int
        How many of those that could be used were in the store before the run. A clip that comes
        twice, and was extracted in the run, is not among them.
    skipped : tuple of SkippedClip
        Those that could not be used, in the order of the clips.
    n_frames_seen : tuple of int of length n_clips
        In how many frames of each clip a face was looked for; 0 where it could not be read. A
        clip that is shorter than the sample has fewer than the sample.
    n_frames_with_face : tuple of int of length n_clips
        In how many of these one was found. The landmarks of the others are not measured.
    """

    n_clips: int
    n_stored: int
    skipped: tuple[SkippedClip, ...]
    n_frames_seen: tuple[int, ...] = ()
    n_frames_with_face: tuple[int, ...] = ()

    def __str__(self) -> str:
        n_good = self.n_clips - len(self.skipped)
        lines = [
            f"{n_good} of {self.n_clips} clips extracted, {self.n_stored} from the store, a face "
            f"in {sum(self.n_frames_with_face)} of {sum(self.n_frames_seen)} frames"
        ]
        lines += [f"    {clip.reason}" for clip in self.skipped]
        return "\n".join(lines)


class SkippedClipsWarning(UserWarning):
    """Clips could not be used, and are NaN in the result.

    Attributes
    ----------
    report : ExtractionReport
        Which, and why.
    """

    def __init__(self, report: ExtractionReport) -> None:
        first = report.skipped[0]
        super().__init__(
            f"{len(report.skipped)} of {report.n_clips} clips could not be used and are NaN; the "
            f"first: {first.reason} The report_ of the transformer lists all."
        )
        self.report = report

    def __reduce__(self) -> tuple[type[SkippedClipsWarning], tuple[ExtractionReport]]:
        return type(self), (self.report,)
