"""Command line ``sklearn-temo live``."""

from pathlib import Path

import numpy as np
import pytest

import sklearn_temo.cli._live
import sklearn_temo.live
from sklearn_temo.cli import main
from sklearn_temo.cli._models import GivenModel
from sklearn_temo.live import LiveSummary
from tests.test_live_run import Constant, read_table


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Empty working directory, and a model of rows."""
    monkeypatch.chdir(tmp_path)
    model = Constant()

    def read(place):
        if place != "model.skops":
            raise FileNotFoundError(f"{place!r}: no such file")
        return GivenModel(place, model, None, model)

    monkeypatch.setattr(sklearn_temo.cli._live, "read_model", read)
    return tmp_path


def test_predictions_of_a_video_are_written(here, cremad_paths, cremad_frames, capfd):
    options = ["--source", cremad_paths[0], "--headless", "--window", "1", "--engine", "litert"]
    assert main(["live", "--model", "model.skops", "--out", "out.csv", *options]) == 0
    output, errors = capfd.readouterr()
    assert output == ""
    lines = errors.splitlines()
    n_frames = len(cremad_frames[0])
    assert lines[0].endswith(" s: 0.0 s of a window of 1 s")
    assert lines[1].endswith(" s: lively 0.75")
    assert lines[-2].startswith(f"{n_frames} frames in ")
    assert f", 0 dropped, a face in {n_frames}, a prediction for " in lines[-2]
    assert lines[-1] == "wrote out.csv"
    assert len(read_table("out.csv")) == 1 + n_frames
    assert [path.name for path in here.iterdir()] == ["out.csv"]


def test_nothing_is_written_without_out(here, write_video, capfd, monkeypatch):
    frames = [np.full((48, 64, 3), 9, np.uint8)] * 3
    path = write_video(frames)
    options = ["--source", str(path), "--headless", "--quiet"]
    assert main(["live", "--model", "model.skops", *options]) == 0
    line, advice = capfd.readouterr().err.splitlines()
    assert line.startswith("3 frames in ")
    assert advice == (
        "no prediction: the source lasts 0.1 s, which is less than the window of 2 s; pass a "
        "shorter --window"
    )
    assert [each.name for each in here.iterdir()] == [path.name]


def test_frames_far_apart_are_named_as_the_reason_of_no_prediction(here, write_video, capfd):
    path = write_video([np.full((48, 64, 3), 9, np.uint8)] * 3, ticks=[0, 1000, 2000])
    options = ["--source", str(path), "--headless", "--quiet", "--window", "1.5"]
    assert main(["live", "--model", "model.skops", *options]) == 0
    assert capfd.readouterr().err.splitlines()[1] == (
        "no prediction: the frames are 1 s apart, which is more than half of the window of 1.5 s; "
        "pass a longer --window"
    )


def test_options_reach_the_predictor(here, monkeypatch):
    calls = []

    def run(predictor, source, **options):
        calls.append((predictor, source, options))
        return LiveSummary(0, 0, 0, 0, 0.0, 0.0, signal=15)

    monkeypatch.setattr(sklearn_temo.live, "run_live", run, raising=False)
    options = "--source 3 --window 1.5 --smoothing 0 --reference start --region 1,2,30,40"
    assert main(["live", "--model", "model.skops", *options.split(), "--engine", "litert"]) == 143
    ((predictor, source, given),) = calls
    assert source == "3"
    assert given == {"show": True, "out": None, "verbose": 1}
    assert (predictor.window, predictor.smoothing, predictor.reference) == (1.5, 0, "start")
    assert predictor.extractor_.region == (1, 2, 30, 40)
    assert predictor.extractor_.engine == "litert"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--source 0", "required: --model"),
        ("--model gone.skops", "'gone.skops': no such file"),
        ("--model model.skops --source gone.mp4", "'gone.mp4': no such file"),
        ("--model model.skops --out out.avi", "'out.avi' must end in .csv or .mp4"),
        ("--model model.skops --window 0", "'window' parameter of LivePredictor"),
        ("--model model.skops --region 1,2", "expected LEFT,TOP,RIGHT,BOTTOM"),
        ("--model model.skops --region 3,2,1,4", "with left < right"),
        ("--model model.skops --engine other", "invalid choice: 'other'"),
    ],
)
def test_invalid_arguments_exit_with_2(here, capfd, arguments, message):
    with pytest.raises(SystemExit) as refused:
        main(["live", *arguments.split()])
    assert refused.value.code == 2
    output, errors = capfd.readouterr()
    assert output == ""
    (line,) = errors.splitlines()
    assert line.startswith("sklearn-temo live: error: ")
    assert message in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "clip.mp4", "--headless"], "stopped: 'clip.mp4': cannot be read as a video"),
        (["--source", "/dev/video-none", "--headless"], "'/dev/video-none' cannot be read"),
        (["--source", "clip.mp4"], "no window can be opened"),
    ],
)
def test_failing_sources_and_windows_exit_with_4(here, capfd, monkeypatch, options, message):
    monkeypatch.delenv("DISPLAY", raising=False)
    Path("clip.mp4").write_text("text")
    assert main(["live", "--model", "model.skops", "--out", "out.csv", *options]) == 4
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line
    assert not Path("out.csv").exists()


def test_interrupt_before_the_first_frame(here, monkeypatch, capfd):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sklearn_temo.live, "run_live", interrupt)
    assert main(["live", "--model", "model.skops"]) == 130
    assert capfd.readouterr().err == "interrupted before the first frame\n"


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["live", "--help"])
    text = capsys.readouterr().out
    for code in ("0", "2", "4", "130"):
        assert f"\n  {code:4} " in text
    assert "example:\n  sklearn-temo live --model" in text
