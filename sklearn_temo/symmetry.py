"""Left and right: which landmarks are mirror images of each other, and the mirror itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from .layout import LandmarkLayout

__all__ = ["Mirror", "find_mirror_pairs"]

_LEAST_POINTS = 5


def find_mirror_pairs(points: NDArray[Any], *, tolerance: float = 0.12) -> NDArray[np.intp] | None:
    """Pair landmarks that are mirror images across a vertical plane.

    The points are reflected about the mean of their x; a one-to-one assignment of least total
    distance matches them with the points as they were. It is made an involution by symmetrising
    the distances first.

    Parameters
    ----------
    points : ndarray of shape (n_landmarks, n_coords)
        Positions, x first. Fewer than five points, or one coordinate, are never paired: too few
        to tell a face from chance.
    tolerance : float, default=0.12
        The pairs count as found if the root mean square of the matched distances is at most this
        share of the spread of the points (the root mean square distance from their mean). The
        mean of ten faces stays below 0.09, aligned or not, whole or a symmetric part of it; random
        points stay above 0.2.

    Returns
    -------
    ndarray of int of shape (n_landmarks,), or None
        The partner of each landmark (itself, on the midline); None if the points are not
        symmetric.
    """
    n_points, n_coords = points.shape
    if n_coords < 2 or n_points < _LEAST_POINTS or not np.isfinite(points).all():
        return None
    centred = points - points.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=1).mean())
    reflected = centred * np.r_[-1.0, np.ones(n_coords - 1)]
    distance = cdist(centred, reflected)
    distance = (distance + distance.T) / 2
    partners = linear_sum_assignment(distance)[1]
    matched = np.sqrt((distance[np.arange(n_points), partners] ** 2).mean())
    is_involution = np.array_equal(partners[partners], np.arange(n_points))
    return partners if is_involution and matched <= tolerance * spread else None


@dataclass(frozen=True)
class Mirror:
    """The mirror image of clips, as one affine map of the columns.

    Frames that hold positions are reflected about the vertical line ``x = axis``; frames that hold
    displacements only change the sign of x. Applied twice it is the identity.

    Parameters
    ----------
    layout : LandmarkLayout
        Of the clips.
    pairs : ndarray of int of shape (n_landmarks,)
        The partner of each landmark.
    axis : float
        Where the mirror stands, in the units of the clips.
    is_position : ndarray of bool of shape (n_frames,)
        Which frames hold positions; the others hold displacements.
    """

    layout: LandmarkLayout
    pairs: NDArray[np.intp]
    axis: float
    is_position: NDArray[np.bool_]

    @classmethod
    def from_clips(cls, X: NDArray[Any], layout: LandmarkLayout) -> Mirror | None:
        """Find the mirror in the mean of some clips.

        Frame 0 is taken for positions, as the aligner leaves it. Where its mean is not the
        symmetric picture of a face (standardised data, displacements only, landmarks of other
        things), there is no mirror.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
        layout : LandmarkLayout

        Returns
        -------
        Mirror or None
        """
        mean = layout.unflatten(X.mean(axis=0, dtype=np.float64))
        first = mean[0]
        pairs = find_mirror_pairs(first)
        if pairs is None:
            return None
        spread = np.linalg.norm(first - first.mean(axis=0))
        is_position = np.linalg.norm(mean - first, axis=(1, 2)) < 0.5 * spread
        return cls(layout, pairs, float(first[:, 0].mean()), is_position)

    @property
    def columns(self) -> NDArray[np.intp]:
        """Column that each column is taken from, ndarray of shape (n_features,)."""
        columns = self.layout.unflatten(np.arange(self.layout.n_features))
        return self.layout.flatten(columns[:, self.pairs])

    @property
    def sign(self) -> NDArray[np.float32]:
        """Sign of each column, ndarray of shape (n_features,)."""
        sign = np.ones(self.layout.shape, dtype=np.float32)
        sign[..., 0] = -1
        return self.layout.flatten(sign)

    @property
    def offset(self) -> NDArray[np.float32]:
        """What is added to each column, ndarray of shape (n_features,)."""
        offset = np.zeros(self.layout.shape, dtype=np.float32)
        offset[self.is_position, :, 0] = 2 * self.axis
        return self.layout.flatten(offset)

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Mirror images of clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)

        Returns
        -------
        ndarray of shape (n_clips, n_features)
            A new array of the dtype of `X`.
        """
        mirrored = X[:, self.columns]
        mirrored *= self.sign
        mirrored += self.offset
        return mirrored
