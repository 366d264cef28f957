"""Clips and networks that cannot be used, and clips in unusual units."""

import numpy as np
import pandas as pd
import pytest
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Checkpoint, EarlyStopping
from torch import nn

from sklearn_temo import FaceMirror, IGLandmarkSelector, LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import make_expression_clips


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(n_clips=42, n_frames=4, random_state=0)


@pytest.fixture(scope="module")
def aligned(clips):
    return LandmarkAligner().fit_transform(clips.data), np.asarray(clips.target)


def temo(**parameters):
    return TEMOClassifier(**{"max_epochs": 10, "random_state": 0, **parameters})


def selector(estimator=None, **parameters):
    estimator = temo() if estimator is None else estimator
    return IGLandmarkSelector(estimator, k=40, random_state=0, **parameters)


def skorch_net(n_features, kind=NeuralNetClassifier, n_outputs=7, **parameters):
    settings = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 2,
        "train_split": None,
        "verbose": 0,
        **parameters,
    }
    return kind(
        nn.Linear, module__in_features=n_features, module__out_features=n_outputs, **settings
    )


class TestUnits:
    @pytest.mark.parametrize("factor", [1e-34, 1e-30, 1e30, 1e36])
    def test_the_classifier_learns_in_any_unit(self, aligned, factor):
        X, y = aligned
        scaled = X.astype(np.float64) * factor
        assert temo().fit(scaled, y).score(scaled, y) > 0.8

    @pytest.mark.parametrize("factor", [1e-30, 1e30])
    def test_the_selector_finds_the_moving_landmarks_in_any_unit(self, clips, aligned, factor):
        X, y = aligned
        found = selector().fit(X * np.float32(factor), y)
        assert clips.moving.any(axis=0)[found.get_landmark_support()].mean() > 0.8
        assert found.completeness_gap_ < 1e-3

    @pytest.mark.parametrize("factor", [1e-30, 1e30])
    def test_the_aligner_removes_any_unit(self, clips, aligned, factor):
        X = clips.data.astype(np.float32) * np.float32(factor)
        np.testing.assert_allclose(LandmarkAligner().fit_transform(X), aligned[0], atol=1e-5)

    @pytest.mark.parametrize("factor", [1e-60, 1e60])
    @pytest.mark.parametrize("make", [temo, selector])
    def test_values_beyond_single_precision_are_named(self, aligned, factor, make):
        X, y = aligned
        with pytest.raises(ValueError, match=r"values up to 1\.\de[+-]\d\d, but single precision"):
            make().fit(X.astype(np.float64) * factor, y)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("make", [temo, selector])
    def test_an_offset_that_hides_the_differences_is_named(self, aligned, dtype, make):
        X, y = aligned
        with pytest.raises(
            ValueError, match=r"differ by at most .* but have values up to 1\.0e\+06"
        ):
            make().fit(X.astype(dtype) + dtype(1e6), y)

    def test_a_large_common_offset_is_not_mistaken_for_a_wrong_network(self, aligned):
        _, y = aligned
        positions = LandmarkAligner(reference=None).fit_transform(
            make_expression_clips(n_clips=42, n_frames=4, random_state=0).data
        )
        found = selector().fit(positions + np.float32(1e3), y)
        assert found.completeness_gap_ < 1e-2

    def test_displacements_with_an_offset_have_no_mirror_images(self, aligned):
        X, y = aligned
        assert temo().fit(X, y).mirror_pairs_ is not None
        assert temo().fit(X + np.float32(1e3), y).mirror_pairs_ is None


class TestMissingValues:
    @pytest.mark.parametrize("make", [temo, selector])
    def test_rows_with_nan_are_numbered_and_the_report_is_named(self, aligned, make):
        X, y = aligned
        X = X.copy()
        X[[3, 17]] = np.nan
        X[8, 5] = np.nan
        with pytest.raises(ValueError, match=r"NaN in 3 of 42 rows \(3, 8, 17\).* report_ "):
            make().fit(X, y)
        with pytest.raises(ValueError, match=r"NaN in 3 of 42 rows.* report_ "):
            temo().fit(aligned[0], y).predict(X)

    def test_in_a_data_frame(self, aligned):
        X, y = aligned
        X = pd.DataFrame(X.copy())
        X.iloc[3] = np.nan
        with pytest.raises(ValueError, match=r"NaN in 1 of 42 rows \(3\).* report_ "):
            temo().fit(X, y)

    def test_infinite_values_are_an_error(self, aligned):
        X, y = aligned
        X = X.copy()
        X[3, 0] = np.inf
        with pytest.raises(ValueError, match="infinity"):
            selector().fit(X, y)


class TestNetworks:
    @pytest.mark.parametrize(
        "labels",
        [
            lambda y: y,
            lambda y: y.astype(object),
            lambda y: np.unique(y, return_inverse=True)[1] * 10 - 20,
        ],
        ids=["text", "objects", "integers with gaps"],
    )
    def test_skorch_nets_get_labels_of_any_type_as_integers_from_0(self, aligned, labels):
        X, y = aligned
        y = labels(y)
        found = selector(skorch_net(X.shape[1])).fit(X, y)
        assert found.classes_.tolist() == sorted(set(y.tolist()))
        codes = np.unique(y, return_inverse=True)[1]
        expected = selector(skorch_net(X.shape[1])).fit(X, codes)
        np.testing.assert_array_equal(found.landmark_scores_, expected.landmark_scores_)

    def test_a_binary_skorch_net_gets_labels_of_any_type(self, aligned):
        X, y = aligned
        net = skorch_net(X.shape[1], NeuralNetBinaryClassifier, 1, criterion=nn.BCEWithLogitsLoss)
        y = np.where(y == y[0], "yes", "no")
        assert selector(net).fit(X, y).classes_.tolist() == ["no", "yes"]

    @pytest.mark.parametrize("parameters", [{"criterion": nn.NLLLoss}, {"lr": 1e38}])
    def test_a_loss_that_is_not_finite_is_an_error(self, aligned, parameters):
        X, y = aligned
        with pytest.raises(
            ValueError, match=r"loss of NeuralNetClassifier went .* to (nan|inf).*CrossEntropyLoss"
        ):
            selector(skorch_net(X.shape[1], max_epochs=5, **parameters)).fit(X, y)

    @pytest.mark.parametrize("kind", ["temo", "skorch"])
    def test_default_of_double_precision(self, aligned, kind):
        X, y = aligned
        estimator = temo() if kind == "temo" else skorch_net(X.shape[1])
        expected = selector(estimator).fit(X, y)
        torch.set_default_dtype(torch.float64)
        try:
            found = selector(estimator).fit(X, y)
            proba = temo().fit(X, y).predict_proba(X)
        finally:
            torch.set_default_dtype(torch.float32)
        if kind == "temo":
            np.testing.assert_array_equal(found.landmark_scores_, expected.landmark_scores_)
        assert np.isfinite(found.landmark_scores_).all()
        np.testing.assert_array_equal(proba, temo().fit(X, y).predict_proba(X))

    @pytest.mark.parametrize(
        "callback",
        [
            EarlyStopping(),
            ("stop", EarlyStopping(monitor="valid_acc", lower_is_better=False)),
            Checkpoint(monitor="valid_loss_best"),
        ],
    )
    def test_a_callback_that_needs_held_out_clips_is_named(self, aligned, callback):
        with pytest.raises(ValueError, match=r"monitors 'valid_.*early_stopping=True"):
            temo(callbacks=[callback]).fit(*aligned)

    def test_callbacks_may_monitor_the_training_or_held_out_clips(self, aligned):
        stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10)
        assert temo(callbacks=[stop]).fit(*aligned).n_iter_ < 10
        stop = EarlyStopping(patience=1, threshold=10)
        settings = {"early_stopping": True, "validation_fraction": 0.3}
        assert temo(callbacks=[stop], **settings).fit(*aligned).n_iter_ < 10


class TestBaselines:
    def test_the_selection_does_not_depend_on_the_spelling_of_labels(self, aligned):
        X, y = aligned
        # The order of the classes is the same, since training depends on it.
        renamed = np.array([f"a {label}" for label in y])
        one, two = selector().fit(X, y), selector().fit(X, renamed)
        np.testing.assert_array_equal(one.baselines_, two.baselines_)
        np.testing.assert_array_equal(one.ranking_, two.ranking_)
        reordered = np.array([{"anger": "z"}.get(label, label) for label in y])
        np.testing.assert_array_equal(selector().fit(X, reordered).baselines_, one.baselines_)

    def test_problems_of_one_class_against_the_rest_share_the_baselines(self, aligned):
        X, y = aligned
        found = [selector().fit(X, y == label).baselines_ for label in ("anger", "fear")]
        np.testing.assert_array_equal(*found)


def test_face_mirror_names_rows_with_nan(aligned):
    X, y = aligned
    X = X.copy()
    X[3] = np.nan
    with pytest.raises(ValueError, match=r"NaN in 1 of 42 rows"):
        FaceMirror().fit_resample(X, y)
