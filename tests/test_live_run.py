"""Live prediction from a source into a window or a file."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

import sklearn_temo.live._run
import sklearn_temo.live._sources
from sklearn_temo import FaceLandmarkTransformer, LivePredictor, run_live
from sklearn_temo.layout import LandmarkLayout
from sklearn_temo.live._overlay import Overlay
from sklearn_temo.live._predictor import LivePrediction
from sklearn_temo.live._sources import camera_device, is_camera
from tests.conftest import decode


class Constant(ClassifierMixin, BaseEstimator):
    """Classifier that always predicts the same."""

    n_features_in_ = LandmarkLayout(4, 468, 3).n_features
    classes_ = np.array(["=calm", "lively"])

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.array([[0.25, 0.75]])


class Blind(LivePredictor):
    """Predictor that looks for no face, and records the frames."""

    def __init__(self, on_update=None):
        super().__init__(Constant(), extractor=FaceLandmarkTransformer(n_frames=4))
        self.frames, self.times, self.on_update = [], [], on_update

    def update(self, pixels, time):
        self.frames.append(pixels)
        self.times.append(time)
        if self.on_update is not None:
            self.on_update()
        landmarks = np.full((468, 3), np.nan, np.float32)
        if len(self.times) == 1:
            return LivePrediction(time, landmarks, False, message="no face")
        landmarks[:] = np.random.default_rng(0).uniform(20, 40, (468, 3))
        probabilities = np.array([0.25, 0.75])
        return LivePrediction(time, landmarks, True, False, probabilities, "lively")

    def __enter__(self):
        return self


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pictures(n, shape=(61, 81, 3)):
    return [(np.full(shape, 7 * i % 256, np.uint8), i / 10) for i in range(n)]


def read_table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_every_frame_of_a_video_is_used_without_a_window(cremad_paths, cremad_frames, here):
    live = Blind()
    summary = run_live(live, cremad_paths[0], show=False)
    np.testing.assert_array_equal(live.frames, cremad_frames[0])
    assert (np.diff(live.times) > 0).all()
    n_frames = len(cremad_frames[0])
    assert (summary.n_frames, summary.n_dropped) == (n_frames, 0)
    assert (summary.n_detected, summary.n_predicted) == (n_frames - 1, n_frames - 1)
    assert summary.seconds == live.times[-1] - live.times[0]
    assert not list(here.iterdir())


def test_frames_that_arrive_too_early_are_dropped_and_counted():
    read = threading.Event()

    def frames():
        yield from pictures(50)
        read.set()

    live = Blind(on_update=read.wait)
    summary = run_live(live, frames(), show=False, newest=True)
    # The first one, perhaps one that arrived before it was used, and the last one.
    assert live.times[-1] == 4.9
    assert summary.n_frames <= 3
    assert summary.n_frames + summary.n_dropped == 50


def test_video_is_read_at_its_own_speed_like_a_camera(write_video):
    path = write_video([np.full((48, 64, 3), i, np.uint8) for i in range(10)])
    live = Blind()
    summary = run_live(live, path, show=False, newest=True)
    assert summary.n_frames + summary.n_dropped == 10
    assert summary.duration >= summary.seconds


def test_camera_is_read_by_the_device_of_the_system(monkeypatch):
    assert camera_device(3) == camera_device("3")
    assert [is_camera(each) for each in (0, "1", "/dev/video2", "./0", "clip.mp4", None)] == [
        *(True, True, True, False, False, False)
    ]
    monkeypatch.setattr(sys, "platform", "linux")
    assert camera_device(3) == ("v4l2", "/dev/video3")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert camera_device(3) == ("avfoundation", "3")
    # FFmpeg's own virtual camera.
    source = ("lavfi", "testsrc=size=320x240:rate=50:duration=0.2")
    monkeypatch.setattr(sklearn_temo.live._sources, "camera_device", lambda camera: source)
    live = Blind()
    summary = run_live(live, 0, show=False)
    assert summary.n_frames + summary.n_dropped == 10
    assert live.frames[0].shape == (240, 320, 3)
    assert live.times[-1] == pytest.approx(0.18)


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("/dev/video-none", OSError, "camera '/dev/video-none' cannot be read .* video file"),
        ("gone.mp4", FileNotFoundError, "^'gone.mp4': no such file"),
        ("text.mp4", ValueError, "^'text.mp4': cannot be read as a video"),
        ("picture.png", ValueError, "^'picture.png': is no video"),
        ([], ValueError, "has no frames"),
    ],
)
def test_unusable_sources(here, source, error, message, newest):
    from PIL import Image

    Path("text.mp4").write_text("text")
    Image.new("RGB", (64, 48)).save("picture.png")
    Path("out.csv").write_text("old")
    with pytest.raises(error, match=message):
        run_live(Blind(), source, show=False, out="out.csv", newest=newest)
    assert Path("out.csv").read_text() == "old"
    assert "sklearn_temo.live" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("out", "error"), [("out.txt", ValueError), ("gone/out.csv", OSError), (".", ValueError)]
)
def test_unusable_places_are_refused_before_the_source_is_read(here, out, error):
    with pytest.raises(error, match="out"):
        run_live(Blind(), iter([]), show=False, out=out)


def test_table_of_predictions(here):
    run_live(Blind(), pictures(3), show=False, out="out.csv")
    assert read_table("out.csv") == [
        ["time", "detected", "doubtful", "label", "probability_=calm", "probability_lively"],
        ["0.000000", "0", "0", "", "", ""],
        ["0.100000", "1", "0", "lively", "0.250000", "0.750000"],
        ["0.200000", "1", "0", "lively", "0.250000", "0.750000"],
    ]


def test_video_of_predictions_has_the_times_of_the_frames(here):
    import av

    frames = [(pixels, time + 0.03 * (time > 0.5) + 5) for pixels, time in pictures(12)]
    run_live(Blind(), frames, show=False, out="out.mp4")
    with av.open("out.mp4") as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [time - 5 for _, time in frames], atol=1e-4)
    drawn = decode("out.mp4")
    assert drawn.shape == (12, 60, 80, 3)
    # A part without landmarks, bars and text.
    np.testing.assert_allclose(drawn[6, 44:47, 60:78], 42, atol=4)


@pytest.mark.parametrize("out", ["out.csv", "out.mp4"])
def test_file_holds_the_frames_before_an_error(here, out):
    def frames():
        yield from pictures(5)
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        run_live(Blind(), frames(), show=False, out=out)
    assert [path.name for path in here.iterdir()] == [out]
    assert len(read_table(out)[1:] if out == "out.csv" else decode(out)) == 5


SCRIPT = """
    import itertools, sys, threading
    import numpy as np
    from tests.test_live_run import Blind, pictures
    from sklearn_temo import run_live

    def frames():
        for i in itertools.count():
            yield np.full((62, 82, 3), i % 256, np.uint8), i / 10

    def tell():
        if len(live.times) == 20:
            print("running", flush=True)

    live = Blind(on_update=tell)
    summary = run_live(live, frames(), show=False, out=sys.argv[1], newest=sys.argv[2] == "newest")
    assert threading.active_count() == 1
    print(summary.n_frames, summary.signal, flush=True)
"""


@pytest.mark.parametrize(
    ("out", "newest", "number"),
    [
        ("out.csv", "all", signal.SIGINT),
        ("out.mp4", "newest", signal.SIGINT),
        ("out.csv", "newest", signal.SIGTERM),
    ],
)
def test_signal_ends_the_run_and_completes_the_file(here, out, newest, number):
    code = textwrap.dedent(SCRIPT)
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code, out, newest],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    with process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        n_frames, received = map(int, process.stdout.readline().split())
    assert process.returncode == 0
    assert received == number
    assert [path.name for path in here.iterdir()] == [out]
    if out == "out.csv":
        rows = read_table(out)
        assert {len(row) for row in rows} == {6}
        assert len(rows) - 1 == n_frames
    else:
        assert len(decode(out)) == n_frames


class FakeWindow:
    """Window whose user ends the run after three frames."""

    def __init__(self, title, on_end, on_reset):
        self.on_end, self.shown, self.is_open = on_end, [], True
        FakeWindow.last = self

    def show(self, pixels):
        self.shown.append(pixels)
        if len(self.shown) == 3:
            self.on_end()

    def update(self): ...

    def close(self):
        self.is_open = False


@pytest.mark.parametrize("newest", [False, None])
def test_window_shows_the_frames_until_it_is_closed(monkeypatch, write_video, newest):
    monkeypatch.setattr(sklearn_temo.live._run, "LiveWindow", FakeWindow)
    path = write_video([np.full((160, 240, 3), 9 * i, np.uint8) for i in range(20)])
    live = Blind()
    summary = run_live(live, path, newest=newest)
    window = FakeWindow.last
    assert not window.is_open
    assert summary.n_frames == len(window.shown) == 3
    assert summary.signal == 0
    assert window.shown[1].shape == (160, 240, 3)
    assert (window.shown[1] != live.frames[1]).any()


def test_without_a_desktop_an_error_says_what_to_do(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(OSError, match=r"no window can be opened .* pass show=False"):
        run_live(Blind(), pictures(3))


def test_overlay_draws_the_selected_landmarks_and_leaves_the_frame_alone(fitted_selector):
    live = LivePredictor(fitted_selector)
    kept = fitted_selector["select"].get_landmark_support()
    pixels = np.zeros((400, 400, 3), np.uint8)
    # In the right half, on a grid, away from the bars and from each other.
    places = np.stack(np.divmod(np.arange(468), 22), axis=1) * [8.0, 16.0] + [220, 20]
    landmarks = np.c_[places, np.zeros(468)].astype(np.float32)
    probabilities = np.linspace(0, 1, 7) / 3.5
    label = live.classes_[6]
    drawn = Overlay(live).draw(
        pixels, LivePrediction(0.0, landmarks, True, False, probabilities, label)
    )
    assert not pixels.any()
    x, y = places.astype(int).T
    np.testing.assert_array_equal(drawn[y, x].any(axis=1), kept)
    # White is no relevance; the most relevant landmark for the class has the least blue.
    scores = fitted_selector["select"].landmark_scores_per_class_[6][kept]
    blue = drawn[y, x, 2][kept].astype(int)
    assert blue[scores.argmax()] == blue.min() == 0
    assert np.corrcoef(blue, scores)[0, 1] < -0.99
    # The bar of the most probable class is the longest.
    bars = drawn[:, :200]
    assert bars[120:138].sum() > bars[:18].sum() > 0


@pytest.fixture(scope="module")
def fitted_selector(expression_clips):
    from sklearn_temo import make_temo_pipeline

    pipe = make_temo_pipeline(landmarks="passthrough", k=20, random_state=0)
    pipe.set_params(select__estimator__max_epochs=5, classify__max_epochs=5)
    return pipe.fit(expression_clips.data, expression_clips.target)
