"""Accuracy of the pipeline, and recall of moving landmarks: ``make figures``.

T-EMO is compared with SVMs on new subjects of CK+ (if the file is available). Selection and
accuracy are measured on synthetic clips, whose moving landmarks are known. ``--only false`` prints
the number of false landmarks that StabilityLandmarkSelector keeps.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from benchmarks.tables import write_table
from sklearn_temo import (
    IGLandmarkSelector,
    LandmarkAligner,
    StabilityLandmarkSelector,
    TEMOClassifier,
    mesh,
)
from sklearn_temo.datasets import make_expression_clips

# Data sets for each level of noise.
N_SEEDS = 3
CKPLUS = Path(
    os.environ.get(
        "SKLEARN_TEMO_CKPLUS", Path(__file__).parents[2] / "shared/data/ckplus/neutral_apex.npz"
    )
)


def ckplus() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load landmarks of CK+ (a neutral and an apex frame per clip), emotions and subjects."""
    with np.load(CKPLUS) as data:
        return data["X"].reshape(len(data["X"]), -1), data["y"], data["subject"]


def _second_frame(X: np.ndarray) -> np.ndarray:
    return X[:, X.shape[1] // 2 :]


def candidates() -> dict[str, Any]:
    """Make T-EMO and SVMs, with all columns or with those of the displacement only."""
    displacement = FunctionTransformer(_second_frame)
    classifiers: dict[str, Any] = {"T-EMO, trained": TEMOClassifier(random_state=0)}
    for kernel, svm in {"linear": SVC(kernel="linear"), "RBF": SVC()}.items():
        name = f"{kernel} SVM, not tuned"
        classifiers[name] = make_pipeline(StandardScaler(), svm)
        classifiers[f"{name}, displacements"] = make_pipeline(displacement, StandardScaler(), svm)
    return classifiers


def compare_on_ckplus(n_repeats: int) -> dict[str, np.ndarray]:
    """Compute accuracy and balanced accuracy on CK+ with 10 folds split by subject.

    Parameters
    ----------
    n_repeats : int
        Repeats of the cross-validation, each with other folds.

    Returns
    -------
    dict of str to ndarray of shape (n_repeats, 2)
        Scores over all clips of each repeat.
    """
    X, y, subjects = ckplus()
    scores: dict[str, Any] = {name: [] for name in candidates()}
    for repeat in range(n_repeats):
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=200 + repeat)
        for name, classifier in candidates().items():
            pipe = make_pipeline(LandmarkAligner(), classifier)
            predicted = cross_val_predict(pipe, X, y, groups=subjects, cv=folds)
            pair = accuracy_score(y, predicted), balanced_accuracy_score(y, predicted)
            scores[name].append(pair)
    return {name: np.array(values) for name, values in scores.items()}


def recall_of_moving(random_state: int) -> tuple[int, float, float, float, float, str]:
    """Compute how many moving landmarks of synthetic clips have high scores or are selected.

    Returns
    -------
    n_moving : int
        Number of moving landmarks.
    at_n, at_twice_n : float
        Share of the moving landmarks among the `n_moving` and the ``2 * n_moving`` landmarks with
        the highest scores.
    bottom : float
        Share of the moving landmarks among the `n_moving` landmarks with the lowest scores; chance
        is ``n_moving / 468``.
    quarter : float
        Share of moving landmarks among ``n_moving // 4`` selected landmarks.
    regions : str
        Number of regions of the face with moving landmarks, and with selected moving landmarks.
    """
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    moving = clips.moving.any(axis=0)
    n_moving = int(moving.sum())
    selector = IGLandmarkSelector(k=n_moving, random_state=0).fit(X, clips.target)
    by_score = moving[np.argsort(-selector.landmark_scores_, kind="stable")]
    parts = by_score[:n_moving], by_score[: 2 * n_moving], by_score[-n_moving:]
    shares = (float(part.sum() / n_moving) for part in parts)
    kept = selector.set_params(k=n_moving // 4).fit(X, clips.target).get_landmark_support()
    n_selected, n_regions = (len(set(mesh.regions()[mask])) for mask in (moving & kept, moving))
    return n_moving, *shares, float(moving[kept].mean()), f"{n_selected} of {n_regions}"


def accuracy_by_k(ks: tuple[int, ...], random_state: int) -> dict[int, np.ndarray]:
    """Compute the accuracy of selector and T-EMO in each of five folds of synthetic subjects."""
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores: dict[int, Any] = {k: [] for k in ks}
    for train, test in folds.split(X, clips.target, clips.groups):
        for k in ks:
            pipe = make_pipeline(
                IGLandmarkSelector(k=k, random_state=0), TEMOClassifier(random_state=0)
            ).fit(X[train], clips.target[train])
            scores[k].append(pipe.score(X[test], clips.target[test]))
    return {k: np.array(values) for k, values in scores.items()}


def accuracy_by_filters(n_filters: int, random_state: int) -> dict[str, np.ndarray]:
    """Compute the accuracy of T-EMO with some number of temporal filters.

    Returns
    -------
    dict of str to ndarray of shape (5,)
        Accuracy in each of five folds of synthetic subjects for two tasks: emotions, and clips
        against the same clips played backwards, whose means over time are equal.
    """
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    frames = X.reshape(len(X), 16, -1)
    backwards = np.concatenate([frames[:, :1], frames[:, :0:-1]], axis=1).reshape(X.shape)
    both = np.concatenate([X, backwards])
    tasks = {
        "emotions": (X, clips.target, clips.groups),
        "direction of time": (both, np.repeat([0, 1], len(X)), np.tile(clips.groups, 2)),
    }
    temo = TEMOClassifier(n_filters=n_filters, random_state=0)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return {
        name: cross_val_score(temo, data, target, groups=groups, cv=folds)
        for name, (data, target, groups) in tasks.items()
    }


def false_landmarks(
    noise: float, *, permuted: bool, random_state: int
) -> tuple[int, int, int, float]:
    """Count the landmarks that StabilityLandmarkSelector keeps on weak synthetic expressions.

    Parameters
    ----------
    noise : float
        Tracking noise in pixels.
    permuted : bool
        Permute the labels, so that all landmarks are false. Otherwise, those that never move are.
    random_state : int
        Seed of the clips and of the selector.

    Returns
    -------
    n_kept, n_false : int
        Number of landmarks that are kept, and of those that are false.
    n_false_by_score : int
        Number of false landmarks if each half chose the same number of landmarks by their score
        alone.
    bound : float
        Bound on the expected number of false landmarks.
    """
    clips = make_expression_clips(
        n_clips=210, n_frames=4, intensity=(0.1, 0.5), noise=noise, random_state=random_state
    )
    X, y = LandmarkAligner(n_frames=4).fit_transform(clips.data), clips.target
    false = ~clips.moving.any(axis=0)
    if permuted:
        y = np.random.default_rng(random_state).permutation(y)
        false[:] = True
    network = TEMOClassifier(randomized=True)
    selector = StabilityLandmarkSelector(
        RecordingSelector(network), n_pairs=10, random_state=random_state
    )
    RecordingSelector.scores.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = selector.fit(X, y, groups=clips.groups).get_landmark_support()
    # Every other fit has permuted labels.
    order = np.argsort(-np.array(RecordingSelector.scores[::2]), axis=1)[:, : selector.n_per_half_]
    by_score = np.bincount(order.ravel(), minlength=len(kept)) / len(order) >= selector.threshold
    n_false_by_score = int((by_score & false).sum())
    return int(kept.sum()), int((kept & false).sum()), n_false_by_score, selector.false_bound_


class RecordingSelector(IGLandmarkSelector):
    """Landmark selector that records the scores of all fits."""

    scores: list[np.ndarray] = []

    def fit(self, X, y):
        """Fit, and record the scores."""
        super().fit(X, y)
        self.scores.append(self.landmark_scores_)
        return self


def print_false_landmarks(n_seeds: int) -> None:
    """Print the mean number of false landmarks for each level of noise."""
    print("\nStabilityLandmarkSelector, weak synthetic expressions: 210 clips, 4 frames")
    print("noise  labels    kept  false  false by score alone  bound")
    rows = []
    for permuted in (False, True):
        for noise in (0.5, 1.0, 2.0):
            counts = [
                false_landmarks(noise, permuted=permuted, random_state=seed)
                for seed in range(n_seeds)
            ]
            kept, n_false, by_score, bound = np.mean(counts, axis=0)
            labels = "permuted" if permuted else "true"
            print(
                f"{noise:<5}  {labels:<8} {kept:5.1f}  {n_false:5.1f}  {by_score:20.1f}  "
                f"{bound:5.1f}",
                flush=True,
            )
            found = (f"{value:.1f}" for value in (kept, n_false, by_score, bound))
            rows.append([str(noise), labels, *found])
    if n_seeds == N_SEEDS:
        header = ["noise in pixels", "labels", "kept", "false", "false by score alone", "bound"]
        write_table("pipeline_false_landmarks", header, rows)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Compute the standard error of the mean over the first axis; NaN for a single value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


def main() -> None:
    """Print all figures, or a part of them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--only", choices=["false"])
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="data sets for each noise")
    arguments = parser.parse_args()
    if arguments.only is None:
        print_accuracy_and_recall()
    print_false_landmarks(arguments.seeds)


def print_accuracy_and_recall() -> None:
    """Print accuracy on CK+ and on synthetic clips, and recall of moving landmarks."""
    if CKPLUS.is_file():
        n_repeats = 3
        print(f"CK+: 231 clips, 81 subjects, 7 emotions, {n_repeats} x 10 folds split by subject")
        print(f"{'':<40}accuracy          balanced accuracy")
        rows = []
        for name, values in compare_on_ckplus(n_repeats).items():
            (acc, bal), (acc_error, bal_error) = values.mean(axis=0), standard_error(values)
            cells = [f"{acc:.3f} +- {acc_error:.3f}", f"{bal:.3f} +- {bal_error:.3f}"]
            print(f"{name:<40}{'    '.join(cells)}")
            rows.append([name, *cells])
        write_table("pipeline_ckplus", ["classifier", "accuracy", "balanced accuracy"], rows)
    else:
        print(f"CK+: no {CKPLUS.name}; set SKLEARN_TEMO_CKPLUS to its path to include it")
    print("\nSynthetic clips: 300 clips, 30 subjects, 7 emotions, 16 frames")
    of_seeds = []
    for random_state in range(1, 4):
        n, at_n, at_twice_n, bottom, quarter, regions = recall_of_moving(random_state)
        print(
            f"seed {random_state}: recall of {n} moving landmarks by score at k={n}: {at_n:.3f}, "
            f"at k={min(468, 2 * n)}: {at_twice_n:.3f}, among the {n} lowest: {bottom:.3f} "
            f"(chance {n / 468:.3f}); of {n // 4} selected landmarks {quarter:.3f} move, in "
            f"{regions} moving regions"
        )
        shares = (f"{share:.3f}" for share in (at_n, at_twice_n, bottom, quarter))
        of_seeds.append([*shares, str(regions)])
    names = (
        f"share of the moving landmarks among the {n} highest scores",
        f"share of the moving landmarks among the {min(468, 2 * n)} highest scores",
        f"share of moving landmarks in the {n} lowest scores ({n / 468:.3f} by chance)",
        "share of moving landmarks in the selection",
        "regions of the face with a moving landmark in the selection, of 10",
    )
    write_table(
        "pipeline_selection",
        ["measurement", "seed 1", "seed 2", "seed 3"],
        [[name, *cells] for name, *cells in zip(names, *of_seeds, strict=True)],
    )
    rows = []
    for k, values in accuracy_by_k((128, 468), random_state=1).items():
        text = f"{values.mean():.3f} +- {standard_error(values):.3f}"
        print(f"T-EMO at k={k}: accuracy {text}")
        rows.append([f"``k={k}``", "emotions", text])
    for n_filters in (1, 4):
        for task, values in accuracy_by_filters(n_filters, random_state=1).items():
            text = f"{values.mean():.3f} +- {standard_error(values):.3f}"
            print(f"T-EMO with n_filters={n_filters}, {task}: accuracy {text}")
            rows.append([f"``n_filters={n_filters}``", task, text])
    write_table("pipeline_synthetic", ["configuration", "task", "accuracy"], rows)


if __name__ == "__main__":
    main()
