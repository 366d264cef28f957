"""Parser of the command line, and the command ``sklearn-temo demo``."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from .. import __version__
from ._evaluate import add_evaluate
from ._explain import add_explain
from ._extract import add_extract
from ._live import add_live
from ._messages import say
from ._parser import CommandParser, add_command, name_command
from ._predict import add_predict
from ._report import add_report
from ._train import add_train


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
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as by >&-
            # No context manager: the stream must stay open until Python ends.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        try:
            return _run(list(sys.argv[1:] if arguments is None else arguments))
        finally:
            # Otherwise, Python would find out at its end that nobody reads the output.
            sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        _discard(sys.stdout, sys.stderr)
        return 141
    except OSError as error:
        # Commands handle the errors of all other files.
        _discard(sys.stdout)
        say(f"stopped: the output cannot be written ({error.strerror or error})")
        return 4


def _discard(*streams: TextIO) -> None:
    """Let what is left in the buffers go nowhere, without another error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def make_parser() -> tuple[CommandParser, dict[str, CommandParser]]:
    """Make the parser of ``sklearn-temo``, and those of its commands by name."""
    parser = CommandParser(
        prog="sklearn-temo",
        description="Find the face landmarks that matter for an emotion.",
        epilog="The help of each command, such as sklearn-temo train --help, ends with an example.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_demo(commands)
    for add in (
        add_extract,
        add_train,
        add_evaluate,
        add_predict,
        add_explain,
        add_report,
        add_live,
    ):
        add(commands)
    return parser, commands.choices


def _run(given: list[str]) -> int:
    parser, commands = make_parser()
    if not given:
        parser.print_help(sys.stderr)
        return 2
    if unknown := name_command(given, list(commands)):
        parser.error(unknown)
    options, rest = parser.parse_known_args(given)
    if rest or options.command is None:
        named = commands.get(options.command, parser)
        named.error(f"unknown arguments: {' '.join(rest)}")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
        if "sklearn" not in sys.modules and not getattr(options, "quiet", False):
            # The imports take seconds.
            say(f"{options.command}: loading libraries")
        code: int = options.run(options)
    return code


def _add_demo(commands: Any) -> None:
    text = "extract embedded clips, find the smiles of 102 people; prints tables, draws a picture"
    demo = add_command(
        commands,
        "demo",
        _demo,
        help=text,
        description=text,
        example="--output demo_output",
        exit_codes="exit codes:\n  0    done\n  2    an argument cannot be used\n",
    )
    text = "folder for the picture, created if missing (default: %(default)s)"
    demo.add_argument("--output", type=Path, default="demo_output", metavar="DIR", help=text)


def _demo(options: argparse.Namespace) -> int:
    from ..demo import check_folder, run_demo

    try:
        check_folder(options.output)
    except OSError as error:
        options.refuse(error)
    run_demo(options.output)
    return 0
