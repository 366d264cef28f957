"""One life of MediaPipe's Face Landmarker."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# MediaPipe lists faces by its confidence, not by their size. With room for a few, the person in
# front is among them also where somebody in the background is seen more clearly.
_MAX_FACES = 5

# What MediaPipe's C++ writes of its own accord while it starts; no setting silences it.
_CHATTER = re.compile(
    rb"WARNING: (Logging before InitGoogle|All log messages before absl::InitializeLog)"
    rb"|INFO: Created TensorFlow Lite"
    rb"|[IW]\d{4} \d\d:\d\d:\d\d?.*\b(face_landmarker_graph|inference_feedback_manager|gl_context"
    rb"|gl_context_egl|task_runner|landmark_projection_calculator)\.cc:\d+\]"
)

_starting = threading.Lock()


class FaceLandmarker:
    """Finds the largest face of a picture.

    A context manager: MediaPipe starts on entry and ends on exit. Each picture is taken by itself
    (MediaPipe's image mode), so nothing passes from one frame or clip to the next, and results
    don't depend on the order.

    Parameters
    ----------
    model_path : Path
        A ``.task`` file.

    Raises
    ------
    ValueError
        On entry, if MediaPipe cannot use the file.
    """

    def __init__(self, model_path: Path) -> None:
        self._model_path = model_path

    def __enter__(self) -> Self:
        with _without_chatter(), ExitStack() as life:
            self._mediapipe = self._start()
            life.callback(self._mediapipe.close)
            # Its threads go on starting until a first picture has been through.
            self.detect(np.zeros((64, 64, 3), dtype=np.uint8))
            self._life = life.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._life.close()

    def detect(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Landmarks of the largest face.

        Parameters
        ----------
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB.

        Returns
        -------
        ndarray of float32 of shape (478, 3), or None
            In isotropic pixels: x to the right, y down, z away from the viewer; MediaPipe gives z
            in the scale of x. None where there is no face.
        """
        import mediapipe

        height, width = pixels.shape[:2]
        image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        faces = [
            np.array([(point.x, point.y, point.z) for point in face]) * (width, height, width)
            for face in self._mediapipe.detect(image).face_landmarks
        ]
        largest = max(faces, key=lambda face: np.ptp(face[:, :2], axis=0).prod(), default=None)
        return None if largest is None else largest.astype(np.float32)

    def _start(self) -> Any:
        from mediapipe.tasks.python import BaseOptions, vision

        # Handed over as bytes, since MediaPipe's own reader stumbles over some paths.
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=self._model_path.read_bytes()),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=_MAX_FACES,
        )
        try:
            return vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"MediaPipe cannot use the model file {str(self._model_path)!r} ({error}); "
                "model_path=None takes the bundled one."
            ) from error


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep MediaPipe's start-up messages, and nothing else, from the standard error.

    C++ writes to the file descriptor, so that is what is turned into a file for a moment;
    afterwards every line of it that is not the known chatter is passed on. One thread at a time
    does so: two would restore each other's file.
    """
    if not _starting.acquire(blocking=False):
        yield
        return
    try:
        with tempfile.TemporaryFile() as caught, _stderr_into(caught):
            yield
    finally:
        _starting.release()


@contextmanager
def _stderr_into(caught: Any) -> Iterator[None]:
    # A program without a standard error (a service, a windowed one) has none to keep clean.
    try:
        original = os.dup(2)
    except OSError:
        yield
        return
    try:
        _flush()
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(original, 2)
            caught.seek(0)
            for line in caught:
                if not _CHATTER.match(line):
                    # Where nobody can read it, it is dropped.
                    with suppress(OSError):
                        os.write(2, line)
    finally:
        os.close(original)


def _flush() -> None:
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
