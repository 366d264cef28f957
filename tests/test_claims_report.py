"""Benchmark of the claims: separation of subjects, statistics, verdicts and tables."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from benchmarks.claims import align, check_subjects, main
from benchmarks.claims_figures import METHODS, RBF, draw_forest
from benchmarks.claims_folds import (
    Result,
    Split,
    classifiers_of,
    count_parameters,
    evaluate_fold,
    evaluate_one_vs_rest,
    make_classifier,
    numbers_of_landmarks,
    select_landmarks,
)
from benchmarks.claims_report import (
    action_unit_agreement,
    highest_scores_sentence,
    verdicts,
    write_report,
)
from benchmarks.claims_scores import Evaluation
from sklearn_temo import LandmarkAligner, LandmarkLayout
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.inspection._method_styles import method_styles

PAGE = Path(__file__).parents[1] / "docs/user_guide/claims.rst"
FACE = LandmarkLayout(n_frames=2, n_landmarks=468, n_coords=3)
EMOTIONS = np.array(["anger", "happy", "surprise"])
SUBJECTS = np.arange(60) // 3


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
        *("all", "IG", "IG, trained network", "IG in rounds", "highest IG scores", "F values"),
        *("random", "random mirror pairs"),
    }
    assert {r.problem for r in results} == {"all", "anger", "happiness", "surprise"}
    assert all(len(r.kept) == r.k for r in results)
    text = write_report([[results], [results]], split.groups, split.layout, "60 clips", tmp_path)
    assert (tmp_path / "verdicts.rst").read_text() == text
    assert "nan" not in write_report(
        [[results, results]], split.groups, split.layout, "60 clips", tmp_path / "one"
    )


def test_random_mirror_pairs_hold_both_landmarks_of_each_pair(tiny):
    _, results = tiny
    kept = next(r.kept for r in results if r.method == "random mirror pairs")
    # Landmark i of the face and landmark i + 6 are partners.
    assert {(landmark + 6) % 12 for landmark in kept} == set(kept)


def fake_fold(test, rates, seed):
    """Results of a fold whose classifiers are right at the given rates, 0.8 unless named."""
    rng = np.random.default_rng(seed)
    labels = EMOTIONS[np.arange(60) % 3][test]
    ks, many, _ = numbers_of_landmarks(468)

    def result(problem, method, k, classifier):
        truth = labels if problem == "all" else np.where(labels == problem, problem, "rest")
        wrong = np.roll(EMOTIONS, 1)[np.arange(60) % 3][test]
        wrong = wrong if problem == "all" else np.where(truth == "rest", problem, "rest")
        keys = (classifier, method, k), (problem, classifier, method), (classifier, method)
        rate = next((rates[key] for key in keys if key in rates), 0.8)
        predicted = np.where(rng.random(len(test)) < rate, truth, wrong)
        kept = tuple(rng.permutation(468)[:k])
        return Result(
            problem, method, k, classifier, kept, tuple(test), tuple(truth), tuple(predicted),
            1.0, 1.0, 1,
        )  # fmt: skip

    methods = ["IG", "random", "highest IG scores", "F values"]
    plan = [("all", 468), *((method, k) for k in ks[:-1] for method in methods)]
    plan += [("IG, trained network", k) for k in (5, 10, 20, 64, 128)]
    plan += [("IG in rounds", 20), ("IG in rounds", 128), ("random mirror pairs", 128)]
    results = [
        result("all", method, k, name)
        for method, k in plan
        for name in classifiers_of(method, k, 468)
    ]
    temos = ["T-EMO, trained", "T-EMO, randomized"]
    kinds = ("standard", "tuned", "tuned, mirrored")
    svms = [f"{kernel} SVM, {kind}" for kernel in ("linear", "RBF") for kind in kinds]
    for emotion in EMOTIONS:
        results += [result(emotion, "all", 468, name) for name in (*temos, *svms)]
        results += [result(emotion, "IG", many, name) for name in temos]
    return results


def fake_repeats(rates=None, n_repeats=2):
    """Repeats of two folds with fake results on the full face mesh."""
    folds = np.flatnonzero(SUBJECTS % 2), np.flatnonzero(SUBJECTS % 2 == 0)
    return [
        [fake_fold(test, rates or {}, seed=2 * repeat + i) for i, test in enumerate(folds)]
        for repeat in range(n_repeats)
    ]


def evaluation_of(rates=None):
    return Evaluation(fake_repeats(rates, n_repeats=5), SUBJECTS, 468)


def test_scores_and_errors_are_those_of_scikit_learn():
    repeats = fake_repeats(n_repeats=3)
    evaluation = Evaluation(repeats, SUBJECTS, 468)
    for measure, function in (
        ("accuracy", accuracy_score),
        ("balanced accuracy", balanced_accuracy_score),
    ):
        score = evaluation.score("IG", 20, "linear SVM, tuned", measure=measure)
        expected = []
        for folds in repeats:
            of_folds = [
                next(
                    r
                    for r in fold
                    if (r.method, r.k, r.classifier) == ("IG", 20, "linear SVM, tuned")
                )
                for fold in folds
            ]
            truth = np.concatenate([r.truth for r in of_folds])
            expected.append(100 * function(truth, np.concatenate([r.predicted for r in of_folds])))
        np.testing.assert_allclose(score.repeats, expected)
        assert score.mean == pytest.approx(np.mean(expected))
        assert score.error == pytest.approx(np.std(expected, ddof=1) / np.sqrt(3))
        low, high = score.interval
        assert low < score.mean < high


def test_interval_is_over_subjects():
    # All clips of a subject are right or wrong together: the interval is that of 20 subjects.
    right = SUBJECTS < 10
    truth = EMOTIONS[np.arange(60) % 3]
    predicted = np.where(right, truth, np.roll(EMOTIONS, 1)[np.arange(60) % 3])
    result = Result(
        "all", "IG", 128, "T-EMO, trained", (), tuple(range(60)), tuple(truth), tuple(predicted),
        1.0, 1.0, 1,
    )  # fmt: skip
    score = Evaluation([[[result]]], SUBJECTS, 468).score("IG", 128, "T-EMO, trained")
    assert score.mean == pytest.approx(50)
    error = 100 * 0.5 / np.sqrt(20)
    np.testing.assert_allclose(score.interval, [50 - 1.96 * error, 50 + 1.96 * error], atol=3)


def test_verdicts_follow_the_intervals():
    temo, selected = ("T-EMO, trained", "all"), ("T-EMO, trained", "IG")
    found = {v.title[0]: v.verdict for v in verdicts(evaluation_of({temo: 0.7, selected: 1.0}))}
    assert (found["1"], found["2"], found["3"]) == ("holds", "does not hold", "holds")
    found = {v.title[0]: v.verdict for v in verdicts(evaluation_of({temo: 0.99, selected: 0.7}))}
    assert (found["1"], found["2"], found["3"]) == ("does not hold", "holds", "does not hold")
    svms = {(f"{kernel} SVM, standard", "all"): 0.95 for kernel in ("linear", "RBF")}
    rates = {temo: 1.0, selected: 1.0, ("surprise", *selected): 0.7, **svms}
    found = {v.title[0]: v.verdict for v in verdicts(evaluation_of(rates))}
    assert (found["2"], found["3"]) == ("holds in part", "holds in part")


def test_sentence_on_the_highest_scores_says_what_was_measured():
    name = "linear SVM, tuned"
    low, high = {(name, "highest IG scores"): 0.5}, {(name, "highest IG scores"): 1.0}
    sentence = highest_scores_sentence(evaluation_of(low))
    assert (
        "does worse than random landmarks with a linear SVM at every k from 10 to 128 (" in sentence
    )
    assert "The redundancy step is what makes the selection work" in sentence
    sentence = highest_scores_sentence(evaluation_of(high))
    assert (
        "does not do worse than random landmarks with a linear SVM at any k from 10 to 128"
        in sentence
    )
    assert "does not help at every k" in sentence
    sentence = highest_scores_sentence(
        evaluation_of({**high, (name, "highest IG scores", 20): 0.5})
    )
    assert "SVM at k = 20, but not at k = 10, 40, 64, 128 (" in sentence


def test_page_includes_the_whole_report(tmp_path):
    text = write_report(fake_repeats(), SUBJECTS, FACE, "60 fake clips", tmp_path)
    for number in "1234":
        assert re.search(rf"grid-item-card:: {number}\. ", text)
    assert text.count(":bdg-") == text.count("``make bench-claims``") == 4
    assert "**Choosing by the highest IG score alone**" in text
    assert "60 fake clips" in text
    page = PAGE.read_text()
    included = set(re.findall(r"\.\./claims/([\w.]+)", page))
    for file in tmp_path.glob("*.rst"):
        included |= set(re.findall(r"/claims/([\w.]+)", file.read_text()))
    # The frequencies are those of the faces.
    assert included | {"frequencies.csv"} == {file.name for file in tmp_path.iterdir()}
    for file in tmp_path.glob("*.csv"):
        with file.open(encoding="utf-8") as stream:
            header, *rows = csv.reader(stream)
        assert rows, file
        assert {len(row) for row in rows} == {len(header)}, file
    for file in tmp_path.glob("*.svg"):
        assert "</svg>" in file.read_text()
    for file in tmp_path.glob("*.png"):
        assert file.read_bytes().startswith(b"\x89PNG")
    assert all(f"   :class: only-{theme}\n" in page for theme in ("light", "dark"))


def test_figures_are_drawn_from_the_tables_alone(tmp_path, monkeypatch):
    """Those of the documentation too, without CK+."""
    for file in (PAGE.parents[1] / "claims").glob("*.csv"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr("sys.argv", ["claims", "--draw", "--out", str(tmp_path)])
    main()
    drawn = {file.name for file in tmp_path.iterdir()} - {"verdicts.rst"}
    expected = {file.name for file in (PAGE.parents[1] / "claims").iterdir()} - {"verdicts.rst"}
    assert drawn == expected
    text = (tmp_path / "differences.rst").read_text()
    assert text == (PAGE.parents[1] / "claims/differences.rst").read_text()
    with (tmp_path / "differences.csv").open(encoding="utf-8") as stream:
        rows = {row["landmarks"]: row for row in csv.DictReader(stream)}
    first = rows["128 selected"]["T-EMO, randomized"].split()[0]
    assert f"With 128 selected: T-EMO, trained, −0.5 points, T-EMO, randomized, {first}" in text


def test_forest_shows_the_numbers_of_its_table():
    import matplotlib.pyplot as plt

    cells = ["+1.5 ± 0.5 (−0.5 to +2.5)", "−3.0 (−4.0 to −2.0)"]
    table = [["landmarks", *METHODS[:2]], ["468 (all)", "", cells[0]], ["20 random", *cells[::-1]]]
    lines = draw_forest(plt, table).axes[0].get_lines()
    plt.close("all")
    found = [tuple(line.get_xdata()) for line in lines]
    for numbers in ((0,), (1.5,), (-0.5, 2.5), (-3,), (-4, -2)):
        assert numbers in found
    # A single repeat has no standard error.
    assert found.count((-4, -2)) == 1


def test_lines_of_the_claims_differ_in_marker_or_filling_and_in_dashes():
    styles = method_styles([*METHODS, *RBF])
    assert len({(style.marker, style.filled) for style in styles}) == len(styles)
    assert len({(style.colour, style.line) for style in styles}) == len(styles)


def test_controls_are_paired_differences(tmp_path):
    write_report(fake_repeats(), SUBJECTS, FACE, "60 fake clips", tmp_path)
    with (tmp_path / "controls.csv").open(encoding="utf-8") as stream:
        (_, *classifiers), *rows = csv.reader(stream)
    cells = {row[0]: dict(zip(classifiers, row[1:], strict=True)) for row in rows}
    evaluation = Evaluation(fake_repeats(), SUBJECTS, 468)
    for k in (20, 128):
        pair = ("IG", k, "T-EMO, trained"), ("random", k, "T-EMO, trained")
        expected = evaluation.difference(*pair).as_difference
        assert cells[f"first {k} selected − {k} random"]["T-EMO, trained"] == expected


def one_vs_rest_result(emotion, kept):
    labels = (emotion, "rest")
    return Result(
        emotion, "IG", len(kept), "T-EMO, trained", tuple(kept), (0, 1), labels, labels, 1.0, 1.0, 1
    )


def test_agreement_is_the_share_of_landmarks_that_action_units_move():
    clips = make_expression_clips(n_clips=7, n_frames=2, random_state=0)
    mask = clips.moving[list(clips.target_names).index("happiness")]
    moving, still = np.flatnonzero(mask), np.flatnonzero(~mask)
    folds = [
        [one_vs_rest_result("happy", [*moving[:20], *still[:20]])],
        [one_vs_rest_result("happy", [*still[:20], *moving[:20]])],
        [one_vs_rest_result("not an emotion", still[:20])],
    ]
    agreement = action_unit_agreement(Evaluation([folds], np.arange(2), 468))
    # Among the first 20, among all kept, and among all landmarks.
    assert list(agreement) == ["happy"]
    np.testing.assert_allclose(agreement["happy"], [0.5, 0.5, mask.mean()])


def test_logistic_regression_on_principal_components_is_the_same_model(tiny):
    split, _ = tiny
    search = make_classifier("logistic regression, tuned", split, split.layout.n_landmarks)
    search.fit(split.X[split.train], split.y[split.train], groups=split.groups[split.train])
    rotated = search.best_estimator_
    plain = clone(rotated).set_params(rotate="passthrough", model__tol=1e-8, model__max_iter=5000)
    plain.fit(split.X[split.train], split.y[split.train])
    np.testing.assert_allclose(
        rotated.predict_proba(split.X), plain.predict_proba(split.X), atol=5e-3
    )
    assert count_parameters(rotated) == count_parameters(plain)


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
    svms = {
        f"{kernel} SVM, {kind}" for kernel in ("linear", "RBF") for kind in ("standard", "tuned")
    }
    assert names == {"T-EMO, trained", "T-EMO, randomized", *svms}
    others = [r for r in results if not r.classifier.endswith(", mirrored")]
    write_report([[others]], split.groups, split.layout, "60 clips", tmp_path)
    assert "mirror images" not in (tmp_path / "svms.csv").read_text()
    write_report([[results]], split.groups, split.layout, "60 clips", tmp_path)
    assert "mirror images" in (tmp_path / "svms.csv").read_text()
