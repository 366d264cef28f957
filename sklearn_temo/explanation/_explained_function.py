"""Functions from landmarks to a logit inside fitted estimators."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..attribution._split_network import IDENTITY, SplitNetwork, frozen
from ..classification._temo import BaseTEMO
from ..layout import LandmarkLayout
from ._affine_maps import PROJECTIONS, SCALERS, affine_map, centre_of, linear_layer

# Clips that are explained at once, which bounds the memory.
BATCH_SIZE = 256
# Clips for which the outputs of a network are compared with its probabilities.
_N_COMPARED = 20


@dataclass(frozen=True)
class FittedChain:
    """The steps of a fitted estimator in a row, nested pipelines and searches opened.

    Parameters
    ----------
    steps : tuple of transformers
    final : estimator
        The predictor at the end: a network, a linear model or a OneVsRestClassifier.
    """

    steps: tuple[Any, ...]
    final: Any

    @classmethod
    def of(cls, estimator: Any) -> FittedChain:
        """Open pipelines, searches and frozen estimators."""
        check_is_fitted(estimator)
        if isinstance(estimator, FrozenEstimator):
            return cls.of(estimator.estimator)
        if hasattr(estimator, "best_estimator_"):
            return cls.of(estimator.best_estimator_)
        if hasattr(estimator, "best_params_"):
            raise ValueError(
                f"{type(estimator).__name__} has no best_estimator_, since refit=False: pass "
                "refit=True to it, or pass a fitted pipeline."
            )
        if isinstance(estimator, Pipeline):
            *steps, (_, final) = estimator.steps
            last = cls.of(final)
            return cls((*_open_steps(steps), *last.steps), last.final)
        return cls((), estimator)

    @property
    def classes(self) -> NDArray[Any] | None:
        """Labels of the classes; None for a regressor."""
        if not hasattr(self.final, "predict"):
            raise TypeError(
                f"the last step is {type(self.final).__name__}, which predicts nothing: pass a "
                "pipeline that ends with a classifier or regressor."
            )
        if is_regressor(self.final):
            return None
        if not hasattr(self.final, "classes_"):
            raise TypeError(
                f"the last step is {type(self.final).__name__}, which is neither a classifier with "
                "classes_ nor a regressor: pass, for example, skorch's NeuralNetClassifier or "
                "NeuralNetRegressor."
            )
        if getattr(self.final, "multilabel_", False):
            raise TypeError(
                "a OneVsRestClassifier of several labels for a clip cannot be explained: pass one "
                "of its estimators_."
            )
        return np.asarray(self.final.classes_)

    def of_class(self, index: int) -> tuple[FittedChain, int]:
        """The chain to the binary estimator of a class, and the output that stands for the class.

        For an estimator that ends with a OneVsRestClassifier.
        """
        # Two classes share the estimator of the second one.
        is_shared = len(self.final.estimators_) == 1
        inner = FittedChain.of(self.final.estimators_[0 if is_shared else index])
        return FittedChain((*self.steps, *inner.steps), inner.final), index if is_shared else 1

    @property
    def n_prepared(self) -> int:
        """Number of steps that prepare the clips whose columns get shares.

        These are the steps before the first landmark selector; where there is none, those before
        the affine steps at the end.
        """
        for i, step in enumerate(self.steps):
            if hasattr(step, "get_landmark_support"):
                return i
        n_affine = 0
        for step in reversed(self.steps):
            if not (isinstance(step, SCALERS + PROJECTIONS) or hasattr(step, "get_support")):
                break
            n_affine += 1
        return len(self.steps) - n_affine

    def prepare(self, rows: Any) -> Any:
        """Apply the steps that prepare the clips."""
        for step in self.steps[: self.n_prepared]:
            rows = step.transform(rows)
        return rows

    def reduce(self, rows: Any) -> Any:
        """Apply the steps between prepared clips and the predictor."""
        for step in self.steps[self.n_prepared :]:
            rows = step.transform(rows)
        return rows

    def class_indices(self, labels: NDArray[Any], name: str) -> NDArray[np.intp]:
        """Index of the class of each label; `name` is that of the argument with the labels."""
        classes = np.asarray(self.final.classes_)
        unknown = labels[~np.isin(labels, classes)]
        if len(unknown):
            raise ValueError(
                f"{name} contains {unknown.tolist()[0]!r}, which is not a class of the estimator: "
                f"expected some of {classes.tolist()}."
            )
        order = np.argsort(classes)
        return order[np.searchsorted(classes, labels, sorter=order)]

    def function(self, rows: Any) -> ExplainedFunction:
        """The function from prepared clips, of which `rows` are some, to logits or predictions."""
        maps = [affine_map(step) for step in self.steps[self.n_prepared :]]
        function = ExplainedFunction(maps, _network(self.final), self.classes)
        if self.classes is None or not hasattr(self.final, "module_"):
            return function
        # Networks for skorch's default loss end with a softmax.
        rows = rows[:_N_COMPARED]
        with torch.no_grad(), frozen(function):
            output = function.network(function.maps(function.tensor(rows)))
        probabilities = self.final.predict_proba(self.reduce(rows))
        output = output.reshape(len(rows), -1).cpu().numpy()
        function.gives_probabilities = bool(
            (output >= 0).all()
            and np.allclose(output, probabilities[:, -output.shape[1] :], atol=1e-5)
        )
        return function

    def support(self, layout: LandmarkLayout) -> NDArray[np.bool_]:
        """Mask of the landmarks that the function depends on, for prepared clips of a layout."""
        columns = np.arange(layout.n_features)
        for step in self.steps[self.n_prepared :]:
            if hasattr(step, "get_support"):
                columns = columns[step.get_support()]
            elif isinstance(step, PROJECTIONS):
                break
        used = np.isin(np.arange(layout.n_features), columns)
        return layout.unflatten(used).any(axis=(0, 2))

    def layout(self, rows: NDArray[Any]) -> LandmarkLayout:
        """Layout of prepared clips."""
        shape = {}
        for step in (*self.steps, self.final):
            layout = getattr(step, "layout_", None)
            if layout is not None:
                if layout.n_features == rows.shape[1]:
                    return layout
                shape = {"n_frames": layout.n_frames, "n_coords": layout.n_coords}
        return LandmarkLayout.infer(rows, **shape)

    def baselines(self) -> NDArray[Any]:
        """Prepared clips that shares are relative to, of shape (n_baselines, n_features)."""
        steps = self.steps[self.n_prepared :]
        if steps and hasattr(steps[0], "baselines_"):
            if steps[0].baselines_ is None:
                raise ValueError(
                    "the baselines of the landmark selector were left out when the model was "
                    "saved: pass clips as baselines, for example a few neutral ones."
                )
            return steps[0].baselines_
        centres = [centre_of(step) for step in steps]
        centres.append(self.final.mean_clip_ if isinstance(self.final, BaseTEMO) else None)
        for i, centre in enumerate(centres):
            if centre is not None:
                row = centre[None]
                for step in reversed(steps[:i]):
                    row = step.inverse_transform(row)
                return np.asarray(row)
        raise ValueError(
            "no step of the estimator knows typical clips that shares could be relative to: pass "
            "them as baselines, for example a few of the training clips, or put an "
            "IGLandmarkSelector into the pipeline."
        )


class ExplainedFunction(nn.Module):
    """Affine maps, and a network or linear model.

    Its output for two classes is the logit of the second one. If the network gives probabilities,
    its logits are their logarithms, or for a single output the logarithm of the odds.

    Parameters
    ----------
    maps : list of Module
    network : Module
    classes : ndarray of shape (n_classes,) or None
        None for a regressor.
    """

    def __init__(self, maps: list[nn.Module], network: nn.Module, classes: Any) -> None:
        super().__init__()
        self.network = network
        # On the device and in the precision of the network.
        like = next(network.parameters())
        self.maps = nn.Sequential(*maps).to(like.device, like.dtype)
        self.is_binary = classes is not None and len(classes) == 2
        self.gives_probabilities = False

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits of prepared clips."""
        return self._logits(self.network(self.maps(x)))

    def affine_front(self):
        """Split the function as :meth:`TEMONet.affine_front` does."""
        split = SplitNetwork.of(self.network)

        def front(x: Tensor) -> Tensor:
            return split.hidden(self.maps(x))

        if split.activation is None:
            return front, lambda z: self._logits(split.body(z))
        return IDENTITY, front, split.activation, lambda z: self._logits(split.output(z))

    def tensor(self, rows: Any) -> Tensor:
        """Prepared clips on the device and in the precision of the network."""
        like = next(self.network.parameters())
        # A copy: torch warns of arrays that are read-only, as those of pandas.
        return torch.tensor(np.asarray(rows), dtype=like.dtype, device=like.device)

    @torch.no_grad()
    def outputs(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Outputs for prepared clips, of shape (n_clips, n_outputs)."""
        with frozen(self):
            found = [
                self(self.tensor(rows[batch])).double().cpu().numpy()
                for batch in gen_batches(len(rows), BATCH_SIZE)
            ]
        return np.concatenate(found).reshape(len(rows), -1)

    def logits(self, rows: NDArray[Any], index: Any) -> NDArray[np.float64]:
        """Logits of the classes, or predictions of the outputs, with the given indices."""
        found = self.outputs(rows)
        if found.shape[1] == 1 and self.is_binary:
            return np.where(index, 1, -1) * found[:, 0]
        return found[np.arange(len(rows)), index]

    def _logits(self, output: Tensor) -> Tensor:
        if self.gives_probabilities:
            output = output.clamp_min(torch.finfo(output.dtype).tiny)
            is_single = output.ndim == 1 or output.shape[1] == 1
            output = output.logit(torch.finfo(output.dtype).eps) if is_single else output.log()
        if self.is_binary and output.ndim > 1 and output.shape[1] == 2:
            return output[:, 1:] - output[:, :1]
        return output


def _open_steps(steps: list[tuple[str, Any]]) -> Iterator[Any]:
    """Fitted transformers of a pipeline; samplers do nothing in a prediction."""
    for _, step in steps:
        if isinstance(step, FrozenEstimator):
            step = step.estimator
        if isinstance(step, Pipeline):
            yield from _open_steps(step.steps)
        elif step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
            yield step


def _network(final: Any) -> nn.Module:
    """The network of a predictor, or a linear model as one."""
    if isinstance(final, BaseTEMO):
        # In double precision, so that the shares add up to the logit.
        return deepcopy(final.averaged_module_).double()
    module = getattr(final, "module_", None)
    if isinstance(module, nn.Module):
        return module
    is_linear = hasattr(final, "coef_") and hasattr(final, "intercept_")
    by_pairs = is_linear and isinstance(final, SVC | NuSVC) and len(final.classes_) > 2
    if is_linear and not by_pairs:
        coef = final.coef_
        coef = coef.toarray() if hasattr(coef, "toarray") else np.atleast_2d(coef)
        return linear_layer(coef, final.intercept_)
    reason = "has no network and is not linear"
    if by_pairs:
        reason = "decides between pairs of classes, so that a class has no logit"
    raise TypeError(
        f"{type(final).__name__} cannot be explained, since it {reason}: pass an estimator whose "
        "last step is a TEMOClassifier or TEMORegressor, a skorch net, a linear model such as "
        "LogisticRegression or LinearSVC, or a OneVsRestClassifier of these. For other models, see "
        "sklearn.inspection.permutation_importance."
    )
