"""Training of T-EMO's network with skorch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext
from sklearn.utils import compute_class_weight
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit
from skorch.history import History
from skorch.utils import get_map_location
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .._progress import Progress
from ._network import RandomizedTEMONet, TEMONet

_SEEDING = Lock()
# Parameters of a net that are stored with it, beside those of its module and criterion.
_STORED_PARAMETERS = (
    *("lr", "max_epochs", "batch_size", "optimizer__weight_decay"),
    *("callbacks", "device", "verbose"),
)


class BalancedCrossEntropy(nn.CrossEntropyLoss):
    """Cross entropy with label smoothing, weighted by the class of each clip.

    ``nn.CrossEntropyLoss`` also weights the smoothing term, which biases predictions towards rare
    classes.
    """

    weight: Tensor

    def forward(
        self, logits: Tensor, target: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Compute the weighted mean over clips, and over members where the logits have some."""
        members = logits.reshape(len(target), -1, logits.shape[-1])
        losses = cross_entropy(
            members.flatten(0, 1),
            target.repeat_interleave(members.shape[1]),
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
        weight = self.weight[target]
        if sample_weight is not None:
            weight = weight * sample_weight
        # The weights of a whole batch may be 0.
        total = weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
        return (weight * losses.view(len(target), -1).mean(dim=1)).sum() / total


class ScaledSquaredError(nn.Module):
    """Mean squared error of outputs, each in the unit of its own spread.

    Parameters
    ----------
    scale : Tensor of shape (n_outputs,)
        Standard deviation of each output.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(
        self, outputs: Tensor, target: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Compute the weighted mean over clips, and over members where the outputs have some."""
        members = outputs.reshape(len(target), -1, outputs.shape[-1])
        losses = ((members - target[:, None]) / self.scale).square().mean(dim=(1, 2))
        if sample_weight is None:
            return losses.mean()
        total = sample_weight.sum().clamp_min(torch.finfo(losses.dtype).tiny)
        return (sample_weight * losses).sum() / total


class ClipNet(NeuralNet):
    """A skorch net with fast batches, sample weights, and scores of the mean of the members.

    The state of an initialised net consists of arrays, plain values and the callbacks of the user,
    from which :meth:`__setstate__` builds it again. That of skorch contains a pickle, which can run
    any code when it is loaded.
    """

    criterion_class: ClassVar[type[nn.Module]]

    def __getstate__(self) -> dict[str, Any]:
        parameters = {
            name: value.numpy(force=True) if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
            if _is_stored(name)
        }
        optimizer = self.optimizer_.state_dict()
        return {
            "randomized": isinstance(self.module_, RandomizedTEMONet),
            "parameters": parameters | {"device": str(self.device)},
            "classes": getattr(self, "classes", None),
            "module": _as_arrays(self.module_.state_dict()),
            "moments": {i: _as_arrays(of_weight) for i, of_weight in optimizer["state"].items()},
            "groups": optimizer["param_groups"],
            "best_scores": {
                name: callback.best_score_
                for name, callback in self.callbacks_
                if hasattr(callback, "best_score_")
            },
            "history": json.dumps(list(self.history), default=lambda number: number.tolist()),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        parameters = {
            name: torch.tensor(value) if isinstance(value, np.ndarray) else value
            for name, value in state["parameters"].items()
            # Others, which only a crafted file has, could allow pickles in load_params.
            if _is_stored(name)
        }
        if state["classes"] is not None:
            parameters["classes"] = state["classes"]
        # Warns if the device is a GPU that this machine lacks.
        parameters["device"] = str(get_map_location(parameters["device"]))
        module_class = RandomizedTEMONet if state["randomized"] else TEMONet
        net = build_net(type(self), 0, module=module_class, train_split=None, **parameters)
        net.module_.load_state_dict(_as_tensors(state["module"]))
        net.module_.eval()
        moments = {i: _as_tensors(of_weight) for i, of_weight in state["moments"].items()}
        net.optimizer_.load_state_dict({"state": moments, "param_groups": state["groups"]})
        net.history_ = History(json.loads(state["history"]))
        for name, callback in net.callbacks_:
            if name in state["best_scores"]:
                callback.best_score_ = state["best_scores"][name]
        self.__dict__.update(vars(net))

    def get_iterator(self, dataset: Any, training: bool = False) -> ClipBatches:
        """Batches of a dataset, shuffled for training."""
        return ClipBatches(dataset, self.batch_size, training, self.module_.generator)

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        """Loss of a batch, with the sample weights that come with its clips."""
        sample_weight = X["sample_weight"] if isinstance(X, dict) else None
        target = torch.as_tensor(y_true, device=y_pred.device)
        return self.criterion_(y_pred, target, sample_weight)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Train on a batch; scorers get the mean of the members."""
        step = super().train_step_single(batch, **fit_params)
        output = step["y_pred"].detach()
        step["y_pred"] = output.mean(dim=1) if output.ndim == 3 else output
        return step


class ClassifierNet(ClipNet, NeuralNetClassifier):
    """Net of a classifier."""

    criterion_class = BalancedCrossEntropy


class RegressorNet(ClipNet, NeuralNetRegressor):
    """Net of a regressor."""

    criterion_class = ScaledSquaredError


@dataclass
class ClipBatches:
    """Batches of a dataset, each indexed at once.

    A ``DataLoader`` collects a batch clip by clip, which takes longer than the training.
    """

    dataset: Any
    batch_size: int
    shuffle: bool
    generator: torch.Generator | None

    def __iter__(self) -> Iterator[Any]:
        order = torch.arange(len(self.dataset))
        if self.shuffle:
            device = self.generator.device if self.generator else "cpu"
            order = torch.randperm(len(order), generator=self.generator, device=device).cpu()
        for rows in order.split(self.batch_size):
            # A tuple is the fast path of skorch: it indexes the arrays directly.
            yield self.dataset[(rows,)]


def build_net(net_class: type[ClipNet], seed: int, **params: Any) -> ClipNet:
    """Initialise a net with parameters of skorch, among them those of its module."""
    if not params["verbose"]:
        # Otherwise skorch formats a table in each epoch and prints nothing.
        params["callbacks__print_log"] = None
    net = net_class(
        criterion=net_class.criterion_class,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        **params,
    )
    # torch's global generator is seeded for the initial weights, which are drawn on the CPU. All
    # threads share it, and the default precision, which the user may have changed.
    with _SEEDING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        precision = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            return net.initialize()
        finally:
            torch.set_default_dtype(precision)


def _is_stored(name: str) -> bool:
    return name in _STORED_PARAMETERS or name.startswith(("module__", "criterion__"))


def _as_arrays(tensors: dict[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy(force=True) for name, tensor in tensors.items()}


def _as_tensors(arrays: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    # Copies: torch warns of arrays that are read-only.
    return {name: torch.tensor(array) for name, array in arrays.items()}


def make_early_stopping(
    n_clips: int,
    validation_fraction: float,
    n_iter_no_change: int,
    seed: int,
    targets: NDArray[np.intp] | None = None,
) -> tuple[int, ValidSplit, EarlyStopping]:
    """Return the number of clips held out, the split of skorch, and the callback.

    `targets` are the encoded labels of a classification, which is held out within the classes.
    """
    n_held_out = ceil(validation_fraction * n_clips)
    if targets is not None:
        counts = np.bincount(targets)
        if counts.min() < 2 or min(n_held_out, n_clips - n_held_out) < len(counts):
            raise ValueError(
                f"early_stopping=True holds out {n_held_out} of {n_clips} clips with "
                f"validation_fraction={validation_fraction}. Both parts need a clip of each of the "
                f"{len(counts)} classes, and the rarest class has {counts.min()}: pass another "
                "validation_fraction, or early_stopping=False."
            )
    elif n_held_out == n_clips:
        raise ValueError(
            f"early_stopping=True holds out {n_held_out} of {n_clips} clips: pass more clips, or "
            "early_stopping=False."
        )
    is_classification = targets is not None
    split = ValidSplit(validation_fraction, stratified=is_classification, random_state=seed)
    return n_held_out, split, EarlyStopping(patience=n_iter_no_change, load_best=True)


def check_monitors(callbacks: list[Any]) -> None:
    """Raise ValueError if a callback needs a validation loss, which fits without a split lack."""
    for callback in callbacks:
        callback = callback[1] if isinstance(callback, tuple) else callback
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.startswith("valid_"):
            raise ValueError(
                f"the callback {type(callback).__name__} monitors {monitor!r}, but no clips are "
                "held out for validation: pass early_stopping=True to fit, which stops early and "
                "needs no callback, or monitor='train_loss' to the callback."
            )


def class_weights(
    class_weight: str | dict[Any, float] | None,
    classes: NDArray[Any],
    targets: NDArray[np.intp],
    sample_weight: NDArray[np.float32],
) -> Tensor:
    """Weight of each class; "balanced" gives 1 to classes that have no clips yet."""
    known = np.unique(targets) if class_weight == "balanced" else np.arange(len(classes))
    weight = np.ones(len(classes))
    # Indices are compared faster than labels.
    labels = classes if isinstance(class_weight, dict) else np.arange(len(classes))
    weight[known] = compute_class_weight(
        class_weight, classes=labels[known], y=labels[targets], sample_weight=sample_weight
    )
    if not np.isfinite(weight).all() or weight.min() < 0 or not weight[targets].any():
        raise ValueError(
            "class_weight must hold numbers of 0 or more, and not 0 for all classes in y; got "
            f"{class_weight!r}."
        )
    return torch.as_tensor(weight, dtype=torch.float32)


def one_cycle(lr: float, n_epochs: int, n_clips: int, batch_size: int) -> LRScheduler:
    """One cycle of learning rates over a whole training, up to `lr`."""
    return LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=lr,
        epochs=n_epochs,
        steps_per_epoch=-(-n_clips // batch_size),
        step_every="batch",
    )


def train(
    net: ClipNet,
    clips: Tensor,
    targets: NDArray[Any],
    sample_weight: Tensor,
    n_epochs: int,
    seed: int,
) -> None:
    """Train an initialised net.

    Parameters
    ----------
    net : ClipNet
    clips : Tensor of shape (n_clips, n_features)
    targets : ndarray of int of shape (n_clips,) or of float32 of shape (n_clips, n_outputs)
        Encoded labels, or numbers.
    sample_weight : Tensor of shape (n_clips,)
        Weights with a mean of 1.
    n_epochs : int
        Passes over the clips.
    seed : int
        Seed of batches, noise and dropout.
    """
    module = net.module_
    # The reduction is fixed in training.
    with torch.no_grad():
        reduced = module.reduced(clips)
    # torch's global generator is shared with other threads.
    module.generator = torch.Generator(reduced.device).manual_seed(seed)
    try:
        data = {"reduced": reduced, "sample_weight": sample_weight}
        net.partial_fit(data, torch.as_tensor(targets), epochs=n_epochs)
    finally:
        module.generator = None
        module.eval()
    raise_swallowed_interrupt(net)
    first, last = first_and_last_loss(net)
    if not np.isfinite(last) or has_risen(first, last):
        raise ValueError(
            f"the loss went from {first:.3g} to {last:.3g} in {len(net.history)} epochs: pass a "
            f"lower lr (it is {net.lr}), or scale X."
        )


def first_and_last_loss(net: NeuralNet) -> tuple[float, float]:
    """Training losses of the first and the last batch of a skorch net; 0 without any batch."""
    # Those of epochs are written by a callback, which may be switched off.
    batches = [batch for epoch in net.history for batch in epoch["batches"]]
    losses = [batch["train_loss"] for batch in batches if "train_loss" in batch]
    return (losses[0], losses[-1]) if losses else (0.0, 0.0)


def has_risen(first: float, last: float) -> bool:
    """Whether a loss rose by more than chance in small batches explains."""
    return last > first + 9 * max(1.0, abs(first))


def raise_swallowed_interrupt(net: NeuralNet) -> None:
    """Raise KeyboardInterrupt if the training of a skorch net was interrupted by the user.

    skorch ends a training without an error on KeyboardInterrupt. Its callbacks raise that between
    epochs to stop early; within an epoch it is Ctrl-C.
    """
    # The net writes the number of batches after each pass over the data. A default callback, which
    # may be switched off, writes "train_loss" at the end of an epoch.
    end_of_epoch = {"valid_batch_count" if net.train_split else "train_batch_count", "train_loss"}
    if net.history and end_of_epoch.isdisjoint(net.history[-1]):
        raise KeyboardInterrupt


class EpochReport(Callback):
    """Report each epoch to the progress that is shown and to scikit-learn's callbacks.

    Stops when one of the callbacks asks for it.
    """

    def __init__(
        self, estimator: BaseEstimator, context: CallbackContext, progress: Progress
    ) -> None:
        self.estimator = estimator
        self.context = context
        self.progress = progress

    def on_epoch_begin(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Begin a task."""
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """End the task."""
        self.progress.advance()
        stop = self.task_.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: {**vars(self.estimator), "net_": net},
        )
        if stop:
            # skorch ends a training on KeyboardInterrupt.
            raise KeyboardInterrupt
