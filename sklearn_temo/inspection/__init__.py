"""Pictures of what mattered."""

from ._relevance_display import LandmarkRelevanceDisplay

__all__ = ["LandmarkRelevanceDisplay"]
