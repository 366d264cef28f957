"""Files that are replaced only by complete ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedRandom
from pathlib import Path
from tempfile import TemporaryFile
from uuid import uuid4

# End of the temporary name of a file that is being written.
UNFINISHED = ".unfinished"


def check_writable(path: Path) -> None:
    """Raise OSError if the folder of a file does not exist or cannot be written to."""
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: add the name of a file.")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _not_writable(path, error) from error


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BufferedRandom]:
    """Write a file under a temporary name, and rename it when it is complete.

    `mode` are its access rights, less those that the umask takes away. Raises OSError with the
    name of the file if it cannot be written; an existing file stays.
    """
    path = path.resolve()
    unfinished = path.with_name(f".{uuid4().hex}{UNFINISHED}")
    try:
        with open(unfinished, "x+b", opener=partial(os.open, mode=mode)) as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise _not_writable(path, error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _not_writable(path: Path, error: OSError) -> OSError:
    """Copy of an error that names the file instead of its temporary name."""
    return type(error)(
        f"{str(path)!r} cannot be written ({error.strerror or error}); choose an existing folder "
        "that has room and that you may write to."
    )
