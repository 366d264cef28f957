"""Files of tables: CSV, Parquet and numpy archives."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _openface, _table_columns
from ._table_columns import (
    FLAG,
    FLOAT32,
    NEEDED,
    NUMBER,
    OF_CLIPS,
    SHAPES,
    TEXT,
    WHOLE,
    Arrays,
    TableClip,
    make_arrays,
)

# Rows per Parquet row group, about 20 MB: the columns of one group are in memory at a time.
_ROWS_AT_A_TIME = 4096

# Numpy kinds of the columns.
_KINDS = {TEXT: "U", WHOLE: "iu", NUMBER: "fiu", FLAG: "b", FLOAT32: "fiu"}

# Spreadsheets run a cell that begins with one of these as a formula. An apostrophe before it makes
# it text; text that begins with an apostrophe gets one as well, so that it can be removed again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Columns(NamedTuple):
    """Conversion between the arrays of a table and its columns.

    Parameters
    ----------
    flatten : callable
        Returns columns from arrays.
    to_read : callable
        Returns the kind of each column that is read from the names of all columns.
    unflatten : callable
        Returns arrays from the columns that were read.
    """

    flatten: Callable[[Arrays], Arrays]
    to_read: Callable[[Sequence[str]], dict[str, str]]
    unflatten: Callable[[Mapping[str, NDArray[Any]]], Arrays]


COLUMNS = {
    "temo": Columns(
        _table_columns.flatten, _table_columns.columns_to_read, _table_columns.unflatten
    ),
    "openface": Columns(_openface.to_openface, _openface.columns_to_read, _openface.from_openface),
}


def _columns_of(header: Sequence[str]) -> Columns:
    return COLUMNS["openface" if _openface.is_openface(header) else "temo"]


def write_csv(file: BinaryIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows as a CSV file in UTF-8."""
    text = codecs.getwriter("utf-8")(file, "backslashreplace")
    # Text with any of the characters of the line terminator is quoted.
    csv.writer(text, lineterminator="\r\n").writerows(rows)


def protect_text(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_npz_table(
    file: BinaryIO, clips: Sequence[TableClip], optional: set[str], columns: Columns
) -> None:
    """Write the arrays of a table; they have no columns."""
    np.savez_compressed(file, allow_pickle=False, **make_arrays(clips, optional))


def write_csv_table(
    file: BinaryIO, clips: Sequence[TableClip], optional: set[str], columns: Columns
) -> None:
    """Write a table as text."""
    write_csv(file, _csv_rows(clips, optional, columns))


def _csv_rows(
    clips: Sequence[TableClip], optional: set[str], columns: Columns
) -> Iterator[Iterable[Any]]:
    """Header and rows, clip by clip: the text of all clips would fill the memory."""
    for number, clip in enumerate(clips):
        flat = columns.flatten(make_arrays([clip], optional))
        if number == 0:
            yield flat
        yield from zip(*_csv_cells(flat), strict=True)


def _csv_cells(columns: Arrays) -> Iterator[list[Any]]:
    """Cells of each column."""
    # Converted at once, since most columns are coordinates. The shortest text that gives the same
    # float32.
    coordinates = np.stack([column for column in columns.values() if column.dtype == np.float32])
    texts = coordinates.astype(str)
    texts[np.isnan(coordinates)] = ""
    coordinate_cells = iter(texts.tolist())
    for column in columns.values():
        if column.dtype == np.float32:
            yield next(coordinate_cells)
        elif column.dtype.kind == "U":
            yield [protect_text(text) for text in column.tolist()]
        else:
            yield ["" if number != number else number for number in column.tolist()]


def write_parquet_table(
    file: BinaryIO, clips: Sequence[TableClip], optional: set[str], columns: Columns
) -> None:
    """Write row group by row group: the columns of all clips at once would double the memory."""
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

    def table(part: Sequence[TableClip]) -> Any:
        return Table.from_pydict(columns.flatten(make_arrays(part, optional)))

    groups = np.cumsum([len(clip.times) for clip, *_ in clips]) // _ROWS_AT_A_TIME
    schema = table(clips[:1]).schema
    # Coordinates seldom repeat, so a dictionary encoding would not help.
    texts = [name for name in ("source", "label", "group") if name in schema.names]
    with ParquetWriter(file, schema, use_dictionary=texts) as writer:
        for group in np.unique(groups):
            part = [clips[i] for i in np.flatnonzero(groups == group).tolist()]
            writer.write_table(table(part), row_group_size=_ROWS_AT_A_TIME)


def read_npz_table(file: BinaryIO) -> Arrays:
    """Read the arrays of a table from a numpy archive."""
    with np.load(file, allow_pickle=False) as archive:
        names = [*NEEDED, *(name for name in (*OF_CLIPS, *SHAPES) if name in archive.files)]
        arrays = {name: archive[name] for name in [*names, "landmarks"]}
    n_rows = len(arrays["source"])
    landmarks = arrays["landmarks"]
    _check_kind("landmarks", landmarks, NUMBER)
    if landmarks.ndim != 3 or landmarks.shape != (n_rows, landmarks.shape[1], 3):
        raise ValueError(
            f"landmarks must have the shape (n_rows, n_landmarks, 3) with {n_rows} rows, but has "
            f"the shape {landmarks.shape}"
        )
    for name in names:
        array, expected = arrays[name], (n_rows, *SHAPES.get(name, ()))
        if array.shape != expected:
            raise ValueError(
                f"the column {name!r} must have the shape {expected}, but has {array.shape}"
            )
        _check_kind(name, array, {**NEEDED, **OF_CLIPS}.get(name, NUMBER))
    return arrays


def read_parquet_table(file: BinaryIO) -> Arrays:
    """Read the arrays of a table from a Parquet file."""
    from pyarrow.parquet import ParquetFile

    header = ParquetFile(file).schema_arrow.names
    columns = _columns_of(header)
    kinds = columns.to_read(header)
    # A ParquetFile that has read a table keeps a copy in memory.
    table = ParquetFile(file).read(columns=list(kinds))
    if not len(table):
        raise ValueError("it has no rows")
    return columns.unflatten(_ParquetColumns(table, kinds))


class _ParquetColumns(Mapping[str, NDArray[Any]]):
    """Columns of a table, converted when they are read: all at once would double the memory."""

    def __init__(self, table: Any, kinds: dict[str, str]) -> None:
        self._table, self._kinds = table, kinds

    def __getitem__(self, name: str) -> NDArray[Any]:
        kind, column = self._kinds[name], self._table.column(name)
        # Missing numbers become NaN.
        is_number = kind in (NUMBER, FLOAT32)
        values = column.to_numpy() if is_number else np.array(column.to_pylist())
        if kind == FLAG and values.dtype.kind in "iu":
            values = values != 0
        elif name in OF_CLIPS and kind == TEXT and values.dtype.kind in "biuf":
            values = values.astype(str) if np.isfinite(values).all() else values
        _check_kind(name, values, kind)
        return values

    def __contains__(self, name: object) -> bool:
        # A column that is needed is in the mapping, also if the table lacks it.
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def read_csv_table(file: BinaryIO) -> Arrays:
    """Read the arrays of a table from a CSV file."""
    if not file.seek(0, os.SEEK_END):
        raise ValueError("the file is empty")
    file.seek(-1, os.SEEK_END)
    if file.read() not in (b"\n", b"\r"):
        raise ValueError(
            "its last line has no end: the file is truncated, or not a CSV file in UTF-8"
        )
    file.seek(0)
    # Spreadsheets write a byte order mark before the header, OpenFace a blank before names.
    with TextIOWrapper(file, "utf-8-sig", newline="") as text:
        return _read_csv_lines(csv.reader(text, strict=True))


def _read_csv_lines(reader: Any) -> Arrays:
    header = [name.strip() for name in next(reader)]
    columns = _columns_of(header)
    kinds = columns.to_read(header)
    if missing := [name for name in kinds if name not in header]:
        raise ValueError(f"it has no column {missing[0]!r}; cells must be separated by commas")
    places = {name: header.index(name) for name in kinds}
    coordinates = [places[name] for name, kind in kinds.items() if kind == FLOAT32]
    others = {name: kind for name, kind in kinds.items() if kind != FLOAT32}
    flat: dict[str, list[Any]] = {name: [] for name in others}
    rows = []
    for row in reader:
        if len(row) != len(header):
            raise ValueError(
                f"line {reader.line_num} has {len(row)} cells, but the header has {len(header)}"
            )
        for name, kind in others.items():
            cell = row[places[name]]
            try:
                flat[name].append(_FROM_TEXT[kind](cell))
            except (KeyError, ValueError):
                raise ValueError(
                    f"line {reader.line_num}: the column {name!r} must hold {kind}, but holds "
                    f"{cell!r}"
                ) from None
        try:
            rows.append(np.array([row[place] or "nan" for place in coordinates], dtype=np.float32))
        except ValueError as error:
            raise ValueError(
                f"line {reader.line_num}: coordinates must be numbers ({error})"
            ) from None
    values = np.array(rows).reshape(len(rows), len(coordinates))
    del rows  # as large as the values
    names = [name for name, kind in kinds.items() if kind == FLOAT32]
    return columns.unflatten(
        {name: np.array(column) for name, column in flat.items()}
        | dict(zip(names, values.T, strict=True))
    )


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    TEXT: lambda cell: cell[cell.startswith("'") :],
    WHOLE: int,
    NUMBER: lambda cell: float(cell or "nan"),
    FLAG: lambda cell: _FLAGS[cell.strip().casefold()],
}


def _check_kind(name: str, column: NDArray[Any], kind: str) -> None:
    if column.dtype.kind not in _KINDS[kind]:
        raise ValueError(
            f"the column {name!r} must hold {kind} and no missing values, but holds {column.dtype}"
        )


class Format(NamedTuple):
    """Functions that write and read the files of one extension."""

    write: Callable[[BinaryIO, Sequence[TableClip], set[str], Columns], None]
    read: Callable[[BinaryIO], Arrays]


FORMATS = {
    ".parquet": Format(write_parquet_table, read_parquet_table),
    ".npz": Format(write_npz_table, read_npz_table),
    ".csv": Format(write_csv_table, read_csv_table),
}
