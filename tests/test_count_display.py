"""Display of the score of a search against the number of landmarks."""

from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError

# scikit-learn has HalvingGridSearchCV only after this import.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils._testing import ignore_warnings

from sklearn_temo import (
    LandmarkCountDisplay,
    TEMOClassifier,
    make_temo_pipeline,
    smallest_k,
)
from sklearn_temo.datasets import make_expression_clips

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def cv_results(params, scores, metric="score"):
    """``cv_results_`` of candidates with scores of shape (n_candidates, n_folds)."""
    scores = np.asarray(scores, dtype=float)
    folds = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return {"params": params, f"mean_test_{metric}": scores.mean(axis=1)} | folds


def lines(display):
    """Name, k on the axis, mean and half length of the error bar of each line."""
    found = {}
    for container in display.errorbars_:
        points, _, (bars,) = container.lines
        half = [
            np.ptp(segment[:, 1]) / 2 if len(segment) else np.nan for segment in bars.get_segments()
        ]
        found[container.get_label()] = (*points.get_data(), np.array(half))
    return found


def legend(display):
    (found,) = [*display.figure_.legends, *filter(None, [display.ax_.get_legend()])]
    return [text.get_text() for text in found.get_texts()]


@pytest.fixture(scope="module")
def data():
    """The third column is the label, and the others are noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 8))
    return X, (X[:, 2] + rng.normal(size=90) > 0).astype(int)


@pytest.fixture(scope="module")
def search(data):
    pipe = Pipeline([("select", SelectKBest()), ("classify", SVC())])
    grid = {
        "select__k": [1, 4, "all"],
        "classify": [LogisticRegression(), SVC(kernel="linear"), SVC()],
    }
    search = GridSearchCV(pipe, grid, cv=4, scoring="balanced_accuracy", refit=smallest_k)
    return search.fit(*data)


def test_points_are_mean_scores_and_bars_standard_errors_over_the_folds(search):
    from scipy.stats import sem

    display = LandmarkCountDisplay.from_cv_results(search)
    found = lines(display)
    assert list(found) == ["logistic regression", "linear SVM", "RBF SVM"]
    results = search.cv_results_
    folds = np.array([results[f"split{i}_test_score"] for i in range(4)])
    for i, name in enumerate(found):
        own = [
            j
            for j, params in enumerate(results["params"])
            if params["classify"] is search.param_grid["classify"][i]
        ]
        ks, means, half = found[name]
        np.testing.assert_allclose(means, results["mean_test_score"][own])
        np.testing.assert_allclose(half, sem(folds[:, own], axis=0))
        # Lines are shifted by a little, and "all" is behind the largest number.
        np.testing.assert_allclose(ks, [1, 4, 16], rtol=0.05)
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_xscale() == "log"
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["1", "4", "all"]
    assert display.ax_.get_ylabel() == "balanced accuracy\nmean ± standard error over 4 folds"


def test_the_marked_candidate_is_the_choice_of_smallest_k(search):
    for results in (search, search.cv_results_):
        display = LandmarkCountDisplay.from_cv_results(results)
        assert display.smallest_ == search.best_index_
        chosen = search.best_params_["select__k"]
        assert display.k[display.smallest_] == chosen
        assert f"fewest within 1 standard error: {chosen}" in legend(display)
    assert display.plot(mark_smallest=False).smallest_ is None


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (
            [TEMOClassifier(), LogisticRegression(), TEMOClassifier(randomized=True)],
            ["T-EMO, trained", "logistic regression", "T-EMO, randomized"],
        ),
        ([SVC(kernel="linear", C=2), SVC(C=2)], ["linear SVM", "RBF SVM"]),
        (
            [LinearDiscriminantAnalysis(), GaussianNB()],
            ["linear discriminant analysis", "GaussianNB"],
        ),
        (
            [make_pipeline(StandardScaler(), SVC(C=3)), LogisticRegression(C=3), SVC()],
            ["RBF SVM (C=3)", "logistic regression", "RBF SVM (C=1.0)"],
        ),
        (
            [GridSearchCV(LinearSVC(), {"C": [1, 2]}), LinearSVC()],
            ["linear SVM, tuned", "linear SVM"],
        ),
        (
            [make_pipeline(StandardScaler(), SVC()), make_pipeline(MinMaxScaler(), SVC()), SVC()],
            ["StandardScaler() + SVC()", "MinMaxScaler() + SVC()", "SVC()"],
        ),
        (
            [OneVsRestClassifier(SVC(C=2)), OneVsRestClassifier(LogisticRegression())],
            ["RBF SVM, one against the rest", "logistic regression, one against the rest"],
        ),
        (["passthrough", LogisticRegression()], ["classify='passthrough'", "logistic regression"]),
    ],
)
def test_lines_are_named_by_what_differs(values, names):
    params = [{"classify": value, "select__k": k} for value in values for k in (8, 16)]
    results = cv_results(params, np.linspace(0.5, 0.9, 4 * len(values)).reshape(-1, 2))
    display = LandmarkCountDisplay.from_cv_results(results)
    assert list(dict.fromkeys(display.names)) == names
    assert legend(display)[: len(names)] == names


def test_other_parameters_are_named_by_their_last_part():
    params = [
        {"classify": SVC(), "classify__C": 1, "align__rotation": "full", "select__k": 8},
        {"classify": SVC(), "classify__C": 10, "align__rotation": "full", "select__k": 8},
        {"classify": LinearDiscriminantAnalysis(), "align__rotation": "full", "select__k": 8},
    ]
    display = LandmarkCountDisplay.from_cv_results(cv_results(params, np.full((3, 2), 0.5)))
    assert display.names == ["RBF SVM, C=1", "RBF SVM, C=10", "linear discriminant analysis"]


def test_equal_estimators_of_several_grids_are_one_line_and_passthrough_is_all():
    params = [{"classify": SVC(), "select__k": 8}, {"classify": SVC(), "select": "passthrough"}]
    display = LandmarkCountDisplay.from_cv_results(cv_results(params, [[0.5, 0.6], [0.7, 0.7]]))
    assert display.k == [8, "all"]
    assert len(display.errorbars_) == 1
    assert legend(display)[0] == "best − 1 standard error"  # a single line needs no name


def test_by_draws_the_best_of_the_other_parameters():
    params = [
        {"select__k": k, "classify": classifier, "classify__C": C}
        for classifier in (SVC(), LogisticRegression())
        for k in (8, 16)
        for C in (1, 10, 100)
    ]
    scores = np.random.default_rng(0).uniform(size=(12, 3))
    scores[1] = np.nan
    with pytest.warns(UserWarning, match="1 of 12 candidates"):
        display = LandmarkCountDisplay.from_cv_results(cv_results(params, scores), by="classify")
    means = np.nan_to_num(scores.mean(axis=1)).reshape(2, 2, 3).max(axis=2)
    for (_, drawn, _), expected in zip(lines(display).values(), means, strict=True):
        np.testing.assert_allclose(drawn, expected)
    assert list(lines(display)) == ["RBF SVM", "logistic regression"]
    with pytest.raises(ValueError, match=r"by has \['classifier'\].*'classify', 'classify__C'"):
        LandmarkCountDisplay.from_cv_results(cv_results(params, scores), by=["classifier"])


def test_failed_candidates_leave_a_gap_and_are_named():
    params = [{"select__k": k} for k in (8, 16, 32, 64)]
    results = cv_results(params, [[0.5, 0.6], [np.nan, 0.7], [0.7, 0.7], [0.7, 0.8]])
    with pytest.warns(UserWarning, match=r"1 of 4 candidates .* 1 \({'select__k': 16}\)") as caught:
        display = LandmarkCountDisplay.from_cv_results(results)
    assert caught[0].filename == __file__
    ((_, means, _),) = lines(display).values()
    np.testing.assert_allclose(means, [0.55, np.nan, 0.7, 0.75])
    assert display.smallest_ == 2
    with pytest.raises(ValueError, match="all 2 candidates"):
        LandmarkCountDisplay([8, 16], np.full((2, 3), np.nan)).plot()


def test_shares_are_drawn_with_all_as_1():
    display = LandmarkCountDisplay([0.1, "all", 0.5], [[0.5, 0.6], [0.8, 0.8], [0.7, 0.7]]).plot()
    ((places, _, _),) = lines(display).values()
    np.testing.assert_allclose(places, [0.1, 0.5, 1])
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["0.1", "0.5", "all"]
    with pytest.raises(ValueError, match=r"shares of the landmarks, such as 0\.5, and numbers"):
        LandmarkCountDisplay([32, 0.5], [[0.5], [0.6]]).plot()


def test_labels_of_many_ticks_do_not_overlap():
    ks = [*range(10, 460, 10), "all"]
    display = LandmarkCountDisplay(ks, np.random.default_rng(0).uniform(size=(len(ks), 3))).plot()
    display.figure_.canvas.draw()
    labels = display.ax_.get_xticklabels()
    boxes = [label.get_window_extent() for label in labels]
    assert (labels[0].get_text(), labels[-1].get_text()) == ("10", "all")
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert len(display.ax_.get_xticks()) + len(display.ax_.get_xticks(minor=True)) == len(ks)


@pytest.mark.parametrize("kind", ["deuteranomaly", "protanomaly", "tritanomaly"])
def test_colours_of_six_lines_are_told_apart_with_deficient_colour_vision(kind):
    names = list("abcdef")
    display = LandmarkCountDisplay([8] * 6, np.eye(6)[:, :2], names=names).plot()
    colours = [to_rgb(container.lines[0].get_color()) for container in display.errorbars_]
    assert len({container.lines[0].get_marker() for container in display.errorbars_}) == 6
    vision = {"name": "sRGB1+CVD", "cvd_type": kind, "severity": 100}
    seen = np.clip([cspace_convert(colour, vision, "sRGB1") for colour in colours], 0, 1)
    # In CAM02-UCS, a difference of 1 is about the smallest that is visible.
    assert min(deltaE(*pair, input_space="sRGB1") for pair in combinations(seen, 2)) > 10


def styles(names):
    """Colour, marker and line of each name in a display with these lines."""
    scores = np.random.default_rng(0).uniform(size=(len(names), 2))
    display = LandmarkCountDisplay([8] * len(names), scores, names=names).plot()
    points = [container.lines[0] for container in display.errorbars_]
    return [(each.get_color(), each.get_marker(), each.get_linestyle()) for each in points]


def test_a_method_looks_the_same_in_all_pictures():
    known = ["T-EMO, trained", "T-EMO, randomized", "linear SVM", "RBF SVM", "64 random"]
    expected = [("#0072B2", "o"), ("#D55E00", "D"), ("#009E73", "s"), ("#CC79A7", "^")]
    expected.append(("#7F7F7F", "x"))
    assert [style[:2] for style in styles(known)] == expected
    assert [style[:2] for style in styles(["other", "random forest", *known[::-1]])][
        2:
    ] == expected[::-1]
    assert styles(["RBF SVM, one against the rest"]) == styles(["RBF SVM"])


def test_many_lines_of_one_method_have_different_styles():
    names = [f"RBF SVM (C={C})" for C in range(12)]
    assert len(set(styles(names))) == 12
    colours = [colour for colour, *_ in styles(names)]
    assert colours[0] == "#CC79A7"
    assert len(set(colours[:6])) == 6


def test_the_best_score_with_all_landmarks_is_a_line(search):
    def level(display):
        (label,) = [text for text in legend(display) if text.startswith("all")]
        lines = [line for line in display.ax_.get_lines() if line.get_label() == label]
        return label, lines[0].get_ydata()[0]

    display = LandmarkCountDisplay.from_cv_results(search)
    of_all = [params["select__k"] == "all" for params in search.cv_results_["params"]]
    best = search.cv_results_["mean_test_score"][of_all].max()
    assert level(display) == ("all landmarks: best score", pytest.approx(best))
    scores = [[0.5, 0.6], [0.8, 0.9]]
    display = LandmarkCountDisplay([16, 468], scores, unit="points", n_landmarks=468).plot()
    assert level(display) == ("all 468 points: best score", pytest.approx(0.85))
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["16", "all\n468"]
    display = LandmarkCountDisplay([16, 468], scores).plot()
    assert not any(text.startswith("all") for text in legend(display))


def test_a_fitted_search_knows_all_landmarks_and_its_classifier():
    clips = make_expression_clips(n_clips=42, n_frames=2, random_state=0)
    classifier = TEMOClassifier(randomized=True)
    pipe = make_temo_pipeline(landmarks="passthrough", classifier=classifier, random_state=0)
    search = GridSearchCV(pipe, {"select__k": [64, 468]}, cv=2).fit(clips.data, clips.target)
    display = LandmarkCountDisplay.from_cv_results(search)
    assert display.n_landmarks == 468
    assert legend(display)[0] == "T-EMO, randomized"
    assert "all 468 landmarks: best score" in legend(display)


def test_one_fold_has_no_error_bars():
    params = [{"select__k": k} for k in (8, 16)]
    with pytest.warns(UserWarning, match="single split"):
        display = LandmarkCountDisplay.from_cv_results(cv_results(params, [[0.5], [0.6]]))
    assert "one fold" in display.ax_.get_ylabel()
    assert display.smallest_ == 1


def test_given_axes_are_used_and_names_are_not_read_as_tex():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    display = LandmarkCountDisplay(
        [8, 8], [[0.5, 0.6], [0.6, 0.8]], names=["cost $1", "cost $2"], score_name="accuracy"
    )
    assert display.plot(axes, chance_level=0.25, errorbar_kw={"capsize": 7}) is display
    assert (display.figure_, display.ax_) == (figure, axes)
    assert not figure.legends
    assert legend(display)[:2] == ["cost $1", "cost $2"]
    assert legend(display)[-1] == "chance"
    figure.canvas.draw()


@ignore_warnings(category=UserWarning)
def test_rounds_of_a_successive_halving_are_lines(data):
    pipe = Pipeline([("select", SelectKBest()), ("classify", SVC())])
    search = HalvingGridSearchCV(pipe, {"select__k": [1, 2, 4, 8]}, factor=2, cv=3, random_state=0)
    display = LandmarkCountDisplay.from_cv_results(search.fit(*data))
    sizes = dict.fromkeys(search.cv_results_["n_resources"].tolist())
    assert list(lines(display)) == [f"n_resources={size}" for size in sizes]


def test_wrong_results_are_errors():
    params = [{"select__k": 8}, {"select__k": 16}]
    several = cv_results(params, [[0.5, 0.5]] * 2, "accuracy")
    several |= cv_results(params, [[0.5, 0.5]] * 2, "neg_log_loss")
    with pytest.raises(ValueError, match=r"'accuracy', 'neg_log_loss'.*Pass scoring=\"accuracy\""):
        LandmarkCountDisplay.from_cv_results(several)
    display = LandmarkCountDisplay.from_cv_results(several, scoring="neg_log_loss")
    assert display.score_name == "negative log loss"
    with pytest.raises(ValueError, match=r"no key 'params'.*cv_results_ of a search"):
        LandmarkCountDisplay.from_cv_results({"test_score": [1], "estimator": [None]})
    with pytest.raises(NotFittedError):
        LandmarkCountDisplay.from_cv_results(GridSearchCV(BaseEstimator(), {}))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LandmarkCountDisplay([8, 16, 32], [[0.5, 0.6], [0.6, 0.7]]).plot()


def example_display():
    """Three classifiers, one of them with a failed candidate, on five folds."""
    classifiers = [
        TEMOClassifier(randomized=True),
        make_pipeline(StandardScaler(), SVC(kernel="linear")),
        make_pipeline(StandardScaler(), SVC()),
    ]
    ks = [16, 32, 64, 128, 234, "all"]
    means = np.array([[0.55, 0.68, 0.75, 0.78, 0.79, 0.78], [0.4, 0.5, 0.6, 0.65, 0.7, 0.72]])
    means = np.vstack([means, [0.5, 0.6, 0.7, np.nan, 0.74, 0.76]]).reshape(-1, 1)
    scores = means + np.random.default_rng(0).normal(0, 0.05, (18, 5))
    params = [{"classify": each, "select__k": k} for each in classifiers for k in ks]
    results = cv_results(params, scores, "balanced_accuracy")
    with pytest.warns(UserWarning, match="1 of 18"):
        return LandmarkCountDisplay.from_cv_results(results, chance_level=1 / 7)


@pytest.mark.mpl_image_compare(filename="count.png", savefig_kwargs={"dpi": 80})
def test_picture_of_several_classifiers():
    return example_display().figure_


@pytest.mark.mpl_image_compare(
    filename="count_dark.png", style="dark_background", savefig_kwargs={"dpi": 80}
)
def test_picture_in_a_small_axes_on_a_dark_background():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    example_display().plot(axes)
    return figure
