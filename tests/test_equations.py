"""The equations of docs/user_guide/methods.rst and selection_mathematics.rst, written in NumPy."""

import numpy as np
import pytest
from scipy.special import erf, softmax

from sklearn_temo import LandmarkAligner, TEMOClassifier, mesh
from sklearn_temo.attribution import integrated_gradients
from sklearn_temo.classification._readout import fit_readout
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.selection._ranking import LandmarkComponents, rank_landmarks

N_FRAMES, N_FILTERS, N_COMPONENTS = 6, 4, 64


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(n_clips=42, n_frames=N_FRAMES, random_state=0)


@pytest.fixture(scope="module")
def X(clips):
    return LandmarkAligner().fit_transform(clips.data)


def gelu(hidden):
    return hidden * (1 + erf(hidden / np.sqrt(2))) / 2


def components(module, layout, X):
    """Components z of each clip, and the signs pi of those of its mirror image."""
    x = layout.unflatten(X).astype(np.float64).reshape(len(X), N_FRAMES, -1)
    time = np.arange(1, N_FRAMES)
    filters = [x[:, 0]]
    for k in range(1, N_FILTERS + 1):
        weights = np.cos(np.pi * (k - 1) * (time - 1 / 2) / (N_FRAMES - 1)) / (N_FRAMES - 1)
        filters.append(np.einsum("t,ntc->nc", weights, x[:, 1:]))
    f = np.stack(filters, axis=1)
    mean, gain = (part.numpy().reshape(f.shape[1:]) for part in (module.mean, module.gain))
    delta = gain * (f - mean)
    *first, later = module.components.numpy()
    z = [delta[:, 0] @ of_first.T for of_first in first]
    z += [delta[:, k] @ later.T for k in range(1, N_FILTERS + 1)]
    return np.concatenate(z, axis=1), module.parity.numpy()


def trained_logits(module, z):
    first, later = module.embeddings
    parts = z.reshape(len(z), 1 + N_FILTERS, N_COMPONENTS)
    weights = module.weight.detach().numpy()
    logits = 0
    for m in range(module.n_members):
        rows = slice(8 * m, 8 * m + 8), slice(32 * m, 32 * m + 32)
        hidden = []
        for k in range(1 + N_FILTERS):
            embedding, row = (first, rows[0]) if k == 0 else (later, rows[1])
            weight, bias = embedding.weight.detach().numpy(), embedding.bias.detach().numpy()
            hidden.append(parts[:, k] @ weight[row].T + bias[row])
        active = gelu(np.concatenate(hidden, axis=1))
        logits = logits + active @ weights[:, m].T + module.bias[m].detach().numpy()
    return logits / module.n_members


def randomized_logits(module, z):
    units = gelu(z @ module.projection.numpy().T + module.offset.numpy())
    features = np.concatenate([units, z], axis=1)
    return features @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def test_alignment(clips, X):
    positions = clips.layout.unflatten(clips.data)[3].astype(np.float64)
    weights = mesh.pose_weights()
    face = mesh.canonical_face() * [1, -1, -1]
    face = face - weights @ face
    aligned = []
    for frame in positions:
        left, right = mesh.eye_centres(frame)
        u = (frame - weights @ frame) / np.linalg.norm(left - right)
        one, _, other = np.linalg.svd((u[:, :2] * weights[:, None]).T @ face[:, :2])
        turn = one @ np.diag([1, np.linalg.det(one @ other)]) @ other
        u[:, :2] = u[:, :2] @ turn
        aligned.append(u)
    aligned = np.array(aligned)
    aligned[1:] -= aligned[0]
    np.testing.assert_allclose(clips.layout.unflatten(X)[3], aligned, atol=1e-5)


@pytest.mark.parametrize(
    ("randomized", "logits"), [(False, trained_logits), (True, randomized_logits)]
)
def test_probabilities(clips, X, randomized, logits):
    temo = TEMOClassifier(randomized=randomized, max_epochs=3, random_state=0)
    temo.fit(X, clips.target)
    z, signs = components(temo.module_, clips.layout, X)
    assert set(signs) == {-1, 1}
    later = z[:, -N_FILTERS * N_COMPONENTS :]
    assert np.square(later).mean() == pytest.approx(1, rel=1e-4)
    mean = (logits(temo.module_, z) + logits(temo.module_, signs * z)) / 2
    np.testing.assert_allclose(temo.predict_proba(X), softmax(mean, axis=1), atol=1e-5)


def test_random_units(clips, X):
    module = TEMOClassifier(randomized=True, random_state=0).fit(X, clips.target).module_
    n_units, n_inputs = module.projection.shape
    assert (n_units, n_inputs) == (1000, N_FILTERS * N_COMPONENTS)
    assert module.projection.numpy().var() == pytest.approx(0.25 / n_inputs, rel=0.02)
    assert 0.95 < module.offset.numpy().max() < 1


def test_leave_one_out():
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(20, 6)), rng.normal(size=(20, 2))
    weight = rng.uniform(0.5, 2, size=20)
    readout = fit_readout(features, targets, weight, 0.1)
    # The penalty of the sum stays that of all samples when one is left out.
    for left_out in range(20):
        rest = np.arange(20) != left_out
        penalty = 0.1 * weight.sum() / weight[rest].sum()
        other = fit_readout(features[rest], targets[rest], weight[rest], penalty)
        predicted = features[left_out] @ other.coef.T + other.intercept
        np.testing.assert_allclose(readout.left_out[left_out], predicted, atol=1e-8)


def test_closed_form_of_the_attributions(clips, X):
    temo = TEMOClassifier(randomized=True, random_state=0).fit(X, clips.target)
    module = temo.module_.double()
    x, b = X[0].astype(np.float64), X[1].astype(np.float64)
    z, _ = components(module, clips.layout, np.stack([x, b]))
    W, v = module.projection.numpy(), module.weight.detach().numpy()[2]
    s, r = z @ W.T + module.offset.numpy()
    slopes = (gelu(s) - gelu(r)) / (s - r)
    of_components = W.T @ (v[: len(slopes)] * slopes) + v[len(slopes) :]
    attributions, gap = integrated_gradients(module, x[None], b[None], 2)
    assert gap.max() < 1e-9
    # The components are an affine map of the columns, and so are their differences.
    assert attributions.sum() == pytest.approx((z[0] - z[1]) @ of_components, rel=1e-6)


def test_first_stage_of_the_redundancy():
    rng = np.random.default_rng(0)
    movements = rng.normal(size=(12, 30, 3))
    movements /= np.sqrt(np.square(movements).sum(axis=(0, 2), keepdims=True))
    targets = rng.normal(size=(12, 2))
    scores = rng.uniform(0.1, 1, size=30)
    order = rank_landmarks(scores, 30, components=LandmarkComponents(movements, targets))
    M = movements * np.sqrt(scores / scores.mean())[:, None]
    chosen = []
    for best in order[:20]:
        criteria = []
        for landmark in np.setdiff1d(range(30), chosen):
            M_S = M[:, [*chosen, landmark]].reshape(12, -1)
            inverse = np.linalg.inv(M_S @ M_S.T + 0.2 * np.eye(12))
            terms = [
                np.trace(A.T @ inverse @ A) / np.trace(A.T @ A)
                for A in (targets, M.reshape(12, -1))
            ]
            criteria.append((terms[0] + 9 * terms[1], landmark))
        assert min(criteria)[1] == best
        chosen.append(best)
