"""Read damaged files of many formats, and count right, named and silent results: ``make fuzz``.

Every file is read in a process that may crash or hang. Exits with 1 if a file crashes the process,
takes longer than 20 s, needs more than 1 GB of memory, or causes an error or a warning that does
not name it. Landmarks that differ without an error or a warning are counted and listed, but do not
fail the run: formats without checksums cannot reveal changed pixels. Linux only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import queue
import sys
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.damaged_files import damage, write_intact
from benchmarks.side_by_side import peak_megabytes
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import load_landmarks

N_FRAMES = 3
SECONDS = 20.0
MEGABYTES = 1024.0

# Share of the distance between the outer corners of the eyes by which landmarks may differ.
_TOLERANCE = 0.02
_EYE_CORNERS = 33, 263

# Seconds that the start of a process may take.
_START = 120.0

OUTCOMES = (
    "as before",
    "warning",
    "error",
    "silent NaN",
    "silent difference",
    "unnamed warning",
    "unnamed error",
    "too much memory",
    "hang",
    "crash",
)
N_FILES = 2000
FAILURES = frozenset(OUTCOMES[OUTCOMES.index("unnamed warning") :])


@dataclass(frozen=True)
class Reading:
    """What a process reports of a file.

    Parameters
    ----------
    landmarks : ndarray of float32 of shape (n_frames, n_landmarks, 3) or None
        None if an error was raised.
    error : str or None
        Type and text of the error.
    warnings : tuple of str
        Types and texts of the warnings.
    is_error_named, are_warnings_named : bool
        Whether each message names the file, and the error is of a documented type.
    megabytes : float
        Peak memory of the process during the call.
    """

    landmarks: NDArray[np.float32] | None
    error: str | None
    warnings: tuple[str, ...]
    is_error_named: bool
    are_warnings_named: bool
    megabytes: float


@dataclass(frozen=True)
class Result:
    """Outcome of a damaged file: its number, format, kind of damage, and one of `OUTCOMES`.

    `megabytes` is the memory above that of the idle process.
    """

    number: int
    name: str
    how: str
    outcome: str
    megabytes: float = 0.0
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.number} ({self.name}, {self.how}): {self.outcome} {'; '.join(self.messages)}"


def read(path: str) -> Reading:
    """Read a clip or a table of landmarks."""
    # Linux then counts the peak memory from here on.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    landmarks, error, is_documented = None, None, True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Python does not show them by default, and they may come from the file before.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            if path.endswith((".npz", ".parquet")):
                table = load_landmarks(path)
                landmarks = table.data.reshape(-1, table.n_landmarks, 3)
            else:
                transformer = FaceLandmarkTransformer(n_frames=N_FRAMES, on_missing="nan")
                landmarks = transformer.extract([path])[0].landmarks
        except Exception as raised:
            is_documented = isinstance(raised, ValueError | TypeError | OSError)
            error = f"{type(raised).__name__}: {raised}"
    texts = tuple(f"{warning.category.__name__}: {warning.message}" for warning in caught)
    name = Path(path).name
    return Reading(
        landmarks,
        error,
        texts,
        is_documented and name in (error or name),
        all(name in text for text in texts),
        peak_megabytes(),
    )


def read_all(connection: Connection) -> None:
    """Read files, one after the other, in a process of its own."""
    # Decoders print to standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while (path := connection.recv()) is not None:
        connection.send(read(path))


class Reader:
    """A process that reads files; it is started again after a crash, a hang or too much memory.

    Parameters
    ----------
    intact : str
        An undamaged file, which is read first: the process then has loaded all packages.
    """

    def __init__(self, intact: str) -> None:
        self._intact = intact
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=read_all, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._idle = 0.0
        reading = self._ask(self._intact, _START)
        if isinstance(reading, str):
            raise SystemExit(f"a reading process does not start: {reading}")
        self._idle = self._memory()

    def _memory(self) -> float:
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            return 0.0

    def _ask(self, path: str, seconds: float) -> Reading | str:
        """Reading of a file, or what happened instead."""
        until = monotonic() + seconds
        try:
            self._connection.send(path)
            while not self._connection.poll(0.1):
                if monotonic() > until:
                    return "hang"
                if self._idle and self._memory() - self._idle > MEGABYTES:
                    return "too much memory"
            answer: Reading = self._connection.recv()
        except (EOFError, OSError):
            return "crash"
        return answer

    def read(self, path: str) -> tuple[Reading | str, float]:
        """Reading of a file, or what happened instead; and the memory above that of the idle."""
        answer = self._ask(path, SECONDS)
        if isinstance(answer, str):
            self.stop()
            self._start()
            return answer, MEGABYTES if answer == "too much memory" else 0.0
        above = answer.megabytes - self._idle
        return ("too much memory" if above > MEGABYTES else answer), above

    def stop(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def judge(reading: Reading, expected: NDArray[np.float32]) -> str:
    """Compare the reading of a damaged file with the landmarks of the undamaged one."""
    if not reading.is_error_named:
        return "unnamed error"
    if not reading.are_warnings_named:
        return "unnamed warning"
    if reading.landmarks is None:
        return "error"
    if reading.warnings:
        return "warning"
    found = reading.landmarks
    if found.shape != expected.shape:
        return "silent difference"
    left, right = (expected[:, corner, :2] for corner in _EYE_CORNERS)
    unit = np.linalg.norm(left - right, axis=1)[:, None]
    distance = np.linalg.norm(found[..., :2] - expected[..., :2], axis=2) / unit
    if (distance > _TOLERANCE).any():
        return "silent difference"
    return "silent NaN" if np.isnan(distance).any() else "as before"


def fuzz(
    folder: Path,
    n_files: int,
    seed: int = 0,
    n_processes: int = 2,
    done: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Write and read damaged files.

    Parameters
    ----------
    folder : Path
        Empty folder for the files. Those with silent results and failures stay there.
    n_files : int
    seed : int
        Each file depends only on the seed and its number.
    n_processes : int
    done : callable, optional
        Called after each file.

    Returns
    -------
    list of Result
        In the order of the numbers.
    """
    paths = write_intact(folder)
    expected = {name: read(str(path)).landmarks for name, path in paths.items()}
    unread = [name for name, landmarks in expected.items() if landmarks is None]
    if unread:
        raise SystemExit(f"undamaged files that cannot be read: {', '.join(unread)}")
    intact = {name: path.read_bytes() for name, path in paths.items()}
    numbers: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for number in [*range(n_files), *[None] * n_processes]:
        numbers.put(number)
    results: list[Result] = []

    def work() -> None:
        reader = Reader(str(next(iter(paths.values()))))
        while (number := numbers.get()) is not None:
            name, how, data = damage(number, seed, intact)
            path = folder / f"{number:05d}{paths[name].suffix}"
            path.write_bytes(data)
            answer, megabytes = reader.read(str(path))
            if isinstance(answer, str):
                result = Result(number, name, how, answer, megabytes)
            else:
                outcome = judge(answer, expected[name])
                messages = (*filter(None, [answer.error]), *answer.warnings)
                result = Result(number, name, how, outcome, megabytes, messages)
            if result.outcome in OUTCOMES[:3]:
                path.unlink()
            results.append(result)
            done(result)
        reader.stop()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(n_processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(results) < n_files:
        raise SystemExit(f"only {len(results)} of {n_files} files were read")
    return sorted(results, key=lambda result: result.number)


def print_table(results: list[Result]) -> None:
    """Print the outcomes by format, and the totals."""
    print(f"| format | files | {' | '.join(OUTCOMES)} | largest memory (MB) |")
    print("|---|" + "---|" * (len(OUTCOMES) + 2))
    # In the order of the first file of each format.
    for name in [*dict.fromkeys(result.name for result in results), "all formats"]:
        chosen = [result for result in results if name in (result.name, "all formats")]
        counts = Counter(result.outcome for result in chosen)
        memory = max(result.megabytes for result in chosen)
        cells = [len(chosen), *(counts[outcome] for outcome in OUTCOMES), f"{memory:.0f}"]
        print(f"| {name} | {' | '.join(map(str, cells))} |")


def write_totals(results: list[Result]) -> None:
    """Write the totals for the documentation."""
    counts = Counter(result.outcome for result in results)
    groups = {
        "an error or a warning that names the file": ("error", "warning"),
        "the landmarks of the undamaged clip, within 2 % of the distance between the eyes": (
            "as before",
        ),
        "other landmarks, without a warning": ("silent difference",),
        "no face, without a warning": ("silent NaN",),
        "an error or a warning that does not name the file": ("unnamed warning", "unnamed error"),
        "a crash, more than 20 s, or more than 1 GB of memory": OUTCOMES[-3:],
    }
    totals = {text: sum(counts[name] for name in names) for text, names in groups.items()}
    rows = [[text, f"{total:,}"] for text, total in totals.items()]
    write_table("damaged_files", ["result", "files"], rows)


def main(arguments: list[str] | None = None) -> None:
    """Print the table; exit with 1 after a failure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-files", type=int, default=N_FILES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-processes", type=int, default=2)
    text = "empty folder in which the files with silent results and failures are kept"
    parser.add_argument("--keep", type=Path, metavar="DIR", help=text)
    options = parser.parse_args(arguments)
    n_done = 0

    def progress(result: Result) -> None:
        nonlocal n_done
        n_done += 1
        if result.outcome in FAILURES or n_done % 100 == 0:
            print(f"{n_done} of {options.n_files}; {result}", file=sys.stderr, flush=True)

    start = monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = fuzz(folder, options.n_files, options.seed, options.n_processes, progress)
    print_table(results)
    if len(results) == N_FILES:
        write_totals(results)
    print()
    for result in results:
        if result.outcome not in OUTCOMES[:3]:
            print(result)
    counts = Counter(result.outcome for result in results)
    totals = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)
    memory = max(result.megabytes for result in results)
    print(
        f"seed {options.seed}: {len(results)} files of {len({r.name for r in results})} formats in "
        f"{monotonic() - start:.0f} s: {totals}; at most {memory:.0f} MB"
    )
    sys.exit(any(result.outcome in FAILURES for result in results))


if __name__ == "__main__":
    main()
