"""Sizes of saved models, and the time to load them beside joblib.

usage:
    python -m benchmarks.saving                            231 synthetic clips of 16 frames
    python -m benchmarks.saving --n-clips 42 --n-frames 2  a smaller data set
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.side_by_side import seconds
from benchmarks.tables import write_table
from sklearn_temo import TEMOClassifier, load_model, make_temo_pipeline, save_model
from sklearn_temo.datasets import make_expression_clips

N_CLIPS, N_FRAMES = 231, 16
CLASSIFIERS = {
    "T-EMO, trained": TEMOClassifier(),
    "T-EMO, randomized": TEMOClassifier(randomized=True),
    "RBF SVM, not tuned": make_pipeline(StandardScaler(), SVC()),
}


def main(arguments: list[str] | None = None) -> None:
    """Print one row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-clips", type=int, default=N_CLIPS)
    parser.add_argument("--n-frames", type=int, default=N_FRAMES)
    options = parser.parse_args(arguments)
    clips = make_expression_clips(
        n_clips=options.n_clips, n_frames=options.n_frames, random_state=0
    )
    print("model | with baselines, MB | without, MB | joblib, MB | loading / joblib")
    rows = []
    for name, classifier in CLASSIFIERS.items():
        pipe = make_temo_pipeline(landmarks="passthrough", classifier=classifier, random_state=0)
        pipe.fit(clips.data, clips.target)
        sizes, ratio = _measure(pipe)
        rows.append([name, *(f"{size:.2f}" for size in sizes), f"{ratio:.1f}"])
        print(" | ".join(rows[-1]), flush=True)
    if (options.n_clips, options.n_frames) == (N_CLIPS, N_FRAMES):
        header = ["with baselines, MB", "without, MB", "joblib, MB", "time to load, joblib is 1"]
        write_table("saving", ["classifier", *header], rows)


def _measure(pipe: Any) -> tuple[list[float], float]:
    """Megabytes of the files, and the ratio of the times to load them."""
    with TemporaryDirectory() as folder:
        whole, bare, pickled = (Path(folder, name) for name in ("a.skops", "b.skops", "c.joblib"))
        save_model(pipe, whole)
        save_model(pipe, bare, baselines=False)
        joblib.dump(pipe, pickled, compress=1)
        times = seconds(
            {"skops": partial(load_model, whole), "joblib": partial(joblib.load, pickled)}, 9
        )
        sizes = [file.stat().st_size / 1e6 for file in (whole, bare, pickled)]
    return sizes, times["skops"] / times["joblib"]


if __name__ == "__main__":
    main()
