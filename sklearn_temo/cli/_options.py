"""The options of ``sklearn-temo extract``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

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


class Parser(argparse.ArgumentParser):
    """A parser that knows why a window of time is taken for an option."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Parameters
        ----------
        message : str
        """
        if message == "argument --sampling: expected one argument":
            message += "; one that begins with a minus needs an equals sign: --sampling=-1:"
        super().error(message)


def add_extract(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Add the command to others.

    Parameters
    ----------
    commands : object
        What `add_subparsers` returned.
    run : callable
        Takes the options and returns the exit code.
    """
    extract = commands.add_parser(
        "extract",
        help="face landmarks of clips, as a table",
        description="Find the face landmarks in clips and write them as a table, one row per clip "
        "and frame. sklearn_temo.extraction.load_landmarks reads it back.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    extract.set_defaults(run=run, refuse=extract.error)
    extract.add_argument(
        "clips",
        nargs="+",
        metavar="CLIPS",
        help="video and image files, and folders, in which they are looked for at any depth",
    )
    extract.add_argument(
        "--out",
        required=True,
        type=_name,
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
        type=_name,
        metavar="DIR",
        help="folder that keeps the landmarks of each clip as soon as they are found, so that no "
        "clip is ever done twice; made if missing (default: none is kept)",
    )
    extract.add_argument(
        "--model",
        type=_name,
        metavar="FILE",
        help="a Face Landmarker .task file (default: the bundled one)",
    )
    extract.add_argument(
        "--failures",
        type=_name,
        metavar="FILE",
        help="a .csv of the clips that could not be used, with the columns source and reason; one "
        "that is there is replaced (default: only the summary has them)",
    )
    extract.add_argument("--quiet", action="store_true", help="no progress, only the summary")


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


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected a name, got nothing")
    return text
