"""What people type in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ._extract import run_extract
from ._options import Parser, add_extract
from ._standard_error import forgiving_standard_error

__all__ = ["main"]


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
    parser = Parser(
        prog="sklearn-temo",
        description="Face landmarks that matter for an emotion.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_demo(commands)
    add_extract(commands, run_extract)
    with forgiving_standard_error():
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
    from ..demo import run_demo

    run_demo(options.output)
    return 0
