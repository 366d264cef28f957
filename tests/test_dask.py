"""Extraction on a Dask cluster that loses workers."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer

N_CLIPS = 16

# Run in a process that can be ended if the cluster hangs.
_PROGRAM = """
    import sys
    import threading
    import time
    import warnings
    from pathlib import Path

    import numpy as np
    import psutil
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    from sklearn_temo import FaceLandmarkTransformer


    def kill_a_worker_after_half_of_the_clips(cluster, folder):
        while len(list(folder.rglob("*.npz"))) < {n_clips} // 2:
            time.sleep(0.02)
        psutil.Process(cluster.workers[0].pid).kill()


    if __name__ == "__main__":
        folder = Path(sys.argv[1])
        clips = [*sorted(folder.glob("*.npy"))]
        clips = [np.load(clip) for clip in clips]
        transformer = FaceLandmarkTransformer(
            n_frames=2, memory=folder / "cache", on_error="skip-with-nan"
        )
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster):
            killer = threading.Thread(
                target=kill_a_worker_after_half_of_the_clips, args=(cluster, folder / "cache")
            )
            killer.start()
            with parallel_config(backend="dask"):
                X = transformer.transform([*clips, "nowhere.mp4"])
            killer.join()
        np.save(folder / "X.npy", X)
        print(transformer.report_)
"""


def test_a_killed_worker_loses_no_clip(tmp_path, cremad_frames, run_program):
    clips = [frames[start : start + 3] for frames in cremad_frames for start in (0, 10, 20)]
    clips = clips[:N_CLIPS]
    for number, clip in enumerate(clips):
        np.save(tmp_path / f"{number:02d}.npy", clip)
    done = run_program(textwrap.dedent(_PROGRAM).format(n_clips=N_CLIPS), str(tmp_path))
    assert f"{N_CLIPS} of {N_CLIPS + 1} clips extracted" in done.stdout, done.stderr
    X = np.load(tmp_path / "X.npy")
    local = FaceLandmarkTransformer(n_frames=2)
    np.testing.assert_array_equal(X[:-1], local.transform(clips))
    assert np.isnan(X[-1]).all()
    cached = list((tmp_path / "cache").rglob("*.npz"))
    assert len(cached) == N_CLIPS
    again = FaceLandmarkTransformer(n_frames=2, memory=tmp_path / "cache")
    np.testing.assert_array_equal(again.transform(clips), X[:-1])
    assert again.report_.n_cached == N_CLIPS


@pytest.fixture
def run_program(tmp_path):
    import subprocess
    import sys

    def run(program: str, *arguments: str):
        script = tmp_path / "program.py"
        Path(script).write_text(program)
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


_DEADLY = """
    import os

    import dask
    import numpy as np
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    from sklearn_temo import FaceLandmarkTransformer

    # On a cluster in processes of this machine, the main process also runs the scheduler.
    MAIN = os.getpid()


    class DeadlyFrames(np.ndarray):
        def __reduce__(self):
            return receive, (np.array(self), MAIN)


    def receive(frames, main):
        if os.getpid() != main:
            os.kill(os.getpid(), 9)
        return frames.view(DeadlyFrames)


    if __name__ == "__main__":
        clips = [np.zeros((1, 48, 64, 3), np.uint8) for _ in range(6)]
        clips[2] = clips[2].view(DeadlyFrames)
        # Tasks of a worker that died are given up after this many further deaths.
        dask.config.set({{"distributed.scheduler.allowed-failures": {allowed_failures}}})
        transformer = FaceLandmarkTransformer(
            n_frames=1, on_missing="nan", on_error="skip-with-nan"
        )
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster), parallel_config(backend="dask"):
            for clip in transformer.extract(clips):
                print(clip.source, clip.error)
"""


@pytest.mark.parametrize("allowed_failures", [0, 3])
def test_clip_that_kills_its_workers_is_the_only_one_lost(run_program, allowed_failures):
    done = run_program(textwrap.dedent(_DEADLY).format(allowed_failures=allowed_failures))
    lines = done.stdout.splitlines()
    assert [line[:6] for line in lines] == [f"clip {i}" for i in range(6)], done.stderr
    assert "the process that read it died" in lines[2]
    assert all(line.endswith("None") for i, line in enumerate(lines) if i != 2)
