"""The store of landmarks: what it keeps is whole, is what was found, and is nobody else's."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo.extraction import _store
from sklearn_temo.extraction._clip_landmarks import FaceTrack
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._store import DamagedEntry, TrackStore


@pytest.fixture
def track():
    rng = np.random.default_rng(0)
    mesh = rng.normal(size=(3, 478, 3)).astype(np.float32)
    mesh[1] = np.nan
    return FaceTrack(mesh, np.array([0.0, 0.5, 1.0]), np.array([1, 2, 1]), 29.97, (480, 360))


@pytest.fixture
def store(tmp_path):
    return TrackStore(tmp_path / "store", "model", 4, None)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_same(one: FaceTrack, other: FaceTrack) -> None:
    for name in ("mesh", "times", "repeats"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert (one.fps, one.size) == (other.fps, other.size)


def test_what_is_saved_is_loaded(store, track, tmp_path):
    key = "0a" + "1" * 62
    assert store.load(key) is None
    assert not (tmp_path / "store").exists()
    store.save(key, track)
    assert_same(store.load(key), track)
    assert files(tmp_path / "store") == [tmp_path / "store" / "0a" / f"{key}.npz"]


def test_a_rate_that_is_not_known_survives(store, track):
    picture = FaceTrack(track.mesh, track.times, track.repeats, np.nan, (1, 1))
    store.save("f" * 64, picture)
    assert np.isnan(store.load("f" * 64).fps)


def test_entries_go_by_content(store, tmp_path, cremad_paths):
    copy = tmp_path / "другое имя.mp4"
    copy.write_bytes(Path(cremad_paths[0]).read_bytes())
    original, same, other = check_clips([cremad_paths[0], copy, cremad_paths[1]])
    assert store.key(original) == store.key(same) != store.key(other)
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert store.key(original) != store.key(same)


def test_arrays_go_by_content_and_shape(store):
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    turned = frames.reshape(2, 6, 4, 3)
    view = frames[:, ::-1]
    keys = [store.key(clip) for clip in check_clips([frames, frames.copy(), turned, view])]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[3] == store.key(check_clips([view.copy()])[0])


def test_clips_of_images_go_by_the_content_of_all_in_order(store, tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png", "moved.png")]
    for path, content in zip(paths, (b"1", b"2", b"3", b"2"), strict=True):
        path.write_bytes(content)
    a, b, c, moved = paths

    def key(*frames):
        return store.key(check_clips([frames])[0])

    assert key(a, b, c) == key(a, moved, c)
    others = [key(a, c, b), key(a, b), key(a), key(a, b, c, c)]
    assert len({key(a, b, c), store.key(check_clips([a])[0]), *others}) == 6


def test_entries_go_by_everything_else_too(tmp_path, cremad_paths, monkeypatch):
    (clip,) = check_clips(cremad_paths[:1])
    settings = [
        ("model", 4, None),
        ("other", 4, None),
        ("model", 5, None),
        ("model", None, None),
        ("model", 4, (0.0, None)),
        ("model", 4, (None, 0.0)),
    ]
    keys = {TrackStore(tmp_path, *chosen).key(clip) for chosen in settings}
    monkeypatch.setattr(_store, "version", lambda name: "9.9")
    keys.add(TrackStore(tmp_path, *settings[0]).key(clip))
    assert len(keys) == len(settings) + 1


def test_every_kind_of_damage_is_seen(store, track, tmp_path):
    key = "a" * 64
    store.save(key, track)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    broken = [b"", b"no zip", whole[:100], whole[: len(whole) // 2], whole[:-1], bytes(len(whole))]
    rng = np.random.default_rng(0)
    for place in [*rng.integers(len(whole), size=300), *range(60), *range(-60, 0)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.integers(8)
        broken.append(bytes(flipped))
    n_seen = 0
    for content in broken:
        path.write_bytes(content)
        try:
            found = store.load(key)
        except DamagedEntry as error:
            n_seen += str(path) in str(error)
        else:
            # Some bytes of a zip file say nothing: dates, and which system made it.
            assert_same(found, track)
    assert n_seen > 300


def test_an_entry_under_another_name_is_damage(store, track, tmp_path):
    store.save("a" * 64, track)
    (path,) = files(tmp_path)
    path.rename(path.with_name("aa" + "b" * 62 + ".npz"))
    with pytest.raises(DamagedEntry, match="of another clip"):
        store.load("aa" + "b" * 62)


def test_nothing_is_unpickled(store, tmp_path):
    key = "c" * 64
    path = tmp_path / "store" / "cc" / f"{key}.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, key=np.array({"code": print}, dtype=object))
    with pytest.raises(DamagedEntry, match="allow_pickle=False"):
        store.load(key)


def test_a_write_that_fails_leaves_nothing(store, track, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_store.os, "fsync", full)
    message = r"memory=.* cannot be used \(No space left on device, .* or None to keep nothing"
    with pytest.raises(OSError, match=message):
        store.save("d" * 64, track)
    assert files(tmp_path) == []
    assert store.load("d" * 64) is None


def test_killed_while_writing(store, track, tmp_path):
    # It dies between writing and renaming; what it leaves is no entry, and is swept up.
    folder = tmp_path / "store"
    program = f"""
        import os, signal
        import numpy as np
        from pathlib import Path
        from sklearn_temo.extraction import _store
        from sklearn_temo.extraction._clip_landmarks import FaceTrack
        _store.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        mesh = np.zeros((3, 478, 3), np.float32)
        track = FaceTrack(mesh, np.arange(3.), np.ones(3, int), 1., (2, 2))
        _store.TrackStore(Path({str(folder)!r}), "model", 4, None).save("e" * 64, track)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert run.returncode == -9
    assert len(files(folder)) == 1
    assert store.load("e" * 64) is None
    store.sweep()
    assert files(folder) == []


def test_what_others_are_writing_is_left_alone(store, track, tmp_path):
    unfinished = tmp_path / "store" / "unfinished"
    unfinished.mkdir(parents=True)
    mine = unfinished / f"{_store.socket.gethostname()}+{os.getpid()}+1"
    elsewhere = unfinished / "another-machine+1+2"
    forgotten = unfinished / "another-machine+1+3"
    for path in (mine, elsewhere, forgotten):
        path.write_bytes(b"")
    os.utime(forgotten, (0, 0))
    store.sweep()
    assert files(unfinished) == [elsewhere, mine]


def test_one_at_a_time_works_on_a_clip(store):
    held, order = threading.Event(), []

    def other():
        held.wait()
        with store.claimed("a" * 64):
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with store.claimed("a" * 64):
        held.set()
        with store.claimed("b" * 64):
            order.append("another clip meanwhile")
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["another clip meanwhile", "first", "second"]


def test_a_claim_dies_with_its_process(store, tmp_path):
    program = f"""
        import os, signal
        from pathlib import Path
        from sklearn_temo.extraction._store import TrackStore
        with TrackStore(Path({str(tmp_path / "store")!r}), "model", 4, None).claimed("a" * 64):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    with store.claimed("a" * 64):
        pass
