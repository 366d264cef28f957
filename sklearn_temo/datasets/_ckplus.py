"""Loader of the Extended Cohn-Kanade data set (CK+)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from .._warnings import warn_user
from ._clip_files import shorten_list

_NAMES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_EMOTIONS: dict[float, str] = dict(enumerate(_NAMES))

# Names of the folders that hold S005, S010, ... in the authors' archives.
_IMAGE_TREES = ("cohn-kanade-images", "extended-cohn-kanade-images")
_LABEL_TREES = ("emotion", "emotion_labels")

_IMAGE = re.compile(r"(S\d{3}_\d{3})_(\d+)\.(png|jpe?g|tiff?|bmp)", re.IGNORECASE)
_LABEL = re.compile(r"(S\d{3}_\d{3})_(\d+)_emotion\.txt")


def load_ckplus(
    data_home: str | os.PathLike[str],
    *,
    frames: Literal["sequence", "neutral_apex"] = "sequence",
    include_contempt: bool = True,
    return_X_y: bool = False,
) -> Any:
    r"""List the labelled sequences of a copy of CK+.

    A clip is a tuple of images from the neutral face to the apex, an input of
    :class:`~sklearn_temo.FaceLandmarkTransformer`. No image is opened and nothing is downloaded:
    CK+ is available from its authors.

    Parameters
    ----------
    data_home : str or path-like
        The folder that holds the unpacked archives: the trees
        ``cohn-kanade-images/S005/001/S005_001_00000001.png`` and
        ``Emotion/S005/001/S005_001_00000011_emotion.txt``, directly or up to two folders deeper.
    frames : {"sequence", "neutral_apex"}, default="sequence"
        All images of a sequence, or its first and last only.
    include_contempt : bool, default=True
        False omits contempt (18 sequences) and keeps the six basic emotions.
    return_X_y : bool, default=False
        Return only the clips and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data : list of tuple of str
            Paths of the images of each clip, ordered by image number.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        target_names : ndarray of str of shape (n_emotions,)
            The emotions of the clips, sorted.
        groups : ndarray of str of shape (n_clips,)
            The subjects, such as ``"S005"``.
        sequences : ndarray of str of shape (n_clips,)
            Sequences such as ``"S005/001"``, sorted.
        DESCR : str
            A description of the clips, with the papers to cite.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If one of the trees is missing, or a sequence with an emotion has no images.
    ValueError
        If a tree is found more than once, a label is not a whole number from 0 to 7, no sequence
        has a label, a sequence has a single image but two are needed, or a folder holds images or
        a label of another sequence, or an image twice.

    Warns
    -----
    UserWarning
        If the last image of a sequence is not the apex, whose number is in the name of the label.

    See Also
    --------
    load_ravdess, fetch_cremad : Videos of actors.

    Notes
    -----
    The numbers in the label files mean 0 neutral, 1 anger, 2 contempt, 3 disgust, 4 fear,
    5 happiness, 6 sadness and 7 surprise. Sequences without a label file have no emotion. Files
    with other names (such as ``.DS_Store``) are ignored.

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
    root = Path(data_home).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"data_home={str(root)!r}: no such folder.")
    images, labels = _find_tree(root, _IMAGE_TREES), _find_tree(root, _LABEL_TREES)
    data, target, sequences, truncated = [], [], [], []
    for folder in sorted(labels.glob("S*/*")):
        sequence = folder.relative_to(labels).as_posix()
        label = _numbered_files(folder, _LABEL)
        if not label:
            continue
        if len(label) > 1:
            raise ValueError(f"{str(folder)!r} holds {len(label)} labels; expected one.")
        ((apex, file),) = label.items()
        emotion = _read_emotion(file)
        if emotion == "contempt" and not include_contempt:
            continue
        clip = _numbered_files(images / sequence, _IMAGE)
        if not clip:
            raise FileNotFoundError(
                f"sequence {sequence} has an emotion ({emotion}), but {str(images / sequence)!r} "
                f"has no images such as {sequence.replace('/', '_')}_00000001.png; unpack the "
                "images again."
            )
        paths = tuple(map(str, clip.values()))
        if frames == "neutral_apex":
            if len(paths) < 2:
                raise ValueError(
                    f"sequence {sequence} has the single image {paths[0]!r}: "
                    'frames="neutral_apex" needs two.'
                )
            paths = (paths[0], paths[-1])
        if max(clip) != apex:
            truncated.append(f"{sequence} ends with image {max(clip)}, not {apex}")
        data.append(paths)
        target.append(emotion)
        sequences.append(sequence)
    if not data:
        raise ValueError(
            f"no sequence in {str(labels)!r} has an emotion (include_contempt={include_contempt}): "
            "expected files such as S005/001/S005_001_00000011_emotion.txt; unpack the labels "
            "again."
        )
    if truncated:
        warn_user(
            f"{len(truncated)} sequences do not end with the apex that their label names: "
            f"{shorten_list(truncated)}. Unpack the images again if unpacking was interrupted."
        )
    if return_X_y:
        return data, np.array(target)
    return Bunch(
        data=data,
        target=np.array(target),
        target_names=np.unique(target),
        groups=np.array([sequence[:4] for sequence in sequences]),
        sequences=np.array(sequences),
        DESCR=Path(__file__).with_name("descr").joinpath("ckplus.txt").read_text(encoding="utf-8"),
    )


def _find_tree(root: Path, names: tuple[str, ...]) -> Path:
    """The folder with one of the names that holds folders of subjects."""
    # By resolved path: a folder and a link to it are one copy.
    found: dict[Path, Path] = {}
    for folder in (root, *root.glob("*"), *root.glob("*/*"), *root.glob("*/*/*")):
        # macOS adds a tree of the same names, __MACOSX, to its archives.
        inner = folder.relative_to(root).parts
        is_hidden = any(name.startswith((".", "__MACOSX")) for name in inner)
        is_named = folder.name.casefold() in names and not is_hidden
        if is_named and any(folder.glob("S[0-9][0-9][0-9]")):
            found.setdefault(folder.resolve(), folder)
    if not found:
        raise FileNotFoundError(
            f"no folder {names[0]!r} with folders such as S005 in {str(root)!r}, or at most "
            "2 folders deeper; pass the folder that CK+ was unpacked in."
        )
    if len(found) > 1:
        raise ValueError(
            f"{str(root)!r} holds {len(found)} copies of the same part of CK+ "
            f"({', '.join(map(str, found))}); pass the folder of one copy."
        )
    return next(iter(found.values()))


def _numbered_files(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Images or labels of a sequence by their numbers, sorted."""
    sequence = "_".join(folder.parts[-2:])
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("*")):
        match = pattern.fullmatch(path.name)
        if match is None:
            continue
        if match[1].upper() != sequence:
            raise ValueError(
                f"{str(folder)!r} holds {path.name}, a file of another sequence; expected names "
                f"that begin with {sequence}_."
            )
        number = int(match[2])
        if number in files:
            raise ValueError(
                f"{str(folder)!r} holds image {number} twice: {files[number].name} and {path.name}."
            )
        files[number] = path
    return dict(sorted(files.items()))


def _read_emotion(file: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    try:
        return _EMOTIONS[float(text)]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{str(file)!r} holds the label {text!r}; expected a whole number from 0 to "
            f"{len(_EMOTIONS) - 1}, such as 3.0000000e+00."
        ) from error
