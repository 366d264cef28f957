"""Landmarks of the frames of a clip."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .._clip_window import ClipWindow
from ..mesh import N_LANDMARKS_WITH_IRISES
from ._clips import Clip
from ._jitter import estimate_noise
from ._landmarker import Landmarker, engine_version
from ._reading import read_clip
from ._tracking import PersonTracker, Region

_Frame = TypeVar("_Frame")


@dataclass(frozen=True, eq=False)
class ClipLandmarks:
    """Landmarks of one clip.

    Attributes
    ----------
    landmarks : ndarray of float32 of shape (n_frames, n_landmarks, 3)
        In isotropic pixels: x to the right, y down, z away from the viewer.
    detected : ndarray of bool of shape (n_frames,)
        Whether a face was found in each frame. Landmarks of the other frames are interpolated or
        NaN.
    times : ndarray of float64 of shape (n_frames,)
        Presentation times of the frames in seconds. Arrays of frames and clips of image files
        have no times; their frames are numbered 0, 1, 2, ...
    fps : float
        Mean frame rate of the file; NaN for images and arrays.
    size : tuple of int
        Width and height of the first frame in pixels.
    source : str
        The path as it was passed, or "clip 3" for an array. For a clip of image files, the first
        and the last file, "S005/001/01.png ... 11.png", and the index of the clip if another clip
        has the same first and last file.
    error : str or None
        Why the clip was skipped; its landmarks and times are then NaN. None if it was not skipped.
    blendshapes : ndarray of float32 of shape (n_frames, 52) or None
        Facial actions from 0 to 1, in the order of `sklearn_temo.blendshapes.NAMES`. Like the head
        pose and the gaze, they are computed from the landmarks of each frame, NaN where those are
        NaN, and None if they were not computed.
    head_pose : ndarray of float32 of shape (n_frames, 4, 4) or None
        MediaPipe's facial transformation matrix: moves points of the canonical face to the space of
        the camera, in centimetres; x to the right, y up, z towards the camera.
    gaze : ndarray of float32 of shape (n_frames, 2, 3) or None
        Unit vectors of the directions of the subject's right and left eye; x to the right, y down,
        z away from the camera. ``(0, 0, -1)`` is opposite to the direction of the camera.
    onset, offset : float or None
        Start and end of the part of the file that is the clip, see :class:`ClipWindow`; None is
        the start or the end of the file.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> path = load_cremad_sample().data[0]
    >>> (clip,) = FaceLandmarkTransformer(n_frames=4).extract([path])
    >>> print(f"{clip.size[0]} x {clip.size[1]} pixels, {clip.fps:.2f} frames per second")
    480 x 360 pixels, 29.97 frames per second
    >>> clip.times.round(2)
    array([0.03, 0.76, 1.5 , 2.23])
    >>> clip.detected
    array([ True,  True,  True,  True])

    The tip of the nose, landmark 4, in the first frame:

    >>> x, y, z = clip.landmarks[0, 4]
    >>> print(f"{x:.0f} pixels from the left, {y:.0f} from the top")
    218 pixels from the left, 150 from the top
    """

    landmarks: NDArray[np.float32]
    detected: NDArray[np.bool_]
    times: NDArray[np.float64]
    fps: float
    size: tuple[int, int]
    source: str
    error: str | None = None
    blendshapes: NDArray[np.float32] | None = None
    head_pose: NDArray[np.float32] | None = None
    gaze: NDArray[np.float32] | None = None
    onset: float | None = None
    offset: float | None = None

    @property
    def name(self) -> str:
        """Source, and the times of the part: "a.mp4 [1.2 s to 3.4 s]"."""
        return str(ClipWindow(self.source, self.onset, self.offset))


@dataclass(frozen=True)
class ExtractionSettings:
    """Settings that found landmarks depend on; part of the cache key.

    Parameters
    ----------
    n_frames : int or None
        Number of frames to sample evenly in time; None for all frames.
    window : (float or None, float or None) or None
        Start and stop, in seconds, of the part that is sampled.
    model_digest : str
        SHA-256 of the model file.
    model_path : Path or None
        None for the bundled model. Not part of the key, so that a cache can be moved.
    engine_version : str
        Version of the package of the engine; that of the installed one if empty.
    format_version : int
        Increased when the format of the entries or the extraction changes.
    region : tuple of int or None
        As in :class:`sklearn_temo.FaceLandmarkTransformer`.
    engine : {"mediapipe", "litert"}
    """

    n_frames: int | None
    window: tuple[float | None, float | None] | None
    model_digest: str
    model_path: Path | None = field(default=None, repr=False)
    engine_version: str = ""
    format_version: int = 5
    region: Region | None = None
    engine: str = field(default="mediapipe", repr=False)

    def __post_init__(self) -> None:
        if not self.engine_version:
            object.__setattr__(self, "engine_version", engine_version(self.engine))
        if self.region is None:
            return
        try:
            left, top, right, bottom = region = tuple(operator.index(edge) for edge in self.region)
        except (TypeError, ValueError):
            region = left, top, right, bottom = 0, 0, 0, 0
        if not (0 <= left < right and 0 <= top < bottom):
            raise ValueError(
                f"region={self.region!r} must be (left, top, right, bottom), integers in pixels "
                "from the upper left corner of the upright frame, with left < right and "
                "top < bottom."
            )
        # Python numbers: the representation is part of the cache key.
        object.__setattr__(self, "region", region)

    def cache_key(self) -> str:
        """Text of the settings, which names the engine as older entries name MediaPipe."""
        return repr(self).replace("engine_version=", f"{self.engine}_version=")


@dataclass(frozen=True, eq=False)
class FoundLandmarks:
    """Landmarks that were found in a clip, before postprocessing.

    Parameters
    ----------
    landmarks : ndarray of float32 of shape (n_seen, 478, 3)
        In isotropic pixels; NaN in frames without a face.
    times : ndarray of float64 of shape (n_seen,)
        Seconds.
    repeats : ndarray of int64 of shape (n_seen,)
        Number of frames of the sample that each frame is used for.
    fps : float
    size : ndarray of int64 of shape (2,)
        Width and height of the first frame.
    doubtful : ndarray of bool of shape (n_seen,)
        Whether the face of each frame may be another person's: see :class:`PersonTracker`.
    """

    landmarks: NDArray[np.float32]
    times: NDArray[np.float64]
    repeats: NDArray[np.int64]
    fps: float
    size: NDArray[np.int64]
    doubtful: NDArray[np.bool_]

    @property
    def detected(self) -> NDArray[np.bool_]:
        """Whether a face was found in each frame, of shape (n_seen,)."""
        return ~np.isnan(self.landmarks[:, 0, 0])

    @property
    def has_seconds(self) -> bool:
        """Whether the times are seconds; without a frame rate, they may be frame numbers."""
        return not np.isnan(self.fps)

    @property
    def is_cut(self) -> NDArray[np.bool_]:
        """Whether another person may be seen from each frame on, of shape (n_seen,)."""
        return self.doubtful | np.r_[False, self.doubtful[:-1]]

    def noise(self) -> NDArray[np.float32] | None:
        """Jitter of each landmark in pixels, if the times are seconds and the frames are close."""
        if not self.has_seconds:
            return None
        return estimate_noise(self.landmarks, self.times, self.is_cut)

    def time(self, index: int) -> str:
        """Time of a frame as text."""
        time = self.times[index]
        return f"{time:.3f} s" if self.has_seconds else f"time {time:g}"


def find_landmarks(
    clip: Clip,
    settings: ExtractionSettings,
    landmarker: Landmarker,
    on_frame: Callable[[float], None] = lambda share: None,
) -> FoundLandmarks:
    """Read a clip, and find the face of one person in its frames.

    `on_frame` is called after each frame, with the share of the frames that are done.
    """
    fps, frames = read_clip(clip, settings.n_frames, settings.window)
    tracker, found = PersonTracker(), []
    for frame in read_ahead(frames):
        height, width = frame.pixels.shape[:2]
        face, doubtful = find_face(frame.pixels, settings.region, tracker, landmarker)
        found.append((face, frame.time, frame.repeats, (width, height), doubtful))
        on_frame(len(found) / frame.n_total)
    landmarks, times, repeats, sizes, doubts = map(np.array, zip(*found, strict=True))
    return FoundLandmarks(landmarks, times, repeats, fps, sizes[0], doubts)


def find_face(
    pixels: NDArray[np.uint8],
    region: Region | None,
    tracker: PersonTracker,
    landmarker: Landmarker,
) -> tuple[NDArray[np.float32], bool]:
    """Landmarks of the person in the next frame, NaN without a face, and whether there is doubt.

    Raises ValueError if the region reaches beyond the frame.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = region or (0, 0, width, height)
    if right > width or bottom > height:
        raise ValueError(
            f"region={region!r} reaches beyond the frame of {width} x {height} pixels."
        )
    face, doubtful = tracker.find(pixels[top:bottom, left:right], landmarker.detect)
    if face is None:
        face = np.full((N_LANDMARKS_WITH_IRISES, 3), np.nan, np.float32)
    return face + np.array([left, top, 0], np.float32), doubtful


def read_ahead(frames: Iterator[_Frame]) -> Iterator[_Frame]:
    """Decode the next frame in a thread while the current one is in use."""
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, frames, None)
        while (frame := following.result()) is not None:
            following = reader.submit(next, frames, None)
            yield frame
