import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import fixed_quad
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from torch import nn

from sklearn_temo import LandmarkLayout, TEMOClassifier
from sklearn_temo.attribution import integrated_gradients, landmark_relevance

LAYOUT = LandmarkLayout(n_frames=4, n_landmarks=6, n_coords=3)
N_CLASSES = 3
SEEDS = st.integers(0, 2**31 - 1)


class Opaque(nn.Module):
    """Hides the layers of a net."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(18, 8, batch_first=True)
        self.out = nn.Linear(8, N_CLASSES)

    def forward(self, x):
        return self.out(self.lstm(x.unflatten(1, (4, 18)))[0][:, -1])


class Formula(nn.Module):
    """A function without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def mlp(activation=nn.GELU, n_out=N_CLASSES):
    return nn.Sequential(nn.Linear(72, 16), activation(), nn.Dropout(0.5), nn.Linear(16, n_out))


def convolutional():
    return nn.Sequential(
        nn.Unflatten(1, (4, 18)),
        nn.Conv1d(4, 5, 3),
        nn.BatchNorm1d(5),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(5 * 16, N_CLASSES),
    )


def temo():
    X, y = samples(30)
    fitted = TEMOClassifier(n_frames=4, max_epochs=3, hidden_size=16, random_state=0).fit(X, y)
    return fitted.module_


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, LAYOUT.n_features)).astype(np.float32), np.arange(n) % N_CLASSES


def make(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def rng_states():
    return torch.get_rng_state().numpy().tobytes(), check_random_state(None).get_state()[
        1
    ].tobytes()


def relative_l2(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


class TestAgainstOracles:
    @pytest.mark.parametrize("build", [temo, mlp, convolutional, Recurrent])
    # Captum rounds the weights of its nodes to single precision, an error of 4e-9.
    @pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-8), (torch.float32, 1e-5)])
    def test_equals_captum(self, build, dtype, limit):
        module = make(build).to(dtype).eval()
        X, y = samples(7)
        baselines = samples(3, seed=1)[0]
        found, _ = integrated_gradients(module, X, baselines, y, n_steps=12)
        oracle = IntegratedGradients(module)
        expected = [
            oracle.attribute(
                torch.as_tensor(X, dtype=dtype),
                baselines=torch.as_tensor(b[None], dtype=dtype),
                target=torch.as_tensor(y),
                n_steps=12,
                method="gausslegendre",
            )
            .detach()
            .numpy()
            for b in baselines
        ]
        assert found.shape == (3, 7, 72)
        assert found.dtype == torch.empty(0, dtype=dtype).numpy().dtype
        assert relative_l2(found, np.stack(expected)) <= limit

    @pytest.mark.parametrize("build", [temo, mlp, convolutional, Recurrent])
    def test_equals_scipy_quadrature(self, build):
        module = make(build).double().eval()
        X, y = (part[:3] for part in samples(7))
        X, baselines = X.astype(float), samples(2, seed=1)[0].astype(float)

        def gradients(nodes, x, b, target):
            points = torch.as_tensor(b + nodes[:, None] * (x - b)).requires_grad_()
            return torch.autograd.grad(module(points)[:, target].sum(), points)[0].numpy().T

        expected = [
            [
                (x - b) * fixed_quad(gradients, 0, 1, args=(x, b, target), n=12)[0]
                for x, target in zip(X, y, strict=True)
            ]
            for b in baselines
        ]
        found, _ = integrated_gradients(module, X, baselines, y, n_steps=12)
        assert relative_l2(found, np.array(expected)) <= 1e-9

    @pytest.mark.parametrize("wrap", [lambda net: net, nn.Sequential, Opaque])
    def test_of_a_linear_net_is_weight_times_difference(self, wrap):
        linear = make(lambda: nn.Linear(72, N_CLASSES)).double()
        X, y = samples(5)
        b = samples(2, seed=1)[0]
        found, gap = integrated_gradients(wrap(linear), X, b, y)
        weight = linear.weight.detach().numpy()[y]
        np.testing.assert_allclose(found, (X[None].astype(float) - b[:, None]) * weight, rtol=1e-9)
        assert gap.max() < 1e-9

    def test_of_a_sum_of_squares_is_difference_of_squares(self):
        square = Formula(lambda x: torch.stack([(x**2).sum(1), -(x**2).sum(1)], dim=1))
        X, b = np.array([[1.0, -2.0, 3.0]]), np.array([[0.5, 1.0, 3.0]])
        found, _ = integrated_gradients(square, X, b, [1])
        np.testing.assert_allclose(found[0], b**2 - X**2, rtol=1e-5)
        assert found.dtype == np.float32

    def test_attributions_sum_to_the_difference_of_logits(self):
        module = make(mlp).double().eval()
        X, y = samples(20)
        b = samples(2, seed=1)[0]
        found, gap = integrated_gradients(module, X, b, y, tol=1e-6)
        with torch.no_grad():
            at_x, at_b = (module(torch.as_tensor(v, dtype=torch.float64)).numpy() for v in (X, b))
        exact = at_x[np.arange(20), y][None] - at_b[:, y]
        size = at_x[np.arange(20), y][None], at_b[:, y]
        floor = 0.01 * (np.abs(size[0]) + np.abs(size[1]))
        expected_gap = np.abs(found.sum(2) - exact) / np.maximum(np.abs(exact), floor)
        assert gap.max() <= 1e-6
        np.testing.assert_allclose(gap, expected_gap, atol=1e-10)


class TestAffineFront:
    def test_body_of_front_is_the_module_and_the_front_is_affine_for_temo(self):
        module = make(temo).double().eval()
        columnwise, embed, activation, output = module.affine_front()

        def front(x):
            return embed(columnwise(x))

        x, z = (torch.as_tensor(samples(5, seed)[0], dtype=torch.float64) for seed in (0, 1))
        found = output(activation(front(x)))
        torch.testing.assert_close(found, module(x), rtol=1e-12, atol=1e-12)
        for share in (-1.5, 0.3, 4.0):
            mixed = share * front(x) + (1 - share) * front(z)
            torch.testing.assert_close(
                front(share * x + (1 - share) * z), mixed, rtol=1e-9, atol=1e-9
            )

    @pytest.mark.parametrize("build", [temo, mlp, convolutional, lambda: mlp(nn.ReLU)])
    def test_split_and_whole_net_have_equal_attributions(self, build):
        module = make(build).double()
        X, y = samples(6)
        split, whole = (
            integrated_gradients(net, X, X[:2], y, n_steps=9) for net in (module, Opaque(module))
        )
        np.testing.assert_allclose(split[0], whole[0], atol=1e-12)
        np.testing.assert_allclose(split[1], whole[1], atol=1e-9)

    def test_subclass_of_sequential_with_its_own_init(self):
        class Net(nn.Sequential):
            def __init__(self, n_in):
                super().__init__(nn.Linear(n_in, 8), nn.GELU(), nn.Linear(8, N_CLASSES))

        module = make(lambda: Net(72)).double()
        X, y = samples(4)
        found, expected = (
            integrated_gradients(net, X, X[:1], y)[0] for net in (module, Opaque(module))
        )
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_subclass_of_sequential_with_its_own_forward(self):
        class Net(nn.Sequential):
            def forward(self, x):
                return super().forward(x**2)

        module = make(lambda: Net(nn.Linear(72, 8), nn.GELU(), nn.Linear(8, N_CLASSES))).double()
        X, y = samples(4)
        found, expected = (
            integrated_gradients(net, X, X[:1], y, n_steps=8)[0] for net in (module, Opaque(module))
        )
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_subclass_of_linear_is_not_assumed_to_be_affine(self):
        class Squared(nn.Linear):
            def forward(self, x):
                return super().forward(x) ** 2

        module = make(lambda: nn.Sequential(Squared(72, N_CLASSES))).double()
        X, y = samples(4)
        found, expected = (
            integrated_gradients(net, X, X[:1], y)[0] for net in (module, Opaque(module))
        )
        np.testing.assert_allclose(found, expected, atol=1e-12)


class TestOneLogit:
    @pytest.mark.parametrize("shape", ["(n,)", "(n, 1)"])
    def test_a_single_logit_is_that_of_the_second_class(self, shape):
        column = make(lambda: mlp(n_out=1)).double()
        module = nn.Sequential(column, nn.Flatten(0)) if shape == "(n,)" else column
        two = Opaque(column)
        two.forward = lambda x: torch.cat([-column(x), column(x)], dim=1)
        X, _ = samples(6)
        y = np.array([0, 1, 1, 0, 1, 0])
        found, gap = integrated_gradients(module, X, X[:2], y, n_steps=8)
        expected, expected_gap = integrated_gradients(two, X, X[:2], y, n_steps=8)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_allclose(gap, expected_gap, atol=1e-9)


class TestRegression:
    @pytest.mark.parametrize("shape", ["(n,)", "(n, 1)"])
    def test_a_single_output_is_explained_as_it_is(self, shape):
        column = make(lambda: mlp(n_out=1)).double().eval()
        module = nn.Sequential(column, nn.Flatten(0)) if shape == "(n,)" else column
        X, _ = samples(6)
        found, gap = integrated_gradients(module, X, X[:2], None, n_steps=12)
        oracle = IntegratedGradients(column)
        expected = [
            oracle.attribute(
                torch.as_tensor(X, dtype=torch.float64),
                baselines=torch.as_tensor(b[None], dtype=torch.float64),
                target=0,
                n_steps=12,
                method="gausslegendre",
            )
            .detach()
            .numpy()
            for b in X[:2]
        ]
        assert relative_l2(found, np.stack(expected)) <= 1e-8
        relevance = landmark_relevance(module, X, X[:2], None, LAYOUT, n_steps=12)
        by_hand = np.abs(LAYOUT.unflatten(np.concatenate(expected)).sum(axis=(1, 3))).mean(axis=0)
        np.testing.assert_allclose(relevance.per_class, by_hand[None], rtol=1e-6)
        assert relevance.completeness_gap == pytest.approx(gap.max())

    def test_relevance_without_a_target_is_that_of_each_output_for_all_samples(self):
        module = make(mlp).double().eval()
        X, _ = samples(7)
        weight = np.array([1, 2, 0, 3, 1, 1, 0])
        relevance = landmark_relevance(
            module, X, X[:2], None, LAYOUT, sample_weight=weight, n_steps=12
        )
        oracle = IntegratedGradients(module)
        for output in range(N_CLASSES):
            by_hand = [
                np.abs(
                    LAYOUT.unflatten(
                        oracle.attribute(
                            torch.as_tensor(X, dtype=torch.float64),
                            baselines=torch.as_tensor(b[None], dtype=torch.float64),
                            target=output,
                            n_steps=12,
                            method="gausslegendre",
                        )
                        .detach()
                        .numpy()
                    ).sum(axis=(1, 3))
                )
                for b in X[:2]
            ]
            expected = np.average(np.mean(by_hand, axis=0), axis=0, weights=weight)
            np.testing.assert_allclose(relevance.per_class[output], expected, rtol=1e-6)
        assert relevance.n_pairs == 3 * 7 * 2
        assert relevance.n_gradient_evaluations == 12 * relevance.n_pairs
        assert relevance.overall.sum() == pytest.approx(1)

    def test_an_output_in_another_unit_has_the_same_share(self):
        module = make(mlp).double()
        X, _ = samples(6)
        before = landmark_relevance(module, X, X[:2], None, LAYOUT)
        with torch.no_grad():
            for parameter in module[-1].parameters():
                parameter[1] *= 1000
        after = landmark_relevance(module, X, X[:2], None, LAYOUT)
        np.testing.assert_allclose(after.per_class[1], 1000 * before.per_class[1], rtol=1e-5)
        np.testing.assert_allclose(after.overall, before.overall, rtol=1e-5)

    def test_a_network_with_another_number_of_outputs_is_an_error(self):
        X, _ = samples(4)
        with pytest.raises(ValueError, match="has 3 outputs, but y has 2"):
            landmark_relevance(make(mlp), X, X[:1], None, LAYOUT, n_classes=2)


class TestSteps:
    def test_auto_reaches_a_tolerance_that_8_steps_do_not_reach(self):
        module = make(lambda: mlp(nn.Tanh)).double()
        X, y = samples(20)
        X = 4 * X
        _, few = integrated_gradients(module, X, X[:2], y, n_steps=8)
        _, auto = integrated_gradients(module, X, X[:2], y, tol=1e-5)
        assert few.max() > 1e-5
        assert auto.max() <= 1e-5

    def test_auto_terminates_for_a_net_with_kinks(self):
        module = make(lambda: mlp(nn.ReLU))
        X, y = samples(6)
        _, coarse = integrated_gradients(module, X, X[:2], y, n_steps=8)
        _, gap = integrated_gradients(module, X, X[:2], y, tol=1e-12)
        assert np.all(np.isfinite(gap))
        assert np.all(gap <= coarse * (1 + 1e-6))

    def test_relevance_warns_of_pairs_above_the_tolerance(self):
        module = make(lambda: mlp(nn.ReLU))
        X, y = samples(6)
        with pytest.warns(ConvergenceWarning, match=r"of 12 pairs .*tol=1e-12.* n_steps"):
            relevance = landmark_relevance(module, X, X[:2], y, LAYOUT, tol=1e-12)
        assert relevance.completeness_gap > 1e-12

    def test_one_target_for_all_samples(self):
        module = make(mlp)
        X, _ = samples(4)
        one = integrated_gradients(module, X, X[:1], 2)[0]
        np.testing.assert_array_equal(one, integrated_gradients(module, X, X[:1], [2] * 4)[0])

    @pytest.mark.parametrize("n_steps", ["auto", 20])
    @pytest.mark.parametrize("batch_size", [1, 7, 64])
    def test_batch_size_does_not_change_the_result(self, n_steps, batch_size):
        module = make(mlp).double()
        X, y = samples(9)
        expected = integrated_gradients(module, X, X[:2], y, n_steps=n_steps, tol=1e-6)[0]
        found = integrated_gradients(
            module, X, X[:2], y, n_steps=n_steps, tol=1e-6, batch_size=batch_size
        )[0]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)

    def test_number_of_gradients(self):
        module = make(mlp)
        X, y = samples(6)
        relevance = landmark_relevance(module, X, X[:2], y, LAYOUT, n_steps=5, tol=10)
        assert relevance.n_gradient_evaluations == 6 * 2 * 5


class TestModuleIsRestored:
    @staticmethod
    def state(module):
        return (
            [part.training for part in module.modules()],
            [parameter.requires_grad for parameter in module.parameters()],
            [parameter.grad for parameter in module.parameters()],
            {name: value.clone() for name, value in module.state_dict().items()},
        )

    @pytest.mark.parametrize("fails", [False, True])
    def test_mode_gradients_and_generators(self, fails):
        module = make(convolutional).train()
        module[3].eval()
        module[1].bias.requires_grad_(False)
        if fails:
            module[3].register_forward_hook(lambda *args: 1 / 0)
        X, y = samples(5)
        before, generators = self.state(module), rng_states()
        if fails:
            with pytest.raises(ZeroDivisionError):
                integrated_gradients(module, X, X[:1], y)
        else:
            integrated_gradients(module, X, X[:1], y)
        after = self.state(module)
        assert after[:3] == before[:3]
        assert all(torch.equal(after[3][name], before[3][name]) for name in before[3])
        assert rng_states() == generators

    def test_dropout_is_off(self):
        module = make(mlp).train()
        X, y = samples(5)
        first, second = (integrated_gradients(module, X, X[:1], y)[0] for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, integrated_gradients(module.eval(), X, X[:1], y)[0])

    def test_works_under_no_grad(self):
        module = make(mlp)
        X, y = samples(5)
        expected = integrated_gradients(module, X, X[:1], y)[0]
        with torch.no_grad():
            np.testing.assert_array_equal(integrated_gradients(module, X, X[:1], y)[0], expected)


class TestLandmarkRelevance:
    def test_equals_aggregated_attributions(self):
        module = make(temo)
        X, y = samples(10)
        baselines = samples(3, seed=1)[0]
        attributions, gap = integrated_gradients(module, X, baselines, y)
        relevance = landmark_relevance(module, X, baselines, y, LAYOUT, batch_size=50)
        for c in range(N_CLASSES):
            members = np.flatnonzero(y == c)
            for landmark in range(LAYOUT.n_landmarks):
                columns = [
                    (frame * 6 + landmark) * 3 + axis for frame in range(4) for axis in range(3)
                ]
                by_hand = np.mean(
                    [
                        abs(attributions[i, j, columns].sum(dtype=float))
                        for i in range(3)
                        for j in members
                    ]
                )
                assert relevance.per_class[c, landmark] == pytest.approx(by_hand, rel=1e-3)
        assert relevance.completeness_gap == pytest.approx(gap.max(), abs=1e-3)

    def test_classes_have_equal_weight_whatever_their_size(self):
        module = make(mlp)
        X, y = samples(9)
        often = np.concatenate([np.flatnonzero(y != 0), np.repeat(np.flatnonzero(y == 0), 10)])
        once = landmark_relevance(module, X, X[:2], y, LAYOUT)
        many = landmark_relevance(module, X[often], X[:2], y[often], LAYOUT)
        np.testing.assert_allclose(many.per_class, once.per_class, rtol=1e-5)
        np.testing.assert_allclose(many.overall, once.overall, rtol=1e-5)
        share = once.per_class / once.per_class.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(once.overall, share.mean(axis=0), rtol=1e-12)
        assert once.overall.sum() == pytest.approx(1)

    def test_integer_weights_equal_repetitions(self):
        module = make(mlp)
        X, y = samples(9)
        weight = np.array([1, 2, 0, 3, 1, 1, 0, 2, 4])
        weighted = landmark_relevance(module, X, X[:2], y, LAYOUT, sample_weight=weight)
        repeated = landmark_relevance(
            module, np.repeat(X, weight, axis=0), X[:2], np.repeat(y, weight), LAYOUT
        )
        np.testing.assert_allclose(weighted.per_class, repeated.per_class, rtol=1e-5)
        with pytest.raises(ValueError, match="sample_weight"):
            landmark_relevance(module, X, X[:2], y, LAYOUT, sample_weight=weight[:5])

    def test_layout_of_other_columns_is_an_error(self):
        X, y = samples(3)
        with pytest.raises(ValueError, match=r"the 71 columns of layout.*\(3, 72\)"):
            landmark_relevance(make(mlp), X, X[:1], y, LandmarkLayout(1, 71, 1))

    def test_a_class_without_samples_is_nan_and_is_ignored_overall(self):
        module = make(mlp)
        X, y = samples(8)
        X, y = X[y != 1], y[y != 1]
        relevance = landmark_relevance(module, X, X[:2], y, LAYOUT, n_classes=3)
        assert np.isnan(relevance.per_class).all(axis=1).tolist() == [False, True, False]
        assert relevance.overall.sum() == pytest.approx(1)

    @pytest.mark.parametrize("mode", ["r", "r+"])
    def test_memory_map_equals_array_without_warnings(self, tmp_path, mode):
        module = make(mlp)
        X, y = samples(12)
        X.tofile(tmp_path / "clips.bin")
        mapped = np.memmap(tmp_path / "clips.bin", np.float32, mode, shape=X.shape)
        expected = landmark_relevance(module, X, X[:2], y, LAYOUT)
        # By default torch warns once in a process.
        torch.set_warn_always(True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = landmark_relevance(module, mapped, X[:2], y, LAYOUT)
        finally:
            torch.set_warn_always(False)
        np.testing.assert_array_equal(found.per_class, expected.per_class)
        np.testing.assert_array_equal(mapped, X)


class TestErrors:
    @pytest.mark.parametrize(
        "function",
        [
            lambda x: x[:, :2] * torch.nan,
            lambda x: (x[:, :2] - 0.5).log(),
            # The second column is 0 on the whole path, where the square root has no gradient.
            lambda x: x[:, :2] + x[:, 1:2].sqrt(),
        ],
    )
    def test_outputs_or_gradients_that_are_not_finite_are_an_error(self, function):
        X = np.array([[0.7, 0.7, 1.0], [1.0, 0.0, 1.0]])
        with pytest.raises(ValueError, match=r"gradients of Formula are NaN or infinite.* row "):
            integrated_gradients(Formula(function), X, np.zeros((1, 3)), 0)

    def test_a_network_with_weights_that_are_nan_is_not_taken_for_a_wrong_front(self):
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        nn.init.constant_(module[0].weight, torch.nan)
        with pytest.raises(ValueError, match="gradients of Sequential are NaN or infinite"):
            integrated_gradients(module, np.ones((2, 3)), np.zeros((1, 3)), 0)

    @pytest.mark.parametrize(("X", "baseline", "name"), [(1e300, 0, "X"), (0, 1e300, "baselines")])
    def test_values_too_large_for_the_network_are_an_error(self, X, baseline, name):
        with pytest.raises(ValueError, match=rf"{name} contains? .* too large for torch.float32"):
            integrated_gradients(
                nn.Linear(3, 2), np.full((2, 3), X, float), np.full((1, 3), baseline, float), 0
            )


class TestAxioms:
    """Axioms of the paper, for random nets."""

    @staticmethod
    def net(seed, n_in):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(
                nn.Linear(n_in, 8), nn.Tanh(), nn.Linear(8, 6), nn.GELU(), nn.Linear(6, 2)
            ).double()

    @settings(max_examples=25, deadline=None)
    @given(seed=SEEDS, unused=st.integers(0, 4), opaque=st.booleans())
    def test_unused_features_have_attribution_0(self, seed, unused, opaque):
        net = self.net(seed, 5)
        with torch.no_grad():
            net[0].weight[:, unused] = 0
        rng = np.random.default_rng(seed)
        X, b = rng.normal(size=(4, 5)), rng.normal(size=(2, 5))
        found, _ = integrated_gradients(Opaque(net) if opaque else net, X, b, 1)
        assert np.all(found[..., unused] == 0)
        assert np.all(np.delete(found, unused, axis=2) != 0)

    @settings(max_examples=25, deadline=None)
    @given(seed=SEEDS)
    def test_symmetric_features_have_equal_attributions(self, seed):
        net = self.net(seed, 5)
        with torch.no_grad():
            net[0].weight[:, 3] = net[0].weight[:, 1]
        rng = np.random.default_rng(seed)
        X, b = rng.normal(size=(4, 5)), rng.normal(size=(2, 5))
        X[:, 3], b[:, 3] = X[:, 1], b[:, 1]
        found, _ = integrated_gradients(net, X, b, 0)
        np.testing.assert_allclose(found[..., 3], found[..., 1], rtol=1e-9, atol=1e-12)

    @settings(max_examples=25, deadline=None)
    @given(seed=SEEDS, factors=st.tuples(*[st.floats(-3, 3)] * 2))
    def test_attributions_are_linear_in_the_net(self, seed, factors):
        nets = self.net(seed, 5), self.net(seed + 1, 5)
        combined = Opaque(nn.ModuleList(nets))
        combined.forward = lambda x: sum(f * n(x) for f, n in zip(factors, nets, strict=True))
        rng = np.random.default_rng(seed)
        X, b = rng.normal(size=(4, 5)), rng.normal(size=(2, 5))
        parts = [integrated_gradients(n, X, b, 0, n_steps=10)[0] for n in nets]
        found, _ = integrated_gradients(combined, X, b, 0, n_steps=10)
        np.testing.assert_allclose(found, factors[0] * parts[0] + factors[1] * parts[1], atol=1e-10)

    @settings(max_examples=15, deadline=None)
    @given(seed=SEEDS)
    def test_sample_equal_to_the_baseline_has_attribution_0(self, seed):
        X = np.random.default_rng(seed).normal(size=(1, 5))
        found, gap = integrated_gradients(self.net(seed, 5), X, X, 0)
        assert np.all(found == 0)
        assert np.all(gap == 0)


class OneHiddenLayer(nn.Module):
    """A hidden layer beside a linear map, whose integral has a closed form."""

    def __init__(self, n_out=N_CLASSES, activation=nn.functional.gelu, output=None):
        super().__init__()
        self.hidden, self.linear = nn.Linear(72, 16), nn.Linear(72, 4)
        self.last = nn.Linear(20, n_out)
        self.activation = activation
        self.output = output or self.last

    def activate(self, z):
        return torch.cat([self.activation(z[:, :16]), z[:, 16:]], dim=1)

    def front(self, x):
        return torch.cat([self.hidden(x), self.linear(x)], dim=1)

    def forward(self, x):
        return self.output(self.activate(self.front(x)))

    def affine_front(self):
        return nn.Identity(), self.front, self.activate, self.output


class TestClosedForm:
    @pytest.mark.parametrize("n_out", [N_CLASSES, 1])
    @pytest.mark.parametrize("activation", [nn.functional.gelu, torch.tanh])
    def test_equals_many_nodes(self, n_out, activation):
        module = make(lambda: OneHiddenLayer(n_out, activation)).double()
        X, y = samples(8)
        y = np.minimum(y, max(1, n_out - 1))
        # Paths of every length, also 0.
        baselines = X[:1] + np.array([[0], [1e-7], [1e-4], [1e-2], [3]]) * samples(5, seed=1)[0]
        found, gap = integrated_gradients(module, X, baselines, y)
        expected = integrated_gradients(Opaque(module), X, baselines, y, n_steps=200)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
        assert gap.max() <= 1e-8

    def test_is_exact_with_kinks_and_needs_one_gradient_a_pair(self):
        module = make(lambda: OneHiddenLayer(activation=torch.relu))
        X, y = samples(6)
        relevance = landmark_relevance(module, X, X[:2], y, LAYOUT)
        assert relevance.completeness_gap <= 1e-4
        assert relevance.n_gradient_evaluations == relevance.n_pairs == 12

    def test_single_precision_has_rounding_errors_only(self):
        module = make(OneHiddenLayer)
        X, y = samples(8)
        X[1:] = X[:1] + 1e-3 * X[1:]
        found = integrated_gradients(module, X, X[:1], y)[0]
        expected = integrated_gradients(module.double(), X, X[:1], y, n_steps=50)[0]
        assert relative_l2(found, expected) <= 1e-5

    @pytest.mark.parametrize(
        ("module", "message"),
        [
            (OneHiddenLayer(activation=partial(torch.softmax, dim=1)), "each hidden unit"),
            (OneHiddenLayer(output=lambda a: a[:, :3] ** 2), "output .* not affine"),
        ],
    )
    def test_wrong_parts_are_an_error(self, module, message):
        X, y = samples(4)
        with pytest.raises(ValueError, match=message):
            integrated_gradients(module, X, X[:2] + 1, y)


class WithTwoOutputs(nn.Module):
    def forward(self, x):
        return x[:, :2], x


@pytest.mark.parametrize("first_layer_in_place", [False, True])
def test_in_place_layers(first_layer_in_place):
    torch.manual_seed(0)
    layers = [nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)]
    plain = [layers[0], nn.ReLU(), layers[2]]
    if first_layer_in_place:
        layers, plain = [nn.ELU(inplace=True), *layers], [nn.ELU(), *plain]
    X = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    arguments = (X, X[:3], np.arange(9) % 3)
    found, gap = integrated_gradients(nn.Sequential(*layers), *arguments)
    expected, expected_gap = integrated_gradients(nn.Sequential(*plain), *arguments)
    # In-place kernels may round differently.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gap, expected_gap, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"n_steps": "many"}, TypeError, "n_steps"),
        ({"tol": -1.0}, ValueError, "tol"),
        ({"batch_size": 64.0}, TypeError, "batch_size"),
        ({"target": 1.9}, ValueError, "one int or 4 ints"),
        ({"target": 3}, ValueError, "has 3 outputs, but target contains 3"),
        ({"target": -1}, ValueError, "target contains -1"),
        ({"target": None}, ValueError, "has 3 outputs: pass the index of one"),
        ({"target": [0, 1, 2]}, ValueError, r"one int or 4 ints.*\(3,\)"),
        ({"X": np.full((4, 6), np.nan)}, ValueError, "first in row 0"),
        ({"X": np.ones((4, 2, 3))}, ValueError, r"X must be a 2-D.*\(4, 2, 3\).*nn.Unflatten"),
        ({"X": np.full((4, 6), "a")}, ValueError, "X must be a 2-D array of numbers"),
        ({"baselines": np.zeros(6)}, ValueError, "baselines must be a 2-D"),
        ({"baselines": np.zeros((0, 6))}, ValueError, r"baselines .* one row; got shape \(0, 6\)"),
        ({"X": np.zeros((0, 6)), "target": []}, ValueError, r"X .* one row; got shape \(0, 6\)"),
        ({"baselines": np.zeros((1, 5))}, ValueError, r"\(n_baselines, 6\).*\(1, 5\)"),
        ({"baselines": np.full((1, 6), np.inf)}, ValueError, "baselines contain NaN"),
        ({"module": Formula(lambda x: x.detach())}, ValueError, "no gradient"),
        ({"module": Formula(lambda x: x[:, :3].squeeze())}, ValueError, "squeeze"),
        ({"module": Formula(lambda x: x[:, :3, None])}, ValueError, "flatten"),
        ({"module": WithTwoOutputs()}, ValueError, "one tensor.* returned tuple"),
    ],
)
def test_invalid_arguments(arguments, error, message):
    good = {"module": nn.Linear(6, 3), "X": np.ones((4, 6)), "baselines": np.zeros((1, 6))}
    with pytest.raises(error, match=message):
        integrated_gradients(**{**good, "target": 0, **arguments})


class WithFront(nn.Module):
    """Has a method affine_front that may be wrong."""

    def __init__(self, *parts):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        self.parts = parts

    def forward(self, x):
        return self.layers(x)

    def affine_front(self):
        cut, other = self.parts
        return self.layers[:cut], other or self.layers[cut:]


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (WithFront(2, None), ValueError, "not affine"),
        (WithFront(1, nn.Sequential(nn.ReLU(), nn.Linear(8, 3))), ValueError, "must equal"),
        (WithFront(1, nn.Linear(8, 5)), ValueError, "must equal"),
    ],
)
def test_a_wrong_affine_front_is_an_error(module, error, message):
    X, _ = samples(4)
    # Also if the first sample is the first baseline.
    for baselines in (X[:2, 6:12], X[:1, :6]):
        with pytest.raises(error, match=message):
            integrated_gradients(module, X[:, :6], baselines, 0)
    module.affine_front = lambda: module.layers
    with pytest.raises(TypeError, match=r"\(front, body\)"):
        integrated_gradients(module, X[:, :6], X[:2, 6:12], 0)


def test_hooks_and_batch_statistics_are_not_assumed_to_be_affine():
    X, _ = samples(5)
    X, baselines = X[:, :6], np.zeros((1, 6), dtype=np.float32)
    outer, inner = (nn.Sequential(nn.Linear(6, 3), nn.Tanh()) for _ in range(2))
    outer.register_forward_hook(lambda module, args, output: output * 10)
    inner[0].register_forward_hook(lambda module, args, output: output**3)
    for net in (outer, inner):
        found, gap = integrated_gradients(net, X, baselines, 1)
        with torch.no_grad():
            total = net(torch.tensor(X))[:, 1] - net(torch.tensor(baselines))[:, 1]
        np.testing.assert_allclose(
            found[0].sum(axis=1), total, atol=2e-3 * float(total.abs().max())
        )
        assert gap.max() < 1e-3
    by_batch = nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        integrated_gradients(by_batch, X, X[:2], 1)


def test_tensors_and_boolean_targets():
    X, _ = samples(4)
    net = make(mlp)
    boolean = np.array([True, False, True, False])
    found = integrated_gradients(net, torch.tensor(X, requires_grad=True), X[:1], boolean)
    expected = integrated_gradients(net, X, X[:1], boolean.astype(int))
    np.testing.assert_array_equal(found[0], expected[0])


def test_warns_of_pairs_above_the_tolerance_at_the_line_of_the_user():
    net = make(partial(mlp, nn.ReLU))
    X, y = samples(9)
    with pytest.warns(ConvergenceWarning, match=r"of 18 pairs .*n_steps=auto") as caught:
        integrated_gradients(net, 5 * X, X[:2], y, tol=1e-9)
    assert caught[0].filename == __file__


def test_a_network_with_another_number_of_classes_is_an_error():
    X = np.ones((4, 6), dtype=np.float32)
    with pytest.raises(ValueError, match="has 8 outputs, but there are 7 classes"):
        landmark_relevance(
            nn.Linear(6, 8), X, X[:1], np.zeros(4, dtype=int), LandmarkLayout(1, 6, 1), n_classes=7
        )


@pytest.mark.parametrize("slope", [1e3, 1e-20])
def test_attributions_are_finite_if_the_output_is_0_at_both_ends(slope):
    jump = Formula(lambda x: slope * torch.remainder(x, 1).expand(-1, 2))
    context = pytest.warns(ConvergenceWarning) if slope > 1 else nullcontext()
    with context:
        found, gap = integrated_gradients(jump, [[1.0]], [[0.0]], 0)
    np.testing.assert_allclose(found, slope, rtol=1e-5)
    assert np.isfinite(gap).all()
    assert (gap[0, 0] > 1e-3) == (slope > 1)


def test_rows_whose_sum_overflows_are_finite():
    X = np.full((2, 3), 3e38, dtype=np.float32)
    module = Formula(lambda x: torch.stack([x[:, 0], -x[:, 0]], dim=1))
    found, _ = integrated_gradients(module, X, np.zeros((1, 3)), 0)
    np.testing.assert_allclose(found[0], [[3e38, 0, 0]] * 2, rtol=1e-5)
    X[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"NaN, infinity or .*, first in row 1"):
        integrated_gradients(module, X, np.zeros((1, 3)), 0)


def test_average_is_the_mean_over_baselines():
    module = make(mlp)
    X, y = samples(9)
    each, gap = integrated_gradients(module, X, X[:4], y)
    mean, same_gap = integrated_gradients(module, X, X[:4], y, average=True, batch_size=30)
    assert mean.shape == X.shape
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gap, same_gap, atol=1e-4)


@pytest.mark.parametrize("fails", [False, True])
def test_random_modules_do_not_change_the_global_generator(fails):
    def noisy(x):
        draw = torch.rand(1)
        if fails and len(x) > 1:
            raise RuntimeError("on purpose")
        return x[:, :2] * (1 + 0 * draw)

    X, before = np.ones((3, 4)), rng_states()
    if fails:
        with pytest.raises(RuntimeError, match="on purpose"):
            integrated_gradients(Formula(noisy), X, 0 * X[:1], 0)
    else:
        integrated_gradients(Formula(noisy), X, 0 * X[:1], 0)
    assert rng_states() == before


def test_an_error_leaves_the_module_unchanged():
    """Even if the traceback, and with it all frames of the computation, still exists."""
    module = make(mlp).train()
    X, y = samples(200)
    state = TestModuleIsRestored.state(module)[:3]
    broken = X.copy()
    broken[150] = np.nan
    with pytest.raises(ValueError, match="first in row 150") as caught:
        landmark_relevance(module, broken, X[:2], y, LAYOUT)
    assert caught.tb is not None
    assert TestModuleIsRestored.state(module)[:3] == state


def test_verbose_prints_progress(capsys):
    module = make(mlp)
    X, y = samples(6)
    integrated_gradients(module, X, X[:2], y)
    assert capsys.readouterr().out == ""
    landmark_relevance(module, X, X[:2], y, LAYOUT, verbose=1)
    assert "12 of 12 pairs of sample and baseline" in capsys.readouterr().out


def test_columnwise_map_does_not_change_the_relevance_of_landmarks():
    module = make(temo).double()
    X, y = samples(10)
    baselines = samples(3, seed=1)[0]
    behind = landmark_relevance(module, X, baselines, y, LAYOUT)
    whole = landmark_relevance(Opaque(module), X, baselines, y, LAYOUT)
    np.testing.assert_allclose(behind.per_class, whole.per_class, rtol=1e-6)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_memory_maps_keep_their_content(mode, tmp_path):
    X, y = samples(6)
    X.tofile(tmp_path / "X")
    held = np.memmap(tmp_path / "X", dtype=X.dtype, mode=mode, shape=X.shape)
    if mode != "r":
        X[2] = held[2] = 7
    module = make(mlp)
    found = integrated_gradients(module, held, X[:2], y)[0]
    np.testing.assert_array_equal(found, integrated_gradients(module, X, X[:2], y)[0])
    np.testing.assert_array_equal(held, X)


@pytest.mark.parametrize("order", ["read-only", "Fortran", "reversed", "memory map"])
def test_memory_order_of_rows(order, tmp_path):
    module = make(mlp)
    X, y = samples(6)
    expected = integrated_gradients(module, X, X[:2], y)[0]
    if order == "memory map":
        X.tofile(tmp_path / "X")
        held = np.memmap(tmp_path / "X", dtype=X.dtype, mode="r", shape=X.shape)
    else:
        held = {"Fortran": np.asfortranarray(X), "reversed": X[::-1].copy()[::-1]}.get(order, X)
        held.flags.writeable = order != "read-only"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = integrated_gradients(module, held, X[:2], y)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(held, X)
