"""Landmarks of clips as a table on disk, one row per clip and frame."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._clip_landmarks import ClipLandmarks
from ._columns import (
    READ_BACK,
    check_columns,
    check_values,
    coordinate_names,
    find_clips,
    make_columns,
    restore_sources,
)

_ENDINGS = (".parquet", ".npz")

# Rows that are in memory as columns at a time: some 20 MB, in a row group of their own.
_ROWS_AT_A_TIME = 4096


def check_table_place(path: str | os.PathLike[str]) -> Path:
    """Look whether a table can be written, before the work that it is for.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the ending says no format.
    OSError
        If the folder doesn't exist or cannot be written to, or the table is a folder itself.
    ImportError
        If the format needs a package that is not installed.
    """
    from tempfile import TemporaryFile

    path = _checked_ending(path)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: add the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{str(path)!r}: there is no folder {str(path.parent)!r}; make it first."
        )
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise type(error)(
            f"{str(path)!r}: the folder cannot be written to ({error.strerror})."
        ) from error
    return path


def save_landmarks(path: str | os.PathLike[str], clips: Sequence[ClipLandmarks]) -> None:
    """Write landmarks of clips as a table, one row per clip and frame.

    The columns are ``source``, ``frame`` (counted from 0 in each clip), ``time`` in seconds,
    ``detected``, ``width`` and ``height`` in pixels, ``fps``, and the coordinates in isotropic
    pixels: ``p000_x``, ``p000_y``, ``p000_z``, ``p001_x`` and so on, of float32.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.parquet``, for pandas, polars, R and others, which needs pyarrow; or in ``.npz``,
        a compressed numpy archive in which the coordinates are one array `landmarks` of shape
        (n_rows, n_landmarks, 3). A file that is there is replaced once the new one is whole.
    clips : sequence of ClipLandmarks
        As :meth:`sklearn_temo.FaceLandmarkTransformer.extract` returns them. They may differ in
        length. Skipped clips, which have an `error`, are left out.

    Raises
    ------
    ValueError
        If the path ends otherwise, no clip is left, or their numbers of landmarks differ.
    OSError
        If the file cannot be written.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    load_landmarks : Reads the table back.

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
    n_landmarks = good[0].landmarks.shape[1]
    for clip in good:
        if clip.landmarks.shape[1] != n_landmarks:
            raise ValueError(
                f"{good[0].source!r} has {n_landmarks} landmarks and {clip.source!r} has "
                f"{clip.landmarks.shape[1]}: save clips of one mesh in a table."
            )
    with replacing(path) as file:
        if path.suffix.casefold() == ".npz":
            np.savez_compressed(file, allow_pickle=False, **make_columns(good))
        else:
            _write_parquet(file, good)


def load_landmarks(path: str | os.PathLike[str]) -> Bunch:
    r"""Read a table of landmarks back, as rows for a pipeline.

    Parameters
    ----------
    path : str or path-like
        What :func:`save_landmarks` or ``sklearn-temo extract`` wrote. Of a table that was edited,
        further columns and their order do not matter. Clips may be taken out, frames may not.

    Returns
    -------
    table : Bunch
        With

        data : ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
            What :meth:`sklearn_temo.FaceLandmarkTransformer.transform` returned.
        sources : ndarray of str of shape (n_clips,)
            The paths of the clips, as they were passed. In the file, a byte of a name that is not
            UTF-8 is written as ``\udce9``; here it is what opens the clip.
        times : ndarray of float64 of shape (n_clips, n_frames)
            When the frames are shown, in seconds.
        detected : ndarray of bool of shape (n_clips, n_frames)
            In which of them a face was found.
        n_frames, n_landmarks : int
            Of a clip, and of a frame.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table, or the clips differ in length: they are no rows of one array.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    save_landmarks : Writes the table.
    """
    path = _checked_ending(path)
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r}: no such file, seen from {Path.cwd()}.")
    read = _read_npz if path.suffix.casefold() == ".npz" else _read_parquet
    columns = read(path)
    check_values(path, columns)
    starts, n_frames = find_clips(path, columns["source"], columns["frame"])
    landmarks = columns["landmarks"]
    shape = (len(starts), n_frames)
    return Bunch(
        data=np.ascontiguousarray(landmarks, dtype=np.float32).reshape(len(starts), -1),
        sources=restore_sources(columns["source"][starts]),
        times=columns["time"].astype(np.float64).reshape(shape),
        detected=columns["detected"].reshape(shape),
        n_frames=n_frames,
        n_landmarks=landmarks.shape[1],
    )


def _checked_ending(path: str | os.PathLike[str]) -> Path:
    path = Path(os.path.expanduser(path))
    ending = path.suffix.casefold()
    if ending not in _ENDINGS:
        raise ValueError(f"{str(path)!r} must end in {' or '.join(_ENDINGS)}.")
    if ending == ".parquet":
        try:
            import_module("pyarrow.parquet")
        except ImportError as error:
            raise ImportError(
                f"{str(path)!r}: Parquet needs pyarrow, which is not installed ({error}); "
                "pip install 'sklearn-temo[parquet]', or let the name end in .npz."
            ) from error
    return path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file under another name; it takes its own once it is whole.

    Parameters
    ----------
    path : Path

    Yields
    ------
    file : binary file

    Raises
    ------
    OSError
        Naming the file, if it cannot be written; one that was there before stays.
    """
    path = path.resolve()
    draft = path.with_name(f".{uuid4().hex}.unfinished")
    try:
        with open(draft, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # By its number it stays the kind of OSError that it is.
            raise OSError(
                error.errno or errno.EIO,
                f"{str(path)!r} cannot be written ({error.strerror or error}); make room there, "
                "or name another place",
            ) from error
        raise


def _write_parquet(file: BinaryIO, clips: Sequence[ClipLandmarks]) -> None:
    from pyarrow.parquet import ParquetWriter

    schema = _arrow_table(clips[:1]).schema
    # Coordinates hardly ever repeat: a dictionary of them is a detour.
    with ParquetWriter(file, schema, use_dictionary=["source"]) as writer:
        for some in _row_groups(clips):
            writer.write_table(_arrow_table(some), row_group_size=_ROWS_AT_A_TIME)


def _arrow_table(clips: Sequence[ClipLandmarks]) -> Any:
    from pyarrow import Table

    columns = make_columns(clips)
    landmarks = columns.pop("landmarks")
    by_column = landmarks.reshape(len(landmarks), -1).T.copy()
    names = coordinate_names(landmarks.shape[1])
    return Table.from_pydict({**columns, **dict(zip(names, by_column, strict=True))})


def _row_groups(clips: Iterable[ClipLandmarks]) -> Generator[list[ClipLandmarks]]:
    some: list[ClipLandmarks] = []
    n_rows = 0
    for clip in clips:
        if some and n_rows + len(clip.times) > _ROWS_AT_A_TIME:
            yield some
            some, n_rows = [], 0
        some.append(clip)
        n_rows += len(clip.times)
    yield some


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with _reading(path), np.load(path, allow_pickle=False) as archive:
        columns = {name: archive[name] for name in READ_BACK if name in archive}
    check_columns(path, READ_BACK, columns)
    shape = columns["landmarks"].shape
    if len(shape) != 3 or shape[2] != 3:
        raise ValueError(
            f"{str(path)!r}: the array 'landmarks' has the shape {shape}, expected (n_rows, "
            "n_landmarks, 3)."
        )
    if {columns[name].shape for name in READ_BACK if name != "landmarks"} != {shape[:1]}:
        raise ValueError(f"{str(path)!r}: its arrays have different numbers of rows.")
    return columns


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    from pyarrow import types
    from pyarrow.parquet import ParquetFile

    with _reading(path):
        file = ParquetFile(path)
    with file:
        schema = file.schema_arrow
        numbers = [int(name[1:4]) for name in schema.names if re.fullmatch(r"p\d{3}_[xyz]", name)]
        coordinates = coordinate_names(max(numbers, default=0) + 1)
        others = [name for name in READ_BACK if name != "landmarks"]
        check_columns(path, [*others, *coordinates], schema.names)
        for name in coordinates:
            found = schema.field(name).type
            if not (types.is_floating(found) or types.is_integer(found)):
                raise ValueError(
                    f"{str(path)!r}: the column {name!r} must hold numbers, but holds {found}."
                )
        landmarks = np.empty((file.metadata.num_rows, len(coordinates)), dtype=np.float32)
        columns: dict[str, list[Any]] = {name: [] for name in others}
        n_rows = 0
        with _reading(path):
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=[*others, *coordinates]):
                for name in others:
                    columns[name] += batch.column(name).to_pylist()
                # What pandas writes for NaN is missing, and comes back as NaN.
                np.stack(
                    [batch.column(name).to_numpy(zero_copy_only=False) for name in coordinates],
                    axis=1,
                    out=landmarks[n_rows : n_rows + len(batch)],
                    casting="same_kind",
                )
                n_rows += len(batch)
    columns["time"] = [np.nan if time is None else time for time in columns["time"]]
    return {name: np.array(values) for name, values in columns.items()} | {
        "landmarks": landmarks.reshape(n_rows, len(coordinates) // 3, 3)
    }


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    # As each library reports what it did not write; those of pyarrow are ValueErrors or OSErrors.
    except (OSError, EOFError, TypeError, ValueError, BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a table of landmarks ({type(error).__name__}: "
            f"{error}); write it again."
        ) from error
