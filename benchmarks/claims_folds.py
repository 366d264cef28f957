"""One fold of the claims: every choice made on the training people, every score on the others."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
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
N_DRAWS = 3
N_INNER_FOLDS = 3


@dataclass(frozen=True)
class Record:
    """One classifier, fitted and tried.

    Parameters
    ----------
    problem : str
        "all" for all classes at once, or the one that is told from the rest.
    method : str
        How landmarks were chosen.
    k : int
        How many.
    classifier : str
    kept : tuple of int
        Their numbers; where one emotion is told from the rest, in the order of their choice.
    truth, found : tuple of str
        Labels of the test clips.
    fit_seconds, predict_seconds : float
        Of the fit, tuning included; and of the prediction of one clip.
    n_parameters : int
        Weights of a net, or coefficients and support vectors.
    """

    problem: str
    method: str
    k: int
    classifier: str
    kept: tuple[int, ...]
    truth: tuple[str, ...]
    found: tuple[str, ...]
    fit_seconds: float
    predict_seconds: float
    n_parameters: int


@dataclass(frozen=True)
class Split:
    """Clips of one fold.

    Parameters
    ----------
    X, y, groups : ndarray
        All clips, aligned.
    train, test : ndarray of int
        Rows; no group is in both.
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


def records_of(split: Split) -> list[Record]:
    """All that is tried in one fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*_all_classes(split), *_one_vs_rest(split)]


def _all_classes(split: Split) -> Iterator[Record]:
    for method, k, kept in _selections(split):
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
            if k in (20, 128, split.layout.n_landmarks):
                classifiers.append("T-EMO, tuned")
            if k == split.layout.n_landmarks:
                classifiers += ["linear SVM, standardised", "RBF SVM, standardised"]
        for classifier in classifiers:
            yield _tried(split, "all", split.y, method, k, kept, classifier)


def _one_vs_rest(split: Split) -> Iterator[Record]:
    everything = np.arange(split.layout.n_landmarks)
    ways = ["", ", mirrored", ", standardised", ", standardised, mirrored"]
    if Mirror.from_clips(split.X[split.train], split.layout) is None:
        ways = ["", ", standardised"]
    names = ["T-EMO", *(f"{kernel} SVM{way}" for way in ways for kernel in ("linear", "RBF"))]
    for emotion in np.unique(split.y):
        y = np.where(split.y == emotion, emotion, "rest")
        for name in names:
            yield _tried(split, emotion, y, "none", len(everything), everything, name)
        selector = IGLandmarkSelector(
            k=min(128, len(everything)),
            n_frames=split.layout.n_frames,
            n_coords=split.layout.n_coords,
            random_state=split.seed,
        ).fit(split.X[split.train], y[split.train])
        kept = np.argsort(selector.ranking_)[: selector.get_landmark_support().sum()]
        yield _tried(split, emotion, y, "IG", len(kept), kept, "T-EMO")


def _selections(split: Split) -> Iterator[tuple[str, int, np.ndarray]]:
    """Method, number, and the landmarks that it keeps of the training clips."""
    X, y, n_landmarks = split.X[split.train], split.y[split.train], split.layout.n_landmarks
    rng = np.random.default_rng(split.seed)
    draws = [rng.permutation(n_landmarks) for _ in range(N_DRAWS)]
    movement = X[:, X.shape[1] // split.layout.n_frames :] if split.layout.n_frames > 1 else X

    def by_column(scores: np.ndarray) -> np.ndarray:
        shares = np.nan_to_num(scores).reshape(-1, n_landmarks, split.layout.n_coords)
        return np.argsort(-shares.sum(axis=(0, 2)), kind="stable")

    univariate = by_column(f_classif(movement, y)[0])
    informed = by_column(mutual_info_classif(movement, y, random_state=split.seed))
    with TemporaryDirectory() as memory:
        for k in sorted({min(k, n_landmarks) for k in KS}):
            if k == n_landmarks:
                yield "IG", k, np.arange(n_landmarks)
                continue
            selector = IGLandmarkSelector(
                k=k,
                n_frames=split.layout.n_frames,
                n_coords=split.layout.n_coords,
                memory=memory,
                random_state=split.seed,
            ).fit(X, y)
            yield "IG", k, selector.get_landmark_support(indices=True)
            yield "bottom", k, np.argsort(selector.landmark_scores_, kind="stable")[:k]
            selector.set_params(redundancy=None).fit(X, y)
            yield "IG by score", k, selector.get_landmark_support(indices=True)
            selector.set_params(redundancy="avoid", step=STEPS).fit(X, y)
            yield "IG progressive", k, selector.get_landmark_support(indices=True)
            yield "F", k, univariate[:k]
            yield "mutual information", k, informed[:k]
            for number, draw in enumerate(draws):
                yield f"random {number}", k, draw[:k]


def _tried(
    split: Split,
    problem: str,
    y: np.ndarray,
    method: str,
    k: int,
    kept: np.ndarray,
    name: str,
) -> Record:
    columns = split.layout.feature_mask(np.isin(np.arange(split.layout.n_landmarks), kept))
    X = np.ascontiguousarray(split.X[:, columns])
    classifier = _classifier(name, split, X.shape[1])
    start = perf_counter()
    if isinstance(classifier, GridSearchCV):
        classifier.fit(X[split.train], y[split.train], groups=split.groups[split.train])
        classifier = classifier.best_estimator_
    else:
        classifier.fit(X[split.train], y[split.train])
    fit_seconds = perf_counter() - start
    found = classifier.predict(X[split.test])
    times = []
    for row in split.test[:5]:
        start = perf_counter()
        classifier.predict(X[[row]])
        times.append(perf_counter() - start)
    return Record(
        problem,
        method,
        k,
        name,
        tuple(int(i) for i in kept),
        tuple(str(label) for label in y[split.test]),
        tuple(str(label) for label in found),
        fit_seconds,
        float(np.median(times)),
        _n_parameters(classifier),
    )


def _classifier(name: str, split: Split, n_features: int) -> Any:
    """T-EMO as it is, and all others with their parameters tuned on the training people."""
    search = {
        "cv": StratifiedGroupKFold(N_INNER_FOLDS, shuffle=True, random_state=split.seed),
        "scoring": "balanced_accuracy",
        "error_score": "raise",
    }
    shape = {"n_frames": split.layout.n_frames, "n_coords": split.layout.n_coords}
    temo = TEMOClassifier(random_state=split.seed, **shape)
    if name == "T-EMO, tuned":
        grid = {"mirror": ["auto", False], "first_frame_dropout": [0.5, 1.0]}
        return GridSearchCV(temo, grid, **search)
    if name.startswith("T-EMO"):
        return temo.set_params(
            randomized=name == "T-EMO, randomized",
            n_members=1 if name == "T-EMO, one member" else temo.n_members,
            mirror=False if name == "T-EMO, not mirrored" else temo.mirror,
        )
    layout = LandmarkLayout.from_n_features(n_features, **shape)
    # What T-EMO has by default the others may choose: movement without depth, on one scale.
    frames: list[Any] = ["passthrough"]
    if layout.n_frames > 1:
        frames += [
            FunctionTransformer(_movement, kw_args={"layout": layout, "n_coords": n})
            for n in sorted({layout.n_coords, min(2, layout.n_coords)}, reverse=True)
        ]
    models: dict[str, tuple[Any, list[float]]] = {
        "linear SVM": (SVC(kernel="linear"), [0.003, 0.02, 0.2]),
        "RBF SVM": (SVC(), [1, 10, 100]),
        "logistic regression": (LogisticRegression(max_iter=300), [0.001, 0.02, 0.5]),
    }
    base, *ways = name.split(", ")
    model, costs = models[base]
    scales = [StandardScaler(), OneScale()]
    if "standardised" in ways:
        # As one uses an SVM who does not know what T-EMO does.
        frames, scales = frames[:1], scales[:1]
    steps: list[tuple[str, Any]] = [("frames", "passthrough"), ("scale", StandardScaler())]
    if "mirrored" in ways:
        steps.insert(0, ("mirror", FaceMirror(**shape)))
    if base == "logistic regression":
        # All components: the same model, since its penalty does not see turns, in a tenth of time.
        steps.append(("turn", PCA(svd_solver="full")))
    return GridSearchCV(
        Pipeline([*steps, ("model", model.set_params(class_weight="balanced"))]),
        {
            "frames": frames,
            "scale": scales,
            "model__C": costs,
        },
        **search,
    )


def _movement(X: np.ndarray, layout: LandmarkLayout, n_coords: int) -> np.ndarray:
    """The frames after the first, with some of the coordinates."""
    return layout.unflatten(X)[:, 1:, :, :n_coords].reshape(len(X), -1)


class OneScale(TransformerMixin, BaseEstimator):
    """Centre each column, and divide all by one deviation."""

    def fit(self, X: np.ndarray, y: Any = None) -> OneScale:
        """Take the means and the deviation."""
        self.mean_ = X.mean(axis=0)
        self.scale_ = (X - self.mean_).std()
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Centre and divide."""
        return (X - self.mean_) / self.scale_


def _n_parameters(classifier: Any) -> int:
    if isinstance(classifier, TEMOClassifier):
        return sum(weight.numel() for weight in classifier.module_.parameters())
    model = classifier[-1]
    if hasattr(model, "support_vectors_") and model.kernel != "linear":
        return int(model.support_vectors_.size + model.dual_coef_.size)
    if isinstance(classifier.named_steps.get("turn"), PCA):
        return int(len(model.coef_) * (classifier["turn"].n_features_in_ + 1))
    return int(model.coef_.size + model.intercept_.size)
