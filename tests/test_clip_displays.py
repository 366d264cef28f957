"""RelevanceTimelineDisplay and ClipExplanationDisplay: what is drawn, and how it looks."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE
from matplotlib.collections import PathCollection
from matplotlib.text import Text

from sklearn_temo import (
    ClipExplanation,
    ClipExplanationDisplay,
    FaceLandmarkTransformer,
    RelevanceTimelineDisplay,
    mesh,
)
from sklearn_temo.inspection._share_drawing import share_colours

NAMES = [
    *("forehead", "right brow", "left brow", "right eye", "left eye"),
    *("nose", "right cheek", "left cheek", "lips", "chin"),
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def filmed(cremad_paths):
    """Explanation of the included clip of happiness, with shares that were made by hand."""
    path = next(path for path in cremad_paths if "HAP" in path)
    extractor = FaceLandmarkTransformer(n_frames=12)
    (found,) = extractor.extract([path])
    landmarks = found.landmarks
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    shares = (centred - centred[0])[..., 1] * np.where(mesh.regions() == "nose", -0.003, 0.003)
    shares *= np.arange(468) % 4 == 0
    shares[0, ::40] = 0.05
    return ClipExplanation(
        attributions=shares[None],
        target=np.array(["happiness"]),
        logit=np.array([shares.sum() - 0.5]),
        base_logit=np.array([-0.5]),
        completeness_gap=np.zeros(1),
        times=found.times[None],
        landmarks=landmarks[None],
        support=(np.arange(468) % 4 == 0)[None],
        has_reference_frame=True,
        names=[path],
        clips=[path],
        extractor=extractor,
    )


def texts(axes):
    return [text.get_text() for text in axes.texts]


# Timeline


def test_heatmap_holds_the_shares_of_the_movement_from_the_forehead_down(explanation):
    display = RelevanceTimelineDisplay.from_explanation(explanation, 3)
    drawn = display.heatmap_.get_array()
    regions = explanation.by_region()
    np.testing.assert_allclose(drawn, [regions[name][3, 1:] for name in NAMES], atol=1e-6)
    for name in ("shares", "reference shares"):
        assert display.axes_[name].yaxis_inverted()
    labels = display.axes_["reference shares"].get_yticklabels()
    assert [label.get_text() for label in labels] == NAMES
    assert display.heatmap_.norm.vmax == -display.heatmap_.norm.vmin == np.abs(drawn).max()


def test_identity_is_apart_from_the_movement(explanation):
    display = RelevanceTimelineDisplay.from_explanation(explanation, 3)
    bars = [bar.get_width() for bar in display.axes_["reference shares"].patches]
    regions = explanation.by_region()
    np.testing.assert_allclose(bars, [regions[name][3, 0] for name in NAMES], atol=1e-6)
    positions = replace(explanation, has_reference_frame=False)
    display = RelevanceTimelineDisplay.from_explanation(positions, 3)
    assert set(display.axes_) == {"faces", "shares", "logit"}
    assert display.heatmap_.get_array().shape == (10, 8)


def test_steps_lead_from_the_baselines_to_the_logit(explanation):
    display = RelevanceTimelineDisplay.from_explanation(explanation, 0)
    (identity,) = display.axes_["reference logit"].containers
    (movement,) = display.axes_["logit"].containers
    level = explanation.base_logit[0]
    colours = share_colours(display.axes_["logit"])
    for share, bar in zip(explanation.by_frame()[0], [*identity, *movement], strict=True):
        assert bar.get_y() == pytest.approx(level, abs=1e-5)
        assert bar.get_height() == pytest.approx(share, abs=1e-6)
        np.testing.assert_allclose(bar.get_facecolor(), colours[int(share > 0)])
        level += share
    assert level == pytest.approx(explanation.logit[0], abs=1e-5)
    assert texts(display.axes_["logit"]) == ["logit −1.51", "baselines −0.50"]


def test_time_axis_is_in_seconds_where_they_are_known(explanation):
    display = RelevanceTimelineDisplay.from_explanation(explanation, 3)
    axes = display.axes_["logit"]
    assert axes.get_xlabel() == "time (s)"
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        f"0.{i}0" for i in range(1, 8)
    ]
    unknown = replace(explanation, times=np.full((5, 8), np.nan))
    axes = RelevanceTimelineDisplay.from_explanation(unknown, 3).axes_["logit"]
    assert axes.get_xlabel() == "frame"
    assert [label.get_text() for label in axes.get_xticklabels()] == list("1234567")


@pytest.mark.parametrize("clip", [None, [0, 1], np.array([True, True, False, False, True])])
def test_several_clips_are_averaged(explanation, clip):
    chosen = np.arange(5) if clip is None else np.arange(5)[clip]
    display = RelevanceTimelineDisplay.from_explanation(explanation, clip)
    lips = explanation.by_region()["lips"][chosen].mean(axis=0)
    np.testing.assert_allclose(display.heatmap_.get_array()[8], lips[1:], atol=1e-6)
    assert f"mean of {len(chosen)} clips" in display.title
    assert display.axes_["logit"].get_xlabel() == "time (s)"
    longer = replace(explanation, times=explanation.times * np.arange(1, 6)[:, None])
    display = RelevanceTimelineDisplay.from_explanation(longer, clip)
    assert display.axes_["logit"].get_xlabel() == "frame"


def test_faces_are_those_of_the_largest_shares(filmed):
    display = RelevanceTimelineDisplay.from_explanation(filmed, max_faces=3)
    frames = [axes.images[0].get_array() for axes in display.axes_["faces"].child_axes]
    movement = np.abs(filmed.movement[0].sum(axis=1))
    peaks = [part[movement[part].argmax()] for part in np.array_split(np.arange(1, 12), 3)]
    for frame, peak in zip(frames, peaks, strict=True):
        np.testing.assert_array_equal(frame, display.faces[peak])
    (reference,) = display.axes_["reference faces"].child_axes
    np.testing.assert_array_equal(reference.images[0].get_array(), display.faces[0])


def test_faces_fill_their_pictures(filmed):
    display = RelevanceTimelineDisplay.from_explanation(filmed)
    found = FaceLandmarkTransformer(n_frames=None, on_missing="raise").extract([display.faces])
    size = np.ptp(found[0].landmarks[..., :2], axis=1)
    assert display.faces.shape == (12, 128, 128, 3)
    assert (size[:, 1] > 0.7 * 128).all()
    assert (size < 128).all()


def test_images_may_be_drawn_or_left_out(filmed, explanation):
    display = RelevanceTimelineDisplay.from_explanation(filmed, images="drawn")
    assert not display.axes_["faces"].child_axes[0].images
    assert "faces" not in RelevanceTimelineDisplay.from_explanation(filmed, images=None).axes_
    for images, clip, message in [
        ("frames", 0, "computed from rows"),
        ("frames", [0, 1], "single clip"),
        ("photo", 0, '"auto", "frames" or "drawn"'),
    ]:
        with pytest.raises(ValueError, match=message):
            RelevanceTimelineDisplay.from_explanation(explanation, clip, images=images)


def test_timeline_divides_the_place_of_an_axes(explanation):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    display = RelevanceTimelineDisplay.from_explanation(explanation, 3, ax=right)
    assert display.figure_ is figure
    figure.canvas.draw()
    middle = left.get_position().x1
    assert all(axes.get_position().x0 > middle for axes in display.axes_.values())
    with pytest.raises(ValueError, match=r"plt\.subplots"):
        display.plot(ax=figure.add_axes((0, 0, 1, 1)))


def test_displays_can_be_drawn_in_subfigures(explanation):
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    face = ClipExplanationDisplay.from_explanation(explanation, 3, ax=left.subplots())
    timeline = RelevanceTimelineDisplay.from_explanation(explanation, 3, ax=right.subplots())
    assert face.figure_ is left
    assert timeline.figure_ is right
    # Sizes are those of a figure as large as the subfigure.
    alone = plt.figure(figsize=(5, 4), layout="constrained").subplots()
    expected = ClipExplanationDisplay.from_explanation(explanation, 3, ax=alone)
    np.testing.assert_allclose(face.scatter_.get_sizes(), expected.scatter_.get_sizes())


@pytest.mark.parametrize("images", ["drawn", None])
def test_title_on_given_axes_is_above_the_faces(images, explanation):
    figure, axes = plt.subplots(2, 1, figsize=(7, 8), layout="constrained")
    display = RelevanceTimelineDisplay.from_explanation(explanation, 3, ax=axes[1], images=images)
    figure.canvas.draw()
    (title,) = [text for text in figure.findobj(Text) if "target happiness" in text.get_text()]
    bottom = title.get_window_extent().y0
    drawn = [part for part in display.axes_.values() for part in (part, *part.child_axes)]
    assert bottom >= max(part.get_window_extent().y1 for part in drawn)


def test_timeline_of_other_landmarks_needs_regions(explanation):
    hand = replace(
        explanation,
        attributions=explanation.attributions[..., :21],
        landmarks=explanation.landmarks[:, :, :21],
    )
    with pytest.raises(ValueError, match=r"21 landmarks.*pass regions"):
        RelevanceTimelineDisplay.from_explanation(hand)
    fingers = np.repeat(["wrist", "thumb", "index"], [1, 4, 16])
    display = RelevanceTimelineDisplay.from_explanation(hand, regions=fingers)
    assert display.regions == ["wrist", "thumb", "index"]
    with pytest.raises(ValueError, match="one name for each of the 21 landmarks"):
        RelevanceTimelineDisplay.from_explanation(hand, regions=["wrist"])


def test_timeline_checks_its_shares(explanation):
    with pytest.raises(ValueError, match=r"n_regions = 2; got shape \(3, 4\)"):
        RelevanceTimelineDisplay(np.ones((3, 4)), regions=["a", "b"]).plot()
    with pytest.raises(ValueError, match="finite"):
        RelevanceTimelineDisplay([[np.nan, 1.0]], regions=["a"]).plot()
    with pytest.raises(ValueError, match="selects none of the 5 clips"):
        RelevanceTimelineDisplay.from_explanation(explanation, [])
    with pytest.raises(ValueError, match="images='photo' must be"):
        RelevanceTimelineDisplay.from_explanation(explanation, None, images="photo")
    with pytest.raises(ValueError, match="max_faces must be at least 1, got 0"):
        RelevanceTimelineDisplay.from_explanation(explanation, max_faces=0)


# Face


@pytest.mark.parametrize("part", ["movement", "identity", "all"])
def test_landmarks_show_their_shares(explanation, part):
    display = ClipExplanationDisplay.from_explanation(explanation, 0, part=part)
    shares = {
        "movement": explanation.movement[0].sum(axis=0),
        "identity": explanation.identity[0],
        "all": explanation.attributions[0].sum(axis=0),
    }[part][explanation.support[0]]
    frame = 0 if part == "identity" else explanation.peak_frame()[0]
    points = explanation.landmarks[0, frame, explanation.support[0], :2] * [1, -1]
    order = np.argsort(np.abs(shares), kind="stable")
    np.testing.assert_allclose(display.scatter_.get_offsets(), points[order], rtol=1e-6)
    colour, area = display.scatter_.get_array(), display.scatter_.get_sizes()
    np.testing.assert_array_equal(np.sign(colour), np.sign(shares[order]))
    assert (np.diff(area) >= 0).all()
    # No two different shares look the same, up to the largest.
    different = np.diff(np.abs(shares[order])) > 1e-6
    assert (np.diff(np.abs(colour))[different] > 0).all()
    assert np.abs(colour).max() <= display.scatter_.norm.vmax


def test_frame_lies_under_its_landmarks(filmed):
    display = ClipExplanationDisplay.from_explanation(filmed, frame=3, bars=False)
    (image,) = display.ax_.images
    assert image.get_extent() == [0, 480, -360, 0]
    np.testing.assert_allclose(image.get_array(), display.image @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(display.image, filmed.images(0)[3])
    left, right = display.ax_.get_xlim()
    x = filmed.landmarks[0, 3, :, 0]
    assert left < x.min() < x.max() < right
    assert right - left < 2.2 * np.ptp(x)


def test_bars_are_the_positive_and_negative_shares_of_regions(explanation):
    display = ClipExplanationDisplay.from_explanation(explanation, 0)
    shares, regions = explanation.movement[0].sum(axis=0), mesh.regions()
    widths = [bar.get_width() for bar in display.bars_ax_.patches]
    for i, name in enumerate(NAMES):
        of_region = shares[regions == name]
        assert widths[i] == pytest.approx(of_region[of_region > 0].sum(), abs=1e-5)
        assert widths[10 + i] == pytest.approx(of_region[of_region < 0].sum(), abs=1e-5)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == [
        f"for happiness (+{shares[shares > 0].sum():.2g})",
        f"against (−{-shares[shares < 0].sum():.2g})",
    ]


def test_numbers_of_the_top_landmarks_do_not_overlap(explanation):
    display = ClipExplanationDisplay.from_explanation(explanation, 0, annotate=15)
    numbers = [int(text) for text in texts(display.ax_)]
    shares = np.abs(explanation.movement[0].sum(axis=0))
    assert set(numbers) == set(np.argsort(-shares, kind="stable")[:15])
    display.figure_.canvas.draw()
    # The extent of an Annotation includes its line.
    boxes = [Text.get_window_extent(text) for text in display.ax_.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_face_title_names_clip_frame_and_logits(explanation):
    display = ClipExplanationDisplay.from_explanation(explanation, 3)
    assert display.title.splitlines() == [
        "clip 3, frame 7 (0.70 s)",
        "happiness: logit 2.98, baselines −0.50",
        "shares of the movement",
    ]
    positions = replace(explanation, has_reference_frame=False)
    title = ClipExplanationDisplay.from_explanation(positions, 3, part="all").title
    assert len(title.splitlines()) == 2


def test_face_can_be_drawn_on_given_axes(explanation):
    _, (one, two) = plt.subplots(1, 2)
    display = ClipExplanationDisplay.from_explanation(explanation, 3, ax=one)
    assert (display.ax_, display.bars_ax_) == (one, None)
    display = ClipExplanationDisplay.from_explanation(explanation, 3, ax=[one, two])
    assert (display.ax_, display.bars_ax_) == (one, two)
    with pytest.raises(ValueError, match="ax must hold 2 Axes"):
        ClipExplanationDisplay.from_explanation(explanation, 3, ax=one, bars=True)


def test_other_landmarks_are_drawn_without_bars(explanation):
    hand = ClipExplanationDisplay(np.linspace(-1, 1, 21), np.random.RandomState(0).rand(21, 2))
    assert hand.plot().bars_ax_ is None
    assert len([c for c in hand.ax_.collections if isinstance(c, PathCollection)]) == 2


def test_frames_are_counted_from_the_end(explanation):
    display = ClipExplanationDisplay.from_explanation(explanation, 3, frame=-1)
    assert "frame 7 " in display.title
    with pytest.raises(ValueError, match=r"frame=8 does not exist: the clip has 8 frames"):
        ClipExplanationDisplay.from_explanation(explanation, 3, frame=8)


def test_new_figures_hold_all_tick_labels():
    lips = mesh.regions() == "lips"
    face = mesh.canonical_face() * [1, -1, 1]
    # The label of 2.0 reaches beyond the right end of the axis.
    shares = np.where(lips, 1.95 / lips.sum(), -1e-6)
    display = ClipExplanationDisplay(shares, face, title="clip").plot()
    display.figure_.canvas.draw()
    axes = display.bars_ax_
    shown = [t.label1 for t in axes.xaxis.get_major_ticks() if t.get_loc() < axes.get_xlim()[1]]
    assert shown[-1].get_text() == "2.0"
    assert shown[-1].get_window_extent().x1 <= display.figure_.bbox.x1


def test_a_sum_of_zero_has_no_sign():
    face = mesh.canonical_face() * [1, -1, 1]
    display = ClipExplanationDisplay(np.full(468, 0.01), face, target="fear").plot(bars=False)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["for fear (+4.7)", "against (0)"]


def test_bars_without_shares_are_centred(explanation):
    none = replace(explanation, attributions=np.zeros_like(explanation.attributions))
    display = ClipExplanationDisplay.from_explanation(none)
    assert display.bars_ax_.get_xlim() == (-1, 1)


@pytest.mark.parametrize("clip", [None, [0, 1], slice(2)])
def test_a_face_is_that_of_a_single_clip(clip, explanation):
    with pytest.raises(TypeError, match="index of a single clip"):
        ClipExplanationDisplay.from_explanation(explanation, clip)


def test_face_checks_its_parameters(explanation):
    positions = replace(explanation, has_reference_frame=False)
    with pytest.raises(ValueError, match="needs a reference frame"):
        ClipExplanationDisplay.from_explanation(positions, part="identity")
    with pytest.raises(ValueError, match="part='mouth' must be one of"):
        ClipExplanationDisplay.from_explanation(explanation, part="mouth")
    with pytest.raises(ValueError, match="each of the 468 landmarks"):
        ClipExplanationDisplay(np.ones(5), mesh.canonical_face()).plot()


# Colours


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("vision", [None, "deuteranomaly", "protanomaly", "tritanomaly"])
def test_signs_differ_for_all_kinds_of_colour_vision(explanation, style, vision):
    with plt.style.context(style):
        display = ClipExplanationDisplay.from_explanation(explanation, 0)
        bars = np.array(share_colours(display.bars_ax_))[:, :3]
    dots = display.scatter_.to_rgba(np.array([0.35, 0.5, 0.7, -0.35, -0.5, -0.7]))[:, :3]
    colours = np.concatenate([bars, dots])
    if vision:
        space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
        colours = np.clip(cspace_convert(colours, space, "sRGB1"), 0, 1)
    for one, other in [(colours[0], colours[1]), (colours[2:5], colours[5:])]:
        # A difference of 1 is just noticeable.
        assert np.min(deltaE(one, other, input_space="sRGB1", uniform_space="CAM02-UCS")) > 15


# Pictures


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 80})
def test_picture_timeline_drawn(explanation):
    return RelevanceTimelineDisplay.from_explanation(explanation, 3).figure_


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 72})
def test_picture_timeline_frames(filmed):
    return RelevanceTimelineDisplay.from_explanation(filmed, max_faces=6).figure_


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 80}, style="dark_background")
def test_picture_timeline_dark(explanation):
    return RelevanceTimelineDisplay.from_explanation(explanation, None, max_faces=4).figure_


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 72})
def test_picture_clip_drawn(explanation):
    return ClipExplanationDisplay.from_explanation(explanation, 0, annotate=8).figure_


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 72})
def test_picture_clip_frame(filmed):
    return ClipExplanationDisplay.from_explanation(filmed, part="all").figure_


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 80}, style="dark_background")
def test_picture_clip_dark(filmed):
    return ClipExplanationDisplay.from_explanation(filmed, annotate=5, bars=False).figure_
