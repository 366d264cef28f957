"""Lines that the commands print on stderr, and the exit codes of long runs."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout

# Errors that the same command would raise again: a library is missing, the model cannot be used, a
# file may not be read or written.
_PERMANENT = (
    *(ImportError, TypeError, ValueError, FileNotFoundError, PermissionError),
    *(FileExistsError, IsADirectoryError, NotADirectoryError),
)


def describe_exit_codes(product: str, complete: str, partial: str | None) -> str:
    """Text on the exit codes of a command that writes a `product`.

    `partial` is None if the command needs all clips.
    """
    codes = [
        ("0", complete),
        ("1", f"some clips could not be used; {partial}"),
        ("2", "an argument cannot be used; no clip was read"),
        ("3", f"no clip could be used; no {product} was written"),
        ("4", f"stopped by an error, such as a full disk; no {product} was written"),
        ("130", f"interrupted by Ctrl-C; no {product} was written"),
    ]
    if partial is None:
        del codes[1]
    lines = "\n".join(f"  {code:4} {meaning}" for code, meaning in codes)
    return f"""\
exit codes:
{lines}

A run that writes no {product} leaves an existing file unchanged. Progress, the summary and errors
go to stderr.
"""


def run_long(run: Callable[[], None], product: str, memory: str | None) -> int | None:
    """Run the long part of a command; return its exit code if it failed, otherwise None.

    What it prints goes to stderr. `product` is what it would have written.
    """
    remedy = "; the same command continues where it stopped"
    if memory is None:
        remedy = "; with --memory DIR a run continues where it stopped"
    try:
        with redirect_stdout(sys.stderr):
            run()
    except KeyboardInterrupt:
        say(f"interrupted: no {product} was written{remedy}")
        return 130
    except Exception as error:
        # Otherwise, Python would exit with 1, which means that the product was written.
        if not isinstance(error, (ImportError, OSError, ValueError)):
            traceback.print_exc()
        say(f"stopped: {error}{'' if isinstance(error, _PERMANENT) else remedy}")
        return 4
    return None


def say(line: str) -> None:
    """Print a line on stderr."""
    print(printable(line), file=sys.stderr, flush=True)


def printable(message: object) -> str:
    r"""Text with line feeds, control characters and undecodable bytes escaped, as ``\n``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
