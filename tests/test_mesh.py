"""Geometry of the face mesh."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer, mesh
from sklearn_temo.mirror import find_mirror_pairs

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("n_landmarks", "n_midline"), [(468, 28), (478, 28)])
def test_mirror_pairs_are_an_involution(n_landmarks, n_midline):
    pairs = mesh.mirror_pairs(n_landmarks)
    np.testing.assert_array_equal(pairs[pairs], np.arange(n_landmarks))
    assert (pairs == np.arange(n_landmarks)).sum() == n_midline


def test_the_canonical_face_is_symmetric():
    face = mesh.canonical_face()
    np.testing.assert_allclose(face[mesh.mirror_pairs()] * [-1, 1, 1], face, atol=1e-5)


def test_the_triangles_are_symmetric():
    def sets(triangles):
        return {frozenset(triangle) for triangle in triangles.tolist()}

    assert sets(mesh.mirror_pairs()[mesh.triangles()]) == sets(mesh.triangles())


def test_triangles_and_edges_form_a_surface():
    assert mesh.triangles().shape == (898, 3)
    assert mesh.edges().shape == (1365, 2)
    assert (mesh.edges()[:, 0] < mesh.edges()[:, 1]).all()
    # Euler's formula for a disk: the mesh spans the mouth and the eyes.
    assert mesh.N_LANDMARKS - len(mesh.edges()) + len(mesh.triangles()) == 1
    assert len(np.unique(mesh.triangles())) == 468


def test_33_landmarks_on_both_sides_have_pose_weights():
    weights = mesh.pose_weights()
    assert weights.shape == (468,)
    assert (weights > 0).sum() == 33
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(weights[mesh.mirror_pairs()] > 0, weights > 0)


def test_eye_corners_and_centres():
    np.testing.assert_array_equal(np.sort(mesh.eye_corners()), [[33, 133], [263, 362]])
    right, left = mesh.eye_centres(mesh.canonical_face())
    assert right[0] < 0 < left[0]
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=1e-5)
    np.testing.assert_allclose(right, mesh.canonical_face()[[33, 133]].mean(axis=0))


def test_regions_cover_the_face_symmetrically():
    regions = mesh.regions()
    assert regions.shape == (468,)
    assert set(regions) == set(mesh.REGIONS)
    heights = [mesh.canonical_face()[regions == name, 1].mean().round(1) for name in mesh.REGIONS]
    assert heights == sorted(heights, reverse=True)
    swapped = {"left": "right", "right": "left"}
    expected = [" ".join(swapped.get(word, word) for word in region.split()) for region in regions]
    np.testing.assert_array_equal(regions[mesh.mirror_pairs()], expected)


def test_the_subjects_left_has_positive_x():
    x = mesh.canonical_face()[:, 0]
    sided = {side: np.char.startswith(mesh.regions(), side) for side in ("left", "right")}
    assert (x[sided["left"]] > 0).all()
    assert (x[sided["right"]] < 0).all()


def test_the_geometry_file_is_what_the_tool_writes():
    spec = importlib.util.spec_from_file_location(
        "write_face_geometry", ROOT / "tools" / "write_face_geometry.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert json.loads(tool.TARGET.read_text(encoding="utf-8")) == tool.face_geometry()


def test_iris_pairs_agree_with_extracted_faces(cremad_paths):
    rows = FaceLandmarkTransformer(n_frames=4, n_landmarks=478).fit_transform(cremad_paths)
    mean = rows.reshape(-1, 478, 3).mean(axis=0)
    np.testing.assert_array_equal(find_mirror_pairs(mean)[468:], mesh.mirror_pairs(478)[468:])


@pytest.mark.parametrize("n_landmarks", [0, 467, 477])
def test_mirror_pairs_need_a_full_mesh(n_landmarks):
    with pytest.raises(ValueError, match=f"468 landmarks, or 478.*got {n_landmarks}"):
        mesh.mirror_pairs(n_landmarks)


def test_cached_arrays_are_read_only():
    for array in (mesh.canonical_face(), mesh.mirror_pairs(), mesh.pose_weights()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.fixture
def unverified_model():
    mesh.model_path.cache_clear()
    yield
    mesh.model_path.cache_clear()


def test_a_damaged_model_is_an_error(monkeypatch, unverified_model):
    monkeypatch.setattr(mesh, "MODEL_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"face_landmarker\.task is damaged.*expected 0000"):
        mesh.model_path()


def test_a_missing_model_is_an_error(monkeypatch, unverified_model, tmp_path):
    monkeypatch.setattr(mesh.resources, "files", lambda package: tmp_path)
    with pytest.raises(RuntimeError, match=r"model .* is missing"):
        mesh.model_path()
