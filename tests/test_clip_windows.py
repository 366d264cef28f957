"""Clips that are parts of files: ClipWindow and load_clip_list."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, cross_val_predict, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_clip_folder, load_clip_list
from sklearn_temo.extraction import ClipWindow, SkippedClipsWarning


@pytest.fixture(scope="module")
def path(cremad_paths):
    """A clip of 67 frames in 2.2 seconds."""
    return cremad_paths[0]


@pytest.fixture(scope="module")
def times(path):
    """Times of its frames."""
    import av

    with av.open(path) as container:
        return np.array([frame.time for frame in container.decode(video=0)])


@pytest.fixture(scope="module")
def transformer():
    return FaceLandmarkTransformer(n_frames=2)


def test_a_window_equals_the_same_sampling_of_the_whole_file(path, transformer):
    (window,) = transformer.extract([ClipWindow(path, 0.5, 1.0)])
    (expected,) = FaceLandmarkTransformer(n_frames=2, sampling=(0.5, 1.0)).extract([path])
    np.testing.assert_array_equal(window.landmarks, expected.landmarks)
    np.testing.assert_array_equal(window.times, expected.times)
    assert (window.source, window.onset, window.offset) == (path, 0.5, 1.0)
    assert window.name == f"{path} [0.5 s to 1 s]"
    assert (expected.onset, expected.offset, expected.name) == (None, None, path)


@pytest.mark.parametrize("settings", [{"sampling": "all"}, {"sampling": (0.0, 0.2)}, {}])
@pytest.mark.parametrize("n_frames", [3, None])
def test_each_clip_is_read_in_its_own_window(path, times, settings, n_frames):
    clips = [ClipWindow(path, 0.5, 0.7), ClipWindow(path, offset=0.2), ClipWindow(Path(path), 2.0)]
    found = FaceLandmarkTransformer(n_frames=n_frames, **settings).extract(clips)
    for clip, (onset, offset) in zip(found, [(0.5, 0.7), (0.0, 0.2), (2.0, 9.0)], strict=True):
        since_start = times - times[0]
        inside = times[(since_start > onset - 1e-3) & (since_start < offset + 1e-3)]
        if n_frames is None:
            np.testing.assert_allclose(clip.times, inside)
        else:
            np.testing.assert_allclose(clip.times[[0, -1]], inside[[0, -1]])
            assert len(clip.times) == n_frames


def test_read_frames_reads_the_window(path, cremad_frames, transformer):
    frames = transformer.read_frames(ClipWindow(path, 0.0, 0.1))
    np.testing.assert_array_equal(frames, cremad_frames[0][[0, 3]])


def test_windows_of_numbered_images_count_frames(tmp_path, cremad_frames, transformer):
    from PIL import Image

    for number in range(6):
        Image.fromarray(cremad_frames[0][10 * number]).save(tmp_path / f"{number}.png")
    frames = transformer.read_frames(ClipWindow(tmp_path, 2, 5))
    np.testing.assert_array_equal(frames, cremad_frames[0][[20, 50]])


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((0.5, 5), r"clip 0 \('.* \[0.5 s to 5 s\]'\): its part \[0.5 s to 5 s\] ends after "),
        ((5, None), r"\[from 5 s\] ends after the file, which has 67 frames from 0 to 2.2"),
        ((None, 60.0), r"\[to 60 s\] ends after the file"),
        ((0.511, 0.512), r"no frame lies inside its part \[0.511 s to 0.512 s\]; the clip has 67"),
    ],
)
def test_windows_outside_of_the_file_are_an_error(path, transformer, times, message):
    with pytest.raises(ValueError, match=message):
        transformer.transform([ClipWindow(path, *times)])


def test_windows_may_end_when_the_last_frame_ends(path, times, transformer):
    duration = times[-1] - times[0] + np.diff(times).mean()
    (window,) = transformer.extract([ClipWindow(path, 1.0, round(duration, 2))])
    assert window.times[-1] == times[-1]


def test_a_skipped_window_is_named(path, transformer):
    skipping = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        good, bad = skipping.extract([ClipWindow(path, 1), ClipWindow(path, 9)])
    assert good.error is None
    assert (bad.source, bad.onset) == (path, 9)
    assert [clip.source for clip in skipping.report_.skipped] == [f"{path} [from 9 s]"]


def test_cache_entries_of_windows_are_their_own(path, tmp_path):
    cached = FaceLandmarkTransformer(n_frames=2, memory=tmp_path)
    clips = [path, ClipWindow(path, 0.5), ClipWindow(path, 0.5, 1.0), ClipWindow(path)]
    first = cached.transform(clips)
    # The window without times is the whole file.
    np.testing.assert_array_equal(first[3], first[0])
    assert len({row.tobytes() for row in first[:3]}) == 3
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    np.testing.assert_array_equal(cached.transform(clips), first)
    assert cached.report_.n_cached == 4


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a.png"],), TypeError, "must be a str or a path-like, got a list; slice"),
        (("a", "1.5"), TypeError, "onset='1.5' must be a number of seconds or None"),
        (("a", -1), ValueError, "onset=-1 must be a finite number of seconds from 0"),
        (("a", None, np.inf), ValueError, "offset=inf must be a finite number"),
        (("a", 2, 2), ValueError, "offset=2 must be after onset=2"),
        (("a", 2, 0), ValueError, "offset=0 must be after onset=2"),
    ],
)
def test_impossible_windows(arguments, error, message):
    with pytest.raises(error, match=message):
        ClipWindow(*arguments)


def test_a_path_with_times_is_no_window(path):
    with pytest.raises(TypeError, match=r"clip 0: frame 1: .*pass ClipWindow\(path, onset, offset"):
        FaceLandmarkTransformer().transform([(path, 0.5, 1.0)])


def test_windows_are_values():
    window = ClipWindow("a.mp4", np.float32(0.5), np.nan)
    assert window == ClipWindow("a.mp4", 0.5) == pickle.loads(pickle.dumps(window))
    assert len({window, ClipWindow("a.mp4", 0.5), ClipWindow("a.mp4", 0.25)}) == 2
    assert repr(window) == "ClipWindow(path='a.mp4', onset=0.5, offset=None)"
    table = pd.DataFrame({"path": ["a.mp4", "b.mp4"], "onset": [0.5, None], "offset": [None, 2]})
    assert [ClipWindow(*row) for row in table.itertuples(index=False)] == [
        window,
        ClipWindow("b.mp4", offset=2.0),
    ]


def test_windows_are_split_by_scikit_learn(path, transformer):
    clips = [ClipWindow(path, start / 10, start / 10 + 0.5) for start in range(6)]
    train, test = train_test_split(clips, random_state=0, test_size=2)
    assert {*train, *test} == {*clips}
    X = transformer.transform(clips)
    np.testing.assert_array_equal(transformer.transform(np.array(clips)[:2]), X[:2])
    # Each clip is looked up in the rows: the splitter indexes the objects.
    rows = dict(zip(clips, X, strict=True))
    look_up = FunctionTransformer(lambda kept: np.stack([rows[clip] for clip in kept]))
    model = make_pipeline(look_up, KNeighborsClassifier(1))
    y = np.arange(6) % 2
    for form in (clips, np.array(clips)):
        assert len(cross_val_predict(model, form, y, cv=KFold(2, shuffle=True))) == 6


def write_list(folder, text, *names):
    for name in names:
        (folder / name).touch()
    path = folder / "clips.csv"
    path.write_text(text)
    return path


def test_a_list_with_all_columns(tmp_path):
    text = "rater,offset,person,path,onset,label\n1,2.5,ann,a.mp4,0.5,joy\n2,,bob,b.mp4,,fear\n"
    clips = load_clip_list(write_list(tmp_path, text, "a.mp4", "b.mp4"))
    a, b = str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")
    assert clips.data == [ClipWindow(a, 0.5, 2.5), b]
    assert clips.filenames == [a, b]
    assert clips.target.tolist() == ["joy", "fear"]
    assert clips.target_names.tolist() == ["fear", "joy"]
    assert clips.groups.tolist() == ["ann", "bob"]
    array, y, groups = clips
    assert array.tolist() == clips.data
    assert (y.tolist(), groups.tolist()) == (clips.target.tolist(), clips.groups.tolist())
    data, target = load_clip_list(tmp_path / "clips.csv", return_X_y=True)
    assert (data, target.tolist()) == (clips.data, clips.target.tolist())
    assert load_clip_folder(tmp_path / "clips.csv").data == clips.data


def test_only_the_path_is_needed(tmp_path):
    clips = load_clip_list(write_list(tmp_path, "source\na.mp4\n", "a.mp4"))
    assert clips.data == [str(tmp_path / "a.mp4")]
    assert (clips.target, clips.target_names, clips.groups) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("path,onset\na.mp4,soon\n", ValueError, r"line 2: the onset 'soon' is not a number of"),
        ("path,offset\na.mp4,1\na.mp4,0:02\n", ValueError, r"line 3: the offset '0:02' is not"),
        ("path,onset,offset\na.mp4,2,1\n", ValueError, r"line 2: 'a.mp4': offset=1 must be after"),
        ("path,onset\na.mp4,-1\n", ValueError, r"line 2: 'a.mp4': onset=-1.0 must be a finite"),
        ("path,person\na.mp4,\n", ValueError, "line 2: the person is empty"),
        ("path,person,group\na.mp4,b,c\n", ValueError, "column 'group': 'person' and 'group'"),
        ("path,Onset\na.mp4,1\n", ValueError, "has the column 'Onset': write 'onset'"),
        ("file\na.mp4\n", ValueError, "its first line must be path or path,label,group,onset"),
        ("path,onset\na.mp4,1\na.mp4,1.0\n", ValueError, "names 1 clips more than once"),
        ("path,onset\na.mp4,0\na.mp4,\n", ValueError, "names 1 clips more than once"),
        ("path\nb.mp4\n", FileNotFoundError, "1 of the 1 files .* do not exist.*line 2: 'b.mp4'"),
    ],
)
def test_errors_of_a_list_name_the_line_and_the_column(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        load_clip_list(write_list(tmp_path, text, "a.mp4"))


def test_a_list_that_does_not_exist(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(FileNotFoundError, match="no such CSV file"):
            load_clip_list(path)
