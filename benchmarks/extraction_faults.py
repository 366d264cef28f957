"""Kill an extraction again and again, and check that no clip is lost or wrong.

Forty good clips and ten that are broken in ten ways; the run is killed (one of its workers, or all
of its processes) at random moments and started again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from benchmarks.side_by_side import row
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

N_FRAMES, TIMEOUT = 8, 120.0
_NAMES = {"worker": "a worker was", "all": "all processes were"}
_FORMATS = (("mp4", "mpeg4"), ("mkv", "libx264"), ("avi", "mjpeg"))


def read(path: str) -> list[np.ndarray]:
    """Frames of a video."""
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write(path: Path, frames: list[np.ndarray], codec: str) -> Path:
    """Write a video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Write a second of silence, without pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        silence.rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return path


def good_clips(folder: Path, n_clips: int) -> list[Path]:
    """Distinct pieces of the clips in the package."""
    sources = [read(path) for path in load_cremad_sample().data]
    clips = []
    for number in range(n_clips):
        frames = sources[number % 6][number // 6 * 5 :][: 12 + number % 9]
        ending, codec = _FORMATS[number % 3]
        clips.append(write(folder / f"good{number:02d}.{ending}", frames, codec))
    return clips


def broken_clips(folder: Path, n_clips: int) -> list[Path]:
    """Clips that are broken in up to ten ways."""
    face = read(load_cremad_sample().data[0])[:12]
    whole = {e: write(folder / f"whole.{e}", face, c).read_bytes() for e, c in _FORMATS}
    black = [np.zeros((120, 160, 3), np.uint8)] * 12

    def content(name: str, data: bytes) -> Callable[[Path], Any]:
        return lambda path: path.with_name(name).write_bytes(data)

    ways: dict[str, Callable[[Path], Any]] = {
        "text.mp4": content("text.mp4", b"these are no pictures\n" * 100),
        "no_face.mp4": lambda path: write(path, black, "mpeg4"),
        "gone.mp4": lambda path: path.symlink_to(folder / "nowhere.mp4"),
        "folder.mp4": lambda path: path.mkdir(),
        "empty.mp4": content("empty.mp4", b""),
        "noise.avi": content("noise.avi", random.Random(0).randbytes(20_000)),
        "cut.mp4": content("cut.mp4", whole["mp4"][: len(whole["mp4"]) // 2]),
        "header.mkv": content("header.mkv", whole["mkv"][:400]),
        "sound.wav": write_sound,
        "cut.png": lambda path: _cut_png(path, face[0]),
    }
    clips = []
    for name, make in list(ways.items())[:n_clips]:
        make(folder / name)
        clips.append(folder / name)
    return clips


def _cut_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def entries(cache: Path) -> dict[str, str]:
    """Hash of each entry of a cache."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.rglob("*.npz")
    }


def start(clips: list[Path], cache: Path, out: Path) -> subprocess.Popen[str]:
    """A run in a process group of its own."""
    arguments = json.dumps([[str(clip) for clip in clips], str(cache), str(out)])
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.extraction_faults", "--run", arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(clips: list[str], cache: str, out: str) -> None:
    """The run that is killed: an extraction in two processes."""
    transformer = FaceLandmarkTransformer(
        n_frames=N_FRAMES, on_error="skip-with-nan", memory=cache, n_jobs=2
    )
    X = transformer.transform(clips)
    report = transformer.report_
    np.savez(out, X=X, skipped=[clip.index for clip in report.skipped], n_cached=report.n_cached)


def kill(process: subprocess.Popen[str], whom: str) -> None:
    """Kill -9 a worker, or all processes."""
    main = psutil.Process(process.pid)
    everyone = [main, *main.children(recursive=True)]
    workers = [child for child in everyone[1:] if "popen_loky" in " ".join(child.cmdline())]
    for victim in workers[:1] if whom == "worker" else everyone:
        victim.send_signal(signal.SIGKILL)
    if whom == "all":
        process.communicate()


def wait_for_entries(cache: Path, n: int, process: subprocess.Popen[str]) -> None:
    """Wait until there are n entries, or the run has ended."""
    until = time.monotonic() + TIMEOUT
    while len(list(cache.rglob("*.npz"))) < n and process.poll() is None:
        if time.monotonic() > until:
            raise SystemExit(f"no {n} entries after {TIMEOUT:.0f} s")
        time.sleep(0.01)


def fault_run(folder: Path, n_good: int, n_broken: int, kills: list[str], seed: int) -> None:
    """Print the table; raise SystemExit if a value is not the expected one."""
    rng = random.Random(seed)
    broken = broken_clips(folder, n_broken)
    clips = [*good_clips(folder, n_good), *broken]
    rng.shuffle(clips)
    cache, out = folder / "cache", folder / "out.npz"
    seen: dict[str, str] = {}
    n_changed = 0
    process = start(clips, cache, out)
    for whom in kills:
        wait_for_entries(cache, len(seen) + 1 + rng.randrange(max(1, n_good // 8)), process)
        time.sleep(rng.uniform(0, 0.3))
        if process.poll() is None:
            kill(process, whom)
        n_changed += _changed(seen, entries(cache))
        seen = entries(cache)
        row(f"clips cached when {_NAMES[whom]} killed", f"{len(seen)}")
        if whom == "all":
            process = start(clips, cache, out)
    _, errors = process.communicate(timeout=TIMEOUT)
    if process.returncode:
        raise SystemExit(f"the last run failed:\n{errors}")
    n_changed += _changed(seen, entries(cache))
    seen = entries(cache)

    again = start(clips, cache, folder / "again.npz")
    again.communicate(timeout=TIMEOUT)
    with np.load(out) as last, np.load(folder / "again.npz") as warm:
        X, skipped, X_again = last["X"], set(last["skipped"].tolist()), warm["X"]
        n_cached = int(warm["n_cached"])
    is_broken = np.array([clip in broken for clip in clips])
    good = [clip for clip in clips if clip not in broken]
    undisturbed = FaceLandmarkTransformer(n_frames=N_FRAMES).transform(good)
    n_equal = int((X[~is_broken] == undisturbed).all(axis=1).sum())
    # A clip without a face can be read, so it is cached as well.
    n_expected = n_good + sum(clip.name == "no_face.mp4" for clip in broken)
    checks = {
        "rows identical to an undisturbed run": (n_equal, n_good),
        "rows of broken clips that are NaN": (
            int(np.isnan(X[is_broken]).all(axis=1).sum()),
            n_broken,
        ),
        "broken clips reported": (len(skipped & set(np.flatnonzero(is_broken))), n_broken),
        "other clips reported": (len(skipped - set(np.flatnonzero(is_broken))), 0),
        "entries of the cache": (len(seen), n_expected),
        "entries that changed or disappeared": (n_changed + _changed(seen, entries(cache)), 0),
        "usable clips that one more run reads from the cache": (n_cached, n_good),
        "rows that one more run changed": (
            int((~np.isclose(X, X_again, rtol=0, atol=0, equal_nan=True)).any(axis=1).sum()),
            0,
        ),
    }
    for what, (found, expected) in checks.items():
        row(what, str(found), str(expected))
    wrong = [what for what, (found, expected) in checks.items() if found != expected]
    if wrong:
        raise SystemExit(f"not as expected: {', '.join(wrong)}")


def _changed(before: dict[str, Any], after: dict[str, Any]) -> int:
    return sum(after.get(name) != digest for name, digest in before.items())


def main() -> None:
    """Print the table; exit with 1 if a value is not the expected one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the order and of the moments")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(*json.loads(options.run))
        return
    print("| | here | expected |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        fault_run(Path(folder), 40, 10, ["all", "worker", "all"], options.seed)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
