"""MediaPipe's Face Landmarker."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mesh import N_LANDMARKS_WITH_IRISES
from ._stderr import discarded_stderr

# MediaPipe runs the network of the blendshapes if the model file has one under this name, although
# the landmarks do not depend on it.
_BLENDSHAPES, _UNUSED = b"face_blendshapes.tflite", b"face_blendshapes.unused"

# MediaPipe sends its report when a landmarker is closed, and also when it is used 60 seconds or
# more after its start. A landmarker of this age, in seconds, is replaced by a new one.
_MAX_AGE = 40.0

# All threads share the environment.
_process_lock = threading.Lock()


class MediaPipeLandmarker:
    """Finds the landmarks of the faces in an image.

    Every image is processed independently (MediaPipe's image mode), so results do not depend on
    the order of images.

    Parameters
    ----------
    model_path : Path
        A ``.task`` file.
    max_faces : int
        The faces of the highest confidence are kept.

    Raises
    ------
    ValueError
        If MediaPipe cannot use the file.
    ImportError
        If a system library that MediaPipe needs is missing.
    """

    def __init__(self, model_path: Path, max_faces: int) -> None:
        # Passed as bytes, since MediaPipe cannot open paths with some characters.
        model = model_path.read_bytes().replace(_BLENDSHAPES, _UNUSED)
        try:
            from mediapipe.tasks.python import BaseOptions, vision

            self._options = vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=model),
                running_mode=vision.RunningMode.IMAGE,
                num_faces=max_faces,
            )
            self._open()
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"MediaPipe cannot use the model file {str(model_path)!r} ({error}); "
                "model_path=None takes the bundled one."
            ) from error
        except OSError as error:  # of ctypes, which loads MediaPipe's library
            raise ImportError(
                f"MediaPipe cannot load its library, or a system library that it needs ({error}); "
                "install the missing package: libEGL.so.1 and libGLESv2.so.2 are in the packages "
                "libegl1 and libgles2 of Debian and Ubuntu (apt install libegl1 libgles2), or pass "
                'engine="litert", which does not need them.'
            ) from error

    def _open(self) -> None:
        from mediapipe.tasks.python import vision

        self._opened_at = monotonic()
        with discarded_stderr():
            self._mediapipe = vision.FaceLandmarker.create_from_options(self._options)
            # The threads of MediaPipe print until the first image is processed.
            self.detect(np.zeros((64, 64, 3), dtype=np.uint8))

    def close(self) -> None:
        """Stop MediaPipe, without the report that it would send to Google."""
        with _process_lock, _no_network():
            try:
                self._mediapipe.close()
            except RuntimeError:
                # A graph that failed reports its error again; its end would be a second close.
                self._mediapipe._handle = None

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
        import mediapipe

        if monotonic() > self._opened_at + _MAX_AGE:
            self.close()
            self._open()
        height, width = pixels.shape[:2]
        image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        faces: Any
        try:
            faces = _faces_from_structs(self._mediapipe, image)
        except (AttributeError, ImportError, TypeError, ctypes.ArgumentError):
            # This version of MediaPipe has other private names.
            faces = [
                [(point.x, point.y, point.z) for point in face]
                for face in self._mediapipe.detect(image).face_landmarks
            ]
        except RuntimeError:
            # The graph would fail for all later images, also of other clips.
            self._opened_at = -np.inf
            raise
        # In double precision, as the numbers of MediaPipe's objects.
        normalized = np.array(faces, np.float64).reshape(-1, N_LANDMARKS_WITH_IRISES, 3)
        # MediaPipe gives z in the scale of x.
        return (normalized * (width, height, width)).astype(np.float32)


def _faces_from_structs(landmarker: Any, image: Any) -> list[NDArray[np.float32]]:
    """Normalized coordinates of all faces, each of shape (478, 3), without MediaPipe's objects.

    MediaPipe's public result has one Python object per landmark, and making and reading them takes
    about a tenth of the time of a frame. This reads the C structs that they are made from, by
    private names.
    """
    from mediapipe.tasks.python.vision.face_landmarker import MpFaceLandmarkerResultC

    result = MpFaceLandmarkerResultC()
    landmarker._lib.MpFaceLandmarkerDetectImage(
        landmarker._handle, image._image_ptr, None, ctypes.byref(result)
    )
    try:
        return [
            _coordinates(face.landmarks, face.landmarks_count)
            for face in result.face_landmarks[: result.face_landmarks_count]
        ]
    finally:
        landmarker._lib.MpFaceLandmarkerCloseResult(ctypes.byref(result))


def _coordinates(points: Any, n_points: int) -> NDArray[np.float32]:
    """Copy x, y and z of an array of structs, given as a pointer of ctypes."""
    struct = points._type_
    types = dict(struct._fields_)
    dtype = np.dtype(
        {
            "names": [*"xyz"],
            "formats": [np.dtype(types[axis]) for axis in "xyz"],
            "offsets": [getattr(struct, axis).offset for axis in "xyz"],
            "itemsize": ctypes.sizeof(struct),
        }
    )
    copied = np.frombuffer(ctypes.string_at(points, n_points * dtype.itemsize), dtype)
    return np.stack([copied[axis] for axis in "xyz"], axis=-1)


@contextmanager
def _no_network() -> Iterator[None]:
    """Give MediaPipe a proxy of an unknown kind: it has no setting for its report.

    MediaPipe sends statistics when a landmarker is closed, and waits for the answer. libcurl, which
    it uses, refuses such a proxy before it opens a connection or looks up a name. The environment
    belongs to the whole process, so it is changed only for this moment.
    """
    # Hosts in no_proxy are reached directly; the lower-case https_proxy takes precedence.
    original = {
        name: os.environ.pop(name, None) for name in ("https_proxy", "no_proxy", "NO_PROXY")
    }
    os.environ["https_proxy"] = "none://"
    try:
        yield
    finally:
        del os.environ["https_proxy"]
        os.environ.update({name: value for name, value in original.items() if value is not None})
