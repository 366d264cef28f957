"""Sections of a report that explain single clips by estimators that did not train on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh
from ..explanation import ClipExplanation, explain_clips
from ._clips import ReportClips, aligned_landmarks, steps_of

_N_CLIPS = 10


def explain_by_fold(
    evaluation: Any, clips: ReportClips, indices: NDArray[Any], target: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], ClipExplanation]]:
    """Indices and explanation of the clips of each fold, by the estimator of the fold.

    `target` holds the class to explain for each of `indices`. Raises TypeError if the estimators
    cannot be explained.
    """
    for fold, estimator in enumerate(evaluation.estimators):
        # A class may be missing in the training clips of a fold.
        is_known = np.isin(target, estimator.classes_)
        of_fold = (evaluation.folds[indices] == fold) & is_known
        if of_fold.any():
            rows = clips.take(indices[of_fold])
            yield indices[of_fold], explain_clips(estimator, rows, target=target[of_fold])


def describe_timeline(evaluation: Any, clips: ReportClips) -> dict[str, Any] | None:
    """Mean signed share of each region and frame in the logit of the class, per class.

    None if the landmarks are not a full mesh, or the estimators cannot be explained.
    """
    layout = clips.layout(evaluation.estimators[0])
    if layout is None or not mesh.is_full_mesh(layout.n_landmarks):
        return None
    tested = np.flatnonzero(evaluation.folds >= 0)
    names = _regions_downwards()
    shares = np.full((len(clips), len(names), layout.n_frames), np.nan)
    try:
        for indices, explanation in explain_by_fold(evaluation, clips, tested, clips.y[tested]):
            by_region = explanation.by_region()
            shares[indices] = np.stack([by_region[name] for name in names], axis=1)
    except TypeError:  # the estimators have no network and are not linear
        return None
    is_explained = np.isfinite(shares).all(axis=(1, 2))
    return {
        "times": None if clips.times is None else clips.times.mean(axis=0),
        "regions": names,
        "shares": {
            str(label): shares[is_explained & (clips.y == label)].mean(axis=0)
            for label in np.unique(clips.y[is_explained])
        },
    }


def _regions_downwards() -> list[str]:
    """Regions from the forehead down, the two sides of a pair side by side."""
    regions, height = mesh.regions(), mesh.canonical_face()[:, 1]
    means = {name: height[regions == name].mean().round(1) for name in np.unique(regions).tolist()}
    return sorted(means, key=lambda name: (-means[name], name))


def describe_clips(evaluation: Any, clips: ReportClips) -> dict[str, list[dict[str, Any]]]:
    """The clips that were most surely classified right and wrong.

    Without probabilities, the first ones. Clips have no shares if the estimators cannot be
    explained.
    """
    tested = np.flatnonzero(evaluation.folds >= 0)
    certainty = np.zeros(len(clips))
    if evaluation.probabilities is not None:
        certainty = evaluation.probabilities.max(axis=1)
    surest = tested[np.argsort(-certainty[tested], kind="stable")]
    is_right = evaluation.predictions == clips.y
    chosen = {
        "right": surest[is_right[surest]][:_N_CLIPS],
        "wrong": surest[~is_right[surest]][:_N_CLIPS],
    }
    entries = {
        index: {
            "name": clips.names[index],
            "person": None if clips.groups is None else str(clips.groups[index]),
            "true": str(clips.y[index]),
            "predicted": str(evaluation.predictions[index]),
            "probability": None if evaluation.probabilities is None else certainty[index],
            **dict.fromkeys(_EXPLAINED),
        }
        for index in np.concatenate(list(chosen.values())).tolist()
    }
    indices = np.array(list(entries), dtype=int)
    try:
        for of_fold, explanation in explain_by_fold(
            evaluation, clips, indices, evaluation.predictions[indices]
        ):
            positions = _aligned(evaluation, clips, of_fold)
            for i, index in enumerate(of_fold.tolist()):
                entries[index].update(_describe_explanation(explanation, i, positions[i]))
                if clips.times is not None:
                    entries[index]["times"] = clips.times[index]
    except TypeError:  # the estimators have no network and are not linear
        pass
    return {name: [entries[index] for index in of.tolist()] for name, of in chosen.items()}


# Keys of a clip that need its explanation.
_EXPLAINED = (
    *("target", "logit", "base_logit", "completeness_gap", "positions", "frame", "shares"),
    *("by_region", "times", "identity", "movement", "n_landmarks"),
)


def _aligned(evaluation: Any, clips: ReportClips, indices: NDArray[Any]) -> NDArray[np.float32]:
    estimator = evaluation.estimators[0]
    layout = clips.layout(estimator)
    assert layout is not None  # the clips were explained
    return aligned_landmarks(clips.take(indices), layout, steps_of(estimator))


def _describe_explanation(
    explanation: ClipExplanation, i: int, positions: NDArray[np.float32]
) -> dict[str, Any]:
    """Explanation of clip `i`, which has `positions` of shape (n_frames, n_landmarks, 3)."""
    shares = explanation.attributions[i]
    movement = explanation.movement[i]
    # The last frame, if nothing moves.
    frame = len(movement) - 1 - int(np.abs(movement).sum(axis=1)[::-1].argmax())
    face = positions[frame]
    is_face = mesh.is_full_mesh(shares.shape[1])
    return {
        "target": str(explanation.target[i]),
        "logit": explanation.logit[i],
        "base_logit": explanation.base_logit[i],
        "completeness_gap": explanation.completeness_gap[i],
        "positions": face - face.mean(axis=0),
        "frame": frame,
        "shares": shares.sum(axis=0),
        "by_region": (
            {name: of_frames[i] for name, of_frames in explanation.by_region().items()}
            if is_face
            else None
        ),
        "identity": explanation.identity[i].sum(),
        "movement": movement.sum(),
        "n_landmarks": int(explanation.support[i].sum()),
    }
