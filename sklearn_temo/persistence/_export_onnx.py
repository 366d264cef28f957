"""Export of fitted pipelines as ONNX graphs."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .. import __version__
from .._atomic_files import check_writable, replacing


def export_onnx(pipeline: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted pipeline as one ONNX graph.

    The graph needs neither Python nor scikit-learn. It contains the alignment, the selection of
    landmarks, and T-EMO with its mean over mirror images, but not the extraction of landmarks.

    Parameters
    ----------
    pipeline : estimator
        Fitted pipeline, or search over pipelines, that ends with a
        :class:`~sklearn_temo.TEMOClassifier` or :class:`~sklearn_temo.TEMORegressor`, trained or
        randomized. The steps before it may be a
        :class:`~sklearn_temo.FaceLandmarkTransformer`, which is left out, a
        :class:`~sklearn_temo.LandmarkAligner`, landmark selectors, scalers and PCA.
    path : str or path-like
        Ends in ``.onnx``. An existing file is replaced when the new one is complete.

    Raises
    ------
    TypeError
        If a step cannot be exported; the message names it.
    ValueError
        If the path has another extension.
    NotFittedError
        If the pipeline is not fitted.
    ImportError
        If onnxscript is not installed.
    OSError
        If the file cannot be written.

    See Also
    --------
    save_model : Saves a pipeline for Python, with all its steps.

    Notes
    -----
    The graph has one input, ``rows`` of shape (n_clips, n_features): float32 rows of landmarks, as
    :meth:`sklearn_temo.FaceLandmarkTransformer.transform` returns them. Its output is
    ``probabilities`` of shape (n_clips, n_classes), or ``predictions`` of shape (n_clips,
    n_outputs) for a regressor. The number of clips is free. The metadata of the graph holds the
    keys ``classes`` (a JSON list of the labels in the order of the probabilities), ``n_frames``,
    ``n_landmarks`` and ``n_coords`` of the rows, and ``sklearn_temo``, the version.

    The graph does not validate its input. NaN in a landmark that the model uses gives NaN; other
    landmarks are ignored.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from onnxruntime import InferenceSession
    >>> from sklearn_temo import export_onnx, make_temo_pipeline
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(pipe, Path(folder, "smiles.onnx"))
    ...     session = InferenceSession(Path(folder, "smiles.onnx"))
    >>> print(session.get_inputs()[0].name, "->", session.get_outputs()[0].name)
    rows -> probabilities
    """
    path = Path(path).expanduser()
    if path.suffix.casefold() != ".onnx":
        raise ValueError(f"{str(path)!r} must end in .onnx.")
    check_writable(path)
    try:
        # torch imports it, and its own error does not say how to install it.
        import_module("onnxscript")
    except ImportError as error:
        raise ImportError(
            f"export_onnx needs onnxscript, which is not installed ({error}); "
            "pip install 'sklearn-temo[onnx]'."
        ) from error
    import torch

    from ._pipeline_network import pipeline_network

    network, chain, layout = pipeline_network(pipeline)
    classes = chain.classes
    with _quiet_export():
        program: Any = torch.onnx.export(
            network,
            # The example must have several clips, or their number would be fixed.
            (torch.ones(2, layout.n_features) * torch.arange(layout.n_features),),
            input_names=["rows"],
            output_names=["predictions" if classes is None else "probabilities"],
            dynamic_shapes=({0: torch.export.Dim("n_clips")},),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    about = {
        "sklearn_temo": __version__,
        "n_frames": str(layout.n_frames),
        "n_landmarks": str(layout.n_landmarks),
        "n_coords": str(layout.n_coords),
    }
    if classes is not None:
        about["classes"] = json.dumps(classes.tolist(), default=str)
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    with replacing(path) as file:
        file.write(model.SerializeToString())


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Hide what torch says of itself: torchvision is absent, and its own code is deprecated."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
