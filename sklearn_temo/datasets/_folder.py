"""Lists of clips in folders and CSV files."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from ._clip_files import CLIP_EXTENSIONS, files_below, shorten_list


class ClipBunch(Bunch):
    """Bunch that also unpacks: ``paths, y, groups = load_clip_folder(folder)``.

    The paths are then an ndarray, so that they can be indexed like `y` and `groups`.
    """

    def __iter__(self) -> Iterator[Any]:
        return iter((np.array(self.data), self.target, self.groups))


class _Clip(NamedTuple):
    path: str
    label: str
    group: str | None = None


def load_clip_folder(
    data_home: str | os.PathLike[str],
    *,
    extensions: Iterable[str] | None = None,
    return_X_y: bool = False,
) -> Any:
    """List the clips of a folder or a CSV file, with their labels and subjects.

    No clip is opened. Two folder structures are recognised:

    - ``class/clip.mp4``: the folder is the label, the groups are unknown;
    - ``class/subject/.../clip.mp4``: the second folder is the group as well. Groups should be
      people, so that a group-wise splitter never tests on a person of the training set.

    A CSV file has a header with the columns ``path``, ``label`` and, optionally, ``group``; other
    columns are ignored. Relative paths start at the folder of the CSV file.

    Parameters
    ----------
    data_home : str or path-like
        A folder, or a CSV file in UTF-8.
    extensions : iterable of str, default=None
        File name extensions of the clips in a folder, in upper or lower case, such as
        ``[".mp4", ".mov"]``. None selects the common video and image files. Hidden files and
        folders are ignored; links to folders are followed.
    return_X_y : bool, default=False
        Return only the paths and the labels.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths of the clips, sorted by label and path, or in the order of the CSV file.
        target : ndarray of str of shape (n_clips,)
            The labels.
        target_names : ndarray of str of shape (n_classes,)
            The labels without repetition, sorted.
        groups : ndarray of str of shape (n_clips,) or None
            The subjects; None if they are unknown.
        DESCR : str
            Source and number of the clips.

        It also unpacks into three values, the paths (as an ndarray of str), the labels and the
        groups: ``paths, y, groups = load_clip_folder(folder)``.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    OSError
        If the folder, the CSV file or a file named in it does not exist, or a folder cannot be
        read.
    ValueError
        If there are no clips, clips are outside of the class folders, only some clips have a group,
        or the CSV file lacks a column or a value, or names a clip twice.

    See Also
    --------
    load_ckplus, load_ravdess : Known data sets.

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
    ...     clips = load_clip_folder(folder)
    >>> print(*clips.target)
    anger anger fear
    >>> print(*clips.groups)
    ann bob ann
    """
    if isinstance(extensions, str):
        raise TypeError(f"extensions must be a list, got {extensions!r}: pass [{extensions!r}].")
    source = Path(data_home).expanduser()
    if not source.exists():
        raise FileNotFoundError(f"no such folder or CSV file: {str(source)!r}.")
    if source.is_dir():
        clips = _clips_of_folder(source, CLIP_EXTENSIONS if extensions is None else extensions)
    else:
        clips = _clips_of_csv(source)
    without_group = [clip.path for clip in clips if clip.group is None]
    if 0 < len(without_group) < len(clips):
        raise ValueError(
            f"{len(without_group)} of the {len(clips)} clips of {str(source)!r} have no group "
            f"({shorten_list(without_group)}); all or none must have one."
        )
    data, target = [clip.path for clip in clips], np.array([clip.label for clip in clips])
    if return_X_y:
        return data, target
    names = np.unique(target)
    return ClipBunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=names,
        groups=None if without_group else np.array([clip.group for clip in clips]),
        DESCR=f"{len(data)} clips of {len(names)} classes, listed from {source}.",
    )


def _clips_of_folder(root: Path, extensions: Iterable[str]) -> list[_Clip]:
    wanted = {"." + extension.casefold().lstrip(".") for extension in extensions}
    clips, outside, other = [], [], Counter[str]()
    for file in files_below(root):
        label, *inner = file.relative_to(root).parts
        if file.suffix.casefold() not in wanted:
            other[file.suffix or file.name] += 1
        elif not inner:
            outside.append(file.name)
        else:
            clips.append(_Clip(str(file), label, inner[0] if len(inner) > 1 else None))
    if outside:
        raise ValueError(
            f"{len(outside)} clips are in {str(root)!r} itself ({shorten_list(outside)}): move "
            "them into a folder named after their class, or pass a CSV file."
        )
    if not clips:
        found = ", ".join(f"{n} {kind}" for kind, n in other.most_common(3)) or "no files"
        raise ValueError(
            f"no clips in the folders of {str(root)!r}: found {found}; expected class/clip.mp4 "
            "with a common extension or one that is passed as extensions."
        )
    return sorted(clips, key=lambda clip: (clip.label, Path(clip.path).parts))


def _clips_of_csv(source: Path) -> list[_Clip]:
    # Spreadsheets write a byte order mark before the header.
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        try:
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{str(source)!r} is not a CSV file in UTF-8 ({error}).") from error
    if not {"path", "label"} <= set(header):
        raise ValueError(
            f"{str(source)!r} has the columns {header}: its first line must be path,label or "
            "path,label,group."
        )
    if not rows:
        raise ValueError(f"{str(source)!r} has a header but no clips.")
    clips, missing = [], []
    for line, row in rows:
        cells = {name: (row[name] or "").strip() for name in _Clip._fields if name in header}
        if empty := [name for name, cell in cells.items() if not cell]:
            raise ValueError(f"{str(source)!r}, line {line}: the {empty[0]} is empty.")
        path = source.parent / cells.pop("path")
        if not path.is_file():
            missing.append(f"line {line}: {row['path']!r}")
        clips.append(_Clip(str(path), **cells))
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(rows)} files named in {str(source)!r} do not exist, "
            f"relative to {str(source.parent)!r}: {shorten_list(missing)}."
        )
    # A clip in two rows could be in the training set and in the test set.
    counts = Counter(os.path.normpath(clip.path) for clip in clips)
    repeated = [path for path, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            f"{str(source)!r} names {len(repeated)} clips more than once "
            f"({shorten_list(repeated)}); each clip must have one row."
        )
    return clips
