"""Jitter of landmarks from frame to frame: its size, and a filter that reduces it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import mesh

# Degree of the polynomials that are fitted, and the least number of frames in a window.
_DEGREE = 2
MIN_FRAMES = 5

# Containers round times to milliseconds.
_TICK = 1e-3

# Frames that are further apart, in seconds, differ by movement more than by jitter.
_MAX_STEP = 0.05
# Largest difference between the steps of four frames, as a share of a step.
_MAX_UNEVEN = 0.2
_MIN_DIFFERENCES = 10
# Standard deviation of a normal variable whose absolute value has a median of 1.
_NORMAL = 1.4826


def smooth_landmarks(
    landmarks: NDArray[np.float32],
    times: NDArray[np.float64],
    is_cut: NDArray[np.bool_],
    window: float,
) -> NDArray[np.float32]:
    """Smooth the landmarks of a clip by local quadratic fits.

    Each frame becomes the value, at its time, of the parabola that fits the frames of a window
    around it best. For even times this is the filter of Savitzky and Golay. It has no delay. At
    both ends of a stretch, the window is moved so that it lies inside. A stretch ends at a cut, and
    at a gap longer than half a window.

    Parameters
    ----------
    landmarks : ndarray of float32 of shape (n_frames, n_landmarks, n_coords)
        NaN in frames without a face, which stay NaN.
    times : ndarray of float64 of shape (n_frames,)
    is_cut : ndarray of bool of shape (n_frames,)
        Whether another stretch begins at the frame.
    window : float
        Length of the window, in the unit of `times`.

    Returns
    -------
    ndarray of float32 of shape (n_frames, n_landmarks, n_coords)
        Frames with too few neighbours for a fit are unchanged.
    """
    smoothed = landmarks.copy()
    if not is_dense(times, window):
        return smoothed
    found = np.flatnonzero(~np.isnan(landmarks[:, 0, 0]))
    is_new = is_cut[found][1:] | (np.diff(times[found]) > window / 2 + _TICK)
    for frames in np.split(found, np.flatnonzero(is_new) + 1):
        stretch = times[frames]
        if len(frames) <= _DEGREE + 1:
            continue
        begin = np.clip(stretch - window / 2, stretch[0], max(stretch[-1] - window, stretch[0]))
        starts = np.searchsorted(stretch, begin - _TICK)
        stops = np.searchsorted(stretch, begin + window + _TICK)
        for frame, time, start, stop in zip(frames, stretch, starts, stops, strict=True):
            if stop - start > _DEGREE + 1:
                powers = np.vander((stretch[start:stop] - time) / window, _DEGREE + 1)
                weights = np.linalg.pinv(powers)[-1].astype(np.float32)
                smoothed[frame] = np.tensordot(weights, landmarks[frames[start:stop]], 1)
    return smoothed


def is_dense(times: NDArray[np.float64], window: float) -> bool:
    """Whether the frames are close enough to each other for a window, at least for most of them."""
    enough = len(times) >= MIN_FRAMES
    return bool(enough and (MIN_FRAMES - 1) * np.median(np.diff(times)) <= window + _TICK)


def estimate_noise(
    landmarks: NDArray[np.float32], times: NDArray[np.float64], is_cut: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """Estimate the jitter of each landmark, as in :class:`ExtractionReport`.

    Parameters
    ----------
    landmarks, times, is_cut
        As in :func:`smooth_landmarks`; `times` in seconds.

    Returns
    -------
    ndarray of float32 of shape (n_landmarks,), or None
        None if fewer than ten sets of four frames in a row have a face, and even steps of at most
        0.05 s.
    """
    if len(times) < _MIN_DIFFERENCES + 3:
        return None
    steps = np.lib.stride_tricks.sliding_window_view(np.diff(times), 3)
    is_even = np.ptp(steps, axis=1) <= _MAX_UNEVEN * steps.mean(axis=1) + _TICK
    has_cut = np.lib.stride_tricks.sliding_window_view(is_cut[1:], 3).any(axis=1)
    differences = np.diff(landmarks[..., :2].astype(np.float64), n=3, axis=0)
    has_face = ~np.isnan(differences[:, 0, 0])
    used = is_even & (steps.max(axis=1) <= _MAX_STEP + _TICK) & has_face & ~has_cut
    if used.sum() < _MIN_DIFFERENCES:
        return None
    size = np.median(
        np.abs(differences[used]).transpose(1, 0, 2).reshape(landmarks.shape[1], -1), axis=1
    )
    return (_NORMAL / np.sqrt(20) * size).astype(np.float32)


def describe_noise(noise: NDArray[np.float32]) -> list[str]:
    """Describe the jitter in one line; no line where it is not known."""
    if np.isnan(noise).all():
        return []
    regions = mesh.regions(len(noise))
    medians = {region: np.median(noise[regions == region]) for region in np.unique(regions)}
    worst = max(medians, key=lambda region: medians[region])
    return [
        f"jitter of the landmarks from frame to frame: {np.median(noise):.2g} pixels (median); "
        f"largest in the region '{worst}', {medians[worst]:.2g} pixels"
    ]
