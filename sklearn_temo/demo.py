"""Demo: landmarks of video clips, and the landmarks by which smiles of unseen people are found."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from . import mesh
from ._atomic_files import check_writable
from .alignment import LandmarkAligner
from .classification import TEMOClassifier
from .datasets import load_cremad_sample, load_london_smiles
from .extraction import FaceLandmarkTransformer
from .inspection import LandmarkRelevanceDisplay
from .selection import IGLandmarkSelector

KS = (4, 32)
N_FOLDS = 5
# Random choices of landmarks in each fold.
N_DRAWS = 3
# Corners of the mouth.
MOUTH = (61, 291)

LIMITS = """\
Limits: these people were asked to smile, in one studio. The figures do not measure how well smiles
are recognised in other photographs or in videos. A landmark with high relevance is one that the
network uses; a few landmarks are often enough because landmarks move together."""


def check_folder(output: Path) -> Path:
    """Create a folder, and return the path of the picture in it.

    Raises OSError if the folder cannot be created or written to.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"the folder {str(output)!r} cannot be created ({error.strerror}); choose another one."
        ) from error
    picture = output.resolve() / "smile.png"
    check_writable(picture)
    return picture


def run_demo(output: Path) -> None:
    """Print the tables and write the picture.

    Parameters
    ----------
    output : Path
        Folder of the picture.
    """
    import matplotlib as mpl

    # This backend needs no display.
    mpl.use("Agg")
    picture = check_folder(output)
    start = time.perf_counter()
    _extract_clips()
    smiles = load_london_smiles()
    # People raise their heads when they smile. Without rotation="full", the network would use that.
    X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    _compare(X, smiles.target, smiles.groups)
    scores = IGLandmarkSelector(random_state=0).fit(X, smiles.target).landmark_scores_
    _print_regions(scores)
    print(f"\n{LIMITS}")
    _draw(X, smiles.target, scores).savefig(picture, dpi=150)
    print(f"\nPicture: {picture}\nThe demo took {time.perf_counter() - start:.0f} s.")


def _extract_clips() -> None:
    """Print what is found in the clips, and how wide the mouth is."""
    sample = load_cremad_sample()
    print(
        f"1. From video clips to landmarks: {len(sample.data)} clips of one actor of CREMA-D\n\n"
        "emotion      frames   with a face   mean mouth width (distance of the eyes = 1)",
        flush=True,
    )
    clips = FaceLandmarkTransformer(n_frames=None).extract(sample.data)
    for emotion, clip in zip(sample.target, clips, strict=True):
        n_frames = len(clip.landmarks)
        # Each frame is aligned as a clip of its own.
        frames = LandmarkAligner().fit_transform(clip.landmarks.reshape(n_frames, -1))
        left, right = np.moveaxis(frames.reshape(clip.landmarks.shape)[:, MOUTH], 1, 0)
        width = np.linalg.norm(left - right, axis=1).mean()
        print(f"{emotion:<11}{n_frames:>8}{clip.detected.sum():>14}{width:>14.2f}")


def _compare(X: NDArray[Any], y: NDArray[Any], people: NDArray[Any]) -> None:
    """Print the accuracy with all, selected and random landmarks on people not trained on."""
    print(
        f"\n2. Neutral or smiling: {len(y)} photographs of {len(np.unique(people))} people "
        f"(Face Research Lab London Set)\n\n"
        f"Accuracy on people who are not in the training set: mean and standard deviation of\n"
        f"{N_FOLDS} folds. It equals the balanced accuracy, since each person has one photograph "
        "of\neach class. Chance is 0.50. Landmarks are selected in the training set of each fold;\n"
        f"for random landmarks, the accuracy of a fold is the mean of {N_DRAWS} draws.\n\n"
        "landmarks            T-EMO       linear SVM",
        flush=True,
    )
    classifiers = (
        TEMOClassifier(n_frames=1, random_state=0),
        make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    )
    random = np.random.RandomState(0)
    accuracies: dict[str, list[Any]] = {}
    for train, test in StratifiedGroupKFold(N_FOLDS).split(X, y, people):
        for name, choices in _landmark_choices(X[train], y[train], random).items():
            scores = [
                [
                    clone(classifier)
                    .fit(X[train][:, columns], y[train])
                    .score(X[test][:, columns], y[test])
                    for classifier in classifiers
                ]
                for columns in choices
            ]
            accuracies.setdefault(name, []).append(np.mean(scores, axis=0))
    for name, of_folds in accuracies.items():
        means, deviations = np.mean(of_folds, axis=0), np.std(of_folds, axis=0)
        numbers = (f"{m:.2f} ± {d:.2f}" for m, d in zip(means, deviations, strict=True))
        print(f"{name:<18}" + "     ".join(numbers))


def _landmark_choices(
    X: NDArray[Any], y: NDArray[Any], random: np.random.RandomState
) -> dict[str, list[NDArray[np.bool_]]]:
    """Columns of all, of selected and of several draws of random landmarks."""
    choices = {"all 468": [np.ones(X.shape[1], dtype=bool)]}
    for k in KS:
        selector = IGLandmarkSelector(k=k, random_state=0).fit(X, y)
        layout = selector.layout_
        choices[f"{k} selected"] = [selector.get_support()]
        choices[f"{k} random"] = [
            layout.feature_mask(random.permutation(layout.n_landmarks) < k) for _ in range(N_DRAWS)
        ]
    return choices


def _print_regions(scores: NDArray[Any]) -> None:
    """Print the mean relevance of each region of the face."""
    regions = mesh.regions()
    relevance = {
        name: scores[regions == name].mean() / scores.mean() for name in np.unique(regions)
    }
    print("\nMean relevance of the regions of the face (1 = average landmark):")
    for name in sorted(relevance, key=lambda name: -relevance[name]):
        print(f"  {name:<12}{relevance[name]:.1f}")


def _draw(X: NDArray[Any], y: NDArray[Any], scores: NDArray[Any]) -> Any:
    """Figure of how people smile on average, and of the relevance of each landmark."""
    import matplotlib.pyplot as plt

    # x and y only, with y up.
    faces = X.reshape(len(X), -1, 3)[..., :2] * [1, -1]
    neutral, smiling = (faces[y == name].mean(axis=0) for name in ("neutral", "happiness"))
    movement = smiling - neutral
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5.6), layout="constrained")
    LandmarkRelevanceDisplay.from_scores(
        np.linalg.norm(movement, axis=1),
        score_name="movement",
        normalize=False,
        positions=smiling,
        movement=movement,
        arrows=3,
        ax=left,
        colorbar=False,
    )
    left.set_title(
        "Mean movement from the neutral to the smiling\nphotograph (arrows are enlarged 3 times)"
    )
    LandmarkRelevanceDisplay.from_scores(scores, positions=smiling, ax=right)
    right.set_title("Landmarks by which the network recognises a smile,\non the mean smiling face")
    return figure
