"""How T-EMO's net is built and trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext
from sklearn.decomposition import PCA
from sklearn.utils import compute_class_weight
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..mirror import Mirror
from ._batches import ClipBatches
from ._network import TEMONet

_SEEDING = Lock()

# Frames that principal components are taken from, far more than there are components.
_MOST_FRAMES = 8192


class BalancedCrossEntropy(nn.Module):
    """Cross entropy with smoothed labels, in which clips count by the weight of their class.

    torch's own weighs the smoothed share of each class too: that of a rare class would then draw
    all clips towards it.

    Parameters
    ----------
    weight : Tensor of shape (n_classes,)
    label_smoothing : float
    """

    weight: Tensor

    def __init__(self, weight: Tensor, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the clips of a batch, weighted, and over the members, where there are some."""
        if logits.ndim == 3:
            target = target.repeat_interleave(logits.shape[1])
            logits = logits.flatten(0, 1)
        losses = cross_entropy(
            logits, target, reduction="none", label_smoothing=self.label_smoothing
        )
        weight = self.weight[target]
        # A batch of clips that don't count teaches nothing.
        total = weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
        return (weight * losses).sum() / total


def build_net(
    temo: BaseEstimator,
    targets: NDArray[np.intp],
    seed: int,
    callbacks: Sequence[tuple[str, Callback]] = (),
) -> NeuralNetClassifier:
    """Initialise a skorch net as a classifier's parameters say.

    Parameters
    ----------
    temo : TEMOClassifier
        With `classes_` and `layout_`.
    targets : ndarray of int of shape (n_clips,)
        Encoded labels, for the weights of the classes.
    seed : int
        Of the weights.
    callbacks : sequence of (name, callback), default=()
        In addition to the classifier's own.

    Returns
    -------
    skorch.NeuralNetClassifier
    """
    weight = _class_weights(temo, targets)
    callbacks = list(callbacks)
    if temo.early_stopping:
        callbacks.append(
            ("early_stopping", EarlyStopping(patience=temo.n_iter_no_change, load_best=True))
        )
    net = TEMONeuralNet(
        TEMONet,
        module__n_frames=temo.n_frames,
        module__n_landmarks=temo.layout_.n_landmarks,
        module__n_coords=temo.n_coords,
        module__n_classes=len(temo.classes_),
        module__hidden_size=temo.hidden_size,
        module__n_filters=temo.n_filters,
        module__n_components=temo.n_components,
        module__depth_weight=temo.depth_weight,
        module__dropout=temo.dropout,
        module__first_frame_dropout=temo.first_frame_dropout,
        module__noise=temo.noise,
        module__randomized=temo.randomized,
        module__n_members=temo.n_members,
        predict_nonlinearity=_probabilities,
        criterion=BalancedCrossEntropy,
        criterion__weight=torch.as_tensor(weight, dtype=torch.float32),
        criterion__label_smoothing=temo.label_smoothing,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=temo.weight_decay,
        optimizer__fused=True,
        lr=temo.lr,
        max_epochs=temo.max_epochs,
        batch_size=temo.batch_size,
        iterator_train=ClipBatches,
        iterator_valid=ClipBatches,
        train_split=(
            ValidSplit(temo.validation_fraction, stratified=True, random_state=seed)
            if temo.early_stopping
            else None
        ),
        classes=np.arange(len(temo.classes_)),
        callbacks=callbacks + (temo.callbacks or []),
        device=temo.device,
        verbose=temo.verbose,
        # Silent, it would still make a table of each epoch.
        **({} if temo.verbose else {"callbacks__print_log": None}),
    )
    with own_generator(seed):
        return net.initialize()


class TEMONeuralNet(NeuralNetClassifier):
    """A skorch net whose training shows the mean of the members to scorers."""

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """One step of the optimizer."""
        step = super().train_step_single(batch, **fit_params)
        step["y_pred"] = step["y_pred"].detach().mean(dim=1)
        return step


def _probabilities(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1)


def _class_weights(temo: BaseEstimator, targets: NDArray[np.intp]) -> NDArray[np.float64]:
    """Weight of each class, from what is given or from how often the classes come."""
    known = np.arange(len(temo.classes_))
    if isinstance(temo.class_weight, str):
        # Of classes that have not come yet nobody knows how often they will.
        known = np.unique(targets)
    weight = np.ones(len(temo.classes_))
    weight[known] = compute_class_weight(
        temo.class_weight, classes=temo.classes_[known], y=temo.classes_[targets]
    )
    if not np.isfinite(weight).all() or weight.min() < 0 or not weight[targets].any():
        raise ValueError(
            "class_weight must hold numbers from 0 on, and not 0 for all classes in y; got "
            f"{temo.class_weight!r}."
        )
    return weight


def count_held_out(temo: BaseEstimator, targets: NDArray[np.intp]) -> int:
    """Number of clips that early stopping holds out; 0 without it.

    Parameters
    ----------
    temo : TEMOClassifier
    targets : ndarray of int of shape (n_clips,)
        Encoded labels.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the classes cannot be on both sides.
    """
    if not temo.early_stopping:
        return 0
    n_held_out = ceil(temo.validation_fraction * len(targets))
    counts = np.bincount(targets)
    if counts.min() < 2 or min(n_held_out, len(targets) - n_held_out) < len(counts):
        raise ValueError(
            f"early_stopping=True holds out validation_fraction={temo.validation_fraction} of "
            f"{len(targets)} clips, {n_held_out}, which must be at least one of each of "
            f"{len(counts)} classes and leave one of each; the rarest class has "
            f"{counts.min()}. Pass another validation_fraction, or early_stopping=False."
        )
    return n_held_out


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
    net: NeuralNetClassifier,
    X: NDArray[np.float32],
    targets: NDArray[np.intp],
    mirror: Mirror | None,
    n_epochs: int,
    seed: int,
    *,
    reduce: bool,
) -> None:
    """Show the clips and their mirror images to the net.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        Initialised.
    X : ndarray of shape (n_clips, n_features)
        Clips.
    targets : ndarray of int of shape (n_clips,)
        Encoded labels.
    mirror : Mirror or None
        None for no mirror images.
    n_epochs : int
        Passes over the clips.
    seed : int
        Of batches, noise and dropout.
    reduce : bool
        Take means and principal components from these clips first.
    """
    module = net.module_
    clips = [X] if mirror is None else [X, mirror.apply(X)]
    with torch.no_grad():
        images = [torch.tensor(c, device=net.device) for c in clips]
        if reduce:
            fit_reduction(module, images, seed)
        views = torch.stack([module.reduced(image) for image in images])
    # Generators of its own, since torch's is shared with other threads.
    of_batches = of_module = torch.Generator().manual_seed(seed)
    if module.mean.device.type != "cpu":
        of_module = torch.Generator(module.mean.device).manual_seed(seed)
    module.draw_from(of_module)
    # By attribute: set_params of an initialised net refuses iterators.
    net.iterator_train = partial(ClipBatches, views=views, generator=of_batches)
    try:
        with _one_thread():
            net.partial_fit(X, targets, epochs=n_epochs)
    finally:
        net.iterator_train = ClipBatches
        module.draw_from(None)
        # As whoever asks the network for logits wants it.
        module.eval()
    raise_swallowed_interrupt(net)


def raise_swallowed_interrupt(net: NeuralNet) -> None:
    """Interrupt after all, where a net was interrupted in its training.

    skorch takes an interrupt for a wish to stop early. Between epochs it is one, of a callback;
    within an epoch somebody pressed Ctrl-C.

    Parameters
    ----------
    net : skorch.NeuralNet
        That was trained.

    Raises
    ------
    KeyboardInterrupt
    """
    if net.history and "train_loss" not in net.history[-1]:
        raise KeyboardInterrupt


def fit_reduction(module: TEMONet, views: Sequence[Tensor], seed: int) -> None:
    """Take means and principal components from clips.

    Parameters
    ----------
    module : TEMONet
    views : sequence of Tensor of shape (n_clips, n_features)
        Clips, and their mirror images.
    seed : int
        Of the random projections that large decompositions begin with, and of the frames that are
        drawn of very many.
    """
    with torch.no_grad():
        module.mean.zero_()
        centred = torch.cat([module.centred(view) for view in views])
        mean = centred.mean(dim=0)
        centred -= mean
        # As it is before the gain, which may be zero.
        module.mean.copy_(torch.where(module.gain == 0, 0, mean / module.gain))
        frames = centred.unflatten(1, (-1, module.n_inputs))
        means = mean.view(-1, module.n_inputs)
        module.first_components.copy_(
            _components(frames[:, 0], means[:1], module.n_components, seed)
        )
        if module.later_embedding is not None:
            later = frames[:, 1:].flatten(0, 1)
            module.later_components.copy_(_components(later, means[1:], module.n_components, seed))


def _components(frames: Tensor, means: Tensor, n_components: int, seed: int) -> Tensor:
    """Principal components of centred frames, of mean square 1, Tensor (n, n_inputs)."""
    rows = frames.cpu().numpy()
    if len(rows) > _MOST_FRAMES:
        rows = rows[np.random.default_rng(seed).choice(len(rows), _MOST_FRAMES, replace=False)]
    found = np.zeros((n_components, rows.shape[1]), dtype=rows.dtype)
    # What is constant up to rounding says nothing, and must not be blown up.
    if np.abs(rows).max() > 10 * np.finfo(rows.dtype).eps * float(means.abs().max()):
        pca = PCA(min(n_components, *rows.shape), random_state=seed).fit(rows)
        size = np.sqrt(np.mean(pca.transform(rows) ** 2))
        found[: len(pca.components_)] = pca.components_ / size
    return torch.from_numpy(found).to(frames)


class EpochReport(Callback):
    """Tell scikit-learn's callbacks of each epoch, and stop when one of them says so.

    Parameters
    ----------
    estimator : TEMOClassifier
        Being fitted.
    context : sklearn.callback.CallbackContext
        Of the fit.
    """

    def __init__(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        self.estimator = estimator
        self.context = context

    def on_epoch_begin(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Open a task."""
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Close the task."""
        stop = self.task_.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: {**vars(self.estimator), "net_": net},
        )
        if stop:
            # How skorch's own callbacks end a training: it stops there and is done.
            raise KeyboardInterrupt


@contextmanager
def own_generator(seed: int) -> Iterator[None]:
    """Seed torch for a while, and give the user's generator back afterwards.

    One thread at a time, since they share the generator.
    """
    with _SEEDING, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread of the CPU.

    Batches of small nets are too short to be shared: a second thread gains little, and where
    another process has its core, waiting for it costs many times the training.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
