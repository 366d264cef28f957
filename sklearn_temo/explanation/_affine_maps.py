"""Affine transformers and linear models as torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from torch import nn

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
PROJECTIONS = (PCA, IncrementalPCA, TruncatedSVD)


def affine_map(step: Any) -> nn.Module:
    """An affine transformer as a torch module.

    Raises TypeError if the transformer is not known to be affine.
    """
    if hasattr(step, "get_support"):
        return _Select(step.get_support())
    if isinstance(step, SCALERS) and not getattr(step, "clip", False):
        shift, factor = _scaling(step)
        n_columns = step.n_features_in_
        return _Scale(
            np.zeros(n_columns) if shift is None else np.array(shift, dtype=np.float64),
            np.ones(n_columns) if factor is None else np.array(factor, dtype=np.float64),
        )
    if isinstance(step, PROJECTIONS):
        factor = np.ones(len(step.components_))
        if getattr(step, "whiten", False):
            factor = 1 / np.sqrt(step.explained_variance_)
        shift = getattr(step, "mean_", np.zeros(step.components_.shape[1]))
        return nn.Sequential(
            _Scale(shift, np.ones(len(shift))), linear_layer(step.components_ * factor[:, None], 0)
        )
    raise TypeError(
        f"the shares of landmarks cannot be computed through {step!r}, which follows the selection "
        "of landmarks: move it in front of the selector. After it, these steps are possible: "
        "selectors, StandardScaler, RobustScaler, MaxAbsScaler, MinMaxScaler (without clip), PCA, "
        "IncrementalPCA and TruncatedSVD."
    )


def centre_of(step: Any) -> Any:
    """Centre of the training clips in front of a step; None if the step does not know it."""
    if isinstance(step, RobustScaler):
        return step.center_
    knows_mean = isinstance(step, PCA | IncrementalPCA | StandardScaler)
    return step.mean_ if knows_mean else None


def linear_layer(coef: NDArray[Any], intercept: Any) -> nn.Linear:
    """Coefficients of shape (n_outputs, n_columns) as a layer."""
    layer = nn.Linear(coef.shape[1], len(coef), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.array(coef, dtype=np.float64)))
        layer.bias.copy_(torch.from_numpy(np.zeros(len(coef)) + intercept))
    return layer


def _scaling(step: Any) -> tuple[Any, Any]:
    """Shift and factor of a scaler; None where it does not shift or scale."""
    if isinstance(step, MinMaxScaler):
        return -step.min_ / step.scale_, step.scale_
    shift = getattr(step, "center_", None)
    if isinstance(step, StandardScaler) and step.with_mean:
        shift = step.mean_
    scale = getattr(step, "scale_", None)
    return shift, None if scale is None else 1 / scale


class _Select(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("index", torch.from_numpy(np.flatnonzero(mask)))

    def forward(self, x):
        return x[:, self.index]


class _Scale(nn.Module):
    """Subtract `shift` and multiply by `factor`, one number for each column."""

    def __init__(self, shift, factor):
        super().__init__()
        self.register_buffer("shift", torch.from_numpy(shift))
        self.register_buffer("factor", torch.from_numpy(factor))

    def forward(self, x):
        return (x - self.shift) * self.factor
