"""Seconds and size of a report of 231 clips.

usage:
    python -m benchmarks.report                            synthetic clips of 2 and of 16 frames
    python -m benchmarks.report --data my_landmarks.npz    arrays X, y and subject as well
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.tables import write_table
from sklearn_temo import make_temo_pipeline, write_report
from sklearn_temo.datasets import make_expression_clips

N_CLIPS, N_FRAMES = 231, [2, 16]


def main() -> None:
    """Print one line for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="landmarks (.npz) of shape (n, frames, 468, 3)")
    parser.add_argument("--n-clips", type=int, default=N_CLIPS)
    parser.add_argument("--n-frames", type=int, nargs="*", default=N_FRAMES)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    # The first fit of a process imports torch.
    _measure("warm-up", *_synthetic(42, 2), n_jobs=1)
    print(f"{'':<22}{'seconds':>8}{'HTML, MB':>10}{'JSON, MB':>10}{'balanced accuracy':>19}")
    if options.data is not None:
        with np.load(options.data, allow_pickle=False) as arrays:
            X = arrays["X"].reshape(len(arrays["X"]), -1).astype(np.float32)
            _show(options.data.stem, X, arrays["y"], arrays["subject"], options.n_jobs)
    rows = []
    for n_frames in options.n_frames:
        X, y, groups = _synthetic(options.n_clips, n_frames)
        rows.append(_show(f"synthetic, {n_frames} frames", X, y, groups, options.n_jobs))
    if (options.n_clips, options.n_frames) == (N_CLIPS, N_FRAMES):
        write_table("report", ["clips", "seconds", "HTML, MB", "JSON, MB"], rows)


def _synthetic(n_clips: int, n_frames: int) -> tuple[Any, Any, Any]:
    clips = make_expression_clips(n_clips=n_clips, n_frames=n_frames, random_state=0)
    return clips.data, clips.target, clips.groups


def _show(name: str, X: Any, y: Any, groups: Any, n_jobs: int) -> list[str]:
    seconds, html, numbers, score = _measure(name, X, y, groups, n_jobs)
    print(f"{name:<22}{seconds:>8.1f}{html:>10.2f}{numbers:>10.2f}{score:>19.3f}", flush=True)
    return [name, f"{seconds:.1f}", f"{html:.2f}", f"{numbers:.2f}"]


def _measure(name: str, X: Any, y: Any, groups: Any, n_jobs: int) -> tuple[float, ...]:
    pipe = make_temo_pipeline(landmarks="passthrough", random_state=0)
    with TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        start = perf_counter()
        report = write_report(
            pipe, X, y, groups=groups, path=page, title=name, n_jobs=n_jobs, random_state=0
        )
        seconds = perf_counter() - start
        sizes = [file.stat().st_size / 1e6 for file in (page, page.with_suffix(".json"))]
    return seconds, *sizes, report["scores"]["rows"][0]["balanced_accuracy"]["value"]


if __name__ == "__main__":
    main()
