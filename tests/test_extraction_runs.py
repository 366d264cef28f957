"""Runs over many clips: processes, the store, clips that cannot be used."""

import os
import pickle
import socket
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
from sklearn_temo.extraction import (
    SkippedClipsWarning,
    _work,
    load_landmarks,
    save_landmarks,
)
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._pool import outcomes
from sklearn_temo.extraction._work import ClipWork
from sklearn_temo.mesh import model_path


@pytest.fixture(scope="module")
def rows(cremad_paths):
    return FaceLandmarkTransformer(n_frames=2).transform(cremad_paths)


@pytest.fixture(scope="module")
def no_face():
    return np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def counted(monkeypatch):
    """Labels of the clips in which faces were looked for, in this process."""
    labels = []
    track_face = _work.track_face

    def track(clip, landmarker, **settings):
        labels.append(clip.label)
        return track_face(clip, landmarker, **settings)

    monkeypatch.setattr(_work, "track_face", track)
    return labels


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.npz"))


def test_processes_and_order_change_nothing(rows, cremad_paths, cremad_frames):
    transformer = FaceLandmarkTransformer(n_frames=2, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    np.testing.assert_array_equal(transformer.transform(cremad_paths[::-1]), rows[::-1])
    mixed = [cremad_frames[0], Path(cremad_paths[1]), cremad_paths[0]]
    np.testing.assert_array_equal(transformer.transform(mixed), rows[[0, 1, 0]])
    sources = [clip.source for clip in transformer.extract(cremad_paths)]
    assert sources == cremad_paths


def test_threads_work_too(rows, cremad_paths):
    with parallel_config(backend="threading", n_jobs=3):
        found = FaceLandmarkTransformer(n_frames=2).transform(cremad_paths)
    np.testing.assert_array_equal(found, rows)


def test_frames_are_not_written_to_disk_on_their_way(tmp_path, monkeypatch, cremad_frames):
    # joblib maps large arrays into files; pictures of faces are not for that.
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    large = cremad_frames[0][:4]
    assert large.nbytes > 2e6
    watch = []

    class Watched(FaceLandmarkTransformer):
        def _task(self, context):
            watch.extend(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
            return super()._task(context)

    Watched(n_frames=1, n_jobs=2).transform([large, large, large])
    assert max(watch, default=0) < 1e5


def test_a_worker_is_killed(cremad_paths):
    clips = list(enumerate(check_clips(cremad_paths * 2)))
    seen = []
    for index, outcome in outcomes(ClipWork(None, 1, None, None), clips, n_jobs=2):
        seen.append(index)
        assert outcome.track is not None
        if len(seen) == 2:
            for process in psutil.Process().children():
                if "popen_loky" in " ".join(process.cmdline()):
                    process.kill()
    assert sorted(seen) == list(range(12))


def test_a_clip_that_kills_its_process_is_named(cremad_paths):
    class Deadly(ClipWork):
        # As if it were typed in at the prompt: sent to the processes as code, not by name.
        __module__ = "__main__"

        def do(self, clip, n_threads=0):
            if "_HAP_" in clip.source:
                os.kill(os.getpid(), 9)
            return super().do(clip, n_threads)

    clips = list(enumerate(check_clips(cremad_paths)))
    found = dict(outcomes(Deadly(None, 1, None, None), clips, n_jobs=2))
    assert sorted(found) == list(range(6))
    for index, outcome in found.items():
        if "_HAP_" in cremad_paths[index]:
            assert outcome.track is None
            assert f"clip {index} (" in str(outcome.error)
            assert "the process that read it died" in str(outcome.error)
        else:
            assert outcome.track is not None


def test_clips_of_image_files_are_read_as_their_frames(tmp_path, cremad_frames, counted):
    clips = []
    for number, frames in enumerate(cremad_frames[:2]):
        folder = tmp_path / "images" / str(number)
        folder.mkdir(parents=True)
        clips.append(tuple(folder / f"{i}.png" for i in range(3)))
        for path, frame in zip(clips[-1], frames, strict=False):
            Image.fromarray(frame).save(path)
    X = FaceLandmarkTransformer(n_frames=2).transform([frames[:3] for frames in cremad_frames[:2]])
    counted.clear()
    settings = {"n_frames": 2, "memory": str(tmp_path / "cache")}
    transformer = FaceLandmarkTransformer(**settings, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(clips), X)
    assert len(entries(tmp_path / "cache")) == 2
    np.testing.assert_array_equal(FaceLandmarkTransformer(**settings).transform(clips), X)
    assert not counted
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
def test_the_store_is_used(kind, tmp_path, rows, cremad_paths, counted):
    memory = kind(tmp_path) if kind is not Memory else Memory(tmp_path, verbose=0)
    transformer = FaceLandmarkTransformer(n_frames=2, memory=memory)
    np.testing.assert_array_equal(transformer.fit_transform(cremad_paths[:2]), rows[:2])
    assert len(counted) == 2
    assert transformer.report_.n_stored == 0
    np.testing.assert_array_equal(transformer.transform(cremad_paths[:3]), rows[:3])
    assert len(counted) == 3
    assert transformer.report_.n_stored == 2
    # What is done after the faces are found needs no new search for them.
    for other in ({"n_landmarks": 478}, {"on_missing": "nan"}, {"on_error": "skip-with-nan"}):
        FaceLandmarkTransformer(n_frames=2, memory=str(tmp_path), **other).transform(
            cremad_paths[:3]
        )
    assert len(counted) == 3
    FaceLandmarkTransformer(n_frames=1, memory=str(tmp_path)).transform(cremad_paths[:1])
    assert len(counted) == 4


def test_a_memory_that_keeps_nothing(tmp_path, monkeypatch, cremad_paths):
    monkeypatch.chdir(tmp_path)
    FaceLandmarkTransformer(n_frames=1, memory=Memory(None)).transform(cremad_paths[:1])
    assert not list(tmp_path.iterdir())


def test_a_full_store_needs_neither_mediapipe_nor_processes(
    tmp_path, monkeypatch, rows, cremad_paths
):
    FaceLandmarkTransformer(n_frames=2, memory=tmp_path).transform(cremad_paths)

    def refuse(*args, **kwargs):
        raise AssertionError("not needed")

    monkeypatch.setattr("sklearn_temo.extraction._landmarker.FaceLandmarker.__enter__", refuse)
    monkeypatch.setattr("sklearn_temo.extraction._pool.Parallel", refuse)
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path, n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_damaged_entry_is_extracted_again(tmp_path, rows, cremad_paths, n_jobs):
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path, n_jobs=n_jobs)
    transformer.transform(cremad_paths)
    damaged = entries(tmp_path)[2]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=f"damaged.* extracted again: .*{damaged.name}"):
        np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    assert transformer.report_.n_stored == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(transformer.transform(cremad_paths), rows)
    assert transformer.report_.n_stored == 6


def test_two_processes_on_one_store_do_each_clip_once(tmp_path, rows, cremad_paths):
    program = f"""
        import numpy as np
        from sklearn_temo import FaceLandmarkTransformer
        from sklearn_temo.datasets import load_cremad_sample
        transformer = FaceLandmarkTransformer(n_frames=2, memory={str(tmp_path)!r})
        X = transformer.transform(load_cremad_sample().data)
        print(transformer.report_.n_stored, float(X.astype(float).sum()))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].split() for process in both]
    assert sum(6 - int(n_stored) for n_stored, _ in answers) == 6
    assert {float(total) for _, total in answers} == {rows.astype(float).sum()}
    assert len(entries(tmp_path)) == 6


def test_a_search_extracts_each_clip_once(tmp_path, cremad_paths, counted):
    pipeline = make_pipeline(
        FaceLandmarkTransformer(n_frames=1, memory=tmp_path), KNeighborsClassifier(1)
    )
    search = GridSearchCV(
        pipeline, {"kneighborsclassifier__p": [1, 2]}, cv=StratifiedKFold(2), refit=True
    )
    search.fit(cremad_paths, [0, 1] * 3)
    assert sorted(counted) == sorted(set(counted))
    assert len(entries(tmp_path)) == 6


def test_the_pipeline_passes_memory_and_processes_on(tmp_path):
    landmarks = make_temo_pipeline(memory=tmp_path, n_jobs=2)["landmarks"]
    assert (landmarks.memory, landmarks.n_jobs) == (tmp_path, 2)
    mine = FaceLandmarkTransformer(memory="elsewhere", n_jobs=3)
    landmarks = make_temo_pipeline(memory=tmp_path, n_jobs=2, landmarks=mine)["landmarks"]
    assert (landmarks.memory, landmarks.n_jobs) == ("elsewhere", 3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_clips_that_cannot_be_used_are_nan(tmp_path, rows, cremad_paths, n_jobs):
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


def test_extract_says_why_there_is_nothing(cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=3, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        good, bad = transformer.extract([cremad_paths[0], "nowhere.mp4"])
    assert good.error is None
    assert "no such file" in bad.error
    assert bad.landmarks.shape == (3, 468, 3)
    assert np.isnan(bad.landmarks).all()
    assert np.isnan(bad.times).all()
    assert not bad.detected.any()


def test_all_clips_may_be_bad():
    skipping = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        assert np.isnan(skipping.transform(["nowhere.mp4"])).all()
    with (
        pytest.warns(SkippedClipsWarning),
        pytest.raises(ValueError, match="how many frames there are, but none can"),
    ):
        skipping.set_params(n_frames=None).transform(["nowhere.mp4"])


@pytest.mark.parametrize("bad", [None, [], "clip.mp4", {"clip": "clip.mp4"}, Path("clip.mp4")])
def test_what_is_no_list_of_clips_is_never_skipped(bad):
    with pytest.raises((TypeError, ValueError), match="clips "):
        FaceLandmarkTransformer(on_error="skip-with-nan").transform(bad)


def test_what_is_not_the_clips_fault_is_never_skipped(tmp_path, cremad_paths, monkeypatch):
    (tmp_path / "bad.task").write_bytes(b"nothing")
    skipping = FaceLandmarkTransformer(n_frames=1, on_error="skip-with-nan")
    with pytest.raises(ValueError, match="cannot use the model file"):
        skipping.set_params(model_path=tmp_path / "bad.task").transform(cremad_paths[:1])
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        skipping.set_params(model_path=None, memory=tmp_path / "file").transform(cremad_paths[:1])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_memory_that_is_a_file_is_named(tmp_path, cremad_paths, n_jobs):
    (tmp_path / "file").write_text("no folder")
    transformer = FaceLandmarkTransformer(n_frames=1, memory=tmp_path / "file", n_jobs=n_jobs)
    message = r"memory='.*file' cannot be used \(Not a directory, .*name a folder that can be"
    with pytest.raises(NotADirectoryError, match=message):
        transformer.transform(cremad_paths[:2])


def test_a_memory_that_cannot_be_written_is_named(cremad_paths):
    # Of the places that even root cannot write to, the one that every Linux has.
    transformer = FaceLandmarkTransformer(n_frames=1, memory="/proc/kept")
    with pytest.raises(OSError, match="memory='/proc/kept' cannot be used"):
        transformer.transform(cremad_paths[:1])


def test_a_memory_that_is_only_read_gives_what_it_has(tmp_path, rows, cremad_paths, monkeypatch):
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path)
    transformer.transform(cremad_paths[:1])
    left = tmp_path / "face_landmarks" / "unfinished" / f"{socket.gethostname()}+{2**22 + 1}+1"
    left.touch()
    left.with_name(".nfs0001").touch()

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    np.testing.assert_array_equal(transformer.transform(cremad_paths[:1]), rows[:1])
    with pytest.raises(PermissionError, match=r"memory=.* cannot be used"):
        transformer.transform(cremad_paths[1:2])


def test_the_report_counts_faces(tmp_path, cremad_frames):
    clip = cremad_frames[0][:4].copy()
    clip[[1, 2]] = 0
    for _ in range(2):
        transformer = FaceLandmarkTransformer(n_frames=4, memory=tmp_path)
        transformer.transform([clip, cremad_frames[0][:2]])
        assert transformer.report_.n_frames_seen == (4, 2)
        assert transformer.report_.n_frames_with_face == (2, 2)


def test_what_was_done_before_an_error_is_kept(tmp_path, cremad_paths):
    text = tmp_path / "notes.mp4"
    text.write_text("these are no pictures")
    with pytest.raises(ValueError, match=r"clip 2 \(.*notes\.mp4'\): cannot be read"):
        FaceLandmarkTransformer(n_frames=1, memory=tmp_path).transform([*cremad_paths[:2], text])
    assert len(entries(tmp_path)) == 2


def test_all_frames_are_looked_at_and_resampled(cremad_frames):
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


def test_a_window_of_time(cremad_paths):
    (clip,) = FaceLandmarkTransformer(n_frames=3, sampling=(0.5, 1.0)).extract(cremad_paths[:1])
    np.testing.assert_allclose(clip.times, [0.5, 0.75, 1.0], atol=0.04)
    (clip,) = FaceLandmarkTransformer(n_frames=2, sampling=(-0.2, None)).extract(cremad_paths[:1])
    (whole,) = FaceLandmarkTransformer(n_frames=2).extract(cremad_paths[:1])
    assert clip.times[1] == whole.times[1]
    assert clip.times[0] == pytest.approx(whole.times[1] - 0.2, abs=0.04)
    with pytest.raises(ValueError, match=r"clip 0 \(.*no frame lies inside"):
        FaceLandmarkTransformer(sampling=(60, None)).transform(cremad_paths[:1])
    with pytest.raises(ValueError, match="must start before it stops"):
        FaceLandmarkTransformer(sampling=(2, 1)).fit(cremad_paths)


def test_numbers_of_numpy_are_numbers_with_memory_too(tmp_path, cremad_frames):
    clips = [cremad_frames[0][:3]]
    plain = FaceLandmarkTransformer(n_frames=2, sampling=(0, 2)).transform(clips)
    settings = {"n_frames": np.int64(2), "sampling": (np.int64(0), np.float32(2))}
    stored = FaceLandmarkTransformer(memory=tmp_path, **settings)
    np.testing.assert_array_equal(stored.transform(clips), plain)
    found = FaceLandmarkTransformer(n_frames=2, sampling=(0, 2), memory=tmp_path)
    np.testing.assert_array_equal(found.transform(clips), plain)
    assert found.report_.n_stored == 1


def test_a_run_that_fails_leaves_no_report_of_another(cremad_frames):
    clips = [cremad_frames[0][:2]]
    transformer = FaceLandmarkTransformer(n_frames=2)
    transformer.transform(clips)
    assert transformer.report_.n_clips == 1
    black = np.zeros((48, 64, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="no face"):
        transformer.transform([*clips, black])
    assert not hasattr(transformer, "report_")


def test_what_the_run_found_itself_is_not_from_the_store(tmp_path, cremad_paths, no_face):
    twin = tmp_path / "twin.flv"
    twin.write_bytes(Path(cremad_paths[1]).read_bytes())
    settings = {"n_frames": 1, "memory": tmp_path / "kept", "on_error": "skip-with-nan"}
    first, *_ = cremad_paths
    transformer = FaceLandmarkTransformer(**settings)
    with pytest.warns(SkippedClipsWarning):
        transformer.transform([first, first, no_face])
    assert transformer.report_.n_stored == 0
    # Of what was there, only what can be used; of what was not, none, however often it comes.
    with pytest.warns(SkippedClipsWarning):
        transformer.transform([first, no_face, first, cremad_paths[1], twin])
    assert transformer.report_.n_stored == 2
    assert "4 of 5 clips extracted, 2 from the store" in str(transformer.report_)


def test_the_home_folder_may_be_written_as_in_a_shell(tmp_path, monkeypatch, rows, cremad_paths):
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
    # What is really called so is what is meant.
    (elsewhere / "~").mkdir()
    (elsewhere / "~" / "clip.flv").write_bytes(Path(cremad_paths[1]).read_bytes())
    np.testing.assert_array_equal(transformer.transform(["~/clip.flv"]), rows[1:2])


def test_warnings_point_at_the_line_that_asked(tmp_path, cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=1, memory=tmp_path, on_error="skip-with-nan")
    for call in (transformer.transform, transformer.fit_transform, transformer.extract):
        with pytest.warns(SkippedClipsWarning) as caught:
            call(["nowhere.mp4"])
        assert [warning.filename for warning in caught] == [__file__]
    transformer.transform(cremad_paths[:1])
    (entry,) = entries(tmp_path)
    entry.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="was damaged") as caught:
        transformer.transform(cremad_paths[:1])
    assert [warning.filename for warning in caught] == [__file__]
