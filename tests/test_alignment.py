"""Alignment of clips, and mirror images as training data."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import FaceMirror, LandmarkAligner, LandmarkLayout, mesh
from sklearn_temo.mirror import Mirror

LAYOUT = LandmarkLayout(4, 468, 3)


@pytest.fixture
def clips(expression_clips):
    """Ten clips in pixels and float64, (10, 4, 468, 3)."""
    return LAYOUT.unflatten(expression_clips.data[:10].astype(np.float64))


def align(clips, **params):
    aligner = LandmarkAligner(n_frames=clips.shape[1], n_coords=clips.shape[3], **params)
    rows = aligner.fit_transform(clips.reshape(len(clips), -1))
    return rows.reshape(clips.shape)


def moved(clips, rng, *, roll_only):
    """Clips with a random rotation, scale and shift of each frame."""
    angles = rng.uniform(-40, 40, size=(*clips.shape[:2], 3))
    if roll_only:
        angles[..., 1:] = 0
    rotations = Rotation.from_euler("zyx", angles.reshape(-1, 3), degrees=True).as_matrix()
    rotations = rotations.reshape(*clips.shape[:2], 3, 3)
    size = rng.uniform(0.3, 3, size=(*clips.shape[:2], 1, 1))
    shift = rng.uniform(-500, 500, size=(*clips.shape[:2], 1, 3))
    return size * (clips @ rotations.swapaxes(-1, -2)) + shift


@pytest.mark.parametrize("reference", ["first", "mean", None])
@pytest.mark.parametrize("rotation", ["in-plane", "full"])
def test_head_movement_is_removed(clips, rotation, reference):
    other = moved(clips, np.random.default_rng(0), roll_only=rotation == "in-plane")
    expected = align(clips, rotation=rotation, reference=reference)
    np.testing.assert_allclose(
        align(other, rotation=rotation, reference=reference), expected, atol=1e-6
    )


def test_without_rotation_only_position_and_size_are_removed(clips):
    expected = align(clips, rotation=None)
    np.testing.assert_allclose(align(7 * clips + 30, rotation=None), expected, atol=1e-8)
    rolled = moved(clips, np.random.default_rng(0), roll_only=True)
    assert np.abs(align(rolled, rotation=None) - expected).max() > 0.1


def test_in_plane_rotation_is_the_same_with_two_coordinates(clips):
    np.testing.assert_allclose(
        _scaled(align(clips[..., :2], reference=None)),
        _scaled(align(clips, reference=None)[..., :2]),
        atol=1e-8,
    )


def _scaled(clips):
    return clips / np.linalg.norm(np.diff(mesh.eye_centres(clips), axis=-2), axis=-1)[..., None]


@pytest.mark.parametrize("rotation", ["in-plane", "full", None])
def test_the_distance_between_the_eyes_is_one(clips, rotation):
    out = align(clips, rotation=rotation, reference=None)
    right, left = mesh.eye_corners()
    apart = out[:, :, left].mean(axis=2) - out[:, :, right].mean(axis=2)
    np.testing.assert_allclose(np.linalg.norm(apart, axis=-1), 1, atol=1e-8)


def test_reference_first_keeps_frame_0_and_differences(clips):
    positions = align(clips, reference=None)
    out = align(clips, reference="first")
    np.testing.assert_array_equal(out[:, 0], positions[:, 0])
    np.testing.assert_allclose(out[:, 1:], positions[:, 1:] - positions[:, :1], atol=1e-12)


def test_reference_mean_is_the_difference_from_the_mean(clips):
    positions = align(clips, reference=None)
    expected = positions - positions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(align(clips, reference="mean"), expected, atol=1e-12)


@pytest.mark.parametrize("reference", ["first", None])
def test_inverse_transform_restores_positions(clips, reference):
    X = LAYOUT.flatten(clips)
    aligner = LandmarkAligner(n_frames=4, reference=reference).fit(X)
    out = aligner.transform(X)
    before = out.copy()
    back = aligner.inverse_transform(out)
    np.testing.assert_allclose(back, LAYOUT.flatten(align(clips, reference=None)), atol=1e-12)
    np.testing.assert_array_equal(out, before)


def test_inverse_transform_is_not_available_with_the_mean():
    assert hasattr(LandmarkAligner(reference="first"), "inverse_transform")
    assert not hasattr(LandmarkAligner(reference="mean"), "inverse_transform")


@pytest.mark.parametrize("rotation", ["in-plane", "full"])
def test_only_missing_frames_are_missing_in_the_output(clips, rotation):
    expected = align(clips, rotation=rotation)
    gaps = clips.copy()
    gaps[2, 3] = np.nan
    gaps[5, 0] = np.nan
    out = align(gaps, rotation=rotation)
    missing = np.isnan(out).all(axis=(2, 3))
    assert missing[2].tolist() == [False, False, False, True]
    assert missing[5].all()  # the reference frame is missing
    assert missing.sum() == 5
    np.testing.assert_array_equal(out[~missing], expected[~missing])


def test_full_rotation_agrees_with_scipy(clips):
    tilted = moved(clips, np.random.default_rng(3), roll_only=False)
    weights = mesh.pose_weights()
    used = weights > 0
    target = mesh.canonical_face() * [1, -1, -1]
    target = target - weights @ target
    out = align(tilted, rotation="full", reference=None)
    for clip, frames in enumerate(tilted):
        for frame, points in enumerate(frames):
            centred = points - weights @ points
            right, left = centred[[33, 133]].mean(axis=0), centred[[263, 362]].mean(axis=0)
            turn, _ = Rotation.align_vectors(target[used], centred[used], weights=weights[used])
            expected = turn.apply(centred) / np.linalg.norm(left - right)
            np.testing.assert_allclose(out[clip, frame], expected, atol=1e-6)


@pytest.mark.parametrize("rotation", ["in-plane", "full"])
def test_alignment_commutes_with_mirroring(clips, rotation):
    image_width = 480
    mirrored = clips[:, :, mesh.mirror_pairs()] * [-1, 1, 1] + [image_width, 0, 0]
    expected = align(clips, rotation=rotation)[:, :, mesh.mirror_pairs()] * [-1, 1, 1]
    np.testing.assert_allclose(align(mirrored, rotation=rotation), expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_preserved_and_the_input_is_unchanged(clips, dtype):
    X = LAYOUT.flatten(clips).astype(dtype)
    before = X.copy()
    out = LandmarkAligner(n_frames=4, rotation="full").fit_transform(X)
    assert out.dtype == dtype
    np.testing.assert_array_equal(X, before)
    np.testing.assert_allclose(LAYOUT.unflatten(out), align(clips, rotation="full"), atol=2e-5)


def test_rows_do_not_depend_on_each_other(expression_clips):
    X = expression_clips.data
    aligner = LandmarkAligner(n_frames=4).fit(X)
    whole = aligner.transform(X)
    np.testing.assert_allclose(aligner.transform(X[7:9]), whole[7:9], atol=1e-6)
    np.testing.assert_allclose(LandmarkAligner(n_frames=4).transform(X[:3]), whole[:3], atol=1e-6)


def test_irises_are_aligned_with_the_mesh(clips):
    with_irises = np.concatenate([clips, clips[:, :, :10]], axis=2)
    out = align(with_irises)
    np.testing.assert_allclose(out[:, :, :468], align(clips), atol=1e-12)
    np.testing.assert_allclose(out[:, :, 468:], out[:, :, :10], atol=1e-12)


def test_a_part_of_the_mesh_is_an_error(clips):
    with pytest.raises(ValueError, match=r"468 or 478 .*467 landmarks"):
        align(clips[:, :, :467])


def test_a_wrong_number_of_frames_is_an_error(clips):
    with pytest.raises(ValueError, match=r"5616 features of X are 3 frames of 624 landmarks"):
        LandmarkAligner(n_frames=3).fit(LAYOUT.flatten(clips))


def test_full_rotation_needs_three_coordinates(clips):
    with pytest.raises(ValueError, match="n_coords=3, got n_coords=2"):
        align(clips[..., :2], rotation="full")


def test_pandas_output_has_column_names(clips):
    aligner = LandmarkAligner(n_frames=4).set_output(transform="pandas")
    table = aligner.fit_transform(LAYOUT.flatten(clips))
    assert list(table.columns) == list(LAYOUT.feature_names())
    np.testing.assert_array_equal(table["f002_p010_y"], align(clips)[:, 2, 10, 1])


def test_face_mirror_adds_the_mirror_image_of_every_clip(aligned):
    X, y = aligned
    sampler = FaceMirror(n_frames=4)
    X_both, y_both = sampler.fit_resample(X, y)
    assert X_both.shape == (2 * len(X), X.shape[1])
    assert X_both.dtype == X.dtype
    np.testing.assert_array_equal(X_both[: len(X)], X)
    np.testing.assert_array_equal(y_both, np.tile(y, 2))
    np.testing.assert_array_equal(sampler.mirror_pairs_, mesh.mirror_pairs())
    clips, mirrored = LAYOUT.unflatten(X), LAYOUT.unflatten(X_both[len(X) :])
    axis = clips[:, 0, :, 0].astype(float).mean()
    partners = clips[:, :, mesh.mirror_pairs()]
    np.testing.assert_array_equal(mirrored[:, 1:], partners[:, 1:] * np.float32([-1, 1, 1]))
    expected = partners[:, 0] * [-1, 1, 1] + [2 * axis, 0, 0]
    np.testing.assert_allclose(mirrored[:, 0], expected, atol=1e-5)


def test_face_mirror_agrees_with_the_mirror_of_the_classifier(aligned):
    X, y = aligned
    X_both, _ = FaceMirror(n_frames=4).fit_resample(X, y)
    np.testing.assert_array_equal(X_both[len(X) :], Mirror.from_clips(X, LAYOUT).apply(X))


def test_face_mirror_works_in_imbalanced_learns_pipeline(expression_clips):
    pipeline = pytest.importorskip("imblearn.pipeline", reason="the extra imbalanced is optional")
    X, y = expression_clips.data, expression_clips.target
    svm = SVC()
    model = pipeline.make_pipeline(
        LandmarkAligner(n_frames=4), FaceMirror(n_frames=4), StandardScaler(), svm
    )
    assert model.fit(X, y).predict(X).shape == y.shape
    assert svm.shape_fit_ == (2 * len(X), X.shape[1])
    # Twice the chance level of seven emotions.
    assert cross_val_score(model, X, y, cv=3).mean() > 2 / 7


def test_face_mirror_of_standardised_clips_is_an_error(aligned):
    X, y = aligned
    with pytest.raises(ValueError, match="84 clips is not a symmetric face of 468 landmarks"):
        FaceMirror(n_frames=4).fit_resample(StandardScaler().fit_transform(X), y)
