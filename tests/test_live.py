"""Predictions from a sliding window over a stream of frames."""

from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sklearn_temo.live._predictor
from sklearn_temo import (
    BlendshapeTransformer,
    FaceLandmarkTransformer,
    LivePredictor,
    make_temo_pipeline,
)
from sklearn_temo.blendshapes import NAMES
from sklearn_temo.layout import LandmarkLayout
from sklearn_temo.mesh import canonical_face

BLACK = np.zeros((48, 64, 3), np.uint8)


class Recorder(ClassifierMixin, BaseEstimator):
    """Classifier that keeps the rows that it gets, and predicts from the place of the last face."""

    def __init__(self):
        self.rows = []
        self.classes_ = np.array(["calm", "lively"])
        self.n_features_in_ = LandmarkLayout(4, 468, 3).n_features

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        self.rows.append(X[0].reshape(4, 468, 3))
        lively = float(place_of(self.rows[-1][-1]) > 200)
        return np.array([[1 - lively, lively]])


def face_frame(left):
    """Frame that stands for a face at a place; black stands for no face."""
    frame = BLACK.copy()
    frame[0, 0, :2] = divmod(left, 256)
    frame[0, 0, 2] = 1
    return frame


def place_of(landmarks):
    return landmarks[..., 0, 0] - 30 * canonical_face()[0, 0]


class FakeLandmarker:
    def detect(self, pixels):
        if not pixels[0, 0, 2]:
            return np.empty((0, 478, 3), np.float32)
        left = int(pixels[0, 0, 0]) * 256 + int(pixels[0, 0, 1])
        face = np.zeros((478, 3), np.float32)
        face[:468] = 30 * canonical_face()
        face[468:] = face[:10]
        face[:, 0] += left
        return face[None]


@pytest.fixture
def fake(monkeypatch):
    """Replace MediaPipe; list the landmarkers that are lent and not given back."""
    lent = []

    @contextmanager
    def lend(*arguments):
        lent.append(FakeLandmarker())
        try:
            yield lent[-1]
        finally:
            lent.pop()

    monkeypatch.setattr(sklearn_temo.live._predictor, "open_landmarker", lend)
    return lent


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def make_live(fake, recorder):
    def make(window=1.0, smoothing=0, extractor=None, **options):
        extractor = extractor or FaceLandmarkTransformer(n_frames=4)
        return LivePredictor(
            recorder, window=window, smoothing=smoothing, extractor=extractor, **options
        )

    return make


@pytest.fixture(scope="module")
def fitted(expression_clips):
    pipe = make_temo_pipeline(landmarks="passthrough", k=20, random_state=0)
    pipe.set_params(select__estimator__max_epochs=5, classify__max_epochs=5)
    return pipe.fit(expression_clips.data, expression_clips.target)


def test_frames_half_a_window_apart_do_not_begin_anew_by_rounding(make_live):
    with make_live(window=0.2) as live:
        found = [live.update(face_frame(100), time=number / 10) for number in range(20)]
    assert [prediction.label is None for prediction in found] == [True] * 2 + [False] * 18


@pytest.mark.parametrize(
    "options",
    [{}, {"sampling": "all"}, {"sampling": (-0.3, None)}, {"region": (100, 20, 400, 340)}],
    ids=str,
)
def test_prediction_equals_that_of_the_pipeline_for_the_window(
    fitted, cremad_paths, write_video, cremad_frames, options
):
    extractor = FaceLandmarkTransformer(n_frames=4, **options)
    pipe = Pipeline([("landmarks", extractor), *fitted.steps[1:]])
    frames = cremad_frames[3][10:26:2]
    ticks = np.arange(len(frames)) * 100
    with LivePredictor(pipe, window=0.5, smoothing=0) as live:
        predictions = [live.update(frame, i / 10) for i, frame in enumerate(frames)]
    assert [each.probabilities is None for each in predictions] == [True] * 5 + [False] * 3
    for end in (5, 7):
        part = slice(end - 5, end + 1)
        clip = write_video(frames[part], f"{end}.mkv", ticks[part])
        expected = pipe.predict_proba([clip])[0]
        np.testing.assert_allclose(predictions[end].probabilities, expected, atol=1e-6)
        assert predictions[end].label == pipe.predict([clip])[0]
        found = extractor.set_params(n_frames=4).extract([clip])[0]
        if "sampling" not in options:
            np.testing.assert_array_equal(predictions[end].landmarks, found.landmarks[-1])


def test_blendshapes_of_the_window_equal_those_of_the_pipeline(cremad_frames, write_video):
    class Smile(Recorder):
        """Probability of a smile in the last frame."""

        def predict_proba(self, X):
            smile = X.layout.unflatten(X)[:, -1, NAMES.index("mouthSmileLeft"), 0]
            return np.stack([1 - smile, smile], axis=1)

    extractor = FaceLandmarkTransformer(n_frames=3, output="blendshapes")
    pipe = Pipeline([("blendshapes", extractor), ("smile", Smile())])
    frames = cremad_frames[3][20:36:3]
    for reference in ("window", "start"):
        with LivePredictor(pipe, window=0.4, smoothing=0, reference=reference) as live:
            found = [live.update(frame, i / 10) for i, frame in enumerate(frames)]
        expected = pipe.predict_proba([write_video(frames[1:], ticks=range(0, 500, 100))])
        np.testing.assert_allclose(found[-1].probabilities, expected[0], atol=1e-6)


def test_estimators_of_rows_get_the_layout_that_they_were_fitted_on(fitted, expression_clips):
    live = LivePredictor(fitted)
    assert live.extractor_.n_frames == 4
    assert live.extractor_.n_landmarks == 468
    svm = Pipeline([("scale", StandardScaler()), ("svm", SVC())])
    svm.fit(expression_clips.data, expression_clips.target)
    with pytest.raises(TypeError, match="SVC has no predict_proba"):
        LivePredictor(svm)


def test_pipelines_that_compute_blendshapes_get_rows_of_landmarks(expression_clips):
    blendshapes = BlendshapeTransformer(n_frames=4)
    pipe = make_temo_pipeline(landmarks=blendshapes, k=10, n_frames=4, random_state=0)
    pipe.set_params(align="passthrough", classify__max_epochs=2)
    pipe.fit(expression_clips.data, expression_clips.target)
    extractor = LivePredictor(pipe).extractor_
    assert (extractor.output, extractor.n_frames, extractor.n_landmarks) == ("landmarks", 4, 468)


def test_search_predicts_with_its_best_pipeline(fitted):
    pipe = Pipeline([("landmarks", FaceLandmarkTransformer(n_frames=4)), *fitted.steps[1:]])
    search = GridSearchCV(pipe, {"select__k": [20]})
    search.best_estimator_ = pipe
    live = LivePredictor(search)
    assert live.extractor_ is pipe[0]
    assert live.estimator_.steps == pipe.steps[1:]


def test_frames_are_evenly_spaced_in_the_window_and_old_ones_are_left_out(make_live, recorder):
    with make_live() as live:
        for i in range(16):
            live.update(face_frame(i), i / 10)
    places = np.array([place_of(row) for row in recorder.rows])
    np.testing.assert_allclose(places[0], [0, 3, 7, 10])
    np.testing.assert_allclose(places[-1], [5, 8, 12, 15])
    assert len(recorder.rows) == 6


def test_first_frame_of_the_stream_can_be_the_reference(make_live, recorder):
    with make_live(reference="start") as live:
        for i in range(16):
            live.update(face_frame(i + 7) if i > 1 else BLACK, i / 10)
        np.testing.assert_allclose(place_of(recorder.rows[-1]), [9, 15, 19, 22])
        live.reset()
        for i in range(11):
            live.update(face_frame(50 + i), i / 10)
    np.testing.assert_allclose(place_of(recorder.rows[-1]), [50, 53, 57, 60])


def test_probabilities_follow_a_step_exponentially(make_live):
    # The step response of exponential smoothing, whatever the times of the frames.
    times = np.r_[0, 0.4, 0.8, 1.0, 1.013, 1.4, 1.41, 1.9]
    with make_live(smoothing=0.3) as live:
        found = [live.update(face_frame(0 if t <= 1 else 400), t).probabilities for t in times]
    shares = np.array([each[1] for each in found[3:]])
    np.testing.assert_allclose(shares, 1 - np.exp(-(times[3:] - 1) / 0.3), atol=1e-12)


def test_no_prediction_while_faces_are_missing(make_live):
    live = make_live(extractor=FaceLandmarkTransformer(n_frames=11, sampling="all", max_gap=3))
    live.estimator_.predict_proba = lambda X: np.array([[0.25, 0.75]])
    frames = [face_frame(9)] * 11 + [BLACK] * 14 + [face_frame(9)] * 11
    with live:
        found = [live.update(frame, i / 10) for i, frame in enumerate(frames)]
    messages = [each.message for each in found]
    assert messages[9] == "0.9 s of a window of 1 s"
    assert messages[10:14] == [""] * 4
    assert messages[14] == "no face in too many frames of the window"
    assert messages[21] == "no face in the window"
    assert messages[-1] == ""
    assert [each.label is None for each in found] == [bool(message) for message in messages]
    assert found[10].label == "lively"
    assert found[11].detected is False
    assert np.isnan(found[11].landmarks).all()


def test_nan_of_missing_faces_is_no_prediction(make_live):
    with make_live(extractor=FaceLandmarkTransformer(n_frames=11, on_missing="nan")) as live:
        for i in range(11):
            prediction = live.update(BLACK if i == 4 else face_frame(9), i / 10)
    assert prediction.probabilities is None
    assert prediction.message == "no face in too many frames of the window"


def test_whoever_comes_after_an_empty_window_is_followed(make_live):
    live = make_live(reference="start")
    with live:
        frames = [face_frame(9)] * 12 + [BLACK] * 12 + [face_frame(5000)] * 12
        found = [live.update(frame, i / 10) for i, frame in enumerate(frames)]
    assert found[-1].detected
    assert not found[-1].doubtful
    np.testing.assert_allclose(place_of(live.estimator_.rows[-1]), 5000, rtol=1e-5)


def test_face_at_another_place_is_doubtful(make_live):
    with make_live() as live:
        for i in range(12):
            prediction = live.update(face_frame(0 if i < 10 else 9000), i / 10)
    assert prediction.doubtful
    assert prediction.probabilities is not None


def test_pause_longer_than_half_of_the_window_begins_anew(make_live):
    with make_live() as live:
        for i in range(11):
            prediction = live.update(face_frame(0), i / 10)
        assert not prediction.message
        assert live.update(face_frame(0), 1.6).message == "0.0 s of a window of 1 s"


def test_landmarker_is_given_back_also_after_an_error(make_live, fake):
    live = make_live()
    with pytest.raises(TypeError), live:
        live.update(None, 0.0)
    assert not fake
    live.update(face_frame(0), 0.1)
    assert len(fake) == 1
    live.close()
    assert not fake


@pytest.mark.parametrize(
    ("frame", "time", "error", "message"),
    [
        (np.zeros((48, 64), np.uint8), 1.0, TypeError, r"shape \(height, width, 3\), got uint8"),
        (np.zeros((48, 64, 3)), 1.0, TypeError, "got float64"),
        (np.zeros((0, 64, 3), np.uint8), 1.0, TypeError, "a non-empty RGB array"),
        (BLACK, 0.5, ValueError, "later than that of the frame before, 0.5 s; call reset"),
        (BLACK, np.nan, ValueError, "later than"),
    ],
)
def test_unusable_frames(make_live, frame, time, error, message):
    with make_live() as live:
        live.update(BLACK, 0.5)
        with pytest.raises(error, match=message):
            live.update(frame, time)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "'window' parameter of LivePredictor must be a float in the range"),
        ({"window": np.inf}, "'window' parameter"),
        ({"smoothing": -1}, "'smoothing' parameter"),
        ({"reference": "mean"}, "'reference' parameter"),
        ({"extractor": FaceLandmarkTransformer(n_frames=None)}, "n_frames=None"),
        ({"extractor": FaceLandmarkTransformer(n_frames=0)}, "'n_frames' parameter"),
    ],
)
def test_unusable_parameters(make_live, options, message):
    with pytest.raises(ValueError, match=message):
        make_live(**options)


def test_unknown_layout_asks_for_an_extractor(recorder):
    recorder.n_features_in_ = 1000
    with pytest.raises(ValueError, match="pass extractor=FaceLandmarkTransformer"):
        LivePredictor(recorder)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        ("model.skops", TypeError, "model.skops is not an estimator"),
        (LogisticRegression(), NotFittedError, "not fitted yet"),
        (make_pipeline(FaceLandmarkTransformer(), LogisticRegression()), NotFittedError, "not fit"),
    ],
)
def test_unusable_estimators(estimator, error, message):
    with pytest.raises(error, match=message):
        LivePredictor(estimator)
