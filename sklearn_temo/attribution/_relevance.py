"""Attributions of a data set, aggregated to one relevance per class and landmark."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from ..layout import LandmarkLayout
from ._integrated_gradients import _as_rows, attribution_blocks


@dataclass(frozen=True)
class LandmarkRelevance:
    """Relevance of the landmarks for each class.

    Parameters
    ----------
    per_class : ndarray of shape (n_classes, n_landmarks)
        How far each landmark moves the logit of a class: the absolute value of its attribution,
        which is summed over its frames and coordinates, averaged over the samples of the class
        and the baselines. NaN for a class without samples.
    completeness_gap : float
        Largest relative completeness gap of all pairs.
    n_gradient_evaluations : int
        Gradients of the network that were computed.
    """

    per_class: NDArray[np.float64]
    completeness_gap: float
    n_gradient_evaluations: int

    @property
    def overall(self) -> NDArray[np.float64]:
        """Relevance with equal weight of the classes, ndarray of shape (n_landmarks,).

        Each class's relevance is first divided by its sum over the landmarks, so that a class
        whose logits are large does not outweigh the others.
        """
        present = self.per_class[~np.isnan(self.per_class).any(axis=1)]
        total = present.sum(axis=1, keepdims=True)
        return np.divide(present, total, out=np.zeros_like(present), where=total > 0).mean(axis=0)


def landmark_relevance(
    module: nn.Module,
    X: ArrayLike,
    baselines: ArrayLike,
    target: ArrayLike,
    layout: LandmarkLayout,
    *,
    n_classes: int | None = None,
    n_steps: int | Literal["auto"] = "auto",
    tol: float = 1e-3,
    batch_size: int = 1024,
    device: str | torch.device | None = None,
) -> LandmarkRelevance:
    """Relevance of each landmark for each class, over a whole data set.

    Computes what :func:`integrated_gradients` returns, block by block, and keeps only the sums.

    Parameters
    ----------
    module, X, baselines, n_steps, tol, batch_size, device
        As in :func:`integrated_gradients`. `X` may be a ``np.memmap``.
    target : array-like of int of shape (n_samples,)
        Class of each sample; the logit of this class is explained.
    layout : LandmarkLayout
        Which columns belong to which landmark.
    n_classes : int, default=None
        Number of classes, which the network's outputs must agree with; None for the largest
        target plus one.

    Returns
    -------
    LandmarkRelevance

    Warns
    -----
    ConvergenceWarning
        If a pair of sample and baseline stays above `tol`.
    """
    X, baselines = _as_rows(X, "X"), _as_rows(baselines, "baselines")
    target = np.asarray(target)
    if target.shape != (len(X),) or target.dtype.kind not in "iu":
        raise ValueError(
            f"target must be {len(X)} ints, one for each row of X; got shape {target.shape} and "
            f"dtype {target.dtype}."
        )
    if layout.n_features != X.shape[1]:
        raise ValueError(
            f"layout is one of {layout.n_features} columns, X has {X.shape[1]}: pass the layout "
            "of X."
        )
    n_logits = n_classes
    n_classes = n_classes or int(target.max()) + 1
    sums = np.zeros((n_classes, layout.n_landmarks))
    n_evaluations = n_above = 0
    worst = 0.0
    options: dict[str, Any] = {"n_steps": n_steps, "tol": tol, "batch_size": batch_size}
    options |= {"device": device, "n_logits": n_logits}
    for block in attribution_blocks(module, X, baselines, target, **options):
        # Columns first summed, then made positive: what a landmark adds to the logit is the sum
        # over its frames and coordinates, in which the swings of temporal filters cancel.
        per_sample = layout.unflatten(block.attributions).sum(dim=(1, 3)).abs_().cpu().numpy()
        np.add.at(sums, target[block.samples], per_sample)
        n_evaluations += block.n_evaluations
        n_above += int((block.gap > tol).sum())
        worst = max(worst, float(block.gap.max()))
    if n_above:
        warnings.warn(
            f"the attributions of {n_above} of {len(X) * len(baselines)} pairs of sample and "
            f"baseline miss their exact sum by more than tol={tol:g} of it (at worst by "
            f"{worst:.2g}): pass more n_steps, or a larger tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    n_samples = np.bincount(target, minlength=n_classes)[:, None] * len(baselines)
    per_class = np.divide(sums, n_samples, out=np.full_like(sums, np.nan), where=n_samples > 0)
    return LandmarkRelevance(per_class, worst, n_evaluations)
