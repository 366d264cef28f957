"""Attributions of a data set, aggregated to one relevance for each class or output and landmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight
from torch import Tensor, nn

from .._progress import Progress
from ..layout import LandmarkLayout
from ._integrated_gradients import (
    PAIRS,
    IntegrationSettings,
    attribution_blocks,
    check_inputs,
    count_outputs,
    dtype_of,
    warn_of_gaps,
)
from ._split_network import device_of, frozen


@dataclass(frozen=True)
class LandmarkRelevance:
    """Relevance of the landmarks for each class, or each output of a regression.

    Parameters
    ----------
    per_class : ndarray of shape (n_classes, n_landmarks) or (n_outputs, n_landmarks)
        Effect of each landmark on the logit of each class. The attributions of a landmark are
        summed over frames and coordinates; the absolute values of the sums are averaged over the
        baselines and the (weighted) samples of the class. NaN for a class without samples. Without
        a target, the effect on each output, averaged over all samples.
    completeness_gap : float
        Largest relative completeness gap of all pairs of sample and baseline.
    n_gradient_evaluations : int
        Number of gradients of the network that were computed; one for each pair in closed form.
    n_pairs : int
        Number of pairs of sample and baseline, counted once for each output that is explained.
    n_unconverged : int
        Number of pairs whose gap is above the tolerance.

    Examples
    --------
    The first of three landmarks has no weight in this network:

    >>> import numpy as np
    >>> import torch
    >>> from sklearn_temo import LandmarkLayout
    >>> from sklearn_temo.attribution import landmark_relevance
    >>> module = torch.nn.Linear(3, 2, bias=False)
    >>> module.weight.data = torch.tensor([[0.0, 1.0, 2.0], [0.0, 3.0, 0.0]])
    >>> layout = LandmarkLayout(n_frames=1, n_landmarks=3, n_coords=1)
    >>> relevance = landmark_relevance(
    ...     module, np.ones((2, 3)), np.zeros((1, 3)), [0, 1], layout
    ... )
    >>> relevance.per_class.round(3)
    array([[0., 1., 2.],
           [0., 3., 0.]])
    >>> relevance.overall.round(2)
    array([0.  , 0.67, 0.33])
    """

    per_class: NDArray[np.float64]
    completeness_gap: float
    n_gradient_evaluations: int
    n_pairs: int
    n_unconverged: int

    @property
    def overall(self) -> NDArray[np.float64]:
        """Mean relevance over the classes or outputs, ndarray of shape (n_landmarks,).

        The relevance of each class is first divided by its sum over the landmarks, so that a class
        with large logits, or an output in a small unit, does not dominate.
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
    target: ArrayLike | None,
    layout: LandmarkLayout,
    *,
    sample_weight: ArrayLike | None = None,
    n_classes: int | None = None,
    n_steps: int | Literal["auto"] = "auto",
    tol: float = 1e-3,
    batch_size: int = 1024,
    device: str | torch.device | None = None,
    verbose: int = 0,
) -> LandmarkRelevance:
    """Relevance of each landmark for each class or output, over a whole data set.

    Computes what :func:`integrated_gradients` returns, block by block, and stores only sums.

    Parameters
    ----------
    module : torch.nn.Module
        Network that maps rows to logits, or to the outputs of a regression, as in
        :func:`integrated_gradients`.
    X : array-like of shape (n_samples, n_features)
        Samples. A ``np.memmap`` is read block by block.
    baselines : array-like of shape (n_baselines, n_features)
        Start points of the paths.
    target : array-like of int of shape (n_samples,) or None
        Class of each sample: the index of the output whose logit is explained. None, as for a
        regression, explains every output for all samples.
    layout : LandmarkLayout
        Layout of the columns of `X`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples in the mean of their class or of an output; None for equal weights.
    n_classes : int, default=None
        Number of classes, or of outputs without a `target`, that the network must have. None for
        the largest target plus one, and a network of any number of classes or outputs.
    n_steps : int or "auto", default="auto"
        Gauss-Legendre nodes of the integral, or "auto", as in :func:`integrated_gradients`.
    tol : float, default=1e-3
        Largest relative completeness gap that is accepted.
    batch_size : int, default=1024
        Number of points at which the network is evaluated at once: samples times nodes of the
        integral. A larger number takes more memory.
    device : str or torch.device, default=None
        Device to compute on; None for the device that the module is on.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    LandmarkRelevance
        Relevance, and how exact it is.

    Raises
    ------
    ValueError
        As :func:`integrated_gradients`; or if `X` does not have the columns of `layout`.

    Warns
    -----
    ConvergenceWarning
        If the completeness gap of a pair of sample and baseline stays above `tol`.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_temo import LandmarkLayout
    >>> from sklearn_temo.attribution import landmark_relevance
    >>> module = torch.nn.Linear(4, 2, bias=False)
    >>> module.weight.data = torch.tensor([[0.0, 1.0, 0.0, 2.0], [3.0, 0.0, -1.0, 0.0]])
    >>> layout = LandmarkLayout(n_frames=2, n_landmarks=2, n_coords=1)
    >>> X, baselines = np.ones((4, 4)), np.zeros((1, 4))
    >>> landmark_relevance(module, X, baselines, [0, 1, 0, 1], layout).per_class.round(3)
    array([[0., 3.],
           [2., 0.]])

    The outputs of a regression, here valence and arousal:

    >>> landmark_relevance(module, X, baselines, None, layout).per_class.round(3)
    array([[0., 3.],
           [2., 0.]])
    """
    settings = IntegrationSettings(n_steps, tol, batch_size, device, verbose)
    relevance = aggregate_relevance(
        module, X, baselines, target, layout, settings, sample_weight, n_classes
    )
    gap = relevance.completeness_gap
    warn_of_gaps(relevance.n_unconverged, relevance.n_pairs, gap, settings)
    return relevance


def aggregate_relevance(
    module: nn.Module,
    X: ArrayLike,
    baselines: ArrayLike,
    target: ArrayLike | None,
    layout: LandmarkLayout,
    settings: IntegrationSettings,
    sample_weight: ArrayLike | None,
    n_classes: int | None,
    on_block: Callable[[], None] = lambda: None,
) -> LandmarkRelevance:
    """:func:`landmark_relevance` without its warning; `on_block` is called after each block."""
    X, baselines, target = check_inputs(X, baselines, target)
    if layout.n_features != X.shape[1]:
        raise ValueError(
            f"X must have the {layout.n_features} columns of layout; got shape {X.shape}."
        )
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    largest_gap, n_evaluations, n_unconverged = 0.0, 0, 0
    with frozen(module, settings.device):
        if target is None:
            device = device_of(module, settings.device)
            row = torch.tensor(baselines[:1], dtype=dtype_of(module), device=device)
            n_rows = count_outputs(module, row)
            if n_classes not in (None, n_rows):
                raise ValueError(
                    f"the network has {n_rows} outputs, but y has {n_classes}: it must return one "
                    "number for each output of y, in the same order."
                )
            targets = [np.full(len(X), output) for output in range(n_rows)]
        else:
            n_rows, targets = n_classes or int(target.max()) + 1, [target]
        sums, total = np.zeros((n_rows, layout.n_landmarks)), np.zeros(n_rows)
        n_pairs = len(X) * len(baselines) * len(targets)
        with Progress("attribution", n_pairs, PAIRS, settings.verbose) as progress:
            for indices in targets:
                total += np.bincount(indices, weight, minlength=n_rows)
                explained = None if target is None and n_rows == 1 else indices
                for block in attribution_blocks(
                    module, X, baselines, explained, settings, n_classes=n_classes, columnwise=True
                ):
                    for samples, piece in block.pieces:
                        shares = _landmark_shares(piece, layout)
                        shares *= torch.from_numpy(weight[samples, None])
                        # A hundred times faster than np.add.at.
                        index = torch.from_numpy(indices[samples])
                        torch.from_numpy(sums).index_add_(0, index, shares)
                    n_evaluations += block.n_evaluations
                    n_unconverged += int((block.gap > settings.tol).sum())
                    largest_gap = max(largest_gap, float(block.gap.max()))
                    progress.advance(len(block.gap))
                    on_block()
    total = total[:, None] * len(baselines)
    per_class = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    return LandmarkRelevance(per_class, largest_gap, n_evaluations, n_pairs, n_unconverged)


def _landmark_shares(attributions: Tensor, layout: LandmarkLayout) -> Tensor:
    """Absolute attribution of each landmark, Tensor of shape (n_samples, n_landmarks)."""
    # Summed before the absolute value is taken: the sum over frames and coordinates is what a
    # landmark adds to the logit; single terms of opposite sign cancel. Frames first, which is a sum
    # of contiguous rows.
    n_columns = layout.n_landmarks * layout.n_coords
    shares = attributions.unflatten(1, (-1, n_columns)).sum(dim=1)
    shares = shares.unflatten(1, (-1, layout.n_coords)).sum(dim=2).abs_()
    return shares.cpu().double()
