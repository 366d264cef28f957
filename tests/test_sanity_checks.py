"""Sanity checks of explanations with networks that learned nothing."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import IGLandmarkSelector, TEMOClassifier, TEMORegressor, make_temo_pipeline
from sklearn_temo.explanation import check_random_labels, check_random_weights
from sklearn_temo.explanation._compared_networks import mean_rank_correlation

CHECKS = [check_random_weights, check_random_labels]
N_FRAMES = 4
# A small network, for speed.
SMALL = {"randomized": True, "hidden_size": 100, "n_components": 16, "random_state": 0}
RANDOMIZED = TEMOClassifier(**SMALL, n_frames=N_FRAMES)


@pytest.fixture(scope="module")
def pipeline(expression_clips):
    """A fitted pipeline with a selector and a network."""
    pipe = make_temo_pipeline(
        landmarks="passthrough", k=64, classifier=RANDOMIZED, random_state=0, n_frames=N_FRAMES
    )
    return pipe.fit(expression_clips.data, expression_clips.target)


def movement(module, rows, baselines, target):
    """An "explanation" that looks at the clips only."""
    return np.abs(rows - baselines.mean(axis=0))


@pytest.mark.parametrize("check", CHECKS)
def test_integrated_gradients_of_a_pipeline_pass(check, pipeline, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    result = check(pipeline, X, y, n_repeats=3, random_state=0)
    assert result.passed
    assert result.similarities.shape == result.reference.shape == (3,)
    assert result.similarities.max() < result.threshold < result.reference.min()
    assert result.statistic == pytest.approx(result.similarities.mean())
    assert result.threshold == pytest.approx(np.sqrt(0.5) * result.reference.mean())
    assert str(result).startswith(f"{result.name}: passed. ")
    assert f"{result.statistic:.2f}" in str(result)


@pytest.mark.parametrize("check", CHECKS)
def test_an_explanation_that_looks_at_the_clips_only_fails(check, pipeline, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    result = check(pipeline, X, y, attribute=movement, n_repeats=3, random_state=0)
    assert not result.passed
    np.testing.assert_allclose(result.similarities, 1)
    np.testing.assert_allclose(result.reference, 1)
    assert "do not interpret them" in str(result)


@pytest.mark.parametrize("check", CHECKS)
def test_an_explanation_without_any_share_fails(check, pipeline, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    result = check(
        pipeline, X, y, attribute=lambda module, rows, *_: 0 * rows, n_repeats=3, random_state=0
    )
    assert not result.passed
    assert np.isfinite(result.statistic)


def test_random_numbers_as_explanation_fail(pipeline, expression_clips):
    rng = np.random.default_rng(0)
    result = check_random_weights(
        pipeline,
        expression_clips.data,
        expression_clips.target,
        attribute=lambda module, rows, *_: rng.normal(size=rows.shape),
        n_repeats=3,
        random_state=0,
    )
    # Similar neither to networks that learned nothing nor to those that were fitted again.
    assert abs(result.reference.mean()) < 0.05
    assert not result.passed


@pytest.mark.parametrize("check", CHECKS)
def test_checks_change_neither_the_estimator_nor_the_global_generators(
    check, pipeline, expression_clips
):
    X, y = expression_clips.data, expression_clips.target
    logits = pipeline.decision_function(X)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = check(pipeline, X, y, n_repeats=3, random_state=0)
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(pipeline.decision_function(X), logits)
    second = check(pipeline, X, y, n_repeats=3, random_state=0)
    np.testing.assert_array_equal(first.similarities, second.similarities)
    np.testing.assert_array_equal(first.reference, second.reference)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["network", "search result", "linear", "two classes", "numbers"])
def test_checks_accept_what_explain_clips_accepts(check, kind, aligned):
    X, y = aligned
    n_frames = {"n_frames": N_FRAMES}
    if kind == "network":
        estimator = RANDOMIZED
    elif kind == "search result":
        estimator = GridSearchCV(
            make_pipeline(IGLandmarkSelector(random_state=0, **n_frames), RANDOMIZED),
            {"iglandmarkselector__k": [32]},
            cv=2,
        )
    elif kind == "linear":
        estimator = make_pipeline(
            IGLandmarkSelector(k=32, random_state=0, **n_frames),
            StandardScaler(),
            LogisticRegression(C=0.01),
        )
    elif kind == "two classes":
        y = np.where(y == "happiness", "smile", "none")
        estimator = RANDOMIZED
    else:
        y = np.abs(X[:, -200:]).sum(axis=1).astype(float)
        estimator = TEMORegressor(**SMALL, **n_frames)
    result = check(estimator.fit(X, y), X, y, n_repeats=3, random_state=0)
    assert result.passed, result


def test_wrong_use_is_an_error_that_says_what_to_pass(pipeline, expression_clips, aligned):
    X, y = expression_clips.data, expression_clips.target
    with pytest.raises(ValueError, match="'joy', which is not a class of the estimator"):
        check_random_weights(pipeline, X, np.full(len(X), "joy"))
    with pytest.raises(ValueError, match=r"one label.*for each of the 84 clips.*shape \(3,\)"):
        check_random_weights(pipeline, X, y[:3])
    with pytest.raises(ValueError, match=r"returned shape \(84,\)"):
        check_random_weights(pipeline, X, y, attribute=lambda module, rows, *_: rows[:, 0])
    with pytest.raises(ValueError, match="NaN or infinite"):
        check_random_labels(pipeline, X, y, attribute=lambda module, rows, *_: rows * np.nan)
    some = y != "fear"
    with pytest.raises(ValueError, match="no clip of 'fear'"):
        check_random_weights(pipeline, X[some], y[some])
    with pytest.raises(ValueError, match="n_repeats must be at least 3, got 0"):
        check_random_labels(pipeline, X, y, n_repeats=0)
    rows, _ = aligned
    few = make_pipeline(IGLandmarkSelector(k=3, n_frames=N_FRAMES), RANDOMIZED).fit(rows, y)
    with pytest.raises(ValueError, match="uses 3 landmarks"):
        check_random_labels(few, rows, y)
    with pytest.raises(TypeError, match="pass one of its estimators_"):
        check_random_labels(OneVsRestClassifier(Ridge()).fit(rows, y), rows, y)
    svm = make_pipeline(IGLandmarkSelector(k=8, n_frames=N_FRAMES), SVC()).fit(rows, y)
    with pytest.raises(TypeError, match="cannot be explained"):
        check_random_weights(svm, rows, y)


def test_similarity_is_the_mean_rank_correlation_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 20, (2, 6, 30))
    expected = [spearmanr(*pair).statistic for pair in zip(a, b, strict=True)]
    assert mean_rank_correlation(a, b) == pytest.approx(np.mean(expected))
    # Ranks of equal numbers say nothing.
    a[0] = 7
    assert mean_rank_correlation(a, b) == pytest.approx(np.mean([0, *expected[1:]]))
