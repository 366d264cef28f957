"""Displays of relevance, explanations, scores and selections, and stability of a selection."""

from ._clip_display import ClipExplanationDisplay
from ._count_display import LandmarkCountDisplay
from ._relevance_display import LandmarkRelevanceDisplay
from ._stability import selection_stability
from ._stability_display import SelectionStabilityDisplay
from ._timeline_display import RelevanceTimelineDisplay

__all__ = [
    "ClipExplanationDisplay",
    "LandmarkCountDisplay",
    "LandmarkRelevanceDisplay",
    "RelevanceTimelineDisplay",
    "SelectionStabilityDisplay",
    "selection_stability",
]
