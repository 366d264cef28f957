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

    None if the landmarks are not a full mesh.
    """
    layout = clips.layout(evaluation.estimators[0])
    if layout is None or not mesh.is_full_mesh(layout.n_landmarks):
        return None
    tested = np.flatnonzero(evaluation.folds >= 0)
    shares = np.full((len(clips), len(mesh.REGIONS), layout.n_frames), np.nan)
    for indices, explanation in explain_by_fold(evaluation, clips, tested, clips.y[tested]):
        by_region = explanation.by_region()
        shares[indices] = np.stack(list(by_region.values()), axis=1)
    is_explained = np.isfinite(shares).all(axis=(1, 2))
    return {
        "times": None if clips.times is None else clips.times.mean(axis=0),
        "regions": mesh.REGIONS,
        "shares": {
            str(label): shares[is_explained & (clips.y == label)].mean(axis=0)
            for label in np.unique(clips.y[is_explained])
        },
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
        positions = aligned_landmarks(explanation.landmarks, evaluation.estimators[0])
        for i, index in enumerate(indices.tolist()):
            entries[index] = {
                "name": clips.names[index],
                "person": None if clips.groups is None else str(clips.groups[index]),
                "true": str(clips.y[index]),
                "predicted": str(predictions[index]),
                "probability": None if probabilities is None else certainty[index],
                "times": None if clips.times is None else clips.times[index],
                **_describe_explanation(explanation, i, positions[i]),
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
