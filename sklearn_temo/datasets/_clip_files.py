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


def files_below(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Files of a folder and its subfolders, sorted, without hidden files and folders.

    Links to folders are followed after all other folders. Each folder is listed once: under its
    own name, or under the first link if it is outside of the folder.
    """
    seen: set[str] = set()
    links = [Path(folder)]
    # The list grows while it is read.
    for link in links:
        yield from _files_below(link, seen, links)


def _files_below(folder: Path, seen: set[str], links: list[Path]) -> Iterator[Path]:
    """Files as in :func:`files_below`; links to folders are appended to `links`."""
    resolved = os.path.realpath(folder)
    if resolved in seen:
        return
    seen.add(resolved)
    paths = [Path(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    yield from (path for path in paths if not path.is_dir())
    for inner in filter(Path.is_dir, paths):
        if inner.is_symlink():
            links.append(inner)
        else:
            yield from _files_below(inner, seen, links)


def shorten_list(names: Sequence[str]) -> str:
    """The first three names, for an error message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
