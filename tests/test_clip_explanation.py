"""ClipExplanation: selection of clips, sums, tables, text and images."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer, mesh


@pytest.mark.parametrize(
    ("key", "chosen"),
    [
        (1, [1]),
        (-1, [4]),
        (slice(3, None), [3, 4]),
        ([2, 0], [2, 0]),
        (np.array([True, False, False, True, False]), [0, 3]),
    ],
    ids=str,
)
def test_an_index_selects_clips(explanation, key, chosen):
    part = replace(explanation, clips=list("abcde"))[key]
    assert len(part) == len(chosen)
    np.testing.assert_array_equal(part.attributions, explanation.attributions[chosen])
    np.testing.assert_array_equal(part.logit, explanation.logit[chosen])
    assert part.names == [f"clip {i}" for i in chosen]
    assert part.clips == ["abcde"[i] for i in chosen]
    assert part.has_reference_frame


def test_clips_can_be_iterated(explanation):
    assert [clip.names for clip in explanation] == [[name] for name in explanation.names]


def test_identity_and_movement_add_up_to_the_difference_of_the_logits(explanation):
    total = explanation.identity.sum(axis=1) + explanation.movement.sum(axis=(1, 2))
    np.testing.assert_allclose(total, explanation.logit - explanation.base_logit, rtol=1e-5)
    positions = replace(explanation, has_reference_frame=False)
    assert not positions.identity.any()
    np.testing.assert_array_equal(positions.movement, explanation.attributions)


def test_regions_and_frames_add_up_to_all_shares(explanation):
    regions = explanation.by_region()
    assert set(regions) == set(mesh.regions())
    np.testing.assert_allclose(sum(regions.values()), explanation.by_frame(), atol=1e-5)


def test_peak_frame_has_the_largest_share_of_the_movement(explanation):
    shares = np.zeros_like(explanation.attributions)
    shares[:, 0, 3] = 9  # the reference frame is no movement
    shares[:, 5, 3] = -2
    shares[:, 6, [3, 4]] = 8, -7  # these cancel out
    np.testing.assert_array_equal(replace(explanation, attributions=shares).peak_frame(), 5)


def test_top_landmarks_have_the_largest_absolute_shares(explanation):
    shares = np.zeros_like(explanation.attributions)
    shares[:, 2, [7, 8, 9]] = 1, -3, 2
    top = replace(explanation, attributions=shares).top(3)
    np.testing.assert_array_equal(top, np.tile([8, 9, 7], (5, 1)))


def test_a_table_holds_the_shares_of_the_support(explanation):
    table = explanation.to_frame()
    assert list(table) == ["clip", "name", "target", "frame", "time", "landmark", "region", "share"]
    assert len(table) == 8 * explanation.support.sum()
    by_frame = table.groupby(["clip", "frame"])["share"].sum().unstack()
    np.testing.assert_allclose(by_frame, explanation.by_frame(), atol=1e-5)
    by_region = table[table["clip"] == 3].groupby("region")["share"].sum()
    for name, share in by_region.items():
        np.testing.assert_allclose(share, explanation.by_region()[name][3].sum(), atol=1e-5)
    row = table.iloc[-1]
    last = np.flatnonzero(explanation.support[4])[-1]
    assert (row["name"], row["target"], row["frame"], row["time"]) == (
        "clip 4",
        "happiness",
        7,
        0.7,
    )
    assert (row["landmark"], row["region"]) == (last, mesh.regions()[last])
    assert row["share"] == explanation.attributions[4, 7, last]


def test_a_table_of_other_landmarks_has_no_regions(explanation):
    hand = replace(
        explanation, attributions=explanation.attributions[..., :21], support=np.ones((5, 21), bool)
    )
    assert hand.to_frame()["region"].isna().all()
    assert "for:" not in str(hand)
    with pytest.raises(ValueError, match="full mesh"):
        hand.by_region()


def test_a_table_without_pandas_says_what_to_install(explanation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        explanation.to_frame()


def test_text_names_the_target_the_regions_and_the_frame(explanation):
    shares = np.zeros_like(explanation.attributions)
    regions = mesh.regions()
    shares[:, 0, np.flatnonzero(regions == "nose")[0]] = -0.25
    shares[:, 6, np.flatnonzero(regions == "lips")[0]] = 2
    shares[:, 7, np.flatnonzero(regions == "chin")[0]] = 0.5
    made = replace(
        explanation, attributions=shares, logit=np.full(5, 1.75), names=list(explanation.names)
    )
    made.names[1] = "~/videos/anger/07.mp4"
    assert str(made[1]).splitlines() == [
        "anger/07.mp4: target happiness",
        "    logit 1.75, at the baselines -0.5: +2.25",
        "    identity -0.25, movement +2.5",
        "    for: lips +2, chin +0.5",
        "    against: nose -0.25",
        "    most telling frame: 6 (0.60 s), movement +2",
    ]
    without_times = replace(made, times=np.full((5, 8), np.nan), has_reference_frame=False)
    assert "frame: 6, share" in str(without_times)
    assert "identity" not in str(without_times)


def test_text_of_many_clips_is_short(explanation):
    text = str(explanation[np.arange(40) % 5])
    assert text.endswith("... and 30 more clips")
    assert text.count("target") == 10


def test_images_are_the_frames_of_the_clip(explanation, cremad_frames):
    assert explanation.images(0) is None
    extractor = FaceLandmarkTransformer(n_frames=8)
    clips = cremad_frames[:5]
    images = replace(explanation, clips=clips, extractor=extractor).images(2)
    np.testing.assert_array_equal(images, extractor.read_frames(clips[2]))
