"""Blendshapes: the network, the transformer of rows, and the output of the extraction."""

import importlib.util
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from sklearn.pipeline import make_union
from sklearn.preprocessing import StandardScaler

from sklearn_temo import (
    BlendshapeTransformer,
    FaceLandmarkTransformer,
    LandmarkAligner,
    LandmarkLayout,
    mesh,
)
from sklearn_temo.blendshapes import _POINTS, MIRROR, NAMES, predict_blendshapes
from sklearn_temo.extraction import SkippedClipsWarning

ROOT = Path(__file__).parents[1]
LOOKS = np.array([name.startswith("eyeLook") for name in NAMES])


@pytest.fixture(scope="module")
def clips(cremad_paths, tmp_path_factory):
    """Two clips of four frames, with all 478 landmarks, and their cache."""
    folder = tmp_path_factory.mktemp("cache")
    extraction = FaceLandmarkTransformer(n_frames=4, n_landmarks=478, memory=folder)
    return extraction.extract(cremad_paths[:2]), folder


@pytest.fixture(scope="module")
def rows(clips):
    return np.stack([clip.landmarks.ravel() for clip in clips[0]])


class TestNetwork:
    def test_names_are_those_of_mediapipe(self, mediapipe_faces):
        assert list(NAMES) == mediapipe_faces.names

    def test_blendshapes_are_those_of_mediapipe(self, mediapipe_faces):
        found = predict_blendshapes(mediapipe_faces.landmarks)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, mediapipe_faces.blendshapes, atol=1e-4)

    def test_blendshapes_are_those_of_the_network_in_litert(self, mediapipe_faces):
        with zipfile.ZipFile(mesh.model_path()) as bundle:
            network = Interpreter(model_content=bundle.read("face_blendshapes.tflite"))
        network.allocate_tensors()
        (inputs,), (outputs,) = network.get_input_details(), network.get_output_details()
        # Whatever the points are.
        points = np.random.default_rng(0).normal(size=(5, 478, 2)).astype(np.float32)
        for frame, found in zip(points, predict_blendshapes(points), strict=True):
            network.set_tensor(inputs["index"], frame[None, _POINTS])
            network.invoke()
            np.testing.assert_allclose(found, network.get_tensor(outputs["index"]), atol=3e-5)

    def test_the_weights_are_what_the_tool_writes(self):
        tool = load_tool()
        written, expected = dict(np.load(tool.TARGET)), tool.blendshape_weights()
        assert written.keys() == expected.keys()
        for name, array in expected.items():
            assert written[name].dtype == array.dtype
            np.testing.assert_array_equal(written[name], array)

    def test_position_and_size_of_the_face_do_not_matter(self, mediapipe_faces):
        found = predict_blendshapes(mediapipe_faces.landmarks)
        moved = predict_blendshapes(3.7 * mediapipe_faces.landmarks + 1000)
        np.testing.assert_allclose(moved, found, atol=1e-3)

    def test_depth_is_not_used(self, mediapipe_faces):
        found = predict_blendshapes(mediapipe_faces.landmarks[..., :2])
        np.testing.assert_array_equal(found, predict_blendshapes(mediapipe_faces.landmarks))

    def test_a_frame_does_not_depend_on_the_others(self, mediapipe_faces):
        landmarks = mediapipe_faces.landmarks.copy()
        expected = predict_blendshapes(landmarks)
        landmarks[1, 0] = np.nan
        landmarks[2] = 5
        found = predict_blendshapes(landmarks[None])
        assert found.shape == (1, *expected.shape)
        assert np.isnan(found[0, 1:3]).all()
        np.testing.assert_allclose(found[0, 3:], expected[3:], atol=1e-5)
        assert predict_blendshapes(landmarks[:0]).shape == (0, 52)

    def test_mirror_partners_are_on_the_other_side(self):
        assert [*MIRROR] == [*NAMES]
        assert [MIRROR[MIRROR[name]] for name in NAMES] == [*NAMES]
        assert MIRROR["mouthSmileLeft"] == "mouthSmileRight"
        assert MIRROR["jawRight"] == "jawLeft"
        assert MIRROR["jawOpen"] == "jawOpen"

    def test_without_irises_only_the_looks_change_much(self, mediapipe_faces):
        landmarks = mediapipe_faces.landmarks
        change = np.abs(predict_blendshapes(landmarks[:, :468]) - predict_blendshapes(landmarks))
        assert change[:, ~LOOKS].max() < 0.07
        assert change[:, ~LOOKS].mean() < 0.005
        assert 0.07 < change[:, LOOKS].max() < 0.25

    def test_memory_does_not_grow_with_the_number_of_frames(self, mediapipe_faces):
        landmarks = np.tile(mediapipe_faces.landmarks[..., :2], (15, 1, 1))
        predict_blendshapes(landmarks[:1])
        tracemalloc.start()
        predict_blendshapes(landmarks)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # All frames at once need 0.2 MB each.
        assert peak < 0.05e6 * len(landmarks)

    @pytest.mark.parametrize("shape", [(478,), (2, 100, 3), (2, 478, 1)])
    def test_a_full_mesh_is_needed(self, shape):
        with pytest.raises(ValueError, match="468 or 478 landmarks"):
            predict_blendshapes(np.zeros(shape))


class TestExtraction:
    def test_extract_gives_the_blendshapes_of_the_landmarks(self, clips):
        for clip in clips[0]:
            assert clip.blendshapes.shape == (4, 52)
            np.testing.assert_array_equal(clip.blendshapes, predict_blendshapes(clip.landmarks))

    @pytest.mark.parametrize("n_landmarks", [468, 478])
    def test_rows_of_blendshapes_use_the_cache_and_the_irises(
        self, cremad_paths, clips, n_landmarks
    ):
        expected, folder = clips
        transformer = FaceLandmarkTransformer(
            n_frames=4, n_landmarks=n_landmarks, output="blendshapes", memory=folder
        )
        found = transformer.fit_transform(cremad_paths[:2])
        assert transformer.report_.n_cached == 2
        np.testing.assert_array_equal(found, [clip.blendshapes.ravel() for clip in expected])
        assert found.dtype == np.float32
        assert found.layout == LandmarkLayout(4, 52, 1, NAMES)
        names = transformer.get_feature_names_out()
        assert len(names) == found.shape[1]
        assert names[52 + NAMES.index("jawOpen")] == "f001_jawOpen"

    def test_columns_of_a_table_have_names(self, cremad_paths, clips):
        transformer = FaceLandmarkTransformer(n_frames=4, output="blendshapes", memory=clips[1])
        table = transformer.set_output(transform="pandas").fit_transform(cremad_paths[:2])
        np.testing.assert_array_equal(
            table["f003_jawOpen"],
            [clip.blendshapes[3, NAMES.index("jawOpen")] for clip in clips[0]],
        )

    def test_frames_without_a_face_have_no_blendshapes_or_interpolated_landmarks(
        self, cremad_frames
    ):
        clip = cremad_frames[0][:30:10].copy()
        clip[1] = 0
        missing = FaceLandmarkTransformer(n_frames=3, on_missing="nan").extract([clip])[0]
        for values in (missing.blendshapes, missing.head_pose, missing.gaze):
            is_missing = np.isnan(values).reshape(3, -1)
            np.testing.assert_array_equal(is_missing, [[i == 1] * values[0].size for i in range(3)])
        (filled,) = FaceLandmarkTransformer(n_frames=3, n_landmarks=478).extract([clip])
        np.testing.assert_array_equal(filled.blendshapes, predict_blendshapes(filled.landmarks))

    def test_interpolated_frames_have_the_blendshapes_of_their_landmarks(self, cremad_frames):
        transformer = FaceLandmarkTransformer(n_frames=4, n_landmarks=478, sampling="all")
        (clip,) = transformer.extract([cremad_frames[0][:3]])
        np.testing.assert_array_equal(clip.blendshapes, predict_blendshapes(clip.landmarks))
        assert clip.head_pose.shape == (4, 4, 4)

    def test_repeated_frames_repeat_their_blendshapes(self, cremad_frames):
        (clip,) = FaceLandmarkTransformer(n_frames=5).extract([cremad_frames[0][0]])
        assert clip.blendshapes.shape == (5, 52)
        assert clip.gaze.shape == (5, 2, 3)
        np.testing.assert_array_equal(clip.blendshapes, clip.blendshapes[[0] * 5])

    @pytest.mark.parametrize("n_frames", [3, None])
    def test_skipped_clips_are_nan(self, cremad_frames, n_frames):
        transformer = FaceLandmarkTransformer(
            n_frames=n_frames, output="blendshapes", on_error="skip-with-nan"
        )
        clips = [cremad_frames[0][:3], "gone.mp4"]
        with pytest.warns(SkippedClipsWarning):
            rows = transformer.fit_transform(clips)
        np.testing.assert_array_equal(np.isnan(rows), [[False] * 156, [True] * 156])
        with pytest.warns(SkippedClipsWarning):
            skipped = transformer.extract(clips)[1]
        assert skipped.blendshapes.shape == (n_frames or 0, 52)
        assert skipped.head_pose.shape == (n_frames or 0, 4, 4)
        assert np.isnan(skipped.gaze).all()

    def test_all_frames_need_clips_of_equal_length(self, cremad_frames):
        transformer = FaceLandmarkTransformer(n_frames=None, output="blendshapes")
        with pytest.raises(ValueError, match=r"has [12] and another clip has [12]"):
            transformer.transform([cremad_frames[0][:2], cremad_frames[0][:1]])


class TestTransformer:
    def test_stored_rows_give_the_blendshapes_of_the_extraction(self, clips, rows):
        transformer = BlendshapeTransformer(n_frames=4)
        found = transformer.transform(rows)
        expected = [clip.blendshapes.ravel() for clip in clips[0]]
        # Products of matrices are rounded in another way with other numbers of frames.
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert found.layout == LandmarkLayout(4, 52, 1, NAMES)
        names = transformer.fit(rows).get_feature_names_out()
        np.testing.assert_array_equal(names, found.layout.feature_names())

    def test_depth_may_be_left_out(self, rows):
        flat = rows.reshape(2, 4, 478, 3)[..., :2].reshape(2, -1)
        found = BlendshapeTransformer(n_frames=4, n_coords=2).fit_transform(flat)
        np.testing.assert_array_equal(found, BlendshapeTransformer().fit_transform(rows))
        attached = LandmarkLayout(4, 478, 2).attach(flat)
        np.testing.assert_array_equal(found, BlendshapeTransformer().fit_transform(attached))

    def test_a_union_has_landmarks_and_blendshapes(self, rows):
        union = make_union(LandmarkAligner(), BlendshapeTransformer()).fit(rows)
        found = union.set_output(transform="pandas").transform(rows)
        assert found.shape == (2, rows.shape[1] + 208)
        np.testing.assert_array_equal(
            found.filter(regex="f002_jawOpen").to_numpy()[:, 0],
            BlendshapeTransformer().transform(rows)[:, 104 + NAMES.index("jawOpen")],
        )

    def test_missing_frames_stay_missing(self, rows):
        rows = rows.reshape(2, 4, -1).copy()
        rows[0, 1] = np.nan
        found = BlendshapeTransformer().fit_transform(rows.reshape(2, -1)).reshape(2, 4, 52)
        is_missing = np.isnan(found)
        assert is_missing[0, 1].all()
        assert is_missing.sum() == 52

    @pytest.mark.parametrize(
        "step",
        [LandmarkAligner(), LandmarkAligner(reference="mean"), StandardScaler()],
        ids=["displacements", "deviations", "standardised"],
    )
    def test_rows_that_are_no_positions_are_an_error(self, rows, step):
        wrong = step.fit_transform(rows)
        with pytest.raises(ValueError, match=r"row \d, frame \d: the landmarks do not resemble"):
            BlendshapeTransformer().fit_transform(wrong)

    def test_aligned_positions_can_be_used(self, rows):
        aligned = LandmarkAligner(reference=None).fit_transform(rows)
        found = BlendshapeTransformer().fit_transform(aligned)
        # The head is turned upright, which the network does not ignore.
        assert np.abs(found - BlendshapeTransformer().fit_transform(rows)).mean() < 0.05

    def test_selected_landmarks_are_an_error(self, rows):
        with pytest.raises(ValueError, match="4 frames of 100 landmarks with 3 coordinates"):
            BlendshapeTransformer(n_frames=4).fit(rows[:, : 4 * 100 * 3])


def load_tool():
    """The tool that writes the weights."""
    spec = importlib.util.spec_from_file_location(
        "write_blendshape_weights", ROOT / "tools" / "write_blendshape_weights.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool
