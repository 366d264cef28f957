import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import mesh
from sklearn_temo.inspection import LandmarkRelevanceDisplay

mpl.use("Agg")
N = 468


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


class StubSelector(TransformerMixin, BaseEstimator):
    """Selector with the attributes that the display reads; X has one column per landmark."""

    def __init__(self, k=10):
        self.k = k

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.landmark_scores_per_class_ = np.stack(
            [np.abs(X[y == label].mean(axis=0)) + 1e-3 for label in self.classes_]
        )
        self.landmark_scores_ = self.landmark_scores_per_class_.mean(axis=0)
        return self

    def get_landmark_support(self):
        return self.landmark_scores_ >= np.sort(self.landmark_scores_)[-self.k]

    def transform(self, X):
        return X[:, self.get_landmark_support()]


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(0)
    y = np.repeat(["anger", "fear", "happiness"], 12)
    X = random.normal(size=(36, N))
    X[y == "happiness", 5] += 9
    return X, y


def titles(display):
    return [axes.get_title() for axes in display.axes_]


def drawn(display, panel):
    """Colour value, area and outline width of each landmark, in the order of the mesh."""
    scatter = display.scatters_[panel]
    face = mesh.canonical_face()[:, :2]
    shown = np.asarray(scatter.get_offsets())
    where = np.array([np.flatnonzero((shown == point).all(axis=1))[0] for point in face])
    lines = np.resize(scatter.get_linewidths(), len(shown))
    return np.asarray(scatter.get_array())[where], scatter.get_sizes()[where], lines[where]


def test_import_does_not_import_matplotlib():
    code = "import sys, sklearn_temo.inspection; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("n_classes", "columns"), [(2, 2), (3, 3), (6, 3), (7, 4)])
def test_one_panel_per_class_in_rows_of_similar_length(n_classes, columns):
    display = LandmarkRelevanceDisplay.from_scores(np.ones((n_classes, N)))
    assert len(display.axes_) == len(display.scatters_) == n_classes
    assert display.axes_[0].get_gridspec().ncols == columns
    assert display.figure_ is display.axes_[0].figure
    assert len(display.figure_.axes) == n_classes + 1  # no empty panels, one colour bar


def test_colour_is_relevance_divided_by_the_mean_of_its_panel():
    scores = np.random.RandomState(0).rand(2, N)
    display = LandmarkRelevanceDisplay.from_scores(scores * [[1], [1000]])
    for panel, row in enumerate(scores):
        values, sizes, _ = drawn(display, panel)
        np.testing.assert_allclose(values, row / row.mean())
        inside = values < display.colorbar_.vmax
        assert (np.diff(sizes[inside][np.argsort(values[inside])]) >= 0).all()
        assert sizes[values.argmax()] > 3 * sizes[values.argmin()]
    assert display.colorbar_.vmin == 0
    assert "average landmark" in display.colorbar_.ax.get_ylabel()


def test_the_colour_scale_is_not_saturated_and_keeps_average_landmarks_visible():
    scores = np.random.RandomState(0).exponential(size=N)
    display = LandmarkRelevanceDisplay.from_scores(scores)
    values, _, _ = drawn(display, 0)
    assert display.colorbar_.vmax == values.max()
    assert display.colorbar_.extend == "neither"
    # A fifth of the largest value is not among the lowest fifth of the colours.
    assert display.colorbar_.norm(values.max() / 5) > 0.4
    first, second = np.sort(display.colorbar_.norm(values))[:-3:-1]
    assert first - second > 0.02


def test_the_subjects_left_is_on_the_right_and_the_chin_at_the_bottom():
    display = LandmarkRelevanceDisplay.from_scores(np.eye(N)[0] + 1)
    offsets = np.asarray(display.scatters_[0].get_offsets())
    face = mesh.canonical_face()
    assert {tuple(point) for point in offsets} == {tuple(point) for point in face[:, :2]}
    axes = display.axes_[0]
    assert not axes.xaxis_inverted()
    assert not axes.yaxis_inverted()
    assert axes.get_aspect() == 1
    assert not axes.axison


def test_kept_landmarks_are_filled_and_dropped_landmarks_are_small_and_hollow():
    scores = np.ones(N)
    support = np.zeros(N, dtype=bool)
    support[100:150] = True
    display = LandmarkRelevanceDisplay.from_scores(scores, support=support)
    _, sizes, outlines = drawn(display, 0)
    assert (outlines[support] == 0).all()
    assert (outlines[~support] > 0).all()
    assert sizes[support].min() > 2 * sizes[~support].max()
    display.figure_.canvas.draw()
    scatter = display.scatters_[0]
    # In the order in which they are drawn: dropped landmarks first.
    assert np.ma.getmaskarray(scatter.get_array()).tolist() == [True] * (N - 50) + [False] * 50
    assert (scatter.get_facecolors()[: N - 50, 3] == 0).all()
    assert (scatter.get_facecolors()[N - 50 :, 3] == 1).all()
    (legend,) = display.figure_.legends
    assert legend.get_texts()[0].get_text() == "kept (50 of 468)"


def test_most_relevant_landmarks_are_drawn_last():
    scores = np.random.RandomState(0).rand(N)
    display = LandmarkRelevanceDisplay.from_scores(scores)
    assert (np.diff(display.scatters_[0].get_array()) >= 0).all()


def test_single_panel_is_the_unweighted_mean_of_the_classes():
    scores = np.random.RandomState(0).rand(3, N)
    support = np.zeros((3, N), dtype=bool)
    support[[0, 1, 2], [7, 8, 9]] = True
    display = LandmarkRelevanceDisplay.from_scores(
        scores * [[1], [10], [100]], support=support, per_class=False
    )
    values, _, outlines = drawn(display, 0)
    np.testing.assert_allclose(values, (scores / scores.mean(axis=1, keepdims=True)).mean(axis=0))
    assert np.flatnonzero(outlines == 0).tolist() == [7, 8, 9]


def test_irises_are_inside_the_eyes_and_symmetric():
    display = LandmarkRelevanceDisplay.from_scores(np.arange(478.0))
    points = np.asarray(display.scatters_[0].get_offsets())
    for iris, corners in zip((points[468:473], points[473:]), mesh.eye_corners(), strict=True):
        corner_x = mesh.canonical_face()[corners, 0]
        assert corner_x.min() < iris[:, 0].min() <= iris[:, 0].max() < corner_x.max()
    mirrored = points[mesh.mirror_pairs(478)] * [-1, 1]
    np.testing.assert_allclose(mirrored[468:], points[468:], atol=1e-6)


def test_other_landmarks_are_drawn_at_the_given_positions():
    hand = np.random.RandomState(0).rand(21, 2)
    display = LandmarkRelevanceDisplay.from_scores(np.arange(21.0), positions=hand)
    np.testing.assert_array_equal(display.scatters_[0].get_offsets(), hand)
    assert len(display.axes_[0].collections) == 1  # no face behind a hand


def test_given_axes_are_used():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    display = LandmarkRelevanceDisplay(np.ones((2, N)), class_names=["a", "b"]).plot(
        ax=axes, colorbar=False
    )
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    assert titles(display) == ["a", "b"]
    assert display.colorbar_ is None
    with pytest.raises(ValueError, match="one Axes for each of the 2 panels, got 1"):
        display.plot(ax=axes[0])


def test_scatter_keywords_reach_matplotlib():
    display = LandmarkRelevanceDisplay.from_scores(
        np.ones(N), cmap="viridis_r", scatter_kw={"marker": "s", "zorder": 9}
    )
    assert display.scatters_[0].get_zorder() == 9
    assert display.scatters_[0].get_cmap().name == display.colorbar_.cmap.name == "viridis_r"


def test_from_estimator_draws_each_class_of_a_selector(data):
    selector = StubSelector().fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(selector)
    assert titles(display) == ["anger", "fear", "happiness"]
    np.testing.assert_array_equal(display.scores, selector.landmark_scores_per_class_)
    np.testing.assert_array_equal(display.support, selector.get_landmark_support())


def test_from_estimator_draws_all_classes_in_a_single_panel(data):
    selector = StubSelector().fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(selector, per_class=False)
    assert titles(display) == [""]
    np.testing.assert_array_equal(display.scores, selector.landmark_scores_)


def pipeline():
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("inner", make_pipeline("passthrough", StubSelector())),
            ("classify", LogisticRegression()),
        ]
    )


def test_from_estimator_finds_the_selector_in_a_search_of_a_pipeline(data):
    grid = GridSearchCV(pipeline(), {"classify__C": [1.0, 2.0]}, cv=2).fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(grid)
    assert titles(display) == ["anger", "fear", "happiness"]
    selector = grid.best_estimator_["inner"][-1]
    np.testing.assert_array_equal(display.scores, selector.landmark_scores_per_class_)


def test_one_vs_rest_draws_the_selector_of_each_class(data):
    one_vs_rest = OneVsRestClassifier(pipeline()).fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(one_vs_rest)
    assert titles(display) == ["anger", "fear", "happiness"]
    for row, kept, fitted in zip(
        display.scores, display.support, one_vs_rest.estimators_, strict=True
    ):
        np.testing.assert_array_equal(row, fitted["inner"][-1].landmark_scores_)
        np.testing.assert_array_equal(kept, fitted["inner"][-1].get_landmark_support())
    assert len(LandmarkRelevanceDisplay.from_estimator(one_vs_rest, per_class=False).axes_) == 1


def test_one_vs_rest_in_a_pipeline_is_found(data):
    model = make_pipeline(StandardScaler(), OneVsRestClassifier(pipeline())).fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(model)
    assert titles(display) == ["anger", "fear", "happiness"]


def test_one_vs_rest_of_two_classes_draws_the_second_class(data):
    X, y = data
    one_vs_rest = OneVsRestClassifier(pipeline()).fit(X, y == "fear")
    assert titles(LandmarkRelevanceDisplay.from_estimator(one_vs_rest)) == ["True"]


def simple():
    return make_pipeline(StubSelector(), LogisticRegression())


@pytest.mark.parametrize(
    ("estimator", "selectors"),
    [
        (
            make_pipeline(FeatureUnion([("marks", StubSelector())]), LogisticRegression()),
            lambda fitted: [fitted[0].transformer_list[0][1]],
        ),
        (
            make_pipeline(
                ColumnTransformer([("marks", StubSelector(), slice(0, N))]), LogisticRegression()
            ),
            lambda fitted: [fitted[0].named_transformers_["marks"]],
        ),
        (
            CalibratedClassifierCV(simple(), cv=2),
            lambda fitted: [each.estimator[0] for each in fitted.calibrated_classifiers_],
        ),
        (
            VotingClassifier([("one", simple()), ("two", pipeline()), ("none", "drop")]),
            lambda fitted: [fitted.estimators_[0][0], fitted.estimators_[1]["inner"][1]],
        ),
        (
            StackingClassifier([("one", simple())], cv=2),
            lambda fitted: [fitted.estimators_[0][0]],
        ),
        (
            BaggingClassifier(simple(), n_estimators=3, random_state=0),
            lambda fitted: [each[0] for each in fitted.estimators_],
        ),
        (
            GridSearchCV(VotingClassifier([("one", simple())]), {}, cv=2),
            lambda fitted: [fitted.best_estimator_.estimators_[0][0]],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_from_estimator_finds_selectors_in_other_estimators(data, estimator, selectors):
    X, y = data
    fitted = estimator.fit(X, y)
    display = LandmarkRelevanceDisplay.from_estimator(fitted)
    assert titles(display) == ["anger", "fear", "happiness"]
    inner = selectors(fitted)
    mean = np.mean([each.landmark_scores_per_class_ for each in inner], axis=0)
    np.testing.assert_allclose(display.scores, mean)
    kept = np.mean([each.get_landmark_support() for each in inner], axis=0) >= 0.5
    np.testing.assert_array_equal(display.support, kept)
    display = LandmarkRelevanceDisplay.from_estimator(fitted, per_class=False)
    np.testing.assert_allclose(
        display.scores, np.mean([each.landmark_scores_ for each in inner], axis=0)
    )


class StubRegressionSelector(StubSelector):
    """Selector of a regressor."""

    def fit(self, X, y):
        self.landmark_scores_per_output_ = np.abs(y.reshape(len(y), -1).T @ X)
        self.landmark_scores_ = self.landmark_scores_per_output_.mean(axis=0)
        return self


def test_the_selector_of_a_regressor_has_a_panel_for_each_output(data):
    X, _ = data
    y = np.random.RandomState(0).normal(size=(len(X), 3))
    model = make_pipeline(StubRegressionSelector(), LinearRegression())
    selector = model.fit(X, y)[0]
    for estimator in (model, GridSearchCV(model, {}, cv=2).fit(X, y)):
        display = LandmarkRelevanceDisplay.from_estimator(estimator)
        assert titles(display) == ["output 0", "output 1", "output 2"]
        np.testing.assert_array_equal(display.scores, selector.landmark_scores_per_output_)
        np.testing.assert_array_equal(display.support, selector.get_landmark_support())
        single = LandmarkRelevanceDisplay.from_estimator(estimator, per_class=False)
        np.testing.assert_array_equal(single.scores, selector.landmark_scores_)
    display = LandmarkRelevanceDisplay.from_estimator(model.fit(X, y[:, 0]))
    assert titles(display) == [""]
    for_each = MultiOutputRegressor(clone(model)).fit(X, y)
    assert titles(LandmarkRelevanceDisplay.from_estimator(for_each)) == [""]


@pytest.mark.parametrize("cv", [None, 2])
def test_a_frozen_selector_is_found_once(data, cv):
    frozen = FrozenEstimator(simple().fit(*data))
    fitted = CalibratedClassifierCV(frozen, cv=cv).fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(fitted)
    np.testing.assert_array_equal(display.scores, frozen[0].landmark_scores_per_class_)


def test_selectors_of_other_targets_have_a_single_panel(data):
    X, y = data
    two = np.column_stack([y == "anger", y == "fear"]).astype(int)
    for fitted in (
        OneVsOneClassifier(simple()).fit(X, y),
        MultiOutputClassifier(simple()).fit(X, two),
        ClassifierChain(
            make_pipeline(
                ColumnTransformer([("m", StubSelector(), slice(N))]), LogisticRegression()
            )
        ).fit(X, two),
    ):
        display = LandmarkRelevanceDisplay.from_estimator(fitted)
        assert titles(display) == [""]
        assert display.scores.shape == (N,)


def test_binary_wrappers_keep_the_names_of_the_classes(data):
    X, y = data
    y = np.where(y == "anger", "anger", "other")
    for estimator in (
        FixedThresholdClassifier(simple()),
        OneVsOneClassifier(simple()),
        VotingClassifier([("one", simple())]),
    ):
        display = LandmarkRelevanceDisplay.from_estimator(estimator.fit(X, y))
        assert titles(display) == ["anger", "other"]
    nested = VotingClassifier([("rest", OneVsRestClassifier(simple()))]).fit(X, y)
    assert titles(LandmarkRelevanceDisplay.from_estimator(nested)) == ["other"]


def test_an_ensemble_of_one_vs_rest_keeps_a_panel_per_class(data):
    model = VotingClassifier([(name, OneVsRestClassifier(simple())) for name in "ab"]).fit(*data)
    display = LandmarkRelevanceDisplay.from_estimator(model)
    assert titles(display) == ["anger", "fear", "happiness"]
    assert display.support.shape == (3, N)


def test_a_selector_in_a_transformed_target_regressor_is_found(data):
    X, _ = data
    regressor = TransformedTargetRegressor(make_pipeline(StubSelector(), LinearRegression()))
    fitted = regressor.fit(X, np.repeat([0.0, 1.0], 18))
    display = LandmarkRelevanceDisplay.from_estimator(fitted, per_class=False)
    np.testing.assert_array_equal(display.scores, fitted.regressor_[0].landmark_scores_)


def test_selectors_of_different_landmarks_are_an_error(data):
    X, y = data
    union = FeatureUnion(
        [
            ("all", StubSelector()),
            ("few", make_pipeline(ColumnTransformer([("m", StubSelector(), slice(99))]))),
        ]
    )
    with pytest.raises(ValueError, match="selectors of 99 and of 468 landmarks"):
        LandmarkRelevanceDisplay.from_estimator(union.fit(X, y))


@pytest.mark.parametrize("name", ["$100", "a $x_1$ b", r"\frac{", "50% & more_#1"])
@pytest.mark.parametrize("usetex", [False, True])
def test_names_of_classes_are_drawn_literally(name, usetex):
    with mpl.rc_context({"text.usetex": usetex}):
        display = LandmarkRelevanceDisplay.from_scores(
            np.ones((1, N)), class_names=[name], colorbar=False
        )
        (title,) = (axes.title for axes in display.axes_)
        assert title.get_text() == name
        assert not title.get_parse_math()
        assert not title.get_usetex()
    if not usetex:  # the ticks need a TeX installation
        display.figure_.canvas.draw()


@pytest.mark.parametrize(
    "estimator",
    [
        StubSelector(),
        pipeline(),
        VotingClassifier([("one", pipeline())]),
        AdaBoostClassifier(pipeline()),
        GridSearchCV(pipeline(), {}),
        OneVsRestClassifier(pipeline()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_unfitted_estimators_raise_not_fitted_error(estimator):
    with pytest.raises(NotFittedError):
        LandmarkRelevanceDisplay.from_estimator(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(pipeline(), {}, refit=False),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_fitted_estimators_without_a_fitted_selector_raise_type_error(estimator, data):
    with pytest.raises(TypeError, match="contains no fitted landmark selector"):
        LandmarkRelevanceDisplay.from_estimator(estimator.fit(*data))


@pytest.mark.parametrize(
    ("scores", "kwargs", "message"),
    [
        (np.ones(21), {}, "has 21 landmarks.*pass positions of shape"),
        (np.ones(21), {"positions": np.ones((20, 2))}, r"\(21, 2\), or .*, got \(20, 2\)"),
        (-np.ones(N), {}, "must not be negative"),
        (np.full(N, np.nan), {}, "NaN"),
        (np.ones((2, N)), {"class_names": ["a"]}, "1 names, but scores has 2 classes"),
        (np.ones(N), {"support": np.ones(5, dtype=bool)}, r"support must have shape \(468,\)"),
    ],
)
def test_invalid_input_is_named_in_the_error(scores, kwargs, message):
    with pytest.raises(ValueError, match=message):
        LandmarkRelevanceDisplay.from_scores(scores, **kwargs)


def test_class_without_relevance_is_drawn_at_the_low_end_of_the_scale():
    scores = np.stack([np.zeros(N), np.ones(N)])
    display = LandmarkRelevanceDisplay.from_scores(scores)
    assert (display.scatters_[0].get_array() == 0).all()
