import pickle
import subprocess
import sys
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, LandmarkLayout, TEMOClassifier, mesh
from sklearn_temo.attribution import landmark_relevance
from sklearn_temo.datasets import make_expression_clips

SMALL = LandmarkLayout(n_frames=4, n_landmarks=12, n_coords=2)
SHAPE = {"n_frames": 4, "n_coords": 2}


def fast_temo(**parameters):
    return TEMOClassifier(**{"max_epochs": 4, "hidden_size": 16, "random_state": 0} | parameters)


def selector_of(estimator=None, **parameters):
    estimator = fast_temo() if estimator is None else estimator
    return IGLandmarkSelector(estimator, **{"k": 4, "random_state": 0} | SHAPE | parameters)


class TinyNet(nn.Module):
    def __init__(self, n_in=SMALL.n_features, n_out=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, 8), nn.Tanh(), nn.Linear(8, n_out))

    def forward(self, x):
        return self.layers(x)


class FixedNetClassifier(ClassifierMixin, BaseEstimator):
    """A linear net with known weights and classes in any order."""

    def __init__(self, order=None):
        self.order = order

    def fit(self, X, y):
        self.classes_ = np.unique(y) if self.order is None else np.array(self.order)
        labels = np.unique(y).tolist()
        self.module_ = nn.Linear(X.shape[1], len(labels), bias=False)
        weight = np.zeros((len(labels), *SMALL.shape), dtype=np.float32)
        for row, label in enumerate(self.classes_):
            # The i-th class in sorted order depends on landmark i only.
            weight[row, :, labels.index(label)] = 1
        with torch.no_grad():
            self.module_.weight.copy_(torch.as_tensor(SMALL.flatten(weight)))
        return self

    def predict(self, X):
        logits = self.module_(torch.as_tensor(X, dtype=torch.float32))
        return self.classes_[logits.argmax(dim=1).numpy()]


class Recorder:
    """scikit-learn callback that records tasks."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((type(estimator).__name__, context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.ended.append((type(estimator).__name__, context.task_name))


@pytest.fixture(scope="module")
def small():
    """Clips of 12 landmarks and three classes, each of which moves one landmark: 2, 5 or 9."""
    rng = np.random.default_rng(0)
    target = np.arange(60) % 3
    clips = rng.normal(size=(60, *SMALL.shape))
    clips[np.arange(60), 1:, np.array([2, 5, 9])[target]] += 3
    return SMALL.flatten(clips).astype(np.float32), np.array(["a", "b", "c"])[target]


@pytest.fixture(scope="module")
def faces():
    """Aligned clips of whole faces."""
    clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    return LandmarkAligner(n_frames=4).fit_transform(clips.data), clips.target


def columns_of(landmarks, layout=SMALL):
    return [
        (frame * layout.n_landmarks + landmark) * layout.n_coords + axis
        for frame in range(layout.n_frames)
        for landmark in landmarks
        for axis in range(layout.n_coords)
    ]


class TestSelector:
    def test_finds_the_landmarks_that_move(self, small):
        selector = selector_of(fast_temo(max_epochs=20), k=3).fit(*small)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 5, 9]
        assert selector.landmark_scores_per_class_.argmax(axis=1).tolist() == [2, 5, 9]

    def test_support_and_transforms_keep_whole_landmarks(self, small):
        X, y = small
        selector = selector_of().fit(X, y)
        mask = selector.get_landmark_support()
        kept = selector.get_landmark_support(indices=True)
        assert mask.dtype == bool
        assert mask.shape == (12,)
        assert np.flatnonzero(mask).tolist() == kept.tolist()
        columns = columns_of(kept)
        assert selector.get_support(indices=True).tolist() == columns
        Xt = selector.transform(X)
        np.testing.assert_array_equal(Xt, X[:, columns])
        assert Xt.dtype == np.float32
        back = selector.inverse_transform(Xt)
        np.testing.assert_array_equal(back[:, columns], X[:, columns])
        assert not np.delete(back, columns, axis=1).any()

    def test_support_is_a_copy(self, small):
        selector = selector_of().fit(*small)
        selector.get_landmark_support()[:] = False
        assert selector.get_landmark_support().sum() == 4

    def test_names_of_kept_columns(self, small):
        import pandas as pd

        X, y = small
        selector = selector_of().fit(X, y)
        kept = selector.get_landmark_support(indices=True)
        expected = [f"f{f:03d}_p{p:03d}_{axis}" for f in range(4) for p in kept for axis in "xy"]
        assert selector.get_feature_names_out().tolist() == expected
        frame = selector.set_output(transform="pandas").transform(X)
        assert isinstance(frame, pd.DataFrame)
        assert frame.columns.tolist() == expected

    def test_names_of_a_data_frame(self, small):
        import pandas as pd

        X, y = small
        frame = pd.DataFrame(X, columns=[f"column{i}" for i in range(X.shape[1])])
        selector = selector_of().fit(frame, y)
        expected = [f"column{i}" for i in selector.get_support(indices=True)]
        assert selector.get_feature_names_out().tolist() == expected

    def test_without_redundancy_the_ranking_is_by_scores_that_sum_to_one(self, small):
        selector = selector_of(k=5, redundancy=None).fit(*small)
        assert sorted(selector.ranking_) == list(range(1, 13))
        in_order = selector.landmark_scores_[np.argsort(selector.ranking_)]
        assert np.all(np.diff(in_order) <= 0)
        assert selector.landmark_scores_.sum() == pytest.approx(1)
        np.testing.assert_array_equal(selector.get_landmark_support(), selector.ranking_ <= 5)

    def test_scores_are_the_relevance_in_the_fitted_network(self, small):
        X, y = small
        selector = selector_of().fit(X, y)
        targets = np.unique(y, return_inverse=True)[1]
        relevance = landmark_relevance(
            selector.estimator_.module_, X, selector.baselines_, targets, SMALL
        )
        np.testing.assert_allclose(selector.landmark_scores_per_class_, relevance.per_class)
        np.testing.assert_allclose(selector.landmark_scores_, relevance.overall)
        assert selector.n_gradient_evaluations_ == len(X) * len(selector.baselines_)

    def test_classes_have_equal_weight_whatever_their_size(self, small):
        X, y = small
        often = np.concatenate([np.flatnonzero(y != "a"), np.repeat(np.flatnonzero(y == "a"), 8)])
        baselines = X[:3]
        once = selector_of(FixedNetClassifier(), baselines=baselines).fit(X, y)
        many = selector_of(FixedNetClassifier(), baselines=baselines).fit(X[often], y[often])
        np.testing.assert_allclose(many.landmark_scores_, once.landmark_scores_, rtol=1e-5)
        np.testing.assert_allclose(once.landmark_scores_[:3], 1 / 3, rtol=1e-5)

    @pytest.mark.parametrize("tol", [1e-1, 1e-3])
    def test_completeness_gap_is_within_tol(self, small, tol):
        assert 0 < selector_of(tol=tol).fit(*small).completeness_gap_ <= tol

    def test_equal_seeds_give_equal_results(self, small):
        def fit(seed):
            parameters = SHAPE | {"k": 4, "baselines": "random", "random_state": seed}
            return IGLandmarkSelector(**parameters).fit(*small)

        first, again, other = fit(3), fit(3), fit(4)
        for name in ("landmark_scores_", "landmark_scores_per_class_", "baselines_", "ranking_"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert first.completeness_gap_ == again.completeness_gap_
        assert not np.array_equal(first.landmark_scores_, other.landmark_scores_)

    def test_global_generators_are_not_changed(self, small):
        def states():
            return torch.get_rng_state().numpy().tobytes(), check_random_state(None).get_state()[
                1
            ].tobytes()

        before = states()
        IGLandmarkSelector(k=4, **SHAPE, baselines="random", random_state=0).fit(*small)
        assert states() == before

    def test_pickling(self, small):
        X, y = small
        selector = selector_of().fit(X, y)
        again = pickle.loads(pickle.dumps(selector))
        np.testing.assert_array_equal(again.transform(X), selector.transform(X))
        np.testing.assert_array_equal(again.estimator_.predict(X), selector.estimator_.predict(X))

    def test_callbacks_receive_training_and_attribution(self, small):
        recorder = Recorder()
        selector_of().set_callbacks(recorder).fit(*small)
        tasks = [task for name, task in recorder.begun if name == "IGLandmarkSelector"]
        assert [task for task in tasks if task in ("train", "attribute")] == ["train", "attribute"]
        assert sorted(recorder.begun) == sorted(recorder.ended)

    def test_parameters_are_not_changed(self, small):
        baselines = small[0][:2].tolist()
        selector = selector_of(baselines=baselines).fit(*small)
        assert selector.baselines is baselines
        assert selector.k == 4

    def test_import_is_light(self):
        code = (
            "import sys, sklearn_temo.selection; "
            "assert not {'torch', 'mediapipe', 'matplotlib', 'av'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestK:
    @pytest.mark.parametrize("k", [0, -1, 1.5, 0.0, np.nan, "some", None, [3]])
    def test_an_invalid_k_is_an_error(self, small, k):
        with pytest.raises(ValueError, match=r"The 'k' parameter of IGLandmarkSelector must be"):
            selector_of(k=k).fit(*small)

    def test_error_is_raised_before_training(self, small):
        class Untrainable(FixedNetClassifier):
            def fit(self, X, y):
                raise AssertionError("trained")

        with pytest.raises(ValueError, match="at most 12"):
            selector_of(Untrainable(), k=13).fit(*small)

    @pytest.mark.parametrize(("k", "n_kept"), [(0.5, 6), ("all", 12), (1.0, 12), (np.int64(1), 1)])
    def test_shares_and_all(self, small, k, n_kept):
        X, y = small
        selector = selector_of(FixedNetClassifier(), k=k).fit(X, y)
        assert selector.get_landmark_support().sum() == n_kept
        assert selector.transform(X).shape == (60, n_kept * 8)


class TestBaselines:
    @pytest.mark.parametrize(
        ("kind", "n"), [("typical", 4), ("random", 4), ("mean", 1), ("zero", 1)]
    )
    def test_kinds(self, small, kind, n):
        X, y = small
        selector = selector_of(baselines=kind, n_baselines=4).fit(X, y)
        assert selector.baselines_.shape == (n, 96)
        if kind in ("typical", "random"):
            assert all(np.equal(X, row).all(axis=1).any() for row in selector.baselines_)

    def test_array(self, small):
        X, y = small
        selector = selector_of(baselines=X[:2].tolist()).fit(X, y)
        np.testing.assert_array_equal(selector.baselines_, X[:2])

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((2, 95), r"\(n_baselines, 96\).*got \(2, 95\)"),
            ((96,), "Expected 2D array"),
            ((0, 96), "minimum of 1 is required"),
        ],
    )
    def test_array_of_a_wrong_shape(self, small, shape, message):
        with pytest.raises(ValueError, match=message):
            selector_of(baselines=np.zeros(shape)).fit(*small)

    def test_unknown_kind(self, small):
        with pytest.raises(ValueError, match=r"'baselines' parameter .*typical.*'median'"):
            selector_of(baselines="median").fit(*small)


class TestEstimator:
    def test_a_clone_gets_the_layout(self, small):
        temo = fast_temo(n_frames=7)
        selector = selector_of(temo).fit(*small)
        assert (selector.estimator_.n_frames, selector.estimator_.n_coords) == (4, 2)
        assert (temo.n_frames, temo.n_coords) == (7, None)
        assert selector.estimator is temo
        assert not hasattr(temo, "classes_")

    def test_default_estimator(self, small):
        default = IGLandmarkSelector.default_estimator()
        assert isinstance(default, TEMOClassifier)
        assert not hasattr(default, "classes_")
        selectors = [
            IGLandmarkSelector(estimator, k=4, **SHAPE, random_state=0).fit(*small)
            for estimator in (None, default)
        ]
        assert selectors[0].estimator is None
        np.testing.assert_array_equal(selectors[0].ranking_, selectors[1].ranking_)

    def test_a_skorch_net(self, small):
        X, y = small
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            TinyNet,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=0.02,
            max_epochs=20,
            train_split=None,
            verbose=0,
        )
        targets = np.unique(y, return_inverse=True)[1]
        selector = selector_of(net, k=3).fit(X, targets)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 5, 9]
        assert not hasattr(net, "module_")

    @pytest.mark.parametrize(
        "parameters",
        [
            {"criterion": nn.CrossEntropyLoss, "lr": 1e6, "optimizer": torch.optim.Adam},
            {"criterion": nn.NLLLoss, "lr": 0.01},
            {"criterion": nn.NLLLoss, "lr": 0.01, "callbacks": "disable"},
        ],
    )
    def test_a_skorch_net_that_has_not_learned_is_an_error(self, small, parameters):
        net = NeuralNetClassifier(TinyNet, max_epochs=3, train_split=None, verbose=0, **parameters)
        with pytest.raises(ValueError, match=r"training loss of .* has not learned.*CrossEntropy"):
            selector_of(net, k=3).fit(*small)

    def test_another_estimator(self, small):
        X, y = small
        selector = selector_of(FixedNetClassifier(), k=3).fit(X, y)
        assert selector.get_landmark_support(indices=True).tolist() == [0, 1, 2]
        assert selector.classes_.tolist() == ["a", "b", "c"]

    def test_logits_are_in_the_order_of_classes(self, small):
        selector = selector_of(FixedNetClassifier(order=["c", "a", "b"])).fit(*small)
        best = selector.landmark_scores_per_class_.argmax(axis=1).tolist()
        assert selector.classes_.tolist() == ["c", "a", "b"]
        assert best == [2, 0, 1]
        x, b = small[0][small[1] == "a"], selector.baselines_
        by_hand = np.abs(SMALL.unflatten(x[None] - b[:, None])[:, :, :, 0].sum(axis=(2, 3))).mean()
        assert selector.landmark_scores_per_class_[1, 0] == pytest.approx(by_hand, rel=1e-4)

    def test_estimator_without_a_network(self, small):
        with pytest.raises(TypeError, match=r"LogisticRegression .*module_, a torch.nn.Module"):
            selector_of(LogisticRegression()).fit(*small)

    def test_estimator_without_fit(self, small):
        with pytest.raises(ValueError, match="'estimator' parameter"):
            selector_of(nn.Linear(2, 2)).fit(*small)

    def test_two_classes(self, small):
        X, y = small
        two = y != "c"
        selector = selector_of(fast_temo(max_epochs=20), k=2).fit(X[two], y[two])
        assert selector.get_landmark_support(indices=True).tolist() == [2, 5]


class TestSymmetry:
    @pytest.mark.parametrize("k", [40, 41, 101, 0.5])
    def test_from_40_landmarks_on_partners_are_kept_together(self, faces, k):
        selector = IGLandmarkSelector(fast_temo(max_epochs=2), k=k, n_frames=4).fit(*faces)
        pairs = mesh.mirror_pairs()
        support = selector.get_landmark_support()
        assert support.sum() == (234 if k == 0.5 else k)
        np.testing.assert_array_equal(support, support[pairs])
        scores, per_class = selector.landmark_scores_, selector.landmark_scores_per_class_
        np.testing.assert_array_equal(scores, scores[pairs])
        np.testing.assert_array_equal(per_class, per_class[:, pairs])
        assert scores.sum() == pytest.approx(1)

    @pytest.mark.parametrize(("k", "symmetric"), [(39, "auto"), (20, "auto"), (64, False)])
    def test_below_40_landmarks_or_if_false_partners_are_kept_separately(self, faces, k, symmetric):
        selector = IGLandmarkSelector(
            fast_temo(max_epochs=2), k=k, n_frames=4, symmetric=symmetric
        ).fit(*faces)
        pairs = mesh.mirror_pairs()
        support = selector.get_landmark_support()
        np.testing.assert_array_equal(support, selector.ranking_ <= k)
        assert not np.array_equal(support, support[pairs])

    def test_true_keeps_partners_together_below_40_landmarks(self, faces):
        selector = IGLandmarkSelector(
            fast_temo(max_epochs=2), k=11, n_frames=4, symmetric=True
        ).fit(*faces)
        support = selector.get_landmark_support()
        assert support.sum() == 11
        np.testing.assert_array_equal(support, support[mesh.mirror_pairs()])

    def test_true_needs_a_full_mesh(self, small):
        with pytest.raises(ValueError, match=r"468 or 478 landmarks, .*has 4 frames of 12"):
            selector_of(symmetric=True).fit(*small)

    def test_temo_finds_mirror_pairs_among_selected_landmarks(self, faces):
        X, y = faces
        pipeline = make_pipeline(
            IGLandmarkSelector(fast_temo(max_epochs=2), k=64, n_frames=4),
            fast_temo(n_frames=4, max_epochs=2),
        ).fit(X, y)
        kept = pipeline[0].get_landmark_support(indices=True)
        found = pipeline[1].mirror_pairs_
        assert found is not None
        np.testing.assert_array_equal(kept[found], mesh.mirror_pairs()[kept])


class TestInScikitLearn:
    def test_grid_search_over_k_with_an_svm(self, small):
        X, y = small
        pipeline = make_pipeline(selector_of(), SVC())
        grid = GridSearchCV(
            pipeline,
            {"iglandmarkselector__k": [1, 6], "iglandmarkselector__estimator__max_epochs": [8]},
            cv=StratifiedGroupKFold(2),
            error_score="raise",
        ).fit(X, y, groups=np.arange(60) // 3)
        assert grid.best_params_["iglandmarkselector__k"] == 6
        assert grid.best_score_ > 0.8
        assert grid.best_estimator_[0].estimator_.max_epochs == 8

    def test_one_vs_rest_selects_landmarks_for_each_class(self, small):
        X, y = small
        pipeline = make_pipeline(selector_of(fast_temo(max_epochs=20), k=1), SVC())
        per_class = OneVsRestClassifier(pipeline).fit(X, y)
        kept = [one[0].get_landmark_support(indices=True).tolist() for one in per_class.estimators_]
        assert per_class.classes_.tolist() == ["a", "b", "c"]
        assert kept == [[2], [5], [9]]
        assert per_class.score(X, y) > 0.9

    def test_clones_are_unfitted_and_equal(self, small):
        selector = selector_of(k=7).fit(*small)
        copy = clone(selector)
        assert not hasattr(copy, "estimator_")
        assert copy.get_params()["k"] == 7
        assert copy.estimator.get_params() == selector.estimator.get_params()

    def test_number_of_columns_that_is_no_multiple(self, small):
        X, y = small
        with pytest.raises(ValueError, match=r"X has 95 features.*4 \* 2 = 8"):
            selector_of().fit(X[:, :-1], y)

    def test_another_number_of_columns_at_transform(self, small):
        X, y = small
        with pytest.raises(ValueError, match=r"95 features.*96"):
            selector_of().fit(X, y).transform(X[:, :-1])


@pytest.fixture(scope="module")
def truth():
    """A cached fit on synthetic clips, and the landmarks that move in them."""
    clips = make_expression_clips(n_clips=300, n_frames=16, random_state=1)
    X = LandmarkAligner().fit_transform(clips.data)
    with TemporaryDirectory() as folder:

        def fit(**parameters):
            selector = IGLandmarkSelector(memory=folder, random_state=0, **parameters)
            return selector.fit(X, clips.target)

        yield fit, clips.moving.any(axis=0)


def test_warns_if_no_landmark_moves(small):
    X, y = small
    still = np.tile(X[:1], (len(X), 1))
    layout = {"n_frames": SMALL.n_frames, "n_coords": SMALL.n_coords}
    selector = IGLandmarkSelector(k=4, random_state=0, **layout)
    with pytest.warns(
        UserWarning, match="TEMOClassifier gives all 60 clips the same output.* 4 of 12"
    ):
        selector.fit(still, y)
    assert selector.get_landmark_support().sum() == 4


class NanNet(torch.nn.Module):
    def forward(self, x):
        return x[:, :3] * torch.nan


class NanClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.module_ = NanNet()
        return self


def test_a_network_that_returns_nan_is_an_error(small):
    X, y = small
    layout = {"n_frames": SMALL.n_frames, "n_coords": SMALL.n_coords}
    selector = IGLandmarkSelector(NanClassifier(), k=4, random_state=0, **layout)
    with pytest.raises(ValueError, match="gradients of NanNet are NaN or infinite"):
        selector.fit(X, y)


class TestTruth:
    """Landmarks that are known to move in synthetic clips."""

    def test_the_highest_scores_are_those_of_moving_landmarks(self, truth):
        fit, moving = truth
        selector = fit(redundancy=None)
        assert moving[selector.ranking_ <= moving.sum()].sum() / moving.sum() >= 0.9

    @pytest.mark.parametrize("redundancy", [None, "avoid"])
    def test_all_moving_landmarks_are_among_twice_as_many(self, truth, redundancy):
        fit, moving = truth
        k = min(2 * moving.sum(), len(moving))
        ranking = fit(redundancy=redundancy).ranking_
        assert moving[ranking <= k].sum() / moving.sum() >= 0.99

    @pytest.mark.parametrize(("redundancy", "most"), [(None, 0.1), ("avoid", 0.25)])
    def test_the_last_landmarks_hardly_move(self, truth, redundancy, most):
        fit, moving = truth
        last = fit(redundancy=redundancy).ranking_ > len(moving) - moving.sum()
        assert last.sum() == moving.sum()
        assert moving[last].mean() <= most < moving.mean()

    def test_the_default_selection_moves(self, truth):
        fit, moving = truth
        selector = fit()
        assert selector.get_landmark_support().sum() == 128
        assert moving[selector.get_landmark_support()].mean() >= 0.9
        assert selector.completeness_gap_ <= 1e-3

    def test_a_small_selection_moves(self, truth):
        fit, moving = truth
        kept = fit(k=int(moving.sum()) // 4).get_landmark_support()
        assert moving[kept].mean() >= 0.95


@pytest.fixture(scope="module")
def twins(small):
    """Clips in which landmarks 3, 6 and 10 are copies of those that move."""
    X, y = small
    clips = SMALL.unflatten(X).copy()
    clips[:, :, [3, 6, 10]] = clips[:, :, [2, 5, 9]]
    return SMALL.flatten(clips), y


class TestRedundancy:
    def test_only_one_of_two_copies_is_selected(self, twins):
        selector = selector_of(fast_temo(max_epochs=20), k=3).fit(*twins)
        kept = selector.get_landmark_support(indices=True).tolist()
        assert [{2: 0, 3: 0, 5: 1, 6: 1, 9: 2, 10: 2}[landmark] for landmark in kept] == [0, 1, 2]

    def test_without_redundancy_both_copies_are_selected(self, twins):
        selector = selector_of(fast_temo(max_epochs=20), k=6, redundancy=None).fit(*twins)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 3, 5, 6, 9, 10]

    def test_coordinates_that_the_network_ignores_are_ignored(self, small):
        # T-EMO gives depth no weight, so its relation to the classes must not count.
        X, y = small
        deep = LandmarkLayout(4, 12, 3)
        clips = np.zeros((len(X), *deep.shape), dtype=np.float32)
        clips[..., :2] = SMALL.unflatten(X)
        clips[:, 1:, 7, 2] = 100 * np.unique(y, return_inverse=True)[1][:, None]
        # Typical clips are chosen by all coordinates.
        selector = selector_of(n_coords=3, baselines="mean")
        with_depth = clone(selector).fit(deep.flatten(clips), y)
        clips[..., 2] = 0
        without = clone(selector).fit(deep.flatten(clips), y)
        np.testing.assert_array_equal(with_depth.landmark_scores_, without.landmark_scores_)
        np.testing.assert_array_equal(with_depth.ranking_, without.ranking_)

    def test_many_clips(self, small):
        X, y = small
        X, y = np.tile(X, (20, 1)), np.tile(y, 20)
        selector = selector_of(fast_temo(max_epochs=3), k=3).fit(X, y)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 5, 9]


class TestRounds:
    def test_each_round_trains_on_the_remaining_landmarks(self, small):
        selector = selector_of(k=3, step=[8, 5]).fit(*small)
        assert selector.n_landmarks_in_rounds_ == [12, 8, 5]
        assert selector.estimator_.layout_.n_landmarks == 5
        assert sorted(selector.ranking_) == list(range(1, 13))
        assert np.flatnonzero(selector.ranking_ <= 3).tolist() == list(
            selector.get_landmark_support(indices=True)
        )

    def test_rounds_equal_selectors_in_a_row(self, small):
        X, y = small
        first = selector_of(k=6).fit(X, y)
        second = selector_of(k=3).fit(first.transform(X), y)
        both = selector_of(k=3, step=[6]).fit(X, y)
        by_hand = first.get_landmark_support(indices=True)[second.get_landmark_support()]
        assert both.get_landmark_support(indices=True).tolist() == by_hand.tolist()
        np.testing.assert_array_equal(
            both.landmark_scores_[first.get_landmark_support()], second.landmark_scores_
        )

    def test_step_as_in_rfe(self, small):
        assert selector_of(k=3, step=4).fit(*small).n_landmarks_in_rounds_ == [12, 8, 4]
        assert selector_of(k=3, step=0.25).fit(*small).n_landmarks_in_rounds_ == [12, 9, 6]

    def test_partners_are_kept_together_in_all_rounds(self, faces):
        selector = selector_of(k=41, step=[128], n_frames=4, n_coords=3).fit(*faces)
        kept = selector.get_landmark_support()
        pairs = mesh.mirror_pairs()
        assert kept.sum() == 41
        np.testing.assert_array_equal(kept, kept[pairs])
        np.testing.assert_array_equal(selector.landmark_scores_, selector.landmark_scores_[pairs])

    @pytest.mark.parametrize("step", [[2], [5, 4, 3]])
    def test_a_pair_is_split_if_a_round_starts_without_midline_landmarks(self, faces, step):
        shape = {"n_frames": 4, "n_coords": 3}
        temo = fast_temo(max_epochs=1)
        selector = selector_of(temo, k=1, step=step, symmetric=True, **shape).fit(*faces)
        assert selector.get_landmark_support().sum() == 1
        assert sorted(selector.ranking_) == list(range(1, 469))

    def test_an_array_of_baselines(self, small):
        X, y = small
        selector = selector_of(k=3, step=[6], baselines=X[:2]).fit(X, y)
        np.testing.assert_array_equal(selector.baselines_, X[:2])

    def test_callbacks_receive_every_round(self, small):
        recorder = Recorder()
        selector_of(k=3, step=[8, 5]).set_callbacks(recorder).fit(*small)
        trainings = [task for task in recorder.ended if task == ("IGLandmarkSelector", "train")]
        assert len(trainings) == 3

    @pytest.mark.parametrize("step", [0, -1, 0.0, 1.0, 1.5, np.nan, "some"])
    def test_an_invalid_step(self, small, step):
        with pytest.raises(ValueError, match="The 'step' parameter of IGLandmarkSelector must be"):
            selector_of(step=step).fit(*small)

    def test_a_step_that_does_not_decrease(self, small):
        with pytest.raises(ValueError, match="step must be a decreasing sequence"):
            selector_of(step=[5, 8]).fit(*small)


class MoreClassesClassifier(FixedNetClassifier):
    """Knows a class "d" that no clip has."""

    def fit(self, X, y):
        super().fit(X, y)
        n_classes = len(self.classes_) + 1
        self.classes_ = np.append(self.classes_, "d")
        self.module_ = nn.Linear(X.shape[1], n_classes)
        return self


def test_a_network_may_know_more_classes_than_y_has(small):
    selector = selector_of(MoreClassesClassifier()).fit(*small)
    per_class = selector.landmark_scores_per_class_
    assert per_class.shape == (4, 12)
    assert np.isfinite(per_class[:3]).all()
    assert np.isnan(per_class[3]).all()
    assert selector.landmark_scores_.sum() == pytest.approx(1)


def test_a_pipeline_as_estimator_is_an_error(aligned):
    X, y = aligned
    selector = IGLandmarkSelector(make_pipeline(StandardScaler(), TEMOClassifier()), n_frames=4)
    with pytest.raises(TypeError, match="in front of the selector"):
        selector.fit(X, y)


class TestLayout:
    def test_is_inferred_from_a_full_mesh_and_attached_to_the_result(self, faces):
        X, y = faces
        selector = IGLandmarkSelector(fast_temo(max_epochs=2), k=64).fit(X, y)
        assert selector.layout_ == LandmarkLayout(4, 468, 3)
        assert selector.estimator_.n_frames == 4
        kept = selector.transform(X)
        assert kept.layout == LandmarkLayout(4, 64, 3)
        # The next step needs no n_frames.
        second = IGLandmarkSelector(fast_temo(max_epochs=2), k=8).fit(kept, y)
        assert second.layout_ == kept.layout
        assert second.transform(kept).layout == LandmarkLayout(4, 8, 3)
        assert second.transform(np.asarray(kept)).layout == LandmarkLayout(4, 8, 3)

    def test_is_read_from_column_names(self, small):
        import pandas as pd

        X, y = small
        frame = pd.DataFrame(X, columns=SMALL.feature_names())
        first = selector_of(k=6, n_frames=None).set_output(transform="pandas").fit(frame, y)
        kept = first.transform(frame)
        assert isinstance(kept, pd.DataFrame)
        second = selector_of(k=3, n_frames=None).fit(kept, y)
        assert second.layout_ == LandmarkLayout(4, 6, 2)
        assert second.get_feature_names_out().tolist() == [
            name
            for name, is_kept in zip(kept.columns, second.get_support(), strict=True)
            if is_kept
        ]

    def test_unknown_number_of_frames(self, small):
        with pytest.raises(ValueError, match="n_frames is not known"):
            selector_of(n_frames=None).fit(*small)

    def test_another_attached_layout_is_an_error(self, small):
        X, y = small
        other = LandmarkLayout(2, 24, 2).attach(X)
        with pytest.raises(ValueError, match=r"n_frames=4 .*2 frames of 24 landmarks"):
            selector_of().fit(other, y)
        with pytest.raises(ValueError, match=r"expected 4 frames of 12 .* gave 2 frames of 24"):
            selector_of().fit(X, y).transform(other)


class RidgeNetClassifier(ClassifierMixin, BaseEstimator):
    """A linear net, fitted to class indicators by weighted ridge regression."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, target = np.unique(y, return_inverse=True)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        X, indicators = X.astype(float), np.eye(len(self.classes_))[target]
        coef = np.linalg.solve((weight * X.T) @ X + np.eye(X.shape[1]), (weight * X.T) @ indicators)
        self.module_ = nn.Linear(*coef.shape, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.module_.weight.copy_(torch.as_tensor(coef.T))
        return self


class TestSampleWeight:
    @pytest.mark.parametrize("step", [None, [8, 5]])
    def test_integer_weights_equal_repetitions(self, small, step):
        X, y = small
        weight = np.random.default_rng(0).integers(0, 4, len(X))
        selector = selector_of(RidgeNetClassifier(), k=3, step=step)
        weighted = clone(selector).fit(X, y, sample_weight=weight)
        repeated = clone(selector).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
        for name in ("baselines_", "landmark_scores_per_class_", "landmark_scores_"):
            np.testing.assert_allclose(
                getattr(weighted, name), getattr(repeated, name), rtol=1e-5, atol=1e-6
            )
        np.testing.assert_array_equal(weighted.ranking_, repeated.ranking_)
        plain = clone(selector).fit(X, y)
        assert not np.allclose(weighted.landmark_scores_, plain.landmark_scores_, rtol=1e-3)
        ones = clone(selector).fit(X, y, sample_weight=np.ones(len(X)))
        np.testing.assert_array_equal(ones.landmark_scores_, plain.landmark_scores_)

    def test_weights_count_without_the_network_too(self, small):
        X, y = small
        weight = np.where(X[:, 0] > 0, 3.0, 1.0)

        class Unweighted(RidgeNetClassifier):
            def fit(self, X, y, sample_weight=None):
                return super().fit(X, y)

        scores = [
            selector_of(Unweighted(), baselines="zero").fit(X, y, w).landmark_scores_per_class_
            for w in (None, weight)
        ]
        assert not np.allclose(*scores, rtol=1e-3)

    def test_network_that_does_not_accept_weights(self, small):
        X, y = small
        with pytest.raises(TypeError, match=r"FixedNetClassifier.fit does not accept"):
            selector_of(FixedNetClassifier()).fit(X, y, sample_weight=np.ones(len(X)))

    def test_invalid_weights(self, small):
        X, y = small
        with pytest.raises(ValueError, match="sample_weight"):
            selector_of(RidgeNetClassifier()).fit(X, y, sample_weight=[1.0, 2.0])

    def test_metadata_routing(self, small):
        X, y = small
        weight = np.random.default_rng(0).uniform(size=len(X))
        expected = selector_of(RidgeNetClassifier()).fit(X, y, sample_weight=weight)
        with config_context(enable_metadata_routing=True):
            pipeline = make_pipeline(
                selector_of(RidgeNetClassifier()).set_fit_request(sample_weight=True),
                SVC().set_fit_request(sample_weight=False),
            ).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(pipeline[0].landmark_scores_, expected.landmark_scores_)

    def test_is_part_of_the_key_of_cache_entries(self, small, tmp_path):
        X, y = small
        weight = np.random.default_rng(0).uniform(size=len(X))
        cached = selector_of(RidgeNetClassifier(), memory=tmp_path)
        first, second = (clone(cached).fit(X, y, sample_weight=w) for w in (None, weight))
        plain = selector_of(RidgeNetClassifier()).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(second.landmark_scores_, plain.landmark_scores_)
        assert np.any(first.landmark_scores_ != second.landmark_scores_)


class RidgeNetRegressor(RegressorMixin, BaseEstimator):
    """A linear net, fitted by weighted ridge regression; one output has the shape (n,)."""

    def fit(self, X, y, sample_weight=None):
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        X, y = X.astype(float), y.reshape(len(y), -1).astype(float)
        coef = np.linalg.solve((weight * X.T) @ X + np.eye(X.shape[1]), (weight * X.T) @ y)
        linear = nn.Linear(*coef.shape, bias=False, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.as_tensor(coef.T))
        self.module_ = nn.Sequential(linear, nn.Flatten(0)) if y.shape[1] == 1 else linear
        return self


def skorch_regressor(**parameters):
    defaults = {"optimizer": torch.optim.Adam, "lr": 0.02, "max_epochs": 20}
    return NeuralNetRegressor(TinyNet, train_split=None, verbose=0, **defaults | parameters)


@pytest.fixture(scope="module")
def numbers():
    """Clips of 12 landmarks, and two outputs in other units: the movements of 2 and 9."""
    clips = np.random.default_rng(0).normal(size=(120, *SMALL.shape))
    y = clips[:, 1:, [2, 9], 0].sum(axis=1) * [1, 100] + [0, 7]
    return SMALL.flatten(clips).astype(np.float32), y


class TestRegressor:
    def test_scores_are_those_of_the_closed_form_of_a_linear_net(self, numbers):
        X, y = numbers
        selector = selector_of(RidgeNetRegressor(), k=2).fit(X, y)
        weight = selector.estimator_.module_.weight.detach().numpy()
        # Outputs, baselines, clips, landmarks.
        difference = X[None].astype(float) - selector.baselines_[:, None]
        by_landmark = SMALL.unflatten(difference * weight[:, None, None]).sum(axis=(3, 5))
        expected = np.abs(by_landmark).mean(axis=(1, 2))
        np.testing.assert_allclose(selector.landmark_scores_per_output_, expected, rtol=1e-4)
        share = expected / expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(selector.landmark_scores_, share.mean(axis=0), rtol=1e-4)
        assert selector.landmark_scores_per_output_.argmax(axis=1).tolist() == [2, 9]
        assert selector.get_landmark_support(indices=True).tolist() == [2, 9]
        assert selector.n_gradient_evaluations_ == 8 * 2 * len(X) * len(selector.baselines_)

    @pytest.mark.parametrize("n_dims", [1, 2])
    def test_a_single_output(self, numbers, n_dims):
        X, y = numbers
        one = y[:, 1] if n_dims == 1 else y[:, 1:]
        selector = selector_of(RidgeNetRegressor(), k=1).fit(X, one)
        both = selector_of(RidgeNetRegressor(), k=1).fit(X, y)
        assert selector.landmark_scores_per_output_.shape == (1, 12)
        np.testing.assert_allclose(
            selector.landmark_scores_per_output_[0], both.landmark_scores_per_output_[1]
        )
        assert selector.get_landmark_support(indices=True).tolist() == [9]

    def test_regressors_have_no_classes(self, numbers, small):
        selector = selector_of(RidgeNetRegressor()).fit(*numbers)
        assert not hasattr(selector, "classes_")
        assert not hasattr(selector, "landmark_scores_per_class_")
        selector.set_params(estimator=RidgeNetClassifier()).fit(*small)
        assert selector.landmark_scores_per_class_.shape == (3, 12)
        assert not hasattr(selector, "landmark_scores_per_output_")
        selector.set_params(estimator=RidgeNetRegressor()).fit(*numbers)
        assert not hasattr(selector, "classes_")
        assert not hasattr(selector, "landmark_scores_per_class_")

    def test_y_takes_part_in_the_redundancy(self, numbers):
        # The network and its scores are the same; only the targets of the selection differ.
        X, y = numbers

        class Fixed(RidgeNetRegressor):
            def fit(self, X, y):
                return super().fit(X, numbers[1])

        other = np.random.default_rng(1).normal(size=y.shape)
        found, shuffled = (selector_of(Fixed(), k=4).fit(X, v) for v in (y, other))
        np.testing.assert_array_equal(found.landmark_scores_, shuffled.landmark_scores_)
        assert found.ranking_.tolist() != shuffled.ranking_.tolist()

    @pytest.mark.parametrize("convert", [lambda y: y[:, 0], lambda y: y[:, :1], np.array])
    def test_a_skorch_net(self, numbers, convert):
        X, y = numbers
        y = convert(y / [1, 100])
        n_outputs = y.reshape(len(y), -1).shape[1]
        net = skorch_regressor(module__n_out=n_outputs)
        selector = selector_of(net, k=n_outputs).fit(X, y)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 9][:n_outputs]
        assert selector.landmark_scores_per_output_.shape == (n_outputs, 12)
        assert not hasattr(net, "module_")

    def test_a_skorch_net_gets_integers_as_numbers_in_the_default_precision(self, numbers):
        X, y = numbers
        selector = selector_of(skorch_regressor(module__n_out=1), k=1)
        torch.set_default_dtype(torch.float64)
        try:
            selector.fit(X, np.round(y[:, 0]).astype(int))
        finally:
            torch.set_default_dtype(torch.float32)
        assert selector.get_landmark_support(indices=True).tolist() == [2]

    def test_a_skorch_net_that_has_not_learned_is_an_error(self, numbers):
        net = skorch_regressor(module__n_out=2, optimizer=torch.optim.SGD, lr=1e3)
        with pytest.raises(ValueError, match=r"training loss of NeuralNetRegressor .* lower lr"):
            selector_of(net).fit(*numbers)

    @pytest.mark.parametrize("step", [None, [8, 5]])
    def test_integer_weights_equal_repetitions(self, numbers, step):
        X, y = (v[:60] for v in numbers)
        weight = np.random.default_rng(0).integers(0, 4, len(X))
        selector = selector_of(RidgeNetRegressor(), k=3, step=step)
        weighted = clone(selector).fit(X, y, sample_weight=weight)
        repeated = clone(selector).fit(*(np.repeat(v, weight, axis=0) for v in (X, y)))
        for name in ("baselines_", "landmark_scores_per_output_", "landmark_scores_"):
            np.testing.assert_allclose(
                getattr(weighted, name), getattr(repeated, name), rtol=1e-5, atol=1e-6
            )
        np.testing.assert_array_equal(weighted.ranking_, repeated.ranking_)
        plain = clone(selector).fit(X, y)
        assert not np.allclose(weighted.landmark_scores_, plain.landmark_scores_, rtol=1e-3)

    def test_fits_that_differ_in_k_or_the_memory_order_of_y_share_an_entry(self, numbers, tmp_path):
        X, y = numbers
        selector = selector_of(RidgeNetRegressor(), memory=tmp_path)
        first = clone(selector).fit(X, y)
        again = clone(selector).set_params(k=6).fit(X, np.asfortranarray(y))
        assert len(list(tmp_path.rglob("output.pkl"))) == 1
        np.testing.assert_array_equal(
            first.landmark_scores_per_output_, again.landmark_scores_per_output_
        )
        clone(selector).fit(X, y[:, ::-1])
        assert len(list(tmp_path.rglob("output.pkl"))) == 2

    def test_callbacks_receive_the_blocks_of_each_output(self, numbers):
        recorder = Recorder()
        selector = selector_of(RidgeNetRegressor(), baselines="mean", batch_size=480)
        selector.set_callbacks(recorder).fit(*numbers)
        # 120 clips in blocks of 480 / 8.
        assert recorder.ended.count(("IGLandmarkSelector", "block")) == 2 * 2

    def test_in_a_search_and_with_other_landmarks_for_each_output(self, numbers):
        X, y = numbers
        pipeline = make_pipeline(selector_of(RidgeNetRegressor(), k=1), LinearRegression())
        grid = GridSearchCV(
            pipeline, {"iglandmarkselector__k": [1, 2]}, cv=2, error_score="raise"
        ).fit(X, y)
        assert grid.best_params_ == {"iglandmarkselector__k": 2}
        assert grid.best_score_ > 0.99
        per_output = MultiOutputRegressor(pipeline).fit(X, y)
        kept = [one[0].get_landmark_support(indices=True) for one in per_output.estimators_]
        assert [each.tolist() for each in kept] == [[2], [9]]

    @pytest.mark.parametrize(
        ("estimator", "name"),
        [
            (None, "TEMOClassifier"),
            (RidgeNetClassifier(), "RidgeNetClassifier"),
            (NeuralNetClassifier(TinyNet), "NeuralNetClassifier"),
        ],
    )
    @pytest.mark.parametrize("columns", [0, slice(None)])
    def test_continuous_numbers_need_a_regressor(self, numbers, estimator, name, columns):
        X, y = numbers
        with pytest.raises(
            ValueError,
            match=rf"Unknown label type: continuous.* {name} is not .*estimator=TEMORegressor\(\)",
        ):
            IGLandmarkSelector(estimator, k=4, **SHAPE).fit(X, y[:, columns])

    @pytest.mark.parametrize("dtype", [str, object])
    def test_labels_need_a_classifier(self, small, dtype):
        X, y = small
        with pytest.raises(ValueError, match=r"is a regressor, but contains 'a': .*classifier"):
            selector_of(RidgeNetRegressor()).fit(X, y.astype(dtype))

    def test_numbers_in_an_array_of_objects(self, numbers):
        X, y = numbers
        found, expected = (
            selector_of(RidgeNetRegressor()).fit(X, v) for v in (y.astype(object), y)
        )
        np.testing.assert_array_equal(found.landmark_scores_, expected.landmark_scores_)

    def test_numbers_that_are_not_finite(self, numbers):
        X, y = numbers
        with pytest.raises(ValueError, match="y contains NaN"):
            selector_of(RidgeNetRegressor()).fit(X, np.where(y > 0, y, np.nan))

    def test_baselines_per_class_need_classes(self, numbers):
        with pytest.raises(ValueError, match=r"RidgeNetRegressor .* baselines=\"typical\""):
            selector_of(RidgeNetRegressor(), baselines="per_class").fit(*numbers)

    @pytest.mark.filterwarnings("ignore:Using a target size")
    @pytest.mark.parametrize(("n_out", "n_of_y"), [(1, 2), (3, 1)])
    def test_another_number_of_outputs_is_an_error(self, numbers, n_out, n_of_y):
        X, y = numbers
        net = skorch_regressor(module__n_out=n_out, max_epochs=1)
        with pytest.raises(ValueError, match=rf"network has {n_out} outputs, but y has {n_of_y}"):
            selector_of(net).fit(X, y[:, :n_of_y] / [1, 100][:n_of_y])

    def test_estimator_without_a_network(self, numbers):
        with pytest.raises(TypeError, match=r"LinearRegression .*outputs of a regression"):
            selector_of(LinearRegression()).fit(*numbers)
