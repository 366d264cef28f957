"""Benchmark of explanations: methods, measures, and text."""

import numpy as np
import pytest

from benchmarks import explanations, explanations_measures, explanations_methods
from benchmarks.claims_folds import Split
from benchmarks.explanations_methods import METHODS, Case, explain
from sklearn_temo import LandmarkLayout, TEMOClassifier
from sklearn_temo.attribution import make_baselines

# Captum warns on each call.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

OURS = "Integrated Gradients"
LAYOUT = LandmarkLayout(n_frames=3, n_landmarks=12, n_coords=2)


@pytest.fixture(scope="module")
def case():
    """A network of 12 landmarks, two of which separate three classes."""
    rng = np.random.default_rng(0)
    clips = rng.normal(0, 0.1, (60, *LAYOUT.shape)).astype(np.float32)
    y = np.array(["anger", "happiness", "surprise"])[np.arange(60) % 3]
    clips[y == "happiness", 1:, 3] += 0.5
    clips[y == "surprise", 1:, 7] += 0.5
    X = LAYOUT.flatten(clips)
    shape = {"n_frames": 3, "n_coords": 2}
    network = TEMOClassifier(randomized=True, random_state=0, **shape).fit(X, y)
    regions = np.array(["brow", "eye", "lips", "nose"])[np.arange(12) // 3]
    return Case(network, X, y, make_baselines(X, n_baselines=3), LAYOUT, regions, seed=0)


@pytest.fixture
def linear(case):
    """The same with a network whose random units have no effect on the logits."""
    module = case.estimator.module_
    weight = module.weight.detach().clone()
    module.weight.data[:, : len(module.offset)] = 0
    yield case
    module.weight.data.copy_(weight)


def shares(method, case, n_clips=3):
    target = np.searchsorted(case.estimator.classes_, case.y[:n_clips])
    return explain(method, case, case.X[:n_clips], target)


@pytest.mark.parametrize("method", ["gradient x input", "SmoothGrad", "DeepLift", "occlusion"])
def test_methods_agree_for_a_linear_network(method, linear):
    expected = shares(OURS, linear)
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(shares(method, linear), expected, atol=atol)


def test_shapley_values_of_a_linear_network_are_the_sums_of_the_regions(linear):
    def by_region(values):
        return np.stack([values[:, linear.regions == r].sum(axis=1) for r in set(linear.regions)])

    expected = by_region(shares(OURS, linear))
    found = by_region(shares("Kernel SHAP, regions", linear))
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["DeepLift", "Kernel SHAP, regions"])
def test_shares_add_up_to_the_difference_of_the_logits(method, case):
    network = case.estimator
    target = np.searchsorted(network.classes_, case.y[:3])
    logits = network.decision_function(case.X[:3])[np.arange(3), target]
    base = network.decision_function(case.baselines).mean(axis=0)[target]
    np.testing.assert_allclose(shares(method, case).sum(axis=1), logits - base, rtol=1e-3)


def test_deep_lift_equals_integrated_gradients_of_one_nonlinear_layer(case):
    expected = shares(OURS, case)
    atol = 1e-3 * np.abs(expected).max()
    np.testing.assert_allclose(shares("DeepLift", case), expected, atol=atol)
    assert np.abs(shares("gradient x input", case) - expected).max() > 10 * atol


@pytest.mark.parametrize("method", METHODS)
def test_methods_find_the_landmarks_that_separate(method, case):
    found = shares(method, case)
    assert found.shape == (3, 12)
    np.testing.assert_array_equal(found, shares(method, case))
    largest = np.argsort(-np.abs(found).mean(axis=0))
    if method == "Kernel SHAP, regions":
        assert set(case.regions[largest[:6]]) == set(case.regions[[3, 7]])
    elif method != "random":
        assert set(largest[:2]) == {3, 7}


def test_curves_are_those_of_a_loop(case):
    rows = case.X[1:3]
    target = np.searchsorted(case.estimator.classes_, case.y[1:3])
    of_clips = np.random.default_rng(0).normal(size=(2, 12))
    areas = {"deletion": [], "insertion": []}
    n_replaced = np.round(np.linspace(0, 12, explanations_measures.N_POINTS)).astype(int)
    for clip, of_class, values in zip(rows, target, of_clips, strict=True):
        for baseline in case.baselines:
            for name, start, end in [("deletion", clip, baseline), ("insertion", baseline, clip)]:
                probability = []
                for n in n_replaced:
                    changed = LAYOUT.unflatten(start[None]).copy()
                    first = np.argsort(-values)[:n]
                    changed[:, :, first] = LAYOUT.unflatten(end[None])[:, :, first]
                    p = case.estimator.predict_proba(LAYOUT.flatten(changed))
                    probability.append(p[0, of_class])
                areas[name].append(np.trapezoid(probability, n_replaced / 12))
    found = explanations_measures.curves(case, rows, target, of_clips)
    np.testing.assert_allclose(found, [np.mean(values) for values in areas.values()], rtol=1e-5)


def test_removal_of_the_landmarks_that_separate_leaves_chance(case):
    split = Split(
        case.X, case.y, np.arange(60) // 6, np.arange(18, 60), np.arange(18), LAYOUT, seed=0
    )
    assert explanations_measures.remove_and_retrain(split, np.array([0, 1, 2])) == 1
    assert explanations_measures.remove_and_retrain(split, np.array([3, 7])) < 0.7


def test_recall_counts_moving_landmarks_of_each_clip():
    moving = np.array([[True, True, False, False], [False, False, False, True]])
    values = np.array([[-3, 0, 2, 1], [0, 1, 2, -4]])
    assert explanations_measures.recall(values, moving) == pytest.approx((0.5 + 1) / 2)


def test_table_has_a_row_for_each_method_and_the_rank_of_ours(capsys, monkeypatch):
    monkeypatch.setattr(explanations_methods, "N_LIME", 50)
    explanations.main(["--quick"])
    text = capsys.readouterr().out
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    header, _, *methods = rows[: 2 + len(METHODS)]
    assert [row[2] for row in methods] == list(METHODS)
    assert {len(row) for row in methods} == {len(header)}
    assert "nan" not in text
    measured = {
        m.partition(",")[0] for m in explanations.measures_of(explanations_measures.Sizes())
    }
    assert measured == set(explanations_measures.DIRECTIONS)
    ranks_header, _, ranks = rows[2 + len(METHODS) :]
    # The rank in the second table is that of the printed means.
    for name, rank in zip(ranks_header[2:], ranks[2:], strict=True):
        means = [float(row[header.index(name)].split(" ")[0]) for row in methods]
        better = {"(higher)": np.greater, "(lower)": np.less}.get(name.split(" ")[-1])
        assert rank == ("" if better is None else str(1 + better(means, means[0]).sum()))


def test_missing_data_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(explanations, "CKPLUS", tmp_path / "neutral_apex.npz")
    explanations.main(["--data", "CK+"])
    assert capsys.readouterr().out.startswith("CK+: not available")
