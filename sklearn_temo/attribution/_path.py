"""The path of an integral: its nodes, and the space in which it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Layers of an nn.Sequential that are affine in evaluation mode.
_AFFINE_LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.BatchNorm1d,
    nn.AvgPool1d,
    nn.Flatten,
    nn.Unflatten,
    nn.Identity,
    nn.Dropout,
)


@cache
def gauss_legendre(n_steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1].

    Parameters
    ----------
    n_steps : int

    Returns
    -------
    nodes, weights : ndarray of shape (n_steps,)
        The weights sum to 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return (nodes + 1) / 2, weights / 2


@dataclass(frozen=True)
class SplitNetwork:
    """A network as affine maps and the rest: ``body(front(columnwise(x)))``.

    Behind an affine map a straight path is still straight, so the integral can be taken there,
    where vectors are short, and be brought back to the input by the map's transpose once.

    Parameters
    ----------
    columnwise : callable or None
        Affine, and mixes frames only: what a landmark's columns add to the output together is the
        same in front of it and behind it. None for the identity.
    front : callable or None
        Affine; None for the identity.
    body : callable
        From the front's output to logits.
    """

    columnwise: Callable[[Tensor], Tensor] | None
    front: Callable[[Tensor], Tensor] | None
    body: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> SplitNetwork:
        """Split a network where its affine front ends.

        A module says so itself by a method ``affine_front()`` that returns ``(front, body)`` or
        ``(columnwise, front, body)``; of an ``nn.Sequential`` the leading affine layers are taken;
        any other module has no front.
        """
        affine_front: Any = getattr(module, "affine_front", None)
        if affine_front is not None:
            parts = affine_front()
            if not isinstance(parts, tuple) or len(parts) not in (2, 3):
                raise TypeError(
                    f"affine_front() of {type(module).__name__} must return (front, body) or "
                    f"(columnwise, front, body), got {type(parts).__name__}."
                )
            return cls(*parts) if len(parts) == 3 else cls(None, *parts)
        # Subclasses may do anything in a forward of their own, and so may hooks.
        if (
            isinstance(module, nn.Sequential)
            and type(module).forward is nn.Sequential.forward
            and not _has_hooks(module)
        ):
            layers = list(module)
            n_affine = next(
                (i for i, layer in enumerate(layers) if not _is_affine(layer)), len(layers)
            )
            if n_affine:
                front, body = layers[:n_affine], layers[n_affine:]
                return cls(None, nn.Sequential(*front), nn.Sequential(*body))
        return cls(None, None, module)

    def check(self, module: nn.Module, points: Tensor) -> None:
        """Complain where the parts are not those of the module, as the gap cannot tell.

        Parameters
        ----------
        module : torch.nn.Module
            What was split.
        points : Tensor of shape (2, n_features)
            Two inputs, on whose line the front is held to be affine.

        Raises
        ------
        ValueError
            If ``body(front(x))`` is not ``module(x)``, or the front is not affine.
        """
        if self.is_all_body:
            return
        name = type(module).__name__
        start, end = points
        if torch.equal(start, end):
            # As where the first sample is the first baseline: one point tells nothing of a line.
            end = 2 * end + 1
        points = torch.stack([start, end, 3 * end - 2 * start])
        with torch.no_grad():
            hidden = self.hidden(points)
            split, whole = self.body(hidden.clone()), module(points.clone())
        if not _close(split, whole):
            raise ValueError(
                f"the parts that affine_front() of {name} returns are not the network: "
                f"body(front(x)) must equal {name}(x) in evaluation mode, but of one row they give "
                f"{split[0].tolist()} and {whole[0].tolist()}."
            )
        if not _close(hidden[2], 3 * hidden[1] - 2 * hidden[0]):
            raise ValueError(
                f"what affine_front() of {name} returns in front of the body is not affine: end it "
                "before the first nonlinear layer, or leave the method out."
            )

    def hidden(self, x: Tensor) -> Tensor:
        """Inputs as the body sees them.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)

        Returns
        -------
        Tensor of shape (n_rows, ...)
        """
        with torch.no_grad():
            # A copy, which layers that work in place may overwrite.
            return x if self.is_all_body else self._affine(x.clone())

    @property
    def is_all_body(self) -> bool:
        """Whether no affine map is in front."""
        return self.columnwise is None and self.front is None

    def _affine(self, x: Tensor) -> Tensor:
        x = x if self.columnwise is None else self.columnwise(x)
        return x if self.front is None else self.front(x)

    def transpose(self, like: Tensor) -> Callable[[Tensor], Tensor]:
        """The way back from the hidden space for gradients.

        Parameters
        ----------
        like : Tensor of shape (n_features,)
            An input, for its dtype and device.

        Returns
        -------
        callable
            Takes gradients with respect to the hidden space, of shape (n_rows, ...), to gradients
            with respect to the input, of shape (n_rows, n_features), for any number of rows.
        """
        if self.is_all_body:
            return lambda gradient: gradient

        # The transpose of an affine map does not depend on where it is taken: one graph for each
        # number of rows serves all of them.
        @cache
        def graph(n_rows: int) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                source = like.new_zeros(n_rows, *like.shape).requires_grad_()
                return source, self._affine(source.clone())

        def to_input(gradient: Tensor) -> Tensor:
            source, hidden = graph(len(gradient))
            if not hidden.requires_grad:
                return torch.zeros_like(source)
            return torch.autograd.grad(hidden, source, gradient, retain_graph=True)[0]

        return to_input


def _is_affine(layer: nn.Module) -> bool:
    # Without statistics of its own, batch normalisation takes those of the batch in evaluation too.
    by_batch = isinstance(layer, nn.BatchNorm1d) and layer.running_mean is None
    return type(layer) in _AFFINE_LAYERS and not by_batch and not _has_hooks(layer)


def _has_hooks(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks)


def _close(a: Tensor, b: Tensor) -> bool:
    """Equal up to the rounding of long sums."""
    if a.shape != b.shape:
        return False
    return bool((a - b).abs().max() <= 1e-3 * torch.maximum(a.abs().max(), b.abs().max()))


@contextmanager
def frozen(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode on a device, without gradients of parameters; then as it was before.

    The random generators, too, are afterwards where they were, whatever the module draws.

    Parameters
    ----------
    module : torch.nn.Module
    device : torch.device
        Where to compute.
    """
    modes = [(part, part.training) for part in module.modules()]
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    home = next((parameter.device for parameter in module.parameters()), device)
    gpus = [device] if device.type == "cuda" else []
    # cuDNN differentiates recurrent layers in training mode only; torch's own kernels do always.
    recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    cudnn = torch.backends.cudnn.flags(enabled=False) if recurrent and gpus else nullcontext()
    with torch.random.fork_rng(devices=gpus), cudnn:
        try:
            module.eval()
            for parameter in trained:
                parameter.requires_grad_(False)
            if home != device:
                module.to(device)
            yield
        finally:
            if home != device:
                module.to(home)
            for part, mode in modes:
                part.training = mode
            for parameter in trained:
                parameter.requires_grad_(True)
