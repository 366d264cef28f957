import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_temo import LandmarkLayout, mesh
from sklearn_temo.selection._ranking import count_kept, in_order, keep_first
from sklearn_temo.selection._redundancy import Courses, order_without_repeats
from sklearn_temo.selection._rounds import round_sizes


def best_first(scores, courses=None):
    return np.concatenate(in_order(scores, courses=courses))


def keep_best(scores, n_kept, pairs=None, courses=None):
    return keep_first(in_order(scores, pairs, courses), n_kept)


def make_courses(clips, targets):
    """Of clips of shape (n_clips, n_landmarks, n_coords) of one frame."""
    layout = LandmarkLayout(1, *clips.shape[1:])
    return Courses.of(clips.reshape(len(clips), -1), np.asarray(targets), layout)


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


@pytest.fixture
def twins():
    """Three classes that one pair of equal landmarks each tells from the rest, and one still one.

    The landmarks of each pair jitter alike.
    """
    targets = np.repeat([0, 1, 2], 30)
    rng = np.random.default_rng(0)
    clips = np.zeros((90, 7, 2))
    for i in range(3):
        clips[:, 2 * i] = (targets == i)[:, None] + 0.3 * rng.normal(size=(90, 2))
        clips[:, 2 * i + 1] = clips[:, 2 * i]
    return clips, targets


def test_what_says_the_same_again_comes_last(twins):
    scores = np.array([9.0, 8.9, 5.0, 4.9, 3.0, 2.9, 0.0])
    order = best_first(scores, make_courses(*twins)).tolist()
    # The classes are known when two of them are, so that the last twins differ from the still one
    # by what they say about jitter.
    assert {order[0] // 2, order[1] // 2, order[2] // 2} == {0, 1, 2}
    assert order[6] == 6
    assert best_first(scores).tolist() == list(range(7))


def test_a_score_decides_between_landmarks_that_say_the_same(twins):
    scores = np.array([1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 0.0])
    assert sorted(best_first(scores, make_courses(*twins))[:3]) == [1, 3, 4]


def by_definition(scores, groups, courses):
    """The whole order, as the guide says it."""
    weighted = courses.landmarks * np.sqrt(scores)[:, None]
    weighted = weighted / np.sqrt(np.square(weighted).sum() / len(scores))
    known = [(1, courses.classes), (9, weighted.reshape(len(weighted), -1))]

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

    similarity = courses.similarity()
    order = []
    while len(order) < len(groups):
        left = [i for i in range(len(groups)) if i not in order]
        if sum(len(groups[i]) for i in order) < 20:
            order.append(min(left, key=lambda i: unexplained([*order, i])))
        else:
            order.append(max(left, key=lambda i: lowered(i, order)))
    return order


@pytest.mark.parametrize("seed", range(12))
def test_the_order_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    n_clips, n_landmarks = rng.integers(20, 90), rng.integers(25, 60)
    clips = rng.normal(size=(n_clips, 6)) @ rng.normal(size=(6, 3 * n_landmarks))
    clips = clips.reshape(n_clips, n_landmarks, 3)
    clips += 0.05 * rng.normal(size=clips.shape)
    courses = make_courses(clips, np.r_[0, 1, 2, rng.integers(0, 3, n_clips - 3)])
    scores, pairs = rng.exponential(size=n_landmarks), None
    if seed % 2:
        pairs = np.arange(n_landmarks)
        one, other = rng.permutation(n_landmarks)[: 2 * (n_landmarks // 3)].reshape(2, -1)
        pairs[one], pairs[other] = other, one
        scores = (scores + scores[pairs]) / 2
    found = in_order(scores, pairs, courses)
    groups = sorted(found, key=lambda group: group[0])
    expected = [groups[i].tolist() for i in by_definition(scores, groups, courses)]
    assert [group.tolist() for group in found] == expected


def test_courses_are_the_three_largest_in_64_components():
    clips = np.random.default_rng(0).normal(size=(200, 12, 5))
    courses = make_courses(clips, [0, 1] * 100)
    # 60 numbers of a clip vary in 60 components.
    assert courses.landmarks.shape == (64, 12, 3)
    assert courses.classes.shape == (64, 2)
    gram = np.einsum("nli,nlj->lij", courses.landmarks, courses.landmarks)
    sizes = gram.diagonal(axis1=1, axis2=2)
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_allclose(gram, sizes[:, None] * np.eye(3), atol=1e-6)


def test_similarity_is_the_rv_coefficient():
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(50, 4, 2))
    clips[:, 1] = clips[:, 0] @ np.array([[0.6, -0.8], [0.8, 0.6]]) * 3 + 5
    clips[:, 2] = 7
    similarity = make_courses(clips, [0, 1] * 25).similarity()
    assert similarity[0, 1] == pytest.approx(1, abs=1e-5)
    assert similarity[2].tolist() == [0, 0, 1, 0]
    one, other = (clips[:, i] - clips[:, i].mean(axis=0) for i in (0, 3))
    rv = np.square(one.T @ other).sum() / (
        np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)
    )
    assert similarity[0, 3] == pytest.approx(rv, abs=1e-5)
    assert np.array_equal(similarity, similarity.T)


def test_units_and_turns_change_nothing(twins):
    clips, targets = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    scores = np.arange(7.0, 0, -1)
    expected = best_first(scores, make_courses(clips, targets)).tolist()
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert (
        best_first(1000 * scores, make_courses(1e4 * clips @ turn + 7, targets)).tolist()
        == expected
    )
    assert best_first(scores, make_courses(1e-12 * clips, targets)).tolist() == expected


def test_a_landmark_that_moves_little_counts_as_one_that_moves_much(twins):
    clips, targets = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    courses = make_courses(clips, targets)
    np.testing.assert_allclose(np.square(courses.landmarks).sum(axis=(0, 2)), 1, rtol=1e-5)
    clips[:, 3] *= 0.1
    other = make_courses(clips, targets)
    scores = np.arange(7.0, 0, -1)
    assert best_first(scores, other).tolist() == best_first(scores, courses).tolist()


def test_rounding_is_no_movement(twins):
    clips, targets = twins
    clips = clips + 0.2 * np.random.default_rng(1).normal(size=clips.shape)
    clips[:, 6] = 1 + 1e-8 * clips[:, 6]
    assert not make_courses(clips, targets).landmarks[:, 6].any()


def test_each_class_counts_alike_however_many_clips_it_has(twins):
    clips, targets = twins
    often = np.concatenate([np.arange(90), *[np.flatnonzero(targets == 2)] * 3])
    one, other = make_courses(clips, targets), make_courses(clips[often], targets[often])
    scores = np.ones(7)
    assert best_first(scores, one).tolist() == best_first(scores, other).tolist()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 2), st.booleans())
def test_an_order_holds_every_landmark_once_whatever_the_clips(scores, size, alike):
    rng = np.random.default_rng(0)
    clips = (
        size * rng.normal(size=(8, 1 if alike else len(scores), 2)) * np.ones((1, len(scores), 1))
    )
    courses = make_courses(clips, [0, 1] * 4)
    order = best_first(np.array(scores, dtype=float), courses)
    assert sorted(order) == list(range(len(scores)))
    if not size:
        assert order.tolist() == sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def test_scores_that_are_not_numbers_come_last(twins):
    scores = np.array([1.0, np.nan, 1.0, 2.0, np.nan, 1.0, 1.0])
    order = order_without_repeats(scores, [np.array([i]) for i in range(7)], make_courses(*twins))
    assert {*order[-2:]} == {1, 4}


def test_closed_sets_hold_with_courses():
    pairs = mesh.mirror_pairs()
    clips = np.random.default_rng(0).normal(size=(20, 468, 2))
    courses = make_courses(clips, [0, 1] * 10)
    for k in (1, 2, 41, 64, 127, 467, 468):
        kept = keep_best(symmetric_scores(2), k, pairs, courses)
        assert kept.sum() == k
        assert np.array_equal(kept, kept[pairs])


def test_a_pair_says_the_same_as_another_when_its_members_do(twins):
    clips, targets = twins
    # Pairs (0, 1), (2, 3) of the first twins and of the second, and (4, 5) of the same again.
    clips = clips[:, [0, 2, 1, 3, 4, 5]]
    pairs = np.array([1, 0, 3, 2, 5, 4])
    scores = np.array([3.0, 3.0, 2.0, 2.0, 1.0, 1.0])
    groups = in_order(scores, pairs, make_courses(clips, targets))
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
