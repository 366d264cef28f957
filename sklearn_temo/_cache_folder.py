"""Validation of the `memory` parameter of the estimators."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def cache_folder(memory: Any) -> Path | None:
    """Folder that a `memory` parameter names.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        A path may begin with ``~``.

    Returns
    -------
    Path or None
        None if nothing is cached: `memory` is None, or a ``joblib.Memory(None)``.

    Raises
    ------
    ValueError
        If the path is empty, which would otherwise mean the working directory.
    """
    if memory is None:
        return None
    if isinstance(memory, str | os.PathLike):
        if not os.fspath(memory):
            raise ValueError(
                'memory="" names no folder: pass None to cache nothing, or "." for the working '
                "directory."
            )
        return Path(memory).expanduser()
    return None if memory.location is None else Path(memory.location)
