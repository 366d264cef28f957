"""Evaluation of selection methods and classifiers on one fold, for the benchmark of the claims."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_temo import FaceMirror, IGLandmarkSelector, LandmarkLayout, TEMOClassifier
from sklearn_temo.mirror import Mirror

KS = (5, 10, 20, 40, 64, 128, 234, 468)
STEPS = (234, 128, 64, 40, 20, 10)
N_RANDOM = 3
N_INNER_FOLDS = 3


@dataclass(frozen=True)
class Split:
    """Clips of one fold.

    Parameters
    ----------
    X, y, groups : ndarray
        All clips, aligned, with their labels and subjects.
    train, test : ndarray of int
        Rows of the training and test clips. No subject is in both.
    layout : LandmarkLayout
    seed : int
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    test: np.ndarray
    layout: LandmarkLayout
    seed: int

    @property
    def shape(self) -> dict[str, int]:
        """Parameters of the estimators that describe the layout."""
        return {"n_frames": self.layout.n_frames, "n_coords": self.layout.n_coords}


@dataclass(frozen=True)
class Result:
    """Predictions and cost of one classifier on one selection of landmarks.

    Parameters
    ----------
    problem : str
        "all" for all classes, or the emotion of a one-vs-rest problem.
    method : str
        Selection method.
    k : int
        Number of kept landmarks.
    classifier : str
    kept : tuple of int
        Indices of the kept landmarks; in one-vs-rest problems in the order of selection.
    truth, predicted : tuple of str
        Labels of the test clips.
    fit_seconds, predict_seconds : float
        Time of the fit, hyperparameter search included, and of the prediction of one clip.
    n_parameters : int
        Weights of a network, or coefficients and support vectors.
    """

    problem: str
    method: str
    k: int
    classifier: str
    kept: tuple[int, ...]
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    fit_seconds: float
    predict_seconds: float
    n_parameters: int


def evaluate_fold(split: Split) -> list[Result]:
    """Evaluate all selection methods and classifiers on one fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*evaluate_all_classes(split), *evaluate_one_vs_rest(split)]


def evaluate_all_classes(split: Split) -> Iterator[Result]:
    """Evaluate classifiers of all classes with the landmarks of each selection method."""
    for method, kept in select_landmarks(split):
        classifiers = ["linear SVM"]
        if method in ("IG", "IG progressive", "random 0"):
            classifiers.append("T-EMO")
        if method == "IG":
            classifiers += [
                "RBF SVM",
                "logistic regression",
                "T-EMO, one member",
                "T-EMO, randomized",
                "T-EMO, not mirrored",
            ]
            if len(kept) in (20, 128, split.layout.n_landmarks):
                classifiers.append("T-EMO, tuned")
            if len(kept) == split.layout.n_landmarks:
                classifiers += ["linear SVM, standardised", "RBF SVM, standardised"]
        for classifier in classifiers:
            yield evaluate(split, "all", method, kept, classifier)


def evaluate_one_vs_rest(split: Split) -> Iterator[Result]:
    """Evaluate classifiers of each emotion against the rest."""
    n_landmarks = split.layout.n_landmarks
    variants = ["", ", mirrored", ", standardised", ", standardised, mirrored"]
    if Mirror.from_clips(split.X[split.train], split.layout) is None:
        variants = ["", ", standardised"]
    svms = [f"{kernel} SVM{variant}" for variant in variants for kernel in ("linear", "RBF")]
    for emotion in np.unique(split.y):
        binary = replace(split, y=np.where(split.y == emotion, emotion, "rest"))
        for classifier in ("T-EMO", *svms):
            yield evaluate(binary, emotion, "none", np.arange(n_landmarks), classifier)
        selector = IGLandmarkSelector(
            k=min(128, n_landmarks), random_state=split.seed, **split.shape
        ).fit(split.X[split.train], binary.y[split.train])
        kept = np.argsort(selector.ranking_)[: selector.get_landmark_support().sum()]
        yield evaluate(binary, emotion, "IG", kept, "T-EMO")


def select_landmarks(split: Split) -> Iterator[tuple[str, np.ndarray]]:
    """Select landmarks on the training clips: name of the method, indices of the landmarks."""
    X, y, n_landmarks = split.X[split.train], split.y[split.train], split.layout.n_landmarks
    rng = np.random.default_rng(split.seed)
    permutations = [rng.permutation(n_landmarks) for _ in range(N_RANDOM)]
    displacements = X[:, X.shape[1] // split.layout.n_frames :] if split.layout.n_frames > 1 else X

    def order(scores: np.ndarray) -> np.ndarray:
        scores = np.nan_to_num(scores).reshape(-1, n_landmarks, split.layout.n_coords)
        return np.argsort(-scores.sum(axis=(0, 2)), kind="stable")

    by_f_value = order(f_classif(displacements, y)[0])
    by_information = order(mutual_info_classif(displacements, y, random_state=split.seed))
    with TemporaryDirectory() as memory:
        for k in sorted({min(k, n_landmarks) for k in KS}):
            if k == n_landmarks:
                yield "IG", np.arange(n_landmarks)
                continue
            selector = IGLandmarkSelector(
                k=k, memory=memory, random_state=split.seed, **split.shape
            ).fit(X, y)
            yield "IG", selector.get_landmark_support(indices=True)
            yield "bottom", np.argsort(selector.landmark_scores_, kind="stable")[:k]
            selector.set_params(redundancy=None).fit(X, y)
            yield "IG by score", selector.get_landmark_support(indices=True)
            selector.set_params(redundancy="avoid", step=STEPS).fit(X, y)
            yield "IG progressive", selector.get_landmark_support(indices=True)
            yield "F", by_f_value[:k]
            yield "mutual information", by_information[:k]
            for number, permutation in enumerate(permutations):
                yield f"random {number}", permutation[:k]


def evaluate(
    split: Split, problem: str, method: str, kept: np.ndarray, classifier_name: str
) -> Result:
    """Fit a classifier on the kept landmarks of the training clips and predict the test clips."""
    columns = split.layout.feature_mask(np.isin(np.arange(split.layout.n_landmarks), kept))
    X = np.ascontiguousarray(split.X[:, columns])
    classifier = make_classifier(classifier_name, split, len(kept))
    start = perf_counter()
    if isinstance(classifier, GridSearchCV):
        classifier.fit(X[split.train], split.y[split.train], groups=split.groups[split.train])
        classifier = classifier.best_estimator_
    else:
        classifier.fit(X[split.train], split.y[split.train])
    fit_seconds = perf_counter() - start
    predicted = classifier.predict(X[split.test])
    times = []
    for row in split.test[:5]:
        start = perf_counter()
        classifier.predict(X[[row]])
        times.append(perf_counter() - start)
    return Result(
        problem,
        method,
        len(kept),
        classifier_name,
        tuple(kept.tolist()),
        tuple(map(str, split.y[split.test])),
        tuple(map(str, predicted)),
        fit_seconds,
        float(np.median(times)),
        count_parameters(classifier),
    )


def make_classifier(name: str, split: Split, n_landmarks: int) -> Any:
    """Make T-EMO with its defaults, or a search of the parameters of another classifier."""
    search = {
        "cv": StratifiedGroupKFold(N_INNER_FOLDS, shuffle=True, random_state=split.seed),
        "scoring": "balanced_accuracy",
        "error_score": "raise",
    }
    temo = TEMOClassifier(random_state=split.seed, **split.shape)
    if name == "T-EMO, tuned":
        grid = {"mirror": ["auto", False], "first_frame_dropout": [0.5, 1.0]}
        return GridSearchCV(temo, grid, **search)
    if name.startswith("T-EMO"):
        return temo.set_params(
            randomized=name == "T-EMO, randomized",
            n_members=1 if name == "T-EMO, one member" else temo.n_members,
            mirror=False if name == "T-EMO, not mirrored" else temo.mirror,
        )
    layout = replace(split.layout, n_landmarks=n_landmarks)
    # T-EMO uses displacements without depth and one common scale by default; the search of the
    # other classifiers includes both.
    frames: list[Any] = ["passthrough"]
    if layout.n_frames > 1:
        frames += [
            FunctionTransformer(displacement, kw_args={"layout": layout, "n_coords": n})
            for n in sorted({layout.n_coords, min(2, layout.n_coords)}, reverse=True)
        ]
    scales = [StandardScaler(), GlobalScaler()]
    models: dict[str, tuple[Any, list[float]]] = {
        "linear SVM": (SVC(kernel="linear"), [0.003, 0.02, 0.2]),
        "RBF SVM": (SVC(), [1, 10, 100]),
        "logistic regression": (LogisticRegression(max_iter=300), [0.001, 0.02, 0.5]),
    }
    base, *variants = name.split(", ")
    model, costs = models[base]
    if "standardised" in variants:
        # The usual preprocessing only.
        frames, scales = frames[:1], scales[:1]
    steps: list[tuple[str, Any]] = [("frames", "passthrough"), ("scale", StandardScaler())]
    if "mirrored" in variants:
        steps.insert(0, ("mirror", FaceMirror(**split.shape)))
    if base == "logistic regression":
        # A rotation to all principal components gives the same model (the L2 penalty is invariant)
        # in a tenth of the time.
        steps.append(("rotate", PCA(svd_solver="full")))
    return GridSearchCV(
        Pipeline([*steps, ("model", model.set_params(class_weight="balanced"))]),
        {"frames": frames, "scale": scales, "model__C": costs},
        **search,
    )


def displacement(X: np.ndarray, layout: LandmarkLayout, n_coords: int) -> np.ndarray:
    """The first `n_coords` coordinates of the frames after the first."""
    return layout.unflatten(X)[:, 1:, :, :n_coords].reshape(len(X), -1)


class GlobalScaler(TransformerMixin, BaseEstimator):
    """Centre each column, and divide all columns by one common standard deviation."""

    def fit(self, X: np.ndarray, y: Any = None) -> GlobalScaler:
        """Compute the means of the columns and the common standard deviation."""
        self.mean_ = X.mean(axis=0)
        self.scale_ = (X - self.mean_).std()
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Centre and divide."""
        return (X - self.mean_) / self.scale_


def count_parameters(classifier: Any) -> int:
    """Count the weights of a network, or coefficients and support vectors."""
    if isinstance(classifier, TEMOClassifier):
        return sum(weight.numel() for weight in classifier.module_.parameters())
    model = classifier[-1]
    if hasattr(model, "support_vectors_") and model.kernel != "linear":
        return int(model.support_vectors_.size + model.dual_coef_.size)
    if isinstance(classifier.named_steps.get("rotate"), PCA):
        return int(len(model.coef_) * (classifier["rotate"].n_features_in_ + 1))
    return int(model.coef_.size + model.intercept_.size)
