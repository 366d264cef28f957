"""Head pose and gaze."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sklearn_temo import FaceLandmarkTransformer, mesh
from sklearn_temo.blendshapes import NAMES
from sklearn_temo.head_pose import estimate_gaze, estimate_head_pose

SIZE = (640, 480)


@pytest.fixture(scope="module")
def clips(cremad_paths):
    return FaceLandmarkTransformer(n_frames=12, n_landmarks=478).extract(cremad_paths)


def photograph(pose, gaze):
    """Landmarks of the canonical face in the picture of a camera with 63 degrees of view.

    `gaze` has a direction for each eye, in the space of the camera, y up and z towards it.
    """
    face = mesh.canonical_face()
    places = [[-0.21, 0.17, -0.6], [0.21, 0.17, -0.6]]
    eyeballs = (mesh.eye_centres(face) + places) @ pose[:3, :3].T + pose[:3, 3]
    irises = (eyeballs + gaze).repeat(5, axis=0)
    points = np.concatenate([face @ pose[:3, :3].T + pose[:3, 3], irises])
    depth = -points[:, 2]
    pixels = SIZE[1] / 2 / np.tan(np.radians(63) / 2)
    return np.stack(
        [
            SIZE[0] / 2 + pixels * points[:, 0] / depth,
            SIZE[1] / 2 - pixels * points[:, 1] / depth,
            pixels * (depth / depth[:468].mean() - 1),
        ],
        axis=1,
    )


def head_pose(yaw, pitch, roll):
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True).as_matrix()
    pose[:3, 3] = 5, -8, -60
    return pose


POSES = [head_pose(0, 0, 0), head_pose(25, 10, 0), head_pose(-40, -15, 30)]


class TestHeadPose:
    def test_head_pose_is_mediapipes_facial_transformation_matrix(self, mediapipe_faces):
        found = estimate_head_pose(mediapipe_faces.landmarks, mediapipe_faces.size)
        assert found.dtype == np.float32
        expected = mediapipe_faces.head_pose
        np.testing.assert_allclose(found[:, :3, :3], expected[:, :3, :3], atol=1e-4)
        # Centimetres, at distances of about 50.
        np.testing.assert_allclose(found[:, :3, 3], expected[:, :3, 3], atol=2e-3)
        np.testing.assert_array_equal(found[:, 3], expected[:, 3])

    @pytest.mark.parametrize("pose", POSES)
    def test_the_pose_of_a_photographed_face_is_found(self, pose):
        landmarks = photograph(pose, [0, 0, 1])
        found = estimate_head_pose(landmarks, SIZE)
        # Two passes approach the scale, but do not reach it.
        np.testing.assert_allclose(found[:3, :3], pose[:3, :3], atol=0.01)
        np.testing.assert_allclose(found[:3, 3], pose[:3, 3], atol=0.5)

    def test_irises_are_not_used(self, mediapipe_faces):
        landmarks, size = mediapipe_faces.landmarks, mediapipe_faces.size
        np.testing.assert_array_equal(
            estimate_head_pose(landmarks, size), estimate_head_pose(landmarks[:, :468], size)
        )

    def test_the_scale_of_the_picture_does_not_matter(self, mediapipe_faces):
        landmarks, (width, height) = mediapipe_faces.landmarks, mediapipe_faces.size
        np.testing.assert_allclose(
            estimate_head_pose(2 * landmarks, (2 * width, 2 * height)),
            estimate_head_pose(landmarks, (width, height)),
            rtol=1e-5,
            atol=1e-5,
        )

    def test_frames_with_missing_landmarks_have_no_pose_and_no_gaze(self, mediapipe_faces):
        landmarks, size = mediapipe_faces.landmarks.copy(), mediapipe_faces.size
        landmarks[1] = np.nan
        for estimate in (estimate_head_pose, estimate_gaze):
            expected = estimate(mediapipe_faces.landmarks, size)
            expected[1] = np.nan
            np.testing.assert_array_equal(estimate(landmarks, size), expected)

    @pytest.mark.parametrize("shape", [(468,), (2, 100, 3), (478, 2)])
    def test_a_full_mesh_with_depth_is_needed(self, shape):
        with pytest.raises(ValueError, match=r"expected \(\.\.\., 468 or 478, 3\)"):
            estimate_head_pose(np.zeros(shape), SIZE)

    @pytest.mark.parametrize("size", [(0, 360), (480, -1), (np.nan, 360)])
    def test_the_size_of_the_frame_is_needed(self, size):
        with pytest.raises(ValueError, match="width and height of the frame"):
            estimate_head_pose(np.zeros((468, 3)), size)


class TestGaze:
    @pytest.mark.parametrize("pose", POSES)
    @pytest.mark.parametrize("turn", [(0, 0), (15, 0), (0, -10), (-20, 15)])
    def test_the_gaze_of_a_photographed_face_is_found(self, pose, turn):
        gaze = Rotation.from_euler("YX", turn, degrees=True).apply([0, 0, 1])
        found = estimate_gaze(photograph(pose, gaze), SIZE)
        assert found.shape == (2, 3)
        # In the axes of the picture, y is down and z away from the camera.
        cosine = found @ (gaze * [1, -1, -1])
        assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 3

    def test_speakers_look_into_the_camera(self, clips):
        for clip in clips:
            gaze = clip.gaze.mean(axis=(0, 1))
            camera = -clip.head_pose[:, :3, 3].mean(axis=0) * [1, -1, -1]
            cosine = gaze @ camera / np.linalg.norm(gaze) / np.linalg.norm(camera)
            assert np.degrees(np.arccos(cosine)) < 5

    def test_gaze_agrees_with_the_blendshapes_of_looking(self, clips):
        """MediaPipe's network knows nothing of the eyeballs."""
        look = {
            name: np.concatenate([clip.blendshapes[:, i] for clip in clips])
            for i, name in enumerate(NAMES)
        }
        # The gaze relative to the head, x to the subject's left and y up.
        gaze = np.concatenate(
            [(clip.gaze * [1, -1, -1]) @ clip.head_pose[:, :3, :3] for clip in clips]
        )
        for eye, side, outward in ((0, "Right", -1), (1, "Left", 1)):
            out = look[f"eyeLookOut{side}"] - look[f"eyeLookIn{side}"]
            up = look[f"eyeLookUp{side}"] - look[f"eyeLookDown{side}"]
            assert np.corrcoef(outward * gaze[:, eye, 0], out)[0, 1] > 0.4
            assert np.corrcoef(gaze[:, eye, 1], up)[0, 1] > 0.9

    def test_extract_gives_unit_vectors(self, clips):
        for clip in clips:
            expected = estimate_gaze(clip.landmarks, clip.size)
            np.testing.assert_array_equal(clip.gaze, expected)
            np.testing.assert_allclose(np.linalg.norm(clip.gaze, axis=-1), 1, rtol=1e-6)
            np.testing.assert_array_equal(
                clip.head_pose, estimate_head_pose(clip.landmarks, clip.size)
            )

    def test_irises_are_needed(self):
        with pytest.raises(ValueError, match=r"expected \(\.\.\., 478, 3\).*n_landmarks=478"):
            estimate_gaze(np.zeros((468, 3)), SIZE)
