"""Landmarkers of both engines, kept open."""

from __future__ import annotations

# Imported for its effect: it registers the end of Python's thread pools, which must be registered
# before close_landmarkers is (see the end of this file).
import concurrent.futures.thread  # noqa: F401
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._litert import LiteRTLandmarker
from ._mediapipe import MediaPipeLandmarker

# Both engines rank faces by confidence, not by size. With a limit of one, they could find a clearer
# face in the background instead of the person in front.
_MAX_FACES = 5


class Landmarker(Protocol):
    """Finds the landmarks of the faces in an image, for one thread at a time."""

    def detect(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Landmarks of all faces in an RGB image, in pixels, of shape (n_faces, 478, 3)."""

    def close(self) -> None:
        """Free what the landmarker holds; it cannot be used any more."""


# The class and the package on PyPI of each engine.
ENGINES: dict[str, tuple[Callable[[Path, int], Landmarker], str]] = {
    "mediapipe": (MediaPipeLandmarker, "mediapipe"),
    "litert": (LiteRTLandmarker, "ai-edge-litert"),
}


def engine_version(engine: str) -> str:
    """Version of the package of an engine, which is not imported.

    Raises ImportError if it is not installed.
    """
    _, package = ENGINES[engine]
    try:
        return version(package)
    except PackageNotFoundError:
        raise ImportError(
            f"engine={engine!r} needs the package {package}, which is not installed; run "
            "pip install 'sklearn-temo[litert]', or pass engine=\"mediapipe\"."
        ) from None


# Open landmarkers that are not in use, by process, engine and digest of the model: a forked process
# cannot use the landmarkers of its parent, and the file of a model may be replaced.
_idle: dict[tuple[int, str, str], list[Landmarker]] = {}


@contextmanager
def open_landmarker(engine: str, model_path: Path, model_digest: str) -> Iterator[Landmarker]:
    """Lend a landmarker to one thread, and keep it open: the start takes as long as several frames.

    Reuses an idle landmarker of the same engine and digest, the SHA-256 of the model file.
    """
    idle = _idle.setdefault((os.getpid(), engine, model_digest), [])
    try:
        landmarker = idle.pop()
    except IndexError:
        start, _ = ENGINES[engine]
        landmarker = start(model_path, _MAX_FACES)
    try:
        yield landmarker
    finally:
        idle.append(landmarker)


def close_landmarkers() -> None:
    """Close the landmarkers that this process keeps open.

    The first extraction of a process starts a landmarker, which takes longer than several frames.
    It stays open for the next call of any :class:`sklearn_temo.FaceLandmarkTransformer`, and is
    closed when Python exits. This function closes it earlier, to free its memory; the next
    extraction starts another one.

    Landmarkers that other threads are using stay open. So do those of the worker processes of
    ``n_jobs``, which joblib ends when they are idle for some minutes or when Python exits.

    See Also
    --------
    sklearn_temo.FaceLandmarkTransformer : Uses the landmarkers.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import close_landmarkers
    >>> transformer = FaceLandmarkTransformer(n_frames=1)
    >>> X = transformer.fit_transform(load_cremad_sample().data[:1])
    >>> print(transformer.report_)
    1 of 1 clips extracted, 0 from the cache, a face in 1 of 1 frames
    >>> close_landmarkers()
    """
    # The stack closes all of them even if closing one raises an error.
    with ExitStack() as stack:
        for (process, *_), landmarkers in list(_idle.items()):
            # Another thread may take the last one.
            with suppress(IndexError):
                while process == os.getpid():
                    stack.callback(landmarkers.pop().close)


# MediaPipe prints an error for landmarkers that are open at exit. A private function, because
# atexit is too late: MediaPipe closes a landmarker in a thread pool, and Python shuts thread pools
# down before it calls the functions of atexit. The functions are called in reverse order, so that
# of the thread pools must be registered first, by their import.
threading._register_atexit(close_landmarkers)  # type: ignore[attr-defined]
