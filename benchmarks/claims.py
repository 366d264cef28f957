"""Test the claims of the paper on people never seen: ``make bench-claims``.

Every choice (landmarks, hyperparameters) is made on the training people of a fold. What a fold
found is kept in ``build/claims``, so that an interrupted run goes on where it stopped; remove that
folder when the package was changed. The tables and figures go to ``docs/claims``.

    python -m benchmarks.claims --data my_landmarks.npz     arrays X, y and subject
    python -m benchmarks.claims --data my_clips             a folder that load_clip_folder reads
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

from .claims_folds import N_INNER_FOLDS, Record, Split, records_of
from .claims_report import write_report
from .pipeline_figures import CKPLUS

_ROOT = Path(__file__).parents[1]

# The defaults of the package were chosen on the first few deals of the people to folds.
_FIRST_DEAL = 100


def main() -> None:
    """Run what was not run yet, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=CKPLUS, help="landmarks (.npz) or a folder")
    parser.add_argument("--n-repeats", type=int, default=5)
    parser.add_argument("--n-folds", type=int, default=10)
    parser.add_argument("--n-frames", type=int, default=16, help="frames of a clip of a folder")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=_ROOT / "build/claims")
    parser.add_argument("--out", type=Path, default=_ROOT / "docs/claims")
    arguments = parser.parse_args()
    if not arguments.data.exists():
        sys.exit(
            f"no {arguments.data.name}: the landmarks of CK+ are for research only and not part of "
            "the project; set SKLEARN_TEMO_CKPLUS to the path of neutral_apex.npz, or pass --data"
        )
    X, y, groups, layout = _read(arguments.data, arguments.n_frames, arguments.work)
    X = _aligned(X, layout)
    splits = [
        Split(X, y, groups, train, test, layout, repeat)
        for repeat in range(arguments.n_repeats)
        for train, test in StratifiedGroupKFold(
            arguments.n_folds, shuffle=True, random_state=_FIRST_DEAL + repeat
        ).split(X, y, groups)
    ]
    _check_people(splits)
    remembered = joblib.Memory(arguments.work, verbose=0).cache(records_of)
    folds: list[list[Record]] = []
    # Arrays go as they are: as memory maps they would be told from those of a run in one process.
    work = joblib.Parallel(arguments.n_jobs, return_as="generator", max_nbytes=None)
    for records in work(joblib.delayed(remembered)(split) for split in splits):
        folds.append(records)
        print(f"fold {len(folds)} of {len(splits)}", flush=True)
    repeats = [
        folds[start : start + arguments.n_folds]
        for start in range(0, len(folds), arguments.n_folds)
    ]
    about = (
        f"{len(X)} clips of {len(np.unique(groups))} people, {len(np.unique(y))} classes, "
        f"{arguments.n_repeats} x {arguments.n_folds} folds by person"
    )
    print(write_report(repeats, layout, about, arguments.out))


def _aligned(X: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """First frames, and displacements from them; of faces, without the pose of the head."""
    if mesh.is_full_mesh(layout.n_landmarks):
        aligner = LandmarkAligner(n_frames=layout.n_frames, n_coords=layout.n_coords)
        return aligner.fit_transform(X)
    clips = np.array(layout.unflatten(X), dtype=np.float32)
    clips[:, 1:] -= clips[:, :1]
    return layout.flatten(clips)


def _check_people(splits: list[Split]) -> None:
    """Leave where the training people of a fold are too few to choose anything among them."""
    for split in splits:
        people = split.groups[split.train]
        for label in np.unique(split.y):
            n_people = len(np.unique(people[split.y[split.train] == label]))
            if n_people < N_INNER_FOLDS:
                sys.exit(
                    f"{label}: a fold trains on {n_people} people who show it, and choosing among "
                    f"them takes {N_INNER_FOLDS}. Leave the class out, add people, or pass a "
                    "larger --n-folds."
                )


def _read(
    data: Path, n_frames: int, work: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray, LandmarkLayout]:
    """Clips, labels, people and layout of a landmark file or a folder of clips."""
    if data.suffix == ".npz":
        with np.load(data) as file:
            X, y, groups = file["X"], file["y"], file["subject"]
        layout = LandmarkLayout(*X.shape[1:])
        return X.reshape(len(X), -1), y, groups, layout
    paths, y, groups = load_clip_folder(data)
    if groups is None:
        sys.exit(f"{data}: no people are known, and without them no honest test; see the docs")
    transformer = FaceLandmarkTransformer(n_frames=n_frames, memory=work / "store", n_jobs=2)
    X = transformer.transform(list(paths))
    return X, y, groups, LandmarkLayout.from_n_features(X.shape[1], n_frames, 3)


if __name__ == "__main__":
    main()
