"""Files of live predictions: a table, or a video with the predictions drawn on it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._atomic_files import check_writable, replacing
from ..extraction._table_files import protect_text, write_csv
from ._overlay import Overlay
from ._predictor import LivePrediction, LivePredictor

_SUFFIXES = ".csv", ".mp4"
# Times of the frames of a video are whole numbers of these seconds.
_TICK = Fraction(1, 90_000)
# Encoders and their options; builds of FFmpeg without x264 have the second one.
_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"preset": "veryfast", "crf": "20"}),
    ("mpeg4", {"qscale": "3"}),
)


def check_out(path: str | os.PathLike[str]) -> Path:
    """Path of the file to write; raises ValueError or OSError if it cannot be written."""
    checked = Path(path).expanduser()
    if checked.suffix.casefold() not in _SUFFIXES:
        raise ValueError(f"out={str(path)!r} must end in {' or '.join(_SUFFIXES)}.")
    check_writable(checked)
    return checked


def open_writer(path: Path, predictor: LivePredictor) -> Writer:
    """Writer of the kind of file that the name asks for."""
    if path.suffix.casefold() == ".csv":
        return _TableWriter(path, predictor)
    return _VideoWriter(path, predictor)


class Writer(ABC):
    """Writes a file frame by frame; it gets its name when it is closed.

    Parameters
    ----------
    path : Path
    predictor : LivePredictor
    """

    def __init__(self, path: Path, predictor: LivePredictor) -> None:
        self._stack = ExitStack()
        self._file = self._stack.enter_context(replacing(path))

    @abstractmethod
    def write(self, pixels: NDArray[np.uint8], prediction: LivePrediction) -> None:
        """Write a frame and its prediction."""

    def close(self) -> None:
        """Complete the file; an existing file of this name is replaced."""
        self._stack.close()


class _TableWriter(Writer):
    def __init__(self, path: Path, predictor: LivePredictor) -> None:
        super().__init__(path, predictor)
        names = (protect_text(f"probability_{name}") for name in predictor.classes_)
        self._n_classes = len(predictor.classes_)
        write_csv(self._file, [("time", "detected", "doubtful", "label", *names)])

    def write(self, pixels: NDArray[np.uint8], prediction: LivePrediction) -> None:
        label, values = "", [""] * self._n_classes
        if prediction.probabilities is not None:
            label = protect_text(str(prediction.label))
            values = [f"{value:.6f}" for value in prediction.probabilities]
        flags = int(prediction.detected), int(prediction.doubtful)
        write_csv(self._file, [(f"{prediction.time:.6f}", *flags, label, *values)])


class _VideoWriter(Writer):
    def __init__(self, path: Path, predictor: LivePredictor) -> None:
        super().__init__(path, predictor)
        self._overlay = Overlay(predictor)
        self._container: Any = None

    def write(self, pixels: NDArray[np.uint8], prediction: LivePrediction) -> None:
        import av

        if self._container is None:
            self._open(pixels.shape[1] // 2 * 2, pixels.shape[0] // 2 * 2, prediction.time)
        # The colours of a video are stored for blocks of 2 x 2 pixels.
        drawn = self._overlay.draw(pixels, prediction)[: self._stream.height, : self._stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        frame.pts = round((prediction.time - self._start) / _TICK)
        frame.time_base = _TICK
        self._container.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int, start: float) -> None:
        import av

        self._container = av.open(self._file, "w", format="mp4")
        name, options = next(each for each in _ENCODERS if each[0] in av.codecs_available)
        self._stream = self._container.add_stream(name, options=options)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TICK
        # One thread, as for decoding: the landmarks need the other cores.
        self._stream.codec_context.thread_count = 1
        self._start = start

    def close(self) -> None:
        with self._stack:
            if self._container is not None:
                self._container.mux(self._stream.encode(None))
                self._container.close()
