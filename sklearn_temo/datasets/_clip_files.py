"""File name extensions of clips, and the files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
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
    folder: str | os.PathLike[str], parents: frozenset[str] = frozenset()
) -> Iterator[Path]:
    """Files of a folder and its subfolders, sorted, without hidden files and folders.

    Links to folders are followed, except those to a parent of the link.
    """
    resolved = os.path.realpath(folder)
    if resolved in parents:
        return
    paths = [Path(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    yield from (path for path in paths if not path.is_dir())
    for inner in filter(Path.is_dir, paths):
        yield from files_below(inner, parents | {resolved})


def shorten_list(names: Sequence[str]) -> str:
    """The first three names, for an error message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
