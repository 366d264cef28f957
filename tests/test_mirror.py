import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from benchmarks.pipeline_figures import CKPLUS
from sklearn_temo import LandmarkAligner, LandmarkLayout, mesh
from sklearn_temo.mirror import Mirror, find_mirror_pairs


@pytest.fixture(scope="module")
def real_faces():
    """Neutral faces of CK+, (231, 468, 3), which may not be given away with the package."""
    if not CKPLUS.is_file():
        pytest.skip(
            "the landmarks of CK+ are for research only and not part of the project; set "
            "SKLEARN_TEMO_CKPLUS to the path of neutral_apex.npz"
        )
    with np.load(CKPLUS) as data:
        return data["X"][:, 0]


def symmetric_subset(rng, n_landmarks=468):
    """A random set of landmarks that is closed under mirroring, as sorted numbers."""
    pairs = mesh.mirror_pairs(n_landmarks)
    seeds = rng.choice(n_landmarks, size=rng.integers(10, 200), replace=False)
    return np.union1d(seeds, pairs[seeds])


def pairs_within(kept):
    return np.searchsorted(kept, mesh.mirror_pairs()[kept])


def test_all_pairs_are_found_in_the_mean_of_real_faces(real_faces):
    np.testing.assert_array_equal(find_mirror_pairs(real_faces.mean(axis=0)), mesh.mirror_pairs())


def test_ten_real_faces_are_enough(real_faces):
    rng = np.random.default_rng(0)
    wrong = []
    for _ in range(20):
        found = find_mirror_pairs(rng.permutation(real_faces)[:10].mean(axis=0))
        assert found is not None
        wrong.append((found != mesh.mirror_pairs()).sum())
    # Where the mesh is dense, two neighbours may change places now and then.
    assert np.mean(np.equal(wrong, 0)) >= 0.8
    assert max(wrong) <= 8


def test_pairs_are_found_in_symmetric_parts_of_real_faces(real_faces):
    rng = np.random.default_rng(1)
    for _ in range(20):
        kept = symmetric_subset(rng)
        mean = rng.permutation(real_faces)[:10].mean(axis=0)
        np.testing.assert_array_equal(find_mirror_pairs(mean[kept]), pairs_within(kept))


@pytest.mark.parametrize("n_points", [5, 20, 100])
def test_random_points_are_no_face(n_points):
    rng = np.random.default_rng(2)
    for n_coords in (2, 3):
        assert find_mirror_pairs(rng.normal(size=(n_points, n_coords))) is None


def test_too_few_points_are_never_paired():
    square = np.array([[-1.0, 0], [1, 0], [-1, 1], [1, 1]])
    assert find_mirror_pairs(square) is None
    np.testing.assert_array_equal(find_mirror_pairs(np.vstack([square, [0, 3]])), [1, 0, 3, 2, 4])


def test_points_that_are_missing_or_on_a_line_are_never_paired():
    face = mesh.canonical_face().copy()
    assert find_mirror_pairs(face[:, :1]) is None
    face[7] = np.nan
    assert find_mirror_pairs(face) is None


def test_a_face_without_one_half_is_not_paired():
    face = mesh.canonical_face()
    assert find_mirror_pairs(face[face[:, 0] > 0]) is None


@pytest.mark.parametrize("reference", ["first", None])
def test_mirror_is_found_in_aligned_clips(reference, expression_clips):
    X = LandmarkAligner(n_frames=4, reference=reference).fit_transform(expression_clips.data)
    mirror = Mirror.from_clips(X, LandmarkLayout(4, 468, 3))
    np.testing.assert_array_equal(mirror.pairs, mesh.mirror_pairs())
    expected = [True] * 4 if reference is None else [True, False, False, False]
    np.testing.assert_array_equal(mirror.is_position, expected)


def test_no_mirror_where_positions_are_not_in_the_data(aligned):
    X, _ = aligned
    layout = LandmarkLayout(4, 468, 3)
    rng = np.random.default_rng(0)
    assert Mirror.from_clips(StandardScaler().fit_transform(X), layout) is None
    assert Mirror.from_clips(rng.normal(size=X.shape), layout) is None
    later = LandmarkLayout(3, 468, 3)
    displacements = later.flatten(layout.unflatten(X)[:, 1:])
    assert Mirror.from_clips(displacements, later) is None


def test_no_mirror_with_the_mean_as_reference(expression_clips):
    X = LandmarkAligner(n_frames=4, reference="mean").fit_transform(expression_clips.data)
    assert Mirror.from_clips(X, LandmarkLayout(4, 468, 3)) is None


@pytest.mark.parametrize("reference", ["first", None])
def test_mirroring_twice_is_the_identity(reference, expression_clips):
    X = LandmarkAligner(n_frames=4, reference=reference).fit_transform(expression_clips.data)
    before = X.copy()
    mirror = Mirror.from_clips(X, LandmarkLayout(4, 468, 3))
    once = mirror.apply(X)
    assert once.dtype == X.dtype
    assert np.abs(once - X).max() > 0.1
    np.testing.assert_allclose(mirror.apply(once), X, atol=1e-5)
    np.testing.assert_array_equal(X, before)


def test_mirroring_reflects_positions_and_turns_displacements(aligned):
    X, _ = aligned
    layout = LandmarkLayout(4, 468, 3)
    mirror = Mirror.from_clips(X, layout)
    clips, mirrored = layout.unflatten(X), layout.unflatten(mirror.apply(X))
    axis = clips[:, 0, :, 0].astype(float).mean()
    partners = clips[:, :, mesh.mirror_pairs()]
    np.testing.assert_allclose(mirrored[:, 0, :, 0], 2 * axis - partners[:, 0, :, 0], atol=1e-5)
    np.testing.assert_array_equal(mirrored[:, 1:, :, 0], -partners[:, 1:, :, 0])
    np.testing.assert_array_equal(mirrored[..., 1:], partners[..., 1:])


def test_bases_are_orthonormal_and_change_sign_as_they_say():
    layout = LandmarkLayout(1, 468, 3)
    mirror = Mirror(layout, mesh.mirror_pairs(), axis=0.0, is_position=np.array([True]))
    (symmetric, _), (antisymmetric, _) = bases = mirror.bases()
    both = np.hstack([symmetric.toarray(), antisymmetric.toarray()])
    np.testing.assert_allclose(both.T @ both, np.eye(layout.n_features), atol=1e-6)
    for basis, sign in bases:
        vectors = basis.T.toarray()
        np.testing.assert_allclose(mirror.apply(vectors), sign * vectors, atol=1e-7)
