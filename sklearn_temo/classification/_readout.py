"""Linear readout of fixed features in closed form: ridge regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

# Penalties to choose from, largest first, so that the largest of equally good ones is chosen.
_PENALTIES = 10.0 ** np.arange(3, -5.5, -0.5)
# Range of the logarithm of the scale of logits.
_LOG_SCALES = (-3, 7)


@dataclass(frozen=True)
class Readout:
    """Ridge regression that is not penalised in its intercept.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    penalty : float
        Factor of the squared coefficients, relative to the weighted mean of squared errors.
    left_out : ndarray of shape (n_samples, n_outputs)
        Output for each sample of the regression without this sample.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    penalty: float
    left_out: NDArray[np.float64]


def fit_readout(
    features: NDArray[np.floating],
    targets: NDArray[np.floating],
    sample_weight: NDArray[np.floating],
    penalty: float | Literal["auto"],
) -> Readout:
    """Fit a ridge regression; "auto" chooses the penalty with the smallest leave-one-out error.

    All penalties share one decomposition of the smaller of the two matrices of products: of samples
    or of features. The outputs without a sample follow from its leverage [1]_.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
    targets : ndarray of shape (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,)
        Weights above 0.
    penalty : float or "auto"

    Returns
    -------
    Readout

    References
    ----------
    .. [1] Hastie, T., Tibshirani, R., Friedman, J. (2009). The Elements of Statistical Learning,
       2nd edition, section 7.10. Springer.
    """
    features, targets = features.astype(np.float64), targets.astype(np.float64)
    weight = sample_weight.astype(np.float64)
    mean_features, mean_targets = (
        np.average(a, axis=0, weights=weight) for a in (features, targets)
    )
    root = np.sqrt(weight)[:, None]
    A, B = (features - mean_features) * root, (targets - mean_targets) * root
    # The left singular vectors of A, and the squares of the singular values.
    is_wide = len(A) <= A.shape[1]
    values, vectors = np.linalg.eigh(A @ A.T if is_wide else A.T @ A)
    # The others are rounding errors.
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    left = vectors if is_wide else A @ vectors / np.sqrt(values)
    projected = left.T @ B
    penalties = _PENALTIES if penalty == "auto" else np.array([float(penalty)])
    total = weight.sum()
    shrinkage = values[:, None] / (values[:, None] + total * penalties)
    # Share of each sample in its own output; the intercept adds its share of the weight.
    leverage = np.square(left) @ shrinkage + (weight / total)[:, None]
    # Of shape (n_samples, n_penalties, n_outputs).
    fitted = np.tensordot(left, shrinkage[:, :, None] * projected[:, None], axes=1)
    residuals = (B[:, None] - fitted) / (1 - np.minimum(leverage, 1 - 1e-9))[:, :, None]
    best = int(np.square(residuals).sum(axis=(0, 2)).argmin())
    solved = projected / (values + total * penalties[best])[:, None]
    coef = (
        A.T @ (vectors @ solved) if is_wide else vectors @ (np.sqrt(values)[:, None] * solved)
    ).T
    left_out = targets - residuals[:, best] / root
    return Readout(coef, mean_targets - coef @ mean_features, float(penalties[best]), left_out)


def scale_of_logits(
    outputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    sample_weight: NDArray[np.floating],
) -> float:
    """Factor that makes outputs the logits of the smallest cross entropy.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_classes)
        Outputs for samples that were left out.
    targets : ndarray of shape (n_samples, n_classes)
        Probabilities of the classes.
    sample_weight : ndarray of shape (n_samples,)

    Returns
    -------
    float
    """

    def cross_entropy(log_scale: float) -> float:
        log_probability = log_softmax(np.exp(log_scale) * outputs, axis=1)
        return -float(sample_weight @ (targets * log_probability).sum(axis=1))

    return float(np.exp(minimize_scalar(cross_entropy, bounds=_LOG_SCALES, method="bounded").x))


class NormalEquations:
    """Sums over samples from which a ridge regression is computed, in double precision.

    Parameters
    ----------
    n_features, n_outputs : int
    """

    def __init__(self, n_features: int, n_outputs: int) -> None:
        # A column of ones stands for the intercept.
        self.products = np.zeros((n_features + 1, n_features + 1))
        self.with_targets = np.zeros((n_features + 1, n_outputs))

    def add(
        self,
        features: NDArray[np.floating],
        targets: NDArray[np.floating],
        sample_weight: NDArray[np.floating],
    ) -> None:
        """Add samples; the parameters are those of :func:`fit_readout`."""
        features = np.column_stack([features.astype(np.float64), np.ones(len(features))])
        weighted = features * sample_weight[:, None]
        self.products += weighted.T @ features
        self.with_targets += weighted.T @ targets

    def solve(self, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients (n_outputs, n_features) and intercept (n_outputs,) of the regression."""
        total = self.products[-1, -1]
        mean_features, mean_targets = self.products[-1, :-1] / total, self.with_targets[-1] / total
        covariance = self.products[:-1, :-1] - total * np.outer(mean_features, mean_features)
        covariance[np.diag_indices_from(covariance)] += total * penalty
        joint = self.with_targets[:-1] - total * np.outer(mean_features, mean_targets)
        # Without a penalty, the covariance of few samples is singular: the smallest coefficients
        # are taken, as in fit_readout.
        solved = np.linalg.solve(covariance, joint) if penalty else lstsq(covariance, joint)[0]
        coef = solved.T
        return coef, mean_targets - coef @ mean_features
