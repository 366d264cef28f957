"""Lines that the commands print on stderr."""

from __future__ import annotations

import sys

# Errors that the same command would raise again: a library is missing, the model cannot be used, a
# file may not be read or written.
PERMANENT = (
    *(ImportError, TypeError, ValueError, FileNotFoundError, PermissionError),
    *(FileExistsError, IsADirectoryError, NotADirectoryError),
)


def say(line: str) -> None:
    """Print a line on stderr."""
    print(printable(line), file=sys.stderr, flush=True)


def printable(message: object) -> str:
    r"""Text with line feeds, control characters and undecodable bytes escaped, as ``\n``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
