"""Landmarks of the frames of a clip."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._clip_window import ClipWindow
from ..blendshapes import predict_blendshapes
from ..head_pose import estimate_gaze, estimate_head_pose
from ..mesh import N_LANDMARKS_WITH_IRISES
from ._clips import Clip
from ._jitter import MIN_FRAMES, estimate_noise, is_dense, smooth_landmarks
from ._landmarker import Landmarker, engine_version
from ._reading import read_clip
from ._tracking import PersonTracker, Region

# Decimals of positions between frames: a time that differs from that of a frame only by rounding
# must not mix in the next frame, which may be NaN.
_DECIMALS = 6

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


@dataclass(frozen=True)
class Postprocessing:
    """Postprocessing of found landmarks: jitter, missing faces, number of landmarks, resampling.

    Parameters
    ----------
    n_frames, n_landmarks, on_missing, max_gap, min_detected, smooth
        As in :class:`sklearn_temo.FaceLandmarkTransformer`.
    resample : bool
        Whether to interpolate all frames of a clip at `n_frames` evenly spaced times.
    computed : tuple of str
        Fields of :class:`ClipLandmarks` that are computed from the landmarks: some of
        "blendshapes", "head_pose" and "gaze".
    """

    n_frames: int | None
    n_landmarks: int
    on_missing: str
    resample: bool
    max_gap: float | None
    min_detected: float
    smooth: float | None = None
    computed: tuple[str, ...] = ()

    def apply(self, found: FoundLandmarks, source: str) -> ClipLandmarks:
        """Smooth, fill and resample or repeat frames, and compute the other fields.

        Raises ValueError if a face is missing and `on_missing` does not allow it.
        """
        landmarks, times, detected = found.landmarks, found.times, found.detected
        repeats: Any = found.repeats
        if self.on_missing == "raise" and not detected.all():
            first = int(detected.argmin())
            number = found.repeats[:first].sum()
            raise ValueError(
                f"no face found in frame {number} of the sample, at {found.time(first)}; pass "
                'on_missing="interpolate" to fill it, or "nan" to keep it as NaN.'
            )
        if self.smooth is not None:
            positions, window = self._window(found)
            landmarks = smooth_landmarks(landmarks, positions, found.is_cut, window)
        if self.on_missing == "interpolate" and not detected.all():
            if not detected.any():
                raise ValueError(
                    f"no face found in any of its {len(times)} sampled frames; it may be too "
                    "small or turned away: pass region=(left, top, right, bottom) to cut it out, "
                    'or on_missing="nan" to keep it as NaN.'
                )
            landmarks = _interpolate(landmarks[detected], times[detected], times)
        if self.resample and self.n_frames is not None:
            even = np.linspace(times[0], times[-1], self.n_frames)
            landmarks = _interpolate(landmarks, times, even)
            # Both frames that a time lies between must have a face.
            detected = np.interp(even, times, detected).round(_DECIMALS) == 1
            times, repeats = even, 1
        width, height = found.size.tolist()
        fields: dict[str, Any] = {
            "landmarks": landmarks[:, : self.n_landmarks],
            "detected": detected,
            "times": times,
            **self._compute(landmarks, (width, height)),
        }
        fields = {name: np.repeat(values, repeats, axis=0) for name, values in fields.items()}
        return ClipLandmarks(fps=found.fps, size=(width, height), source=source, **fields)

    def _compute(self, landmarks: NDArray[np.float32], size: tuple[int, int]) -> dict[str, Any]:
        """Fields that are computed from all landmarks of the frames."""
        fields = {}
        if "blendshapes" in self.computed:
            fields["blendshapes"] = predict_blendshapes(landmarks)
        if "head_pose" in self.computed:
            fields["head_pose"] = estimate_head_pose(landmarks, size)
        if "gaze" in self.computed:
            fields["gaze"] = estimate_gaze(landmarks, size)
        return fields

    def doubts(self, found: FoundLandmarks) -> str | None:
        """Why landmarks that :meth:`apply` returned may be wrong; None without a reason."""
        reasons = []
        if found.doubtful.any():
            reasons.append(
                f"the face at {found.time(int(found.doubtful.argmax()))} may be another person's "
                "(it is far from the last place of the face, or another face is as near to it or "
                "much larger); look at the clip, and pass region= or a window of time (sampling) "
                "with one person, or leave the clip out"
            )
        n_detected, n_seen = int(found.detected.sum()), len(found.detected)
        if self.on_missing == "interpolate":
            advice = (
                'is interpolated; pass on_missing="raise" or "nan", another window of time '
                "(sampling), or region= if the face is small"
            )
            gap = self._first_long_gap(found)
            if n_detected < self.min_detected * n_seen:
                start = found.time(int(found.detected.argmin()))
                reasons.append(
                    f"a face was found in {n_detected} of {n_seen} searched frames, fewer than "
                    f"min_detected={self.min_detected:g}; the rest, from {start}, {advice}"
                )
            elif gap is not None:
                first, last = gap
                reasons.append(
                    f"no face was found in {last - first + 1} consecutive frames from "
                    f"{found.time(first)} to {found.time(last)}, a gap longer than "
                    f"max_gap={self.max_gap!r}, which {advice}"
                )
        if self.smooth is not None and (doubt := self._doubt_of_smoothing(found)) is not None:
            reasons.append(f"smooth={self.smooth!r} {doubt}")
        return "; ".join(reasons) + "." if reasons else None

    def _window(self, found: FoundLandmarks) -> tuple[NDArray[np.float64], float]:
        """Positions of the frames, and the length of the window of the smoother in their unit."""
        if isinstance(self.smooth, Integral):
            return np.arange(len(found.times), dtype=np.float64), int(self.smooth) - 1
        # An empty window has no effect.
        return found.times, (self.smooth or 0.0) if found.has_seconds else 0.0

    def _doubt_of_smoothing(self, found: FoundLandmarks) -> str | None:
        """How the smoother left all landmarks as they were, or flattened the clip; None if not."""
        positions, window = self._window(found)
        n_frames = len(positions)
        if n_frames == 1:  # a single image has nothing to smooth
            return None
        if is_dense(positions, window):
            # The times of containers are rounded.
            if window <= 1.01 * (positions[-1] - positions[0]):
                return None
            return "is longer than the clip, which becomes a single parabola; pass a shorter window"
        if n_frames < MIN_FRAMES:
            cause = f"the clip has {n_frames} frames, and a window needs {MIN_FRAMES}"
        elif not found.has_seconds:
            cause = "the clip has no times; pass a number of frames, such as smooth=5"
        else:
            step = float(np.median(np.diff(positions)))
            cause = (
                f"its frames are {step:.3g} s apart, and a window needs {MIN_FRAMES}; pass a "
                f"window of at least {(MIN_FRAMES - 1) * step:.3g} s"
            )
        return f"had no effect, because {cause}"

    def is_missing(self, found: FoundLandmarks) -> bool:
        """Whether the face is missing for longer, or in more frames, than may be interpolated."""
        return self.on_missing == "interpolate" and (
            found.detected.mean() < self.min_detected or self._first_long_gap(found) is not None
        )

    def _first_long_gap(self, found: FoundLandmarks) -> tuple[int, int] | None:
        """First and last frame of the first gap that is longer than `max_gap`."""
        is_count = isinstance(self.max_gap, Integral)
        if self.max_gap is None or not (is_count or found.has_seconds):
            return None
        edges = np.flatnonzero(np.diff(np.r_[True, found.detected, True].astype(int)))
        for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
            # In seconds, from the last face before the gap to the first face after it.
            before, after = max(first - 1, 0), min(last + 1, len(found.times) - 1)
            length = last - first + 1 if is_count else found.times[after] - found.times[before]
            if length > self.max_gap:
                return int(first), int(last)
        return None

    def skipped(self, source: str, error: Exception) -> ClipLandmarks:
        """NaN landmarks of a clip that cannot be used; no frames if `n_frames` is None."""
        n_frames = self.n_frames or 0
        landmarks = np.full((n_frames, N_LANDMARKS_WITH_IRISES, 3), np.nan, dtype=np.float32)
        return ClipLandmarks(
            landmarks[:, : self.n_landmarks],
            detected=np.zeros(n_frames, dtype=bool),
            times=np.full(n_frames, np.nan),
            fps=np.nan,
            size=(0, 0),
            source=source,
            error=str(error),
            **self._compute(landmarks, (1, 1)),
        )


def _interpolate(
    landmarks: NDArray[np.float32], times: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate landmarks of shape (n_frames, n_landmarks, 3) linearly at other times."""
    position = np.interp(wanted, times, np.arange(len(times))).round(_DECIMALS)
    before, after = np.floor(position).astype(int), np.ceil(position).astype(int)
    weight = (position - before).astype(np.float32)[:, None, None]
    return (1 - weight) * landmarks[before] + weight * landmarks[after]
