"""The path of an integral: its nodes, and the space in which it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """A network as an affine front and the rest: ``body(front(x))``.

    Behind an affine map a straight path is still straight, so the integral can be taken there,
    where vectors are short, and be brought back to the input by the map's transpose once.

    Parameters
    ----------
    front : callable or None
        Affine; None for the identity.
    body : callable
        From the front's output to logits.
    """

    front: Callable[[Tensor], Tensor] | None
    body: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> SplitNetwork:
        """Split a network where its affine front ends.

        A module says so itself by a method ``affine_front()`` that returns ``(front, body)``; of
        an ``nn.Sequential`` the leading affine layers are taken; any other module has no front.
        """
        affine_front: Any = getattr(module, "affine_front", None)
        if affine_front is not None:
            return cls(*affine_front())
        # Subclasses may do anything in a forward of their own.
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
            layers = list(module)
            n_affine = next(
                (i for i, layer in enumerate(layers) if type(layer) not in _AFFINE_LAYERS),
                len(layers),
            )
            if n_affine:
                front, body = layers[:n_affine], layers[n_affine:]
                return cls(nn.Sequential(*front), nn.Sequential(*body))
        return cls(None, module)

    def to_hidden(self, x: Tensor) -> Tensor:
        """Inputs as the body sees them."""
        if self.front is None:
            return x
        with torch.no_grad():
            # A copy, which layers that work in place may overwrite.
            return self.front(x.clone())

    def to_input(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Gradients with respect to the hidden space as gradients with respect to the input.

        Parameters
        ----------
        gradient : Tensor of shape (n_rows, ...)
            Shaped like the front's output.
        x : Tensor of shape (n_rows, n_features)
            Any inputs: the transpose of an affine map does not depend on them.

        Returns
        -------
        Tensor of shape (n_rows, n_features)
        """
        if self.front is None:
            return gradient
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(self.front(x.clone()), x, gradient)[0]


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, without gradients of parameters; as it was before, whatever happens.

    Parameters
    ----------
    module : torch.nn.Module
    """
    modes = [(part, part.training) for part in module.modules()]
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        module.eval()
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter in trained:
            parameter.requires_grad_(True)
