"""Lists of clips in folders and CSV files."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from .._frame_folder import frame_files
from .._warnings import warn_user
from ._clip_files import CLIP_EXTENSIONS, find_clips, shorten_list

# Folders of these names are not classes.
_PART_OF_DATA = re.compile(
    r"(train|valid|test)(ing|ation)?|val|dev|eval|(fold|split|part)[ _-]?\d+", re.IGNORECASE
)
_SUBJECT = re.compile(
    r"(s|p|vp|id|sub|subj|subject|actor|person|participant|patient|proband|speaker|user)[ _-]?\d+",
    re.IGNORECASE,
)
_EMOTION = re.compile(
    r"anger|angry|disgust(ed)?|fear(ful)?|happ(y|iness)|joy(ful)?|sad(ness)?|surprised?|neutral|"
    r"contempt|calm",
    re.IGNORECASE,
)


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

    A folder of numbered images below a subject, ``class/subject/clip/frame1.png``, is one clip,
    whose path is that of the folder; the images are its frames, in the order of their numbers.
    Images in ``class`` and ``class/subject`` are clips of one frame.

    A CSV file has a header with the columns ``path``, ``label`` and, optionally, ``group``; other
    columns are ignored. Relative paths start at the folder of the CSV file. A path may be that of a
    folder of numbered images.

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
        a folder holds the numbered images of a clip and other images or a video as well, or the
        CSV file lacks a column or a value, has a column twice or more cells than the header, or
        names a clip twice.

    Warns
    -----
    UserWarning
        If images that are taken for single pictures are numbered like the frames of a clip; if the
        classes are probably not the folders in `data_home`, but one level higher or lower; or if
        the names of classes or of subjects differ only in upper and lower case or in spaces.

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
    names = np.unique(target)
    groups = None if without_group else np.array([clip.group for clip in clips])
    _warn_of_variants("classes", names)
    if groups is not None:
        _warn_of_variants("subjects", np.unique(groups))
    if return_X_y:
        return data, target
    return ClipBunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=names,
        groups=groups,
        DESCR=f"{len(data)} clips of {len(names)} classes, listed from {source}.",
    )


def _clips_of_folder(root: Path, extensions: Iterable[str]) -> list[_Clip]:
    found = find_clips(root, extensions, picture_levels=range(3))
    clips, outside = [], []
    for path in found.clips:
        label, *inner = path.relative_to(root).parts
        if inner:
            clips.append(_Clip(str(path), label, inner[0] if len(inner) > 1 else None))
        else:
            outside.append(path.name)
    if outside:
        raise ValueError(
            f"{len(outside)} clips are in {str(root)!r} itself ({shorten_list(outside)}): move "
            "them into a folder named after their class, or pass a CSV file."
        )
    if not clips:
        kinds = ", ".join(f"{n} {kind}" for kind, n in found.other.most_common(3)) or "no files"
        raise ValueError(
            f"no clips in the folders of {str(root)!r}: found {kinds}; expected class/clip.mp4 "
            "with a common extension or one that is passed as extensions."
        )
    if warning := _level_warning(root, clips):
        warn_user(warning)
    # A class often holds single pictures with numbers.
    doubtful = [str(path) for path in found.doubtful if len(path.relative_to(root).parts) != 1]
    if doubtful:
        warn_user(
            f"each image is a clip, but the images of {len(doubtful)} folders are numbered like "
            f"the frames of a clip ({shorten_list(doubtful)}). If they are, number the images of "
            "each clip 1, 2, 3, ... in a folder of its own below the folder of the subject, or "
            "pass a CSV file whose paths are the folders."
        )
    return sorted(clips, key=lambda clip: (clip.label, Path(clip.path).parts))


def _level_warning(root: Path, clips: list[_Clip]) -> str | None:
    """Reason why the folders of `root` are probably not the classes, and what to pass instead."""
    labels = sorted({clip.label for clip in clips})
    groups = sorted({clip.group for clip in clips if clip.group is not None})
    taken = f"the folders of {str(root)!r} are taken for classes: {shorten_list(labels)}."
    if all(map(_PART_OF_DATA.fullmatch, labels)):
        return (
            f"{taken} They look like parts of a data set; pass one of them, such as "
            f"{str(root / labels[0])!r}."
        )
    if _are_emotions(groups) and not _are_emotions(labels):
        return (
            f"{taken} But the folders in them look like classes: {shorten_list(groups)}. Pass a "
            f"folder that contains classes, such as {str(root / labels[0])!r}, or a CSV file."
        )
    if all(map(_SUBJECT.fullmatch, labels)):
        return (
            f"{taken} They look like subjects. Pass a folder whose structure is class/clip.mp4 or "
            "class/subject/clip.mp4, or a CSV file."
        )
    if len(labels) == 1 and _EMOTION.fullmatch(labels[0]):
        return None
    folder = Path(os.path.abspath(root))
    beside = {
        other: {label for label in labels if os.path.isdir(folder.parent / other / label)}
        for other in _subfolders(folder.parent)
        # Parts of a data set have the same classes.
        if other != folder.name and not _PART_OF_DATA.fullmatch(other)
    }
    repeated = set[str]().union(*beside.values())
    # As have data sets of the same emotions.
    if 2 * len(repeated) >= len(labels) and not _are_emotions(labels):
        others = [other for other, shared in beside.items() if shared]
        return (
            f"{taken} But {shorten_list(others)}, beside {folder.name!r}, have folders of the same "
            f"names: if {folder.name} and {shorten_list(others)} are the classes, pass "
            f"{str(folder.parent)!r}."
        )
    if len(labels) == 1 and groups:
        return (
            f"{taken} It is the only class. If the folders in it are the classes "
            f"({shorten_list(groups)}), pass {str(root / labels[0])!r}."
        )
    return None


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


def _are_emotions(names: list[str]) -> bool:
    """Whether at least half of the names, and two, are words for emotions."""
    n_emotions = sum(_EMOTION.fullmatch(name) is not None for name in names)
    return n_emotions >= max(2, len(names) / 2)


def _subfolders(folder: Path) -> list[str]:
    try:
        names = (name for name in os.listdir(folder) if not name.startswith("."))
        return sorted(name for name in names if os.path.isdir(folder / name))
    except OSError:  # the parent may not be listed
        return []


def _clips_of_csv(source: Path) -> list[_Clip]:
    # Spreadsheets write a byte order mark before the header.
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True, strict=True)
        try:
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{str(source)!r} is not a CSV file in UTF-8 ({error}).") from error
    if not {"path", "label"} <= set(header):
        raise ValueError(
            f"{str(source)!r} has the columns {header}: its first line must be path,label or "
            "path,label,group, in lower case and with commas."
        )
    if repeated := [name for name in _Clip._fields if header.count(name) > 1]:
        raise ValueError(f"{str(source)!r} has more than one column {repeated[0]!r}.")
    if not rows:
        raise ValueError(f"{str(source)!r} has a header but no clips.")
    clips, missing = [], []
    for line, row in rows:
        # The key of the cells after those of the header is None.
        if any(row.pop(None, ())):
            raise ValueError(
                f"{str(source)!r}, line {line}: there are more cells than the {len(header)} of the "
                "header; put text that contains a comma in double quotes."
            )
        cells = {name: (row[name] or "").strip() for name in _Clip._fields if name in header}
        if empty := [name for name, cell in cells.items() if not cell]:
            raise ValueError(f"{str(source)!r}, line {line}: the {empty[0]} is empty.")
        path = source.parent / cells.pop("path")
        if path.is_dir():
            try:
                frame_files(path)
            except ValueError as error:
                raise ValueError(
                    f"{str(source)!r}, line {line}: {row['path']!r}: {error}"
                ) from None
        elif not path.is_file():
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
