"""Fits and outputs that the T-EMO classifier and regressor have in common."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .._doc_links import DocLinkMixin
from .._progress import Progress
from .._threads import one_thread
from .._validation import check_rows
from .._warnings import warn_user
from ..layout import LandmarkLayout
from ..mirror import Mirror
from ._network import MirrorAveragedNet, RandomizedTEMONet, TEMONet, fit_reduction
from ._readout import NormalEquations, fit_readout
from ._training import (
    EpochReport,
    build_net,
    check_monitors,
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
_SIZES = ("n_frames", "n_landmarks", "n_coords")
# Parameters of the estimators that are also parameters of both networks, and of TEMONet.
_REDUCTION_PARAMETERS = ("n_filters", "n_components", "depth_weight")
_TRAINING_PARAMETERS = ("dropout", "first_frame_dropout", "noise", "n_members")


class BaseTEMO(CallbackSupportMixin, DocLinkMixin, BaseEstimator):
    """Base of the classifier and the regressor, which encode their targets."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 1, None, closed="left"), None],
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
            shown = Progress(type(self).__name__, n_epochs, "epochs", self.verbose)
            fit_callbacks = [("progress", EpochReport(self, progress, shown))]
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
            with shown:
                self._train(net, rows, targets, weight, n_epochs)
            # Later training and pickles must not use the callbacks and the split of this fit.
            net.callbacks, net.train_split = self.callbacks, None
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
    def averaged_module_(self):
        """The network that predicts: the mean of `module_` over a clip and its mirror image.

        Equal to `module_` where there are no mirror pairs.
        """
        return self.module_ if self._mirror is None else MirrorAveragedNet(self.module_)

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
        used = [coord for coord in range(self.layout_.n_coords) if coord != 2 or self.depth_weight]
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
            if layout.noun == "blendshape":
                raise ValueError(
                    f"mirror=True, but the {layout.n_landmarks} blendshapes of X cannot be "
                    f"mirrored. {name} needs values between 0 and 1, not standardised, and the "
                    "mirror partner of every blendshape; pass mirror=False to train without mirror "
                    "images."
                )
            raise ValueError(
                f"mirror=True, but the mean of frame 0 over {len(rows)} clips is not a symmetric "
                f"face of {layout.n_landmarks} landmarks. {name} needs positions in frame 0, not "
                "standardised, and the mirror partner of every landmark; pass mirror=False to "
                "train without mirror images."
            )
        self.mean_clip_ = np.average(rows, axis=0, weights=weight).astype(np.float32)
        if self._mirror is not None:
            self.mean_clip_ = (self.mean_clip_ + self._mirror.apply(self.mean_clip_[None])[0]) / 2
        own = (
            _REDUCTION_PARAMETERS
            if self.randomized
            else (*_REDUCTION_PARAMETERS, *_TRAINING_PARAMETERS)
        )
        hidden_size = _RANDOM_HIDDEN_SIZE if self.randomized else _HIDDEN_SIZE
        of_module = dict(zip(_SIZES, layout.shape, strict=True)) | {
            name: getattr(self, name) for name in own
        }
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
            verbose=max(0, self.verbose - 1),
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
        self.layout_.check(X)
        module = self.averaged_module_.eval()
        found = []
        with torch.inference_mode():
            for batch in gen_batches(len(rows), _PREDICTION_BATCH):
                # torch rejects negative strides and warns about read-only arrays.
                clips = torch.from_numpy(np.require(rows[batch], requirements=["C", "W"]))
                found.append(module(clips.to(self.net_.device)).cpu().numpy())
        return np.concatenate(found, dtype=np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
