"""Print the figures by which the pipeline is judged: ``make figures``.

T-EMO beside SVMs on real faces of people it has not seen (CK+, where the file is at hand), and
selection and accuracy on synthetic clips whose truth is known.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier, mesh
from sklearn_temo.datasets import make_expression_clips

CKPLUS = Path(
    os.environ.get(
        "SKLEARN_TEMO_CKPLUS", Path(__file__).parents[2] / "shared/data/ckplus/neutral_apex.npz"
    )
)


def ckplus() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks of CK+ (neutral and apex), emotions and people."""
    with np.load(CKPLUS) as data:
        return data["X"].reshape(len(data["X"]), -1), data["y"], data["subject"]


def _later_frames(X: np.ndarray) -> np.ndarray:
    """Without the first frame of two."""
    return X[:, X.shape[1] // 2 :]


def contestants() -> dict[str, Any]:
    """T-EMO and SVMs, each behind the same alignment.

    The SVMs get what the pipeline gives to T-EMO and, as the harder rival, the displacement alone.
    """
    displacement = FunctionTransformer(_later_frames)
    svms = {"linear SVM": SVC(kernel="linear"), "RBF SVM": SVC()}
    found: dict[str, Any] = {"T-EMO": TEMOClassifier(n_frames=2, random_state=0)}
    for name, svm in svms.items():
        found[name] = make_pipeline(StandardScaler(), svm)
        found[f"{name}, displacement"] = make_pipeline(displacement, StandardScaler(), svm)
    return found


def compare_on_ckplus(n_repeats: int) -> dict[str, np.ndarray]:
    """Accuracy and balanced accuracy over people never seen.

    Parameters
    ----------
    n_repeats : int
        Times that the people are dealt to 10 folds anew.

    Returns
    -------
    dict of str to ndarray of shape (n_repeats, 2)
        Of all clips of a repeat together.
    """
    X, y, subject = ckplus()
    scores: dict[str, Any] = {name: [] for name in contestants()}
    for repeat in range(n_repeats):
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=200 + repeat)
        for name, classifier in contestants().items():
            pipe = make_pipeline(LandmarkAligner(n_frames=2), classifier)
            found = cross_val_predict(pipe, X, y, groups=subject, cv=folds)
            scores[name].append([accuracy_score(y, found), balanced_accuracy_score(y, found)])
    return {name: np.array(values) for name, values in scores.items()}


def recall_of_truth(random_state: int) -> tuple[int, float, float, float, float, str]:
    """How many truly moving landmarks come first by score, and in the selector's own order.

    Returns
    -------
    n_true : int
        Landmarks that truly move, of 468.
    at_n, at_twice_n : float
        Share of them among the best `n_true`, and twice as many.
    bottom : float
        Share of truly moving ones among the `n_true` last; by chance ``n_true / 468``.
    quarter : float
        Share of truly moving ones among the first quarter as many that the selector chooses.
    regions : str
        How many regions of the face with moving landmarks have one among these, of how many.
    """
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    truth = clips.moving.any(axis=0)
    n_true = int(truth.sum())
    selector = IGLandmarkSelector(k=n_true, random_state=0).fit(X, clips.target)
    by_score = truth[np.argsort(-selector.landmark_scores_, kind="stable")]
    shares = (by_score[:n_true], by_score[: 2 * n_true], by_score[-n_true:])
    first = selector.set_params(k=n_true // 4).fit(X, clips.target).get_landmark_support()
    moving, chosen = (set(mesh.regions()[mask]) for mask in (truth, truth & first))
    regions = f"{len(chosen)} of {len(moving)}"
    return (
        n_true,
        *(float(part.sum() / n_true) for part in shares),
        float(truth[first].mean()),
        regions,
    )


def accuracy_by_k(ks: tuple[int, ...], random_state: int) -> dict[int, np.ndarray]:
    """T-EMO's accuracy in each of five folds of synthetic people, behind the selector."""
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores: dict[int, Any] = {k: [] for k in ks}
    for train, test in folds.split(X, clips.target, clips.groups):
        for k in ks:
            pipe = Pipeline(
                [
                    ("select", IGLandmarkSelector(k=k, random_state=0)),
                    ("classify", TEMOClassifier(random_state=0)),
                ]
            )
            pipe = clone(pipe).fit(X[train], clips.target[train])
            scores[k].append(pipe.score(X[test], clips.target[test]))
    return {k: np.array(values) for k, values in scores.items()}


def accuracy_by_filters(n_filters: int, random_state: int) -> dict[str, np.ndarray]:
    """What the temporal filters are worth, in each of five folds of synthetic people.

    Returns
    -------
    dict of str to ndarray of shape (5,)
        Accuracy in telling emotions, and in telling clips that run forwards from the same clips
        backwards, whose means over time are equal.
    """
    clips = make_expression_clips(random_state=random_state)
    X = LandmarkAligner().fit_transform(clips.data)
    frames = X.reshape(len(X), 16, -1)
    backwards = np.concatenate([frames[:, :1], frames[:, :0:-1]], axis=1).reshape(X.shape)
    both = np.concatenate([X, backwards])
    tasks = {
        "emotions": (X, clips.target, clips.groups),
        "direction of time": (both, np.repeat([0, 1], len(X)), np.tile(clips.groups, 2)),
    }
    temo = TEMOClassifier(n_filters=n_filters, random_state=0)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return {
        name: cross_val_score(temo, data, target, groups=groups, cv=folds)
        for name, (data, target, groups) in tasks.items()
    }


def standard_error(values: np.ndarray) -> np.ndarray:
    """Of the mean over the first axis."""
    return np.std(values, axis=0, ddof=1) / np.sqrt(len(values))


def main() -> None:
    """Print all of it."""
    if CKPLUS.is_file():
        n_repeats = 3
        print(f"CK+: 231 clips, 81 people, 7 emotions, {n_repeats} x 10 folds by person")
        print(f"{'':<26}accuracy          balanced accuracy")
        for name, values in compare_on_ckplus(n_repeats).items():
            (acc, bal), (acc_error, bal_error) = values.mean(axis=0), standard_error(values)
            print(f"{name:<26}{acc:.3f} +- {acc_error:.3f}    {bal:.3f} +- {bal_error:.3f}")
    else:
        print(f"CK+: no file {CKPLUS.name}; set SKLEARN_TEMO_CKPLUS to its path to include it")
    print("\nSynthetic clips: 300 clips, 30 people, 7 emotions, 16 frames")
    for random_state in range(1, 4):
        n_true, at_n, at_twice_n, bottom, quarter, regions = recall_of_truth(random_state)
        print(
            f"seed {random_state}: by score, recall of {n_true} moving landmarks at k={n_true}: "
            f"{at_n:.3f}, at k={min(468, 2 * n_true)}: {at_twice_n:.3f}; among the last {n_true}: "
            f"{bottom:.3f} (chance {n_true / 468:.3f}); of the first {n_true // 4} that the "
            f"selector chooses {quarter:.3f} move, in {regions} moving regions"
        )
    for k, values in accuracy_by_k((128, 468), random_state=1).items():
        print(f"T-EMO at k={k}: accuracy {values.mean():.3f} +- {standard_error(values):.3f}")
    for n_filters in (1, 4):
        for task, values in accuracy_by_filters(n_filters, random_state=1).items():
            print(
                f"T-EMO with n_filters={n_filters}, {task}: accuracy {values.mean():.3f} "
                f"+- {standard_error(values):.3f}"
            )


if __name__ == "__main__":
    main()
