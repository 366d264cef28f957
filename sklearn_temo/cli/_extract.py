"""``sklearn-temo extract``, once its options are known."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._messages import one_line, say

if TYPE_CHECKING:
    from ..extraction import ExtractionReport, FaceLandmarkTransformer


def run_extract(options: argparse.Namespace) -> int:
    """Extract clips, and write their table.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`sklearn_temo.cli._options.add_extract`.

    Returns
    -------
    int
        Exit code.
    """
    try:
        transformer, clips = _prepare(options)
        with _as_lines():
            from ..extraction import save_landmarks

            found = transformer.extract(clips)
            if any(clip.error is None for clip in found):
                save_landmarks(options.out, found)
    except KeyboardInterrupt:
        say(f"interrupted: no table was written; {_what_is_kept(options)}")
        return 130
    except (OSError, ValueError) as error:
        say(f"stopped: {one_line(error).removesuffix('.')}; {_what_is_kept(options)}")
        return 4
    except Exception:
        # By itself Python would exit with 1, which says that there is a table.
        traceback.print_exc()
        say(f"stopped: {_what_is_kept(options)}")
        return 4
    return _summarise(transformer.report_, options)


def _what_is_kept(options: argparse.Namespace) -> str:
    if options.memory is not None:
        return "the same command goes on where it stopped"
    return "nothing is kept; with --memory DIR, a run goes on where it stopped"


@contextmanager
def _as_lines() -> Iterator[None]:
    """Have progress and warnings come as lines that are not mixed with what programs read."""
    from ..extraction import SkippedClipsWarning

    def show(message: Any, *where: object, **more: object) -> None:
        say(f"warning: {one_line(message)}")

    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        # The summary says more.
        warnings.simplefilter("ignore", SkippedClipsWarning)
        warnings.showwarning = show
        yield


def _prepare(options: argparse.Namespace) -> tuple[FaceLandmarkTransformer, list[str]]:
    """See everything that can be seen before the long work; exit where it cannot be done."""
    from ..extraction import FaceLandmarkTransformer
    from ..extraction._table import check_table_place

    transformer = FaceLandmarkTransformer(
        n_frames=options.n_frames,
        n_landmarks=options.n_landmarks,
        on_missing=options.on_missing,
        sampling=options.sampling,
        on_error="skip-with-nan",
        memory=options.memory,
        n_jobs=options.n_jobs,
        model_path=options.model,
        verbose=not options.quiet,
    )
    try:
        check_table_place(options.out)
        if options.failures is not None:
            _check_failures(options.failures)
        clips = [clip for path in options.clips for clip in _clips_at(path)]
        transformer.fit(clips)
        if options.memory is not None:
            _check_memory(options.memory)
        if options.model is not None:
            _check_model(options.model)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(one_line(error))
    return transformer, _once(clips)


def _once(clips: list[str]) -> list[str]:
    """Each clip once; other names of it, by links, are kept: labels may be read from them."""
    once: dict[str, str] = {}
    again: dict[str, str] = {}
    for clip in clips:
        place = os.path.abspath(clip)
        if place in once:
            again[place] = clip
        once.setdefault(place, clip)
    for clip in again.values():
        say(f"{clip}: named more than once, extracted once")
    return list(once.values())


def _check_failures(file: str) -> None:
    from tempfile import TemporaryFile

    path = Path(file).expanduser()
    if path.suffix.casefold() != ".csv":
        raise ValueError(f"--failures {file!r} must end in .csv.")
    if path.is_dir():
        raise ValueError(f"--failures {file!r} is a folder: add the name of a file.")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"--failures {file!r}: its folder cannot be written to ({error.strerror})."
        ) from error


def _check_memory(folder: str) -> None:
    from tempfile import TemporaryFile

    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError(f"--memory {folder!r} is a file: name a folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"--memory {folder!r}: no folder that can be written to ({error.strerror})"
        ) from error


def _check_model(file: str) -> None:
    """Start MediaPipe with the model, since nothing else knows one."""
    from ..extraction._landmarker import FaceLandmarker

    with FaceLandmarker(Path(file).expanduser()):
        pass


def _summarise(report: ExtractionReport, options: argparse.Namespace) -> int:
    n_good = report.n_clips - len(report.skipped)
    stored = f" ({report.n_stored} from the store)" if options.memory else ""
    place = f"into {options.out}" if n_good else "and wrote no table"
    faces = f"{sum(report.n_frames_with_face)} of {sum(report.n_frames_seen)} frames"
    say(f"extracted {n_good} of {report.n_clips} clips{stored} {place}, a face in {faces}")
    failures = []
    for clip in report.skipped:
        reason = clip.reason.removeprefix(f"clip {clip.index} ({clip.source!r}): ")
        failures.append((clip.source, one_line(reason)))
        say(f"{clip.source}: {failures[-1][1]}")
    if options.failures is not None:
        try:
            _write_failures(options.failures, failures)
        except OSError as error:
            # The table is there, and the lines above say the same.
            say(f"--failures: {one_line(error)}")
    if not report.skipped:
        return 0
    return 1 if n_good else 3


def _write_failures(file: str, failures: list[tuple[str, str]]) -> None:
    from ..extraction._table import replacing

    with replacing(Path(file).expanduser()) as binary:
        text = TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("source", "reason"))
        writer.writerows(failures)
        text.flush()
        text.detach()


def _clips_at(path: str) -> Iterator[str]:
    """A file itself, or the clips in a folder."""
    if not os.path.isdir(path):
        yield path
        return
    from ..datasets._clip_files import CLIP_EXTENSIONS, files_below

    found = [clip for clip in files_below(path) if clip.suffix.casefold() in CLIP_EXTENSIONS]
    if not found:
        raise ValueError(
            f"{path!r}: no clips in this folder; pass files by name if they are clips with an "
            "ending of their own."
        )
    yield from (str(clip) for clip in sorted(found, key=lambda clip: clip.parts))
