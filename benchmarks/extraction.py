"""Speed and memory of the extraction of landmarks: ``make bench-extraction``.

Compares a plain loop (OpenCV, MediaPipe's video mode, every frame, one process) with
:class:`sklearn_temo.FaceLandmarkTransformer` on the clips of the package, in turns; ratios are of
medians. The start of processes is not included in the timings, and has its own row.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import cv2
import mediapipe
import numpy as np
from joblib.externals.loky import get_reusable_executor
from mediapipe.tasks.python import BaseOptions, vision

from benchmarks.side_by_side import ROWS, peak_megabytes, row, seconds
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample
from sklearn_temo.mesh import model_path

N_ROUNDS = 3
MANY, FEW = 300, 30


def loop(paths: list[str]) -> list[np.ndarray]:
    """Landmarks of every frame with a plain loop."""
    found = []
    for path in paths:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model_path())),
            running_mode=vision.RunningMode.VIDEO,
        )
        video = cv2.VideoCapture(path)
        rate = video.get(cv2.CAP_PROP_FPS)
        rows = []
        with vision.FaceLandmarker.create_from_options(options) as landmarker:
            while True:
                is_frame, frame = video.read()
                if not is_frame:
                    break
                pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                image = mediapipe.Image(mediapipe.ImageFormat.SRGB, pixels)
                faces = landmarker.detect_for_video(
                    image, round(1000 * len(rows) / rate)
                ).face_landmarks
                rows.append([(p.x, p.y, p.z) for p in faces[0]] if faces else [(np.nan,) * 3] * 478)
        video.release()
        found.append(np.array(rows, dtype=np.float32))
    return found


def speed(paths: list[str]) -> None:
    """Compare the loop and the transformer, for every frame and for 16 per clip."""
    n_frames = sum(len(clip) for clip in loop(paths))
    row("clips and frames of the benchmark", f"{len(paths)}, {n_frames}")
    every = {n: FaceLandmarkTransformer(n_frames=None, n_jobs=n).extract for n in (1, 2)}
    few = {n: FaceLandmarkTransformer(n_jobs=n).transform for n in (1, 2)}
    get_reusable_executor().shutdown()
    start = perf_counter()
    few[2](paths[:2])
    row("start of 2 processes, once", f"{perf_counter() - start:.1f} s")
    taken = seconds(
        {
            "loop": lambda: loop(paths),
            "every 1": lambda: every[1](paths),
            "every 2": lambda: every[2](paths),
            "few 1": lambda: few[1](paths),
            "few 2": lambda: few[2](paths),
        },
        N_ROUNDS,
    )
    row("the loop, one process", f"{taken['loop']:.1f} s, {n_frames / taken['loop']:.0f} frames/s")
    for name, what, target in (
        ("every 1", "all frames, ``n_jobs=1``", ">= 1.05x"),
        ("every 2", "all frames, ``n_jobs=2``", ">= 1.8x"),
        ("few 1", "16 frames of each clip, ``n_jobs=1``", ""),
        ("few 2", "16 frames of each clip, ``n_jobs=2``", ">= 6x"),
    ):
        row(f"{what}, speed relative to the loop", f"{taken['loop'] / taken[name]:.2f}x", target)
    row("clips per second and core with 16 frames", f"{len(paths) / taken['few 1']:.2f}")


def cache(paths: list[str]) -> None:
    """Measure the cost of writing the cache, and the gain of reading it."""
    paths = sorted(set(paths))
    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(1000))

        def cold() -> None:
            FaceLandmarkTransformer(memory=Path(folder) / f"{next(count)}").transform(paths)

        warm = FaceLandmarkTransformer(memory=Path(folder) / "warm", n_jobs=2)
        warm.transform(paths)
        (size,) = {file.stat().st_size for file in Path(folder, "warm").rglob("*.npz")}
        taken = seconds(
            {
                "without": lambda: FaceLandmarkTransformer().transform(paths),
                "cold": cold,
                "warm": lambda: warm.transform(paths),
            },
            N_ROUNDS,
        )
    row(
        "first run with memory, time relative to a run without",
        f"{taken['cold'] / taken['without']:.2f}x",
    )
    row(
        "second run with memory, speed relative to a run without",
        f"{taken['without'] / taken['warm']:.0f}x",
        ">= 100x",
    )
    row("entry of the cache for 16 frames", f"{size / 1000:.0f} kB")


def memory() -> None:
    """Compare the peak memory of the main process for many clips and for few."""
    peaks = {}
    for n_clips in (FEW, MANY):
        command = [sys.executable, "-m", "benchmarks.extraction", "--peak", str(n_clips)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[n_clips] = float(run.stdout)
    result = (MANY - FEW) * 16 * 468 * 3 * 4 / 2**20
    row(
        f"peak memory of the parent process, {MANY} clips relative to {FEW}, ``n_jobs=2``",
        f"{peaks[MANY] - peaks[FEW]:+.0f} MB, of which {result:.0f} MB are the result",
        "the result",
    )


def million(paths: list[str]) -> None:
    """Extrapolate the measured costs to a million clips of about two seconds."""
    transformer = FaceLandmarkTransformer()
    taken = seconds({"few": lambda: transformer.transform(paths)}, N_ROUNDS)["few"]
    core_hours = 1e6 / (len(paths) / taken) / 3600
    with tempfile.TemporaryDirectory() as folder:
        FaceLandmarkTransformer(memory=folder).transform(paths[:1])
        (entry,) = (file.stat().st_size for file in Path(folder).rglob("*.npz"))
    command = [sys.executable, "-m", "benchmarks.extraction", "--peak", "6", "--n-jobs", "1"]
    worker = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    row(
        "core hours",
        f"1e6 / ({len(paths)} clips / {taken:.1f} s) / 3600 = {core_hours:.0f}",
    )
    row("hours on 2 cores, on 64 cores", f"{core_hours / 2:.0f}, {core_hours / 64:.1f}")
    row("size of the cache", f"1e6 x {entry / 1000:.0f} kB = {entry / 1000:.0f} GB in 1e6 files")
    size = 16 * 468 * 3 * 4
    row("size of the array of rows", f"1e6 x {size / 1000:.0f} kB = {size / 1000:.0f} GB")
    row("memory of a worker", f"{worker:.0f} MB, so {64 * worker / 1024:.0f} GB for 64 workers")


def peak(paths: list[str], n_clips: int, n_jobs: int) -> None:
    """Print the peak memory of this process, in megabytes, after many clips."""
    clips = (paths * n_clips)[:n_clips]
    FaceLandmarkTransformer(n_jobs=n_jobs).transform(clips)
    print(peak_megabytes())


def main() -> None:
    """Print the table, or one of its parts."""
    parts = {
        "speed": speed,
        "cache": cache,
        "memory": lambda paths: memory(),
        "million": million,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=parts, help="one part of the table")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--n-jobs", type=int, default=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = load_cremad_sample().data
    if options.peak:
        peak(paths, options.peak, options.n_jobs)
        return
    print("| | here | target |\n|---|---|---|")
    found: list[list[str]] = []
    for name, part in parts.items():
        if options.only in (None, name):
            ROWS.clear()
            part(paths * 2)
            found += ROWS if name != "million" else []
            if name == "million":
                write_table("million_clips", ["quantity", "estimate"], [row[:2] for row in ROWS])
    if options.only is None:
        write_table("extraction", ["measurement", "result", "target"], found)


if __name__ == "__main__":
    main()
