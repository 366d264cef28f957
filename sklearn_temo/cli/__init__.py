"""Command line ``sklearn-temo``."""

from ._main import main

__all__ = ["main"]
