"""Training and attribution of one round of selection, and their cache."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.callback import CallbackContext
from skorch import NeuralNet, NeuralNetBinaryClassifier
from torch import nn

from .._threads import note_torch_threads, one_thread
from .._warnings import warn_user
from ..attribution._baselines import make_baselines
from ..attribution._integrated_gradients import IntegrationSettings
from ..attribution._relevance import LandmarkRelevance, aggregate_relevance
from ..attribution._split_network import SplitNetwork, device_of, frozen
from ..classification._temo import BaseTEMO
from ..classification._training import (
    first_and_last_loss,
    has_risen,
    raise_swallowed_interrupt,
)
from ..layout import LandmarkLayout
from ._ranking import LandmarkComponents

# Largest number of clips that components are computed from. More clips change little.
_MAX_CLIPS = 1024


@dataclass(frozen=True)
class RoundSettings:
    """Settings of a round, which are part of the key of its cache entry.

    `baselines` is the kind of baselines or an array of shape (n_baselines, n_features). `seed` is
    the seed of random baselines and of torch during the training.
    """

    layout: LandmarkLayout
    baselines: str | NDArray[np.float32]
    n_baselines: int
    integration: IntegrationSettings
    seed: int
    version: str = version("sklearn-temo")


@dataclass(frozen=True)
class RoundResult:
    """Result of a round.

    Parameters
    ----------
    estimator : estimator
        Fitted network.
    classes : ndarray of shape (n_classes,) or None
        Labels in the order of the outputs of the network; None for a regressor.
    baselines : ndarray of shape (n_baselines, n_features)
    relevance : LandmarkRelevance
    components : LandmarkComponents
    """

    estimator: BaseEstimator
    classes: NDArray[Any] | None
    baselines: NDArray[np.float32]
    relevance: LandmarkRelevance
    components: LandmarkComponents


@dataclass(frozen=True)
class ProgressTarget:
    """Selector and context for scikit-learn's callbacks, and verbosity of the printed progress."""

    selector: BaseEstimator
    context: CallbackContext
    verbose: int


def cached_rounds(
    memory: Any, estimator: BaseEstimator, *, is_seeded: bool
) -> Callable[..., RoundResult]:
    """:func:`train_and_attribute`, cached in `memory` if its results can be reproduced.

    `memory` is an object with the interface of ``joblib.Memory``, or None.
    An entry is keyed by the content of all arguments of the function except `progress_target`.
    """
    if memory is None:
        return train_and_attribute
    if is_seeded and _has_stable_hash(estimator):
        return memory.cache(train_and_attribute, ignore=["progress_target"])
    problem = (
        f"the parameters of {type(estimator).__name__} cannot be hashed reproducibly: pass classes "
        "and functions that are defined at the top level of a module, and the class of a torch "
        "module instead of an instance"
        if is_seeded
        else "every fit gives another network: pass an int as random_state of the selector"
    )
    warn_user(f"memory is not used, since {problem}.")
    return train_and_attribute


def _has_stable_hash(estimator: BaseEstimator) -> bool:
    """Whether equal estimators have equal hashes, unlike those with an initialised module."""
    try:
        return joblib.hash(estimator) == joblib.hash(clone(estimator))
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def train_and_attribute(
    estimator: BaseEstimator,
    X: NDArray[np.float32],
    y: NDArray,
    sample_weight: NDArray[np.float64] | None,
    settings: RoundSettings,
    progress_target: ProgressTarget,
) -> RoundResult:
    """Fit a network, and attribute its decisions or predictions to landmarks."""
    # Other networks may be large enough to gain from several threads.
    limit = one_thread() if isinstance(estimator, BaseTEMO) else nullcontext()
    with limit:
        classes = _train(estimator, X, y, sample_weight, settings.seed, progress_target)
        module: Any = getattr(estimator, "module_", None)
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"the fitted {type(estimator).__name__} has no torch network: the selector needs "
                "an attribute module_, a torch.nn.Module from rows of X to logits in the order of "
                f"classes_ or to the outputs of a regression; found {module!r}."
            )
        if classes is None:
            target, explained = y.reshape(len(y), -1), None
            n_rows = n_passes = target.shape[1]
        else:
            order = np.argsort(classes)
            target = explained = order[np.searchsorted(classes, y, sorter=order)]
            n_rows, n_passes = len(classes), 1
        baselines = settings.baselines
        if isinstance(baselines, str):
            baselines = make_baselines(
                X,
                explained,
                kind=baselines,
                n_baselines=settings.n_baselines,
                sample_weight=sample_weight,
                random_state=settings.seed,
            )
        integration = replace(settings.integration, verbose=progress_target.verbose)
        n_blocks = -(-len(X) // integration.block_size) * len(baselines) * n_passes
        task = progress_target.context.subcontext(task_name="attribute", max_subtasks=n_blocks)

        def on_block() -> None:
            block = task.subcontext(task_name="block")
            block.call_on_fit_task_begin(estimator=progress_target.selector)
            block.call_on_fit_task_end(estimator=progress_target.selector)

        task.call_on_fit_task_begin(estimator=progress_target.selector, X=X, y=y)
        layout = settings.layout
        relevance = aggregate_relevance(
            module, X, baselines, explained, layout, integration, sample_weight, n_rows, on_block
        )
        task.call_on_fit_task_end(estimator=progress_target.selector, X=X, y=y)
        components = _components(module, X, target, layout, sample_weight)
        return RoundResult(estimator, classes, baselines, relevance, components)


def _train(
    estimator: BaseEstimator,
    X: NDArray[np.float32],
    y: NDArray,
    sample_weight: NDArray[np.float64] | None,
    seed: int,
    progress_target: ProgressTarget,
) -> NDArray[Any] | None:
    """Fit the network, and return the labels in the order of its outputs; None for a regressor.

    torch is seeded for networks that use its global generator.
    """
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    # T-EMO has generators of its own, so that it can be fitted in threads.
    is_global = not isinstance(estimator, BaseTEMO)
    is_skorch = isinstance(estimator, NeuralNet)
    note_torch_threads()
    classes, targets = None, y
    if is_skorch:
        # skorch passes the targets to the loss as they are, and the clips to the network.
        precision = np.float64 if torch.get_default_dtype() == torch.float64 else np.float32
        X = X.astype(precision, copy=False)
        if is_regressor(estimator):
            targets = y.reshape(len(y), -1).astype(precision)
        else:
            classes, targets = np.unique(y, return_inverse=True)
            if isinstance(estimator, NeuralNetBinaryClassifier):
                targets = targets.astype(np.float32)
    task = progress_target.context.subcontext(task_name="train")
    with torch.random.fork_rng(enabled=is_global), task.propagate_callback_context(estimator):
        if is_global:
            torch.manual_seed(seed)
        task.call_on_fit_task_begin(estimator=progress_target.selector, X=X, y=y)
        with _shown_training(estimator, progress_target.verbose):
            estimator.fit(X, targets, **weights)
        if is_skorch:
            # skorch returns a partly trained net after Ctrl-C, which must not be cached.
            raise_swallowed_interrupt(estimator)
            _check_loss(estimator)
        task.call_on_fit_task_end(estimator=progress_target.selector, X=X, y=y)
    return classes if is_skorch or is_regressor(estimator) else estimator.classes_


@contextmanager
def _shown_training(estimator: BaseEstimator, verbose: int) -> Iterator[None]:
    """Show the training of T-EMO; its parameters are part of the key of the cache."""
    if not isinstance(estimator, BaseTEMO):
        yield
        return
    own = estimator.verbose
    estimator.verbose = max(own, verbose)
    try:
        yield
    finally:
        estimator.verbose = own


def _check_loss(net: NeuralNet) -> None:
    """Raise ValueError if the loss of a skorch net is not finite or rose in the training."""
    first, last = first_and_last_loss(net)
    if np.isfinite(last) and not has_risen(first, last):
        return
    criterion = getattr(net.criterion, "__name__", net.criterion)
    raise ValueError(
        f"the training loss of {type(net).__name__} went from {first:.3g} to {last:.3g} in "
        f"{len(net.history)} epochs: it has not learned. Its criterion is {criterion}; a network "
        "that returns logits of classes needs criterion=torch.nn.CrossEntropyLoss. Otherwise, pass "
        f"a lower lr (it is {net.lr}), or scale X, and the y of a regression."
    )


def _components(
    module: nn.Module,
    X: NDArray[np.float32],
    target: NDArray[Any],
    layout: LandmarkLayout,
    sample_weight: NDArray[np.float64] | None,
) -> LandmarkComponents:
    """Components of landmarks, computed from the output of the network's columnwise map.

    Coordinates that the network scales down or ignores then count less or not at all.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(X))[:_MAX_CLIPS])
    clips = torch.tensor(X[rows], device=device_of(module))
    with frozen(module), torch.no_grad():
        columns = SplitNetwork.of(module).columnwise(clips).cpu().numpy()
    weight = None if sample_weight is None else sample_weight[rows]
    return LandmarkComponents.of(columns, target[rows], layout, weight)
