"""Landmarks between frames: where no face was found, and at times that no frame has."""

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
    filled = mesh.copy()
    before, after, share = _neighbours(times[~detected], times[detected])
    filled[~detected] = _between(mesh[detected], before, after, share)
    return filled


def interpolate(
    mesh: NDArray[np.float32],
    detected: NDArray[np.bool_],
    times: NDArray[np.float64],
    wanted: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Landmarks at other times, linearly between the frames.

    Parameters
    ----------
    mesh : ndarray of float32 of shape (n_frames, n_landmarks, 3)
    detected : ndarray of bool of shape (n_frames,)
        Which frames have a face.
    times : ndarray of shape (n_frames,)
        In ascending order.
    wanted : ndarray of shape (n_wanted,)
        Times within those of the frames.

    Returns
    -------
    mesh : ndarray of float32 of shape (n_wanted, n_landmarks, 3)
    detected : ndarray of bool of shape (n_wanted,)
        Whether a face was found in all frames that a time stands on.
    """
    before, after, share = _neighbours(wanted, times)
    return _between(mesh, before, after, share), detected[before] & detected[after]


def _neighbours(
    wanted: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The two frames that a time lies between, and the share of the later one."""
    place = np.interp(wanted, times, np.arange(len(times)))
    before, after = np.floor(place).astype(np.intp), np.ceil(place).astype(np.intp)
    return before, after, (place - before).astype(np.float32)[:, None, None]


def _between(
    mesh: NDArray[np.float32],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    share: NDArray[np.float32],
) -> NDArray[np.float32]:
    return (1 - share) * mesh[before] + share * mesh[after]
