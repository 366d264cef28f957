"""Tracks on disk, one file a clip."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

import numpy as np

from .._memory import memory_folder as named_folder
from ._clip_landmarks import FaceTrack
from ._clips import Clip

# Of what is in a file, and of how it is found: another number makes all entries of old unknown.
_FORMAT = 3

# Seconds after which a temporary file of another machine is nobody's: writing takes far less.
_ABANDONED = 24 * 3600


def store_folder(memory: Any) -> Path | None:
    """The folder of the store in what `memory` names.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None

    Returns
    -------
    Path or None
        None where it keeps nothing.
    """
    place = memory if isinstance(memory, (str, os.PathLike)) else getattr(memory, "location", None)
    if isinstance(memory, (str, os.PathLike)):
        place = named_folder(memory)
    return None if place is None else Path(place) / "face_landmarks"


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Say what is at fault where a store cannot be read or written."""
    try:
        yield
    except OSError as error:
        # By its number it stays the kind of OSError that it is.
        raise OSError(
            error.errno or errno.EIO,
            f"memory={str(folder.parent)!r} cannot be used ({error.strerror or error}, at "
            f"{str(error.filename or folder)!r}); name a folder that can be written to and has "
            "room, some 6 kB for a frame of each clip, or None to keep nothing",
        ) from error


class DamagedEntry(Exception):
    """An entry of the store cannot be what was written."""


class TrackStore:
    """Tracks that were found before, each under what it depends on.

    An entry's name is a hash of the content of the clip (not of its path or date), of the model,
    of MediaPipe's version and of which frames are looked at. Entries appear whole or not at all,
    and are checked when they are read, so that a process may be killed at any moment, and several
    may share a store, on several machines also.

    Parameters
    ----------
    folder : Path
        Made if missing, when the first entry is written.
    model_digest : str
        SHA-256 of the model file.
    n_frames : int or None
    window : tuple or None
        As in :func:`track_face`.
    """

    def __init__(
        self,
        folder: Path,
        model_digest: str,
        n_frames: int | None,
        window: tuple[float | None, float | None] | None,
    ) -> None:
        self._folder = folder
        settings = [_FORMAT, version("mediapipe"), model_digest, n_frames, window]
        self._settings = json.dumps(settings).encode()

    def key(self, clip: Clip) -> str:
        """Hash of all that the track of a clip depends on.

        Parameters
        ----------
        clip : Clip

        Returns
        -------
        str

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        if isinstance(clip.content, Path):
            content = _file_hash(clip.content)
        elif isinstance(clip.content, tuple):
            # Of all frames in their order, also of those that are not looked at.
            content = hashlib.sha256(f"{len(clip.content)} files".encode())
            for path in clip.content:
                content.update(_file_hash(path).digest())
        else:
            content = hashlib.sha256(repr(clip.content.shape).encode())
            content.update(np.ascontiguousarray(clip.content).data)
        return hashlib.sha256(self._settings + content.digest()).hexdigest()

    def load(self, key: str) -> FaceTrack | None:
        """Read an entry.

        Parameters
        ----------
        key : str

        Returns
        -------
        FaceTrack or None
            None where there is no such entry.

        Raises
        ------
        DamagedEntry
        """
        path = self._path(key)
        try:
            with _usable(self._folder):
                content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _unpack(content, key)
        except Exception as error:  # whatever reading something else than what was written gives
            raise DamagedEntry(f"{path}: {error}") from error

    def save(self, key: str, track: FaceTrack) -> None:
        """Write an entry; should the machine stop meanwhile, there is either all of it or none.

        Parameters
        ----------
        key : str
        track : FaceTrack

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        path, unfinished = self._path(key), self._folder / "unfinished"
        draft = unfinished / f"{socket.gethostname()}+{os.getpid()}+{uuid4().hex}"
        with _usable(self._folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.mkdir(exist_ok=True)
            try:
                _write(draft, key, track)
                draft.replace(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        _sync(path.parent)

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Keep other processes from working on the same clip meanwhile.

        Parameters
        ----------
        key : str
        """
        from filelock import FileLock

        # A file for each clip would double the files for good. Clips share a few thousand instead:
        # two at work at once seldom wait for each other without need.
        locks = self._folder / "locks"
        lock = FileLock(locks / f"{key[:3]}.lock")
        with _usable(self._folder):
            locks.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove what processes that were killed left unfinished, where that can be done."""
        with suppress(OSError):
            for draft in list((self._folder / "unfinished").iterdir()):
                if _is_abandoned(draft):
                    draft.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npz"


def _write(path: Path, key: str, track: FaceTrack) -> None:
    with open(path, "xb") as file:
        np.savez(
            file,
            key=np.array(key),
            mesh=track.mesh,
            times=track.times,
            repeats=track.repeats,
            fps=np.array(track.fps),
            size=np.array(track.size),
        )
        file.flush()
        os.fsync(file.fileno())


def _file_hash(path: Path) -> Any:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256")


def _unpack(content: bytes, key: str) -> FaceTrack:
    # The zip format's own checksums tell of changed bytes, once an array is read to its end.
    with np.load(BytesIO(content), allow_pickle=False) as entry:
        arrays = {name: entry[name] for name in entry.files}
    if arrays["key"].item() != key:
        raise ValueError("it is the entry of another clip")
    return FaceTrack(
        arrays["mesh"],
        arrays["times"],
        arrays["repeats"],
        arrays["fps"].item(),
        tuple(arrays["size"].tolist()),
    )


def _is_abandoned(draft: Path) -> bool:
    host, _, rest = draft.name.partition("+")
    process = rest.partition("+")[0]
    if not process.isdecimal():
        # Of the system: what a network file system keeps open, or notes of a Mac.
        return False
    if host == socket.gethostname() and not _is_alive(int(process)):
        return True
    try:
        return time() - draft.stat().st_mtime > _ABANDONED
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(folder: Path) -> None:
    """Have the names in a folder outlast a failure of power, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
