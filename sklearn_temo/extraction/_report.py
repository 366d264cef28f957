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
        Its path as it was passed, the folder of its frames, or "clip 3" for what is no path.
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
        How many were in the store already.
    skipped : tuple of SkippedClip
        Those that could not be used, in the order of the clips.
    """

    n_clips: int
    n_stored: int
    skipped: tuple[SkippedClip, ...]

    def __str__(self) -> str:
        n_good = self.n_clips - len(self.skipped)
        lines = [f"{n_good} of {self.n_clips} clips extracted, {self.n_stored} from the store"]
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
