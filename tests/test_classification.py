import pickle

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EpochScoring

from sklearn_temo import LandmarkLayout, TEMOClassifier, mesh
from sklearn_temo.classification._training import BalancedCrossEntropy
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


def test_it_learns_what_it_was_not_shown(aligned):
    X, y = aligned
    temo = make_temo(max_epochs=20).fit(X[::2], y[::2])
    # Three times what chance gives for seven emotions, from six clips of each.
    assert temo.score(X[1::2], y[1::2]) > 3 / 7


@pytest.mark.parametrize("mirror", ["auto", False])
def test_one_random_state_gives_equal_bits(aligned, mirror):
    X, y = aligned
    torch.manual_seed(1)
    one = make_temo(mirror=mirror).fit(X, y)
    torch.manual_seed(2)
    assert_equal_weights(one, make_temo(mirror=mirror).fit(X, y))
    other = make_temo(mirror=mirror, random_state=1).fit(X, y)
    name = "first_embedding.weight"
    assert not np.array_equal(weights(one)[name], weights(other)[name])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_torchs_global_state_is_left_alone(aligned, method):
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


def test_partial_fit_needs_the_classes_first(aligned):
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


def test_partial_fit_knows_classes_that_have_not_come_yet(aligned):
    X, y = aligned
    some = np.isin(y, ["anger", "fear"])
    temo = make_temo().partial_fit(X[some], y[some], classes=np.unique(y))
    np.testing.assert_array_equal(temo.classes_, np.unique(y))
    assert temo.partial_fit(X, y).predict_proba(X).shape == (len(X), 7)


def test_partial_fit_goes_on_after_fit(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    before, mean = weights(temo)["head.weight"].copy(), weights(temo)["mean"].copy()
    temo.partial_fit(X[:20], y[:20])
    after = weights(temo)["head.weight"]
    assert 0 < np.abs(after - before).max() < 0.5
    np.testing.assert_array_equal(weights(temo)["mean"], mean)


def test_partial_fit_refuses_labels_and_classes_that_it_does_not_know(aligned):
    X, y = aligned
    temo = make_temo().partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(ValueError, match=r"'boredom'.*not in classes"):
        temo.partial_fit(X, np.where(y == "anger", "boredom", y))
    with pytest.raises(ValueError, match="not the same as on the first call"):
        temo.partial_fit(X, y, classes=["anger", "fear"])


def test_randomized_leaves_the_embeddings_as_they_began_and_learns(aligned):
    X, y = aligned
    short = make_temo(randomized=True, max_epochs=1).fit(X[::2], y[::2])
    long = make_temo(randomized=True, max_epochs=30).fit(X[::2], y[::2])
    for name in ("first_embedding", "later_embedding"):
        for kind in ("weight", "bias"):
            key = f"{name}.{kind}"
            np.testing.assert_array_equal(weights(short)[key], weights(long)[key])
    assert not np.array_equal(weights(short)["head.weight"], weights(long)["head.weight"])
    assert long.score(X[1::2], y[1::2]) > 2 / 7
    # The control: without it the same seed gives embeddings that move.
    trained = make_temo(max_epochs=1).fit(X[::2], y[::2])
    key = "later_embedding.weight"
    assert not np.array_equal(weights(trained)[key], weights(short)[key])


class EpochCounter(Callback):
    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_skorch_callbacks_are_passed_on(aligned):
    bare, named = EpochCounter(), EpochCounter()
    callbacks = [bare, ("counter", named)]
    temo = make_temo(callbacks=callbacks).fit(*aligned)
    assert (bare.n_epochs, named.n_epochs) == (3, 3)
    assert temo.callbacks is callbacks
    assert len(callbacks) == 2


def test_early_stopping_stops_and_keeps_the_best(aligned):
    X, y = aligned
    temo = make_temo(
        early_stopping=True, validation_fraction=0.25, n_iter_no_change=2, max_epochs=100, lr=0.1
    ).fit(X, y)
    losses = temo.net_.history[:, "valid_loss"]
    assert len(losses) < 100
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    _, valid = temo.net_.get_split_datasets(X, np.searchsorted(temo.classes_, y))
    assert len(valid) == 21
    with torch.no_grad():
        rows = torch.stack([torch.tensor(valid[i][0]) for i in range(len(valid))])
        targets = torch.tensor([int(valid[i][1]) for i in range(len(valid))])
        loss = temo.net_.criterion_(temo.module_.eval()(rows), targets)
    assert float(loss) == pytest.approx(min(losses), rel=1e-3)


def test_mirror_pairs_are_found_in_aligned_clips(fitted):
    np.testing.assert_array_equal(fitted.mirror_pairs_, mesh.mirror_pairs())


@pytest.fixture
def chosen():
    """Thirty landmarks and their mirror partners, as a mask."""
    seeds = np.random.default_rng(0).choice(468, size=30, replace=False)
    return np.isin(np.arange(468), np.union1d(seeds, mesh.mirror_pairs()[seeds]))


def test_mirror_pairs_are_found_after_selection(aligned, chosen):
    X, y = aligned
    temo = make_temo().fit(X[:, LAYOUT.feature_mask(chosen)], y)
    kept = np.flatnonzero(chosen)
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
def test_prediction_is_the_mean_of_the_networks_over_both_views(aligned, n_frames, params):
    X, y = aligned
    X = np.ascontiguousarray(X[:, : n_frames * 468 * 3])
    temo = make_temo(n_frames=n_frames, **params).fit(X, y)
    views = [X] if temo.mirror_pairs_ is None else [X, temo._mirror.apply(X)]
    assert len(views) == (1 if params.get("mirror") is False else 2)
    with torch.no_grad():
        logits = torch.stack([temo.module_(torch.tensor(view)) for view in views]).mean(dim=0)
    expected = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(temo.predict_proba(X), expected, atol=2e-6)


def test_prediction_follows_weights_that_are_changed(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    other = make_temo(random_state=1).fit(X, y)
    assert not np.array_equal(temo.predict_proba(X), other.predict_proba(X))
    temo.module_.load_state_dict(other.module_.state_dict())
    np.testing.assert_allclose(temo.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_filters_tell_which_way_a_clip_runs(aligned):
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


def test_members_are_networks_of_their_own(aligned):
    X, y = aligned
    temo = make_temo(n_members=3).fit(X, y)
    module = temo.module_.train()
    module.noise, module.first_frame_dropout, module.head.dropout = 0, 0, 0
    logits = module(torch.tensor(X))
    assert logits.shape == (len(X), 3, 7)
    # What one member says does not depend on the weights of another.
    gradient = torch.autograd.grad(logits[:, 0].sum(), module.head.weight, retain_graph=True)[0]
    assert gradient[:, 0].abs().sum() > 0
    assert gradient[:, 1:].abs().sum() == 0
    gradient = torch.autograd.grad(logits[:, 0].sum(), module.later_embedding.weight)[0]
    assert (gradient.unflatten(0, (3, -1)).abs().sum(dim=(1, 2)) > 0).tolist() == [
        True,
        False,
        False,
    ]
    with torch.no_grad():
        mean = module.eval()(torch.from_numpy(X))
    np.testing.assert_allclose(mean.numpy(), logits.mean(dim=1).detach().numpy(), atol=1e-5)


def test_the_loss_of_members_is_the_mean_of_their_losses():
    loss = BalancedCrossEntropy(torch.tensor([1.0, 2.0, 3.0]), 0.1)
    logits, target = torch.randn(5, 4, 3), torch.tensor([0, 1, 2, 1, 0])
    expected = torch.stack([loss(logits[:, i], target) for i in range(4)]).mean()
    torch.testing.assert_close(loss(logits, target), expected)


def test_standardised_clips_have_no_mirror(aligned):
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


def test_balanced_weights_are_those_of_scikit_learn(aligned):
    from sklearn.utils.class_weight import compute_class_weight

    X, y = aligned[0][:50], np.where(np.arange(50) < 40, "many", "few")
    temo = make_temo(max_epochs=1).fit(X, y)
    expected = compute_class_weight("balanced", classes=temo.classes_, y=y)
    np.testing.assert_allclose(temo.net_.criterion_.weight.numpy(), expected, rtol=1e-6)


def test_device_reaches_the_net(aligned):
    if torch.cuda.is_available():
        temo = make_temo(device="cuda").fit(*aligned)
        assert next(temo.module_.parameters()).is_cuda
        assert temo.predict_proba(aligned[0]).shape == (84, 7)
    else:
        with pytest.raises((RuntimeError, AssertionError), match=r"(?i)cuda"):
            make_temo(device="cuda").fit(*aligned)


def test_sklearn_callbacks_see_every_epoch(aligned, make_task_recorder):
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


def test_one_class_is_refused(aligned):
    with pytest.raises(ValueError, match=r"at least 2 classes.*'anger'"):
        make_temo().fit(aligned[0], np.repeat("anger", 84))


def test_missing_values_are_refused(aligned):
    X = aligned[0].copy()
    X[3, 5] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        make_temo().fit(X, aligned[1])


def test_columns_that_are_no_landmarks_are_refused(aligned):
    with pytest.raises(ValueError, match=r"5615 features.* 4 \* 3 = 12"):
        make_temo().fit(aligned[0][:, 1:], aligned[1])


@pytest.mark.parametrize(
    "params", [{"n_filters": 0}, {"dropout": 1.0}, {"mirror": "yes"}, {"lr": 0}, {"max_epochs": 0}]
)
def test_parameters_are_checked(aligned, params):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter of TEMOClassifier"):
        make_temo(**params).fit(*aligned)


def test_rows_in_any_order_of_memory(aligned):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=2, hidden_size=8, random_state=0)
    expected = temo.fit(X[::-1].copy(), y[::-1]).predict_proba(X[::-1].copy())
    np.testing.assert_array_equal(temo.fit(X[::-1], y[::-1]).predict_proba(X[::-1]), expected)
    np.testing.assert_array_equal(temo.predict_proba(np.asfortranarray(X[::-1])), expected)


def test_components_are_those_of_scikit_learn_with_a_mean_square_of_one(aligned):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=1, mirror=False, n_components=5, random_state=0)
    net = temo.fit(X, y).module_
    first = LandmarkLayout(4, 468, 3).unflatten(X)[:, 0].copy()
    first[..., 2] = 0
    expected = PCA(5, random_state=0).fit_transform(first.reshape(len(X), -1))
    expected /= np.sqrt(np.mean(expected**2))
    with torch.no_grad():
        found = net.reduced(torch.tensor(X))
    np.testing.assert_allclose(np.abs(found[:, :5]), np.abs(expected), atol=0.02)
    assert found.shape == (len(X), 5 * 4)
    assert found[:, 5:].square().mean().item() == pytest.approx(1, rel=1e-3)


def test_clips_that_do_not_move_have_no_components(aligned):
    X = np.tile(aligned[0][:1], (30, 1))
    net = TEMOClassifier(n_frames=4, max_epochs=1, random_state=0, mirror=False)
    net.fit(X, np.arange(30) % 2)
    assert not net.module_.first_components.any()
    assert np.isfinite(net.predict_proba(X)).all()


@pytest.mark.parametrize(("weight", "matters"), [(0.0, False), (1.0, True)])
def test_depth_counts_as_much_as_it_is_told_to(aligned, weight, matters):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=2, depth_weight=weight, random_state=0)
    temo.fit(X, y)
    other = X.copy()
    other[:, 2::3] += 1
    assert np.any(temo.predict_proba(other) != temo.predict_proba(X)) == matters


def test_a_first_frame_that_training_never_sees_does_not_matter_afterwards(aligned):
    X, y = aligned
    temo = TEMOClassifier(n_frames=4, max_epochs=2, first_frame_dropout=1.0, random_state=0)
    temo.fit(X, y)
    other = X.copy()
    other[:, : X.shape[1] // 4] += 1
    np.testing.assert_array_equal(temo.predict_proba(other), temo.predict_proba(X))


def test_a_rare_class_does_not_draw_the_others_towards_it():
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0], [0.0, 1.0]], dtype=torch.float64)
    target = torch.tensor([0, 0, 1])
    weight = torch.tensor([0.6, 6.0], dtype=torch.float64)
    smoothed = 0.9 * torch.eye(2)[target] + 0.05
    losses = -(smoothed * torch.log_softmax(logits, dim=1)).sum(dim=1)
    expected = (weight[target] * losses).sum() / weight[target].sum()
    torch.testing.assert_close(BalancedCrossEntropy(weight, 0.1)(logits, target), expected)


def test_a_fit_that_fails_leaves_the_earlier_one_whole(aligned, make_task_recorder):
    X, y = aligned
    temo = make_temo().fit(X, y)
    expected = temo.predict_proba(X)
    with pytest.raises(ValueError, match="at least 2 classes"):
        temo.fit(X[:, : 4 * 300], ["only"] * len(X))

    class Interrupting(EpochCounter):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    temo.set_params(callbacks=[Interrupting()])
    with pytest.raises(KeyboardInterrupt):
        temo.fit(X[:, : 4 * 300], np.char.add("z_", y))
    np.testing.assert_array_equal(temo.classes_, np.unique(y))
    np.testing.assert_array_equal(temo.predict_proba(X), expected)
    first = make_temo(callbacks=[Interrupting()])
    with pytest.raises(KeyboardInterrupt):
        first.fit(X, y)
    assert not hasattr(first, "classes_")


def test_prediction_follows_its_own_optimizer(aligned):
    X, y = aligned
    temo = make_temo().fit(X, y)
    before = temo.predict_proba(X)
    temo.net_.partial_fit(X, np.searchsorted(temo.classes_, y), epochs=2)
    after = temo.predict_proba(X)
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(temo)).predict_proba(X), after)
    np.testing.assert_allclose(temo.net_.predict_proba(X).sum(axis=1), 1, atol=1e-5)


def test_classes_of_weight_zero_teach_nothing(aligned):
    X, y = aligned
    weight = {label: float(label != "anger") for label in np.unique(y)}
    temo = make_temo(class_weight=weight, batch_size=1).fit(X, y)
    assert np.isfinite(temo.predict_proba(X)).all()
    for wrong in (0.0, -1.0):
        with pytest.raises(ValueError, match="class_weight must hold numbers from 0 on"):
            make_temo(class_weight=dict.fromkeys(weight, wrong)).fit(X, y)


def test_a_random_state_holds_in_threads(aligned):
    X, y = aligned
    state = torch.get_rng_state()
    expected = make_temo().fit(X, y).predict_proba(X)
    jobs = (delayed(lambda: make_temo().fit(X, y).predict_proba(X))() for _ in range(6))
    for found in Parallel(3, prefer="threads")(jobs):
        np.testing.assert_array_equal(found, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_given_weights_hold_for_classes_that_have_not_come_yet(aligned):
    X, y = aligned
    weight = {label: 7.0 if label == "surprise" else 1.0 for label in np.unique(y)}
    some = y != "surprise"
    temo = make_temo(class_weight=weight).partial_fit(X[some], y[some], classes=np.unique(y))
    assert temo.net_.criterion_.weight.tolist() == [1, 1, 1, 1, 1, 1, 7]


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_scorers_of_skorch_see_the_mean_of_the_members(aligned, scoring):
    X, y = aligned
    callbacks = [
        EpochScoring("accuracy", on_train=True, name="learnt"),
        EpochScoring(scoring, lower_is_better=False, name="held_out"),
    ]
    early = {"early_stopping": True, "validation_fraction": 0.3}
    temo = make_temo(callbacks=callbacks, **early).fit(X, y)
    assert 0 <= temo.net_.history[-1, "learnt"] <= 1
    assert np.isfinite(temo.net_.history[-1, "held_out"])


def test_too_few_clips_to_hold_out_are_told(aligned):
    X, y = aligned
    with pytest.raises(ValueError, match=r"validation_fraction=0.05 of 84 clips, 5, .* 7 classes"):
        make_temo(early_stopping=True, validation_fraction=0.05).fit(X, y)
    with pytest.raises(ValueError, match="early_stopping=True, which is for fit"):
        make_temo(early_stopping=True).partial_fit(X, y, classes=np.unique(y))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 2, -1])
def test_what_is_not_finite_is_refused_in_prediction_too(fitted, aligned, value, column):
    X = aligned[0].copy()
    X[-1, column] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        fitted.predict(X)


@pytest.mark.parametrize("n_frames", [1, 2, 4])
def test_an_array_that_needs_no_conversion_is_looked_at_like_any_other(n_frames):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, n_frames * 15)).astype(np.float32)
    temo = TEMOClassifier(n_frames=n_frames, max_epochs=2, random_state=0).fit(X, np.arange(12) % 2)
    expected = temo.predict_proba(X.tolist())
    np.testing.assert_array_equal(temo.predict_proba(X), expected)
    np.testing.assert_array_equal(temo.predict(X), temo.classes_[expected.argmax(axis=1)])
    for broken, message in (
        (X[:, 3:], "X has"),
        (X[0], "Expected 2D array"),
        (X[:0], "0 sample"),
        (np.where(np.arange(X.shape[1]) == 7, np.float32("nan"), X), "Input X contains NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            temo.predict(broken)
