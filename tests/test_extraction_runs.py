"""Extraction of many clips: processes, the cache, clips that cannot be used."""

import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest
from joblib import Memory, parallel_config
from PIL import Image
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_temo import FaceLandmarkTransformer, make_temo_pipeline
from sklearn_temo.extraction import SkippedClipsWarning, load_landmarks, save_landmarks
from sklearn_temo.mesh import model_path


@pytest.fixture(scope="module")
def rows(cremad_paths):
    return FaceLandmarkTransformer(n_frames=2).transform(cremad_paths)


@pytest.fixture(scope="module")
def no_face():
    return np.zeros((48, 64, 3), np.uint8)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.npz"))


def test_processes_and_order_do_not_change_landmarks(rows, cremad_paths, cremad_frames):
    transformer = FaceLandmarkTransformer(n_frames=2, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    np.testing.assert_array_equal(transformer.transform(cremad_paths[::-1]), rows[::-1])
    mixed = [cremad_frames[0], Path(cremad_paths[1]), cremad_paths[0]]
    np.testing.assert_array_equal(transformer.transform(mixed), rows[[0, 1, 0]])
    sources = [clip.source for clip in transformer.extract(cremad_paths)]
    assert sources == cremad_paths


def test_threading_backend(rows, cremad_paths):
    with parallel_config(backend="threading", n_jobs=3):
        found = FaceLandmarkTransformer(n_frames=2).transform(cremad_paths)
    np.testing.assert_array_equal(found, rows)


class ClipCallback:
    """Callback that calls a function at the end of each clip."""

    def __init__(self, function):
        self.function = function

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "extract-clip":
            self.function()


def test_arrays_are_not_written_to_disk_for_processes(tmp_path, monkeypatch, cremad_frames):
    # By default joblib maps large arrays into files.
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    large = cremad_frames[0][:4]
    assert large.nbytes > 2e6
    sizes = []
    callback = ClipCallback(
        lambda: sizes.extend(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    )
    transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=2).set_callbacks(callback)
    transformer.fit_transform([large, large, large])
    assert max(sizes, default=0) < 1e5


def test_killed_workers_lose_no_clip(cremad_paths):
    n_done = 0

    def kill_workers_once():
        nonlocal n_done
        n_done += 1
        if n_done == 2:
            for process in psutil.Process().children():
                if "popen_loky" in " ".join(process.cmdline()):
                    process.kill()

    transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=2)
    transformer.set_callbacks(ClipCallback(kill_workers_once))
    X = transformer.fit_transform(cremad_paths * 2)
    assert n_done == 12
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X[:6], X[6:])


class DeadlyFrames(np.ndarray):
    """Frames that abort the process that receives them."""

    def __reduce__(self):
        return os.abort, ()


def test_clip_that_kills_its_process_is_the_only_one_lost(cremad_frames):
    clips = [frames[:2] for frames in cremad_frames]
    clips[3] = clips[3].view(DeadlyFrames)
    transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=2, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        X = transformer.transform(clips)
    assert np.isnan(X[:, 0]).tolist() == [False, False, False, True, False, False]
    (skipped,) = transformer.report_.skipped
    assert skipped.reason.startswith("clip 3 (array of shape")
    assert "the process that read it died" in skipped.reason


def test_clips_of_image_files(tmp_path, cremad_frames):
    clips = []
    for number, frames in enumerate(cremad_frames[:2]):
        folder = tmp_path / "images" / str(number)
        folder.mkdir(parents=True)
        clips.append(tuple(folder / f"{i}.png" for i in range(3)))
        for path, frame in zip(clips[-1], frames, strict=False):
            Image.fromarray(frame).save(path)
    X = FaceLandmarkTransformer(n_frames=2).transform([frames[:3] for frames in cremad_frames[:2]])
    settings = {"n_frames": 2, "memory": str(tmp_path / "cache")}
    transformer = FaceLandmarkTransformer(**settings, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(clips), X)
    assert len(entries(tmp_path / "cache")) == 2
    np.testing.assert_array_equal(transformer.transform(clips), X)
    assert transformer.report_.n_cached == 2
    assert [clip.source for clip in transformer.extract(clips)] == [
        f"{frames[0]} ... 2.png" for frames in clips
    ]
    clips[0][2].write_bytes(b"damaged")
    skipping = FaceLandmarkTransformer(**settings, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        np.testing.assert_array_equal(np.isnan(skipping.transform(clips)[:, 0]), [True, False])
    (skipped,) = skipping.report_.skipped
    assert skipped.source == f"{clips[0][0]} ... 2.png"
    assert "clip 0 (" in skipped.reason
    assert f"frame 2 ({str(clips[0][2])!r})" in skipped.reason


@pytest.mark.parametrize("kind", [str, Path, Memory])
def test_memory_is_a_folder_or_a_joblib_memory(kind, tmp_path, rows, cremad_paths):
    memory = kind(tmp_path) if kind is not Memory else Memory(tmp_path, verbose=0)
    transformer = FaceLandmarkTransformer(n_frames=2, memory=memory)
    np.testing.assert_array_equal(transformer.fit_transform(cremad_paths[:2]), rows[:2])
    assert transformer.report_.n_cached == 0
    np.testing.assert_array_equal(transformer.transform(cremad_paths[:3]), rows[:3])
    assert transformer.report_.n_cached == 2
    assert len(entries(tmp_path / "face_landmarks")) == 3


def test_entries_are_reused_with_other_postprocessing(tmp_path, cremad_paths):
    FaceLandmarkTransformer(n_frames=2, memory=tmp_path).transform(cremad_paths[:2])
    for other in ({"n_landmarks": 478}, {"on_missing": "nan"}, {"on_error": "skip-with-nan"}):
        transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path, **other)
        transformer.transform(cremad_paths[:2])
        assert transformer.report_.n_cached == 2


def test_memory_without_a_location_writes_nothing(tmp_path, monkeypatch, cremad_paths):
    monkeypatch.chdir(tmp_path)
    FaceLandmarkTransformer(n_frames=1, memory=Memory(None)).transform(cremad_paths[:1])
    assert not list(tmp_path.iterdir())


def test_cached_clips_need_neither_mediapipe_nor_processes(
    tmp_path, monkeypatch, rows, cremad_paths
):
    FaceLandmarkTransformer(n_frames=2, memory=tmp_path).transform(cremad_paths)

    def refuse(*args, **kwargs):
        raise AssertionError("not needed")

    monkeypatch.setattr("mediapipe.Image", refuse)
    monkeypatch.setattr("joblib.Parallel.__call__", refuse)
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_damaged_entry_is_extracted_again_with_a_warning(tmp_path, rows, cremad_paths, n_jobs):
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path, n_jobs=n_jobs)
    transformer.transform(cremad_paths)
    damaged = entries(tmp_path)[2]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=f"extracted again, because .*{damaged.name}' is damaged"):
        np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    assert transformer.report_.n_cached == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    assert transformer.report_.n_cached == 6


def test_two_processes_share_a_cache(tmp_path, rows, cremad_paths):
    program = f"""
        from sklearn_temo import FaceLandmarkTransformer
        from sklearn_temo.datasets import load_cremad_sample
        transformer = FaceLandmarkTransformer(n_frames=2, memory={str(tmp_path)!r})
        print(float(transformer.transform(load_cremad_sample().data).astype(float).sum()))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = [float(process.communicate()[0]) for process in both]
    assert sums == [rows.astype(float).sum()] * 2
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path)
    np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    assert transformer.report_.n_cached == 6
    assert all(path.suffix == ".npz" for path in tmp_path.rglob("*") if path.is_file())


def test_grid_search_extracts_each_clip_once(tmp_path, cremad_paths, monkeypatch):
    import mediapipe

    # Started before images are counted: the start processes one.
    FaceLandmarkTransformer(n_frames=1).transform(cremad_paths[:1])
    image, n_detected = mediapipe.Image, []

    def count(*args):
        n_detected.append(1)
        return image(*args)

    monkeypatch.setattr(mediapipe, "Image", count)
    pipeline = make_pipeline(
        FaceLandmarkTransformer(n_frames=1, memory=tmp_path), KNeighborsClassifier(1)
    )
    search = GridSearchCV(
        pipeline, {"kneighborsclassifier__p": [1, 2]}, cv=StratifiedKFold(2), refit=True
    )
    search.fit(cremad_paths, [0, 1] * 3)
    assert len(n_detected) == 6


def test_pipeline_sets_memory_and_n_jobs(tmp_path):
    landmarks = make_temo_pipeline(memory=tmp_path, n_jobs=2)["landmarks"]
    assert (landmarks.memory, landmarks.n_jobs) == (tmp_path, 2)
    mine = FaceLandmarkTransformer(memory="elsewhere", n_jobs=3)
    landmarks = make_temo_pipeline(memory=tmp_path, n_jobs=2, landmarks=mine)["landmarks"]
    assert (landmarks.memory, landmarks.n_jobs) == ("elsewhere", 3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_skipped_clips_are_nan_and_reported(tmp_path, rows, cremad_paths, n_jobs):
    text = tmp_path / "notes.mp4"
    text.write_text("these are no pictures")
    black = np.zeros((48, 64, 3), np.uint8)
    clips = [cremad_paths[0], text, tmp_path / "nowhere.mp4", None, black, cremad_paths[1]]
    transformer = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan", n_jobs=n_jobs)
    with pytest.warns(SkippedClipsWarning) as caught:
        X = transformer.fit_transform(clips)
    assert len(caught) == 1
    np.testing.assert_array_equal(X[[0, 5]], rows[:2])
    assert np.isnan(X[1:5]).all()
    report = transformer.report_
    assert caught[0].message.report is report
    assert [clip.index for clip in report.skipped] == [1, 2, 3, 4]
    assert [clip.source for clip in report.skipped] == [
        str(text),
        str(tmp_path / "nowhere.mp4"),
        "clip 3",
        "clip 4",
    ]
    for clip, reason in zip(
        report.skipped, ["cannot be read", "no such file", "NoneType", "no face"], strict=True
    ):
        assert f"clip {clip.index}" in clip.reason
        assert reason in clip.reason
    assert "2 of 6 clips extracted" in str(report)
    assert "a face in 4 of 5 frames" in str(report)
    assert report.n_frames_seen == (2, 0, 0, 0, 1, 2)
    assert report.n_frames_with_face == (2, 0, 0, 0, 0, 2)
    assert str(pickle.loads(pickle.dumps(caught[0].message))) == str(caught[0].message)


def test_extract_returns_the_error_of_skipped_clips(cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=3, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        good, bad = transformer.extract([cremad_paths[0], "nowhere.mp4"])
    assert good.error is None
    assert "no such file" in bad.error
    assert bad.landmarks.shape == (3, 468, 3)
    assert np.isnan(bad.landmarks).all()
    assert np.isnan(bad.times).all()
    assert not bad.detected.any()


def test_all_clips_may_be_skipped():
    skipping = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        assert np.isnan(skipping.transform(["nowhere.mp4"])).all()
    with (
        pytest.warns(SkippedClipsWarning),
        pytest.raises(ValueError, match="at least one clip must be usable"),
    ):
        skipping.set_params(n_frames=None).transform(["nowhere.mp4"])


@pytest.mark.parametrize("bad", [None, [], "clip.mp4", {"clip": "clip.mp4"}, Path("clip.mp4")])
def test_invalid_list_of_clips_is_an_error_even_when_skipping(bad):
    with pytest.raises((TypeError, ValueError), match="clips "):
        FaceLandmarkTransformer(on_error="skip-with-nan").transform(bad)


def test_unusable_model_and_memory_are_never_skipped(tmp_path, cremad_paths):
    (tmp_path / "bad.task").write_bytes(b"nothing")
    skipping = FaceLandmarkTransformer(n_frames=1, on_error="skip-with-nan")
    with pytest.raises(ValueError, match="cannot use the model file"):
        skipping.set_params(model_path=tmp_path / "bad.task").transform(cremad_paths[:1])
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        skipping.set_params(model_path=None, memory=tmp_path / "file").transform(cremad_paths[:1])


def test_memory_that_is_a_file(tmp_path, cremad_paths):
    (tmp_path / "file").write_text("no folder")
    transformer = FaceLandmarkTransformer(n_frames=1, memory=tmp_path / "file")
    with pytest.raises(NotADirectoryError, match=r"Not a directory"):
        transformer.transform(cremad_paths[:2])


def test_memory_that_cannot_be_written(cremad_paths):
    # Even root cannot write there.
    transformer = FaceLandmarkTransformer(n_frames=1, memory="/proc/kept")
    message = "the cache '/proc/kept/face_landmarks' cannot be created .*set memory to a folder"
    with pytest.raises(OSError, match=message):
        transformer.transform(cremad_paths[:1])


def test_read_only_cache_can_be_read(tmp_path, rows, cremad_paths, monkeypatch):
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path)
    transformer.transform(cremad_paths[:1])

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    np.testing.assert_array_equal(transformer.transform(cremad_paths[:1]), rows[:1])
    with pytest.warns(UserWarning, match="its landmarks are not cached: .*Permission denied"):
        np.testing.assert_array_equal(transformer.transform(cremad_paths[1:2]), rows[1:2])


def test_report_counts_frames_with_a_face(tmp_path, cremad_frames):
    clip = cremad_frames[0][:4].copy()
    clip[[1, 2]] = 0
    for _ in range(2):
        transformer = FaceLandmarkTransformer(n_frames=4, memory=tmp_path)
        transformer.transform([clip, cremad_frames[0][:2]])
        assert transformer.report_.n_frames_seen == (4, 2)
        assert transformer.report_.n_frames_with_face == (2, 2)


def test_clips_before_an_error_are_cached(tmp_path, cremad_paths):
    text = tmp_path / "notes.mp4"
    text.write_text("these are no pictures")
    with pytest.raises(ValueError, match=r"clip 2 \(.*notes\.mp4'\): cannot be read"):
        FaceLandmarkTransformer(n_frames=1, memory=tmp_path).transform([*cremad_paths[:2], text])
    assert len(entries(tmp_path)) == 2


def test_sampling_all_interpolates_at_even_times(cremad_frames):
    clip = cremad_frames[0][:9].copy()
    (every,) = FaceLandmarkTransformer(n_frames=None).extract([clip])
    (resampled,) = FaceLandmarkTransformer(n_frames=4, sampling="all").extract([clip])
    np.testing.assert_allclose(resampled.times, [0, 8 / 3, 16 / 3, 8])
    for landmark, axis in [(0, 0), (13, 1), (467, 2)]:
        expected = np.interp(resampled.times, every.times, every.landmarks[:, landmark, axis])
        np.testing.assert_allclose(resampled.landmarks[:, landmark, axis], expected, rtol=1e-4)
    assert resampled.detected.all()
    clip[5] = 0
    (bridged,) = FaceLandmarkTransformer(n_frames=4, sampling="all").extract([clip])
    assert bridged.detected.tolist() == [True, True, False, True]
    np.testing.assert_allclose(bridged.landmarks[2], resampled.landmarks[2], atol=3)


def test_sampling_all_ignores_rounding_of_times(write_video, cremad_frames):
    frames = list(cremad_frames[0][:7].copy())
    frames[3] = np.zeros_like(frames[3])
    path = write_video(frames, ticks=range(0, 280, 40))
    transformer = FaceLandmarkTransformer(n_frames=10, sampling="all", on_missing="nan")
    (found,) = transformer.extract([path])
    # Sample 6 is at frame 4, but its position is computed as 3.9999999, and frame 3 has no face.
    assert found.detected.tolist() == [i not in (4, 5) for i in range(10)]
    assert np.isfinite(found.landmarks).all(axis=(1, 2)).tolist() == found.detected.tolist()


def test_sampling_window(cremad_paths):
    (clip,) = FaceLandmarkTransformer(n_frames=3, sampling=(0.5, 1.0)).extract(cremad_paths[:1])
    np.testing.assert_allclose(clip.times, [0.5, 0.75, 1.0], atol=0.04)
    (clip,) = FaceLandmarkTransformer(n_frames=2, sampling=(-0.2, None)).extract(cremad_paths[:1])
    (whole,) = FaceLandmarkTransformer(n_frames=2).extract(cremad_paths[:1])
    assert clip.times[1] == whole.times[1]
    assert clip.times[0] == pytest.approx(whole.times[1] - 0.2, abs=0.04)
    with pytest.raises(ValueError, match=r"clip 0 \(.*no frame lies inside"):
        FaceLandmarkTransformer(sampling=(60, None)).transform(cremad_paths[:1])
    with pytest.raises(ValueError, match="the start before the stop"):
        FaceLandmarkTransformer(sampling=(2, 1)).fit(cremad_paths)


def test_numpy_numbers_find_the_same_entries(tmp_path, cremad_frames):
    clips = [cremad_frames[0][:3]]
    plain = FaceLandmarkTransformer(n_frames=2, sampling=(0, 2)).transform(clips)
    settings = {"n_frames": np.int64(2), "sampling": (np.int64(0), np.float32(2))}
    cached = FaceLandmarkTransformer(memory=tmp_path, **settings)
    np.testing.assert_array_equal(cached.transform(clips), plain)
    found = FaceLandmarkTransformer(n_frames=2, sampling=(0, 2), memory=tmp_path)
    np.testing.assert_array_equal(found.transform(clips), plain)
    assert found.report_.n_cached == 1


def test_n_cached_counts_entries_that_existed_before_the_run(tmp_path, cremad_paths, no_face):
    twin = tmp_path / "twin.flv"
    twin.write_bytes(Path(cremad_paths[1]).read_bytes())
    settings = {"n_frames": 1, "memory": tmp_path / "kept", "on_error": "skip-with-nan"}
    first, *_ = cremad_paths
    transformer = FaceLandmarkTransformer(**settings)
    with pytest.warns(SkippedClipsWarning):
        transformer.transform([first, first, no_face])
    assert transformer.report_.n_cached == 0
    # The clip without a face is cached, but cannot be used.
    with pytest.warns(SkippedClipsWarning):
        transformer.transform([first, no_face, first, cremad_paths[1], twin])
    assert transformer.report_.n_cached == 2
    assert "4 of 5 clips extracted, 2 from the cache" in str(transformer.report_)


def test_paths_may_begin_with_the_home_folder(tmp_path, monkeypatch, rows, cremad_paths):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(elsewhere)
    home.mkdir()
    (home / "clip.flv").write_bytes(Path(cremad_paths[0]).read_bytes())
    (home / "mine.task").write_bytes(model_path().read_bytes())
    transformer = FaceLandmarkTransformer(n_frames=2, memory="~/kept", model_path="~/mine.task")
    for clip in ("~/clip.flv", Path("~/clip.flv")):
        (found,) = transformer.extract([clip])
        np.testing.assert_array_equal(found.landmarks.ravel(), rows[0])
        assert found.source == str(clip)
    assert len(entries(home / "kept")) == 1
    save_landmarks("~/t.npz", [found])
    assert load_landmarks("~/t.npz").sources.tolist() == ["~/clip.flv"]
    assert (home / "t.npz").is_file()
    assert not list(elsewhere.iterdir())
    # A folder that is really called ~ takes precedence.
    (elsewhere / "~").mkdir()
    (elsewhere / "~" / "clip.flv").write_bytes(Path(cremad_paths[1]).read_bytes())
    np.testing.assert_array_equal(transformer.transform(["~/clip.flv"]), rows[1:2])


def test_warnings_point_to_the_line_of_the_user(tmp_path, cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=1, memory=tmp_path, on_error="skip-with-nan")
    for call in (transformer.transform, transformer.fit_transform, transformer.extract):
        with pytest.warns(SkippedClipsWarning) as caught:
            call(["nowhere.mp4"])
        assert [warning.filename for warning in caught] == [__file__]
    transformer.transform(cremad_paths[:1])
    (entry,) = entries(tmp_path)
    entry.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="is damaged") as caught:
        transformer.transform(cremad_paths[:1])
    assert [warning.filename for warning in caught] == [__file__]
