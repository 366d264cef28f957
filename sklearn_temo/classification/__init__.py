"""T-EMO: a small temporal network on landmarks, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any

__all__ = ["TEMOClassifier"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ._temo import TEMOClassifier

        return TEMOClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
