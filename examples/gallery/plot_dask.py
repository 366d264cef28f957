"""
Does a cluster find the same landmarks?
=======================================

Finding faces is the slowest step. The same call that extracts clips in one process extracts them
on a `Dask <https://distributed.dask.org>`_ cluster. This example starts a small cluster on this
machine, compares the landmarks, and draws what each worker did.
"""

# %%
# A cluster of two processes
# --------------------------
# ``LocalCluster`` stands in for a real one: there, ``Client("scheduler.example:8786")`` is the only
# line that differs. ``parallel_config(backend="dask")`` sends the clips to the workers, and
# ``get_task_stream`` records when each task ran. The workers import this file first: the guard
# (not needed in notebooks) keeps them from starting clusters of their own.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster, get_task_stream
from joblib import parallel_config

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

if __name__ == "__main__":
    sample = load_cremad_sample()
    clips = [*sample.data, *sample.data]  # each clip twice
    transformer = FaceLandmarkTransformer(n_frames=16)

    start = perf_counter()
    alone = transformer.fit_transform(clips)
    seconds = {"one process": perf_counter() - start}

    begin = perf_counter()
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR"
        ) as cluster,
        Client(cluster) as client,
        get_task_stream(client) as stream,
        parallel_config(backend="dask"),
    ):
        start = perf_counter()
        together = transformer.fit_transform(clips)
        seconds["start of the cluster"] = start - begin
        seconds["two workers"] = perf_counter() - start

    print(transformer.report_)
    print("largest difference of a coordinate:", np.abs(together - alone).max(), "pixels")
    for name, time in seconds.items():
        print(f"{name}: {time:.1f} s")

# %%
# Which worker did what
# ---------------------
# Each bar is a clip. The first clip of a worker takes longer, because the worker imports the
# package and starts MediaPipe.

if __name__ == "__main__":
    tasks = [
        (task["worker"], step["start"], step["stop"])
        for task in stream.data
        for step in task["startstops"]
        if step["action"] == "compute"
    ]
    workers = sorted({worker for worker, *_ in tasks})
    begin = min(start for _, start, _ in tasks)
    fig, ax = plt.subplots(figsize=(8, 2.4), layout="constrained")
    for number, (worker, start, stop) in enumerate(sorted(tasks, key=lambda task: task[1]), 1):
        row = workers.index(worker)
        ax.barh(row, stop - start, left=start - begin, color="#0072B2", edgecolor="white")
        ax.annotate(number, ((start + stop) / 2 - begin, row), ha="center", va="center", color="w")
    ax.set_yticks(range(len(workers)), [f"worker {i + 1}" for i in range(len(workers))])
    ax.set(
        xlabel="seconds", title="Twelve clips on two workers, numbered in the order of their start"
    )
    ax.invert_yaxis()
    plt.show()

# %%
# What to conclude
# ----------------
# The landmarks are equal: they do not depend on where a clip was extracted. For a few short clips,
# a cluster does not pay: its start, and that of MediaPipe in each worker, takes longer than the
# clips. For many clips, add ``memory``, a folder that all machines share, and
# ``on_error="skip-with-nan"``: what is finished is not lost if a machine fails. See :ref:`clusters`
# for SLURM and failures. On one machine, ``FaceLandmarkTransformer(n_jobs=-1)`` is enough.
