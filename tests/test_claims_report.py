"""Benchmark of the claims: separation of subjects, statistics and text."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from benchmarks.claims import align, check_subjects
from benchmarks.claims_folds import (
    Result,
    Split,
    count_parameters,
    evaluate_fold,
    evaluate_one_vs_rest,
    make_classifier,
    select_landmarks,
)
from benchmarks.claims_report import (
    action_unit_agreement,
    action_unit_table,
    draw_faces,
    write_report,
)
from sklearn_temo import LandmarkAligner, LandmarkLayout
from sklearn_temo.datasets import make_expression_clips


@pytest.fixture(scope="module")
def tiny():
    """One fold of symmetric faces of 12 landmarks, two of which separate the emotions."""
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
    subjects = np.arange(60) // 6
    test = np.flatnonzero(subjects < 2)
    train = np.flatnonzero(subjects >= 2)
    split = Split(layout.flatten(clips), y, subjects, train, test, layout, seed=0)
    return split, evaluate_fold(split)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_selection_depends_on_training_clips_only(tiny):
    split, results = tiny
    X, y = split.X.copy(), split.y.copy()
    X[split.test] = 0
    y[split.test] = "anger"
    other = select_landmarks(replace(split, X=X, y=y))
    kept = {(r.method, r.kept) for r in results if r.problem == "all"}
    assert kept == {(method, tuple(landmarks.tolist())) for method, landmarks in other}


def test_all_methods_are_evaluated_and_reported(tiny, tmp_path):
    split, results = tiny
    assert {r.method for r in results if r.problem == "all"} == {
        *("IG", "IG by score", "IG progressive", "bottom", "F", "mutual information"),
        *("random 0", "random 1", "random 2"),
    }
    assert {r.problem for r in results} == {"all", "anger", "happiness", "surprise"}
    assert all(len(r.kept) == r.k for r in results)
    text = write_report([[results], [results]], split.layout, "60 clips", tmp_path)
    assert (tmp_path / "claims.md").read_text() == text + "\n"
    assert (tmp_path / "claims.svg").stat().st_size
    for claim in ("Fewer landmarks", "above SVMs", "above 97 %", "selected minus random"):
        assert claim in text
    one_repeat = write_report([[results, results]], split.layout, "60 clips", tmp_path / "one")
    assert "nan" not in one_repeat


def one_vs_rest_result(emotion, kept):
    labels = (emotion, "rest")
    return Result(emotion, "IG", len(kept), "T-EMO", tuple(kept), labels, labels, 1.0, 1.0, 1)


def test_agreement_is_the_share_of_landmarks_that_action_units_move():
    clips = make_expression_clips(n_clips=7, n_frames=2, random_state=0)
    mask = clips.moving[list(clips.target_names).index("happiness")]
    moving, still = np.flatnonzero(mask), np.flatnonzero(~mask)
    folds = [
        [one_vs_rest_result("happy", [*moving[:20], *still[:20]])],
        [one_vs_rest_result("happy", [*still[:20], *moving[:20]])],
        [one_vs_rest_result("not an emotion", still[:20])],
    ]
    agreement = action_unit_agreement([folds])
    # Among the first 20, among all kept, and among all landmarks.
    assert list(agreement) == ["happy"]
    np.testing.assert_allclose(agreement["happy"], [0.5, 0.5, mask.mean()])
    assert action_unit_table([folds]).endswith(f"| mean | 0.50 | 0.50 | {mask.mean():.2f} |")


def test_logistic_regression_on_principal_components_is_the_same_model(tiny):
    split, _ = tiny
    search = make_classifier("logistic regression", split, split.layout.n_landmarks)
    search.fit(split.X[split.train], split.y[split.train], groups=split.groups[split.train])
    rotated = search.best_estimator_
    plain = clone(rotated).set_params(rotate="passthrough", model__tol=1e-8, model__max_iter=5000)
    plain.fit(split.X[split.train], split.y[split.train])
    np.testing.assert_allclose(
        rotated.predict_proba(split.X), plain.predict_proba(split.X), atol=5e-3
    )
    assert count_parameters(rotated) == count_parameters(plain)


def test_faces_are_drawn(tmp_path):
    draw_faces([[[one_vs_rest_result("happy", range(20))]]], tmp_path / "faces.png")
    assert (tmp_path / "faces.png").read_bytes().startswith(b"\x89PNG")


def test_faces_are_aligned_and_other_landmarks_become_displacements():
    hands = LandmarkLayout(n_frames=3, n_landmarks=21, n_coords=2)
    clips = np.random.default_rng(0).normal(size=(4, *hands.shape))
    aligned = hands.unflatten(align(hands.flatten(clips), hands))
    np.testing.assert_allclose(aligned[:, 0], clips[:, 0], rtol=1e-6)
    np.testing.assert_allclose(aligned[:, 1:], clips[:, 1:] - clips[:, :1], atol=1e-6)
    faces = make_expression_clips(n_clips=7, n_frames=2, random_state=0)
    expected = LandmarkAligner().fit_transform(faces.data)
    np.testing.assert_array_equal(align(faces.data, faces.layout), expected)


def test_too_few_subjects_of_a_class_exit_before_the_evaluation(tiny):
    split, _ = tiny
    check_subjects([split])
    few = replace(split, groups=np.where(split.y == "surprise", 0, split.groups))
    with pytest.raises(SystemExit, match="class surprise: the training set of a fold has 1 subj"):
        check_subjects([few])


def test_landmarks_without_mirror_pairs_are_evaluated_without_mirror_images(tiny, tmp_path):
    split, results = tiny
    asymmetric = split.X + np.linspace(0, 9, split.X.shape[1], dtype=np.float32)
    names = {result.classifier for result in evaluate_one_vs_rest(replace(split, X=asymmetric))}
    svms = {"linear SVM", "RBF SVM", "linear SVM, standardised", "RBF SVM, standardised"}
    assert names == {"T-EMO", *svms}
    others = [r for r in results if not r.classifier.endswith(", mirrored")]
    assert "mirror images" not in write_report([[others]], split.layout, "60 clips", tmp_path)
    assert "mirror images" in write_report([[results]], split.layout, "60 clips", tmp_path)
