"""Faces, colours and options of LandmarkRelevanceDisplay; finding the selector: test_inspection."""

from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from colorspacious import cspace_convert
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle
from matplotlib.path import Path
from matplotlib.quiver import Quiver
from matplotlib.text import Text
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import LandmarkAligner, LandmarkRelevanceDisplay, mesh
from sklearn_temo.datasets import load_sign_digits, make_expression_clips
from sklearn_temo.inspection._face_drawing import draw_face, face_positions
from sklearn_temo.inspection._landmark_drawing import relevance_cmap, signed_cmap

N = 468
STYLES = ["default", "dark_background"]
N_FRAMES = 4


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class MovementSelector(TransformerMixin, BaseEstimator):
    """Scores a landmark by its mean displacement in the last frame, and keeps the first k."""

    def __init__(self, k=64):
        self.k = k

    def fit(self, X, y):
        clips = np.asarray(X).reshape(len(X), N_FRAMES, -1, 3)
        self.classes_ = np.unique(y)
        self.landmark_scores_per_class_ = np.stack(
            [np.linalg.norm(clips[y == label, -1].mean(axis=0), axis=1) for label in self.classes_]
        )
        self.landmark_scores_ = self.landmark_scores_per_class_.mean(axis=0)
        return self

    def get_landmark_support(self):
        return self.landmark_scores_ >= np.sort(self.landmark_scores_)[-self.k]

    def transform(self, X):
        clips = np.asarray(X).reshape(len(X), N_FRAMES, -1, 3)
        return clips[:, :, self.get_landmark_support()].reshape(len(X), -1)


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(n_clips=42, n_frames=N_FRAMES, random_state=0)


@pytest.fixture(scope="module")
def model(clips):
    return make_pipeline(LandmarkAligner(), MovementSelector()).fit(clips.data, clips.target)


@pytest.fixture(scope="module")
def aligned(clips):
    """Positions in every frame, of shape (n_clips, n_frames, n_landmarks, 2), with y up."""
    rows = LandmarkAligner(reference=None).fit_transform(clips.data)
    return np.asarray(clips.layout.unflatten(rows))[..., :2] * [1, -1]


def picture(dpi, style="default"):
    """Compare the figure that a test returns; the resolution keeps the file small."""
    return pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": dpi}, style=style)


# --- Pictures


@picture(42)
def test_picture_of_seven_classes_with_arrows(model, clips):
    return LandmarkRelevanceDisplay.from_estimator(
        model, clips.data, clips.target, arrows=True
    ).figure_


@picture(42, style="dark_background")
def test_picture_of_seven_classes_in_a_dark_style(model, clips):
    return LandmarkRelevanceDisplay.from_estimator(
        model, clips.data, clips.target, arrows=True
    ).figure_


@picture(42)
def test_picture_of_the_contrast_of_the_classes(model, clips):
    return LandmarkRelevanceDisplay.from_estimator(
        model, clips.data, clips.target, contrast=True
    ).figure_


@picture(65)
def test_picture_of_a_single_panel_with_numbers(model):
    return LandmarkRelevanceDisplay.from_estimator(
        model, per_class=False, annotate="numbers"
    ).figure_


@picture(55, style="dark_background")
def test_picture_of_regions_in_a_dark_style(model):
    return LandmarkRelevanceDisplay.from_estimator(
        model, per_class=False, annotate="regions"
    ).figure_


@picture(65)
def test_picture_of_a_hand():
    digits = load_sign_digits()
    hand = digits.layout.unflatten(digits.data)[digits.target == "5", 0, :, :2].mean(axis=0)
    return LandmarkRelevanceDisplay.from_scores(
        np.arange(21.0),
        support=np.arange(21) % 4 == 0,
        positions=hand * [1, -1],
        annotate="numbers",
        n_annotated=5,
    ).figure_


# --- Colours


def deficiency(kind):
    """Simulation of Machado et al. (2009), complete."""
    if kind is None:
        return "sRGB1"
    return {"name": "sRGB1+CVD", "cvd_type": kind, "severity": 100}


@pytest.mark.parametrize("kind", [None, "deuteranomaly", "protanomaly", "tritanomaly"])
@pytest.mark.parametrize("style", STYLES)
def test_colours_are_told_apart_with_deficient_colour_vision(style, kind):
    with plt.style.context(style):
        axes = plt.figure().subplots()
    sequential, signed = relevance_cmap(axes), signed_cmap(axes)

    def seen(colours):
        rgb = cspace_convert(np.asarray(colours)[:, :3], deficiency(kind), "sRGB1")
        return cspace_convert(np.clip(rgb, 0, 1), "sRGB1", "CAM02-UCS")

    levels = seen(sequential(np.linspace(0, 1, 7)))
    assert np.linalg.norm(np.diff(levels, axis=0), axis=1).min() > 9
    steps = np.diff(seen(sequential(np.linspace(0, 1, 33)))[:, 0])
    assert (steps < 0).all() if style == "default" else (steps > 0).all()
    levels = seen(signed(np.linspace(0, 1, 9)))
    assert np.linalg.norm(np.diff(levels, axis=0), axis=1).min() > 9
    assert np.linalg.norm(levels[0] - levels[-1]) > 30
    # Equal magnitudes are about equally light, and the lightness is monotone from the centre.
    assert abs(levels[0, 0] - levels[-1, 0]) < 10
    away = np.sign(np.diff(levels[:, 0]))
    np.testing.assert_array_equal(away[4:], -away[:4])
    assert len(set(away[:4])) == 1


def lightness(colour):
    return cspace_convert(to_rgba(colour)[:3], "sRGB1", "CAM02-UCS")[0]


@pytest.mark.parametrize("style", STYLES)
def test_the_mesh_is_seen_on_its_background_and_quieter_than_the_landmarks(style):
    with plt.style.context(style):
        display = LandmarkRelevanceDisplay.from_scores(np.random.RandomState(0).rand(N))
        background = lightness(display.figure_.get_facecolor())
    axes = display.axes_[0]
    lines = [each for each in axes.collections if isinstance(each, LineCollection)]
    skin = lightness(axes.patches[0].get_facecolor())
    mesh_edges = lightness(lines[0].get_color()[0])
    darkest = lightness(display.scatters_[0].get_cmap()(1.0))
    assert 2 < abs(mesh_edges - skin) < 30
    assert abs(darkest - background) > 60
    assert abs(lightness(relevance_cmap(axes)(0.0)) - background) < 25


def test_a_transparent_figure_is_drawn_for_the_colour_of_its_text():
    for style, light_text in zip(STYLES, (False, True), strict=True):
        with plt.style.context([style, {"figure.facecolor": "none"}]):
            display = LandmarkRelevanceDisplay.from_scores(np.ones(N))
            cmap = display.scatters_[0].get_cmap()
            assert (lightness(cmap(1.0)) > lightness(cmap(0.0))) == light_text


# --- The face


@pytest.mark.parametrize("n_landmarks", [468, 478])
def test_a_face_has_irises_inside_its_eyes_and_closed_eyes_hide_them(n_landmarks):
    axes = plt.figure().subplots()
    points = face_positions(n_landmarks)
    draw_face(axes, points)
    discs = [patch for patch in axes.patches if isinstance(patch, Circle)]
    assert len(discs) == 4  # an iris and a pupil in each eye
    for disc, centre in zip(discs[::2], mesh.eye_centres(points), strict=True):
        assert np.linalg.norm(disc.center - centre) < 0.3
        assert disc.get_clip_path() is not None


def test_irises_lie_where_they_were_found():
    points = face_positions(478)
    points[468:473] += [0.4, 0.1]
    axes = plt.figure().subplots()
    draw_face(axes, points)
    iris = next(patch for patch in axes.patches if isinstance(patch, Circle))
    np.testing.assert_allclose(iris.center, points[468])
    np.testing.assert_allclose(iris.radius, np.linalg.norm(points[469] - points[468]))


def test_an_open_mouth_is_not_filled():
    points = face_positions(N)
    lower = np.isin(np.arange(N), [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308])
    points[lower, 1] -= 1.0
    figure = plt.figure(figsize=(4, 4))
    axes = figure.add_axes([0, 0, 1, 1])
    draw_face(axes, points)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.set_axis_off()
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., 0]

    def shade(x, y):
        column, row = axes.transData.transform((x, y)).astype(int)
        return image[len(image) - row, column]

    between = points[[13, 14]].mean(axis=0)
    upper_lip = points[[0, 13]].mean(axis=0)
    assert shade(*between) > shade(*upper_lip) + 20


# --- Mean faces of clips


def test_each_panel_shows_the_mean_last_frame_of_its_class(model, clips, aligned):
    display = LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target)
    for label, positions, movement in zip(
        clips.target_names, display.positions, display.movement, strict=True
    ):
        members = aligned[clips.target == label]
        np.testing.assert_allclose(positions, members[:, -1].mean(axis=0), atol=1e-5)
        expected = (members[:, -1] - members[:, 0]).mean(axis=0)
        np.testing.assert_allclose(movement, expected, atol=1e-5)
    shown = {tuple(point) for point in display.scatters_[3].get_offsets()}
    assert shown == {tuple(point) for point in display.positions[3]}


@pytest.mark.parametrize("reference", ["first", None])
def test_aligned_clips_show_the_same_faces(model, clips, reference):
    expected = LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target).positions
    rows = np.asarray(LandmarkAligner(reference=reference).fit_transform(clips.data))
    for estimator in (model, model[-1]):
        display = LandmarkRelevanceDisplay.from_estimator(estimator, rows, clips.target)
        np.testing.assert_allclose(display.positions, expected, atol=1e-4)


@pytest.mark.parametrize("reference", ["mean", None])
def test_faces_do_not_depend_on_the_reference_of_the_estimator(clips, reference, aligned):
    model = make_pipeline(
        LandmarkAligner(reference=reference), StandardScaler(), MovementSelector()
    )
    model.fit(clips.data, clips.target)
    display = LandmarkRelevanceDisplay.from_estimator(model, clips.data, per_class=False)
    np.testing.assert_allclose(display.positions, aligned[:, -1].mean(axis=0), atol=1e-5)


def test_faces_are_aligned_inside_searches_and_one_vs_rest_models(clips, aligned):
    inner = make_pipeline(LandmarkAligner(), MovementSelector(), LogisticRegression())
    expected = aligned[clips.target == "fear", -1].mean(axis=0)
    for model in (OneVsRestClassifier(inner), GridSearchCV(inner, {}, cv=2)):
        model.fit(clips.data, clips.target)
        display = LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target)
        np.testing.assert_allclose(display.positions[3], expected, atol=1e-5)


def test_frames_without_a_face_are_left_out_of_the_mean(model, clips, aligned):
    X = clips.data.copy()
    members = np.flatnonzero(clips.target == "anger")
    X[members[0]] = np.nan
    display = LandmarkRelevanceDisplay.from_estimator(model, X, clips.target)
    expected = aligned[members[1:], -1].mean(axis=0)
    np.testing.assert_allclose(display.positions[0], expected, atol=1e-5)


def test_panels_have_one_scale(model, clips):
    display = LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target)
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in display.axes_}) == 1


# --- Arrows, contrast, labels


@pytest.mark.parametrize(("arrows", "scale"), [(True, 1), (3, 3)])
def test_arrows_end_at_the_landmarks_that_move(model, clips, arrows, scale):
    display = LandmarkRelevanceDisplay.from_estimator(
        model, clips.data, clips.target, arrows=arrows
    )
    for axes, points, movement in zip(
        display.axes_, display.positions, display.movement, strict=True
    ):
        (quiver,) = (each for each in axes.collections if isinstance(each, Quiver))
        assert quiver.pivot == "tip"
        length = np.linalg.norm(movement, axis=1)
        moving = length > length.max() / 4
        np.testing.assert_array_equal(quiver.XY, points[moving])
        drawn = np.column_stack([quiver.U, quiver.V]) / quiver.scale
        np.testing.assert_allclose(drawn, scale * movement[moving])


def test_contrast_is_the_difference_from_the_mean_over_the_classes():
    scores = np.random.RandomState(0).rand(3, N)
    display = LandmarkRelevanceDisplay.from_scores(scores * [[1], [5], [25]], contrast=True)
    relative = scores / scores.mean(axis=1, keepdims=True)
    expected = np.sort(relative - relative.mean(axis=0), axis=1)
    for scatter, values in zip(display.scatters_, expected, strict=True):
        np.testing.assert_allclose(np.sort(scatter.get_array()), values, atol=1e-12)
        assert (np.diff(np.abs(scatter.get_array())) >= 0).all()
    bar = display.colorbar_
    assert bar.vmin == -bar.vmax
    np.testing.assert_allclose(bar.vmax, np.abs(expected).max())
    assert "minus the mean over the classes" in bar.ax.get_ylabel()


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("annotate", ["numbers", "regions"])
def test_labels_overlap_neither_each_other_nor_the_landmarks(model, clips, per_class, annotate):
    display = LandmarkRelevanceDisplay.from_estimator(
        model, clips.data, clips.target, per_class=per_class, annotate=annotate, n_annotated=16
    )
    display.figure_.canvas.draw()
    boxes = []
    for axes, scatter in zip(display.axes_, display.scatters_, strict=True):
        assert len(axes.texts) == (16 if annotate == "numbers" else 10)
        points = axes.transData.transform(np.asarray(scatter.get_offsets()))
        # The extent of an annotation includes its line, that of its text does not.
        of_panel = [Text.get_window_extent(label) for label in axes.texts]
        assert not any(box.count_contains(points) for box in of_panel)
        boxes += of_panel
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_numbers_are_those_of_the_most_relevant_landmarks():
    scores = np.random.RandomState(0).rand(2, N)
    display = LandmarkRelevanceDisplay.from_scores(scores, annotate="numbers", n_annotated=6)
    for axes, row in zip(display.axes_, scores, strict=True):
        named = {int(text.get_text()): text.xy for text in axes.texts}
        assert set(named) == set(np.argsort(-row)[:6])
        for number, target in named.items():
            np.testing.assert_array_equal(target, mesh.canonical_face()[number, :2])


def test_lines_to_the_labels_do_not_cross_the_face():
    face = mesh.canonical_face()
    on_one_side = face[:, 0] > 0.2 * np.ptp(face[:, 0])
    display = LandmarkRelevanceDisplay.from_scores(
        on_one_side.astype(float), annotate="numbers", n_annotated=6
    )
    assert {text.get_ha() for text in display.axes_[0].texts} == {"left"}


def test_a_single_label_can_be_drawn():
    display = LandmarkRelevanceDisplay.from_scores(
        np.arange(float(N)), annotate="numbers", n_annotated=1
    )
    assert [text.get_text() for text in display.axes_[0].texts] == [str(N - 1)]


def test_lines_to_the_labels_of_a_side_do_not_cross(model):
    display = LandmarkRelevanceDisplay.from_estimator(model, per_class=False, annotate="regions")
    for side in ("left", "right"):
        labels = [text for text in display.axes_[0].texts if text.get_ha() == side]
        labels.sort(key=lambda text: -text.xyann[1])
        lines = [Path([text.xy, text.xyann]) for text in labels]
        assert not any(one.intersects_path(other) for one, other in pairwise(lines))


# --- Folds of a cross-validation


def test_from_cv_results_draws_the_share_of_the_folds_that_keep_a_landmark(clips):
    rows = LandmarkAligner().fit_transform(clips.data)
    pipe = make_pipeline(MovementSelector(k=30), LogisticRegression(max_iter=1000))
    cv_results = cross_validate(pipe, rows, clips.target, cv=3, return_estimator=True)
    kept = [fitted[0].get_landmark_support() for fitted in cv_results["estimator"]]
    for source in (cv_results, cv_results["estimator"]):
        display = LandmarkRelevanceDisplay.from_cv_results(source)
        np.testing.assert_array_equal(display.scores, np.mean(kept, axis=0))
        drawn = np.sort(display.scatters_[0].get_array())
        np.testing.assert_array_equal(drawn, np.sort(np.mean(kept, axis=0)))
        assert (display.colorbar_.vmin, display.colorbar_.vmax) == (0, 1)
        assert "frequency in the folds" in display.colorbar_.ax.get_ylabel()


def test_from_cv_results_names_what_to_pass_instead(clips, model):
    search = GridSearchCV(make_pipeline(MovementSelector(), LogisticRegression(max_iter=5)), {})
    with pytest.raises(
        TypeError, match=r"GridSearchCV.*fitted on all clips.*return_estimator=True"
    ):
        LandmarkRelevanceDisplay.from_cv_results(search)
    with pytest.raises(ValueError, match=r"no key 'estimator'.*return_estimator=True"):
        LandmarkRelevanceDisplay.from_cv_results({"test_score": np.ones(3)})
    with pytest.raises(ValueError, match="two selections or more, got 1"):
        LandmarkRelevanceDisplay.from_cv_results([model])


# --- Errors


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"arrows": True}, "arrows need a movement"),
        ({"contrast": True}, "contrast=True compares classes"),
        ({"annotate": "names"}, 'annotate must be "numbers", "regions" or None'),
        ({"movement": np.ones((9, 2)), "arrows": True}, r"movement must have shape .*\(9, 2\)"),
        ({"positions": np.ones((3, N, 2))}, r"positions must have shape .*\(3, 468, 2\)"),
    ],
)
def test_what_an_option_needs_is_named_in_the_error(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LandmarkRelevanceDisplay.from_scores(np.ones(N), **kwargs)


def test_regions_of_a_hand_are_an_error():
    with pytest.raises(ValueError, match="needs the full mesh of a face, got 21 landmarks"):
        LandmarkRelevanceDisplay.from_scores(
            np.ones(21), positions=np.eye(21)[:, :2], annotate="regions"
        )


def test_contrast_of_a_single_panel_is_an_error(model):
    with pytest.raises(ValueError, match="per_class=True"):
        LandmarkRelevanceDisplay.from_estimator(model, per_class=False, contrast=True)


def test_wrong_clips_are_named_in_the_error(model, clips):
    draw = LandmarkRelevanceDisplay.from_estimator
    some = clips.target != "fear"
    with pytest.raises(ValueError, match="no clip of the class 'fear'"):
        draw(model, clips.data[some], clips.target[some])
    with pytest.raises(ValueError, match="X is None"):
        draw(model, y=clips.target)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        draw(model, clips.data, clips.target[:-1])
    with_irises = np.zeros((3, N_FRAMES * 478 * 3))
    with pytest.raises(ValueError, match="X has 478 landmarks, but the selector was fitted on 468"):
        draw(model[-1], with_irises)
    frame = LandmarkAligner().fit_transform(clips.data)[:, : N * 3]
    with pytest.raises(ValueError, match="arrows need a movement"):
        draw(model[-1], np.asarray(frame), arrows=True)
