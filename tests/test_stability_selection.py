"""Landmark selection with control of the number of false landmarks."""

from itertools import combinations

import numpy as np
import pytest
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_temo import (
    IGLandmarkSelector,
    LandmarkLayout,
    StabilityLandmarkSelector,
    TEMOClassifier,
    TEMORegressor,
    selection_stability,
)

N_LANDMARKS = 60
LAYOUT = LandmarkLayout(n_frames=2, n_landmarks=N_LANDMARKS, n_coords=1)
MOVING = np.arange(N_LANDMARKS) % 20 < 5


class LinearSelector(BaseEstimator):
    """Scores of a linear model in closed form, in the place of IGLandmarkSelector."""

    fits: list[tuple] = []

    def __init__(
        self, k=1, redundancy="avoid", step=None, n_frames=None, n_coords=1, random_state=None
    ):
        self.k = k
        self.redundancy = redundancy
        self.step = step
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.random_state = random_state

    def fit(self, X, y):
        self.fits.append((self.get_params(), X, y))
        X = X - X.mean(axis=0)
        weight = X.T @ (y - y.mean())
        moves = np.abs(X * weight).mean(axis=0)
        self.landmark_scores_ = moves.reshape(2, N_LANDMARKS).sum(axis=0) / moves.sum()
        return self

    def get_landmark_support(self):
        return self.landmark_scores_ >= np.sort(self.landmark_scores_)[-self.k]


@pytest.fixture(autouse=True)
def fits(monkeypatch):
    """Parameters, clips and labels of each fit of a LinearSelector."""
    monkeypatch.setattr(LinearSelector, "fits", [])
    return LinearSelector.fits


def make_clips(seed, effect, n_clips=120):
    """Clips in which neighbours have correlations above 0.9 and some landmarks move much more."""
    rng = np.random.default_rng(seed)
    distance = np.abs(np.subtract.outer(range(N_LANDMARKS), range(N_LANDMARKS)))
    root = np.linalg.cholesky(np.exp(-0.5 * (distance / 3) ** 2) + 0.02 * np.eye(N_LANDMARKS))
    y = np.arange(n_clips) % 2
    clips = rng.normal(size=(n_clips, 2, N_LANDMARKS)) @ root.T
    clips[y == 1] += effect * MOVING
    size = np.exp(1.5 * np.sin(np.arange(N_LANDMARKS) / 4))
    return LAYOUT.flatten((clips * size)[..., None]).astype(np.float32), y


def stability_selector(estimator=None, **parameters):
    estimator = LinearSelector(n_frames=2) if estimator is None else estimator
    return StabilityLandmarkSelector(estimator, **{"random_state": 0} | parameters)


@pytest.mark.filterwarnings("ignore:no landmark was chosen")
@pytest.mark.parametrize("effect", [0, 0.2, 0.5, 1])
@pytest.mark.parametrize(("max_false", "threshold"), [(1, 0.75), (4, 0.6), (4, 0.9)])
def test_false_landmarks_stay_below_the_bound(effect, max_false, threshold):
    # Without an effect, all landmarks are false. Some move more than ten times as much as others.
    false = ~MOVING if effect else np.ones(N_LANDMARKS, dtype=bool)
    n_false = []
    for seed in range(10):
        selector = stability_selector(max_false=max_false, threshold=threshold, n_pairs=10)
        support = selector.fit(*make_clips(seed, effect)).get_landmark_support()
        n_false.append((support & false).sum())
    assert np.mean(n_false) <= max_false


@pytest.mark.filterwarnings("ignore:no landmark was chosen")
def test_scores_alone_would_break_the_usual_bound(fits):
    # The largest q with q**2 / ((2 * 0.75 - 1) * 60) <= 2.
    q, n_false = 7, []
    for seed in range(10):
        fits.clear()
        stability_selector(n_pairs=10).fit(*make_clips(seed, effect=0))
        # Every other fit has permuted labels.
        scores = [LinearSelector().fit(X, y).landmark_scores_ for _, X, y in fits[:40:2]]
        chosen = np.argsort(np.argsort(-np.array(scores), axis=1), axis=1) < q
        n_false.append((chosen.mean(axis=0) >= 0.75).sum())
    assert np.mean(n_false) > 2


def test_moving_landmarks_are_kept():
    selector = stability_selector(max_false=4).fit(*make_clips(0, effect=1))
    support = selector.get_landmark_support()
    assert (support & MOVING).sum() >= 5
    frequencies = selector.selection_frequencies_
    np.testing.assert_array_equal(support, frequencies >= 0.75)
    assert frequencies[MOVING].mean() > 3 * frequencies[~MOVING].mean()


@pytest.mark.filterwarnings("ignore:no landmark was chosen")
@pytest.mark.parametrize(("max_false", "threshold"), [(1, 0.75), (5, 0.6), (5, 1)])
def test_number_per_half_is_the_largest_that_meets_the_bound(max_false, threshold, fits):
    X, y = make_clips(0, effect=1)
    selector = stability_selector(max_false=max_false, threshold=threshold, n_pairs=5).fit(X, y)
    permuted = np.array([LinearSelector().fit(*fit[1:]).landmark_scores_ for fit in fits[1:20:2]])
    ratio = np.array(
        [row / np.delete(permuted, i, axis=0).mean(axis=0) for i, row in enumerate(permuted)]
    )

    def bound(q):
        chosen = (np.argsort(np.argsort(-ratio, axis=1), axis=1) < q) & (ratio > 1)
        common = [(one & other).sum() for one, other in combinations(chosen, 2)]
        return np.mean(common) / (2 * threshold - 1)

    q = selector.n_per_half_
    assert selector.false_bound_ == pytest.approx(bound(q))
    assert bound(q) <= max_false < bound(q + 1)
    assert selector.selection_frequencies_.sum() < q + 1e-9


@pytest.mark.filterwarnings("ignore:no landmark was chosen")
def test_the_bound_of_exchangeable_landmarks_has_the_usual_form():
    X = np.random.default_rng(0).normal(size=(120, LAYOUT.n_features))
    selector = stability_selector(n_pairs=100).fit(X, np.arange(120) % 2)
    usual = selector.n_per_half_**2 / ((2 * 0.75 - 1) * N_LANDMARKS)
    assert selector.false_bound_ == pytest.approx(usual, rel=0.1)


def test_a_bound_that_leaves_no_landmark_is_an_error():
    with pytest.raises(ValueError, match=r"max_false=0\.001 is too small: with one landmark"):
        stability_selector(max_false=0.001).fit(*make_clips(0, effect=1))


def test_halves_are_complementary_and_keep_groups_together(fits):
    X, y = make_clips(0, effect=1)
    groups = np.arange(120) // 8
    X[:, 0] = groups  # tells the group and, with the next column, the clip
    X[:, 1] = np.arange(120)
    stability_selector(n_pairs=3).fit(X, y, groups=groups)
    halves = [data for _, data, _ in fits[::2]]
    assert len(halves) == 6
    for one, other in zip(halves[::2], halves[1::2], strict=True):
        assert sorted([*one[:, 1], *other[:, 1]]) == list(range(120))
        assert not set(one[:, 0]) & set(other[:, 0])
        assert abs(len(set(one[:, 0])) - len(set(other[:, 0]))) <= 1
    assert len({tuple(half[:, 1]) for half in halves}) == 6


def test_labels_that_belong_to_groups_are_an_error():
    X, y = make_clips(0, effect=1)
    with pytest.raises(ValueError, match="each of the 10 groups have the same label"):
        stability_selector().fit(X, y, groups=y + 2 * (np.arange(120) % 5))
    # A single clip of each group is no fault.
    stability_selector(n_pairs=2, threshold=0.6).fit(X, y, groups=np.arange(120))


def test_halves_without_groups_have_the_same_share_of_each_class(fits):
    stability_selector(n_pairs=2).fit(*make_clips(0, effect=1))
    assert [y.sum() for _, _, y in fits] == [30] * 8


def test_numbers_are_targets_too(fits):
    X, y = make_clips(0, effect=1)
    y = y + np.random.default_rng(0).normal(scale=0.1, size=120)
    selector = stability_selector(n_pairs=3).fit(X, y)
    assert [len(half) for _, _, half in fits] == [60] * 12
    assert (selector.get_landmark_support() & MOVING).any()


def test_every_half_is_fitted_to_its_labels_and_to_permuted_labels(fits):
    X, y = make_clips(0, effect=1)
    X[:, 1] = np.arange(120)
    stability_selector(n_pairs=2).fit(X, y)
    for (first, X_first, y_first), (second, X_second, y_second) in zip(
        fits[::2], fits[1::2], strict=True
    ):
        np.testing.assert_array_equal(X_first, X_second)
        np.testing.assert_array_equal(y_first, y[X_first[:, 1].astype(int)])
        assert sorted(y_first) == sorted(y_second)
        assert (y_first != y_second).any()
        assert first == second
    assert len({parameters["random_state"] for parameters, _, _ in fits}) == 4


def test_redundancy_rounds_and_seeds_of_the_selector_are_replaced(fits):
    X, y = make_clips(0, effect=1)
    estimator = LinearSelector(k=3, step=9, n_frames=2, random_state=7)
    one = stability_selector(estimator, n_pairs=2).fit(X, y)
    assert {(p["redundancy"], p["step"]) for p, _, _ in fits} == {(None, None)}
    assert all(parameters["random_state"] != 7 for parameters, _, _ in fits)
    assert (estimator.k, estimator.step, estimator.random_state) == (3, 9, 7)
    other = stability_selector(n_pairs=2).fit(X, y)
    np.testing.assert_array_equal(one.selection_frequencies_, other.selection_frequencies_)


def test_landmarks_that_never_move_are_never_chosen():
    X, y = make_clips(0, effect=0)
    X.reshape(120, 2, N_LANDMARKS)[:, :, 10:] = 0
    selector = stability_selector(max_false=1000, n_pairs=3, threshold=0.51).fit(X, y)
    assert selector.selection_frequencies_[:10].any()
    assert not selector.selection_frequencies_[10:].any()


def test_nothing_kept_is_a_warning_with_the_best_landmark():
    X, y = make_clips(0, effect=0)
    selector = stability_selector()
    with pytest.warns(UserWarning, match=r"no landmark was chosen on 75% of the 50 halves") as got:
        selector.fit(X, y)
    best = selector.selection_frequencies_.argmax()
    assert f"landmark {best} was chosen most often" in str(got[0].message)
    with pytest.warns(UserWarning, match="No features were selected"):
        assert selector.transform(X).shape == (120, 0)


@pytest.fixture(scope="module")
def small():
    """Clips of 12 landmarks and three classes, each of which moves one landmark: 2, 5 or 9."""
    layout = LandmarkLayout(n_frames=2, n_landmarks=12, n_coords=2)
    target = np.arange(90) % 3
    clips = np.random.default_rng(0).normal(size=(90, *layout.shape))
    clips[np.arange(90), :, np.array([2, 5, 9])[target]] += 2
    return layout.flatten(clips).astype(np.float32), np.array(["a", "b", "c"])[target]


def ig_selector():
    network = TEMOClassifier(randomized=True)
    return IGLandmarkSelector(network, n_frames=2, n_coords=2)


def test_with_integrated_gradients(small):
    X, y = small
    selector = stability_selector(ig_selector(), n_pairs=3, max_false=2).fit(X, y)
    assert selector.get_landmark_support(indices=True).tolist() == [2, 5, 9]
    kept = selector.transform(X)
    assert kept.layout == LandmarkLayout(n_frames=2, n_landmarks=3, n_coords=2)
    np.testing.assert_array_equal(kept, X[:, selector.get_support()])
    assert selector.get_feature_names_out()[:2].tolist() == ["f000_p002_x", "f000_p002_y"]
    assert sorted(np.argsort(selector.landmark_scores_)[-3:]) == [2, 5, 9]


@pytest.mark.filterwarnings("error:The least populated class")
def test_whole_numbers_of_a_regression_are_not_classes(small):
    X, _ = small
    y = np.round(1000 * X[:, 2])
    assert len(np.unique(y)) > 80
    network = TEMORegressor(randomized=True)
    estimator = IGLandmarkSelector(network, n_frames=2, n_coords=2)
    selector = stability_selector(estimator, n_pairs=2).fit(X, y)
    assert selector.get_landmark_support().any()


def test_results_do_not_depend_on_the_number_of_workers():
    X, y = make_clips(0, effect=1)
    one = stability_selector(n_pairs=3).fit(X, y)
    with parallel_config("threading"):
        two = stability_selector(n_pairs=3, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.selection_frequencies_, two.selection_frequencies_)


def test_groups_are_routed_in_a_pipeline(small, fits):
    X, y = make_clips(0, effect=1)
    groups = np.arange(120) // 8
    X[:, 0] = groups
    with config_context(enable_metadata_routing=True):
        selector = stability_selector(n_pairs=2).set_fit_request(groups=True)
        folds = cross_validate(
            make_pipeline(selector, LogisticRegression()),
            X,
            y,
            params={"groups": groups},
            cv=GroupKFold(3),
            return_estimator=True,
        )
    result = selection_stability(folds["estimator"])
    assert result.supports.shape == (3, N_LANDMARKS)
    halves = [set(data[:, 0]) for _, data, _ in fits[::2]]
    assert not any(one & other for one, other in zip(halves[::2], halves[1::2], strict=True))
