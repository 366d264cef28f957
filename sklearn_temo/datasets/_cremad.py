"""CREMA-D: six bundled clips, and the download of the others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib import resources
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._progress import Progress

_ACTORS = tuple(str(number) for number in range(1001, 1092))
_SENTENCES = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_INTENSITIES = {"HI": "high", "LO": "low", "MD": "medium", "XX": "unspecified"}

# The repository has no clips with these 20 names of the naming scheme.
_ABSENT = {
    "1002_TIE_NEU_XX",
    "1076_ITS_NEU_XX",
    *(f"{start}_{code}_XX" for start in ("1008_WSI", "1009_MTI", "1019_ITH") for code in _EMOTIONS),
}

# The Git LFS pointers of a commit contain the SHA-256 of every clip and cannot change.
_COMMIT = "02f12b39b56c8424039d0a953b89d47fc47d380f"
_REPOSITORY = "CheyneyComputerScience/CREMA-D"
_CLIPS_URL = f"https://media.githubusercontent.com/media/{_REPOSITORY}/{_COMMIT}/VideoFlash"
_POINTERS_URL = f"https://raw.githubusercontent.com/{_REPOSITORY}/{_COMMIT}/VideoFlash"

_BUNDLED = resources.files("sklearn_temo") / "datasets" / "cremad"

# SHA-256 of the bundled clips.
_KNOWN = {
    "1001_DFA_ANG_XX.flv": "10dc3fd1f2bc8203657431598bd7dc9312462008f93d08fda786043ae6a8d2f4",
    "1001_DFA_DIS_XX.flv": "cb6db35d6e666076ae736850d48e97fa2ba61d9490724eb1f62d711bea994d3c",
    "1001_DFA_FEA_XX.flv": "9869c4b9169a805b2c637ff5752947311111736eceb16abd276a890b97dcd57e",
    "1001_DFA_HAP_XX.flv": "e72a1221a240f2e6c232b871734ec6ea367228f3feb076dfe448941731752b14",
    "1001_DFA_NEU_XX.flv": "a2b374bcd195d7320437c944eef2208dedd2c22725d09d65e8c31bf6c1eeb286",
    "1001_DFA_SAD_XX.flv": "8fb9c1b08ef3edd03816208fb17fcc0d1ab3e3b8dd2e4a989695191f672bc40d",
}


def load_cremad_sample(*, return_X_y: bool = False) -> Any:
    """Load six clips of CREMA-D: one actor, one sentence, six emotions.

    The clips are part of the package; nothing is downloaded. They are for trying out extraction
    and alignment, not for training: one clip per emotion, all of one person.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return only the paths and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths of the six clips, in the order of their emotions.
        target : ndarray of str of shape (6,)
            The emotion that the actor was asked to express.
        target_names : ndarray of str of shape (6,)
            anger, disgust, fear, happiness, neutral, sadness.
        groups : ndarray of str of shape (6,)
            The actor, ``"1001"``.
        sentence, sentences, intensity
            See :func:`fetch_cremad`.
        fps : float
            Frames per second.
        license, DESCR : str
            See :func:`fetch_cremad`.

    (data, target) : tuple
        If `return_X_y` is True.

    See Also
    --------
    fetch_cremad : Download the other clips.

    References
    ----------
    .. [1] H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, "CREMA-D:
       Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing
       5(4):377-390, 2014, doi:10.1109/TAFFC.2014.2336244.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> sample = load_cremad_sample()
    >>> for clip, emotion in zip(sample.data[:2], sample.target):
    ...     print(Path(clip).name, emotion)
    1001_DFA_ANG_XX.flv anger
    1001_DFA_DIS_XX.flv disgust
    """
    return _as_bunch(_BUNDLED, list(_KNOWN), return_X_y)


def fetch_cremad(
    data_home: str | os.PathLike[str],
    *,
    actors: Iterable[str | int] | None = None,
    emotions: Iterable[str] | None = None,
    sentences: Iterable[str] | None = None,
    base_url: str = _CLIPS_URL,
    pointers_url: str = _POINTERS_URL,
    verbose: int = 0,
    return_X_y: bool = False,
) -> Any:
    """Download clips of CREMA-D: 91 actors, twelve sentences, six emotions.

    All 7,442 clips take about 2 GB. Clips that were downloaded before are not downloaded again, so
    an interrupted download is continued by another call. When all clips are present, the network is
    not used.

    Parameters
    ----------
    data_home : str or path-like
        Folder for ``VideoFlash/1001_DFA_ANG_XX.flv`` and the other clips, created if missing. It
        may be a clone of the repository of CREMA-D.
    actors : iterable of str or int, default=None
        Some of 1001 to 1091. None selects all.
    emotions : iterable of str, default=None
        Some of anger, disgust, fear, happiness, neutral and sadness. None selects all.
    sentences : iterable of str, default=None
        Codes of some of the sentences, such as ``"IEO"``. None selects all twelve.
    base_url : str
        Address of the clips. It may be a mirror, since the clips are verified.
    pointers_url : str
        Address of the Git LFS pointers, which contain the SHA-256 of the clips. It must be trusted.
    verbose : int, default=0
        1 prints the progress and the remaining time, at most once per second.
    return_X_y : bool, default=False
        Return only the paths and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths of the clips, sorted.
        target : ndarray of str of shape (n_clips,)
            The emotion that the actor was asked to express.
        target_names : ndarray of str of shape (n_emotions,)
            The emotions of the selected clips, sorted.
        groups : ndarray of str of shape (n_clips,)
            The actors.
        sentence : ndarray of str of shape (n_clips,)
            Codes of the sentences.
        sentences : dict of str to str
            Text of each code.
        intensity : ndarray of str of shape (n_clips,)
            low, medium, high or unspecified. Only the sentence IEO was recorded in intensities,
            except for neutral.
        fps : float
            Frames per second.
        license, DESCR : str
            The licence (Open Database License 1.0 and Database Contents License 1.0), and a
            description of the data set with the paper to cite and the licence.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    OSError
        If a file cannot be downloaded after several attempts, or cannot be written.
    ValueError
        If an actor, emotion or sentence is unknown, a Git LFS pointer is malformed, or the SHA-256
        of a downloaded clip is wrong; that clip is not kept.

    See Also
    --------
    load_cremad_sample : Six of the clips, which are part of the package.

    Notes
    -----
    The SHA-256 of the six clips of :func:`load_cremad_sample` are part of the package. Those of the
    other clips are downloaded from the Git LFS pointers of the repository, at one commit.

    Verified clips are listed in ``VideoFlash/SHA256SUMS``, and not verified again;
    ``sha256sum -c SHA256SUMS`` does so. An existing clip that is not listed is verified, and
    replaced if its SHA-256 is wrong.

    References
    ----------
    .. [1] H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, "CREMA-D:
       Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing
       5(4):377-390, 2014, doi:10.1109/TAFFC.2014.2336244.

    Examples
    --------
    >>> from sklearn_temo.datasets import fetch_cremad
    >>> cremad = fetch_cremad("cremad", actors=[1001, 1002], verbose=1)  # doctest: +SKIP
    >>> len(cremad.data)  # doctest: +SKIP
    163
    """
    folder = Path(data_home).expanduser() / "VideoFlash"
    files = _select_files(actors, emotions, sentences)
    sums = folder / "SHA256SUMS"
    lines = sums.read_text(encoding="ascii").splitlines() if sums.is_file() else []
    verified = {line.partition("  ")[2] for line in lines}
    missing = [file for file in files if file not in verified or not (folder / file).is_file()]
    if missing:
        with Progress("fetch_cremad", len(missing), "clips", verbose) as progress:
            _download(missing, folder, base_url, pointers_url, progress)
    return _as_bunch(folder, files, return_X_y)


def _download(
    files: list[str], folder: Path, base_url: str, pointers_url: str, progress: Progress
) -> None:
    """Download clips that are missing or not verified, and list them as verified."""
    import pooch

    def source(path: Path | str, url: str) -> pooch.Pooch:
        return pooch.create(path, f"{url.rstrip('/')}/", registry={}, retry_if_failed=4)

    folder.mkdir(parents=True, exist_ok=True)
    level = pooch.get_logger().level
    pooch.get_logger().setLevel("WARNING")
    try:
        with TemporaryDirectory() as pointers_folder:
            clips, pointers = source(folder, base_url), source(pointers_folder, pointers_url)
            for file in files:
                clips.registry[file] = _KNOWN.get(file) or _hash_from_pointer(file, pointers)
                clips.fetch(file)
                with (folder / "SHA256SUMS").open("a", encoding="ascii") as sums:
                    sums.write(f"{clips.registry[file]}  {file}\n")
                progress.advance()
    finally:
        pooch.get_logger().setLevel(level)


def _hash_from_pointer(file: str, pointers: Any) -> str:
    """SHA-256 of a clip according to its Git LFS pointer."""
    pointers.registry[file] = None
    text = Path(pointers.fetch(file)).read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    if found is None:
        raise ValueError(
            f"{pointers.get_url(file)} is not a Git LFS pointer with a SHA-256; it begins with "
            f"{text[:40]!r}."
        )
    return found[1]


def _select_files(actors: Any, emotions: Any, sentences: Any) -> list[str]:
    """Sorted file names of the clips of some actors, emotions and sentences."""
    actors = _check_choice("actors", actors, _ACTORS)
    emotions = _check_choice("emotions", emotions, tuple(_EMOTIONS.values()))
    sentences = _check_choice("sentences", sentences, tuple(_SENTENCES))
    names = [
        f"{actor}_{sentence}_{code}_{intensity}"
        for actor, sentence, code in product(actors, sentences, _EMOTIONS)
        if _EMOTIONS[code] in emotions
        for intensity in (("HI", "LO", "MD") if sentence == "IEO" and code != "NEU" else ("XX",))
    ]
    files = [f"{name}.flv" for name in names if name not in _ABSENT]
    if not files:
        raise ValueError("CREMA-D has no clips of these actors, emotions and sentences.")
    return files


def _check_choice(parameter: str, wanted: Any, known: tuple[str, ...]) -> list[str]:
    """Selected values, sorted."""
    if wanted is None:
        return list(known)
    chosen = sorted({str(value) for value in wanted})
    unknown = [value for value in chosen if value not in known]
    if unknown or not chosen:
        choice = ", ".join(known) if len(known) <= 12 else f"{known[0]} to {known[-1]}"
        raise ValueError(
            f"{parameter} must be a list of some of {choice}; got "
            f"{', '.join(unknown) or 'an empty list'}."
        )
    return chosen


def _as_bunch(folder: Any, files: list[str], return_X_y: bool) -> Any:
    parts = np.array([file.removesuffix(".flv").split("_") for file in files])
    data = [str(folder / file) for file in files]
    target = np.array([_EMOTIONS[code] for code in parts[:, 2]])
    if return_X_y:
        return data, target
    license = (_BUNDLED / "LICENSE.txt").read_text(encoding="utf-8")
    return Bunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=np.unique(target),
        groups=parts[:, 0],
        sentence=parts[:, 1],
        sentences=dict(_SENTENCES),
        intensity=np.array([_INTENSITIES[code] for code in parts[:, 3]]),
        # Mean rate of the video files.
        fps=29.97,
        license=license,
        DESCR=(_BUNDLED / "README.md").read_text(encoding="utf-8") + "\n" + license,
    )
