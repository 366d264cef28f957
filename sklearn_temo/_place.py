"""Folders that users name."""

from __future__ import annotations

import os


def named_folder(memory: str | os.PathLike[str]) -> str:
    """The folder that `memory` names.

    Parameters
    ----------
    memory : str or path-like
        May begin with ``~``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it names none. Such a string would else be the working directory, where nobody expects
        what is known of a face to be kept.
    """
    if not os.fspath(memory):
        raise ValueError(
            'memory="" names no folder: pass None to keep nothing, or "." for the current one.'
        )
    return os.path.expanduser(memory)
