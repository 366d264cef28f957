"""The network of T-EMO as it predicts: linear maps merged, both views of a clip at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import gelu, linear

from ..mirror import Mirror
from ._network import TEMONet

# Clips that are predicted together, which bounds the memory.
_AT_ONCE = 128


@dataclass(frozen=True)
class Prediction:
    """Mean logits of clips and their mirror images, from a trained network.

    A mirror image is an affine map of a clip, and so are the temporal filters, the principal
    components and the embedding. What they do one after the other one matrix does at once, since
    for a single clip the number of steps is what takes time.

    Parameters
    ----------
    module : TEMONet
        Where it comes from.
    source : tuple of Tensor
        Copies of the network's weights, to tell whether they were changed since.
    first, later : Tensor of shape (n_inputs, n_hidden)
        From the first frame and from a filter to hidden units of all views and members; `later` is
        None where there is one frame.
    bias : Tensor of shape (n_all_hidden,)
    weight, offset : Tensor of shape (n_classes, n_all_hidden), and (n_classes,)
        From hidden units to logits.
    """

    module: TEMONet
    source: tuple[Tensor, ...]
    first: Tensor
    later: Tensor | None
    bias: Tensor
    weight: Tensor
    offset: Tensor

    @classmethod
    def of(cls, module: TEMONet, mirror: Mirror | None) -> Prediction:
        """Merge the linear maps of a network.

        Parameters
        ----------
        module : TEMONet
        mirror : Mirror or None
            None for predictions of clips as they are.

        Returns
        -------
        Prediction
        """
        with torch.no_grad():
            n_views = 1 if mirror is None else 2
            means = module.mean.view(-1, module.n_inputs)
            gains = module.gain.view(-1, module.n_inputs)
            shift = torch.zeros_like(means)
            if mirror is not None:
                partners, sign, offsets = (
                    torch.as_tensor(part, device=means.device).view(-1, module.n_inputs)
                    for part in (mirror.columns, mirror.sign, mirror.offset)
                )
                partners, sign = partners[0], sign[0]
                if module.later_embedding is not None:
                    offsets = torch.cat([offsets[:1], module.basis @ offsets[1:]])
                # Of what a mirror image is above the mean; the rest is one of what the clip is.
                shift = sign * means[:, partners] + offsets - means

            def merged(embedding, components, frames) -> tuple[Tensor, Tensor]:
                both = components.T @ embedding.weight.T
                straight = gains[frames][:1].T * both
                maps, bias = [straight], embedding.bias.repeat(len(means[frames]), n_views)
                if mirror is not None:
                    crossed = torch.empty_like(straight)
                    crossed[partners] = sign[:, None] * straight
                    maps.append(crossed)
                    bias[:, both.shape[1] :] += shift[frames] @ straight
                return torch.cat(maps, dim=1), bias.flatten()

            weight = module.head.weight / (module.n_members * n_views)
            n_first = module.first_embedding.out_features // module.n_members
            first, bias = merged(module.first_embedding, module.first_components, slice(0, 1))
            weights = [weight[..., :n_first].flatten(1).repeat(1, n_views)]
            later = None
            if module.later_embedding is not None:
                later, later_bias = merged(
                    module.later_embedding, module.later_components, slice(1, None)
                )
                bias = torch.cat([bias, later_bias])
                of_filters = weight[..., n_first:].unflatten(2, (len(module.basis), -1))
                weights += [of.flatten(1).repeat(1, n_views) for of in of_filters.unbind(2)]
            return cls(
                module,
                tuple(weight.clone() for weight in _weights(module)),
                first,
                later,
                bias,
                torch.cat(weights, dim=1),
                module.head.bias.mean(dim=0),
            )

    def is_of(self, module: TEMONet) -> bool:
        """Whether it is of this network as it is now."""
        # By value: optimizers need not count what they write.
        return self.module is module and all(map(torch.equal, self.source, _weights(module)))

    def of_clips(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of any number of clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        ndarray of shape (n_clips, n_classes)
        """
        found = []
        with torch.inference_mode():
            for start in range(0, len(X), _AT_ONCE):
                rows = np.ascontiguousarray(X[start : start + _AT_ONCE])
                # torch warns of arrays that are read-only, as if it were to write.
                x = torch.as_tensor(rows) if rows.flags.writeable else torch.tensor(rows)
                hidden = self._hidden(x.to(self.bias.device))
                found.append(linear(gelu(hidden), self.weight, self.offset).cpu().numpy())
        return np.concatenate(found)

    def _hidden(self, x: Tensor) -> Tensor:
        """Units before the nonlinearity, Tensor of shape (n_clips, n_all_hidden)."""
        n_inputs = self.module.n_inputs
        z = self.module.filtered(x) - self.module.mean
        if self.later is None:
            return z @ self.first + self.bias
        # As one matrix: torch would multiply the clips one by one.
        hidden = z[:, n_inputs:].reshape(-1, n_inputs) @ self.later
        parts = [z[:, :n_inputs] @ self.first, hidden.view(len(x), -1)]
        return torch.cat(parts, dim=1) + self.bias


def _weights(module: TEMONet) -> list[Tensor]:
    """What training changes: few numbers. The components are set once, before it."""
    layers = (module.first_embedding, module.later_embedding, module.head)
    return [part for layer in layers if layer is not None for part in (layer.weight, layer.bias)]
