"""Interrupt an extraction in many ways, and check that no clip is lost or wrong.

Forty good clips and ten that are broken in ten ways. A run is killed (one of its workers, or all of
its processes) at random moments and started again; the command ``sklearn-temo extract`` receives
signals, meets a full disk and a read-only cache; and two runs share a cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from benchmarks.damaged_files import read_video, write_video
from benchmarks.side_by_side import row
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample
from sklearn_temo.extraction import load_landmarks

N_FRAMES, TIMEOUT = 8, 120.0
_NAMES = {"worker": "a worker was", "all": "all processes were"}
_FORMATS = (
    ("mp4", "mpeg4", "yuv420p"),
    ("mkv", "libx264", "yuv420p"),
    ("avi", "mjpeg", "yuvj420p"),
)


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
    sources = [read_video(path) for path in load_cremad_sample().data]
    clips = []
    for number in range(n_clips):
        frames = sources[number % 6][number // 6 * 5 :][: 12 + number % 9]
        ending, *codec = _FORMATS[number % 3]
        clips.append(write_video(folder / f"good{number:02d}.{ending}", frames, *codec))
    return clips


def broken_clips(folder: Path, n_clips: int) -> list[Path]:
    """Clips that are broken in up to ten ways."""
    face = read_video(load_cremad_sample().data[0])[:12]
    whole = {
        ending: write_video(folder / f"whole.{ending}", face, *codec).read_bytes()
        for ending, *codec in _FORMATS
    }
    black = [np.zeros((120, 160, 3), np.uint8)] * 12

    def content(name: str, data: bytes) -> Callable[[Path], Any]:
        return lambda path: path.with_name(name).write_bytes(data)

    ways: dict[str, Callable[[Path], Any]] = {
        "text.mp4": content("text.mp4", b"these are no pictures\n" * 100),
        "no_face.mp4": lambda path: write_video(path, black, "mpeg4"),
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
    report(checks)


def report(checks: dict[str, tuple[Any, Any]]) -> None:
    """Print found and expected values; raise SystemExit if they differ."""
    for what, (found, expected) in checks.items():
        row(what, str(found), str(expected))
    wrong = [what for what, (found, expected) in checks.items() if found != expected]
    if wrong:
        raise SystemExit(f"not as expected: {', '.join(wrong)}")


def _changed(before: dict[str, Any], after: dict[str, Any]) -> int:
    return sum(after.get(name) != digest for name, digest in before.items())


def command(
    clips: list[Path], cache: Path, out: Path, largest_file: int | None = None
) -> subprocess.Popen[str]:
    """``sklearn-temo extract`` in a process group of its own; `largest_file` is in bytes."""
    arguments = [sys.executable, "-m", "sklearn_temo", "extract", *map(str, clips)]
    arguments += ["--out", str(out), "--memory", str(cache)]
    arguments += ["--n-frames", str(N_FRAMES), "--quiet"]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if largest_file is not None:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
    return process


def finish(process: subprocess.Popen[str]) -> int:
    """Exit code of a command, -15 if it was killed by signal 15."""
    process.communicate(timeout=TIMEOUT)
    return process.returncode


def is_equal(table: Path, expected: Path) -> bool:
    """Whether two tables have the same landmarks, times and sources."""
    tables = [load_landmarks(path) for path in (table, expected)]
    return all(
        np.array_equal(tables[0][name], tables[1][name])
        for name in ("data", "times", "detected", "sources")
    )


def unfinished(folder: Path) -> int:
    """Number of temporary files that were left behind."""
    return len(list(folder.rglob("*.unfinished")))


def signal_run(folder: Path, clips: list[Path], expected: Path, n: int, seed: int) -> None:
    """Send SIGINT and SIGTERM to the command at random moments, and let it finish."""
    rng = random.Random(seed)
    for sent in (signal.SIGINT, signal.SIGTERM):
        place = folder / sent.name
        place.mkdir()
        cache, out = place / "cache", place / "table.npz"
        codes, n_wrong = [], 0
        for _ in range(n):
            process = command(clips, cache, out)
            before = len(entries(cache))
            # Without a new entry, the signal arrives during the start.
            wait_for_entries(cache, before + rng.randrange(6), process)
            time.sleep(rng.uniform(0, 0.5))
            # Ctrl-C is sent to all processes of a terminal, SIGTERM to one.
            if process.poll() is None:
                send = os.killpg if sent == signal.SIGINT else os.kill
                send(process.pid, sent)
            codes.append(finish(process))
            n_wrong += out.exists() and not is_equal(out, expected)
        # Python itself exits by the signal if it arrives before the command has started.
        usual = {130, 0, -sent} if sent == signal.SIGINT else {0, -sent}
        left = unfinished(place)
        last = finish(command(clips, cache, out))
        row(f"clips cached after {n} times {sent.name}, of {len(clips)}", f"{len(entries(cache))}")
        row(f"temporary files left by {sent.name}", f"{left}")
        report(
            {
                f"exit codes after {sent.name} that are not listed": (
                    [code for code in codes if code not in usual],
                    [],
                ),
                f"incomplete tables after {sent.name}": (n_wrong, 0),
                f"exit code of the same command after {sent.name}": (last, 0),
                "its table equals the undisturbed one": (is_equal(out, expected), True),
            }
        )


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[bool]:
    """Mount a file system in memory; False if that is not allowed."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    is_mounted = bool(shutil.which("mount")) and not subprocess.call(
        mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def full_disk_run(folder: Path, clips: list[Path], expected: Path) -> None:
    """Let the disk of the cache, and then that of the table, have no room for them."""
    # A cache entry has about 47 kB: the disk has room for one, or no file may have half of one.
    for what in ("cache", "table"):
        place = folder / f"full_{what}"
        with small_disk(place, "size=64k") as is_mounted:
            limit = None if is_mounted else 20_000 if what == "cache" else 60_000
            kind = "disk" if is_mounted else "limit of the size of files"
            cache = (place if what == "cache" else folder / "roomy") / "cache"
            out = (place if what == "table" else folder) / "full.npz"
            code = finish(command(clips, cache, out, limit))
            # Without room in the cache, the landmarks are not cached, but in the table.
            is_written = what == "cache"
            found = {
                f"exit code if the {what} meets a full {kind}": (code, 0 if is_written else 4),
                "table written, and temporary files left": (
                    (out.exists(), unfinished(place)),
                    (is_written, 0),
                ),
            }
            if is_mounted:
                subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            found["exit code of the same command with room"] = (
                finish(command(clips, cache, out)),
                0,
            )
            found["its table equals the undisturbed one"] = (is_equal(out, expected), True)
            out.unlink()
            report(found)


def read_only_run(folder: Path, clips: list[Path], expected: Path) -> None:
    """Let the cache be read-only, complete or without the last clip."""
    place = folder / "read_only"
    out = folder / "read_only.npz"
    with small_disk(place, "size=64m") as is_mounted:
        if not is_mounted and os.geteuid() == 0:
            row(
                "read-only cache", "not tested: the superuser may write, and mounts are not allowed"
            )
            return
        finish(command(clips[:-1], place / "cache", out))
        out.unlink()
        _set_writable(place, is_mounted, False)
        try:
            partial = finish(command(clips, place / "cache", out)), out.exists()
            complete = finish(command(clips[:-1], place / "cache", out))
        finally:
            _set_writable(place, is_mounted, True)
        report(
            {
                "exit code and table with a read-only cache that lacks a clip": (
                    partial,
                    (0, True),
                ),
                "exit code with a complete read-only cache": (complete, 0),
                "clips of its table": (len(load_landmarks(out).sources), len(clips) - 1),
                "exit code of the first command with a writable cache": (
                    finish(command(clips, place / "cache", out)),
                    0,
                ),
                "its table equals the undisturbed one": (is_equal(out, expected), True),
            }
        )


def _set_writable(place: Path, is_mounted: bool, writable: bool) -> None:
    if is_mounted:
        options = f"remount,{'rw' if writable else 'ro'}"
        subprocess.run(["mount", "-o", options, str(place)], check=True)
        return
    for path in [place, *place.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755 if writable else 0o555)


def shared_cache_run(folder: Path, clips: list[Path], expected: Path) -> None:
    """Let two commands fill one cache at the same time."""
    cache = folder / "shared"
    outs = [folder / f"shared{number}.npz" for number in range(2)]
    both = [command(clips, cache, out) for out in outs]
    report(
        {
            "exit codes of two commands with one cache": ([finish(one) for one in both], [0, 0]),
            "tables equal to the undisturbed one": (sum(is_equal(o, expected) for o in outs), 2),
            "entries of the cache": (len(entries(cache)), len(clips)),
            "temporary files left": (unfinished(cache), 0),
        }
    )


def command_runs(folder: Path, n_clips: int, n_signals: int, seed: int) -> None:
    """Disturb the command in all ways; raise SystemExit if a value is not the expected one."""
    (folder / "clips").mkdir()
    clips = good_clips(folder / "clips", n_clips)
    expected = folder / "expected.npz"
    code = finish(command(clips, folder / "undisturbed", expected))
    report({"exit code of the undisturbed command": (code, 0)})
    signal_run(folder, clips, expected, n_signals, seed)
    full_disk_run(folder, clips, expected)
    read_only_run(folder, clips, expected)
    shared_cache_run(folder, clips, expected)


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
    with tempfile.TemporaryDirectory() as folder:
        command_runs(Path(folder), n_clips=12, n_signals=4, seed=options.seed)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
