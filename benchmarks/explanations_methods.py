"""Explanation methods, for their benchmark.

Each method returns the signed share of each landmark of each clip in the logit of its class; with
two classes, in the logarithm of the odds. Methods that compare with a single baseline get the mean
of the baselines. Methods that rank landmarks for a whole data set give all clips the same shares.

T-EMO has a single nonlinear layer, for which DeepLift equals Integrated Gradients up to rounding.

References
----------
.. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks. ICML.
.. [2] Smilkov, D. et al. (2017). SmoothGrad: removing noise by adding noise. arXiv 1706.03825.
.. [3] Erion, G. et al. (2021). Improving performance of deep learning models with axiomatic
   attribution priors and expected gradients. Nature Machine Intelligence 3. (GradientSHAP)
.. [4] Shrikumar, A., Greenside, P., Kundaje, A. (2017). Learning important features through
   propagating activation differences. ICML. (DeepLift)
.. [5] Lundberg, S. M., Lee, S.-I. (2017). A unified approach to interpreting model predictions.
   NeurIPS. (Kernel SHAP)
.. [6] Ribeiro, M. T., Singh, S., Guestrin, C. (2016). "Why should I trust you?": Explaining the
   predictions of any classifier. KDD. (LIME)
.. [7] Zeiler, M. D., Fergus, R. (2014). Visualizing and understanding convolutional networks. ECCV.
   (occlusion)
.. [8] Breiman, L. (2001). Random forests. Machine Learning 45(1). (permutation importance)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import shap
import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    FeaturePermutation,
    GradientShap,
    Lime,
    NoiseTunnel,
    Saliency,
)
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR, nonlinear
from sklearn.feature_selection import f_classif
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sklearn_temo import LandmarkLayout, TEMOClassifier
from sklearn_temo.explanation import explain_clips

# Samples of the methods that draw them: noisy copies, baselines, subsets of regions or landmarks.
N_NOISY, N_GRADIENT_SHAP, N_KERNEL_SHAP, N_LIME = 25, 25, 256, 300
# Noise of SmoothGrad, relative to the standard deviation of the filtered clips.
NOISE = 0.1
# Clips that permutation importance is measured on, which bounds the time.
N_PERMUTED = 20


@dataclass(frozen=True, eq=False)
class Case:
    """A fitted classifier, and what methods may know besides the clips that they explain.

    Parameters
    ----------
    estimator : TEMOClassifier
    X, y : ndarray
        Its training clips and labels.
    baselines : ndarray of shape (n_baselines, n_features)
    layout : LandmarkLayout
    regions : ndarray of str of shape (n_landmarks,)
    seed : int
        Seed of the methods that draw samples.
    """

    estimator: TEMOClassifier
    X: np.ndarray
    y: np.ndarray
    baselines: np.ndarray
    layout: LandmarkLayout
    regions: np.ndarray
    seed: int


class Activation(nn.Module):
    """Elementwise activation as a module, which DeepLift requires."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply the activation."""
        return self.function(hidden)


# Captum has no rule for GELU; this one is the same for all elementwise activations.
SUPPORTED_NON_LINEAR[Activation] = nonlinear


class TargetLogit(nn.Module):
    """Logit that the classifier predicts for one class of each row; for two classes the log odds.

    The rows are the outputs of `columnwise`, the temporal filters: they are shorter than clips, and
    the shares of landmarks are the same, since the filters do not mix landmarks. `hidden` maps them
    to the hidden units before the activation, and is affine.
    """

    def __init__(self, estimator: TEMOClassifier) -> None:
        super().__init__()
        module = estimator.averaged_module_.eval()
        self.columnwise, self.hidden, activation, self.output = module.affine_front()
        self.activation = Activation(activation)

    def of_hidden(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Logit of the target for hidden units."""
        logits = self.output(self.activation(hidden))
        own = logits.gather(1, target[:, None])[:, 0]
        return 2 * own - logits.sum(dim=1) if logits.shape[1] == 2 else own

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Logits of filtered rows, of shape (n_rows,)."""
        return self.of_hidden(self.hidden(x), target)


Method = Callable[[Case, np.ndarray, np.ndarray], np.ndarray]


def explain(method: str, case: Case, rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Compute the shares of clips by one method.

    Parameters
    ----------
    method : str
        Key of `METHODS`.
    case : Case
    rows : ndarray of shape (n_clips, n_features)
    target : ndarray of int of shape (n_clips,)
        Index of the class that is explained.

    Returns
    -------
    ndarray of shape (n_clips, n_landmarks)
    """
    # Captum and shap draw from the global generators, and take no others.
    np.random.seed(case.seed)  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(case.seed)
        return METHODS[method](case, rows, target)


class Inputs(NamedTuple):
    """Network, and filtered clips, indices of classes and filtered baselines for torch."""

    network: TargetLogit
    x: Tensor
    target: Tensor
    baselines: Tensor

    @classmethod
    def of(cls, case: Case, rows: np.ndarray, target: np.ndarray) -> Inputs:
        """Apply the temporal filters."""
        network = TargetLogit(case.estimator)
        with torch.no_grad():
            x, b = (network.columnwise(torch.tensor(part)) for part in (rows, case.baselines))
        return cls(network, x, torch.tensor(target), b)


def landmark_of_column(case: Case, x: Tensor) -> np.ndarray:
    """Landmark of each column of filtered clips, ndarray of int of shape (n_columns,)."""
    return np.arange(x.shape[1]) // case.layout.n_coords % case.layout.n_landmarks


def by_landmark(case: Case, attributions: Tensor) -> np.ndarray:
    """Sum attributions over frames and coordinates."""
    shape = -1, case.layout.n_landmarks, case.layout.n_coords
    return attributions.detach().unflatten(1, shape).sum(dim=(1, 3)).numpy()


def integrated_gradients(case, rows, target):
    """Integrated Gradients of this package, averaged over the baselines."""
    labels = case.estimator.classes_[target]
    explanation = explain_clips(case.estimator, rows, target=labels, baselines=case.baselines)
    return explanation.attributions.sum(axis=1)


def gradient_x_input(case, rows, target):
    """Gradient at the clip, times the difference from the baseline."""
    network, x, t, b = Inputs.of(case, rows, target)
    gradient = Saliency(network).attribute(x, abs=False, additional_forward_args=t)
    return by_landmark(case, gradient * (x - b.mean(dim=0)))


def smooth_grad(case, rows, target):
    """Mean gradient at noisy copies of the clip, times the difference from the baseline."""
    network, x, t, b = Inputs.of(case, rows, target)
    gradient = NoiseTunnel(Saliency(network)).attribute(
        x,
        nt_samples=N_NOISY,
        stdevs=NOISE * float((x - x.mean(dim=0)).std()),
        abs=False,
        additional_forward_args=t,
    )
    return by_landmark(case, gradient * (x - b.mean(dim=0)))


def gradient_shap(case, rows, target):
    """Gradients at random points between the clip and random baselines."""
    network, x, t, b = Inputs.of(case, rows, target)
    return by_landmark(
        case,
        GradientShap(network).attribute(
            x, baselines=b, n_samples=N_GRADIENT_SHAP, additional_forward_args=t
        ),
    )


def deep_lift(case, rows, target):
    """DeepLift with the Rescale rule, averaged over the baselines."""
    network, x, t, b = Inputs.of(case, rows, target)
    found = [
        DeepLift(network).attribute(x, baselines=row[None], additional_forward_args=t) for row in b
    ]
    return by_landmark(case, torch.stack(found).mean(dim=0))


def kernel_shap(case, rows, target):
    """Shapley values of the regions, averaged over the baselines.

    Each region's value is divided equally among its landmarks: 468 players are too many.
    """
    network, x, t, b = Inputs.of(case, rows, target)
    names, region = np.unique(case.regions, return_inverse=True)
    is_in = torch.from_numpy(region[landmark_of_column(case, x)] == np.arange(len(names))[:, None])
    players = np.ones((1, len(names)))
    shares = np.zeros((len(rows), len(names)))
    with torch.no_grad():
        at_baselines = network.hidden(b)
        for i, row in enumerate(x):
            # The front is affine: the regions add up.
            parts = [
                network.hidden(torch.where(is_in, row, start)) - base
                for start, base in zip(b, at_baselines, strict=True)
            ]

            def mean_logit(present, parts=parts, target=t[i]):
                present = torch.tensor(present, dtype=torch.float32)
                found = [
                    network.of_hidden(base + present @ part, target.expand(len(present)))
                    for base, part in zip(at_baselines, parts, strict=True)
                ]
                return torch.stack(found).mean(dim=0).numpy()

            explainer = shap.KernelExplainer(mean_logit, 0 * players)
            shares[i] = explainer.shap_values(
                players, nsamples=N_KERNEL_SHAP, l1_reg=False, silent=True
            )[0]
    return (shares / np.bincount(region))[:, region]


def lime(case, rows, target):
    """Coefficients of a Lasso on random subsets of landmarks."""
    network, x, t, b = Inputs.of(case, rows, target)
    found = [
        Lime(lambda rows, of_clip=t[i : i + 1]: network(rows, of_clip.expand(len(rows)))).attribute(
            x[i : i + 1],
            baselines=b.mean(dim=0, keepdim=True),
            feature_mask=torch.from_numpy(landmark_of_column(case, x))[None],
            n_samples=N_LIME,
            perturbations_per_eval=100,
        )[0]
        for i in range(len(x))
    ]
    return of_first_column(case, torch.stack(found))


def occlusion(case, rows, target):
    """Fall of the logit when a landmark is replaced by the baseline."""
    network, x, t, b = Inputs.of(case, rows, target)
    found = FeatureAblation(network).attribute(
        x,
        baselines=b.mean(dim=0, keepdim=True),
        feature_mask=torch.from_numpy(landmark_of_column(case, x))[None],
        perturbations_per_eval=max(1, 200 // len(x)),
        additional_forward_args=t,
    )
    return of_first_column(case, found)


def of_first_column(case: Case, values: Tensor) -> np.ndarray:
    """Values of landmarks, which all columns of a landmark have."""
    n_coords = case.layout.n_coords
    return values[:, : case.layout.n_landmarks * n_coords : n_coords].detach().numpy()


def permutation_importance(case, rows, target):
    """Increase in the log loss of training clips when a landmark is permuted among them."""
    return np.tile(importance_of_landmarks(case), (len(rows), 1))


@lru_cache(maxsize=8)
def importance_of_landmarks(case: Case) -> np.ndarray:
    """Permutation importance, of shape (n_landmarks,)."""
    clips = np.random.default_rng(case.seed).permutation(len(case.X))[:N_PERMUTED]
    y = np.searchsorted(case.estimator.classes_, case.y[clips])
    network, x, t, _ = Inputs.of(case, case.X[clips], y)

    def negative_loss(x):
        return -cross_entropy(network.output(network.activation(network.hidden(x))), t)

    mask = torch.from_numpy(landmark_of_column(case, x))[None]
    found = FeaturePermutation(negative_loss).attribute(x, feature_mask=mask)
    return of_first_column(case, found)[0]


def f_value(case, rows, target):
    """Sum of the F values of the columns of a landmark in the training clips."""
    moves = case.X.std(axis=0) > 0
    values = np.zeros(case.layout.n_features)
    values[moves] = np.nan_to_num(f_classif(case.X[:, moves], case.y)[0])
    return np.tile(case.layout.unflatten(values[None]).sum(axis=(1, 3)), (len(rows), 1))


def random(case, rows, target):
    """Normal numbers."""
    rng = np.random.default_rng([case.seed, case.estimator.random_state])
    return rng.normal(size=(len(rows), case.layout.n_landmarks))


METHODS: dict[str, Method] = {
    "Integrated Gradients": integrated_gradients,
    "gradient x input": gradient_x_input,
    "SmoothGrad": smooth_grad,
    "GradientSHAP": gradient_shap,
    "DeepLift": deep_lift,
    "Kernel SHAP, regions": kernel_shap,
    "LIME": lime,
    "occlusion": occlusion,
    "permutation importance": permutation_importance,
    "F value": f_value,
    "random": random,
}
