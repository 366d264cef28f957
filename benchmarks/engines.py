"""LiteRT beside MediaPipe: landmarks, classification, speed, start, and network connections."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.side_by_side import row, seconds
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer, LandmarkAligner
from sklearn_temo.datasets import load_cremad_sample
from sklearn_temo.extraction._landmarker import Landmarker, open_landmarker
from sklearn_temo.mesh import model_path

ENGINES = ("mediapipe", "litert")
N_ROUNDS, N_STARTS = 5, 5
# Seconds for which the landmarks of pictures are found, to see what is sent meanwhile: MediaPipe's
# report is due after 60.
WATCHED = 75

Picture = NDArray[np.uint8]


def turned(picture: Picture, degrees: float) -> Picture:
    """Rotate a picture about its middle."""
    return np.asarray(Image.fromarray(picture).rotate(degrees, Image.Resampling.BILINEAR))


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Resize a picture."""
    return np.asarray(Image.fromarray(picture).resize((width, height)))


def altered(frames: list[Picture]) -> dict[str, list[Picture]]:
    """Frames whose faces are harder to find."""
    return {
        "turned by 15 degrees": [turned(frame, 15) for frame in frames],
        "turned by 30 degrees": [turned(frame, -30) for frame in frames],
        "turned by 90 degrees": [np.rot90(frame) for frame in frames],
        "upside down": [np.rot90(frame, 2) for frame in frames],
        "240 x 180 pixels": [resized(frame, 240, 180) for frame in frames],
        "1440 x 1080 pixels": [resized(frame, 1440, 1080) for frame in frames],
        "cut at the left cheek": [frame[:, 180:] for frame in frames],
        "cut at the right cheek": [frame[:, :300] for frame in frames],
        "cut at the forehead": [frame[120:] for frame in frames],
        "cut at the mouth": [frame[:240] for frame in frames],
        "two people side by side": [np.hstack(two) for two in pairwise(frames)],
        "dark": [frame // 6 for frame in frames],
    }


def compare_landmarks(
    landmarkers: list[Landmarker], pictures: list[Picture], name: str
) -> list[str]:
    """Print the distances of landmarks in x and y; return the row of the table."""
    distances, n_faces, n_other = [], 0, 0
    for picture in pictures:
        expected, actual = (
            faces[faces[:, 1, 0].argsort()]
            for faces in (landmarker.detect(picture) for landmarker in landmarkers)
        )
        n_faces += len(expected)
        if len(expected) != len(actual):
            n_other += 1
        else:
            distances.append(np.linalg.norm((actual - expected)[..., :2], axis=-1).ravel())
    found = np.concatenate(distances)
    figures = [f"{np.median(found):.3f}", f"{np.percentile(found, 99):.2f}", f"{found.max():.2f}"]
    text = f"{name} ({len(pictures)} pictures, {n_faces} faces)"
    row(text, f"{', '.join(figures)} pixels", f"{n_other} pictures with other faces")
    return [name, str(n_faces), *figures]


def compare_classification(paths: list[str]) -> None:
    """Print how classifiers of the six sample clips change with the engine.

    Every clip gives ten rows, of different windows of time, which a classifier of five windows
    predicts in the other five: the question is what the engine changes, not how well it predicts.
    """
    X: dict[str, list[NDArray[np.float32]]] = {engine: [] for engine in ENGINES}
    for engine in ENGINES:
        for i in range(10):
            window = (0.1 * i, 0.1 * i + 1)
            transformer = FaceLandmarkTransformer(n_frames=4, sampling=window, engine=engine)
            X[engine].append(transformer.transform(paths))
    y = np.tile(np.arange(len(paths)), 5)
    rows = {engine: (np.vstack(X[engine][::2]), np.vstack(X[engine][1::2])) for engine in ENGINES}
    model = make_pipeline(LandmarkAligner(n_frames=4), LogisticRegression(max_iter=1000))
    trained = {engine: model.fit(rows[engine][0], y).predict_proba for engine in ("mediapipe",)}
    of_mediapipe, of_litert = (trained["mediapipe"](rows[engine][1]) for engine in ENGINES)
    same = (of_mediapipe.argmax(axis=1) == of_litert.argmax(axis=1)).mean()
    row("same class, model of MediaPipe's landmarks", f"{same:.1%} of {len(y)} rows")
    change = np.abs(of_mediapipe - of_litert).max()
    row("largest change of a probability", f"{change:.4f}")
    retrained = model.fit(rows["litert"][0], y).predict(rows["litert"][1])
    same = (retrained == of_mediapipe.argmax(axis=1)).mean()
    row("same class, model of LiteRT's landmarks", f"{same:.1%} of {len(y)} rows")


def compare_speed(landmarkers: list[Landmarker], frames: list[Picture]) -> None:
    """Print the speed in one process, measured in turns, frame by frame."""
    wall: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    processor: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for frame in frames * N_ROUNDS:
        for engine, landmarker in zip(ENGINES, landmarkers, strict=True):
            start, processor_start = perf_counter(), process_time()
            landmarker.detect(frame)
            processor[engine].append(process_time() - processor_start)
            wall[engine].append(perf_counter() - start)
    for name, times in (("time", wall), ("processor time", processor)):
        mediapipe, litert = (1e3 * median(times[engine]) for engine in ENGINES)
        row(f"{name} of a frame, MediaPipe and LiteRT", f"{mediapipe:.1f} ms, {litert:.1f} ms")
        row(f"{name}, MediaPipe / LiteRT", f"{mediapipe / litert:.2f}", "> 1")


def compare_clips(paths: list[str]) -> None:
    """Print the elapsed time of whole clips, with their decoding, in turns."""
    works = {
        engine: partial(FaceLandmarkTransformer(n_frames=None, engine=engine).extract, paths)
        for engine in ENGINES
    }
    taken = seconds(works, N_ROUNDS)
    ratio = taken["mediapipe"] / taken["litert"]
    row("time of all frames of the clips, MediaPipe / LiteRT", f"{ratio:.2f}", "> 1")


START = """
import sys
from time import perf_counter, process_time
import numpy as np
from sklearn_temo.extraction._landmarker import open_landmarker
from sklearn_temo.mesh import model_path
start = perf_counter()
with open_landmarker(sys.argv[1], model_path(), "bundled") as landmarker:
    landmarker.detect(np.zeros((64, 64, 3), np.uint8))
print(perf_counter() - start)
start = perf_counter()
with open_landmarker(sys.argv[1], model_path(), "again") as landmarker:
    landmarker.detect(np.zeros((64, 64, 3), np.uint8))
print(perf_counter() - start)
"""


def compare_starts() -> None:
    """Print the time from nothing imported to the landmarks of a first picture."""
    times: dict[str, list[list[float]]] = {engine: [] for engine in ENGINES}
    for _ in range(N_STARTS):
        for engine in ENGINES:
            command = [sys.executable, "-c", START, engine]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times[engine].append([float(text) for text in done.stdout.split()])
    for engine in ENGINES:
        imports, second = map(median, zip(*times[engine], strict=True))
        figure = f"{1e3 * imports:.0f} ms, {1e3 * second:.0f} ms"
        row(f"{engine}, first landmarker with its imports, second landmarker", figure)


WATCH = """
import sys
from time import monotonic, sleep
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample
if sys.argv[1] == "mediapipe, unguarded":
    from sklearn_temo.extraction import _mediapipe
    from contextlib import nullcontext
    _mediapipe._no_network, _mediapipe._MAX_AGE = nullcontext, float("inf")
engine, path = sys.argv[1].split(",")[0], load_cremad_sample().data[0]
transformer, end = FaceLandmarkTransformer(n_frames=4, engine=engine), monotonic() + {WATCHED}
while monotonic() < end:
    transformer.transform([path])
    sleep(1)
"""


def watch_connections(engine: str) -> None:
    """Print the connections to a proxy, the only way to the network, during some transforms."""
    hosts = []

    def serve(proxy: socket.socket) -> None:
        while True:
            try:
                connection, _ = proxy.accept()
            except OSError:  # closed
                return
            with connection:
                hosts.append(connection.recv(1024).split(b" ")[1].decode())

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=serve, args=(proxy,), daemon=True).start()
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        environment = os.environ | dict.fromkeys(names, url)
        code = WATCH.replace("{WATCHED}", str(WATCHED))
        subprocess.run([sys.executable, "-c", code, engine], env=environment, check=True)
    found = ", ".join(hosts) or "none"
    row(f"{engine}: connections to the proxy in {WATCHED} s and at exit", found, "none")


def main() -> None:
    """Print all comparisons."""
    paths = load_cremad_sample().data
    clips = [FaceLandmarkTransformer(n_frames=None).read_frames(path) for path in paths]
    frames = [frame for clip in clips for frame in clip]
    row("comparison", "figure", "target")
    row("---", "---", "---")
    with (
        open_landmarker("mediapipe", model_path(), "bundled") as mediapipe,
        open_landmarker("litert", model_path(), "bundled") as litert,
    ):
        landmarkers = [mediapipe, litert]
        tested = {"all frames of the six included clips": frames}
        tested |= altered([clip[i] for clip in clips for i in (0, 30)])
        rows = [compare_landmarks(landmarkers, tested[name], name) for name in tested]
        write_table("engines", ["pictures", "faces", "median", "99 %", "largest"], rows)
        compare_speed(landmarkers, frames[::10])
    compare_clips(paths)
    compare_classification(paths)
    compare_starts()
    for engine in ("mediapipe, unguarded", *ENGINES):
        watch_connections(engine)


if __name__ == "__main__":
    main()
