import matplotlib as mpl
import numpy as np
import pytest
from sklearn.utils import Bunch

from sklearn_temo import __version__, demo
from sklearn_temo.cli import main
from sklearn_temo.datasets import load_cremad_sample

LENGTHS = (56, 61, 70)


@pytest.fixture
def windows():
    """Clip, first frame and number of frames of the clip, for all windows of three clips."""
    n_windows = [length - demo.N_FRAMES + 1 for length in LENGTHS]
    clip = np.repeat(np.arange(len(LENGTHS)), n_windows)
    start = np.concatenate([np.arange(n) for n in n_windows])
    return clip, start, np.array(LENGTHS)[clip]


def n_frames_between(clip, start, one_side, other_side):
    """Smallest number of frames between a window of one side and a window of the other side."""
    same_clip = clip[one_side][:, None] == clip[other_side]
    distance = np.abs(start[one_side][:, None] - start[other_side])
    return distance[same_clip].min() - demo.N_FRAMES


def test_training_and_test_windows_are_two_frames_apart(windows):
    clip, start, n_frames = windows
    train, test, _ = demo.split_in_time(start, n_frames)
    assert set(clip[train]) == set(clip[test]) == set(clip)
    assert n_frames_between(clip, start, train, test) >= 2


def test_fitted_and_validated_windows_of_a_fold_are_two_frames_apart(windows):
    clip, start, n_frames = windows
    train, _, folds = demo.split_in_time(start, n_frames)
    assert len(folds) == 3
    for fit, validation in folds:
        assert set(clip[fit]) == set(clip[validation]) == set(clip)
        assert set(fit) | set(validation) <= set(train)
        assert n_frames_between(clip, start, fit, validation) >= 2


def test_demo_prints_scores_regions_recall_and_limits_and_writes_the_picture(
    tmp_path, monkeypatch, capsys
):
    sample = load_cremad_sample()
    two_clips = Bunch(data=sample.data[:2], target=sample.target[:2])
    monkeypatch.setattr(demo, "load_cremad_sample", lambda: two_clips)
    monkeypatch.setattr(demo, "KS", (32,))
    monkeypatch.setattr(demo, "MAX_EPOCHS", 2)
    monkeypatch.setattr(demo, "N_SYNTHETIC", 28)
    with mpl.rc_context():
        demo.run_demo(tmp_path / "output")
    printed = capsys.readouterr().out
    for text in (
        "2 emotions, chance 0.50",
        "T-EMO         32 ",
        "RBF SVM       32 ",
        "<- chosen",
        "disgust    ",
        "On 28 synthetic clips, 223 of 468 landmarks move",
        "six recordings of one actor",
    ):
        assert text in printed
    picture = tmp_path / "output" / "landmark_relevance.png"
    assert str(picture) in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"sklearn-temo {__version__}\n"


def test_demo_command_passes_the_output_folder(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(demo, "run_demo", folders.append)
    assert main(["demo", "--output", str(tmp_path / "here")]) == 0
    assert folders == [tmp_path / "here"]


def test_a_folder_that_cannot_hold_the_picture_is_an_error_before_the_demo_starts(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(demo, "load_cremad_sample", None)
    (tmp_path / "landmark_relevance.png").mkdir()
    with mpl.rc_context(), pytest.raises(IsADirectoryError, match="landmark_relevance"):
        demo.run_demo(tmp_path)
