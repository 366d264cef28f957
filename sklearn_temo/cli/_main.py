"""Parser of the command line, and the command ``sklearn-temo demo``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ._extract import add_extract
from ._report import add_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        Arguments after the name of the program; None takes those of the process.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version`` (code 0), or if an argument cannot be used (code 2).
    """
    parser = argparse.ArgumentParser(
        prog="sklearn-temo", description="Find the face landmarks that matter for an emotion."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_demo(commands)
    add_extract(commands)
    add_report(commands)
    options = parser.parse_args(arguments)
    return options.run(options)


def _add_demo(commands: Any) -> None:
    text = "extract embedded clips, find the smiles of 102 people; prints tables, draws a picture"
    demo = commands.add_parser("demo", help=text, description=text)
    demo.set_defaults(run=_demo)
    text = "folder for the picture, created if missing (default: %(default)s)"
    demo.add_argument("--output", type=Path, default="demo_output", metavar="DIR", help=text)


def _demo(options: argparse.Namespace) -> int:
    from ..demo import run_demo

    run_demo(options.output)
    return 0
