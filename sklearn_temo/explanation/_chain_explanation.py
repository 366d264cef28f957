"""Explanation of the clips that one chain of fitted steps decides on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches

from .._progress import Progress
from ..alignment import LandmarkAligner
from ..attribution import integrated_gradients
from ..layout import LandmarkLayout, restore_positions
from ._explained_function import BATCH_SIZE, ExplainedFunction, FittedChain

# Smallest denominator of the relative completeness gap, as a share of the logits.
_SMALL_DIFFERENCE = 0.01


@dataclass(frozen=True)
class ChainExplanation:
    """Explanation of the clips that one chain decides on; see :class:`ClipExplanation`."""

    shares: NDArray[np.float32]
    logit: NDArray[np.float64]
    base_logit: NDArray[np.float64]
    gap: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    support: NDArray[np.bool_]
    has_reference_frame: bool
    landmark_names: tuple[str, ...] | None


def explain_chain(
    chain: FittedChain,
    clips: Any,
    rows: Any,
    outputs: NDArray[np.intp],
    baselines: Any,
    progress: Progress,
) -> ChainExplanation:
    """Explain the given outputs of a chain for clips, one output for each clip.

    `rows` are the prepared `clips`. `baselines` are "typical", "still" or clips as `chain` takes
    them.
    """
    layout = chain.layout(rows)
    function = chain.function(rows)
    _check_linear(chain, function, rows)
    rows = np.asarray(rows)
    positions, has_reference_frame = _positions(chain, layout, rows, np.asarray(clips))
    baselines = _find_baselines(chain, baselines, layout, has_reference_frame)
    n_outputs = function.outputs(baselines[:1]).shape[1]
    if chain.classes is None and not 0 <= outputs.min() <= outputs.max() < n_outputs:
        raise ValueError(
            f"target must be from 0 to {n_outputs - 1}, the outputs of the regressor, got "
            f"{outputs.tolist()}."
        )
    # Of two classes, the first one has the opposite logit.
    targets = outputs if function.is_binary or n_outputs > 1 else None
    shares = np.empty((len(rows), layout.n_frames, layout.n_landmarks), dtype=np.float32)
    total = np.empty(len(rows))
    for batch in gen_batches(len(rows), BATCH_SIZE):
        of_batch = None if targets is None else targets[batch]
        with warnings.catch_warnings():
            # Of single baselines; the caller warns of the mean.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found, _ = integrated_gradients(
                function, rows[batch], baselines, of_batch, average=True
            )
        found = layout.unflatten(found).sum(axis=-1)
        shares[batch], total[batch] = found, found.sum(axis=(1, 2), dtype=np.float64)
        progress.advance(len(found))
    logit = function.logits(rows, outputs)
    base_logit = np.array([function.logits(baselines, k).mean() for k in range(max(outputs) + 1)])
    base_logit = base_logit[outputs]
    difference = logit - base_logit
    size = np.maximum(np.abs(difference), _SMALL_DIFFERENCE * (np.abs(logit) + np.abs(base_logit)))
    size = np.maximum(size, np.finfo(np.float32).eps)
    support = chain.support(layout)
    return ChainExplanation(
        shares=shares,
        logit=logit,
        base_logit=base_logit,
        gap=np.abs(total - difference) / size,
        landmarks=positions,
        support=np.broadcast_to(support, (len(rows), layout.n_landmarks)),
        has_reference_frame=has_reference_frame,
        landmark_names=layout.names,
    )


def _find_baselines(
    chain: FittedChain, baselines: Any, layout: LandmarkLayout, has_reference_frame: bool
) -> NDArray[Any]:
    """Prepared baselines of shape (n_baselines, n_features)."""
    if not isinstance(baselines, str):
        names = [f"baseline {i}" for i in range(len(baselines))]
        rows = np.asarray(prepare(chain, baselines, names))
        if rows.shape[1] != layout.n_features:
            raise ValueError(
                f"baselines must have the {layout.n_features} columns of the clips, got "
                f"{rows.shape[1]}."
            )
        return rows
    rows = chain.baselines()
    if baselines == "typical":
        return rows
    if not has_reference_frame:
        raise ValueError(
            'baselines="still" needs clips of two frames or more that are displacements from '
            'frame 0, as after LandmarkAligner(reference="first"): pass baselines="typical".'
        )
    prepared = chain.steps[: chain.n_prepared]
    if prepared and not isinstance(prepared[-1], LandmarkAligner):
        raise ValueError(
            f'baselines="still" sets displacements to 0, but {type(prepared[-1]).__name__}, which '
            "follows the alignment, may change what 0 means: move it behind the landmark selector, "
            "or pass clips without movement as baselines."
        )
    clips = layout.unflatten(rows).copy()
    clips[:, 1:] = 0
    return layout.flatten(clips)


def prepare(chain: FittedChain, rows: Any, names: list[str]) -> Any:
    """Apply the steps that prepare the clips with the given names."""
    rows = chain.prepare(rows)
    missing = np.isnan(np.asarray(rows)).any(axis=1)
    if missing.any():
        raise ValueError(
            f"{names[missing.argmax()]} has missing landmarks (NaN), like clips without a face: "
            "leave it out."
        )
    return rows


def _check_linear(chain: FittedChain, function: ExplainedFunction, rows: Any) -> None:
    """Raise TypeError if a model with coefficients predicts something else than its linear form."""
    if not hasattr(chain.final, "coef_"):
        return
    found = function.outputs(np.asarray(rows))
    predict = chain.final.predict if chain.classes is None else chain.final.decision_function
    expected = np.reshape(predict(chain.reduce(rows)), (len(found), -1))
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-3, atol=1e-3):
        raise TypeError(
            f"{type(chain.final).__name__} has coefficients, but its predictions are not linear: "
            "it cannot be explained."
        )


def _positions(
    chain: FittedChain, layout: LandmarkLayout, rows: NDArray[Any], original: NDArray[Any]
) -> tuple[NDArray[np.float32], bool]:
    """Landmarks before the alignment, and whether frame 0 is a reference frame of the others."""
    aligners = [step for step in chain.steps if isinstance(step, LandmarkAligner)]
    # Steps such as scalers change positions.
    clips = layout.unflatten(original if original.shape == rows.shape else rows)
    # Rows that were aligned before are recognised by their sizes.
    positions, has_reference_frame = restore_positions(clips)
    if aligners:
        has_reference_frame = aligners[-1].reference == "first" and layout.n_frames > 1
    return positions.astype(np.float32), has_reference_frame
