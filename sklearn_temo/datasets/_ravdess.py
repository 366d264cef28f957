"""Loader of RAVDESS, whose file names describe the videos."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from ._clip_files import VIDEO_EXTENSIONS, files_below, shorten_list

_EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")

# The parts of a file name in their order, and the meanings of their numbers, which start at 1.
_PARTS: dict[str, tuple[Any, ...]] = {
    "modality": ("audio-video", "video-only"),
    "channel": ("speech", "song"),
    "emotion": _EMOTIONS,
    "intensity": ("normal", "strong"),
    "statement": ("Kids are talking by the door", "Dogs are sitting by the door"),
    "repetition": (1, 2),
    "actor": tuple(f"{number:02d}" for number in range(1, 25)),
}

_NAME = re.compile(r"\d\d(-\d\d){6}")


def load_ravdess(
    data_home: str | os.PathLike[str],
    *,
    modality: Literal["either", "audio-video", "video-only"] = "either",
    channel: Literal["both", "speech", "song"] = "both",
    return_X_y: bool = False,
) -> Any:
    """List the videos of a copy of RAVDESS.

    A file name such as ``02-01-06-01-02-01-12.mp4`` gives modality, vocal channel, emotion,
    intensity, statement, repetition and actor. Videos are found at any depth of the folder. No
    video is opened and nothing is downloaded: RAVDESS is available from Zenodo.

    Parameters
    ----------
    data_home : str or path-like
        The folder that holds the unpacked archives.
    modality : {"either", "audio-video", "video-only"}, default="either"
        Most recordings exist with and without sound, with the same images. "either" selects each
        recording once, with sound if there is such a file; the others select files of that
        modality only.
    channel : {"both", "speech", "song"}, default="both"
        Spoken statements, sung statements, or both.
    return_X_y : bool, default=False
        Return only the paths and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths, sorted by actor and name.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        target_names : ndarray of str of shape (n_emotions,)
            The emotions of the clips, sorted.
        groups : ndarray of str of shape (n_clips,)
            The actors, ``"01"`` to ``"24"``.
        modality, channel, intensity, statement : ndarray of str of shape (n_clips,)
            Such as ``"audio-video"``, ``"speech"``, ``"strong"`` and the text of the statement.
        repetition : ndarray of int of shape (n_clips,)
            1 or 2.
        DESCR : str
            A description of the clips, with their licence and the paper to cite.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the name of a video does not follow the naming scheme, a file is found twice, or no video
        is selected.

    See Also
    --------
    load_ckplus : Sequences of images.
    fetch_cremad : Videos of other actors.

    Notes
    -----
    Hidden files, files without a video extension, and files of the modality 03 (audio only) are
    ignored. All other videos must follow the naming scheme: rename or move those that do not.

    References
    ----------
    .. [1] S. R. Livingstone, F. A. Russo, "The Ryerson Audio-Visual Database of Emotional Speech
       and Song (RAVDESS)", PLoS ONE 13(5): e0196391, 2018, doi:10.1371/journal.pone.0196391.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo.datasets import load_ravdess
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("01-01-06-01-02-01-12", "02-01-06-01-02-01-12", "02-01-03-02-01-02-12"):
    ...         Path(folder, f"{name}.mp4").touch()
    ...     ravdess = load_ravdess(folder)
    >>> [Path(clip).stem for clip in ravdess.data]
    ['02-01-03-02-01-02-12', '01-01-06-01-02-01-12']
    >>> print(*ravdess.target)
    happiness fear
    """
    for name, value, default in (("modality", modality, "either"), ("channel", channel, "both")):
        if value not in (default, *_PARTS[name]):
            raise ValueError(f"{name} must be one of {(default, *_PARTS[name])}, got {value!r}.")
    root = Path(data_home).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {str(root)!r}.")
    found = _find_videos(root)
    chosen: dict[str, Path] = {}
    # By actor and name, a file with sound before the same recording without.
    for stem in sorted(found, key=lambda stem: (stem[-2:], stem[2:], stem)):
        meaning = _meaning(found[stem])
        if modality in ("either", meaning["modality"]) and channel in ("both", meaning["channel"]):
            chosen.setdefault(stem[2:] if modality == "either" else stem, found[stem])
    if not chosen:
        raise ValueError(
            f"no videos with modality={modality!r} and channel={channel!r} among the {len(found)} "
            f"videos of RAVDESS in {str(root)!r}; expected files such as "
            "Actor_12/01-01-06-01-02-01-12.mp4."
        )
    data = [str(file) for file in chosen.values()]
    meanings = [_meaning(file) for file in chosen.values()]
    columns = {part: np.array([meaning[part] for meaning in meanings]) for part in _PARTS}
    target, groups = columns.pop("emotion"), columns.pop("actor")
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=np.unique(target),
        groups=groups,
        **columns,
        DESCR=Path(__file__).with_name("descr").joinpath("ravdess.txt").read_text(encoding="utf-8"),
    )


def _find_videos(root: Path) -> dict[str, Path]:
    """Videos of RAVDESS by the stems of their names."""
    videos: dict[str, Path] = {}
    unknown = []
    for file in files_below(root):
        if file.suffix.casefold() not in VIDEO_EXTENSIONS or file.stem.startswith("03-"):
            continue
        if not _NAME.fullmatch(file.stem):
            unknown.append(str(file.relative_to(root)))
        elif file.stem in videos:
            raise ValueError(
                f"{str(videos[file.stem])!r} and {str(file)!r} have the same file name; remove one."
            )
        else:
            videos[file.stem] = file
    if unknown:
        raise ValueError(
            f"{len(unknown)} videos in {str(root)!r} do not follow the naming scheme of RAVDESS "
            f"({shorten_list(unknown)}), seven numbers such as 01-01-06-01-02-01-12.mp4; move them "
            "to another folder."
        )
    return videos


def _meaning(file: Path) -> dict[str, Any]:
    """Meaning of each part of a file name."""
    meaning = {}
    for (part, known), number in zip(_PARTS.items(), file.stem.split("-"), strict=True):
        if not 1 <= int(number) <= len(known):
            raise ValueError(
                f"{str(file)!r}: unknown {part} {number}; expected 01 to {len(known):02d}."
            )
        meaning[part] = known[int(number) - 1]
    return meaning
