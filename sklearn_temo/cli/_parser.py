"""Parser of the command line: errors in one line, and options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from ._messages import printable


class CommandParser(argparse.ArgumentParser):
    """Parser of a command. Errors are one line, without the usage."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(**{**kwargs, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Exit with 2 since the arguments are not understood."""
        self.refuse(f"{message}; see {self.prog} --help")

    def refuse(self, reason: object) -> NoReturn:
        """Exit with 2 since an argument, such as a file, cannot be used."""
        self.exit(2, f"{self.prog}: error: {printable(reason)}\n")


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    help: str,
    description: str,
    example: str,
    exit_codes: str,
) -> CommandParser:
    """Add a command to the parser."""
    command: CommandParser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"example:\n  sklearn-temo {name} {example}\n\n{exit_codes}",
    )
    command.set_defaults(run=run, refuse=command.refuse)
    return command


def add_run_options(command: argparse.ArgumentParser, cached: str) -> None:
    """Add the options of a long run; `cached` is what the folder holds."""
    add = command.add_argument
    add("--n-jobs", type=int, metavar="N", help="processes; -1 takes all cores (default: 1)")
    text = f"folder that caches {cached}; created if missing (default: no cache)"
    add("--memory", metavar="DIR", help=text)
    add("--quiet", action="store_true", help="print no progress, only the summary")


def check_run_options(options: argparse.Namespace) -> None:
    """Raise ValueError or OSError if processes or the cache cannot be used."""
    from pathlib import Path

    from ..extraction._cache import open_cache

    if options.n_jobs == 0:
        raise ValueError("--n-jobs must not be 0: pass a number of processes, or -1 for all cores.")
    if options.memory is not None:
        open_cache(Path(options.memory).expanduser())


def name_command(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """Reason why the first argument is no command; None if it is one, or an option."""
    if not arguments or arguments[0].startswith("-") or arguments[0] in names:
        return None
    near = get_close_matches(arguments[0], names, n=1)
    meant = f"; did you mean {near[0]}?" if near else f"; the commands are {', '.join(names)}"
    return f"no command {arguments[0]!r}{meant}"
