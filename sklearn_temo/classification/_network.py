"""Networks of T-EMO, and their reduction of clips to principal components."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import eye_array
from sklearn.utils.extmath import randomized_svd, svd_flip
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from ..mirror import Mirror

# Largest number of frames that principal components are computed from.
_MAX_FRAMES = 8192
# Principal components of smaller matrices are computed by an exact decomposition, which is faster.
_MAX_EXACT = 256
# Components with a smaller share of the variance of the first one are rounding errors.
_NEGLIGIBLE = 1e-12
# Standard deviation of the sum of all inputs of a random unit, whose mean square is 1: units that
# are neither linear nor steps.
_RANDOM_SCALE = 0.5


class ReducedNet(nn.Module, ABC):
    """A network on temporal filters and principal components of clips.

    The first frame, which holds positions after :class:`~sklearn_temo.LandmarkAligner`, is used
    as it is. The later frames, which hold displacements, are summarised by temporal filters:
    cosines of increasing frequency over the whole clip. The first frame and the filtered frames
    are reduced to principal components of the training clips, without whitening, so that joint
    movements of many landmarks outweigh the noise of single ones.

    Each component is either equal in a clip and its mirror image, or has the opposite sign, where
    the training clips have mirror images: see :func:`fit_reduction`.

    Subclasses compute their outputs from the components in :meth:`from_reduced`.

    Parameters
    ----------
    n_frames, n_landmarks, n_coords : int
        Layout of the clips.
    n_filters : int
        Number of temporal filters, limited to the number of later frames.
    n_components : int
        Number of principal components of a frame, limited to the number of its columns.
    depth_weight : float
        Factor of the third coordinate.
    skip_first_frame : bool
        Leave out the first of several frames.
    """

    basis: Tensor
    mean: Tensor
    gain: Tensor
    components: Tensor
    parity: Tensor

    def __init__(
        self,
        n_frames: int,
        n_landmarks: int,
        n_coords: int,
        *,
        n_filters: int,
        n_components: int,
        depth_weight: float,
        skip_first_frame: bool,
    ) -> None:
        super().__init__()
        self.n_inputs = n_landmarks * n_coords
        self.n_components = min(n_components, self.n_inputs)
        self.n_filters = min(n_filters, n_frames - 1)
        # Generator of the random numbers of training; None for torch's global one.
        self.generator: torch.Generator | None = None
        gain = torch.ones(1 + self.n_filters, n_landmarks, n_coords)
        gain[..., 2:3] = depth_weight
        skip_first_frame = skip_first_frame and n_frames > 1
        if skip_first_frame:
            gain[0] = 0
        self.register_buffer("gain", gain.flatten())
        self.register_buffer("basis", _cosines(self.n_filters, n_frames - 1))
        self.register_buffer("mean", torch.zeros(gain.numel()))
        # Of the first frame, and of the filtered later ones where there are any.
        n_parts = 2 if n_frames > 1 and not skip_first_frame else 1
        components = torch.zeros(n_parts, self.n_components, self.n_inputs)
        self.register_buffer("components", components)
        n_rows = self.n_filters if skip_first_frame else 1 + self.n_filters
        self.register_buffer("parity", torch.ones(n_rows * self.n_components))

    def forward(
        self,
        x: Any = None,
        *,
        reduced: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> Tensor:
        """Compute the outputs for clips.

        Parameters
        ----------
        x : Tensor of shape (n_clips, n_frames * n_landmarks * n_coords), default=None
            Clips.
        reduced : Tensor of shape (n_clips, n_reduced), default=None
            Output of :meth:`reduced`, in place of `x`.
        sample_weight : Tensor of shape (n_clips,), default=None
            Ignored. skorch passes it with the clips, for the loss.

        Returns
        -------
        Tensor of shape (n_clips, n_outputs)
            Outputs; see also :meth:`TEMONet.from_reduced`.
        """
        return self.from_reduced(self.reduced(x) if reduced is None else reduced)

    @abstractmethod
    def from_reduced(self, reduced: Tensor) -> Tensor:
        """Compute the outputs from the output of :meth:`reduced`."""

    @abstractmethod
    def hidden(self, reduced: Tensor) -> Tensor:
        """Compute the inputs of :meth:`activation` from the output of :meth:`reduced`; affine."""

    @abstractmethod
    def activation(self, hidden: Tensor) -> Tensor:
        """Map each hidden unit on its own."""

    @abstractmethod
    def output(self, active: Tensor) -> Tensor:
        """Compute the outputs in evaluation mode from those of :meth:`activation`; affine."""

    def affine_front(self):
        """Split the network into an affine front, an activation and an affine output.

        Returns
        -------
        columnwise, front, activation, output : callable
            ``output(activation(front(columnwise(x))))`` equals ``self(x)`` in evaluation mode. All
            but `activation` are affine; `columnwise` mixes frames, but no landmarks and no
            coordinates.
        """
        return (
            self.centred,
            lambda z: self.hidden(self.project(z)),
            self.activation,
            self.output,
        )

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
        Tensor of shape (n_clips, n_reduced)
            Multiplied by the buffer `parity`, these are the components of the mirror images.
        """
        return self.project(self.centred(x))

    def project(self, z: Tensor) -> Tensor:
        """Compute the components of the output of :meth:`centred`."""
        parts = zip(self._parts(z, self.n_inputs), self.components, strict=True)
        return torch.cat([(part @ found.T).view(z.shape[0], -1) for part, found in parts], dim=1)

    def _parts(self, z: Tensor, size: int) -> list[Tensor]:
        """Split (n_clips, (1 + n_filters) * size) into first frames and filtered frames.

        Their shapes are (n_clips, size) and (n_clips * n_filters, size). Clips of a single frame
        have no second part; without the first of several frames, there is no first part.
        """
        first, later = z.split([size, z.shape[1] - size], dim=1)
        # As rows of one contiguous matrix, which torch multiplies in a single operation.
        parts = [first, later.reshape(-1, size)] if self.n_filters else [first]
        return parts[-len(self.components) :]


class TEMONet(ReducedNet):
    """A linear embedding of the components, and a nonlinear head, both trained.

    The components are embedded by two linear maps, one for the first frame and one shared by the
    filtered frames. All of this is affine, which makes integrated gradients cheap: see
    :meth:`affine_front`. The nonlinear head follows.

    Parameters
    ----------
    n_frames, n_landmarks, n_coords : int
        Layout of the clips.
    n_outputs : int
        Number of outputs.
    hidden_size : int
        Size of the embedding of a filtered frame. The first of several frames gets a quarter.
    n_filters, n_components, depth_weight
        As in :class:`ReducedNet`.
    dropout : float
        Share of hidden units that are dropped in training.
    first_frame_dropout : float
        Share of clips whose first frame is dropped in training, where there are several frames.
    noise : float
        Standard deviation of the noise that is added to the components in training. Their mean
        square is 1.
    n_members : int
        Number of embeddings and heads that are trained side by side on the same components.
    scale, shift : Tensor of shape (n_outputs,), default=None
        Unit of the outputs, and their value at 0; None for 1 and 0.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        n_frames: int,
        n_landmarks: int,
        n_coords: int,
        n_outputs: int,
        *,
        hidden_size: int,
        n_filters: int,
        n_components: int,
        depth_weight: float,
        dropout: float,
        first_frame_dropout: float,
        noise: float,
        n_members: int,
        scale: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> None:
        super().__init__(
            n_frames,
            n_landmarks,
            n_coords,
            n_filters=n_filters,
            n_components=n_components,
            depth_weight=depth_weight,
            skip_first_frame=False,
        )
        self.n_members = n_members
        self.dropout = dropout
        self.first_frame_dropout = first_frame_dropout if n_frames > 1 else 0
        self.noise = noise
        if self.first_frame_dropout == 1:
            # The weights of a frame that is never seen in training stay random.
            self.gain[: self.n_inputs] = 0
        # Sizes of the embeddings of the first frame, and of each filtered one.
        sizes = [max(1, hidden_size // 4), hidden_size] if n_frames > 1 else [hidden_size]
        n_hidden = sizes[0] + self.n_filters * hidden_size
        self.embeddings = nn.ModuleList(
            nn.Linear(self.n_components, n_members * size) for size in sizes
        )
        bound = n_hidden**-0.5
        self.weight = nn.Parameter(
            torch.empty(n_outputs, n_members, n_hidden).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(n_members, n_outputs).uniform_(-bound, bound))
        self.register_buffer("scale", torch.ones(n_outputs) if scale is None else scale)
        self.register_buffer("shift", torch.zeros(n_outputs) if shift is None else shift)

    def from_reduced(self, reduced: Tensor) -> Tensor:
        """Compute the outputs from principal components.

        Parameters
        ----------
        reduced : Tensor of shape (n_clips, n_reduced)
            Output of :meth:`reduced`. In training, either the clip or its mirror image is used at
            random, with noise and dropout.

        Returns
        -------
        Tensor of shape (n_clips, n_members, n_outputs) in training, else (n_clips, n_outputs)
            Outputs of each member in training, else their mean.
        """
        if self.training:
            reduced = self._augmented(reduced)
        return self._head(self.hidden(reduced))

    def hidden(self, reduced: Tensor) -> Tensor:
        """Embed the components; returns shape (n_clips, n_members * n_hidden)."""
        parts = zip(self._parts(reduced, self.n_components), self.embeddings, strict=True)
        return self._by_member([embedding(part) for part, embedding in parts])

    def _by_member(self, parts: list[Tensor]) -> Tensor:
        """Join the hidden units of the parts, so that those of a member are contiguous.

        The parts have shapes (n_clips, n_members * size) and (n_clips * n_filters, n_members *
        size), each with its own size; the result has shape (n_clips, n_members * n_hidden).
        """
        n_clips = parts[0].shape[0]
        rows = [part.view(n_clips, -1, part.shape[1]) for part in parts]
        members = [row.unflatten(2, (self.n_members, -1)).transpose(1, 2) for row in rows]
        return torch.cat([member.flatten(2) for member in members], dim=2).flatten(1)

    def _head(self, hidden: Tensor) -> Tensor:
        """Outputs of hidden units, of each member in training, else their mean."""
        active = gelu(hidden)
        if not self.training:
            return self.output(active)
        if self.dropout:
            share = 1 - self.dropout
            kept = torch.empty_like(active).bernoulli_(share, generator=self.generator)
            active = active * kept.div_(share)
        active = active.unflatten(1, self.weight.shape[1:])
        found = torch.einsum("nmh,cmh->nmc", active, self.weight) + self.bias
        return found * self.scale + self.shift

    def activation(self, hidden: Tensor) -> Tensor:
        """Apply the GELU."""
        return gelu(hidden)

    def output(self, active: Tensor) -> Tensor:
        """Compute the mean of the members."""
        weight = self.weight.flatten(1) / self.n_members
        return linear(active, weight, self.bias.mean(dim=0)) * self.scale + self.shift

    def _augmented(self, reduced: Tensor) -> Tensor:
        """The clip or its mirror image at random, with noise and dropout of the first frame."""
        chance = reduced.new_empty(2, len(reduced), 1).uniform_(generator=self.generator)
        reduced = torch.where(chance[0] < 0.5, reduced, reduced * self.parity)
        if self.noise:
            noise = torch.empty_like(reduced).normal_(generator=self.generator)
            reduced = reduced + self.noise * noise
        if self.first_frame_dropout:
            first, later = reduced.tensor_split([self.n_components], dim=1)
            reduced = torch.cat([first * (chance[1] >= self.first_frame_dropout), later], dim=1)
        return reduced


class RandomizedTEMONet(ReducedNet):
    """Many random units of the components, and a linear readout of the units and the components.

    A unit is the GELU of a linear map with normal weights and a uniform bias, which are not
    trained. The first of several frames is left out.

    Parameters
    ----------
    n_frames, n_landmarks, n_coords : int
        Layout of the clips.
    n_outputs : int
        Number of outputs.
    hidden_size : int
        Number of random units.
    n_filters, n_components, depth_weight
        As in :class:`ReducedNet`.
    """

    projection: Tensor
    offset: Tensor

    def __init__(
        self,
        n_frames: int,
        n_landmarks: int,
        n_coords: int,
        n_outputs: int,
        *,
        hidden_size: int,
        n_filters: int,
        n_components: int,
        depth_weight: float,
    ) -> None:
        super().__init__(
            n_frames,
            n_landmarks,
            n_coords,
            n_filters=n_filters,
            n_components=n_components,
            depth_weight=depth_weight,
            skip_first_frame=True,
        )
        n_reduced = len(self.parity)
        scale = _RANDOM_SCALE / n_reduced**0.5
        self.register_buffer("projection", scale * torch.randn(hidden_size, n_reduced))
        self.register_buffer("offset", torch.empty(hidden_size).uniform_(-1, 1))
        self.weight = nn.Parameter(torch.zeros(n_outputs, hidden_size + n_reduced))
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def from_reduced(self, reduced: Tensor) -> Tensor:
        """Compute the outputs from the output of :meth:`reduced`; shape (n_clips, n_outputs)."""
        return linear(self.features(reduced), self.weight, self.bias)

    def features(self, reduced: Tensor) -> Tensor:
        """Random units and components, Tensor of shape (n_clips, hidden_size + n_reduced)."""
        return torch.cat([gelu(linear(reduced, self.projection, self.offset)), reduced], dim=1)

    def hidden(self, reduced: Tensor) -> Tensor:
        """Compute the random units, and the outputs of the components, which are affine too."""
        of_components = self.weight[:, len(self.offset) :]
        units = linear(reduced, self.projection, self.offset)
        return torch.cat([units, linear(reduced, of_components, self.bias)], dim=1)

    def activation(self, hidden: Tensor) -> Tensor:
        """Apply the GELU to the random units."""
        units, outputs = hidden.tensor_split([len(self.offset)], dim=1)
        return torch.cat([gelu(units), outputs], dim=1)

    def output(self, active: Tensor) -> Tensor:
        """Add the outputs of the random units to those of the components."""
        units, outputs = active.tensor_split([len(self.offset)], dim=1)
        return linear(units, self.weight[:, : len(self.offset)]) + outputs


class MirrorAveragedNet(nn.Module):
    """Mean of the outputs of a network for clips and for their mirror images.

    Parameters
    ----------
    net : ReducedNet
        Network with mirror pairs.
    """

    def __init__(self, net: ReducedNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs for clips, as :meth:`ReducedNet.forward` does."""
        reduced = self.net.reduced(x)
        mirrored = self.net.from_reduced(reduced * self.net.parity)
        return (self.net.from_reduced(reduced) + mirrored) / 2

    def affine_front(self):
        """Split the network as :meth:`ReducedNet.affine_front` does."""
        net = self.net

        def front(z: Tensor) -> Tensor:
            reduced = net.project(z)
            return torch.cat([net.hidden(reduced), net.hidden(reduced * net.parity)], dim=1)

        def activation(hidden: Tensor) -> Tensor:
            return torch.cat([net.activation(half) for half in hidden.chunk(2, dim=1)], dim=1)

        def output(active: Tensor) -> Tensor:
            first, second = active.chunk(2, dim=1)
            return (net.output(first) + net.output(second)) / 2

        return net.centred, front, activation, output


@torch.no_grad()
def fit_reduction(
    module: ReducedNet, clips: Tensor, sample_weight: Tensor, mirror: Mirror | None, seed: int
) -> None:
    """Compute the mean and the principal components of a network from its training clips.

    With a mirror, they are those of the clips and their mirror images. The covariance of these does
    not change under reflection, so that each component is either symmetric or antisymmetric: it is
    a component of the symmetric or of the antisymmetric part of the clips.

    Parameters
    ----------
    module : ReducedNet
    clips : Tensor of shape (n_clips, n_features)
    sample_weight : Tensor of shape (n_clips,)
        Weights with a mean of 1.
    mirror : Mirror or None
        Map from the clips to their mirror images.
    seed : int
        Seed of the randomized decomposition, and of the choice of frames where there are many.
    """
    mean = (sample_weight @ clips / len(clips))[None]
    if mirror is not None:
        mean = (mean + torch.from_numpy(mirror.apply(mean.cpu().numpy())).to(mean)) / 2
    module.mean.copy_(module.filtered(mean)[0])
    centred = module.filtered(clips) - module.mean
    # Clips in any unit are scaled to about 1, so that squares neither overflow nor underflow. A
    # power of two causes no rounding.
    module.gain.ldexp_(-centred.abs().max().frexp().exponent)
    centred.mul_(module.gain).mul_(sample_weight[:, None].sqrt())
    means = (module.mean * module.gain)[None]
    parity = []
    for components, part, mean in zip(
        module.components,
        module._parts(centred, module.n_inputs),
        module._parts(means, module.n_inputs),
        strict=True,
    ):
        components.zero_()
        signs = np.ones(module.n_components, dtype=np.float32)
        frames = part.cpu().numpy()
        if len(frames) > _MAX_FRAMES:
            rng = np.random.default_rng(seed)
            frames = frames[rng.choice(len(frames), _MAX_FRAMES, replace=False)]
        # Columns that are constant up to rounding errors have no components.
        if np.abs(frames).max() > 10 * np.finfo(frames.dtype).eps * float(mean.abs().max()):
            found, signs_found = _components(frames, module.n_components, mirror, seed)
            components[: len(found)] = torch.from_numpy(found).to(components)
            signs[: len(found)] = signs_found
        parity.append(np.tile(signs, len(part) // len(clips)))
    module.parity.copy_(torch.from_numpy(np.concatenate(parity)))


def _components(
    frames: NDArray[np.float32], n_components: int, mirror: Mirror | None, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Principal components with a mean square of 1, and their signs under reflection."""
    identity = eye_array(frames.shape[1], dtype=np.float32)
    bases = [(identity, 1)] if mirror is None else mirror.bases()
    decomposed = []
    for basis, sign in bases:
        values, vectors = _decomposed(frames @ basis, n_components, seed)
        decomposed.append((values, vectors @ basis.T, np.full(len(values), sign)))
    values, vectors, signs = (np.concatenate(found) for found in zip(*decomposed, strict=True))
    order = np.argsort(-values, kind="stable")[:n_components]
    order = order[values[order] > _NEGLIGIBLE * values.max()]
    vectors = vectors[order] / np.sqrt(values[order].sum() / (len(frames) * len(order)))
    return vectors.astype(np.float32), signs[order].astype(np.float32)


def _decomposed(
    frames: NDArray[np.floating], n_components: int, seed: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Squares of the largest singular values, and the right singular vectors as rows."""
    moves = np.any(frames != 0, axis=0)
    if not moves.any():
        # As the antisymmetric part of clips that are symmetric.
        return np.zeros(0), np.zeros((0, len(moves)))
    columns = frames[:, moves]
    n_components = min(n_components, *columns.shape)
    if min(columns.shape) > _MAX_EXACT:
        _, values, found = randomized_svd(columns, n_components, n_iter=2, random_state=seed)
        values = values**2
    else:
        columns = columns.astype(np.float64)
        is_wide = columns.shape[0] < columns.shape[1]
        values, found = np.linalg.eigh(columns @ columns.T if is_wide else columns.T @ columns)
        values, found = values[::-1][:n_components], found.T[::-1][:n_components]
        kept = values > _NEGLIGIBLE * values.max(initial=0)
        values, found = values[kept], found[kept]
        if is_wide:
            found = found @ columns / np.sqrt(values)[:, None]
        _, found = svd_flip(None, found, u_based_decision=False)
    vectors = np.zeros((len(found), len(moves)))
    vectors[:, moves] = found
    return values, vectors


def _cosines(n_filters: int, n_frames: int) -> Tensor:
    """The first cosines of the discrete cosine transform, of shape (n_filters, n_frames)."""
    time = (torch.arange(n_frames) + 0.5) / n_frames
    return torch.cos(math.pi * torch.arange(n_filters)[:, None] * time) / max(1, n_frames)
