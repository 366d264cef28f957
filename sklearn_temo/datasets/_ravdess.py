"""The videos of RAVDESS, by what their names say."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from ._clip_files import VIDEO_EXTENSIONS, files_below

_MODALITIES = {"01": "audio-video", "02": "video-only"}
_CHANNELS = {"01": "speech", "02": "song"}
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_REPETITIONS = {"01": 1, "02": 2}
_ACTORS = {f"{number:02d}": f"{number:02d}" for number in range(1, 25)}

# The parts of a name in their order.
_PARTS: dict[str, Mapping[str, Any]] = {
    "modality": _MODALITIES,
    "channel": _CHANNELS,
    "emotion": _EMOTIONS,
    "intensity": _INTENSITIES,
    "statement": _STATEMENTS,
    "repetition": _REPETITIONS,
    "actor": _ACTORS,
}

_NAME = re.compile(r"\d\d(-\d\d){6}")

_SHOWN = 3

_DESCR = """\
The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)

24 actors (odd numbers are men, even ones women) who speak and sing two statements in eight emotions
(in song, without disgust and surprise), in two intensities (neutral in one), twice. The label is
the emotion that the actor was asked for. Creative Commons BY-NC-SA 4.0, from
https://zenodo.org/record/1188976

Please cite

Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song
(RAVDESS): A dynamic, multimodal set of facial and vocal expressions in North American English. PLoS
ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391
"""


class _Video(NamedTuple):
    path: str
    stem: str
    modality: str
    channel: str
    emotion: str
    intensity: str
    statement: str
    repetition: int
    actor: str


def load_ravdess(
    path: str | os.PathLike[str],
    *,
    modality: Literal["either", "audio-video", "video-only"] = "either",
    channel: Literal["both", "speech", "song"] = "both",
    return_X_y: bool = False,
) -> Any:
    """List the videos of a copy of RAVDESS.

    Names such as ``02-01-06-01-02-01-12.mp4`` say everything: modality, vocal channel, emotion,
    intensity, statement, repetition and actor. Videos are found in folders such as ``Actor_12`` at
    any depth, or flat. None is opened, and nothing is downloaded: the copy is yours.

    Parameters
    ----------
    path : str or path-like
        The folder that the archives were unpacked in.
    modality : {"either", "audio-video", "video-only"}, default="either"
        Most recordings are there twice, with and without sound, with the same pictures. "either"
        takes each recording once, with sound where there is such a file; the others take files of
        that kind only.
    channel : {"both", "speech", "song"}, default="both"
        Spoken statements, sung ones, or both.
    return_X_y : bool, default=False
        Return only the paths and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths, by actor, then by name.
        target : ndarray of str of shape (n_clips,)
            Emotions.
        target_names : list of str
            The emotions that there are, sorted.
        groups : ndarray of str of shape (n_clips,)
            The actors, ``"01"`` to ``"24"``.
        modality, channel, intensity, statement : ndarray of str of shape (n_clips,)
            Such as ``"audio-video"``, ``"speech"``, ``"strong"`` and what is said.
        repetition : ndarray of int of shape (n_clips,)
            1 or 2.
        DESCR : str
            What the clips are, their licence, and what to cite.

    (data, target) : tuple
        With `return_X_y`.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If a video has another name, a number of its name means nothing, a file is there twice, or
        no video is left.

    See Also
    --------
    load_ckplus : Sequences of images.
    fetch_cremad : Videos of other actors.

    Notes
    -----
    Hidden files and all that is no video by its ending (sound alone, tables, text) are passed over,
    and so are videos of the modality 03, which is sound alone. Every other video must fit: rename
    or move what does not.

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
    if modality not in ("either", *_MODALITIES.values()):
        raise ValueError(
            f'modality must be "either", "audio-video" or "video-only", got {modality!r}.'
        )
    if channel not in ("both", *_CHANNELS.values()):
        raise ValueError(f'channel must be "both", "speech" or "song", got {channel!r}.')
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"no such folder: {str(root)!r}.")
    found = _videos(root)
    chosen: dict[str, _Video] = {}
    # Sorted by name, files with sound come first.
    for video in sorted(found, key=lambda video: (video.actor, video.stem)):
        if modality not in ("either", video.modality) or channel not in ("both", video.channel):
            continue
        chosen.setdefault(video.stem[2:] if modality == "either" else video.stem, video)
    if not chosen:
        raise ValueError(
            f"no videos of RAVDESS with modality={modality!r} and channel={channel!r} in "
            f"{str(root)!r}, which holds {len(found)} videos of it in all; expected files such as "
            "Actor_12/01-01-06-01-02-01-12.mp4."
        )
    videos = sorted(chosen.values(), key=lambda video: (video.actor, video.stem[2:]))
    data, target = [video.path for video in videos], np.array([video.emotion for video in videos])
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=sorted(set(target.tolist())),
        groups=np.array([video.actor for video in videos]),
        **{
            part: np.array([getattr(video, part) for video in videos])
            for part in ("modality", "channel", "intensity", "statement", "repetition")
        },
        DESCR=_DESCR,
    )


def _videos(root: Path) -> list[_Video]:
    videos: dict[str, _Video] = {}
    strange = []
    for file in files_below(root):
        if file.suffix.casefold() not in VIDEO_EXTENSIONS:
            continue
        if not _NAME.fullmatch(file.stem):
            strange.append(str(file.relative_to(root)))
        elif not file.stem.startswith("03"):
            video = _read_name(file)
            if file.stem in videos:
                raise ValueError(
                    f"{videos[file.stem].path!r} and {str(file)!r} are the same recording; "
                    "leave one of them."
                )
            videos[file.stem] = video
    if strange:
        shown = ", ".join(strange[:_SHOWN]) + (", ..." if len(strange) > _SHOWN else "")
        raise ValueError(
            f"{len(strange)} videos in {str(root)!r} have no names of RAVDESS ({shown}); expected "
            "seven numbers such as 01-01-06-01-02-01-12.mp4: move the others elsewhere."
        )
    return list(videos.values())


def _read_name(file: Path) -> _Video:
    meanings = []
    for (part, known), number in zip(_PARTS.items(), file.stem.split("-"), strict=True):
        if number not in known:
            raise ValueError(
                f"{str(file)!r}: {number} is no {part} of RAVDESS; expected {min(known)} to "
                f"{max(known)}."
            )
        meanings.append(known[number])
    return _Video(str(file), file.stem, *meanings)
