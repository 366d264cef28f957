"""ONNX graphs of fitted pipelines."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    TEMOClassifier,
    TEMORegressor,
    export_onnx,
    make_temo_pipeline,
)
from sklearn_temo.datasets import load_london_smiles, make_expression_clips
from sklearn_temo.head_pose import procrustes_rotation

FAST = {"max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def clips():
    return make_expression_clips(n_clips=42, n_frames=4, random_state=0)


def run(path, rows):
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {"rows": np.asarray(rows, np.float32)})
    return found


@pytest.mark.parametrize(
    ("randomized", "rotation", "reference"),
    [(False, "in-plane", "first"), (True, "full", "mean"), (True, None, None)],
)
def test_graph_gives_the_probabilities(clips, tmp_path, randomized, rotation, reference):
    pipe = make_temo_pipeline(
        k=64,
        landmarks="passthrough",
        rotation=rotation,
        reference=reference,
        classifier=TEMOClassifier(randomized=randomized, **FAST),
        random_state=0,
    ).fit(clips.data, clips.target)
    export_onnx(pipe, tmp_path / "model.onnx")
    # A turned and enlarged head shows whether the alignment is in the graph.
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    rows = (clips.data.reshape(-1, 3) @ turn * 2).reshape(clips.data.shape)
    for given in (clips.data, clips.data[:1], rows):
        np.testing.assert_allclose(
            run(tmp_path / "model.onnx", given), pipe.predict_proba(given), atol=1e-5
        )


def test_mean_over_mirror_images_is_in_the_graph(tmp_path):
    data = load_london_smiles()
    pipe = make_temo_pipeline(
        landmarks="passthrough", classifier=TEMOClassifier(**FAST), random_state=0
    ).fit(data.data, data.target)
    temo, rows = pipe[-1], pipe[:-1].transform(data.data)
    assert temo.mirror_pairs_ is not None
    export_onnx(pipe, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", data.data)
    np.testing.assert_allclose(found, pipe.predict_proba(data.data), atol=1e-5)
    alone = np.asarray(temo.net_.predict_proba(np.asarray(rows)))
    assert np.abs(found - alone).max() > 1e-3


def test_fitted_searches_and_steps_between_are_followed(clips, tmp_path):
    pipe = make_pipeline(
        LandmarkAligner(),
        StandardScaler(),
        IGLandmarkSelector(n_frames=4, random_state=0),
        PCA(20, random_state=0),
        TEMOClassifier(randomized=True, n_frames=1, n_coords=1, random_state=0),
    )
    grid = GridSearchCV(pipe, {"iglandmarkselector__k": [20, 30]}, cv=2)
    grid.fit(clips.data, clips.target)
    export_onnx(grid, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", clips.data)
    np.testing.assert_allclose(found, grid.predict_proba(clips.data), atol=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_graph_of_a_regressor_gives_the_predictions(clips, tmp_path, n_outputs):
    y = clips.data[:, :n_outputs].squeeze()
    pipe = make_pipeline(LandmarkAligner(), TEMORegressor(randomized=True, random_state=0))
    pipe.fit(clips.data, y)
    export_onnx(pipe, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", clips.data)
    assert found.shape == (42, n_outputs)
    expected = pipe.predict(clips.data).reshape(found.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(y).max())


def test_graph_describes_itself_and_is_valid(clips, tmp_path):
    pipe = make_pipeline(
        FaceLandmarkTransformer(n_frames=4),
        LandmarkAligner(),
        TEMOClassifier(randomized=True, random_state=0),
    )
    pipe[1:].fit(clips.data, clips.target)
    export_onnx(pipe, tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == np.unique(clips.target).tolist()
    assert (about["n_frames"], about["n_landmarks"], about["n_coords"]) == ("4", "468", "3")
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("rows", "tensor(float)", ["n_clips", 5616])
    assert (found.name, found.shape) == ("probabilities", ["n_clips", 7])


def test_rotation_of_flat_and_mirrored_faces_is_that_of_the_aligner():
    from torch import from_numpy

    from sklearn_temo.persistence._pipeline_network import rotation_3d

    rng = np.random.default_rng(0)
    points, target, weights = rng.normal(size=(50, 30, 3)), rng.normal(size=(30, 3)), np.ones(30)
    points[:10, :, 2] *= 1e-3
    points[10:30] = target * [1, 1, -1] + 0.3 * points[10:30]
    covariance = np.einsum("nlc,l,ld->ncd", points, weights, target)
    found = rotation_3d(from_numpy(covariance)).numpy()
    np.testing.assert_allclose(found, procrustes_rotation(points, target, weights), atol=1e-9)


def test_what_cannot_be_exported_is_named(clips, tmp_path):
    rows, y = clips.data[:, :60], clips.target
    temo = TEMOClassifier(randomized=True, n_frames=1)
    for pipe, name in (
        (make_pipeline(StandardScaler(), SVC()), "SVC"),
        (make_pipeline(Normalizer(), temo), r"Normalizer\(\) cannot be exported"),
    ):
        with pytest.raises(TypeError, match=name):
            export_onnx(pipe.fit(rows, y), tmp_path / "model.onnx")
    with pytest.raises(NotFittedError):
        export_onnx(make_temo_pipeline(), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        export_onnx(temo.fit(rows, y), tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="cannot be written"):
        export_onnx(None, tmp_path / "missing" / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_network_alone_is_exported_with_a_free_number_of_clips(clips, tmp_path):
    import torch

    temo = TEMOClassifier(randomized=True, random_state=0).fit(clips.data, clips.target)
    rows = torch.from_numpy(clips.data)
    shapes = ({0: torch.export.Dim("n_clips")},)
    program = torch.onnx.export(temo.module_, (rows[:2],), dynamo=True, dynamic_shapes=shapes)
    program.save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: clips.data})
    with torch.no_grad():
        expected = temo.module_(rows).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
