"""T-EMO in closed form: ``randomized=True``."""

import pickle

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_temo import LandmarkLayout, TEMOClassifier
from sklearn_temo.attribution import integrated_gradients
from sklearn_temo.mirror import Mirror

LAYOUT = LandmarkLayout(4, 468, 3)


def make_temo(**params):
    return TEMOClassifier(**{"randomized": True, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted(aligned):
    return make_temo().fit(*aligned)


def weights(temo):
    return {name: tensor.numpy().copy() for name, tensor in temo.module_.state_dict().items()}


def assert_equal_weights(one, other):
    for name, values in weights(one).items():
        np.testing.assert_array_equal(values, weights(other)[name], err_msg=name)


def test_learns_to_classify_unseen_clips(aligned):
    X, y = aligned
    assert make_temo().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 4 / 7


def test_equal_random_states_give_equal_weights_for_clips_in_any_order(aligned, fitted):
    X, y = aligned
    torch.manual_seed(1)
    assert_equal_weights(fitted, make_temo().fit(X[::-1], y[::-1]))
    other = make_temo(random_state=1).fit(X, y)
    assert not np.array_equal(weights(other)["projection"], weights(fitted)["projection"])


def test_fits_in_threads_are_reproducible(aligned, fitted):
    X, y = aligned
    fits = Parallel(4, prefer="threads")(delayed(make_temo().fit)(X, y) for _ in range(8))
    for temo in fits:
        assert_equal_weights(fitted, temo)


def test_readout_equals_ridge_of_scikit_learn(aligned):
    X, y = aligned
    temo = make_temo(class_weight=None, weight_decay=2.0, mirror=False).fit(X, y)
    module = temo.module_
    with torch.no_grad():
        features = module.features(module.reduced(torch.tensor(X))).double().numpy()
    ridge = Ridge(2.0 * len(X)).fit(features, np.eye(7)[np.searchsorted(temo.classes_, y)])
    expected = ridge.predict(features)
    found = temo.decision_function(X)
    # Up to the scale of the logits.
    scale = found.std() / expected.std()
    np.testing.assert_allclose(found, expected * scale, atol=1e-4 * scale)
    assert temo.penalty_ == 2


def test_penalty_is_chosen_by_leaving_out_clips_with_their_mirror_images(aligned):
    X, y = aligned
    penalties = [1e-4, 1e-2, 1.0, 100.0]
    errors = []
    for penalty in penalties:
        temo = make_temo(weight_decay=penalty, class_weight=None).fit(X, y)
        module = temo.module_
        with torch.no_grad():
            views = [torch.tensor(clips) for clips in (X, Mirror.from_clips(X, LAYOUT).apply(X))]
            one, other = (module.features(module.reduced(view)) for view in views)
        features = ((one + other) / 2).double().numpy()
        targets = np.eye(7)[np.searchsorted(temo.classes_, y)]
        error = 0
        for i in range(0, len(X), 4):
            rest = np.arange(len(X)) != i
            ridge = Ridge(penalty * len(X)).fit(features[rest], targets[rest])
            error += np.square(ridge.predict(features[i : i + 1])[0] - targets[i]).sum()
        errors.append(error)
    best = penalties[int(np.argmin(errors))]
    found = make_temo(class_weight=None).fit(X, y).penalty_
    assert best / 10.1 < found < best * 10.1


def test_prediction_is_the_mean_over_clip_and_mirror_image(aligned, fitted):
    X, _ = aligned
    with torch.no_grad():
        views = [X, Mirror.from_clips(X, LAYOUT).apply(X)]
        logits = sum(fitted.module_(torch.tensor(view)) for view in views) / 2
    np.testing.assert_allclose(fitted.decision_function(X), logits.numpy(), atol=1e-4)


def test_attributions_are_complete(aligned, fitted):
    X, _ = aligned
    found, gap = integrated_gradients(fitted.module_, X[:5], X[-2:], target=3)
    with torch.no_grad():
        logits = fitted.module_(torch.tensor(X))[:, 3].numpy()
    expected = logits[None, :5] - logits[-2:, None]
    np.testing.assert_allclose(found.sum(axis=2), expected, atol=1e-3 * np.abs(logits).max())
    assert gap.max() <= 1e-3
    # The first of several frames is not used.
    assert not found.reshape(2, 5, *LAYOUT.shape)[:, :, 0].any()


@pytest.mark.parametrize("n_frames", [1, 2])
def test_clips_of_few_frames(aligned, n_frames):
    X, y = aligned
    clips = LAYOUT.unflatten(X)[:, [0, 2][:n_frames]].reshape(len(X), -1)
    temo = make_temo().fit(clips, y)
    assert temo.predict_proba(clips).shape == (len(X), 7)
    assert np.isfinite(temo.predict_log_proba(clips)).all()


def test_parts_of_clips_give_the_readout_of_all_clips(aligned, fitted):
    X, y = aligned
    # The first call fixes what depends on the distribution of the clips.
    first, others = slice(0, 60), slice(60, None)
    temo = make_temo(class_weight=None)
    temo.partial_fit(X[first], y[first], classes=np.unique(y))
    at_first = make_temo(class_weight=None).fit(X[first], y[first])
    np.testing.assert_allclose(temo.predict_proba(X), at_first.predict_proba(X), atol=1e-3)
    temo.partial_fit(X[others], y[others])
    module = temo.module_
    with torch.no_grad():
        reduced = module.reduced(torch.tensor(X))
        both = module.features(reduced) + module.features(reduced * module.parity)
    features = (both / 2).double().numpy()
    ridge = Ridge(temo.penalty_ * len(X)).fit(
        features, np.eye(7)[np.searchsorted(temo.classes_, y)]
    )
    expected = ridge.predict(features)
    found = temo.decision_function(X)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9999


def test_weights_of_several_parts_are_comparable(aligned):
    X, y = aligned
    weight = np.where(np.arange(len(X)) < 21, 0.5, 30)
    temo = make_temo(class_weight=None, weight_decay=2.0, mirror=False, early_stopping=True)
    for part in (slice(21), slice(21, None)):
        temo.partial_fit(X[part], y[part], np.unique(y), sample_weight=weight[part])
    module = temo.module_
    with torch.no_grad():
        features = module.features(module.reduced(torch.tensor(X))).double().numpy()
    targets = np.eye(7)[np.searchsorted(temo.classes_, y)]
    ridge = Ridge(2.0 * weight.sum()).fit(features, targets, sample_weight=weight)
    expected = ridge.predict(features)
    found = temo.decision_function(X)
    scale = found.std() / expected.std()
    np.testing.assert_allclose(found, expected * scale, atol=1e-4 * scale)


def test_parts_without_a_penalty_give_the_readout_of_all_clips(aligned):
    X, y = aligned
    temo = make_temo(weight_decay=0, mirror=False)
    for part in (slice(0, None, 2), slice(1, None, 2)):
        temo.partial_fit(X[part], y[part], np.unique(y))
    assert temo.score(X, y) == 1


@pytest.mark.parametrize("randomized", [True, False])
def test_partial_fit_does_not_mix_networks(aligned, randomized):
    X, y = aligned
    temo = make_temo(randomized=randomized).partial_fit(X, y, np.unique(y))
    before = weights(temo)
    with pytest.raises(ValueError, match=f"was fitted with randomized={randomized}"):
        temo.set_params(randomized=not randomized).partial_fit(X, y)
    for name, values in weights(temo).items():
        np.testing.assert_array_equal(values, before[name])


def test_symmetric_clips_have_no_antisymmetric_components(aligned):
    X, y = aligned
    symmetric = (X + Mirror.from_clips(X, LAYOUT).apply(X)) / 2
    temo = make_temo().fit(symmetric, y)
    assert temo.mirror_pairs_ is not None
    assert (temo.module_.parity == 1).all()
    assert temo.score(symmetric, y) == 1


def test_clips_that_differ_in_a_fourth_coordinate_are_not_equal():
    rng = np.random.default_rng(0)
    clips = np.tile(rng.normal(size=(2, 10, 4)), (20, 1, 1, 1)).astype(np.float32)
    clips[..., 3] += rng.normal(size=(20, 2, 10))
    y = clips[:, 1, 0, 3] > 0
    temo = make_temo(n_frames=2, n_coords=4).fit(clips.reshape(20, -1), y)
    assert temo.score(clips.reshape(20, -1), y) > 0.9


def test_partial_fit_after_fit_is_an_error(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    with pytest.raises(ValueError, match="call partial_fit on a new estimator"):
        temo.partial_fit(X, y)
    # An estimator that partial_fit began can be fitted anew.
    temo = make_temo().partial_fit(X, y, classes=np.unique(y))
    temo.partial_fit(X, y).fit(X, y)
    with pytest.raises(ValueError, match="call partial_fit on a new estimator"):
        temo.partial_fit(X, y)


class TestSampleWeight:
    @pytest.fixture
    def few(self, aligned):
        return aligned[0][:42], aligned[1][:42]

    def test_whole_numbers_equal_repetition(self, few):
        X, y = few
        repeats = np.arange(len(X)) % 3
        weighted = make_temo().fit(X, y, sample_weight=repeats)
        repeated = make_temo().fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
        assert_equal_weights(weighted, repeated)

    def test_repeated_clips_do_not_lower_the_penalty(self, few):
        X, y = few
        once = make_temo().fit(X, y)
        often = make_temo().fit(np.tile(X, (8, 1)), np.tile(y, 8))
        # A copy in the training data would make any clip easy to predict.
        assert often.penalty_ >= once.penalty_

    def test_weights_of_a_fraction(self, few):
        X, y = few
        weighted = make_temo().fit(X, y, sample_weight=np.full(len(X), 0.3))
        np.testing.assert_allclose(
            weighted.predict_proba(X), make_temo().fit(X, y).predict_proba(X), atol=1e-4
        )

    def test_classes_of_no_weight_are_not_learned(self, few):
        X, y = few
        class_weight = dict.fromkeys(np.unique(y), 1) | {"anger": 0}
        temo = make_temo(class_weight=class_weight).fit(X, y)
        assert "anger" not in temo.predict(X)


def test_probabilities_are_calibrated(aligned):
    X, y = aligned
    temo = make_temo(label_smoothing=0).fit(X[::2], y[::2])
    probability = temo.predict_proba(X[1::2])
    assert abs(probability.max(axis=1).mean() - temo.score(X[1::2], y[1::2])) < 0.25


def test_pickles_and_clones(aligned, fitted):
    X, y = aligned
    expected = fitted.predict_proba(X)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), expected)
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict_proba(X), expected)


def test_skorch_can_train_the_readout_further(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    before = weights(temo)
    temo.net_.partial_fit(X, np.searchsorted(temo.classes_, y).astype(np.int64))
    after = weights(temo)
    np.testing.assert_array_equal(after["projection"], before["projection"])
    assert not np.array_equal(after["weight"], before["weight"])


def test_one_epoch_is_counted(fitted):
    assert fitted.n_iter_ == 1


def test_global_state_of_torch_does_not_change(aligned):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_temo().fit(*aligned)
    np.testing.assert_array_equal(torch.rand(3), expected)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_the_unit_of_the_clips_does_not_matter(aligned, fitted, factor):
    X, y = aligned
    temo = make_temo().fit(X * np.float32(factor), y)
    found = temo.predict(X * np.float32(factor))
    assert np.mean(found == fitted.predict(X)) > 0.95
