"""The whole way on real input: the embedded clips, a search over k, a table and a picture."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from . import mesh
from .alignment import LandmarkAligner
from .classification import TEMOClassifier
from .datasets import load_cremad_sample, make_expression_clips
from .extraction import FaceLandmarkTransformer
from .inspection import LandmarkRelevanceDisplay
from .pipeline import make_temo_pipeline
from .selection import IGLandmarkSelector

_WINDOW = 8
_TRAIN_SHARE = 0.6
_GAP = 2
_N_BLOCKS = 3
_KS = (32, 128, 468)
# Half the default, so that the demo stays short.
_MAX_EPOCHS = 30

_LIMITS = """\
What this does not show: these are six recordings of one actor, one for each emotion. Training and
test are different moments of the same recordings, so the numbers tell how well this person's
emotions in these recordings are recognised, nothing more. They say nothing about other people,
other sentences, or another day; for that, keep people apart with groups (see the user guide).
Nor are the landmarks above those of an emotion: whatever differs between the recordings, such as
how the head is held, tells them apart as well as an expression does."""


class Windows(NamedTuple):
    """Short windows of the frames of some clips."""

    X: NDArray[np.float32]
    """Rows of shape (n_frames * n_landmarks * 3,)."""
    y: NDArray[np.str_]
    """Emotion of the clip."""
    start: NDArray[np.intp]
    """First frame."""
    n_frames_of_clip: NDArray[np.intp]
    """How many frames the clip has."""

    def within(self, begin: float, end: float) -> NDArray[np.bool_]:
        """Windows that lie wholly in a part of their clip, given by shares of its length."""
        first = np.round(begin * self.n_frames_of_clip)
        last = np.round(end * self.n_frames_of_clip)
        return (self.start >= first) & (self.start + _WINDOW <= last)

    def where(self, mask: NDArray[np.bool_]) -> Windows:
        """Some of the windows."""
        return Windows(self.X[mask], self.y[mask], self.start[mask], self.n_frames_of_clip[mask])


def run_demo(output: Path) -> None:
    """Print the tables and draw the picture.

    Parameters
    ----------
    output : Path
        Folder for the picture.
    """
    began = time.perf_counter()
    sample = load_cremad_sample()
    print(f"Extracting landmarks from {len(sample.data)} clips of CREMA-D ...", flush=True)
    windows = _windows(sample)
    train, test = _train_and_test(windows)
    print(
        f"{len(train.y)} windows of {_WINDOW} frames from the first {_TRAIN_SHARE:.0%} of each "
        f"clip to learn from,\n{len(test.y)} from the rest to test on, {_GAP} frames apart; "
        f"{len(np.unique(train.y))} emotions, chance {1 / len(np.unique(train.y)):.2f}.\n"
    )

    search = _search(train)
    _print_table(search, train, test)
    selector = search.best_estimator_["select"]
    _print_regions(selector)
    _print_recall()
    print(_LIMITS)

    output.mkdir(parents=True, exist_ok=True)
    picture = output / "landmark_relevance.png"
    _draw(selector, picture)
    print(f"\nPicture: {picture.resolve()}")
    print(f"The whole demo took {time.perf_counter() - began:.0f} s.")


def _windows(sample: Any) -> Windows:
    """All windows of consecutive frames of the clips."""
    parts = []
    clips = FaceLandmarkTransformer(n_frames=None).extract(sample.data)
    for clip, emotion in zip(clips, sample.target, strict=True):
        rows = np.lib.stride_tricks.sliding_window_view(clip.landmarks, _WINDOW, axis=0)
        rows = np.moveaxis(rows, -1, 1).reshape(len(rows), -1)
        start = np.arange(len(rows))
        n_frames = np.full(len(rows), len(clip.landmarks))
        parts.append(Windows(rows, np.full(len(rows), emotion), start, n_frames))
    return Windows(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _classifiers() -> dict[str, Any]:
    return {
        "T-EMO": TEMOClassifier(n_frames=_WINDOW, max_epochs=_MAX_EPOCHS, random_state=0),
        "linear SVM": make_pipeline(StandardScaler(), SVC(kernel="linear")),
        "RBF SVM": make_pipeline(StandardScaler(), SVC()),
    }


def _train_and_test(windows: Windows) -> tuple[Windows, Windows]:
    """The beginning of each clip, and its end, a few frames later."""
    gap = _GAP / windows.n_frames_of_clip.min()
    train, test = windows.within(0, _TRAIN_SHARE), windows.within(_TRAIN_SHARE + gap, 1)
    return windows.where(train), windows.where(test)


def _folds(train: Windows) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Blocks of the training time, each in turn for validation, a few frames from the rest."""
    bounds = np.linspace(0, _TRAIN_SHARE, _N_BLOCKS + 1)
    gap = _GAP / train.n_frames_of_clip.min()
    splits = []
    for begin, end in pairwise(bounds):
        validation = train.within(begin, end)
        learn = train.within(0, begin - gap) | train.within(end + gap, _TRAIN_SHARE)
        splits.append((np.flatnonzero(learn), np.flatnonzero(validation)))
    return splits


def _search(train: Windows) -> GridSearchCV:
    """Choose k and the classifier within the training time."""
    splits = _folds(train)
    # A window begins anywhere in the clip: there is no neutral first frame to compare with.
    pipe = make_temo_pipeline(
        landmarks="passthrough", n_frames=_WINDOW, reference=None, random_state=0
    ).set_params(
        select__estimator=TEMOClassifier(
            n_components=32,
            noise=0.4,
            max_epochs=_MAX_EPOCHS,
            random_state=0,
        )
    )
    grid = {"select__k": list(_KS), "classify": list(_classifiers().values())}
    n_fits = len(ParameterGrid(grid)) * len(splits)
    print(f"Searching k and the classifier: {n_fits} fits ...", flush=True)
    search = GridSearchCV(pipe, grid, cv=splits, scoring="balanced_accuracy", n_jobs=2)
    return search.fit(train.X, train.y)


def _print_table(search: GridSearchCV, train: Windows, test: Windows) -> None:
    """Each classifier at each k, on the test windows."""
    results = search.cv_results_
    print(
        "                        search           test\n"
        "classifier     k    balanced acc.   accuracy   balanced acc.   fit time"
    )
    names = list(_classifiers())
    for i, settings in enumerate(results["params"]):
        pipe: Pipeline = clone(search.estimator).set_params(**settings)
        began = time.perf_counter()
        pipe.fit(train.X, train.y)
        seconds = time.perf_counter() - began
        found = pipe.predict(test.X)
        name = names[i // len(_KS)]
        chosen = "  <- chosen by the search" if i == search.best_index_ else ""
        print(
            f"{name:<11} {settings['select__k']:>4} {results['mean_test_score'][i]:>13.2f} "
            f"{accuracy_score(test.y, found):>13.2f} "
            f"{balanced_accuracy_score(test.y, found):>13.2f} {seconds:>11.2f} s{chosen}"
        )
    print()


def _print_regions(selector: IGLandmarkSelector) -> None:
    """The best landmarks of each emotion, by region of the face."""
    print("The ten landmarks with the highest relevance for each emotion, by region:")
    for emotion, scores in zip(selector.classes_, selector.landmark_scores_per_class_, strict=True):
        best = np.argsort(-scores, kind="stable")[:10]
        of_region: dict[str, list[int]] = {}
        for landmark in best.tolist():
            of_region.setdefault(str(mesh.regions()[landmark]), []).append(landmark)
        parts = [
            f"{region} {', '.join(map(str, landmarks))}"
            for region, landmarks in sorted(of_region.items(), key=lambda item: -len(item[1]))
        ]
        print(f"  {emotion:<10} {'; '.join(parts)}")
    print()


def _print_recall() -> None:
    """How many of the truly moving landmarks are found where the truth is known."""
    clips = make_expression_clips(n_clips=140, random_state=0)
    X = LandmarkAligner().fit_transform(clips.data)
    truth = clips.moving.any(axis=0)
    n_true = int(truth.sum())
    # All that moves is asked for, also what repeats the rest.
    selector = IGLandmarkSelector(k=n_true, redundancy=None, random_state=0).fit(X, clips.target)
    n_found = int(truth[selector.get_landmark_support()].sum())
    print(
        f"On {len(clips.data)} synthetic clips, where {n_true} of 468 landmarks truly move: of the "
        f"{n_true} with the\nhighest scores, {n_found} do ({n_found / n_true:.0%}; by chance "
        f"{n_true / 468:.0%}).\n"
    )


def _draw(selector: IGLandmarkSelector, path: Path) -> None:
    import matplotlib as mpl

    # Write a file, whether there is a screen or not.
    mpl.use("Agg")
    LandmarkRelevanceDisplay.from_estimator(selector).figure_.savefig(path, dpi=150)
