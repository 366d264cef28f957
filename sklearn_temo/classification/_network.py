"""The network of T-EMO: an affine front, then a small body."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class TEMONet(nn.Module):
    """Temporal filters, standardisation and embedding, then a nonlinear head.

    The first frame, where :class:`~sklearn_temo.LandmarkAligner` leaves the face itself, stays as
    it is. The frames after it, which hold what the face does, are summed up by a few temporal
    filters as long as the clip: cosines of growing frequency. Each landmark's coordinates are
    standardised behind the filters, where the course of a movement stands out from the jitter of
    single frames, and embedded by an affine map, one for the first frame and one shared by the
    filters. The filters are the same affine map for every landmark, so they commute with an
    embedding per frame: filtering first gives the same, for a fraction of the work.

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
    dropout : float
        Share of hidden units dropped in training.
    landmark_dropout : float
        Share of landmarks dropped in training, from all frames at once.
    first_frame_dropout : float
        Share of clips whose first of several frames is dropped in training.
    noise : float
        Standard deviation of the noise that training adds to what is embedded.
    scaling : {"shared", "column"}
        What centred columns are divided by: one deviation for the first frame and one for the
        filters, or their own.
    randomized : bool
        Leave the embeddings at their random initialisation, and train the rest.
    """

    basis: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        n_frames: int,
        n_landmarks: int,
        n_coords: int,
        n_classes: int,
        *,
        hidden_size: int,
        n_filters: int,
        dropout: float,
        landmark_dropout: float,
        first_frame_dropout: float,
        noise: float,
        scaling: str,
        randomized: bool,
    ) -> None:
        super().__init__()
        self.n_coords = n_coords
        self.n_inputs = n_landmarks * n_coords
        self.landmark_dropout = landmark_dropout
        self.first_frame_dropout = first_frame_dropout
        self.noise = noise
        self.scaling = scaling
        n_later = n_frames - 1
        n_filters = min(n_filters, n_later)
        first_size = max(1, hidden_size // 4) if n_later else hidden_size
        n_summaries = (1 + n_filters) * self.n_inputs
        self.register_buffer("basis", _cosines(n_filters, n_later) if n_later else torch.empty(0))
        self.register_buffer("mean", torch.zeros(n_summaries))
        self.register_buffer("scale", torch.ones(n_summaries))
        self.first_embedding = nn.Linear(self.n_inputs, first_size)
        self.later_embedding = nn.Linear(self.n_inputs, hidden_size) if n_later else None
        self.head = nn.Sequential(
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(first_size + n_filters * hidden_size, n_classes),
        )
        if randomized:
            for embedding in (self.first_embedding, self.later_embedding):
                if embedding is not None:
                    embedding.requires_grad_(False)

    def filtered(self, x: Tensor) -> Tensor:
        """The first frame, then the temporal filters of the later ones.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
        """
        if self.later_embedding is None:
            return x
        later = x[:, self.n_inputs :].unflatten(1, (-1, self.n_inputs))
        waves = torch.matmul(self.basis, later)
        return torch.cat([x[:, : self.n_inputs], waves.flatten(1)], dim=1)

    def fit_standardisation(self, filtered: Tensor) -> None:
        """Take mean and scale from filtered clips.

        Parameters
        ----------
        filtered : Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
        """
        variance, mean = torch.var_mean(filtered, dim=0, correction=0)
        if self.scaling == "shared":
            kinds = [self.n_inputs, len(mean) - self.n_inputs]
            variance = torch.cat([v.mean().expand(len(v)) for v in variance.split(kinds)])
        scale = variance.sqrt()
        # A column that is constant up to rounding says nothing, and must not be blown up.
        constant = scale <= 10 * torch.finfo(scale.dtype).eps * mean.abs()
        self.mean.copy_(mean)
        self.scale.copy_(scale.masked_fill(constant, 1.0))

    def embed(self, filtered: Tensor) -> Tensor:
        """Hidden units of filtered clips, with the disturbances of training.

        Parameters
        ----------
        filtered : Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)

        Returns
        -------
        Tensor of shape (n_clips, n_hidden)
        """
        z = self._standardise(filtered)
        if self.training:
            z = self._disturbed(z.unflatten(1, (-1, self.n_inputs))).flatten(1)
        return self._embed_standardised(z)

    def _embed_standardised(self, z: Tensor) -> Tensor:
        if self.later_embedding is None:
            return self.first_embedding(z)
        # One split, whose way back is one concatenation.
        first, later = z.split([self.n_inputs, z.shape[1] - self.n_inputs], dim=1)
        # As one matrix: of what is not contiguous torch would multiply the pieces one by one.
        waves = self.later_embedding(later.reshape(-1, self.n_inputs))
        return torch.cat([self.first_embedding(first), waves.view(len(z), -1)], dim=1)

    def front(self, x: Tensor) -> Tensor:
        """Hidden units of clips, Tensor of shape (n_clips, n_hidden)."""
        return self.embed(self.filtered(x))

    def forward(self, x: Tensor | None = None, *, filtered: Tensor | None = None) -> Tensor:
        """Logits of clips.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        filtered : Tensor of shape (n_clips, (1 + n_filters) * n_landmarks * n_coords)
            Instead of `x`: what :meth:`filtered` made of it. The filters are fixed, so training
            applies them once.

        Returns
        -------
        Tensor of shape (n_clips, n_classes)
        """
        if filtered is None:
            assert x is not None
            filtered = self.filtered(x)
        return self.head(self.embed(filtered))

    def affine_front(self):
        """The affine maps that the network begins with, and what follows them.

        Returns
        -------
        columnwise, front, body : callable
            ``body(front(columnwise(x)))`` equals ``self(x)`` in evaluation mode, where the first
            two are affine; `columnwise` mixes no landmarks and no coordinates, only frames.
        """
        return self._columnwise, self._embed_standardised, self.head

    def _columnwise(self, x: Tensor) -> Tensor:
        return self._standardise(self.filtered(x))

    def _standardise(self, filtered: Tensor) -> Tensor:
        return (filtered - self.mean) / self.scale

    def _disturbed(self, z: Tensor) -> Tensor:
        """Noise added, some landmarks left out, and sometimes the first frame."""
        if self.noise:
            z = z + self.noise * torch.randn_like(z)
        if self.landmark_dropout:
            n_landmarks = self.n_inputs // self.n_coords
            kept = torch.rand(len(z), n_landmarks, device=z.device) >= self.landmark_dropout
            mask = kept.to(z.dtype).repeat_interleave(self.n_coords, dim=1)
            z = z * mask[:, None] / (1 - self.landmark_dropout)
        if self.first_frame_dropout and self.later_embedding is not None:
            weight = torch.ones(len(z), z.shape[1], 1, dtype=z.dtype, device=z.device)
            weight[:, 0, 0] = (torch.rand(len(z), device=z.device) >= self.first_frame_dropout).to(
                z.dtype
            )
            z = z * weight
        return z


def _cosines(n_filters: int, n_frames: int) -> Tensor:
    """The first cosines of the discrete cosine transform, Tensor (n_filters, n_frames)."""
    time = (torch.arange(n_frames) + 0.5) / n_frames
    return torch.cos(math.pi * torch.arange(n_filters)[:, None] * time) / n_frames
