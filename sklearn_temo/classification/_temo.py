"""The T-EMO classifier."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit

from ..layout import LandmarkLayout
from ..symmetry import Mirror
from ._batches import ClipBatches
from ._network import TEMONet


class TEMOClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classify clips of landmarks with a small temporal network.

    A few temporal filters sum up the frames, the result is standardised, embedded by an affine
    map, and classified behind one nonlinearity. Made for the small data of this field: it learns
    from every clip and from its mirror image, with noise, dropout of landmarks and of hidden
    units, label smoothing and balanced classes.

    Parameters
    ----------
    n_frames : int, default=16
        Frames of a clip. The number of landmarks follows from the number of columns.
    n_coords : int, default=3
        Coordinates of a landmark.
    hidden_size : int, default=128
        Size of the embedding of a frame.
    n_filters : int, default=4
        Temporal filters over the frames after the first: cosines of growing frequency, from the
        mean on.
    dropout : float, default=0.3
        Share of hidden units dropped in training.
    landmark_dropout : float, default=0.5
        Share of landmarks dropped in training, from all frames at once: no landmark may become
        indispensable.
    first_frame_dropout : float, default=0.5
        Share of clips whose first of several frames is dropped in training: it says who somebody
        is, more than what they feel.
    noise : float, default=0.3
        Standard deviation of the noise added to the standardised input in training.
    label_smoothing : float, default=0.1
        Share of the target spread evenly over the classes.
    randomized : bool, default=False
        Leave the embeddings at their random initialisation and train only what follows, as in
        randomized neural networks.
    lr : float, default=0.005
        Highest learning rate of AdamW; it follows one cycle over the training.
    weight_decay : float, default=10.0
        Decoupled weight decay of AdamW. Adam moves every weight at the same pace, however small its
        gradient: the strong decay takes those back that only follow noise, without which
        attributions would not tell a landmark that moves from one that does not.
    max_epochs : int, default=60
        Passes over the training data.
    batch_size : int, default=32
        Clips of a batch, in training and prediction.
    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss. A dict maps labels to weights.
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
        same int give equal weights. The global state of torch is left as it was.
    verbose : int, default=0
        1 prints skorch's table of epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    net_ : skorch.NeuralNetClassifier
        The fitted net.
    module_ : torch.nn.Module
        The network itself: rows in, logits in the order of `classes_` out.
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
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "landmark_dropout": [Interval(Real, 0, 1, closed="left")],
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
        hidden_size=128,
        n_filters=4,
        dropout=0.3,
        landmark_dropout=0.5,
        first_frame_dropout=0.5,
        noise=0.3,
        label_smoothing=0.1,
        randomized=False,
        lr=0.005,
        weight_decay=10.0,
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
        self.hidden_size = hidden_size
        self.n_filters = n_filters
        self.dropout = dropout
        self.landmark_dropout = landmark_dropout
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
        X, y = self._validate_training_data(X, y, reset=True)
        progress = self._init_callback_context(max_subtasks=self.max_epochs)
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        seed = self._prepare(X)
        schedule = LRScheduler(
            torch.optim.lr_scheduler.OneCycleLR,
            max_lr=self.lr,
            epochs=self.max_epochs,
            steps_per_epoch=-(-len(X) // self.batch_size),
            step_every="batch",
        )
        self.net_ = self._make_net(targets, seed, schedule, _EpochReport(self, progress))
        self._train(X, targets, self.max_epochs, seed, standardise=True)
        # Neither the progress of this fit nor its finished cycle of learning rates belong to
        # what comes later: pickles, and more training.
        self.net_.callbacks = self.callbacks
        self.net_.callbacks_ = [
            (name, callback)
            for name, callback in self.net_.callbacks_
            if name not in ("schedule", "progress")
        ]
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def partial_fit(self, X, y, classes=None):
        """Train for one more epoch, at the constant learning rate `lr`.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call only. The first call also
            fixes the standardisation, the weights of the classes and the mirror pairs.

        Returns
        -------
        self : TEMOClassifier
        """
        self._validate_params()
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
            self.net_ = self._make_net(targets, self._partial_seed)
        elif not hasattr(self, "_partial_seed"):
            self._partial_seed = check_random_state(self.random_state).randint(2**31)
        self._partial_seed += 1
        for group in self.net_.optimizer_.param_groups:
            group["lr"] = self.lr
        self._train(X, targets, 1, self._partial_seed, standardise=first)
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
        check_is_fitted(self, "net_")
        X = validate_data(self, X, dtype=np.float32, reset=False)
        logits = self.net_.forward(X)
        if self._mirror is not None:
            logits = (logits + self.net_.forward(self._mirror.apply(X))) / 2
        return torch.softmax(logits, dim=1).cpu().numpy()

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
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    @property
    def module_(self):
        """The trained network: rows in, logits out."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    @property
    def mirror_pairs_(self):
        """The mirror partner of each landmark, or None."""
        check_is_fitted(self, "layout_")
        return None if self._mirror is None else self._mirror.pairs

    def _validate_training_data(self, X, y, *, reset):
        X, y = validate_data(self, X, y, dtype=np.float32, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)

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

    def _make_net(self, targets, seed, schedule=None, progress=None):
        present = np.unique(targets)
        weight = np.ones(len(self.classes_))
        weight[present] = compute_class_weight(
            self.class_weight, classes=self.classes_[present], y=self.classes_[targets]
        )
        callbacks = [("schedule", schedule), ("progress", progress)]
        if self.early_stopping:
            callbacks.append(
                ("early_stopping", EarlyStopping(patience=self.n_iter_no_change, load_best=True))
            )
        net = NeuralNetClassifier(
            TEMONet,
            module__n_frames=self.n_frames,
            module__n_landmarks=self.layout_.n_landmarks,
            module__n_coords=self.n_coords,
            module__n_classes=len(self.classes_),
            module__hidden_size=self.hidden_size,
            module__n_filters=self.n_filters,
            module__dropout=self.dropout,
            module__landmark_dropout=self.landmark_dropout,
            module__first_frame_dropout=self.first_frame_dropout,
            module__noise=self.noise,
            module__randomized=self.randomized,
            criterion=torch.nn.CrossEntropyLoss,
            criterion__weight=torch.as_tensor(weight, dtype=torch.float32),
            criterion__label_smoothing=self.label_smoothing,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=ClipBatches,
            iterator_valid=ClipBatches,
            train_split=(
                ValidSplit(self.validation_fraction, stratified=True, random_state=seed)
                if self.early_stopping
                else None
            ),
            classes=np.arange(len(self.classes_)),
            callbacks=[pair for pair in callbacks if pair[1] is not None] + (self.callbacks or []),
            device=self.device,
            verbose=self.verbose,
        )
        with _generator_of_its_own(seed):
            return net.initialize()

    def _train(self, X, targets, n_epochs, seed, *, standardise):
        """Show the clips and their mirror images to the net."""
        module = self.net_.module_
        with torch.no_grad():
            views = [module.filtered(torch.as_tensor(X, device=self.device))]
            if self._mirror is not None:
                mirrored = self._mirror.apply(X)
                views.append(module.filtered(torch.as_tensor(mirrored, device=self.device)))
            stacked = torch.stack(views)
            if standardise:
                module.fit_standardisation(stacked.flatten(0, 1))
        # By attribute: set_params of an initialised net refuses iterators.
        self.net_.iterator_train = partial(ClipBatches, views=stacked)
        try:
            with _generator_of_its_own(seed), _one_thread():
                self.net_.partial_fit(X, targets, epochs=n_epochs)
        finally:
            self.net_.iterator_train = ClipBatches

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


class _EpochReport(Callback):
    """Tell scikit-learn's callbacks of each epoch, and stop when one of them says so."""

    def __init__(self, estimator, context):
        self.estimator = estimator
        self.context = context

    def on_epoch_begin(self, net, **kwargs):
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net, **kwargs):
        stop = self.task_.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: {**vars(self.estimator), "net_": net},
        )
        if stop:
            # What skorch itself does to end a training early: fit catches it and goes on.
            raise KeyboardInterrupt


@contextmanager
def _generator_of_its_own(seed):
    """Seed torch for a while, and give the user's generator back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _one_thread():
    """Train on one thread of the CPU.

    Batches of small nets are too short to be shared: a second thread gains nothing, and where
    another process has its core, waiting for it costs many times the training.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
