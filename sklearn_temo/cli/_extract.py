"""Command ``sklearn-temo extract``."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._atomic_files import check_writable, replacing
from ._messages import describe_exit_codes, run_long, say
from ._parser import add_command, add_run_options, check_run_options


def add_extract(commands: Any) -> None:
    """Add the command to the parser."""
    extract = add_command(
        commands,
        "extract",
        _extract,
        help="write the face landmarks of clips as a table",
        description="Find the face landmarks in clips and write them as a table, one row per clip "
        "and\nframe. An existing file is replaced once the new one is complete. Read the table "
        "with\nsklearn_temo.extraction.load_landmarks.",
        example="clips/ --out landmarks.parquet --n-jobs -1 --memory cache/",
        exit_codes=describe_exit_codes(
            "table", "all clips are in the table", "the table has the others"
        ),
    )
    add = extract.add_argument
    text = (
        "video and image files, folders of numbered images (the frames of a clip), and other "
        "folders, which are searched at any depth; or a .csv list with the column path and, if "
        "known, label, group (the person), onset and offset (seconds)"
    )
    add("clips", nargs="+", metavar="CLIPS", help=text)
    text = "the table, .parquet (needs pyarrow), .npz or .csv"
    add("--out", required=True, metavar="FILE", help=text)
    text = (
        "CLIPS is a folder emotion/person/clip.mp4 or emotion/clip.mp4: write the emotions and the "
        "people as the columns label and group; those of a .csv list are always written"
    )
    add("--labels", action="store_true", help=text)
    text = (
        "names, units and axes of the columns: those of sklearn_temo, or those of OpenFace 2 (not "
        "for .npz) (default: %(default)s)"
    )
    add("--columns", choices=("temo", "openface"), default="temo", help=text)
    text = "frames per clip, evenly spaced in time, or all (default: %(default)s)"
    add("--n-frames", type=_n_frames, default=16, metavar="N", help=text)
    text = (
        "uniform reads only the sampled frames; all reads every frame and interpolates; START:STOP "
        "samples between two times in seconds. START or STOP may be left out, and negative times "
        "count from the end: --sampling=-1: (with =) is the last second (default: %(default)s)"
    )
    add("--sampling", type=_sampling, default="uniform", metavar="HOW", help=text)
    text = "478 includes the irises (default: %(default)s)"
    add("--n-landmarks", type=int, choices=(468, 478), default=468, help=text)
    text = (
        "litert runs MediaPipe's networks without MediaPipe and opens no connection; needs "
        "pip install 'sklearn-temo[litert]' (default: %(default)s)"
    )
    add("--engine", choices=("mediapipe", "litert"), default="mediapipe", help=text)
    text = (
        "frames without a face are interpolated, become NaN, or make the clip a failure "
        "(default: %(default)s)"
    )
    choices = ("interpolate", "nan", "raise")
    add("--on-missing", choices=choices, default="interpolate", help=text)
    text = (
        "longest gap that is interpolated without a warning: 0.5 (with a point) means seconds, 5 "
        "means frames (default: 1.0)"
    )
    add("--max-gap", type=_number, metavar="GAP", help=text)
    text = "search for the face only in this part of the upright frame, in pixels"
    add("--region", type=region, metavar="LEFT,TOP,RIGHT,BOTTOM", help=text)
    text = (
        "reduce the jitter of the landmarks over a window: 0.2 (with a point) means seconds, 5 "
        "means frames; needs --sampling all or --n-frames all (default: no smoothing)"
    )
    add("--smooth", type=_number, metavar="WINDOW", help=text)
    add("--model", metavar="FILE", help="a Face Landmarker .task file (default: the bundled one)")
    text = "the .csv file of the clips that could not be used, with the columns source and reason"
    add("--failures", type=Path, metavar="FILE", help=text)
    add_run_options(extract, "the landmarks of each clip")


def _n_frames(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, or all; got {text!r}")
    return int(text)


def _sampling(text: str) -> str | tuple[float | None, float | None]:
    if text in ("uniform", "all"):
        return text
    try:
        start, stop = (float(time) if time else None for time in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected uniform, all or START:STOP in seconds; got {text!r}"
        ) from None
    return start, stop


def _number(text: str) -> float:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def region(text: str) -> tuple[int, ...]:
    try:
        left, top, right, bottom = (int(edge) for edge in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected LEFT,TOP,RIGHT,BOTTOM in whole pixels, got {text!r}"
        ) from None
    return left, top, right, bottom


def _extract(options: argparse.Namespace) -> int:
    from ..extraction import (
        DoubtfulClipsWarning,
        FaceLandmarkTransformer,
        SkippedClipsWarning,
        save_landmarks,
    )
    from ..extraction._table import check_table_place

    given = {"max_gap": options.max_gap, "region": options.region}
    transformer = FaceLandmarkTransformer(
        n_frames=options.n_frames,
        n_landmarks=options.n_landmarks,
        engine=options.engine,
        on_missing=options.on_missing,
        sampling=options.sampling,
        on_error="skip-with-nan",
        memory=options.memory,
        smooth=options.smooth,
        n_jobs=options.n_jobs,
        model_path=options.model,
        verbose=not options.quiet,
        **{name: value for name, value in given.items() if value is not None},
    )
    try:
        table = check_table_place(options.out, options.columns)
        if options.failures is not None:
            options.failures = options.failures.expanduser()
            if options.failures.suffix.casefold() != ".csv":
                # The first of several clips would be overwritten.
                raise ValueError(f"--failures {str(options.failures)!r} must end in .csv.")
            check_writable(options.failures)
            if options.failures.resolve() == table.resolve():
                raise ValueError(f"--out and --failures are both {options.out!r}; pass two files.")
        clips, labels, groups = _list_labelled(options.clips, options.labels)
        transformer.fit(clips)
        check_run_options(options)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)

    def run() -> None:
        # The summary lists the skipped and the doubtful clips.
        warnings.simplefilter("ignore", SkippedClipsWarning)
        warnings.simplefilter("ignore", DoubtfulClipsWarning)
        found = transformer.extract(clips)
        if any(clip.error is None for clip in found):
            save_landmarks(
                options.out, found, columns=options.columns, labels=labels, groups=groups
            )

    code = run_long(run, "table", options.memory)
    return _report(transformer.report_, options) if code is None else code


def _list_labelled(paths: Sequence[str], has_labels: bool) -> tuple[list[Any], Any, Any]:
    """Clips, and their labels and groups, which are None if they are not known."""
    from ..datasets import load_clip_folder, load_clip_list

    if _is_list(paths):
        listed = load_clip_list(paths[0])
    elif not has_labels:
        return list_clips(paths), None, None
    elif len(paths) > 1 or not os.path.isdir(os.path.expanduser(paths[0])):
        raise ValueError(
            "--labels needs a single folder emotion/person/clip.mp4 or emotion/clip.mp4; otherwise "
            "pass a .csv list with the columns path, label and group."
        )
    else:
        listed = load_clip_folder(paths[0])
    if has_labels and listed.target is None:
        raise ValueError(f"{paths[0]!r} has no column 'label', which --labels needs.")
    return listed.data, listed.target, listed.groups


def _is_list(paths: Sequence[str]) -> bool:
    """Whether the clips are named by a list. Raises ValueError for a list among other clips."""
    lists = [path for path in paths if path.casefold().endswith(".csv")]
    if lists and len(paths) > 1:
        raise ValueError(f"{lists[0]!r}: a list of clips must be the only CLIPS.")
    return bool(lists)


def list_clips(paths: Sequence[str]) -> list[Any]:
    """Clips of a list; or named files, and the clips in named folders, each absolute path once."""
    from ..datasets import load_clip_list
    from ..datasets._clip_files import find_clips, shorten_list

    if _is_list(paths):
        return load_clip_list(paths[0]).data

    # Links are not resolved: labels may be read from the path, and a link is another path.
    clips: dict[str, str] = {}
    n_named = 0
    doubtful: list[str] = []
    for path in paths:
        path = path if os.path.lexists(path) else os.path.expanduser(path)
        found = [path]
        if os.path.isdir(path):
            below = find_clips(Path(path))
            found = [str(file) for file in sorted(below.clips, key=lambda file: file.parts)]
            doubtful += map(str, below.doubtful)
            if Path(path) in below.clips:
                say(f"{path}: its numbered images are the frames of one clip")
        if not found:
            raise ValueError(
                f"{path!r}: no clips in this folder; name the files themselves if they are clips "
                "with an unusual extension."
            )
        n_named += len(found)
        for clip in found:
            clips.setdefault(os.path.abspath(clip), clip)
    if n_named > len(clips):
        say(f"repeated clips, which are extracted only once: {n_named - len(clips)}")
    if doubtful:
        say(
            f"warning: each image is a clip, but the images of {len(doubtful)} folders are "
            f"numbered like the frames of a clip ({shorten_list(doubtful)}); to make each of these "
            "folders one clip, name the folders themselves"
        )
    return list(clips.values())


def _report(report: Any, options: argparse.Namespace) -> int:
    """Print the summary, write the failures, and choose the exit code."""
    from ..extraction._extraction_report import bare_reason
    from ..extraction._jitter import describe_noise
    from ..extraction._table_files import protect_text, write_csv

    n_good = report.n_clips - len(report.skipped)
    cached = f" ({report.n_cached} from the cache)" if options.memory else ""
    place = f"into {options.out}" if n_good else "and wrote no table"
    faces = f"{sum(report.n_frames_with_face)} of {sum(report.n_frames_seen)} frames"
    say(f"extracted {n_good} of {report.n_clips} clips{cached} {place}, a face in {faces}")
    failures = [(clip.source, bare_reason(clip)) for clip in report.skipped]
    for source, reason in failures:
        say(f"{source}: {reason}")
    for clip in report.doubtful:
        say(f"doubtful: {clip.source}: {bare_reason(clip)}")
    for line in describe_noise(report.noise):
        say(line)
    if options.failures is not None:
        try:
            with replacing(options.failures) as file:
                rows = [tuple(map(protect_text, failure)) for failure in failures]
                write_csv(file, [("source", "reason"), *rows])
        except OSError as error:
            # The landmarks are written, and the lines above list the failures.
            say(f"--failures: {error}")
    if not failures:
        return 0
    return 1 if n_good else 3
