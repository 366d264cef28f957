"""Run the same measurements with an old revision and with this checkout, in turns.

python tools/compare_commits.py v0.1.0
python tools/compare_commits.py HEAD~5 --what extraction training --n-rounds 5

The table shows medians over the rounds, their ratio, and the ratio of the best rounds, which
depends less on other work on the machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from structure_report import HERE, export

CKPLUS = Path(os.environ.get("SKLEARN_TEMO_CKPLUS", "../shared/data/ckplus/neutral_apex.npz"))
N_CLIPS = 140

# A measurement returns numbers, whose names end in one of these units; scores of folds; and
# arrays that should be equal.
_UNITS = ("s", "ms", "frames/s", "tests")


def extraction() -> dict[str, Any]:
    """Extract the sample clips in one process."""
    from sklearn_temo import FaceLandmarkTransformer
    from sklearn_temo.datasets import load_cremad_sample

    clips = load_cremad_sample().data
    transformer = FaceLandmarkTransformer(n_frames=16)
    X, seconds = _timed(transformer.transform, clips)
    return {"extraction; frames/s": 16 * len(clips) / seconds, "landmarks": X}


def attribution() -> dict[str, Any]:
    """Compute the relevance of landmarks for a T-EMO network and for a network of fixed weights."""
    import torch

    from sklearn_temo import LandmarkLayout, TEMOClassifier
    from sklearn_temo.attribution import landmark_relevance

    X, y = _synthetic_clips(16)
    target, layout = np.unique(y, return_inverse=True)[1], LandmarkLayout(16, 468, 3)
    torch.manual_seed(0)
    fixed = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 32), torch.nn.GELU(), torch.nn.Linear(32, target.max() + 1)
    )
    temo = TEMOClassifier(n_frames=16, max_epochs=20, random_state=0).fit(X, y).module_
    results: dict[str, Any] = {}
    for name, network in (("T-EMO", temo), ("fixed network", fixed)):
        found, seconds = _timed(landmark_relevance, network, X, X[:5], target, layout)
        results[f"attribution of {name}; s"] = seconds
        results[f"relevance, {name}"] = found.per_class
    return results


def training() -> dict[str, Any]:
    """Fit T-EMO, and predict."""
    from sklearn_temo import TEMOClassifier

    results: dict[str, Any] = {}
    for n_frames in (2, 16):
        X, y = _synthetic_clips(n_frames)
        classifier = TEMOClassifier(n_frames=n_frames, random_state=0)
        results[f"fit, {n_frames} frames; s"] = _timed(classifier.fit, X, y)[1]
        for n in (1, N_CLIPS):
            seconds = _timed(classifier.predict, X[:n], n_calls=50)[1]
            results[f"predict {n} clips of {n_frames} frames; ms"] = 1000 * seconds
        results[f"probabilities, {n_frames} frames"] = classifier.predict_proba(X)
    return results


def claims() -> dict[str, Any]:
    """Score T-EMO on people of CK+ it was not trained on, with all landmarks and with selected."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold

    from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier

    if not (HERE / CKPLUS).exists():
        print("claims: skipped, there is no neutral_apex.npz of CK+", file=sys.stderr)
        return {}
    with np.load(HERE / CKPLUS) as data:
        X, y, people = data["X"].reshape(len(data["X"]), -1), data["y"], data["subject"]
    X = LandmarkAligner(n_frames=2).fit_transform(X)
    scores: dict[str, Any] = {}
    for repeat in range(2):
        options: dict[str, Any] = {"n_frames": 2, "random_state": repeat}
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=100 + repeat)
        for train, test in folds.split(X, y, people):
            with TemporaryDirectory() as memory:
                for k in (468, 128, 20):
                    learn, predict = X[train], X[test]
                    if k < 468:
                        selector = IGLandmarkSelector(k=k, memory=memory, **options)
                        selector.fit(learn, y[train])
                        learn, predict = selector.transform(learn), selector.transform(predict)
                    found = TEMOClassifier(**options).fit(learn, y[train]).predict(predict)
                    for score in (accuracy_score, balanced_accuracy_score):
                        values = scores.setdefault(f"{score.__name__}, k={k}; folds", [])
                        values.append(100 * score(y[test], found))
    return scores


def tests() -> dict[str, Any]:
    """Run the tests of the checkout."""
    command = f"cd '{os.environ['PYTHONPATH']}' && '{sys.executable}' -m pytest -q -n 2 tests"
    output, seconds = _timed(subprocess.getoutput, command, n_calls=1)
    counts = {kind: int(n) for n, kind in re.findall(r"(\d+) (passed|failed)", output)}
    results = {f"tests {kind}; tests": counts.get(kind, 0) for kind in ("passed", "failed")}
    return {"all tests; s": seconds, **results}


def _synthetic_clips(n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn_temo import LandmarkAligner
    from sklearn_temo.datasets import make_expression_clips

    clips = make_expression_clips(n_clips=N_CLIPS, n_frames=n_frames, random_state=0)
    return LandmarkAligner(n_frames=n_frames).fit_transform(clips.data), clips.target


def _timed(work: Callable[..., Any], *arguments: Any, n_calls: int = 2) -> tuple[Any, float]:
    """Result of the last call, and seconds of the fastest one: the first is often slower."""
    times = []
    for _ in range(n_calls):
        start = perf_counter()
        result = work(*arguments)
        times.append(perf_counter() - start)
    return result, min(times)


def compare(what: list[str], old: Path, n_rounds: int) -> None:
    """Measure both checkouts in turns, and print a table."""
    print(f"{'':<40} | {'old':>15} | {'new':>15} | new / old, of best rounds")
    for name in what:
        found: dict[Path, list[dict[str, Any]]] = {old: [], HERE: []}
        for _ in range(1 if name in ("claims", "tests") else n_rounds):
            for checkout, results in found.items():
                results.append(_measure(name, checkout))
        for title in found[HERE][0]:
            before, after = ([r[title] for r in results] for results in found.values())
            label, _, unit = title.partition("; ")
            if unit in _UNITS:
                best = max if unit == "frames/s" else min
                x, y = float(np.median(before)), float(np.median(after))
                ratios = f"{y / x:.2f}, {best(after) / best(before):.2f}" if x else ""
                print(f"{f'{label}, {unit}':<40} | {x:>15.4g} | {y:>15.4g} | {ratios}")
            elif unit == "folds":
                cells = [
                    f"{np.mean(v):.1f} +- {np.std(v, ddof=1) / np.sqrt(len(v)):.1f}"
                    for v in (before[0], after[0], after[0] - before[0])
                ]
                print(f"{label:<40} | {cells[0]:>15} | {cells[1]:>15} | difference {cells[2]}")
            else:
                gap = np.abs(after[0] - before[0]).max() / np.abs(before[0]).max()
                print(f"{label:<40} | {f'relative difference {gap:.1e}' if gap else 'equal'}")


def _measure(name: str, checkout: Path) -> dict[str, Any]:
    """Results of one measurement, in a process that imports the package of a checkout."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "results.npz")
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--measure", name, str(file)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            check=True,
        )
        with np.load(file) as results:
            return dict(results)


def main() -> None:
    """Measure for the process that started this one, or compare."""
    measurements = {f.__name__: f for f in (extraction, attribution, training, claims, tests)}
    if sys.argv[1:2] == ["--measure"]:
        np.savez(sys.argv[3], **measurements[sys.argv[2]]())
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", metavar="REV", help="git revision that is compared with")
    parser.add_argument("--what", nargs="+", choices=measurements, default=[*measurements][:-1])
    parser.add_argument("--n-rounds", type=int, default=3, help="runs of each (default: 3)")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        compare(options.what, export(options.revision, Path(folder)), options.n_rounds)


if __name__ == "__main__":
    main()
