"""Landmarks of one clip, frame by frame."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..mesh import N_LANDMARKS_WITH_IRISES
from ._landmarker import FaceLandmarker
from ._media import Clip, read_clip
from ._missing import fill_missing

_NO_FACE = np.full((N_LANDMARKS_WITH_IRISES, 3), np.nan, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class ClipLandmarks:
    """Landmarks of one clip.

    Attributes
    ----------
    landmarks : ndarray of float32 of shape (n_frames, n_landmarks, 3)
        In isotropic pixels: x to the right, y down, z away from the viewer.
    detected : ndarray of bool of shape (n_frames,)
        In which frames a face was found. The landmarks of the others are interpolated or NaN.
    times : ndarray of float64 of shape (n_frames,)
        When the frames are shown, in seconds. Arrays of frames have no times; theirs are counted
        0, 1, 2, ...
    fps : float
        Mean frames a second of the file; NaN for pictures and arrays.
    size : tuple of int
        Width and height of the (first) frame in pixels.
    source : str
        The path as it was passed, or "clip 3" for an array.
    """

    landmarks: NDArray[np.float32]
    detected: NDArray[np.bool_]
    times: NDArray[np.float64]
    fps: float
    size: tuple[int, int]
    source: str


def extract_clip(
    clip: Clip,
    landmarker: FaceLandmarker,
    *,
    n_frames: int | None,
    n_landmarks: int,
    on_missing: str,
) -> ClipLandmarks:
    """Read a clip, and find the face in its frames.

    Parameters
    ----------
    clip : Clip
    landmarker : FaceLandmarker
        Already started.
    n_frames, n_landmarks, on_missing
        As in :class:`sklearn_temo.FaceLandmarkTransformer`.

    Returns
    -------
    ClipLandmarks

    Raises
    ------
    ValueError
        If the clip cannot be decoded, or by what `on_missing` asks for.
    """
    footage = read_clip(clip, n_frames)
    landmarks, times, repeats = [], [], []
    sizes = []
    with closing(footage.frames) as frames:
        for number, frame in enumerate(frames):
            face = landmarker.detect(frame.pixels)
            if face is None and on_missing == "raise":
                raise ValueError(
                    f"{clip.label}: no face found in frame {number} of the sample, at "
                    f'{frame.time:.3f} s; pass on_missing="interpolate" to fill it, or "nan".'
                )
            landmarks.append(_NO_FACE if face is None else face)
            times.append(frame.time)
            repeats.append(frame.repeats)
            sizes.append((frame.pixels.shape[1], frame.pixels.shape[0]))
    if not landmarks:
        raise ValueError(f"{clip.label}: has no frames.")
    mesh = np.stack(landmarks)[:, :n_landmarks]
    detected = ~np.isnan(mesh[:, 0, 0])
    if on_missing == "interpolate":
        if not detected.any():
            raise ValueError(
                f"{clip.label}: no face found in any of its {len(mesh)} sampled frames; pass "
                'on_missing="nan" to keep it as NaN.'
            )
        mesh = fill_missing(mesh, detected, np.array(times))
    return ClipLandmarks(
        landmarks=np.repeat(mesh, repeats, axis=0),
        detected=np.repeat(detected, repeats),
        times=np.repeat(times, repeats),
        fps=footage.fps,
        size=sizes[0],
        source=clip.source,
    )
