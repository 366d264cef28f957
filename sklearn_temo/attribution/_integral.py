"""The integral along straight paths: as many nodes as each of them needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ._path import gauss_legendre

# Below this share of the outputs' own size a difference of outputs is taken for zero.
_SMALL_DIFFERENCE = 0.01


def integrate(
    body: Callable[[Tensor], Tensor],
    ends: Tensor,
    start: Tensor,
    target: Tensor,
    *,
    n_steps: int,
    most_steps: int,
    tol: float,
    batch_size: int,
) -> tuple[Tensor, Tensor, int]:
    """Mean gradients along straight paths from one point.

    Parameters
    ----------
    body : callable
        From points to logits.
    ends : Tensor of shape (n_paths, ...)
        Where the paths end.
    start : Tensor of shape (...)
        Where they begin.
    target : Tensor of int of shape (n_paths,)
        Whose logit is differentiated.
    n_steps, most_steps : int
        Nodes of a path. They are doubled where the gap exceeds `tol`, up to `most_steps`.
    tol : float
        Relative completeness gap that is small enough.
    batch_size : int
        Points evaluated at once.

    Returns
    -------
    gradients : Tensor of shape (n_paths, ...)
    gap : Tensor of shape (n_paths,)
        Relative completeness gap; infinite where it is not a number.
    n_evaluations : int
        Gradients that this took.
    """
    direction = ends - start
    with torch.no_grad():
        # Copies, which layers that work in place may overwrite.
        at_ends = target_logits(body(ends.clone()), target)
        at_start = body(start[None].clone())
        at_start = target_logits(at_start.reshape(1, -1).expand(len(target), -1), target)
    exact = at_ends - at_start
    size = torch.maximum(exact.abs(), _SMALL_DIFFERENCE * (at_ends.abs() + at_start.abs()))
    size = size.clamp_min(torch.finfo(size.dtype).tiny)

    def tried(direction, target, exact, size, n_steps):
        n_paths = max(1, batch_size // n_steps)
        parts = zip(direction.split(n_paths), target.split(n_paths), strict=True)
        gradients = [_mean_gradient(body, start, d, t, n_steps) for d, t in parts]
        gradient = gradients[0] if len(gradients) == 1 else torch.cat(gradients)
        gap = ((gradient * direction).flatten(1).sum(dim=1) - exact).abs() / size
        return gradient, gap.nan_to_num(torch.inf, torch.inf)

    best, best_gap = tried(direction, target, exact, size, n_steps)
    n_evaluations = len(ends) * n_steps
    todo = torch.nonzero(best_gap > tol)[:, 0]
    while len(todo) and (n_steps := 2 * n_steps) <= most_steps:
        gradient, gap = tried(direction[todo], target[todo], exact[todo], size[todo], n_steps)
        n_evaluations += len(todo) * n_steps
        # More nodes need not be better: of a path with a kink the luckier ones win.
        better = gap < best_gap[todo]
        best[todo[better]] = gradient[better]
        best_gap[todo[better]] = gap[better]
        todo = todo[best_gap[todo] > tol]
    # What is not a number anywhere must not pass for an attribution elsewhere.
    best[best_gap.isinf()] = torch.nan
    return best, best_gap, n_evaluations


def _mean_gradient(body, start, direction, target, n_steps):
    """Gradient of the target logits, averaged over the nodes of straight paths."""
    nodes, weights = (torch.as_tensor(v).to(direction) for v in gauss_legendre(n_steps))
    spread = (n_steps, *[1] * direction.ndim)
    points = (start + nodes.view(spread) * direction).flatten(0, 1).requires_grad_()
    with torch.enable_grad():
        logits = target_logits(body(points.clone()), target.repeat(n_steps))
        if not logits.requires_grad:
            raise ValueError(
                "the network's output has no gradient with respect to its input: let it compute "
                "with torch, without no_grad or inference_mode, from the rows that it is given."
            )
        gradient = torch.autograd.grad(logits.sum(), points)[0]
    gradient = gradient.unflatten(0, (n_steps, len(direction)))
    return torch.tensordot(weights, gradient, dims=1)


def target_logits(output: Tensor, target: Tensor) -> Tensor:
    """The logit of each row's class.

    Parameters
    ----------
    output : Tensor of shape (n_rows, n_classes), (n_rows, 1) or (n_rows,)
        Logits; where there is one a row, it is that of the second of two classes.
    target : Tensor of int of shape (n_rows,)

    Returns
    -------
    Tensor of shape (n_rows,)
    """
    if output.ndim == 1 or output.shape[1] == 1:
        return torch.where(target == 1, 1, -1) * output.reshape(-1)
    return output.gather(1, target[:, None])[:, 0]
