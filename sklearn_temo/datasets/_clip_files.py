"""File name extensions of clips, and the clips of a folder."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .._frame_folder import FRAME_EXTENSIONS, differ_in_numbers, frame_files, has_regular, is_frame

VIDEO_EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)

CLIP_EXTENSIONS = (*VIDEO_EXTENSIONS, ".gif", *FRAME_EXTENSIONS)


class FoundClips(NamedTuple):
    """The clips of a folder.

    Parameters
    ----------
    clips : list of Path
        Files, and folders of which each holds the frames of one clip.
    other : Counter of str
        Extensions of the other files.
    doubtful : list of Path
        Folders of which each image is a clip, although their names look like those of frames.
    """

    clips: list[Path]
    other: Counter[str]
    doubtful: list[Path]


def find_clips(
    root: Path, extensions: Iterable[str] = CLIP_EXTENSIONS, picture_levels: Container[int] = (1, 2)
) -> FoundClips:
    """Find the clips of a folder at any depth, without opening them.

    A folder of numbered images is one clip, except at the levels of `picture_levels`, where each
    image is a clip: 0 is `root` itself, 1 its subfolders.

    Raises ValueError if a folder holds numbered images, and other images or a video as well.
    """
    wanted = {"." + extension.casefold().lstrip(".") for extension in extensions}
    clips: list[Path] = []
    other, images, doubtful = Counter[str](), defaultdict[Path, list[Path]](list), []
    for file in files_below(root):
        if file.suffix.casefold() not in wanted:
            other[file.suffix or file.name] += 1
        elif is_frame(file.name):
            images[file.parent].append(file)
        else:
            clips.append(file)
    videos = {file.parent: file for file in clips}
    for folder, files in images.items():
        names = [file.name for file in files]
        is_regular = has_regular(names)
        if len(folder.relative_to(root).parts) in picture_levels:
            doubtful += [folder] * is_regular
        elif len(files) > 1:
            try:
                frame_files(folder)
            except ValueError as error:
                # Pictures have names of any kind.
                if is_regular:
                    raise ValueError(f"{str(folder)!r}: {error}") from None
                doubtful += [folder] * differ_in_numbers(names)
            else:
                if folder in videos:
                    # The same recording could be in the training set and in the test set.
                    raise ValueError(
                        f"{str(folder)!r} holds {videos[folder].name!r} and the numbered frames of "
                        "a clip: move one of them to another folder."
                    )
                files = [folder]
        clips += files
    return FoundClips(clips, other, doubtful)


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
