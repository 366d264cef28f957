"""T-EMO classifier of clips of landmarks."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from .._threads import one_thread
from ._readout import scale_of_logits
from ._temo import BaseTEMO
from ._training import ClassifierNet, class_weights


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
    n_coords : int or None, default=None
        Coordinates of a landmark, 1 for blendshapes. None infers it, see
        :meth:`LandmarkLayout.infer`.
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
        1 shows the progress of :meth:`fit` and the estimated time left; 2 also prints skorch's
        table of epochs. No effect with ``randomized=True``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    net_ : skorch.NeuralNetClassifier
        The fitted net.
    averaged_module_ : torch.nn.Module
        The network that predicts: the mean of `module_` over a clip and its mirror image.
    mean_clip_ : ndarray of shape (n_features_in_,)
        Mean of the training clips, and of their mirror images where there are mirror pairs.
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
    Train on the photographs of some people, and test on the others:

    >>> from sklearn_temo import LandmarkAligner, TEMOClassifier
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> X, y = LandmarkAligner().fit_transform(smiles.data), smiles.target
    >>> train = smiles.groups < "080"
    >>> temo = TEMOClassifier(max_epochs=10, random_state=0).fit(X[train], y[train])
    >>> print(f"accuracy {temo.score(X[~train], y[~train]):.1f}")
    accuracy 0.9

    The same network, fitted in closed form:

    >>> temo = TEMOClassifier(randomized=True, random_state=0).fit(X[train], y[train])
    >>> print(f"accuracy {temo.score(X[~train], y[~train]):.1f}")
    accuracy 0.9
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
        n_coords=None,
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
