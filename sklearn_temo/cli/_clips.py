"""Clips that are named on the command line, with their labels and people."""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._messages import say

if TYPE_CHECKING:
    from ..report._clips import ReportClips

_LABELLED = (
    "a folder emotion/person/clip.mp4 or emotion/clip.mp4; a .csv list with the columns path, "
    "label and, if known, group (the person), onset and offset (seconds); or a table of landmarks "
    "from sklearn-temo extract --labels"
)
_HOW_TO_GIVE_PEOPLE = (
    "store the clips as emotion/person/clip.mp4, or pass a .csv list with the columns path, label "
    "and group"
)


@dataclass(frozen=True, eq=False)
class GivenClips:
    """Clips, or a table of landmarks, as named on the command line.

    Parameters
    ----------
    place : str
        What was named, for messages.
    data : sequence of clips, or ndarray of shape (n_clips, n_features)
        As a pipeline takes them.
    y, groups : ndarray of str of shape (n_clips,) or None
    table : Bunch or None
        The table of which `data` are the rows; None for clips.
    """

    place: str
    data: Any
    y: Any = None
    groups: Any = None
    table: Any = None

    def with_blendshapes(self) -> GivenClips:
        """The same table with its blendshapes as rows, if it has them."""
        rows = self.table.blendshapes
        return self if rows is None else replace(self, data=rows)

    def extract(self, extractor: Any, verbose: int) -> ReportClips:
        """Rows of the clips that can be used.

        `extractor` is not used for a table. Raises NoUsableClip if no clip can be used.
        """
        from ..report._clips import read_clips

        y = np.zeros(len(self.data)) if self.y is None else self.y
        with warnings.catch_warnings():
            # The summary lists them.
            warnings.filterwarnings("ignore", r"\d+ of \d+ clips could not be used")
            if self.table is None:
                return read_clips(extractor, self.data, y, self.groups, verbose)
        return self._usable_rows(y)

    def _usable_rows(self, y: NDArray[Any]) -> ReportClips:
        from ..report._clips import NoUsableClip, ReportClips

        is_missing = np.isnan(self.data).any(axis=1)
        n_lost = (~self.table.detected).sum(axis=1)
        skipped = [
            {"clip": str(self.table.sources[i]), "reason": _reason(n_lost[i], self.table.n_frames)}
            for i in np.flatnonzero(is_missing)
        ]
        if is_missing.all():
            raise NoUsableClip(
                f"all {len(self.data)} clips of {self.place!r} have missing landmarks"
            )
        kept = np.flatnonzero(~is_missing)
        times = self.table.times[kept]
        return ReportClips(
            self.data[kept],
            y[kept],
            None if self.groups is None else self.groups[kept],
            self.table.sources[kept].tolist(),
            kept,
            times - times[:, :1] if np.isfinite(times).all() else None,
            {
                "n_clips": len(self.data),
                "frames_seen": self.table.detected.size,
                "frames_with_face": int(self.table.detected.sum()),
                "skipped": skipped,
                "doubtful": [],
            },
        )


def _reason(n_lost: int, n_frames: int) -> str:
    return f"landmarks are missing; no face in {n_lost} of {n_frames} frames."


def add_labelled_clips(command: argparse.ArgumentParser) -> None:
    """Add the argument CLIPS of commands that need labels."""
    command.add_argument("clips", metavar="CLIPS", help=_LABELLED)


def read_labelled_clips(place: str, output: str) -> GivenClips:
    """List labelled clips, or read a table; no clip is opened.

    The rows of a table are its blendshapes, if `output` is "blendshapes" and it has them. Raises
    OSError or ValueError if they cannot be read, or are of one class.
    """
    from ..datasets import load_clip_folder

    if is_table(place):
        clips = _read_table(place)
        if output == "blendshapes":
            clips = clips.with_blendshapes()
        if clips.y is None:
            raise ValueError(
                f"{place!r} has no column label: write the table again with sklearn-temo extract "
                "--labels, from a folder emotion/person/clip.mp4 or a .csv list with labels."
            )
    elif Path(place).expanduser().is_file() and not place.casefold().endswith(".csv"):
        raise ValueError(f"{place!r} is a single file: pass {_LABELLED}.")
    else:
        data, y, groups = load_clip_folder(Path(place).expanduser())
        clips = GivenClips(place, data, y, groups)
    if clips.y is None or len(np.unique(clips.y)) < 2:
        label = "" if clips.y is None else str(clips.y[0])
        raise ValueError(
            f"all clips of {place!r} are of the class {label!r}; at least two classes are needed: "
            "pass the folder that contains the folders of the emotions."
        )
    return clips


def check_people(clips: GivenClips, otherwise: str) -> None:
    """Raise ValueError if the people are not known, or there is only one person."""
    if clips.groups is None:
        raise ValueError(
            f"the people in the clips of {clips.place!r} are not known: {_HOW_TO_GIVE_PEOPLE}; "
            f"or {otherwise}."
        )
    if len(np.unique(clips.groups)) < 2:
        raise ValueError(
            f"all clips of {clips.place!r} are of one person, {str(clips.groups[0])!r}; scores "
            f"need people that the model was not trained on: add people, or {otherwise}."
        )


def check_extraction(extractor: Any, clips: GivenClips) -> None:
    """Raise ValueError if a parameter of the extraction cannot be used; no clip is opened."""
    from sklearn.base import clone

    # Clips that cannot be used are left out, so they are no errors.
    clone(extractor).set_params(on_error="skip-with-nan").fit(clips.data)


def find_unlabelled_clips(paths: Sequence[str]) -> GivenClips:
    """Clips as `extract` finds them, or the rows of a single table."""
    from ._extract import list_clips

    if not any(map(is_table, paths)):
        return GivenClips(paths[0], list_clips(paths))
    if len(paths) > 1:
        raise ValueError("a table of landmarks must be the only CLIPS; run the command for each.")
    return _read_table(paths[0])


def is_table(place: str) -> bool:
    """Whether a file is a table of landmarks, rather than a clip or a list of clips."""
    path = Path(place).expanduser()
    if path.suffix.casefold() != ".csv":
        return path.suffix.casefold() in (".parquet", ".npz")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        # load_clip_folder says what is wrong.
        return False
    return "frame" in [name.strip() for name in header]


def _read_table(place: str) -> GivenClips:
    from ..extraction import load_landmarks
    from ..layout import LandmarkLayout

    table = load_landmarks(place)
    rows = LandmarkLayout(table.n_frames, table.n_landmarks, 3).attach(table.data)
    y, groups = (
        None if table.get(name) is None else np.asarray(table[name], dtype=str)
        for name in ("labels", "groups")
    )
    return GivenClips(place, rows, y, groups, table)


def summarise_extraction(extraction: dict[str, Any]) -> int:
    """Print the clips that were skipped and are doubtful; return the exit code."""
    for clip in extraction["skipped"]:
        say(f"{clip['clip']}: {clip['reason']}")
    for clip in extraction["doubtful"]:
        say(f"doubtful: {clip['clip']}: {clip['reason']}")
    return 1 if extraction["skipped"] else 0
