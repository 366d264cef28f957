"""Bundled clips, and clips of folders and CSV files."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.utils import Bunch

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_clip_folder, load_cremad_sample

EMOTIONS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]


def plant(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"clip")
    return root


def relative(paths, root):
    return [Path(path).relative_to(root).as_posix() for path in paths]


def write_csv(root, text, name="clips.csv", encoding="utf-8"):
    path = root / name
    path.write_text(text, encoding=encoding)
    return path


def test_the_sample_has_six_emotions_of_one_actor():
    sample = load_cremad_sample()
    assert isinstance(sample, Bunch)
    assert sample.target.tolist() == EMOTIONS == sample.target_names.tolist()
    assert set(sample.groups) == {"1001"}
    assert sample.data == sample.filenames
    for path, code in zip(sample.data, ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"], strict=True):
        assert Path(path).is_file()
        assert f"_{code}_" in path
    paths, target = load_cremad_sample(return_X_y=True)
    assert paths == sample.data
    np.testing.assert_array_equal(target, sample.target)


def test_the_sample_has_a_description_and_a_licence(cremad_frames):
    sample = load_cremad_sample()
    for text in ("Don't forget a jacket", "1001", "10.1109/TAFFC.2014.2336244", "480 x 360"):
        assert text in sample.DESCR
    for text in ("odbl", "dbcl", "CREMA-D", "Cooper"):
        assert text in sample.license
    lengths = [len(frames) for frames in cremad_frames]
    assert (min(lengths), max(lengths)) == (56, 70)
    assert {frames.shape[1:] for frames in cremad_frames} == {(360, 480, 3)}


def test_a_folder_for_each_class(tmp_path):
    plant(tmp_path, "fear/b.MP4", "fear/a.mp4", "anger/z.png", "anger/notes.txt", "readme.md")
    plant(tmp_path, ".cache/x.mp4", "anger/._z.png", "anger/.thumbs/y.png")
    clips = load_clip_folder(tmp_path)
    assert isinstance(clips, Bunch)
    assert relative(clips.data, tmp_path) == ["anger/z.png", "fear/a.mp4", "fear/b.MP4"]
    assert clips.filenames == clips.data
    assert clips.target.tolist() == ["anger", "fear", "fear"]
    assert clips.target_names.tolist() == ["anger", "fear"]
    assert clips.groups is None
    assert "3 clips of 2 classes" in clips.DESCR
    paths, y = load_clip_folder(tmp_path, return_X_y=True)
    assert paths == clips.data
    np.testing.assert_array_equal(y, clips.target)


def test_the_bunch_of_a_folder_unpacks_into_arrays(tmp_path):
    clips = load_clip_folder(plant(tmp_path, "fear/ann/a.mp4", "anger/bob/b.mp4"))
    paths, y, groups = clips
    np.testing.assert_array_equal(paths[[1, 0]], clips.data[::-1])
    assert y is clips.target
    assert groups is clips.groups
    assert dict(clips).keys() == {*clips.keys()} >= {"data", "target", "groups"}


def test_a_folder_for_each_subject(tmp_path):
    plant(tmp_path, "fear/bob/2/c.mp4", "fear/ann/a.mp4", "anger/bob/b.mp4", "anger/bob/a.mp4")
    paths, y, groups = load_clip_folder(str(tmp_path))
    assert relative(paths, tmp_path) == [
        "anger/bob/a.mp4",
        "anger/bob/b.mp4",
        "fear/ann/a.mp4",
        "fear/bob/2/c.mp4",
    ]
    assert y.tolist() == ["anger", "anger", "fear", "fear"]
    assert groups.tolist() == ["bob", "bob", "ann", "bob"]


def frames(folder, n=12, name="frame{}.png"):
    return [f"{folder}/{name.format(i)}" for i in range(n)]


@pytest.mark.parametrize("name", ["frame{}.png", "S1_001_{:08d}.JPG", "{0}_t{0}.25.tif", "{}0.png"])
def test_numbered_images_below_a_subject_are_one_clip(tmp_path, recwarn, name):
    plant(tmp_path, *frames("anger/ann/1", name=name), *frames("fear/bob/a/2", 3, name))
    plant(tmp_path, "fear/bob/a/times.csv", "fear/bob/clip.mp4", "fear/bob/photos/smile.png")
    paths, y, groups = load_clip_folder(tmp_path)
    assert relative(paths, tmp_path) == [
        "anger/ann/1",
        "fear/bob/a/2",
        "fear/bob/clip.mp4",
        "fear/bob/photos/smile.png",
    ]
    assert y.tolist() == ["anger", "fear", "fear", "fear"]
    assert groups.tolist() == ["ann", "bob", "bob", "bob"]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["frame1.png", "frame2.png", "thumb1.png"], "'thumb1.png' differ in more than numbers"),
        (["1.png", "2.png", "2.jpg"], "differ in more than numbers"),
    ],
)
def test_numbered_images_among_others_are_an_error(tmp_path, names, reason):
    plant(tmp_path, *(f"anger/ann/1/{name}" for name in names))
    with pytest.raises(ValueError, match=f"1': its images are not .*{reason}; remove other"):
        load_clip_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["frame1.png", "frame01.png"], "no number counts the frames"),
        ([f"cam{c}_{i}.png" for c in (1, 2) for i in range(3)], "no number counts the frames"),
        (["shot0.9.png", "shot0.10.png"], "may be decimals"),
        (["a.png", "b.png"], "differ in more than numbers"),
        (["notes.txt", "in/1.png"], "is a folder without image files"),
    ],
)
def test_a_folder_that_is_no_clip_is_refused(tmp_path, names, reason):
    plant(tmp_path / "take", *names)
    with pytest.raises(ValueError, match=rf"clip 0 \('.*take'\): .*{reason}"):
        FaceLandmarkTransformer().fit([tmp_path / "take"])


def test_a_folder_of_frames_equals_the_tuple_of_its_images(tmp_path, cremad_frames):
    for number, frame in zip((2, 10, 1), cremad_frames[0][[20, 40, 0]], strict=True):
        Image.fromarray(frame).save(tmp_path / f"frame{number}.png")
    (tmp_path / ".frame3.png").touch()
    images = tuple(tmp_path / f"frame{number}.png" for number in (1, 2, 10))
    folder, listed = FaceLandmarkTransformer(n_frames=None).extract([str(tmp_path), images])
    assert folder.source == str(tmp_path)
    assert len(folder.landmarks) == 3
    np.testing.assert_array_equal(folder.landmarks, listed.landmarks)


def test_a_csv_file_may_name_folders_of_frames(tmp_path):
    plant(tmp_path, *frames("take"), *frames("empty", 1, "notes{}.txt"))
    paths, _, _ = load_clip_folder(write_csv(tmp_path, "path,label\ntake,fear\n"))
    assert relative(paths, tmp_path) == ["take"]
    with pytest.raises(ValueError, match="line 2: 'empty': is a folder without image files"):
        load_clip_folder(write_csv(tmp_path, "path,label\nempty,fear\n"))


def test_numbered_images_of_a_subject_are_warned_of_once(tmp_path):
    plant(tmp_path, *frames("anger/ann"), *frames("anger/bob"), *frames("fear/ann"))
    with pytest.warns(UserWarning, match="of 3 folders are numbered like the frames") as told:
        clips = load_clip_folder(tmp_path)
    assert len(told) == 1
    assert len(clips.data) == 36
    plant(tmp_path / "other", "anger/ann/IMG_17.png", "anger/ann/IMG_29.png", "fear/ann/a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_clip_folder(tmp_path / "other")


@pytest.mark.parametrize("numbers", [(0, 5, 10), (1, 2, 3, 5, 6, 7), (1000, 1040, 1080, 1120)])
def test_frames_of_a_subject_may_be_missing(tmp_path, numbers):
    plant(tmp_path, *(f"anger/ann/img_{number}.png" for number in numbers), "fear/ann/a.png")
    with pytest.warns(UserWarning, match="1 folders are numbered like the frames of a clip"):
        assert len(load_clip_folder(tmp_path).data) == len(numbers) + 1


@pytest.mark.parametrize(
    "names",
    [
        ("0.5.png", "0.25.png"),
        ("10-01-05.png", "10-01-30.png", "10-02-05.png"),
        ("1.png", "01.png"),
    ],
)
def test_images_without_a_clear_order_are_warned_of(tmp_path, names):
    plant(tmp_path, *(f"anger/ann/take/{name}" for name in names), "fear/ann/a.png")
    with pytest.warns(UserWarning, match="1 folders are numbered.*take.*number the images"):
        assert len(load_clip_folder(tmp_path).data) == len(names) + 1


@pytest.mark.parametrize("video", ["take.mp4", "a.MOV"])
def test_a_video_among_its_frames_is_an_error(tmp_path, video):
    plant(tmp_path, *frames("anger/ann/take"), f"anger/ann/take/{video}")
    with pytest.raises(ValueError, match=f"take' holds '{video}' and the numbered frames"):
        load_clip_folder(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(load_clip_folder(tmp_path, extensions=[".mp4", ".mov"]).data) == 1


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["Anger/ann/1.mp4", "anger/ann/2.mp4"], "classes"),
        (["anger/ann/1.mp4", "anger /ann/2.mp4"], "classes"),
        (["W\u00fcrde/ann/1.mp4", "Wu\u0308rde/ann/2.mp4"], "classes"),
        (["anger/Ann/1.mp4", "fear/ann/1.mp4"], "subjects"),
    ],
)
def test_variants_of_a_name_are_warned_of(tmp_path, names, kind):
    plant(tmp_path / "root", *names)
    with pytest.warns(UserWarning, match=f"{kind} whose names differ only in upper") as told:
        load_clip_folder(tmp_path / "root")
    assert len(told) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,label\na.mp4,fear,joy\n", "more than one column 'label'"),
        ("path,label\na.mp4,fear, high\n", "line 2: there are more cells than the 2"),
        ('path,label\na.mp4,"fear\n', "not a CSV file in UTF-8"),
    ],
)
def test_cells_of_a_csv_file_that_would_be_lost_are_an_error(tmp_path, text, message):
    plant(tmp_path, "a.mp4")
    with pytest.raises(ValueError, match=message):
        load_clip_folder(write_csv(tmp_path, text))


def test_empty_cells_at_the_end_of_a_line_are_ignored(tmp_path):
    plant(tmp_path, "a.mp4")
    assert load_clip_folder(write_csv(tmp_path, "path,label\na.mp4,fear,,\n")).target == ["fear"]


def test_images_of_a_class_are_single_pictures(tmp_path, recwarn):
    plant(tmp_path, *frames("anger"), *frames("fear"))
    assert len(load_clip_folder(tmp_path).data) == 24
    assert not recwarn.list


@pytest.mark.parametrize(
    ("names", "folder", "advice"),
    [
        # One level too deep: subjects become classes.
        (["A/ann/1.mp4", "A/bob/1.mp4", "B/ann/1.mp4", "B/bob/1.mp4"], "A", "B, beside 'A'.*pass"),
        (["A/ann/1.mp4", "A/bob/1.mp4", "B/bob/1.mp4", "B/cem/1.mp4"], "A", "B, beside 'A'.*pass"),
        (["A/ann/1/x.mp4", "B/ann/1/x.mp4", "C/ann/1/x.mp4"], "A", "B, C, beside 'A'.*pass"),
        # One level too high.
        (["data/A/ann/1.mp4", "data/B/ann/1.mp4"], ".", "the only class.*data'"),
        (["x/anger/1.mp4", "x/fear/1.mp4", "y/anger/1.mp4"], ".", "look like classes: anger, fear"),
        (["train/A/1.mp4", "test/A/1.mp4"], ".", "look like parts of a data set; pass one of them"),
        (["fold1/A/a/1.mp4", "fold2/A/a/1.mp4"], ".", "look like parts of a data set"),
        # Subjects that differ between the classes, and classes below the subjects.
        (["A/s1/1.mp4", "A/s2/1.mp4", "B/s3/1.mp4"], "A", "s1, s2. They look like subjects"),
        (["Actor_01/Wut/1.mp4", "Actor_02/Angst/1.mp4"], ".", "Actor_02. They look like subjects"),
    ],
)
def test_classes_at_another_level_are_warned_of(tmp_path, names, folder, advice):
    plant(tmp_path / "root", *names)
    with pytest.warns(UserWarning, match=f"are taken for classes: .*{advice}") as told:
        load_clip_folder(tmp_path / "root" / folder)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (["train/A/1.mp4", "train/B/1.mp4", "test/A/1.mp4", "test/B/1.mp4"], "train"),
        (["cremad/anger/a/1.mp4", "cremad/fear/a/1.mp4", "ckplus/anger/s/1.mp4"], "cremad"),
        (["clips/A/ann/1.mp4", "clips/B/ann/1.mp4", "docs/A.txt", ".old/A/x"], "clips"),
    ],
)
def test_classes_at_the_right_level_are_taken_without_a_warning(tmp_path, recwarn, names, folder):
    plant(tmp_path / "root", *names)
    load_clip_folder(tmp_path / "root" / folder)
    assert not recwarn.list


def test_links_to_folders_are_followed_once(tmp_path):
    plant(tmp_path / "disk", "bob/2/c.mp4", "bob/b.mp4")
    plant(tmp_path / "clips", "fear/ann/a.mp4")
    (tmp_path / "clips" / "anger").symlink_to(tmp_path / "disk")
    # The same folders again: under a second link, and by links to parents.
    (tmp_path / "clips" / "fear" / "bob").symlink_to(tmp_path / "disk" / "bob")
    (tmp_path / "disk" / "bob" / "all").symlink_to(tmp_path / "clips")
    (tmp_path / "clips" / "fear" / "again").symlink_to("../fear")
    paths, y, groups = load_clip_folder(tmp_path / "clips")
    assert y.tolist() == ["anger", "anger", "fear"]
    assert relative(paths, tmp_path / "clips") == [
        "anger/bob/2/c.mp4",
        "anger/bob/b.mp4",
        "fear/ann/a.mp4",
    ]
    assert groups.tolist() == ["bob", "bob", "ann"]


def test_a_folder_is_listed_under_its_own_name_rather_than_a_link(tmp_path):
    plant(tmp_path, "joy/ann/a.mp4", "joy/bob/b.mp4")
    (tmp_path / "all").symlink_to("joy")
    (tmp_path / "joy" / "ann" / "friend").symlink_to("../bob")
    paths = load_clip_folder(tmp_path).data
    assert relative(paths, tmp_path) == ["joy/ann/a.mp4", "joy/bob/b.mp4"]


def test_links_that_branch_do_not_multiply_the_files(tmp_path):
    # Two links in each of 40 folders: 2**40 paths.
    plant(tmp_path, *(f"joy/ann/{i:02d}/a.mp4" for i in range(40)))
    ann = tmp_path / "joy" / "ann"
    for i in range(40):
        for name in ("left", "right"):
            (ann / f"{i:02d}" / name).symlink_to(f"../{(i + 1) % 40:02d}")
    (ann / "b").symlink_to("..")
    (ann / "c").symlink_to("../..")
    paths = load_clip_folder(tmp_path).data
    assert relative(paths, tmp_path) == [f"joy/ann/{i:02d}/a.mp4" for i in range(40)]


def test_an_unreadable_folder_is_an_error(tmp_path, monkeypatch):
    plant(tmp_path, "fear/ann/a.mp4", "fear/bob/a.mp4")
    listdir = os.listdir

    def refuse(folder):
        if Path(folder).name == "bob":
            raise PermissionError(13, "Permission denied", str(folder))
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(PermissionError, match="bob"):
        load_clip_folder(tmp_path)


def test_extensions_select_the_clips(tmp_path):
    plant(tmp_path, "fear/a.mp4", "fear/b.MOV", "fear/c.y4m")
    assert len(load_clip_folder(tmp_path).data) == 2
    assert len(load_clip_folder(tmp_path, extensions=["y4m", ".mov"]).data) == 2
    with pytest.raises(TypeError, match=r"pass \['.mp4'\]"):
        load_clip_folder(tmp_path, extensions=".mp4")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder or CSV file: .*nowhere"):
        load_clip_folder(tmp_path / "nowhere")


def test_a_folder_without_clips_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"no clips .* found no files"):
        load_clip_folder(tmp_path)
    plant(tmp_path, "anger/a.txt", "anger/b.txt", "anger/c.doc")
    with pytest.raises(ValueError, match=r"found 2 \.txt, 1 \.doc; expected class/clip\.mp4"):
        load_clip_folder(tmp_path)


def test_clips_outside_of_class_folders_are_an_error(tmp_path):
    plant(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4", "fear/e.mp4")
    with pytest.raises(ValueError, match=r"4 clips are in .*\(a.mp4, b.mp4, c.mp4, ...\)"):
        load_clip_folder(tmp_path)


def test_groups_of_only_some_clips_are_an_error(tmp_path):
    plant(tmp_path, "fear/ann/a.mp4", "fear/b.mp4")
    with pytest.raises(ValueError, match=r"1 of the 2 clips of .* have no group .*b.mp4"):
        load_clip_folder(tmp_path)


def test_a_csv_file(tmp_path):
    plant(tmp_path, "clips/a.mp4", "clips/b, c.mp4", "clips/ü.mp4")
    table = 'label,path,group,rater\nfear,clips/ü.mp4,ann,1\nanger,"clips/b, c.mp4",bob,2\n'
    # Spreadsheets write a byte order mark.
    paths, y, groups = load_clip_folder(write_csv(tmp_path, table, encoding="utf-8-sig"))
    assert relative(paths, tmp_path) == ["clips/ü.mp4", "clips/b, c.mp4"]
    assert y.tolist() == ["fear", "anger"]
    assert groups.tolist() == ["ann", "bob"]


def test_a_csv_file_without_groups_and_with_absolute_paths(tmp_path):
    plant(tmp_path, "a.mp4")
    table = write_csv(tmp_path, f"path,label\n{tmp_path / 'a.mp4'},fear\n\n")
    paths, y, groups = load_clip_folder(table)
    assert paths.tolist() == [str(tmp_path / "a.mp4")]
    assert y.tolist() == ["fear"]
    assert groups is None


def test_missing_columns_of_a_csv_file_are_named(tmp_path):
    table = write_csv(tmp_path, "file,label\na.mp4,fear\n")
    with pytest.raises(
        ValueError, match=r"columns \['file', 'label'\]: its first line must be path"
    ):
        load_clip_folder(table)
    with pytest.raises(ValueError, match=r"columns \[\]: its first line must be"):
        load_clip_folder(write_csv(tmp_path, ""))


def test_missing_clips_of_a_csv_file_are_named(tmp_path):
    plant(tmp_path, "there.mp4")
    names = ["there.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"]
    table = write_csv(tmp_path, "path,label\n" + "".join(f"{name},fear\n" for name in names))
    with pytest.raises(
        FileNotFoundError,
        match=r"4 of the 5 .* line 3: 'b.mp4', line 4: 'c.mp4', line 5: 'd.mp4', \.\.\.",
    ):
        load_clip_folder(table)


@pytest.mark.parametrize(
    ("row", "column"), [(",fear,ann", "path"), ("a.mp4,,ann", "label"), ("a.mp4,fear", "group")]
)
def test_an_empty_cell_of_a_csv_file_is_an_error(tmp_path, row, column):
    plant(tmp_path, "a.mp4")
    table = write_csv(tmp_path, f"path,label,group\na.mp4,fear,ann\n{row}\n")
    with pytest.raises(ValueError, match=f"line 3: the {column} is empty"):
        load_clip_folder(table)


def test_a_csv_file_without_clips_or_in_another_encoding_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="a header but no clips"):
        load_clip_folder(write_csv(tmp_path, "path,label\n"))
    with pytest.raises(ValueError, match="not a CSV file in UTF-8"):
        load_clip_folder(write_csv(tmp_path, "path,label\nä.mp4,x\n", encoding="latin-1"))


def test_a_repeated_clip_of_a_csv_file_is_an_error(tmp_path):
    plant(tmp_path, "a.mp4", "b.mp4")
    table = write_csv(tmp_path, "path,label\na.mp4,fear\nb.mp4,fear\n./a.mp4,anger\n")
    with pytest.raises(ValueError, match=r"names 1 clips more than once \(.*a\.mp4\)"):
        load_clip_folder(table)
