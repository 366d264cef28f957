"""ONNX graphs of pipelines beside the pipelines: difference, time of one clip, size.

The rows are synthetic clips of people that the pipelines were not fitted on. A clip is predicted
alone, by ``predict_proba`` of the pipeline and by onnxruntime with one thread, in turns.

usage:
    python -m benchmarks.onnx_graphs
"""

from __future__ import annotations

import pickle
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

from sklearn_temo import TEMOClassifier, export_onnx, make_temo_pipeline
from sklearn_temo.datasets import make_expression_clips

from .side_by_side import seconds, table
from .tables import write_table

_N_ROUNDS = 50


def main() -> None:
    """Print one row for each pipeline."""
    rows = [_measure(*case) for case in product((2, 16), (False, True), (128, 468))]
    print(table(_HEADER, rows))
    header = [*_HEADER[:4], "time of one clip, graph is 1", *_HEADER[7:]]
    write_table("onnx_graphs", header, [[*row[:4], *row[6:]] for row in rows])


_HEADER = (
    "frames",
    "network",
    "k",
    "largest difference of probabilities",
    "pipeline, ms a clip",
    "graph, ms a clip",
    "ratio",
    "pickle, MB",
    "graph, MB",
)


def _measure(n_frames: int, randomized: bool, k: int) -> list[str]:
    clips = make_expression_clips(n_clips=280, n_subjects=40, n_frames=n_frames, random_state=0)
    is_fitted = np.isin(clips.groups, np.unique(clips.groups)[:20])
    pipe = make_temo_pipeline(
        k=k,
        landmarks="passthrough",
        classifier=TEMOClassifier(randomized=randomized),
        random_state=0,
    ).fit(clips.data[is_fitted], clips.target[is_fitted])
    rows = clips.data[~is_fitted]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        export_onnx(pipe, path)
        session = onnxruntime.InferenceSession(path, options)
        size = path.stat().st_size / 1e6
    difference = np.abs(session.run(None, {"rows": rows})[0] - pipe.predict_proba(rows)).max()
    works = {
        "pipeline": lambda: pipe.predict_proba(rows[:1]),
        "graph": lambda: session.run(None, {"rows": rows[:1]}),
    }
    taken = seconds(works, _N_ROUNDS)
    return [
        str(n_frames),
        "randomized" if randomized else "trained",
        str(k),
        f"{difference:.1e}",
        f"{1000 * taken['pipeline']:.2f}",
        f"{1000 * taken['graph']:.2f}",
        f"{taken['pipeline'] / taken['graph']:.1f}",
        f"{len(pickle.dumps(pipe)) / 1e6:.1f}",
        f"{size:.1f}",
    ]


if __name__ == "__main__":
    main()
