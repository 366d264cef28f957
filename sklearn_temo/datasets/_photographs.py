"""Landmarks of photographs: smiles, and digits in sign language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ..layout import LandmarkLayout

# Wrist and four joints of each finger, in the order of MediaPipe's hand landmarks.
_HAND_LANDMARKS = (
    *("wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
    *(
        f"{finger}_{joint}"
        for finger in ("index", "middle", "ring", "pinky")
        for joint in ("mcp", "pip", "dip", "tip")
    ),
)
# The bones: the five fingers, and the palm.
_HAND_CONNECTIONS = (
    *((joint, joint + 1) for joint in range(20) if joint % 4 or not joint),
    *((0, 5), (5, 9), (9, 13), (13, 17), (0, 17)),
)


def load_london_smiles(*, return_X_y: bool = False) -> Any:
    """Load the face landmarks of 102 people, neutral and smiling.

    The landmarks are part of the package; nothing is downloaded. They were extracted from one
    neutral and one smiling frontal photograph of each person of the Face Research Lab London
    Set [1]_. The photographs are not included.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return only the landmarks and the emotions.

    Returns
    -------
    data : Bunch
        With the attributes

        data : LandmarkArray of float32 of shape (204, 468 * 3)
            One frame for each photograph, first all neutral ones, then the smiling ones in the
            same order of people. Isotropic pixels, as
            :class:`~sklearn_temo.FaceLandmarkTransformer` returns them, rounded to 1/16 pixel; the
            photographs have 1350 x 1350 pixels.
        target : ndarray of str of shape (204,)
            neutral or happiness.
        target_names : ndarray of str of shape (2,)
            happiness, neutral.
        groups : ndarray of str of shape (204,)
            The people, with their numbers in the London Set, such as ``"001"``.
        layout : LandmarkLayout
            Layout of the columns of `data`.
        DESCR : str
            A description of the data set, with the authors to cite and the licence.

    (data, target) : tuple
        If `return_X_y` is True.

    See Also
    --------
    load_cremad_sample : Video clips of one actor.

    Notes
    -----
    Smiling people raise their heads by 2.5 degrees on average, compared with their neutral
    photograph. ``LandmarkAligner(rotation="full")`` removes this difference; the default removes
    the rotation in the image plane only.

    References
    ----------
    .. [1] DeBruine, L. and Jones, B. (2017). Face Research Lab London Set. figshare.
       doi 10.6084/m9.figshare.5047666

    Examples
    --------
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> print(len(smiles.data), "photographs of", len(set(smiles.groups)), "people")
    204 photographs of 102 people
    >>> print(*smiles.target_names)
    happiness neutral
    >>> smiles.layout
    LandmarkLayout(n_frames=1, n_landmarks=468, n_coords=3)
    """
    return _load("london_smiles", 468, return_X_y)


def load_sign_digits(*, return_X_y: bool = False) -> Any:
    """Load the hand landmarks of 218 students who show the digits 0 to 9 in sign language.

    The landmarks are part of the package; nothing is downloaded. They were extracted from the
    photographs of the Sign Language Digits Dataset [1]_. The photographs are not included.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return only the landmarks and the digits.

    Returns
    -------
    data : Bunch
        With the attributes

        data : LandmarkArray of float32 of shape (2062, 21 * 3)
            One frame for each photograph, in the order of MediaPipe's hand landmarks: pixels, x to
            the right of the photograph, y down, z away from the viewer with the wrist at about 0,
            rounded to 1/8 pixel. Three photographs are larger than the others, which have 100 x 100
            pixels: divide the landmarks by the size of the hand.
        target : ndarray of str of shape (2062,)
            Digits, ``"0"`` to ``"9"``.
        target_names : ndarray of str of shape (10,)
            The digits, sorted.
        groups : ndarray of str of shape (2062,)
            186 groups of photographs, such as ``"g001"``. All photographs of a student are in one
            group; a few groups contain more than one student.
        landmark_names : ndarray of str of shape (21,)
            Names of the landmarks, such as ``"thumb_tip"``.
        connections : ndarray of int of shape (21, 2)
            Pairs of landmarks that are connected in a drawing of the hand.
        layout : LandmarkLayout
            Layout of the columns of `data`.
        DESCR : str
            A description of the data set, with the paper to cite and the licence.

    (data, target) : tuple
        If `return_X_y` is True.

    Notes
    -----
    The authors do not say who is in which photograph. The groups were derived from the order in
    which the photographs were taken: most students show each digit once.

    References
    ----------
    .. [1] Mavi, A. (2020). A New Dataset and Proposed Convolutional Neural Network Architecture for
       Classification of American Sign Language Digits. arXiv 2011.08927.

    Examples
    --------
    >>> from sklearn_temo.datasets import load_sign_digits
    >>> digits = load_sign_digits()
    >>> print(len(digits.data), "hands that show", *digits.target_names)
    2062 hands that show 0 1 2 3 4 5 6 7 8 9
    >>> print(*digits.landmark_names[:5])
    wrist thumb_cmc thumb_mcp thumb_ip thumb_tip
    """
    loaded = _load("sign_digits", 21, return_X_y)
    if not return_X_y:
        loaded.landmark_names = np.array(_HAND_LANDMARKS)
        loaded.connections = np.array(_HAND_CONNECTIONS)
    return loaded


def _load(name: str, n_landmarks: int, return_X_y: bool) -> Any:
    folder = Path(__file__).parent / name
    layout = LandmarkLayout(n_frames=1, n_landmarks=n_landmarks, n_coords=3)
    with np.load(folder / "landmarks.npz") as file:
        # Integers of one coordinate in all photographs side by side take the least space.
        landmarks = np.ascontiguousarray(file["landmarks"].T, dtype=np.float32)
        data = layout.attach(landmarks * np.float32(file["unit"]))
        target, groups = file["target"], file["groups"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=np.unique(target),
        groups=groups,
        layout=layout,
        DESCR=(folder / "README.md").read_text(encoding="utf-8"),
    )
