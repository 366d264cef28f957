import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import LandmarkLayout, TEMOClassifier, make_temo_pipeline, mesh
from sklearn_temo.datasets import load_cremad_sample


def small_pipeline(**params):
    """From landmarks that were extracted before, with a selector that trains briefly."""
    settings = {"k": 64, "n_frames": 4, "landmarks": "passthrough", "random_state": 0}
    pipe = make_temo_pipeline(**{**settings, **params})
    return pipe.set_params(
        select__estimator=TEMOClassifier(max_epochs=2, random_state=0), select__tol=0.05
    )


def test_it_is_a_plain_pipeline_of_four_named_steps():
    pipe = make_temo_pipeline()
    assert type(pipe) is Pipeline
    assert {name: type(step).__name__ for name, step in pipe.steps} == {
        "landmarks": "FaceLandmarkTransformer",
        "align": "LandmarkAligner",
        "select": "IGLandmarkSelector",
        "classify": "TEMOClassifier",
    }


@pytest.mark.parametrize("params", [{}, {"n_frames": 7}])
def test_every_step_has_the_same_layout(params):
    settings = make_temo_pipeline(**params).get_params()
    expected = params.get("n_frames", 16)
    for step in ("landmarks", "align", "select", "classify"):
        assert settings[f"{step}__n_frames"] == expected


def test_parameters_reach_their_steps():
    settings = make_temo_pipeline(
        k=0.5, pose="head", reference=None, random_state=3, verbose=True
    ).get_params()
    assert settings["select__k"] == 0.5
    assert settings["align__pose"] == "head"
    assert settings["align__reference"] is None
    assert settings["select__random_state"] == settings["classify__random_state"] == 3
    assert settings["verbose"] is True


def test_the_users_classifier_is_not_changed():
    mine = TEMOClassifier(max_epochs=3)
    before = mine.get_params()
    pipe = make_temo_pipeline(classifier=mine, n_frames=5, random_state=7)
    assert mine.get_params() == before
    assert pipe["classify"] is not mine
    assert pipe["classify"].get_params() == {**before, "n_frames": 5, "random_state": 7}


def test_the_users_random_state_is_kept():
    pipe = make_temo_pipeline(classifier=SVC(random_state=5), random_state=7)
    assert pipe["classify"].random_state == 5


def test_a_classifier_without_layout_or_randomness_fits_in():
    scaled = make_pipeline(StandardScaler(), SVC())
    pipe = make_temo_pipeline(classifier=scaled, n_frames=5, random_state=7)
    assert isinstance(pipe["classify"][-1], SVC)


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
    pipe = small_pipeline(classifier=TEMOClassifier(max_epochs=3)).set_callbacks(recorder)
    pipe.fit(expression_clips.data, expression_clips.target)
    assert ("LandmarkAligner", "fit") in recorder.ended
    # A step that supports callbacks itself stands for the pipeline's task.
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
    # Long enough to know its clips too: which classifier wins is left to chance.
    temo = TEMOClassifier(max_epochs=20)
    linear_svm = make_pipeline(StandardScaler(), SVC(kernel="linear"))
    rbf_svm = make_pipeline(StandardScaler(), SVC())
    pipe = make_temo_pipeline(k=128, random_state=0)
    # Only to save time: clips to learn from are extracted once.
    pipe.set_params(memory=str(tmp_path))

    grid = GridSearchCV(
        pipe,
        {
            "select__k": [32, 468],
            "select__estimator": [TEMOClassifier(max_epochs=2, random_state=0)],
            "classify": [temo, linear_svm, rbf_svm],
        },
        cv=StratifiedGroupKFold(2),
        error_score="raise",
    )
    grid.fit(video_paths, emotions, groups=subjects)

    assert len(grid.cv_results_["params"]) == 6
    scores = grid.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    # Both "subjects" are the same clips, so a classifier that is let near them knows them all.
    svms = [isinstance(params["classify"], Pipeline) for params in grid.cv_results_["params"]]
    np.testing.assert_array_equal(scores[svms], 1)
    assert grid.best_estimator_["select"].get_landmark_support().sum() in (32, 468)
    np.testing.assert_array_equal(grid.predict(video_paths[:2]), ["anger", "fear"])
    assert not hasattr(temo, "net_")
    assert temo.max_epochs == 20
