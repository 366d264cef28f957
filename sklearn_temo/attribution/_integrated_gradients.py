"""Integrated Gradients of many samples against many baselines."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ._path import SplitNetwork, frozen, gauss_legendre
from ._progress import reported

_FIRST_STEPS = 8
_MOST_STEPS = 256
# Below this share of the outputs' own size a difference of outputs is taken for zero.
_SMALL_DIFFERENCE = 0.01


@dataclass(frozen=True)
class AttributionBlock:
    """Attributions of some samples against one baseline.

    Parameters
    ----------
    baseline : int
        Which baseline.
    samples : slice
        Which samples.
    attributions : Tensor of shape (n_samples_of_block, n_features)
    gap : Tensor of shape (n_samples_of_block,)
        Relative completeness gap.
    n_evaluations : int
        Gradients that this took.
    """

    baseline: int
    samples: slice
    attributions: Tensor
    gap: Tensor
    n_evaluations: int


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
        Largest relative completeness gap that "auto" is content with.
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
        If the network's output is not one tensor.

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
    X = _as_rows(X, "X")
    baselines = _as_rows(baselines, "baselines")
    dtype = torch.empty(0, dtype=_dtype(module)).numpy().dtype
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
        if average:
            attributions[block.samples] += block.attributions.cpu().numpy() / len(baselines)
        else:
            attributions[block.baseline, block.samples] = block.attributions.cpu().numpy()
        gap[block.baseline, block.samples] = block.gap.cpu().numpy()
    return attributions, gap


def attribution_blocks(
    module: nn.Module,
    X: NDArray,
    baselines: NDArray,
    target: ArrayLike,
    *,
    n_steps: int | Literal["auto"] = "auto",
    tol: float = 1e-3,
    batch_size: int = 1024,
    device: str | torch.device | None = None,
    n_logits: int | None = None,
    columnwise: bool = False,
) -> Generator[AttributionBlock]:
    """Stream :func:`integrated_gradients` in blocks of samples, baseline by baseline.

    Parameters
    ----------
    module, X, baselines, target, n_steps, tol, batch_size, device
        As in :func:`integrated_gradients`.
    n_logits : int, default=None
        How many classes the outputs must tell apart; None to accept any number.
    columnwise : bool, default=False
        Attribute behind the network's columnwise map, where it has one: fewer columns, whose sums
        over a landmark are the same.

    Yields
    ------
    AttributionBlock
        Until all pairs are done; the memory does not grow with their number.
    """
    if baselines.shape[1] != X.shape[1]:
        raise ValueError(
            f"baselines have {baselines.shape[1]} features, X has {X.shape[1]}: "
            "they must be of the same kind."
        )
    if n_steps != "auto" and not (isinstance(n_steps, Integral) and n_steps >= 1):
        raise ValueError(f'n_steps must be a positive int or "auto", got {n_steps!r}.')
    if not tol > 0 or batch_size < 1:
        raise ValueError(f"tol and batch_size must be positive, got {tol!r} and {batch_size!r}.")
    if not np.isfinite(baselines).all():
        raise ValueError("baselines contain NaN or infinity.")
    target = np.asarray(target)
    if target.dtype.kind not in "iu":
        raise ValueError(f"target must be ints, the numbers of outputs; got dtype {target.dtype}.")
    target = np.broadcast_to(target.astype(np.int64), (len(X),))
    device = torch.device(device) if device is not None else device_of(module)
    as_tensor: dict[str, Any] = {"dtype": _dtype(module), "device": device}
    first_steps = _FIRST_STEPS if n_steps == "auto" else n_steps
    most_steps = _MOST_STEPS if n_steps == "auto" else n_steps
    n_rows = rows_of_a_block(n_steps, batch_size)
    with frozen(module, device):
        network = SplitNetwork.of(module)
        in_front = network.columnwise if columnwise else None
        if in_front is not None:
            network = replace(network, columnwise=None)
        b = _mapped(in_front, torch.tensor(baselines, **as_tensor))
        hidden_b = network.with_transpose(b)[0]
        with torch.no_grad():
            _check_logits(network.body(hidden_b[:1].clone()), target, n_logits)
        for start in range(0, len(X), n_rows):
            samples = slice(start, min(start + n_rows, len(X)))
            x = _as_tensor(X[samples], as_tensor)
            # The sum is finite where all are, and takes no memory.
            if not torch.isfinite(x.sum()) and not torch.isfinite(x).all():
                raise ValueError(
                    f"X contains NaN or infinity in rows {samples.start} to {samples.stop - 1}."
                )
            x = _mapped(in_front, x)
            t = torch.as_tensor(target[samples].copy(), device=device)
            hidden_x, to_input = network.with_transpose(x)
            for i in range(len(b)):
                mean_gradient, gap, n_evaluations = _integrate(
                    network, hidden_x, hidden_b[i], t, first_steps, most_steps, tol, batch_size
                )
                attributions = to_input(mean_gradient).mul_(x - b[i])
                yield AttributionBlock(i, samples, attributions, gap, n_evaluations)
            _release_pages(X)


def rows_of_a_block(n_steps: int | Literal["auto"], batch_size: int) -> int:
    """How many samples :func:`attribution_blocks` takes at once.

    Parameters
    ----------
    n_steps : int or "auto"
    batch_size : int

    Returns
    -------
    int
    """
    return max(1, batch_size // (_FIRST_STEPS if n_steps == "auto" else n_steps))


def _integrate(network, hidden_x, hidden_b, target, first_steps, most_steps, tol, batch_size):
    """Mean gradient over the paths from one baseline, with its gap and cost."""
    direction = hidden_x - hidden_b
    with torch.no_grad():
        # Copies, which layers that work in place may overwrite.
        at_x = _target_logits(network.body(hidden_x.clone()), target)
        at_b = network.body(hidden_b[None].clone())
        at_b = _target_logits(at_b.reshape(1, -1).expand(len(target), -1), target)
    exact = at_x - at_b
    size = torch.maximum(exact.abs(), _SMALL_DIFFERENCE * (at_x.abs() + at_b.abs()))
    size = size.clamp_min(torch.finfo(size.dtype).tiny)
    best = torch.full_like(direction, torch.nan)
    best_gap = torch.full_like(exact, torch.inf)
    todo = torch.arange(len(target), device=target.device)
    n_steps, n_evaluations = first_steps, 0
    while len(todo):
        gradient = torch.cat(
            [
                _mean_gradient(network.body, hidden_b, direction[rows], target[rows], n_steps)
                for rows in todo.split(max(1, batch_size // n_steps))
            ]
        )
        n_evaluations += len(todo) * n_steps
        total = (gradient * direction[todo]).flatten(1).sum(dim=1)
        gap = (total - exact[todo]).abs() / size[todo]
        # More nodes need not be better: of a path with a kink the luckier ones win.
        better = gap < best_gap[todo]
        best[todo[better]] = gradient[better]
        best_gap[todo[better]] = gap[better]
        n_steps *= 2
        todo = todo[best_gap[todo] > tol] if n_steps <= most_steps else todo[:0]
    return best, best_gap, n_evaluations


def _mean_gradient(body, start, direction, target, n_steps):
    """Gradient of the target logits, averaged over the nodes of straight paths."""
    nodes, weights = (torch.as_tensor(v).to(direction) for v in gauss_legendre(n_steps))
    spread = (n_steps, *[1] * direction.ndim)
    points = (start + nodes.view(spread) * direction).flatten(0, 1).requires_grad_()
    with torch.enable_grad():
        logits = _target_logits(body(points.clone()), target.repeat(n_steps))
        gradient = torch.autograd.grad(logits.sum(), points)[0]
    gradient = gradient.unflatten(0, (n_steps, len(direction)))
    return torch.tensordot(weights, gradient, dims=1)


def _check_logits(output: Any, target: NDArray[np.int64], n_logits: int | None) -> None:
    """Complain where the outputs are not the logits that the targets speak of."""
    if not isinstance(output, Tensor):
        raise TypeError(
            f"the network must return its logits as one tensor, got {type(output).__name__}."
        )
    n_found = 1 if output.ndim == 1 else output.shape[1]
    n_classes = max(2, n_found)
    if n_logits is not None and n_classes != n_logits:
        raise ValueError(
            f"the network has {n_found} outputs, but there are {n_logits} classes: it must return "
            "one logit for each class, in the order of classes_ (or one for two classes)."
        )
    if len(target) and not 0 <= target.min() <= target.max() < n_classes:
        raise ValueError(
            f"target has values from {target.min()} to {target.max()}, but the network tells "
            f"{n_classes} classes apart: pass numbers of outputs, from 0 to {n_classes - 1}."
        )


def _target_logits(output: Tensor, target: Tensor) -> Tensor:
    """The logit of each row's class."""
    if output.ndim == 1 or output.shape[1] == 1:
        return torch.where(target == 1, 1, -1) * output.reshape(-1)
    return output.gather(1, target[:, None])[:, 0]


def device_of(module: nn.Module) -> torch.device:
    """Where a module computes; the CPU for one without parameters."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def _dtype(module: nn.Module) -> torch.dtype:
    return next((p.dtype for p in module.parameters()), torch.float32)


def _mapped(affine: Callable[[Tensor], Tensor] | None, x: Tensor) -> Tensor:
    if affine is None:
        return x
    with torch.no_grad():
        return affine(x)


def _as_tensor(rows: NDArray, as_tensor: dict[str, Any]) -> Tensor:
    """Rows as a tensor, without a copy where that can be; not to be written to."""
    rows = np.ascontiguousarray(rows)
    # torch warns of arrays that are read-only, as if it were to write.
    return (
        torch.as_tensor(rows, **as_tensor)
        if rows.flags.writeable
        else torch.tensor(rows, **as_tensor)
    )


def _release_pages(rows: NDArray) -> None:
    """Let go of the pages of a mapped file that were read; the file keeps what they hold."""
    # Not of a copy-on-write map, whose changes are nowhere else.
    if isinstance(rows, np.memmap) and rows.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        mapping: Any = rows
        mapping._mmap.madvise(mmap.MADV_DONTNEED)


def _as_rows(X: ArrayLike, name: str) -> NDArray:
    rows = X if isinstance(X, np.ndarray) else np.asarray(X)
    if rows.ndim != 2:
        raise ValueError(f"{name} must be 2-D, (n_samples, n_features), got shape {rows.shape}.")
    return rows
