"""One run over many clips: results as they come, and what became of each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing
from itertools import chain
from types import FrameType
from typing import Any

from joblib import effective_n_jobs

from .._progress import Progress, show
from ._clip_landmarks import ClipLandmarks, Finish
from ._clips import BadClip, Clip
from ._pool import outcomes
from ._report import ExtractionReport, SkippedClip, SkippedClipsWarning
from ._work import ClipWork, Outcome

# Packages that lie between the line of the user and a run.
_OURS = {"sklearn_temo", "sklearn", "joblib"}


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
        progress = Progress(
            "FaceLandmarkTransformer",
            len(clips),
            "clips",
            self._verbose,
            min(effective_n_jobs(self._n_jobs), len(clips)),
        )
        skipped: dict[int, SkippedClip] = {}
        # What is in the store by now is not what was there before: the same clip may come twice.
        stored: list[str | None] = []
        extracted: set[str | None] = set()
        n_seen, n_with_face = [0] * len(clips), [0] * len(clips)
        numbered = list(enumerate(clips))
        bad = ((i, Outcome(None, clip.error)) for i, clip in numbered if isinstance(clip, BadClip))
        good = [(i, clip) for i, clip in numbered if isinstance(clip, Clip)]
        with closing(outcomes(self._work, good, self._n_jobs)) as done:
            for index, outcome in chain(bad, done):
                with task():
                    result = self._result(clips[index], outcome)
                if not outcome.is_stored:
                    extracted.add(outcome.key)
                elif result.error is None:
                    stored.append(outcome.key)
                if outcome.track is not None:
                    n_seen[index] = len(outcome.track.has_face)
                    n_with_face[index] = int(outcome.track.has_face.sum())
                if result.error is not None:
                    skipped[index] = SkippedClip(index, result.source, result.error)
                if self._verbose > 1:
                    show(_summary(result))
                progress.advance(free=outcome.is_stored or outcome.track is None)
                yield index, result
        self.report = ExtractionReport(
            len(clips),
            sum(key not in extracted for key in stored),
            tuple(skipped[index] for index in sorted(skipped)),
            tuple(n_seen),
            tuple(n_with_face),
        )
        if skipped:
            _warn(SkippedClipsWarning(self.report))

    def _result(self, clip: Clip | BadClip, outcome: Outcome) -> ClipLandmarks:
        if outcome.damage:
            _warn(
                UserWarning(
                    "an entry of the store was damaged, and its clip was extracted again: "
                    f"{outcome.damage}"
                )
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


def _warn(warning: UserWarning) -> None:
    """Warn at the line of the user, whatever called the transformer on the way."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _summary(result: ClipLandmarks) -> str:
    if result.error is not None:
        return f"{result.source!r}: skipped, {result.error}"
    return f"{result.source!r}: faces in {result.detected.mean():.0%} of the frames"
