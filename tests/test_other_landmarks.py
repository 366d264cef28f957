import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/plot_hand_gestures.py"


@pytest.fixture(scope="module")
def hands():
    """Variables of the gallery example."""
    mpl.use("Agg")
    return runpy.run_path(str(EXAMPLE))


def test_gestures_of_new_subjects_are_classified(hands):
    assert hands["scores"].mean() >= 0.95


def test_kept_landmarks_move_and_include_both_gestures(hands):
    kept = hands["selector"].get_landmark_support()
    pinch, fold = (np.abs(hands[gesture]).sum(axis=1) > 0 for gesture in ("pinch", "fold"))
    assert (pinch | fold)[kept].all()
    assert pinch[kept].any()
    assert fold[kept].any()


def test_no_mirror_pairs_are_found_in_hands(hands):
    fitted = hands["pipe"].fit(hands["X"], hands["y"])
    assert fitted[-1].mirror_pairs_ is None
