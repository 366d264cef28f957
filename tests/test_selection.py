import pickle
import subprocess
import sys
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from skorch import NeuralNetClassifier
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
    """A linear net with known weights, whose classes may come in any order."""

    def __init__(self, order=None):
        self.order = order

    def fit(self, X, y):
        self.classes_ = np.unique(y) if self.order is None else np.array(self.order)
        labels = np.unique(y).tolist()
        self.module_ = nn.Linear(X.shape[1], len(labels), bias=False)
        weight = np.zeros((len(labels), *SMALL.shape), dtype=np.float32)
        for row, label in enumerate(self.classes_):
            # The class that is i-th by name looks at landmark i alone.
            weight[row, :, labels.index(label)] = 1
        with torch.no_grad():
            self.module_.weight.copy_(torch.as_tensor(SMALL.flatten(weight)))
        return self

    def predict(self, X):
        logits = self.module_(torch.as_tensor(X, dtype=torch.float32))
        return self.classes_[logits.argmax(dim=1).numpy()]


class Recorder:
    """Notes the tasks that scikit-learn's callbacks are told of."""

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
    """Clips of 12 landmarks, of which each of three classes moves one: 2, 5 or 9."""
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
        # The landmark of each class is the first in its own scores.
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

    def test_the_given_out_support_is_not_the_selector_s_own(self, small):
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

    def test_names_of_a_data_frame_are_kept(self, small):
        import pandas as pd

        X, y = small
        frame = pd.DataFrame(X, columns=[f"column{i}" for i in range(X.shape[1])])
        selector = selector_of().fit(frame, y)
        expected = [f"column{i}" for i in selector.get_support(indices=True)]
        assert selector.get_feature_names_out().tolist() == expected

    def test_ranking_follows_the_scores_which_sum_to_one(self, small):
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
        assert selector.n_gradient_evaluations_ >= 8 * len(X) * len(selector.baselines_)

    def test_classes_of_unequal_size_weigh_the_same(self, small):
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

    def test_one_seed_one_result_to_the_bit(self, small):
        def fit(seed):
            parameters = SHAPE | {"k": 4, "baselines": "random", "random_state": seed}
            return IGLandmarkSelector(**parameters).fit(*small)

        first, again, other = fit(3), fit(3), fit(4)
        for name in ("landmark_scores_", "landmark_scores_per_class_", "baselines_", "ranking_"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert first.completeness_gap_ == again.completeness_gap_
        assert not np.array_equal(first.landmark_scores_, other.landmark_scores_)

    def test_global_generators_are_left_alone(self, small):
        def states():
            return torch.get_rng_state().numpy().tobytes(), check_random_state(None).get_state()[
                1
            ].tobytes()

        before = states()
        IGLandmarkSelector(k=4, **SHAPE, baselines="random", random_state=0).fit(*small)
        assert states() == before

    def test_survives_pickling(self, small):
        X, y = small
        selector = selector_of().fit(X, y)
        again = pickle.loads(pickle.dumps(selector))
        np.testing.assert_array_equal(again.transform(X), selector.transform(X))
        np.testing.assert_array_equal(again.estimator_.predict(X), selector.estimator_.predict(X))

    def test_callbacks_are_told_of_training_and_attribution(self, small):
        recorder = Recorder()
        selector_of().set_callbacks(recorder).fit(*small)
        tasks = [task for name, task in recorder.begun if name == "IGLandmarkSelector"]
        assert [task for task in tasks if task in ("train", "attribute")] == ["train", "attribute"]
        assert sorted(recorder.begun) == sorted(recorder.ended)

    def test_fitted_parameters_are_stored_untouched(self, small):
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
    @pytest.mark.parametrize("k", [0, -1, 13, 1.5, 0.0, True, "some", None])
    def test_an_impossible_k_is_told_with_the_numbers(self, small, k):
        with pytest.raises(ValueError, match=r"k must be an int from 1 to 12 .*got k="):
            selector_of(k=k).fit(*small)

    def test_is_told_before_a_network_is_trained(self, small):
        class Untrainable(FixedNetClassifier):
            def fit(self, X, y):
                raise AssertionError("trained for nothing")

        with pytest.raises(ValueError, match="from 1 to 12"):
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

    def test_of_one_s_own(self, small):
        X, y = small
        selector = selector_of(baselines=X[:2].tolist()).fit(X, y)
        np.testing.assert_array_equal(selector.baselines_, X[:2])

    @pytest.mark.parametrize("shape", [(2, 95), (96,), (0, 96)])
    def test_of_a_wrong_shape(self, small, shape):
        with pytest.raises(ValueError, match=r"\(n_baselines, 96\).*got \("):
            selector_of(baselines=np.zeros(shape)).fit(*small)

    def test_an_unknown_name(self, small):
        with pytest.raises(ValueError, match=r"'baselines' parameter .*typical.*'median'"):
            selector_of(baselines="median").fit(*small)


class TestEstimator:
    def test_gets_the_layout_and_the_users_own_is_not_touched(self, small):
        temo = fast_temo(n_frames=7)
        selector = selector_of(temo).fit(*small)
        assert (selector.estimator_.n_frames, selector.estimator_.n_coords) == (4, 2)
        assert (temo.n_frames, temo.n_coords) == (7, 3)
        assert selector.estimator is temo
        assert not hasattr(temo, "classes_")

    def test_default_is_a_temo_classifier(self, small):
        selector = IGLandmarkSelector(k=4, **SHAPE, random_state=0).fit(*small)
        assert isinstance(selector.estimator_, TEMOClassifier)
        assert selector.estimator is None

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

    def test_an_estimator_of_one_s_own(self, small):
        X, y = small
        selector = selector_of(FixedNetClassifier(), k=3).fit(X, y)
        assert selector.get_landmark_support(indices=True).tolist() == [0, 1, 2]
        assert selector.classes_.tolist() == ["a", "b", "c"]

    def test_logits_in_the_order_of_classes_whatever_that_is(self, small):
        selector = selector_of(FixedNetClassifier(order=["c", "a", "b"])).fit(*small)
        # Rows are in the order of classes_; class i by name looks at landmark i alone.
        best = selector.landmark_scores_per_class_.argmax(axis=1).tolist()
        assert selector.classes_.tolist() == ["c", "a", "b"]
        assert best == [2, 0, 1]
        x, b = small[0][small[1] == "a"], selector.baselines_
        by_hand = np.abs(SMALL.unflatten(x[None] - b[:, None])[:, :, :, 0].sum(axis=(2, 3))).mean()
        assert selector.landmark_scores_per_class_[1, 0] == pytest.approx(by_hand, rel=1e-4)

    def test_without_a_network_is_told_what_is_needed(self, small):
        with pytest.raises(TypeError, match=r"LogisticRegression .*module_ .*torch.nn.Module"):
            selector_of(LogisticRegression()).fit(*small)

    def test_without_fit_is_refused(self, small):
        with pytest.raises(ValueError, match="'estimator' parameter"):
            selector_of(nn.Linear(2, 2)).fit(*small)

    def test_two_classes(self, small):
        X, y = small
        two = y != "c"
        selector = selector_of(fast_temo(max_epochs=20), k=2).fit(X[two], y[two])
        assert selector.get_landmark_support(indices=True).tolist() == [2, 5]


class TestSymmetry:
    @pytest.mark.parametrize("k", [40, 41, 101, 0.5])
    def test_from_40_on_partners_stay_together(self, faces, k):
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
    def test_below_40_or_where_not_wanted_the_best_are_kept_singly(self, faces, k, symmetric):
        selector = IGLandmarkSelector(
            fast_temo(max_epochs=2), k=k, n_frames=4, symmetric=symmetric
        ).fit(*faces)
        pairs = mesh.mirror_pairs()
        support = selector.get_landmark_support()
        np.testing.assert_array_equal(support, selector.ranking_ <= k)
        assert not np.array_equal(support, support[pairs])

    def test_may_be_asked_for_below_40(self, faces):
        selector = IGLandmarkSelector(
            fast_temo(max_epochs=2), k=11, n_frames=4, symmetric=True
        ).fit(*faces)
        support = selector.get_landmark_support()
        assert support.sum() == 11
        np.testing.assert_array_equal(support, support[mesh.mirror_pairs()])

    def test_of_less_than_a_full_mesh_is_refused(self, small):
        with pytest.raises(ValueError, match=r"468 landmarks, or 478 .*got 12"):
            selector_of(symmetric=True).fit(*small)

    def test_temo_finds_the_mirror_in_what_was_selected(self, faces):
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
    def test_before_an_svm_in_a_grid_search_over_k(self, small):
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

    def test_under_one_vs_rest_each_class_has_landmarks_of_its_own(self, small):
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

    def test_columns_that_do_not_divide_are_told(self, small):
        X, y = small
        with pytest.raises(ValueError, match=r"X has 95 features.*4 \* 2 = 8"):
            selector_of().fit(X[:, :-1], y)

    def test_other_columns_at_transform_are_told(self, small):
        X, y = small
        with pytest.raises(ValueError, match=r"95 features.*96"):
            selector_of().fit(X, y).transform(X[:, :-1])


@pytest.fixture(scope="module")
def truth():
    """Clips whose moving landmarks are known, and a memory of the work on them."""
    clips = make_expression_clips(n_clips=300, n_frames=16, random_state=1)
    X = LandmarkAligner().fit_transform(clips.data)
    with TemporaryDirectory() as folder:

        def fit(**parameters):
            selector = IGLandmarkSelector(memory=folder, random_state=0, **parameters)
            return selector.fit(X, clips.target)

        yield fit, clips.moving.any(axis=0)


def test_that_nothing_moves_is_told(small):
    X, y = small
    still = np.tile(X[:1], (len(X), 1))
    layout = {"n_frames": SMALL.n_frames, "n_coords": SMALL.n_coords}
    selector = IGLandmarkSelector(k=4, random_state=0, **layout)
    with pytest.warns(UserWarning, match="TEMOClassifier answers all 60 clips alike.* 4 of 12"):
        selector.fit(still, y)
    assert selector.get_landmark_support().sum() == 4


class NoNumber(torch.nn.Module):
    def forward(self, x):
        return x[:, :3] * torch.nan


class NoNumbers(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.module_ = NoNumber()
        return self


def test_a_network_without_numbers_is_told(small):
    X, y = small
    layout = {"n_frames": SMALL.n_frames, "n_coords": SMALL.n_coords}
    selector = IGLandmarkSelector(NoNumbers(), k=4, random_state=0, **layout)
    with pytest.warns(UserWarning, match="NoNumbers answers all 60 clips alike") as warned:
        selector.fit(X, y)
    texts = [str(warning.message) for warning in warned]
    assert not any("empty slice" in text or "invalid value" in text for text in texts)


class TestTruth:
    """On simulated expressions it is known which landmarks move."""

    def test_by_score_as_many_as_move_are_nearly_all_that_move(self, truth):
        fit, moving = truth
        selector = fit(redundancy=None)
        assert moving[selector.ranking_ <= moving.sum()].sum() / moving.sum() >= 0.9

    @pytest.mark.parametrize("redundancy", [None, "avoid"])
    def test_twice_as_many_are_all_that_move(self, truth, redundancy):
        fit, moving = truth
        k = min(2 * moving.sum(), len(moving))
        ranking = fit(redundancy=redundancy).ranking_
        assert moving[ranking <= k].sum() / moving.sum() >= 0.99

    @pytest.mark.parametrize(("redundancy", "most"), [(None, 0.1), ("avoid", 0.25)])
    def test_the_last_hardly_move(self, truth, redundancy, most):
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

    def test_of_a_quarter_as_many_all_but_a_few_move(self, truth):
        fit, moving = truth
        kept = fit(k=int(moving.sum()) // 4).get_landmark_support()
        assert moving[kept].mean() >= 0.95


@pytest.fixture(scope="module")
def twins(small):
    """Landmarks 3, 6 and 10 are copies of the ones that move."""
    X, y = small
    clips = SMALL.unflatten(X).copy()
    clips[:, :, [3, 6, 10]] = clips[:, :, [2, 5, 9]]
    return SMALL.flatten(clips), y


class TestRedundancy:
    def test_copies_are_not_chosen_before_all_else(self, twins):
        selector = selector_of(fast_temo(max_epochs=20), k=3).fit(*twins)
        kept = selector.get_landmark_support(indices=True).tolist()
        assert [{2: 0, 3: 0, 5: 1, 6: 1, 9: 2, 10: 2}[landmark] for landmark in kept] == [0, 1, 2]

    def test_by_score_alone_copies_are_as_good_as_any(self, twins):
        selector = selector_of(fast_temo(max_epochs=20), k=6, redundancy=None).fit(*twins)
        assert selector.get_landmark_support(indices=True).tolist() == [2, 3, 5, 6, 9, 10]

    def test_what_the_network_leaves_out_does_not_count(self, small):
        # Depth: T-EMO gives it no weight, so what it says about the classes must not be looked at.
        X, y = small
        deep = LandmarkLayout(4, 12, 3)
        clips = np.zeros((len(X), *deep.shape), dtype=np.float32)
        clips[..., :2] = SMALL.unflatten(X)
        clips[:, 1:, 7, 2] = 100 * np.unique(y, return_inverse=True)[1][:, None]
        flat = selector_of(n_coords=3).fit(deep.flatten(clips), y)
        clips[..., 2] = 0
        np.testing.assert_array_equal(
            flat.ranking_, selector_of(n_coords=3).fit(deep.flatten(clips), y).ranking_
        )

    def test_many_clips_are_a_sample_of_them(self, small, monkeypatch):
        from sklearn_temo.selection import _evidence

        selector = selector_of(fast_temo(max_epochs=20), k=3)
        expected = selector.fit(*small).get_landmark_support(indices=True)
        monkeypatch.setattr(_evidence, "_MOST_CLIPS", len(small[0]) // 2)
        assert selector.fit(*small).get_landmark_support(indices=True).tolist() == expected.tolist()


class TestRounds:
    def test_each_round_trains_on_what_the_last_one_left(self, small):
        selector = selector_of(k=3, step=[8, 5]).fit(*small)
        assert selector.n_landmarks_in_rounds_ == [12, 8, 5]
        assert selector.estimator_.layout_.n_landmarks == 5
        assert sorted(selector.ranking_) == list(range(1, 13))
        assert np.flatnonzero(selector.ranking_ <= 3).tolist() == list(
            selector.get_landmark_support(indices=True)
        )

    def test_rounds_are_selectors_in_a_row(self, small):
        X, y = small
        first = selector_of(k=6).fit(X, y)
        second = selector_of(k=3).fit(first.transform(X), y)
        both = selector_of(k=3, step=[6]).fit(X, y)
        by_hand = first.get_landmark_support(indices=True)[second.get_landmark_support()]
        assert both.get_landmark_support(indices=True).tolist() == by_hand.tolist()
        np.testing.assert_array_equal(
            both.landmark_scores_[first.get_landmark_support()], second.landmark_scores_
        )

    def test_a_step_is_read_as_in_rfe(self, small):
        assert selector_of(k=3, step=4).fit(*small).n_landmarks_in_rounds_ == [12, 8, 4]
        assert selector_of(k=3, step=0.25).fit(*small).n_landmarks_in_rounds_ == [12, 9, 6]

    def test_pairs_stay_together_from_round_to_round(self, faces):
        selector = selector_of(k=41, step=[128], n_frames=4, n_coords=3).fit(*faces)
        kept = selector.get_landmark_support()
        pairs = mesh.mirror_pairs()
        assert kept.sum() == 41
        np.testing.assert_array_equal(kept, kept[pairs])
        np.testing.assert_array_equal(selector.landmark_scores_, selector.landmark_scores_[pairs])

    def test_baselines_of_ones_own_lose_the_same_columns(self, small):
        X, y = small
        selector = selector_of(k=3, step=[6], baselines=X[:2]).fit(X, y)
        np.testing.assert_array_equal(selector.baselines_, X[:2])

    def test_every_round_is_reported(self, small):
        recorder = Recorder()
        selector_of(k=3, step=[8, 5]).set_callbacks(recorder).fit(*small)
        trainings = [task for task in recorder.ended if task == ("IGLandmarkSelector", "train")]
        assert len(trainings) == 3

    def test_an_impossible_step_is_told_before_training(self, small):
        with pytest.raises(ValueError, match="step must be"):
            selector_of(step=[5, 8]).fit(*small)


def test_a_pipeline_as_estimator_is_refused_before_it_is_trained(aligned):
    X, y = aligned
    selector = IGLandmarkSelector(make_pipeline(StandardScaler(), TEMOClassifier()), n_frames=4)
    with pytest.raises(TypeError, match="before the selector"):
        selector.fit(X, y)
