"""What the demo promises of its split, and the command line of its arguments."""

import numpy as np
import pytest

from sklearn_temo import __version__, demo
from sklearn_temo.cli import main

LENGTHS = (56, 61, 70)


@pytest.fixture
def windows():
    """All windows of clips as long as the real ones; the label says the clip."""
    n_windows = [length - demo._WINDOW + 1 for length in LENGTHS]
    start = np.concatenate([np.arange(n) for n in n_windows])
    clip = np.repeat(np.arange(len(LENGTHS)).astype(str), n_windows)
    return demo.Windows(start[:, None], clip, start, np.repeat(LENGTHS, n_windows))


def frames(windows, clip):
    """Numbers of the frames of a clip that are in some window."""
    starts = windows.start[windows.y == clip]
    return np.unique(starts[:, None] + np.arange(demo._WINDOW))


def smallest_distance(first, second):
    return min(
        np.abs(frames(first, clip)[:, None] - frames(second, clip)).min()
        for clip in np.unique(first.y)
    )


def test_no_frame_is_on_both_sides_of_the_test(windows):
    train, test = demo._train_and_test(windows)
    assert set(train.y) == set(test.y) == set(windows.y)
    assert smallest_distance(train, test) > demo._GAP


def test_no_frame_is_on_both_sides_of_a_fold_of_the_search(windows):
    train, _ = demo._train_and_test(windows)
    folds = demo._folds(train)
    assert len(folds) == demo._N_BLOCKS
    for learn, validation in folds:
        sides = [np.isin(np.arange(len(train.y)), side) for side in (learn, validation)]
        learnt, held_out = (train.where(side) for side in sides)
        assert set(learnt.y) == set(held_out.y) == set(train.y)
        assert smallest_distance(learnt, held_out) > demo._GAP


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"sklearn-temo {__version__}\n"


def test_the_demo_writes_where_it_is_told(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(demo, "run_demo", asked.append)
    assert main(["demo", "--output", str(tmp_path / "here")]) == 0
    assert asked == [tmp_path / "here"]
