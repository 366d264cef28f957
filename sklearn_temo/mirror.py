"""Mirror pairs of landmarks, and mirror images of clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csc_array
from scipy.spatial.distance import cdist

from . import blendshapes, mesh
from ._face_checks import in_range_of_blendshapes
from .layout import LandmarkLayout

__all__ = ["Mirror", "find_mirror_pairs", "known_mirror_pairs"]

# Fewer points are often symmetric by chance.
_MIN_POINTS = 5


def find_mirror_pairs(points: NDArray[Any], *, tolerance: float = 0.12) -> NDArray[np.intp] | None:
    """Find the pairs of landmarks that are mirror images of each other.

    The points are reflected about the mean of their x coordinate and matched with the original
    points by the one-to-one assignment of least total distance.

    Parameters
    ----------
    points : ndarray of shape (n_landmarks, n_coords)
        Positions, x first.
    tolerance : float, default=0.12
        Largest root mean square distance of matched points, as a share of the spread of the points
        (their root mean square distance from the mean). Means of ten faces, of the full mesh or of
        a symmetric part of it, stay below 0.09; random points stay above 0.2.

    Returns
    -------
    ndarray of int of shape (n_landmarks,) or None
        Mirror partner of each landmark (itself on the midline). None if the points are not
        symmetric, fewer than five, one-dimensional or not finite.
    """
    n_points, n_coords = points.shape
    if n_coords < 2 or n_points < _MIN_POINTS or not np.isfinite(points).all():
        return None
    centred = points - points.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=1).mean())
    reflected = centred * np.r_[-1.0, np.ones(n_coords - 1)]
    distance = cdist(centred, reflected)
    # Partners of partners are only found with equal distances both ways, up to rounding.
    distance = (distance + distance.T) / 2
    partners = linear_sum_assignment(distance)[1]
    rms_distance = np.sqrt((distance[np.arange(n_points), partners] ** 2).mean())
    is_involution = np.array_equal(partners[partners], np.arange(n_points))
    return partners if is_involution and rms_distance <= tolerance * spread else None


def known_mirror_pairs(layout: LandmarkLayout) -> NDArray[np.intp] | None:
    """Mirror pairs of all blendshapes, by their names, or of a full mesh, by their numbers.

    Parameters
    ----------
    layout : LandmarkLayout

    Returns
    -------
    ndarray of int of shape (n_landmarks,) or None
        Mirror partner of each landmark. None for other landmarks, and for blendshapes of which a
        partner is missing.
    """
    if layout.names is None:
        is_full_mesh = mesh.is_full_mesh(layout.n_landmarks)
        return mesh.mirror_pairs(layout.n_landmarks) if is_full_mesh else None
    place = {name: i for i, name in enumerate(layout.names)}
    partners = [place.get(blendshapes.MIRROR.get(name, "")) for name in layout.names]
    return None if None in partners else np.array(partners, dtype=np.intp)


@dataclass(frozen=True)
class Mirror:
    """Affine map from clips to their mirror images.

    Frames of positions are reflected about the vertical line ``x = axis``; in frames of
    displacements only the sign of x changes. Blendshapes of the left and of the right are
    exchanged. Applying the map twice gives the original clips.

    Parameters
    ----------
    layout : LandmarkLayout
        Layout of the clips.
    pairs : ndarray of int of shape (n_landmarks,)
        Mirror partner of each landmark.
    axis : float
        Position of the mirror on the x axis, in the units of the clips.
    is_position : ndarray of bool of shape (n_frames,)
        True for frames of positions, False for frames of displacements and of blendshapes.
    has_x : bool, default=True
        Whether the first coordinate is x, whose sign changes; False for blendshapes.
    """

    layout: LandmarkLayout
    pairs: NDArray[np.intp]
    axis: float
    is_position: NDArray[np.bool_]
    has_x: bool = True

    @classmethod
    def from_clips(cls, X: NDArray[Any], layout: LandmarkLayout) -> Mirror | None:
        """Find the mirror of clips: pairs and axis from the mean of frame 0.

        A frame holds positions if its mean is nearer to that of frame 0 than half the spread of
        the landmarks, and displacements if its mean is as near to zero. The pairs of blendshapes
        are found by their names.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clips with positions in frame 0.
        layout : LandmarkLayout

        Returns
        -------
        Mirror or None
            None where the mean of frame 0 is not symmetric, as in standardised data, or where a
            frame holds neither positions nor displacements. Of blendshapes, None where a partner
            is missing, or where values are not between 0 and 1, as in standardised data.
        """
        if layout.noun == "blendshape":
            pairs = known_mirror_pairs(layout) if in_range_of_blendshapes(X) else None
            if pairs is None or layout.n_coords > 1 or (pairs == np.arange(len(pairs))).all():
                return None
            return cls(layout, pairs, 0.0, np.zeros(layout.n_frames, dtype=bool), has_x=False)
        mean = layout.unflatten(X.mean(axis=0, dtype=np.float64))
        first = mean[0]
        pairs = find_mirror_pairs(first)
        if pairs is None:
            return None
        spread = np.linalg.norm(first - first.mean(axis=0))
        is_position = np.linalg.norm(mean - first, axis=(1, 2)) < 0.5 * spread
        is_displacement = np.linalg.norm(mean, axis=(1, 2)) < 0.5 * spread
        if not (is_position | is_displacement).all():
            return None
        return cls(layout, pairs, float(first[:, 0].mean()), is_position)

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Compute the mirror images of clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)

        Returns
        -------
        ndarray of shape (n_clips, n_features)
            A new array of the dtype of `X`.
        """
        # Several times as fast as indexing.
        clips = np.take(self.layout.unflatten(X), self.pairs, axis=2)
        if self.has_x:
            clips[..., 0] *= -1
            clips[:, self.is_position, :, 0] += X.dtype.type(2 * self.axis)
        return self.layout.flatten(clips)

    def bases(self) -> list[tuple[csc_array, int]]:
        """Orthonormal bases of the symmetric and of the antisymmetric frames.

        Returns
        -------
        list of (csc_array of shape (n_landmarks * n_coords, n_vectors), int)
            The vectors as columns, and their sign under reflection: 1 and -1.
        """
        n_coords = self.layout.n_coords
        landmarks = np.arange(len(self.pairs))
        one, other = landmarks[landmarks < self.pairs], self.pairs[landmarks < self.pairs]
        midline = landmarks[landmarks == self.pairs]
        found = []
        for sign in (1, -1):
            rows, values = [], []
            for coord in range(n_coords):
                # Reflection changes the sign of x.
                own = -sign if coord == 0 and self.has_x else sign
                rows.append(np.column_stack([one, other]) * n_coords + coord)
                values.append(np.tile(np.sqrt([0.5, 0.5]) * [1, own], (len(one), 1)))
                if own == 1:
                    rows.append(np.column_stack([midline, midline]) * n_coords + coord)
                    values.append(np.tile([1.0, 0.0], (len(midline), 1)))
            row, value = np.concatenate(rows), np.concatenate(values, dtype=np.float32)
            column = np.arange(len(row)).repeat(2)
            shape = (self.layout.n_landmarks * n_coords, len(row))
            found.append((csc_array((value.ravel(), (row.ravel(), column)), shape=shape), sign))
        return found
