"""What is done with one clip, in whatever process: look it up, or find the face and store it."""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..mesh import model_path
from ._clip_landmarks import FaceTrack, track_face
from ._clips import Clip
from ._landmarker import FaceLandmarker
from ._store import DamagedEntry, TrackStore

# Landmarkers of this process that nobody uses at the moment, by model.
_idle: dict[Path, list[FaceLandmarker]] = {}

os.register_at_fork(after_in_child=_idle.clear)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a clip.

    Parameters
    ----------
    track : FaceTrack or None
        None where it could not be used.
    error : Exception or None
        Why not.
    is_stored : bool
        The track was in the store.
    damage : str or None
        An entry of the store that could not be read, and was written anew.
    key : str or None
        Of its entry; None without a store.
    """

    track: FaceTrack | None
    error: Exception | None = None
    is_stored: bool = False
    damage: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class ClipWork:
    """All that a process must know to work on clips.

    Parameters
    ----------
    model : Path or None
        None for the bundled one, wherever it lies in the process at work.
    n_frames : int or None
    window : tuple or None
    folder : Path or None
        Of the store.
    """

    model: Path | None
    n_frames: int | None
    window: tuple[float | None, float | None] | None
    folder: Path | None

    def stored(self, clip: Clip) -> Outcome | None:
        """Take a track from the store, without MediaPipe.

        Parameters
        ----------
        clip : Clip

        Returns
        -------
        Outcome or None
            None where there is work to do.
        """
        store = self._store()
        if store is None:
            return None
        try:
            key = store.key(clip)
            track = store.load(key)
        except (OSError, DamagedEntry):
            return None
        return Outcome(track, is_stored=True, key=key) if track else None

    def do(self, clip: Clip, n_threads: int = 0) -> Outcome:
        """Take a track from the store, or find it and store it.

        Parameters
        ----------
        clip : Clip
        n_threads : int, default=0
            Of the decoder; 0 leaves it to choose.

        Returns
        -------
        Outcome
            Also where the clip cannot be used.

        Raises
        ------
        OSError, ValueError
            What is not the clip's fault: the store cannot be written to, or the model not be used.
        """
        store = self._store()
        if store is None:
            return self._find(clip, n_threads)
        try:
            key = store.key(clip)
        except OSError as error:
            return Outcome(None, _unreadable(clip, error))
        damage = None
        with store.claimed(key):
            try:
                track = store.load(key)
            except DamagedEntry as error:
                track, damage = None, str(error)
            if track is not None:
                return Outcome(track, is_stored=True, key=key)
            outcome = self._find(clip, n_threads)
            if outcome.track is not None:
                store.save(key, outcome.track)
        return Outcome(outcome.track, outcome.error, damage=damage, key=key)

    def sweep(self) -> None:
        """Remove what killed processes left in the store."""
        store = self._store()
        if store is not None:
            store.sweep()

    def _store(self) -> TrackStore | None:
        if self.folder is None:
            return None
        return _store_at(self.folder, self._model(), self.n_frames, self.window)

    def _model(self) -> Path:
        return self.model or model_path()

    def _find(self, clip: Clip, n_threads: int) -> Outcome:
        with _landmarker(self._model()) as landmarker:
            try:
                track = track_face(
                    clip,
                    landmarker,
                    n_frames=self.n_frames,
                    window=self.window,
                    n_threads=n_threads,
                )
            except (ValueError, TypeError) as error:
                return Outcome(None, clip.labelled(error))
            except (OSError, RuntimeError, MemoryError) as error:
                return Outcome(None, _unreadable(clip, error))
        return Outcome(track)


def do_numbered(work: ClipWork, index: int, clip: Clip) -> tuple[int, Outcome]:
    """Work on a clip in a process that is one of several.

    Parameters
    ----------
    work : ClipWork
    index : int
        Of the clip.
    clip : Clip

    Returns
    -------
    index : int
    outcome : Outcome
    """
    # As many decoders as processes are enough.
    return index, work.do(clip, n_threads=1)


def lost_clip(clip: Clip, error: Exception) -> Outcome:
    """What became of a clip whose process died with it, again and again.

    Parameters
    ----------
    clip : Clip
    error : Exception
        By which that was noticed.

    Returns
    -------
    Outcome
    """
    return Outcome(
        None,
        ValueError(
            f"{clip.label}: the process that read it died, as when memory runs out or a decoder "
            f"fails badly ({type(error).__name__}); leave the clip out, convert it, or use fewer "
            "processes."
        ),
    )


def close_idle_landmarkers() -> None:
    """End MediaPipe in this process, where it is not at work."""
    while _idle:
        _, landmarkers = _idle.popitem()
        for landmarker in landmarkers:
            landmarker.__exit__(None, None, None)


# MediaPipe complains of a landmarker that is still open when the interpreter ends.
atexit.register(close_idle_landmarkers)


@contextmanager
def _landmarker(model: Path) -> Iterator[FaceLandmarker]:
    """One that is used by nobody else: to start it takes as long as several frames.

    Each picture is taken by itself, so that nothing is left from one clip to the next.
    """
    try:
        landmarker = _idle.get(model, []).pop()
    except IndexError:
        landmarker = FaceLandmarker(model).__enter__()
    try:
        yield landmarker
    except BaseException as error:
        landmarker.__exit__(type(error), error, error.__traceback__)
        raise
    _idle.setdefault(model, []).append(landmarker)


@lru_cache(maxsize=8)
def _store_at(
    folder: Path,
    model: Path,
    n_frames: int | None,
    window: tuple[float | None, float | None] | None,
) -> TrackStore:
    # The model is read once a process, not once a clip.
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    return TrackStore(folder, digest, n_frames, window)


def _unreadable(clip: Clip, error: BaseException) -> ValueError:
    return ValueError(f"{clip.label}: cannot be read ({type(error).__name__}: {error}).")
