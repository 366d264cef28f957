"""Integrated Gradients of many samples against many baselines."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar, gen_batches
from torch import Tensor, nn

from .._progress import Progress
from .._threads import note_torch_threads
from .._warnings import warn_user
from ._split_network import IDENTITY, SplitNetwork, device_of, frozen

# Attributions are computed in pieces of 2 MB of float32: they fit into the cache of a core, and
# malloc reuses their memory.
_PIECE_SIZE = 2**19
# Unit of the progress.
PAIRS = "pairs of sample and baseline"
# Smallest denominator of the relative completeness gap, as a share of the outputs.
_SMALL_DIFFERENCE = 0.01


@dataclass(frozen=True)
class IntegrationSettings:
    """Settings of the numerical integral; see :func:`integrated_gradients`."""

    n_steps: int | Literal["auto"] = "auto"
    tol: float = 1e-3
    batch_size: int = 1024
    device: str | torch.device | None = None
    verbose: int = 0

    def __post_init__(self) -> None:
        if self.n_steps != "auto":
            check_scalar(self.n_steps, "n_steps", Integral, min_val=1)
        check_scalar(self.tol, "tol", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.batch_size, "batch_size", Integral, min_val=1)

    @property
    def step_range(self) -> tuple[int, int]:
        """Smallest and largest number of nodes of a path."""
        return (8, 256) if self.n_steps == "auto" else (self.n_steps, self.n_steps)

    @property
    def block_size(self) -> int:
        """Number of samples that are attributed at once."""
        return max(1, self.batch_size // self.step_range[0])


@dataclass(frozen=True)
class AttributionBlock:
    """Attributions of some samples against one baseline.

    Parameters
    ----------
    baseline : int
        Index of the baseline.
    samples : slice
        Rows of `X`.
    gap : Tensor of shape (n_samples_of_block,)
        Relative completeness gap.
    n_evaluations : int
        Number of gradients that were computed.
    pieces : iterator of (slice, Tensor of shape (n_samples_of_piece, n_features))
        Rows of `X` and their attributions. The iterator computes them; it must be exhausted before
        the next block.
    """

    baseline: int
    samples: slice
    gap: Tensor
    n_evaluations: int
    pieces: Iterator[tuple[slice, Tensor]]


def integrated_gradients(
    module: nn.Module,
    X: ArrayLike,
    baselines: ArrayLike,
    target: ArrayLike | None,
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
        Network that maps rows to logits, ``(n, n_features) -> (n, n_classes)``, or to the outputs
        of a regression. Given a `target`, an output of shape ``(n,)`` or ``(n, 1)`` is the logit of
        the second of two classes. If the network has a method ``affine_front()`` (see
        :ref:`affine_front`) or is an ``nn.Sequential``, the integral is computed behind the affine
        maps that it begins with, which is exact and much cheaper.
    X : array-like of shape (n_samples, n_features)
        Samples.
    baselines : array-like of shape (n_baselines, n_features)
        Start points of the paths.
    target : array-like of int of shape (n_samples,), int or None
        Index of the output that is explained, for each sample or for all. None for a network with a
        single output, such as that of a regression, which is explained as it is.
    n_steps : int or "auto", default="auto"
        Gauss-Legendre nodes of the integral. "auto" uses a closed form where the network has one
        (see :ref:`affine_front`). Otherwise it starts with 8 nodes and doubles them, up to 256, for
        the pairs of sample and baseline whose completeness gap exceeds `tol`, and keeps the result
        with the smallest gap.
    tol : float, default=1e-3
        Largest relative completeness gap that is accepted.
    batch_size : int, default=1024
        Number of points at which the network is evaluated at once: samples times nodes of the
        integral. A larger number takes more memory.
    device : str or torch.device, default=None
        Device to compute on. The module is moved there and back. None for the device it is on.
    average : bool, default=False
        Return the mean over the baselines, which takes the memory of a single one.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    attributions : ndarray of shape (n_baselines, n_samples, n_features)
        In the module's dtype; of shape (n_samples, n_features) with ``average=True``.
    gap : ndarray of shape (n_baselines, n_samples)
        Relative completeness gap of each pair,
        ``|sum_i IG_i - (F(x) - F(b))| / max(|F(x) - F(b)|, 0.01 (|F(x)| + |F(b)|), eps)``, where
        ``eps`` is the machine epsilon of the module's dtype.

    Raises
    ------
    ValueError
        If shapes do not match, a target is not the index of an output or is None for several
        outputs, the network does not return one tensor, or `X`, `baselines`, outputs or gradients
        contain NaN or infinity.

    Warns
    -----
    ConvergenceWarning
        If the gap of a pair stays above `tol`. It decreases slowly or not at all where a network
        has kinks (ReLU, max pooling) or jumps.

    See Also
    --------
    landmark_relevance : The same, aggregated to one relevance for each class and landmark.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML. arXiv 1703.01365.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_temo.attribution import integrated_gradients
    >>> module = torch.nn.Linear(3, 2, bias=False)
    >>> module.weight.data = torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 1.0]])
    >>> attributions, gap = integrated_gradients(
    ...     module, np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 5.0]]), np.zeros((1, 3)), target=0
    ... )
    >>> attributions.round(3)
    array([[[ 1., -2.,  0.],
            [ 3., -0.,  0.]]], dtype=float32)
    >>> bool(gap.max() < 1e-6)
    True
    """
    settings = IntegrationSettings(n_steps, tol, batch_size, device, verbose)
    X, baselines, target = check_inputs(X, baselines, target)
    dtype = dtype_of(module)
    allocate, shape = (np.zeros, ()) if average else (np.empty, (len(baselines),))
    # NumPy allocates large arrays in large pages, whose first use takes a fifth of the time.
    attributions = allocate((*shape, *X.shape), dtype=torch.empty(0, dtype=dtype).numpy().dtype)
    gap = torch.zeros((len(baselines), len(X)), dtype=dtype)
    shown = Progress("attribution", gap.numel(), PAIRS, verbose)
    with frozen(module, device), shown as progress:
        for block in attribution_blocks(module, X, baselines, target, settings):
            for samples, piece in block.pieces:
                if average:
                    attributions[samples] += piece.div_(len(baselines)).cpu().numpy()
                else:
                    attributions[block.baseline, samples] = piece.cpu().numpy()
            gap[block.baseline, block.samples] = block.gap.cpu()
            progress.advance(len(block.gap))
    warn_of_gaps(int((gap > tol).sum()), gap.numel(), float(gap.max()), settings)
    return attributions, gap.numpy()


def check_inputs(
    X: ArrayLike, baselines: ArrayLike, target: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray[np.int64] | None]:
    """Validate; returns X without a copy if it is an array, and a target for each row or None."""
    X, baselines = _as_rows(X, "X"), _as_rows(baselines, "baselines")
    if baselines.shape[1] != X.shape[1]:
        raise ValueError(
            f"baselines must have shape (n_baselines, {X.shape[1]}), with the columns of X; got "
            f"{baselines.shape}."
        )
    if target is None:
        return X, baselines, None
    target = np.asarray(target)
    if target.dtype.kind not in "iub" or target.shape not in ((), (len(X),)):
        raise ValueError(
            f"target must be one int or {len(X)} ints, indices of outputs, one for each row of X; "
            f"got shape {target.shape} and dtype {target.dtype}."
        )
    return X, baselines, np.broadcast_to(target.astype(np.int64), (len(X),)).copy()


def _as_rows(X: Any, name: str) -> NDArray:
    rows = X.detach().cpu().numpy() if isinstance(X, Tensor) else np.asanyarray(X)
    if rows.ndim != 2 or not len(rows) or rows.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must be a 2-D array of numbers with at least one row; got shape {rows.shape} "
            f"and dtype {rows.dtype}. A network that takes another shape can begin with "
            "nn.Unflatten."
        )
    return rows


def dtype_of(module: nn.Module) -> torch.dtype:
    """Precision that a module computes in; float32 if it has no parameters."""
    dtypes = (p.dtype for p in module.parameters() if p.dtype.is_floating_point)
    return next(dtypes, torch.float32)


def warn_of_gaps(
    n_unconverged: int, n_pairs: int, largest_gap: float, settings: IntegrationSettings
) -> None:
    """Warn when attributions did not converge."""
    if n_unconverged:
        warn_user(
            f"{n_unconverged} of {n_pairs} pairs of sample and baseline have a relative "
            f"completeness gap above tol={settings.tol:g} (largest: {largest_gap:.2g}) with at "
            f"most {settings.step_range[1]} nodes (n_steps={settings.n_steps}): pass a larger "
            "n_steps or tol. More nodes help little for a network with kinks (ReLU, max pooling) "
            "or jumps. Where the integral has a closed form, the gap is a rounding error: pass a "
            "larger tol.",
            ConvergenceWarning,
        )


def attribution_blocks(
    module: nn.Module,
    X: NDArray,
    baselines: NDArray,
    target: NDArray[np.int64] | None,
    settings: IntegrationSettings,
    *,
    n_classes: int | None = None,
    columnwise: bool = False,
) -> Iterator[AttributionBlock]:
    """Attribute block by block, in memory that does not grow with the number of samples.

    `module` must be frozen. `target` is None for the only output. `n_classes` is the number of
    classes that the network must have, None for any. With `columnwise`, the attributions are those
    of the output of the network's columnwise map: fewer columns, whose sums over a landmark are the
    same.
    """
    note_torch_threads()
    device = device_of(module, settings.device)
    dtype = dtype_of(module)
    network = SplitNetwork.of(module)
    b = torch.tensor(baselines, dtype=dtype, device=device)
    if not b.isfinite().all():
        raise ValueError(f"baselines contain NaN, infinity or a value too large for {dtype}.")
    n_outputs = count_outputs(lambda row: network.body(network.hidden(row)), b[:1])
    if target is None:
        if n_outputs > 1:
            raise ValueError(
                f"the network has {n_outputs} outputs: pass the index of one of them as target."
            )
        # A single output is the logit of class 1.
        target = np.ones(len(X), dtype=np.int64)
    else:
        _check_target(target, n_outputs, n_classes)
    network.check(module, b[0], b[-1])
    to_columns = network.columnwise
    if columnwise:
        network = replace(network, columnwise=IDENTITY)
    with torch.no_grad():
        b = to_columns(b) if columnwise else b
        hidden_b = network.hidden(b)
    to_input = network.transpose(b[0])
    for samples in gen_batches(len(X), settings.block_size):
        rows = np.ascontiguousarray(X[samples])
        # torch warns about read-only arrays.
        rows = rows if rows.flags.writeable else rows.copy()
        x = torch.as_tensor(rows, dtype=dtype, device=device)
        # The sum is a fast check. A sum of large finite numbers can overflow.
        if not x.sum().isfinite() and not (finite := x.isfinite().all(dim=1)).all():
            row = samples.start + int(finite.int().argmin())
            raise ValueError(
                f"X contains NaN, infinity or a value too large for {dtype}, first in row {row}."
            )
        t = torch.as_tensor(target[samples], device=device)
        n_pieces = ceil(len(x) / max(1, _PIECE_SIZE // b.shape[1]))
        pieces = list(gen_batches(len(x), ceil(len(x) / n_pieces)))
        with torch.no_grad():
            if columnwise:
                x = torch.cat([to_columns(x[piece]) for piece in pieces])
            hidden_x = torch.cat([network.hidden(x[piece]) for piece in pieces])
        has_closed_form = settings.n_steps == "auto" and network.activation is not None
        closed_form = _closed_form(network, hidden_x, hidden_b, t) if has_closed_form else None
        for i in range(len(b)):
            gradient, gap, n_evaluations = _integrate(
                network.body, hidden_x, hidden_b[i], t, settings, closed_form and closed_form(i)
            )
            if gap.isinf().any():
                row = samples.start + int(gap.isinf().int().argmax())
                raise ValueError(
                    f"the outputs or the gradients of {type(module).__name__} are NaN or infinite "
                    f"between baseline {i} and row {row} of X. Check that the loss was finite in "
                    "training, that X has values of about 1, and that the network has gradients "
                    "everywhere, unlike torch.sqrt and norms at 0."
                )
            attributed = (
                (
                    slice(samples.start + piece.start, samples.start + piece.stop),
                    (x[piece] - b[i]).mul_(to_input(gradient[piece])),
                )
                for piece in pieces
            )
            yield AttributionBlock(i, samples, gap, n_evaluations, attributed)
        _release_pages(X)


def count_outputs(network: Callable[[Tensor], Any], row: Tensor) -> int:
    """Count the outputs of a network for a row of shape (1, n_features)."""
    with torch.no_grad():
        output = network(row)
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if len(shape) not in (1, 2) or shape[0] != 1:
        raise ValueError(
            "the network must return its outputs as one tensor of shape (n_rows, n_outputs), "
            f"(n_rows, 1) or (n_rows,), but returned {shape} for one row: flatten its output and "
            "do not squeeze the rows."
        )
    return output.numel()


def _check_target(target: NDArray[np.int64], n_outputs: int, n_classes: int | None) -> None:
    """Raise if the outputs of the network are not logits of the classes of `target`."""
    n_found = max(2, n_outputs)
    invalid = target[(target < 0) | (target >= n_found)]
    if len(invalid):
        problem = f"target contains {invalid[0]}"
    elif n_classes not in (None, n_found):
        problem = f"there are {n_classes} classes"
    else:
        return
    raise ValueError(
        f"the network has {n_outputs} outputs, but {problem}: it must return one logit for each "
        "class, in the order of classes_ (or one for two classes)."
    )


def _release_pages(rows: NDArray) -> None:
    """Release the memory of the pages of a memory map; they can be read from the file again."""
    # The changes of a copy-on-write map are not in the file.
    if isinstance(rows, np.memmap) and rows.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        mapping: Any = rows
        mapping._mmap.madvise(mmap.MADV_DONTNEED)


@cache
def _gauss_legendre(n_steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1]; the weights sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return (nodes + 1) / 2, weights / 2


def _integrate(
    body: Callable[[Tensor], Tensor],
    ends: Tensor,
    start: Tensor,
    target: Tensor,
    settings: IntegrationSettings,
    closed_form: Tensor | None,
) -> tuple[Tensor, Tensor, int]:
    """Mean gradients along straight paths from `start`, with as many nodes as each path needs.

    `closed_form` are the mean gradients, if they are known.

    Returns the gradients, shaped like `ends`; the relative completeness gap of each path, infinite
    where it is not a number; and the number of gradients that were computed.
    """
    direction = ends - start
    with torch.no_grad():
        # Copies, since layers may work in place.
        at_ends = _target_logits(body(ends.clone()), target)
        at_start = body(start[None].clone()).reshape(1, -1).expand(len(target), -1)
        at_start = _target_logits(at_start, target)
    exact = at_ends - at_start
    size = torch.maximum(exact.abs(), _SMALL_DIFFERENCE * (at_ends.abs() + at_start.abs()))
    # Otherwise the gap would overflow for a network that returns 0 at both ends.
    size = size.clamp_min(torch.finfo(size.dtype).eps)

    def gap_of(gradient, paths):
        # Behind nn.Flatten(0), a row is a single number.
        total = (gradient * direction[paths]).reshape(len(gradient), -1).sum(dim=1)
        gap = (total - exact[paths]).abs() / size[paths]
        return gap.nan_to_num(torch.inf, torch.inf)

    def gradients(paths, n_steps):
        n_paths = max(1, settings.batch_size // n_steps)
        parts = zip(direction[paths].split(n_paths), target[paths].split(n_paths), strict=True)
        found = [_mean_gradient(body, start, d, t, n_steps) for d, t in parts]
        gradient = found[0] if len(found) == 1 else torch.cat(found)
        return gradient, gap_of(gradient, paths)

    if closed_form is not None:
        return closed_form, gap_of(closed_form, slice(None)), len(ends)
    n_steps, most_steps = settings.step_range
    best, best_gap = gradients(slice(None), n_steps)
    n_evaluations = len(ends) * n_steps
    paths = torch.nonzero(best_gap > settings.tol)[:, 0]
    while len(paths) and (n_steps := 2 * n_steps) <= most_steps:
        gradient, gap = gradients(paths, n_steps)
        n_evaluations += len(paths) * n_steps
        # On a path with a kink more nodes can be worse.
        better = gap < best_gap[paths]
        best[paths[better]] = gradient[better]
        best_gap[paths[better]] = gap[better]
        paths = paths[best_gap[paths] > settings.tol]
    return best, best_gap, n_evaluations


def _closed_form(
    network: SplitNetwork, ends: Tensor, starts: Tensor, target: Tensor
) -> Callable[[int], Tensor]:
    """Mean gradients along straight paths from a row of `starts`, as a function of its index.

    The mean slope of a function of one variable over an interval is the difference of its values
    divided by the length of the interval.
    """
    activation: Any = network.activation
    rows = torch.cat([starts, ends]).requires_grad_()
    with torch.enable_grad():
        active = activation(rows.clone())
        slope = torch.autograd.grad(active.sum(), rows)[0]
        active = active.detach()
        # The output is affine: the gradient of a logit is the same at every point.
        classes = torch.arange(int(target.max()) + 1, device=target.device)
        points = active[:1].expand(len(classes), *active.shape[1:]).clone().requires_grad_()
        logits = _target_logits(network.output(points.clone()), classes)
        weight = torch.autograd.grad(logits.sum(), points)[0][target]
    n_starts = len(starts)
    # Below this length the quotient loses more digits than the mean of the slopes at both ends,
    # whose error is proportional to the square of the length.
    shortest = torch.finfo(rows.dtype).eps ** (1 / 3)

    def mean_gradient(i: int) -> Tensor:
        length = ends - starts[i]
        is_short = length.abs() < shortest
        mean = (active[n_starts:] - active[i]).div_(length)
        return torch.where(is_short, (slope[n_starts:] + slope[i]) / 2, mean).mul_(weight)

    return mean_gradient


def _mean_gradient(body, start, direction, target, n_steps):
    """Gradient of the target logits, averaged over the nodes of straight paths."""
    nodes, weights = (torch.as_tensor(v).to(direction) for v in _gauss_legendre(n_steps))
    nodes = nodes.view(n_steps, *[1] * direction.ndim)
    points = (start + nodes * direction).flatten(0, 1).requires_grad_()
    with torch.enable_grad():
        logits = _target_logits(body(points.clone()), target.repeat(n_steps))
        if not logits.requires_grad:
            raise ValueError(
                "the network's output has no gradient with respect to its input: compute it with "
                "torch from the given rows, without no_grad, inference_mode or detach."
            )
        gradient = torch.autograd.grad(logits.sum(), points)[0]
    return torch.tensordot(weights, gradient.unflatten(0, (n_steps, len(direction))), dims=1)


def _target_logits(output: Tensor, target: Tensor) -> Tensor:
    """Logit of each row's class; a single output is the logit of the second of two classes."""
    if output.ndim == 1 or output.shape[1] == 1:
        return torch.where(target == 1, 1, -1) * output.reshape(-1)
    return output.gather(1, target[:, None])[:, 0]
