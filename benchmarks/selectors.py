"""Benchmark of selection methods on people that were not in the training data.

``make bench-selectors`` prints, for each data set, a table of the selector of this package and of
other methods: the balanced accuracy of two classifiers with the k best landmarks, the time of one
selection, and the stability over the folds. On synthetic clips, it also prints how many of the
selected landmarks move.

The result of every fold and method is cached in ``build/selectors``, so an interrupted run
continues where it stopped; remove that folder after a change of the package.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_temo import LandmarkAligner, LandmarkLayout, selection_stability
from sklearn_temo.datasets import load_london_smiles, load_sign_digits, make_expression_clips

from .claims_folds import Split
from .pipeline_figures import CKPLUS, ckplus, standard_error
from .selectors_folds import ALL, SELECTORS, Selection, evaluate_method, methods
from .side_by_side import format_error, table
from .tables import file_name, write_table

ROOT = Path(__file__).parents[1]

# The defaults of the package were chosen with other seeds of the split into folds.
FIRST_SEED = 500

CLASSIFIERS = ("T-EMO", "linear SVM")
KS = (5, 10, 20, 64, 128)


@dataclass(frozen=True)
class Data:
    """Aligned clips of one data set, and how they are evaluated.

    Parameters
    ----------
    X, y, groups : ndarray
        Clips, labels and subjects.
    layout : LandmarkLayout
    ks : tuple of int
        Numbers of landmarks.
    n_repeats : int
        Repeats of the five folds.
    moving : ndarray of bool of shape (n_landmarks,) or None
        Landmarks that move, where this is known.
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    layout: LandmarkLayout
    ks: tuple[int, ...] = KS
    n_repeats: int = 2
    n_folds: int = 5
    moving: np.ndarray | None = None


def load_ckplus_clips() -> Data | None:
    """Neutral and apex frame of the clips of CK+."""
    if not CKPLUS.is_file():
        return None
    X, y, groups = ckplus()
    return Data(align(X, 2), y, groups, LandmarkLayout(2, 468, 3))


def load_london() -> Data:
    """Neutral and smiling photographs of the Face Research Lab London Set."""
    smiles = load_london_smiles()
    return Data(align(smiles.data, 1), smiles.target, smiles.groups, smiles.layout)


def load_digits() -> Data:
    """Hands that show a digit, centred and with the same size in x and y."""
    digits = load_sign_digits()
    hands = digits.layout.unflatten(np.asarray(digits.data))
    hands = hands - hands.mean(axis=2, keepdims=True)
    hands /= np.linalg.norm(hands[..., :2], axis=(2, 3), keepdims=True)
    X = digits.layout.flatten(hands)
    return Data(X, digits.target, digits.groups, digits.layout, ks=(3, 5, 10), n_repeats=1)


def make_synthetic(n_clips: int = 300) -> Data:
    """Synthetic clips, for which the moving landmarks are known."""
    clips = make_expression_clips(n_clips, n_frames=4, random_state=0)
    return Data(
        align(clips.data, 4),
        clips.target,
        clips.groups,
        clips.layout,
        n_repeats=1,
        moving=clips.moving.any(axis=0),
    )


def make_quick() -> Data:
    """Every twelfth landmark of a few synthetic clips."""
    data = make_synthetic(n_clips=84)
    kept = np.arange(data.layout.n_landmarks) % 12 == 0
    return replace(
        data,
        X=np.ascontiguousarray(data.X[:, data.layout.feature_mask(kept)]),
        layout=replace(data.layout, n_landmarks=int(kept.sum())),
        ks=(3, 5),
        n_folds=2,
        moving=data.moving[kept],
    )


def align(X: np.ndarray, n_frames: int) -> np.ndarray:
    """Align faces, as a plain array."""
    return np.asarray(LandmarkAligner(n_frames=n_frames).fit_transform(X))


DATA: dict[str, Callable[[], Data | None]] = {
    "CK+": load_ckplus_clips,
    "London smiles": load_london,
    "sign digits": load_digits,
    "synthetic clips": make_synthetic,
}


def splits_of(data: Data) -> list[Split]:
    """Split the clips by subject. The seeds of all folds differ."""
    folds = [
        fold
        for repeat in range(data.n_repeats)
        for fold in StratifiedGroupKFold(
            data.n_folds, shuffle=True, random_state=FIRST_SEED + repeat
        ).split(data.X, data.y, data.groups)
    ]
    return [
        Split(data.X, data.y, data.groups, train, test, data.layout, seed=FIRST_SEED + number)
        for number, (train, test) in enumerate(folds)
    ]


# Balanced accuracy in each fold, by method, classifier and number of landmarks.
Scores = dict[tuple[str, str, int], np.ndarray]


def score(folds: list[list[Selection]]) -> Scores:
    """Compute the balanced accuracies of the selections of all folds."""
    lists: dict[tuple[str, str, int], list[float]] = {}
    with warnings.catch_warnings():
        # A small fold can lack a class.
        warnings.simplefilter("ignore")
        for selection in [selection for fold in folds for selection in fold]:
            for result in selection.results:
                classifier = next(c for c in CLASSIFIERS if result.classifier.startswith(c))
                key = selection.method, classifier, result.k
                lists.setdefault(key, []).append(
                    balanced_accuracy_score(result.truth, result.predicted)
                )
    return {key: np.array(values) for key, values in lists.items()}


def report(name: str, data: Data, folds: list[list[Selection]]) -> str:
    """Format the table of a data set, and the list of the k where the selector is not the best."""
    scores = score(folds)
    errors = [float(standard_error(values)) for values in scores.values()]
    by_method = {fold[0].method: fold for fold in zip(*folds, strict=True)}
    ours = next(iter(SELECTORS))
    ks, n_landmarks = data.ks, data.layout.n_landmarks
    middle = ks[len(ks) // 2]
    seconds = {method: [s.seconds for s in by_method[method]] for method in by_method}
    header = ["selection", *(f"k = {k}" for k in ks), "time", f"stability, k = {middle}"]
    if data.moving is not None:
        header += [f"precision, k = {k}" for k in sorted({middle, ks[-1]})]
        header += [f"recall, k = {ks[-1]}"]
    rows = []
    for method, selections in by_method.items():
        if method == ALL:
            continue
        cells = [
            " / ".join(f"{scores[method, name, k].mean():.3f}" for name in CLASSIFIERS) for k in ks
        ]
        masks = {
            k: np.array(
                [
                    np.isin(np.arange(n_landmarks), result.kept)
                    for selection in selections
                    for result in selection.results[:: len(CLASSIFIERS)]
                    if result.k == k
                ]
            )
            for k in ks
        }
        ratios = np.divide(seconds[method], seconds[ours])
        cells += [
            f"{np.median(ratios):.2g}x",
            f"{selection_stability(masks[middle]).stability:.2f}",
        ]
        if data.moving is not None:
            precision = [
                masks[k][:, data.moving].sum() / masks[k].sum() for k in sorted({middle, ks[-1]})
            ]
            recall = masks[ks[-1]][:, data.moving].mean()
            cells += [f"{share:.2f}" for share in (*precision, recall)]
        rows.append([method, *cells])
    references = " / ".join(f"{scores[ALL, name, n_landmarks].mean():.3f}" for name in CLASSIFIERS)
    lines = [
        f"## {name}",
        f"{len(data.X)} clips of {len(np.unique(data.groups))} subjects, "
        f"{len(np.unique(data.y))} classes, {data.layout}; "
        f"{data.n_repeats} x {data.n_folds} folds split by subject. Balanced accuracy of "
        f"{' / '.join(CLASSIFIERS)}; {references} with all landmarks. Standard errors over the "
        f"folds: {min(errors):.3f} to {max(errors):.3f}. Times are medians of the ratio to "
        f"{ours}, whose median is {np.median(seconds[ours]):.2f} s.",
        table(header, rows),
        *not_best(scores, data.ks),
    ]
    if name in DATA:
        n_columns = len(ks) + 3
        write_table(
            f"selectors_{file_name(name)}", header[:n_columns], [r[:n_columns] for r in rows]
        )
        if data.moving is not None:
            found = [[cells[0], *cells[n_columns:]] for cells in rows]
            write_table("selectors_found", [header[0], *header[n_columns:]], found)
    return "\n\n".join(lines)


def not_best(scores: Scores, ks: tuple[int, ...]) -> Iterator[str]:
    """For each selector of this package, where another method is better, and by how much."""
    rivals = list(dict.fromkeys(method for method, *_ in scores if method not in (*SELECTORS, ALL)))
    for ours in SELECTORS:
        losses = []
        for classifier in CLASSIFIERS:
            for k in ks:
                rival = max(rivals, key=lambda m: scores[m, classifier, k].mean())
                paired = 100 * (scores[ours, classifier, k] - scores[rival, classifier, k])
                if paired.mean() < 0:
                    losses.append(
                        f"{classifier}, k = {k}: {paired.mean():+.1f}"
                        f"{format_error(float(standard_error(paired)), 1)} points ({rival})"
                    )
        n_all = len(CLASSIFIERS) * len(ks)
        yield (
            f"{ours}: not the best in {len(losses)} of {n_all} columns"
            f"{': ' if losses else ''}{'; '.join(losses)}."
        )


def main(arguments: list[str] | None = None) -> None:
    """Evaluate the folds that are not cached yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a few synthetic clips only")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=ROOT / "build/selectors")
    options = parser.parse_args(arguments)
    loaders = {"a few synthetic clips": make_quick} if options.quick else DATA
    cached = joblib.Memory(options.work, verbose=0).cache(evaluate_method)
    # Without memory maps: joblib gives them another hash than arrays, so that a run with another
    # n_jobs would not find the cached folds.
    parallel = joblib.Parallel(options.n_jobs, return_as="generator", max_nbytes=None)
    for name in loaders if options.quick else options.data:
        data = loaders[name]()
        if data is None:
            print(f"{name}: not available\n", flush=True)
            continue
        splits = splits_of(data)
        tasks = [(split, method, data.ks) for split in splits for method in methods()]
        selections: list[Selection] = []
        for selection in parallel(joblib.delayed(cached)(*task) for task in tasks):
            selections.append(selection)
            if len(selections) % len(methods()) == 0:
                n_done = len(selections) // len(methods())
                print(f"{name}: fold {n_done} of {len(splits)}", file=sys.stderr, flush=True)
        folds = [
            selections[start : start + len(methods())]
            for start in range(0, len(selections), len(methods()))
        ]
        print(report(name, data, folds), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
