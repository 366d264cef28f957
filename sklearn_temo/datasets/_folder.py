"""Clips of folders that are named after classes and subjects."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .._warnings import warn_user
from ._clip_files import CLIP_EXTENSIONS, find_clips, shorten_list
from ._clip_list import ListedClip, bunch_clips, read_clip_list

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

    A CSV file has the columns of :func:`load_clip_list`, with ``path`` and ``label`` required.

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

        data : list of str or ClipWindow
            Paths of the clips, sorted by label and path, or in the order of the CSV file.
        filenames : list of str
            The paths alone.
        target : ndarray of str of shape (n_clips,)
            The labels.
        target_names : ndarray of str of shape (n_classes,)
            The labels without repetition, sorted.
        groups : ndarray of str of shape (n_clips,) or None
            The subjects; None if they are unknown.
        DESCR : str
            Source and number of the clips.

        It also unpacks into three values, the paths (as an ndarray), the labels and the groups:
        ``paths, y, groups = load_clip_folder(folder)``.

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
        CSV file cannot be used, see :func:`load_clip_list`.

    Warns
    -----
    UserWarning
        If images that are taken for single pictures are numbered like the frames of a clip; if the
        classes are probably not the folders in `data_home`, but one level higher or lower; or if
        the names of classes or of subjects differ only in upper and lower case or in spaces.

    See Also
    --------
    load_clip_list : Reads a CSV file, also without labels.
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
        clips = read_clip_list(source, needs_label=True)
    bunch = bunch_clips(clips, source)
    return (bunch.data, bunch.target) if return_X_y else bunch


def _clips_of_folder(root: Path, extensions: Iterable[str]) -> list[ListedClip]:
    found = find_clips(root, extensions, picture_levels=range(3))
    clips, outside = [], []
    for path in found.clips:
        label, *inner = path.relative_to(root).parts
        if inner:
            clips.append(ListedClip(str(path), label, inner[0] if len(inner) > 1 else None))
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


def _level_warning(root: Path, clips: list[ListedClip]) -> str | None:
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
