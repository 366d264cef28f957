"""The benchmark of the claims: people kept apart, and arithmetic."""

import numpy as np
import pytest

from benchmarks.claims_folds import Record, Split, records_of
from benchmarks.claims_report import nogueira_stability, write_report
from sklearn_temo import LandmarkLayout


def test_stability_of_equal_sets_is_1_and_of_random_ones_about_0():
    masks = np.zeros((10, 40), dtype=bool)
    masks[:, :8] = True
    assert nogueira_stability(masks) == pytest.approx(1)
    rng = np.random.default_rng(0)
    drawn = np.array([rng.permutation(mask) for mask in masks.repeat(20, axis=0)])
    assert abs(nogueira_stability(drawn)) < 0.02


def test_stability_by_hand():
    # Two sets of two of four, one in common: frequencies 1, .5, .5, 0.
    masks = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=bool)
    variance = 2 * (0.25 + 0.25) / 4
    assert nogueira_stability(masks) == pytest.approx(1 - variance / 0.25)


@pytest.fixture(scope="module")
def tiny():
    """Faces of which a few landmarks tell two emotions, seen by one fold."""
    layout = LandmarkLayout(n_frames=2, n_landmarks=12, n_coords=3)
    rng = np.random.default_rng(0)
    half = rng.normal(size=(6, 3))
    face = np.concatenate([half, half * [-1, 1, 1]])
    clips = np.zeros((60, *layout.shape), dtype=np.float32)
    clips[:, 0] = face + rng.normal(0, 0.05, (60, 12, 3))
    clips[:, 1] = rng.normal(0, 0.1, (60, 12, 3))
    y = np.array(["anger", "happiness", "surprise"])[np.arange(60) % 3]
    clips[y == "happiness", 1, 0] += 1
    clips[y == "surprise", 1, 1] += 1
    people = np.arange(60) // 6
    test = np.flatnonzero(people < 2)
    X = layout.flatten(clips)
    split = Split(X, y, people, np.flatnonzero(people >= 2), test, layout, 0)
    return split, records_of(split)


def test_only_training_people_decide(tiny):
    split, records = tiny
    disguised = split.X.copy()
    disguised[split.test] = 0
    labels = split.y.copy()
    labels[split.test] = "anger"
    other = records_of(
        Split(disguised, labels, split.groups, split.train, split.test, split.layout, 0)
    )
    chosen = {(r.method, r.k): r.kept for r in records if r.problem == "all"}
    assert chosen == {(r.method, r.k): r.kept for r in other if r.problem == "all"}


def test_every_way_is_tried_and_the_report_tells_it(tiny, tmp_path):
    split, records = tiny
    assert {r.method for r in records if r.problem == "all"} == {
        *("IG", "IG by score", "IG progressive", "bottom", "F", "mutual information"),
        *("random 0", "random 1", "random 2"),
    }
    assert {r.problem for r in records} == {"all", "anger", "happiness", "surprise"}
    assert all(len(r.kept) == r.k for r in records)
    text = write_report([[records], [records]], split.layout, "60 clips", tmp_path)
    assert (tmp_path / "claims.md").read_text() == text + "\n"
    assert (tmp_path / "claims.svg").stat().st_size
    for line in ("Fewer landmarks", "Above SVMs", "Above 97 %", "k = 5 against random"):
        assert line in text
    assert isinstance(records[0], Record)
