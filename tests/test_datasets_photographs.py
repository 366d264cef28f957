"""Landmarks of real smiles and of real hands."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier, mesh
from sklearn_temo.datasets import load_london_smiles, load_sign_digits

LOADERS = {load_london_smiles: "CC BY 4.0", load_sign_digits: "Apache License 2.0"}
MOUTH_CORNERS = (61, 291)


@pytest.fixture(scope="module")
def smiles():
    return load_london_smiles()


@pytest.fixture(scope="module")
def digits():
    return load_sign_digits()


def test_two_photographs_of_102_people(smiles):
    assert smiles.data.shape == (204, 468 * 3)
    people, counts = np.unique(smiles.groups, return_counts=True)
    assert len(people) == 102
    assert (counts == 2).all()
    np.testing.assert_array_equal(smiles.groups[:102], smiles.groups[102:])
    assert smiles.target[:102].tolist() == ["neutral"] * 102
    assert smiles.target[102:].tolist() == ["happiness"] * 102


def test_2062_photographs_of_ten_digits(digits):
    assert digits.data.shape == (2062, 21 * 3)
    assert len(np.unique(digits.groups)) == 186
    assert digits.target_names.tolist() == list("0123456789")
    assert (np.unique(digits.target, return_counts=True)[1] > 200).all()


@pytest.mark.parametrize(("load", "licence"), LOADERS.items())
def test_bunch_has_the_common_attributes(load, licence):
    bunch = load()
    assert bunch.data.dtype == np.float32
    assert np.isfinite(bunch.data).all()
    np.testing.assert_array_equal(bunch.target_names, np.unique(bunch.target))
    assert len(bunch.data) == len(bunch.target) == len(bunch.groups)
    for text in (licence, "Please cite", "## Changes"):
        assert text in bunch.DESCR
    X, y = load(return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("load", LOADERS)
def test_rows_carry_their_layout(load):
    bunch = load()
    assert bunch.layout.n_frames == 1
    assert bunch.data.layout == bunch.data[::2].layout == bunch.layout
    assert load(return_X_y=True)[0].layout == bunch.layout


@pytest.mark.parametrize("load", LOADERS)
def test_folds_keep_people_apart_and_contain_every_class(load):
    bunch = load()
    for train, test in StratifiedGroupKFold(5).split(bunch.data, bunch.target, bunch.groups):
        assert not set(bunch.groups[train]) & set(bunch.groups[test])
        np.testing.assert_array_equal(np.unique(bunch.target[test]), bunch.target_names)


def test_faces_lie_in_the_photographs(smiles):
    faces = smiles.layout.unflatten(np.asarray(smiles.data))[:, 0]
    assert faces[..., :2].min() > 0
    assert faces[..., :2].max() < 1350
    distances = np.linalg.norm(np.diff(mesh.eye_centres(faces), axis=1)[:, 0], axis=1)
    assert ((distances > 150) & (distances < 250)).all()


def test_almost_everybody_has_a_wider_mouth_in_the_smile(smiles):
    faces = LandmarkAligner().fit_transform(smiles.data).reshape(2, 102, 468, 3)
    left, right = np.moveaxis(faces[:, :, MOUTH_CORNERS], 2, 0)
    neutral, smiling = np.linalg.norm(left - right, axis=-1)
    assert (smiling > neutral).mean() > 0.95


def test_smiles_are_recognised_by_the_mouth(smiles):
    X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    network = TEMOClassifier(n_components=32, noise=0.4, max_epochs=30)
    scores = IGLandmarkSelector(network, random_state=0).fit(X, smiles.target).landmark_scores_
    best = np.argsort(-scores)[:20]
    assert (mesh.regions()[best] == "lips").mean() >= 0.9
    # The lip corners and their neighbours.
    assert set(MOUTH_CORNERS) <= set(best)


def test_connections_draw_a_hand(digits):
    hands = digits.layout.unflatten(np.asarray(digits.data))[:, 0]
    assert digits.landmark_names.shape == (21,)
    assert set(digits.connections.ravel()) == set(range(21))
    first, second = np.moveaxis(hands[:, digits.connections], 2, 0)
    bones = np.linalg.norm(first - second, axis=-1).mean()
    everything = np.linalg.norm(hands[:, :, None] - hands[:, None], axis=-1).mean()
    assert bones < 0.6 * everything


def test_the_index_finger_is_stretched_in_a_one_and_not_in_a_zero(digits):
    names = digits.landmark_names.tolist()
    hands = digits.layout.unflatten(np.asarray(digits.data))[:, 0]
    wrist, tip, knuckle = (hands[:, names.index(n)] for n in ("wrist", "index_tip", "index_mcp"))
    stretch = np.linalg.norm(tip - wrist, axis=1) / np.linalg.norm(knuckle - wrist, axis=1)
    one, zero = (np.median(stretch[digits.target == digit]) for digit in "10")
    assert one > 1.2 * zero
