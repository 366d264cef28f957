"""Clips that come with the package, made ones, your own folder, and known data sets."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Imported when first used, like the names at the root of the package.
_HOMES = {
    "load_cremad_sample": "._cremad",
    "load_clip_folder": "._folder",
    "make_expression_clips": "._expressions",
    "load_ckplus": "._ckplus",
    "load_ravdess": "._ravdess",
    "fetch_cremad": "._cremad_fetch",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
