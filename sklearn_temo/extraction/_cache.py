"""Cache of found landmarks on disk, one file per clip."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from .._atomic_files import UNFINISHED, replacing
from .._cache_folder import make_private_folder
from .._warnings import warn_user
from ..mesh import N_LANDMARKS_WITH_IRISES
from ._clips import Clip
from ._landmarks import ExtractionSettings, FoundLandmarks

_CHECKSUM_SIZE = hashlib.sha256().digest_size

# Seconds after which an unfinished file is taken for that of a killed process. Writing an entry
# takes less than one.
_ABANDONED_AFTER = 24 * 60 * 60


def open_cache(folder: Path) -> None:
    """Create the folder of a cache, and remove files that killed processes left unfinished.

    Raises OSError if the folder does not exist and cannot be created.
    """
    try:
        make_private_folder(folder)
    except OSError as error:
        raise type(error)(
            f"the cache {str(folder)!r} cannot be created ({error}); set memory to a folder that "
            "you may write to, or to None."
        ) from error
    # The cache may be read-only, and another process may remove the same files.
    with suppress(OSError):
        for path in folder.glob(f"*/.*{UNFINISHED}"):
            if path.stat().st_mtime < time.time() - _ABANDONED_AFTER:
                path.unlink(missing_ok=True)


def entry_path(folder: Path, clip: Clip, settings: ExtractionSettings) -> Path:
    """Path of the cache entry of a clip, named by a hash of its content and the settings.

    The entry may not exist. Raises OSError if the clip cannot be read.
    """
    digest = hashlib.sha256(settings.cache_key().encode())
    add_content(digest, clip)
    name = digest.hexdigest()
    return folder / name[:2] / f"{name}.npz"


def add_content(digest: Any, clip: Clip) -> None:
    """Add the content of a clip to a digest. Raises OSError if the clip cannot be read."""
    if clip.span is not None:
        digest.update(repr(clip.span).encode())
    if isinstance(clip.content, np.ndarray):
        digest.update(repr(clip.content.shape).encode())
        digest.update(np.ascontiguousarray(clip.content).data)
    else:
        paths = clip.content if isinstance(clip.content, tuple) else (clip.content,)
        digest.update(f"{isinstance(clip.content, tuple)} {len(paths)}".encode())
        for path in paths:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())


def read_entry(entry: Path, n_frames: int | None, label: str) -> FoundLandmarks | None:
    """Read a cache entry; None if it does not exist.

    `n_frames` is the number of frames of the sample; None for all frames. If the entry is damaged,
    warns with the label of the clip and returns None. Raises OSError if it cannot be read.
    """
    try:
        content = entry.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise type(error)(
            f"{label}: its cache entry {str(entry)!r} cannot be read ({error.strerror}); set "
            "memory to a folder that you may read, or to None."
        ) from error
    archive, checksum = content[:-_CHECKSUM_SIZE], content[-_CHECKSUM_SIZE:]
    try:
        if hashlib.sha256(archive).digest() != checksum:
            raise ValueError("its checksum is wrong")
        with np.load(BytesIO(archive), allow_pickle=False) as arrays:
            return _check(dict(arrays), n_frames)
    except Exception as error:  # numpy raises many types for a damaged file
        warn_user(
            f"{label}: extracted again, because its cache entry {str(entry)!r} is damaged "
            f"({error})."
        )
        return None


def write_entry(entry: Path, found: FoundLandmarks) -> None:
    """Write a cache entry, a numpy archive followed by its SHA-256, and rename it when complete.

    The process may be killed at any time, and several processes may write the same entry. Raises
    OSError if the entry cannot be written.
    """
    make_private_folder(entry.parent)
    with replacing(entry, mode=0o600) as file:
        np.savez(file, **vars(found))
        file.seek(0)
        file.write(hashlib.file_digest(file, "sha256").digest())


def _check(arrays: dict[str, NDArray[Any]], n_frames: int | None) -> FoundLandmarks:
    """Landmarks from the arrays of an entry. Raises ValueError if they are not possible."""
    n_seen = len(arrays["times"])
    shapes = {"landmarks": (n_seen, N_LANDMARKS_WITH_IRISES, 3), "size": (2,), "fps": ()}
    expected = {
        name: (_dtype(hint), shapes.get(name, (n_seen,)))
        for name, hint in get_type_hints(FoundLandmarks).items()
    }
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != expected:
        raise ValueError("it has other arrays than expected")
    found = FoundLandmarks(**{**arrays, "fps": arrays["fps"].item()})
    is_missing = np.isnan(found.landmarks)
    possible = {
        "landmarks": not np.isinf(found.landmarks).any()
        and (is_missing.any(axis=(1, 2)) == is_missing.all(axis=(1, 2))).all(),
        "times": np.isfinite(found.times).all() and (np.diff(found.times) >= 0).all(),
        "repeats": found.repeats.min() > 0
        and found.repeats.sum() == (n_seen if n_frames is None else n_frames),
        "fps": np.isnan(found.fps) or 0 < found.fps < np.inf,
        "size": found.size.min() > 0,
    }
    wrong = [name for name, is_possible in possible.items() if not is_possible]
    if wrong:
        raise ValueError(f"impossible values: {', '.join(wrong)}")
    return found


def _dtype(hint: Any) -> np.dtype:
    """Data type of a field, from its type hint: NDArray[scalar type], or a scalar type."""
    # NDArray[float32] is ndarray[shape, dtype[float32]].
    return np.dtype(get_args(get_args(hint)[1])[0] if get_args(hint) else hint)
