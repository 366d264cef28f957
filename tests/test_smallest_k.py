"""Choice of the fewest landmarks in a search."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

from sklearn_temo import smallest_k


def results(params, scores, metric="score"):
    """``cv_results_`` of candidates with scores of shape (n_candidates, n_splits)."""
    scores = np.asarray(scores, dtype=float)
    splits = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return {"params": params, f"mean_test_{metric}": scores.mean(axis=1)} | splits


def of_ks(ks, means, spread=0.1):
    """Results whose scores on four splits have a standard error of ``spread / sqrt(3)``."""
    offsets = spread * np.array([-1, 1, -1, 1])
    return results([{"select__k": k} for k in ks], np.array(means)[:, None] + offsets)


# The standard error is 0.1 / sqrt(3) = 0.0577.
@pytest.mark.parametrize(("lower", "chosen"), [(0.057, 32), (0.059, 128)])
def test_fewest_landmarks_within_one_standard_error(lower, chosen):
    ks = [128, 32, 468]
    assert ks[smallest_k(of_ks(ks, [0.8, 0.8 - lower, 0.79]))] == chosen


def test_standard_error_is_that_of_the_best_candidate():
    params = [{"select__k": 32}, {"select__k": 64}]
    assert smallest_k(results(params, [[0.5, 0.9], [0.8, 0.82]])) == 1
    assert smallest_k(results(params, [[0.7, 0.7], [0.6, 1.0]])) == 0


def test_ties_are_resolved_by_score_and_then_by_order():
    assert smallest_k(of_ks([32, 32, 64], [0.77, 0.78, 0.8])) == 1
    assert smallest_k(of_ks([32, 32, 64], [0.78, 0.78, 0.8])) == 0


@pytest.mark.parametrize(
    ("ks", "chosen"),
    [
        ([0.5, 0.25, "all"], 1),
        (["all", 400], 1),
        (["all", 0.9], 1),
        ([np.int64(64), np.int32(32)], 1),
        ([np.float64(0.5), 0.25], 1),
    ],
)
def test_numbers_shares_and_all_are_ordered(ks, chosen):
    assert smallest_k(of_ks(ks, [0.8] * len(ks))) == chosen


def test_all_and_a_share_of_1_are_the_same_number():
    assert smallest_k(of_ks([1.0, "all"], [0.79, 0.8])) == 1


def test_a_number_and_a_share_that_are_both_near_the_best_are_an_error():
    with pytest.raises(ValueError, match=r"candidate 1 \(.*32.*\) has a number.*candidate 0"):
        smallest_k(of_ks([0.5, 32], [0.8, 0.8]))
    assert smallest_k(of_ks([0.5, 32, 64], [0.2, 0.8, 0.8])) == 1


def test_failed_candidates_are_never_chosen():
    assert smallest_k(of_ks([8, 32, 64], [np.nan, 0.8, 0.8])) == 1
    with pytest.raises(ValueError, match="all 2 candidates"):
        smallest_k(of_ks([8, 32], [np.nan, np.nan]))


def test_a_single_split_is_a_warning():
    params = [{"select__k": 32}, {"select__k": 64}, {"select__k": 16}]
    with pytest.warns(UserWarning, match="single split"):
        assert smallest_k(results(params, [[0.8], [0.8], [0.79]])) == 0


def test_parameters_may_have_any_prefix():
    params = [
        {"iglandmarkselector__k": 64, "svc__C": 1},
        {"onevsrestclassifier__estimator__select__k": 32, "knn__n_neighbors": 2},
        {"k": 48, "link": "logit", "tick": 3},
    ]
    assert smallest_k(results(params, np.full((3, 2), 0.5))) == 1


def test_passthrough_keeps_all_landmarks():
    params = [{"select": "passthrough", "scale": None}, {"select__k": 400}]
    assert smallest_k(results(params, np.full((2, 2), 0.5))) == 1


def test_a_candidate_without_a_number_of_landmarks_is_an_error():
    params = [{"select__k": 400}, {"scale": "passthrough", "svc__C": 3}]
    with pytest.raises(ValueError, match=r"candidate 1 \(.*'svc__C': 3.*no parameter k"):
        smallest_k(results(params, np.full((2, 2), 0.5)))
    with pytest.raises(ValueError, match=r"candidate 0 .* no parameter 'selct__k'"):
        smallest_k(results(params, np.full((2, 2), 0.5)), param="selct__k")


def test_several_parameters_called_k_need_a_choice():
    params = [{"select__k": 64, "best__k": 1}, {"select__k": 32, "best__k": 2}]
    found = results(params, np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match=r"candidate 0 .*'select__k', 'best__k'"):
        smallest_k(found)
    assert smallest_k(found, param="select__k") == 1
    assert smallest_k(found, param="best__k") == 0


def test_one_of_several_metrics_is_named():
    params = [{"select__k": 32}, {"select__k": 64}]
    found = results(params, [[0.1, 0.1], [0.9, 0.9]], "accuracy")
    found |= results(params, [[0.9, 0.9], [0.9, 0.9]], "f1")
    assert smallest_k(found, scoring="accuracy") == 1
    assert smallest_k(found, scoring="f1") == 0
    for scoring in (None, "recall"):
        with pytest.raises(ValueError, match="'accuracy', 'f1'"):
            smallest_k(found, scoring=scoring)


class FirstColumns(SelectorMixin, BaseEstimator):
    """Keeps the first k columns."""

    def __init__(self, k=1):
        self.k = k

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        if self.k == 7:
            raise RuntimeError("seven")
        return self

    def _get_support_mask(self):
        k = self.n_features_in_ if self.k == "all" else self.k
        return np.arange(self.n_features_in_) < k


@pytest.fixture
def data():
    """The third column is the label, and the others are noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    return X, (X[:, 2] > 0).astype(int)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more")
@pytest.mark.parametrize(
    "refit", [smallest_k, partial(smallest_k, scoring="balanced_accuracy")], ids=["one", "several"]
)
def test_refit_of_a_search_over_classifiers_and_k(data, refit):
    pipe = Pipeline([("select", FirstColumns()), ("classify", SVC())])
    grid = [
        {"select__k": [1, 3, 6, 7, "all"], "classify": [LogisticRegression(), SVC()]},
        {"select": ["passthrough"], "classify": [DummyClassifier()]},
    ]
    scoring = None if refit is smallest_k else ["neg_log_loss", "balanced_accuracy"]
    if scoring is not None:
        grid[0]["classify"] = [LogisticRegression()]
    search = GridSearchCV(pipe, grid, cv=5, scoring=scoring, refit=refit)
    search = pickle.loads(pickle.dumps(clone(search))).fit(*data)
    assert search.best_params_["select__k"] == 3
    assert search.best_estimator_["select"].get_support().sum() == 3
    assert search.predict(data[0]).shape == (60,)


def test_refit_of_a_search_in_one_vs_rest(data):
    model = make_pipeline(OneVsRestClassifier(make_pipeline(FirstColumns(), SVC())))
    name = "onevsrestclassifier__estimator__firstcolumns__k"
    search = GridSearchCV(model, {name: ["all", 3, 1]}, refit=smallest_k).fit(*data)
    assert search.best_params_ == {name: 3}
