"""T-EMO estimators of clips of landmarks."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .._threads import one_thread
from .._validation import check_rows, check_targets
from .._warnings import warn_user
from ..layout import LandmarkLayout
from ..mirror import Mirror
from ._network import RandomizedTEMONet, TEMONet, fit_reduction
from ._readout import NormalEquations, fit_readout, scale_of_logits
from ._training import (
    BalancedCrossEntropy,
    ClassifierNet,
    EpochReport,
    RegressorNet,
    ScaledSquaredError,
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
# Landmarks by whose positions in the last frame clips are sorted.
_N_IN_END = 4
# What "auto" stands for: units of each member, and random units; and the decay of AdamW.
_HIDDEN_SIZE, _RANDOM_HIDDEN_SIZE = 32, 1000
_WEIGHT_DECAY = 0.3
# Parameters of the estimators that are also parameters of both networks, and of TEMONet.
_REDUCTION_PARAMETERS = ("n_filters", "n_components", "depth_weight")
_TRAINING_PARAMETERS = ("dropout", "first_frame_dropout", "noise", "n_members")


class BaseTEMO(CallbackSupportMixin, BaseEstimator):
    """Base of the classifier and the regressor, which encode their targets."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 1, None, closed="left")],
        "randomized": ["boolean"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "depth_weight": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "first_frame_dropout": [Interval(Real, 0, 1, closed="both")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "mirror": [StrOptions({"auto"}), "boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @with_callbacks
    @one_thread()
    def fit(self, X, y, sample_weight=None):
        """Fit a new network.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips, with ``n_features = n_frames * n_landmarks * n_coords``.
        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            Labels of any type, or the numbers of a regression, of one output or several.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. Integer weights with a mean of at most 10 repeat the clips that
            many times. Other weights, and larger integers, are divided by their mean, and apply to
            the loss, the balance of the classes and the principal components. A weight of 0 leaves
            a clip out, and is not counted in the mean. None for equal weights.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If the layout of `X` is unknown, `y` has fewer than two classes, ``mirror=True`` and no
            mirror pairs are found, or the loss is not finite or rises.
        """
        self._validate_params()
        rows, y_rows, weight = self._training_data(X, y, sample_weight, reset=True)
        n_epochs = 0 if self.randomized else self.max_epochs
        progress = self._init_callback_context(max_subtasks=n_epochs)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        # An interrupted fit must not leave the network of an earlier one with new classes.
        for name in ("net_", "penalty_", "_equations"):
            self.__dict__.pop(name, None)
        targets = self._encode_first(y_rows)
        if self.randomized:
            net = self._new_net(rows, targets, weight)
            self._solve(net, rows, targets, weight, is_first=True)
        else:
            fit_callbacks = [("progress", EpochReport(self, progress))]
            n_held_out, split = 0, None
            if self.early_stopping:
                n_held_out, split, stopping = make_early_stopping(
                    len(rows),
                    self.validation_fraction,
                    self.n_iter_no_change,
                    self._seed,
                    targets if isinstance(self, ClassifierMixin) else None,
                )
                fit_callbacks.append(("early_stopping", stopping))
            schedule = one_cycle(self.lr, n_epochs, len(rows) - n_held_out, self.batch_size)
            fit_callbacks.append(("schedule", schedule))
            net = self._new_net(rows, targets, weight, fit_callbacks, split)
            self._train(net, rows, targets, weight, n_epochs)
            # Later training and pickles must not use the callbacks of this fit.
            net.callbacks = self.callbacks
            net.callbacks_ = [pair for pair in net.callbacks_ if pair not in fit_callbacks]
        self.net_ = net
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @property
    def module_(self):
        """The network, from clips to outputs."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    @property
    def mirror_pairs_(self):
        """Mirror partner of each landmark, or None."""
        check_is_fitted(self, "net_")
        return None if self._mirror is None else self._mirror.pairs

    @property
    def n_iter_(self):
        """Number of epochs of training, 1 in closed form."""
        check_is_fitted(self, "net_")
        return max(1, len(self.net_.history))

    def _partial_fit(self, X, y, sample_weight, encode, *, is_first):
        """Update the network, or fit the first one; `encode` makes targets of `y`."""
        was_randomized = not is_first and isinstance(self.net_.module_, RandomizedTEMONet)
        if not is_first and self.randomized != was_randomized:
            raise ValueError(
                f"randomized={self.randomized}, but the network was fitted with "
                f"randomized={was_randomized}: partial_fit continues a network as it is. Call fit, "
                "or partial_fit on a new estimator."
            )
        if was_randomized and not hasattr(self, "_equations"):
            raise ValueError(
                f"partial_fit continues a {type(self).__name__}(randomized=True) only if "
                "partial_fit began it, since fit keeps no normal equations: call partial_fit on a "
                "new estimator."
            )
        rows, y_rows, weight = self._training_data(X, y, sample_weight, reset=is_first)
        targets = encode(y_rows)
        net = self._new_net(rows, targets, weight) if is_first else self.net_
        if self.randomized:
            if is_first:
                self._equations = NormalEquations(net.module_.weight.shape[1], self._n_outputs)
            self._solve(net, rows, targets, weight, is_first=is_first)
        else:
            net.set_params(lr=self.lr)
            self._train(net, rows, targets, weight, 1)
        if is_first and len(X) == 1:
            warn_user(
                "the first call of partial_fit, which fixes the principal components, has a single "
                "clip: the network cannot tell other clips apart, also after further calls. Begin "
                "a new estimator with many clips."
            )
        self.net_ = net
        return self

    def _training_data(self, X, y, sample_weight, *, reset):
        """Validated clips, sorted, their labels or numbers, and weights.

        Weights for training have a mean of 1. Those of a closed form are returned as they are, so
        that several calls of partial_fit can be compared. With ``reset=True``, the layout of the
        clips and the seed are set too.
        """
        X_original = X
        settings = {"dtype": [np.float32, np.float64], "ensure_all_finite": "allow-nan"}
        X, y = validate_data(self, X, y, reset=reset, **settings, **self._validation_of_y)
        X = check_rows(X, check_range=reset)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if reset:
            self.layout_ = LandmarkLayout.infer(
                X_original, n_frames=self.n_frames, n_coords=self.n_coords
            )
            self._seed = check_random_state(self.random_state).randint(2**31)
        # Sorted by label and content, so that the network depends neither on the order of the
        # clips nor on whether clips are weighted or repeated. The content is the end of a clip and,
        # where several clips have the same end, a hash. It leaves out the third coordinate if the
        # network ignores it. The weight and the index decide between equal clips.
        clips = self.layout_.unflatten(X)
        used = [coord for coord in range(self.n_coords) if coord != 2 or self.depth_weight]
        ends = clips[:, -1, -_N_IN_END:][..., used].reshape(len(X), -1)
        _, same_end, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
        labels = y.tolist() if y.ndim > 1 else y
        keys = []
        for i, end in enumerate(same_end):
            is_shared = counts[end] > 1
            content = end, sha256(clips[i][..., used].tobytes()).digest() if is_shared else b""
            keys.append((labels[i], content, weight[i], i))
        keys = sorted(key for key in keys if key[2])
        order = np.array([i for *_, i in keys])
        weight = weight[order]
        is_repeated = np.all(weight % 1 == 0) and weight.sum() <= _MAX_REPETITIONS * len(weight)
        if self.randomized:
            # Equal clips are one clip, which is left out as a whole to choose the penalty.
            is_new = np.array([True, *(a[:2] != b[:2] for a, b in pairwise(keys))])
            order = order[is_new]
            return X[order], y[order], np.bincount(is_new.cumsum() - 1, weight)
        if is_repeated:
            order = np.repeat(order, weight.astype(int))
            weight = np.ones(len(order))
        else:
            weight = weight / weight.mean()
        return X[order], y[order], weight.astype(np.float32)

    def _new_net(self, rows, targets, weight, callbacks=(), split=None):
        """Unfitted net for clips."""
        if split is None and not self.randomized:
            check_monitors(self.callbacks or [])
        layout = self.layout_
        self._mirror = Mirror.from_clips(rows, layout) if self.mirror else None
        if self.mirror is True and self._mirror is None:
            name = type(self).__name__
            raise ValueError(
                f"mirror=True, but the mean of frame 0 over {len(rows)} clips is not a symmetric "
                f"face of {layout.n_landmarks} landmarks. {name} needs positions in frame 0, not "
                "standardised, and the mirror partner of every landmark; pass mirror=False to "
                "train without mirror images."
            )
        own = (
            _REDUCTION_PARAMETERS
            if self.randomized
            else (*_REDUCTION_PARAMETERS, *_TRAINING_PARAMETERS)
        )
        hidden_size = _RANDOM_HIDDEN_SIZE if self.randomized else _HIDDEN_SIZE
        of_module = asdict(layout) | {name: getattr(self, name) for name in own}
        of_module["n_outputs"] = self._n_outputs
        of_module["hidden_size"] = hidden_size if self.hidden_size == "auto" else self.hidden_size
        decay = _WEIGHT_DECAY if self.weight_decay == "auto" else self.weight_decay
        return build_net(
            self._net_class,
            self._seed,
            module=RandomizedTEMONet if self.randomized else TEMONet,
            **{f"module__{name}": value for name, value in of_module.items()},
            **self._net_parameters(targets, weight),
            optimizer__weight_decay=decay,
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
        clips = torch.from_numpy(rows).to(net.device)
        weight = torch.from_numpy(weight).to(net.device)
        if not net.history:
            fit_reduction(net.module_, clips, weight, self._mirror, self._seed)
        train(net, clips, targets, weight, n_epochs, self._seed + 1 + len(net.history))

    @torch.no_grad()
    def _solve(self, net, rows, targets, weight, *, is_first):
        """Compute the readout of a randomized net in closed form.

        The features of a clip are averaged with those of its mirror image, so that the readout is
        fitted to the mean of the two outputs, which is predicted.
        """
        module = net.module_.eval()
        clips = torch.from_numpy(rows).to(net.device)
        if is_first:
            of_clips = (weight / weight.mean()).astype(np.float32)
            of_clips = torch.from_numpy(of_clips).to(net.device)
            fit_reduction(module, clips, of_clips, self._mirror, self._seed)
        reduced = module.reduced(clips)
        features = module.features(reduced)
        if self._mirror is not None:
            features = (features + module.features(reduced * module.parity)) / 2
        features = features.cpu().numpy()
        targets, weight = self._readout_targets(net, targets, weight)
        # A class may have a weight of 0.
        used = weight > 0
        features, targets, weight = features[used], targets[used], weight[used]
        if is_first:
            readout = fit_readout(features, targets, weight, self.weight_decay)
            coef, intercept = readout.coef, readout.intercept
            self.penalty_ = readout.penalty
            self._set_unit(readout.left_out, targets, weight)
        if hasattr(self, "_equations"):
            self._equations.add(features, targets, weight)
            if not is_first:
                coef, intercept = self._equations.solve(self.penalty_)
        scale, shift = self._unit
        module.weight.copy_(torch.from_numpy(coef * np.reshape(scale, (-1, 1))))
        module.bias.copy_(torch.from_numpy(intercept * scale + shift))

    @one_thread()
    def _outputs(self, X):
        """Mean outputs of clips and their mirror images, ndarray of shape (n_clips, n_outputs)."""
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
                # torch rejects negative strides and warns about read-only arrays.
                clips = torch.from_numpy(np.require(rows[batch], requirements=["C", "W"]))
                reduced = module.reduced(clips.to(self.net_.device))
                outputs = module.from_reduced(reduced)
                if self._mirror is not None:
                    outputs = (outputs + module.from_reduced(reduced * module.parity)) / 2
                found.append(outputs.cpu().numpy())
        return np.concatenate(found, dtype=np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


class TEMOClassifier(ClassifierMixin, BaseTEMO):
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
    randomized : bool, default=False
        Fit in closed form, as in randomized neural networks [2]_: many random units, which are not
        trained, and a linear readout by ridge regression. The first frame is not used if there are
        several. The parameters that say so below have no effect.
    n_members : int, default=5
        Number of networks of the ensemble. They have different initial weights and dropout, but
        share the batches and the principal components, so that five take little more time than
        one. The prediction is the mean of their logits. No effect with ``randomized=True``.
    hidden_size : int or "auto", default="auto"
        Size of the embedding of a frame, in each member; with ``randomized=True``, number of random
        units. "auto" is 32, and 1000 random units.
    n_filters : int, default=4
        Temporal filters over the frames after the first: cosines of increasing frequency, of which
        the first is the mean.
    n_components : int, default=64
        Principal components of the training clips that each frame or filtered frame is reduced to.
    depth_weight : float, default=0.0
        Factor of the third coordinate. MediaPipe estimates depth from a flat image, and it adds
        little to x and y; pass 1 for landmarks that were measured in space.
    dropout : float, default=0.3
        Share of hidden units that are dropped in training. No effect with ``randomized=True``.
    first_frame_dropout : float, default=0.5
        Share of clips whose first frame is dropped in training, where there are several frames. It
        encodes identity more than expression. No effect with ``randomized=True``.
    noise : float, default=0.05
        Standard deviation of the noise that is added to the components in training. Their mean
        square is 1. No effect with ``randomized=True``.
    label_smoothing : float, default=0.1
        Share of the target that is spread evenly over the classes. With ``randomized=True``, it
        applies only to the choice of the scale of the logits.
    lr : float, default=0.005
        Highest learning rate of AdamW; it follows one cycle over the training. No effect with
        ``randomized=True``.
    weight_decay : float or "auto", default="auto"
        Decoupled weight decay of AdamW; "auto" is 0.3. With ``randomized=True``, the penalty of the
        squared weights of the readout, relative to the mean squared error; "auto" chooses it by
        leave-one-out: each clip is predicted, together with its mirror image, from the other clips.
    max_epochs : int, default=60
        Passes over the training data. No effect with ``randomized=True``.
    batch_size : int, default=32
        Clips of a training batch. No effect with ``randomized=True``.
    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss, or in the readout. A dict maps labels to weights of 0 or
        more.
    mirror : "auto" or bool, default="auto"
        Learn from mirror images too, and predict the mean over a clip and its mirror image. The
        mirror pairs are found in the mean face of the training data, before or after landmark
        selection. Where they are not found, "auto" uses no mirror images and True is an error.
    early_stopping : bool, default=False
        Hold out a part of the training data, stop when the loss on it no longer falls, and keep
        the best weights. The part is drawn at random within the classes; it does not keep the
        clips of a subject together. No effect with ``randomized=True``.
    validation_fraction : float, default=0.1
        Share of the clips that `early_stopping` holds out.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    callbacks : list of skorch callbacks or None, default=None
        Passed to the skorch net, as callbacks or (name, callback) pairs. Without
        ``early_stopping=True`` there is no validation loss to monitor. No effect with
        ``randomized=True``.
    device : str or torch.device, default="cpu"
        Device of the network.
    random_state : int, RandomState instance or None, default=None
        Seed of initial or random weights, batches, noise, dropout and the choice of mirror images.
        Two fits with the same int on the same CPU, with the same versions of the libraries, give
        equal weights, also in threads, with any number of threads of BLAS and torch, and for clips
        in another order. The global random state of torch does not change.
    verbose : int, default=0
        1 prints skorch's table of epochs. No effect with ``randomized=True``.

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
        Number of epochs of training, with those of :meth:`partial_fit`; 1 in closed form.
    penalty_ : float
        Penalty of the readout; only with ``randomized=True``.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    See Also
    --------
    TEMORegressor : Predicts numbers.
    IGLandmarkSelector : Selects the landmarks that matter to a fitted network.
    FaceMirror : Adds mirror images for other classifiers.

    Notes
    -----
    The architecture is a reconstruction: only the abstract and the keywords of the paper [1]_, and
    summaries by others, were available.

    With ``randomized=True``, the readout predicts the class indicators. Its outputs are multiplied
    by one number, chosen by the cross entropy of the left-out predictions, to become logits.

    References
    ----------
    .. [1] Di Luzio, F., Rosato, A., Panella, M. (2024). An Explainable Fast Deep Neural Network for
       Emotion Recognition. arXiv 2407.14865.
    .. [2] Scardapane, S., Wang, D. (2017). Randomness in neural networks: an overview. Wiley
       Interdisciplinary Reviews: Data Mining and Knowledge Discovery 7(2), e1200.

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
        **BaseTEMO._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _net_class = ClassifierNet
    _validation_of_y: dict[str, Any] = {}

    def __init__(
        self,
        *,
        n_frames=None,
        n_coords=3,
        randomized=False,
        n_members=5,
        hidden_size="auto",
        n_filters=4,
        n_components=64,
        depth_weight=0.0,
        dropout=0.3,
        first_frame_dropout=0.5,
        noise=0.05,
        label_smoothing=0.1,
        lr=0.005,
        weight_decay="auto",
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
        self.randomized = randomized
        self.n_members = n_members
        self.hidden_size = hidden_size
        self.n_filters = n_filters
        self.n_components = n_components
        self.depth_weight = depth_weight
        self.dropout = dropout
        self.first_frame_dropout = first_frame_dropout
        self.noise = noise
        self.label_smoothing = label_smoothing
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

    @one_thread()
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, at the constant learning rate `lr`, or add clips.

        The first call fixes the principal components, the weights of the classes and the mirror
        pairs, so it should have clips of all classes. After it only `lr` can be changed.

        With ``randomized=True``, clips are added to the normal equations of the readout: several
        calls give the readout of all clips together, for the components, the penalty and the scale
        of the logits that the first call chose. The equations take
        ``8 * (hidden_size + n_filters * n_components) ** 2`` bytes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.
        y : array-like of shape (n_clips,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls; required in the first call.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, as in :meth:`fit`. With ``randomized=True``, they are not divided
            by their mean, so that the clips of all calls count by their weights.

        Returns
        -------
        self : TEMOClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If ``early_stopping=True`` in training, `classes` is missing or differs from the first
            call, `y` has other labels, `fit` was called before with ``randomized=True``, or
            `randomized` has changed.
        """
        self._validate_params()
        if self.early_stopping and not self.randomized:
            raise ValueError("partial_fit does not support early_stopping=True; use fit.")
        if not hasattr(self, "net_"):
            # An interrupted fit may have left other classes.
            self.__dict__.pop("classes_", None)
        is_first = _check_partial_fit_first_call(self, classes)
        return self._partial_fit(X, y, sample_weight, self._encode, is_first=is_first)

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
        logits = self._outputs(X)
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
        return softmax(self._outputs(X), axis=1)

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
        return log_softmax(self._outputs(X), axis=1)

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
        logits = self._outputs(X)
        return self.classes_[logits.argmax(axis=1)]

    @property
    def _n_outputs(self):
        return len(self.classes_)

    def _encode_first(self, labels):
        """Set the classes, and return the indices of the labels."""
        self.classes_ = np.unique(labels)
        return self._encode(labels)

    def _encode(self, labels):
        """Indices of labels of known classes."""
        check_classification_targets(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"TEMOClassifier needs samples of at least 2 classes, got one class: "
                f"{self.classes_.tolist()[0]!r}."
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise ValueError(
                f"y has labels {unknown.tolist()} that are not in classes {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, labels)

    def _net_parameters(self, targets, weight):
        """Parameters of skorch that depend on the targets."""
        return {
            "criterion": BalancedCrossEntropy,
            "criterion__weight": class_weights(self.class_weight, self.classes_, targets, weight),
            "criterion__label_smoothing": self.label_smoothing,
            "classes": np.arange(len(self.classes_)),
        }

    def _readout_targets(self, net, targets, weight):
        """Class indicators, and weights with those of the classes."""
        weight = weight * net.criterion_.weight.cpu().numpy()[targets]
        return np.eye(len(self.classes_))[targets], weight

    def _set_unit(self, left_out, targets, weight):
        """Choose the scale of the logits."""
        smoothed = targets * (1 - self.label_smoothing) + self.label_smoothing / targets.shape[1]
        self._unit = scale_of_logits(left_out, smoothed, weight), 0.0


class TEMORegressor(MultiOutputMixin, RegressorMixin, BaseTEMO):
    """Predict numbers, such as valence and arousal, from clips of landmarks.

    The networks are those of :class:`TEMOClassifier`, with one output for each number. Each output
    is divided by its standard deviation for the squared error.

    Parameters
    ----------
    n_frames : int or None, default=None
        Frames of a clip. None infers it; see :meth:`LandmarkLayout.infer`. The number of landmarks
        follows from the number of columns.
    n_coords : int, default=3
        Coordinates of a landmark.
    randomized : bool, default=False
        Fit in closed form, as in randomized neural networks [2]_: many random units, which are not
        trained, and a linear readout by ridge regression. The first frame is not used if there are
        several. The parameters that say so below have no effect.
    n_members : int, default=5
        Number of networks of the ensemble. They have different initial weights and dropout, but
        share the batches and the principal components, so that five take little more time than
        one. The prediction is the mean of their outputs. No effect with ``randomized=True``.
    hidden_size : int or "auto", default="auto"
        Size of the embedding of a frame, in each member; with ``randomized=True``, number of random
        units. "auto" is 32, and 1000 random units.
    n_filters : int, default=4
        Temporal filters over the frames after the first: cosines of increasing frequency, of which
        the first is the mean.
    n_components : int, default=64
        Principal components of the training clips that each frame or filtered frame is reduced to.
    depth_weight : float, default=0.0
        Factor of the third coordinate. MediaPipe estimates depth from a flat image, and it adds
        little to x and y; pass 1 for landmarks that were measured in space.
    dropout : float, default=0.3
        Share of hidden units that are dropped in training. No effect with ``randomized=True``.
    first_frame_dropout : float, default=0.5
        Share of clips whose first frame is dropped in training, where there are several frames. It
        encodes identity more than expression. No effect with ``randomized=True``.
    noise : float, default=0.05
        Standard deviation of the noise that is added to the components in training. Their mean
        square is 1. No effect with ``randomized=True``.
    lr : float, default=0.005
        Highest learning rate of AdamW; it follows one cycle over the training. No effect with
        ``randomized=True``.
    weight_decay : float or "auto", default="auto"
        Decoupled weight decay of AdamW; "auto" is 0.3. With ``randomized=True``, the penalty of the
        squared weights of the readout, relative to the mean squared error; "auto" chooses it by
        leave-one-out: each clip is predicted, together with its mirror image, from the other clips.
    max_epochs : int, default=60
        Passes over the training data. No effect with ``randomized=True``.
    batch_size : int, default=32
        Clips of a training batch. No effect with ``randomized=True``.
    mirror : "auto" or bool, default="auto"
        Learn from mirror images too, and predict the mean over a clip and its mirror image. The
        mirror pairs are found in the mean face of the training data, before or after landmark
        selection. Where they are not found, "auto" uses no mirror images and True is an error.
    early_stopping : bool, default=False
        Hold out a part of the training data, stop when the loss on it no longer falls, and keep
        the best weights. The part is drawn at random; it does not keep the
        clips of a subject together. No effect with ``randomized=True``.
    validation_fraction : float, default=0.1
        Share of the clips that `early_stopping` holds out.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    callbacks : list of skorch callbacks or None, default=None
        Passed to the skorch net, as callbacks or (name, callback) pairs. Without
        ``early_stopping=True`` there is no validation loss to monitor. No effect with
        ``randomized=True``.
    device : str or torch.device, default="cpu"
        Device of the network.
    random_state : int, RandomState instance or None, default=None
        Seed of initial or random weights, batches, noise, dropout and the choice of mirror images.
        Two fits with the same int on the same CPU, with the same versions of the libraries, give
        equal weights, also in threads, with any number of threads of BLAS and torch, and for clips
        in another order. The global random state of torch does not change.
    verbose : int, default=0
        1 prints skorch's table of epochs. No effect with ``randomized=True``.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The fitted net.
    module_ : torch.nn.Module
        The network: maps clips to numbers, shape (n_clips, n_outputs). The predictions of this
        estimator also average over the mirror images.
    layout_ : LandmarkLayout
        Frames, landmarks and coordinates of the training data.
    mirror_pairs_ : ndarray of int of shape (n_landmarks,) or None
        Mirror partner of each landmark. None where no mirror images are used.
    n_iter_ : int
        Number of epochs of training, with those of :meth:`partial_fit`; 1 in closed form.
    penalty_ : float
        Penalty of the readout; only with ``randomized=True``.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    See Also
    --------
    TEMOClassifier : Predicts classes.
    IGLandmarkSelector : Selects the landmarks that matter to a fitted network.

    References
    ----------
    .. [1] Di Luzio, F., Rosato, A., Panella, M. (2024). An Explainable Fast Deep Neural Network for
       Emotion Recognition. arXiv 2407.14865.
    .. [2] Scardapane, S., Wang, D. (2017). Randomness in neural networks: an overview. Wiley
       Interdisciplinary Reviews: Data Mining and Knowledge Discovery 7(2), e1200.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import LandmarkAligner, TEMORegressor
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> X = LandmarkAligner().fit_transform(clips.data)
    >>> intensity = np.abs(X[:, 468 * 3 :]).mean(axis=1)
    >>> temo = TEMORegressor(randomized=True, random_state=0).fit(X[::2], intensity[::2])
    >>> temo.predict(X[1::2]).shape
    (21,)
    """

    _net_class = RegressorNet
    _validation_of_y: dict[str, Any] = {"multi_output": True, "y_numeric": True}

    def __init__(
        self,
        *,
        n_frames=None,
        n_coords=3,
        randomized=False,
        n_members=5,
        hidden_size="auto",
        n_filters=4,
        n_components=64,
        depth_weight=0.0,
        dropout=0.3,
        first_frame_dropout=0.5,
        noise=0.05,
        lr=0.005,
        weight_decay="auto",
        max_epochs=60,
        batch_size=32,
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
        self.randomized = randomized
        self.n_members = n_members
        self.hidden_size = hidden_size
        self.n_filters = n_filters
        self.n_components = n_components
        self.depth_weight = depth_weight
        self.dropout = dropout
        self.first_frame_dropout = first_frame_dropout
        self.noise = noise
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.mirror = mirror
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @one_thread()
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch, at the constant learning rate `lr`, or add clips.

        The first call fixes the principal components, the mirror pairs and the unit of the outputs.
        With ``randomized=True``, clips are added to the normal equations of the readout, as in
        :meth:`TEMOClassifier.partial_fit`.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.
        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, as in :meth:`fit`. With ``randomized=True``, they are not divided
            by their mean, so that the clips of all calls count by their weights.

        Returns
        -------
        self : TEMORegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If ``early_stopping=True`` in training, `y` has another number of outputs than in the
            first call, `fit` was called before with ``randomized=True``, or `randomized` has
            changed.
        """
        self._validate_params()
        if self.early_stopping and not self.randomized:
            raise ValueError("partial_fit does not support early_stopping=True; use fit.")
        is_first = not hasattr(self, "net_")
        encode = self._encode_first if is_first else self._encode
        return self._partial_fit(X, y, sample_weight, encode, is_first=is_first)

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips,) or (n_clips, n_outputs)
            Numbers in the unit and shape of the training data.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_single else outputs

    def _encode_first(self, y):
        """Set the number of outputs, and return the numbers as a matrix."""
        self._is_single = y.ndim == 1
        self._n_outputs = 1 if self._is_single else y.shape[1]
        check_targets(y.reshape(len(y), -1), check_range=True)
        return self._encode(y)

    def _encode(self, y):
        """Numbers as a matrix."""
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self._n_outputs:
            raise ValueError(
                f"y has {n_outputs} outputs, but the first call of partial_fit had "
                f"{self._n_outputs}."
            )
        y = y.reshape(len(y), -1)
        check_targets(y)
        return y.astype(np.float32)

    def _net_parameters(self, targets, weight):
        """Set the unit of the outputs, and return the parameters of skorch that depend on it."""
        # Squares of single precision would overflow or underflow.
        targets = targets.astype(np.float64)
        mean = np.average(targets, axis=0, weights=weight)
        spread = np.sqrt(np.average((targets - mean) ** 2, axis=0, weights=weight))
        self._unit = np.where(spread > 0, spread, 1), mean
        scale, shift = (torch.as_tensor(part, dtype=torch.float32) for part in self._unit)
        return {
            "criterion": ScaledSquaredError,
            "criterion__scale": scale,
            **({} if self.randomized else {"module__scale": scale, "module__shift": shift}),
        }

    def _readout_targets(self, net, targets, weight):
        """Numbers in the unit of the outputs, and the weights."""
        scale, shift = self._unit
        return (targets - shift) / scale, weight

    def _set_unit(self, left_out, targets, weight):
        """The unit depends on the targets alone."""
