"""The network of T-EMO: an affine front, then a small body."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear


class TEMONet(nn.Module):
    """Temporal filters, principal components and embedding, then a nonlinear head.

    The first frame, where :class:`~sklearn_temo.LandmarkAligner` leaves the face itself, stays as
    it is. The frames after it, which hold what the face does, are summed up by a few temporal
    filters as long as the clip: cosines of growing frequency. Both are reduced to the principal
    components of the training clips, which are few, and are not whitened: what landmarks do
    together stands above the jitter of single ones, and gradient descent that moves every weight at
    the same pace moves the weights of large movements more. Each component is embedded by a linear
    map, one for the first frame and one shared by the filters.

    Up to there the network is affine in its input, which integrated gradients make use of: see
    :meth:`affine_front`.

    Parameters
    ----------
    n_frames, n_landmarks, n_coords : int
        Layout of the clips.
    n_classes : int
        Number of logits.
    hidden_size : int
        Embedding of a (filtered) frame. The first of several frames gets a quarter of it.
    n_filters : int
        Temporal filters, at most one a later frame.
    n_components : int
        Principal components of a (filtered) frame, at most one a column of it.
    depth_weight : float
        What the third coordinate is multiplied by.
    dropout : float
        Share of hidden units dropped in training.
    first_frame_dropout : float
        Share of clips whose first of several frames is dropped in training.
    noise : float
        Standard deviation of the noise that training adds to the components, whose mean square is
        1.
    randomized : bool
        Leave the embeddings at their random initialisation, and train the rest.
    n_members : int
        Embeddings and heads that are trained side by side on the same components.
    """

    basis: Tensor
    mean: Tensor
    gain: Tensor
    first_components: Tensor
    later_components: Tensor

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
        self.first_frame_dropout = first_frame_dropout
        self.noise = noise
        self.generator: torch.Generator | None = None
        n_later = n_frames - 1
        n_filters = min(n_filters, n_later)
        first_size = max(1, hidden_size // 4) if n_later else hidden_size
        self.n_members = n_members
        self.register_buffer("basis", _cosines(n_filters, n_later) if n_later else torch.empty(0))
        self.register_buffer("mean", torch.zeros((1 + n_filters) * self.n_inputs))
        weights = torch.ones(n_coords)
        weights[2:3] = depth_weight
        gain = weights.repeat((1 + n_filters) * n_landmarks)
        if first_frame_dropout == 1 and n_later:
            # What is never seen in training must not be seen afterwards.
            gain[: self.n_inputs] = 0
        self.register_buffer("gain", gain)
        components = torch.zeros(self.n_components, self.n_inputs)
        self.register_buffer("first_components", components)
        self.register_buffer("later_components", components.clone() if n_later else None)
        self.first_embedding = nn.Linear(self.n_components, n_members * first_size)
        self.later_embedding = (
            nn.Linear(self.n_components, n_members * hidden_size) if n_later else None
        )
        self.head = Heads(n_members, first_size + n_filters * hidden_size, n_classes, dropout)
        if randomized:
            for embedding in (self.first_embedding, self.later_embedding):
                if embedding is not None:
                    embedding.requires_grad_(False)

    def draw_from(self, generator: torch.Generator | None) -> None:
        """Set where the disturbances of training are drawn from; None is torch's own generator."""
        self.generator = self.head.generator = generator

    def filtered(self, x: Tensor) -> Tensor:
        """The first frame, then the temporal filters of the later ones.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
        """
        # The filter of a single later frame is 1.
        if self.later_embedding is None or self.basis.shape[1] == 1:
            return x
        later = x[:, self.n_inputs :].unflatten(1, (-1, self.n_inputs))
        waves = torch.matmul(self.basis, later)
        return torch.cat([x[:, : self.n_inputs], waves.flatten(1)], dim=1)

    def centred(self, x: Tensor) -> Tensor:
        """What :meth:`filtered` makes of clips, without its mean and times the gain.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
        """
        return (self.filtered(x) - self.mean) * self.gain

    def reduced(self, x: Tensor) -> Tensor:
        """Principal components of the first frame and of each filter.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_components)
        """
        z = self.centred(x)
        if self.later_embedding is None:
            return z @ self.first_components.T
        first, later = self._split(z, self.n_inputs)
        waves = later @ self.later_components.T
        return torch.cat([first @ self.first_components.T, waves.view(len(z), -1)], dim=1)

    def embed(self, reduced: Tensor) -> Tensor:
        """Hidden units of reduced clips, with the disturbances of training.

        Parameters
        ----------
        reduced : Tensor of shape (n_clips, (1 + n_filters) * n_components)

        Returns
        -------
        Tensor of shape (n_clips, n_hidden)
        """
        if self.training:
            reduced = self._disturbed(reduced)
        if self.later_embedding is None:
            return self.first_embedding(reduced)
        first, later = self._split(reduced, self.n_components)
        return self._by_member(self.first_embedding(first), self.later_embedding(later))

    def forward(self, x: Tensor | None = None, *, reduced: Tensor | None = None) -> Tensor:
        """Logits of clips.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        reduced : Tensor of shape (n_clips, (1 + n_filters) * n_components)
            Instead of `x`: what :meth:`reduced` made of it. It is fixed, so training makes it once.

        Returns
        -------
        Tensor of shape (n_clips, n_members, n_classes) in training, else (n_clips, n_classes)
            Of each member; their mean.
        """
        if reduced is None:
            assert x is not None
            reduced = self.reduced(x)
        return self.head(self.embed(reduced))

    def affine_front(self):
        """The affine maps that the network begins with, and what follows them.

        Returns
        -------
        columnwise, front, body : callable
            ``body(front(columnwise(x)))`` equals ``self(x)`` in evaluation mode, where the first
            two are affine; `columnwise` mixes no landmarks and no coordinates, only frames.
        """
        # Two linear maps in a row are one, which is smaller than the first of them.
        with torch.no_grad():
            first = self.first_embedding.weight @ self.first_components
            later: Tensor | None = None
            bias: Tensor = self.first_embedding.bias
            if self.later_embedding is not None:
                later = (self.later_embedding.weight @ self.later_components).T
                n_filters = len(self.basis)
                bias = self._by_member(bias[None], self.later_embedding.bias.repeat(n_filters, 1))

        def front(z: Tensor) -> Tensor:
            if later is None:
                return z @ first.T + bias
            first_frame, waves = self._split(z, self.n_inputs)
            return self._by_member(first_frame @ first.T, waves @ later) + bias

        return self.centred, front, self.head

    def _by_member(self, first: Tensor, later: Tensor) -> Tensor:
        """Hidden units of the first frame and of each filter, with those of a member together."""
        n_clips = len(first)
        first = first.view(n_clips, self.n_members, -1)
        later = later.view(n_clips, len(self.basis), self.n_members, -1).transpose(1, 2)
        return torch.cat([first, later.flatten(2)], dim=2).flatten(1)

    def _split(self, z: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """The first frame, and the filters as rows of one matrix."""
        # One split, whose way back is one concatenation.
        first, later = z.split([size, z.shape[1] - size], dim=1)
        # As one matrix: of what is not contiguous torch would multiply the pieces one by one.
        return first, later.reshape(-1, size)

    def _disturbed(self, reduced: Tensor) -> Tensor:
        """Noise added, and sometimes no first frame."""
        if self.noise:
            noise = torch.empty_like(reduced).normal_(generator=self.generator)
            reduced = reduced + self.noise * noise
        if self.first_frame_dropout and self.later_embedding is not None:
            chance = reduced.new_empty(len(reduced), 1).uniform_(generator=self.generator)
            kept = chance >= self.first_frame_dropout
            weight = torch.ones_like(reduced)
            weight[:, : self.n_components] = kept.to(reduced.dtype)
            reduced = reduced * weight
        return reduced


class Heads(nn.Module):
    """The nonlinear ends of the members of an ensemble.

    Parameters
    ----------
    n_members : int
        Each has hidden units of its own.
    n_hidden : int
        Units of a member.
    n_classes : int
    dropout : float
        Share of units dropped in training.
    """

    def __init__(self, n_members: int, n_hidden: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.generator: torch.Generator | None = None
        bound = n_hidden**-0.5
        self.weight = nn.Parameter(
            torch.empty(n_classes, n_members, n_hidden).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(n_members, n_classes).uniform_(-bound, bound))

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits of hidden units.

        Parameters
        ----------
        hidden : Tensor of shape (n_clips, n_members * n_hidden)

        Returns
        -------
        Tensor of shape (n_clips, n_members, n_classes) in training, else (n_clips, n_classes)
            Of each member; the mean over the members.
        """
        active = gelu(hidden)
        if not self.training:
            weight = self.weight.flatten(1) / self.weight.shape[1]
            return linear(active, weight, self.bias.mean(dim=0))
        if self.dropout:
            share = 1 - self.dropout
            kept = torch.empty_like(active).bernoulli_(share, generator=self.generator)
            active = active * kept.div_(share)
        active = active.unflatten(1, self.weight.shape[1:])
        return torch.einsum("nmh,cmh->nmc", active, self.weight) + self.bias


def _cosines(n_filters: int, n_frames: int) -> Tensor:
    """The first cosines of the discrete cosine transform, Tensor (n_filters, n_frames)."""
    time = (torch.arange(n_frames) + 0.5) / n_frames
    return torch.cos(math.pi * torch.arange(n_filters)[:, None] * time) / n_frames
