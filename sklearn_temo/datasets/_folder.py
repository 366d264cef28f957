"""Clips of one's own: a folder for each class, or a CSV file."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._clip_files import CLIP_EXTENSIONS, files_below

_COLUMNS = ("path", "label", "group")

_SHOWN = 3


def load_clip_folder(
    path: str | os.PathLike[str], *, extensions: Iterable[str] | None = None
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.str_] | None]:
    """List the clips of a folder or of a CSV file, with their labels and subjects.

    No clip is opened. A folder is read as one of

    - ``class/clip.mp4``: the folder names the class, the groups are unknown;
    - ``class/subject/.../clip.mp4``: the next folder names the group as well. Groups should be
      people: a splitter that keeps groups together then never tests on somebody it trained on.

    A CSV file has a header with the columns ``path``, ``label`` and, if known, ``group``; others
    are ignored. Its paths count from the folder of the file.

    Parameters
    ----------
    path : str or path-like
        A folder, or a CSV file in UTF-8.
    extensions : iterable of str, default=None
        Which files of a folder are clips, in any case, such as ``[".mp4", ".mov"]``. None takes
        the common video and image files. Hidden files and folders are never taken; links to
        folders are followed.

    Returns
    -------
    paths : ndarray of str of shape (n_clips,)
        Sorted by class and name, or in the order of the CSV file.
    y : ndarray of str of shape (n_clips,)
        The labels.
    groups : ndarray of str of shape (n_clips,), or None
        None where they are unknown.

    Raises
    ------
    OSError
        If the folder, the CSV file or files named in it don't exist, or a folder cannot be read.
    ValueError
        If there are no clips, clips lie outside of any class, only some have a group, or the CSV
        file lacks a column or a value, or has a column or a clip twice.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo.datasets import load_clip_folder
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("anger/ann/1.mp4", "anger/bob/1.mp4", "fear/ann/1.mp4"):
    ...         clip = Path(folder, name)
    ...         clip.parent.mkdir(parents=True, exist_ok=True)
    ...         clip.touch()
    ...     paths, y, groups = load_clip_folder(folder)
    >>> print(*y)
    anger anger fear
    >>> print(*groups)
    ann bob ann
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"no such folder or CSV file: {str(source)!r}.")
    rows = _folder_rows(source, _normalise(extensions)) if source.is_dir() else _csv_rows(source)
    paths, labels, groups = zip(*rows, strict=True)
    with_group = sum(group is not None for group in groups)
    if 0 < with_group < len(groups):
        without = [clip for clip, group in zip(paths, groups, strict=True) if group is None]
        raise ValueError(
            f"{with_group} clips of {str(source)!r} have a group and {len(without)} have none "
            f"({_first(without)}): give all of them a group, or none."
        )
    return np.array(paths), np.array(labels), np.array(groups) if with_group else None


def _normalise(extensions: Iterable[str] | None) -> frozenset[str]:
    if isinstance(extensions, str):
        raise TypeError(f"extensions must be a list, got {extensions!r}: pass [{extensions!r}].")
    chosen = CLIP_EXTENSIONS if extensions is None else extensions
    return frozenset("." + extension.casefold().lstrip(".") for extension in chosen)


def _folder_rows(root: Path, extensions: frozenset[str]) -> list[tuple[str, str, str | None]]:
    rows, outside, other = [], [], Counter[str]()
    for clip in files_below(root):
        steps = clip.relative_to(root).parts
        if clip.suffix.casefold() not in extensions:
            other[clip.suffix or clip.name] += 1
        elif len(steps) == 1:
            outside.append(clip.name)
        else:
            rows.append((str(clip), steps[0], steps[1] if len(steps) > 2 else None))
    if outside:
        raise ValueError(
            f"{len(outside)} clips lie in {str(root)!r} itself ({_first(outside)}): move them into "
            "a folder named after their class, or pass a CSV file."
        )
    if not rows:
        found = ", ".join(f"{n} {kind}" for kind, n in other.most_common(_SHOWN)) or "no files"
        raise ValueError(
            f"no clips in the folders of {str(root)!r}: found {found}; expected class/clip.mp4, "
            "with one of the known extensions or those passed as extensions."
        )
    return sorted(rows, key=lambda row: (row[1], Path(row[0]).parts))


def _csv_rows(source: Path) -> list[tuple[str, str, str | None]]:
    rows, missing = [], []
    for line, values in _csv_lines(source):
        for column, value in values.items():
            if not value:
                raise ValueError(f"{str(source)!r}, line {line}: the {column} is empty.")
        clip = source.parent / values["path"]
        if not clip.is_file():
            missing.append(f"line {line}: {values['path']!r}")
        rows.append((str(clip), values["label"], values.get("group")))
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(rows)} files named in {str(source)!r} don't exist, seen "
            f"from {str(source.parent)!r}: {_first(missing)}."
        )
    if not rows:
        raise ValueError(f"{str(source)!r} has a header but no clips.")
    # One clip in two rows could be trained on and tested on.
    counts = Counter(os.path.normpath(clip) for clip, _, _ in rows)
    twice = [clip for clip, count in counts.items() if count > 1]
    if twice:
        raise ValueError(
            f"{str(source)!r} names {len(twice)} clips more than once ({_first(twice)}): each must "
            "have one row."
        )
    return rows


def _csv_lines(source: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and known columns of each row."""
    # Spreadsheets put a byte order mark in front of the header.
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        try:
            header = list(reader.fieldnames or [])
            _check_header(source, header)
            known = [column for column in _COLUMNS if column in header]
            return [
                (reader.line_num, {column: (row[column] or "").strip() for column in known})
                for row in reader
            ]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{str(source)!r} is no CSV file in UTF-8 ({error}).") from error


def _check_header(source: Path, header: Sequence[Any]) -> None:
    doubled = [column for column in _COLUMNS if list(header).count(column) > 1]
    if doubled:
        raise ValueError(
            f"{str(source)!r} has the columns {list(header)}, with {' and '.join(doubled)} more "
            "than once."
        )
    lacking = [column for column in ("path", "label") if column not in header]
    if lacking:
        raise ValueError(
            f"{str(source)!r} has the columns {list(header)}, without {' and '.join(lacking)}: its "
            "first line must read path,label or path,label,group."
        )


def _first(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_SHOWN])
    return f"{shown}, ..." if len(items) > _SHOWN else shown
