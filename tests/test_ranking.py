import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_temo import mesh
from sklearn_temo.selection._ranking import count_kept, in_order, keep_first
from sklearn_temo.selection._rounds import round_sizes


def best_first(scores, similarity=None):
    return np.concatenate(in_order(scores, similarity=similarity))


def keep_best(scores, n_kept, pairs=None, similarity=None):
    return keep_first(in_order(scores, pairs, similarity), n_kept)


def symmetric_scores(seed):
    scores = np.random.default_rng(seed).random(mesh.N_LANDMARKS)
    return (scores + scores[mesh.mirror_pairs()]) / 2


def test_equal_scores_keep_the_order_of_their_numbers():
    assert best_first(np.array([1.0, 3.0, 1.0, 3.0, 2.0, 1.0])).tolist() == [1, 3, 4, 0, 2, 5]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_singly_exactly_the_k_best_are_kept_and_of_equal_ones_the_first(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    by_hand = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    kept = keep_best(np.array(scores, dtype=float), k)
    assert np.flatnonzero(kept).tolist() == sorted(by_hand)


def test_kept_sets_are_closed_under_the_mirror_for_every_k():
    pairs = mesh.mirror_pairs()
    scores = symmetric_scores(0)
    order = best_first(scores)
    for k in range(1, mesh.N_LANDMARKS + 1):
        kept = keep_best(scores, k, pairs)
        assert kept.sum() == k, k
        assert np.array_equal(kept, kept[pairs]), k
        # Closing costs at most the last places.
        assert kept[order[:k]].sum() >= k - 2, k


@pytest.mark.parametrize("midline_first", [True, False])
def test_kept_sets_are_closed_when_the_midline_is_all_best_or_all_worst(midline_first):
    pairs = mesh.mirror_pairs()
    midline = pairs == np.arange(len(pairs))
    assert midline.sum() == 28
    scores = symmetric_scores(1) + (1 if midline_first else -1) * midline
    for k in (*range(1, 60, 3), *range(60, 430, 37), *range(430, 469, 3), 467, 468):
        kept = keep_best(scores, k, pairs)
        assert kept.sum() == k, k
        assert np.array_equal(kept, kept[pairs]), k


def test_closed_sets_hold_for_equal_scores_and_for_the_mesh_with_irises():
    pairs = mesh.mirror_pairs(478)
    for k in (1, 2, 39, 41, 64, 477, 478):
        kept = keep_best(np.ones(478), k, pairs)
        assert kept.sum() == k
        assert np.array_equal(kept, kept[pairs])


def test_an_odd_place_goes_to_the_best_midline_landmark_left():
    pairs = np.array([1, 0, 2, 4, 3, 5])
    scores = np.array([9.0, 9.0, 1.0, 5.0, 5.0, 2.0])
    assert np.flatnonzero(keep_best(scores, 3, pairs)).tolist() == [0, 1, 5]


def test_where_the_midline_is_used_up_its_last_makes_way_for_a_pair():
    pairs = np.array([1, 0, 2, 4, 3])
    scores = np.array([5.0, 5.0, 9.0, 3.0, 3.0])
    assert np.flatnonzero(keep_best(scores, 4, pairs)).tolist() == [0, 1, 3, 4]


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


@pytest.mark.parametrize("k", [0, -3, 469, 0.0, -0.5, 1.5, np.nan, True, "some", None, [3]])
def test_an_impossible_k_is_told_with_the_numbers(k):
    with pytest.raises(ValueError, match=r"from 1 to 468 .*got k="):
        count_kept(k, 468)


def test_what_says_the_same_again_comes_last():
    # Two of each kind, equal to each other; the second of the best is worth less than all else.
    scores = np.array([9.0, 8.9, 5.0, 4.9, 1.0])
    similarity = np.eye(5)
    similarity[0, 1] = similarity[1, 0] = similarity[2, 3] = similarity[3, 2] = 1
    assert best_first(scores, similarity).tolist() == [0, 2, 4, 1, 3]
    assert best_first(scores).tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.booleans())
def test_an_order_holds_every_landmark_once_whatever_the_similarity(scores, alike):
    similarity = np.ones((len(scores),) * 2) if alike else np.eye(len(scores))
    order = best_first(np.array(scores, dtype=float), similarity)
    assert sorted(order) == list(range(len(scores)))
    if not alike:
        assert order.tolist() == best_first(np.array(scores, dtype=float)).tolist()


def test_closed_sets_hold_with_similarity():
    pairs = mesh.mirror_pairs()
    similarity = np.corrcoef(np.random.default_rng(0).random((468, 4))) ** 2
    for k in (1, 2, 41, 64, 127, 467, 468):
        kept = keep_best(symmetric_scores(2), k, pairs, similarity)
        assert kept.sum() == k
        assert np.array_equal(kept, kept[pairs])


def test_a_pair_is_like_another_when_any_of_their_members_are():
    pairs = np.array([1, 0, 3, 2, 5, 4])
    scores = np.array([3.0, 3.0, 2.0, 2.0, 1.0, 1.0])
    similarity = np.eye(6)
    similarity[0, 3] = similarity[3, 0] = 1
    groups = in_order(scores, pairs, similarity)
    assert [group.tolist() for group in groups] == [[0, 1], [4, 5], [2, 3]]


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


@pytest.mark.parametrize(
    "step", [0, -1, True, 0.0, 1.0, 1.5, np.nan, "some", [], [128, 234], [5, 5], [2.5], [3, 0]]
)
def test_an_impossible_step_is_told(step):
    with pytest.raises(ValueError, match="step must be None, an int"):
        round_sizes(step, 468, 4)
