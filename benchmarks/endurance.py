"""Find leaks of memory, open files and threads in many extractions and fits: ``make endurance``.

Everything runs in one process. Exits with 1 if, after a warm-up of a tenth of the calls, open file
descriptors or threads increase, or if resident memory increases by more than the larger of 5 % and
20 MB.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.damaged_files import face_frames, write_intact
from sklearn_temo import FaceLandmarkTransformer, IGLandmarkSelector, TEMOClassifier
from sklearn_temo.datasets import make_expression_clips

QUANTITIES = ("resident memory (MB)", "open file descriptors", "threads")
MEMORY_SHARE, MEMORY_MB = 0.05, 20.0


def measure() -> tuple[float, float, float]:
    """Measure the `QUANTITIES` of this process."""
    gc.collect()
    process = psutil.Process()
    return process.memory_info().rss / 2**20, process.num_fds(), process.num_threads()


def extractions(folder: Path) -> list[Callable[[], Any]]:
    """Calls that extract arrays, a file of each format, and clips that cannot be used."""
    frames = np.stack(face_frames(4))
    paths = [path for name, path in write_intact(folder).items() if not name.endswith("table")]
    cut = []
    for path in paths:
        cut.append(folder / f"cut_{path.name}")
        cut[-1].write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    usable = [frames, frames[0], *map(str, paths)]
    unusable = [np.zeros_like(frames), frames.astype(float), str(folder / "none.mp4")]
    raising = FaceLandmarkTransformer(n_frames=2)
    skipping = FaceLandmarkTransformer(
        n_frames=2, on_error="skip-with-nan", memory=folder / "cache", sampling="all"
    )

    def extract(clip: Any) -> None:
        try:
            raising.transform([clip])
        except (ValueError, TypeError, OSError):
            skipping.transform([clip])

    return [partial(extract, clip) for clip in [*usable, *unusable, *map(str, cut)]]


def fits() -> list[Callable[[], Any]]:
    """Calls that fit a classifier and a selector, and fail to fit them."""
    clips = make_expression_clips(n_clips=28, n_frames=2, random_state=0)
    X, y = clips.data, clips.target
    network = TEMOClassifier(max_epochs=2, random_state=0)

    def fail() -> None:
        try:
            network.fit(X, y[1:])
        except ValueError:
            return
        raise SystemExit("a fit with too few labels did not fail")

    return [
        lambda: network.fit(X, y).predict_proba(X),
        lambda: IGLandmarkSelector(network, k=32, n_frames=2, random_state=0).fit(X, y),
        fail,
    ]


def endure(what: str, calls: list[Callable[[], Any]], n_calls: int) -> list[str]:
    """Make calls in turns, print a row for each quantity, and return what increased."""
    rows = [measure()]
    for n in (n_calls // 10, n_calls - n_calls // 10):
        for call in islice(cycle(calls), n):
            call()
        rows.append(measure())
    faults = []
    for name, start, warm, end in zip(QUANTITIES, *rows, strict=True):
        allowed = max(MEMORY_SHARE * warm, MEMORY_MB) if "MB" in name else 0.0
        print(
            f"| {what} | {name} | {start:.0f} | {warm:.0f} | {end:.0f} | {warm + allowed:.0f} |",
            flush=True,
        )
        if end > warm + allowed:
            faults.append(f"{name} during {what}")
    return faults


def main(arguments: list[str] | None = None) -> None:
    """Print the table; exit with 1 after an increase."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-extractions", type=int, default=2000)
    parser.add_argument("--n-fits", type=int, default=500)
    options = parser.parse_args(arguments)
    # Skipped clips, and networks that were trained for two epochs only.
    warnings.simplefilter("ignore")
    print("| calls | quantity | at the start | after 10 % | at the end | at most |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        n = options.n_extractions
        faults = endure(f"{n} extractions", extractions(Path(folder)), n)
    faults += endure(f"{options.n_fits} fits", fits(), options.n_fits)
    if faults:
        raise SystemExit(f"increased: {', '.join(faults)}")


if __name__ == "__main__":
    main()
