"""FaceLandmarkTransformer: landmarks of clips, missing faces, errors, callbacks."""

import subprocess
import sys
import threading
import tracemalloc
from contextlib import nullcontext
from types import ModuleType

import numpy as np
import pytest
from PIL import ExifTags, Image
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_temo import FaceLandmarkTransformer, LandmarkLayout
from sklearn_temo.mesh import eye_centres, model_path


@pytest.fixture(scope="module")
def frame(cremad_frames):
    return cremad_frames[0][0]


@pytest.fixture(scope="module")
def rows(cremad_paths):
    return FaceLandmarkTransformer().transform(cremad_paths)


@pytest.fixture
def no_face():
    return np.zeros((120, 160, 3), np.uint8)


def with_gaps(frames, gaps):
    """Copy of a clip in which some frames are black."""
    clip = frames.copy()
    clip[gaps] = 0
    return clip


def test_all_frames_of_the_sample_clips_have_a_face(cremad_paths, cremad_frames):
    for result, frames in zip(
        FaceLandmarkTransformer(n_frames=None).extract(cremad_paths), cremad_frames, strict=True
    ):
        assert result.detected.all()
        assert result.landmarks.shape == (len(frames), 468, 3)
        assert result.landmarks.dtype == np.float32
        assert result.size == (480, 360)
        assert result.fps == pytest.approx(29.97, abs=0.01)
        np.testing.assert_allclose(np.diff(result.times), 1 / 29.97, atol=2e-3)


def test_paths_and_decoded_arrays_give_the_same_landmarks(rows, cremad_frames):
    assert rows.shape == (6, 16 * 468 * 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(FaceLandmarkTransformer().transform(cremad_frames), rows)


def test_landmarks_do_not_depend_on_other_clips(rows, cremad_paths):
    backwards = FaceLandmarkTransformer().transform(cremad_paths[1::-1])
    np.testing.assert_array_equal(backwards[::-1], rows[:2])


def test_landmarks_are_pixels_on_the_face(rows, cremad_frames):
    first = LandmarkLayout(16, 468, 3).unflatten(rows)[:, 0]
    assert (first[..., 0] > 0).all()
    assert (first[..., 0] < 480).all()
    assert (first[..., 1] > 0).all()
    assert (first[..., 1] < 360).all()
    # The subject's right eye is on the left of the picture, the chin is below, the nose in front.
    right, left = np.moveaxis(eye_centres(first), 1, 0)
    assert (right[:, 0] < left[:, 0]).all()
    assert (first[:, 152, 1] > right[:, 1]).all()
    assert (first[:, 1, 2] < right[:, 2]).all()


def test_pixels_are_isotropic(frame):
    # MediaPipe's own coordinates are fractions of width and height, which padding changes.
    wide = np.pad(frame, ((0, 0), (0, 480), (0, 0)))
    plain, padded = (
        result.landmarks[0] for result in FaceLandmarkTransformer(n_frames=1).extract([frame, wide])
    )
    face = np.ptp(plain, axis=0)
    assert np.abs(padded - plain).max() < 0.1 * face.max()
    np.testing.assert_allclose(np.ptp(padded, axis=0), face, rtol=0.1)


def test_image_is_repeated(tmp_path, frame):
    from PIL import Image

    Image.fromarray(frame).save(tmp_path / "face.png")
    from_file, from_array = FaceLandmarkTransformer(n_frames=4).extract(
        [tmp_path / "face.png", frame]
    )
    assert from_file.landmarks.shape == (4, 468, 3)
    assert (from_file.landmarks == from_file.landmarks[0]).all()
    np.testing.assert_array_equal(from_file.landmarks, from_array.landmarks)
    assert from_file.source == str(tmp_path / "face.png")
    assert from_array.source == "clip 1"
    assert np.isnan(from_file.fps)
    np.testing.assert_array_equal(from_file.times, np.zeros(4))


def test_irises_follow_the_mesh(frame):
    with_irises = FaceLandmarkTransformer(n_frames=1, n_landmarks=478).extract([frame])[0].landmarks
    without = FaceLandmarkTransformer(n_frames=1).extract([frame])[0].landmarks
    np.testing.assert_array_equal(with_irises[:, :468], without)
    # Landmarks 468 and 473 are the centres of the irises.
    centres, irises = eye_centres(without[0])[:, :2], with_irises[0, [468, 473], :2]
    spacing = np.linalg.norm(centres[0] - centres[1])
    assert np.linalg.norm(irises - centres, axis=1).max() < 0.2 * spacing


@pytest.mark.parametrize("small_first", [True, False])
def test_largest_face_is_used(frame, small_first):
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision
    from PIL import Image

    large = frame[:, 120:360]
    small = np.zeros_like(large)
    small[:252, :168] = Image.fromarray(large).resize((168, 252))
    together = np.hstack([small, large] if small_first else [large, small])
    options = vision.FaceLandmarkerOptions(BaseOptions(str(model_path())), num_faces=5)
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        image = mediapipe.Image(mediapipe.ImageFormat.SRGB, together)
        assert len(landmarker.detect(image).face_landmarks) == 2
    landmarks = FaceLandmarkTransformer(n_frames=1).extract([together])[0].landmarks[0]
    assert (landmarks[1, 0] > large.shape[1]) == small_first
    alone = FaceLandmarkTransformer(n_frames=1).extract([frame])[0].landmarks[0]
    height, expected = np.ptp(landmarks[:, 1]), np.ptp(alone[:, 1])
    assert height == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("has_private_names", [True, False])
def test_landmarks_equal_those_of_mediapipe_to_the_bit(
    monkeypatch, cremad_frames, has_private_names
):
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    detect, n_objects = vision.FaceLandmarker.detect, []
    pictures = [*cremad_frames[0][:3], cremad_frames[5][9][:, ::-1], cremad_frames[2][20] // 2]
    options = vision.FaceLandmarkerOptions(
        # With the network of the blendshapes.
        BaseOptions(str(model_path())),
        num_faces=5,
        output_face_blendshapes=True,
    )
    expected = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for pixels in pictures:
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
            (face,) = landmarker.detect(image).face_landmarks
            height, width = pixels.shape[:2]
            expected.append([(p.x * width, p.y * height, p.z * width) for p in face])

    def count(self, image):
        n_objects.append(1)
        return detect(self, image)

    monkeypatch.setattr(vision.FaceLandmarker, "detect", count)
    if not has_private_names:
        name = "mediapipe.tasks.python.vision.face_landmarker"
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    transformer = FaceLandmarkTransformer(n_frames=1, n_landmarks=478)
    found = [clip.landmarks[0] for clip in transformer.extract(pictures)]
    np.testing.assert_array_equal(found, np.array(expected).astype(np.float32))
    assert bool(n_objects) != has_private_names


def test_network_of_the_blendshapes_is_left_out(monkeypatch, tmp_path, frame):
    from mediapipe.tasks.python import vision

    create, used = vision.FaceLandmarker.create_from_options, []

    def record(options):
        used.append(options)
        return create(options)

    monkeypatch.setattr(vision.FaceLandmarker, "create_from_options", record)
    # Another model than that of the landmarker that is open already.
    model = tmp_path / "mine.task"
    model.write_bytes(model_path().read_bytes() + b"x")
    with pytest.warns(UserWarning, match="unknown model"):
        FaceLandmarkTransformer(n_frames=1, model_path=model).transform([frame])
    (options,) = used
    options.output_face_blendshapes = True
    with pytest.raises(ValueError, match="blendshapes model is set: false"):
        create(options)


def test_missing_faces_are_interpolated_in_time(cremad_frames):
    clip = with_gaps(cremad_frames[0][:7], [0, 2, 3, 6])
    (result,) = FaceLandmarkTransformer(n_frames=None, min_detected=0.4).extract([clip])
    (whole,) = FaceLandmarkTransformer(n_frames=None).extract([cremad_frames[0][:7]])
    found = [1, 4, 5]
    np.testing.assert_array_equal(np.flatnonzero(result.detected), found)
    np.testing.assert_array_equal(result.landmarks[found], whole.landmarks[found])
    for landmark, axis in [(0, 0), (13, 1), (467, 2)]:
        expected = np.interp(range(7), found, whole.landmarks[found, landmark, axis])
        np.testing.assert_allclose(result.landmarks[:, landmark, axis], expected, rtol=1e-5)


def test_missing_faces_are_interpolated_by_time_not_by_frame_number(write_video, cremad_frames):
    first, last = cremad_frames[0][[0, 30]]
    path = write_video([first, np.zeros_like(first), last], ticks=[0, 900, 1000])
    (clip,) = FaceLandmarkTransformer(n_frames=None).extract([path])
    assert clip.detected.tolist() == [True, False, True]
    expected = 0.1 * clip.landmarks[0] + 0.9 * clip.landmarks[2]
    np.testing.assert_allclose(clip.landmarks[1], expected, rtol=1e-4, atol=1e-3)


def test_missing_faces_may_stay_nan(cremad_frames, no_face):
    clip = with_gaps(cremad_frames[0][:3], [1])
    results = FaceLandmarkTransformer(n_frames=3, on_missing="nan").extract([clip, no_face])
    assert results[0].detected.tolist() == [True, False, True]
    assert np.isnan(results[0].landmarks[1]).all()
    assert np.isfinite(results[0].landmarks[[0, 2]]).all()
    assert np.isnan(results[1].landmarks).all()
    assert not results[1].detected.any()


def test_error_names_a_clip_without_a_face(write_video, cremad_paths, no_face):
    path = write_video([no_face] * 5, "angry_03.mkv")
    message = (
        r"clip 1 \('.*angry_03.mkv'\): no face found in any of its 5 sampled frames; it may be too "
        r"small or turned away: pass region=.*, or on_missing="
    )
    with pytest.raises(ValueError, match=message):
        FaceLandmarkTransformer(n_frames=8).transform([cremad_paths[0], path])


def test_on_missing_raise_names_clip_and_frame(cremad_frames):
    clip = with_gaps(cremad_frames[0][:3], [2])
    with pytest.raises(ValueError, match=r"clip 0 \(array .*no face found in frame 2 .* time 2;"):
        FaceLandmarkTransformer(n_frames=3, on_missing="raise").transform([clip])
    # The frames of a short clip are repeated: frame 1 of the clip is frame 2 of the sample.
    with pytest.raises(ValueError, match="no face found in frame 2 of the sample, at time 1;"):
        FaceLandmarkTransformer(n_frames=4, on_missing="raise").transform([clip[1:]])


def test_n_frames_none_needs_clips_of_equal_length(cremad_frames):
    transformer = FaceLandmarkTransformer(n_frames=None)
    short, long = cremad_frames[0][:2], cremad_frames[0][:3]
    assert transformer.transform([short, short]).shape == (2, 2 * 468 * 3)
    with pytest.raises(ValueError, match=r"'clip 1' has 3 and another clip has 2: pass"):
        transformer.transform([short, long])
    with pytest.raises(ValueError, match="n_frames=None"):
        transformer.get_feature_names_out()


def test_missing_files_are_found_before_the_first_clip_is_read(monkeypatch, cremad_paths):
    def detect(*args):
        raise AssertionError("a frame was processed")

    monkeypatch.setattr("mediapipe.Image", detect)
    for method in ("fit", "transform", "fit_transform", "extract"):
        with pytest.raises(FileNotFoundError, match="clip 6"):
            getattr(FaceLandmarkTransformer(), method)([*cremad_paths, "nowhere.mp4"])


@pytest.mark.parametrize(
    "bad",
    [
        {"n_frames": 0},
        {"n_landmarks": 100},
        {"on_missing": "drop"},
        {"model_path": 3},
        {"sampling": "random"},
        {"on_error": "ignore"},
        {"memory": 3},
        {"n_jobs": 1.5},
        {"max_gap": -1},
        {"min_detected": 2.0},
        {"region": 3},
    ],
)
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform", "extract"])
def test_parameters_are_validated(bad, method, cremad_paths):
    with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
        getattr(FaceLandmarkTransformer(**bad), method)(cremad_paths)


def test_custom_model(tmp_path, rows, cremad_paths):
    copy = tmp_path / "модель.task"
    copy.write_bytes(model_path().read_bytes())
    mine = FaceLandmarkTransformer(model_path=str(copy)).transform(cremad_paths[:1])
    np.testing.assert_array_equal(mine, rows[:1])


def test_unusable_model(tmp_path, cremad_paths):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.task"):
        FaceLandmarkTransformer(model_path="nowhere.task").fit(cremad_paths)
    (tmp_path / "bad.task").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cannot use the model file '.*bad.task'"):
        FaceLandmarkTransformer(model_path=tmp_path / "bad.task").transform(cremad_paths[:1])


def test_replaced_model_file_is_read_again(tmp_path, cremad_paths):
    model = tmp_path / "mine.task"
    model.write_bytes(model_path().read_bytes())
    transformer = FaceLandmarkTransformer(n_frames=1, model_path=model)
    transformer.transform(cremad_paths[:1])
    model.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot use the model file"):
        transformer.transform(cremad_paths[:1])


def test_transformer_is_stateless():
    transformer = FaceLandmarkTransformer(n_frames=2)
    tags = get_tags(transformer)
    assert not tags.requires_fit
    assert not tags.input_tags.two_d_array
    assert clone(transformer).get_params() == transformer.get_params()
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        pytest.fail("a stateless transformer needs no fit")


def test_pandas_output_has_the_feature_names(cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=2).set_output(transform="pandas")
    for frame in (transformer.transform(cremad_paths[:1]), transformer.fit_transform(cremad_paths)):
        assert frame.columns[0] == "f000_p000_x"
        assert frame.columns[-1] == "f001_p467_z"
        assert list(frame.columns) == list(transformer.get_feature_names_out())


def test_cross_validation_of_lists_and_arrays_of_paths(cremad_paths):
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    pipeline = make_pipeline(FaceLandmarkTransformer(n_frames=1), KNeighborsClassifier(1))
    y = np.array([0, 1, 0, 1, 0, 1])
    for paths in (cremad_paths, np.array(cremad_paths), np.array(cremad_paths, dtype=object)):
        assert cross_val_predict(pipeline, paths, y, cv=2).shape == (6,)


class Recorder:
    """Callback that records tasks; pipelines propagate it."""

    max_propagation_depth = None

    def __init__(self):
        self.began, self.ended, self.open = [], [], 0

    def setup(self, estimator, context):
        self.open += 1

    def teardown(self, estimator, context):
        self.open -= 1

    def on_fit_task_begin(self, estimator, context):
        self.began.append((context.estimator_name, context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.ended.append((context.estimator_name, context.task_name, context.max_subtasks))


def test_callbacks_are_informed_of_every_clip(cremad_paths):
    recorder = Recorder()
    transformer = FaceLandmarkTransformer(n_frames=1).set_callbacks(recorder)
    transformer.fit_transform(cremad_paths[:3])
    clips = [("FaceLandmarkTransformer", "extract-clip", 0)] * 3
    whole = ("FaceLandmarkTransformer", "fit", 3)
    assert recorder.began == [whole, *clips]
    assert recorder.ended == [*clips, whole]
    assert recorder.open == 0
    with pytest.raises(FileNotFoundError):
        transformer.fit_transform(["nowhere.mp4"])
    assert recorder.open == 0


@pytest.mark.parametrize("final", [True, False])
def test_pipelines_propagate_callbacks(cremad_paths, final):
    recorder = Recorder()
    steps = [FaceLandmarkTransformer(n_frames=1), *([] if final else [PCA(2)])]
    pipeline = make_pipeline(*steps).set_callbacks(recorder)
    with nullcontext() if final else pytest.warns(UserWarning, match="PCA does not"):
        pipeline.fit_transform(cremad_paths[:2])
    assert recorder.began.count(("FaceLandmarkTransformer", "extract-clip", 0)) == 2
    assert sorted(recorder.began) == sorted(recorder.ended)


def test_fit_is_a_callback_task(cremad_paths):
    recorder = Recorder()
    make_pipeline(FaceLandmarkTransformer()).set_callbacks(recorder).fit(cremad_paths)
    assert sorted(recorder.began) == sorted(recorder.ended)


def test_verbose_prints_progress(capsys, cremad_paths):
    FaceLandmarkTransformer(n_frames=1, verbose=1).transform(cremad_paths[:2])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("[FaceLandmarkTransformer] 2 of 2 clips, ")
    assert last.endswith(" s")
    FaceLandmarkTransformer(n_frames=1, verbose=2).transform(cremad_paths[:1])
    lines = capsys.readouterr().out.splitlines()
    assert f"{cremad_paths[0]!r}: faces in 1 of 1 frames" in lines
    FaceLandmarkTransformer(n_frames=1).transform(cremad_paths[:1])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("first", ["mediapipe.tasks.python", "sklearn_temo.extraction"])
def test_mediapipe_starts_once_per_process(first):
    done = run(
        f"import {first}\n"
        "from mediapipe.tasks.python import vision\n"
        "from sklearn_temo import FaceLandmarkTransformer\n"
        "from sklearn_temo.datasets import load_cremad_sample\n"
        "create, close = vision.FaceLandmarker.create_from_options, vision.FaceLandmarker.close\n"
        "def counted_create(options):\n"
        "    print('created')\n"
        "    return create(options)\n"
        "def counted_close(self):\n"
        "    print('closed')\n"
        "    close(self)\n"
        "vision.FaceLandmarker.create_from_options = counted_create\n"
        "vision.FaceLandmarker.close = counted_close\n"
        "t = FaceLandmarkTransformer(n_frames=2)\n"
        "for _ in range(2): t.transform(load_cremad_sample().data[:2])\n"
    )
    assert done.returncode == 0
    assert done.stdout.split()[:2] == ["created", "closed"]
    assert done.stdout.count("created") == 1
    assert "Traceback" not in done.stderr


def test_threads_give_the_same_landmarks(frame):
    transformer = FaceLandmarkTransformer(n_frames=1)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(transformer.transform([frame])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, results[0]) for result in results)


def test_forked_process_starts_its_own_mediapipe():
    done = run(
        "import multiprocessing, sys\n"
        "from sklearn_temo import FaceLandmarkTransformer\n"
        "from sklearn_temo.datasets import load_cremad_sample\n"
        "def extract(_):\n"
        "    clips = load_cremad_sample().data[:1]\n"
        "    return FaceLandmarkTransformer(n_frames=1).transform(clips)\n"
        "X = extract(0)\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "    print((pool.map_async(extract, [0]).get(timeout=60)[0] == X).all())\n",
        timeout=120,
    )
    assert done.stdout.strip() == "True", done.stderr


def run(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)


def test_imports_are_light():
    done = run(
        "import sys, sklearn_temo.extraction, sklearn_temo.datasets\n"
        "from sklearn_temo.datasets import load_clip_folder, load_cremad_sample\n"
        "heavy = {'mediapipe', 'torch', 'matplotlib', 'av', 'PIL', 'cv2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_frames_are_not_collected_in_memory(write_video, frame):
    path = write_video([frame] * 60)
    transformer = FaceLandmarkTransformer(n_frames=None)
    transformer.transform([frame])
    tracemalloc.start()
    transformer.transform([path])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * frame.nbytes


@pytest.mark.parametrize(
    "settings",
    [{"n_frames": 5}, {"n_frames": 3, "sampling": (0.5, -0.5)}, {"n_frames": 4, "sampling": "all"}],
    ids=str,
)
def test_landmarks_lie_on_the_frames_that_are_read(cremad_paths, settings):
    transformer = FaceLandmarkTransformer(**settings)
    (clip,) = transformer.extract(cremad_paths[:1])
    frames = transformer.read_frames(cremad_paths[0])
    (found,) = FaceLandmarkTransformer(n_frames=None).extract([frames])
    # Interpolated landmarks are up to half a frame away from those of the nearest frame.
    limit = 3.0 if settings.get("sampling") == "all" else 1e-3
    assert np.abs(found.landmarks - clip.landmarks)[..., :2].max() < limit


def test_frames_are_repeated_and_sampled_like_the_landmarks(cremad_frames):
    short = cremad_frames[0][:3]
    frames = FaceLandmarkTransformer(n_frames=5).read_frames(short)
    np.testing.assert_array_equal(frames, short[[0, 0, 1, 1, 2]])
    image = FaceLandmarkTransformer(n_frames=2).read_frames(short[0])
    np.testing.assert_array_equal(image, short[[0, 0]])


def test_read_frames_turns_images_upright(tmp_path, frame):
    picture = Image.fromarray(np.rot90(frame).copy())
    exif = picture.getexif()
    exif[ExifTags.Base.Orientation] = 6  # the viewer turns it clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    (upright,) = FaceLandmarkTransformer(n_frames=1).read_frames(tmp_path / "turned.png")
    np.testing.assert_array_equal(upright, frame)


def test_an_error_of_read_frames_names_the_clip(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(ValueError, match=r"text\.mp4"):
        FaceLandmarkTransformer().read_frames(path)
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4"):
        FaceLandmarkTransformer().read_frames(tmp_path / "gone.mp4")
