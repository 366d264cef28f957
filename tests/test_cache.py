"""The cache of landmarks: keys, damage, interrupted writes."""

import os
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo.extraction._cache import entry_path, read_entry, write_entry
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._landmarks import ExtractionSettings, FoundLandmarks

SETTINGS = ExtractionSettings(n_frames=4, window=None, model_digest="model")


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(3, 478, 3)).astype(np.float32)
    landmarks[1] = np.nan
    times, repeats, size = np.array([0.0, 0.5, 1.0]), np.array([1, 2, 1]), np.array([480, 360])
    return FoundLandmarks(landmarks, times, repeats, 29.97, size)


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
    assert read_entry(entry, "clip 0") is None
    assert not entry.parent.exists()
    write_entry(entry, found)
    assert_same(read_entry(entry, "clip 0"), found)
    assert files(tmp_path) == [entry]


def test_unknown_frame_rate_is_read_as_nan(entry, found):
    write_entry(entry, replace(found, fps=np.nan))
    assert np.isnan(read_entry(entry, "clip 0").fps)


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
        {"mediapipe_version": "9.9"},
        {"format_version": 99},
    ]
    names = {name(cremad_paths[0], replace(SETTINGS, **changes)) for changes in different}
    same = name(cremad_paths[0], replace(SETTINGS, model_path=Path("copy.task")))
    assert same == name(cremad_paths[0])
    assert len(names | {same}) == len(different) + 1


def test_all_damage_is_noticed(entry, found):
    write_entry(entry, found)
    whole = entry.read_bytes()
    broken = [b"", b"no zip", whole[:100], whole[: len(whole) // 2], whole[:-1], bytes(len(whole))]
    rng = np.random.default_rng(0)
    for place in [*rng.integers(len(whole), size=300), *range(60), *range(-60, 0)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.integers(8)
        broken.append(bytes(flipped))
    n_noticed = 0
    for content in broken:
        entry.write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read = read_entry(entry, "clip 0")
        if read is None:
            (warning,) = caught
            assert str(entry) in str(warning.message)
            n_noticed += 1
        else:
            # Some bytes of a zip file have no effect, for example dates.
            assert_same(read, found)
    assert n_noticed > 300


def test_pickles_are_not_loaded(entry):
    entry.parent.mkdir(parents=True)
    np.savez(entry, landmarks=np.array({"code": print}, dtype=object))
    with pytest.warns(UserWarning, match="clip 0: extracted again, because .* is damaged"):
        assert read_entry(entry, "clip 0") is None


def test_failed_write_leaves_no_file(entry, found, monkeypatch):
    def full(file, **arrays):
        file.write(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"abc.npz' cannot be written \(No space left on device\)"):
        write_entry(entry, found)
    assert files(entry.parent) == []


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
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
        write_entry(Path({str(entry)!r}), FoundLandmarks(empty, empty, empty, 1.0, empty))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert run.returncode == -9
    assert read_entry(entry, "clip 0") is None
