"""Landmarks of one clip, frame by frame."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..mesh import N_LANDMARKS_WITH_IRISES
from ._clips import Clip
from ._landmarker import FaceLandmarker
from ._missing import fill_missing, interpolate
from ._reading import Frame, read_clip

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
        When the frames are shown, in seconds, as the file says. Arrays of frames and clips of
        image files have no times; theirs are counted 0, 1, 2, ...
    fps : float
        Mean frames a second of the file; NaN for pictures and arrays.
    size : tuple of int
        Width and height of the (first) frame in pixels.
    source : str
        The path as it was passed, or "clip 3" for an array. A clip of image files is called after
        the first and the last: "S005/001/01.png ... 11.png". Where others begin and end with the
        same files, its number in the list is added.
    error : str or None
        Why there are no landmarks, of a clip that was skipped; its landmarks and times are NaN.
    """

    landmarks: NDArray[np.float32]
    detected: NDArray[np.bool_]
    times: NDArray[np.float64]
    fps: float
    size: tuple[int, int]
    source: str
    error: str | None = None


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """The face in the frames of a clip that were looked at: all that is costly to find.

    Parameters
    ----------
    mesh : ndarray of float32 of shape (n_seen, 478, 3)
        In isotropic pixels; NaN where no face was found.
    times : ndarray of float64 of shape (n_seen,)
        Seconds.
    repeats : ndarray of int64 of shape (n_seen,)
        How many frames of the sample each of them stands for.
    fps : float
    size : tuple of int
        Width and height of the first frame.
    """

    mesh: NDArray[np.float32]
    times: NDArray[np.float64]
    repeats: NDArray[np.int64]
    fps: float
    size: tuple[int, int]

    @property
    def has_face(self) -> NDArray[np.bool_]:
        """In which frames a face was found, of shape (n_seen,)."""
        return ~np.isnan(self.mesh[:, 0, 0])


def track_face(
    clip: Clip,
    landmarker: FaceLandmarker,
    *,
    n_frames: int | None,
    window: tuple[float | None, float | None] | None,
    n_threads: int,
) -> FaceTrack:
    """Read a clip, and find the face in its frames.

    Parameters
    ----------
    clip : Clip
    landmarker : FaceLandmarker
        Already started.
    n_frames : int or None
        How many frames to look at, evenly in time; None for all.
    window : tuple or None
        Seconds between which to look.
    n_threads : int
        Of the decoder; 0 leaves it to choose, and reads the next frame while a face is looked for.

    Returns
    -------
    FaceTrack

    Raises
    ------
    ValueError
        If the clip cannot be decoded.
    """
    footage = read_clip(clip, n_frames, window, n_threads=n_threads)
    mesh: list[NDArray[np.float32]] = []
    times, repeats = [], []
    size = (0, 0)
    ahead = footage.frames if n_threads == 1 else _read_ahead(footage.frames)
    with closing(ahead) as frames:
        for frame in frames:
            face = landmarker.detect(frame.pixels)
            if not mesh:
                size = (frame.pixels.shape[1], frame.pixels.shape[0])
            mesh.append(_NO_FACE if face is None else face)
            times.append(frame.time)
            repeats.append(frame.repeats)
    if not mesh:
        raise ValueError("has no frames.")
    return FaceTrack(np.stack(mesh), np.array(times), np.array(repeats), footage.fps, size)


def _read_ahead(frames: Generator[Frame]) -> Generator[Frame]:
    """Have the next frame decoded in a thread while the last one is in use."""
    with closing(frames), ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = reader.submit(next, frames, None)
            yield frame


@dataclass(frozen=True)
class Finish:
    """What is made of tracks: frames without a face, the number of frames and of landmarks.

    Parameters
    ----------
    n_frames, n_landmarks, on_missing
        As in :class:`sklearn_temo.FaceLandmarkTransformer`.
    resample : bool
        Tracks are of all frames: interpolate them at `n_frames` even times.
    """

    n_frames: int | None
    n_landmarks: int
    on_missing: str
    resample: bool

    def found(self, clip: Clip, track: FaceTrack) -> ClipLandmarks:
        """Landmarks of a clip.

        Parameters
        ----------
        clip : Clip
        track : FaceTrack

        Returns
        -------
        ClipLandmarks

        Raises
        ------
        ValueError
            By what `on_missing` asks for.
        """
        mesh, times, repeats = track.mesh[:, : self.n_landmarks], track.times, track.repeats
        detected = track.has_face
        if self.on_missing == "raise" and not detected.all():
            number = int(detected.argmin())
            raise ValueError(
                f"{clip.label}: no face found in frame {number} of the sample, at "
                f'{times[number]:.3f} s; pass on_missing="interpolate" to fill it, or "nan".'
            )
        if self.on_missing == "interpolate":
            if not detected.any():
                raise ValueError(
                    f"{clip.label}: no face found in any of its {len(mesh)} sampled frames; pass "
                    'on_missing="nan" to keep it as NaN.'
                )
            mesh = fill_missing(mesh, detected, times)
        if self.resample and self.n_frames is not None:
            wanted = np.linspace(times[0], times[-1], self.n_frames)
            mesh, detected = interpolate(mesh, detected, times, wanted)
            times, repeats = wanted, np.ones(self.n_frames, dtype=np.int64)
        if (repeats != 1).any():
            mesh = np.repeat(mesh, repeats, axis=0)
            detected, times = np.repeat(detected, repeats), np.repeat(times, repeats)
        return ClipLandmarks(mesh, detected, times, track.fps, track.size, clip.source)

    def skipped(self, source: str, error: Exception) -> ClipLandmarks:
        """NaN in the place of a clip that could not be used.

        Parameters
        ----------
        source : str
        error : Exception

        Returns
        -------
        ClipLandmarks
            With no frames where their number would be that of the clip.
        """
        n_frames = self.n_frames or 0
        return ClipLandmarks(
            landmarks=np.full((n_frames, self.n_landmarks, 3), np.nan, dtype=np.float32),
            detected=np.zeros(n_frames, dtype=bool),
            times=np.full(n_frames, np.nan),
            fps=np.nan,
            size=(0, 0),
            source=source,
            error=str(error),
        )
