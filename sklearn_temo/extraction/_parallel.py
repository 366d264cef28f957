"""Extraction of many clips: in this process, in several processes, or on a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from ..mesh import model_path as bundled_model_path
from ._cache import entry_path, open_cache, read_entry, write_entry
from ._clips import Clip
from ._landmarker import open_landmarker
from ._landmarks import ExtractionSettings, FoundLandmarks, find_landmarks
from ._time_limit import time_limit

# Seconds in which a worker process must read the next frame of a clip.
_TIME_LIMIT = 120.0

# Arguments of extract_clip: index, clip, and path of its cache entry; None without a cache.
Task = tuple[int, Clip, Path | None]


@dataclass(frozen=True, eq=False)
class ClipResult:
    """Result of extracting one clip.

    Parameters
    ----------
    index : int
        Index of the clip in the list of clips.
    found : FoundLandmarks or None
        None if the clip could not be read.
    error : Exception or None
        Why the clip could not be read, without its label; None if it was read.
    cached : bool
        Whether the landmarks were read from the cache.
    write_error : str or None
        Why the landmarks could not be written to the cache; None if nothing went wrong.
    """

    index: int
    found: FoundLandmarks | None
    error: Exception | None = None
    cached: bool = False
    write_error: str | None = None


def extract_clips(
    clips: list[Clip],
    settings: ExtractionSettings,
    cache_folder: Path | None,
    n_jobs: int | None,
    on_frame: Callable[[float], None],
) -> Iterator[ClipResult]:
    """Extract clips; results come in any order, those of cached clips first.

    `n_jobs` and the backend are as in joblib. Errors of a clip, and of writing its cache entry,
    are part of its result; OSError is raised if the cache cannot be read or created, and ValueError
    if the engine cannot use the model. `on_frame` is called after each frame that this process has
    searched, with the share of the frames of the clip that are done.
    """
    tasks: dict[int, Task] = {}
    for index, clip in enumerate(clips):
        if clip.error is not None:
            yield ClipResult(index, None, clip.error)
            continue
        entry = found = None
        if cache_folder is not None:
            # A clip that cannot be read fails in its task.
            with suppress(OSError):
                entry = entry_path(cache_folder, clip, settings)
        if entry is not None:
            found = read_entry(entry, settings.n_frames, clip.label)
        if found is not None:
            yield ClipResult(index, found, cached=True)
        else:
            tasks[index] = index, clip, entry
    if tasks and cache_folder is not None:
        # An unusable folder is an error before the first clip is extracted.
        open_cache(cache_folder)
    backend, _ = get_active_backend()
    n_workers = min(effective_n_jobs(n_jobs), len(tasks))
    extract = partial(extract_clip, settings)
    attempt: Callable[[list[Task]], Iterator[ClipResult]]
    if hasattr(backend, "client"):
        n_workers = backend.effective_n_jobs(-1)
        attempt = partial(_dask_results, extract, backend.client, 2 * n_workers)
    elif n_workers > 1:
        # Other backends have workers in this process, or wait forever for one that ends.
        if type(backend).__name__ == "LokyBackend":
            extract = partial(extract, seconds=_TIME_LIMIT)
        attempt = partial(_joblib_results, extract, n_jobs)
    else:
        for task in tasks.values():
            yield extract(*task, on_frame=on_frame)
        return
    # If this code runs in a task of a Dask cluster, its worker may run other tasks meanwhile.
    with backend.retrieval_context():
        yield from _retry_lost(attempt, tasks, 2 * n_workers)


def extract_clip(
    settings: ExtractionSettings,
    index: int,
    clip: Clip,
    entry: Path | None,
    seconds: float | None = None,
    on_frame: Callable[[float], None] = lambda share: None,
) -> ClipResult:
    """Find the landmarks of a clip, and write them to the cache.

    `seconds` limits the time without a new frame, after which this process ends; for workers only.
    """
    path = settings.model_path or bundled_model_path()
    with open_landmarker(settings.engine, path, settings.model_digest) as landmarker:
        try:
            with time_limit(seconds):
                found = find_landmarks(clip, settings, landmarker, on_frame)
        except (ValueError, TypeError) as error:
            # A traceback would keep the frames in memory and the file open.
            return ClipResult(index, None, error.with_traceback(None))
        except (OSError, RuntimeError, MemoryError) as error:
            unreadable = ValueError(f"cannot be read ({type(error).__name__}: {error}).")
            return ClipResult(index, None, unreadable)
    write_error = None
    if entry is not None:
        try:
            write_entry(entry, found)
        except OSError as error:
            write_error = str(error)
    return ClipResult(index, found, write_error=write_error)


def _retry_lost(
    attempt: Callable[[list[Task]], Iterator[ClipResult]],
    tasks: dict[int, Task],
    n_at_once: int,
) -> Iterator[ClipResult]:
    """Repeat an attempt until each task has a result; a worker that dies loses only its clip.

    An attempt yields no result for clips that it did not start, and for at most `n_at_once` clips
    that were lost with a worker.
    """
    while tasks:
        for result in attempt(list(tasks.values())):
            del tasks[result.index]
            yield result
        for index in list(tasks)[:n_at_once]:
            lost = ValueError(
                "the process that read it died, for example because memory ran out, a decoder "
                f"crashed, or no new frame was read for {_TIME_LIMIT:g} s; leave the clip out, "
                "convert it, or use fewer processes."
            )
            yield from list(attempt([tasks.pop(index)])) or [ClipResult(index, None, lost)]


def _joblib_results(
    extract: Callable[..., ClipResult], n_jobs: int | None, tasks: list[Task]
) -> Iterator[ClipResult]:
    # One clip per task. Arrays are sent through pipes: joblib would write large ones to disk.
    parallel = Parallel(
        n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, max_nbytes=None
    )
    with suppress(BrokenProcessPool):
        yield from parallel(delayed(extract)(*task) for task in tasks)


def _dask_results(
    extract: Callable[..., ClipResult], client: Any, n_at_once: int, tasks: list[Task]
) -> Iterator[ClipResult]:
    """Submit `n_at_once` clips at a time: Dask loses all tasks of a worker that dies too often.

    joblib's backend for Dask would wait for such a task forever.
    """
    from distributed import KilledWorker, as_completed

    waiting = iter(tasks)

    def submit(n: int) -> list[Any]:
        with warnings.catch_warnings():
            # Arrays are sent with their task: scattered ones are lost with their worker.
            warnings.filterwarnings("ignore", message="Sending large graph")
            return [client.submit(extract, *task, pure=False) for task in islice(waiting, n)]

    completed = as_completed(submit(n_at_once), loop=client.loop)
    for future in completed:
        completed.update(submit(1))
        with suppress(KilledWorker):
            yield future.result()
