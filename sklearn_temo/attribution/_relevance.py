"""Attributions of a data set, aggregated to one relevance per class and landmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..layout import LandmarkLayout
from ._blocks import AttributionBlock, as_rows, attribution_blocks
from ._gaps import warn_of_gaps
from ._progress import reported


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
    n_pairs : int
        Pairs of sample and baseline.
    n_unconverged : int
        Of these, the ones whose gap is above the tolerance.
    """

    per_class: NDArray[np.float64]
    completeness_gap: float
    n_gradient_evaluations: int
    n_pairs: int
    n_unconverged: int

    def warn(self, tol: float, n_steps: int | Literal["auto"], stacklevel: int) -> None:
        """Warn where pairs miss the tolerance.

        Parameters
        ----------
        tol : float
        n_steps : int or "auto"
            With which it came to this.
        stacklevel : int
            Of :func:`warnings.warn`.
        """
        if self.n_unconverged:
            warn_of_gaps(
                self.n_unconverged, self.n_pairs, self.completeness_gap, tol, n_steps, stacklevel
            )

    @property
    def overall(self) -> NDArray[np.float64]:
        """Relevance with equal weight of the classes, ndarray of shape (n_landmarks,).

        Each class's relevance is first divided by its sum over the landmarks, so that a class
        whose logits are large does not outweigh the others.
        """
        present = self.per_class[~np.isnan(self.per_class).any(axis=1)]
        if not len(present):
            return np.full(self.per_class.shape[1], np.nan)
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
    verbose: int = 0,
) -> LandmarkRelevance:
    """Relevance of each landmark for each class, over a whole data set.

    Computes what :func:`integrated_gradients` returns, block by block, and keeps only the sums.

    Parameters
    ----------
    module, X, baselines, n_steps, tol, batch_size, device, verbose
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
    sums = RelevanceSums(X, baselines, target, layout, n_classes)
    blocks = sums.blocks(module, n_steps=n_steps, tol=tol, batch_size=batch_size, device=device)
    for _ in reported(blocks, sums.n_pairs, verbose):
        pass
    relevance = sums.relevance()
    relevance.warn(tol, n_steps, stacklevel=4)
    return relevance


class RelevanceSums:
    """Relevance of landmarks, summed up block by block.

    Parameters
    ----------
    X, baselines, target, layout, n_classes
        As in :func:`landmark_relevance`.
    """

    def __init__(
        self,
        X: ArrayLike,
        baselines: ArrayLike,
        target: ArrayLike,
        layout: LandmarkLayout,
        n_classes: int | None,
    ) -> None:
        self.X, self.baselines = as_rows(X, "X"), as_rows(baselines, "baselines")
        if not len(self.X):
            raise ValueError("X has no rows, of which relevance could be taken.")
        self.target = np.asarray(target)
        if self.target.shape != (len(self.X),) or self.target.dtype.kind not in "iu":
            raise ValueError(
                f"target must be {len(self.X)} ints, one for each row of X; got shape "
                f"{self.target.shape} and dtype {self.target.dtype}."
            )
        if layout.n_features != self.X.shape[1]:
            raise ValueError(
                f"layout is one of {layout.n_features} columns, X has {self.X.shape[1]}: pass the "
                "layout of X."
            )
        self.layout = layout
        self.n_logits = n_classes
        self.n_pairs = len(self.X) * len(self.baselines)
        self._sums = np.zeros((n_classes or int(self.target.max()) + 1, layout.n_landmarks))
        self._n_evaluations = self._n_unconverged = 0
        self._worst = 0.0

    def blocks(
        self, module: nn.Module, *, tol: float, **options: Any
    ) -> Iterator[AttributionBlock]:
        """Attribute block by block, and add each to the sums.

        Parameters
        ----------
        module : torch.nn.Module
        tol : float
        **options
            As in :func:`integrated_gradients`.

        Yields
        ------
        AttributionBlock
            Already added.
        """
        blocks = attribution_blocks(
            module,
            self.X,
            self.baselines,
            self.target,
            tol=tol,
            n_logits=self.n_logits,
            columnwise=True,
            **options,
        )
        # Closed at once when the work is cut short, so that the module is then as it was before.
        sums = torch.from_numpy(self._sums)
        with closing(blocks):
            for block in blocks:
                for samples, piece in block.pieces:
                    classes = torch.tensor(self.target[samples], dtype=torch.int64)
                    # A hundred times faster than np.add.at.
                    sums.index_add_(0, classes, self._shares(piece))
                self._n_evaluations += block.n_evaluations
                self._n_unconverged += int((block.gap > tol).sum())
                self._worst = max(self._worst, float(block.gap.max()))
                yield block

    def _shares(self, attributions: Tensor) -> Tensor:
        """How far each landmark moves the logit, Tensor of shape (n_samples, n_landmarks)."""
        # Columns first summed, then made positive: what a landmark adds to the logit is the sum
        # over its frames and coordinates, in which the swings of temporal filters cancel.
        n_columns = self.layout.n_landmarks * self.layout.n_coords
        # Frames first, which is a sum of contiguous rows.
        shares = attributions.unflatten(1, (-1, n_columns)).sum(dim=1)
        shares = shares.unflatten(1, (-1, self.layout.n_coords)).sum(dim=2).abs_()
        return shares.cpu().double()

    def relevance(self) -> LandmarkRelevance:
        """The means.

        Returns
        -------
        LandmarkRelevance
        """
        sums = self._sums
        n_summed = np.bincount(self.target, minlength=len(sums))[:, None] * len(self.baselines)
        per_class = np.divide(sums, n_summed, out=np.full_like(sums, np.nan), where=n_summed > 0)
        return LandmarkRelevance(
            per_class, self._worst, self._n_evaluations, self.n_pairs, self._n_unconverged
        )
