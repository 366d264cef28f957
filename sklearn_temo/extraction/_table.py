"""Tables of landmarks on disk, one row per clip and frame."""

from __future__ import annotations

import codecs
import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._atomic_files import check_writable, replacing
from ..layout import LandmarkLayout
from ._landmarks import ClipLandmarks

# Rows per Parquet row group, about 20 MB: the columns of one group are in memory at a time.
_ROWS_AT_A_TIME = 4096

# Columns that are read besides the coordinates: their numpy kinds and a description.
_KINDS = {
    "source": ("U", "text"),
    "frame": ("iu", "whole numbers"),
    "time": ("fiu", "numbers"),
    "detected": ("b", "true or false"),
}

# Escape sequence, in a table, of a byte of a file name that is not UTF-8.
_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")

# Spreadsheets run a cell that begins with one of these as a formula. An apostrophe before it makes
# it text; text that begins with an apostrophe gets one as well, so that it can be removed again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def check_table_place(path: str | os.PathLike[str]) -> Path:
    """Check, before the extraction, that a table can be written.

    Raises ValueError for an unknown file name extension, ImportError if the format needs a package
    that is not installed, and the errors of :func:`~sklearn_temo._atomic_files.check_writable`.
    """
    path = _check_extension(path)
    check_writable(path)
    return path


def save_landmarks(path: str | os.PathLike[str], clips: Sequence[ClipLandmarks]) -> None:
    """Write landmarks of clips as a table, one row per clip and frame.

    The columns are ``source``, ``frame`` (counted from 0 in each clip), ``time`` in seconds,
    ``detected``, ``width`` and ``height`` in pixels, ``fps``, and the coordinates in isotropic
    pixels: ``p000_x``, ``p000_y``, ``p000_z``, ``p001_x`` and so on, as float32.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.parquet``, for pandas, polars, R and others, which needs pyarrow; in ``.npz``,
        a compressed numpy archive in which the coordinates are one array `landmarks` of shape
        (n_rows, n_landmarks, 3); or in ``.csv``, text in UTF-8 with a header, which is the largest
        and slowest. An existing file is replaced when the new one is complete.
    clips : sequence of ClipLandmarks
        As returned by :meth:`sklearn_temo.FaceLandmarkTransformer.extract`. Their lengths may
        differ. Skipped clips, which have an `error`, are left out.

    Raises
    ------
    ValueError
        If the path has another extension, or no clip is left.
    OSError
        If the file cannot be written.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    load_landmarks : Reads the table.

    Notes
    -----
    In a CSV file, missing values are empty, and numbers have all digits that are needed to read the
    same float32 again. A `source` that a spreadsheet would run as a formula, because it begins with
    ``=``, ``+``, ``-`` or ``@``, has an apostrophe before it, which :func:`load_landmarks` removes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import load_landmarks, save_landmarks
    >>> clips = FaceLandmarkTransformer(n_frames=2).extract(load_cremad_sample().data[:2])
    >>> with TemporaryDirectory() as folder:
    ...     save_landmarks(Path(folder, "landmarks.npz"), clips)
    ...     table = load_landmarks(Path(folder, "landmarks.npz"))
    >>> table.data.shape
    (2, 2808)
    """
    path = check_table_place(path)
    good = [clip for clip in clips if clip.error is None]
    if not good:
        raise ValueError(f"{str(path)!r}: none of the {len(clips)} clips has landmarks to save.")
    with replacing(path) as file:
        _FORMATS[path.suffix.casefold()].write(file, good)


def load_landmarks(path: str | os.PathLike[str]) -> Bunch:
    r"""Read a table of landmarks, as rows for a pipeline.

    Parameters
    ----------
    path : str or path-like
        Written by :func:`save_landmarks` or ``sklearn-temo extract``. If the table was edited,
        additional columns and the order of columns do not matter. Clips may be removed, single
        frames may not.

    Returns
    -------
    table : Bunch
        With

        data : ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
            As returned by :meth:`sklearn_temo.FaceLandmarkTransformer.transform`.
        sources : ndarray of str of shape (n_clips,)
            The paths of the clips, as they were passed. The table holds a byte of a name that is
            not UTF-8 as ``\udce9``; here it is restored, so that the path opens the clip.
        times : ndarray of float64 of shape (n_clips, n_frames)
            Presentation times of the frames in seconds.
        detected : ndarray of bool of shape (n_clips, n_frames)
            Whether a face was found in each frame.
        n_frames, n_landmarks : int
            Number of frames per clip and of landmarks per frame.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a table, or if the clips differ in length, so that they cannot be
        rows of one array.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    save_landmarks : Writes the table.
    """
    path = _check_extension(path)
    with open(path, "rb") as file:
        try:
            columns, landmarks = _FORMATS[path.suffix.casefold()].read(file)
            if not len(landmarks):
                raise ValueError("it has no rows")
            for name, (kinds, words) in _KINDS.items():
                _check_kind(name, columns[name], kinds, words)
        except Exception as error:  # numpy and pyarrow raise many types for a damaged file
            raise ValueError(
                f"{str(path)!r} cannot be read as a table of landmarks ({type(error).__name__}: "
                f"{error}); write it again."
            ) from error
    n_frames = _count_frames(path, columns["source"], columns["frame"])
    sources = [
        _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
        for name in columns["source"][::n_frames].tolist()
    ]
    return Bunch(
        data=np.ascontiguousarray(landmarks, dtype=np.float32).reshape(len(sources), -1),
        sources=np.array(sources, dtype=str),
        times=columns["time"].astype(np.float64).reshape(-1, n_frames),
        detected=columns["detected"].reshape(-1, n_frames),
        n_frames=n_frames,
        n_landmarks=landmarks.shape[1],
    )


def _check_extension(path: str | os.PathLike[str]) -> Path:
    path = Path(path).expanduser()
    extension = path.suffix.casefold()
    if extension not in _FORMATS:
        raise ValueError(f"{str(path)!r} must end in .parquet, .npz or .csv.")
    if extension == ".parquet":
        try:
            import_module("pyarrow.parquet")
        except ImportError as error:
            raise ImportError(
                f"{str(path)!r}: Parquet needs pyarrow, which is not installed ({error}); "
                "pip install 'sklearn-temo[parquet]', or use the extension .npz or .csv."
            ) from error
    return path


def _make_columns(clips: Sequence[ClipLandmarks]) -> dict[str, NDArray[Any]]:
    """Columns of a table, in their order; `landmarks`, of shape (n_rows, n_landmarks, 3), last."""
    lengths = [len(clip.times) for clip in clips]
    # File names that are not UTF-8 contain surrogates, which cannot be written.
    sources = [clip.source.encode("utf-8", "backslashreplace").decode() for clip in clips]
    width, height = np.array([clip.size for clip in clips], dtype=np.int32).T
    return {
        "source": np.repeat(np.array(sources), lengths),
        "frame": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time": np.concatenate([clip.times for clip in clips]),
        "detected": np.concatenate([clip.detected for clip in clips]),
        "width": np.repeat(width, lengths),
        "height": np.repeat(height, lengths),
        "fps": np.repeat([float(clip.fps) for clip in clips], lengths),
        "landmarks": np.concatenate([clip.landmarks for clip in clips]),
    }


def _coordinate_names(n_landmarks: int) -> list[str]:
    """Columns of the coordinates of a frame, ``p{landmark:03d}_{x|y|z}``."""
    names = LandmarkLayout(1, n_landmarks, 3).feature_names()
    return [name.removeprefix("f000_") for name in names]


def _count_landmarks(names: Iterable[str]) -> int:
    """Number of landmarks in a table with columns of these names."""
    coordinates = (re.fullmatch(r"p(\d{3,})_[xyz]", name) for name in names)
    return 1 + max((int(found[1]) for found in coordinates if found), default=0)


def write_csv(file: BinaryIO, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows as a CSV file in UTF-8."""
    text = codecs.getwriter("utf-8")(file, "backslashreplace")
    # Text with any of the characters of the line terminator is quoted.
    csv.writer(text, lineterminator="\r\n").writerows(rows)


def protect_text(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write_npz(file: BinaryIO, clips: Sequence[ClipLandmarks]) -> None:
    np.savez_compressed(file, allow_pickle=False, **_make_columns(clips))


def _write_csv(file: BinaryIO, clips: Sequence[ClipLandmarks]) -> None:
    write_csv(file, _csv_rows(clips))


def _csv_rows(clips: Sequence[ClipLandmarks]) -> Iterator[list[Any]]:
    """Header and rows, clip by clip: the text of all clips would fill the memory."""
    for number, clip in enumerate(clips):
        columns = _make_columns([clip])
        landmarks = columns.pop("landmarks")
        if number == 0:
            yield [*columns, *_coordinate_names(landmarks.shape[1])]
        # The shortest text that gives the same float32.
        texts = landmarks.reshape(len(landmarks), -1).astype(str)
        texts[texts == "nan"] = ""
        source = protect_text(str(columns.pop("source")[0])) if len(texts) else ""
        fps = "" if np.isnan(clip.fps) else clip.fps
        columns["fps"] = np.full(len(texts), fps, dtype=object)
        others = [column.tolist() for column in columns.values()]
        for *cells, coordinates in zip(*others, texts.tolist(), strict=True):
            yield [source, *cells, *coordinates]


def _write_parquet(file: BinaryIO, clips: Sequence[ClipLandmarks]) -> None:
    """Write row group by row group: the columns of all clips at once would double the memory."""
    from pyarrow.parquet import ParquetWriter

    groups = np.cumsum([len(clip.times) for clip in clips]) // _ROWS_AT_A_TIME
    schema = _arrow_table(clips[:1]).schema
    # Coordinates seldom repeat, so a dictionary encoding would not help.
    with ParquetWriter(file, schema, use_dictionary=["source"]) as writer:
        for group in np.unique(groups):
            table = _arrow_table([clips[i] for i in np.flatnonzero(groups == group).tolist()])
            writer.write_table(table, row_group_size=_ROWS_AT_A_TIME)


def _arrow_table(clips: Sequence[ClipLandmarks]) -> Any:
    from pyarrow import Table

    columns = _make_columns(clips)
    landmarks = columns.pop("landmarks")
    names = _coordinate_names(landmarks.shape[1])
    coordinates = landmarks.reshape(len(landmarks), -1).T.copy()
    return Table.from_pydict({**columns, **dict(zip(names, coordinates, strict=True))})


def _read_npz(file: BinaryIO) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    with np.load(file, allow_pickle=False) as archive:
        columns, landmarks = {name: archive[name] for name in _KINDS}, archive["landmarks"]
    _check_kind("landmarks", landmarks, "fiu", "numbers")
    expected = (len(columns["source"]), *landmarks.shape[1:2], 3)
    if landmarks.ndim != 3 or landmarks.shape != expected:
        raise ValueError(
            f"landmarks must have the shape (n_rows, n_landmarks, 3) with {expected[0]} rows, but "
            f"has the shape {landmarks.shape}"
        )
    for name, column in columns.items():
        if column.shape != expected[:1]:
            raise ValueError(
                f"the column {name!r} must have the shape {expected[:1]}, but has {column.shape}"
            )
    return columns, landmarks


def _read_parquet(file: BinaryIO) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    from pyarrow.parquet import ParquetFile

    table = ParquetFile(file).read()
    n_landmarks = _count_landmarks(table.column_names)
    names = _coordinate_names(n_landmarks)
    landmarks = np.empty((len(table), len(names)), dtype=np.float32)
    for number, name in enumerate(names):
        column = table.column(name).to_numpy()  # missing values become NaN
        _check_kind(name, column, "fiu", "numbers")
        landmarks[:, number] = column
    columns = {name: np.array(table.column(name).to_pylist()) for name in _KINDS}
    columns["time"] = table.column("time").to_numpy()
    return columns, landmarks.reshape(len(table), n_landmarks, 3)


def _read_csv(file: BinaryIO) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    if not file.seek(0, os.SEEK_END):
        raise ValueError("the file is empty")
    file.seek(-1, os.SEEK_END)
    if file.read() not in (b"\n", b"\r"):
        raise ValueError(
            "its last line has no end: the file is truncated, or not a CSV file in UTF-8"
        )
    file.seek(0)
    # Spreadsheets write a byte order mark before the header.
    reader = csv.reader(TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
    header = next(reader)
    n_landmarks = _count_landmarks(header)
    names = [*_KINDS, *_coordinate_names(n_landmarks)]
    if missing := [name for name in names if name not in header]:
        raise ValueError(f"it has no column {missing[0]!r}; cells must be separated by commas")
    places = [header.index(name) for name in names]
    columns: dict[str, list[Any]] = {name: [] for name in _KINDS}
    landmarks = []
    for row in reader:
        if len(row) != len(header):
            raise ValueError(
                f"line {reader.line_num} has {len(row)} cells, but the header has {len(header)}"
            )
        source, frame, time, detected, *coordinates = (row[place] for place in places)
        try:
            columns["source"].append(source[source.startswith("'") :])
            columns["frame"].append(int(frame))
            columns["time"].append(float(time or "nan"))
            columns["detected"].append({"true": True, "false": False}[detected.casefold()])
            landmarks.append(np.array([cell or "nan" for cell in coordinates], dtype=np.float32))
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"line {reader.line_num}: frame, time and coordinates must be numbers, and "
                f"detected True or False ({error})"
            ) from error
    arrays = {name: np.array(column) for name, column in columns.items()}
    return arrays, np.array(landmarks).reshape(-1, n_landmarks, 3)


class _Format(NamedTuple):
    write: Callable[[BinaryIO, Sequence[ClipLandmarks]], None]
    read: Callable[[BinaryIO], tuple[dict[str, NDArray[Any]], NDArray[Any]]]


_FORMATS = {
    ".parquet": _Format(_write_parquet, _read_parquet),
    ".npz": _Format(_write_npz, _read_npz),
    ".csv": _Format(_write_csv, _read_csv),
}


def _check_kind(name: str, column: NDArray[Any], kinds: str, words: str) -> None:
    if column.dtype.kind not in kinds:
        raise ValueError(
            f"the column {name!r} must hold {words} and no missing values, but holds {column.dtype}"
        )


def _count_frames(path: Path, source: NDArray[np.str_], frame: NDArray[np.integer]) -> int:
    """Number of frames per clip. Raises ValueError if clips differ in length or lack frames."""
    n_frames = int(np.flatnonzero(np.append(frame[1:] == 0, True))[0]) + 1
    rows = np.arange(len(frame))
    is_wrong = (frame != rows % n_frames) | (source != source[rows - rows % n_frames])
    is_wrong[-1] |= len(rows) % n_frames != 0
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ValueError(
            f"{str(path)!r}: row {row} is frame {frame[row]} of {str(source[row])!r}, but every "
            f"clip must have {n_frames} frames in consecutive rows, like the first clip; keep all "
            "frames of a clip in their order, and extract all clips with the same n_frames, or "
            "read the table with pandas."
        )
    return n_frames
