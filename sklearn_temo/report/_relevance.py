"""Section of a report on the relevance of the landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .. import mesh
from .._pipelines import fitted_steps
from ..inspection._fitted_selectors import Relevance, find_relevance, mean_relevance
from ._clips import ReportClips, aligned_landmarks


def describe_relevance(estimator: Any, clips: ReportClips) -> dict[str, Any] | None:
    """Relevance of each landmark for each class, on the mean face of the class or by name.

    None if the fitted estimator has no landmark selector.
    """
    found = find_relevance(estimator)
    if not found:
        return None
    # A step in front of the selector may compute blendshapes from the landmarks.
    names = None if found[0].layout is None else found[0].layout.names
    layout = found[0].layout if names else clips.layout(estimator)
    if layout is None or found[0].support.shape[-1] != layout.n_landmarks:
        return None
    classes = getattr(estimator, "classes_", None)
    scores, supports, titles = mean_relevance(found, classes, per_class=True)
    by_class = {} if titles is None else dict(zip(map(str, titles), scores, strict=True))
    overall = _normalised(np.atleast_2d(scores)).mean(axis=0)
    kept = np.any(np.atleast_2d(supports), axis=0)
    is_face = mesh.is_full_mesh(layout.n_landmarks)
    return {
        "names": names,
        "positions": None if names else _mean_positions(clips, layout, estimator),
        "triangles": mesh.triangles() if is_face else [],
        "contours": mesh.contours() if is_face else {},
        "regions": mesh.regions(layout.n_landmarks) if is_face else None,
        "scores": {"all": overall, **by_class},
        "ranking": _ranking(estimator, found, overall, kept),
        "k": int(kept.sum()),
    }


def _normalised(scores: NDArray[Any]) -> NDArray[Any]:
    """Scores of each class divided by their sum, as in `landmark_scores_`."""
    total = scores.sum(axis=1, keepdims=True)
    return np.divide(scores, total, out=np.zeros_like(scores), where=total > 0)


def _mean_positions(clips: ReportClips, layout: Any, estimator: Any) -> dict[str, NDArray[Any]]:
    """Mean last frame of each class and of all clips, centred."""
    last = aligned_landmarks(layout.unflatten(np.asarray(clips.rows)), estimator)[:, -1]
    last -= last.mean(axis=(0, 1))
    means = {"all": last.mean(axis=0)}
    for label in np.unique(clips.y):
        means[str(label)] = last[clips.y == label].mean(axis=0)
    return means


def _ranking(
    estimator: Any, found: list[Relevance], scores: NDArray[Any], kept: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Rank of each landmark; by the scores without a single ranking, kept landmarks first."""
    if len(found) == 1 and found[0].support.ndim == 1:
        for step in fitted_steps(estimator):
            if hasattr(step, "get_landmark_support") and hasattr(step, "ranking_"):
                return step.ranking_
    return rankdata(np.where(kept, -1 - scores, -scores), method="ordinal")
