"""Selection, classification and mirror images of blendshapes, which have names."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import (
    FaceMirror,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkLayout,
    StabilityLandmarkSelector,
    TEMOClassifier,
    make_temo_pipeline,
)
from sklearn_temo.blendshapes import ACTION_UNITS, MIRROR, NAMES
from sklearn_temo.mirror import Mirror, known_mirror_pairs

from .conftest import MOVING_BLENDSHAPES

MOVING = {name for names in MOVING_BLENDSHAPES.values() for name in names}


@pytest.fixture
def X(blendshape_clips):
    return blendshape_clips.data


@pytest.fixture
def y(blendshape_clips):
    return blendshape_clips.target


@pytest.fixture(scope="module")
def fitted(blendshape_clips):
    pipe = make_pipeline(
        IGLandmarkSelector(k=10, random_state=0), TEMOClassifier(randomized=True, random_state=0)
    )
    return pipe.fit(blendshape_clips.data, blendshape_clips.target)


def test_every_blendshape_has_one_mirror_partner():
    assert {*MIRROR} == {*MIRROR.values()} == {*NAMES}
    assert all(MIRROR[partner] == name for name, partner in MIRROR.items())
    assert MIRROR["jawLeft"] == "jawRight"
    assert MIRROR["mouthLeft"] == "mouthRight"
    assert MIRROR["eyeLookInLeft"] == "eyeLookInRight"
    assert [name for name in NAMES if MIRROR[name] == name] == [
        *("_neutral", "browInnerUp", "cheekPuff", "jawForward", "jawOpen", "mouthClose"),
        *("mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper"),
        *("mouthShrugLower", "mouthShrugUpper"),
    ]


def test_a_pipeline_needs_neither_frames_nor_coordinates(fitted, X, y):
    selector, temo = fitted
    kept = {NAMES[i] for i in selector.get_landmark_support(indices=True)}
    assert len(kept) == 10
    assert kept <= MOVING
    assert selector.layout_ == LandmarkLayout(4, 52, 1, NAMES)
    assert temo.layout_ == selector.layout_.keep(selector.get_landmark_support())
    assert fitted.score(X, y) > 0.95


def test_selected_columns_are_named_after_blendshapes(fitted, X):
    selector = fitted[0]
    names = selector.get_feature_names_out()
    assert list(names[:10]) == [f"f000_{name}" for name in selector.transform(X).layout.names]
    frame = pd.DataFrame(np.asarray(X), columns=selector.layout_.feature_names())
    table = clone(selector).set_output(transform="pandas").fit(frame, y=np.arange(60) % 2)
    kept = table.transform(frame)
    assert LandmarkLayout.infer(kept).names == tuple(
        name for name, is_kept in zip(NAMES, table.get_landmark_support(), strict=True) if is_kept
    )


def test_rows_without_a_layout_are_blendshapes_with_one_coordinate(fitted, X, y):
    rows = np.array(X)
    with pytest.raises(ValueError, match="pass n_coords=1 too"):
        IGLandmarkSelector(k=10).fit(rows, y)
    selector = IGLandmarkSelector(k=10, n_coords=1, random_state=0).fit(rows, y)
    np.testing.assert_array_equal(selector.get_landmark_support(), fitted[0].get_landmark_support())
    np.testing.assert_array_equal(fitted.predict(rows), fitted.predict(X))


def test_coordinates_that_disagree_with_the_rows_are_an_error(X, y):
    with pytest.raises(ValueError, match=r"n_coords=3 do not fit X: .* gave 4 frames of 52 blend"):
        IGLandmarkSelector(k=10, n_coords=3).fit(X, y)
    with pytest.raises(ValueError, match=r"n_coords=3 do not fit X: .* gave 4 frames of 52 blend"):
        TEMOClassifier(n_coords=3).fit(X, y)


def test_more_landmarks_than_blendshapes_is_an_error_that_says_what_to_pass(X, y):
    with pytest.raises(ValueError, match=r"at most 52, the number of blendshapes .* k=128. Pass"):
        IGLandmarkSelector().fit(X, y)


def test_other_blendshapes_than_in_fit_are_an_error(fitted, X):
    order = np.r_[1, 0, 2:52]
    layout = LandmarkLayout(4, 52, 1, np.array(NAMES)[order])
    with pytest.raises(ValueError, match="expected the blendshape '_neutral', but the previous"):
        fitted.predict(layout.attach(np.array(X)))


@pytest.mark.parametrize(("k", "is_symmetric"), [(30, True), (9, False)])
def test_symmetric_selection_pairs_blendshapes_by_name(k, is_symmetric, X, y):
    selector = IGLandmarkSelector(k=k, random_state=0).fit(X, y)
    scores = dict(zip(NAMES, selector.landmark_scores_, strict=True))
    same = [np.isclose(scores[name], scores[MIRROR[name]]) for name in NAMES]
    assert all(same) == is_symmetric
    pairs = IGLandmarkSelector(k=8, symmetric=True, random_state=0).fit(X, y)
    kept = {NAMES[i] for i in pairs.get_landmark_support(indices=True)}
    assert sum(MIRROR[name] not in kept for name in kept) <= 1


def test_symmetric_selection_of_unpaired_columns_is_an_error(X, y):
    right = np.array([not name.endswith("Left") for name in NAMES])
    layout = LandmarkLayout(4, 52, 1, NAMES)
    rows = layout.keep(right).attach(np.array(X)[:, layout.feature_mask(right)])
    with pytest.raises(ValueError, match=r"needs the mirror partner of each landmark.* has 4 fr"):
        IGLandmarkSelector(k=5, symmetric=True).fit(rows, y)


def test_temo_mirrors_blendshapes_by_their_names(X, y):
    temo = TEMOClassifier(randomized=True, random_state=0).fit(X, y)
    assert [MIRROR[name] for name in NAMES] == [NAMES[i] for i in temo.mirror_pairs_]
    mirrored = temo.layout_.unflatten(np.array(X))[:, :, temo.mirror_pairs_]
    np.testing.assert_allclose(
        temo.decision_function(X), temo.decision_function(mirrored.reshape(60, -1)), atol=1e-4
    )


def test_the_mirror_image_exchanges_sides_and_changes_no_sign(X):
    layout = LandmarkLayout(4, 52, 1, NAMES)
    mirror = Mirror.from_clips(np.asarray(X), layout)
    table = pd.DataFrame(np.asarray(X), columns=layout.feature_names())
    mirrored = pd.DataFrame(mirror.apply(np.asarray(X)), columns=layout.feature_names())
    for name in table:
        frame, of_face = name.split("_", 1)
        np.testing.assert_array_equal(mirrored[name], table[f"{frame}_{MIRROR[of_face]}"])
    (symmetric, _), (antisymmetric, _) = bases = mirror.bases()
    both = np.hstack([symmetric.toarray(), antisymmetric.toarray()])
    np.testing.assert_allclose(both.T @ both, np.eye(52), atol=1e-6)
    one_frame = Mirror.from_clips(np.asarray(X)[:, :52], LandmarkLayout(1, 52, 1, NAMES))
    for basis, sign in bases:
        vectors = basis.T.toarray()
        np.testing.assert_allclose(one_frame.apply(vectors), sign * vectors, atol=1e-7)


def one_sided(X, layout):
    kept = np.array([not name.endswith("Left") for name in NAMES])
    return X[:, layout.feature_mask(kept)], layout.keep(kept)


@pytest.mark.parametrize(
    "change",
    [
        lambda X, layout: (StandardScaler().fit_transform(X), layout),
        lambda X, layout: (X - 0.5, layout),
        lambda X, layout: (X, LandmarkLayout(4, 52, 1)),
        lambda X, layout: (X, LandmarkLayout(4, 52, 1, [f"AU{i}Left" for i in range(52)])),
        one_sided,
    ],
)
def test_other_columns_with_one_coordinate_are_never_mirrored(change, X, y):
    rows, layout = change(np.array(X), LandmarkLayout(4, 52, 1, NAMES))
    rows = layout.attach(rows)
    assert TEMOClassifier(randomized=True).fit(rows, y).mirror_pairs_ is None
    with pytest.raises(ValueError, match=r"mirror=True, but"):
        TEMOClassifier(mirror=True).fit(rows, y)
    with pytest.raises(ValueError, match=r"symmetric face of|blendshapes of X cannot be mirrored"):
        FaceMirror().fit(rows, y)


def test_face_mirror_appends_the_exchanged_blendshapes(X, y):
    both, labels = FaceMirror().fit_resample(X, y)
    pairs = known_mirror_pairs(LandmarkLayout(4, 52, 1, NAMES))
    clips = np.asarray(both).reshape(120, 4, 52)
    np.testing.assert_array_equal(clips[60:], clips[:60][..., pairs])
    np.testing.assert_array_equal(labels, np.tile(y, 2))


def test_the_aligner_refuses_blendshapes(X, y):
    with pytest.raises(ValueError, match=r"4 frames of 52 blendshapes .* leave the step out"):
        LandmarkAligner().fit(X)
    pipe = make_temo_pipeline(landmarks="passthrough", k=10, random_state=0)
    with pytest.raises(ValueError, match='or set it to "passthrough"'):
        pipe.fit(X, y)
    pipe.set_params(align="passthrough", classify__max_epochs=2).fit(X, y)
    assert pipe["classify"].layout_.n_landmarks == 10


def test_stability_selection_keeps_names(X, y):
    selector = StabilityLandmarkSelector(n_pairs=3, random_state=0).fit(X, y)
    names = selector.transform(X).layout.names
    assert names
    assert {*names} <= MOVING


def test_every_blendshape_has_action_units_as_the_guide_lists_them():
    assert list(ACTION_UNITS) == list(NAMES)
    guide = Path(__file__).parents[1] / "docs" / "user_guide" / "action_units.rst"
    listed = {}
    rows = re.findall(r"\* - (``.*``)\n     - (.*)\n", guide.read_text(encoding="utf-8"))
    for names, units in rows:
        numbers = tuple(int(number) for number in re.findall(r"\d+", units))
        listed |= dict.fromkeys(re.findall(r"``(\w+)``", names), numbers)
    assert listed == ACTION_UNITS


def test_the_action_units_of_both_sides_are_mirror_images():
    # Eyes that turn to the left turn to the right in a mirror.
    exchanged = {61: 62, 62: 61}
    for name, partner in MIRROR.items():
        mirrored = {exchanged.get(unit, unit) for unit in ACTION_UNITS[name]}
        assert mirrored == {*ACTION_UNITS[partner]}
