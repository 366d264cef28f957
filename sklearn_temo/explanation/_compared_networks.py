"""Shares by a fitted network, by one that is fitted again, and by one with shuffled weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.multiclass import OneVsRestClassifier

from ..attribution import integrated_gradients
from ..layout import LandmarkLayout
from ._explained_function import FittedChain

Attribute = Callable[[Any, NDArray[Any], NDArray[Any], Any], NDArray[Any]]

# With fewer landmarks, a rank correlation takes few values.
_MIN_LANDMARKS = 5


@dataclass(frozen=True)
class Setting:
    """Clips of a fitted estimator, and how they are explained.

    `rows` are the clips in front of the steps that are explained, `final_rows` those in front of
    the predictor. `used` is a mask of the landmarks that it uses.
    """

    chain: FittedChain
    rows: NDArray[Any]
    final_rows: NDArray[Any]
    y: NDArray[Any]
    target: NDArray[np.intp] | None
    baselines: NDArray[Any]
    layout: LandmarkLayout
    used: NDArray[np.bool_]
    attribute: Attribute

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, attribute: Attribute | None) -> Setting:
        """Prepare and check clips; None explains them by Integrated Gradients."""
        chain = FittedChain.of(estimator)
        if isinstance(chain.final, OneVsRestClassifier):
            raise TypeError(
                "the networks of a OneVsRestClassifier are checked one by one: pass one of its "
                "estimators_, and as y whether each clip has the label of that estimator."
            )
        prepared = chain.prepare(X)
        layout = chain.layout(prepared)
        rows, y = np.asarray(prepared), np.asarray(y)
        if y.shape != (len(rows),):
            raise ValueError(
                f"y must have one label, or one number, for each of the {len(rows)} clips of X; "
                f"got shape {y.shape}. Check the outputs of a regressor one by one."
            )
        target = None
        if chain.classes is not None:
            target = chain.class_indices(y, "y")
            missing = chain.classes[~np.isin(chain.classes, y)]
            if len(missing):
                raise ValueError(
                    f"y has no clip of {missing.tolist()[0]!r}, but networks are fitted again to "
                    "these clips: pass clips of all classes of the estimator, such as the training "
                    "clips."
                )
        used = chain.support(layout)
        if used.sum() < _MIN_LANDMARKS:
            raise ValueError(
                f"the estimator uses {used.sum()} landmarks, but their ranks can be compared from "
                f"{_MIN_LANDMARKS} landmarks up: pass an estimator that keeps more."
            )
        return cls(
            chain,
            rows,
            chain.reduce(prepared),
            y,
            target,
            np.asarray(chain.baselines()),
            layout,
            used,
            _integrated_gradients if attribute is None else attribute,
        )

    def shares(self, module: Any) -> NDArray[np.float64]:
        """Absolute shares of the landmarks that are used, of shape (n_clips, n_used)."""
        found = np.asarray(self.attribute(module, self.rows, self.baselines, self.target))
        if found.shape != self.rows.shape:
            raise ValueError(
                f"attribute must return attributions of shape {self.rows.shape}, that of the rows "
                f"that it gets, but returned shape {found.shape}."
            )
        if not np.isfinite(found).all():
            raise ValueError("attribute returned attributions that are NaN or infinite.")
        return np.abs(self.layout.unflatten(found).sum(axis=(1, 3)))[:, self.used]

    def fit_again(self, y: NDArray[Any], rng: np.random.RandomState) -> Any:
        """The explained function, with a new predictor fitted to `y`."""
        import torch

        seed = rng.randint(2**31)
        final = clone(self.chain.final)
        if "random_state" in final.get_params(deep=False):
            final.set_params(random_state=seed)
        # skorch nets use the global generator.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            final.fit(self.final_rows, y)
        return replace(self.chain, final=final).function(self.rows)


def mean_rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's correlation of each row of `a` with the same row of `b`, averaged.

    It is 0 for a row whose entries are all equal: its ranks say nothing about another row.
    """
    ranks = [rankdata(values, axis=1) for values in (a, b)]
    first, second = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return float(((first * second).sum(axis=1) / np.where(size > 0, size, 1)).mean())


def _integrated_gradients(
    module: Any, rows: NDArray[Any], baselines: NDArray[Any], target: Any
) -> NDArray[Any]:
    return integrated_gradients(module, rows, baselines, target, average=True)[0]


def with_shuffled_weights(module: Any, rng: np.random.RandomState) -> Any:
    """A copy of a network in which the entries of each parameter are shuffled."""
    import torch

    module = deepcopy(module)
    with torch.no_grad():
        for parameter in module.parameters():
            shuffled = rng.permutation(parameter.numel())
            parameter.copy_(parameter.flatten()[shuffled].view_as(parameter))
    return module
