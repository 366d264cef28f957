"""The networks of a Face Landmarker file on LiteRT, without MediaPipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from ..mesh import N_LANDMARKS_WITH_IRISES
from ._stderr import discarded_stderr

_DETECTOR, _LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"

# Cells per side of the detector's grids, and predictions per cell.
_GRIDS = ((16, 2), (8, 6))
# Detections whose boxes overlap more than this, as intersection over union, are one face.
_SAME_FACE = 0.3
# The region in which landmarks are searched, in sizes of the detected box.
_ENLARGED = 1.5


@dataclass(frozen=True)
class _Region:
    """A rotated rectangle of a picture: the points corner + u * across + v * down, u, v in [0, 1].

    Parameters
    ----------
    corner, across, down : ndarray of float64 of shape (2,)
        Pixels, x before y; integers lie in the middle of pixels.
    """

    corner: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]

    @classmethod
    def around(
        cls, center: NDArray[np.float64], size: NDArray[np.float64], angle: float = 0.0
    ) -> _Region:
        """Rectangle of a center, a width and a height, rotated by radians from x to y."""
        cos, sin = np.cos(angle), np.sin(angle)
        across, down = size[0] * np.array([cos, sin]), size[1] * np.array([-sin, cos])
        return cls(center - (across + down) / 2, across, down)

    def points(self, relative: NDArray[Any]) -> NDArray[np.float64]:
        """Positions in the picture of points (u, v), of shape (..., 2)."""
        return relative @ np.array([self.across, self.down]) + self.corner


class _Network:
    """A network that is applied to regions of pictures, for one thread.

    Parameters
    ----------
    content : bytes
        A ``.tflite`` file.
    n_outputs : tuple of int
        Number of values of each of the first outputs.
    lowest : float
        The value of black in the network's input; that of white is 1.
    border : int
        OpenCV's mode for the points of a region outside the picture.
    """

    def __init__(
        self, content: bytes, n_outputs: tuple[int, ...], lowest: float, border: int
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter

        # The processes of n_jobs share the cores.
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (given,) = self._interpreter.get_input_details()
        self._input = self._interpreter.tensor(given["index"])
        outputs = self._interpreter.get_output_details()[: len(n_outputs)]
        found = tuple(int(np.prod(output["shape"])) for output in outputs)
        if found != n_outputs:
            raise ValueError(f"a network has {found} output values, expected {n_outputs}")
        self._outputs = [output["index"] for output in outputs]
        _, self.size, _, _ = given["shape"].tolist()
        self._scale, self._lowest, self._border = (1 - lowest) / 255, lowest, border
        # A new array of this size would take as long as the arithmetic.
        self._cropped = np.empty((self.size, self.size, 3), np.uint8)

    def predict(self, pixels: NDArray[np.uint8], region: _Region) -> list[NDArray[np.float32]]:
        """First outputs for a region of a picture."""
        import cv2

        matrix = np.column_stack(
            [region.across / self.size, region.down / self.size, region.corner]
        )
        cv2.warpAffine(
            pixels,
            matrix,
            (self.size, self.size),
            dst=self._cropped,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=self._border,
        )
        values = self._input()[0]
        np.multiply(self._cropped, np.float32(self._scale), out=values)
        if self._lowest:
            values += np.float32(self._lowest)
        del values  # LiteRT does not run while its memory is in use
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


class LiteRTLandmarker:
    """Finds the landmarks of the faces in an image, with the networks that MediaPipe runs.

    What MediaPipe does before and between its networks is done here with NumPy and OpenCV.

    Parameters
    ----------
    model_path : Path
        A ``.task`` file.
    max_faces : int
        The faces of the highest confidence are kept.

    Raises
    ------
    ValueError
        If the file does not have the expected networks.
    ImportError
        If LiteRT or OpenCV cannot be imported.
    """

    def __init__(self, model_path: Path, max_faces: int) -> None:
        try:
            import cv2

            import_module("ai_edge_litert.interpreter")
        except ImportError as error:
            raise ImportError(
                f'engine="litert" cannot load LiteRT or OpenCV ({error}); run pip install '
                "'sklearn-temo[litert]', and if a system library is missing, install it: "
                "libGL.so.1 and libgthread-2.0.so.0 are in the packages libgl1 and libglib2.0-0 of "
                "Debian and Ubuntu (apt install libgl1 libglib2.0-0)."
            ) from error
        self._max_faces = max_faces
        self._anchors = _anchors()
        try:
            with ZipFile(model_path) as bundle, discarded_stderr():
                self._detector = _Network(
                    bundle.read(_DETECTOR),
                    (16 * len(self._anchors), len(self._anchors)),
                    lowest=-1,
                    border=cv2.BORDER_CONSTANT,
                )
                self._landmarks = _Network(
                    bundle.read(_LANDMARKS),
                    (3 * N_LANDMARKS_WITH_IRISES, 1),
                    lowest=0,
                    border=cv2.BORDER_REPLICATE,
                )
        except (BadZipFile, KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"LiteRT cannot use the model file {str(model_path)!r} ({error}); "
                "model_path=None takes the bundled one."
            ) from error

    def close(self) -> None:
        """Free the memory of the networks."""
        del self._detector, self._landmarks

    def detect(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Landmarks of all faces.

        Parameters
        ----------
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB.

        Returns
        -------
        ndarray of float32 of shape (n_faces, 478, 3)
            In isotropic pixels: x to the right, y down, z away from the viewer.
        """
        pixels = np.ascontiguousarray(pixels)
        faces = [
            face
            for region in self._find_regions(pixels)
            if (face := self._find_landmarks(pixels, region)) is not None
        ]
        return np.array(faces, np.float32).reshape(-1, N_LANDMARKS_WITH_IRISES, 3)

    def _find_regions(self, pixels: NDArray[np.uint8]) -> list[_Region]:
        """Rectangles around the faces, upright as the eyes, in the order of confidence."""
        height, width = pixels.shape[:2]
        size = np.array([width, height], np.float64)
        whole = _Region.around(size / 2, np.full(2, size.max()))
        values, logits = self._detector.predict(pixels, whole)
        detections, confidences = self._decode(values, logits[:, 0])
        regions = []
        for weights in _merge(detections, confidences):
            merged = (weights[:, None, None] * detections).sum(axis=0)
            low, high, right_eye, left_eye = whole.points(merged)
            x, y = left_eye - right_eye
            regions.append(
                _Region.around((low + high) / 2, _ENLARGED * (high - low), np.arctan2(y, x))
            )
        return regions[: self._max_faces]

    def _decode(
        self, values: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Detections and their confidences, the highest first.

        A detection is four points, of shape (4, 2): the upper left and the lower right corner of
        the box, the right eye and the left eye.
        """
        found = np.flatnonzero(logits >= 0)  # a confidence of 0.5
        found = found[(values[found, 2:4] > 0).all(axis=1)]
        found = found[np.argsort(-logits[found], kind="stable")]
        offsets = values[found, :8].reshape(-1, 4, 2) / np.float32(self._detector.size)
        center, size = offsets[:, 0].copy(), offsets[:, 1].copy()
        offsets[:, 0], offsets[:, 1] = center - size / 2, center + size / 2
        return self._anchors[found, None] + offsets, 1 / (1 + np.exp(-logits[found]))

    def _find_landmarks(
        self, pixels: NDArray[np.uint8], region: _Region
    ) -> NDArray[np.float64] | None:
        """Landmarks of shape (478, 3); None if the region has no face."""
        values, logit = self._landmarks.predict(pixels, region)
        if logit.item() <= 0:
            return None
        relative = values.reshape(-1, 3) / self._landmarks.size
        height, width = pixels.shape[:2]
        # MediaPipe takes the width of the region relative to the sides of the picture.
        depth = np.hypot(region.across[0], region.across[1] * width / height)
        return np.column_stack([region.points(relative[:, :2]), depth * relative[:, 2]])


def _anchors() -> NDArray[np.float32]:
    """Centers of the cells that the detector's values refer to, of shape (n_anchors, 2)."""
    centers = []
    for n_cells, n_predictions in _GRIDS:
        middle = (np.arange(n_cells) + 0.5) / n_cells
        grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
        centers.append(grid.repeat(n_predictions, axis=0))
    return np.concatenate(centers).astype(np.float32)


def _merge(
    detections: NDArray[np.float32], confidences: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """Yield the weights of the detections in each face: weighted non-maximum suppression.

    As :meth:`LiteRTLandmarker._decode` returns them, by descending confidence.
    """
    lows, highs = detections[:, 0], detections[:, 1]
    areas = (highs - lows).prod(axis=1)
    remaining = np.ones(len(areas), dtype=bool)
    while remaining.any():
        best = remaining.argmax()
        common = np.minimum(highs, highs[best]) - np.maximum(lows, lows[best])
        overlaps = common.clip(0).prod(axis=1)
        same = remaining & (overlaps > _SAME_FACE * (areas + areas[best] - overlaps))
        yield same * confidences / confidences[same].sum()
        remaining &= ~same
