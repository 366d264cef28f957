"""T-EMO regressor of clips of landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import MultiOutputMixin, RegressorMixin

from .._threads import one_thread
from .._validation import check_targets
from ._temo import BaseTEMO
from ._training import RegressorNet


class TEMORegressor(MultiOutputMixin, RegressorMixin, BaseTEMO):
    """Predict numbers, such as valence and arousal, from clips of landmarks.

    The networks are those of :class:`TEMOClassifier`, with one output for each number. Each output
    is divided by its standard deviation for the squared error.

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
        1 shows the progress of :meth:`fit` and the estimated time left; 2 also prints skorch's
        table of epochs. No effect with ``randomized=True``.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The fitted net.
    averaged_module_ : torch.nn.Module
        The network that predicts: the mean of `module_` over a clip and its mirror image.
    mean_clip_ : ndarray of shape (n_features_in_,)
        Mean of the training clips, and of their mirror images where there are mirror pairs.
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
    Predict how much a person smiles, a blendshape, from aligned landmarks:

    >>> from sklearn_temo import BlendshapeTransformer, LandmarkAligner, TEMORegressor
    >>> from sklearn_temo.blendshapes import NAMES
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> X = LandmarkAligner().fit_transform(smiles.data)
    >>> y = BlendshapeTransformer().fit_transform(smiles.data)[:, NAMES.index("mouthSmileLeft")]
    >>> train = smiles.groups < "080"
    >>> temo = TEMORegressor(randomized=True, random_state=0).fit(X[train], y[train])
    >>> print(f"coefficient of determination {temo.score(X[~train], y[~train]):.1f}")
    coefficient of determination 0.9
    """

    _net_class = RegressorNet
    _validation_of_y: dict[str, Any] = {"multi_output": True, "y_numeric": True}

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
            "criterion__scale": scale,
            **({} if self.randomized else {"module__scale": scale, "module__shift": shift}),
        }

    def _readout_targets(self, net, targets, weight):
        """Numbers in the unit of the outputs, and the weights."""
        scale, shift = self._unit
        return (targets - shift) / scale, weight

    def _set_unit(self, left_out, targets, weight):
        """The unit depends on the targets alone."""
