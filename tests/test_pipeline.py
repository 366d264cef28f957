import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import (
    LandmarkAligner,
    LandmarkLayout,
    TEMOClassifier,
    make_temo_pipeline,
    mesh,
)
from sklearn_temo.datasets import load_cremad_sample, make_expression_clips


def small_pipeline(**params):
    """Pipeline for extracted landmarks, with a selector that trains for two epochs."""
    settings = {"k": 64, "landmarks": "passthrough", "random_state": 0}
    pipe = make_temo_pipeline(**{**settings, **params})
    return pipe.set_params(select__estimator__max_epochs=2, select__tol=0.05)


def test_it_is_a_plain_pipeline_of_four_named_steps():
    pipe = make_temo_pipeline()
    assert type(pipe) is Pipeline
    assert {name: type(step).__name__ for name, step in pipe.steps} == {
        "landmarks": "FaceLandmarkTransformer",
        "align": "LandmarkAligner",
        "select": "IGLandmarkSelector",
        "classify": "TEMOClassifier",
    }


def test_n_frames_is_passed_to_extraction_and_checked_by_the_aligner():
    settings = make_temo_pipeline(n_frames=7).get_params()
    assert settings["landmarks__n_frames"] == settings["align__n_frames"] == 7


@pytest.mark.parametrize("n_frames", [2, 5])
def test_steps_infer_the_layout(n_frames):
    clips = make_expression_clips(21, n_frames, random_state=0)
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=2)).fit(clips.data, clips.target)
    assert pipe["select"].layout_ == LandmarkLayout(n_frames, 468, 3)
    assert pipe["classify"].layout_ == LandmarkLayout(n_frames, 64, 3)


def test_n_frames_that_disagrees_with_the_clips_is_an_error(expression_clips):
    with pytest.raises(ValueError, match="n_frames=2 does not fit X"):
        small_pipeline(n_frames=2).fit(expression_clips.data, expression_clips.target)


def test_the_layout_of_selected_landmarks_is_not_read_wrongly(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    # 64 landmarks in 4 frames have as many columns as 16 in 16.
    with pytest.raises(ValueError, match=r"n_frames=16 .* 4 frames of 64 landmarks"):
        small_pipeline(classifier=TEMOClassifier(n_frames=16)).fit(X, y)
    scaled = make_pipeline(StandardScaler(), TEMOClassifier())
    with pytest.raises(ValueError, match="n_frames is not known: X has 768 features"):
        small_pipeline(classifier=scaled).fit(X, y)


def test_columns_selected_one_by_one_are_no_landmarks(expression_clips):
    pipe = make_pipeline(LandmarkAligner(), SelectKBest(k=960), TEMOClassifier())
    with pytest.raises(ValueError, match="n_frames is not known: X has 960 features"):
        pipe.fit(expression_clips.data, expression_clips.target)
    pipe[:2].set_output(transform="pandas")
    with pytest.raises(ValueError, match="do not form whole landmarks"):
        pipe.fit(expression_clips.data, expression_clips.target)


def test_parameters_of_the_selectors_network_can_be_searched(expression_clips):
    grid = GridSearchCV(
        small_pipeline(classifier=LogisticRegression()),
        {"select__estimator__max_epochs": [1, 2]},
        cv=StratifiedGroupKFold(2),
        error_score="raise",
    )
    grid.fit(expression_clips.data, expression_clips.target, groups=expression_clips.groups)
    n_iter = grid.best_estimator_["select"].estimator_.n_iter_
    assert n_iter == grid.best_params_["select__estimator__max_epochs"]


def test_parameters_reach_their_steps():
    settings = make_temo_pipeline(
        k=0.5, rotation="full", reference=None, random_state=3, verbose=True
    ).get_params()
    assert settings["select__k"] == 0.5
    assert settings["align__rotation"] == "full"
    assert settings["align__reference"] is None
    assert settings["select__random_state"] == settings["classify__random_state"] == 3
    assert settings["verbose"] is True


def test_the_users_classifier_is_not_changed():
    mine = TEMOClassifier(max_epochs=3)
    before = mine.get_params()
    pipe = make_temo_pipeline(classifier=mine, random_state=7)
    assert mine.get_params() == before
    assert pipe["classify"] is not mine
    assert pipe["classify"].get_params() == {**before, "random_state": 7}


def test_the_users_random_state_is_kept():
    pipe = make_temo_pipeline(classifier=SVC(random_state=5), random_state=7)
    assert pipe["classify"].random_state == 5


def test_it_can_be_cloned_and_pickled():
    pipe = make_temo_pipeline(k=32, random_state=0)
    for copy in (clone(pipe), pickle.loads(pickle.dumps(pipe))):
        ours, theirs = pipe.get_params(), copy.get_params()
        assert ours.keys() == theirs.keys()
        plain = [name for name, value in ours.items() if isinstance(value, int | float | str)]
        assert {name: theirs[name] for name in plain} == {name: ours[name] for name in plain}


def test_fits_with_one_random_state_are_equal(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=2))
    one, other = (clone(pipe).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one["select"].ranking_, other["select"].ranking_)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_classifier_finds_the_mirror_in_what_the_selector_kept(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=2)).fit(X, y)
    kept = pipe["select"].get_landmark_support(indices=True)
    assert len(kept) == 64
    assert pipe["classify"].layout_ == LandmarkLayout(4, 64, 3)
    found = kept[pipe["classify"].mirror_pairs_]
    np.testing.assert_array_equal(found, mesh.mirror_pairs()[kept])


def test_pandas_names_go_through_to_the_classifier(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(classifier=LogisticRegression(max_iter=1000))
    pipe[1:3].set_output(transform="pandas")
    pipe.fit(X, y)
    kept = pipe["select"].get_landmark_support(indices=True)
    expected = LandmarkLayout(4, 64, 3).feature_names(kept)
    np.testing.assert_array_equal(pipe["classify"].feature_names_in_, expected)
    table = pipe[:-1].transform(X)
    np.testing.assert_array_equal(table.columns, expected)
    plain = pipe[1].set_output(transform="default").transform(X)
    column = (2 * 468 + kept[5]) * 3 + 1
    np.testing.assert_array_equal(table[f"f002_p{kept[5]:03d}_y"], plain[:, column])


def test_callbacks_on_the_pipeline_see_its_steps(expression_clips, make_task_recorder):
    recorder = make_task_recorder()
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=3))
    pipe.set_params(select__estimator=TEMOClassifier(max_epochs=2)).set_callbacks(recorder)
    pipe.fit(expression_clips.data, expression_clips.target)
    assert ("LandmarkAligner", "fit") in recorder.ended
    assert ("IGLandmarkSelector", "attribute") in recorder.ended
    assert ("IGLandmarkSelector", "fit") in recorder.ended
    assert recorder.ended[-1] == ("Pipeline", "fit")
    # Two epochs of the selector's network, three of the classifier's.
    assert recorder.ended.count(("TEMOClassifier", "epoch")) == 5


def test_grid_search_from_videos_as_a_user_types_it(tmp_path):
    sample = load_cremad_sample()
    video_paths = sample.data[::2] * 2
    emotions = np.tile(sample.target[::2], 2)
    subjects = np.repeat(["one", "other"], 3)
    # Trained long enough to fit the training clips.
    temo = TEMOClassifier(max_epochs=20)
    linear_svm = make_pipeline(StandardScaler(), SVC(kernel="linear"))
    rbf_svm = make_pipeline(StandardScaler(), SVC())
    pipe = make_temo_pipeline(k=128, random_state=0)
    # The training clips are extracted once.
    pipe.set_params(memory=str(tmp_path))

    grid = GridSearchCV(
        pipe,
        {
            "select__k": [32, 468],
            "select__estimator__max_epochs": [2],
            "classify": [temo, linear_svm, rbf_svm],
        },
        cv=StratifiedGroupKFold(2),
        error_score="raise",
    )
    grid.fit(video_paths, emotions, groups=subjects)

    assert len(grid.cv_results_["params"]) == 6
    scores = grid.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    # Both subjects have the same clips, so a classifier that fits them scores 1.
    svms = [isinstance(params["classify"], Pipeline) for params in grid.cv_results_["params"]]
    np.testing.assert_array_equal(scores[svms], 1)
    assert grid.best_estimator_["select"].get_landmark_support().sum() in (32, 468)
    np.testing.assert_array_equal(grid.predict(video_paths[:2]), ["anger", "fear"])
    assert not hasattr(temo, "net_")
    assert temo.max_epochs == 20


def weights(n_clips):
    return np.random.default_rng(0).integers(0, 3, n_clips).astype(float)


@pytest.fixture
def with_routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("with_routing")
def test_sample_weight_is_routed_to_the_selector_and_the_classifier(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    w = weights(len(y))
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=2))
    pipe["select"].set_fit_request(sample_weight=True)
    pipe["select"].estimator.set_fit_request(sample_weight=True)
    pipe["classify"].set_fit_request(sample_weight=True)
    weighted = clone(pipe).fit(X, y, sample_weight=w)
    repeated = clone(pipe).fit(X.repeat(w.astype(int), axis=0), y.repeat(w.astype(int)))
    np.testing.assert_array_equal(
        weighted["select"].get_landmark_support(), repeated["select"].get_landmark_support()
    )
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5)


@pytest.mark.usefixtures("with_routing")
def test_sample_weight_passes_through_a_search_and_calibration(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(
        classifier=TEMOClassifier(max_epochs=2).set_fit_request(sample_weight=True)
    )
    pipe["select"].set_fit_request(sample_weight=True)
    pipe["select"].estimator.set_fit_request(sample_weight=True)
    w = weights(len(y))
    calibrated = CalibratedClassifierCV(pipe, cv=2).fit(X, y, sample_weight=w)
    assert calibrated.predict_proba(X).shape == (len(X), 7)
    voting = VotingClassifier([("a", pipe), ("b", clone(pipe))], voting="soft", weights=[2, 1])
    assert voting.fit(X, y, sample_weight=w).predict(X).shape == (len(X),)


@pytest.mark.parametrize(
    "classifier",
    [
        AdaBoostClassifier(TEMOClassifier(n_frames=4, max_epochs=2), n_estimators=2),
        BaggingClassifier(TEMOClassifier(n_frames=4, max_epochs=2), n_estimators=2),
        CalibratedClassifierCV(TEMOClassifier(max_epochs=2), cv=2),
        VotingClassifier(
            [("temo", TEMOClassifier(max_epochs=2)), ("linear", LogisticRegression())],
            voting="soft",
            weights=[2, 1],
        ),
    ],
)
def test_the_classifier_may_be_an_ensemble(classifier, expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(classifier=classifier).fit(X, y)
    np.testing.assert_allclose(pipe.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_the_pipeline_may_be_a_part_of_ensembles(expression_clips):
    X, y = expression_clips.data, expression_clips.target
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=2))
    for ensemble in (
        CalibratedClassifierCV(pipe, cv=2),
        OneVsRestClassifier(pipe),
        StackingClassifier([("temo", pipe)], LogisticRegression(), cv=2),
        VotingClassifier([("temo", pipe), ("svm", SVC())], weights=[2, 1]),
    ):
        assert set(ensemble.fit(X, y).predict(X)) <= set(y)
