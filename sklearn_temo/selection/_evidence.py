"""What landmarks are chosen by: their relevance for a trained network, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext
from skorch import NeuralNet
from torch import nn

from ..attribution._baselines import make_baselines
from ..attribution._blocks import rows_of_a_block
from ..attribution._path import SplitNetwork, frozen
from ..attribution._progress import reported
from ..attribution._relevance import LandmarkRelevance, RelevanceSums
from ..classification._temo import TEMOClassifier
from ..classification._training import raise_swallowed_interrupt
from ..layout import LandmarkLayout
from ._redundancy import Courses

# Clips that courses are taken from; so many tell what goes together, in a fraction of a second.
_MOST_CLIPS = 1024


@dataclass(frozen=True)
class Evidence:
    """A fitted network, its relevance, and what the landmarks do.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    baselines : ndarray of shape (n_baselines, n_features)
        Where the integrals began.
    relevance : LandmarkRelevance
    courses : Courses
    """

    estimator: BaseEstimator
    baselines: NDArray
    relevance: LandmarkRelevance
    courses: Courses


def gather_evidence(
    selector: BaseEstimator,
    estimator: BaseEstimator,
    X: NDArray[np.float32],
    y: NDArray,
    layout: LandmarkLayout,
    baselines: str | NDArray,
    seed: int,
    progress: CallbackContext,
) -> Evidence:
    """Train a network, and attribute its decisions.

    Parameters
    ----------
    selector : IGLandmarkSelector
        Whose parameters say how.
    estimator : estimator
        To be fitted.
    X : ndarray of shape (n_clips, n_features)
        Clips.
    y : ndarray of shape (n_clips,)
        Labels.
    layout : LandmarkLayout
        Of `X`.
    baselines : str or ndarray of shape (n_baselines, n_features)
        The kind of baselines, or the baselines themselves.
    seed : int
        Of torch's generator during the training, and of random baselines.
    progress : sklearn.callback.CallbackContext
        Of the selector's fit, with two subtasks.

    Returns
    -------
    Evidence
    """
    with _seeded(estimator, seed):
        task = progress.subcontext(task_name="train")
        with task.propagate_callback_context(estimator):
            task.call_on_fit_task_begin(estimator=selector, X=X, y=y)
            estimator.fit(X, y)
            if isinstance(estimator, NeuralNet):
                # A half-trained net must not be remembered for a trained one.
                raise_swallowed_interrupt(estimator)
            task.call_on_fit_task_end(estimator=selector, X=X, y=y)
    module: Any = getattr(estimator, "module_", None)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"the fitted {type(estimator).__name__} has no torch network: the selector needs "
            "an attribute module_ that is a torch.nn.Module, from rows of X to logits in the "
            f"order of classes_; found {module!r}."
        )
    order = np.argsort(estimator.classes_)
    targets = order[np.searchsorted(estimator.classes_, y, sorter=order)]
    if isinstance(baselines, str):
        baselines = make_baselines(
            X, targets, kind=baselines, n_baselines=selector.n_baselines, random_state=seed
        )
    sums = RelevanceSums(X, baselines, targets, layout, len(estimator.classes_))
    n_blocks = -(-len(X) // rows_of_a_block(selector.n_steps, selector.batch_size))
    task = progress.subcontext(task_name="attribute", max_subtasks=n_blocks * len(baselines))
    task.call_on_fit_task_begin(estimator=selector, X=X, y=y)
    blocks = sums.blocks(
        module, n_steps=selector.n_steps, tol=selector.tol, batch_size=selector.batch_size
    )
    for _ in reported(blocks, sums.n_pairs, selector.verbose):
        block = task.subcontext(task_name="block")
        block.call_on_fit_task_begin(estimator=selector)
        block.call_on_fit_task_end(estimator=selector)
    task.call_on_fit_task_end(estimator=selector, X=X, y=y)
    courses = _courses_as_seen(module, X, targets, layout)
    return Evidence(estimator, baselines, sums.relevance(), courses)


@contextmanager
def _seeded(estimator: BaseEstimator, seed: int) -> Iterator[None]:
    """Seed torch for networks that draw from its generator, and give that back afterwards."""
    if isinstance(estimator, TEMOClassifier):
        # It has generators of its own, so that it may be trained in threads.
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _courses_as_seen(
    module: nn.Module, X: NDArray[np.float32], targets: NDArray[np.intp], layout: LandmarkLayout
) -> Courses:
    """Courses of landmarks as a network has them before it mixes landmarks.

    What the network scales or leaves out there is scaled or left out in the courses too.
    """
    rows = np.arange(len(X))
    if len(rows) > _MOST_CLIPS:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_CLIPS])
    columns = np.ascontiguousarray(X[rows])
    columnwise = SplitNetwork.of(module).columnwise
    if columnwise is not None:
        device = next((weight.device for weight in module.parameters()), torch.device("cpu"))
        with frozen(module, device), torch.no_grad():
            columns = columnwise(torch.tensor(columns, device=device)).cpu().numpy()
    return Courses.of(columns, targets[rows], layout)
