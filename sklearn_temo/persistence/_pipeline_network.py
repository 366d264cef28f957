"""A fitted pipeline, from rows of landmarks to predictions, as one torch network."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from torch import Tensor, nn

from .. import mesh
from ..alignment import LandmarkAligner
from ..classification._temo import BaseTEMO
from ..explanation._affine_maps import affine_map
from ..explanation._explained_function import FittedChain
from ..extraction import FaceLandmarkTransformer
from ..layout import LandmarkLayout

# Squarings of the matrix of the quaternion. The rotation of a face is exact after seven; a face
# that is almost flat needs more.
_N_SQUARINGS = 16


def pipeline_network(estimator: Any) -> tuple[nn.Module, FittedChain, LandmarkLayout]:
    """Network of a fitted pipeline, its opened steps, and the layout of its rows.

    Raises TypeError if a step has no counterpart in torch.
    """
    chain = FittedChain.of(estimator)
    if not isinstance(chain.final, BaseTEMO):
        raise TypeError(
            f"the last step is {type(chain.final).__name__}, but only pipelines that end with a "
            "TEMOClassifier or TEMORegressor can be exported. For pipelines of scikit-learn alone, "
            "see skl2onnx."
        )
    steps = [step for step in chain.steps if not isinstance(step, FaceLandmarkTransformer)]
    modules = [_module(step) for step in steps]
    modules.append(chain.final.averaged_module_)
    if is_classifier(chain.final):
        modules.append(nn.Softmax(dim=1))
    rows = np.empty((0, [*steps, chain.final][0].n_features_in_))
    # A copy, since the network of the pipeline may be on another device.
    network = deepcopy(nn.Sequential(*modules)).to("cpu").eval()
    return network, chain, chain.layout(rows)


def _module(step: Any) -> nn.Module:
    if isinstance(step, LandmarkAligner):
        return AlignerModule(step)
    try:
        return affine_map(step).float()
    except TypeError:
        raise TypeError(
            f"{step!r} cannot be exported. These steps can: FaceLandmarkTransformer (the graph "
            "begins after it), LandmarkAligner, landmark selectors, scalers, PCA, "
            "IncrementalPCA and TruncatedSVD."
        ) from None


class AlignerModule(nn.Module):
    """The transform of a fitted :class:`~sklearn_temo.LandmarkAligner`.

    Parameters
    ----------
    aligner : LandmarkAligner
    """

    def __init__(self, aligner: LandmarkAligner) -> None:
        super().__init__()
        rows = np.empty((0, aligner.n_features_in_))
        self.shape = LandmarkLayout.infer(
            rows, n_frames=aligner.n_frames, n_coords=aligner.n_coords
        ).shape
        self.reference = aligner.reference
        self.n_rotated = {None: 0, "in-plane": 2, "full": 3}[aligner.rotation]
        anchors = np.flatnonzero(mesh.pose_weights())
        weights = mesh.pose_weights()[anchors]
        target = (mesh.canonical_face() * [1.0, -1.0, -1.0])[anchors, : self.n_rotated]
        self.register_buffer("anchors", torch.from_numpy(anchors))
        self.register_buffer("weights", torch.from_numpy(weights))
        self.register_buffer("eye_corners", torch.from_numpy(np.array(mesh.eye_corners())))
        # The weighted target of the covariance.
        target = weights[:, None] * (target - weights @ target)
        self.register_buffer("target", torch.from_numpy(target))

    def forward(self, x: Tensor) -> Tensor:
        """Align rows of landmarks."""
        clips = x.unflatten(1, self.shape)
        # Sums in double precision, as in LandmarkAligner.
        centre = torch.einsum("l,nflc->nfc", self.weights, clips[:, :, self.anchors].double())
        clips = clips - centre[:, :, None].to(clips.dtype)
        right, left = clips[:, :, self.eye_corners].mean(dim=3).unbind(dim=2)
        distance = (left - right).double().square().sum(dim=-1).sqrt()
        clips = clips / distance[:, :, None, None].to(clips.dtype)
        if self.n_rotated:
            rotated, depth = clips.tensor_split([self.n_rotated], dim=3)
            covariance = torch.einsum(
                "nflc,ld->nfcd", rotated[:, :, self.anchors].double(), self.target
            )
            rotation = rotation_2d if self.n_rotated == 2 else rotation_3d
            rotated = rotated @ rotation(covariance).to(clips.dtype)
            clips = torch.cat([rotated, depth], dim=3)
        if self.reference == "first":
            first, later = clips.tensor_split([1], dim=1)
            clips = torch.cat([first, later - first], dim=1)
        elif self.reference == "mean":
            clips = clips - clips.mean(dim=1, keepdim=True)
        return clips.flatten(1)


def rotation_2d(covariance: Tensor) -> Tensor:
    """Proper rotation R of the greatest ``trace(R.T @ covariance)``, both (..., 2, 2)."""
    cosine = covariance[..., 0, 0] + covariance[..., 1, 1]
    sine = covariance[..., 0, 1] - covariance[..., 1, 0]
    length = (cosine.square() + sine.square()).sqrt()
    cosine, sine = cosine / length, sine / length
    return torch.stack([cosine, sine, -sine, cosine], dim=-1).unflatten(-1, (2, 2))


def rotation_3d(covariance: Tensor) -> Tensor:
    """Proper rotation R of the greatest ``trace(R.T @ covariance)``, both (..., 3, 3).

    ONNX has no singular value decomposition. The unit quaternion of the rotation is the first
    eigenvector of a symmetric matrix of size 4 (Horn, 1987), whose square, squared again and again,
    becomes the outer product of the eigenvector with itself; the rotation follows from its entries.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (
        row.unbind(dim=-1) for row in covariance.unbind(dim=-2)
    )
    entries = [
        *(xx + yy + zz, zy - yz, xz - zx, yx - xy),
        *(zy - yz, xx - yy - zz, xy + yx, xz + zx),
        *(xz - zx, xy + yx, yy - xx - zz, yz + zy),
        *(yx - xy, xz + zx, yz + zy, zz - xx - yy),
    ]
    power = torch.stack(entries, dim=-1).unflatten(-1, (4, 4))
    # No eigenvalue is negative after this shift.
    size = power.square().sum(dim=(-2, -1), keepdim=True).sqrt()
    power = power / size + torch.eye(4, dtype=power.dtype)
    for _ in range(_N_SQUARINGS):
        power = power @ power
        power = power / power.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    (ww, wx, wy, wz), (_, ii, ij, ik), (_, _, jj, jk), (*_, kk) = (
        row.unbind(dim=-1) for row in power.unbind(dim=-2)
    )
    rotation = [
        *(ww + ii - jj - kk, 2 * (ij - wz), 2 * (ik + wy)),
        *(2 * (ij + wz), ww - ii + jj - kk, 2 * (jk - wx)),
        *(2 * (ik - wy), 2 * (jk + wx), ww - ii - jj + kk),
    ]
    return torch.stack(rotation, dim=-1).unflatten(-1, (3, 3))
