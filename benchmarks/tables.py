"""Tables of the benchmarks, which the documentation includes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs/benchmarks"


def write_table(
    name: str, header: Sequence[str], rows: Iterable[Sequence[str]], folder: Path | None = None
) -> None:
    """Write a table that a page of the documentation includes.

    Call it only for complete results: a quick run, or a run of a part, would replace them. Rows of
    the old table whose first cell is not in the new one are kept if it is called "data", so that a
    run without CK+ keeps the rows of CK+.

    Parameters
    ----------
    name : str
        Name of the file, without suffix.
    header : sequence of str
    rows : iterable of sequence of str
    folder : Path or None, default=None
        Created if it is missing. None is ``docs/benchmarks``.
    """
    rows = [[_typeset(str(cell)) for cell in row] for row in rows]
    folder = folder or FOLDER
    file = folder / f"{name}.csv"
    if header[0] == "data" and file.exists():
        with file.open(encoding="utf-8", newline="") as stream:
            _, *old = csv.reader(stream)
        new = {row[0]: [r for r in rows if r[0] == row[0]] for row in rows}
        order = dict.fromkeys(row[0] for row in (*old, *rows))
        rows = [row for data in order for row in new.get(data, [r for r in old if r[0] == data])]
    folder.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def file_name(data: str) -> str:
    """Name of a data set in the names of files."""
    return data.lower().replace("+", "plus").replace(" ", "_")


def _typeset(cell: str) -> str:
    """Signs instead of the ASCII characters of a terminal."""
    return re.sub(r"(?<![\w.`-])-(?=\d)", "\N{MINUS SIGN}", cell.replace("+-", "±"))
