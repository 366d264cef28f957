"""Clips given to processes, and taken back as they are done."""

from __future__ import annotations

import os
from collections.abc import Generator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import cache
from multiprocessing import current_process
from threading import Thread
from time import sleep

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from ._clips import Clip
from ._cluster import on_cluster
from ._work import ClipWork, Outcome, close_idle_landmarkers, do_numbered, lost_clip

_SECONDS_ORPHANED = 1.0


def outcomes(
    work: ClipWork, clips: list[tuple[int, Clip]], n_jobs: int | None
) -> Generator[tuple[int, Outcome]]:
    """Work on clips, in this process or in several.

    Parameters
    ----------
    work : ClipWork
    clips : list of tuple of int and Clip
    n_jobs : int or None
        As joblib has it; a backend that is set by :func:`joblib.parallel_config` is used.

    Yields
    ------
    index : int
    outcome : Outcome
        In any order. There are never more than a few that nobody took yet.
    """
    # What is in the store is taken from there, as long as it is: a run that was done before needs
    # no other process.
    for n_first, (index, clip) in enumerate(clips):
        outcome = work.stored(clip)
        if outcome is None:
            clips = clips[n_first:]
            break
        yield index, outcome
    else:
        return
    backend, _ = get_active_backend()
    n_workers = min(effective_n_jobs(n_jobs), len(clips))
    if hasattr(backend, "client"):
        spread = on_cluster(work, clips, backend)
    elif n_workers == 1:
        spread = _here(work, clips)
    else:
        spread = _spread(work, clips, n_jobs, n_workers)
    with closing(spread):
        yield from spread


def _here(work: ClipWork, clips: list[tuple[int, Clip]]) -> Generator[tuple[int, Outcome]]:
    try:
        for index, clip in clips:
            yield index, work.do(clip)
    finally:
        close_idle_landmarkers()


def _spread(
    work: ClipWork, clips: list[tuple[int, Clip]], n_jobs: int | None, n_workers: int
) -> Generator[tuple[int, Outcome]]:
    waiting = dict(clips)
    while waiting:
        try:
            with closing(_parallel(work, list(waiting.items()), n_jobs)) as done:
                for index, outcome in done:
                    del waiting[index]
                    yield index, outcome
            return
        except BrokenProcessPool:
            pass
        # A process died, and which clip it had is not known: those that may have been in its hands
        # are taken one at a time, each with the next in reach, and the rest goes on as before.
        for index in list(waiting)[: 2 * n_workers]:
            yield index, _alone(work, index, waiting.pop(index), n_jobs)


def _parallel(
    work: ClipWork, clips: list[tuple[int, Clip]], n_jobs: int | None
) -> Generator[tuple[int, Outcome]]:
    # Frames that were passed as arrays go through pipes: joblib would write large ones to disk.
    # One clip a task, since that is what is lost, and looked for, where a process dies.
    parallel = Parallel(
        n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, max_nbytes=None
    )
    return parallel(delayed(_do)(work, index, clip) for index, clip in clips)


def _do(work: ClipWork, index: int, clip: Clip) -> tuple[int, Outcome]:
    _end_with_parent()
    return do_numbered(work, index, clip)


@cache
def _end_with_parent() -> None:
    """Have a process of loky end when the one that it works for was killed.

    By itself it waits some minutes for more work, with all its memory.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            sleep(_SECONDS_ORPHANED)
        os._exit(1)

    # A thread of joblib's other backends is in the process of the user, whose parent may go.
    if current_process().name.startswith("LokyProcess"):
        Thread(target=watch, daemon=True).start()


def _alone(work: ClipWork, index: int, clip: Clip, n_jobs: int | None) -> Outcome:
    try:
        with closing(_parallel(work, [(index, clip)], n_jobs)) as done:
            ((_, outcome),) = done
    except BrokenProcessPool as error:
        return lost_clip(clip, error)
    return outcome
