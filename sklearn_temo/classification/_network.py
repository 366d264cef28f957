"""The network of T-EMO, and its reduction of clips to principal components."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from sklearn.utils.extmath import randomized_svd
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

# Largest number of frames that principal components are computed from.
_MAX_FRAMES = 8192


class TEMONet(nn.Module):
    """Temporal filters, principal components, a linear embedding and a nonlinear head.

    The first frame, which holds positions after :class:`~sklearn_temo.LandmarkAligner`, is used
    as it is. The later frames, which hold displacements, are summarised by temporal filters:
    cosines of increasing frequency over the whole clip. The first frame and the filtered frames
    are reduced to principal components of the training clips, without whitening, so that joint
    movements of many landmarks outweigh the noise of single ones. The components are embedded by
    two linear maps, one for the first frame and one shared by the filtered frames.

    All of this is affine, which makes integrated gradients cheap: see :meth:`affine_front`. The
    nonlinear head follows.

    Parameters
    ----------
    n_frames, n_landmarks, n_coords : int
        Layout of the clips.
    n_classes : int
        Number of logits.
    hidden_size : int
        Size of the embedding of a filtered frame. The first of several frames gets a quarter.
    n_filters : int
        Number of temporal filters, limited to the number of later frames.
    n_components : int
        Number of principal components of a frame, limited to the number of its columns.
    depth_weight : float
        Factor of the third coordinate.
    dropout : float
        Share of hidden units that are dropped in training.
    first_frame_dropout : float
        Share of clips whose first frame is dropped in training, where there are several frames.
    noise : float
        Standard deviation of the noise that is added to the components in training. Their mean
        square is 1.
    randomized : bool
        Keep the embeddings at their random initial values.
    n_members : int
        Number of embeddings and heads that are trained side by side on the same components.
    """

    basis: Tensor
    mean: Tensor
    gain: Tensor
    components: Tensor

    def __init__(
        self,
        n_frames: int,
        n_landmarks: int,
        n_coords: int,
        n_classes: int,
        *,
        hidden_size: int,
        n_filters: int,
        n_components: int,
        depth_weight: float,
        dropout: float,
        first_frame_dropout: float,
        noise: float,
        randomized: bool,
        n_members: int,
    ) -> None:
        super().__init__()
        self.n_inputs = n_landmarks * n_coords
        self.n_components = min(n_components, self.n_inputs)
        self.n_filters = min(n_filters, n_frames - 1)
        self.n_members = n_members
        self.dropout = dropout
        self.first_frame_dropout = first_frame_dropout if n_frames > 1 else 0
        self.noise = noise
        # Generator of the random numbers of training; None for torch's global one.
        self.generator: torch.Generator | None = None
        # Parts of a clip: the first frame, and the filtered later ones where there are any.
        sizes = [max(1, hidden_size // 4), hidden_size] if n_frames > 1 else [hidden_size]
        n_hidden = sizes[0] + self.n_filters * hidden_size
        gain = torch.ones(1 + self.n_filters, n_landmarks, n_coords)
        gain[..., 2:3] = depth_weight
        if self.first_frame_dropout == 1:
            # The weights of a frame that is never seen in training stay random.
            gain[0] = 0
        self.register_buffer("gain", gain.flatten())
        self.register_buffer("basis", _cosines(self.n_filters, n_frames - 1))
        self.register_buffer("mean", torch.zeros(gain.numel()))
        components = torch.zeros(len(sizes), self.n_components, self.n_inputs)
        self.register_buffer("components", components)
        self.embeddings = nn.ModuleList(
            nn.Linear(self.n_components, n_members * size) for size in sizes
        )
        self.embeddings.requires_grad_(not randomized)
        bound = n_hidden**-0.5
        self.weight = nn.Parameter(
            torch.empty(n_classes, n_members, n_hidden).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(n_members, n_classes).uniform_(-bound, bound))

    def forward(
        self,
        x: Any = None,
        *,
        reduced: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> Tensor:
        """Compute the logits of clips.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords), default=None
            Clips.
        reduced : Tensor of shape (n_clips, n_views, (1 + n_filters) * n_components), default=None
            Output of :meth:`reduced`, in place of `x`, for each view of a clip: the clip itself
            and its mirror image. Training uses one view at random, evaluation the first one.
        sample_weight : Tensor of shape (n_clips,), default=None
            Ignored. skorch passes it with the clips, for the loss.

        Returns
        -------
        Tensor of shape (n_clips, n_members, n_classes) in training, else (n_clips, n_classes)
            Logits of each member in training, else their mean.
        """
        if reduced is None:
            reduced = self.reduced(x)[:, None]
        reduced = self._augmented(reduced) if self.training else reduced[:, 0]
        return self._head(self._embedded(reduced))

    def filtered(self, x: Tensor) -> Tensor:
        """Apply the temporal filters to the frames after the first.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
        """
        # The filter of a single later frame is 1.
        if self.basis.shape[1] <= 1:
            return x
        later = torch.matmul(self.basis, x[:, self.n_inputs :].unflatten(1, (-1, self.n_inputs)))
        return torch.cat([x[:, : self.n_inputs], later.flatten(1)], dim=1)

    def centred(self, x: Tensor) -> Tensor:
        """Filter, subtract the mean, and scale the coordinates; same shape as :meth:`filtered`."""
        return (self.filtered(x) - self.mean) * self.gain

    def reduced(self, x: Tensor) -> Tensor:
        """Compute the principal components of the first frame and of each filtered frame.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_components)
        """
        parts = zip(self._parts(self.centred(x), self.n_inputs), self.components, strict=True)
        return torch.cat([(part @ found.T).view(len(x), -1) for part, found in parts], dim=1)

    def affine_front(self):
        """Split the network into its affine front and its nonlinear body.

        Returns
        -------
        columnwise, front, body : callable
            ``body(front(columnwise(x)))`` equals ``self(x)`` in evaluation mode. The first two are
            affine; `columnwise` mixes frames, but no landmarks and no coordinates.
        """
        # The product of two linear maps is smaller than the first of them.
        with torch.no_grad():
            layers = zip(self.embeddings, self.components, strict=True)
            maps = [(embedding.weight @ found).T for embedding, found in layers]
            zeros = self.mean.new_zeros(1, (1 + self.n_filters) * self.n_components)
            bias = self._embedded(zeros)

        def front(z: Tensor) -> Tensor:
            parts = zip(self._parts(z, self.n_inputs), maps, strict=True)
            return self._by_member([part @ found for part, found in parts]) + bias

        return self.centred, front, self._head

    def _parts(self, z: Tensor, size: int) -> list[Tensor]:
        """Split (n_clips, (1 + n_filters) * size) into first frames and filtered frames.

        Their shapes are (n_clips, size) and (n_clips * n_filters, size). Clips of a single frame
        have no second part.
        """
        first, later = z.split([size, z.shape[1] - size], dim=1)
        # As rows of one contiguous matrix, which torch multiplies in a single operation.
        return [first, later.reshape(-1, size)][: len(self.embeddings)]

    def _embedded(self, reduced: Tensor) -> Tensor:
        """Hidden units, before the activation, of principal components.

        Takes the output of :meth:`reduced`; returns shape (n_clips, n_members * n_hidden).
        """
        parts = zip(self._parts(reduced, self.n_components), self.embeddings, strict=True)
        return self._by_member([embedding(part) for part, embedding in parts])

    def _by_member(self, parts: list[Tensor]) -> Tensor:
        """Join the hidden units of the parts, so that those of a member are contiguous.

        The parts have shapes (n_clips, n_members * size) and (n_clips * n_filters, n_members *
        size), each with its own size; the result has shape (n_clips, n_members * n_hidden).
        """
        n_clips = len(parts[0])
        rows = [part.view(n_clips, -1, part.shape[1]) for part in parts]
        members = [row.unflatten(2, (self.n_members, -1)).transpose(1, 2) for row in rows]
        return torch.cat([member.flatten(2) for member in members], dim=2).flatten(1)

    def _head(self, hidden: Tensor) -> Tensor:
        """Logits of hidden units, of each member in training, else their mean."""
        active = gelu(hidden)
        if not self.training:
            weight = self.weight.flatten(1) / self.n_members
            return linear(active, weight, self.bias.mean(dim=0))
        if self.dropout:
            share = 1 - self.dropout
            kept = torch.empty_like(active).bernoulli_(share, generator=self.generator)
            active = active * kept.div_(share)
        active = active.unflatten(1, self.weight.shape[1:])
        return torch.einsum("nmh,cmh->nmc", active, self.weight) + self.bias

    def _augmented(self, reduced: Tensor) -> Tensor:
        """One view of each clip at random, with noise and dropout of the first frame.

        Maps (n_clips, n_views, n_components_of_clip) to (n_clips, n_components_of_clip).
        """
        n_clips, n_views, _ = reduced.shape
        chance = reduced.new_empty(2, n_clips, 1).uniform_(generator=self.generator)
        view = (chance[0, :, 0] * n_views).long()
        reduced = reduced[torch.arange(n_clips, device=reduced.device), view]
        if self.noise:
            noise = torch.empty_like(reduced).normal_(generator=self.generator)
            reduced = reduced + self.noise * noise
        if self.first_frame_dropout:
            first, later = reduced.tensor_split([self.n_components], dim=1)
            reduced = torch.cat([first * (chance[1] >= self.first_frame_dropout), later], dim=1)
        return reduced


@torch.no_grad()
def fit_reduction(module: TEMONet, clips: Tensor, sample_weight: Tensor, seed: int) -> None:
    """Compute the mean and the principal components of a network from its training clips.

    Parameters
    ----------
    module : TEMONet
    clips : Tensor of shape (n_clips, n_features)
        Clips and their mirror images.
    sample_weight : Tensor of shape (n_clips,)
        Weights with a mean of 1.
    seed : int
        Seed of the randomized decomposition, and of the choice of frames where there are many.
    """
    filtered = module.filtered(clips)
    module.mean.copy_((filtered * sample_weight[:, None]).mean(dim=0))
    centred = filtered - module.mean
    # Clips in any unit are scaled to about 1, so that squares neither overflow nor underflow. A
    # power of two causes no rounding.
    module.gain.ldexp_(-centred.abs().max().frexp().exponent)
    centred.mul_(module.gain).mul_(sample_weight[:, None].sqrt())
    means = (module.mean * module.gain)[None]
    for components, part, mean in zip(
        module.components,
        module._parts(centred, module.n_inputs),
        module._parts(means, module.n_inputs),
        strict=True,
    ):
        frames = part.cpu().numpy()
        if len(frames) > _MAX_FRAMES:
            rng = np.random.default_rng(seed)
            frames = frames[rng.choice(len(frames), _MAX_FRAMES, replace=False)]
        components.zero_()
        # Columns that are constant up to rounding errors have no components.
        if np.abs(frames).max() > 10 * np.finfo(frames.dtype).eps * float(mean.abs().max()):
            n_components = min(module.n_components, *frames.shape)
            found = randomized_svd(frames, n_components, random_state=seed)[2]
            found /= np.sqrt(np.mean((frames @ found.T) ** 2))
            components[:n_components] = torch.from_numpy(found).to(components)


def _cosines(n_filters: int, n_frames: int) -> Tensor:
    """The first cosines of the discrete cosine transform, of shape (n_filters, n_frames)."""
    time = (torch.arange(n_frames) + 0.5) / n_frames
    return torch.cos(math.pi * torch.arange(n_filters)[:, None] * time) / max(1, n_frames)
