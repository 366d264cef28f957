"""Checks that the columns of an array are landmarks of faces, or blendshapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import blendshapes, mesh

# Smallest and largest number of clips that are checked.
_MIN_CHECKED, _MAX_CHECKED = 4, 64
# Mean squared difference of neighbouring landmarks, as a share of that of random pairs. Faces give
# 0.02 to 0.35, columns that are not a full mesh 0.5 to 1.
_MAX_NEIGHBOUR_DIFFERENCE = 0.45
# The same of blendshapes on the left and on the right. Faces give 0.15 to 0.4, other columns 1.
_MAX_SIDE_DIFFERENCE = 0.75
# Range of blendshapes, with a tolerance for their network.
_RANGE = (-0.01, 1.01)


def varies_like_mesh(clips: NDArray[Any]) -> bool:
    """Whether neighbours on the mesh move together, also in standardised data.

    `clips` has shape (n_clips, n_frames, n_landmarks, n_coords). True where there are too few
    clips to say.
    """
    landmarks = clips[:_MAX_CHECKED, 0].astype(np.float64)
    landmarks = landmarks[np.isfinite(landmarks).all(axis=(1, 2))]
    if len(landmarks) < _MIN_CHECKED:
        return True
    ratio = _difference_ratio(landmarks, mesh.edges())
    return ratio <= _MAX_NEIGHBOUR_DIFFERENCE


def in_range_of_blendshapes(values: NDArray[Any]) -> bool:
    """Whether all values are between 0 and 1, or NaN; standardised blendshapes are not."""
    low, high = _RANGE
    return bool(not (values < low).any() and not (values > high).any())


def varies_like_blendshapes(clips: NDArray[Any]) -> bool:
    """Whether values are between 0 and 1, and those of the left and of the right vary together.

    `clips` has shape (n_clips, n_frames, 52, 1). True where there are too few clips to say.
    """
    values = clips[:_MAX_CHECKED].astype(np.float64)
    values = values[np.isfinite(values).all(axis=(1, 2, 3))]
    if not in_range_of_blendshapes(values):
        return False
    if len(values) < _MIN_CHECKED:
        return True
    place = {name: i for i, name in enumerate(blendshapes.NAMES)}
    # Movements to a side, of the jaw, the mouth and the eyes, are opposed.
    sides = [
        (i, place[partner])
        for name, i in place.items()
        if name.endswith("Left")
        and (partner := name.removesuffix("Left") + "Right") in place
        and not name.startswith(("jaw", "mouthLeft", "eyeLook"))
    ]
    ratio = _difference_ratio(values.reshape(-1, len(place), 1), np.array(sides))
    return ratio <= _MAX_SIDE_DIFFERENCE


def _difference_ratio(samples: NDArray[np.float64], pairs: NDArray[np.intp]) -> float:
    """Mean squared difference of pairs of columns, as a share of that of random pairs."""
    samples = samples - samples.mean(axis=0)
    size = samples.std(axis=0)
    samples /= np.where(size > 0, size, np.inf)
    first, second = pairs.T
    others = np.random.default_rng(0).permutation(second)
    of_pairs = np.square(samples[:, first] - samples[:, second]).mean()
    of_others = np.square(samples[:, first] - samples[:, others]).mean()
    return of_pairs / of_others if of_others > 0 else 0.0
