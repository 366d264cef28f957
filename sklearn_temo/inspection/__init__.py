"""Displays of relevance, scores and selections, and stability of a selection."""

from ._count_display import LandmarkCountDisplay
from ._relevance_display import LandmarkRelevanceDisplay
from ._stability import selection_stability
from ._stability_display import SelectionStabilityDisplay

__all__ = [
    "LandmarkCountDisplay",
    "LandmarkRelevanceDisplay",
    "SelectionStabilityDisplay",
    "selection_stability",
]
