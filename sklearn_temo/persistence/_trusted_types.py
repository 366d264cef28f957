"""Types and functions that a saved model may contain."""

from __future__ import annotations

from functools import cache
from typing import Any

from sklearn import model_selection
from sklearn.metrics import get_scorer, get_scorer_names

# Each consists of its attributes only: none opens a file or calls a function by name when it is
# built. The names are part of the format of the file.
_OWN = (
    "sklearn_temo.alignment._aligner.LandmarkAligner",
    "sklearn_temo.alignment._face_mirror.FaceMirror",
    "sklearn_temo.classification._classifier.TEMOClassifier",
    "sklearn_temo.classification._readout.NormalEquations",
    "sklearn_temo.classification._regressor.TEMORegressor",
    "sklearn_temo.classification._training.ClassifierNet",
    "sklearn_temo.classification._training.RegressorNet",
    "sklearn_temo.extraction._blendshape_transformer.BlendshapeTransformer",
    "sklearn_temo.extraction._transformer.FaceLandmarkTransformer",
    "sklearn_temo.layout.LandmarkLayout",
    "sklearn_temo.mirror.Mirror",
    "sklearn_temo.selection._ig.IGLandmarkSelector",
    "sklearn_temo.selection._smallest_k.smallest_k",
    "sklearn_temo.selection._stability.StabilityLandmarkSelector",
)
# Parts of estimators that skops trusts, and plain containers.
_OTHERS = (
    "imblearn.pipeline.Pipeline",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
    "torch.device",
)


@cache
def trusted_types() -> frozenset[str]:
    """Names of the trusted types and functions, beside those that skops trusts."""
    splitters = [
        each
        for each in vars(model_selection).values()
        if isinstance(each, type) and hasattr(each, "get_n_splits")
    ]
    metrics = [get_scorer(name)._score_func for name in get_scorer_names()]
    return frozenset({*_OWN, *_OTHERS, *names_of([*splitters, *metrics])})


def names_of(types: Any) -> set[str]:
    """Full names of types and functions, or of a single one; some may be names already."""
    types = [types] if isinstance(types, str | type) else types
    return {
        each if isinstance(each, str) else f"{each.__module__}.{each.__name__}" for each in types
    }
