"""Files in folders, and which of them are clips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

VIDEO_EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)

CLIP_EXTENSIONS = (
    *VIDEO_EXTENSIONS,
    *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"),
)


def files_below(
    folder: str | os.PathLike[str], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Path]:
    """Files in a folder, at any depth and through links to other folders, without hidden ones.

    Parameters
    ----------
    folder : str or path-like
    above : frozenset of (int, int)
        Folders on the way to this one, by device and number.

    Yields
    ------
    file : Path
        Below `folder` as it was passed, by the links that lead there; the files of a folder before
        those of the folders in it. What two links lead to comes twice; a link back to a folder on
        the way there leads nowhere.

    Raises
    ------
    OSError
        If a folder cannot be read.
    """
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    paths = [Path(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    folders = {path for path in paths if path.is_dir()}
    yield from (path for path in paths if path not in folders)
    for inner in sorted(folders):
        yield from files_below(inner, above | {here})
