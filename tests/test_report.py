"""Reports: what their numbers are, and how they are written."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    StratifiedGroupKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sklearn_temo.report._page
from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkLayout,
    TEMOClassifier,
    TEMORegressor,
    evaluate,
    explain_clips,
    make_temo_pipeline,
    mesh,
    write_report,
)
from sklearn_temo.datasets import load_london_smiles, load_sign_digits, make_expression_clips
from sklearn_temo.evaluation import EVALUATION_CHECKS
from sklearn_temo.extraction import SkippedClipsWarning
from sklearn_temo.report._clips import aligned_landmarks

# Its fits take milliseconds.
FAST = TEMOClassifier(randomized=True)
# The checks are tested elsewhere.
IGNORE = set(EVALUATION_CHECKS) - {"shared_people", "rare_class"}


def pipeline(**parameters):
    return make_temo_pipeline(
        landmarks="passthrough", classifier=FAST, random_state=0, **parameters
    )


@pytest.fixture(scope="module")
def smiles():
    data = load_london_smiles()
    used = np.isin(data.groups, np.unique(data.groups)[:30])
    return data.data[used], data.target[used], data.groups[used]


@pytest.fixture(scope="module")
def smile_evaluation(smiles):
    X, y, groups = smiles
    return evaluate(pipeline(k=64), X, y, groups=groups, cv=3, ignore=IGNORE, random_state=0)


@pytest.fixture(scope="module")
def smile_report(smiles, smile_evaluation, tmp_path_factory):
    X, y, groups = smiles
    path = tmp_path_factory.mktemp("report") / "smiles.html"
    return write_report(
        pipeline(k=64), X, y, groups=groups, evaluation=smile_evaluation, path=path
    ), path


@pytest.fixture(scope="module")
def svm(smiles):
    """An estimator whose report is written in no time, and its evaluation."""
    X, y, groups = smiles
    estimator = make_pipeline(LandmarkAligner(), StandardScaler(), SVC())
    return estimator, evaluate(estimator, X, y, groups=groups, cv=2, ignore=IGNORE, random_state=0)


@pytest.fixture(scope="module")
def moving():
    """Synthetic clips of 4 frames, their evaluation and their report."""
    clips = make_expression_clips(n_clips=84, n_frames=4, random_state=0)
    X, y, groups = clips.data, clips.target, clips.groups
    return (
        X,
        y,
        groups,
        evaluate(pipeline(k=64), X, y, groups=groups, cv=3, ignore=IGNORE, random_state=0),
    )


@pytest.fixture(scope="module")
def moving_report(moving, tmp_path_factory):
    X, y, groups, evaluation = moving
    path = tmp_path_factory.mktemp("report") / "moving.html"
    return write_report(pipeline(k=64), X, y, groups=groups, evaluation=evaluation, path=path)


def test_page_and_numbers_are_written(smile_report):
    report, path = smile_report

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    text = path.with_suffix(".json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == report
    assert "<!DOCTYPE html>" in path.read_text(encoding="utf-8")
    assert sorted(file.name for file in path.parent.iterdir()) == ["smiles.html", "smiles.json"]
    assert path.stat().st_size < 5e6


def test_summary_of_the_data(smile_report):
    data = smile_report[0]["data"]
    assert data["classes"] == [
        {"name": "happiness", "n_clips": 30, "n_people": 30},
        {"name": "neutral", "n_clips": 30, "n_people": 30},
    ]
    assert (data["n_clips"], data["n_people"]) == (60, 30)
    assert (data["n_frames"], data["n_landmarks"]) == (1, 468)
    assert data["extraction"] is None
    assert smile_report[0]["title"] == "TEMOClassifier on 60 clips of 30 people"


def test_scores_and_checks_are_those_of_the_evaluation(smile_report, smile_evaluation):
    report, _ = smile_report
    rows = {row["model"]: row for row in report["scores"]["rows"]}
    assert list(rows) == list(smile_evaluation.scores)
    counts = np.array(report["confusion"]["counts"])
    accuracy = np.trace(counts) / counts.sum()
    assert rows["estimator"]["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-5)
    assert rows["estimator"]["accuracy"]["low"] < accuracy < rows["estimator"]["accuracy"]["high"]
    assert [check["name"] for check in report["checks"]] == [
        check.name for check in smile_evaluation.checks
    ]
    weighted = sum(person["accuracy"] * person["n_clips"] for person in report["people"])
    assert weighted / 60 == pytest.approx(accuracy, abs=1e-5)


def test_the_report_evaluates_people_apart(smiles, tmp_path):
    X, y, groups = smiles
    report = write_report(
        make_pipeline(LandmarkAligner(), FAST), X, y, groups=groups, path=tmp_path / "r.html"
    )
    checks = {check["name"]: check["verdict"] for check in report["checks"]}
    assert checks["shared_people"] == "passed"
    assert sum(map(sum, report["confusion"]["counts"])) == len(y)


def test_relevance_is_that_of_the_estimator_fitted_to_all_clips(smiles, smile_report):
    X, y, _ = smiles
    relevance = smile_report[0]["relevance"]
    selector = pipeline(k=64).fit(X, y)["select"]
    np.testing.assert_allclose(relevance["scores"]["all"], selector.landmark_scores_, rtol=1e-4)
    for name, scores in zip(selector.classes_, selector.landmark_scores_per_class_, strict=True):
        np.testing.assert_allclose(relevance["scores"][name], scores, rtol=1e-4)
    assert relevance["ranking"] == selector.ranking_.tolist()
    assert relevance["k"] == 64
    assert relevance["regions"] == mesh.regions().tolist()


def test_faces_are_the_mean_last_frames_upright(moving, moving_report):
    X, y, _, _ = moving
    positions = moving_report["relevance"]["positions"]
    assert list(positions) == ["all", *np.unique(y)]
    faces = LandmarkAligner(n_frames=4, reference=None).fit_transform(X).reshape(-1, 4, 468, 3)
    expected = faces[y == "happiness", -1].mean(axis=0) * [1, -1, -1]
    found = np.array(positions["happiness"])
    np.testing.assert_allclose(found - found.mean(0), expected - expected.mean(0), atol=1e-4)
    # y is up, and z towards the viewer.
    forehead, chin, nose = found[10], found[152], found[1]
    assert forehead[1] > nose[1] > chin[1]
    assert nose[2] > forehead[2]
    np.testing.assert_allclose(np.mean(positions["all"], axis=0), 0, atol=1e-5)


def test_displacements_are_drawn_as_faces(moving):
    X, layout = np.asarray(moving[0][:5]), LandmarkLayout(4, 468, 3)
    faces = aligned_landmarks(layout.unflatten(X), LandmarkAligner())
    assert np.ptp(faces[:, -1, :, 1], axis=1).min() > 1
    displaced = layout.unflatten(LandmarkAligner().fit_transform(X))
    np.testing.assert_allclose(aligned_landmarks(displaced, SVC()), faces, atol=1e-5)


def test_faces_are_aligned_by_the_aligner_of_a_nested_pipeline(moving):
    clips = LandmarkLayout(4, 468, 3).unflatten(np.asarray(moving[0][:5]))
    full = LandmarkAligner(rotation="full")
    expected = aligned_landmarks(clips, full)
    nested = make_pipeline(make_pipeline(full), SVC())
    np.testing.assert_array_equal(aligned_landmarks(clips, nested), expected)
    assert np.abs(aligned_landmarks(clips, SVC()) - expected).max() > 0.01


def test_clips_are_explained_by_the_estimator_that_did_not_train_on_them(moving, moving_report):
    X, _, groups, evaluation = moving
    right, wrong = moving_report["clips"]["right"], moving_report["clips"]["wrong"]
    assert len(right) == 10
    assert all(clip["true"] == clip["predicted"] == clip["target"] for clip in right)
    assert all(clip["true"] != clip["predicted"] == clip["target"] for clip in wrong)
    for clips in (right, wrong):
        certainties = [clip["probability"] for clip in clips]
        assert certainties == sorted(certainties, reverse=True)
    for clip in [*right[:2], *wrong[:2]]:
        index = int(clip["name"].removeprefix("clip "))
        assert clip["person"] == str(groups[index])
        tester = evaluation.estimators[evaluation.folds[index]]
        expected = explain_clips(tester, X[[index]], target=clip["target"])
        assert clip["logit"] == pytest.approx(expected.logit[0], rel=1e-4)
        np.testing.assert_allclose(clip["shares"], expected.attributions[0].sum(axis=0), atol=1e-5)
        difference = clip["logit"] - clip["base_logit"]
        assert sum(clip["shares"]) == pytest.approx(difference, abs=1e-3)
        assert clip["identity"] + clip["movement"] == pytest.approx(difference, abs=1e-3)
        total = sum(map(sum, clip["by_region"].values()))
        assert total == pytest.approx(difference, abs=1e-3)
        assert clip["n_landmarks"] == 64
        assert np.shape(clip["positions"]) == (468, 3)
        assert clip["frame"] == np.abs(expected.movement[0]).sum(axis=1).argmax()


def test_timeline_is_the_mean_share_of_the_true_class(moving, moving_report):
    X, y, _, evaluation = moving
    timeline = moving_report["timeline"]
    assert timeline["regions"][0] == "forehead"
    assert timeline["times"] is None
    differences = []
    for index in np.flatnonzero(y == "surprise"):
        tester = evaluation.estimators[evaluation.folds[index]]
        explanation = explain_clips(tester, X[[index]], target="surprise")
        differences.append(explanation.logit[0] - explanation.base_logit[0])
    shares = np.array(timeline["shares"]["surprise"])
    assert shares.shape == (len(timeline["regions"]), 4)
    assert shares.sum() == pytest.approx(np.mean(differences), abs=1e-3)


def test_score_against_k_is_that_of_each_fold(smiles, smile_report, smile_evaluation):
    X, y, _ = smiles
    section = smile_report[0]["score_against_k"]
    line = section["lines"][0]
    assert line["k"] == [8, 16, 32, 64, 128, 468]
    cv = PredefinedSplit(smile_evaluation.folds)
    for k in (64, "all"):
        scores = cross_val_score(pipeline(k=k), X, y, cv=cv, scoring="balanced_accuracy")
        at = line["k"].index(468 if k == "all" else k)
        assert line["mean"][at] == pytest.approx(scores.mean(), abs=1e-5)
        error = scores.std(ddof=1) / np.sqrt(3)
        assert line["standard_error"][at] == pytest.approx(error, abs=1e-5)
    best = int(np.argmax(line["mean"]))
    near = np.array(line["mean"]) >= line["mean"][best] - line["standard_error"][best]
    assert section["smallest_k"] == line["k"][int(near.argmax())]


def test_a_fitted_search_shows_its_own_scores(smiles, smile_evaluation, tmp_path):
    X, y, groups = smiles
    grid = {"select__k": [16, "all"], "classify": [FAST, SVC()]}
    search = GridSearchCV(pipeline(), grid, cv=StratifiedGroupKFold(2)).fit(X, y, groups=groups)
    report = write_report(
        search, X, y, groups=groups, evaluation=smile_evaluation, path=tmp_path / "r.html"
    )
    section = report["score_against_k"]
    assert section["metric"] == "accuracy"
    assert [(line["name"], line["style"], line["k"]) for line in section["lines"]] == [
        ("T-EMO, randomized", 1, [16, 468]),
        ("RBF SVM", 3, [16, 468]),
    ]
    means = np.ravel([line["mean"] for line in section["lines"]])
    assert sorted(means) == pytest.approx(sorted(search.cv_results_["mean_test_score"]), abs=1e-5)
    best = search.best_estimator_["select"]
    assert report["relevance"]["ranking"] == best.ranking_.tolist()


def test_a_fitted_estimator_is_used_as_it_is(smiles, smile_evaluation, tmp_path):
    X, y, groups = smiles
    fitted = pipeline(k=20).fit(X[:40], y[:40])
    ranking = fitted["select"].ranking_.copy()
    report = write_report(
        fitted, X, y, groups=groups, evaluation=smile_evaluation, path=tmp_path / "r.html"
    )
    assert report["relevance"]["ranking"] == ranking.tolist()
    assert report["relevance"]["k"] == 20
    np.testing.assert_array_equal(fitted["select"].ranking_, ranking)


def test_an_estimator_without_selector_and_network_has_no_relevance(smiles, svm, tmp_path):
    X, y, groups = smiles
    report = write_report(
        *(svm[0], X, y),
        groups=groups,
        evaluation=svm[1],
        path=tmp_path / "svm.html",
        title="An SVM",
    )
    assert report["title"] == "An SVM"
    for name in ("relevance", "timeline", "clips", "score_against_k", "stability"):
        assert report[name] is None, name


def test_an_estimator_that_knows_no_baselines_has_no_explanations(smiles, tmp_path):
    X, y, groups = smiles
    linear = make_pipeline(LandmarkAligner(), RidgeClassifier())
    evaluation = evaluate(linear, X, y, groups=groups, cv=2, ignore=IGNORE, random_state=0)
    report = write_report(
        linear, X, y, groups=groups, evaluation=evaluation, path=tmp_path / "r.html"
    )
    assert report["clips"] is report["timeline"] is None


def test_without_probabilities_the_logit_tells_the_surest_clips(smiles, tmp_path):
    X, y, groups = smiles
    svm = make_pipeline(LandmarkAligner(), StandardScaler(), SVC(kernel="linear", C=0.01))
    evaluation = evaluate(svm, X, y, groups=groups, cv=2, ignore=IGNORE, random_state=0)
    report = write_report(svm, X, y, groups=groups, evaluation=evaluation, path=tmp_path / "r.html")
    for clips in report["clips"].values():
        logits = [clip["logit"] for clip in clips]
        assert logits == sorted(logits, reverse=True)
        assert all(clip["probability"] is None for clip in clips)
    surest = report["clips"]["right"][0]
    index = int(surest["name"].removeprefix("clip "))
    tester = evaluation.estimators[evaluation.folds[index]]
    assert surest["logit"] == pytest.approx(abs(tester.decision_function(X[[index]])[0]), rel=1e-4)


def test_landmarks_of_a_hand_have_no_regions(tmp_path):
    digits = load_sign_digits()
    used = np.isin(digits.groups, np.unique(digits.groups)[::8]) & np.isin(
        digits.target, ["1", "3", "5"]
    )
    X, y, groups = digits.data[used], digits.target[used], digits.groups[used]
    pipe = make_pipeline(IGLandmarkSelector(k=5, random_state=0), FAST)
    evaluation = evaluate(pipe, X, y, groups=groups, cv=2, ignore=IGNORE, random_state=0)
    report = write_report(
        pipe, X, y, groups=groups, evaluation=evaluation, path=tmp_path / "hands.html"
    )
    relevance = report["relevance"]
    assert relevance["triangles"] == []
    assert relevance["contours"] == {}
    assert relevance["regions"] is report["timeline"] is None
    assert np.shape(relevance["positions"]["5"]) == (21, 3)
    # The fingers of the open hand are above the wrist.
    hand = np.array(relevance["positions"]["5"])
    assert hand[[8, 12, 16, 20], 1].min() > hand[0, 1]
    assert report["score_against_k"]["lines"][0]["k"] == [5, 8, 16, 21]
    assert report["clips"]["right"][0]["by_region"] is None
    assert len(report["clips"]["right"][0]["shares"]) == 21


@pytest.fixture(scope="module")
def video_report(cremad_paths, tmp_path_factory):
    """Report of twelve copies of the six clips, and of a damaged file."""
    folder = tmp_path_factory.mktemp("videos")
    paths = [str(folder / "damaged.mp4")]
    Path(paths[0]).write_bytes(b"no video")
    for i, path in enumerate(cremad_paths * 2):
        paths.append(str(shutil.copy(path, folder / f"{i:02}{Path(path).suffix}")))
    y = np.array(["calm", *(["calm", "lively"] * 6)])
    groups = np.array(["p0", *(f"p{i}" for i in range(12))])
    extractor = FaceLandmarkTransformer(n_frames=2, memory=folder / "cache")
    pipe = make_temo_pipeline(landmarks=extractor, k=32, classifier=FAST, random_state=0)
    with pytest.warns(UserWarning, match="clips could not be used") as caught:
        report = write_report(
            pipe, paths, y, groups=groups, path=folder / "report.html", random_state=0
        )
    return report, paths, y, groups, pipe, [str(warning.message) for warning in caught]


def test_clips_that_cannot_be_read_are_left_out_and_listed(video_report):
    report, paths, *_, messages = video_report
    (skipped,) = report["data"]["extraction"]["skipped"]
    assert skipped["clip"] == paths[0]
    assert skipped["reason"] in next(m for m in messages if "1 of 13 clips could not be used" in m)
    assert report["data"]["n_clips"] == 12
    assert report["data"]["extraction"]["n_clips"] == 13
    assert report["data"]["extraction"]["frames_with_face"] == 24
    assert sum(map(sum, report["confusion"]["counts"])) == 12
    clips = [*report["clips"]["right"], *report["clips"]["wrong"]]
    for clip in clips:
        index = paths.index(clip["name"])
        assert clip["person"] == f"p{index - 1}"
        assert clip["true"] == ["calm", "lively"][(index - 1) % 2]
        assert clip["times"][0] == 0 < clip["times"][1]
    assert report["timeline"]["times"][1] > 1


def test_an_evaluation_of_clips_is_used_without_those_that_were_left_out(video_report, tmp_path):
    report, paths, y, groups, pipe, _ = video_report
    lenient = clone(pipe).set_params(landmarks__on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        evaluation = evaluate(lenient, paths, y, groups=groups, cv=3, ignore=IGNORE)
    with pytest.warns(UserWarning, match="1 of 13 clips could not be used"):
        again = write_report(
            pipe, paths, y, groups=groups, evaluation=evaluation, path=tmp_path / "r.html"
        )
    assert again["data_sha256"] == report["data_sha256"]
    assert again["confusion"]["counts"] == evaluation.confusion.tolist()
    assert {clip["name"] for clip in again["clips"]["right"]} <= set(paths[1:])
    assert again["score_against_k"]["lines"][0]["k"][-1] == 468


def test_no_usable_clip_is_an_error_and_writes_nothing(tmp_path):
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for path in paths:
        path.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"none of the 2 clips could be used; .*a\.mp4"):
        write_report(make_temo_pipeline(), paths, ["x", "y"], path=tmp_path / "r.html")
    assert sorted(tmp_path.iterdir()) == paths


def test_hash_identifies_rows_labels_and_groups(smiles, svm, tmp_path):
    X, y, groups = smiles
    text = json.dumps([y.tolist(), groups.tolist()])
    expected = hashlib.sha256(np.asarray(X, "<f4").tobytes() + text.encode()).hexdigest()
    moved = X.copy()
    moved[0, 0] += 1
    hashes = [
        write_report(svm[0], rows, y, groups=people, evaluation=svm[1], path=tmp_path / "r.html")[
            "data_sha256"
        ]
        for rows, people in ((X, groups), (X.astype(float), groups), (moved, groups), (X, None))
    ]
    assert hashes[:2] == [expected, expected]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("failure", ["page", "disk"])
def test_old_files_stay_when_writing_fails(smiles, svm, tmp_path, monkeypatch, failure):
    X, y, groups = smiles
    (tmp_path / "r.html").write_text("old page")
    (tmp_path / "r.json").write_text("old numbers")

    def fail(*_):
        raise OSError(28, "No space left on device")

    if failure == "page":
        monkeypatch.setattr(sklearn_temo.report._page, "render_page", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_report(
            *(svm[0], X, y),
            groups=groups,
            evaluation=svm[1],
            path=tmp_path / "r.html",
        )
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "r.html": "old page",
        "r.json": "old numbers",
    }


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"path": "report.htm"}, ValueError, r"must end in \.html"),
        ({"path": "gone/r.html"}, FileNotFoundError, "gone/r.html' cannot be written"),
        ({"estimator": TEMORegressor()}, TypeError, "needs a classifier, got TEMORegressor"),
        ({"y": ["a"] * 59}, ValueError, "inconsistent numbers of samples"),
        ({"y": ["a"] * 60}, ValueError, "two classes or more, got only 'a'"),
    ],
)
def test_wrong_arguments_are_rejected_before_the_clips_are_read(
    smiles, tmp_path, monkeypatch, change, error, message
):
    monkeypatch.chdir(tmp_path)
    y = smiles[1]
    arguments = {"estimator": pipeline(), "X": [f"{i}.mp4" for i in range(60)], "y": y}
    monkeypatch.setattr(FaceLandmarkTransformer, "extract", None)
    with pytest.raises(error, match=message):
        write_report(**{**arguments, "path": "r.html", **change})
    assert not list(tmp_path.iterdir())


def test_rows_are_needed_without_extraction(smiles, tmp_path):
    _, y, _ = smiles
    with pytest.raises(ValueError, match=r"shape \(60,\).*FaceLandmarkTransformer"):
        write_report(pipeline(), ["clip.mp4"] * 60, y, path=tmp_path / "r.html")


def test_labels_that_are_not_text_have_one_name(smiles, tmp_path):
    X, y, groups = smiles
    for labels in (y == "happiness", (y == "happiness").astype(float)):
        evaluation = evaluate(
            pipeline(k=64), X, labels, groups=groups, cv=2, ignore=EVALUATION_CHECKS
        )
        report = write_report(
            *(pipeline(k=64), X, labels),
            groups=groups,
            evaluation=evaluation,
            path=tmp_path / "r.html",
        )
        names = report["confusion"]["classes"]
        assert names == list(report["timeline"]["shares"])
        assert names == [each["name"] for each in report["data"]["classes"]]
        assert names == [name for name in report["relevance"]["positions"] if name != "all"]


def test_problems_of_the_evaluation_are_a_warning_that_points_to_the_report(smiles, tmp_path):
    X, y, _ = smiles
    with pytest.warns(UserWarning, match=r"no_groups.*or the report, says"):
        report = write_report(
            make_pipeline(StandardScaler(), SVC()), X, y, path=tmp_path / "r.html"
        )
    assert report["checks"][0]["verdict"] == "warning"


def test_a_single_fold_has_no_stability(smiles, tmp_path):
    X, y, groups = smiles
    holdout = [(np.arange(20, 60), np.arange(20))]
    evaluation = evaluate(pipeline(k=64), X, y, groups=groups, cv=holdout, ignore=EVALUATION_CHECKS)
    report = write_report(
        *(pipeline(k=64), X, y), groups=groups, evaluation=evaluation, path=tmp_path / "r.html"
    )
    assert report["stability"] is None
    assert len(report["clips"]["right"]) + len(report["clips"]["wrong"]) > 9


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_groups_are_rejected_before_the_clips_are_read(tmp_path, monkeypatch, missing):
    monkeypatch.setattr(FaceLandmarkTransformer, "extract", None)
    paths, y, groups = ["a.mp4"] * 4, [0, 1, 0, 1], ["x", "y", "z", missing]
    with pytest.raises(ValueError, match=r"groups is missing .* clip 3"):
        write_report(make_temo_pipeline(), paths, y, groups=groups, path=tmp_path / "r.html")


def test_evaluation_of_other_clips_is_rejected(smiles, smile_evaluation, tmp_path):
    X, y, groups = smiles
    with pytest.raises(ValueError, match="evaluation is of 60 clips, but X has 50"):
        write_report(
            *(pipeline(), X[:50], y[:50]),
            groups=groups[:50],
            evaluation=smile_evaluation,
            path=tmp_path / "r.html",
        )


def test_progress_is_printed(smiles, svm, tmp_path, capsys):
    X, y, groups = smiles
    write_report(
        *(svm[0], X, y),
        groups=groups,
        evaluation=svm[1],
        path=tmp_path / "r.html",
        verbose=1,
    )
    assert "[write_report] 5 of 5 parts" in capsys.readouterr().out


def test_numbers_have_a_short_text(smiles, tmp_path):
    X, y, groups = smiles
    report = write_report(
        make_pipeline(StandardScaler(), SVC()), X, y, groups=groups, path=tmp_path / "r.html"
    )
    assert isinstance(report, dict)
    assert len(repr(report)) < 400
    assert "SVC on" in repr(report)
