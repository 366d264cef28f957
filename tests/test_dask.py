"""The same call on a Dask cluster, of which a worker is lost half way."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer

N_CLIPS = 16

# A process of its own, which can be ended where a cluster hangs.
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


    def kill_one_when_half_is_done(cluster, store):
        while len(list(store.rglob("*.npz"))) < {n_clips} // 2:
            time.sleep(0.02)
        psutil.Process(cluster.workers[0].pid).kill()


    if __name__ == "__main__":
        folder = Path(sys.argv[1])
        clips = [*sorted(folder.glob("*.npy"))]
        clips = [np.load(clip) for clip in clips]
        transformer = FaceLandmarkTransformer(
            n_frames=2, memory=folder / "store", on_error="skip-with-nan"
        )
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster):
            killer = threading.Thread(
                target=kill_one_when_half_is_done, args=(cluster, folder / "store")
            )
            killer.start()
            with parallel_config(backend="dask"):
                X = transformer.transform([*clips, "nowhere.mp4"])
            killer.join()
        np.save(folder / "X.npy", X)
        print(transformer.report_)
"""


def test_a_cluster_loses_a_worker(tmp_path, cremad_frames, run_program):
    clips = [frames[start : start + 3] for frames in cremad_frames for start in (0, 10, 20)]
    clips = clips[:N_CLIPS]
    for number, clip in enumerate(clips):
        np.save(tmp_path / f"{number:02d}.npy", clip)
    done = run_program(textwrap.dedent(_PROGRAM).format(n_clips=N_CLIPS), str(tmp_path))
    assert f"{N_CLIPS} of {N_CLIPS + 1} clips extracted" in done.stdout, done.stderr
    X = np.load(tmp_path / "X.npy")
    here = FaceLandmarkTransformer(n_frames=2)
    np.testing.assert_array_equal(X[:-1], here.transform(clips))
    assert np.isnan(X[-1]).all()
    stored = list((tmp_path / "store").rglob("*.npz"))
    assert len(stored) == N_CLIPS
    again = FaceLandmarkTransformer(n_frames=2, memory=tmp_path / "store")
    np.testing.assert_array_equal(again.transform(clips), X[:-1])
    assert again.report_.n_stored == N_CLIPS
    assert not list((tmp_path / "store" / "face_landmarks" / "unfinished").iterdir())


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
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    from sklearn_temo.datasets import load_cremad_sample
    from sklearn_temo.extraction._clips import check_clips
    from sklearn_temo.extraction._pool import outcomes
    from sklearn_temo.extraction._work import ClipWork


    class Deadly(ClipWork):
        def do(self, clip, n_threads=0):
            if not is_harmless(clip.source):
                os.kill(os.getpid(), 9)
            return super().do(clip, n_threads)


    def is_harmless(path):
        return "_HAP_" not in str(path)


    if __name__ == "__main__":
        clips = list(enumerate(check_clips(sorted(load_cremad_sample().data, key=is_harmless))))
        # After so many deaths of its workers a task is given up, and those beside it too.
        dask.config.set({{"distributed.scheduler.allowed-failures": {allowed_failures}}})
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster, Client(cluster), parallel_config(backend="dask"):
            for index, outcome in outcomes(Deadly(None, 1, None, None), clips, None):
                print(index, outcome.error)
"""


@pytest.mark.parametrize("allowed_failures", [0, 3])
def test_a_clip_that_kills_every_worker_is_named_and_no_other(run_program, allowed_failures):
    done = run_program(textwrap.dedent(_DEADLY).format(allowed_failures=allowed_failures))
    lines = sorted(done.stdout.splitlines())
    assert [line.split()[0] for line in lines] == list("012345"), done.stderr
    (deadly,) = [line for line in lines if "None" not in line]
    assert "_HAP_" in deadly
    assert "the process that read it died" in deadly
