"""Saved models: equal predictions in another process, and no code from a file."""

import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
import skops.io
import torch
from scipy.stats import randint, uniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from skorch import NeuralNetClassifier

import sklearn_temo
from sklearn_temo import (
    FaceLandmarkTransformer,
    FaceMirror,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkLayout,
    StabilityLandmarkSelector,
    TEMOClassifier,
    TEMORegressor,
    blendshapes,
    evaluate,
    explain_clips,
    load_model,
    make_temo_pipeline,
    save_model,
    smallest_k,
)
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.persistence._trusted_types import trusted_types

CLOSED_FORM = TEMOClassifier(randomized=True, hidden_size=20, n_components=8, random_state=0)
SELECTOR = IGLandmarkSelector(CLOSED_FORM, k=40, random_state=0)


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(
        n_clips=48, n_frames=2, emotions=["anger", "fear", "sadness"], n_subjects=8, random_state=0
    )


@pytest.fixture(scope="module")
def pipe(clips):
    classifier = TEMOClassifier(max_epochs=3)
    made = make_temo_pipeline(landmarks="passthrough", k=40, classifier=classifier, random_state=0)
    return made.fit(clips.data, clips.target)


@pytest.fixture(scope="module")
def saved(pipe, clips, tmp_path_factory):
    """The pipeline in a file, with a card of its data."""
    path = tmp_path_factory.mktemp("saved") / "model.skops"
    return save_model(pipe, path, X=clips.data, y=clips.target, groups=clips.groups)


def test_another_process_predicts_the_same_bits(pipe, saved, clips, tmp_path):
    np.save(tmp_path / "X.npy", clips.data)
    code = """
import sys
import numpy as np
from sklearn_temo import load_model
assert "skorch" not in sys.modules
X = np.load(sys.argv[2])
np.save(sys.argv[3], load_model(sys.argv[1]).predict_proba(X))
"""
    files = [saved, tmp_path / "X.npy", tmp_path / "found.npy"]
    subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True)
    np.testing.assert_array_equal(np.load(files[2]), pipe.predict_proba(clips.data))


def test_skops_alone_loads_a_saved_model(pipe, saved, clips):
    names = skops.io.get_untrusted_types(file=saved)
    assert all(name.startswith("sklearn_temo.") for name in names)
    loaded = skops.io.load(saved, trusted=names)
    np.testing.assert_array_equal(loaded.predict_proba(clips.data), pipe.predict_proba(clips.data))


MODELS = {
    "T-EMO in closed form": CLOSED_FORM,
    "SVM": make_pipeline(SELECTOR, StandardScaler(), SVC()),
    "perceptron": MLPClassifier(4, max_iter=2, random_state=0),
    "one-vs-rest": OneVsRestClassifier(make_pipeline(SELECTOR, LinearSVC())),
    "calibrated": CalibratedClassifierCV(make_pipeline(SELECTOR, LinearSVC()), cv=2),
    "stacked": StackingClassifier([("svm", LinearSVC(tol=1)), ("temo", CLOSED_FORM)], cv=2),
    "grid": GridSearchCV(
        make_pipeline(SELECTOR, CLOSED_FORM),
        {"iglandmarkselector__k": [20, 40], "temoclassifier": [CLOSED_FORM, SVC()]},
        cv=StratifiedGroupKFold(2),
        refit=smallest_k,
    ),
    "scored grid": GridSearchCV(
        LogisticRegression(tol=0.1), {"C": [0.1, 1]}, cv=2, scoring="balanced_accuracy"
    ),
    "grid with given splits": GridSearchCV(
        LogisticRegression(tol=0.1), {"C": [0.1, 1]}, cv=[([*range(40)], [*range(40, 48)])]
    ),
    "stability": make_pipeline(
        StabilityLandmarkSelector(
            SELECTOR, n_pairs=2, max_false=200, threshold=0.51, random_state=0
        ),
        LogisticRegression(tol=0.1),
    ),
    "parameters": TEMOClassifier(
        device=torch.device("cpu"),
        max_epochs=2,
        early_stopping=True,
        validation_fraction=0.2,
        class_weight={"anger": 2, "fear": 1, "sadness": 1},
        random_state=np.random.RandomState(0),
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, clips):
    """Each fitted model, and the rows that it was fitted to."""
    X = LandmarkAligner().fit_transform(clips.data)
    groups = {"groups": clips.groups} if request.param == "grid" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[request.param].fit(X, clips.target, **groups), X


def test_models_predict_the_same_after_loading(model, tmp_path):
    model, X = model
    loaded = load_model(save_model(model, tmp_path / "model.skops"))
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    found, expected = (getattr(each, method)(X) for each in (loaded, model))
    np.testing.assert_array_equal(found, expected)
    # A RandomState has its address in the text.
    assert re.sub("0x[0-9A-F]+", "", repr(loaded)) == re.sub("0x[0-9A-F]+", "", repr(model))
    if hasattr(model, "cv_results_"):
        for name, values in model.cv_results_.items():
            if name != "params":
                np.testing.assert_array_equal(
                    loaded.cv_results_[name].astype(str), values.astype(str)
                )


@pytest.mark.parametrize("randomized", [False, True])
def test_a_regressor_of_several_outputs_predicts_the_same(randomized, clips, tmp_path):
    y = clips.data[:, 300:302]
    temo = TEMORegressor(randomized=randomized, max_epochs=2, lr=1e-4, random_state=0)
    temo.fit(clips.data, y)
    loaded = load_model(save_model(temo, tmp_path / "model.skops"))
    np.testing.assert_array_equal(loaded.predict(clips.data), temo.predict(clips.data))


def test_oversampling_pipelines_can_be_saved(clips, tmp_path):
    imblearn = pytest.importorskip("imblearn.pipeline", reason="needs the extra [imbalanced]")
    model = imblearn.make_pipeline(FaceMirror(), LogisticRegression(tol=1)).fit(
        clips.data, clips.target
    )
    loaded = load_model(save_model(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(loaded.predict_proba(clips.data), model.predict_proba(clips.data))


@pytest.mark.parametrize("copy", [lambda temo, _: pickle.loads(pickle.dumps(temo)), "file"])
@pytest.mark.parametrize("randomized", [False, True])
def test_partial_fit_continues_as_without_a_copy(copy, randomized, clips, tmp_path):
    X, y = clips.data, clips.target
    temo = TEMOClassifier(randomized=randomized, hidden_size=20, n_components=8, random_state=0)
    for _ in range(2):
        temo.partial_fit(X[:24], y[:24], classes=np.unique(y))
    if copy == "file":
        other = load_model(save_model(temo, tmp_path / "model.skops"))
    else:
        other = copy(temo, tmp_path)
    expected, found = (each.partial_fit(X[24:], y[24:]).predict_proba(X) for each in (temo, other))
    np.testing.assert_array_equal(found, expected)
    assert other.n_iter_ == temo.n_iter_
    loss = (slice(None), ("train_loss", "train_loss_best")) if not randomized else slice(None)
    assert other.net_.history[loss] == temo.net_.history[loss]


def test_explanations_are_the_same_after_loading(pipe, saved, clips):
    expected, found = (explain_clips(each, clips.data[:3]) for each in (pipe, load_model(saved)))
    np.testing.assert_array_equal(found.attributions, expected.attributions)


def test_without_baselines_predictions_stay_and_explanations_say_what_to_pass(
    pipe, clips, tmp_path
):
    path = save_model(pipe, tmp_path / "model.skops", baselines=False)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded.predict_proba(clips.data), pipe.predict_proba(clips.data))
    with pytest.raises(ValueError, match="pass clips as baselines"):
        explain_clips(loaded, clips.data[:2])
    explain_clips(loaded, clips.data[:2], baselines=clips.data[2:4])
    assert pipe["select"].baselines_ is not None
    # No array of the file has the rows of the clips.
    rows = {pipe["select"].n_features_in_, clips.data.shape[1]}
    with ZipFile(path) as archive:
        arrays = [
            np.load(io.BytesIO(archive.read(name)))
            for name in archive.namelist()
            if name.endswith(".npy")
        ]
    assert not any(array.ndim == 2 and array.shape[1] in rows for array in arrays)
    assert "holds no clip of a person" in path.with_suffix(".md").read_text(encoding="utf-8")


def test_baselines_that_were_a_parameter_are_left_out_too(clips, tmp_path):
    selector = IGLandmarkSelector(CLOSED_FORM, k=40, baselines=clips.data[:2], random_state=0)
    model = make_pipeline(selector, LogisticRegression(tol=1)).fit(clips.data, clips.target)
    loaded = load_model(save_model(model, tmp_path / "model.skops", baselines=False))
    assert loaded[0].baselines == "typical"
    assert loaded[0].baselines_ is None


def test_baselines_of_selectors_that_are_not_fitted_are_left_out_too(clips, tmp_path):
    selector = IGLandmarkSelector(CLOSED_FORM, k=40, baselines=clips.data[:2], random_state=0)
    search = GridSearchCV(
        make_pipeline(selector, LogisticRegression(tol=1)), {"logisticregression__C": [1]}, cv=2
    )
    search.fit(clips.data, clips.target)
    path = tmp_path / "model.skops"
    for baselines, text in (False, "holds no clip of a person"), (True, "6 baselines of landmark"):
        save_model(search, path, baselines=baselines)
        assert text in path.with_suffix(".md").read_text(encoding="utf-8")
        found = load_model(path).estimator[0].baselines
        assert isinstance(found, str) == (not baselines)


def test_weights_of_boolean_classes_are_kept(clips, tmp_path):
    weights = {False: 1, True: 2}
    model = LogisticRegression(tol=1, class_weight=weights).fit(clips.data, clips.target == "anger")
    assert load_model(save_model(model, tmp_path / "m.skops")).class_weight == weights


def test_rows_with_a_layout_can_be_parameters(clips, tmp_path):
    X = LandmarkAligner().fit_transform(clips.data)
    selector = IGLandmarkSelector(CLOSED_FORM, k=40, baselines=X[:2], random_state=0).fit(
        X, clips.target
    )
    loaded = load_model(save_model(selector, tmp_path / "model.skops"))
    np.testing.assert_array_equal(loaded.baselines, X[:2])


def test_folders_and_names_of_clips_do_not_travel(cremad_paths, tmp_path):
    cache = tmp_path / "cache"
    for memory in (str(cache), cache, joblib.Memory(cache, verbose=0)):
        extractor = FaceLandmarkTransformer(n_frames=2, memory=memory)
        of_pipeline = memory if memory is not cache else None
        model = make_pipeline(
            extractor, LandmarkAligner(), LogisticRegression(), memory=of_pipeline
        )
        y = ["a", "b"]
        model.fit(cremad_paths[:2], y)
        path = save_model(model, tmp_path / "model.skops", X=cremad_paths[:2], y=y)
        loaded = load_model(path)
        assert loaded.memory is None
        assert loaded[0].memory is None
        assert model[0].memory is not None
        np.testing.assert_array_equal(
            loaded.predict_proba(cremad_paths[:2]), model.predict_proba(cremad_paths[:2])
        )
        written = path.with_suffix(".md").read_bytes()
        with ZipFile(path) as archive:
            written += b"".join(map(archive.read, archive.namelist()))
        for secret in (tmp_path, Path(cremad_paths[0]).parent, Path(cremad_paths[0]).stem):
            assert str(secret).encode() not in written


def test_every_estimator_of_the_package_can_be_loaded():
    public = [getattr(sklearn_temo, name) for name in sklearn_temo.__all__]
    estimators = [each for each in public if isinstance(each, type) and hasattr(each, "fit")]
    assert len(estimators) >= 7
    for each in estimators:
        content = skops.io.dumps(each())
        names = skops.io.get_untrusted_types(data=content)
        assert set(names) <= trusted_types(), each


# Files that must not be loaded.


def double(X):
    """A function of the user."""
    return 2 * X


class RunsCode:
    """Object whose pickle runs a command when it is loaded."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def edit_schema(path, edit):
    """Replace the schema of a saved model by an edited one."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    members["schema.json"] = json.dumps(edit(schema))
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def call_of(module, name, *arguments):
    """Edit that replaces a model by a call."""

    def edit(schema):
        texts = [
            {
                "__class__": "str",
                "__module__": "builtins",
                "__loader__": "JsonNode",
                "content": json.dumps(argument),
                "is_json": True,
            }
            for argument in arguments
        ]
        content = {
            "__class__": "tuple",
            "__module__": "builtins",
            "__loader__": "TupleNode",
            "content": texts,
        }
        call = {"__class__": name, "__module__": module, "content": content}
        return schema | call | {"__loader__": "ConstructorFromReduceNode"}

    return edit


def write_pickle_of_a_net(path, canary, _):
    """A skorch net, whose state holds a pickle, in a file of skops."""
    net = NeuralNetClassifier(torch.nn.Linear, module__in_features=2, module__out_features=2)
    net.initialize()
    net.module_ = RunsCode(canary)
    content = skops.io.dumps(net)
    with ZipFile(path, "a") as archive, ZipFile(io.BytesIO(content)) as other:
        facts = archive.read("sklearn_temo.json")
        members = {name: other.read(name) for name in other.namelist()}
    with ZipFile(path, "w") as archive:
        for name, member in {**members, "sklearn_temo.json": facts}.items():
            archive.writestr(name, member)


def write_pickled_array(path, canary, _):
    """An array of objects, which NumPy stores as a pickle."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([RunsCode(canary)], dtype=object), allow_pickle=True)
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, buffer.getvalue() if name.endswith(".npy") else member)


def write_disguised_call(path, _, __):
    """Scoring with a method of an estimator, in the place of the type of a key of a dict.

    skops calls the types of keys. The file names a trusted type, but has the loader of partial
    functions.
    """
    model = LogisticRegression()
    model.keyed = {"key": 1}
    model.call = partial(make_scorer(accuracy_score), CLOSED_FORM, "file", [0, 1])
    content = skops.io.dumps(model)
    with ZipFile(path) as archive, ZipFile(io.BytesIO(content)) as other:
        members = {"sklearn_temo.json": archive.read("sklearn_temo.json")}
        members |= {name: other.read(name) for name in other.namelist()}
    with ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)

    def edit(schema):
        attributes = schema["content"]["content"]
        call = attributes["call"]
        call |= {"__module__": "sklearn_temo.layout", "__class__": "LandmarkLayout"}
        attributes["keyed"]["key_types"]["content"] = [call]
        return schema

    edit_schema(path, edit)


ATTACKS = {
    "pickle": (
        lambda path, canary, _: path.write_bytes(pickle.dumps(RunsCode(canary))),
        "is no file of save_model",
    ),
    "joblib": (lambda path, canary, _: joblib.dump(RunsCode(canary), path), "is no file of"),
    "call": (
        lambda path, canary, _: edit_schema(path, call_of("os", "system", f"touch {canary}")),
        "os.system",
    ),
    "evaluated text": (
        lambda path, canary, _: edit_schema(
            path, call_of("builtins", "exec", f"open({str(canary)!r}, 'w')")
        ),
        "builtins.exec",
    ),
    "pickle inside a skorch net": (write_pickle_of_a_net, "skorch.classifier.NeuralNetClassifier"),
    "pickle inside an array": (write_pickled_array, "allow_pickle=False"),
    "disguised call": (write_disguised_call, "not trusted: ['functools.partial']"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_malicious_files_are_refused_and_run_nothing(name, saved, tmp_path):
    path, canary = tmp_path / "model.skops", tmp_path / "canary"
    path.write_bytes(saved.read_bytes())
    attack, message = ATTACKS[name]
    attack(path, canary, None)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_model(path)
    assert not canary.exists()


@pytest.mark.parametrize("container", [list, set, lambda each: {"key": (*each,)}])
def test_folders_of_a_crafted_file_are_removed_wherever_they_are(container, saved, tmp_path):
    model = LogisticRegression()
    model.hidden = container([IGLandmarkSelector(memory=str(tmp_path))])
    path = tmp_path / "model.skops"
    path.write_bytes(skops.io.dumps(model))
    with ZipFile(path, "a") as archive, ZipFile(saved) as other:
        archive.writestr("sklearn_temo.json", other.read("sklearn_temo.json"))
    hidden = load_model(path).hidden
    (selector,) = hidden["key"] if isinstance(hidden, dict) else hidden
    assert selector.memory is None


def test_parameters_of_a_crafted_net_are_ignored(clips):
    net = TEMOClassifier(max_epochs=1).fit(clips.data, clips.target).net_
    state = net.__getstate__()
    state["parameters"]["torch_load_kwargs"] = {"weights_only": False}
    net.__setstate__(state)
    assert not net.torch_load_kwargs


def test_the_pickles_of_the_attacks_do_run_code(tmp_path):
    # Otherwise, the test above would show nothing.
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(RunsCode(canary)))
    assert canary.exists()


def test_a_function_in_a_step_is_named_when_it_is_saved_and_loaded(clips, tmp_path):
    model = make_pipeline(FunctionTransformer(double), LogisticRegression(tol=1)).fit(
        clips.data, clips.target
    )
    path = tmp_path / "model.skops"
    name = f"{__name__}.double"
    with pytest.raises(ValueError, match=re.escape(name)):
        save_model(model, path)
    assert not path.exists()
    save_model(model, path, trusted=[name])
    with pytest.raises(ValueError, match=re.escape(name)):
        load_model(path)


def test_trees_need_trust(clips, tmp_path):
    model = RandomForestClassifier(2, max_depth=2, random_state=0).fit(clips.data, clips.target)
    with pytest.raises(ValueError, match=r"sklearn\.tree\._tree\.Tree"):
        save_model(model, tmp_path / "model.skops")
    trusted = "sklearn.tree._tree.Tree"
    path = save_model(model, tmp_path / "model.skops", trusted=trusted)
    loaded = load_model(path, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict(clips.data), model.predict(clips.data))


def test_skorch_nets_of_the_user_are_refused(clips, tmp_path):
    n_features = clips.data.shape[1]
    net = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=n_features,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=0,
        verbose=0,
    )
    net.initialize()
    with pytest.raises(TypeError, match="NeuralNetClassifier of skorch"):
        save_model(make_pipeline(StandardScaler().fit(clips.data), net), tmp_path / "net.skops")


@pytest.mark.parametrize("distribution", [uniform(0.1, 1), randint(1, 3)])
def test_distributions_of_a_search_are_refused(distribution, clips, tmp_path):
    fast = LogisticRegression(tol=1)
    search = RandomizedSearchCV(fast, {"C": distribution}, n_iter=2, cv=2, random_state=0)
    search.fit(clips.data[:, :9], clips.target)
    with pytest.raises((TypeError, ValueError), match=r"scipy\.stats.*best_estimator_"):
        save_model(search, tmp_path / "search.skops")
    save_model(search.best_estimator_, tmp_path / "best.skops")


def test_callbacks_of_scikit_learn_stay_here(clips, make_task_recorder, tmp_path):
    temo = TEMOClassifier(max_epochs=2, random_state=0).set_callbacks(make_task_recorder())
    temo.fit(clips.data, clips.target)
    loaded = load_model(save_model(temo, tmp_path / "temo.skops"))
    np.testing.assert_array_equal(loaded.predict_proba(clips.data), temo.predict_proba(clips.data))


def test_what_skops_cannot_save_is_explained(clips, tmp_path):
    model = LogisticRegression(tol=1).fit(clips.data, clips.target)
    model.extra = (number for number in ())
    with pytest.raises(TypeError, match=r"cannot be saved.*generator|pickle"):
        save_model(model, tmp_path / "model.skops")


@pytest.mark.parametrize("cut", [0, 100, 0.5, 0.99])
def test_damaged_files_are_refused(cut, saved, tmp_path):
    content = saved.read_bytes()
    path = tmp_path / "model.skops"
    path.write_bytes(content[: int(cut * len(content)) if cut < 1 else cut])
    with pytest.raises(ValueError, match=r"model.skops' is no file of save_model"):
        load_model(path)


def test_a_failed_save_keeps_the_older_file(saved, tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(saved.read_bytes())
    with pytest.raises(NotFittedError):
        save_model(CLOSED_FORM.__class__(), path)
    assert path.read_bytes() == saved.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["model.skops"]


class Shifting(LogisticRegression):
    """Prefers the first class after it was loaded."""

    def __setstate__(self, state):
        super().__setstate__(state | {"intercept_": state["intercept_"] + [1, 0, 0]})


def test_a_model_that_predicts_something_else_after_loading_is_not_saved(clips, tmp_path):
    X = clips.data[:, :9]
    model = Shifting(tol=1).fit(X, clips.target)
    with pytest.raises(RuntimeError, match="predicts something else"):
        save_model(model, tmp_path / "m.skops", X=X, y=clips.target, trusted=[Shifting])
    assert not list(tmp_path.iterdir())


def test_wrong_arguments_are_named(pipe, clips, tmp_path):
    save = partial(save_model, pipe)
    with pytest.raises(ValueError, match=r"must end in .skops"):
        save(tmp_path / "model.pkl")
    with pytest.raises(FileNotFoundError, match="cannot be written"):
        save(tmp_path / "missing" / "model.skops")
    with pytest.raises(ValueError, match=r"card has \['author'\]"):
        save(tmp_path / "model.skops", card={"author": "me"})
    with pytest.raises(TypeError, match="card must be an instance of"):
        save(tmp_path / "model.skops", card="A title")
    with pytest.raises(TypeError, match="evaluation must be an instance of"):
        save(tmp_path / "model.skops", evaluation={"accuracy": 1})
    with pytest.raises(TypeError, match="baselines must be an instance of"):
        save(tmp_path / "model.skops", baselines="none")
    with pytest.raises(ValueError, match="pass y"):
        save(tmp_path / "model.skops", X=clips.data)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        save(tmp_path / "model.skops", X=clips.data, y=clips.target[1:])
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "model.skops")


def test_other_versions_give_one_warning(saved, tmp_path):
    path = tmp_path / "model.skops"
    with ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    facts = json.loads(members["sklearn_temo.json"])
    facts["versions"]["scikit-learn"] = "1.0"
    members["sklearn_temo.json"] = json.dumps(facts)
    # scikit-learn writes its version into each estimator.
    members["schema.json"] = members["schema.json"].replace(
        json.dumps(json.dumps(version("scikit-learn"))).encode(), b'"\\"1.0\\""'
    )
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.warns(UserWarning, match="predictions may differ") as caught:
        load_model(path)
    (warning,) = caught
    assert f"scikit-learn 1.0 (here {version('scikit-learn')})" in str(warning.message)
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(saved)


# The model card.


@pytest.fixture(scope="module")
def full_card(pipe, clips, tmp_path_factory):
    """Card of a model with all texts and an evaluation, and the evaluation."""
    model = make_pipeline(LandmarkAligner(), SELECTOR, SVC()).fit(clips.data, clips.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluation = evaluate(
            model, clips.data, clips.target, groups=clips.groups, cv=2, random_state=0
        )
    path = save_model(
        model,
        tmp_path_factory.mktemp("card") / "svm.skops",
        X=clips.data,
        y=clips.target,
        groups=clips.groups,
        evaluation=evaluation,
        card={
            "title": 'Faces 😀 "in" a lab: a test',
            "data": "synthetic clips",
            "data_licence": "BSD-3-Clause",
            "licence": "mit",
            "intended_use": "Tests only.",
            "contact": "me@example.org",
        },
    )
    return path.with_suffix(".md").read_text(encoding="utf-8"), evaluation, model


def test_the_card_has_scores_with_intervals_and_people(full_card):
    text, evaluation, _ = full_card
    for model, scores in evaluation.scores.items():
        assert f"| {model} | {scores['accuracy']} | {scores['balanced_accuracy']} |" in text
    assert "On 48 clips of 8 people, in 2 folds" in text
    assert "| people | 8 |" in text
    assert "| clips of fear | 16 |" in text


@pytest.mark.parametrize("texts", [{}, {"limits": "Posed smiles only."}])
def test_the_parts_of_a_card_are_separated_by_one_empty_line(tmp_path, texts):
    model = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    card = save_model(model, tmp_path / "model.skops", card=texts).with_suffix(".md").read_text()
    assert "\n\n\n" not in card
    assert "\n\n## Personal data in the file\n" in card


def test_the_card_lists_each_landmark_that_is_kept(full_card):
    text, _, model = full_card
    section = text.split("## Landmarks")[1].split("## ")[0]
    listed = [
        int(n)
        for line in section.splitlines()
        for n in re.findall(r"(?<=[ :])\d+(?=,|$)", line.partition(":")[2])
    ]
    assert sorted(listed) == model[1].get_landmark_support(indices=True).tolist()
    assert "40 of 468 landmarks are kept" in section


def test_the_card_names_law_licences_and_personal_data(full_card):
    text, _, model = full_card
    for part in ("article 5(1)(f)", "GDPR", "Apache License 2.0", "- Model: mit", "BSD-3-Clause"):
        assert part in text
    assert f"{len(model[-1].support_vectors_)} support vectors" in text
    assert "5 baselines of landmark selectors" in text
    assert "$" not in text


@pytest.mark.parametrize(
    ("step", "n_rows"), [(KernelPCA(3), 48), (Nystroem(n_components=7), 7), (StandardScaler(), 0)]
)
def test_the_card_counts_clips_that_steps_keep(step, n_rows, clips, tmp_path):
    model = make_pipeline(step, LogisticRegression(tol=1)).fit(clips.data, clips.target)
    text = save_model(model, tmp_path / "m.skops").with_suffix(".md").read_text(encoding="utf-8")
    assert f"rows of single clips: {n_rows} training clips" in text or not n_rows
    assert ("holds no clip of a person" in text) == (not n_rows)


def test_the_card_names_blendshapes(tmp_path):
    layout = LandmarkLayout(1, 52, 1, names=blendshapes.NAMES)
    X = layout.attach(np.random.default_rng(0).random((40, 52), dtype=np.float32))
    selector = IGLandmarkSelector(CLOSED_FORM, k=3, n_coords=1, random_state=0)
    selector.fit(X, np.repeat(["a", "b"], 20))
    path = save_model(selector, tmp_path / "model.skops")
    names = [blendshapes.NAMES[i] for i in selector.get_landmark_support(indices=True)]
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"3 of 52 blendshapes are kept.\n\n{', '.join(names)}" in text
    assert load_model(path).layout_.names == layout.names


def test_the_front_matter_is_yaml(full_card):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not a dependency")
    text, evaluation, _ = full_card
    found = yaml.safe_load(text.split("---\n")[1])
    assert found["license"] == "mit"
    assert found["model_file"] == "svm.skops"
    (model,) = found["model-index"]
    assert model["name"] == 'Faces 😀 "in" a lab: a test'
    metrics = {each["type"]: each["value"] for each in model["results"][0]["metrics"]}
    assert metrics["accuracy"] == pytest.approx(
        evaluation.scores["estimator"]["accuracy"].value, abs=1e-4
    )


def test_the_checksum_of_rows_is_that_of_the_report(saved, clips, tmp_path):
    labels = [[str(label) for label in clips.target], [str(group) for group in clips.groups]]
    digest = hashlib.sha256(clips.data.astype("<f4").tobytes() + json.dumps(labels).encode())
    assert digest.hexdigest() in saved.with_suffix(".md").read_text(encoding="utf-8")


def test_the_checksum_of_clips_depends_on_content_and_not_on_names(cremad_paths, tmp_path):
    def checksum(paths, y):
        model = make_pipeline(FaceLandmarkTransformer(n_frames=1), LogisticRegression())
        model[-1].fit(np.zeros((2, 1404)), ["a", "b"])
        card = save_model(model, tmp_path / "model.skops", X=paths, y=y).with_suffix(".md")
        return re.search(r"[0-9a-f]{64}", card.read_text(encoding="utf-8"))[0]

    first = cremad_paths[:2]
    copy = tmp_path / "copy.flv"
    copy.write_bytes(Path(first[0]).read_bytes())
    assert checksum([copy, first[1]], ["a", "b"]) == checksum(first, ["a", "b"])
    assert checksum(cremad_paths[1:3], ["a", "b"]) != checksum(first, ["a", "b"])
    assert checksum(first, ["b", "a"]) != checksum(first, ["a", "b"])


def test_a_card_without_data_says_what_is_not_known(pipe, tmp_path):
    path = save_model(pipe, tmp_path / "model.skops")
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "Not evaluated." in text
    assert "| clips | not recorded |" in text
    rows = "rows of 2808 numbers: 2 frames of 468 landmarks with 3 coordinates"
    assert f"takes {rows}. It predicts one of the classes anger, fear, sadness." in text
