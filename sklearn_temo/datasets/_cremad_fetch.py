"""All of CREMA-D, fetched from where its authors keep it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._progress import Progress
from ._cremad import EMOTIONS, FPS
from ._cremad_names import INTENSITIES, SENTENCES, choose_names
from ._download import Fingerprint, fetch_file, fetch_text, file_hash

# A commit never changes: the pointers of Git LFS that it holds pin the SHA-256 of every clip.
_COMMIT = "02f12b39b56c8424039d0a953b89d47fc47d380f"
_REPOSITORY = "CheyneyComputerScience/CREMA-D"
_CLIPS_URL = f"https://media.githubusercontent.com/media/{_REPOSITORY}/{_COMMIT}/VideoFlash"
_POINTERS_URL = f"https://raw.githubusercontent.com/{_REPOSITORY}/{_COMMIT}/VideoFlash"

# Of the clips that come with the package: known without asking anybody.
_KNOWN = {
    "1001_DFA_ANG_XX.flv": "10dc3fd1f2bc8203657431598bd7dc9312462008f93d08fda786043ae6a8d2f4",
    "1001_DFA_DIS_XX.flv": "cb6db35d6e666076ae736850d48e97fa2ba61d9490724eb1f62d711bea994d3c",
    "1001_DFA_FEA_XX.flv": "9869c4b9169a805b2c637ff5752947311111736eceb16abd276a890b97dcd57e",
    "1001_DFA_HAP_XX.flv": "e72a1221a240f2e6c232b871734ec6ea367228f3feb076dfe448941731752b14",
    "1001_DFA_NEU_XX.flv": "a2b374bcd195d7320437c944eef2208dedd2c22725d09d65e8c31bf6c1eeb286",
    "1001_DFA_SAD_XX.flv": "8fb9c1b08ef3edd03816208fb17fcc0d1ab3e3b8dd2e4a989695191f672bc40d",
}

_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n?"
)

_DESCR = f"""\
CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset

7,442 clips of 91 actors who speak twelve sentences in six emotions: Flash video (VP6), 480 x 360
pixels, 29.97 frames a second. The label is the emotion that the actor was asked for; raters did not
always see the same. From https://github.com/{_REPOSITORY}, folder VideoFlash, as of
commit {_COMMIT}.

Please cite

Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R (2014). CREMA-D: Crowd-sourced Emotional
Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4):377-390.
doi:10.1109/TAFFC.2014.2336244

Licence

"""


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
    """Fetch clips of CREMA-D: 91 actors, twelve sentences, six emotions.

    All 7,442 take about 2 GB and are fetched one after the other. It may be stopped at any moment,
    and another call goes on from there. Clips that are there already are not fetched again, and
    once all are, the network is not used.

    Parameters
    ----------
    data_home : str or path-like
        The folder in which ``VideoFlash/1001_DFA_ANG_XX.flv`` and the others are kept, made if
        missing. A clone of the repository of CREMA-D will do.
    actors : iterable of str or int, default=None
        Some of 1001 to 1091; None is all.
    emotions : iterable of str, default=None
        Some of anger, disgust, fear, happiness, neutral and sadness; None is all.
    sentences : iterable of str, default=None
        Codes of some of the sentences, such as ``"IEO"``; None is all twelve.
    base_url : str
        Where the clips are; another place may be a mirror, since the content is verified.
    pointers_url : str
        Where the pointers of Git LFS are, which hold the hashes of the clips. It must be trusted.
    verbose : int, default=0
        1 prints how far it is and how long it will take, at most once a second.
    return_X_y : bool, default=False
        Return only the paths and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data, filenames : list of str
            Paths of the clips, sorted.
        target : ndarray of str of shape (n_clips,)
            The emotion that the actor was asked for.
        target_names : list of str
            The emotions that there are, sorted.
        groups : ndarray of str of shape (n_clips,)
            The actors.
        sentence : ndarray of str of shape (n_clips,)
            Codes of what is said.
        sentences : dict of str to str
            What the codes stand for.
        intensity : ndarray of str of shape (n_clips,)
            low, medium, high or unspecified. Only the sentence IEO was asked for in intensities,
            and not for neutral.
        fps : float
            Frames a second.
        license, DESCR : str
            The licence (Open Database License 1.0 and Database Contents License 1.0); what the
            clips are, what to cite, and the licence again.

    (data, target) : tuple
        With `return_X_y`.

    Raises
    ------
    FileNotFoundError
        Naming the address at which there is no such file.
    OSError
        If a server refuses or cannot be reached, time and again, the disk is full, or `data_home`
        is a file.
    ValueError
        If an actor, an emotion or a sentence is not known, a pointer is none, or a clip is not what
        its hash says; then it is removed.

    See Also
    --------
    load_cremad_sample : Six of the clips, which come with the package.

    Notes
    -----
    Every clip is compared with its SHA-256 before it gets its name. The hashes of the six clips of
    :func:`load_cremad_sample` are part of the package. Those of the others are not: they are read,
    clip by clip, from the pointers of Git LFS in the repository, at one commit, whose content
    cannot change. So they are as trustworthy as the connection to GitHub.

    What was verified is noted in ``VideoFlash/SHA256SUMS``, and trusted from then on;
    ``sha256sum -c SHA256SUMS`` verifies it again. A file that is not noted there is verified, and
    replaced if it is wrong.

    The scheme of the names has twenty more than there are clips; those are left out.

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
    names = choose_names(actors, emotions, sentences)
    for parameter, url in (("base_url", base_url), ("pointers_url", pointers_url)):
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"{parameter} must begin with https:// or http://, got {url!r}.")
    folder = Path(data_home) / "VideoFlash"
    for place in (folder.parent, folder):
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(
                f"data_home={str(data_home)!r}: {str(place)!r} is a file; name a folder."
            )
    _fetch_all(folder, [name.file for name in names], base_url, pointers_url, verbose)
    data = [str(folder / name.file) for name in names]
    target = np.array([EMOTIONS[name.emotion] for name in names])
    if return_X_y:
        return data, target
    home = resources.files("sklearn_temo") / "datasets" / "cremad"
    licence = (home / "LICENSE.txt").read_text(encoding="utf-8")
    return Bunch(
        data=data,
        filenames=list(data),
        target=target,
        target_names=sorted(set(target.tolist())),
        groups=np.array([name.actor for name in names]),
        sentence=np.array([name.sentence for name in names]),
        sentences=dict(SENTENCES),
        intensity=np.array([INTENSITIES[name.intensity] for name in names]),
        fps=FPS,
        license=licence,
        DESCR=_DESCR + licence,
    )


def _fetch_all(
    folder: Path, files: list[str], base_url: str, pointers_url: str, verbose: int
) -> None:
    """Have all files in a folder, verified."""
    verified = _read_sums(folder / "SHA256SUMS")
    missing = [file for file in files if file not in verified or not (folder / file).is_file()]
    if not missing:
        return
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress("fetch_cremad", len(files), "clips", verbose)
    progress.advance(len(files) - len(missing), free=True)
    # Two processes would write into the same part of a file.
    with FileLock(folder / "fetch.lock"):
        verified = _read_sums(folder / "SHA256SUMS")
        for file in missing:
            is_there = (folder / file).is_file()
            if not (is_there and file in verified):
                expected = _fingerprint(file, pointers_url)
                if not (is_there and file_hash(folder / file) == expected.sha256):
                    fetch_file(f"{base_url.rstrip('/')}/{file}", folder / file, expected)
                with (folder / "SHA256SUMS").open("a", encoding="ascii") as sums:
                    sums.write(f"{expected.sha256}  {file}\n")
            progress.advance()


def _fingerprint(file: str, pointers_url: str) -> Fingerprint:
    """What a clip must be: as the package knows, or as its pointer says."""
    if file in _KNOWN:
        return Fingerprint(_KNOWN[file])
    url = f"{pointers_url.rstrip('/')}/{file}"
    text = fetch_text(url)
    pointer = _POINTER.fullmatch(text)
    if pointer is None:
        raise ValueError(
            f"{file}: {url} is no pointer of Git LFS with a SHA-256 and a size; it begins with "
            f"{text[:40]!r}."
        )
    return Fingerprint(pointer[1], int(pointer[2]))


def _read_sums(path: Path) -> set[str]:
    """Names of the files that were verified."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return set()
    # A line that broke off with its process is no name of a clip, and does no harm.
    return {line[66:] for line in lines}
