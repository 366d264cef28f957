"""Layout of landmarks in columns."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_temo import LandmarkAligner, LandmarkLayout
from sklearn_temo.blendshapes import NAMES
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.layout import LandmarkArray, restore_positions

LAYOUT = LandmarkLayout(n_frames=3, n_landmarks=5, n_coords=2)


def test_columns_are_frame_major_then_landmark_then_coordinate():
    clips = LAYOUT.unflatten(np.arange(LAYOUT.n_features)[None])[0]
    for frame in range(3):
        for landmark in range(5):
            for coord in range(2):
                assert clips[frame, landmark, coord] == (frame * 5 + landmark) * 2 + coord


def test_flattening_returns_views():
    X = np.zeros((4, LAYOUT.n_features), dtype=np.float32)
    clips = LAYOUT.unflatten(X)
    assert clips.shape == (4, *LAYOUT.shape) == (4, 3, 5, 2)
    assert np.shares_memory(X, clips)
    assert np.shares_memory(X, LAYOUT.flatten(clips))
    clips[1, 2, 3, 1] = 7
    assert X[1, (2 * 5 + 3) * 2 + 1] == 7
    np.testing.assert_array_equal(LAYOUT.flatten(clips), X)


def test_feature_mask_selects_all_columns_of_a_landmark():
    chosen = np.array([False, True, False, False, True])
    X = np.random.default_rng(0).normal(size=(2, LAYOUT.n_features))
    kept = X[:, LAYOUT.feature_mask(chosen)]
    smaller = LandmarkLayout(3, 2, 2)
    np.testing.assert_array_equal(smaller.unflatten(kept), LAYOUT.unflatten(X)[:, :, chosen])


def test_a_landmark_mask_of_another_size_is_an_error():
    with pytest.raises(ValueError, match=r"shape \(5,\), got \(4,\)"):
        LAYOUT.feature_mask([True] * 4)


def test_feature_names_contain_frame_landmark_and_axis():
    names = LandmarkLayout(2, 3, 3).feature_names()
    assert len(set(names)) == len(names) == 18
    assert names[(1 * 3 + 2) * 3 + 1] == "f001_p002_y"
    assert names[0] == "f000_p000_x"
    assert names[-1] == "f001_p002_z"


def test_feature_names_take_the_numbers_of_selected_landmarks():
    names = LandmarkLayout(1, 2, 2).feature_names([33, 263])
    assert list(names) == ["f000_p033_x", "f000_p033_y", "f000_p263_x", "f000_p263_y"]


def rows(n_features, n_clips=2):
    return np.zeros((n_clips, n_features))


def faces(n_frames=2, n_clips=20):
    clips = make_expression_clips(n_clips, n_frames, random_state=0)
    return LandmarkAligner().fit_transform(clips.data)


def test_the_number_of_landmarks_follows_from_n_frames():
    assert LandmarkLayout.infer(rows(16 * 20 * 3), n_frames=16).shape == (16, 20, 3)


@pytest.mark.parametrize("n_features", [1, 47, 49])
def test_columns_that_do_not_form_whole_landmarks_are_an_error(n_features):
    with pytest.raises(ValueError, match=rf"{n_features} features.* = 16 \* 3 = 48"):
        LandmarkLayout.infer(rows(n_features), n_frames=16)


@pytest.mark.parametrize("n_landmarks", [468, 478])
@pytest.mark.parametrize("n_coords", [2, 3])
def test_n_frames_follows_from_the_columns_of_a_full_mesh(n_landmarks, n_coords):
    found = LandmarkLayout.infer(rows(8 * n_landmarks * n_coords), n_coords=n_coords)
    assert found == LandmarkLayout(8, n_landmarks, n_coords)


def test_n_frames_of_selected_landmarks_is_not_guessed():
    with pytest.raises(ValueError, match=r"n_frames is not known: X has 1536 features"):
        LandmarkLayout.infer(rows(8 * 64 * 3))


def test_columns_of_either_full_mesh_are_ambiguous():
    with pytest.raises(ValueError, match=r"239 frames of 468 .* or 234 frames of 478"):
        LandmarkLayout.infer(rows(239 * 468 * 3, n_clips=1))


def test_n_frames_that_disagrees_with_a_full_mesh_is_an_error():
    with pytest.raises(ValueError, match=r"n_frames=8 does not fit X: .* 16 frames of 468"):
        LandmarkLayout.infer(rows(16 * 468 * 3), n_frames=8)


def test_the_attached_layout_is_used():
    layout = LandmarkLayout(8, 64, 3)
    X = layout.attach(rows(layout.n_features))
    assert LandmarkLayout.infer(X) == LandmarkLayout.infer(X, n_frames=8) == layout


def test_n_frames_that_disagrees_with_the_attached_layout_is_an_error():
    layout = LandmarkLayout(8, 64, 3)
    with pytest.raises(ValueError, match=r"n_frames=16 .* the previous step gave 8 frames of 64"):
        LandmarkLayout.infer(layout.attach(rows(layout.n_features)), n_frames=16)


def through_joblib(X, folder):
    joblib.dump(X, folder / "X.pkl")
    return joblib.load(folder / "X.pkl")


@pytest.mark.parametrize(
    "step",
    [
        lambda X, _: X[[3, 1]],
        lambda X, _: X[1:4],
        lambda X, _: X[np.arange(6) > 2],
        lambda X, _: X[2:, :],
        lambda X, _: X[np.array([0, 1]), ...],
        lambda X, _: 2 * X + 1,
        lambda X, _: X.astype(np.float32),
        lambda X, _: X.copy(),
        lambda X, _: pickle.loads(pickle.dumps(X)),
        lambda X, _: copy.deepcopy(X),
        lambda X, _: train_test_split(X, random_state=0)[0],
        through_joblib,
    ],
)
def test_the_attached_layout_survives(step, tmp_path):
    X = LAYOUT.attach(np.arange(6.0 * LAYOUT.n_features).reshape(6, -1))
    found = step(X, tmp_path)
    assert isinstance(found, LandmarkArray)
    assert found.layout == LAYOUT


@pytest.mark.parametrize(
    "step",
    [
        lambda X: X[:, :6],
        lambda X: X[:, np.arange(LAYOUT.n_features)[::-1]],
        lambda X: X.T,
        lambda X: X.mean(axis=0),
        lambda X: X[0],
        lambda X: X.reshape(-1, *LAYOUT.shape),
    ],
)
def test_the_attached_layout_is_dropped_where_columns_change(step):
    found = step(LAYOUT.attach(rows(LAYOUT.n_features, n_clips=4)))
    assert getattr(found, "layout", None) is None


def test_the_layout_is_read_from_column_names():
    names = LandmarkLayout(2, 3, 3).feature_names([5, 33, 263])
    X = pd.DataFrame(rows(18), columns=names)
    assert LandmarkLayout.infer(X) == LandmarkLayout(2, 3, 3)
    with pytest.raises(ValueError, match=r"n_frames=1 .* the columns name 2 frames"):
        LandmarkLayout.infer(X, n_frames=1)


def test_other_column_names_are_ignored():
    X = pd.DataFrame(rows(18), columns=[f"pca{i}" for i in range(18)])
    assert LandmarkLayout.infer(X, n_frames=2) == LandmarkLayout(2, 3, 3)


def test_names_that_do_not_form_whole_landmarks_are_an_error():
    X = pd.DataFrame(rows(18), columns=LandmarkLayout(2, 3, 3).feature_names())
    with pytest.raises(ValueError, match=r"'f001_p002_y' is missing"):
        LandmarkLayout.infer(X.drop(columns="f001_p002_y"))
    with pytest.raises(ValueError, match="another order"):
        LandmarkLayout.infer(X[X.columns[::-1]])


@pytest.mark.parametrize("scale", [False, True])
def test_faces_are_recognised_also_when_standardised(scale):
    X = faces()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LandmarkLayout.infer(StandardScaler().fit_transform(X) if scale else X)


@pytest.mark.parametrize("scale", [False, True])
def test_selected_landmarks_with_the_columns_of_a_full_mesh_are_a_warning(scale):
    # 234 landmarks in 2 frames have as many columns as 468 in one.
    X = faces()
    kept = np.random.default_rng(0).permutation(np.arange(468) % 2 == 0)
    X = X[:, LandmarkLayout(2, 468, 3).feature_mask(kept)]
    with pytest.warns(UserWarning, match="1404 features of X are interpreted as 1 frame of 468"):
        LandmarkLayout.infer(StandardScaler().fit_transform(X) if scale else X)


@pytest.mark.parametrize("field", ["n_frames", "n_landmarks", "n_coords"])
def test_empty_layouts_are_errors(field):
    with pytest.raises(ValueError, match=f"at least 1, got .*{field}=0"):
        LandmarkLayout(**{"n_frames": 1, "n_landmarks": 1, "n_coords": 1, field: 0})


def test_a_layout_cannot_be_changed():
    with pytest.raises(AttributeError):
        LAYOUT.n_frames = 4


def test_displacements_become_positions_and_positions_stay(expression_clips):
    rows = expression_clips.data
    layout = expression_clips.layout
    aligner = LandmarkAligner()
    aligned = aligner.fit_transform(rows)
    positions, is_displaced = restore_positions(layout.unflatten(aligned))
    assert is_displaced
    np.testing.assert_array_equal(positions, layout.unflatten(aligner.inverse_transform(aligned)))
    for clips in (layout.unflatten(rows), positions, positions[:, :1], positions * np.nan):
        again, is_displaced = restore_positions(clips)
        assert again is clips
        assert not is_displaced


NAMED = LandmarkLayout(3, 2, 1, names=["jawOpen", "mouthPucker"])


def test_names_are_part_of_the_column_names():
    assert list(LandmarkLayout(2, 2, 1, ["jawOpen", "mouthPucker"]).feature_names()) == [
        "f000_jawOpen",
        "f000_mouthPucker",
        "f001_jawOpen",
        "f001_mouthPucker",
    ]
    names = LandmarkLayout(1, 2, 2, ["chin", "nose"]).feature_names()
    assert list(names) == ["f000_chin_x", "f000_chin_y", "f000_nose_x", "f000_nose_y"]


def test_kept_landmarks_keep_their_names():
    assert NAMED.keep([False, True]) == LandmarkLayout(3, 1, 1, ["mouthPucker"])
    assert NAMED.keep([1, 0]).names == ("mouthPucker", "jawOpen")
    assert LAYOUT.keep([0, 4]) == LandmarkLayout(3, 2, 2)


@pytest.mark.parametrize(
    ("names", "n_coords", "message"),
    [
        (["jawOpen"], 1, "each of the 2 landmarks, got 1"),
        ("ab", 1, "sequence of 2 names, got 'ab'"),
        (["jawOpen", "jawOpen"], 1, "'jawOpen' is repeated"),
        (["jaw_x", "chin"], 1, "'jaw_x' cannot be used"),
        (["p001", "chin"], 1, "'p001' cannot be used"),
        (["", "chin"], 1, "'' cannot be used"),
        (["jaw", "chin"], 4, "at most 3 coordinates, got n_coords=4"),
    ],
)
def test_names_that_column_names_could_not_hold_are_errors(names, n_coords, message):
    with pytest.raises(ValueError, match=message):
        LandmarkLayout(1, 2, n_coords, names=names)


def test_named_landmarks_have_no_numbers():
    with pytest.raises(ValueError, match="landmarks must be None, since the blendshapes have"):
        NAMED.feature_names([1, 2])


@pytest.mark.parametrize(
    "layout",
    [
        LandmarkLayout(2, 52, 1, NAMES),
        NAMED,
        LandmarkLayout(2, 3, 2, ["chin", "nose", "left ear"]),
        LandmarkLayout(1, 2, 1, ["AU01", "AU12"]),
    ],
)
def test_column_names_give_back_the_names(layout):
    X = pd.DataFrame(rows(layout.n_features), columns=layout.feature_names())
    assert LandmarkLayout.infer(X) == layout
    assert LandmarkLayout.infer(X, n_coords=layout.n_coords) == layout
    with pytest.raises(ValueError, match=r"n_coords=5 do not fit X: the columns name"):
        LandmarkLayout.infer(X, n_coords=5)


def test_missing_blendshapes_are_an_error_but_other_columns_are_not_read_as_names():
    X = pd.DataFrame(rows(6), columns=NAMED.feature_names())
    with pytest.raises(ValueError, match="'f002_mouthPucker' is missing"):
        LandmarkLayout.infer(X.drop(columns="f002_mouthPucker"))
    X.columns = ["f000_mean", "f001_std", "f002_min", "f003_max", "f004_sum", "f005_n"]
    assert LandmarkLayout.infer(X, n_frames=1, n_coords=2) == LandmarkLayout(1, 3, 2)


def test_the_attached_names_survive_and_the_number_of_coordinates_follows():
    X = NAMED.attach(np.zeros((4, 6)))
    for found in (X[1:], pickle.loads(pickle.dumps(X)), 2 * X):
        assert LandmarkLayout.infer(found) == LandmarkLayout.infer(found, n_coords=1) == NAMED
    with pytest.raises(ValueError, match=r"n_coords=3 .* gave 3 frames of 2 blendshapes with 1"):
        LandmarkLayout.infer(X, n_coords=3)


def test_columns_of_all_blendshapes_get_their_names(blendshape_clips):
    X = np.array(blendshape_clips.data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LandmarkLayout.infer(X, n_coords=1) == blendshape_clips.layout
        assert LandmarkLayout.infer(X, n_coords=1, n_frames=4) == blendshape_clips.layout


@pytest.mark.parametrize("kind", ["standardised", "random", "shuffled"])
def test_other_columns_with_the_number_of_blendshapes_get_no_names(kind, blendshape_clips):
    X = np.array(blendshape_clips.data)
    if kind == "standardised":
        X = StandardScaler().fit_transform(X)
    elif kind == "random":
        X = np.random.default_rng(0).uniform(size=X.shape)
    else:
        order = np.random.default_rng(0).permutation(52)
        X = X.reshape(60, 4, 52)[..., order].reshape(60, -1)
    with pytest.warns(UserWarning, match="208 features of X are interpreted as 4 frames of 52 bl"):
        assert LandmarkLayout.infer(X, n_coords=1) == LandmarkLayout(4, 52, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LandmarkLayout.infer(X, n_coords=1, n_frames=4) == LandmarkLayout(4, 52, 1)


def test_ambiguous_columns_with_one_coordinate_are_an_error(blendshape_clips):
    X = np.array(blendshape_clips.data)
    with pytest.raises(ValueError, match=r"1 frame of 468 landmarks .* or 9 frames of 52 blend"):
        LandmarkLayout.infer(rows(468), n_coords=1)
    with pytest.raises(ValueError, match=r"n_frames=1 does not fit X: .* 4 frames of 52 blend"):
        LandmarkLayout.infer(X, n_frames=1, n_coords=1)
    with pytest.raises(ValueError, match="If they are blendshapes, pass n_coords=1 too"):
        LandmarkLayout.infer(X)


def test_rows_of_another_layout_do_not_pass_the_check():
    NAMED.check(np.zeros((1, 6)))
    NAMED.check(NAMED.attach(np.zeros((1, 6))))
    NAMED.check(LandmarkLayout(3, 2, 1).attach(np.zeros((1, 6))))
    with pytest.raises(ValueError, match=r"expected 3 frames of 2 .* gave 2 frames of 3"):
        NAMED.check(LandmarkLayout(2, 3, 1).attach(np.zeros((1, 6))))
    with pytest.raises(ValueError, match=r"expected the blendshape 'jawOpen', but .* 'jawLeft'"):
        NAMED.check(LandmarkLayout(3, 2, 1, ["jawLeft", "mouthPucker"]).attach(np.zeros((1, 6))))
