"""Six clips of CREMA-D that come with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from sklearn.utils import Bunch

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}

# The containers' own mean rate.
FPS = 29.97


def load_cremad_sample(*, return_X_y: bool = False) -> Any:
    """Load six clips of CREMA-D: one actor, one sentence, six emotions.

    They are there to try things on (extraction, alignment, a first look at a face), not to learn
    from: one clip of each class, all of one person. Nothing is downloaded.

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
            The emotion that the actor was asked for.
        target_names : list of str
            anger, disgust, fear, happiness, neutral, sadness.
        groups : ndarray of str of shape (6,)
            The actor, ``"1001"``.
        fps : float
            Frames a second.
        license, DESCR : str
            The licence, and what the clips are.

    (data, target) : tuple
        With `return_X_y`.

    See Also
    --------
    fetch_cremad : Fetches the other clips.

    References
    ----------
    .. [1] H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, "CREMA-D:
       Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing
       5(4):377-390, 2014, doi:10.1109/TAFFC.2014.2336244.

    Examples
    --------
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> sample = load_cremad_sample()
    >>> len(sample.data)
    6
    >>> print(*sample.target)
    anger disgust fear happiness neutral sadness
    """
    folder = resources.files("sklearn_temo") / "datasets" / "cremad"
    names = [f"1001_DFA_{code}_XX.flv" for code in EMOTIONS]
    paths = [str(folder / name) for name in names]
    target = np.array(list(EMOTIONS.values()))
    if return_X_y:
        return paths, target
    return Bunch(
        data=paths,
        filenames=list(paths),
        target=target,
        target_names=list(EMOTIONS.values()),
        groups=np.array([name.split("_")[0] for name in names]),
        fps=FPS,
        license=(folder / "LICENSE.txt").read_text(encoding="utf-8"),
        DESCR=(folder / "README.md").read_text(encoding="utf-8"),
    )
