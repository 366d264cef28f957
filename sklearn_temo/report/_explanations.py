"""Sections of a report that explain single clips by estimators that did not train on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh
from ..explanation import ClipExplanation, explain_clips
from ._clips import ReportClips, aligned_landmarks

_N_CLIPS = 10
# Rows of the timeline, of which named landmarks may have more than regions.
_MAX_ROWS = 16


def explain_by_fold(
    evaluation: Any, clips: ReportClips, indices: NDArray[Any], target: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], ClipExplanation]]:
    """Indices and explanation of the clips of each fold, by the estimator of the fold.

    `target` holds the class to explain for each of `indices`.
    """
    for fold, estimator in enumerate(evaluation.estimators):
        # A class may be missing in the training clips of a fold.
        is_known = np.isin(target, estimator.classes_)
        of_fold = (evaluation.folds[indices] == fold) & is_known
        if of_fold.any():
            rows = clips.take(indices[of_fold])
            yield indices[of_fold], explain_clips(estimator, rows, target=target[of_fold])


def can_explain(evaluation: Any, clips: ReportClips) -> bool:
    """Whether the estimators have a network or are linear, and know their baselines."""
    try:
        explain_clips(evaluation.estimators[0], clips.take([0]))
    except (TypeError, ValueError):
        return False
    return True


def describe_timeline(evaluation: Any, clips: ReportClips) -> dict[str, Any] | None:
    """Mean signed share of each region and frame in the logit of the class, per class.

    Named landmarks take the place of regions. None if the landmarks have no names and are not a
    full mesh.
    """
    tested = np.flatnonzero(evaluation.folds >= 0)
    shares: Any = None
    for indices, explanation in explain_by_fold(evaluation, clips, tested, clips.y[tested]):
        if explanation.landmark_names is not None:
            parts = explanation.by_name()
        elif mesh.is_full_mesh(explanation.attributions.shape[2]):
            parts = explanation.by_region()
        else:
            return None
        if shares is None:
            n_frames = explanation.attributions.shape[1]
            names, shares = list(parts), np.full((len(clips), len(parts), n_frames), np.nan)
        shares[indices] = np.stack(list(parts.values()), axis=1)
    if shares is None:
        return None
    is_explained = np.isfinite(shares).all(axis=(1, 2))
    means = {
        str(label): shares[is_explained & (clips.y == label)].mean(axis=0)
        for label in np.unique(clips.y[is_explained])
    }
    size = np.sum([np.abs(each).sum(axis=1) for each in means.values()], axis=0)
    rows = np.sort(np.argsort(-size, kind="stable")[:_MAX_ROWS])
    # Dropped blendshapes have no shares; regions are few, and always shown.
    rows = rows if explanation.landmark_names is None else rows[size[rows] > 0]
    return {
        "times": None if clips.times is None else clips.times.mean(axis=0),
        "regions": [names[row] for row in rows],
        "shares": {label: each[rows] for label, each in means.items()},
    }


def describe_clips(evaluation: Any, clips: ReportClips) -> dict[str, list[dict[str, Any]]]:
    """The clips that were most surely classified right and wrong, with their explanations."""
    predictions, probabilities = evaluation.predictions, evaluation.probabilities
    tested = np.flatnonzero(evaluation.folds >= 0)
    if probabilities is None:
        certainty = _logits(evaluation, clips, tested)
    else:
        certainty = probabilities.max(axis=1)
    surest = tested[np.argsort(-certainty[tested], kind="stable")]
    is_right = predictions[surest] == clips.y[surest]
    right, wrong = surest[is_right][:_N_CLIPS], surest[~is_right][:_N_CLIPS]
    entries = {}
    chosen = np.concatenate([right, wrong])
    for indices, explanation in explain_by_fold(evaluation, clips, chosen, predictions[chosen]):
        is_named = explanation.landmark_names is not None
        positions = (
            None if is_named else aligned_landmarks(explanation.landmarks, evaluation.estimators[0])
        )
        for i, index in enumerate(indices.tolist()):
            entries[index] = {
                "name": clips.names[index],
                "person": None if clips.groups is None else str(clips.groups[index]),
                "true": str(clips.y[index]),
                "predicted": str(predictions[index]),
                "probability": None if probabilities is None else certainty[index],
                "times": None if clips.times is None else clips.times[index],
                **_describe_explanation(
                    explanation, i, None if positions is None else positions[i]
                ),
            }
    return {
        "right": [entries[index] for index in right.tolist()],
        "wrong": [entries[index] for index in wrong.tolist()],
    }


def _logits(evaluation: Any, clips: ReportClips, tested: NDArray[Any]) -> NDArray[np.float64]:
    """Logit of the predicted class of each clip; NaN for clips that were not tested."""
    logits = np.full(len(clips), np.nan)
    predictions = evaluation.predictions[tested]
    for indices, explanation in explain_by_fold(evaluation, clips, tested, predictions):
        logits[indices] = explanation.logit
    return logits


def _describe_explanation(
    explanation: ClipExplanation, i: int, positions: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Explanation of clip `i`.

    `positions` have the shape (n_frames, n_landmarks, 3); None for named landmarks.
    """
    shares = explanation.attributions[i]
    movement = explanation.movement[i]
    # The last frame, if nothing moves.
    frame = len(movement) - 1 - int(np.abs(movement).sum(axis=1)[::-1].argmax())
    is_face = positions is not None and mesh.is_full_mesh(shares.shape[1])
    return {
        "target": str(explanation.target[i]),
        "logit": explanation.logit[i],
        "base_logit": explanation.base_logit[i],
        "completeness_gap": explanation.completeness_gap[i],
        "names": explanation.landmark_names,
        "positions": (
            None if positions is None else positions[frame] - positions[frame].mean(axis=0)
        ),
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
