"""The cache of landmarks: keys, damage, interrupted writes."""

import os
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction._cache import entry_path, open_cache, read_entry, write_entry
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._landmarks import ExtractionSettings, FoundLandmarks

SETTINGS = ExtractionSettings(n_frames=4, window=None, model_digest="model")


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(3, 478, 3)).astype(np.float32)
    landmarks[1] = np.nan
    times, repeats, size = np.array([0.0, 0.5, 1.0]), np.array([1, 2, 1]), np.array([480, 360])
    return FoundLandmarks(landmarks, times, repeats, 29.97, size, np.array([False, False, True]))


@pytest.fixture
def entry(tmp_path):
    return tmp_path / "cache" / "ab" / "abc.npz"


@pytest.fixture
def name(tmp_path):
    """Function that gives the file name of the entry of a clip."""

    def name(clip, settings=SETTINGS):
        return entry_path(tmp_path, check_clips([clip])[0], settings).name

    return name


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_same(one: FoundLandmarks, other: FoundLandmarks) -> None:
    for field, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, field))
        assert np.asarray(value).dtype == np.asarray(getattr(other, field)).dtype


def test_written_entry_is_read(entry, found, tmp_path):
    assert read_entry(entry, 4, "clip 0") is None
    assert not entry.parent.exists()
    write_entry(entry, found)
    assert_same(read_entry(entry, 4, "clip 0"), found)
    assert files(tmp_path) == [entry]


def test_unknown_frame_rate_is_read_as_nan(entry, found):
    write_entry(entry, replace(found, fps=np.nan))
    assert np.isnan(read_entry(entry, 4, "clip 0").fps)


def test_key_is_the_content_of_a_file_not_its_name(name, tmp_path, cremad_paths):
    copy = tmp_path / "другое имя.mp4"
    copy.write_bytes(Path(cremad_paths[0]).read_bytes())
    assert name(cremad_paths[0]) == name(copy) != name(cremad_paths[1])
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert name(cremad_paths[0]) != name(copy)


def test_key_is_the_content_and_shape_of_an_array(name):
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    view = frames[:, ::-1]
    assert name(frames) == name(frames.copy())
    assert name(view) == name(view.copy())
    assert len({name(clip) for clip in (frames, view, frames.reshape(2, 6, 4, 3))}) == 3


def test_key_is_the_content_of_all_images_in_order(name, tmp_path):
    paths = [tmp_path / file for file in ("a.png", "b.png", "c.png", "moved.png")]
    for path, content in zip(paths, (b"1", b"2", b"3", b"2"), strict=True):
        path.write_bytes(content)
    a, b, c, moved = paths
    assert name((a, b, c)) == name((a, moved, c))
    others = [(a, c, b), (a, b), (a,), a, (a, b, c, c)]
    assert len({name(clip) for clip in [(a, b, c), *others]}) == 6


def test_key_depends_on_all_settings_but_the_path_of_the_model(name, cremad_paths):
    different = [
        {"model_digest": "other"},
        {"n_frames": 5},
        {"n_frames": None},
        {"window": (0.0, None)},
        {"window": (None, 0.0)},
        {"engine_version": "9.9"},
        {"engine": "litert"},
        {"format_version": 99},
    ]
    names = {name(cremad_paths[0], replace(SETTINGS, **changes)) for changes in different}
    same = name(cremad_paths[0], replace(SETTINGS, model_path=Path("copy.task")))
    assert same == name(cremad_paths[0])
    assert len(names | {same}) == len(different) + 1


def test_entries_of_mediapipe_from_before_there_were_engines_are_found(name):
    settings = ExtractionSettings(
        n_frames=4,
        window=(0.0, None),
        model_digest="model",
        engine_version="1.2.2",
        region=(0, 0, 2, 2),
    )
    expected = "cfdde7c38a87280494941224c79f94242f151562e329689d8f578f8902f14128.npz"
    assert name(np.zeros((1, 2, 2, 3), np.uint8), settings) == expected


def damaged_bits(content):
    """The content with one bit changed, for 600 random bits and those near its ends."""
    near_the_ends = [*range(8 * 40), *range(8 * (len(content) - 40), 8 * len(content))]
    for bit in [*near_the_ends, *np.random.default_rng(0).integers(8 * len(content), size=600)]:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_all_damage_is_noticed(entry, found):
    write_entry(entry, found)
    whole = entry.read_bytes()
    truncated = [whole[:length] for length in (0, 20, 100, len(whole) // 2, len(whole) - 1)]
    others = [b"no zip", bytes(len(whole)), whole + b"?"]
    for content in [*truncated, *others, *damaged_bits(whole)]:
        entry.write_bytes(content)
        with pytest.warns(UserWarning, match="clip 0: extracted again, .* is damaged") as caught:
            assert read_entry(entry, 4, "clip 0") is None
        (warning,) = caught
        assert str(entry) in str(warning.message)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("landmarks", np.full((3, 478, 3), np.inf, np.float32)),
        ("landmarks", np.where(np.arange(3) == 1, np.nan, np.ones((3, 478, 3), np.float32))),
        ("landmarks", np.ones((3, 468, 3), np.float32)),
        ("landmarks", np.ones((3, 478, 3))),
        ("times", np.array([0.0, 1.0, 0.5])),
        ("times", np.array([0.0, np.nan, 0.5])),
        ("times", np.array([0.0, 0.5])),
        ("times", np.zeros((3, 1))),
        ("repeats", np.array([1, 0, 3])),
        ("repeats", np.array([-1, 4, 1])),
        ("repeats", np.array([1, 1, 1])),
        ("repeats", np.array([1.0, 2.0, 1.0])),
        ("fps", -25.0),
        ("fps", np.inf),
        ("fps", np.array([25.0])),
        ("size", np.array([-480, 360])),
        ("size", np.array([480, 360, 3])),
    ],
)
def test_impossible_values_are_damage(entry, found, field, value):
    write_entry(entry, replace(found, **{field: value}))
    with pytest.warns(UserWarning, match="is damaged"):
        assert read_entry(entry, 4, "clip 0") is None


def test_missing_and_unknown_arrays_are_damage(entry, found, monkeypatch):
    savez = np.savez
    for change in (lambda arrays: arrays.pop("size"), lambda arrays: arrays.update(more=1)):

        def save(file, change=change, **arrays):
            change(arrays)
            savez(file, **arrays)

        monkeypatch.setattr(np, "savez", save)
        write_entry(entry, found)
        with pytest.warns(UserWarning, match="is damaged"):
            assert read_entry(entry, 4, "clip 0") is None


def test_repeats_of_all_frames_are_ones(entry, found):
    write_entry(entry, found)
    with pytest.warns(UserWarning, match="is damaged"):
        assert read_entry(entry, None, "clip 0") is None
    write_entry(entry, replace(found, repeats=np.ones(3, dtype=int)))
    assert read_entry(entry, None, "clip 0") is not None


def test_an_entry_that_may_not_be_read_is_named(tmp_path):
    # A folder in place of the file cannot be read by any user.
    with pytest.raises(IsADirectoryError, match=r"clip 3: its cache entry .* set memory to"):
        read_entry(tmp_path, 4, "clip 3")


def test_pickles_are_not_loaded(entry):
    entry.parent.mkdir(parents=True)
    np.savez(entry, landmarks=np.array({"code": print}, dtype=object))
    with pytest.warns(UserWarning, match="clip 0: extracted again, because .* is damaged"):
        assert read_entry(entry, 4, "clip 0") is None


def test_failed_write_leaves_no_file(entry, found, monkeypatch):
    def full(file, **arrays):
        file.write(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"abc.npz' cannot be written \(No space left on device\)"):
        write_entry(entry, found)
    assert files(entry.parent) == []


def test_process_killed_while_writing_leaves_no_entry(entry):
    program = f"""
        import os, signal
        from pathlib import Path
        import numpy as np
        from sklearn_temo.extraction._cache import write_entry
        from sklearn_temo.extraction._landmarks import FoundLandmarks

        def savez(file, **arrays):
            file.write(b"part")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        np.savez = savez
        empty = np.zeros((0, 478, 3), np.float32)
        write_entry(Path({str(entry)!r}), FoundLandmarks(empty, empty, empty, 1.0, empty, empty))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert run.returncode == -9
    assert read_entry(entry, 4, "clip 0") is None


def test_files_of_killed_processes_are_removed_after_a_day(tmp_path):
    folder = tmp_path / "cache" / "ab"
    folder.mkdir(parents=True)
    old, new, other = folder / ".1.unfinished", folder / ".2.unfinished", folder / "abc.npz"
    for path in (old, new, other):
        path.write_bytes(b"part")
    for path in (old, other):
        os.utime(path, (time.time() - 90_000,) * 2)
    open_cache(folder.parent)
    assert files(tmp_path) == [new, other]


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_new_folders_and_entries_are_private(tmp_path, umask, cremad_frames):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    memory = shared / "a" / "b"
    FaceLandmarkTransformer(n_frames=1, memory=memory).transform([cremad_frames[0][:1]])
    (entry,) = files(shared)
    assert rights(entry) == 0o600
    folders = [path for path in shared.rglob("*") if path.is_dir()]
    assert len(folders) == 4
    assert {rights(folder) for folder in folders} == {0o700}
    assert rights(shared) == 0o755


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path, cremad_frames, n_jobs):
    clips = [frames[:1] for frames in cremad_frames[:3]]
    transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=n_jobs)
    expected = transformer.transform(clips)
    (tmp_path / "face_landmarks").symlink_to("/proc")
    transformer.set_params(memory=tmp_path)
    with pytest.warns(UserWarning, match=r"clip \d.*: its landmarks are not cached: .*/") as caught:
        np.testing.assert_array_equal(transformer.transform(clips), expected)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert transformer.report_.n_cached == 0


def test_a_full_disk_keeps_results_and_earlier_entries(tmp_path, cremad_frames, monkeypatch):
    clips = [frames[:1] for frames in cremad_frames[:4]]
    transformer = FaceLandmarkTransformer(n_frames=1, memory=tmp_path)
    expected = FaceLandmarkTransformer(n_frames=1).transform(clips)
    savez = np.savez

    def full(file, **arrays):
        if len(files(tmp_path)) > 2:  # two entries and the one that is being written
            raise OSError(28, "No space left on device")
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="clip 2.*No space left on device.*The run continues") as w:
        np.testing.assert_array_equal(transformer.transform(clips), expected)
    assert len(w) == 1
    monkeypatch.undo()
    np.testing.assert_array_equal(transformer.transform(clips), expected)
    assert transformer.report_.n_cached == 2
    assert len(files(tmp_path)) == 4
