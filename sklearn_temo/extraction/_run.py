"""One run over many clips: results as they come, and what became of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing
from itertools import chain
from typing import Any

from .._progress import Progress
from ._clip_landmarks import ClipLandmarks, Finish
from ._clips import BadClip, Clip
from ._pool import outcomes
from ._report import ExtractionReport, SkippedClip, SkippedClipsWarning
from ._work import ClipWork, Outcome


class ExtractionRun:
    """One run over clips.

    Parameters
    ----------
    work : ClipWork
    finish : Finish
    skips : bool
        Clips that cannot be used are reported; otherwise the first raises its error.
    n_jobs : int or None
    verbose : int

    Attributes
    ----------
    report : ExtractionReport
        Once all clips are done.
    """

    report: ExtractionReport

    def __init__(
        self, work: ClipWork, finish: Finish, *, skips: bool, n_jobs: int | None, verbose: int
    ) -> None:
        self._work = work
        self._finish = finish
        self._skips = skips
        self._n_jobs = n_jobs
        self._verbose = verbose

    def results(
        self, clips: list[Clip | BadClip], task: Callable[[], AbstractContextManager[Any]]
    ) -> Generator[tuple[int, ClipLandmarks]]:
        """Landmarks of clips as they are done.

        Parameters
        ----------
        clips : list of Clip and BadClip
        task : callable
            Gives a context for each clip that is done.

        Yields
        ------
        index : int
            In any order.
        result : ClipLandmarks

        Raises
        ------
        Exception
            That of a clip that cannot be used.
        """
        self._work.sweep()
        progress = Progress("FaceLandmarkTransformer", len(clips), "clips", self._verbose)
        skipped: dict[int, SkippedClip] = {}
        n_stored = 0
        n_seen, n_with_face = [0] * len(clips), [0] * len(clips)
        numbered = list(enumerate(clips))
        bad = ((i, Outcome(None, clip.error)) for i, clip in numbered if isinstance(clip, BadClip))
        good = [(i, clip) for i, clip in numbered if isinstance(clip, Clip)]
        with closing(outcomes(self._work, good, self._n_jobs)) as done:
            for index, outcome in chain(bad, done):
                with task():
                    result = self._result(clips[index], outcome)
                n_stored += outcome.is_stored
                if outcome.track is not None:
                    n_seen[index] = len(outcome.track.has_face)
                    n_with_face[index] = int(outcome.track.has_face.sum())
                if result.error is not None:
                    skipped[index] = SkippedClip(index, result.source, result.error)
                if self._verbose > 1:
                    print(_summary(result))
                progress.advance(free=outcome.is_stored or outcome.track is None)
                yield index, result
        self.report = ExtractionReport(
            len(clips),
            n_stored,
            tuple(skipped[index] for index in sorted(skipped)),
            tuple(n_seen),
            tuple(n_with_face),
        )
        if skipped:
            warnings.warn(SkippedClipsWarning(self.report), stacklevel=2)

    def _result(self, clip: Clip | BadClip, outcome: Outcome) -> ClipLandmarks:
        if outcome.damage:
            warnings.warn(
                f"an entry of the store was damaged, and its clip was extracted again: "
                f"{outcome.damage}",
                stacklevel=2,
            )
        error = outcome.error
        if isinstance(clip, Clip) and outcome.track is not None:
            try:
                return self._finish.found(clip, outcome.track)
            except ValueError as no_face:
                error = no_face
        assert error is not None
        if not self._skips:
            raise error
        return self._finish.skipped(clip.source, error)


def _summary(result: ClipLandmarks) -> str:
    if result.error is not None:
        return f"{result.source!r}: skipped, {result.error}"
    return f"{result.source!r}: faces in {result.detected.mean():.0%} of the frames"
