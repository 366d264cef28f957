"""The T-EMO classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from .._whole import whole_on_failure
from ..layout import LandmarkLayout
from ..mirror import Mirror
from ._prediction import Prediction
from ._training import EpochReport, build_net, count_held_out, one_cycle, train


class TEMOClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classify clips of landmarks with a few small temporal networks.

    A few temporal filters sum up the frames, the result is reduced to principal components,
    embedded by a linear map, and classified behind one nonlinearity. Made for the small data of
    this field: several such networks are trained side by side and averaged, and learn from every
    clip and from its mirror image, with noise, dropout, label smoothing and balanced classes.

    Parameters
    ----------
    n_frames : int, default=16
        Frames of a clip. The number of landmarks follows from the number of columns.
    n_coords : int, default=3
        Coordinates of a landmark.
    n_members : int, default=5
        Small networks that are trained side by side, from different random weights and with
        different units dropped, on the same batches; the mean of their logits decides. They share
        the principal components, so that five take little more time than one.
    hidden_size : int, default=32
        Size of the embedding of a frame, in each member.
    n_filters : int, default=4
        Temporal filters over the frames after the first: cosines of growing frequency, from the
        mean on.
    n_components : int, default=64
        Principal components of the training clips that a frame is reduced to, and that the filters
        are.
    depth_weight : float, default=0.0
        What the third coordinate counts beside the first two. MediaPipe's depth is an estimate
        from a flat picture, and says little that x and y don't; pass 1 for landmarks that were
        measured in space.
    dropout : float, default=0.3
        Share of hidden units dropped in training.
    first_frame_dropout : float, default=0.5
        Share of clips whose first of several frames is dropped in training: it says who somebody
        is, more than what they feel.
    noise : float, default=0.05
        Standard deviation of the noise added to the components in training, whose mean square is
        1.
    label_smoothing : float, default=0.1
        Share of the target spread evenly over the classes.
    randomized : bool, default=False
        Leave the embeddings at their random initialisation and train only what follows, as in
        randomized neural networks.
    lr : float, default=0.005
        Highest learning rate of AdamW; it follows one cycle over the training.
    weight_decay : float, default=0.3
        Decoupled weight decay of AdamW.
    max_epochs : int, default=60
        Passes over the training data.
    batch_size : int, default=32
        Clips of a batch, in training and prediction.
    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss. A dict maps labels to weights, from 0 on.
    mirror : "auto" or bool, default="auto"
        Learn from mirror images too, and predict the mean over a clip and its mirror image. The
        mirror pairs are found in the mean face of the training data, whatever landmarks were
        selected. "auto" does without where that is not the picture of a face; True raises then.
    early_stopping : bool, default=False
        Hold out a part of the training data, stop when the loss on it no longer falls, and keep
        the best weights. The part is drawn at random within the classes: where people give
        several clips, it does not keep them apart.
    validation_fraction : float, default=0.1
        The share held out for `early_stopping`.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    callbacks : list of skorch callbacks or None, default=None
        Passed to the skorch net, as (name, callback) pairs or callbacks.
    device : str or torch.device, default="cpu"
        Where the net lives.
    random_state : int, RandomState instance or None, default=None
        Of initialisation, batches, noise, dropout and mirroring. On the CPU, two fits with the
        same int give equal weights, in threads too. The global state of torch is left as it was.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    net_ : skorch.NeuralNetClassifier
        The fitted net.
    module_ : torch.nn.Module
        The network itself: rows in, logits in the order of `classes_` out, of clips as they are.
        Where there are mirror pairs, :meth:`predict_proba` takes the mean of these and of those of
        the mirror images. It follows changes to the parameters of the network, but not to its
        buffers.
    layout_ : LandmarkLayout
        Frames, landmarks and coordinates of the data.
    mirror_pairs_ : ndarray of int of shape (n_landmarks,) or None
        The mirror partner of each landmark; None where no mirror was found or wanted.
    n_features_in_ : int
        Columns seen in :meth:`fit`.

    See Also
    --------
    IGLandmarkSelector : Asks a fitted network which landmarks mattered.
    FaceMirror : The same mirroring for other classifiers.

    Notes
    -----
    The architecture is a reconstruction: of the paper [1]_ only the abstract, the keywords and
    summaries by others were at hand.

    References
    ----------
    .. [1] Di Luzio, F., Rosato, A., Panella, M. (2024). An Explainable Fast Deep Neural Network for
       Emotion Recognition. arXiv 2407.14865.

    Examples
    --------
    >>> from sklearn_temo import LandmarkAligner, TEMOClassifier
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> X = LandmarkAligner(n_frames=4).fit_transform(clips.data)
    >>> temo = TEMOClassifier(n_frames=4, max_epochs=5, random_state=0).fit(X, clips.target)
    >>> temo.predict_proba(X).shape
    (42, 7)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left")],
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
        n_frames=16,
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
    def fit(self, X, y):
        """Train a new network.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,)
            Labels of any type.

        Returns
        -------
        self : TEMOClassifier
        """
        self._validate_params()
        with whole_on_failure(self):
            return self._fit(X, y)

    def _fit(self, X, y):
        X, y = self._validate_training_data(X, y, reset=True)
        progress = self._init_callback_context(max_subtasks=self.max_epochs)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        seed = self._prepare(X)
        self.__dict__.pop("_partial_seed", None)
        n_learnt = len(X) - count_held_out(self, targets)
        passing = [
            ("schedule", one_cycle(self.lr, self.max_epochs, n_learnt, self.batch_size)),
            ("progress", EpochReport(self, progress)),
        ]
        net = build_net(self, targets, seed, passing)
        train(net, X, targets, self._mirror, self.max_epochs, seed + 1, reduce=True)
        # Neither the progress of this fit nor its finished cycle of learning rates belong to
        # what comes later: pickles, and more training.
        net.callbacks = self.callbacks
        net.callbacks_ = [pair for pair in net.callbacks_ if pair not in passing]
        self._set_net(net)
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def partial_fit(self, X, y, classes=None):
        """Train for one more epoch, at the constant learning rate `lr`; not with `early_stopping`.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call only. The first call also
            fixes the principal components, the weights of the classes and the mirror pairs: let it
            hold clips of all kinds. Of parameters that are set after it only `lr` has an effect.

        Returns
        -------
        self : TEMOClassifier
        """
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit does not go with early_stopping=True, which is for fit.")
        with whole_on_failure(self):
            return self._partial_fit(X, y, classes)

    def _partial_fit(self, X, y, classes):
        first = not hasattr(self, "net_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        X, y = self._validate_training_data(X, y, reset=first)
        if first:
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={np.unique(classes)!r} is not the same as on the first call to "
                f"partial_fit: {self.classes_!r}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y has labels {unknown!r} that are not in classes {self.classes_!r}.")
        targets = np.searchsorted(self.classes_, y)
        if first:
            self._partial_seed = self._prepare(X)
            net = build_net(self, targets, self._partial_seed)
        else:
            net = self.net_
        if not hasattr(self, "_partial_seed"):
            self._partial_seed = check_random_state(self.random_state).randint(2**31)
        self._partial_seed += 1
        for group in net.optimizer_.param_groups:
            group["lr"] = self.lr
        train(net, X, targets, self._mirror, 1, self._partial_seed, reduce=first)
        self._set_net(net)
        return self

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips, n_classes)
            In the order of `classes_`.
        """
        return softmax(self._logits(X), axis=1)

    def predict(self, X):
        """The most probable classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.

        Returns
        -------
        ndarray of shape (n_clips,)
            Labels.
        """
        best = self._logits(X).argmax(axis=1)
        return self.classes_[best]

    @property
    def module_(self):
        """The trained network: rows in, logits of clips as they are out."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    @property
    def mirror_pairs_(self):
        """The mirror partner of each landmark, or None."""
        check_is_fitted(self, "layout_")
        return None if self._mirror is None else self._mirror.pairs

    def _validate_training_data(self, X, y, *, reset):
        # In order, since torch takes no negative strides.
        X, y = validate_data(self, X, y, dtype=np.float32, order="C", reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)

    def _set_net(self, net):
        self.net_ = net
        self._prediction = Prediction.of(net.module_, self._mirror)

    def _logits(self, X):
        """Logits of clips, ndarray of shape (n_clips, n_classes)."""
        check_is_fitted(self, "net_")
        # For one clip the checks are most of the time, and such an array passes them.
        is_ready = type(X) is np.ndarray and X.dtype == np.float32 and X.ndim == 2 and len(X) > 0
        X = validate_data(
            self,
            X,
            reset=False,
            skip_check_array=is_ready,
            dtype=np.float32,
            ensure_all_finite=False,
        )
        prediction = self.__dict__.get("_prediction")
        if prediction is None or not prediction.is_of(self.net_.module_):
            self._set_net(self.net_)
        logits = self._prediction.of_clips(X)
        # What is not finite shows in the few logits, cheaper than in the many columns.
        if not np.isfinite(logits.sum()):
            assert_all_finite(X, input_name="X", estimator_name=type(self).__name__)
        return logits

    def __getstate__(self):
        # Made again from the network when it is wanted.
        return {name: v for name, v in super().__getstate__().items() if name != "_prediction"}

    def _prepare(self, X):
        """Layout and mirror of the data; returns the seed of the fit."""
        if len(self.classes_) < 2:
            raise ValueError(
                f"TEMOClassifier needs samples of at least 2 classes, got one class: "
                f"{self.classes_[0]!r}."
            )
        self.layout_ = LandmarkLayout.from_n_features(X.shape[1], self.n_frames, self.n_coords)
        self._mirror = Mirror.from_clips(X, self.layout_) if self.mirror else None
        if self.mirror is True and self._mirror is None:
            raise ValueError(
                f"mirror=True, but the mean of frame 0 over {X.shape[0]} clips is not a symmetric "
                f"face of {self.layout_.n_landmarks} landmarks: pass positions in frame 0, not "
                'standardised, with the mirror partner of each landmark, or mirror="auto".'
            )
        return check_random_state(self.random_state).randint(2**31)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
