"""Mean faces of the classes, on which their relevance is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_array

from .._pipelines import fitted_steps
from ..layout import LandmarkLayout, restore_positions


def class_faces(
    estimator: Any, X: Any, y: Any, classes: Any, layout: LandmarkLayout | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Mean last frame of each class with y up, and its mean displacement from the first frame.

    `classes` are those of the panels, `layout` is that of the rows that the selector was fitted on.
    Both results have shape (n_classes, n_landmarks, 2); (n_landmarks, 2) over all clips without
    `y`, or without classes, as for the outputs of a regression. The displacement is None for clips
    of one frame.
    """
    clips = _aligned_clips(estimator, X, layout)
    first, last = clips[:, 0], clips[:, -1]
    if y is not None:
        check_consistent_length(clips, y)
    if y is None or classes is None or np.ndim(y) > 1:
        of_panels: list[Any] = [slice(None)]
    else:
        of_panels = [np.asarray(y) == label for label in classes]
        for label, members in zip(classes, of_panels, strict=True):
            if not members.any():
                raise ValueError(
                    f"y has no clip of the class {str(label)!r}; pass clips of each of the classes "
                    f"{', '.join(map(str, classes))}, or no y to draw the mean of all clips."
                )
    apex = np.stack([np.nanmean(last[members], axis=0) for members in of_panels])
    start = np.stack([np.nanmean(first[members], axis=0) for members in of_panels])
    if len(of_panels) == 1 and isinstance(of_panels[0], slice):
        apex, start = apex[0], start[0]
    return apex, apex - start if clips.shape[1] > 1 else None


def _aligned_clips(estimator: Any, X: Any, layout: LandmarkLayout | None) -> NDArray[np.float64]:
    """Positions in each frame with y up, ndarray of shape (n_clips, n_frames, n_landmarks, 2)."""
    steps = fitted_steps(estimator)
    aligners = [i for i, step in enumerate(steps) if hasattr(step, "rotation")]
    for step in steps[: aligners[0]] if aligners else []:
        X = step.transform(X)
    rows = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan", input_name="X")
    if layout is None or layout.n_features != rows.shape[1]:
        layout = LandmarkLayout.infer(X)
    frames, is_displaced = restore_positions(layout.unflatten(rows))
    if aligners and not is_displaced:
        aligner = clone(steps[aligners[0]]).set_params(reference=None)
        frames = layout.unflatten(aligner.fit_transform(rows))
    return frames[..., :2] * [1, -1]
