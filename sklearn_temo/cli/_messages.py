"""What is said in a shell: lines, in the words of the command line."""

from __future__ import annotations

import re
import sys
import unicodedata

# What the package says to those who write Python, and what it is here. Of windows, `None` is an
# open end.
_WORDS = [
    (r"(\bsampling=\([^)]*)\bNone\b", r"\1"),
    (r"(\bsampling=\([^)]*)\bNone\b", r"\1"),
    (r"\bsampling=\(([^,)]*), ([^)]*)\)", r"--sampling=\1:\2"),
    (r"None leaves an end open", "nothing before or behind the colon leaves an end open"),
    (r"\(sampling\)", "(--sampling)"),
    (r'\bon_missing="(\w+)"', r"--on-missing \1"),
    (r"(--on-missing \w+ to fill it, or) \"nan\"", r"\1 --on-missing nan"),
    (r"\bmodel_path=None takes\b", "leave out --model, which takes"),
    (r"\bNone takes the bundled model", "leave it out for the bundled model"),
    (r"\bmodel_path='", "--model '"),
    (r"\bmemory='", "--memory '"),
    (r"\bor None to keep nothing", "or leave it out to keep nothing"),
]


def one_line(message: object) -> str:
    """A message of the package, as a line that a shell can show.

    Parameters
    ----------
    message : object
        An error, a warning or a text.

    Returns
    -------
    str
    """
    text = str(message)
    if isinstance(message, OSError) and message.strerror and message.filename is None:
        # Without the number, which says the same.
        text = message.strerror
    text = " ".join(text.split())
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return printable(text)


def printable(text: str) -> str:
    r"""Text without what would break its line or stop its printing.

    Parameters
    ----------
    text : str
        Names of files may hold line feeds; those that are not UTF-8 come with surrogates.

    Returns
    -------
    str
        These as ``\n``, ``\udce9``.
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def say(line: str) -> None:
    """Print a line where people look.

    Parameters
    ----------
    line : str
    """
    print(printable(line), file=sys.stderr, flush=True)
