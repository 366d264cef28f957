import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_temo import LandmarkLayout, mesh
from sklearn_temo.selection._ranking import (
    LandmarkComponents,
    count_kept,
    greedy_order,
    rank_landmarks,
    round_sizes,
)


def ranked(scores, components=None):
    return rank_landmarks(scores, len(scores), components=components)


def mask_of_kept(scores, n_kept, pairs=None, components=None):
    kept = np.zeros(len(scores), dtype=bool)
    kept[rank_landmarks(scores, n_kept, pairs, components)[:n_kept]] = True
    return kept


def make_components(clips, target, sample_weight=None):
    """Components of clips of shape (n_clips, n_landmarks, n_coords), of one frame."""
    layout = LandmarkLayout(1, *clips.shape[1:])
    rows = clips.reshape(len(clips), -1)
    return LandmarkComponents.of(rows, np.asarray(target), layout, sample_weight)


def symmetric_scores(seed):
    scores = np.random.default_rng(seed).random(mesh.N_LANDMARKS)
    return (scores + scores[mesh.mirror_pairs()]) / 2


def test_equal_scores_are_ordered_by_index():
    assert ranked(np.array([1.0, 3.0, 1.0, 3.0, 2.0, 1.0])).tolist() == [1, 3, 4, 0, 2, 5]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_without_pairs_the_k_highest_scores_are_kept(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    by_hand = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    kept = mask_of_kept(np.array(scores, dtype=float), k)
    assert np.flatnonzero(kept).tolist() == sorted(by_hand)


def test_mirror_partners_are_kept_together_for_every_k():
    pairs = mesh.mirror_pairs()
    scores = symmetric_scores(0)
    order = ranked(scores)
    for k in range(1, mesh.N_LANDMARKS + 1):
        kept = mask_of_kept(scores, k, pairs)
        assert kept.sum() == k, k
        assert np.array_equal(kept, kept[pairs]), k
        # Keeping partners together costs at most the last places.
        assert kept[order[:k]].sum() >= k - 2, k


@pytest.mark.parametrize("midline_first", [True, False])
def test_mirror_partners_are_kept_together_if_the_midline_is_best_or_worst(midline_first):
    pairs = mesh.mirror_pairs()
    midline = pairs == np.arange(len(pairs))
    assert midline.sum() == 28
    scores = symmetric_scores(1) + (1 if midline_first else -1) * midline
    for k in (*range(1, 60, 3), *range(60, 430, 37), *range(430, 469, 3), 467, 468):
        kept = mask_of_kept(scores, k, pairs)
        assert kept.sum() == k, k
        assert np.array_equal(kept, kept[pairs]), k


def test_mirror_partners_are_kept_together_with_equal_scores_of_478_landmarks():
    pairs = mesh.mirror_pairs(478)
    for k in (1, 2, 39, 41, 64, 477, 478):
        kept = mask_of_kept(np.ones(478), k, pairs)
        assert kept.sum() == k
        assert np.array_equal(kept, kept[pairs])


def test_an_odd_place_is_filled_with_the_best_remaining_midline_landmark():
    pairs = np.array([1, 0, 2, 4, 3, 5])
    scores = np.array([9.0, 9.0, 1.0, 5.0, 5.0, 2.0])
    assert np.flatnonzero(mask_of_kept(scores, 3, pairs)).tolist() == [0, 1, 5]


def test_a_pair_replaces_the_last_midline_landmark_if_one_place_is_left():
    pairs = np.array([1, 0, 2, 4, 3])
    scores = np.array([5.0, 5.0, 9.0, 3.0, 3.0])
    assert np.flatnonzero(mask_of_kept(scores, 4, pairs)).tolist() == [0, 1, 3, 4]


def test_a_pair_is_split_if_one_place_is_left_without_midline_landmarks():
    pairs = np.array([1, 0, 3, 2])
    scores = np.array([1.0, 1.0, 2.0, 2.0])
    assert np.flatnonzero(mask_of_kept(scores, 1, pairs)).tolist() == [2]
    assert np.flatnonzero(mask_of_kept(scores, 3, pairs)).tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, 1),
        (468, 468),
        (np.int64(7), 7),
        ("all", 468),
        (1.0, 468),
        (0.5, 234),
        (0.1, 47),
        (np.float32(0.25), 117),
        (1e-9, 1),
    ],
)
def test_count_kept(k, expected):
    kept = count_kept(k, 468)
    assert kept == expected
    assert type(kept) is int


def test_more_than_all_landmarks_are_an_error():
    with pytest.raises(ValueError, match=r"at most 468.*got k=469"):
        count_kept(469, 468)


@pytest.fixture
def twins():
    """Three classes, each with a pair of equal moving landmarks, and a seventh that is still."""
    target = np.repeat([0, 1, 2], 30)
    rng = np.random.default_rng(0)
    clips = np.zeros((90, 7, 2))
    for i in range(3):
        clips[:, 2 * i] = (target == i)[:, None] + 0.3 * rng.normal(size=(90, 2))
        clips[:, 2 * i + 1] = clips[:, 2 * i]
    return clips, target


def test_redundant_landmarks_come_last(twins):
    scores = np.array([9.0, 8.9, 5.0, 4.9, 3.0, 2.9, 0.0])
    order = ranked(scores, make_components(*twins)).tolist()
    # Two pairs determine all classes. The third pair still explains its own jitter.
    assert {order[0] // 2, order[1] // 2, order[2] // 2} == {0, 1, 2}
    assert order[6] == 6
    assert ranked(scores).tolist() == list(range(7))


def test_the_score_decides_between_equal_landmarks(twins):
    scores = np.array([1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 0.0])
    assert sorted(ranked(scores, make_components(*twins))[:3]) == [1, 3, 4]


def by_definition(scores, groups, components):
    """The whole order, from the formulas of the user guide."""
    weighted = components.landmarks * np.sqrt(scores)[:, None]
    weighted = weighted / np.sqrt(np.square(weighted).sum() / len(scores))
    known = [(1, components.targets), (9, weighted.reshape(len(weighted), -1))]

    def unexplained(chosen):
        features = weighted[:, np.concatenate([groups[i] for i in chosen])]
        features = features.reshape(len(features), -1)
        covariance = 0.2 * np.eye(len(features)) + features @ features.T
        return sum(
            weight * np.trace(values.T @ np.linalg.solve(covariance, values)) / (values**2).sum()
            for weight, values in known
        )

    def lowered(i, chosen):
        nearest = max(similarity[np.ix_(groups[i], groups[j])].max() for j in chosen)
        return scores[groups[i][0]] * max(1 - nearest**16, 0.2)

    similarity = components.similarity()
    order = []
    while len(order) < len(groups):
        left = [i for i in range(len(groups)) if i not in order]
        if sum(len(groups[i]) for i in order) < 20:
            order.append(min(left, key=lambda i: unexplained([*order, i])))
        else:
            order.append(max(left, key=lambda i: lowered(i, order)))
    return order


@pytest.mark.parametrize("seed", range(12))
def test_greedy_order_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    n_clips, n_landmarks = rng.integers(20, 90), rng.integers(25, 60)
    clips = rng.normal(size=(n_clips, 6)) @ rng.normal(size=(6, 3 * n_landmarks))
    clips = clips.reshape(n_clips, n_landmarks, 3)
    clips += 0.05 * rng.normal(size=clips.shape)
    components = make_components(clips, np.r_[0, 1, 2, rng.integers(0, 3, n_clips - 3)])
    scores, pairs = rng.exponential(size=n_landmarks), None
    if seed % 2:
        pairs = np.arange(n_landmarks)
        one, other = rng.permutation(n_landmarks)[: 2 * (n_landmarks // 3)].reshape(2, -1)
        pairs[one], pairs[other] = other, one
        scores = (scores + scores[pairs]) / 2
    found = rank_landmarks(scores, n_landmarks, pairs, components)
    partners = range(n_landmarks) if pairs is None else pairs
    groups = [np.unique([i, j]) for i, j in enumerate(partners) if i <= j]
    expected = [groups[i] for i in by_definition(scores, groups, components)]
    assert found.tolist() == np.concatenate(expected).tolist()


def test_components_are_the_three_largest_of_each_landmark_in_64_of_all():
    clips = np.random.default_rng(0).normal(size=(200, 12, 5))
    components = make_components(clips, [0, 1] * 100)
    # More than the 60 columns of a clip.
    assert components.landmarks.shape == (64, 12, 3)
    assert components.targets.shape == (64, 2)
    gram = np.einsum("nli,nlj->lij", components.landmarks, components.landmarks)
    sizes = gram.diagonal(axis1=1, axis2=2)
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_allclose(gram, sizes[:, None] * np.eye(3), atol=1e-6)


def test_similarity_is_the_rv_coefficient():
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(50, 4, 2))
    clips[:, 1] = clips[:, 0] @ np.array([[0.6, -0.8], [0.8, 0.6]]) * 3 + 5
    clips[:, 2] = 7
    similarity = make_components(clips, [0, 1] * 25).similarity()
    assert similarity[0, 1] == pytest.approx(1, abs=1e-5)
    assert similarity[2].tolist() == [0, 0, 1, 0]
    one, other = (clips[:, i] - clips[:, i].mean(axis=0) for i in (0, 3))
    rv = np.square(one.T @ other).sum() / (
        np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)
    )
    assert similarity[0, 3] == pytest.approx(rv, abs=1e-5)
    assert np.array_equal(similarity, similarity.T)


def test_the_order_does_not_depend_on_units_and_rotations(twins):
    clips, target = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    scores = np.arange(7.0, 0, -1)
    expected = ranked(scores, make_components(clips, target)).tolist()
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert (
        ranked(1000 * scores, make_components(1e4 * clips @ turn + 7, target)).tolist() == expected
    )
    assert ranked(scores, make_components(1e-12 * clips, target)).tolist() == expected


def test_the_order_does_not_depend_on_the_amplitude_of_a_movement(twins):
    clips, target = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    components = make_components(clips, target)
    np.testing.assert_allclose(np.square(components.landmarks).sum(axis=(0, 2)), 1, rtol=1e-5)
    clips[:, 3] *= 0.1
    other = make_components(clips, target)
    scores = np.arange(7.0, 0, -1)
    assert ranked(scores, other).tolist() == ranked(scores, components).tolist()


def test_rounding_errors_are_not_movements(twins):
    clips, target = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    clips[:, 6] = 1 + 1e-8 * clips[:, 6]
    assert not make_components(clips, target).landmarks[:, 6].any()


def test_classes_have_equal_weight_whatever_their_size(twins):
    clips, target = twins
    often = np.concatenate([np.arange(90), *[np.flatnonzero(target == 2)] * 3])
    one, other = make_components(clips, target), make_components(clips[often], target[often])
    scores = np.ones(7)
    assert ranked(scores, one).tolist() == ranked(scores, other).tolist()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 2), st.booleans())
def test_the_order_contains_every_landmark_once(scores, size, alike):
    rng = np.random.default_rng(0)
    clips = (
        size * rng.normal(size=(8, 1 if alike else len(scores), 2)) * np.ones((1, len(scores), 1))
    )
    components = make_components(clips, [0, 1] * 4)
    order = ranked(np.array(scores, dtype=float), components)
    assert sorted(order) == list(range(len(scores)))
    if not size:
        assert order.tolist() == sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def test_nan_scores_come_last(twins):
    scores = np.array([1.0, np.nan, 1.0, 2.0, np.nan, 1.0, 1.0])
    order = greedy_order(scores, np.arange(7)[:, None], make_components(*twins))
    assert {*order[-2:]} == {1, 4}


def test_mirror_partners_are_kept_together_with_a_redundancy_penalty():
    pairs = mesh.mirror_pairs()
    clips = np.random.default_rng(0).normal(size=(20, 468, 2))
    components = make_components(clips, [0, 1] * 10)
    for k in (1, 2, 41, 64, 127, 467, 468):
        kept = mask_of_kept(symmetric_scores(2), k, pairs, components)
        assert kept.sum() == k
        assert np.array_equal(kept, kept[pairs])


def test_pairs_are_redundant_if_their_members_are(twins):
    clips, target = twins
    # Pair (2, 3) copies pair (0, 1).
    clips = clips[:, [0, 2, 1, 3, 4, 5]]
    pairs = np.array([1, 0, 3, 2, 5, 4])
    scores = np.array([3.0, 3.0, 2.0, 2.0, 1.0, 1.0])
    order = rank_landmarks(scores, 6, pairs, make_components(clips, target))
    assert order.tolist() == [0, 1, 4, 5, 2, 3]


@pytest.mark.parametrize(
    ("step", "k", "sizes"),
    [
        (None, 128, [128]),
        (100, 128, [368, 268, 168, 128]),
        (0.25, 128, [351, 234, 128]),
        (1e-9, 466, [467, 466]),
        ([234, 128], 20, [234, 128, 20]),
        ((234, 128), 128, [234, 128]),
        (np.array([468, 234, 128]), 200, [234, 200]),
        (500, 1, [1]),
        (10, 468, [468]),
    ],
)
def test_round_sizes(step, k, sizes):
    assert round_sizes(step, 468, k) == sizes


@pytest.mark.parametrize("step", [[128, 234], [5, 5], [2.5]])
def test_a_sequence_that_does_not_decrease_is_an_error(step):
    with pytest.raises(ValueError, match="step must be a decreasing sequence"):
        round_sizes(step, 468, 4)


def test_integer_weights_equal_repetitions(twins):
    clips, target = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    weight = np.random.default_rng(2).integers(1, 4, len(clips))
    weighted = make_components(clips, target, weight.astype(float))
    repeated = make_components(np.repeat(clips, weight, axis=0), np.repeat(target, weight))
    np.testing.assert_allclose(weighted.similarity(), repeated.similarity(), atol=1e-5)
    scores = np.arange(7.0, 0, -1)
    assert ranked(scores, weighted).tolist() == ranked(scores, repeated).tolist()


@pytest.fixture
def moving():
    """Five landmarks that move on their own; the outputs are the movements of landmarks 1 and 3."""
    clips = np.random.default_rng(0).normal(size=(80, 5, 2))
    return clips, clips[:, [1, 3], 0]


def test_landmarks_that_explain_the_outputs_of_a_regression_come_first(moving):
    order = ranked(np.ones(5), make_components(*moving)).tolist()
    assert sorted(order[:2]) == [1, 3]


def test_the_unit_of_an_output_does_not_matter(moving):
    clips, outputs = moving
    found = make_components(clips, outputs)
    other = make_components(clips, outputs * [1000, -0.001] + [0, 7])
    np.testing.assert_allclose(other.targets, found.targets * [1, -1], atol=1e-5)
    # Both outputs have a variance of 1, and a constant output explains nothing.
    np.testing.assert_allclose(np.square(found.targets).sum(axis=0), 1, atol=1e-5)
    constant = make_components(clips, np.column_stack([outputs, np.full(80, 0.1)]))
    np.testing.assert_allclose(constant.targets[:, 2], 0, atol=1e-6)


def test_integer_weights_of_outputs_equal_repetitions(moving):
    clips, outputs = moving
    weight = np.random.default_rng(0).integers(0, 4, 80)
    weighted = make_components(clips[weight > 0], outputs[weight > 0], weight[weight > 0])
    repeated = make_components(*(np.repeat(v, weight, axis=0) for v in (clips, outputs)))
    for one, other in zip(weighted.targets.T, repeated.targets.T, strict=True):
        np.testing.assert_allclose(np.linalg.norm(one), np.linalg.norm(other), rtol=1e-4)
    np.testing.assert_allclose(weighted.similarity(), repeated.similarity(), atol=1e-4)
