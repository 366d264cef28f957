"""Integrated Gradients of many samples against many baselines."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ._blocks import as_rows, attribution_blocks, dtype_of
from ._gaps import warn_of_gaps
from ._progress import reported


def integrated_gradients(
    module: nn.Module,
    X: ArrayLike,
    baselines: ArrayLike,
    target: ArrayLike,
    *,
    n_steps: int | Literal["auto"] = "auto",
    tol: float = 1e-3,
    batch_size: int = 1024,
    device: str | torch.device | None = None,
    average: bool = False,
    verbose: int = 0,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    r"""Integrated Gradients of every sample against every baseline.

    .. math::

        \mathrm{IG}_i(x, b) = (x_i - b_i) \int_0^1
        \frac{\partial F}{\partial x_i}\bigl(b + \alpha (x - b)\bigr)\, d\alpha

    Parameters
    ----------
    module : torch.nn.Module
        Rows to logits, ``(n, n_features) -> (n, n_classes)``; or ``(n,)`` or ``(n, 1)`` for the
        logit of the second of two classes. Where it begins with affine maps and says so by a
        method ``affine_front()`` (see :ref:`affine_front`), or is an ``nn.Sequential``, the
        integral is taken behind them, which is exact and far cheaper.
    X : array-like of shape (n_samples, n_features)
        Samples.
    baselines : array-like of shape (n_baselines, n_features)
        Where the paths begin.
    target : array-like of int of shape (n_samples,) or int
        The class whose logit is explained, for each sample: the number of an output.
    n_steps : int or "auto", default="auto"
        Gauss-Legendre nodes of the integral. "auto" begins with 8 and doubles them, up to 256, for
        those pairs of sample and baseline whose gap exceeds `tol`; the best of the tried is kept.
    tol : float, default=1e-3
        Largest relative completeness gap that "auto" is content with, and that is not warned of.
    batch_size : int, default=1024
        Points of paths evaluated at once; it bounds the memory.
    device : str or torch.device, default=None
        Where to compute; None for where the module is. The module is moved there, and back.
    average : bool, default=False
        Return the mean over the baselines, which takes the memory of one.
    verbose : int, default=0
        Print how far the work is, about once a second.

    Returns
    -------
    attributions : ndarray of shape (n_baselines, n_samples, n_features)
        In the module's dtype; of shape (n_samples, n_features) with `average`.
    gap : ndarray of shape (n_baselines, n_samples)
        How far the attributions of a pair are from their exact sum,
        ``|sum_i IG_i - (F(x) - F(b))| / max(|F(x) - F(b)|, 0.01 (|F(x)| + |F(b)|))``.

    Raises
    ------
    ValueError
        If shapes do not fit, a target is not the number of an output, or a number is not finite.
    TypeError
        If the network's output is not one tensor, or it computes in half precision.

    Warns
    -----
    ConvergenceWarning
        If the gap of a pair stays above `tol`. Where a network has kinks (ReLU, max pooling) or
        jumps, it falls slowly or not at all.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML. arXiv 1703.01365.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_temo.attribution import integrated_gradients
    >>> attributions, gap = integrated_gradients(
    ...     nn.Linear(3, 2), np.ones((4, 3)), np.zeros((1, 3)), target=0
    ... )
    >>> attributions.shape, gap.shape
    ((1, 4, 3), (1, 4))
    """
    X = as_rows(X, "X")
    baselines = as_rows(baselines, "baselines")
    dtype = torch.empty(0, dtype=dtype_of(module)).numpy().dtype
    attributions = np.zeros(X.shape if average else (len(baselines), *X.shape), dtype=dtype)
    gap = np.empty((len(baselines), len(X)), dtype=dtype)
    blocks = attribution_blocks(
        module,
        X,
        baselines,
        target,
        n_steps=n_steps,
        tol=tol,
        batch_size=batch_size,
        device=device,
    )
    for block in reported(blocks, gap.size, verbose):
        for samples, piece in block.pieces:
            if average:
                attributions[samples] += piece.div_(len(baselines)).cpu().numpy()
            else:
                attributions[block.baseline, samples] = piece.cpu().numpy()
        gap[block.baseline, block.samples] = block.gap.cpu().numpy()
    n_unconverged = int((gap > tol).sum())
    if n_unconverged:
        warn_of_gaps(n_unconverged, gap.size, float(gap.max()), tol, n_steps, stacklevel=3)
    return attributions, gap
