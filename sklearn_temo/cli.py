"""What people type in a shell."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__

if TYPE_CHECKING:
    from .extraction import FaceLandmarkTransformer

_EXIT_CODES = """\
exit codes:
  0    all clips are in the table
  1    some clips could not be used; the table has the others
  2    the arguments cannot be used; nothing was done
  3    no clip could be used; no table was written
  4    stopped by an error, such as a full disk; no table was written
  130  interrupted by Ctrl-C; no table was written

Without a table of its own, a run leaves one that was there before as it was. Progress, the
summary and errors go to stderr.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None for those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(
        prog="sklearn-temo",
        description="Face landmarks that matter for an emotion.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_demo(commands)
    _add_extract(commands)
    options = parser.parse_args(arguments)
    return options.run(options)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", help="the whole way, from the embedded real clips to a table and a picture"
    )
    demo.set_defaults(run=_demo)
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for the picture, made if missing (default: %(default)s)",
    )


def _demo(options: argparse.Namespace) -> int:
    from .demo import run_demo

    run_demo(options.output)
    return 0


def _add_extract(commands: Any) -> None:
    extract = commands.add_parser(
        "extract",
        help="face landmarks of clips, as a table",
        description="Find the face landmarks in clips and write them as a table, one row per clip "
        "and frame. sklearn_temo.extraction.load_landmarks reads it back.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    extract.set_defaults(run=_extract, refuse=extract.error)
    extract.add_argument(
        "clips",
        nargs="+",
        metavar="CLIPS",
        help="video and image files, and folders, in which they are looked for at any depth",
    )
    extract.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the table, .parquet (needs pyarrow) or .npz; one that is there is replaced",
    )
    extract.add_argument(
        "--n-frames",
        type=_number_of_frames,
        default=16,
        metavar="N",
        help="frames of a clip, evenly in time, or all (default: %(default)s)",
    )
    extract.add_argument(
        "--sampling",
        type=_sampling,
        default="uniform",
        metavar="HOW",
        help="uniform looks at those frames only; all looks at every frame and interpolates; "
        "START:STOP, in seconds, at those between. An end may be left out, and negative counts "
        "from the end: --sampling=-1: is the last second (default: %(default)s)",
    )
    extract.add_argument(
        "--n-landmarks",
        type=int,
        choices=(468, 478),
        default=468,
        help="478 with the irises (default: %(default)s)",
    )
    extract.add_argument(
        "--on-missing",
        choices=("interpolate", "nan", "raise"),
        default="interpolate",
        help="frames without a face are interpolated, become NaN, or make the clip a failure "
        "(default: %(default)s)",
    )
    extract.add_argument(
        "--n-jobs",
        type=_number_of_jobs,
        metavar="N",
        help="processes; -1 takes all cores (default: 1)",
    )
    extract.add_argument(
        "--memory",
        metavar="DIR",
        help="folder that keeps the landmarks of each clip as soon as they are found, so that no "
        "clip is ever done twice; made if missing (default: none is kept)",
    )
    extract.add_argument(
        "--model",
        metavar="FILE",
        help="a Face Landmarker .task file (default: the bundled one)",
    )
    extract.add_argument("--quiet", action="store_true", help="no progress, only the summary")


def _extract(options: argparse.Namespace) -> int:
    try:
        transformer, clips = _prepare(options)
        # The progress is printed; what is to be read by other programs is not mixed with it.
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            from .extraction import SkippedClipsWarning, save_landmarks

            warnings.simplefilter("ignore", SkippedClipsWarning)
            found = transformer.extract(clips)
            if any(clip.error is None for clip in found):
                save_landmarks(options.out, found)
    except KeyboardInterrupt:
        _say(
            "interrupted: no table was written; the same command goes on where it stopped"
            if options.memory
            else "interrupted: nothing is kept; with --memory DIR, a run goes on where it stopped"
        )
        return 130
    except (OSError, ValueError) as error:
        _say(f"stopped: {_one_line(error)}")
        return 4
    except Exception:
        # By itself Python would exit with 1, which says that there is a table.
        traceback.print_exc()
        return 4
    return _summarise(transformer, options)


def _prepare(options: argparse.Namespace) -> tuple[FaceLandmarkTransformer, list[str]]:
    """See everything that can be seen before the long work; exit where it cannot be done."""
    from .extraction import FaceLandmarkTransformer
    from .extraction._table import check_table_place

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
        clips = [clip for path in options.clips for clip in _clips_at(path)]
        transformer.fit(clips)
        if options.memory is not None:
            _check_memory(options.memory)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(_one_line(error))
    return transformer, clips


def _check_memory(folder: str) -> None:
    from tempfile import TemporaryFile

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"--memory {folder!r}: no folder that can be written to ({error.strerror})"
        ) from error


def _summarise(transformer: FaceLandmarkTransformer, options: argparse.Namespace) -> int:
    report = transformer.report_
    n_good = report.n_clips - len(report.skipped)
    stored = f" ({report.n_stored} from the store)" if options.memory else ""
    place = f"into {options.out}" if n_good else "and wrote no table"
    faces = f"{sum(report.n_frames_with_face)} of {sum(report.n_frames_seen)} frames"
    _say(f"extracted {n_good} of {report.n_clips} clips{stored} {place}, a face in {faces}")
    for clip in report.skipped:
        reason = clip.reason.removeprefix(f"clip {clip.index} ({clip.source!r}): ")
        _say(f"{clip.source}: {_one_line(reason)}")
    if not report.skipped:
        return 0
    return 1 if n_good else 3


def _clips_at(path: str) -> Iterator[str]:
    """A file itself, or the clips in a folder."""
    if not os.path.isdir(path):
        yield path
        return
    from .datasets._clip_files import CLIP_EXTENSIONS, files_below

    found = [clip for clip in files_below(path) if clip.suffix.casefold() in CLIP_EXTENSIONS]
    if not found:
        raise ValueError(
            f"{path!r}: no clips in this folder; pass files by name if they are clips with an "
            "ending of their own."
        )
    yield from (str(clip) for clip in sorted(found, key=lambda clip: clip.parts))


def _number_of_frames(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, or all; got {text!r}")
    return int(text)


def _number_of_jobs(text: str) -> int:
    if not text.removeprefix("-").isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number other than 0; got {text!r}")
    return int(text)


def _sampling(text: str) -> str | tuple[float | None, float | None]:
    if text in ("uniform", "all"):
        return text
    start, colon, stop = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(start) if start else None, float(stop) if stop else None
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected uniform, all or START:STOP in seconds; got {text!r}"
        ) from None


def _one_line(message: object) -> str:
    return _printable(" ".join(str(message).split()))


def _say(line: str) -> None:
    print(_printable(line), file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    # Names of files that are not UTF-8 come with surrogates, by which printing can fail.
    return text.encode("utf-8", "backslashreplace").decode()
