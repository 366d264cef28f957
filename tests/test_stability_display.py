"""Display of the stability of a selection."""

import matplotlib as mpl
import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_temo import SelectionStabilityDisplay, mesh, selection_stability

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def random_supports(n_landmarks=468, k=32, n_selections=5, preference=30.0):
    """Selections that prefer the first landmarks."""
    rng = np.random.default_rng(0)
    p = np.exp(-np.arange(n_landmarks) / preference)
    supports = np.zeros((n_selections, n_landmarks), dtype=bool)
    for support in supports:
        support[rng.choice(n_landmarks, k, replace=False, p=p / p.sum())] = True
    return supports


def expected_at_random(display):
    """Right edge of each step of the line of random selections, by decreasing share."""
    (line,) = display.axes_[-1].lines
    assert line.get_drawstyle() == "steps-post"
    edges, heights = line.get_data()
    return edges[1:], heights[:-1]


def test_bars_are_the_shares_of_the_landmarks_in_decreasing_order():
    supports = random_supports()
    display = SelectionStabilityDisplay.from_supports(supports)
    shares = np.sort(supports.mean(axis=0))[::-1]
    for bar in display.axes_[-1].containers[0]:
        first, last = round(bar.get_x()), round(bar.get_x() + bar.get_width())
        np.testing.assert_allclose(shares[first:last], bar.get_height())
    assert last == (shares > 0).sum()


def test_colours_of_face_and_bars_are_the_same():
    supports = random_supports()
    display = SelectionStabilityDisplay.from_supports(supports)
    scatter = display.scatter_
    face = mesh.canonical_face()[:, :2]
    where = [np.flatnonzero((face == point).all(axis=1))[0] for point in scatter.get_offsets()]
    shares = scatter.get_array()
    np.testing.assert_allclose(shares.data, supports.mean(axis=0)[where])
    np.testing.assert_array_equal(shares.mask, ~supports.any(axis=0)[where])
    assert (np.diff(shares.data) >= 0).all()
    for bar in display.axes_[-1].containers[0]:
        np.testing.assert_allclose(bar.get_facecolor(), scatter.to_rgba(bar.get_height()))


def test_random_selections_of_equal_size_are_binomial():
    display = SelectionStabilityDisplay.from_supports(random_supports(k=32))
    edges, heights = expected_at_random(display)
    expected = 468 * binom.sf([4, 3, 2, 1, 0], 5, 32 / 468)
    assert (expected >= 0.5).tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(heights, [0.6, 0.4, 0.2])
    np.testing.assert_allclose(edges, expected[2:])


def test_random_selections_of_different_sizes_agree_with_a_simulation():
    rng = np.random.default_rng(0)
    sizes, n_landmarks, n_repeats = [5, 20, 60, 10], 100, 2000
    supports = np.array([np.arange(n_landmarks) < size for size in sizes])
    edges, _ = expected_at_random(SelectionStabilityDisplay.from_supports(supports))
    counts = [
        rng.permuted(np.tile(support, (n_repeats, 1)), axis=1).astype(int) for support in supports
    ]
    simulated = [(np.sum(counts, axis=0) >= m).sum(axis=1).mean() for m in (3, 2, 1)]
    np.testing.assert_allclose(edges, simulated, atol=0.3)


class FirstColumns(TransformerMixin, BaseEstimator):
    """A landmark selector that keeps the columns with the largest mean; a column is a landmark."""

    def fit(self, X, y):
        self.landmark_scores_ = np.exp(X.mean(axis=0))
        return self

    def get_landmark_support(self):
        return self.landmark_scores_ >= np.sort(self.landmark_scores_)[-3]

    def transform(self, X):
        return X[:, self.get_landmark_support()]


def test_every_source_shows_what_selection_stability_computes():
    X = np.random.default_rng(0).normal(size=(60, 20))
    pipe = make_pipeline(FirstColumns(), LogisticRegression())
    folds = cross_validate(pipe, X, np.arange(60) % 2, cv=4, return_estimator=True)
    result = selection_stability(folds["estimator"], confidence_level=0.9)
    options = {"confidence_level": 0.9}
    for display in (
        SelectionStabilityDisplay.from_cv_results(folds, **options),
        SelectionStabilityDisplay.from_estimators(folds["estimator"], **options),
        SelectionStabilityDisplay.from_supports(result.supports, **options),
    ):
        np.testing.assert_array_equal(display.supports, result.supports)
        assert display.result_.stability == result.stability
        low, high = result.confidence_interval
        assert display.figure_.get_suptitle() == (
            f"stability {result.stability:.2f} (90 % interval: {low:.2f} to {high:.2f})"
        )
    with pytest.raises(ValueError, match=r"no key 'estimator'.*return_estimator=True"):
        SelectionStabilityDisplay.from_cv_results({"test_score": [1.0]})
    with pytest.raises(TypeError, match=r"got one Pipeline.*return_estimator=True"):
        SelectionStabilityDisplay.from_cv_results(pipe)


def test_other_landmarks_have_a_face_only_if_positions_are_passed():
    supports = random_supports(21, 5, preference=4)
    display = SelectionStabilityDisplay.from_supports(supports)
    assert len(display.axes_) == 1
    assert display.scatter_ is None
    hand = np.random.default_rng(0).uniform(size=(21, 2))
    display = SelectionStabilityDisplay.from_supports(supports, positions=hand)
    assert len(display.axes_) == 2
    assert not display.axes_[0].patches  # no face behind a hand
    with pytest.raises(ValueError, match=r"\(21, 2\), got \(20, 2\)"):
        SelectionStabilityDisplay.from_supports(supports, positions=hand[:20])


def test_irises_are_landmarks_too():
    display = SelectionStabilityDisplay.from_supports(random_supports(478))
    assert "of 478" in display.axes_[1].get_xlabel()
    assert len(display.axes_) == 2


def test_stability_is_undefined_if_everything_is_kept():
    display = SelectionStabilityDisplay.from_supports(np.ones((3, 30), dtype=bool))
    assert "undefined" in display.figure_.get_suptitle()
    np.testing.assert_allclose(expected_at_random(display)[0], [30, 30, 30])


def test_given_axes_are_used():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    display = SelectionStabilityDisplay(random_supports())
    assert display.plot(axes, cmap="cividis") is display
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    assert display.scatter_.get_cmap().name == "cividis"
    assert "stability" in axes[1].get_title()
    with pytest.raises(ValueError, match="two Axes, for the face and for the frequencies; got 1"):
        display.plot(axes[0])
    with pytest.raises(ValueError, match="one Axes; got 2"):
        SelectionStabilityDisplay(random_supports(21, 5)).plot(axes)


@pytest.mark.mpl_image_compare(filename="stability.png", savefig_kwargs={"dpi": 80})
def test_picture_of_a_face():
    return SelectionStabilityDisplay.from_supports(random_supports()).figure_


@pytest.mark.mpl_image_compare(
    filename="stability_dark.png", style="dark_background", savefig_kwargs={"dpi": 80}
)
def test_picture_of_a_face_on_a_dark_background():
    return SelectionStabilityDisplay.from_supports(random_supports()).figure_


@pytest.mark.mpl_image_compare(filename="stability_hand.png", savefig_kwargs={"dpi": 80})
def test_picture_of_other_landmarks():
    return SelectionStabilityDisplay.from_supports(random_supports(21, 8, preference=5)).figure_
