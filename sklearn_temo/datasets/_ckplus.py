"""The Extended Cohn-Kanade data set (CK+), as its authors hand it out."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

# The label of a file is the place in this row.
_EMOTIONS = (
    *("neutral", "anger", "contempt", "disgust"),
    *("fear", "happiness", "sadness", "surprise"),
)

# Names of the folders that hold S005, S010, ... in the archives of the authors, and how deep below
# the folder that is passed they may lie.
_IMAGE_TREES = ("cohn-kanade-images", "extended-cohn-kanade-images")
_LABEL_TREES = ("emotion", "emotion_labels")
_DEPTH = 3

_SUBJECT = re.compile(r"S\d{3}")
_SEQUENCE = re.compile(r"\d{3}")
_IMAGE = re.compile(r"(S\d{3}_\d{3})_(\d+)\.(png|jpe?g|tiff?|bmp)", re.IGNORECASE)
_LABEL = re.compile(r".*_(\d+)_emotion\.txt")

_DESCR = """\
The Extended Cohn-Kanade data set (CK+)

Sequences of images of adults who were asked for an expression, from a neutral face to its apex: 593
sequences of 123 people, of which 327 have an emotion (anger, contempt, disgust, fear, happiness,
sadness, surprise) that agrees with their facial action units. The others are left out here. The
data set is handed out by its authors, under their agreement.

Please cite

Lucey P, Cohn JF, Kanade T, Saragih J, Ambadar Z, Matthews I (2010). The Extended Cohn-Kanade
Dataset (CK+): A complete dataset for action unit and emotion-specified expression. CVPR Workshops,
94-101.
doi:10.1109/CVPRW.2010.5543262

Kanade T, Cohn JF, Tian Y (2000). Comprehensive database for facial expression analysis. Automatic
Face and Gesture Recognition, 46-53. doi:10.1109/AFGR.2000.840611
"""


def load_ckplus(
    data_home: str | os.PathLike[str],
    *,
    frames: Literal["sequence", "neutral_apex"] = "sequence",
    include_contempt: bool = True,
    return_X_y: bool = False,
) -> Any:
    r"""List the labelled sequences of a copy of CK+.

    A clip is a tuple of images, from the neutral face to the apex, as
    :class:`~sklearn_temo.FaceLandmarkTransformer` takes them. No image is opened, and nothing is
    downloaded: the copy is yours, from the authors.

    Parameters
    ----------
    data_home : str or path-like
        The folder that holds the unpacked archives. In it, or up to two folders deeper, must be
        the trees ``cohn-kanade-images/S005/001/S005_001_00000001.png`` and
        ``Emotion/S005/001/S005_001_00000011_emotion.txt``.
    frames : {"sequence", "neutral_apex"}, default="sequence"
        All images of a sequence, or its first and last only.
    include_contempt : bool, default=True
        False leaves out contempt (18 sequences), as is often done for the six basic emotions.
    return_X_y : bool, default=False
        Return only the clips and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data : list of tuple of str
            Paths of the images of each clip, in the order of their numbers.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        target_names : list of str
            The emotions that there are, sorted.
        groups : ndarray of str of shape (n_clips,)
            The people, such as ``"S005"``.
        sequences : ndarray of str of shape (n_clips,)
            Such as ``"S005/001"``, sorted.
        DESCR : str
            What the clips are, and what to cite.

    (data, target) : tuple
        With `return_X_y`.

    Raises
    ------
    FileNotFoundError
        If one of the trees is not there, or a sequence with an emotion has no images.
    ValueError
        If a tree is there more than once, a label cannot be read or is not a whole number from 0 to
        7, nothing is labelled, a sequence has a single image where two are needed, or a folder
        holds images or the label of another sequence, or one image twice.

    Warns
    -----
    UserWarning
        If the last image of a sequence is not the one that the name of its label holds, the apex.

    See Also
    --------
    load_ravdess, fetch_cremad : Videos of actors.

    Notes
    -----
    The numbers in the files mean 0 neutral, 1 anger, 2 contempt, 3 disgust, 4 fear, 5 happiness,
    6 sadness and 7 surprise. Sequences without a file, or whose folder is empty, have no emotion.
    Files that are no images (such as ``.DS_Store``) are passed over.

    References
    ----------
    .. [1] P. Lucey, J. F. Cohn, T. Kanade, J. Saragih, Z. Ambadar, I. Matthews, "The Extended
       Cohn-Kanade Dataset (CK+): A complete dataset for action unit and emotion-specified
       expression", CVPR Workshops, 2010, doi:10.1109/CVPRW.2010.5543262.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo.datasets import load_ckplus
    >>> with TemporaryDirectory() as folder:
    ...     images = Path(folder, "cohn-kanade-images/S005/001")
    ...     labels = Path(folder, "Emotion/S005/001")
    ...     images.mkdir(parents=True)
    ...     labels.mkdir(parents=True)
    ...     for number in range(1, 12):
    ...         (images / f"S005_001_{number:08d}.png").touch()
    ...     _ = (labels / "S005_001_00000011_emotion.txt").write_text("   3.0000000e+00\n")
    ...     ckplus = load_ckplus(folder, frames="neutral_apex")
    >>> [Path(image).name for image in ckplus.data[0]]
    ['S005_001_00000001.png', 'S005_001_00000011.png']
    >>> print(ckplus.target[0], ckplus.groups[0])
    disgust S005
    """
    if frames not in ("sequence", "neutral_apex"):
        raise ValueError(f'frames must be "sequence" or "neutral_apex", got {frames!r}.')
    root = Path(data_home)
    if not root.is_dir():
        raise FileNotFoundError(f"data_home={str(root)!r}: no such folder.")
    images, labels = _find_tree(root, _IMAGE_TREES), _find_tree(root, _LABEL_TREES)
    data, target, sequences = [], [], []
    cut_short: list[str] = []
    for folder in _sequences(labels):
        name = folder.relative_to(labels).as_posix()
        stem = name.replace("/", "_")
        label = _label_file(folder, stem)
        if label is None:
            continue
        emotion = _emotion(label)
        if emotion == "contempt" and not include_contempt:
            continue
        clip = _images(images / name, stem)
        if not clip:
            raise FileNotFoundError(
                f"sequence {name} has an emotion ({emotion}), but there are no images of it, such "
                f"as {stem}_00000001.png, in {str(images / name)!r}; unpack the images again."
            )
        apex, last = _LABEL.fullmatch(label.name), _IMAGE.fullmatch(Path(clip[-1]).name)
        if apex and last and int(apex[1]) != int(last[2]):
            cut_short.append(f"{name} ends with image {int(last[2])}, not {int(apex[1])}")
        if frames == "neutral_apex":
            if len(clip) < 2:
                raise ValueError(
                    f'sequence {name} has the single image {clip[0]!r}: frames="neutral_apex" '
                    "needs a first and a last."
                )
            clip = [clip[0], clip[-1]]
        data.append(tuple(clip))
        target.append(emotion)
        sequences.append(name)
    if not data:
        other = "" if include_contempt else " other than contempt"
        raise ValueError(
            f"no sequence in {str(labels)!r} has an emotion{other}: expected files such as "
            "S005/001/S005_001_00000011_emotion.txt; unpack the labels again."
        )
    if cut_short:
        shown = ", ".join(cut_short[:3]) + (", ..." if len(cut_short) > 3 else "")
        warnings.warn(
            f"{len(cut_short)} sequences do not end with the image that their label names, the "
            f"apex: {shown}. If unpacking was interrupted, unpack the images again.",
            UserWarning,
            stacklevel=2,
        )
    if return_X_y:
        return data, np.array(target)
    return Bunch(
        data=data,
        target=np.array(target),
        target_names=sorted(set(target)),
        groups=np.array([name.split("/")[0] for name in sequences]),
        sequences=np.array(sequences),
        DESCR=_DESCR,
    )


def _find_tree(root: Path, names: tuple[str, ...]) -> Path:
    """The folder with one of these names that holds folders of people."""
    found: list[Path] = []
    level = [root]
    for _ in range(_DEPTH + 1):
        found += [
            folder
            for folder in level
            if folder.name.casefold() in names and _folders(folder, _SUBJECT)
        ]
        level = [
            inner
            for folder in level
            for inner in sorted(folder.iterdir())
            if inner.is_dir() and not _is_skipped(inner.name)
        ]
    if not found:
        raise FileNotFoundError(
            f"no folder {names[0]!r} with folders such as S005 in it, in {str(root)!r} or at most "
            f"{_DEPTH - 1} folders deeper; pass the folder that CK+ was unpacked in."
        )
    # What links lead to twice is there once.
    distinct: dict[Path, Path] = {}
    for folder in found:
        distinct.setdefault(folder.resolve(), folder)
    if len(distinct) > 1:
        raise ValueError(
            f"{str(root)!r} holds {len(distinct)} copies of the same part of CK+ "
            f"({', '.join(repr(str(folder)) for folder in distinct.values())}); "
            "pass the folder of one."
        )
    return found[0]


def _is_skipped(name: str) -> bool:
    # A Mac adds a tree of the same names to its archives, in __MACOSX.
    return name.startswith((".", "__MACOSX")) or _SUBJECT.fullmatch(name) is not None


def _folders(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    return sorted(
        inner for inner in folder.iterdir() if pattern.fullmatch(inner.name) and inner.is_dir()
    )


def _sequences(tree: Path) -> list[Path]:
    return [
        sequence for person in _folders(tree, _SUBJECT) for sequence in _folders(person, _SEQUENCE)
    ]


def _images(folder: Path, stem: str) -> list[str]:
    """Images of a sequence by their numbers, which don't always start at 1."""
    if not folder.is_dir():
        return []
    numbered: dict[int, str] = {}
    for path in sorted(folder.iterdir()):
        name = _IMAGE.fullmatch(path.name)
        if not name or not path.is_file():
            continue
        if name[1].upper() != stem:
            raise ValueError(
                f"{str(folder)!r} holds {path.name}, an image of another sequence; expected names "
                f"that begin with {stem}_."
            )
        number = int(name[2])
        if number in numbered:
            raise ValueError(
                f"{str(folder)!r} holds image {number} twice: {Path(numbered[number]).name} and "
                f"{path.name}."
            )
        numbered[number] = str(path)
    return [path for _, path in sorted(numbered.items())]


def _label_file(folder: Path, stem: str) -> Path | None:
    """The file with the emotion of a sequence; None if it has none."""
    files = sorted(path for path in folder.glob("*_emotion.txt") if not path.name.startswith("."))
    if not files:
        return None
    if len(files) > 1:
        raise ValueError(
            f"{str(folder)!r} holds {len(files)} labels, such as {files[0].name} and "
            f"{files[1].name}; a sequence has one."
        )
    if not files[0].name.startswith(f"{stem}_"):
        raise ValueError(
            f"{str(folder)!r} holds {files[0].name}, the label of another sequence; expected a "
            f"name that begins with {stem}_."
        )
    return files[0]


def _emotion(file: Path) -> str:
    try:
        text = file.read_text(encoding="ascii").strip()
        value = float(text)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(file)!r} cannot be read as a label ({error}); expected a number such as "
            "3.0000000e+00."
        ) from error
    if value not in range(len(_EMOTIONS)):
        raise ValueError(
            f"{str(file)!r} holds the label {text}; expected a whole number from 0 to "
            f"{len(_EMOTIONS) - 1}."
        )
    return _EMOTIONS[int(value)]
