"""Following one person through the frames of a clip, also where the face is small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Region = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Detect = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

# The place of a face is searched again in a square of this many times its size.
_ENLARGED = 3
# MediaPipe finds faces from about 9 % of the picture up. A person whose face was twice that wide
# is found again in the whole frame.
_ALWAYS_FOUND = 0.2
# A face that is found only in smaller tiles has too few pixels for 478 landmarks.
_SMALLEST_TILE = 192
# After this many frames in a row whose tiles were searched in vain, one in so many is searched: a
# clip without a face would take 7 to 30 times as long as one with a face.
_IN_VAIN = 8
# Two assignments of faces to persons are about equally likely if their sums of overlaps differ by
# less than this.
_MARGIN = 0.2


def boxes_of(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (left, top, right, bottom) of faces, of shape (n_faces, 4)."""
    return np.concatenate([faces[..., :2].min(axis=1), faces[..., :2].max(axis=1)], axis=1)


def _sizes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The longer side of each box."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Generalized intersection over union of boxes, of shape (n_first, n_second).

    From 1 (equal) over 0 (side by side) down to -1 (far apart), so that the nearest box is also
    known where none overlaps.
    """
    first, second = first[:, None], second[None]
    high, low = first[..., 2:], first[..., :2]
    inner = np.minimum(high, second[..., 2:]) - np.maximum(low, second[..., :2])
    intersection = inner.clip(0).prod(axis=-1)
    hull = np.maximum(high, second[..., 2:]) - np.minimum(low, second[..., :2])
    union = (high - low).prod(-1) + (second[..., 2:] - second[..., :2]).prod(-1) - intersection
    return intersection / union - 1 + union / hull.prod(axis=-1)


def _assign(overlap: NDArray[np.float32]) -> tuple[dict[int, int], float]:
    """The assignment of persons (rows) to faces (columns) with the largest sum, and the sum."""
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True)), overlap[rows, columns].sum()


def _no_boxes() -> NDArray[np.float32]:
    return np.empty((0, 4), np.float32)


@dataclass
class PersonTracker:
    """Finds the same person in frame after frame.

    Begins with the largest face of the first frame that has one. Faces of a later frame are
    assigned to all known persons at once, by the overlap with their last boxes: a face that lies
    where another person was is not taken for the person who is followed.

    Parameters
    ----------
    person : ndarray of shape (4,) or None
        Last box of the person who is followed; None before the first face.
    others : ndarray of shape (n_others, 4)
        Last boxes of other persons.
    is_recent : ndarray of bool of shape (n_others,)
        Whether the other person was seen in the last frame that has a face.
    n_in_vain : int
        Frames in a row whose tiles were searched, or left out, without finding the person for sure.
    """

    person: NDArray[np.float32] | None = None
    others: NDArray[np.float32] = field(default_factory=_no_boxes)
    is_recent: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    n_in_vain: int = 0

    def choose(self, boxes: NDArray[np.float32]) -> tuple[int | None, bool]:
        """Index of the face of the person, or None, and whether the identity is in doubt."""
        if not len(boxes):
            return None, False
        sizes = _sizes(boxes)
        if self.person is None:
            return int(sizes.argmax()), False
        overlap = _overlap(np.vstack([self.person, self.others]), boxes)
        assignment, total = _assign(overlap)
        if 0 not in assignment:
            # An old place of another person is no reason to lose the only face.
            free = [
                face
                for other, face in assignment.items()
                if not self.is_recent[other - 1]
                or overlap[other, face] - overlap[0, face] < _MARGIN
            ]
            return (max(free, key=lambda face: overlap[0, face]), True) if free else (None, False)
        face = assignment[0]
        without = overlap.copy()
        without[0, face] = -10
        last_size = _sizes(self.person[None])[0]
        distance = np.linalg.norm((self.person - boxes[face]).reshape(2, 2).mean(axis=0))
        doubtful = (
            distance > last_size
            or not 0.5 <= sizes[face] / last_size <= 2
            or total - _assign(without)[1] < _MARGIN
            or sizes.max() > 2 * sizes[face]
        )
        return face, bool(doubtful)

    def update(self, boxes: NDArray[np.float32], face: int | None) -> None:
        """Remember where the person and the others are now."""
        if not len(boxes):
            return
        seen_again = (_overlap(self.others, boxes) > 0).any(axis=1)
        old = self.others[~seen_again]
        others = boxes
        if face is not None:
            self.person = boxes[face]
            others = np.delete(boxes, face, axis=0)
        self.others = np.concatenate([others, old])
        self.is_recent = np.arange(len(self.others)) < len(others)

    def find(
        self, pixels: NDArray[np.uint8], detect: Detect
    ) -> tuple[NDArray[np.float32] | None, bool]:
        """Landmarks of the person in the next frame, or None, and whether there is doubt.

        Where the person is not found in the whole frame, smaller parts are searched.
        """
        faces = detect(pixels)
        face, doubtful = self.choose(boxes_of(faces))
        if face is not None and not doubtful:
            self.n_in_vain = 0
        else:
            for search in self._closer_searches(pixels, detect):
                faces = _without_repeats(np.concatenate([faces, search]))
                face, doubtful = self.choose(boxes_of(faces))
                if face is not None and not doubtful:
                    self.n_in_vain = 0
                    break
        self.update(boxes_of(faces), face)
        return (None if face is None else faces[face]), doubtful

    def _closer_searches(
        self, pixels: NDArray[np.uint8], detect: Detect
    ) -> Iterator[NDArray[np.float32]]:
        """Faces at the last place of the person; then, if they may be small, faces in tiles."""
        longest = max(pixels.shape[:2])
        if self.person is not None:
            yield _detect_around(self.person, pixels, detect)
        may_be_small = self.person is None or _sizes(self.person[None])[0] < _ALWAYS_FOUND * longest
        if may_be_small and longest >= 2 * _SMALLEST_TILE:
            self.n_in_vain += 1
            if self.n_in_vain > _IN_VAIN and self.n_in_vain % _IN_VAIN:
                return
            tiles = [_detect_inside(tile, pixels, detect) for tile in tiles_of(pixels)]
            # A tile may cut a face: it counts only if it is found in the middle of a part.
            boxes = boxes_of(_without_repeats(np.concatenate(tiles)))
            yield np.concatenate(
                [tiles[0][:0], *(_detect_around(box, pixels, detect) for box in boxes)]
            )


def tiles_of(pixels: NDArray[np.uint8]) -> list[Region]:
    """Overlapping squares that cover a frame, half as large as its longer side."""
    height, width = pixels.shape[:2]
    size = (max(height, width) + 1) // 2
    lefts, tops = (
        np.linspace(0, max(length - size, 0), int(np.ceil(max(length / size, 1) * 2 - 1)))
        for length in (width, height)
    )
    return [
        (int(left), int(top), min(int(left) + size, width), min(int(top) + size, height))
        for top, left in product(tops, lefts)
    ]


def _detect_around(
    box: NDArray[np.float32], pixels: NDArray[np.uint8], detect: Detect
) -> NDArray[np.float32]:
    """Faces in the square around a box, as far as it lies inside the frame."""
    centre, reach = box.reshape(2, 2).mean(axis=0), _ENLARGED / 2 * _sizes(box[None])[0]
    low = np.floor(centre - reach).clip(0).astype(int)
    high = np.ceil(centre + reach).clip(0, pixels.shape[1::-1]).astype(int)
    return _detect_inside((*low.tolist(), *high.tolist()), pixels, detect)


def _detect_inside(
    region: Region, pixels: NDArray[np.uint8], detect: Detect
) -> NDArray[np.float32]:
    """Faces in a part of a frame, in the coordinates of the whole frame."""
    left, top, right, bottom = region
    if left >= right or top >= bottom:  # landmarks may lie outside the frame
        return np.empty((0, 478, 3), np.float32)
    return detect(pixels[top:bottom, left:right]) + np.array([left, top, 0], np.float32)


def _without_repeats(faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Faces that do not overlap an earlier one by half."""
    same = np.triu(_overlap(boxes_of(faces), boxes_of(faces)) > 0.5, k=1)
    return faces[~same.any(axis=0)]
