"""Displays of landmark relevance and of explanations, and stability of the selection."""

from ._clip_display import ClipExplanationDisplay
from ._relevance_display import LandmarkRelevanceDisplay
from ._stability import selection_stability
from ._timeline_display import RelevanceTimelineDisplay

__all__ = [
    "ClipExplanationDisplay",
    "LandmarkRelevanceDisplay",
    "RelevanceTimelineDisplay",
    "selection_stability",
]
