"""Scores, intervals, other models and checks of evaluate."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkLayout,
    TEMOClassifier,
    evaluate,
)
from sklearn_temo.datasets import load_london_smiles, make_expression_clips
from sklearn_temo.evaluation import EVALUATION_CHECKS, Evaluation
from sklearn_temo.extraction import ExtractionReport, ReportedClip

SMALL_NETWORK = TEMOClassifier(max_epochs=2, n_components=8, random_state=0)
BAYES = GaussianNB()
SVM = SVC(kernel="linear", C=0.01)


class FirstColumn(ClassifierMixin, BaseEstimator):
    """Predicts the label that the first column holds, so that tests set the predictions."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.asarray(X)[:, 0].astype(int)]


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(
        n_clips=120,
        n_frames=2,
        n_subjects=20,
        emotions=["happiness", "surprise", "anger"],
        random_state=0,
    )


@pytest.fixture(scope="module")
def with_selector():
    selector = IGLandmarkSelector(SMALL_NETWORK, k=64, random_state=0)
    return make_pipeline(LandmarkAligner(), selector, StandardScaler(), SVM)


@pytest.fixture(scope="module")
def clean(clips, with_selector) -> Evaluation:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return evaluate(
            with_selector, clips.data, clips.target, groups=clips.groups, random_state=0
        )


def verdicts(result: Evaluation) -> dict[str, str]:
    return {check.name: check.verdict for check in result.checks}


def check(result: Evaluation, name: str):
    return next(check for check in result.checks if check.name == name)


def run_check(name, estimator, X, y, **arguments):
    """Result of one check."""
    others = EVALUATION_CHECKS.keys() - {name}
    arguments = {"cv": 2, "n_bootstraps": 10, "random_state": 0} | arguments
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*checks of the evaluation found problems")
        result = evaluate(estimator, X, y, ignore=others, **arguments)
    return check(result, name)


def set_predictions(right, y):
    """Columns with which FirstColumn is right where it is asked to be; labels are 0 and 1."""
    column = np.where(right, y, 1 - y)
    return np.column_stack([column, np.random.default_rng(0).normal(size=(len(y), 3))])


def test_missing_values_are_left_to_the_estimator(clips):
    X = clips.data[:, :30].copy()
    X[::7, 3] = np.nan
    estimator = make_pipeline(SimpleImputer(), SVM)
    result = evaluate(estimator, X, clips.target, cv=2, ignore=EVALUATION_CHECKS)
    assert set(result.scores) == {"estimator", "majority class", "best SVM"}


@pytest.mark.parametrize("routing", [False, True])
def test_frozen_steps_and_metadata_routing(clips, routing):
    estimator = make_pipeline(FrozenEstimator(LandmarkAligner()), StandardScaler(), SVM)
    with config_context(enable_metadata_routing=routing):
        result = run_check("identity", estimator, clips.data, clips.target, groups=clips.groups)
    assert result.numbers["n_people"] == 20


def test_few_people_and_rare_classes_give_no_warnings_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 30)), np.tile([0, 1, 2], 4)
    y[3:] %= 2
    search = GridSearchCV(SVM, {"C": [1]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for estimator, cv in ((SVM, LeaveOneGroupOut()), (search, StratifiedKFold(2)), (SVM, 3)):
            evaluate(
                *(estimator, X, y),
                groups=np.arange(12) // 3,
                cv=cv,
                ignore=EVALUATION_CHECKS,
                random_state=0,
            )
        # One training clip of each class: no inner folds.
        evaluate(SVM, X[:4], [0, 1, 0, 1], groups=[0, 0, 1, 1], cv=2, ignore=EVALUATION_CHECKS)


# Scores ---------------------------------------------------------------------------------------


def test_scores_are_those_of_the_pooled_predictions(clips):
    cv = StratifiedGroupKFold(3)
    result = evaluate(BAYES, clips.data[:, :30], clips.target, groups=clips.groups, cv=cv)
    predicted = cross_val_predict(
        BAYES, clips.data[:, :30], clips.target, groups=clips.groups, cv=cv
    )
    np.testing.assert_array_equal(result.predictions, predicted)
    of_estimator = result.scores["estimator"]
    assert of_estimator["accuracy"].value == pytest.approx(accuracy_score(clips.target, predicted))
    balanced = balanced_accuracy_score(clips.target, predicted)
    assert of_estimator["balanced_accuracy"].value == pytest.approx(balanced)
    np.testing.assert_array_equal(result.confusion, confusion_matrix(clips.target, predicted))
    person = clips.groups == 3
    assert result.people[3] == (person.sum(), (predicted == clips.target)[person].mean())
    proba = cross_val_predict(
        BAYES, clips.data[:, :30], clips.target, groups=clips.groups, cv=cv, method="predict_proba"
    )
    np.testing.assert_allclose(result.probabilities, proba)


@pytest.mark.filterwarnings("ignore:.*checks of the evaluation")
def test_interval_over_clips_agrees_with_scipy():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 200)
    right = random.random(200) < 0.7
    result = evaluate(
        FirstColumn(), set_predictions(right, y), y, cv=2, n_bootstraps=9999, random_state=0
    )
    expected = bootstrap([right], np.mean, method="percentile", rng=random).confidence_interval
    _, low, high = result.scores["estimator"]["accuracy"]
    np.testing.assert_allclose([low, high], expected, atol=0.01)


def test_interval_resamples_people_with_all_their_clips():
    # Each person has 20 equal clips: the interval is that of 50 people, not of 1000 clips.
    random = np.random.default_rng(0)
    is_right = np.repeat(random.permutation(np.arange(50) < 35), 20)
    groups, y = np.repeat(np.arange(50), 20), np.tile([0, 1], 500)
    result = evaluate(
        FirstColumn(),
        set_predictions(is_right, y),
        y,
        groups=groups,
        n_bootstraps=4000,
        random_state=0,
        ignore=["dominant_person", "unequal_folds"],
    )
    value, low, high = result.scores["estimator"]["accuracy"]
    width = 2 * norm.ppf(0.975) * np.sqrt(0.7 * 0.3 / 50)
    assert value == pytest.approx(0.7)
    assert high - low == pytest.approx(width, rel=0.1)


def test_differences_are_paired():
    # The estimator is right where the majority class is right, and in 20 more clips.
    y = np.repeat([0, 1], [60, 40])
    right = (y == 0) | (np.arange(100) >= 80)
    groups = np.random.default_rng(0).permutation(100)
    result = evaluate(
        FirstColumn(),
        set_predictions(right, y),
        y,
        groups=groups,
        n_bootstraps=4000,
        random_state=0,
        ignore=["dominant_person"],
    )
    value, low, high = result.differences["majority class"]["accuracy"]
    assert value == pytest.approx(0.2)
    width = 2 * norm.ppf(0.975) * np.sqrt(0.2 * 0.8 / 100)
    assert high - low == pytest.approx(width, rel=0.1)


@pytest.mark.filterwarnings("ignore:.*checks of the evaluation")
def test_clips_that_are_not_tested_are_marked(clips):
    fold = np.where(np.arange(120) < 60, -1, 0)
    result = evaluate(BAYES, clips.data[:, :30], clips.target, cv=PredefinedSplit(fold))
    np.testing.assert_array_equal(result.folds, fold)
    assert set(result.predictions[:60]) == {None}
    assert result.confusion.sum() == 60
    assert np.isnan(result.probabilities[:60]).all()
    np.testing.assert_allclose(result.probabilities[60:].sum(axis=1), 1, rtol=1e-4)


def test_same_random_state_gives_the_same_result(clips):
    first, second = (
        evaluate(
            BAYES,
            clips.data[:, :30],
            clips.target,
            groups=clips.groups,
            random_state=0,
            ignore=EVALUATION_CHECKS,
        )
        for _ in range(2)
    )
    assert first.scores == second.scores
    np.testing.assert_array_equal(first.folds, second.folds)


def test_people_are_apart_by_default(clips, clean):
    for person in np.unique(clips.groups):
        assert len(set(clean.folds[clips.groups == person])) == 1


# Other models ---------------------------------------------------------------------------------


def test_other_models(clips, clean):
    assert list(clean.scores) == [
        "estimator",
        "majority class",
        "random landmarks",
        "best SVM",
    ]
    assert clean.scores["majority class"]["balanced_accuracy"].value == pytest.approx(1 / 3)
    assert clean.scores["best SVM"]["accuracy"].value > 0.8


def test_estimators_without_selector_are_not_compared_with_random_landmarks(clips):
    result = evaluate(BAYES, clips.data[:, :30], clips.target, groups=clips.groups, cv=2)
    assert "random landmarks" not in result.scores


def test_random_landmarks_are_as_many_as_the_search_selects(clips, with_selector, monkeypatch):
    from sklearn_temo.evaluation import _models

    numbers = []

    class Spy(_models.RandomLandmarks):
        def fit(self, X, y=None):
            super().fit(X)
            numbers.append(self.get_landmark_support().sum())
            return self

    monkeypatch.setattr(_models, "RandomLandmarks", Spy)
    search = GridSearchCV(
        with_selector, {"iglandmarkselector__k": [7, 30]}, cv=StratifiedGroupKFold(2)
    )
    result = run_search(search, clips)
    chosen = [fitted.best_params_["iglandmarkselector__k"] for fitted in result.estimators]
    assert numbers == np.repeat(chosen, _models.N_RANDOM_DRAWS).tolist()


def run_search(search, clips, **arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*checks of the evaluation found problems")
        return evaluate(
            search,
            clips.data,
            clips.target,
            groups=clips.groups,
            cv=2,
            random_state=0,
            **arguments,
        )


class RecordingSplitter(StratifiedGroupKFold):
    seen: list = []

    def split(self, X, y, groups=None):
        self.seen.append(groups)
        return super().split(X, y, groups)


@pytest.mark.parametrize("is_last_step", [False, True])
def test_searches_are_nested_and_get_the_groups_of_the_training_clips(clips, is_last_step):
    RecordingSplitter.seen.clear()
    grid = {"var_smoothing": [1e-9, 1e-3]}
    search = GridSearchCV(BAYES, grid, cv=RecordingSplitter(2))
    estimator = make_pipeline(StandardScaler(), search) if is_last_step else search
    result = evaluate(
        estimator,
        clips.data[:, :30],
        clips.target,
        groups=clips.groups,
        cv=2,
        random_state=0,
        ignore=EVALUATION_CHECKS,
    )
    for i, groups in enumerate(RecordingSplitter.seen[:2]):
        np.testing.assert_array_equal(groups, clips.groups[result.folds != i])


def test_nothing_is_learned_from_test_clips(clips, with_selector):
    test = np.isin(clips.groups, [1, 4, 5, 9])
    split = [(np.flatnonzero(~test), np.flatnonzero(test))]
    changed_X, changed_y = clips.data.copy(), clips.target.copy()
    changed_X[test] = changed_X[test][::-1] * 1.5
    changed_y[test] = "anger"
    estimators = [
        evaluate(
            with_selector, X, y, groups=clips.groups, cv=split, ignore=EVALUATION_CHECKS
        ).estimators[0]
        for X, y in ((clips.data, clips.target), (changed_X, changed_y))
    ]
    first, second = (estimator["svc"].coef_ for estimator in estimators)
    np.testing.assert_array_equal(first, second)


# Extraction -----------------------------------------------------------------------------------


class Extracted(FaceLandmarkTransformer):
    """Clips are indices of rows that were extracted before; clip 5 has no face."""

    rows = None
    calls: list[int] = []

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        return self.transform(X)

    def transform(self, X):
        self.calls.append(len(X))
        rows = self.rows[[int(path[4:]) for path in X]]
        is_skipped = [path == "clip5" for path in X]
        rows[is_skipped] = np.nan
        skipped = tuple(
            ReportedClip(i, "clip5", "no face") for i in np.flatnonzero(is_skipped).tolist()
        )
        self.report_ = ExtractionReport(len(X), 0, skipped)
        return rows


@pytest.fixture
def paths(clips):
    Extracted.rows = clips.data
    Extracted.calls.clear()
    return [f"clip{i}" for i in range(len(clips.data))]


def test_clips_are_extracted_once_and_skipped_ones_are_not_tested(clips, paths):
    pipe = make_pipeline(Extracted(), LandmarkAligner(), StandardScaler(), SVM)
    result = evaluate(pipe, paths, clips.target, groups=clips.groups, random_state=0)
    assert Extracted.calls == [120]
    assert np.flatnonzero(result.folds == -1).tolist() == [5]
    assert "warning" not in verdicts(result).values()
    assert verdicts(result)["near_duplicates"] == verdicts(result)["identity"] == "passed"
    # The estimators of the folds take clips, not rows.
    test = np.flatnonzero(result.folds == 2)
    predicted = result.estimators[2].predict([paths[i] for i in test])
    np.testing.assert_array_equal(predicted, result.predictions[test])


def test_folds_of_which_all_clips_are_skipped_are_left_out(clips, paths):
    pipe = make_pipeline(Extracted(), SVM)
    halves = np.arange(60), np.arange(60, 120)
    cv = [(halves[1], [5]), (halves[0], halves[1])]
    result = evaluate(pipe, paths, clips.target, cv=cv, ignore=EVALUATION_CHECKS)
    assert len(result.estimators) == 1
    assert (result.folds == np.repeat([-1, 0], 60)).all()


def test_searches_of_the_extraction_extract_in_each_fit(clips, paths):
    pipe = make_pipeline(Extracted(), LandmarkAligner(), StandardScaler(), SVM)
    grid = {"extracted__max_gap": [0.5, 1.0]}
    kept = [i for i in range(120) if i != 5]
    evaluate(
        GridSearchCV(pipe, grid, cv=StratifiedGroupKFold(2)),
        [paths[i] for i in kept],
        clips.target[kept],
        groups=clips.groups[kept],
        cv=2,
        ignore=EVALUATION_CHECKS,
    )
    assert len(Extracted.calls) > 8


# Checks ---------------------------------------------------------------------------------------


def test_clean_data_pass_all_checks(clean):
    assert verdicts(clean) == dict.fromkeys(EVALUATION_CHECKS, "passed") | {"k_at_edge": "not run"}


def test_london_passes_all_checks():
    smiles = load_london_smiles()
    pipe = make_pipeline(LandmarkAligner(rotation="full"), StandardScaler(), SVM)
    result = evaluate(pipe, smiles.data, smiles.target, groups=smiles.groups, random_state=0)
    assert "warning" not in verdicts(result).values()


def test_docstring_lists_all_checks():
    assert all(f"`{name}`" in evaluate.__doc__ for name in EVALUATION_CHECKS)


def test_ignored_checks_are_not_run(clips):
    result = evaluate(BAYES, clips.data[:, :30], clips.target, ignore=EVALUATION_CHECKS)
    assert set(verdicts(result).values()) == {"ignored"}


def test_problems_are_a_warning_that_names_the_checks(clips):
    with pytest.warns(UserWarning, match="found problems: no_groups"):
        evaluate(BAYES, clips.data[:, :30], clips.target)


def test_missing_groups_are_found(clips):
    found = run_check("no_groups", BAYES, clips.data[:, :30], clips.target)
    assert found.verdict == "warning"


def test_people_on_both_sides_are_found(clips):
    found = run_check(
        "shared_people",
        BAYES,
        clips.data[:, :30],
        clips.target,
        groups=clips.groups,
        cv=StratifiedKFold(2),
    )
    assert found.verdict == "warning"
    assert found.numbers["n_people_on_both_sides"] > 15


def test_people_on_both_sides_of_a_search_are_found(clips):
    search = GridSearchCV(BAYES, {"var_smoothing": [1e-9, 1e-3]}, cv=2)
    found = run_check(
        "shared_people", search, clips.data[:, :30], clips.target, groups=clips.groups
    )
    assert found.verdict == "warning"
    assert found.numbers["n_people_on_both_sides"] == 0
    assert found.numbers["n_people_on_both_sides_of_the_search"] > 0


@pytest.mark.parametrize("n_frames", [4, 8])
@pytest.mark.parametrize("is_aligned", [False, True])
def test_windows_of_a_clip_are_found(is_aligned, n_frames):
    # Three windows of each clip, which overlap by half.
    clips = make_expression_clips(
        n_clips=40, n_frames=2 * n_frames, emotions=["anger", "fear"], n_subjects=40, random_state=0
    )
    whole = clips.layout.unflatten(clips.data)
    starts = (0, n_frames // 2, n_frames)
    windows = np.concatenate([whole[:, start : start + n_frames] for start in starts])
    X, y = windows.reshape(120, -1), np.tile(clips.target, 3)
    if is_aligned:
        X = LandmarkAligner().fit_transform(X)
    found = run_check(
        "near_duplicates",
        make_pipeline(StandardScaler(), SVM),
        X,
        y,
        groups=np.arange(120),
        random_state=0,
    )
    assert found.verdict == "warning"
    assert found.numbers["n_near_duplicates"] > 60
    people = np.tile(clips.groups, 3)
    apart = run_check(
        "near_duplicates", make_pipeline(StandardScaler(), SVM), X, y, groups=people, random_state=0
    )
    assert apart.verdict == "passed"


def test_frozen_selections_are_found(clips, with_selector):
    selected = clone(with_selector[:2]).fit(clips.data, clips.target)
    pipe = make_pipeline(FrozenEstimator(selected), StandardScaler(), SVM)
    found = run_check("outside_selection", pipe, clips.data, clips.target, groups=clips.groups)
    assert found.verdict == "warning"
    assert "frozen Pipeline" in found.message
    stateless = make_pipeline(FrozenEstimator(LandmarkAligner()), StandardScaler(), SVM)
    found = run_check("outside_selection", stateless, clips.data, clips.target)
    assert found.verdict == "passed"


@pytest.mark.parametrize("container", ["LandmarkArray", "DataFrame"])
def test_landmarks_that_were_selected_before_are_found(clips, container):
    kept = np.arange(468) % 22 == 0
    layout = LandmarkLayout(2, kept.sum(), 3)
    X = layout.attach(clips.data[:, clips.layout.feature_mask(kept)])
    if container == "DataFrame":
        X = pd.DataFrame(np.asarray(X), columns=layout.feature_names(np.flatnonzero(kept)))
    found = run_check(
        "outside_selection",
        make_pipeline(StandardScaler(), SVM),
        X,
        clips.target,
        groups=clips.groups,
    )
    assert found.verdict == "warning"
    assert found.numbers["n_landmarks"] == 22


def test_rare_classes_are_found(clips):
    is_rare = clips.target == "anger"
    few = np.flatnonzero(is_rare)[np.isin(clips.groups[is_rare], [0, 1, 2])]
    kept = np.concatenate([np.flatnonzero(~is_rare), few])
    found = run_check(
        "rare_class",
        BAYES,
        clips.data[kept, :30],
        clips.target[kept],
        groups=clips.groups[kept],
        cv=LeaveOneGroupOut(),
    )
    assert found.verdict == "warning"
    assert "anger (3 people)" in found.message


def test_the_only_person_of_a_class_does_not_carry_the_score():
    y = np.repeat([0, 1], 50)
    people = np.arange(100) // 5
    column = np.where(np.arange(100) % 5, y, 1)
    y[:5], column[:5] = 2, 0
    X = np.column_stack([column, np.random.default_rng(0).normal(size=(100, 3))])
    result = run_check("dominant_person", FirstColumn(), X, y, groups=people)
    assert result.verdict == "passed"


def test_a_person_who_carries_the_score_is_found():
    # 40 of 100 clips are of one person, who is always recognised; the others are guessed.
    random = np.random.default_rng(0)
    groups = np.concatenate([np.zeros(40, int), np.arange(1, 61)])
    y = np.tile([0, 1], 50)
    right = (groups == 0) | (random.random(100) < 0.5)
    X = set_predictions(right, y)
    found = run_check("dominant_person", FirstColumn(), X, y, groups=groups, cv=3)
    assert found.verdict == "warning"
    assert "without person 0" in found.message
    tested_without = balanced_accuracy_score(y[40:], X[40:, 0])
    assert found.numbers["without"] == pytest.approx(tested_without)


@pytest.mark.parametrize(
    ("grid", "verdict"),
    [([2, 5], "warning"), ([5, 468], "passed"), ([5, "all"], "passed"), ([1, 2, 5], "warning")],
)
def test_k_at_the_edge_of_its_grid_is_found(clips, grid, verdict):
    search = GridSearchCV(
        make_pipeline(LandmarkAligner(), KeepsFirst(), StandardScaler(), SVM),
        {"keepsfirst__k": grid},
        cv=StratifiedGroupKFold(2),
        refit=lambda results: len(results["params"]) - 1,
    )
    found = run_check("k_at_edge", search, clips.data, clips.target, groups=clips.groups, cv=2)
    assert found.verdict == verdict


class KeepsFirst(BaseEstimator):
    def __init__(self, k=1):
        self.k = k

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X)[:, : 6 if self.k == "all" else self.k]


@pytest.mark.parametrize(("accuracies", "verdict"), [((1, 0.5), "warning"), ((0.7, 0.8), "passed")])
def test_folds_that_disagree_are_found(accuracies, verdict):
    random = np.random.default_rng(0)
    fold, y = np.repeat([0, 1], 50), np.tile([0, 1], 50)
    right = random.random(100) < np.take(accuracies, fold)
    X = set_predictions(right, y)
    groups = np.arange(100)
    found = run_check("unequal_folds", FirstColumn(), X, y, groups=groups, cv=PredefinedSplit(fold))
    assert found.verdict == verdict


def test_unstable_selections_are_found(clips):
    labels = np.random.default_rng(0).permutation(clips.target)
    selector = IGLandmarkSelector(SMALL_NETWORK, k=3, random_state=0)
    pipe = make_pipeline(LandmarkAligner(), selector, StandardScaler(), SVM)
    found = run_check("unstable_selection", pipe, clips.data, labels, groups=clips.groups, cv=3)
    assert found.verdict == "warning"
    assert found.numbers["stability"] < 0.4


def test_people_who_are_recognised_better_than_classes_are_found(clips):
    labels = np.random.default_rng(0).permutation(clips.target)
    pipe = make_pipeline(LandmarkAligner(), StandardScaler(), SVM)
    found = run_check("identity", pipe, clips.data, labels, groups=clips.groups, random_state=0)
    assert found.verdict == "warning"
    assert found.numbers["people"] > found.numbers["classes"]


# Errors and text ------------------------------------------------------------------------------


@pytest.mark.parametrize("ignore", [["people"], "no_groups"])
def test_unknown_checks_are_an_error_that_lists_the_checks(clips, ignore):
    with pytest.raises(ValueError, match="shared_people"):
        evaluate(BAYES, clips.data, clips.target, ignore=ignore)


def test_regressors_are_an_error(clips):
    with pytest.raises(TypeError, match="classifier, got Ridge"):
        evaluate(Ridge(), clips.data, clips.target)


def test_one_class_is_an_error(clips):
    with pytest.raises(ValueError, match="two classes"):
        evaluate(BAYES, clips.data, np.zeros(120, int))


def test_repeated_tests_of_a_clip_are_an_error(clips):
    with pytest.raises(ValueError, match="several times"):
        evaluate(
            DummyClassifier(), clips.data, clips.target, cv=RepeatedStratifiedKFold(n_splits=2)
        )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"groups": ["a"] * 119 + [np.nan]}, ValueError, "groups is missing .* clip 119"),
        ({"groups": [None] * 2 + ["a"] * 118}, ValueError, "groups is missing .* for 2 of 120"),
        ({"groups": np.array([1, "a"] * 60, object)}, TypeError, "several types, int, str"),
        ({"groups": "subject"}, ValueError, "one value for each clip, got 'subject'"),
        ({"y": ["a", "b"] * 59 + ["a", None]}, ValueError, "y is missing .* clip 119"),
        ({"y": np.eye(2)[np.arange(120) % 2]}, ValueError, "y must have one value for each clip"),
        ({"ignore": None}, ValueError, "ignore must be a collection .* no_groups"),
        ({"n_bootstraps": 0}, ValueError, "n_bootstraps == 0"),
        ({"cv": 0}, ValueError, "at least one train/test split"),
        ({"cv": 21}, ValueError, "21 folds need .* people 20, .* or fewer folds"),
        ({"groups": ["a"] * 120}, ValueError, r"2 folds need .* people 1, .* more people\.$"),
        ({"cv": []}, ValueError, "cv has no folds"),
        ({"cv": [([], range(9))]}, ValueError, "fold 0 .* not of two classes"),
        ({"cv": [(range(120), [])]}, ValueError, "fold 0 .* no test clips"),
        ({"estimator": GridSearchCV(SVM, {}, refit=False)}, ValueError, "refit=True"),
        ({"estimator": GridSearchCV(SVM, {}, cv=[([0], [1])])}, ValueError, "list of splits"),
    ],
)
def test_wrong_arguments_are_rejected_before_anything_is_fitted(
    clips, monkeypatch, arguments, error, message
):
    monkeypatch.setattr(GaussianNB, "fit", None)
    given = {"estimator": BAYES, "X": clips.data, "y": clips.target, "groups": clips.groups}
    with pytest.raises(error, match=message):
        evaluate(**given | arguments)


def test_there_are_fewer_folds_than_five_for_few_people(clips):
    used = np.isin(clips.groups, np.unique(clips.groups)[:3])
    X, y, groups = clips.data[used, :30], clips.target[used], clips.groups[used]
    result = evaluate(BAYES, X, y, groups=groups, ignore=EVALUATION_CHECKS, random_state=0)
    assert len(result.estimators) == 3
    assert (result.folds >= 0).all()


def test_a_column_of_labels_is_accepted(clips):
    result = evaluate(
        BAYES, clips.data[:, :30], clips.target[:, None], cv=2, ignore=EVALUATION_CHECKS
    )
    assert result.predictions.shape == (120,)


def test_text_has_the_scores_and_the_problems(clips):
    with pytest.warns(UserWarning, match="found problems"):
        result = evaluate(BAYES, clips.data[:, :30], clips.target, random_state=0)
    text = str(result)
    assert "120 tested clips, 3 classes, 5 folds" in text
    assert str(result.scores["best SVM"]["accuracy"]) in text
    assert "warning  no_groups: the people are not known" in text
    assert all(len(line) <= 100 for line in text.splitlines())
