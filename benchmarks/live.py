"""Frame rate of live prediction on one core: ``make bench-live``.

Each clip of the package is played forwards and backwards, so that one person is seen for about four
seconds, as a video of its size. :func:`sklearn_temo.run_live` predicts at every frame with a window
of one second. It is compared with loops that decode the same videos and only find the landmarks, in
turns; rates and ratios are of medians. The process is bound to one core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import numpy as np

from benchmarks.extraction import loop
from benchmarks.side_by_side import row, seconds
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer, LivePredictor, make_temo_pipeline, run_live
from sklearn_temo.datasets import load_cremad_sample, make_expression_clips
from sklearn_temo.extraction._landmarker import open_landmarker
from sklearn_temo.live import LivePrediction
from sklearn_temo.live._overlay import Overlay
from sklearn_temo.mesh import MODEL_SHA256, model_path

N_ROUNDS = 3
N_CALLS = 200
WINDOW = 1.0
RATE = 30
ENGINES = "mediapipe", "litert"


def write_videos(folder: Path, paths: list[str]) -> tuple[list[str], int]:
    """Clips played forwards and backwards, as H.264 videos; also the number of all frames."""
    videos, n_frames = [], 0
    for number, path in enumerate(paths):
        with av.open(path) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        frames += frames[::-1]
        videos.append(str(folder / f"{number}.mp4"))
        with av.open(videos[-1], "w") as container:
            stream = container.add_stream("libx264", rate=RATE)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for tick, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = tick, Fraction(1, RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        n_frames += len(frames)
    return videos, n_frames


def find_only(videos: list[str], engine: str) -> None:
    """Decode videos and find the landmarks of every frame, and nothing else."""
    with open_landmarker(engine, model_path(), MODEL_SHA256) as landmarker:
        for path in videos:
            with av.open(path) as container:
                for frame in container.decode(video=0):
                    landmarker.detect(frame.to_ndarray(format="rgb24"))


def rates(pipe: Any, folder: Path, videos: list[str], n_frames: int) -> None:
    """Compare live prediction with loops that only find landmarks."""
    predicted = []

    def live(engine: str, out: str | None) -> Callable[[], None]:
        extractor = FaceLandmarkTransformer(n_frames=16, engine=engine)
        predictor = LivePredictor(pipe, window=WINDOW, extractor=extractor)

        def run() -> None:
            place = None if out is None else folder / out
            found = [run_live(predictor, path, show=False, out=place) for path in videos]
            predicted.append(sum(each.n_predicted for each in found))

        return run

    works: dict[str, Callable[[], Any]] = {"video mode": lambda: loop(videos)}
    for engine in ENGINES:
        works[engine] = lambda engine=engine: find_only(videos, engine)
        for out in ("out.csv", "out.mp4"):
            works[f"{engine} {out}"] = live(engine, out)
    taken = seconds(works, N_ROUNDS)
    row("frames, of which have a prediction", f"{n_frames}, {predicted[0]}")
    text = "OpenCV and MediaPipe's video mode, opened for each video"
    row(text, f"{n_frames / taken['video mode']:.0f} frames/s")
    rows = [["only landmarks"], ["live, into a table"], ["live, into a video with overlay"]]
    for engine in ENGINES:
        for cells, name in zip(rows, ("", " out.csv", " out.mp4"), strict=True):
            cells.append(f"{n_frames / taken[engine + name]:.0f}")
        row(f"only landmarks, {engine}", f"{n_frames / taken[engine]:.0f} frames/s")
        for out, what in (("out.csv", "a table"), ("out.mp4", "a video with overlay")):
            rate = n_frames / taken[f"{engine} {out}"]
            share = taken[engine] / taken[f"{engine} {out}"]
            figure = f"{rate:.0f} frames/s, {share:.2f}x of only landmarks"
            row(f"live, {engine}, into {what}", figure, ">= 25 frames/s")
    write_table("live", ["loop", "MediaPipe, frames/s", "LiteRT, frames/s"], rows)


def parts(pipe: Any, videos: list[str]) -> None:
    """Time of the parts that are added to finding the landmarks, and of dropped frames."""
    predictor = LivePredictor(pipe, window=WINDOW)
    with av.open(videos[0]) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    face = FaceLandmarkTransformer(n_frames=16).extract([pixels])[0].landmarks
    clip = face.reshape(1, -1)
    probabilities = pipe.predict_proba(clip)[0]
    label = pipe.classes_[probabilities.argmax()]
    prediction = LivePrediction(0.0, face[0], True, False, probabilities, label)
    overlay = Overlay(predictor)
    for what, work in (
        ("prediction of a window: predict_proba of one clip", lambda: pipe.predict_proba(clip)),
        ("drawing the overlay", lambda: overlay.draw(pixels, prediction)),
    ):
        work()
        times = []
        for _ in range(N_CALLS):
            start = perf_counter()
            work()
            times.append(perf_counter() - start)
        row(what, f"{1000 * np.median(times):.1f} ms")
    summary = run_live(predictor, videos[0], show=False, newest=True)
    row("frames dropped at the speed of the video, 30 frames/s", f"{summary.n_dropped}", "0")


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=6, help="number of clips, up to 6")
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clips = make_expression_clips(n_clips=84, n_frames=16, random_state=0)
    pipe = make_temo_pipeline(landmarks="passthrough", random_state=0)
    pipe.fit(clips.data, clips.target)
    print("| | here | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        videos, n_frames = write_videos(Path(folder), load_cremad_sample().data[: options.clips])
        parts(pipe, videos)
        rates(pipe, Path(folder), videos, n_frames)


if __name__ == "__main__":
    main()
