"""Benchmark of the claims of the paper, with folds split by subject: ``make bench-claims``.

Landmarks and hyperparameters are chosen on the training subjects of each fold. The result of every
fold is cached in ``build/claims``, so an interrupted run continues where it stopped; remove that
folder after a change of the package. The verdicts, tables and figures are written to
``docs/claims``, from which the documentation includes them.

    python -m benchmarks.claims --n-repeats 1               a quick run
    python -m benchmarks.claims --data my_landmarks.npz     arrays X, y and subject
    python -m benchmarks.claims --data my_clips             a folder for load_clip_folder
    python -m benchmarks.claims --draw                      the figures again, from the tables
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_temo import FaceLandmarkTransformer, LandmarkAligner, LandmarkLayout, mesh
from sklearn_temo.datasets import load_clip_folder

from .claims_figures import draw_figures
from .claims_folds import KS, N_INNER_FOLDS, Split, evaluate_fold
from .claims_report import write_report
from .pipeline_figures import CKPLUS

ROOT = Path(__file__).parents[1]

# The defaults of the package were chosen with smaller seeds of the split into folds.
FIRST_SEED = 100


def main() -> None:
    """Evaluate the folds that are not cached yet, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=CKPLUS, help="landmarks (.npz) or a folder")
    parser.add_argument("--n-repeats", type=int, default=5)
    parser.add_argument("--n-folds", type=int, default=10)
    parser.add_argument("--n-frames", type=int, default=16, help="frames per clip of a folder")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=ROOT / "build/claims")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/claims")
    parser.add_argument(
        "--draw", action="store_true", help="only draw the figures from the tables in --out"
    )
    arguments = parser.parse_args()
    if arguments.draw:
        draw_figures(arguments.out)
        return
    n_repeats, n_folds = arguments.n_repeats, arguments.n_folds
    if not arguments.data.exists():
        sys.exit(
            f"no {arguments.data.name}: the landmarks of CK+ are licensed for research only and "
            "not part of the project; set SKLEARN_TEMO_CKPLUS to the path of neutral_apex.npz, or "
            "pass --data"
        )
    X, y, groups, layout = load_clips(arguments.data, arguments.n_frames, arguments.work)
    if layout.n_landmarks <= KS[1]:
        sys.exit(
            f"{arguments.data.name} has {layout.n_landmarks} landmarks, but the selections of the "
            f"benchmark need more than {KS[1]}"
        )
    X = align(X, layout)
    splits = [
        Split(X, y, groups, train, test, layout, seed=repeat)
        for repeat in range(n_repeats)
        for train, test in StratifiedGroupKFold(
            n_folds, shuffle=True, random_state=FIRST_SEED + repeat
        ).split(X, y, groups)
    ]
    check_subjects(splits)
    cached = joblib.Memory(arguments.work, verbose=0).cache(evaluate_fold)
    # Without memory maps: joblib gives them another hash than arrays, so that a run with another
    # n_jobs would not find the cached folds.
    parallel = joblib.Parallel(arguments.n_jobs, return_as="generator", max_nbytes=None)
    folds = []
    for results in parallel(joblib.delayed(cached)(split) for split in splits):
        folds.append(results)
        print(f"fold {len(folds)} of {len(splits)}", flush=True)
    repeats = [folds[start : start + n_folds] for start in range(0, len(folds), n_folds)]
    description = (
        f"{len(X)} clips of {len(np.unique(groups))} subjects, {len(np.unique(y))} classes, "
        f"{n_repeats} x {n_folds} folds split by subject"
    )
    print(write_report(repeats, groups, layout, description, arguments.out))


def load_clips(
    data: Path, n_frames: int, work: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray, LandmarkLayout]:
    """Load clips, labels, subjects and layout from a landmark file or a folder of clips."""
    if data.suffix == ".npz":
        with np.load(data) as file:
            X, y, groups = file["X"], file["y"], file["subject"]
        layout = LandmarkLayout(*X.shape[1:])
        return layout.flatten(X), y, groups, layout
    paths, y, groups = load_clip_folder(data)
    if groups is None:
        sys.exit(
            f"{data}: the subjects of the clips are not known, and without them the folds cannot "
            "be split by subject; see the user guide on folders of clips"
        )
    transformer = FaceLandmarkTransformer(n_frames=n_frames, memory=work / "landmarks", n_jobs=2)
    X = transformer.transform(list(paths))
    return X, y, groups, LandmarkLayout.infer(X, n_frames=n_frames)


def align(X: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Align faces; of other landmarks, compute the displacement from the first frame."""
    if mesh.is_full_mesh(layout.n_landmarks):
        aligner = LandmarkAligner(n_frames=layout.n_frames, n_coords=layout.n_coords)
        return aligner.fit_transform(X)
    clips = np.array(layout.unflatten(X), dtype=np.float32)
    clips[:, 1:] -= clips[:, :1]
    return layout.flatten(clips)


def check_subjects(splits: list[Split]) -> None:
    """Exit if a training set has too few subjects of a class for the inner folds."""
    for split in splits:
        subjects, y = split.groups[split.train], split.y[split.train]
        for label in np.unique(split.y):
            n_subjects = len(np.unique(subjects[y == label]))
            if n_subjects < N_INNER_FOLDS:
                sys.exit(
                    f"class {label}: the training set of a fold has {n_subjects} subjects, but "
                    f"the hyperparameter search needs {N_INNER_FOLDS}. Leave the class out, add "
                    "subjects, or pass a larger --n-folds."
                )


if __name__ == "__main__":
    main()
