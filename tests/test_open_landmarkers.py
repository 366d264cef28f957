"""Landmarkers that stay open between calls, and that are closed."""

import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import _landmarker, close_landmarkers
from sklearn_temo.extraction._mediapipe import MediaPipeLandmarker
from sklearn_temo.mesh import model_path


class CountedLandmarker:
    """Stands for MediaPipe, and finds no face; the lists have the landmarkers in their order."""

    started: list["CountedLandmarker"]
    closed: list["CountedLandmarker"]

    def __init__(self, model_path, max_faces):
        self.started.append(self)

    def detect(self, pixels):
        if pixels.min() == 255:
            raise KeyboardInterrupt
        return np.empty((0, 478, 3), np.float32)

    def close(self):
        self.closed.append(self)


@pytest.fixture
def landmarkers(monkeypatch):
    monkeypatch.setitem(_landmarker.ENGINES, "mediapipe", (CountedLandmarker, "mediapipe"))
    monkeypatch.setattr(_landmarker, "_idle", {})
    CountedLandmarker.started, CountedLandmarker.closed = [], []
    return CountedLandmarker


def extract(value=0):
    clip = np.full((48, 64, 3), value, np.uint8)
    return FaceLandmarkTransformer(n_frames=1, on_missing="nan").transform([clip])


def test_repeated_calls_start_one_landmarker(landmarkers):
    for _ in range(3):
        extract()
    assert len(landmarkers.started) == 1
    assert not landmarkers.closed


def test_closed_landmarkers_start_again_at_the_next_call(landmarkers):
    extract()
    for _ in range(2):
        close_landmarkers()
        assert landmarkers.closed == landmarkers.started
    extract()
    assert len(landmarkers.started) == 2
    assert len(landmarkers.closed) == 1


def test_a_landmarker_whose_extraction_raised_an_error_is_closed(landmarkers):
    with pytest.raises(KeyboardInterrupt):
        extract(255)
    close_landmarkers()
    assert landmarkers.closed == landmarkers.started
    assert len(landmarkers.started) == 1


def test_all_landmarkers_are_closed_if_closing_one_raises_an_error(landmarkers, monkeypatch):
    barrier = threading.Barrier(3)

    def detect(self, pixels):
        barrier.wait(10)
        return np.empty((0, 478, 3), np.float32)

    monkeypatch.setattr(landmarkers, "detect", detect)
    threads = [threading.Thread(target=extract) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(landmarkers.started) == 3

    def close(self):
        self.closed.append(self)
        if len(self.closed) == 1:
            raise OSError("cannot be closed")

    monkeypatch.setattr(landmarkers, "close", close)
    with pytest.raises(OSError, match="cannot be closed"):
        close_landmarkers()
    assert sorted(map(id, landmarkers.closed)) == sorted(map(id, landmarkers.started))


def test_a_landmarker_in_use_is_not_closed(landmarkers):
    with _landmarker.open_landmarker("mediapipe", None, "digest") as in_use:
        close_landmarkers()
        assert not landmarkers.closed
    close_landmarkers()
    assert landmarkers.closed == [in_use]


def test_workers_stay_open_between_calls_and_end_without_output():
    code = (
        "import psutil\n"
        "from sklearn_temo import FaceLandmarkTransformer\n"
        "from sklearn_temo.datasets import load_cremad_sample\n"
        "def children(): return {p.pid for p in psutil.Process().children(recursive=True)}\n"
        "transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=2)\n"
        "transformer.transform(load_cremad_sample().data[:2])\n"
        "first = children()\n"
        "transformer.transform(load_cremad_sample().data[:2])\n"
        "assert children() == first\n"
        "print(*first)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    workers = [int(pid) for pid in done.stdout.split()]
    assert len(workers) >= 2
    # Helpers of multiprocessing end after the process that started them.
    left = [process for process in psutil.process_iter() if process.pid in workers]
    assert not psutil.wait_procs(left, timeout=30)[1]


def test_a_failed_image_does_not_spoil_the_next_ones():
    landmarker = MediaPipeLandmarker(model_path(), 1)
    with pytest.raises(RuntimeError):
        landmarker.detect(np.zeros((0, 9, 3), np.uint8))
    assert landmarker.detect(np.zeros((64, 64, 3), np.uint8)).shape == (0, 478, 3)
    landmarker.close()
