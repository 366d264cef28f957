"""How alike landmarks are: which of them tell the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import LandmarkLayout

# Frames that are looked at. So many tell a correlation to two digits, in a fraction of a second.
_MOST_FRAMES = 2048


def landmark_similarity(X: NDArray[Any], layout: LandmarkLayout) -> NDArray[np.float32]:
    """How alike the courses of landmarks are.

    Two landmarks are alike where both their first frames vary together from clip to clip, and the
    frames after it do. Each is measured by the RV coefficient [1]_, a correlation of points instead
    of numbers, which does not change where a landmark is turned; the similarity is their geometric
    mean. Nothing is assumed of what the landmarks are of.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Clips. Of more than 2048 (later) frames as many are drawn, always the same.
    layout : LandmarkLayout

    Returns
    -------
    ndarray of shape (n_landmarks, n_landmarks)
        From 0 to 1, symmetric. A landmark that never moves is like none but itself.

    References
    ----------
    .. [1] Robert, P., Escoufier, Y. (1976). A unifying tool for linear multivariate statistical
       methods: the RV-coefficient. Applied Statistics 25(3), 257-265.
    """
    clips = layout.unflatten(X)
    first = _rv(_some(len(clips), 1, lambda clip, _: clips[clip, 0]))
    if layout.n_frames == 1:
        return first
    later = _rv(_some(len(clips), layout.n_frames - 1, lambda clip, i: clips[clip, 1 + i]))
    return np.sqrt(first * later)


def _some(n_clips: int, n_frames: int, take: Any) -> NDArray[np.float32]:
    """Frames, or a sample of them, ndarray of shape (n_taken, n_landmarks, n_coords)."""
    n_all = n_clips * n_frames
    chosen = np.arange(n_all)
    if n_all > _MOST_FRAMES:
        chosen = np.random.default_rng(0).choice(n_all, _MOST_FRAMES, replace=False)
    return np.asarray(take(*np.divmod(chosen, n_frames)), dtype=np.float32)


def _rv(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """RV coefficient of each two landmarks over some frames."""
    _, n_landmarks, n_coords = points.shape
    centred = points - points.mean(axis=0)
    # A share of the largest spread, so that the squares of squares stay in range.
    centred /= max(float(np.abs(centred).max()), np.finfo(np.float32).tiny)
    flat = centred.reshape(len(points), -1)
    covariance = flat.T @ flat
    np.square(covariance, out=covariance)
    joint = covariance.reshape(n_landmarks, n_coords, n_landmarks, n_coords).sum(axis=(1, 3))
    own = np.sqrt(np.diagonal(joint))
    norm = own[:, None] * own
    rv = np.divide(joint, norm, out=np.zeros_like(joint), where=norm > 0)
    np.fill_diagonal(rv, 1)
    # Rounding differs between the two halves.
    return np.minimum((rv + rv.T) / 2, 1)
