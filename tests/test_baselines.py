import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sklearn_temo.attribution import make_baselines


@pytest.fixture
def samples():
    """Three classes of different sizes, in random order."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["b", "a", "c"], [5, 9, 2]))
    return rng.normal(size=(len(y), 6)).astype(np.float32), y


def rows_of(baselines, X):
    """Index of the sample that each baseline is."""
    distance = cdist(baselines, X)
    assert np.all(distance.min(axis=1) < 1e-6)
    return distance.argmin(axis=1)


@pytest.mark.parametrize("offset", [1e5, 1e6, 1e9])
def test_a_constant_in_all_samples_does_not_change_the_choice(samples, offset):
    X = samples[0].astype(np.float64)
    np.testing.assert_array_equal(
        rows_of(make_baselines(X + offset) - offset, X), rows_of(make_baselines(X), X)
    )


def medoid(X, members):
    return members[cdist(X[members], X[members]).sum(axis=0).argmin()]


def test_typical_baselines_reduce_the_distances_to_the_nearest_baseline_most(samples):
    X, _ = samples
    chosen = []
    for _ in range(5):
        left = {
            sample: cdist(X, X[[*chosen, sample]]).min(axis=1).sum()
            for sample in set(range(len(X))) - set(chosen)
        }
        chosen.append(min(left, key=left.get))
    baselines = make_baselines(X, n_baselines=5)
    np.testing.assert_array_equal(rows_of(baselines, X), chosen)
    assert baselines.dtype == X.dtype


def test_typical_baselines_do_not_depend_on_labels(samples):
    X, y = samples
    expected = make_baselines(X)
    for labels in (y, y == "a", np.char.add("z", y)):
        np.testing.assert_array_equal(make_baselines(X, labels), expected)


def test_typical_baselines_do_not_depend_on_the_unit(samples):
    X, _ = samples
    for factor in (1e-30, 1e30):
        found = rows_of(make_baselines(X * np.float32(factor)) / np.float32(factor), X)
        np.testing.assert_array_equal(found, rows_of(make_baselines(X), X))


def test_typical_baselines_of_many_samples_take_little_memory():
    X = np.random.default_rng(0).normal(size=(100_000, 3)).astype(np.float32)
    rows = rows_of(make_baselines(X), X)
    assert len(set(rows)) == 5


def test_one_baseline_per_class_is_the_medoid_of_each_class(samples):
    X, y = samples
    baselines = make_baselines(X, y, kind="per_class", n_baselines=1)
    expected = [medoid(X, np.flatnonzero(y == c)) for c in ("a", "b", "c")]
    np.testing.assert_array_equal(rows_of(baselines, X), expected)


def test_continuous_numbers_are_no_classes(samples):
    X, _ = samples
    with pytest.raises(ValueError, match="continuous"):
        make_baselines(X, X[:, 0], kind="per_class")


@pytest.mark.parametrize("kind", ["typical", "random"])
def test_each_sample_is_chosen_once_at_most(samples, kind):
    X, y = samples
    rows = rows_of(make_baselines(X, y, kind=kind, n_baselines=1000, random_state=0), X)
    assert sorted(rows) == list(range(len(X)))


def test_identical_samples_are_chosen_once_each():
    X = np.ones((6, 2), dtype=np.float32)
    assert make_baselines(X, [0, 0, 0, 1, 1, 1], n_baselines=6).shape == (6, 2)


def test_mean_and_zero_are_one_baseline_in_the_dtype_of_x(samples):
    X, y = samples
    mean = make_baselines(X, y, kind="mean", n_baselines=5)
    zero = make_baselines(X, y, kind="zero", n_baselines=5)
    np.testing.assert_allclose(mean, [X.mean(axis=0)], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(zero, np.zeros((1, 6)))
    assert mean.dtype == zero.dtype == X.dtype


def test_mean_of_many_large_float32_is_taken_in_double_precision():
    X = np.full((200_000, 1), 300.1, dtype=np.float32)
    assert make_baselines(X, np.zeros(len(X)), kind="mean")[0, 0] == X[0, 0]


def test_random_baselines_depend_on_the_seed(samples):
    X, y = samples
    chosen = [make_baselines(X, y, kind="random", random_state=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])
    assert len(set(rows_of(chosen[0], X))) == 5


def test_unknown_kind(samples):
    with pytest.raises(ValueError, match=r"typical.*'median'"):
        make_baselines(*samples, kind="median")


def test_invalid_arguments():
    X = np.ones((4, 3))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_baselines(X, [0, 1], kind="per_class")
    with pytest.raises(ValueError, match="n_baselines"):
        make_baselines(X, [0, 1, 0, 1], n_baselines=0)


@pytest.mark.parametrize(("kind", "n_baselines"), [("typical", 6), ("per_class", 1), ("mean", 1)])
def test_integer_weights_equal_repetitions(samples, kind, n_baselines):
    X, y = samples
    weight = np.random.default_rng(0).permutation([0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7])
    weight[y == "c"] = 2
    settings = {"kind": kind, "n_baselines": n_baselines}
    weighted = make_baselines(X, y, **settings, sample_weight=weight)
    repeated = make_baselines(np.repeat(X, weight, axis=0), np.repeat(y, weight), **settings)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


@pytest.mark.parametrize("kind", ["typical", "random"])
def test_samples_of_weight_0_are_never_chosen(samples, kind):
    X, y = samples
    weight = np.arange(len(X)) % 2
    settings = {"kind": kind, "n_baselines": 1000, "random_state": 0}
    chosen = make_baselines(X, y, **settings, sample_weight=weight)
    assert sorted(rows_of(chosen, X)) == np.flatnonzero(weight).tolist()


def test_random_baselines_are_drawn_by_weight(samples):
    X, y = samples
    weight = np.where(np.arange(len(X)) == 3, 1e6, 1e-6)
    chosen = make_baselines(
        X, y, kind="random", n_baselines=1, sample_weight=weight, random_state=0
    )
    assert rows_of(chosen, X).tolist() == [3]


def test_invalid_weights(samples):
    with pytest.raises(ValueError, match="sample_weight"):
        make_baselines(*samples, sample_weight=[1.0])
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        make_baselines(*samples, sample_weight=-np.ones(16))
