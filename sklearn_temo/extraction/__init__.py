"""Extraction of face landmarks from clips."""

from __future__ import annotations

from .._clip_window import ClipWindow
from ._blendshape_transformer import BlendshapeTransformer
from ._extraction_report import (
    DoubtfulClipsWarning,
    ExtractionReport,
    ReportedClip,
    SkippedClipsWarning,
)
from ._landmarker import close_landmarkers
from ._landmarks import ClipLandmarks
from ._table import load_landmarks, save_landmarks
from ._transformer import FaceLandmarkTransformer

__all__ = [
    "FaceLandmarkTransformer",
    "BlendshapeTransformer",
    "ClipLandmarks",
    "ClipWindow",
    "ExtractionReport",
    "ReportedClip",
    "SkippedClipsWarning",
    "DoubtfulClipsWarning",
    "save_landmarks",
    "load_landmarks",
    "close_landmarkers",
]
