"""Synthetic clips of expressions."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from sklearn_temo import LandmarkAligner, mesh
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.datasets._synthetic import ACTION_UNITS, displacement_field

SYMMETRIC = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


@pytest.fixture(scope="module")
def still():
    """Clips without head motion, identity and noise."""
    return make_expression_clips(
        n_clips=70, n_frames=6, head_motion=0, identity=0, noise=0, random_state=0
    )


def positions(clips):
    return clips.layout.unflatten(clips.data)


def moving(clips, emotion):
    return clips.moving[np.flatnonzero(clips.target_names == emotion)[0]]


def apex_motion(clips, emotion):
    """Mean displacement from the first frame to the last, shape (468, 3), in pixels."""
    frames = positions(clips)[clips.target == emotion]
    return (frames[:, -1] - frames[:, 0]).mean(axis=0)


def test_exactly_the_moving_landmarks_move(still):
    for emotion in still.target_names:
        for clip in positions(still)[still.target == emotion]:
            np.testing.assert_array_equal(
                (clip != clip[0]).any(axis=(0, 2)), moving(still, emotion)
            )


def test_moving_landmarks_do_not_depend_on_head_motion_and_noise(still):
    clips = make_expression_clips(n_clips=7, n_frames=2, random_state=1)
    np.testing.assert_array_equal(clips.moving, still.moving)


def test_clips_rise_from_neutral_to_the_apex(still):
    frames = positions(still)
    assert (frames[:, 0] == frames[0, 0]).all()
    motion = np.abs(frames - frames[:, :1]).sum(axis=(2, 3))
    assert (np.diff(motion, axis=1) >= 0).all()
    assert (motion[:, -1] > 0).all()


def test_landmarks_with_a_pose_weight_never_move(still):
    assert not still.moving[:, mesh.pose_weights() > 0].any()


def test_emotions_move_a_part_of_the_face(still):
    assert 150 <= still.moving.any(axis=0).sum() <= 300
    assert ((still.moving.sum(axis=1) >= 30) & (still.moving.sum(axis=1) <= 185)).all()


@pytest.mark.parametrize("emotion", SYMMETRIC)
def test_moving_landmarks_are_symmetric(still, emotion):
    mask = moving(still, emotion)
    np.testing.assert_array_equal(mask[mesh.mirror_pairs()], mask)


def test_contempt_moves_the_right_side_only(still):
    right_of_midline = mesh.canonical_face()[:, 0] < 0
    assert right_of_midline[moving(still, "contempt")].mean() > 0.9


@pytest.mark.parametrize("code", ACTION_UNITS)
def test_action_units_are_symmetric(code):
    field = displacement_field(code)
    np.testing.assert_allclose(field[mesh.mirror_pairs()] * [-1, 1, 1], field, atol=1e-12)


@pytest.mark.parametrize("code", ACTION_UNITS)
def test_action_units_have_a_realistic_size(code):
    largest = np.linalg.norm(displacement_field(code), axis=1).max()
    assert 0.1 <= largest <= 1.2


def test_coordinates_agree_with_extracted_landmarks(still):
    face = positions(still)[0, 0]
    nose_tip = mesh.canonical_face()[:, 2].argmax()
    assert face[:, 2].argmin() == nose_tip
    assert face[nose_tip, 2] < 0
    assert np.ptp(face[:, 0]) == pytest.approx(150, abs=1)
    left_eye, chin = np.unique(mesh.contours()["left_eye"]), mesh.canonical_face()[:, 1].argmin()
    assert face[left_eye, 0].min() > face[nose_tip, 0]
    assert face[chin, 1] > face[nose_tip, 1]
    assert (face[:, :2] > 0).all()
    assert (face[:, :2] < [640, 480]).all()


def test_lip_corners_rise_and_spread_in_happiness(still):
    lips = np.unique(mesh.contours()["lips"])
    x = mesh.canonical_face()[lips, 0]
    motion = apex_motion(still, "happiness")
    for corner, outward in ((lips[x.argmax()], 1), (lips[x.argmin()], -1)):
        assert motion[corner, 1] < -1
        assert outward * motion[corner, 0] > 1


def test_brows_rise_and_the_jaw_drops_in_surprise(still):
    motion = apex_motion(still, "surprise")
    for brow in ("left_eyebrow", "right_eyebrow"):
        assert motion[np.unique(mesh.contours()[brow]), 1].mean() < -1
    assert motion[mesh.canonical_face()[:, 1].argmin(), 1] > 1


def test_a_jaw_drop_does_not_move_the_upper_lip():
    lips = np.unique(mesh.contours()["lips"])
    above = lips[mesh.canonical_face()[lips, 1] > -4.0]
    assert not displacement_field("26")[above].any()


def test_shapes_and_types():
    clips = make_expression_clips(n_clips=21, n_frames=5, n_subjects=4, random_state=0)
    assert clips.data.shape == (21, 5 * 468 * 3)
    assert clips.data.dtype == np.float32
    assert clips.moving.shape == (7, 468)
    assert clips.moving.dtype == bool
    assert clips.target.shape == clips.groups.shape == (21,)
    assert clips.layout.shape == (5, 468, 3)
    assert list(clips.target_names) == sorted(clips.action_units) == sorted(set(clips.target))
    assert clips.action_units["contempt"] == [
        "AU12 lip corner puller (right side)",
        "AU14 dimpler (right side)",
    ]
    assert "MediaPipe" in clips.DESCR


def test_random_state_determines_the_clips():
    first, same, other = (
        make_expression_clips(n_clips=14, n_frames=3, random_state=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.data, same.data)
    np.testing.assert_array_equal(first.target, same.target)
    assert not np.array_equal(first.data, other.data)


def test_emotions_are_balanced_within_subjects_and_folds():
    clips = make_expression_clips(n_frames=2, random_state=0)
    counts = np.unique(clips.target, return_counts=True)[1]
    assert np.ptp(counts) <= 1
    assert len(set(clips.groups)) == 30
    for subject in set(clips.groups):
        assert len(set(clips.target[clips.groups == subject])) == 7
    for train, test in StratifiedGroupKFold(5).split(clips.data, clips.target, clips.groups):
        assert set(clips.target[train]) == set(clips.target[test]) == set(clips.target_names)


def test_rows_of_moving_follow_the_sorted_names(still):
    clips = make_expression_clips(
        n_clips=4, n_frames=2, emotions=["surprise", "anger"], random_state=0
    )
    assert clips.target_names.tolist() == ["anger", "surprise"]
    np.testing.assert_array_equal(clips.moving[0], moving(still, "anger"))
    np.testing.assert_array_equal(clips.moving[1], moving(still, "surprise"))


def test_noise_has_the_given_standard_deviation():
    kwargs = {"n_clips": 30, "n_frames": 8, "head_motion": 0, "identity": 0, "random_state": 0}
    quiet = positions(make_expression_clips(noise=0, **kwargs))
    noisy = positions(make_expression_clips(noise=0.5, **kwargs))
    deviation = (noisy - quiet).std(axis=(0, 1, 2))
    np.testing.assert_allclose(deviation, [0.5, 0.5, 1.0], rtol=0.02)


def test_subjects_have_their_own_symmetric_faces():
    clips = make_expression_clips(
        n_clips=40, n_frames=2, n_subjects=4, head_motion=0, noise=0, random_state=0
    )
    neutral = positions(clips)[:, 0].astype(float)
    faces = np.stack([neutral[clips.groups == subject] for subject in range(4)])
    assert (faces == faces[:, :1]).all()
    centimetre = 150 / np.ptp(mesh.canonical_face()[:, 0])
    canonical = mesh.canonical_face() * [1, -1, -1] * centimetre + [320, 240, 0]
    apart = np.sqrt(((faces[:, 0] - canonical) ** 2).sum(axis=-1).mean(axis=-1))
    np.testing.assert_allclose(apart, 0.4 * centimetre, rtol=1e-3)
    mirrored = [640, 0, 0] + faces[:, 0][:, mesh.mirror_pairs()] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, faces[:, 0], atol=1e-3)


def test_head_motion_is_rigid():
    kwargs = {"n_clips": 14, "n_frames": 4, "identity": 0, "noise": 0, "random_state": 0}
    moved = LandmarkAligner(n_frames=4, rotation="full", reference=None).fit_transform(
        make_expression_clips(head_motion=8, **kwargs).data
    )
    still = LandmarkAligner(n_frames=4, rotation="full", reference=None).fit_transform(
        make_expression_clips(head_motion=0, **kwargs).data
    )
    np.testing.assert_allclose(moved, still, atol=1e-3)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"emotions": ["joy", "anger"]}, r"\['anger', 'contempt', .*, got \['anger', 'joy'\]"),
        ({"emotions": []}, "one or more"),
        ({"n_clips": 6}, "n_clips=6 clips cannot show 7 emotions"),
        ({"n_frames": 1}, "n_frames"),
        ({"noise": -1}, "noise"),
        ({"intensity": (0.9, 0.3)}, r"\(lowest, highest\)"),
        ({"size": (0, 480)}, r"size must be \(width, height\), both positive"),
    ],
)
def test_invalid_parameters_are_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_expression_clips(**kwargs)


@pytest.mark.skipif(
    tuple(map(int, np.__version__.split(".")[:3])) < (2, 4, 5),
    reason="the BLAS of older versions rounds differently with other numbers of threads",
)
def test_clips_do_not_depend_on_the_number_of_threads():
    made = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            made.append(make_expression_clips(n_clips=140, random_state=0).data)
    np.testing.assert_array_equal(*made)
