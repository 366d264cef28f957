"""The folder that `memory` names, after a change of the working directory and in copies."""

import os
import pickle
import stat
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_temo import FaceLandmarkTransformer, IGLandmarkSelector, TEMOClassifier

ESTIMATORS = [FaceLandmarkTransformer, IGLandmarkSelector]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Working directory in which `memory` is set."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def go_away(tmp_path, monkeypatch):
    """Function that changes the working directory to an empty folder, and returns it."""

    def go_away():
        folder = tmp_path / "away"
        folder.mkdir()
        monkeypatch.chdir(folder)
        return folder

    return go_away


@pytest.fixture
def clip(cremad_frames):
    return [cremad_frames[0][:1]]


def make_selector(memory):
    temo = TEMOClassifier(max_epochs=1, hidden_size=4)
    return IGLandmarkSelector(
        temo, n_baselines=1, n_steps=2, tol=9.0, random_state=0, memory=memory
    )


def set_in_constructor(memory):
    return FaceLandmarkTransformer(n_frames=1, memory=memory)


def set_by_set_params(memory):
    return FaceLandmarkTransformer(n_frames=1, memory="other").set_params(memory=memory)


def set_as_attribute(memory):
    transformer = FaceLandmarkTransformer(n_frames=1)
    transformer.memory = memory
    return transformer


def joblib_memory(path):
    return joblib.Memory(path, verbose=0)


@pytest.mark.parametrize("make", [set_in_constructor, set_by_set_params, set_as_attribute])
@pytest.mark.parametrize("kind", [str, Path, joblib_memory])
def test_a_relative_folder_is_that_of_the_directory_in_which_it_was_set(
    make, kind, home, go_away, clip
):
    transformer = make(kind("cache"))
    away = go_away()
    for copy in (clone(clone(transformer)), clone(make_pipeline(transformer))[0], transformer):
        copy.transform(clip)
    assert transformer.report_.n_cached == 1
    assert len(list((home / "cache" / "face_landmarks").rglob("*.npz"))) == 1
    assert not os.listdir(away)


@pytest.mark.parametrize("kind", [str, Path, joblib_memory, lambda path: joblib_memory(Path(path))])
def test_a_relative_folder_of_the_selector(kind, home, go_away, aligned):
    selector = make_selector(kind("cache"))
    away = go_away()
    for copy in (selector, clone(selector)):
        copy.fit(*aligned)
    assert len(list((home / "cache").rglob("output.pkl"))) == 1
    assert not os.listdir(away)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", [str, Path, joblib_memory])
def test_an_estimator_unpickled_elsewhere_has_no_memory(estimator, kind, home, go_away):
    saved = pickle.dumps(make_pipeline(estimator(memory=kind("cache"))))
    away = go_away()
    with pytest.warns(UserWarning, match="set memory again") as caught:
        (loaded,) = pickle.loads(saved).named_steps.values()
    assert len(caught) == 1
    assert f"{estimator.__name__}: memory=" in str(caught[0].message)
    assert repr(str(home / "cache")) in str(caught[0].message)
    assert loaded.memory is None
    assert clone(loaded).memory is None
    assert loaded.set_params(memory="new")._cache_folder() == away / "new"


def test_the_warning_points_at_the_line_that_loads(home, go_away):
    joblib.dump(make_pipeline(FaceLandmarkTransformer(memory="cache")), home / "pipe.joblib")
    go_away()
    with pytest.warns(UserWarning, match="set memory again") as caught:
        joblib.load(home / "pipe.joblib")
    assert caught[0].filename == __file__


def test_an_estimator_unpickled_elsewhere_writes_nothing(home, go_away, clip, aligned):
    saved = pickle.dumps([set_in_constructor("cache"), make_selector("cache")])
    away = go_away()
    with pytest.warns(UserWarning, match="set memory again"):
        transformer, selector = pickle.loads(saved)
    transformer.transform(clip)
    selector.fit(*aligned)
    assert not os.listdir(away)
    assert not os.listdir(home)


def test_a_home_folder_is_that_in_which_memory_was_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "one"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "one"))
    transformer = FaceLandmarkTransformer(memory="~/cache")
    saved = pickle.dumps(transformer)
    monkeypatch.setenv("HOME", str(tmp_path / "two"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "two"))
    assert transformer._cache_folder() == tmp_path / "one" / "cache"
    with pytest.warns(UserWarning, match="set memory again"):
        assert pickle.loads(saved).memory is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("memory", [None, "", "cache", joblib.Memory(None)])
def test_an_estimator_unpickled_in_the_same_folder_keeps_its_memory(estimator, memory, home):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = pickle.loads(pickle.dumps(estimator(memory=memory)))
    assert str(loaded.memory) == str(memory)
    assert loaded._memory_folder == (str(home / "cache") if memory == "cache" else None)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_absolute_folder_is_kept_everywhere(estimator, home, go_away):
    saved = pickle.dumps(estimator(memory=home / "cache"))
    go_away()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.loads(saved)._cache_folder() == home / "cache"


def test_parameters_are_stored_unchanged(home):
    memory = Path("cache")
    for estimator in ESTIMATORS:
        assert estimator(memory=memory).get_params()["memory"] is memory


def test_new_folders_of_the_selector_are_private(tmp_path, aligned):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    for memory in (shared, shared / "new"):
        make_selector(memory).fit(*aligned)
    made = [shared / "joblib", shared / "new", shared / "new" / "joblib"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_relative_and_absolute_folders_share_entries(home, clip):
    first = FaceLandmarkTransformer(n_frames=1, memory="cache")
    second = FaceLandmarkTransformer(n_frames=1, memory=home / "cache")
    np.testing.assert_array_equal(first.transform(clip), second.transform(clip))
    assert second.report_.n_cached == 1
