"""Warnings attributed to the user's code."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Packages that may call this one on behalf of the user.
_LIBRARIES = {"sklearn_temo", "sklearn", "joblib", "contextlib", "skorch", "pickle"}


def warn_user(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line of the call stack that belongs to the user.

    Lines of this package and of scikit-learn, joblib, skorch, contextlib and pickle are skipped.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning, default=UserWarning
        Ignored where `message` is a Warning.
    """
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and _top_package(frame) in _LIBRARIES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _top_package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
