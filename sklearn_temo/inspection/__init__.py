"""Displays of landmark relevance, and stability of the selection."""

from ._relevance_display import LandmarkRelevanceDisplay
from ._stability import selection_stability

__all__ = ["LandmarkRelevanceDisplay", "selection_stability"]
