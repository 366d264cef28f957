"""Benchmark of the selection methods: rankings, separation of subjects, and text."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import selectors, selectors_folds
from benchmarks.claims_folds import Split
from benchmarks.selectors_ranking import RANKINGS, spread_out
from sklearn_temo import IGLandmarkSelector, LandmarkLayout, TEMOClassifier

BLIND = {"random", "spread out"}


@pytest.fixture(scope="module")
def tiny():
    """One fold of 12 landmarks, two of which separate three classes."""
    layout = LandmarkLayout(n_frames=2, n_landmarks=12, n_coords=3)
    clips = np.random.default_rng(0).normal(0, 0.1, (60, *layout.shape)).astype(np.float32)
    y = np.array(["anger", "happiness", "surprise"])[np.arange(60) % 3]
    clips[y == "happiness", 1, 3] += 0.3
    clips[y == "surprise", 1, 7] += 0.3
    subjects = np.arange(60) // 6
    train, test = np.flatnonzero(subjects >= 2), np.flatnonzero(subjects < 2)
    return Split(layout.flatten(clips), y, subjects, train, test, layout, seed=0)


@pytest.fixture
def short(monkeypatch):
    """Two rankings, and selectors whose networks are trained for two epochs."""
    rankings = {name: RANKINGS[name] for name in ("random", "F value")}
    monkeypatch.setattr(selectors_folds, "RANKINGS", rankings)
    selector = IGLandmarkSelector(TEMOClassifier(max_epochs=2))
    variants = dict.fromkeys(selectors_folds.SELECTORS, selector)
    monkeypatch.setattr(selectors_folds, "SELECTORS", variants)


@pytest.mark.parametrize("method", RANKINGS)
def test_rankings_order_all_landmarks_and_start_with_those_that_separate(method, tiny):
    X, y = tiny.X[tiny.train], tiny.y[tiny.train]
    order = RANKINGS[method](X, y, tiny.layout, np.random.default_rng(0))
    assert sorted(order) == list(range(12))
    assert method in BLIND or set(order[:2]) == {3, 7}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("method", [*selectors_folds.SELECTORS, "F value"])
def test_selection_depends_on_training_clips_only(method, tiny, short):
    X, y = tiny.X.copy(), tiny.y.copy()
    X[tiny.test] = 0
    y[tiny.test] = "anger"
    _, kept = selectors_folds.select(tiny, method, (2, 5))
    _, other = selectors_folds.select(replace(tiny, X=X, y=y), method, (2, 5))
    assert [len(landmarks) for landmarks in kept] == [2, 5]
    for landmarks, others in zip(kept, other, strict=True):
        np.testing.assert_array_equal(landmarks, others)


def test_spread_out_landmarks_are_the_farthest_in_the_mean_face():
    layout = LandmarkLayout(n_frames=1, n_landmarks=5, n_coords=2)
    line = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [10, 0]])
    order = spread_out(
        layout.flatten(line[None, None]), np.array([0]), layout, np.random.default_rng(0)
    )
    # The middle, then the farthest from it, then the farthest from both.
    np.testing.assert_array_equal(order[:3], [2, 4, 0])


def test_no_subject_is_on_both_sides_and_all_seeds_differ():
    data = selectors.make_quick()
    splits = selectors.splits_of(replace(data, n_repeats=2))
    assert len({split.seed for split in splits}) == len(splits) == 2 * data.n_folds
    for split in splits:
        assert not set(data.groups[split.train]) & set(data.groups[split.test])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_table_has_all_methods_and_a_second_run_evaluates_nothing(
    short, tmp_path, capsys, monkeypatch
):
    arguments = ["--quick", "--n-jobs", "1", "--work", str(tmp_path)]
    selectors.main(arguments)
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("|")]
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]]
    assert names == [*selectors_folds.SELECTORS, *selectors_folds.RANKINGS]
    assert len({row.count("|") for row in rows}) == 1
    assert "nan" not in text
    assert all(f"\n{name}: not the best in " in text for name in selectors_folds.SELECTORS)

    def fail(*args):
        raise AssertionError("evaluated again")

    monkeypatch.setattr(selectors_folds, "select", fail)
    selectors.main(arguments)
    assert capsys.readouterr().out == text


def test_columns_where_another_method_is_better_are_listed(short):
    scores = {
        (method, classifier, k): np.array([0.5, 0.7])
        for method in selectors_folds.methods()
        for classifier in selectors.CLASSIFIERS
        for k in (3, 5)
    }
    scores["F value", "T-EMO", 5] = np.array([0.6, 0.76])
    lines = list(selectors.not_best(scores, (3, 5)))
    assert lines == [
        f"{name}: not the best in 1 of 4 columns: T-EMO, k = 5: -8.0 +- 2.0 points (F value)."
        for name in selectors_folds.SELECTORS
    ]


def test_missing_data_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(selectors, "CKPLUS", tmp_path / "ckplus" / "neutral_apex.npz")
    selectors.main(["--data", "CK+", "--work", str(tmp_path)])
    assert capsys.readouterr().out.startswith("CK+: not available")
