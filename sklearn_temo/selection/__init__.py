"""Landmarks chosen by Integrated Gradients."""

from ._ig import IGLandmarkSelector

__all__ = ["IGLandmarkSelector"]
