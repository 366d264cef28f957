"""Stability of a selection."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import selection_stability


def test_values_of_the_authors_package():
    # Printed by getVarianceofStability and confidenceIntervals of the authors' Python package,
    # github.com/nogueirs/JMLR2018, commit 9ccbea8.
    kept = np.array(
        [
            [1, 1, 0, 0, 1, 0],
            [1, 0, 1, 0, 1, 0],
            [1, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 0, 0],
            [0, 1, 0, 0, 1, 0],
        ],
        dtype=bool,
    )
    result = selection_stability(kept)
    assert result.stability == pytest.approx(0.19642857142857129)
    assert result.confidence_interval == pytest.approx((-0.010075711109590796, 0.4029328539667334))
    wide = selection_stability(kept, confidence_level=0.9).confidence_interval
    assert wide == pytest.approx((0.023124714422434578, 0.369732428434708))
    assert result.frequencies.tolist() == pytest.approx([0.8, 0.8, 0.4, 0.2, 0.6, 0])
    assert result.supports.tolist() == kept.tolist()


def test_selections_of_equal_size_have_the_mean_of_kunchevas_index():
    # Kuncheva (2007), for two selections of k of d landmarks with r in common.
    rng = np.random.default_rng(0)
    d, k = 40, 9
    kept = np.array([rng.permutation(d) < k for _ in range(6)])
    pairs = [((a & b).sum() - k**2 / d) / (k - k**2 / d) for a, b in combinations(kept, 2)]
    assert selection_stability(kept).stability == pytest.approx(np.mean(pairs))


def test_equal_selections_have_a_stability_of_1():
    result = selection_stability([[True, False, True]] * 3)
    assert result.stability == 1
    assert result.confidence_interval == (1, 1)


def test_stability_is_unknown_if_everything_is_kept():
    result = selection_stability(np.ones((3, 5), dtype=bool))
    assert np.isnan([result.stability, *result.confidence_interval]).all()


def test_interval_contains_the_true_stability_as_often_as_its_level():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=30)
    truth = 1 - np.mean(p * (1 - p)) / (p.mean() * (1 - p.mean()))
    inside = 0
    for _ in range(500):
        low, high = selection_stability(rng.uniform(size=(100, 30)) < p).confidence_interval
        inside += low <= truth <= high
    assert 0.92 < inside / 500 < 0.975


class LargestColumns(TransformerMixin, BaseEstimator):
    """A landmark selector; each column is a landmark, and the score its mean in the last class."""

    def __init__(self, k=3):
        self.k = k

    def fit(self, X, y):
        self.landmark_scores_ = np.exp(X[y == np.max(y)].mean(axis=0))
        return self

    def get_landmark_support(self):
        return self.landmark_scores_ >= np.sort(self.landmark_scores_)[-self.k]

    def transform(self, X):
        return X[:, self.get_landmark_support()]


@pytest.fixture(scope="module")
def data():
    y = np.arange(60) % 3
    X = np.random.default_rng(0).normal(size=(60, 20))
    X[np.arange(60), y] += 2
    return X, y


def pipeline():
    return make_pipeline(StandardScaler(), LargestColumns(), LogisticRegression())


@pytest.mark.parametrize("model", [pipeline(), GridSearchCV(pipeline(), {}, cv=2)])
def test_selectors_of_a_cross_validation_are_found(data, model):
    fitted = cross_validate(model, *data, cv=4, return_estimator=True)["estimator"]
    pipes = [getattr(each, "best_estimator_", each) for each in fitted]
    expected = [pipe["largestcolumns"].get_landmark_support() for pipe in pipes]
    result = selection_stability(fitted)
    np.testing.assert_array_equal(result.supports, expected)
    np.testing.assert_array_equal(result.frequencies, np.mean(expected, axis=0))
    assert result.stability == selection_stability(expected).stability


def test_one_vs_rest_keeps_the_landmarks_of_any_class(data):
    model = OneVsRestClassifier(pipeline())
    fitted = cross_validate(model, *data, cv=3, return_estimator=True)["estimator"]
    of_classes = np.array(
        [[binary[1].get_landmark_support() for binary in each.estimators_] for each in fitted]
    )
    np.testing.assert_array_equal(selection_stability(fitted).supports, of_classes.any(axis=1))
    one_class = selection_stability([each.estimators_[1] for each in fitted])
    np.testing.assert_array_equal(one_class.supports, of_classes[:, 1])


def test_an_ensemble_keeps_what_half_of_its_selectors_keep(data):
    ensembles = [BaggingClassifier(pipeline(), 4, random_state=i).fit(*data) for i in range(2)]
    expected = [
        np.mean([each[1].get_landmark_support() for each in ensemble.estimators_], axis=0) >= 0.5
        for ensemble in ensembles
    ]
    np.testing.assert_array_equal(selection_stability(ensembles).supports, expected)


def test_wrong_selections_are_errors(data):
    X, y = data
    selector = LargestColumns().fit(X, y)
    with pytest.raises(TypeError, match="list of fitted estimators, got one LargestColumns"):
        selection_stability(selector)
    with pytest.raises(TypeError, match="selection 1, a LogisticRegression"):
        selection_stability([selector, LogisticRegression().fit(X, y)])
    with pytest.raises(TypeError, match="selection 0, a LargestColumns, contains no fitted"):
        selection_stability([LargestColumns(), LargestColumns()])
    with pytest.raises(ValueError, match="selection 0 has 20 landmarks and selection 1 has 9"):
        selection_stability([selector, LargestColumns().fit(X[:, :9], y)])
    with pytest.raises(ValueError, match="two selections or more, got 1"):
        selection_stability([selector])
    with pytest.raises(ValueError, match="two selections or more, got 0"):
        selection_stability([])
    with pytest.raises(ValueError, match=r"shape \(2, 2\) and dtype int64"):
        selection_stability([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="Pass masks of the landmarks, not their indices"):
        selection_stability([[0, 3, 4], [0, 3]])
    with pytest.raises(ValueError, match="confidence_level must be between 0 and 1, got 95"):
        selection_stability(np.eye(2, dtype=bool), confidence_level=95)
