"""Cache of found landmarks on disk, one file per clip."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np

from .._warnings import warn_user
from ._clips import Clip
from ._landmarks import ExtractionSettings, FoundLandmarks
from ._table import replacing


def entry_path(folder: Path, clip: Clip, settings: ExtractionSettings) -> Path:
    """Path of the cache entry of a clip, named by a hash of its content and the settings.

    The entry may not exist. Raises OSError if the clip cannot be read.
    """
    digest = hashlib.sha256(repr(settings).encode())
    if isinstance(clip.content, np.ndarray):
        digest.update(repr(clip.content.shape).encode())
        digest.update(np.ascontiguousarray(clip.content).data)
    else:
        paths = clip.content if isinstance(clip.content, tuple) else (clip.content,)
        digest.update(f"{isinstance(clip.content, tuple)} {len(paths)}".encode())
        for path in paths:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    name = digest.hexdigest()
    return folder / name[:2] / f"{name}.npz"


def read_entry(entry: Path, label: str) -> FoundLandmarks | None:
    """Read a cache entry; None if it does not exist.

    If it is damaged, warns with the label of the clip and returns None.
    """
    try:
        content = entry.read_bytes()
    except FileNotFoundError:
        return None
    try:
        # The checksums of the zip format reveal changed bytes.
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
        return FoundLandmarks(**{**arrays, "fps": arrays["fps"].item()})
    except Exception:  # numpy raises many types for a damaged file
        warn_user(f"{label}: extracted again, because its cache entry {str(entry)!r} is damaged.")
        return None


def write_entry(entry: Path, found: FoundLandmarks) -> None:
    """Write a cache entry under a temporary name and rename it.

    The process may be killed at any time, and several processes may write the same entry.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    with replacing(entry) as file:
        np.savez(file, **vars(found))
