import numpy as np
import pytest

from sklearn_temo import LandmarkLayout

LAYOUT = LandmarkLayout(n_frames=3, n_landmarks=5, n_coords=2)


def test_columns_are_frame_major_then_landmark_then_coordinate():
    clips = LAYOUT.unflatten(np.arange(LAYOUT.n_features)[None])[0]
    for frame in range(3):
        for landmark in range(5):
            for coord in range(2):
                assert clips[frame, landmark, coord] == (frame * 5 + landmark) * 2 + coord


def test_flattening_copies_nothing():
    X = np.zeros((4, LAYOUT.n_features), dtype=np.float32)
    clips = LAYOUT.unflatten(X)
    assert clips.shape == (4, *LAYOUT.shape) == (4, 3, 5, 2)
    assert np.shares_memory(X, clips)
    assert np.shares_memory(X, LAYOUT.flatten(clips))
    clips[1, 2, 3, 1] = 7
    assert X[1, (2 * 5 + 3) * 2 + 1] == 7
    np.testing.assert_array_equal(LAYOUT.flatten(clips), X)


def test_feature_mask_keeps_all_columns_of_a_landmark():
    chosen = np.array([False, True, False, False, True])
    X = np.random.default_rng(0).normal(size=(2, LAYOUT.n_features))
    kept = X[:, LAYOUT.feature_mask(chosen)]
    smaller = LandmarkLayout(3, 2, 2)
    np.testing.assert_array_equal(smaller.unflatten(kept), LAYOUT.unflatten(X)[:, :, chosen])


def test_feature_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"shape \(5,\), got \(4,\)"):
        LAYOUT.feature_mask([True] * 4)


def test_feature_names_say_frame_landmark_and_axis():
    names = LandmarkLayout(2, 3, 3).feature_names()
    assert len(set(names)) == len(names) == 18
    assert names[(1 * 3 + 2) * 3 + 1] == "f001_p002_y"
    assert names[0] == "f000_p000_x"
    assert names[-1] == "f001_p002_z"


def test_feature_names_take_the_numbers_of_selected_landmarks():
    names = LandmarkLayout(1, 2, 2).feature_names([33, 263])
    assert list(names) == ["f000_p033_x", "f000_p033_y", "f000_p263_x", "f000_p263_y"]


def test_landmarks_follow_from_the_columns():
    layout = LandmarkLayout.from_n_features(16 * 468 * 3, 16, 3)
    assert layout.shape == (16, 468, 3)


@pytest.mark.parametrize("n_features", [1, 47, 49])
def test_columns_that_do_not_divide_are_refused_with_the_numbers(n_features):
    with pytest.raises(ValueError, match=rf"{n_features} features.* = 16 \* 3 = 48"):
        LandmarkLayout.from_n_features(n_features, 16, 3)


@pytest.mark.parametrize("field", ["n_frames", "n_landmarks", "n_coords"])
def test_empty_layouts_are_refused(field):
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        LandmarkLayout(**{"n_frames": 1, "n_landmarks": 1, "n_coords": 1, field: 0})


def test_a_layout_cannot_be_changed():
    with pytest.raises(AttributeError):
        LAYOUT.n_frames = 4


def test_a_number_of_frames_that_makes_several_faces_is_doubted():
    with pytest.warns(UserWarning, match="is n_frames=16 meant"):
        LandmarkLayout.from_n_features(16 * 468 * 3, n_frames=8, n_coords=3)
