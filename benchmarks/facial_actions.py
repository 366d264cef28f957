"""Landmarks, blendshapes, and both, on new people: ``make bench-facial-actions``.

The folds are split by person, and are the same for all columns and classifiers. No parameter is
chosen. Aligned landmarks and blendshapes are computed from the same stored landmarks, clip by clip.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.pipeline_figures import CKPLUS, ckplus
from benchmarks.tables import write_table
from sklearn_temo import BlendshapeTransformer, LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import load_london_smiles, make_expression_clips

N_REPEATS, N_FOLDS = 5, 5
N_SYNTHETIC = 240
COLUMNS = ("landmarks", "blendshapes", "both")


def data_sets() -> dict[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Rows of landmarks in pixels, emotions and people."""
    found = {}
    smiles = load_london_smiles()
    found["London smiles, 1 frame"] = smiles.data, smiles.target, smiles.groups
    # Weak expressions, which are not all recognised.
    clips = make_expression_clips(N_SYNTHETIC, intensity=(0.1, 0.5), random_state=0)
    found["synthetic clips, 16 frames"] = clips.data, clips.target, clips.groups
    if CKPLUS.is_file():
        found["CK+, 2 frames"] = ckplus()
    else:
        print(f"CK+: no {CKPLUS.name}; set SKLEARN_TEMO_CKPLUS to its path to include it")
    return found


def classifiers() -> dict[str, Any]:
    """Classifiers with default parameters."""
    return {
        "T-EMO, randomized": TEMOClassifier(randomized=True, random_state=0),
        "linear SVM, not tuned": make_pipeline(StandardScaler(), SVC(kernel="linear")),
    }


def predict_out_of_fold(
    name: str, rows: dict[str, Any], y: NDArray[Any], groups: NDArray[Any], seed: int
) -> dict[str, NDArray[Any]]:
    """Predictions for the clips of people that a classifier was not trained on.

    "both" is the mean of the probabilities for T-EMO, whose columns form clips, and the columns
    side by side for the SVM.
    """
    predictions = {columns: np.empty_like(y) for columns in COLUMNS}
    splitter = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    for train, test in splitter.split(y, y, groups):
        fitted = {}
        for columns, X in rows.items():
            fitted[columns] = clone(classifiers()[name]).fit(X[train], y[train])
            predictions[columns][test] = fitted[columns].predict(X[test])
        if name == "T-EMO, randomized":
            both = sum(fitted[each].predict_proba(rows[each][test]) for each in rows)
            predictions["both"][test] = fitted["landmarks"].classes_[both.argmax(axis=1)]
    return predictions


def standard_error(values: NDArray[np.float64]) -> float:
    """Compute the standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def compare(X: Any, y: NDArray[Any], groups: NDArray[Any]) -> list[list[str]]:
    """Rows of the table for one data set."""
    n_frames = np.shape(X)[1] // (468 * 3)
    aligned = np.asarray(LandmarkAligner(n_frames=n_frames).fit_transform(X))
    blendshapes = BlendshapeTransformer(n_frames=n_frames).fit_transform(X)
    table = []
    for name in classifiers():
        rows = {"landmarks": aligned, "blendshapes": blendshapes}
        if name == "linear SVM, not tuned":
            rows = {columns: np.asarray(each) for columns, each in rows.items()}
            rows["both"] = np.hstack(list(rows.values()))
        repeats = [predict_out_of_fold(name, rows, y, groups, seed) for seed in range(N_REPEATS)]
        people = np.unique(groups)
        of_people = {
            columns: np.array(
                [
                    np.mean([(each[columns] == y)[groups == person] for each in repeats])
                    for person in people
                ]
            )
            for columns in COLUMNS
        }
        for columns in COLUMNS:
            cells = [name, columns]
            for score in (accuracy_score, balanced_accuracy_score):
                scores = np.array([score(y, each[columns]) for each in repeats])
                cells.append(f"{scores.mean():.3f} ± {standard_error(scores):.3f}")
            difference = of_people[columns] - of_people["landmarks"]
            cells.append(
                ""
                if columns == "landmarks"
                else f"{difference.mean():+.3f} ± {standard_error(difference):.3f}"
            )
            table.append(cells)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    print(
        f"{N_REPEATS} times {N_FOLDS} folds of people. Scores: mean and standard error over the "
        "repeats. Last column:\naccuracy minus that of the landmarks, mean and standard error over "
        "the people.\n"
    )
    print("| data | classifier | columns | accuracy | balanced accuracy | minus landmarks |")
    print("|---|---|---|---|---|---|")
    rows = []
    for data, (X, y, groups) in data_sets().items():
        for cells in compare(X, y, groups):
            rows.append([data, *cells])
            print("| " + " | ".join([data, *cells]) + " |", flush=True)
    header = ["data", "classifier", "columns", "accuracy", "balanced accuracy", "minus landmarks"]
    write_table("facial_actions", header, rows)


if __name__ == "__main__":
    main()
