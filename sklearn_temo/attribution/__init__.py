"""Integrated Gradients of whole data sets against several baselines."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "integrated_gradients": "._integrated_gradients",
    "landmark_relevance": "._relevance",
    "LandmarkRelevance": "._relevance",
    "make_baselines": "._baselines",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
