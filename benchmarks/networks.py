"""Three networks of T-EMO, as classifier and as the selector's network: ``make bench-networks``.

The networks are the trained one, the randomized one with its readout in closed form, and the
randomized one whose readout is trained for some more epochs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from benchmarks.pipeline_figures import CKPLUS, ckplus
from benchmarks.side_by_side import seconds
from benchmarks.tables import write_table
from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier, selection_stability
from sklearn_temo.datasets import load_london_smiles, make_expression_clips

N_FOLDS = 10
EIGHT = [8, 16, 32, 64, 128, 234, 350, 468]
KS = (5, 20, 128)


class ShortlyTrainedTEMO(TEMOClassifier):
    """Randomized T-EMO whose readout is trained for 10 more epochs."""

    def fit(self, X, y, sample_weight=None):
        """Fit in closed form, then train the readout."""
        super().fit(X, y, sample_weight)
        self.net_.set_params(lr=1e-4)
        with torch.no_grad():
            reduced = self.module_.reduced(torch.tensor(X))
        clips = {"reduced": reduced, "sample_weight": torch.ones(len(X))}
        self.net_.partial_fit(clips, torch.tensor(np.searchsorted(self.classes_, y)), epochs=10)
        return self


# The networks as classifiers, and with the parameters that suit the selector.
CLASSIFIERS: dict[str, TEMOClassifier] = {
    "trained": TEMOClassifier(random_state=0),
    "randomized": TEMOClassifier(randomized=True, random_state=0),
    "randomized, then trained": ShortlyTrainedTEMO(randomized=True, random_state=0),
}
OF_SELECTOR: dict[str, TEMOClassifier] = {
    "trained": TEMOClassifier(n_components=32, noise=0.4),
    "randomized": IGLandmarkSelector.default_estimator(),
    "randomized, then trained": ShortlyTrainedTEMO(
        randomized=True, n_components=32, weight_decay=1.0
    ),
}


def data_sets() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Load aligned clips, emotions and subjects."""
    found = {}
    if CKPLUS.is_file():
        X, y, subjects = ckplus()
        found["CK+, 2 frames"] = LandmarkAligner(n_frames=2).fit_transform(X), y, subjects
    else:
        print(f"CK+: no {CKPLUS.name}; set SKLEARN_TEMO_CKPLUS to its path to include it")
    smiles = load_london_smiles()
    X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    found["London smiles, 1 frame"] = X, smiles.target, smiles.groups
    clips = make_expression_clips(n_clips=240, intensity=(0.1, 0.7), random_state=0)
    X = LandmarkAligner().fit_transform(clips.data)
    found["weak synthetic expressions, 16 frames"] = X, clips.target, clips.groups
    return found


def splits(X: Any, y: Any, groups: Any, repeat: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds split by subject."""
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=300 + repeat)
    return list(folds.split(X, y, groups))


def predict_fold(
    estimator: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predict the clips of a fold."""
    return clone(estimator).fit(X[train], y[train]).predict(X[test])


def select_fold(
    network: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Select landmarks, and predict with the randomized T-EMO; returns support and labels."""
    selector = IGLandmarkSelector(network, k=k, random_state=0)
    pipe = make_pipeline(selector, CLASSIFIERS["randomized"]).fit(X[train], y[train])
    return pipe[0].get_landmark_support(), pipe.predict(X[test])


def scores_of(
    predicted: Sequence[np.ndarray], y: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[float, float]:
    """Accuracy and balanced accuracy over all clips of a repeat."""
    labels = np.empty_like(y)
    for found, (_, test) in zip(predicted, folds, strict=True):
        labels[test] = found
    return accuracy_score(y, labels), balanced_accuracy_score(y, labels)


def recall(network: Any, random_state: int) -> float:
    """Share of the moving landmarks of synthetic clips among as many with the highest scores."""
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    moving = clips.moving.any(axis=0)
    selector = IGLandmarkSelector(network, k=1, random_state=0).fit(X, clips.target)
    best = np.argsort(-selector.landmark_scores_, kind="stable")[: moving.sum()]
    return float(moving[best].mean())


def print_accuracy(parallel: Parallel, n_repeats: int) -> None:
    """Print the accuracy of the networks as classifiers."""
    print(f"\nAs classifier, all landmarks, {n_repeats} x {N_FOLDS} folds by subject")
    print(f"{'':<40}{'network':<28}accuracy  balanced")
    rows = []
    for data, (X, y, groups) in data_sets().items():
        cells = []
        for name, classifier in CLASSIFIERS.items():
            found = []
            for repeat in range(n_repeats):
                folds = splits(X, y, groups, repeat)
                tasks = (delayed(predict_fold)(classifier, X, y, *fold) for fold in folds)
                found.append(scores_of(parallel(tasks), y, folds))
            accuracy, balanced = np.mean(found, axis=0)
            print(f"{data:<40}{name:<28}{accuracy:>8.3f}{balanced:>10.3f}", flush=True)
            cells.append(f"{accuracy:.3f} / {balanced:.3f}")
        rows.append([data, *cells])
    write_table("networks_accuracy", ["data", *CLASSIFIERS], rows)


def print_selection(parallel: Parallel, n_repeats: int) -> None:
    """Print recall, stability and accuracy with the networks as the selector's."""
    print(
        f"\nAs the selector's network: stability of {N_FOLDS} folds, and balanced accuracy of the "
        "randomized\nT-EMO with the selected landmarks"
    )
    names = "".join(f"{f'k={k}':>16}" for k in KS)
    print(f"{'':<40}{'network':<28}{names}")
    rows = []
    for data, (X, y, groups) in data_sets().items():
        for name, network in OF_SELECTOR.items():
            cells = []
            for k in KS:
                found = []
                for repeat in range(n_repeats):
                    folds = splits(X, y, groups, repeat)
                    tasks = (delayed(select_fold)(network, X, y, *fold, k) for fold in folds)
                    supports, labels = zip(*parallel(tasks), strict=True)
                    stability = selection_stability(np.array(supports)).stability
                    found.append((stability, scores_of(labels, y, folds)[1]))
                cells.append("{:.2f} / {:.3f}".format(*np.mean(found, axis=0)))
            row = "".join(f"{cell:>16}" for cell in cells)
            print(f"{data:<40}{name:<28}{row}", flush=True)
            rows.append([data, name, *cells])
    write_table("networks_selector", ["data", "network", *(f"k = {k}" for k in KS)], rows)
    print("\nRecall of moving landmarks by score, synthetic clips of 16 frames, seeds 1 to 6")
    rows = []
    for name, network in OF_SELECTOR.items():
        found = parallel(delayed(recall)(network, seed) for seed in range(1, 7))
        text = f"{np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})"
        print(f"{name:<28}{text}", flush=True)
        rows.append([name, text])
    write_table("networks_recall", ["network", "recall"], rows)


def print_times() -> None:
    """Print times side by side, and the time of a search over k."""
    print("\nTime of a fit, 231 synthetic clips, relative to the randomized network (median of 7)")
    rows: dict[str, list[str]] = {}
    for n_frames in (2, 16):
        clips = make_expression_clips(n_clips=231, n_frames=n_frames, random_state=0)
        X, y = LandmarkAligner(n_frames=n_frames).fit_transform(clips.data), clips.target
        works: dict[str, Any] = {}
        for name, classifier in CLASSIFIERS.items():
            works[f"classifier, {name}"] = partial(clone(classifier).fit, X, y)
        for name, network in OF_SELECTOR.items():
            selector = IGLandmarkSelector(network, k=128, random_state=0)
            works[f"selector, {name}"] = partial(selector.fit, X, y)
        taken = seconds(works, n_rounds=7)
        for name, time in taken.items():
            ratio = time / taken[f"{name.split(',')[0]}, randomized"]
            print(f"{n_frames:>3} frames  {name:<40}{ratio:6.1f}x", flush=True)
            rows.setdefault(name, [name]).append(f"{ratio:.1f}x")
    write_table("networks_time", ["fit", "2 frames", "16 frames"], rows.values())
    clips = make_expression_clips(n_clips=231, n_frames=2, random_state=0)
    X = LandmarkAligner(n_frames=2).fit_transform(clips.data)
    for name in ("randomized", "trained"):
        pipe = make_pipeline(
            IGLandmarkSelector(OF_SELECTOR[name], random_state=0), clone(CLASSIFIERS[name])
        )
        search = GridSearchCV(
            pipe, {"iglandmarkselector__k": EIGHT}, cv=StratifiedGroupKFold(5), n_jobs=2
        )
        start = perf_counter()
        search.fit(X, clips.target, groups=clips.groups)
        print(
            f"GridSearchCV, 8 values of k x 5 folds, 2 frames, no cache, n_jobs=2, {name}: "
            f"{perf_counter() - start:.1f} s",
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-repeats", type=int, default=3)
    parser.add_argument("--only", choices=["accuracy", "selection", "times"])
    options = parser.parse_args(arguments)
    parallel = Parallel(n_jobs=2)
    if options.only in (None, "times"):
        print_times()
    if options.only in (None, "accuracy"):
        print_accuracy(parallel, options.n_repeats)
    if options.only in (None, "selection"):
        print_selection(parallel, options.n_repeats)


if __name__ == "__main__":
    main()
