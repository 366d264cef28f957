"""Live prediction from a camera or a video."""

from __future__ import annotations

from ._predictor import LivePrediction, LivePredictor
from ._run import LiveSummary, run_live

__all__ = ["LivePredictor", "LivePrediction", "run_live", "LiveSummary"]
