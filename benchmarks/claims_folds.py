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
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_temo import FaceMirror, IGLandmarkSelector, LandmarkLayout, TEMOClassifier
from sklearn_temo.mirror import Mirror

KS = (5, 10, 20, 40, 64, 128, 234, 468)
# Numbers of landmarks at which the networks of the selector are compared.
NETWORK_KS = (5, 10, 20, 64, 128)
# Landmarks that are left after the rounds of a selection in rounds.
STEPS = (234, 128)
N_INNER_FOLDS = 3
# Network of the selector that is compared with the default one, which is randomized.
TRAINED = TEMOClassifier(n_components=32, noise=0.4)


def numbers_of_landmarks(n_landmarks: int) -> tuple[list[int], int, int]:
    """Numbers of landmarks that are evaluated.

    Parameters
    ----------
    n_landmarks : int
        Number of all landmarks, more than 10.

    Returns
    -------
    ks : list of int
        All numbers, in increasing order; the last one is `n_landmarks`.
    many, few : int
        The numbers at which the selection is compared in detail: 128 and 20, or the largest ones
        that leave landmarks out.
    """
    below = [k for k in KS if k < n_landmarks]
    many = max(k for k in below if k <= 128)
    few = max(k for k in below if k <= 20 and k < many)
    return [*below, n_landmarks], many, few


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
        Selection method; "all" without a selection.
    k : int
        Number of kept landmarks.
    classifier : str
    kept : tuple of int
        Indices of the kept landmarks; in one-vs-rest problems in the order of selection.
    clips : tuple of int
        Rows of the test clips.
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
    clips: tuple[int, ...]
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
        for classifier in classifiers_of(method, len(kept), split.layout.n_landmarks):
            yield evaluate(split, "all", method, kept, classifier)


def classifiers_of(method: str, k: int, n_landmarks: int) -> list[str]:
    """Classifiers that are evaluated with `k` landmarks of a selection method."""
    _, many, few = numbers_of_landmarks(n_landmarks)
    if method == "random mirror pairs":
        return ["T-EMO, trained", "T-EMO, randomized"]
    classifiers = ["T-EMO, randomized", "linear SVM, tuned"]
    if method in ("highest IG scores", "F values"):
        return classifiers
    classifiers.append("T-EMO, trained")
    if method in ("all", "IG", "random"):
        classifiers.append("linear SVM, standard")
    if method in ("all", "IG") and k >= many:
        classifiers.append("T-EMO, randomized, not mirrored")
    if method in ("all", "IG") and k in (few, many, n_landmarks):
        classifiers += ["RBF SVM, standard", "RBF SVM, tuned"]
        if k >= many:
            classifiers += ["T-EMO, trained, not mirrored", "T-EMO, trained, one member"]
        if method == "all":
            classifiers.append("logistic regression, tuned")
    return classifiers


def evaluate_one_vs_rest(split: Split) -> Iterator[Result]:
    """Evaluate classifiers of each emotion against the rest."""
    n_landmarks = split.layout.n_landmarks
    _, many, _ = numbers_of_landmarks(n_landmarks)
    temos = ["T-EMO, trained", "T-EMO, randomized"]
    variants = ["standard", "tuned"]
    if Mirror.from_clips(split.X[split.train], split.layout) is not None:
        variants.append("tuned, mirrored")
    svms = [f"{kernel} SVM, {variant}" for variant in variants for kernel in ("linear", "RBF")]
    for emotion in np.unique(split.y):
        binary = replace(split, y=np.where(split.y == emotion, emotion, "rest"))
        for classifier in (*temos, *svms):
            yield evaluate(binary, emotion, "all", np.arange(n_landmarks), classifier)
        selector = IGLandmarkSelector(k=many, random_state=split.seed, **split.shape)
        selector.fit(split.X[split.train], binary.y[split.train])
        kept = np.argsort(selector.ranking_)[: selector.get_landmark_support().sum()]
        for classifier in temos:
            yield evaluate(binary, emotion, "IG", kept, classifier)


def select_landmarks(split: Split) -> Iterator[tuple[str, np.ndarray]]:
    """Select landmarks on the training clips: name of the method, indices of the landmarks."""
    X, y, n_landmarks = split.X[split.train], split.y[split.train], split.layout.n_landmarks
    ks, many, few = numbers_of_landmarks(n_landmarks)
    # Other landmarks in each fold, so that the mean over the folds is that of many draws.
    rng = np.random.default_rng([split.seed, split.test[0]])
    permutation = rng.permutation(n_landmarks)
    displacements = X[:, X.shape[1] // split.layout.n_frames :] if split.layout.n_frames > 1 else X
    f_values = np.nan_to_num(f_classif(displacements, y)[0])
    f_values = f_values.reshape(-1, n_landmarks, split.layout.n_coords).sum(axis=(0, 2))
    by_f_value = np.argsort(-f_values, kind="stable")
    mirror = Mirror.from_clips(X, split.layout)
    yield "all", np.arange(n_landmarks)
    with TemporaryDirectory() as memory:
        settings = {"memory": memory, "random_state": split.seed, **split.shape}
        for k in ks[:-1]:
            selectors = {
                "IG": IGLandmarkSelector(k=k, **settings),
                "highest IG scores": IGLandmarkSelector(k=k, redundancy=None, **settings),
            }
            if k in NETWORK_KS:
                selectors["IG, trained network"] = IGLandmarkSelector(TRAINED, k=k, **settings)
            if k in (few, many):
                selectors["IG in rounds"] = IGLandmarkSelector(k=k, step=STEPS, **settings)
            for method, selector in selectors.items():
                yield method, selector.fit(X, y).get_landmark_support(indices=True)
            yield "F values", by_f_value[:k]
            yield "random", permutation[:k]
            if mirror is not None and k == many:
                # Pairs in random order, each landmark followed by its partner.
                pairs = np.column_stack([permutation, mirror.pairs[permutation]]).ravel()
                _, first = np.unique(pairs, return_index=True)
                yield "random mirror pairs", pairs[np.sort(first)][:k]


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
        tuple(split.test.tolist()),
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
    base, *variants = name.split(", ")
    if base == "T-EMO":
        temo = TEMOClassifier(randomized="randomized" in variants, random_state=split.seed)
        if "one member" in variants:
            temo.set_params(n_members=1)
        if "not mirrored" in variants:
            temo.set_params(mirror=False)
        return temo.set_params(**split.shape)
    models: dict[str, tuple[Any, list[float]]] = {
        "linear SVM": (SVC(kernel="linear"), [0.003, 0.02, 0.2]),
        "RBF SVM": (SVC(), [1, 10, 100]),
        "logistic regression": (LogisticRegression(max_iter=300), [0.001, 0.02, 0.5]),
    }
    model, costs = models[base]
    steps: list[tuple[str, Any]] = [("frames", "passthrough"), ("scale", StandardScaler())]
    views: list[dict[str, Any]] = [{"model__C": costs}]
    if "tuned" in variants:
        # T-EMO's view of a clip: displacements without depth, and one common scale.
        layout = replace(split.layout, n_landmarks=n_landmarks)
        frames = FunctionTransformer(displacement, kw_args={"layout": layout})
        view = {"model__C": costs, "scale": [GlobalScaler()]}
        views.append(view | ({"frames": [frames]} if layout.n_frames > 1 else {}))
    if "mirrored" in variants:
        steps.insert(0, ("mirror", FaceMirror(**split.shape)))
    if base == "logistic regression":
        # A rotation to all principal components gives the same model (the L2 penalty is invariant)
        # in a tenth of the time.
        steps.append(("rotate", PCA(svd_solver="full")))
    return GridSearchCV(
        Pipeline([*steps, ("model", model.set_params(class_weight="balanced"))]),
        views,
        **search,
    )


def displacement(X: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Coordinates x and y of the frames after the first."""
    return layout.unflatten(X)[:, 1:, :, :2].reshape(len(X), -1)


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
