"""Attributions of a data set, streamed in blocks."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, TypeGuard

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ._integral import integrate
from ._path import SplitNetwork, frozen

_FIRST_STEPS = 8
_MOST_STEPS = 256
# Numbers of a piece of attributions, 2 MB of float32: what a core keeps near, and what malloc hands
# out again and again, where larger arrays come fresh from the system each time, page by page.
_NUMBERS_OF_A_PIECE = 2**19


@dataclass(frozen=True)
class AttributionBlock:
    """Attributions of some samples against one baseline.

    Parameters
    ----------
    baseline : int
        Which baseline.
    samples : slice
        Which samples.
    gap : Tensor of shape (n_samples_of_block,)
        Relative completeness gap.
    n_evaluations : int
        Gradients that this took.
    pieces : iterator of (slice, Tensor of shape (n_samples_of_piece, n_features))
        The attributions of some samples after the other, made when they are asked for: once, and
        before the next block is.
    """

    baseline: int
    samples: slice
    gap: Tensor
    n_evaluations: int
    pieces: Iterator[tuple[slice, Tensor]]


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
    dtype = dtype_of(module)
    if baselines.shape[1] != X.shape[1]:
        raise ValueError(
            f"baselines have {baselines.shape[1]} features, X has {X.shape[1]}: "
            "they must be of the same kind."
        )
    if not len(baselines):
        raise ValueError("baselines are empty: at least one is needed.")
    if n_steps != "auto" and not _is_count(n_steps):
        raise ValueError(f'n_steps must be a positive int or "auto", got {n_steps!r}.')
    if not tol > 0:
        raise ValueError(f"tol must be positive, got {tol!r}.")
    if not _is_count(batch_size):
        raise ValueError(f"batch_size must be a positive int, got {batch_size!r}.")
    if not np.isfinite(baselines).all():
        raise ValueError("baselines contain NaN or infinity.")
    target = np.asarray(target)
    if target.dtype.kind not in "iub":
        raise ValueError(f"target must be ints, the numbers of outputs; got dtype {target.dtype}.")
    if target.shape not in ((), (len(X),)):
        raise ValueError(
            f"target must be one int, or {len(X)} of them, one for each row of X; got shape "
            f"{target.shape}."
        )
    target = np.broadcast_to(target.astype(np.int64), (len(X),))
    device = torch.device(device) if device is not None else _device_of(module)
    as_tensor: dict[str, Any] = {"dtype": dtype, "device": device}
    first_steps = _FIRST_STEPS if n_steps == "auto" else int(n_steps)
    most_steps = _MOST_STEPS if n_steps == "auto" else int(n_steps)
    n_rows = rows_of_a_block(n_steps, batch_size)
    with frozen(module, device):
        split = network = SplitNetwork.of(module)
        in_front = network.columnwise if columnwise else None
        if in_front is not None:
            network = replace(network, columnwise=None)
        b = _mapped(in_front, torch.tensor(baselines, **as_tensor))
        hidden_b = network.hidden(b)
        _check_logits(network.body, hidden_b[:1], target, n_logits)
        to_input = network.transpose(b[0])
        n_of_a_piece = max(1, _NUMBERS_OF_A_PIECE // b.shape[1])
        buffer = None if in_front is None else b.new_empty(min(n_rows, len(X)), b.shape[1])
        for start in range(0, len(X), n_rows):
            samples = slice(start, min(start + n_rows, len(X)))
            x = _as_tensor(X[samples], as_tensor)
            # The sum is finite where all are, and takes no memory.
            if not torch.isfinite(x.sum()) and not (good := torch.isfinite(x).all(dim=1)).all():
                raise ValueError(
                    f"X contains NaN or infinity, first in row {start + int((~good).nonzero()[0])}."
                )
            if not start:
                split.check(module, torch.stack([torch.tensor(baselines[0], **as_tensor), x[0]]))
            t = torch.as_tensor(target[samples].copy(), device=device)
            pieces = _slices(len(x), n_of_a_piece)
            if buffer is not None:
                for piece in pieces:
                    buffer[piece] = _mapped(in_front, x[piece])
                x = buffer[: len(x)]
            hidden_x = torch.cat([network.hidden(x[piece]) for piece in pieces])
            for i in range(len(b)):
                mean_gradient, gap, n_evaluations = integrate(
                    network.body,
                    hidden_x,
                    hidden_b[i],
                    t,
                    n_steps=first_steps,
                    most_steps=most_steps,
                    tol=tol,
                    batch_size=batch_size,
                )
                attributed = _attributed(to_input, mean_gradient, x, b[i], pieces, start)
                yield AttributionBlock(i, samples, gap, n_evaluations, attributed)
            _release_pages(X)


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _slices(n_rows: int, n_most: int) -> list[slice]:
    """Slices of nearly equal length, which is at most `n_most`."""
    n = -(-n_rows // -(-n_rows // n_most)) if n_rows else 1
    return [slice(start, min(start + n, n_rows)) for start in range(0, n_rows, n)]


def _attributed(
    to_input: Callable[[Tensor], Tensor],
    mean_gradient: Tensor,
    x: Tensor,
    b: Tensor,
    pieces: list[slice],
    start: int,
) -> Iterator[tuple[slice, Tensor]]:
    """Attributions of one piece of samples after the other."""
    for piece in pieces:
        attributions = x[piece] - b
        attributions *= to_input(mean_gradient[piece])
        yield slice(start + piece.start, start + piece.stop), attributions


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


def _check_logits(
    body: Callable[[Tensor], Any], point: Tensor, target: NDArray[np.int64], n_logits: int | None
) -> None:
    """Complain where the outputs are not the logits that the targets speak of."""
    with torch.no_grad():
        output = body(point.clone())
    if not isinstance(output, Tensor):
        raise TypeError(
            f"the network must return its logits as one tensor, got {type(output).__name__}."
        )
    if output.ndim not in (1, 2) or len(output) != 1:
        raise ValueError(
            "the network must return logits of shape (n_rows, n_classes), (n_rows, 1) or "
            f"(n_rows,), but one row gave {tuple(output.shape)}: flatten what it returns, and "
            "squeeze no rows."
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


def _device_of(module: nn.Module) -> torch.device:
    """Where a module computes; the CPU for one without parameters."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def dtype_of(module: nn.Module) -> torch.dtype:
    """What a module computes in; float32 for one without parameters.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.dtype
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
    dtypes = (p.dtype for p in module.parameters() if p.dtype.is_floating_point)
    dtype = next(dtypes, torch.float32)
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"the network computes in {dtype}, which is too coarse for the integral, and which "
            "numpy may not have: pass module.float()."
        )
    return dtype


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


def as_rows(X: ArrayLike, name: str) -> NDArray:
    """Rows as an array, not copied where they are one.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    name : str
        For the message of the ValueError that any other shape raises.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    rows = X.detach().cpu().numpy() if isinstance(X, Tensor) else np.asanyarray(X)
    if rows.ndim != 2:
        raise ValueError(
            f"{name} must be 2-D, ({'n_baselines' if name == 'baselines' else 'n_samples'}, "
            f"n_features), got shape {rows.shape}: flatten rows, and let the network begin with "
            "nn.Unflatten where it wants another shape."
        )
    if rows.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers, got dtype {rows.dtype}.")
    return rows
