"""Tables of landmarks: save_landmarks and load_landmarks."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sklearn_temo import make_temo_pipeline
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.extraction import ClipLandmarks, _table_files, load_landmarks, save_landmarks

FORMATS = ("parquet", "npz", "csv")


def make_clip(source="a.mp4", n_frames=3, n_landmarks=468, seed=0):
    rng = np.random.default_rng(seed)
    return ClipLandmarks(
        landmarks=rng.normal(size=(n_frames, n_landmarks, 3)).astype(np.float32),
        detected=rng.random(n_frames) < 0.5,
        times=np.sort(rng.random(n_frames)),
        fps=29.97,
        size=(480, 360),
        source=source,
    )


@pytest.fixture
def clips():
    """Three clips; the second has a frame without a face, the third an unknown frame rate."""
    one, two, three = (make_clip(name, seed=i) for i, name in enumerate(("a", "b", "ü/č 💡.mp4")))
    two.landmarks[1] = np.nan
    return [one, two, replace(three, fps=np.nan)]


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    return tmp_path / f"landmarks.{request.param}"


def assert_holds(table, clips):
    np.testing.assert_array_equal(table.data, np.stack([c.landmarks.ravel() for c in clips]))
    np.testing.assert_array_equal(table.times, np.stack([c.times for c in clips]))
    np.testing.assert_array_equal(table.detected, np.stack([c.detected for c in clips]))
    assert table.sources.tolist() == [c.source for c in clips]
    assert table.data.dtype == np.float32
    assert table.data.flags.c_contiguous
    assert (table.n_frames, table.n_landmarks) == clips[0].landmarks.shape[:2]


def test_saved_clips_are_loaded(path, clips):
    save_landmarks(path, clips)
    assert_holds(load_landmarks(path), clips)
    assert list(path.parent.iterdir()) == [path]


def test_irises_and_single_pictures(path):
    clips = [make_clip(str(i), n_frames=1, n_landmarks=478, seed=i) for i in range(3)]
    save_landmarks(str(path), clips)
    assert_holds(load_landmarks(str(path)), clips)


def test_skipped_clips_are_left_out(path, clips):
    skipped = replace(clips[0], source="bad", error="does not play")
    save_landmarks(path, [skipped, *clips])
    assert_holds(load_landmarks(path), clips)
    with pytest.raises(ValueError, match="none of the 2 clips has landmarks"):
        save_landmarks(path, [skipped, skipped])


def test_repeated_clips_stay_separate(path, clips):
    save_landmarks(path, [clips[0], clips[0], clips[1], clips[0]])
    assert_holds(load_landmarks(path), [clips[0], clips[0], clips[1], clips[0]])


def test_columns_of_both_formats(tmp_path, clips):
    save_landmarks(tmp_path / "t.parquet", clips)
    frame = pd.read_parquet(tmp_path / "t.parquet")
    others = ["source", "frame", "time", "detected", "width", "height", "fps"]
    assert frame.columns[:7].tolist() == others
    assert frame.columns[7:].tolist() == [f"p{p:03d}_{a}" for p in range(468) for a in "xyz"]
    assert set(frame.dtypes.iloc[7:]) == {np.dtype("float32")}
    row = frame[(frame.source == "b") & (frame.frame == 2)].iloc[0]
    assert row.p467_y == clips[1].landmarks[2, 467, 1]
    assert (row.time, row.detected) == (clips[1].times[2], clips[1].detected[2])
    assert (row.width, row.height, row.fps) == (480, 360, 29.97)
    save_landmarks(tmp_path / "t.npz", clips)
    with np.load(tmp_path / "t.npz", allow_pickle=False) as archive:
        assert archive.files == [*others, "landmarks"]
        for name in others:
            np.testing.assert_array_equal(archive[name], frame[name].to_numpy())


@pytest.mark.parametrize("n_rows", [1, 4, 7])
def test_parquet_row_groups_are_small(tmp_path, monkeypatch, clips, n_rows):
    monkeypatch.setattr(_table_files, "_ROWS_AT_A_TIME", n_rows)
    save_landmarks(tmp_path / "t.parquet", clips)
    metadata = pq.read_metadata(tmp_path / "t.parquet")
    assert metadata.num_row_groups > 1
    assert all(metadata.row_group(i).num_rows <= n_rows for i in range(metadata.num_row_groups))
    assert_holds(load_landmarks(tmp_path / "t.parquet"), clips)


def test_tables_edited_with_pandas_are_loaded(tmp_path, clips):
    path = tmp_path / "t.parquet"
    save_landmarks(path, clips)
    frame = pd.read_parquet(path)
    frame["emotion"] = "anger"
    frame["p1_x"] = 0.5
    frame["source"] = frame["source"].astype("category")
    frame["p000_x"] = frame["p000_x"].astype(float)
    frame = frame[frame["source"] != "a"][frame.columns[::-1]]
    frame.to_parquet(path)
    assert_holds(load_landmarks(path), clips[1:])


def test_clips_of_unequal_length_can_be_saved_but_not_loaded(path):
    save_landmarks(path, [make_clip("a", 2), make_clip("b", 2), make_clip("c", 5)])
    with pytest.raises(
        ValueError, match=r"row 6 is frame 2 of 'c', but every clip must have 2 frames"
    ):
        load_landmarks(path)


def test_missing_or_unordered_frames(tmp_path, clips):
    path = tmp_path / "t.parquet"
    save_landmarks(path, clips)
    frame = pd.read_parquet(path)
    frame.drop(index=4).to_parquet(path)
    with pytest.raises(ValueError, match=r"row 4 is frame 2 of 'b'.*keep all frames"):
        load_landmarks(path)
    frame.drop(index=3).to_parquet(path)
    with pytest.raises(ValueError, match="row 3 is frame 1 of 'b'"):
        load_landmarks(path)
    frame.sort_values("frame").to_parquet(path)
    with pytest.raises(ValueError, match="row 3 is frame 1 of 'a'"):
        load_landmarks(path)
    frame[:-1].to_parquet(path)
    with pytest.raises(ValueError, match=r"row 7 is frame 1 of .* must have 3 frames"):
        load_landmarks(path)
    frame[:0].to_parquet(path)
    with pytest.raises(ValueError, match="it has no rows"):
        load_landmarks(path)


@pytest.mark.parametrize("column", ["source", "frame", "time", "detected", "p000_x", "p467_z"])
def test_parquet_file_without_a_column(tmp_path, clips, column):
    path = tmp_path / "t.parquet"
    save_landmarks(path, clips)
    pd.read_parquet(path).drop(columns=column).to_parquet(path)
    with pytest.raises(ValueError, match=f"cannot be read as a table .*KeyError: .*{column}"):
        load_landmarks(path)


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        ("landmarks", lambda values: values.astype(str), "'landmarks' must hold numbers"),
        ("landmarks", lambda values: values[:, :, :2], r"landmarks must have the shape \(n_rows"),
        ("landmarks", lambda values: values[:-1], r"landmarks must have the shape .* with 9 rows"),
        ("landmarks", np.ravel, r"landmarks must have the shape \(n_rows"),
        ("time", lambda values: values[:-1], r"the column 'time' must have the shape \(9,\)"),
    ],
)
def test_npz_archive_of_wrong_shapes(tmp_path, clips, column, change, message):
    path = tmp_path / "t.npz"
    save_landmarks(path, clips)
    with np.load(path) as archive:
        np.savez(path, **{**archive, column: change(archive[column])})
    with pytest.raises(ValueError, match=message):
        load_landmarks(path)


@pytest.mark.parametrize("column", ["source", "frame", "time", "detected", "landmarks"])
def test_npz_archive_without_a_column(tmp_path, clips, column):
    path = tmp_path / "t.npz"
    save_landmarks(path, clips)
    with np.load(path) as archive:
        np.savez(path, **{name: archive[name] for name in archive.files if name != column})
    with pytest.raises(ValueError, match=f"cannot be read as a table .*KeyError: .*{column}"):
        load_landmarks(path)


def test_columns_of_the_wrong_kind(tmp_path, clips):
    path = tmp_path / "t.parquet"
    save_landmarks(path, clips)
    frame = pd.read_parquet(path)
    for column, values in (("detected", None), ("frame", 0.5), ("source", 3), ("p005_y", "left")):
        frame.assign(**{column: values}).to_parquet(path)
        with pytest.raises(ValueError, match=f"the column '{column}' must hold"):
            load_landmarks(path)


def test_damaged_and_other_files(path, clips):
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        load_landmarks(path)
    save_landmarks(path, clips)
    whole = path.read_bytes()
    middle = len(whole) // 2
    broken = (b"", b"source,frame\n", whole[:middle], whole[:4], b"\x93NUMPY" + whole)
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path.name}' cannot be read as a table"):
            load_landmarks(path)
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="cannot be read as a table"):
        load_landmarks(path)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_interrupted_write_leaves_the_old_table(path, clips, monkeypatch, interruption):
    save_landmarks(path, clips)

    def fail(*arguments):
        raise interruption

    # The last step before the new file replaces the old one.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(interruption):
            save_landmarks(path, clips[:1])
    assert list(path.parent.iterdir()) == [path]
    assert_holds(load_landmarks(path), clips)


def test_existing_table_is_replaced(path, clips):
    save_landmarks(path, clips)
    save_landmarks(path, clips[:1])
    assert_holds(load_landmarks(path), clips[:1])


def test_file_names_that_are_not_utf_8(path):
    name = os.fsdecode(b"\xe9t\xe9/\xff\xfe.mp4")
    save_landmarks(path, [make_clip(name), make_clip("é.mp4")])
    assert load_landmarks(path).sources.tolist() == [name, "é.mp4"]


def test_paths_that_cannot_be_written(tmp_path, clips):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").touch()
    for place, error, message in (
        ("t.txt", ValueError, r"must end in \.parquet, \.npz or \.csv"),
        ("parquet", ValueError, r"must end in \.parquet, \.npz or \.csv"),
        ("folder.npz", IsADirectoryError, "is a folder"),
        ("none/t.npz", FileNotFoundError, "cannot be written .No such file"),
        ("file/t.npz", NotADirectoryError, "cannot be written .Not a directory"),
        # Even root cannot write there.
        ("/proc/t.npz", OSError, "/proc/t.npz' cannot be written"),
    ):
        with pytest.raises(error, match=message):
            save_landmarks(tmp_path / place, clips)


def test_without_pyarrow(tmp_path, clips, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path = tmp_path / "t.parquet"
    for use in (lambda: save_landmarks(path, clips), lambda: load_landmarks(path)):
        with pytest.raises(ImportError, match=r"pip install 'sklearn-temo\[parquet\]'"):
            use()
    save_landmarks(tmp_path / "t.npz", clips)
    assert_holds(load_landmarks(tmp_path / "t.npz"), clips)


def test_loaded_table_fits_the_pipeline(path):
    made = make_expression_clips(n_clips=14, n_frames=2, n_subjects=2, random_state=0)
    faces = made.layout.unflatten(made.data)
    clips = [replace(make_clip(str(i), 2), landmarks=face) for i, face in enumerate(faces)]
    save_landmarks(path, clips)
    table = load_landmarks(path)
    pipe = make_temo_pipeline(landmarks="passthrough", n_frames=table.n_frames, random_state=0)
    aligner = pipe.named_steps["align"]
    np.testing.assert_array_equal(
        aligner.fit_transform(table.data), aligner.fit_transform(made.data)
    )


def test_csv_is_read_by_pandas(tmp_path, clips):
    save_landmarks(tmp_path / "t.csv", clips)
    frame = pd.read_csv(tmp_path / "t.csv", float_precision="round_trip")
    assert frame.columns[:4].tolist() == ["source", "frame", "time", "detected"]
    assert frame.detected.dtype == bool
    read = frame.filter(regex="^p").to_numpy().astype(np.float32).reshape(3, -1)
    np.testing.assert_array_equal(read, np.stack([clip.landmarks.ravel() for clip in clips]))
    assert frame.fps.isna().tolist() == [False] * 6 + [True] * 3
    # Edited, and saved by a spreadsheet with a byte order mark.
    frame["emotion"] = "anger"
    frame[frame.columns[::-1]].to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    assert_holds(load_landmarks(tmp_path / "t.csv"), clips)


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_csv_keeps_every_float32(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, size=(2, 468, 3), dtype=np.uint32)
    values = bits.view(np.float32).copy()
    values[~np.isfinite(values)] = np.nan
    save_landmarks(tmp_path / "t.csv", [replace(make_clip(n_frames=2), landmarks=values)])
    np.testing.assert_array_equal(load_landmarks(tmp_path / "t.csv").data, values.reshape(1, -1))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r1", "'=1", "''x", 'a,\n"b'])
def test_names_in_a_csv_file_are_no_formulas(tmp_path, name):
    path = tmp_path / "t.csv"
    save_landmarks(path, [make_clip(name, n_frames=1)])
    assert not pd.read_csv(path).source[0].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert load_landmarks(path).sources.tolist() == [name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-1], "the file is truncated"),
        (lambda text: text[:-3], "the file is truncated"),
        (lambda text: "", "the file is empty"),
        (lambda text: text + "a,0\n", "line 11 has 2 cells, but the header has 1411"),
        (
            lambda text: text.replace("True", "yes"),
            "'detected' must hold true or false, but .* 'yes'",
        ),
        (lambda text: text.replace(",", ";"), "no column 'source'; cells must be separated"),
        (lambda text: text.replace("p467_z", "q"), "no column 'p467_z'"),
        (
            lambda text: text.replace("a,0,", "a,first,"),
            "line 2: the column 'frame' must hold whole numbers",
        ),
    ],
)
def test_damaged_csv(tmp_path, clips, change, message):
    path = tmp_path / "t.csv"
    save_landmarks(path, clips)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=f"cannot be read as a table .*{message}"):
        load_landmarks(path)
