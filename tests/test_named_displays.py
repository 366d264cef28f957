"""Displays of blendshapes, which are drawn as bars with their names."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_temo import (
    BlendshapeTransformer,
    ClipExplanationDisplay,
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkCountDisplay,
    LandmarkRelevanceDisplay,
    LivePredictor,
    RelevanceTimelineDisplay,
    SelectionStabilityDisplay,
    TEMOClassifier,
    explain_clips,
    make_temo_pipeline,
    save_model,
    write_report,
)
from sklearn_temo.blendshapes import NAMES
from sklearn_temo.datasets import load_london_smiles

from .conftest import MOVING_BLENDSHAPES

EMOTIONS = list(MOVING_BLENDSHAPES)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pipe(blendshape_clips):
    pipe = make_pipeline(
        IGLandmarkSelector(k=10, random_state=0), TEMOClassifier(randomized=True, random_state=0)
    )
    return pipe.fit(blendshape_clips.data, blendshape_clips.target)


@pytest.fixture(scope="module")
def folds(pipe, blendshape_clips):
    X, y = blendshape_clips.data, blendshape_clips.target
    return cross_validate(pipe, X, y, cv=5, return_estimator=True)


@pytest.fixture(scope="module")
def explained(pipe, blendshape_clips):
    return explain_clips(pipe, blendshape_clips.data[:6])


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def widths(bars):
    return np.array([bar.get_width() for bar in bars])


def test_each_panel_lists_the_most_relevant_blendshapes_of_its_class(pipe):
    display = LandmarkRelevanceDisplay.from_estimator(pipe)
    for axes, emotion in zip(display.axes_, EMOTIONS, strict=True):
        assert axes.get_title() == emotion
        assert {*labels(axes)[:4]} == {*MOVING_BLENDSHAPES[emotion]}
    scores = pipe[0].landmark_scores_per_class_
    scores = scores / scores.mean(axis=1, keepdims=True)
    expected = -np.sort(-scores, axis=1)[:, :10]
    np.testing.assert_allclose([widths(bars) for bars in display.bars_], expected)
    assert display.scatters_ == []


def test_dropped_blendshapes_are_hollow(pipe):
    display = LandmarkRelevanceDisplay.from_estimator(pipe, n_annotated=52, per_class=False)
    kept = {NAMES[i] for i in pipe[0].get_landmark_support(indices=True)}
    filled = {
        name
        for name, bar in zip(labels(display.axes_[0]), display.bars_[0], strict=True)
        if bar.get_facecolor()[3] > 0
    }
    assert filled == kept
    assert display.axes_[0].get_xlabel() == "relevance\n(1 = average\nblendshape)"


@pytest.mark.parametrize("contrast", [False, True])
def test_axis_labels_are_no_wider_than_their_panel(pipe, contrast):
    figure = LandmarkRelevanceDisplay.from_estimator(pipe, contrast=contrast).figure_
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.xaxis.label.get_window_extent().width <= axes.bbox.width


def test_the_contrast_has_bars_on_both_sides(pipe):
    display = LandmarkRelevanceDisplay.from_estimator(pipe, contrast=True, n_annotated=10)
    assert all(widths(bars).min() < 0 < widths(bars).max() for bars in display.bars_)
    low, high = display.axes_[0].get_xlim()
    assert low == -high


def test_what_bars_cannot_show_is_an_error(pipe):
    for option in ({"arrows": True}, {"annotate": "numbers"}):
        with pytest.raises(ValueError, match="bars, which have no arrows and no annotations"):
            LandmarkRelevanceDisplay.from_estimator(pipe, **option)
    with pytest.raises(ValueError, match="one name for each of the 3 landmarks, got 2"):
        LandmarkRelevanceDisplay.from_scores([1, 2, 3], names=["a", "b"])
    with pytest.raises(ValueError, match="each of the 3 panels, got 1"):
        LandmarkRelevanceDisplay.from_estimator(pipe, ax=plt.subplots()[1])


def test_named_landmarks_with_positions_are_points():
    display = LandmarkRelevanceDisplay.from_scores(
        [1, 2, 3], names=["a", "b", "c"], positions=np.eye(3, 2)
    )
    assert len(display.scatters_) == 1
    assert display.bars_ == []


def test_the_frequency_in_the_folds_is_shown_by_name(folds):
    display = LandmarkRelevanceDisplay.from_cv_results(folds)
    supports = [fold[0].get_landmark_support() for fold in folds["estimator"]]
    frequency = dict(zip(NAMES, np.mean(supports, axis=0), strict=True))
    expected = [frequency[name] for name in labels(display.axes_[0])]
    np.testing.assert_allclose(widths(display.bars_[0]), expected)
    stability = SelectionStabilityDisplay.from_cv_results(folds)
    expected = [frequency[name] for name in labels(stability.axes_[0])]
    np.testing.assert_allclose(widths(stability.axes_[0].patches), expected)
    assert stability.axes_[1].get_xlabel() == "blendshapes (of 52) in decreasing order"


def test_the_timeline_has_a_row_for_each_blendshape_with_a_share(explained):
    display = RelevanceTimelineDisplay.from_explanation(explained, 1)
    by_name = explained.by_name()
    shares = np.array([by_name[name][1] for name in display.regions])
    np.testing.assert_allclose(display.shares, shares)
    assert "faces" not in display.axes_


def test_the_timeline_sums_the_blendshapes_with_small_shares(blendshape_clips):
    temo = TEMOClassifier(randomized=True, random_state=0)
    temo.fit(blendshape_clips.data, blendshape_clips.target)
    explained = explain_clips(temo, blendshape_clips.data[:1])
    display = RelevanceTimelineDisplay.from_explanation(explained)
    assert display.regions[-1] == "40 others"
    assert len(display.regions) == 13
    np.testing.assert_allclose(display.shares.sum(axis=0), explained.by_frame()[0], atol=1e-5)


def test_a_clip_is_explained_by_name(explained):
    display = ClipExplanationDisplay.from_explanation(explained, 1)
    shares = {name: share[1].sum() for name, share in explained.by_name().items()}
    assert {*labels(display.bars_ax_)[:3]} <= {*MOVING_BLENDSHAPES["happiness"]}
    np.testing.assert_allclose(
        widths(display.bars_ax_.patches), [shares[name] for name in labels(display.bars_ax_)]
    )
    assert (display.ax_, display.scatter_) == (None, None)


def test_bars_of_a_clip_are_beside_its_frame():
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    display = ClipExplanationDisplay([0.5, -0.2], image=image, names=["a", "b"]).plot()
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), image)
    with pytest.raises(ValueError, match=r"2 Axes, for the frame and the bars; got 3"):
        display.plot(ax=plt.subplots(1, 3)[1])


def test_the_count_names_blendshapes(pipe, blendshape_clips):
    X, y = blendshape_clips.data, blendshape_clips.target
    search = GridSearchCV(pipe, {"iglandmarkselector__k": [5, 10]}, cv=2).fit(X, y)
    display = LandmarkCountDisplay.from_cv_results(search)
    assert display.ax_.get_xlabel() == "blendshapes kept (k)"


def test_explanations_add_up_and_print_names(pipe, blendshape_clips, explained):
    assert explained.attributions.shape == (6, 4, 52)
    assert explained.landmark_names == explained[1:3].landmark_names == NAMES
    np.testing.assert_allclose(
        explained.attributions.sum(axis=(1, 2)), explained.logit - explained.base_logit, atol=1e-5
    )
    np.testing.assert_allclose(
        explained.landmarks.reshape(6, -1), np.asarray(blendshape_clips.data[:6])
    )
    text = str(explained[1])
    assert "target happiness" in text
    assert any(f"for: {name}" in text for name in MOVING_BLENDSHAPES["happiness"])
    assert {*explained.to_frame()["landmark"]} == {
        NAMES[i] for i in pipe[0].get_landmark_support(indices=True)
    }


def test_shares_by_name_need_names(explanation):
    with pytest.raises(ValueError, match="the landmarks have numbers, no names"):
        explanation.by_name()


@pytest.mark.mpl_image_compare(filename="named_relevance.png", savefig_kwargs={"dpi": 80})
def test_picture_of_relevance(pipe):
    return LandmarkRelevanceDisplay.from_estimator(pipe).figure_


@pytest.mark.mpl_image_compare(
    filename="named_contrast_dark.png", savefig_kwargs={"dpi": 80}, style="dark_background"
)
def test_picture_of_contrast(pipe):
    return LandmarkRelevanceDisplay.from_estimator(pipe, contrast=True, n_annotated=6).figure_


@pytest.mark.mpl_image_compare(filename="named_stability.png", savefig_kwargs={"dpi": 72})
def test_picture_of_stability(folds):
    return SelectionStabilityDisplay.from_cv_results(folds).figure_


@pytest.mark.mpl_image_compare(filename="named_timeline.png", savefig_kwargs={"dpi": 72})
def test_picture_of_a_timeline(explained):
    return RelevanceTimelineDisplay.from_explanation(explained, 1).figure_


@pytest.mark.mpl_image_compare(filename="named_clip.png", savefig_kwargs={"dpi": 72})
def test_picture_of_a_clip(explained):
    return ClipExplanationDisplay.from_explanation(explained, 1).figure_


def test_a_report_lists_blendshapes(pipe, blendshape_clips, tmp_path):
    clips = blendshape_clips
    report = write_report(
        pipe,
        clips.data,
        clips.target,
        groups=clips.groups,
        path=tmp_path / "report.html",
        random_state=0,
    )
    assert report["data"]["noun"] == "blendshape"
    relevance = report["relevance"]
    assert relevance["names"] == list(NAMES)
    best = np.argsort(-np.array(relevance["scores"]["surprise"]))[:4]
    assert {NAMES[i] for i in best} == {*MOVING_BLENDSHAPES["surprise"]}
    kept = {NAMES[i] for i in np.flatnonzero(report["stability"]["frequencies"])}
    assert {*report["timeline"]["regions"]} == kept
    clip = report["clips"]["right"][0]
    assert clip["names"] == list(NAMES)
    assert sum(clip["shares"]) == pytest.approx(clip["logit"] - clip["base_logit"], abs=1e-4)
    verdicts = {check["name"]: check["verdict"] for check in report["checks"]}
    assert verdicts["outside_selection"] == "passed"


def test_blendshapes_of_rows_of_landmarks_are_reported_saved_and_predicted_live(tmp_path):
    smiles = load_london_smiles()
    pipe = make_temo_pipeline(
        landmarks=BlendshapeTransformer(),
        k=10,
        classifier=TEMOClassifier(randomized=True),
        random_state=0,
    )
    report = write_report(
        pipe,
        smiles.data,
        smiles.target,
        groups=smiles.groups,
        path=tmp_path / "report.html",
        random_state=0,
    )
    assert {row["model"] for row in report["scores"]["rows"]} >= {"random landmarks", "estimator"}
    assert report["score_against_k"]["lines"][0]["k"][-1] == 52
    pipe.fit(smiles.data, smiles.target)
    card = save_model(pipe, tmp_path / "model.skops").with_suffix(".md").read_text(encoding="utf-8")
    assert "takes rows of 1404 numbers: 1 frame of 468 landmarks with 3 coordinates." in card
    with LivePredictor(pipe) as live:
        assert live.extractor_.output == "landmarks"
        assert live.extractor_.n_frames == 1


@pytest.fixture(scope="module")
def of_clips(cremad_paths):
    """Pipeline from clips, fitted to six of them, by way of blendshapes."""
    pipe = make_temo_pipeline(
        landmarks=FaceLandmarkTransformer(n_frames=4, output="blendshapes"),
        k=10,
        classifier=TEMOClassifier(randomized=True),
        random_state=0,
    )
    return pipe.fit(cremad_paths, ["strong", "weak"] * 3)


def test_clips_are_explained_by_blendshapes(of_clips, cremad_paths):
    assert of_clips["align"] == "passthrough"
    explanation = explain_clips(of_clips, cremad_paths[:1])
    assert explanation.landmark_names == NAMES
    (clip,) = of_clips["landmarks"].extract(cremad_paths[:1])
    np.testing.assert_array_equal(explanation.landmarks[0, ..., 0], clip.blendshapes)
    np.testing.assert_allclose(
        explanation.attributions.sum(), explanation.logit - explanation.base_logit, atol=1e-4
    )
    display = ClipExplanationDisplay.from_explanation(explanation)
    assert display.ax_.images[0].get_array().shape == (360, 480, 3)


@pytest.mark.filterwarnings("ignore:checks of the evaluation:UserWarning")
def test_a_report_of_clips_lists_blendshapes(of_clips, cremad_paths, tmp_path):
    labels = np.array(["strong", "weak"] * 3)
    report = write_report(of_clips, cremad_paths, labels, path=tmp_path / "r.html", random_state=0)
    assert report["data"]["noun"] == "blendshape"
    assert report["data"]["extraction"]["n_clips"] == 6
    assert report["relevance"]["names"] == list(NAMES)
    assert all(clip["names"] for clips in report["clips"].values() for clip in clips)
