"""Face landmarks out of clips: what people pass in, decoded, detected and laid out as rows."""

from __future__ import annotations

from ._clip_landmarks import ClipLandmarks
from ._report import ExtractionReport, SkippedClip, SkippedClipsWarning
from ._table import load_landmarks, save_landmarks
from ._transformer import FaceLandmarkTransformer

__all__ = [
    "FaceLandmarkTransformer",
    "ClipLandmarks",
    "ExtractionReport",
    "SkippedClip",
    "SkippedClipsWarning",
    "save_landmarks",
    "load_landmarks",
]
