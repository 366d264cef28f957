"""T-EMO regressor."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import EpochScoring

from sklearn_temo import LandmarkLayout, TEMORegressor

LAYOUT = LandmarkLayout(4, 468, 3)


def make_temo(**params):
    return TEMORegressor(**{"random_state": 0, "max_epochs": 40, **params})


@pytest.fixture(scope="module")
def data(aligned):
    """Clips, and the lift of the brows and the width of the mouth in their last frame."""
    X, _ = aligned
    last = LAYOUT.unflatten(X)[:, -1]
    brows = last[:, [105, 334], 1].mean(axis=1)
    mouth = last[:, 291, 0] - last[:, 61, 0]
    return X, np.column_stack([brows, mouth])


@pytest.fixture(params=[False, True], ids=["trained", "randomized"])
def randomized(request):
    return request.param


def test_predicts_one_output(data, randomized):
    X, y = data
    temo = make_temo(randomized=randomized).fit(X[::2], y[::2, 1])
    assert temo.predict(X).shape == (len(X),)
    assert temo.score(X[1::2], y[1::2, 1]) > 0.6


def test_predicts_several_outputs_of_different_units(data, randomized):
    X, y = data
    # The second output is a million times larger.
    y = y * [1, 1e6] + [3, -1e6]
    temo = make_temo(randomized=randomized).fit(X[::2], y[::2])
    assert temo.predict(X).shape == y.shape
    assert temo.score(X[1::2], y[1::2]) > 0.5


def test_columns_of_one_output_keep_their_shape(data, randomized):
    X, y = data
    temo = make_temo(randomized=randomized, max_epochs=2).fit(X, y[:, :1])
    assert temo.predict(X).shape == (len(X), 1)


def test_module_gives_the_numbers(data, randomized):
    X, y = data
    temo = make_temo(randomized=randomized, max_epochs=2, mirror=False).fit(X, y)
    with torch.no_grad():
        found = temo.module_(torch.tensor(X)).numpy()
    np.testing.assert_allclose(found, temo.predict(X), rtol=1e-4, atol=1e-6)


def test_equal_random_states_give_equal_predictions(data, randomized):
    X, y = data
    one = make_temo(randomized=randomized, max_epochs=2).fit(X, y)
    other = clone(one).fit(X[::-1], y[::-1])
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_sample_weight_equals_repetition(data, randomized):
    X, y = data[0][:40], data[1][:40]
    repeats = np.arange(len(X)) % 3
    weighted = make_temo(randomized=randomized, max_epochs=2).fit(X, y, sample_weight=repeats)
    repeated = clone(weighted).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats, axis=0))
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_partial_fit_improves_the_prediction(data, randomized):
    X, y = data
    temo = make_temo(randomized=randomized)
    temo.partial_fit(X[::4], y[::4])
    before = temo.score(X[1::2], y[1::2])
    for _ in range(1 if randomized else 20):
        temo.partial_fit(X[2::4], y[2::4])
    assert temo.score(X[1::2], y[1::2]) > before
    with pytest.raises(ValueError, match="y has 1 outputs"):
        temo.partial_fit(X, y[:, 0])


def test_constant_output(data, randomized):
    X, _ = data
    temo = make_temo(randomized=randomized, max_epochs=5).fit(X, np.full(len(X), 4.0))
    np.testing.assert_allclose(temo.predict(X), 4, atol=1)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_numbers_does_not_matter(data, randomized, factor):
    X, y = data
    temo = make_temo(randomized=randomized, max_epochs=2)
    expected = temo.fit(X, y).predict(X)
    found = temo.fit(X, y * factor).predict(X) / factor
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * y.std())


def test_numbers_that_single_precision_cannot_hold_are_an_error(data, randomized):
    X, y = data
    temo = make_temo(randomized=randomized)
    with pytest.raises(ValueError, match="the values of output 1 of y differ by at most"):
        temo.fit(X, y + np.array([0, 1e9]))
    with pytest.raises(ValueError, match="output 0 of y contains values up to"):
        temo.fit(X, y[:, 0].astype(np.float64) * 1e45)
    temo = make_temo(randomized=randomized).partial_fit(X, y)
    with pytest.raises(ValueError, match="output 0 of y contains values up to"):
        temo.partial_fit(X, y.astype(np.float64) * 1e45)


def test_first_call_of_partial_fit_with_one_clip_warns(data, randomized):
    X, y = data
    with pytest.warns(UserWarning, match="first call of partial_fit, which fixes"):
        make_temo(randomized=randomized).partial_fit(X[:1], y[:1])


def test_early_stopping_and_scorers_see_the_unit_of_y(data):
    X, y = data
    scorer = EpochScoring("neg_mean_absolute_error", name="mae", on_train=True)
    temo = make_temo(early_stopping=True, callbacks=[scorer], max_epochs=30)
    temo.fit(X, 1000 * y[:, 1])
    assert "valid_loss" in temo.net_.history[-1]
    # The network has learned little in the first epoch.
    assert 0.1 < -temo.net_.history[0]["mae"] / np.std(1000 * y[:, 1]) < 10


def test_labels_are_an_error(data):
    X, _ = data
    with pytest.raises(ValueError, match="could not convert string to float"):
        make_temo().fit(X, np.full(len(X), "happy"))


def test_search_over_parameters(data):
    X, y = data
    search = GridSearchCV(make_temo(randomized=True), {"n_components": [4, 64]}, cv=3)
    assert search.fit(X, y[:, 1]).best_score_ > 0.5
