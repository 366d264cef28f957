"""T-EMO classifier."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import compute_class_weight
from skorch.callbacks import Callback, EpochScoring

from sklearn_temo import LandmarkAligner, LandmarkLayout, TEMOClassifier, mesh
from sklearn_temo.mirror import Mirror

LAYOUT = LandmarkLayout(4, 468, 3)


def make_temo(**params):
    return TEMOClassifier(**{"n_frames": 4, "max_epochs": 3, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted(aligned):
    return make_temo().fit(*aligned)


def weights(temo):
    return {name: tensor.numpy() for name, tensor in temo.module_.state_dict().items()}


def assert_equal_weights(one, other):
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def test_learns_to_classify_unseen_clips(aligned):
    X, y = aligned
    temo = make_temo(max_epochs=20).fit(X[::2], y[::2])
    # Three times chance level, from six clips of each of seven emotions.
    assert temo.score(X[1::2], y[1::2]) > 3 / 7


@pytest.mark.parametrize("mirror", ["auto", False])
def test_equal_random_states_give_equal_weights(aligned, mirror):
    X, y = aligned
    torch.manual_seed(1)
    one = make_temo(mirror=mirror).fit(X, y)
    torch.manual_seed(2)
    assert_equal_weights(one, make_temo(mirror=mirror).fit(X, y))
    other = make_temo(mirror=mirror, random_state=1).fit(X, y)
    name = "embeddings.0.weight"
    assert not np.array_equal(weights(one)[name], weights(other)[name])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_global_state_of_torch_does_not_change(aligned, method):
    X, y = aligned
    extra = {"classes": np.unique(y)} if method == "partial_fit" else {}
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = torch.get_rng_state()
        getattr(make_temo(), method)(X, y, **extra)
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.parametrize(
    "encode",
    [
        lambda y: y,
        lambda y: np.unique(y, return_inverse=True)[1] * 10 - 30,
        lambda y: y == "happiness",
        lambda y: y.astype(object),
        list,
    ],
    ids=["str", "int", "bool", "object", "list"],
)
def test_labels_of_any_type(aligned, encode):
    X, y = aligned[0], encode(aligned[1])
    temo = make_temo().fit(X, y)
    np.testing.assert_array_equal(temo.classes_, np.unique(y))
    probabilities = temo.predict_proba(X)
    assert probabilities.shape == (len(X), len(temo.classes_))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    predicted = temo.predict(X)
    assert predicted.dtype == np.unique(y).dtype
    np.testing.assert_array_equal(predicted, temo.classes_[probabilities.argmax(axis=1)])


def test_module_maps_rows_to_logits_in_the_order_of_classes(aligned):
    X, y = aligned
    temo = make_temo(mirror=False).fit(X, y)
    with torch.no_grad():
        logits = temo.module_.eval()(torch.tensor(X)).numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(temo.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


def test_prediction_does_not_depend_on_the_batch(fitted, aligned):
    X, _ = aligned
    whole = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(X[40:41]), whole[40:41], atol=1e-5)


def test_first_partial_fit_requires_classes(aligned):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        make_temo().partial_fit(*aligned)


def test_loss_falls_over_calls_of_partial_fit(aligned):
    X, y = aligned
    temo = make_temo()
    for _ in range(15):
        temo.partial_fit(X, y, classes=np.unique(y))
    losses = temo.net_.history[:, "train_loss"]
    assert len(losses) == 15
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_partial_fit_accepts_classes_without_clips(aligned):
    X, y = aligned
    some = np.isin(y, ["anger", "fear"])
    temo = make_temo().partial_fit(X[some], y[some], classes=np.unique(y))
    np.testing.assert_array_equal(temo.classes_, np.unique(y))
    assert temo.partial_fit(X, y).predict_proba(X).shape == (len(X), 7)


def test_partial_fit_continues_after_fit(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    before, mean = weights(temo)["weight"].copy(), weights(temo)["mean"].copy()
    temo.partial_fit(X[:20], y[:20])
    after = weights(temo)["weight"]
    assert 0 < np.abs(after - before).max() < 0.5
    np.testing.assert_array_equal(weights(temo)["mean"], mean)


def test_partial_fit_rejects_unknown_labels_and_other_classes(aligned):
    X, y = aligned
    temo = make_temo().partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(ValueError, match=r"'boredom'.*not in classes"):
        temo.partial_fit(X, np.where(y == "anger", "boredom", y))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        temo.partial_fit(X, y, classes=["anger", "fear"])


class EpochCounter(Callback):
    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_skorch_callbacks_reach_the_net(aligned):
    bare, named = EpochCounter(), EpochCounter()
    callbacks = [bare, ("counter", named)]
    temo = make_temo(callbacks=callbacks).fit(*aligned)
    assert (bare.n_epochs, named.n_epochs) == (3, 3)
    assert temo.callbacks is callbacks
    assert len(callbacks) == 2


class ValidationSet(Callback):
    """Keep the clips that are held out."""

    def on_epoch_end(self, net, dataset_valid, **kwargs):
        self.clips, self.targets = dataset_valid[np.arange(len(dataset_valid))]


def test_early_stopping_keeps_the_best_weights(aligned):
    X, y = aligned
    held_out = ValidationSet()
    early = {"early_stopping": True, "validation_fraction": 0.25, "n_iter_no_change": 2}
    temo = make_temo(**early, max_epochs=100, lr=0.1, callbacks=[held_out]).fit(X, y)
    losses = temo.net_.history[:, "valid_loss"]
    assert temo.n_iter_ == len(losses) < 100
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    assert len(held_out.targets) == 21
    with torch.no_grad():
        logits = temo.module_(reduced=held_out.clips["reduced"])
        loss = temo.net_.criterion_(logits, torch.as_tensor(held_out.targets))
    assert float(loss) == pytest.approx(min(losses), rel=1e-3)


def test_mirror_pairs_are_found_in_aligned_clips(fitted):
    np.testing.assert_array_equal(fitted.mirror_pairs_, mesh.mirror_pairs())


@pytest.fixture
def selected():
    """Mask of thirty landmarks and their mirror partners."""
    seeds = np.random.default_rng(0).choice(468, size=30, replace=False)
    return np.isin(np.arange(468), np.union1d(seeds, mesh.mirror_pairs()[seeds]))


def test_mirror_pairs_are_found_after_selection(aligned, selected):
    X, y = aligned
    temo = make_temo().fit(X[:, LAYOUT.feature_mask(selected)], y)
    kept = np.flatnonzero(selected)
    np.testing.assert_array_equal(kept[temo.mirror_pairs_], mesh.mirror_pairs()[kept])


def test_prediction_is_the_same_for_mirror_images(fitted, aligned):
    X, _ = aligned
    mirrored = Mirror.from_clips(X, LAYOUT).apply(X)
    expected = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(mirrored), expected, atol=1e-5)
    one_sided = make_temo(mirror=False).fit(*aligned)
    assert one_sided.mirror_pairs_ is None
    change = one_sided.predict_proba(mirrored) - one_sided.predict_proba(X)
    assert np.abs(change).max() > 1e-3


@pytest.mark.parametrize("n_frames", [1, 2, 4])
@pytest.mark.parametrize(
    "params",
    [{}, {"n_members": 1}, {"mirror": False}, {"first_frame_dropout": 1.0}, {"depth_weight": 0.7}],
)
def test_prediction_is_the_mean_over_clip_and_mirror_image(aligned, n_frames, params):
    X, y = aligned
    X = np.ascontiguousarray(X[:, : n_frames * 468 * 3])
    temo = make_temo(n_frames=n_frames, **params).fit(X, y)
    images = [X]
    if params.get("mirror") is not False:
        images.append(Mirror.from_clips(X, temo.layout_).apply(X))
    with torch.no_grad():
        logits = torch.stack([temo.module_(torch.tensor(image)) for image in images]).mean(dim=0)
    np.testing.assert_allclose(temo.decision_function(X), logits, atol=1e-5)
    expected = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(temo.predict_proba(X), expected, atol=2e-6)
    np.testing.assert_allclose(temo.predict_log_proba(X), np.log(expected), atol=1e-5)
    np.testing.assert_array_equal(temo.predict(X), temo.classes_[expected.argmax(axis=1)])


def test_decision_function_of_two_classes_is_the_difference_of_the_logits(aligned):
    X, y = aligned[0], aligned[1] == "happiness"
    temo = make_temo(mirror=False).fit(X, y)
    with torch.no_grad():
        logits = temo.module_(torch.tensor(X)).numpy()
    decision = temo.decision_function(X)
    np.testing.assert_allclose(decision, logits[:, 1] - logits[:, 0], atol=1e-5)
    np.testing.assert_allclose(temo.predict_proba(X)[:, 1], 1 / (1 + np.exp(-decision)))
    np.testing.assert_array_equal(temo.predict(X), decision > 0)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_prediction_requires_a_fit(aligned, method):
    with pytest.raises(NotFittedError):
        getattr(make_temo(), method)(aligned[0])


def test_prediction_uses_the_current_weights_of_the_module(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    other = make_temo(random_state=1).fit(X, y)
    assert not np.array_equal(temo.predict_proba(X), other.predict_proba(X))
    temo.module_.load_state_dict(other.module_.state_dict())
    np.testing.assert_allclose(temo.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_filters_distinguish_clips_from_reversed_clips(aligned):
    frames = aligned[0].reshape(len(aligned[0]), 4, -1)
    backwards = np.concatenate([frames[:, :1], frames[:, :0:-1]], axis=1)
    X = np.concatenate([frames, backwards]).reshape(2 * len(frames), -1)
    y = np.repeat([0, 1], len(frames))
    train = np.arange(len(y)) % 2 == 0

    def score(n_filters):
        temo = make_temo(n_filters=n_filters, max_epochs=20).fit(X[train], y[train])
        return temo.score(X[~train], y[~train])

    # Both directions have the same mean over time.
    assert score(1) < 0.65 < 0.8 < score(4)


def test_members_are_independent_networks(aligned):
    X, y = aligned
    temo = make_temo(n_members=3).fit(X, y)
    module = temo.module_.train()
    module.noise, module.first_frame_dropout, module.dropout = 0, 0, 0
    # No mirror images.
    module.parity.fill_(1)
    logits = module(torch.tensor(X))
    assert logits.shape == (len(X), 3, 7)
    # The logits of a member do not depend on the weights of another.
    gradient = torch.autograd.grad(logits[:, 0].sum(), module.weight, retain_graph=True)[0]
    assert gradient[:, 0].abs().sum() > 0
    assert gradient[:, 1:].abs().sum() == 0
    gradient = torch.autograd.grad(logits[:, 0].sum(), module.embeddings[1].weight)[0]
    is_used = gradient.unflatten(0, (3, -1)).abs().sum(dim=(1, 2)) > 0
    assert is_used.tolist() == [True, False, False]
    with torch.no_grad():
        mean = module.eval()(torch.tensor(X))
    np.testing.assert_allclose(mean.numpy(), logits.mean(dim=1).detach().numpy(), atol=1e-5)


def test_loss_of_members_is_the_mean_of_their_losses(fitted):
    loss = fitted.net_.criterion_
    logits, target = torch.randn(5, 4, 7), torch.tensor([0, 1, 2, 1, 6])
    expected = torch.stack([loss(logits[:, i], target) for i in range(4)]).mean()
    torch.testing.assert_close(loss(logits, target), expected)


def test_standardised_clips_have_no_mirror_images(aligned):
    X, y = StandardScaler().fit_transform(aligned[0]), aligned[1]
    assert make_temo(max_epochs=1).fit(X, y).mirror_pairs_ is None
    with pytest.raises(ValueError, match=r"mirror=True.* 84 clips .*468 landmarks"):
        make_temo(mirror=True).fit(X, y)


def test_pickles_predict_the_same(fitted, aligned):
    copy = pickle.loads(pickle.dumps(fitted))
    X, y = aligned
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(copy.partial_fit(X, y).classes_, fitted.classes_)


def test_clones_are_unfitted_and_fit_the_same(fitted, aligned):
    copy = clone(fitted)
    assert not hasattr(copy, "net_")
    assert copy.get_params() == fitted.get_params()
    assert_equal_weights(copy.fit(*aligned), fitted)


def test_class_weight_maps_labels(aligned):
    X, y = aligned
    heavy = make_temo(class_weight={"fear": 50.0}, max_epochs=8).fit(X, y)
    plain = make_temo(class_weight=None, max_epochs=8).fit(X, y)
    fear = list(plain.classes_).index("fear")
    shares = [temo.predict_proba(X)[:, fear].mean() for temo in (heavy, plain)]
    assert shares[0] > 1.1 * shares[1]


def test_balanced_class_weights_equal_scikit_learn(aligned):
    X, y = aligned[0][:50], np.where(np.arange(50) < 40, "many", "few")
    temo = make_temo(max_epochs=1).fit(X, y)
    expected = compute_class_weight("balanced", classes=temo.classes_, y=y)
    np.testing.assert_allclose(temo.net_.criterion_.weight.numpy(), expected, rtol=1e-6)


def test_net_is_on_the_device(aligned):
    if torch.cuda.is_available():
        temo = make_temo(device="cuda").fit(*aligned)
        assert next(temo.module_.parameters()).is_cuda
        assert temo.predict_proba(aligned[0]).shape == (84, 7)
    else:
        with pytest.raises((RuntimeError, AssertionError), match=r"(?i)cuda|nvidia"):
            make_temo(device="cuda").fit(*aligned)


def test_sklearn_callbacks_get_every_epoch(aligned, make_task_recorder):
    recorder = make_task_recorder()
    temo = make_temo().set_callbacks(recorder).fit(*aligned)
    epochs = [("TEMOClassifier", "epoch")] * 3
    assert recorder.begun == [("TEMOClassifier", "fit"), *epochs]
    assert recorder.ended == [*epochs, ("TEMOClassifier", "fit")]
    assert len(recorder.predictors) >= 3
    for predictor in recorder.predictors:
        assert predictor.predict(aligned[0]).shape == (84,)
    assert not any(name == "progress" for name, _ in temo.net_.callbacks_)


def test_sklearn_callbacks_can_stop_the_training(aligned, make_task_recorder, capsys):
    recorder = make_task_recorder(stop_after=2)
    temo = make_temo(max_epochs=50).set_callbacks(recorder).fit(*aligned)
    assert len(temo.net_.history) == 2
    assert recorder.ended[-1] == ("TEMOClassifier", "fit")
    assert temo.predict(aligned[0]).shape == (84,)


def test_one_class_is_an_error(aligned):
    with pytest.raises(ValueError, match=r"at least 2 classes.*'anger'"):
        make_temo().fit(aligned[0], np.repeat("anger", 84))


def test_missing_values_are_an_error(aligned):
    X = aligned[0].copy()
    X[3, 5] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        make_temo().fit(X, aligned[1])


def test_columns_that_do_not_fit_n_frames_are_an_error(aligned):
    with pytest.raises(ValueError, match=r"5615 features.* 4 \* 3 = 12"):
        make_temo().fit(aligned[0][:, 1:], aligned[1])


class TestLayout:
    def test_is_inferred_from_a_full_mesh(self, aligned, fitted):
        temo = make_temo(n_frames=None).fit(*aligned)
        assert temo.layout_ == LAYOUT
        assert_equal_weights(temo, fitted)

    def test_is_taken_from_the_previous_step(self, aligned, selected):
        X = aligned[0][:, LAYOUT.feature_mask(selected)]
        layout = LandmarkLayout(4, selected.sum(), 3)
        temo = make_temo(n_frames=None).fit(layout.attach(X), aligned[1])
        assert temo.layout_ == layout
        np.testing.assert_array_equal(temo.predict(X), temo.predict(layout.attach(X)))
        other = LandmarkLayout(2, 2 * layout.n_landmarks, 3)
        with pytest.raises(ValueError, match=r"expected 4 frames of 57 .* gave 2 frames of 114"):
            temo.predict(other.attach(X))

    def test_is_taken_from_column_names(self, aligned, selected):
        names = LAYOUT.feature_names()[LAYOUT.feature_mask(selected)]
        X = pd.DataFrame(aligned[0][:, LAYOUT.feature_mask(selected)], columns=names)
        temo = make_temo(n_frames=None).fit(X, aligned[1])
        assert temo.layout_ == LandmarkLayout(4, selected.sum(), 3)
        assert temo.predict(X).shape == (84,)

    def test_is_never_guessed(self, aligned, selected):
        X = aligned[0][:, LAYOUT.feature_mask(selected)]
        with pytest.raises(ValueError, match="n_frames is not known"):
            make_temo(n_frames=None).fit(X, aligned[1])


@pytest.mark.parametrize(
    "params", [{"n_filters": 0}, {"dropout": 1.0}, {"mirror": "yes"}, {"lr": 0}, {"max_epochs": 0}]
)
def test_parameters_are_checked(aligned, params):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter of TEMOClassifier"):
        make_temo(**params).fit(*aligned)


def test_memory_order_and_order_of_the_clips_do_not_matter(aligned, fitted):
    X, y = aligned
    temo = make_temo().fit(X[::-1], y[::-1])
    assert_equal_weights(temo, fitted)
    expected = fitted.predict_proba(X[::-1].copy())
    np.testing.assert_array_equal(temo.predict_proba(X[::-1]), expected)
    np.testing.assert_array_equal(temo.predict_proba(np.asfortranarray(X[::-1])), expected)


def test_components_equal_scikit_learn_up_to_scale(aligned):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=1, mirror=False, n_components=5, random_state=0)
    net = temo.fit(X, y).module_
    first = LandmarkLayout(4, 468, 3).unflatten(X)[:, 0].copy()
    first[..., 2] = 0
    expected = PCA(5, random_state=0).fit_transform(first.reshape(len(X), -1))
    expected /= np.sqrt(np.mean(expected**2))
    with torch.no_grad():
        found = net.reduced(torch.tensor(X)).numpy()
    np.testing.assert_allclose(np.abs(found[:, :5]), np.abs(expected), atol=0.02)
    assert found.shape == (len(X), 5 * 4)
    assert np.mean(found[:, 5:] ** 2) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("reference", ["first", None])
@pytest.mark.parametrize("randomized", [False, True])
def test_components_of_mirror_images_differ_in_their_signs(expression_clips, reference, randomized):
    X = LandmarkAligner(n_frames=4, reference=reference).fit_transform(expression_clips.data)
    net = make_temo(randomized=randomized, max_epochs=1).fit(X, expression_clips.target).module_
    with torch.no_grad():
        found, mirrored = (
            net.reduced(torch.tensor(clips)).numpy()
            for clips in (X, Mirror.from_clips(X, LAYOUT).apply(X))
        )
    parity = net.parity.numpy()
    assert set(parity) == {-1, 1}
    np.testing.assert_allclose(mirrored, parity * found, atol=1e-3)


@pytest.mark.parametrize("mirror", ["auto", False])
def test_exact_and_randomized_decompositions_agree(aligned, mirror):
    X, y = aligned
    nets = [
        make_temo(max_epochs=1, mirror=mirror, n_components=4).fit(clips, labels).module_
        for clips, labels in ((X, y), (np.tile(X, (4, 1)), np.tile(y, 4)))
    ]
    with torch.no_grad():
        few, many = (net.reduced(torch.tensor(X)).numpy() for net in nets)
    np.testing.assert_allclose(np.abs(few), np.abs(many), atol=0.05)


def test_equal_clips_have_no_components(aligned):
    X = np.tile(aligned[0][:1], (30, 1))
    net = TEMOClassifier(n_frames=4, max_epochs=1, random_state=0, mirror=False)
    net.fit(X, np.arange(30) % 2)
    assert not net.module_.components.any()
    assert np.isfinite(net.predict_proba(X)).all()


@pytest.mark.parametrize(("weight", "matters"), [(0.0, False), (1.0, True)])
def test_depth_weight_scales_the_third_coordinate(aligned, weight, matters):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=2, depth_weight=weight, random_state=0)
    temo.fit(X, y)
    other = X.copy()
    other[:, 2::3] += 1
    assert np.any(temo.predict_proba(other) != temo.predict_proba(X)) == matters


@pytest.mark.parametrize(("weight", "matters"), [(0.0, False), (1.0, True)])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_depends_on_depth_only_if_it_has_a_weight(aligned, method, weight, matters):
    X, y = aligned
    other = X.copy()
    other[:, 2::3] += np.random.default_rng(0).normal(scale=0.01, size=(len(X), X.shape[1] // 3))
    extra = {"classes": np.unique(y)} if method == "partial_fit" else {}
    predicted = []
    for clips in (X, other):
        temo = make_temo(depth_weight=weight, max_epochs=1)
        predicted.append(getattr(temo, method)(clips, y, **extra).predict_proba(X))
    assert np.any(predicted[0] != predicted[1]) == matters


def test_first_frame_that_is_always_dropped_has_no_effect(aligned):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=2, first_frame_dropout=1.0, random_state=0)
    temo.fit(X, y)
    other = X.copy()
    other[:, : X.shape[1] // 4] += 1
    np.testing.assert_array_equal(temo.predict_proba(other), temo.predict_proba(X))


def test_class_weights_apply_to_clips_and_not_to_the_smoothed_target(aligned):
    X, y = aligned[0], aligned[1] == "anger"
    weight = torch.tensor([0.6, 6.0])
    class_weight = dict(enumerate(weight.tolist()))
    loss = make_temo(class_weight=class_weight, max_epochs=1).fit(X, y).net_.criterion_
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0], [0.0, 1.0]])
    target = torch.tensor([0, 0, 1])
    smoothed = 0.9 * torch.eye(2)[target] + 0.05
    losses = -(smoothed * torch.log_softmax(logits, dim=1)).sum(dim=1)
    expected = (weight[target] * losses).sum() / weight[target].sum()
    torch.testing.assert_close(loss(logits, target), expected)


class Interrupt(Callback):
    """Press Ctrl-C in the middle of an epoch."""

    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_interrupted_fit_raises_and_leaves_the_estimator_unfitted(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y).set_params(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        temo.fit(X, np.char.add("z_", y))
    with pytest.raises(NotFittedError):
        temo.predict(X)
    with pytest.raises(KeyboardInterrupt):
        temo.partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(NotFittedError):
        temo.predict(X)
    assert_equal_weights(temo.set_params(callbacks=None).fit(X, y), make_temo().fit(X, y))


@pytest.mark.parametrize("lr", [100, 1e6, 1e30])
def test_loss_that_is_not_finite_or_rises_is_an_error(aligned, lr):
    with pytest.raises(ValueError, match=r"the loss went from .* in \d+ epochs.*lower lr"):
        make_temo(lr=lr).fit(*aligned)


def test_net_can_be_trained_further_by_skorch(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    before = temo.predict_proba(X)
    temo.net_.partial_fit(X, np.searchsorted(temo.classes_, y), epochs=2)
    after = temo.predict_proba(X)
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(temo)).predict_proba(X), after)
    np.testing.assert_allclose(temo.net_.predict_proba(X).sum(axis=1), 1, atol=1e-5)


def test_class_weights_may_be_zero(aligned):
    X, y = aligned
    weight = {label: float(label != "anger") for label in np.unique(y)}
    temo = make_temo(class_weight=weight, batch_size=1).fit(X, y)
    assert np.isfinite(temo.predict_proba(X)).all()
    for wrong in (0.0, -1.0):
        with pytest.raises(ValueError, match="class_weight must hold numbers of 0 or more"):
            make_temo(class_weight=dict.fromkeys(weight, wrong)).fit(X, y)


def test_fits_in_threads_are_reproducible(aligned):
    X, y = aligned
    state = torch.get_rng_state()
    expected = make_temo().fit(X, y).predict_proba(X)
    jobs = (delayed(lambda: make_temo().fit(X, y).predict_proba(X))() for _ in range(6))
    for found in Parallel(3, prefer="threads")(jobs):
        np.testing.assert_array_equal(found, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_class_weights_of_classes_without_clips_are_kept(aligned):
    X, y = aligned
    weight = {label: 7.0 if label == "surprise" else 1.0 for label in np.unique(y)}
    some = y != "surprise"
    temo = make_temo(class_weight=weight).partial_fit(X[some], y[some], classes=np.unique(y))
    assert temo.net_.criterion_.weight.tolist() == [1, 1, 1, 1, 1, 1, 7]


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_skorch_scorers_get_the_mean_of_the_members(aligned, scoring):
    X, y = aligned
    callbacks = [
        EpochScoring("accuracy", on_train=True, name="learnt"),
        EpochScoring(scoring, lower_is_better=False, name="held_out"),
    ]
    early = {"early_stopping": True, "validation_fraction": 0.3}
    temo = make_temo(callbacks=callbacks, **early).fit(X, y)
    assert 0 <= temo.net_.history[-1, "learnt"] <= 1
    assert np.isfinite(temo.net_.history[-1, "held_out"])


def test_too_few_clips_for_early_stopping_are_an_error(aligned):
    X, y = aligned
    with pytest.raises(
        ValueError, match=r"5 of 84 clips with validation_fraction=0.05.* 7 classes"
    ):
        make_temo(early_stopping=True, validation_fraction=0.05).fit(X, y)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        make_temo(early_stopping=True).partial_fit(X, y, classes=np.unique(y))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 2, -1])
def test_values_that_are_not_finite_are_an_error_in_prediction(fitted, aligned, value, column):
    X = aligned[0].copy()
    X[-1, column] = value
    with pytest.raises(ValueError, match=r"X contains (NaN in 1 of \d+ rows|infinity)"):
        fitted.predict(X)


@pytest.mark.parametrize("n_frames", [1, 2, 4])
def test_prediction_validates_its_input(n_frames):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, n_frames * 15)).astype(np.float32)
    temo = TEMOClassifier(n_frames=n_frames, max_epochs=2, random_state=0).fit(X, np.arange(12) % 2)
    expected = temo.predict_proba(X.tolist())
    np.testing.assert_array_equal(temo.predict_proba(X), expected)
    np.testing.assert_array_equal(temo.predict(X), temo.classes_[expected.argmax(axis=1)])
    for wrong, message in (
        (X[:, 3:], "X has"),
        (X[0], "Expected 2D array"),
        (X[:0], "0 sample"),
    ):
        with pytest.raises(ValueError, match=message):
            temo.predict(wrong)


class TestSampleWeight:
    @pytest.fixture
    def few(self, aligned):
        """Clips of three emotions and one landmark in four, to be fast."""
        X, y = aligned
        rows = np.isin(y, ["anger", "fear", "happiness"])
        return X[rows][:, LAYOUT.feature_mask(np.arange(468) % 4 == 0)], y[rows]

    @pytest.fixture
    def repeats(self, few):
        return np.random.default_rng(0).integers(0, 4, size=len(few[1]))

    @pytest.mark.parametrize("mirror", ["auto", False])
    def test_whole_numbers_equal_repetition(self, aligned, mirror):
        X, y = aligned
        repeats = np.random.default_rng(0).integers(0, 4, size=len(X))
        weighted = make_temo(mirror=mirror).fit(X, y, sample_weight=repeats)
        repeated = make_temo(mirror=mirror).fit(
            np.repeat(X, repeats, axis=0), np.repeat(y, repeats)
        )
        assert_equal_weights(weighted, repeated)
        np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))

    def test_large_integers_are_not_repeated(self, few):
        X, y = few
        repeats = np.where(np.arange(len(y)) % 2, 1, 10**9)
        weighted = make_temo().fit(X, y, sample_weight=repeats)
        divided = make_temo().fit(X, y, sample_weight=repeats / 10**9)
        for name, value in weights(weighted).items():
            np.testing.assert_allclose(value, weights(divided)[name], rtol=1e-4, atol=1e-5)

    def test_partial_fit_repeats_too(self, few, repeats):
        X, y = few
        weighted, repeated = make_temo(), make_temo()
        for _ in range(2):
            weighted.partial_fit(X, y, classes=np.unique(y), sample_weight=repeats)
            repeated.partial_fit(
                np.repeat(X, repeats, axis=0), np.repeat(y, repeats), classes=np.unique(y)
            )
        assert_equal_weights(weighted, repeated)

    def test_early_stopping_repeats_too(self, few, repeats):
        X, y = few
        early = {"early_stopping": True, "validation_fraction": 0.2}
        weighted = make_temo(**early).fit(X, y, sample_weight=repeats)
        repeated = make_temo(**early).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
        assert_equal_weights(weighted, repeated)

    def test_ones_equal_no_weights(self, aligned, fitted):
        X, y = aligned
        assert_equal_weights(make_temo().fit(X, y, sample_weight=np.ones(len(X))), fitted)

    def test_equal_fractions_equal_no_weights(self, few):
        X, y = few
        weighted = make_temo().fit(X, y, sample_weight=np.full(len(X), 0.25))
        expected = make_temo().fit(X, y).predict_proba(X)
        np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-5)

    def test_zero_leaves_a_clip_and_its_class_out(self, few):
        X, y = few
        for some in (1.0, 0.5):
            weight = some * (y != "anger")
            temo = make_temo().fit(X, y, sample_weight=weight)
            assert list(temo.classes_) == ["fear", "happiness"]

    def test_clips_of_small_weight_have_little_effect(self, aligned):
        X, y = aligned
        wrong = np.random.default_rng(0).permutation(len(X)) < 42
        classes, targets = np.unique(y, return_inverse=True)
        noisy = np.where(wrong, classes[(targets + 1) % len(classes)], y)
        weight = np.where(wrong, 0.001, 1.0)
        weighted = make_temo(max_epochs=20).fit(X, noisy, sample_weight=weight)
        plain = make_temo(max_epochs=20).fit(X, noisy)
        scores = [temo.score(X[wrong], y[wrong]) for temo in (weighted, plain)]
        assert scores[0] > scores[1] + 0.3

    def test_weights_balance_the_classes(self, few):
        X, y = few
        weight = np.where(y == "fear", 2.5, 0.5)
        temo = make_temo(max_epochs=1).fit(X, y, sample_weight=weight)
        expected = compute_class_weight(
            "balanced", classes=temo.classes_, y=y, sample_weight=weight / weight.mean()
        )
        np.testing.assert_allclose(temo.net_.criterion_.weight, expected, rtol=1e-5)

    def test_weights_apply_to_the_principal_components(self, few):
        X, y = few
        weight = np.random.default_rng(0).uniform(0.5, 3, size=len(X))
        temo = make_temo(max_epochs=1, mirror=False, n_components=3, depth_weight=1)
        module = temo.fit(X, y, sample_weight=weight).module_
        first = X[:, : 117 * 3].astype(np.float64)
        mean = np.average(first, axis=0, weights=weight)
        covariance = np.cov(first.T, aweights=weight, ddof=0)
        expected = np.linalg.eigh(covariance)[1][:, ::-1][:, :3].T
        np.testing.assert_allclose(module.mean[: len(mean)], mean, atol=1e-5)
        found = module.components[0].numpy()
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
        np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=1)), 1, atol=1e-3)

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (-np.ones(36), "Negative values in data passed to"),
            (np.ones(35), r"sample_weight.shape == \(35,\), expected \(36,\)"),
            (np.zeros(36), "at least one non-zero"),
            (np.full(36, np.nan), "sample_weight contains NaN"),
        ],
    )
    @pytest.mark.parametrize("method", ["fit", "partial_fit"])
    def test_wrong_weights_are_an_error(self, few, method, weight, message):
        X, y = few
        extra = {"classes": np.unique(y)} if method == "partial_fit" else {}
        with pytest.raises(ValueError, match=message):
            getattr(make_temo(), method)(X, y, sample_weight=weight, **extra)

    def test_pipelines_route_weights(self, few, repeats):
        X, y = few
        expected = make_temo().fit(X, y, sample_weight=repeats).predict_proba(X)
        with config_context(enable_metadata_routing=True):
            temo = make_temo().set_fit_request(sample_weight=True)
            pipe = make_pipeline(FunctionTransformer(), temo).fit(X, y, sample_weight=repeats)
            np.testing.assert_array_equal(pipe.predict_proba(X), expected)

    def test_calibration_routes_weights(self, few):
        X, y = few
        weight = np.random.default_rng(0).uniform(0.5, 2, size=len(X))
        with config_context(enable_metadata_routing=True):
            temo = make_temo().set_fit_request(sample_weight=True)
            calibrated = CalibratedClassifierCV(temo, cv=2).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)

    @pytest.mark.parametrize(
        "ensemble",
        [
            AdaBoostClassifier(make_temo(), n_estimators=3, random_state=0),
            BaggingClassifier(make_temo(), n_estimators=3, random_state=0),
        ],
        ids=["AdaBoost", "Bagging"],
    )
    def test_ensembles_use_weights(self, few, ensemble):
        X, y = few
        assert clone(ensemble).fit(X, y).score(X, y) > 1 / 2

    def test_voting_passes_weights_on(self, few, repeats):
        X, y = few
        members = [("one", make_temo()), ("other", make_temo(random_state=1))]
        voting = VotingClassifier(members, voting="soft", weights=[2, 1])
        voting.fit(X, y, sample_weight=repeats)
        fits = [clone(temo).fit(X, y, sample_weight=repeats) for _, temo in members]
        expected = np.average([f.predict_proba(X) for f in fits], axis=0, weights=[2, 1])
        np.testing.assert_allclose(voting.predict_proba(X), expected)
