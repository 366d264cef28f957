"""T-EMO classifier of clips of landmarks."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .._threads import one_thread
from .._validation import check_rows
from ..layout import LandmarkLayout
from ..mirror import Mirror
from ._network import fit_reduction
from ._training import (
    EpochReport,
    build_net,
    check_monitors,
    class_weights,
    make_early_stopping,
    one_cycle,
    train,
)

# Clips that are predicted at once, which bounds the memory.
_PREDICTION_BATCH = 128
# Clips with integer weights are repeated up to this mean number of times, which bounds the memory.
_MAX_REPETITIONS = 10
# Parameters of TEMOClassifier that are also parameters of TEMONet.
_NETWORK_PARAMETERS = (
    "hidden_size",
    "n_filters",
    "n_components",
    "depth_weight",
    "dropout",
    "first_frame_dropout",
    "noise",
    "randomized",
    "n_members",
)


class TEMOClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classify clips of landmarks with an ensemble of small temporal networks.

    Temporal filters summarise the frames of a clip. The result is reduced to principal components,
    embedded by a linear map, and classified by one nonlinear layer. For small data sets, several
    such networks are trained together and averaged. They learn from every clip and its mirror
    image, with noise, dropout, label smoothing and balanced classes.

    Parameters
    ----------
    n_frames : int or None, default=None
        Frames of a clip. None infers it; see :meth:`LandmarkLayout.infer`. The number of landmarks
        follows from the number of columns.
    n_coords : int, default=3
        Coordinates of a landmark.
    n_members : int, default=5
        Number of networks of the ensemble. They have different initial weights and dropout, but
        share the batches and the principal components, so that five take little more time than
        one. The prediction is the mean of their logits.
    hidden_size : int, default=32
        Size of the embedding of a frame, in each member.
    n_filters : int, default=4
        Temporal filters over the frames after the first: cosines of increasing frequency, of which
        the first is the mean.
    n_components : int, default=64
        Principal components of the training clips that each frame or filtered frame is reduced to.
    depth_weight : float, default=0.0
        Factor of the third coordinate. MediaPipe estimates depth from a flat image, and it adds
        little to x and y; pass 1 for landmarks that were measured in space.
    dropout : float, default=0.3
        Share of hidden units that are dropped in training.
    first_frame_dropout : float, default=0.5
        Share of clips whose first frame is dropped in training, where there are several frames. It
        encodes identity more than expression.
    noise : float, default=0.05
        Standard deviation of the noise that is added to the components in training. Their mean
        square is 1.
    label_smoothing : float, default=0.1
        Share of the target that is spread evenly over the classes.
    randomized : bool, default=False
        Keep the embeddings at their random initial values and train only the layer after them, as
        in randomized neural networks.
    lr : float, default=0.005
        Highest learning rate of AdamW; it follows one cycle over the training.
    weight_decay : float, default=0.3
        Decoupled weight decay of AdamW.
    max_epochs : int, default=60
        Passes over the training data.
    batch_size : int, default=32
        Clips of a training batch.
    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss. A dict maps labels to weights of 0 or more.
    mirror : "auto" or bool, default="auto"
        Learn from mirror images too, and predict the mean over a clip and its mirror image. The
        mirror pairs are found in the mean face of the training data, before or after landmark
        selection. Where they are not found, "auto" uses no mirror images and True is an error.
    early_stopping : bool, default=False
        Hold out a part of the training data, stop when the loss on it no longer falls, and keep
        the best weights. The part is drawn at random within the classes; it does not keep the
        clips of a subject together.
    validation_fraction : float, default=0.1
        Share of the clips that `early_stopping` holds out.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    callbacks : list of skorch callbacks or None, default=None
        Passed to the skorch net, as callbacks or (name, callback) pairs. Without
        ``early_stopping=True`` there is no validation loss to monitor.
    device : str or torch.device, default="cpu"
        Device of the network.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, batches, noise, dropout and the choice of mirror images. Two fits
        with the same int on the same CPU, with the same versions of the libraries, give equal
        weights, also in threads, with any number of threads of BLAS and torch, and for clips in
        another order. The global random state of torch does not change.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    net_ : skorch.NeuralNetClassifier
        The fitted net.
    module_ : torch.nn.Module
        The network: maps clips to logits, in the order of `classes_`. The predictions of this
        estimator also average over the mirror images.
    layout_ : LandmarkLayout
        Frames, landmarks and coordinates of the training data.
    mirror_pairs_ : ndarray of int of shape (n_landmarks,) or None
        Mirror partner of each landmark. None where no mirror images are used.
    n_iter_ : int
        Number of epochs of training, with those of :meth:`partial_fit`.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    See Also
    --------
    IGLandmarkSelector : Selects the landmarks that matter to a fitted network.
    FaceMirror : Adds mirror images for other classifiers.

    Notes
    -----
    The architecture is a reconstruction: only the abstract and the keywords of the paper [1]_, and
    summaries by others, were available.

    References
    ----------
    .. [1] Di Luzio, F., Rosato, A., Panella, M. (2024). An Explainable Fast Deep Neural Network for
       Emotion Recognition. arXiv 2407.14865.

    Examples
    --------
    >>> from sklearn_temo import LandmarkAligner, TEMOClassifier
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> X = LandmarkAligner().fit_transform(clips.data)
    >>> temo = TEMOClassifier(max_epochs=5, random_state=0).fit(X, clips.target)
    >>> temo.predict_proba(X).shape
    (42, 7)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 1, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "depth_weight": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "first_frame_dropout": [Interval(Real, 0, 1, closed="both")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "randomized": ["boolean"],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "mirror": [StrOptions({"auto"}), "boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_frames=None,
        n_coords=3,
        n_members=5,
        hidden_size=32,
        n_filters=4,
        n_components=64,
        depth_weight=0.0,
        dropout=0.3,
        first_frame_dropout=0.5,
        noise=0.05,
        label_smoothing=0.1,
        randomized=False,
        lr=0.005,
        weight_decay=0.3,
        max_epochs=60,
        batch_size=32,
        class_weight="balanced",
        mirror="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        callbacks=None,
        device="cpu",
        random_state=None,
        verbose=0,
    ):
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.n_members = n_members
        self.hidden_size = hidden_size
        self.n_filters = n_filters
        self.n_components = n_components
        self.depth_weight = depth_weight
        self.dropout = dropout
        self.first_frame_dropout = first_frame_dropout
        self.noise = noise
        self.label_smoothing = label_smoothing
        self.randomized = randomized
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.class_weight = class_weight
        self.mirror = mirror
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @one_thread()
    def fit(self, X, y, sample_weight=None):
        """Train a new network.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips, with ``n_features = n_frames * n_landmarks * n_coords``.
        y : array-like of shape (n_clips,)
            Labels of any type.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. Integer weights with a mean of at most 10 repeat the clips that
            many times. Other weights, and larger integers, are divided by their mean, and apply to
            the loss, the balance of the classes and the principal components. A weight of 0 leaves
            a clip out, and is not counted in the mean. None for equal weights.

        Returns
        -------
        self : TEMOClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the layout of `X` is unknown, `y` has fewer than two classes, ``mirror=True`` and no
            mirror pairs are found, or the loss is not finite or rises.
        """
        self._validate_params()
        rows, labels, weight = self._training_data(X, y, sample_weight, reset=True)
        progress = self._init_callback_context(max_subtasks=self.max_epochs)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        # An interrupted fit must not leave the network of an earlier one with new classes.
        self.__dict__.pop("net_", None)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        fit_callbacks = [("progress", EpochReport(self, progress))]
        n_held_out, split = 0, None
        if self.early_stopping:
            n_held_out, split, stopping = make_early_stopping(
                targets, self.validation_fraction, self.n_iter_no_change, self._seed
            )
            fit_callbacks.append(("early_stopping", stopping))
        schedule = one_cycle(self.lr, self.max_epochs, len(rows) - n_held_out, self.batch_size)
        fit_callbacks.append(("schedule", schedule))
        net = self._new_net(rows, targets, weight, fit_callbacks, split)
        self._train(net, rows, targets, weight, self.max_epochs)
        # Later training and pickles must not use the callbacks of this fit.
        net.callbacks = self.callbacks
        net.callbacks_ = [pair for pair in net.callbacks_ if pair not in fit_callbacks]
        self.net_ = net
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @one_thread()
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, at the constant learning rate `lr`.

        The first call fixes the principal components, the weights of the classes and the mirror
        pairs, so it should have clips of all classes. After it only `lr` can be changed.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.
        y : array-like of shape (n_clips,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls; required in the first call.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, as in :meth:`fit`.

        Returns
        -------
        self : TEMOClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If ``early_stopping=True``, `classes` is missing or differs from the first call, or `y`
            has other labels.
        """
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True; use fit.")
        if not hasattr(self, "net_"):
            # An interrupted fit may have left other classes.
            self.__dict__.pop("classes_", None)
        first = _check_partial_fit_first_call(self, classes)
        rows, labels, weight = self._training_data(X, y, sample_weight, reset=first)
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise ValueError(f"y has labels {unknown!r} that are not in classes {self.classes_!r}.")
        targets = np.searchsorted(self.classes_, labels)
        net = self._new_net(rows, targets, weight) if first else self.net_
        net.set_params(lr=self.lr)
        self._train(net, rows, targets, weight, 1)
        self.net_ = net
        return self

    def decision_function(self, X):
        """Compute the logits, averaged over members and mirror images.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips,) or (n_clips, n_classes)
            Logits in the order of `classes_`. With two classes, the logit of the second minus that
            of the first.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X):
        """Compute the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips, n_classes)
            Probabilities in the order of `classes_`: the softmax of the logits.
        """
        return softmax(self._logits(X), axis=1)

    def predict_log_proba(self, X):
        """Compute the logarithm of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips, n_classes)
            Logarithms in the order of `classes_`.
        """
        return log_softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Predict the most probable classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips,)
            Labels.
        """
        logits = self._logits(X)
        return self.classes_[logits.argmax(axis=1)]

    @property
    def module_(self):
        """The trained network, from clips to logits."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    @property
    def mirror_pairs_(self):
        """Mirror partner of each landmark, or None."""
        check_is_fitted(self, "net_")
        return None if self._mirror is None else self._mirror.pairs

    @property
    def n_iter_(self):
        """Number of epochs of training."""
        check_is_fitted(self, "net_")
        return len(self.net_.history)

    def _training_data(self, X, y, sample_weight, *, reset):
        """Validated clips, sorted, their labels, and weights of mean 1.

        With ``reset=True``, the layout of the clips and the seed are set too.
        """
        X_original = X
        dtypes, finite = [np.float32, np.float64], "allow-nan"
        X, y = validate_data(self, X, y, dtype=dtypes, ensure_all_finite=finite, reset=reset)
        X = check_rows(X, check_range=reset)
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if reset:
            self.layout_ = LandmarkLayout.infer(
                X_original, n_frames=self.n_frames, n_coords=self.n_coords
            )
            self._seed = check_random_state(self.random_state).randint(2**31)
        # Sorted by label and content, so that the network depends neither on the order of the
        # clips nor on whether clips are weighted or repeated. The hash leaves out the third
        # coordinate if the network ignores it. The weight and the index decide between equal clips.
        used = self.layout_.unflatten(X)[..., : None if self.depth_weight else 2]
        keys = [(y[i], sha256(used[i].tobytes()).digest(), weight[i], i) for i in range(len(X))]
        order = np.array([i for _, _, w, i in sorted(keys) if w])
        weight = weight[order]
        if np.all(weight % 1 == 0) and weight.sum() <= _MAX_REPETITIONS * len(weight):
            order = np.repeat(order, weight.astype(int))
            weight = np.ones(len(order))
        return X[order], y[order], (weight / weight.mean()).astype(np.float32)

    def _new_net(self, rows, targets, weight, callbacks=(), split=None):
        """Untrained net for clips."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"TEMOClassifier needs samples of at least 2 classes, got one class: "
                f"{self.classes_[0]!r}."
            )
        if split is None:
            check_monitors(self.callbacks or [])
        layout = self.layout_
        self._mirror = Mirror.from_clips(rows, layout) if self.mirror else None
        if self.mirror is True and self._mirror is None:
            raise ValueError(
                f"mirror=True, but the mean of frame 0 over {len(rows)} clips is not a symmetric "
                f"face of {layout.n_landmarks} landmarks. TEMOClassifier needs positions in frame "
                "0, not standardised, and the mirror partner of every landmark; pass mirror=False "
                "to train without mirror images."
            )
        module_params = asdict(layout) | {name: getattr(self, name) for name in _NETWORK_PARAMETERS}
        module_params["n_classes"] = len(self.classes_)
        return build_net(
            module_params,
            self._seed,
            criterion__weight=class_weights(self.class_weight, self.classes_, targets, weight),
            criterion__label_smoothing=self.label_smoothing,
            optimizer__weight_decay=self.weight_decay,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            train_split=split,
            callbacks=[*callbacks, *(self.callbacks or [])],
            device=self.device,
            verbose=self.verbose,
        )

    def _train(self, net, rows, targets, weight, n_epochs):
        """Train a net on clips and their mirror images, after the reduction if it is new."""
        views = self._views(rows).to(net.device)
        weight = torch.from_numpy(weight).to(net.device)
        if not net.history:
            clips = views.flatten(0, 1)
            fit_reduction(net.module_, clips, weight.repeat(len(views)), self._seed)
        seed = self._seed + 1 + len(net.history)
        train(net, views, targets, weight, n_epochs, seed)

    def _views(self, X):
        """Clips and their mirror images, Tensor of shape (n_views, n_clips, n_features)."""
        views = [X] if self._mirror is None else [X, self._mirror.apply(X)]
        return torch.from_numpy(np.stack(views))

    @one_thread()
    def _logits(self, X):
        """Mean logits of clips and their mirror images, ndarray of shape (n_clips, n_classes)."""
        check_is_fitted(self, "net_")
        dtypes, finite = [np.float32, np.float64], "allow-nan"
        rows = validate_data(self, X, dtype=dtypes, ensure_all_finite=finite, reset=False)
        rows = check_rows(rows)
        if hasattr(X, "layout"):
            LandmarkLayout.infer(X, n_frames=self.layout_.n_frames, n_coords=self.layout_.n_coords)
        module = self.net_.module_.eval()
        found = []
        with torch.inference_mode():
            for batch in gen_batches(len(rows), _PREDICTION_BATCH):
                views = self._views(rows[batch]).to(self.net_.device)
                logits = module(views.flatten(0, 1)).unflatten(0, views.shape[:2]).mean(dim=0)
                found.append(logits.cpu().numpy())
        return np.concatenate(found, dtype=np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
