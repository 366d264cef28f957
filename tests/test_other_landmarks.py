"""Landmarks that are not of faces."""

import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/plot_hand_gestures.py"


@pytest.fixture(scope="module")
def hands():
    """What the example of the documentation comes to."""
    mpl.use("Agg")
    return runpy.run_path(str(EXAMPLE))


def test_gestures_of_hands_never_seen_are_told(hands):
    assert hands["scores"].mean() >= 0.95


def test_landmarks_that_take_part_are_kept(hands):
    taking_part = np.abs(hands["pinch"]).sum(axis=1) + np.abs(hands["fold"]).sum(axis=1) > 0
    assert taking_part[hands["kept"]].all()


def test_both_gestures_are_represented(hands):
    kept = np.flatnonzero(hands["kept"])
    assert np.abs(hands["pinch"][kept]).sum() > 0
    assert np.abs(hands["fold"][kept]).sum() > 0


def test_no_mirror_is_imagined(hands):
    fitted = hands["pipe"].fit(hands["X"], hands["gesture"])
    assert fitted[-1].mirror_pairs_ is None
