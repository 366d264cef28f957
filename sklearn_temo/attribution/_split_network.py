"""Splitting of networks into an affine front, where integrals are exact, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any

import torch
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


IDENTITY = nn.Identity()


@dataclass(frozen=True)
class SplitNetwork:
    """A network as ``body(front(columnwise(x)))`` with affine `front` and `columnwise`.

    An affine map takes a straight path to a straight path. The integral can therefore be computed
    behind it, where vectors are shorter, and its result is mapped back to the input once, by the
    transpose of the map.

    Parameters
    ----------
    body : callable
        Maps the output of `front` to logits.
    front : callable
        Affine map.
    columnwise : callable
        Affine map that mixes frames but neither landmarks nor coordinates: the attributions of a
        landmark have the same sum before and behind it.
    activation : callable or None
        Maps each output of `front` on its own. `body` is then ``output(activation(z))`` with an
        affine `output`, and the integral has a closed form.
    """

    body: Callable[[Tensor], Tensor]
    front: Callable[[Tensor], Tensor] = IDENTITY
    columnwise: Callable[[Tensor], Tensor] = IDENTITY
    activation: Callable[[Tensor], Tensor] | None = None
    output: Callable[[Tensor], Tensor] = IDENTITY

    @classmethod
    def of(cls, module: nn.Module) -> SplitNetwork:
        """Split a network behind its affine front.

        The front is what a method ``affine_front()`` of the module returns, that is
        ``(front, body)``, ``(columnwise, front, body)`` or ``(columnwise, front, activation,
        output)``, or the leading affine layers of an ``nn.Sequential``. Other modules have no
        front.
        """
        affine_front: Any = getattr(module, "affine_front", None)
        if affine_front is not None:
            parts = affine_front()
            if not isinstance(parts, tuple) or len(parts) not in (2, 3, 4):
                raise TypeError(
                    f"affine_front() of {type(module).__name__} must return (front, body), "
                    "(columnwise, front, body) or (columnwise, front, activation, output), got "
                    f"{type(parts).__name__}."
                )
            if len(parts) == 4:
                columnwise, front, activation, output = parts
                return cls(lambda z: output(activation(z)), front, columnwise, activation, output)
            return cls(*reversed(parts))
        # A subclass with its own forward, or a hook, may compute anything.
        plain = isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
        if plain and not _has_hooks(module):
            layers = list(module.children())
            front = list(takewhile(_is_affine, layers))
            if front:
                return cls(nn.Sequential(*layers[len(front) :]), nn.Sequential(*front))
        return cls(module)

    def hidden(self, x: Tensor) -> Tensor:
        """Input of the body for rows of the network's input."""
        # A copy, since layers may work in place.
        return self.front(self.columnwise(x.clone()))

    def check(self, module: nn.Module, start: Tensor, end: Tensor) -> None:
        """Raise ValueError if the parts are not the module or the front is not affine.

        Both are tested at two rows `start` and `end` of shape (n_features,), and at a third one on
        the line through them. The completeness gap cannot show such an error.
        """
        if self.body is module:
            return
        name = type(module).__name__
        if torch.equal(start, end):
            # A line needs two distinct points.
            end = 2 * end + 1
        # Written so that a large value that both rows have in common causes no rounding.
        points = torch.stack([start, end, end + 2 * (end - start)])
        with torch.no_grad():
            hidden = self.hidden(points)
            split, whole = self.body(hidden.clone()), module(points)
        if not whole.isfinite().all():
            # Found with the outputs of all rows.
            return
        if not _close(split, whole):
            raise ValueError(
                f"affine_front() of {name} returns parts that are not the network: "
                f"body(front(x)) must equal {name}(x) in evaluation mode, but for one row they are "
                f"{split[0].tolist()} and {whole[0].tolist()}."
            )
        if not _close(hidden[2], 3 * hidden[1] - 2 * hidden[0]):
            raise ValueError(
                f"the front that affine_front() of {name} returns is not affine: end it before the "
                "first nonlinear layer, or remove the method."
            )
        if self.activation is None:
            return
        with torch.no_grad():
            active = self.activation(hidden.clone())
            # The hidden units of one row at every second place, of the other row elsewhere.
            is_first = torch.arange(hidden[0].numel(), device=hidden.device) % 2 == 0
            is_first = is_first.view_as(hidden[0])
            mixed = self.activation(torch.where(is_first, hidden[0], hidden[1])[None])[0]
            line = torch.stack([active[0], active[1], 3 * active[1] - 2 * active[0]])
            logits = self.output(line)
        if not _close(mixed, torch.where(is_first, active[0], active[1])):
            raise ValueError(
                f"the activation that affine_front() of {name} returns must map each hidden unit "
                "on its own: return (columnwise, front, body) instead."
            )
        if not _close(logits[2], 3 * logits[1] - 2 * logits[0]):
            raise ValueError(
                f"the output that affine_front() of {name} returns is not affine: return "
                "(columnwise, front, body) instead."
            )

    def transpose(self, like: Tensor) -> Callable[[Tensor], Tensor]:
        """Map from gradients with respect to the body's input to gradients of the network's input.

        `like` is an input of shape (n_features,), for its dtype and device.
        """

        # The transpose of an affine map is the same at every point: one graph for each number of
        # rows is enough.
        @cache
        def graph(n_rows: int) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                source = like.new_zeros(n_rows, *like.shape).requires_grad_()
                return source, self.hidden(source)

        def to_input(gradient: Tensor) -> Tensor:
            source, hidden = graph(len(gradient))
            return torch.autograd.grad(hidden, source, gradient, retain_graph=True)[0]

        return to_input


def _is_affine(layer: nn.Module) -> bool:
    # Without running statistics, batch normalisation uses those of the batch in evaluation too.
    by_batch = isinstance(layer, nn.BatchNorm1d) and layer.running_mean is None
    return type(layer) in _AFFINE_LAYERS and not by_batch and not _has_hooks(layer)


def _has_hooks(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks)


def _close(a: Tensor, b: Tensor) -> bool:
    """Whether tensors are equal up to the rounding of long sums."""
    if a.shape != b.shape:
        return False
    return bool((a - b).abs().max() <= 1e-3 * torch.maximum(a.abs().max(), b.abs().max()))


def device_of(module: nn.Module, device: str | torch.device | None = None) -> torch.device:
    """`device`, or the one that a module is on; the CPU for a module without parameters."""
    own_device = next((parameter.device for parameter in module.parameters()), "cpu")
    return torch.device(device or own_device)


@contextmanager
def frozen(module: nn.Module, device: str | torch.device | None = None) -> Iterator[None]:
    """Evaluation mode on a device, without gradients of parameters; restores the module on exit.

    The random generators of torch are restored too.
    """
    own_device, device = device_of(module), device_of(module, device)
    modes = [(part, part.training) for part in module.modules()]
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    gpus = [device] if device.type == "cuda" else []
    # cuDNN differentiates recurrent layers in training mode only; torch's own kernels always do.
    recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    cudnn = torch.backends.cudnn.flags(enabled=False) if recurrent and gpus else nullcontext()
    with torch.random.fork_rng(devices=gpus), cudnn:
        try:
            module.eval()
            for parameter in trained:
                parameter.requires_grad_(False)
            if own_device != device:
                module.to(device)
            yield
        finally:
            if own_device != device:
                module.to(own_device)
            for part, mode in modes:
                part.training = mode
            for parameter in trained:
                parameter.requires_grad_(True)
