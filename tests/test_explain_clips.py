"""Explanations of single clips."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    TEMOClassifier,
    TEMORegressor,
    explain_clips,
    make_temo_pipeline,
)
from sklearn_temo.datasets import load_sign_digits, make_expression_clips

FAST = {"max_epochs": 3, "random_state": 0}


def temo_pipeline(classifier=None, k=64, **kwargs):
    return make_temo_pipeline(
        landmarks="passthrough",
        k=k,
        classifier=TEMOClassifier(**FAST) if classifier is None else classifier,
        random_state=0,
        **kwargs,
    )


def decision_of_target(estimator, rows, target):
    """The value of decision_function for the target of each clip."""
    values = estimator.decision_function(rows)
    if values.ndim == 1:
        return np.where(target == estimator.classes_[1], values, -values)
    return values[np.arange(len(rows)), np.searchsorted(estimator.classes_, target)]


def assert_explains(explanation, estimator, rows, tol=1e-3):
    expected = decision_of_target(estimator, rows, explanation.target)
    np.testing.assert_allclose(explanation.logit, expected, rtol=1e-4, atol=1e-4)
    total = explanation.attributions.sum(axis=(1, 2), dtype=np.float64)
    difference = explanation.logit - explanation.base_logit
    np.testing.assert_allclose(total, difference, rtol=1e-3, atol=tol)
    assert explanation.completeness_gap.max() <= tol


@pytest.fixture(scope="module")
def fitted(expression_clips):
    return temo_pipeline().fit(expression_clips.data, expression_clips.target)


@pytest.mark.parametrize("mirror", ["auto", False])
@pytest.mark.parametrize("randomized", [False, True])
@pytest.mark.parametrize("n_frames", [2, 16])
def test_shares_add_up_to_the_logit_of_temo(n_frames, randomized, mirror):
    clips = make_expression_clips(n_clips=42, n_frames=n_frames, random_state=0)
    classifier = TEMOClassifier(randomized=randomized, mirror=mirror, **FAST)
    pipe = temo_pipeline(classifier).fit(clips.data, clips.target)
    explanation = explain_clips(pipe, clips.data)
    assert_explains(explanation, pipe, clips.data, tol=1e-5)
    np.testing.assert_array_equal(explanation.target, pipe.predict(clips.data))


def test_shares_are_the_integrated_gradients_of_captum(fitted, expression_clips):
    from captum.attr import IntegratedGradients

    rows = expression_clips.data[:4]
    explanation = explain_clips(fitted, rows)
    selector, temo = fitted[2], fitted[3]
    aligned = torch.from_numpy(fitted[:2].transform(rows)).double()
    columns = torch.from_numpy(selector.get_support())

    def predict(x):
        mirrored = temo.averaged_module_.net.reduced(x[:, columns].float())
        module = temo.module_
        both = module.from_reduced(mirrored) + module.from_reduced(mirrored * module.parity)
        return both.double() / 2

    target = torch.from_numpy(np.searchsorted(fitted.classes_, explanation.target))
    expected = np.mean(
        [
            IntegratedGradients(predict)
            .attribute(aligned, torch.from_numpy(b)[None].double(), target, n_steps=64)
            .detach()
            .numpy()
            for b in selector.baselines_
        ],
        axis=0,
    )
    expected = selector.layout_.unflatten(expected).sum(axis=-1)
    np.testing.assert_allclose(explanation.attributions, expected, atol=1e-4)


def test_landmarks_keep_the_numbers_of_the_full_mesh(fitted, expression_clips):
    explanation = explain_clips(fitted, expression_clips.data[:2])
    kept = fitted[2].get_landmark_support()
    assert explanation.attributions.shape == (2, 4, 468)
    np.testing.assert_array_equal(explanation.support, [kept, kept])
    assert not explanation.attributions[:, :, ~kept].any()
    assert explanation.attributions[:, :, kept].any(axis=1).all()


def test_nested_selectors_keep_the_numbers_of_the_full_mesh(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(
        LandmarkAligner(),
        IGLandmarkSelector(k=100, random_state=0),
        IGLandmarkSelector(k=20, symmetric=False, random_state=0),
        TEMOClassifier(**FAST),
    ).fit(X, y)
    explanation = explain_clips(pipe, X[:3])
    numbers = np.flatnonzero(pipe[1].get_landmark_support())[pipe[2].get_landmark_support()]
    assert_explains(explanation, pipe, X[:3])
    np.testing.assert_array_equal(np.flatnonzero(explanation.support[0]), numbers)


def test_one_vs_rest_outside_and_inside_the_pipeline(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    outside = OneVsRestClassifier(temo_pipeline()).fit(X, y)
    inside = temo_pipeline(OneVsRestClassifier(TEMOClassifier(**FAST))).fit(X, y)
    for model in (outside, inside):
        explanation = explain_clips(model, X[:14])
        for name, part in zip(model.classes_, np.arange(7), strict=True):
            one = explain_clips(model, X[:2], target=name)
            steps = model.estimators_[part] if model is outside else model[-1].estimators_[part]
            rows = X[:2] if model is outside else model[:-1].transform(X[:2])
            np.testing.assert_allclose(
                one.logit, steps.decision_function(rows), rtol=1e-4, atol=1e-4
            )
        total = explanation.attributions.sum(axis=(1, 2))
        np.testing.assert_allclose(total, explanation.logit - explanation.base_logit, atol=1e-4)
    first = outside.estimators_[0][2].get_landmark_support()
    np.testing.assert_array_equal(explain_clips(outside, X[:1], target="anger").support[0], first)


def test_two_classes_are_explained_by_their_log_odds(expression_clips):
    is_used = np.isin(expression_clips.target, ["anger", "happiness"])
    X, y = expression_clips.data[is_used], expression_clips.target[is_used]
    for model in (temo_pipeline(), OneVsRestClassifier(temo_pipeline())):
        model.fit(X, y)
        for name in ("anger", "happiness"):
            explanation = explain_clips(model, X[:5], target=name)
            column = model.classes_.tolist().index(name)
            p = model.predict_proba(X[:5])[:, column]
            np.testing.assert_allclose(explanation.logit, np.log(p / (1 - p)), rtol=1e-3)
            assert_explains(explanation, model, X[:5])


def test_searches_frozen_and_nested_pipelines_are_opened(fitted, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    expected = explain_clips(fitted, X[:3]).attributions
    search = GridSearchCV(fitted, {"select__k": [64]}, cv=2).fit(X, y)
    wrapped = make_pipeline(fitted[:2], FrozenEstimator(fitted[2]), FrozenEstimator(fitted[3]))
    for model in (search, FrozenEstimator(fitted), wrapped):
        np.testing.assert_allclose(explain_clips(model, X[:3]).attributions, expected, atol=1e-5)
    without = GridSearchCV(fitted, {"select__k": [64]}, cv=2, refit=False).fit(X, y)
    with pytest.raises(ValueError, match="refit=True"):
        explain_clips(without, X[:3])


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        OneVsRestClassifier(LinearSVC()),
        OneVsRestClassifier(SVC(kernel="linear")),
    ],
)
@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler(), MinMaxScaler()])
def test_linear_models_are_explained_exactly(model, scaler, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(
        LandmarkAligner(), IGLandmarkSelector(k=64, random_state=0), scaler, clone(model)
    ).fit(X, y)
    explanation = explain_clips(pipe, X[:3], target="fear")
    assert_explains(explanation, pipe, X[:3], tol=1e-6)
    # The closed form: coefficients times the distance from the mean baseline.
    part = pipe[-1].classes_.tolist().index("fear")
    if hasattr(pipe[-1], "estimators_"):
        coef = pipe[-1].estimators_[part].coef_[0]
    else:
        coef = pipe[-1].coef_[part]
    aligned, selector = pipe[0].transform(X[:3]), pipe[1]
    centre = selector.baselines_.mean(axis=0, dtype=np.float64)
    distance = pipe[1:3].transform(aligned) - pipe[1:3].transform(centre[None])
    expected = (coef * distance).reshape(3, 4, 64, 3).sum(axis=-1)
    found = explanation.attributions[:, :, selector.get_landmark_support()]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_principal_components_are_traced_back_to_landmarks(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(
        LandmarkAligner(), StandardScaler(), PCA(10, whiten=True, random_state=0), LinearSVC()
    ).fit(X, y)
    explanation = explain_clips(pipe, X[:4])
    assert_explains(explanation, pipe, X[:4])
    # Without a selector, shares are relative to the mean of the training clips.
    mean = pipe[-1].decision_function(np.zeros((1, 10)))[0]
    index = np.searchsorted(pipe.classes_, explanation.target)
    np.testing.assert_allclose(explanation.base_logit, mean[index], atol=1e-5)


def test_columns_may_be_selected_by_scikit_learn(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(
        LandmarkAligner(), StandardScaler(), SelectKBest(k=90), LogisticRegression()
    ).fit(X, y)
    explanation = explain_clips(pipe, X[:2])
    assert_explains(explanation, pipe, X[:2])
    used = np.unique(np.flatnonzero(pipe[2].get_support()) // 3 % 468)
    np.testing.assert_array_equal(np.flatnonzero(explanation.support[0]), used)


def test_without_a_selector_shares_are_relative_to_the_mean_clip(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(LandmarkAligner(), TEMOClassifier(**FAST)).fit(X, y)
    explanation = explain_clips(pipe, X[:3])
    assert_explains(explanation, pipe, X[:3])
    aligned = pipe[0].transform(X)
    mirrored = LandmarkAligner().transform(X)
    np.testing.assert_allclose(
        pipe[1].mean_clip_.reshape(4, 468, 3)[..., 1],
        aligned.reshape(-1, 4, 468, 3)[..., 1].mean(axis=0) / 2
        + aligned.reshape(-1, 4, 468, 3)[:, :, _pairs()][..., 1].mean(axis=0) / 2,
        atol=1e-4,
    )
    assert mirrored.shape == aligned.shape


def _pairs():
    from sklearn_temo import mesh

    return mesh.mirror_pairs()


def test_a_skorch_net_is_explained(aligned):
    X, y = aligned
    codes = np.unique(y, return_inverse=True)[1]
    net = _net().fit(X, codes)
    explanation = explain_clips(net, X[:3], baselines=X[-2:])
    outputs = net.forward(X[:3]).numpy()
    np.testing.assert_allclose(
        explanation.logit, outputs[np.arange(3), explanation.target], rtol=1e-4
    )
    assert explanation.completeness_gap.max() < 1e-3


@pytest.mark.parametrize("n_classes", [2, 7])
def test_logits_of_a_network_with_softmax_are_logarithms(n_classes, aligned):
    X, y = aligned
    codes = np.unique(y, return_inverse=True)[1] % n_classes
    torch.manual_seed(0)
    layers = nn.Linear(5616, 8), nn.Tanh(), nn.Linear(8, n_classes)
    net = NeuralNetClassifier(
        nn.Sequential(*layers, nn.Softmax(-1)), max_epochs=2, train_split=None, verbose=0
    ).fit(X, codes)
    # The softmax adds the same number to the logarithms of all classes.
    bare = NeuralNetClassifier(
        nn.Sequential(*net.module_[:-1]), criterion=nn.CrossEntropyLoss, max_epochs=0, verbose=0
    ).fit(X, codes)

    def difference(net):
        low, high = (explain_clips(net, X[:3], baselines=X[-2:], target=i) for i in (0, 1))
        return high.logit - low.logit, high.attributions - low.attributions

    for found, expected in zip(difference(net), difference(bare), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    explanation = explain_clips(net, X[:3], baselines=X[-2:], target=1)
    probability = net.predict_proba(X[:3])
    expected = np.log(probability[:, 1])
    if n_classes == 2:
        expected -= np.log(probability[:, 0])
    np.testing.assert_allclose(explanation.logit, expected, rtol=1e-4)


def test_the_logit_of_a_network_with_sigmoid_is_that_of_its_probability(aligned):
    X, y = aligned
    torch.manual_seed(0)
    net = NeuralNetBinaryClassifier(
        nn.Sequential(nn.Linear(5616, 1), nn.Sigmoid(), nn.Flatten(0)),
        criterion=nn.BCELoss,
        max_epochs=2,
        train_split=None,
        verbose=0,
    ).fit(X, (y == "fear").astype(np.float32))
    explanation = explain_clips(net, X[:3], baselines=X[-2:], target=1)
    # A linear logit: exact shares are known.
    with torch.no_grad():
        weights = net.module_[0].weight.numpy()[0]
    shares = (X[:3] - X[-2:].mean(axis=0)) * weights
    np.testing.assert_allclose(
        explanation.attributions, shares.reshape(3, 4, 468, 3).sum(axis=-1), atol=1e-5
    )


class _Tanh(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5616, 8), nn.Tanh(), nn.Linear(8, 7))

    def forward(self, x):
        return self.layers(x)


def _net():
    torch.manual_seed(0)
    return NeuralNetClassifier(
        _Tanh, criterion=nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0
    )


def test_gaps_of_a_network_with_kinks_warn(aligned):
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5616, 7)

        def forward(self, x):
            return torch.relu(20 * self.layer(x)) ** 0.5

    X, y = aligned
    codes = np.unique(y, return_inverse=True)[1]
    net = NeuralNetClassifier(
        Steps, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
    ).fit(X, codes)
    with pytest.warns(ConvergenceWarning, match="do not add up"):
        explain_clips(net, X[:5], baselines=-3 * X[:1])


def test_regressors_are_explained(aligned):
    X, _ = aligned
    y = np.column_stack([X[:, 3000], X[:, 4000] - X[:, 3500]])
    regressor = TEMORegressor(randomized=True, random_state=0).fit(X, y)
    for output in (0, 1):
        explanation = explain_clips(regressor, X[:3], target=output)
        np.testing.assert_allclose(
            explanation.logit, regressor.predict(X[:3])[:, output], rtol=1e-3, atol=1e-4
        )
        total = explanation.attributions.sum(axis=(1, 2))
        np.testing.assert_allclose(total, explanation.logit - explanation.base_logit, atol=1e-4)
    ridge = make_pipeline(StandardScaler(), Ridge()).fit(X, y[:, 0])
    explanation = explain_clips(ridge, X[:3])
    np.testing.assert_allclose(explanation.logit, ridge.predict(X[:3]), rtol=1e-4)
    np.testing.assert_allclose(explanation.base_logit, y[:, 0].mean(), rtol=1e-4)


def test_shares_of_identity_and_movement_are_told_apart(fitted, expression_clips):
    X = expression_clips.data
    explanation = explain_clips(fitted, X[:3])
    assert explanation.has_reference_frame
    both = explanation.identity + explanation.movement.sum(axis=1)
    np.testing.assert_allclose(both, explanation.attributions.sum(axis=1), rtol=1e-5)
    assert not explanation.movement[:, 0].any()
    # The same for rows that were aligned before.
    aligned = fitted[1].transform(X[:3])
    again = explain_clips(fitted[2:], aligned)
    assert again.has_reference_frame
    np.testing.assert_allclose(again.attributions, explanation.attributions, atol=1e-5)
    positions = fitted[1].inverse_transform(aligned).reshape(3, 4, 468, 3)
    np.testing.assert_allclose(again.landmarks, positions, atol=1e-5)


@pytest.mark.parametrize("reference", [None, "mean"])
def test_without_a_reference_frame_nothing_is_identity(reference, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = temo_pipeline(reference=reference).fit(X, y)
    explanation = explain_clips(pipe, X[:2])
    assert not explanation.has_reference_frame
    assert not explanation.identity.any()
    np.testing.assert_array_equal(explanation.movement, explanation.attributions)
    with pytest.raises(ValueError, match="needs clips of two frames or more"):
        explain_clips(pipe, X[:2], baselines="still")


def test_relative_to_still_faces_only_moving_landmarks_have_a_share(fitted, expression_clips):
    rows = expression_clips.data[:2].reshape(2, 4, -1).copy()
    rows[:, 1:] = rows[:, :1]
    still = rows.reshape(2, -1)
    explanation = explain_clips(fitted, still, baselines="still")
    assert np.abs(explanation.movement).max() < 1e-4
    typical = explain_clips(fitted, still)
    assert np.abs(typical.movement).max() > 1e-3


def test_baselines_of_the_user_are_prepared_like_the_clips(fitted, expression_clips):
    X = expression_clips.data
    explanation = explain_clips(fitted, X[:2], target="fear", baselines=X[5:8])
    expected = fitted.decision_function(X[5:8])[:, 3].mean()
    np.testing.assert_allclose(explanation.base_logit, expected, rtol=1e-4, atol=1e-5)
    same = explain_clips(fitted, X[:1], baselines=X[:1])
    assert not same.attributions.any()
    assert same.completeness_gap[0] == 0


def test_paths_and_their_rows_have_the_same_explanation(cremad_paths):
    extractor = FaceLandmarkTransformer(n_frames=4)
    rows = extractor.fit_transform(cremad_paths)
    y = ["a", "b", "a", "b", "a", "b"]
    pipe = make_temo_pipeline(
        landmarks=extractor, k=32, classifier=TEMOClassifier(**FAST), random_state=0
    ).fit(cremad_paths, y)
    by_path = explain_clips(pipe, cremad_paths[:2])
    by_row = explain_clips(pipe, rows[:2])
    np.testing.assert_allclose(by_path.attributions, by_row.attributions, atol=1e-6)
    found = extractor.extract(cremad_paths[:2])
    np.testing.assert_array_equal(by_path.times, [clip.times for clip in found])
    np.testing.assert_array_equal(by_path.landmarks, [clip.landmarks for clip in found])
    assert by_path.names == cremad_paths[:2]
    assert np.isnan(by_row.times).all()
    assert by_row.names == ["clip 0", "clip 1"]
    with pytest.raises(ValueError, match="must be rows of landmarks"):
        explain_clips(pipe[1:], cremad_paths)


def test_an_extractor_may_stand_in_front_of_a_search_fitted_to_rows(cremad_paths):
    extractor = FaceLandmarkTransformer(n_frames=4)
    rows = extractor.fit_transform(cremad_paths)
    pipe = make_temo_pipeline(
        landmarks="passthrough", k=32, classifier=TEMOClassifier(**FAST), random_state=0
    )
    search = GridSearchCV(pipe, {"select__k": [32]}, cv=2).fit(rows, list("ababab"))
    explanation = explain_clips(make_pipeline(extractor, search), cremad_paths[:1])
    expected = explain_clips(search, rows[:1])
    np.testing.assert_allclose(explanation.attributions, expected.attributions, atol=1e-6)
    assert explanation.names == cremad_paths[:1]
    assert explanation.images(0).shape == (4, 360, 480, 3)
    assert np.isfinite(explanation.times).all()


@pytest.mark.parametrize("form", [iter, pd.Series, pd.DataFrame])
def test_paths_may_come_in_any_container(form, fitted, cremad_paths):
    pipe = make_pipeline(FaceLandmarkTransformer(n_frames=4).fit(cremad_paths[:1]), *fitted[1:])
    explanation = explain_clips(pipe, form(cremad_paths[:2]))
    assert explanation.names == cremad_paths[:2]
    assert explanation.images(1).shape == (4, 360, 480, 3)


def test_clips_of_different_lengths_are_named(fitted, cremad_frames):
    extractor = FaceLandmarkTransformer(n_frames=None).fit([cremad_frames[0][:4]])
    pipe = make_pipeline(extractor, *fitted[1:])
    with pytest.raises(ValueError, match=r"clips have 4 to 5 frames.*pass n_frames"):
        explain_clips(pipe, [cremad_frames[0][:4], cremad_frames[1][:5]])


def test_hands_are_explained_in_their_own_numbering():
    digits = load_sign_digits()
    X, y = digits.data[:200], digits.target[:200]
    pipe = make_pipeline(
        IGLandmarkSelector(k=5, n_frames=1, random_state=0), TEMOClassifier(**FAST)
    ).fit(X, y)
    explanation = explain_clips(pipe, X[:3])
    assert explanation.attributions.shape == (3, 1, 21)
    assert_explains(explanation, pipe, X[:3])


def test_one_explanation_of_many_clips_equals_many_of_one(fitted, expression_clips):
    X = expression_clips.data
    together = explain_clips(fitted, np.tile(X[:4], (80, 1)))
    for i in range(4):
        alone = explain_clips(fitted, X[i : i + 1])
        np.testing.assert_allclose(
            together.attributions[i::4], np.tile(alone.attributions, (80, 1, 1)), atol=1e-6
        )


def test_a_list_of_targets_has_one_for_each_clip(fitted, expression_clips):
    X = expression_clips.data[:2]
    explanation = explain_clips(fitted, X, target=["fear", "anger"])
    assert explanation.target.tolist() == ["fear", "anger"]
    one = explain_clips(fitted, X[1:], target="anger")
    np.testing.assert_allclose(explanation.attributions[1], one.attributions[0], atol=1e-6)


def test_targets_are_the_labels_of_the_estimator(expression_clips):
    X, y = expression_clips.data, expression_clips.target == "fear"
    pipe = temo_pipeline(k=16).fit(X, y)
    explanation = explain_clips(pipe, X[:2], target=[1, 0])
    assert explanation.target.dtype == bool
    assert explanation.target.tolist() == [True, False]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"target": "joy"}, "'joy', which is not a class"),
        ({"target": ["fear"] * 3}, "one for each of the 2"),
        ({"baselines": "mean"}, '"typical", "still"'),
        ({"baselines": None}, '"typical", "still".*got None'),
        ({"baselines": []}, "baselines is empty"),
    ],
)
def test_wrong_arguments_are_named(arguments, match, fitted, expression_clips):
    with pytest.raises(ValueError, match=match):
        explain_clips(fitted, expression_clips.data[:2], **arguments)


def test_wrong_clips_are_named(fitted, expression_clips):
    X = expression_clips.data[:2].copy()
    with pytest.raises(ValueError, match=r"must be rows of landmarks.*Pass \[row\]"):
        explain_clips(fitted, X[0])
    with pytest.raises(ValueError, match="clips is empty"):
        explain_clips(fitted, [])
    with pytest.raises(ValueError, match="features"):
        explain_clips(fitted, X, baselines=X[:, :9])
    X[1, 5] = np.nan
    with pytest.raises(ValueError, match="clip 1 has missing landmarks"):
        explain_clips(fitted, X)


def test_an_unfitted_estimator_is_an_error(fitted, expression_clips):
    with pytest.raises(NotFittedError):
        explain_clips(clone(fitted), expression_clips.data)


def test_still_baselines_need_displacements(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(
        LandmarkAligner(),
        StandardScaler(),
        IGLandmarkSelector(k=16, n_frames=4, random_state=0),
        TEMOClassifier(**FAST),
    ).fit(X, y)
    with pytest.raises(ValueError, match="StandardScaler, which follows the alignment"):
        explain_clips(pipe, X[:2], baselines="still")


def test_faces_are_those_in_front_of_scalers(aligned):
    X, y = aligned
    pipe = make_pipeline(
        StandardScaler(), IGLandmarkSelector(k=16, n_frames=4, random_state=0), TEMOClassifier()
    )
    explanation = explain_clips(pipe.set_params(temoclassifier__max_epochs=1).fit(X, y), X[:2])
    positions = np.asarray(X[:2]).reshape(2, 4, 468, 3).copy()
    positions[:, 1:] += positions[:, :1]
    np.testing.assert_allclose(explanation.landmarks, positions, atol=1e-6)
    assert explanation.has_reference_frame


def test_estimators_without_a_class_for_each_clip_are_named(aligned):
    X, y = aligned
    codes = np.unique(y, return_inverse=True)[1]
    net = NeuralNet(_Tanh, criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0)
    with pytest.raises(TypeError, match="NeuralNet, which is neither a classifier"):
        explain_clips(net.fit(X, codes), X[:2])
    labels = np.column_stack([y == "fear", y == "anger"]).astype(int)
    model = OneVsRestClassifier(Ridge()).fit(X, labels)
    with pytest.raises(TypeError, match="several labels for a clip"):
        explain_clips(model, X[:2])


def test_pipelines_in_one_vs_rest_may_extract_the_clips(cremad_paths, tmp_path):
    extractor = FaceLandmarkTransformer(n_frames=4, memory=tmp_path)
    binary = make_temo_pipeline(
        landmarks=extractor, k=32, classifier=TEMOClassifier(**FAST), random_state=0
    )
    model = OneVsRestClassifier(binary).fit(cremad_paths, list("abcabc"))
    by_path = explain_clips(model, cremad_paths)
    np.testing.assert_array_equal(by_path.target, model.predict(cremad_paths))
    assert_explains(by_path, model, cremad_paths)
    by_row = explain_clips(model, extractor.transform(cremad_paths))
    np.testing.assert_allclose(by_row.attributions, by_path.attributions, atol=1e-6)
    assert np.isfinite(by_path.times).all()


def test_read_only_rows_do_not_warn(fitted, expression_clips):
    rows = pd.DataFrame(np.asarray(fitted[1:3].transform(expression_clips.data[:3])))
    # torch would warn of the first such array only.
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            explain_clips(fitted[3], rows)
    finally:
        torch.set_warn_always(False)


@pytest.mark.parametrize(
    ("steps", "match"),
    [
        ([SVC()], "has no network and is not linear: pass"),
        ([SVC(kernel="linear")], "between pairs of classes"),
        (
            [QuantileTransformer(n_quantiles=10), LogisticRegression(max_iter=5)],
            "QuantileTransformer.*move it in front of the selector",
        ),
        ([StandardScaler(), PoissonRegressor(max_iter=5)], "not linear"),
    ],
)
def test_models_that_cannot_be_explained_are_named(steps, match, fitted, expression_clips):
    X, y = (
        expression_clips.data[:21],
        np.unique(expression_clips.target[:21], return_inverse=True)[1],
    )
    # The selector keeps few columns, so that the fit is quick.
    pipe = make_pipeline(FrozenEstimator(fitted[1:3]), *steps).fit(X, y)
    with pytest.raises(TypeError, match=match):
        explain_clips(pipe, X[:2])


def test_baselines_that_are_not_known_must_be_passed(aligned):
    X, y = aligned
    model = LinearSVC(max_iter=3).fit(X[:21].astype(np.float64), y[:21])
    with pytest.raises(ValueError, match="pass them as baselines"):
        explain_clips(model, X[:2])
    explanation = explain_clips(model, X[:2], baselines=X[2:5])
    np.testing.assert_allclose(
        explanation.base_logit,
        model.decision_function(X[2:5]).mean(axis=0)[
            np.searchsorted(model.classes_, explanation.target)
        ],
        rtol=1e-4,
    )


def test_steps_before_the_selector_may_be_anything(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = make_pipeline(LandmarkAligner(), FunctionTransformer(np.tanh), temo_pipeline()[2:]).fit(
        X, y
    )
    assert_explains(explain_clips(pipe, X[:2]), pipe, X[:2])


def test_pandas_output_and_frames_are_accepted(expression_clips):
    names = expression_clips.layout.feature_names()
    X = pd.DataFrame(expression_clips.data, columns=names)
    pipe = temo_pipeline().set_output(transform="pandas").fit(X, expression_clips.target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation = explain_clips(pipe, X[:3])
    assert_explains(explanation, pipe, X[:3])


def test_an_explanation_changes_nothing_in_the_estimator(fitted, expression_clips):
    import pickle

    before = pickle.dumps(fitted)
    explain_clips(fitted, expression_clips.data[:2])
    assert pickle.dumps(fitted) == before


def test_the_share_of_moving_landmarks_and_the_onset_are_found_on_synthetic_clips():
    from benchmarks.clip_explanations import truth

    network = TEMOClassifier(randomized=True, n_components=32, weight_decay=1.0)
    found, moving = truth(network, (0, 0), "still", random_state=0)
    assert found >= 0.9
    assert moving >= 0.9
