"""Lists of clips in CSV files."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from .._clip_window import ClipWindow
from .._frame_folder import frame_files
from .._warnings import warn_user
from ._clip_files import shorten_list

# Columns that are read, and the names that each may have.
_COLUMNS = {
    "path": ("path", "source"),
    "label": ("label",),
    "group": ("group", "person"),
    "onset": ("onset",),
    "offset": ("offset",),
}


class ClipBunch(Bunch):
    """Bunch that also unpacks: ``paths, y, groups = load_clip_folder(folder)``.

    The paths are then an ndarray, so that they can be indexed like `y` and `groups`.
    """

    def __iter__(self) -> Iterator[Any]:
        return iter((np.array(self.data), self.target, self.groups))


class ListedClip(NamedTuple):
    """Path of a clip, with what is known about it; a label of "" is unknown, as is None."""

    path: str
    label: str = ""
    group: str | None = None
    onset: float | None = None
    offset: float | None = None

    @property
    def content(self) -> str | ClipWindow:
        """The clip as FaceLandmarkTransformer takes it."""
        window = ClipWindow(self.path, self.onset, self.offset)
        return self.path if window.span is None else window


def load_clip_list(path: str | os.PathLike[str], *, return_X_y: bool = False) -> Any:
    r"""Read a list of clips from a CSV file, with their labels, subjects, onsets and offsets.

    No clip is opened. The file has a header with the column ``path`` and any of these columns,
    in any order; other columns are ignored:

    ``path`` (or ``source``)
        Path of a video or an image file, or of a folder of numbered images, which are the frames
        of one clip. Relative paths start at the folder of the CSV file.
    ``label``
        The label.
    ``group`` (or ``person``)
        The subject. Groups should be people, so that a group-wise splitter never tests on a person
        of the training set.
    ``onset``, ``offset``
        The part of the file that is the clip, in seconds from its first frame, both inclusive. An
        empty cell is the start or the end of the file. One file may be in several rows, with
        different parts.

    Parameters
    ----------
    path : str or path-like
        A CSV file in UTF-8, with commas.
    return_X_y : bool, default=False
        Return only the clips and the labels.

    Returns
    -------
    data : Bunch
        With the attributes

        data : list of str or ClipWindow
            The clips in the order of the file, for :class:`~sklearn_temo.FaceLandmarkTransformer`:
            paths, and for rows with an onset or an offset
            :class:`~sklearn_temo.extraction.ClipWindow`.
        filenames : list of str
            The paths alone.
        target : ndarray of str of shape (n_clips,) or None
            The labels; None without the column.
        target_names : ndarray of str of shape (n_classes,) or None
            The labels without repetition, sorted.
        groups : ndarray of str of shape (n_clips,) or None
            The subjects; None without the column.
        DESCR : str
            Source and number of the clips.

        It also unpacks into three values, the clips (as an ndarray), the labels and the groups.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    OSError
        If the file, or a file named in it, does not exist.
    ValueError
        If the column of the paths is missing, a column occurs twice or is written with capitals, a
        cell of a path, a label or a group is empty, an onset or an offset is no number of seconds,
        an offset is not after its onset, a row has more cells than the header, or a clip is listed
        twice. The message names the line and the column.

    Warns
    -----
    UserWarning
        If labels or subjects differ only in upper and lower case or in spaces.

    See Also
    --------
    load_clip_folder : Lists clips in folders that are named after classes and subjects.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo.datasets import load_clip_list
    >>> with TemporaryDirectory() as folder:
    ...     Path(folder, "interview.mp4").touch()
    ...     file = Path(folder, "clips.csv")
    ...     _ = file.write_text(
    ...         "path,label,person,onset,offset\n"
    ...         "interview.mp4,joy,ann,1.5,3.5\n"
    ...         "interview.mp4,anger,ann,12,\n"
    ...     )
    ...     clips = load_clip_list(file)
    >>> for clip, label in zip(clips.data, clips.target):
    ...     print(clip.onset, clip.offset, label)
    1.5 3.5 joy
    12.0 None anger
    """
    source = Path(path).expanduser()
    if not source.is_file():
        raise FileNotFoundError(
            f"no such CSV file: {str(source)!r}; load_clip_folder lists the clips of a folder."
        )
    bunch = bunch_clips(read_clip_list(source), source)
    return (bunch.data, bunch.target) if return_X_y else bunch


def bunch_clips(clips: list[ListedClip], source: Path) -> ClipBunch:
    """Bunch of listed clips; `source` is their folder or CSV file."""
    without_group = [clip.path for clip in clips if clip.group is None]
    if 0 < len(without_group) < len(clips):
        raise ValueError(
            f"{len(without_group)} of the {len(clips)} clips of {str(source)!r} have no group "
            f"({shorten_list(without_group)}); all or none must have one."
        )
    groups = None if without_group else np.array([clip.group for clip in clips])
    # The column of labels is complete, or missing.
    target = np.array([clip.label for clip in clips]) if clips[0].label else None
    names = None if target is None else np.unique(target)
    if names is not None:
        _warn_of_variants("classes", names)
    if groups is not None:
        _warn_of_variants("subjects", np.unique(groups))
    kinds = "" if names is None else f" of {len(names)} classes"
    return ClipBunch(
        data=[clip.content for clip in clips],
        filenames=[clip.path for clip in clips],
        target=target,
        target_names=names,
        groups=groups,
        DESCR=f"{len(clips)} clips{kinds}, listed from {source}.",
    )


def _warn_of_variants(kind: str, names: Iterable[str]) -> None:
    """Warn if names of classes or of subjects are probably variants of one name."""
    variants = defaultdict[str, list[str]](list)
    for name in names:
        # macOS and Linux may encode the same accent differently.
        variants[" ".join(unicodedata.normalize("NFC", name).casefold().split())].append(str(name))
    repeated = [", ".join(map(repr, alike)) for alike in variants.values() if len(alike) > 1]
    if repeated:
        warn_user(
            f"{kind} whose names differ only in upper and lower case, spaces or the encoding of "
            f"accents are different {kind}: {shorten_list(repeated)}. Rename them if they are the "
            "same."
        )


def read_clip_list(source: Path, needs_label: bool = False) -> list[ListedClip]:
    """Read a CSV file as in :func:`load_clip_list`."""
    # Spreadsheets write a byte order mark before the header.
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True, strict=True)
        try:
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{str(source)!r} is not a CSV file in UTF-8 ({error}).") from error
    columns = _find_columns(source, header, ("path", "label") if needs_label else ("path",))
    if not rows:
        raise ValueError(f"{str(source)!r} has a header but no clips.")
    clips, missing = [], []
    for line, row in rows:
        place = f"{str(source)!r}, line {line}"
        # The key of the cells after those of the header is None.
        if any(row.pop(None, ())):
            raise ValueError(
                f"{place}: there are more cells than the {len(header)} of the header; put text "
                "that contains a comma in double quotes."
            )
        clip = _read_clip(source.parent, place, columns, row)
        if not os.path.exists(clip.path):
            missing.append(f"line {line}: {row[columns['path']]!r}")
        clips.append(clip)
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(rows)} files named in {str(source)!r} do not exist, "
            f"relative to {str(source.parent)!r}: {shorten_list(missing)}."
        )
    # A clip in two rows could be in the training set and in the test set.
    counts = Counter((os.path.normpath(clip.path), clip.onset or 0, clip.offset) for clip in clips)
    repeated = [path for (path, *_), count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f"{str(source)!r} names {len(repeated)} clips more than once "
            f"({shorten_list(repeated)}); each clip must have one row."
        )
    return clips


def _find_columns(source: Path, header: list[str], needed: tuple[str, ...]) -> dict[str, str]:
    """Name in the header of each column of a list of clips."""
    found: dict[str, str] = {}
    for column, names in _COLUMNS.items():
        for name in header:
            if name in names:
                if column in found:
                    raise ValueError(
                        f"{str(source)!r} has more than one column {column!r}: {found[column]!r} "
                        f"and {name!r}."
                    )
                found[column] = name
            elif name.strip().casefold() in names:
                raise ValueError(
                    f"{str(source)!r} has the column {name!r}: write {name.strip().casefold()!r}, "
                    "or rename it if it is another column."
                )
    if any(column not in found for column in needed):
        raise ValueError(
            f"{str(source)!r} has the columns {header}: its first line must be "
            f"{','.join(needed)} or path,label,group,onset,offset, in lower case and with commas."
        )
    return found


def _read_clip(
    folder: Path, place: str, columns: dict[str, str], row: dict[str, str | None]
) -> ListedClip:
    """Clip of one row; `place` is its place in messages."""
    cells = {column: (row[name] or "").strip() for column, name in columns.items()}
    times: dict[str, float | None] = {}
    for column, name in columns.items():
        if column not in ("onset", "offset"):
            if not cells[column]:
                raise ValueError(f"{place}: the {name} is empty.")
            continue
        try:
            times[column] = float(cells[column]) if cells[column] else None
        except ValueError:
            raise ValueError(
                f"{place}: the {name} {cells[column]!r} is not a number of seconds, such as 1.5."
            ) from None
    path = folder / cells["path"]
    clip = ListedClip(str(path), cells.get("label", ""), cells.get("group"), **times)
    try:
        _ = clip.content
        if path.is_dir():
            frame_files(path)
    except ValueError as error:
        raise ValueError(f"{place}: {row[columns['path']]!r}: {error}") from None
    return clip
