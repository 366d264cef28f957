"""Clips given to a Dask cluster.

Not through joblib, whose backend for Dask waits forever for a task that the cluster has given up
because every worker that took it died.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from ._clips import Clip
from ._work import ClipWork, Outcome, do_numbered, lost_clip


def on_cluster(
    work: ClipWork, clips: list[tuple[int, Clip]], backend: Any
) -> Generator[tuple[int, Outcome]]:
    """Work on clips on the cluster of joblib's backend.

    Parameters
    ----------
    work : ClipWork
    clips : list of tuple of int and Clip
    backend : joblib's DaskDistributedBackend
        It has the client.

    Yields
    ------
    index : int
    outcome : Outcome
        In any order. Twice as many clips as there are threads are on their way at a time.
    """
    from distributed import KilledWorker

    client = backend.client
    # Where this is itself a task of the cluster, it must not keep others from running meanwhile.
    with backend.retrieval_context():
        suspects = []
        with closing(_done(client, work, clips, 2 * backend.effective_n_jobs(-1))) as done:
            for numbered, future in done:
                try:
                    answer = future.result()
                except KilledWorker:
                    suspects.append(numbered)
                else:
                    yield answer
        # Dask gives up whatever lay on the workers that died, be it to blame or not. What kills a
        # worker when nothing else is on the cluster is to blame.
        with closing(_done(client, work, suspects, 1)) as done:
            for numbered, future in done:
                try:
                    answer = future.result()
                except KilledWorker as error:
                    index, clip = numbered
                    answer = index, lost_clip(clip, error)
                yield answer


def _done(
    client: Any, work: ClipWork, clips: list[tuple[int, Clip]], n_at_once: int
) -> Generator[tuple[tuple[int, Clip], Any]]:
    """Yield each clip with its future as it is done, with so many on the cluster at a time."""
    from distributed import as_completed

    waiting = iter(clips)
    at_work: dict[Any, tuple[int, Clip]] = {}
    done = as_completed(loop=client.loop)
    done.update(_submitted(client, work, waiting, n_at_once, at_work))
    try:
        for future in done:
            yield at_work.pop(future), future
            future.release()
            done.update(_submitted(client, work, waiting, 1, at_work))
    finally:
        client.cancel(list(at_work))


def _submitted(
    client: Any,
    work: ClipWork,
    waiting: Iterator[tuple[int, Clip]],
    n: int,
    at_work: dict[Any, tuple[int, Clip]],
) -> list[Any]:
    """Hand over the next clips; what was handed over is noted in `at_work`."""
    futures = []
    for index, clip in islice(waiting, n):
        with warnings.catch_warnings():
            # Frames that are passed as arrays go with their task, and not to a worker beforehand,
            # where they would be lost with it.
            warnings.filterwarnings("ignore", message="Sending large graph")
            future = client.submit(do_numbered, work, index, clip, pure=False)
        at_work[future] = index, clip
        futures.append(future)
    return futures
