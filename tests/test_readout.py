"""Ridge regression in closed form."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import Ridge, RidgeCV

from sklearn_temo.classification._readout import NormalEquations, fit_readout, scale_of_logits


@pytest.fixture(params=[(30, 80), (80, 30)], ids=["few samples", "few features"])
def regression(request):
    n_samples, n_features = request.param
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n_samples, n_features))
    targets = features[:, :2] + rng.normal(size=(n_samples, 2))
    return features, targets, rng.uniform(0.5, 2, n_samples)


def test_equals_ridge_of_scikit_learn(regression):
    features, targets, weight = regression
    readout = fit_readout(features, targets, weight, 3.0 / weight.sum())
    ridge = Ridge(3.0).fit(features, targets, weight)
    np.testing.assert_allclose(readout.coef, ridge.coef_, atol=1e-9)
    np.testing.assert_allclose(readout.intercept, ridge.intercept_, atol=1e-9)


def test_left_out_outputs_equal_fits_without_the_sample(regression):
    features, targets, weight = regression
    readout = fit_readout(features, targets, weight, 3.0 / weight.sum())
    for i in range(5):
        others = np.arange(len(features)) != i
        ridge = Ridge(3.0).fit(features[others], targets[others], weight[others])
        expected = ridge.predict(features[i : i + 1])[0]
        np.testing.assert_allclose(readout.left_out[i], expected, atol=1e-9)


def test_penalty_equals_that_of_scikit_learn(regression):
    features, targets, _ = regression
    ones = np.ones(len(features))
    readout = fit_readout(features, targets, ones, "auto")
    penalties = 10.0 ** np.arange(3, -5.5, -0.5)
    ridge = RidgeCV(len(features) * penalties).fit(features, targets)
    assert readout.penalty == pytest.approx(ridge.alpha_ / len(features))


def test_scale_has_the_smallest_cross_entropy():
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(200, 3))
    targets = np.eye(3)[(outputs + rng.normal(size=outputs.shape)).argmax(axis=1)]
    weight = rng.uniform(0.5, 2, len(outputs))

    def cross_entropy(scale):
        return -weight @ (targets * log_softmax(scale * outputs, axis=1)).sum(axis=1)

    found = scale_of_logits(outputs, targets, weight)
    best = min(np.linspace(0.1, 10, 1000), key=cross_entropy)
    assert found == pytest.approx(best, abs=0.02)


def test_normal_equations_of_parts_equal_a_fit_of_all(regression):
    features, targets, weight = regression
    equations = NormalEquations(features.shape[1], targets.shape[1])
    for part in np.array_split(np.arange(len(features)), 3):
        equations.add(features[part], targets[part], weight[part])
    readout = fit_readout(features, targets, weight, 3.0)
    coef, intercept = equations.solve(3.0)
    np.testing.assert_allclose(coef, readout.coef, atol=1e-9)
    np.testing.assert_allclose(intercept, readout.intercept, atol=1e-9)


def test_normal_equations_without_a_penalty_have_the_smallest_coefficients(regression):
    features, targets, weight = regression
    equations = NormalEquations(features.shape[1], targets.shape[1])
    equations.add(features, targets, weight)
    readout = fit_readout(features, targets, weight, 0)
    coef, intercept = equations.solve(0)
    np.testing.assert_allclose(coef, readout.coef, atol=1e-9)
    np.testing.assert_allclose(intercept, readout.intercept, atol=1e-9)
