import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

# Compiling the group lasso and shap would take longer than their tests. numba reads this at import.
os.environ["NUMBA_DISABLE_JIT"] = "1"

from sklearn.utils import Bunch

from sklearn_temo import LandmarkAligner, LandmarkLayout
from sklearn_temo.blendshapes import MIRROR, NAMES
from sklearn_temo.datasets import load_cremad_sample, make_expression_clips
from sklearn_temo.explanation import ClipExplanation
from sklearn_temo.mesh import model_path


def decode(path: str) -> NDArray[np.uint8]:
    """Frames of a video, decoded by PyAV, of shape (n_frames, height, width, 3)."""
    import av

    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture(scope="session")
def cremad_paths() -> list[str]:
    return load_cremad_sample().data


@pytest.fixture(scope="session")
def cremad_frames(cremad_paths: list[str]) -> list[NDArray[np.uint8]]:
    """The six clips as arrays."""
    return [decode(path) for path in cremad_paths]


@pytest.fixture(scope="session")
def mediapipe_faces(cremad_frames: list[NDArray[np.uint8]]) -> Bunch:
    """What MediaPipe itself finds in some frames of the clips, all of 480 x 360 pixels."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=model_path().read_bytes()),
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)
    results = [
        landmarker.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, frame))
        for clip in cremad_frames
        for frame in clip[::20]
    ]
    # MediaPipe sends statistics when it is closed, except through a proxy that does not exist.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("https_proxy", "none://")
        landmarker.close()
    points = [[(p.x, p.y, p.z) for p in result.face_landmarks[0]] for result in results]
    blendshapes = [result.face_blendshapes[0] for result in results]
    return Bunch(
        landmarks=(np.array(points) * [480, 360, 480]).astype(np.float32),
        names=[blendshape.category_name for blendshape in blendshapes[0]],
        blendshapes=np.array([[blendshape.score for blendshape in face] for face in blendshapes]),
        head_pose=np.array([result.facial_transformation_matrixes[0] for result in results]),
        size=(480, 360),
    )


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """Write frames to a lossless video; `ticks` are their times in milliseconds."""
    from fractions import Fraction

    import av

    def write(frames, name="clip.mkv", ticks=None, codec="ffv1", pixels="bgr0") -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 1000)
            times = range(0, 40 * len(frames), 40) if ticks is None else ticks
            for tick, frame in zip(times, frames, strict=True):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = int(tick), stream.codec_context.time_base
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def expression_clips():
    """Synthetic clips of 4 frames: 84 rows in pixels, 12 of each of 7 emotions."""
    return make_expression_clips(n_clips=84, n_frames=4, random_state=0)


@pytest.fixture(scope="session")
def aligned(expression_clips):
    """The synthetic clips, aligned, and their emotions; read-only."""
    X = LandmarkAligner(n_frames=4).fit_transform(expression_clips.data)
    X.flags.writeable = False
    return X, expression_clips.target


# Blendshapes that move in the clips of a class.
MOVING_BLENDSHAPES = {
    "anger": ("browDownLeft", "browDownRight", "mouthPressLeft", "mouthPressRight"),
    "happiness": ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"),
    "surprise": ("browInnerUp", "jawOpen", "eyeWideLeft", "eyeWideRight"),
}


@pytest.fixture(scope="session")
def blendshape_clips():
    """Synthetic blendshapes of 60 clips of 4 frames, 20 of each of 3 emotions, of 10 people.

    In each clip, the blendshapes of MOVING_BLENDSHAPES rise, and the left is like the right.
    """
    rng = np.random.default_rng(0)
    place = {name: i for i, name in enumerate(NAMES)}
    emotions = np.array([*MOVING_BLENDSHAPES] * 20)
    clips = 0.1 * rng.beta(1, 4, size=(60, 4, 52))
    for clip, emotion in zip(clips, emotions, strict=True):
        for name in MOVING_BLENDSHAPES[emotion]:
            clip[:, place[name]] += np.linspace(0, rng.uniform(0.3, 0.8), 4)
    for name, partner in MIRROR.items():
        if partner > name:
            clips[..., place[partner]] = clips[..., place[name]]
    clips = np.clip(clips + 0.01 * rng.normal(size=clips.shape), 0, 1).astype(np.float32)
    layout = LandmarkLayout(4, 52, 1, NAMES)
    return Bunch(
        data=layout.attach(clips.reshape(60, -1)),
        target=emotions,
        groups=np.repeat([f"person {i}" for i in range(10)], 6),
        layout=layout,
    )


@pytest.fixture(scope="session")
def explanation():
    """Explanation of five synthetic clips by a linear model, whose exact shares are known.

    Clips 0 to 4 are of anger, disgust, fear, happiness and sadness; the target is happiness.
    """
    clips = make_expression_clips(n_clips=70, n_frames=8, noise=0.2, random_state=0)
    X = LandmarkAligner().fit_transform(clips.data).astype(np.float64)
    is_target = clips.target == "happiness"
    weights = 0.002 * (X[is_target].mean(axis=0) - X[~is_target].mean(axis=0)) / X.var(axis=0)
    emotions = ["anger", "disgust", "fear", "happiness", "sadness"]
    chosen = [np.flatnonzero(clips.target == emotion)[0] for emotion in emotions]
    shares = ((X[chosen] - X.mean(axis=0)) * weights).reshape(5, 8, 468, 3).sum(axis=-1)
    support = np.abs(weights.reshape(8, 468, 3)[1:]).sum(axis=(0, 2))
    support = np.tile(support >= np.sort(support)[-100], (5, 1))
    shares = shares * support[:, None]
    base_logit = np.full(5, -0.5)
    return ClipExplanation(
        attributions=shares.astype(np.float32),
        target=np.full(5, "happiness"),
        logit=base_logit + shares.sum(axis=(1, 2)),
        base_logit=base_logit,
        completeness_gap=np.zeros(5),
        times=np.tile(np.arange(8) / 10, (5, 1)),
        landmarks=clips.data[chosen].reshape(5, 8, 468, 3).astype(np.float32),
        support=support,
        has_reference_frame=True,
        names=[f"clip {i}" for i in range(5)],
    )


class TaskRecorder:
    """scikit-learn callback that records its calls, at any depth."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.begun: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.predictors: list[object] = []
        self.stop_after = stop_after

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.begun.append((type(estimator).__name__, context.task_name))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, **kwargs):
        self.ended.append((type(estimator).__name__, context.task_name))
        if fitted_estimator is not None:
            self.predictors.append(fitted_estimator)
        epochs = [name for _, name in self.ended if name == "epoch"]
        return self.stop_after is not None and len(epochs) >= self.stop_after


@pytest.fixture
def make_task_recorder() -> type[TaskRecorder]:
    return TaskRecorder
