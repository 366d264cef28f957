"""Displays of landmark relevance."""

from ._relevance_display import LandmarkRelevanceDisplay

__all__ = ["LandmarkRelevanceDisplay"]
