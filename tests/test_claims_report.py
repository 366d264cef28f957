"""The benchmark of the claims: people kept apart, and arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from benchmarks.claims import _aligned, _check_people
from benchmarks.claims_folds import (
    Record,
    Split,
    _classifier,
    _n_parameters,
    _one_vs_rest,
    records_of,
)
from benchmarks.claims_report import (
    _agreement,
    _figure_of_faces,
    _table_of_faces,
    nogueira_stability,
    write_report,
)
from sklearn_temo import LandmarkAligner, LandmarkLayout
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.datasets._action_units import moving_landmarks

WITHOUT_MIRROR = [
    f"{kernel} SVM{way}" for kernel in ("linear", "RBF") for way in ("", ", standardised")
]


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
    assert "nan" not in write_report(
        [[records, records]], split.layout, "60 clips", tmp_path / "one"
    )


def test_agreement_is_the_share_that_action_units_move():
    moves = np.flatnonzero(moving_landmarks("happiness"))
    still = np.flatnonzero(~moving_landmarks("happiness"))

    def record(problem, kept):
        names = ("happy", "rest")
        return Record(problem, "IG", len(kept), "T-EMO", tuple(kept), names, names, 1.0, 1.0, 1)

    one = record("happy", [*moves[:20], *still[:20]])
    other = record("happy", [*still[:20], *moves[:20]])
    found = _agreement([[[one], [other]], [[record("gesture", still[:20])]]])
    # Of the first 20 and of all, over both, and by chance; other problems don't count.
    assert list(found) == ["happy"]
    np.testing.assert_allclose(found["happy"], [0.5, 0.5, len(moves) / 468])
    text = _table_of_faces([[[one], [other]]])
    assert text.endswith(f"| mean | 0.50 | 0.50 | {len(moves) / 468:.2f} |")


def test_logistic_regression_on_turned_columns_is_the_same_model(tiny):
    split, _ = tiny
    search = _classifier("logistic regression", split, split.X.shape[1])
    search.fit(split.X[split.train], split.y[split.train], groups=split.groups[split.train])
    turned = search.best_estimator_
    plain = clone(turned).set_params(turn="passthrough", model__tol=1e-8, model__max_iter=5000)
    plain.fit(split.X[split.train], split.y[split.train])
    np.testing.assert_allclose(
        turned.predict_proba(split.X), plain.predict_proba(split.X), atol=5e-3
    )
    assert _n_parameters(turned) == _n_parameters(plain.set_params(turn="passthrough"))


def test_the_picture_of_the_faces_is_drawn(tmp_path):
    names = ("happy", "rest")
    kept = tuple(range(20))
    record = Record("happy", "IG", 20, "T-EMO", kept, names, names, 1.0, 1.0, 1)
    _figure_of_faces([[[record]]], tmp_path / "faces.png")
    assert (tmp_path / "faces.png").read_bytes().startswith(b"\x89PNG")


def test_faces_are_aligned_and_other_landmarks_become_displacements():
    hands = LandmarkLayout(n_frames=3, n_landmarks=21, n_coords=2)
    clips = np.random.default_rng(0).normal(size=(4, *hands.shape))
    found = hands.unflatten(_aligned(hands.flatten(clips), hands))
    np.testing.assert_allclose(found[:, 0], clips[:, 0], rtol=1e-6)
    np.testing.assert_allclose(found[:, 1:], clips[:, 1:] - clips[:, :1], atol=1e-6)
    made = make_expression_clips(n_clips=7, n_frames=2, random_state=0)
    faces = LandmarkLayout(n_frames=2, n_landmarks=468, n_coords=3)
    expected = LandmarkAligner(n_frames=2).fit_transform(made.data)
    np.testing.assert_array_equal(_aligned(made.data, faces), expected)


def test_too_few_people_are_told_before_anything_is_done(tiny):
    split, _ = tiny
    _check_people([split])
    few = replace(split, groups=np.where(split.y == "surprise", 0, split.groups))
    with pytest.raises(SystemExit, match="surprise: a fold trains on 1 people who show it"):
        _check_people([few])


def test_landmarks_without_mirror_partners_are_tried_without_mirror_images(tiny, tmp_path):
    split, records = tiny
    lop_sided = split.X + np.linspace(0, 9, split.X.shape[1], dtype=np.float32)
    names = {record.classifier for record in _one_vs_rest(replace(split, X=lop_sided))}
    assert names == {"T-EMO", *WITHOUT_MIRROR}
    kept = [r for r in records if not r.classifier.endswith(", mirrored")]
    text = write_report([[kept]], split.layout, "few", tmp_path)
    assert "with mirrored clips" not in text
    assert "with mirrored clips" in write_report([[records]], split.layout, "few", tmp_path)
