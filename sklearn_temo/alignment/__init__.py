"""Alignment of landmarks, and mirror images as additional samples."""

from ._aligner import LandmarkAligner
from ._face_mirror import FaceMirror

__all__ = ["FaceMirror", "LandmarkAligner"]
