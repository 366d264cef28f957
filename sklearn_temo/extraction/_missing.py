"""Frames in which no face was found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_missing(
    mesh: NDArray[np.float32], detected: NDArray[np.bool_], times: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Fill frames without a face linearly in time, with the nearest face at the ends.

    Parameters
    ----------
    mesh : ndarray of float32 of shape (n_frames, n_landmarks, 3)
    detected : ndarray of bool of shape (n_frames,)
        Which frames have a face; at least one.
    times : ndarray of shape (n_frames,)
        In ascending order.

    Returns
    -------
    ndarray of float32 of shape (n_frames, n_landmarks, 3)
        The frames that have a face are as they were.
    """
    if detected.all():
        return mesh
    found = mesh[detected]
    place = np.interp(times[~detected], times[detected], np.arange(len(found)))
    before, after = np.floor(place).astype(int), np.ceil(place).astype(int)
    share = (place - before).astype(np.float32)[:, None, None]
    filled = mesh.copy()
    filled[~detected] = (1 - share) * found[before] + share * found[after]
    return filled
