"""Timing, memory and output of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np


def seconds(works: dict[str, Callable[[], Any]], n_rounds: int = 3) -> dict[str, float]:
    """Measure the median time of each function, called in turns after one warm-up round."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for i in range(n_rounds + 1):
        for name, work in works.items():
            start = perf_counter()
            work()
            if i:
                times[name].append(perf_counter() - start)
    return {name: median(taken) for name, taken in times.items()}


# The rows that were printed, for the documentation.
ROWS: list[list[str]] = []


def row(what: str, figure: str, target: str = "") -> None:
    """Print a row of the table: the quantity, its value and its target."""
    ROWS.append([what, figure, target])
    print(f"| {what} | {figure} | {target} |", flush=True)


def format_error(error: float, n_digits: int) -> str:
    """Format a standard error, which is NaN for a single repeat."""
    return "" if np.isnan(error) else f" +- {error:.{n_digits}f}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Format a Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def peak_megabytes() -> float:
    """Read the peak resident memory of this process, mapped files included (Linux only).

    ``ru_maxrss`` is not used because a process inherits it from its parent.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1]) / 1024
