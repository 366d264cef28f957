"""Demo on the included clips: a search over k, a table of scores and a picture."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from . import mesh
from .alignment import LandmarkAligner
from .classification import TEMOClassifier
from .datasets import load_cremad_sample, make_expression_clips
from .extraction import FaceLandmarkTransformer
from .extraction._table import check_writable
from .inspection import LandmarkRelevanceDisplay
from .pipeline import make_temo_pipeline
from .selection import IGLandmarkSelector

N_FRAMES = 8
KS = (32, 128, 468)
N_SYNTHETIC = 140
# Half the default of TEMOClassifier, to keep the demo short.
MAX_EPOCHS = 30
# Shares of the length of a clip. The gap is at least 2 frames, because no clip is shorter than 50.
TRAIN_SHARE, GAP = 0.6, 0.04

LIMITS = """\
Limits: the clips are six recordings of one actor, one for each emotion. Training and test windows
are different moments of the same recordings, so these scores measure how well the emotions of this
person are recognised in these recordings. They do not measure how well emotions of other people,
in other sentences or on another day are recognised; for that, pass the subjects as groups (see the
user guide). The landmarks above are not those of an emotion in general: every difference between
the recordings, such as the head pose, separates them as well as an expression does."""


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
    output.mkdir(parents=True, exist_ok=True)
    picture = output.resolve() / "landmark_relevance.png"
    check_writable(picture)
    start = time.perf_counter()
    sample = load_cremad_sample()
    print(f"Extracting landmarks from {len(sample.data)} clips of CREMA-D ...", flush=True)
    X, y, start_frame, n_frames = _make_windows(sample)
    train, test, folds = split_in_time(start_frame, n_frames)
    n_classes = len(np.unique(y))
    print(
        f"{len(train)} training windows of {N_FRAMES} frames from the first {TRAIN_SHARE:.0%} of "
        f"each clip,\n{len(test)} test windows from the rest after a gap; {n_classes} emotions, "
        f"chance {1 / n_classes:.2f}.\n"
    )
    pipe = _choose_pipeline(X, y, train, test, folds)
    selector = pipe.fit(X[train], y[train])["select"]
    _print_regions(selector)
    _print_recall()
    print(LIMITS)
    LandmarkRelevanceDisplay.from_estimator(selector).figure_.savefig(picture, dpi=150)
    print(f"\nPicture: {picture}\nThe demo took {time.perf_counter() - start:.0f} s.")


def split_in_time(start_frame: NDArray[Any], n_frames: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Split windows into training and test windows, and training windows into folds.

    Windows on the two sides of a split are at least two frames apart.

    Parameters
    ----------
    start_frame : ndarray of int of shape (n_windows,)
        First frame of each window.
    n_frames : ndarray of int of shape (n_windows,)
        Number of frames of the clip of each window.

    Returns
    -------
    train, test : ndarray of int
        Indices of the training and the test windows.
    folds : list of tuple (ndarray of int, ndarray of int)
        Indices of the windows to fit on and to validate on. Each fold validates on one block of
        the training time.
    """

    def between(first: float, last: float) -> NDArray[np.intp]:
        begin, end = np.round(first * n_frames), np.round(last * n_frames)
        return np.flatnonzero((start_frame >= begin) & (start_frame + N_FRAMES <= end))

    folds = []
    for first, last in pairwise(np.linspace(0, TRAIN_SHARE, 4)):
        fit = np.r_[between(0, first - GAP), between(last + GAP, TRAIN_SHARE)]
        folds.append((fit, between(first, last)))
    return between(0, TRAIN_SHARE), between(TRAIN_SHARE + GAP, 1), folds


def _make_windows(sample: Any) -> list[NDArray[Any]]:
    """All windows of the clips: rows, emotions, first frames and numbers of frames of the clip."""
    parts = []
    clips = FaceLandmarkTransformer(n_frames=None).extract(sample.data)
    for clip, emotion in zip(clips, sample.target, strict=True):
        start = np.arange(len(clip.landmarks) - N_FRAMES + 1)
        X = np.stack([clip.landmarks[i : i + N_FRAMES].ravel() for i in start])
        n_windows, n_frames = len(start), len(clip.landmarks)
        parts.append((X, np.full(n_windows, emotion), start, np.full(n_windows, n_frames)))
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _choose_pipeline(X: NDArray[Any], y: NDArray[Any], train: Any, test: Any, folds: Any) -> Any:
    """Choose k and the classifier by their scores on the folds, and print their test scores."""
    classifiers = {
        "T-EMO": TEMOClassifier(max_epochs=MAX_EPOCHS, random_state=0),
        "linear SVM": make_pipeline(StandardScaler(), SVC(kernel="linear")),
        "RBF SVM": make_pipeline(StandardScaler(), SVC()),
    }
    # A window can begin at any time of the clip, so its first frame is not a neutral reference.
    pipe = make_temo_pipeline(landmarks="passthrough", reference=None, random_state=0)
    pipe.set_params(select__estimator__max_epochs=MAX_EPOCHS)
    grid = {"classify": list(classifiers.values()), "select__k": KS}
    metrics = ["accuracy", "balanced_accuracy"]

    def search(cv: Any) -> GridSearchCV:
        return GridSearchCV(pipe, grid, cv=cv, scoring=metrics, refit=False, n_jobs=2).fit(X, y)

    print("Searching k and the classifier ...", flush=True)
    validation, final = search(folds).cv_results_, search([(train, test)]).cv_results_
    names = ("mean_test_accuracy", "mean_test_balanced_accuracy", "mean_fit_time")
    columns = [validation["mean_test_balanced_accuracy"], *(final[name] for name in names)]
    best = int(columns[0].argmax())
    print("                    validation           test")
    print("classifier     k    balanced acc.   accuracy   balanced acc.   fit time")
    for i, (name, k) in enumerate(product(classifiers, KS)):
        numbers = "".join(f"{column[i]:>14.2f}" for column in columns)
        print(f"{name:<11} {k:>4}{numbers} s" + "  <- chosen" * (i == best))
    return clone(pipe).set_params(**validation["params"][best])


def _print_regions(selector: IGLandmarkSelector) -> None:
    """Print the most relevant landmarks of each emotion by region of the face."""
    print("\nThe ten landmarks with the highest relevance for each emotion, by region:")
    for emotion, scores in zip(selector.classes_, selector.landmark_scores_per_class_, strict=True):
        best = np.argsort(-scores, kind="stable")[:10]
        regions = mesh.regions()[best]
        parts = [
            f"{region} {', '.join(map(str, best[regions == region]))}"
            for region, _ in Counter(regions.tolist()).most_common()
        ]
        print(f"  {emotion:<10} {'; '.join(parts)}")


def _print_recall() -> None:
    """Print how many of the moving landmarks of synthetic clips are selected."""
    clips = make_expression_clips(n_clips=N_SYNTHETIC, random_state=0)
    X = LandmarkAligner().fit_transform(clips.data)
    moving = clips.moving.any(axis=0)
    n_moving = int(moving.sum())
    # No redundancy penalty: redundant landmarks count as well.
    selector = IGLandmarkSelector(k=n_moving, redundancy=None, random_state=0).fit(X, clips.target)
    n_found = int(moving[selector.get_landmark_support()].sum())
    print(
        f"\nOn {len(clips.data)} synthetic clips, {n_moving} of 468 landmarks move. Of the "
        f"{n_moving} landmarks\nwith the highest scores, {n_found} move "
        f"({n_found / n_moving:.0%}; chance {n_moving / 468:.0%}).\n"
    )
