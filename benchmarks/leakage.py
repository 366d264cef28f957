"""Wrong ways to evaluate beside the right ones, and what they change: ``make bench-leakage``.

Each mistake is made on purpose, on data for which its effect can be seen. With labels that are
drawn at random, the right score is that of chance, and what is above it comes from the mistake. The
rows with true labels show what the mistake changes there. The table and the pictures are written to
``docs/benchmarks``, from which the documentation includes them.

    python -m benchmarks.leakage --n-repeats 2 --out /tmp    a quick run
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.claims_scores import signed
from benchmarks.pipeline_figures import CKPLUS, ckplus, standard_error
from benchmarks.side_by_side import table
from benchmarks.tables import FOLDER, write_table
from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkLayout,
    TEMOClassifier,
)
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles, make_expression_clips
from sklearn_temo.mirror import Mirror

N_FOLDS = 5
N_FRAMES, N_WINDOW, STRIDE = 16, 16, 4
# Few clips, as in many studies: the fewer, the larger the effect of a selection on all clips.
N_FEW = 24
KS, COSTS = [5, 20, 80], [0.001, 0.01, 0.1, 1.0]
# Not the colours of a method.
WRONG, RIGHT = "#E69F00", "#56B4E9"


class Mistake(NamedTuple):
    """A mistake on one kind of data.

    Parameters
    ----------
    name, data : str
        What is done wrong, and the clips, the labels and the classifier.
    measure : callable
        Takes a seed, and returns the score of the wrong and of the right way.
    chance : float or None
        Score of guessing, in percent. None if the numbers are differences.
    """

    name: str
    data: str
    measure: Callable[[int], tuple[float, float]]
    chance: float | None


def mistakes(has_ckplus: bool) -> list[Mistake]:
    """List the mistakes in the order of the table."""
    people = "people on both sides of a split"
    windows = "windows of one video on both sides of a split"
    of_video = "random label of each video, windows of 16 frames of 6 clips of CREMA-D"
    selection = "landmarks selected before the split"
    search = "best score of a search reported"
    mirror = "mirror image on the other side of a split"
    random = f"random labels, {N_FEW} synthetic clips of {N_FEW} people"
    rows = [
        Mistake(
            people,
            "random label of each person, 120 synthetic clips of 20 people; linear SVM",
            people_with_random_labels,
            50,
        ),
        Mistake(
            people,
            "7 emotions, 140 synthetic clips of 10 people, neutral face not subtracted; "
            "T-EMO, randomized",
            people_with_emotions,
            100 / 7,
        ),
        Mistake(
            people,
            "7 emotions, CK+, neutral face subtracted; T-EMO, randomized",
            people_of_ckplus,
            100 / 7,
        ),
        Mistake(
            windows,
            f"{of_video}, first frame not subtracted; RBF SVM",
            windows_of_videos,
            50,
        ),
        Mistake(
            windows,
            f"{of_video}, first frame subtracted; RBF SVM",
            lambda seed: windows_of_videos(seed, "first"),
            50,
        ),
        Mistake(
            mirror,
            "random labels, 102 photographs of 102 people; T-EMO, randomized",
            mirrored,
            50,
        ),
        Mistake(
            "mirror images tested too, beside their clip",
            "neutral or smiling, 204 photographs of 102 people; linear SVM",
            mirror_images_tested,
            50,
        ),
        Mistake(
            "columns selected before the split",
            f"{random}; 20 columns with the largest F values, linear SVM",
            columns_by_f_value,
            50,
        ),
        Mistake(
            selection,
            f"{random}; 10 landmarks by IGLandmarkSelector, linear SVM",
            landmarks_with_random_labels,
            50,
        ),
        Mistake(
            selection,
            "neutral or smiling, 80 photographs of 40 people; 10 landmarks by IGLandmarkSelector, "
            "linear SVM",
            landmarks_of_smiles,
            50,
        ),
        Mistake(
            "scaler and PCA fitted before the split",
            "neutral or smiling, 80 photographs of 40 people; linear SVM",
            scaled_before,
            50,
        ),
        Mistake(
            search,
            f"{random}; 12 candidates for k and C",
            search_with_random_labels,
            50,
        ),
        Mistake(
            search,
            "neutral or smiling, 80 photographs of 40 people; 12 candidates for k and C",
            search_of_smiles,
            50,
        ),
        Mistake(
            "accuracy instead of balanced accuracy",
            "happiness against the rest, 140 synthetic clips; always predicts the rest",
            accuracy_of_majority,
            50,
        ),
        Mistake(
            "accuracy instead of balanced accuracy",
            "each of 7 emotions against the rest, 140 weak synthetic clips; linear SVM",
            accuracy_of_svm,
            50,
        ),
        *(
            Mistake(
                "selected landmarks compared with chance, not with random landmarks",
                f"neutral or smiling, 204 photographs of 102 people, {k} landmarks; "
                "T-EMO, randomized",
                lambda seed, k=k: lead_of_selected(seed, k),
                None,
            )
            for k in (4, 20)
        ),
    ]
    return [row for row in rows if has_ckplus or row.measure is not people_of_ckplus]


# -- Data ------------------------------------------------------------------------------------


@cache
def smiles() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load aligned photographs, their labels and their people."""
    data = load_london_smiles()
    return LandmarkAligner(rotation="full").fit_transform(data.data), data.target, data.groups


def smiles_of(n_people: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photographs of some people."""
    X, y, groups = smiles()
    drawn = np.random.default_rng(seed).choice(np.unique(groups), n_people, replace=False)
    rows = np.isin(groups, drawn)
    return X[rows], y[rows], groups[rows]


def few_clips(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic clips of one person each, with random labels."""
    clips = make_expression_clips(N_FEW, N_FRAMES, n_subjects=N_FEW, random_state=seed)
    return LandmarkAligner().fit_transform(clips.data), random_labels(N_FEW, seed)


def random_labels(n: int, seed: int) -> np.ndarray:
    """Draw as many labels 0 as 1."""
    return np.random.default_rng(seed).permutation(np.arange(n) % 2)


@cache
def windows() -> tuple[np.ndarray, np.ndarray]:
    """Overlapping windows of the included clips, and the clip of each."""
    rows, videos = [], []
    for number, path in enumerate(load_cremad_sample().data):
        (clip,) = FaceLandmarkTransformer(n_frames=None).extract([path])
        starts = range(0, len(clip.landmarks) - N_WINDOW + 1, STRIDE)
        rows += [clip.landmarks[start : start + N_WINDOW].ravel() for start in starts]
        videos += [number] * len(starts)
    return np.array(rows, dtype=np.float32), np.array(videos)


# -- Scores ----------------------------------------------------------------------------------


def svm(C: float = 1.0) -> BaseEstimator:
    """Make a linear SVM of standardised columns."""
    return make_pipeline(StandardScaler(), SVC(kernel="linear", C=C))


def temo() -> TEMOClassifier:
    """Make a T-EMO that is fitted in closed form."""
    return TEMOClassifier(randomized=True, random_state=0)


def score(model: Any, X: np.ndarray, y: np.ndarray, cv: Any, groups: Any = None) -> float:
    """Balanced accuracy of the predictions of all folds together, in percent."""
    predicted = cross_val_predict(model, X, y, groups=groups, cv=cv)
    return 100 * balanced_accuracy_score(y, predicted)


def mixed(seed: int) -> StratifiedKFold:
    """Folds that do not know the people."""
    return StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)


def apart(seed: int) -> StratifiedGroupKFold:
    """Folds that keep people apart."""
    return StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)


def mixed_and_apart(
    model: Any, X: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """Score with people on both sides of a split, and with people apart."""
    return score(model, X, y, mixed(seed)), score(model, X, y, apart(seed), groups)


def before_and_inside(
    steps: Sequence[Any], model: Any, X: np.ndarray, y: np.ndarray, groups: Any, seed: int
) -> tuple[float, float]:
    """Score with steps that are fitted on all clips, and with steps fitted in each fold."""
    cv = mixed(seed) if groups is None else apart(seed)
    fitted_before = make_pipeline(*steps).fit_transform(X, y)
    return (
        score(model, fitted_before, y, cv, groups),
        score(make_pipeline(*steps, model), X, y, cv, groups),
    )


# -- Mistakes --------------------------------------------------------------------------------


def people_with_random_labels(seed: int) -> tuple[float, float]:
    """Give all clips of a person the same random label."""
    clips = make_expression_clips(120, 4, n_subjects=20, random_state=seed)
    labels = random_labels(20, seed)[clips.groups]
    X = LandmarkAligner().fit_transform(clips.data)
    return mixed_and_apart(svm(0.01), X, labels, clips.groups, seed)


def people_with_emotions(seed: int) -> tuple[float, float]:
    """Classify emotions of faces from which no neutral face is subtracted."""
    clips = make_expression_clips(140, 4, n_subjects=10, random_state=seed)
    X = LandmarkAligner(reference=None).fit_transform(clips.data)
    return mixed_and_apart(temo(), X, clips.target, clips.groups, seed)


def people_of_ckplus(seed: int) -> tuple[float, float]:
    """Classify emotions of CK+ from the movement since the neutral face."""
    X, y, groups = ckplus()
    return mixed_and_apart(
        temo(), LandmarkAligner(n_frames=2).fit_transform(X), y, groups, 400 + seed
    )


def windows_of_videos(seed: int, reference: str | None = None) -> tuple[float, float]:
    """Give all windows of a video the same random label."""
    X, videos = windows()
    X = LandmarkAligner(n_frames=N_WINDOW, reference=reference).fit_transform(X)
    # There are ten ways to halve six videos.
    halves = [half for half in combinations(range(6), 3) if 0 in half]
    y = np.isin(videos, halves[seed % len(halves)]).astype(int)
    # One video of each label is left out.
    fold = np.zeros(6, dtype=int)
    for label in (0, 1):
        of_label = np.unique(videos[y == label])
        fold[of_label] = np.random.default_rng([seed, label]).permutation(3)
    model = make_pipeline(StandardScaler(), SVC(C=10))
    return score(model, X, y, mixed(seed)), score(model, X, y, PredefinedSplit(fold[videos]))


def with_mirror_images(X: np.ndarray) -> np.ndarray:
    """Rows, followed by their mirror images."""
    mirror = Mirror.from_clips(X, LandmarkLayout(1, 468, 3))
    return np.concatenate([X, mirror.apply(X)])


def mirrored(seed: int) -> tuple[float, float]:
    """Give photographs random labels, and their mirror images the same."""
    X, _, groups = smiles()
    # One photograph of each person, so that only mirror images can be recognised.
    order = np.random.default_rng(seed).permutation(len(X))
    rows = order[np.unique(groups[order], return_index=True)[1]]
    X, y = with_mirror_images(X[rows]), np.tile(random_labels(len(rows), seed), 2)
    return mixed_and_apart(temo(), X, y, np.tile(np.arange(len(rows)), 2), seed)


def mirror_images_tested(seed: int) -> tuple[float, float]:
    """Test mirror images in the fold of their photographs."""
    X, y, groups = smiles()
    both, labels = with_mirror_images(X), np.tile(y, 2)
    people = np.tile(groups, 2)
    predicted = cross_val_predict(svm(0.01), both, labels, groups=people, cv=apart(seed))
    of_clips = predicted[: len(X)]
    return (
        100 * balanced_accuracy_score(labels, predicted),
        100 * balanced_accuracy_score(y, of_clips),
    )


def columns_by_f_value(seed: int) -> tuple[float, float]:
    """Select single columns, with random labels."""
    return before_and_inside([SelectKBest(f_classif, k=20)], svm(), *few_clips(seed), None, seed)


def landmarks_with_random_labels(seed: int) -> tuple[float, float]:
    """Select landmarks, with random labels."""
    selector = IGLandmarkSelector(k=10, random_state=0)
    return before_and_inside([selector], svm(), *few_clips(seed), None, seed)


def landmarks_of_smiles(seed: int) -> tuple[float, float]:
    """Select landmarks that tell smiles, with true labels."""
    selector = IGLandmarkSelector(k=10, random_state=0)
    return before_and_inside([selector], svm(), *smiles_of(40, seed), seed)


def scaled_before(seed: int) -> tuple[float, float]:
    """Fit steps that do not use the labels."""
    steps = [StandardScaler(), PCA(20, random_state=0)]
    return before_and_inside(steps, SVC(kernel="linear"), *smiles_of(40, seed), seed)


def search_and_nested(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """Best score of a search, and score of the search on clips that it has not seen."""
    with TemporaryDirectory() as memory:
        pipe = make_pipeline(
            IGLandmarkSelector(memory=memory, random_state=0),
            StandardScaler(),
            SVC(kernel="linear"),
            memory=memory,
        )
        grid = {"iglandmarkselector__k": KS, "svc__C": COSTS}
        search = GridSearchCV(pipe, grid, cv=apart(seed), scoring="balanced_accuracy")
        best = 100 * search.fit(X, y, groups=groups).best_score_
        predicted = np.empty_like(y)
        for train, test in apart(seed).split(X, y, groups):
            search.fit(X[train], y[train], groups=groups[train])
            predicted[test] = search.predict(X[test])
    return best, 100 * balanced_accuracy_score(y, predicted)


def search_with_random_labels(seed: int) -> tuple[float, float]:
    """Search with random labels."""
    X, y = few_clips(seed)
    return search_and_nested(X, y, np.arange(len(y)), seed)


def search_of_smiles(seed: int) -> tuple[float, float]:
    """Search with true labels."""
    return search_and_nested(*smiles_of(40, seed), seed)


def both_accuracies(
    model: Any, X: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """Accuracy and balanced accuracy of the same predictions."""
    predicted = cross_val_predict(model, X, y, groups=groups, cv=apart(seed))
    return 100 * accuracy_score(y, predicted), 100 * balanced_accuracy_score(y, predicted)


def accuracy_of_majority(seed: int) -> tuple[float, float]:
    """Compare the two accuracies of a model that knows nothing."""
    clips = make_expression_clips(140, 2, n_subjects=20, random_state=seed)
    happy = clips.target == "happiness"
    return both_accuracies(DummyClassifier(), clips.data, happy, clips.groups, seed)


def accuracy_of_svm(seed: int) -> tuple[float, float]:
    """Compare the two accuracies of an SVM, mean over the emotions."""
    clips = make_expression_clips(140, 4, n_subjects=20, intensity=(0.1, 0.5), random_state=seed)
    X = LandmarkAligner().fit_transform(clips.data)
    pairs = [
        both_accuracies(svm(0.01), X, clips.target == emotion, clips.groups, seed)
        for emotion in clips.target_names
    ]
    wrong, right = np.mean(pairs, axis=0)
    return wrong, right


def lead_of_selected(seed: int, k: int) -> tuple[float, float]:
    """Lead of selected landmarks over chance, and over random landmarks, in points."""
    X, y, groups = smiles()
    layout = LandmarkLayout(1, 468, 3)
    selector = IGLandmarkSelector(k=k, random_state=0)
    selected = score(make_pipeline(selector, temo()), X, y, apart(seed), groups)
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(3):
        drawn = np.isin(np.arange(468), random.choice(468, k, replace=False))
        model = temo().set_params(n_frames=1, n_coords=3)
        scores.append(score(model, X[:, layout.feature_mask(drawn)], y, apart(seed), groups))
    return selected - 50, selected - float(np.mean(scores))


# -- Output ----------------------------------------------------------------------------------


def measure(rows: Sequence[Mistake], n_repeats: int) -> Iterator[tuple[Mistake, np.ndarray]]:
    """Measure each mistake; yields it with an array of shape (n_repeats, 2)."""
    for row in rows:
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.array([row.measure(seed) for seed in range(n_repeats)])
        print(f"{perf_counter() - start:5.1f} s  {row.name}: {row.data}", flush=True)
        yield row, values


def cells(row: Mistake, values: np.ndarray) -> list[str]:
    """Row of the table: name, data, both scores and their difference with its standard error."""
    wrong, right = values.mean(axis=0)
    difference = values[:, 0] - values[:, 1]
    error = standard_error(difference)
    form = signed if row.chance is None else "{:.1f}".format
    spread = "" if np.isnan(error) else f" ± {error:.1f}"
    return [row.name, row.data, form(wrong), form(right), signed(difference.mean()) + spread]


def draw(measured: Sequence[tuple[Mistake, np.ndarray]], file: Path, dark: bool) -> None:
    """Draw the scores of the wrong and of the right way as bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [(row, values) for row, values in measured if row.chance is not None]
    ink = "#e8e8e8" if dark else "#222222"
    style = dict.fromkeys(
        ["text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"], ink
    )
    with mpl.rc_context({**style, "svg.hashsalt": "leakage", "font.size": 11}):
        # A heading above the first row of each mistake.
        is_first = [i == 0 or shown[i - 1][0].name != row.name for i, (row, _) in enumerate(shown)]
        places = np.arange(len(shown)) + 0.5 * np.cumsum(is_first)
        figure, ax = plt.subplots(figsize=(8.2, 0.5 * places[-1] + 1.2), layout="constrained")
        for place, first, (row, values) in zip(places, is_first, shown, strict=True):
            if first:
                ax.text(0, place - 0.46, row.name, va="bottom", weight="bold", fontsize=10)
            for side, colour in enumerate((WRONG, RIGHT)):
                height = place + 0.36 * (side - 0.5)
                mean, error = values[:, side].mean(), standard_error(values[:, side])
                ax.barh(height, mean, 0.34, color=colour, zorder=2)
                ax.errorbar(mean, height, xerr=np.nan_to_num(error), color=ink, capsize=2, zorder=3)
                ax.text(103, height, f"{mean:.0f}", va="center", ha="left", fontsize=9)
            ends = [place - 0.42, place + 0.42]
            ax.plot([row.chance] * 2, ends, color=ink, linestyle=":", zorder=4)
        ax.set_yticks(places, [short(row.data) for row, _ in shown], fontsize=9.5)
        ax.set_ylim(places[-1] + 0.5, places[0] - 1)
        ax.set_xlim(0, 110)
        ax.set_xticks(range(0, 101, 25))
        ax.tick_params(axis="y", length=0)
        ax.spines[["left", "right", "top"]].set_visible(False)
        ax.set_xlabel("score in percent (mean and standard error over repeats)")
        handles = [
            plt.Rectangle((0, 0), 1, 1, color=WRONG, label="wrong way"),
            plt.Rectangle((0, 0), 1, 1, color=RIGHT, label="right way"),
            plt.Line2D([], [], color=ink, linestyle=":", label="guessing"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
        figure.savefig(file, transparent=True, metadata={"Date": None})
        plt.close(figure)


def short(data: str) -> str:
    """Labels and clips, without the classifier, on lines of the picture."""
    text = data.partition(";")[0]
    return "\n".join(wrap(text, 48))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the mistakes, print the table, and write it with its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    if not CKPLUS.is_file():
        print(f"CK+: no {CKPLUS.name}; set SKLEARN_TEMO_CKPLUS to its path to include it")
    measured = list(measure(mistakes(CKPLUS.is_file()), options.n_repeats))
    header = ["mistake", "data", "wrong way", "right way", "difference"]
    rows = [cells(*each) for each in measured]
    write_table("leakage", header, rows, options.out)
    for name, dark in (("leakage.svg", False), ("leakage_dark.svg", True)):
        draw(measured, options.out / name, dark)
    print(table(header, rows))


if __name__ == "__main__":
    main()
