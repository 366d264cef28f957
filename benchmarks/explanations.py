"""Benchmark of explanation methods on people that were not in the training data.

``make bench-explanations`` prints one table: for each data set, network and method, the mean and
the standard deviation over the folds of each measure; and a second one with the rank of Integrated
Gradients among the methods. :mod:`benchmarks.explanations_measures` defines the measures, and
:mod:`benchmarks.explanations_methods` the methods.

Permutation importance, F values and random numbers do not depend on the clip, F values and random
numbers not on the network either: they have no sensitivity, and F values do not change with the
seed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_temo import LandmarkLayout, TEMOClassifier, mesh
from sklearn_temo.datasets import load_london_smiles, make_expression_clips

from .claims_folds import Split
from .explanations_measures import DIRECTIONS, Sizes, evaluate_fold
from .explanations_methods import METHODS
from .pipeline_figures import CKPLUS, ckplus
from .selectors import align
from .side_by_side import table
from .tables import file_name, write_table

NETWORKS = {
    "trained": TEMOClassifier(),
    "randomized": TEMOClassifier(randomized=True),
}
FIRST_SEED = 900
N_FOLDS = 5

# Values of a measure in all folds, by network, method and measure.
Values = dict[tuple[str, str], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Data:
    """Aligned clips of one data set.

    Parameters
    ----------
    X, y, groups : ndarray
        Clips, labels and subjects.
    layout : LandmarkLayout
    regions : ndarray of str of shape (n_landmarks,)
    moving : ndarray of bool of shape (n_classes, n_landmarks) or None
        Landmarks that move in each class, where this is known.
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    layout: LandmarkLayout
    regions: np.ndarray
    moving: np.ndarray | None = None


def load_ckplus_clips() -> Data | None:
    """Neutral and apex frame of the clips of CK+."""
    if not CKPLUS.is_file():
        return None
    X, y, groups = ckplus()
    return Data(align(X, 2), y, groups, LandmarkLayout(2, 468, 3), mesh.regions())


def load_london() -> Data:
    """Neutral and smiling photographs of the Face Research Lab London Set."""
    smiles = load_london_smiles()
    return Data(align(smiles.data, 1), smiles.target, smiles.groups, smiles.layout, mesh.regions())


def make_synthetic(n_clips: int = 300, n_frames: int = 16) -> Data:
    """Synthetic clips, for which the moving landmarks are known."""
    clips = make_expression_clips(n_clips, n_frames=n_frames, random_state=0)
    X = align(clips.data, n_frames)
    return Data(X, clips.target, clips.groups, clips.layout, mesh.regions(), clips.moving)


def make_quick() -> Data:
    """Every twelfth landmark of a few synthetic clips of two frames."""
    data = make_synthetic(n_clips=84, n_frames=2)
    kept = np.arange(data.layout.n_landmarks) % 12 == 0
    return Data(
        np.ascontiguousarray(data.X[:, data.layout.feature_mask(kept)]),
        data.y,
        data.groups,
        replace(data.layout, n_landmarks=int(kept.sum())),
        data.regions[kept],
        data.moving[:, kept],
    )


DATA: dict[str, Callable[[], Data | None]] = {
    "CK+": load_ckplus_clips,
    "London smiles": load_london,
    "synthetic clips": make_synthetic,
}


def evaluate(name: str, data: Data, networks: Iterable[str], n_folds: int, sizes: Sizes) -> Values:
    """Evaluate all methods on folds that are split by subject."""
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=FIRST_SEED)
    folds = list(splitter.split(data.X, data.y, data.groups))
    values: Values = {}
    for network in networks:
        results = []
        for number, (train, test) in enumerate(folds):
            seed = FIRST_SEED + 2 * number
            split = Split(data.X, data.y, data.groups, train, test, data.layout, seed)
            results.append(
                evaluate_fold(split, NETWORKS[network], data.regions, data.moving, sizes)
            )
            print(f"{name}, {network}: fold {number + 1} of {n_folds}", file=sys.stderr, flush=True)
        for method in METHODS:
            of_method = [result[method] for result in results]
            values[network, method] = {
                measure: np.array([fold[measure] for fold in of_method]) for measure in of_method[0]
            }
    return values


def measures_of(sizes: Sizes) -> list[str]:
    """Names of the columns."""
    removed = [f"ROAR, {k}" for k in sizes.ks]
    return [name for m in DIRECTIONS for name in (removed if m == "ROAR" else [m])]


def direction(measure: str) -> int:
    """1 if higher is better, -1 if lower is better, 0 if neither."""
    return DIRECTIONS[measure.partition(",")[0]]


def rows_of(name: str, values: Values, measures: list[str]) -> Iterator[list[str]]:
    """Rows of the table for one data set: means and standard deviations over the folds."""
    for (network, method), found in values.items():
        cells = [
            f"{found[m].mean():.{n_digits(m)}f} ({found[m].std(ddof=1):.{n_digits(m)}f})"
            if m in found
            else ""
            for m in measures
        ]
        yield [name, network, method, *cells]


def n_digits(measure: str) -> int:
    """Digits that are printed; ranks are those of the printed means."""
    return 1 if measure == "ms per clip" else 3


def rank_rows(name: str, values: Values, measures: list[str]) -> Iterator[list[str]]:
    """Rank of Integrated Gradients for each measure; equal printed means share the better rank."""
    ours = next(iter(METHODS))
    for network in dict.fromkeys(network for network, _ in values):
        cells = []
        for measure in measures:
            if measure not in values[network, ours] or not direction(measure):
                cells.append("")
                continue
            means = {
                method: round(direction(measure) * values[network, method][measure].mean(), n)
                for n in [n_digits(measure)]
                for method in METHODS
            }
            cells.append(str(1 + sum(mean > means[ours] for mean in means.values())))
        yield [name, network, *cells]


def write_tables(rows: list[list[str]], ranks: list[list[str]], measures: list[str]) -> None:
    """Write the means of the trained networks, and the ranks, for the documentation."""
    parts = {
        "faithfulness": (
            "deletion",
            "insertion",
            "ROAR, 128",
            "ROAR, 234",
            "recall",
            "ms per clip",
        ),
        "robustness": (
            *("agreement", "other seed", "sensitivity", "random weights", "random labels"),
        ),
    }
    for data in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[:2] == [data, "trained"]]
        for part, wanted in parts.items():
            # The recall is that of synthetic clips.
            columns = [3 + measures.index(m) for m in wanted]
            columns = [i for i in columns if any(row[i] for row in own)]
            cells = [[row[2], *(row[i].partition(" ")[0] for i in columns)] for row in own]
            header = ["method", *(measures[i - 3].replace(",", "") for i in columns)]
            write_table(f"explanations_{part}_{file_name(data)}", header, cells)
    header = ["measure", *(f"{data}, {network}" for data, network, *_ in ranks)]
    cells = [[m.replace(",", ""), *(row[2 + i] for row in ranks)] for i, m in enumerate(measures)]
    # The agreement with Integrated Gradients has no rank.
    write_table("explanations_ranks", header, [row for row in cells if any(row[1:])])


def main(arguments: list[str] | None = None) -> None:
    """Evaluate the methods, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--n-folds", type=int, default=N_FOLDS)
    parser.add_argument("--quick", action="store_true", help="a few synthetic clips only")
    options = parser.parse_args(arguments)
    loaders, sizes = {name: DATA[name] for name in options.data}, Sizes()
    if options.quick:
        loaders = {"a few synthetic clips": make_quick}
        sizes = Sizes(n_test=3, n_train=3, n_sensitivity=1, ks=(4, 20))
        options.networks, options.n_folds = ["randomized"], 2
    measures = measures_of(sizes)
    rows: list[list[str]] = []
    ranks: list[list[str]] = []
    for name, load in loaders.items():
        data = load()
        if data is None:
            print(f"{name}: not available\n", flush=True)
            continue
        with warnings.catch_warnings():
            # Of captum, on each call; and of folds that lack a class.
            warnings.simplefilter("ignore")
            values = evaluate(name, data, options.networks, options.n_folds, sizes)
        rows += rows_of(name, values, measures)
        ranks += rank_rows(name, values, measures)
    if list(loaders) == list(DATA) and options.networks == list(NETWORKS):
        write_tables(rows, ranks, measures)
    signs = {1: " (higher)", -1: " (lower)", 0: ""}
    columns = [f"{measure}{signs[direction(measure)]}" for measure in measures]
    print(
        f"Means and standard deviations over {options.n_folds} folds split by subject, of "
        f"{sizes.n_test} test clips each. In brackets behind a measure: what is better.\n"
    )
    print(table(["data", "network", "method", *columns], rows), end="\n\n")
    print(f"Rank of {next(iter(METHODS))} among the {len(METHODS)} methods:\n")
    print(table(["data", "network", *columns], ranks))


if __name__ == "__main__":
    main()
