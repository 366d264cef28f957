"""Columns of tables: labels, windows, blendshapes, head pose, gaze, and OpenFace's names."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sklearn_temo.blendshapes import NAMES
from sklearn_temo.extraction import ClipLandmarks, ClipWindow, load_landmarks, save_landmarks
from sklearn_temo.layout import LandmarkLayout

# The header of OpenFace 2.2.0's FeatureExtraction -pose -gaze -2Dfp, without its eye landmarks.
# https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format
OPENFACE = [
    "frame",
    "face_id",
    "timestamp",
    "confidence",
    "success",
    "gaze_0_x",
    "gaze_0_y",
    "gaze_0_z",
    "gaze_1_x",
    "gaze_1_y",
    "gaze_1_z",
    "gaze_angle_x",
    "gaze_angle_y",
    "pose_Tx",
    "pose_Ty",
    "pose_Tz",
    "pose_Rx",
    "pose_Ry",
    "pose_Rz",
]


def turn(axis, angle):
    """Rotation matrix around x, y or z."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def make_clip(source="a.mp4", n_frames=3, seed=0, is_complete=True):
    rng = np.random.default_rng(seed)
    pose = np.tile(np.eye(4), (n_frames, 1, 1))
    for matrix, angles in zip(pose, rng.uniform(-0.8, 0.8, (n_frames, 3)), strict=True):
        matrix[:3, :3] = turn("x", angles[0]) @ turn("y", angles[1]) @ turn("z", angles[2])
        matrix[:3, 3] = rng.normal(0, 5, 3) - [0, 0, 50]
    gaze = rng.normal(size=(n_frames, 2, 3)) - [0, 0, 3]
    gaze /= np.linalg.norm(gaze, axis=-1, keepdims=True)
    more = {
        "blendshapes": rng.random((n_frames, 52)).astype(np.float32),
        "head_pose": pose.astype(np.float32),
        "gaze": gaze.astype(np.float32),
    }
    return ClipLandmarks(
        landmarks=rng.normal(200, 50, (n_frames, 468, 3)).astype(np.float32),
        detected=np.arange(n_frames) != 1,
        times=np.arange(n_frames) / 25,
        fps=25.0,
        size=(480, 360),
        source=source,
        **(more if is_complete else {}),
    )


@pytest.fixture
def clips():
    """Three clips; a frame of the second has no face, the third is a part of its file."""
    one, two, three = (make_clip(name, seed=i) for i, name in enumerate(("a.mp4", "b.mp4", "c")))
    for values in (two.landmarks, two.blendshapes, two.head_pose, two.gaze):
        values[1] = np.nan
    return [one, two, replace(three, onset=1.5)]


ALL_FORMS = [("parquet", "temo"), ("csv", "temo"), ("npz", "temo")]
ALL_FORMS += [("parquet", "openface"), ("csv", "openface")]


@pytest.fixture(params=ALL_FORMS, ids=[" ".join(form) for form in ALL_FORMS])
def form(request, tmp_path):
    """Path of a table, and the form of its columns."""
    extension, columns = request.param
    return tmp_path / f"table.{extension}", columns


def test_everything_of_the_clips_is_loaded(form, clips):
    path, columns = form
    labels, groups = ["joy", "=fear", "1"], ["ann", "bob", "ann"]
    save_landmarks(path, clips, columns=columns, labels=labels, groups=groups)
    table = load_landmarks(path)
    np.testing.assert_array_equal(table.data, [clip.landmarks.ravel() for clip in clips])
    np.testing.assert_array_equal(table.blendshapes, [clip.blendshapes.ravel() for clip in clips])
    np.testing.assert_array_equal(table.gaze, [clip.gaze for clip in clips])
    # The head pose of OpenFace consists of angles.
    tolerance = 2e-5 if columns == "openface" else 0
    np.testing.assert_allclose(
        table.head_pose, [clip.head_pose for clip in clips], rtol=0, atol=tolerance
    )
    for name in ("data", "blendshapes", "head_pose", "gaze"):
        assert table[name].dtype == np.float32
        assert table[name].flags.c_contiguous
    np.testing.assert_array_equal(table.times, [clip.times for clip in clips])
    np.testing.assert_array_equal(table.detected, [clip.detected for clip in clips])
    assert table.labels.tolist() == labels
    assert table.groups.tolist() == groups
    assert (table.n_frames, table.n_landmarks) == (3, 468)
    np.testing.assert_array_equal(table.onsets, [np.nan, np.nan, 1.5])
    assert table.offsets is None
    assert ClipWindow(table.sources[2], table.onsets[2]) == ClipWindow("c", 1.5)


def test_loaded_blendshapes_have_their_layout(form, clips):
    path, columns = form
    save_landmarks(path, clips, columns=columns)
    layout = LandmarkLayout.infer(load_landmarks(path).blendshapes)
    assert layout == LandmarkLayout(3, 52, 1, NAMES)


def test_what_the_clips_lack_is_none(form):
    path, columns = form
    save_landmarks(path, [make_clip(is_complete=False)], columns=columns)
    table = load_landmarks(path)
    assert table.data.shape == (1, 3 * 468 * 3)
    for name in ("labels", "groups", "onsets", "offsets", "blendshapes", "head_pose", "gaze"):
        assert table[name] is None


def test_what_only_some_clips_have_is_nan_for_the_others(form, clips):
    path, columns = form
    save_landmarks(path, [make_clip(is_complete=False), *clips], columns=columns)
    table = load_landmarks(path)
    for name in ("blendshapes", "head_pose", "gaze"):
        assert np.isnan(table[name][0]).all()
        assert np.isfinite(table[name][1]).all()


def test_labels_of_skipped_clips_are_left_out(form, clips):
    path, columns = form
    skipped = [clips[0], replace(clips[1], error="is damaged"), clips[2]]
    save_landmarks(
        path, skipped, columns=columns, labels=[1, 2, 3], groups=np.array(["a", "b", "c"])
    )
    table = load_landmarks(path)
    assert table.labels.tolist() == ["1", "3"]
    assert table.groups.tolist() == ["a", "c"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["joy"], r"labels must have one value for each of the 3 clips, got an array of shape \(1"),
        ("joy", r"got an array of shape \(\)"),
        (["joy", None, "joy"], r"labels\[1\] is missing; leave the clip out"),
        (["joy", "joy", np.nan], r"labels\[2\] is missing"),
        (["joy", "", "joy"], r"labels\[1\] is missing"),
        (pd.Series(["joy", pd.NA, "joy"], dtype="string"), r"labels\[1\] is missing"),
    ],
)
def test_labels_that_do_not_fit_are_an_error(tmp_path, clips, labels, message):
    with pytest.raises(ValueError, match=message):
        save_landmarks(tmp_path / "t.npz", clips, labels=labels)
    with pytest.raises(ValueError, match=message.replace("labels", "groups")):
        save_landmarks(tmp_path / "t.npz", clips, groups=labels)


def test_clips_that_no_table_can_hold_are_an_error(form, clips):
    path, columns = form
    irises = replace(clips[1], landmarks=np.zeros((3, 478, 3), np.float32))
    with pytest.raises(ValueError, match="clips have 468 and 478 landmarks"):
        save_landmarks(path, [clips[0], irises], columns=columns)
    with pytest.raises(TypeError, match="clips must be a list of ClipLandmarks"):
        save_landmarks(path, np.zeros((2, 1404), np.float32), columns=columns)
    assert not path.exists()


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_labels_that_differ_in_a_clip_are_an_error(tmp_path, clips, extension):
    path = tmp_path / f"t.{extension}"
    save_landmarks(path, clips, labels=["a", "b", "c"])
    read, write = (
        (pd.read_csv, lambda frame: frame.to_csv(path, index=False))
        if extension == "csv"
        else (pd.read_parquet, lambda frame: frame.to_parquet(path))
    )
    frame = read(path)
    for value in ("d", ""):
        frame.loc[4, "label"] = value
        write(frame)
        with pytest.raises(ValueError, match=f"row 4 has the label '{value}', but every clip must"):
            load_landmarks(path)
    # Numbers stay text.
    frame["label"] = np.arange(9) // 3
    write(frame)
    assert load_landmarks(path).labels.tolist() == ["0", "1", "2"]


def test_temo_columns(tmp_path, clips):
    save_landmarks(tmp_path / "t.csv", clips, labels=["a", "b", "c"], groups=["d", "e", "f"])
    frame = pd.read_csv(tmp_path / "t.csv")
    names = ["source", "label", "group", "onset", "frame", "time", "detected", "width", "height"]
    names += ["fps", *(f"pose_{i}{j}" for i in range(4) for j in range(4))]
    names += [f"gaze_{eye}_{axis}" for eye in ("right", "left") for axis in "xyz"]
    names += [*NAMES, *(f"p{i:03d}_{axis}" for i in range(468) for axis in "xyz")]
    assert frame.columns.tolist() == names
    assert np.float32(frame.pose_23[2]) == clips[0].head_pose[2, 2, 3]
    assert np.float32(frame.gaze_right_z[2]) == clips[0].gaze[2, 0, 2]
    assert np.float32(frame.browDownLeft[5]) == clips[1].blendshapes[2, NAMES.index("browDownLeft")]


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_openface_columns(tmp_path, clips, extension):
    path = tmp_path / f"t.{extension}"
    save_landmarks(path, clips, columns="openface", labels=["a", "b", "c"], groups=["d", "e", "f"])
    frame = pd.read_csv(path) if extension == "csv" else pd.read_parquet(path)
    names = [*OPENFACE, *(f"{axis}_{i}" for axis in "xyz" for i in range(468))]
    names += ["source", "label", "group", "onset", "width", "height", "fps", *NAMES]
    assert frame.columns.tolist() == names
    assert frame.frame.tolist() == [1, 2, 3] * 3
    assert set(frame.face_id) == {0}
    assert frame.timestamp.tolist() == [0, 0.04, 0.08] * 3
    assert frame.success.tolist() == [1, 0, 1] * 3
    np.testing.assert_array_equal(frame.confidence, frame.success)
    assert np.float32(frame.y_467[8]) == clips[2].landmarks[2, 467, 1]
    numbers = frame.drop(columns=["source", "label", "group"])
    assert {dtype.kind for dtype in numbers.dtypes} == {"i", "f"}


def openface_pose(matrix):
    """Head pose as OpenFace's camera sees it: rotation, and the translation in millimetres."""
    flip = np.diag([1, -1, -1])
    return flip @ matrix[:3, :3] @ flip, flip @ matrix[:3, 3] * 10


def test_head_pose_in_the_axes_of_openface(tmp_path, clips):
    path = tmp_path / "t.csv"
    save_landmarks(path, clips[:1], columns="openface")
    frame = pd.read_csv(path)
    for row, matrix in zip(frame.itertuples(), clips[0].head_pose, strict=True):
        rotation, translation = openface_pose(matrix)
        # R = Rx Ry Rz
        angles = turn("x", row.pose_Rx) @ turn("y", row.pose_Ry) @ turn("z", row.pose_Rz)
        np.testing.assert_allclose(angles, rotation, atol=1e-6)
        np.testing.assert_allclose([row.pose_Tx, row.pose_Ty, row.pose_Tz], translation, rtol=1e-6)
        assert row.pose_Tz > 0


@pytest.mark.parametrize(
    ("axis", "angle", "column"),
    [("x", 0.3, "pose_Rx"), ("y", -0.3, "pose_Ry"), ("z", -0.3, "pose_Rz")],
)
def test_one_turn_of_the_head_is_one_angle(tmp_path, axis, angle, column):
    # MediaPipe: x right, y up, z towards the camera. Around x, the nose moves down; around -y, to
    # the left in the picture; around -z, the head turns clockwise in the picture. All are positive
    # in OpenFace, whose y is down and z away.
    pose = np.eye(4, dtype=np.float32)[None]
    # A scale is no part of the angles.
    pose[0, :3, :3] = 1.02 * turn(axis, angle)
    clip = replace(make_clip(n_frames=1), head_pose=pose)
    save_landmarks(tmp_path / "t.csv", [clip], columns="openface")
    frame = pd.read_csv(tmp_path / "t.csv")
    expected = {name: 0.3 * (name == column) for name in ("pose_Rx", "pose_Ry", "pose_Rz")}
    for name, value in expected.items():
        assert frame[name][0] == pytest.approx(value, abs=1e-6)


def test_gaze_angles_are_those_of_the_mean_of_both_eyes(tmp_path, clips):
    gaze = np.array([[[0, 0, -1]] * 2, [[0.6, 0, -0.8]] * 2, [[0, 0.6, -0.8], [0, 0, -1]]])
    clip = replace(clips[0], gaze=gaze.astype(np.float32))
    save_landmarks(tmp_path / "t.csv", [clip], columns="openface")
    frame = pd.read_csv(tmp_path / "t.csv")
    np.testing.assert_allclose(frame.gaze_angle_x, [0, np.arctan(0.75), 0], atol=1e-6)
    np.testing.assert_allclose(frame.gaze_angle_y, [0, 0, np.arctan(1 / 3)], atol=1e-6)


def test_openface_needs_columns(tmp_path, clips):
    with pytest.raises(ValueError, match=r"an \.npz file holds arrays.* needs the extension .csv"):
        save_landmarks(tmp_path / "t.npz", clips, columns="openface")
    with pytest.raises(ValueError, match="columns='feat' must be one of 'temo', 'openface'"):
        save_landmarks(tmp_path / "t.csv", clips, columns="feat")


def test_a_table_of_openface_itself_is_refused(tmp_path):
    names = [*OPENFACE, *(f"{axis}_{i}" for axis in "xy" for i in range(68))]
    path = tmp_path / "openface.csv"
    # OpenFace separates names by a comma and a blank.
    path.write_text(f"{', '.join(names)}\n{', '.join('1' * len(names))}\n")
    with pytest.raises(ValueError, match=r"no columns z_0, z_1, .* landmarks of OpenFace itself"):
        load_landmarks(path)


@pytest.mark.parametrize("columns", ["temo", "openface"])
def test_a_missing_column_of_a_group_is_an_error(tmp_path, clips, columns):
    path = tmp_path / "t.parquet"
    save_landmarks(path, clips, columns=columns)
    names = {"temo": ["jawOpen", "pose_33", "gaze_left_x", "p005_y"]}
    names["openface"] = ["jawOpen", "pose_Rz", "gaze_1_x", "y_5", "source", "frame"]
    frame = pd.read_parquet(path)
    for name in names[columns]:
        frame.drop(columns=name).to_parquet(path)
        with pytest.raises(ValueError, match=f"cannot be read as a table .*KeyError: .*{name}"):
            load_landmarks(path)


@pytest.mark.parametrize("name", ["head_pose", "gaze", "blendshapes", "onset"])
def test_npz_archive_with_an_array_of_another_shape(tmp_path, clips, name):
    path = tmp_path / "t.npz"
    save_landmarks(path, clips)
    with np.load(path) as archive:
        np.savez(path, **{**archive, name: archive[name][:-1]})
    with pytest.raises(ValueError, match=re.escape(f"the column {name!r} must have the shape (9,")):
        load_landmarks(path)


def test_parquet_groups_of_rows_hold_the_labels_of_their_clips(tmp_path, monkeypatch, clips):
    from sklearn_temo.extraction import _table_files

    monkeypatch.setattr(_table_files, "_ROWS_AT_A_TIME", 4)
    for columns in ("temo", "openface"):
        save_landmarks(tmp_path / "t.parquet", clips, columns=columns, labels=["a", "b", "c"])
        assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups > 1
        assert load_landmarks(tmp_path / "t.parquet").labels.tolist() == ["a", "b", "c"]
