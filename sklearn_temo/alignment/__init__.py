"""Head pose removed, displacement from a reference frame, and mirrored samples."""

from ._aligner import LandmarkAligner
from ._face_mirror import FaceMirror

__all__ = ["FaceMirror", "LandmarkAligner"]
