"""Postprocessing of found landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..blendshapes import predict_blendshapes
from ..head_pose import estimate_gaze, estimate_head_pose
from ..mesh import N_LANDMARKS_WITH_IRISES
from ._jitter import MIN_FRAMES, is_dense, smooth_landmarks
from ._landmarks import ClipLandmarks, FoundLandmarks

# Decimals of positions between frames: a time that differs from that of a frame only by rounding
# must not mix in the next frame, which may be NaN.
_DECIMALS = 6


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
