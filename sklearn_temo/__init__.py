"""Find the face landmarks that matter for an emotion, and classify emotions with only those."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("sklearn-temo")

# Public names and where they live, in the order of the data. They are imported when first used:
# torch, mediapipe and matplotlib take seconds, and few programs need all three.
_HOMES = {
    "FaceLandmarkTransformer": ".extraction",
    "LandmarkAligner": ".alignment",
    "FaceMirror": ".alignment",
    "IGLandmarkSelector": ".selection",
    "TEMOClassifier": ".classification",
    "make_temo_pipeline": ".pipeline",
    "LandmarkRelevanceDisplay": ".inspection",
    "LandmarkLayout": ".layout",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
