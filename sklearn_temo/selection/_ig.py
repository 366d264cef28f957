"""The selector: train, attribute, keep."""

from __future__ import annotations

import os
import warnings
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from .. import mesh
from .._whole import whole_on_failure
from ..attribution._baselines import KINDS
from ..layout import LandmarkLayout
from ._memory import remember
from ._ranking import count_kept
from ._rounds import reduce_in_rounds, round_sizes

# From so many landmarks on, keeping mirror partners together was measured to cost nothing; with
# fewer, one side of the face says nearly what the other does.
_LEAST_SYMMETRIC = 40


class IGLandmarkSelector(CallbackSupportMixin, MetaEstimatorMixin, SelectorMixin, BaseEstimator):
    """Keep the landmarks that a trained network finds relevant, by Integrated Gradients.

    A network is trained on the data; then the Integrated Gradients [1]_ of every sample's own
    class are taken against several typical samples as baselines, and aggregated to one score for
    each class and landmark. Of the best landmarks, `k` that repeat each other little are kept, with
    all their columns.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Cloned and fitted. None for a :class:`~sklearn_temo.TEMOClassifier` that is set for
        attributions: ``n_components=32, noise=0.4``. Any classifier whose fitted attribute
        ``module_`` is a ``torch.nn.Module`` from rows of `X` to logits, in the order of
        ``classes_``, will do, among them a skorch ``NeuralNetClassifier`` with
        ``criterion=torch.nn.CrossEntropyLoss`` (skorch itself wants labels that are integers from
        0 on). Where it has parameters `n_frames` and `n_coords`, they are set to those given here.
    k : int, float or "all", default=128
        Landmarks to keep: a number, a share of them, or all.
    n_baselines : int, default=5
        Number of baselines, where `baselines` leaves it open.
    baselines : {"typical", "mean", "zero", "random"} or array-like, default="typical"
        "typical": medoids of the classes in turn; "random": samples drawn at random; "mean", the
        mean sample, and "zero" are a single one. Or the baselines themselves, of shape
        (n_baselines, n_features).
    n_steps : int or "auto", default="auto"
        Nodes of the integral; "auto" takes as many as `tol` asks for.
    tol : float, default=1e-3
        Relative completeness gap that a pair of sample and baseline may have.
    redundancy : "avoid" or None, default="avoid"
        Neighbours on a face move together: each has a high score where one has, and says the same.
        "avoid" chooses landmarks one by one: about the first twenty as those that together explain
        most of the classes and of what all landmarks do, where a high score makes it easier to be
        chosen; the others by score, which is lowered where a landmark is like one that was chosen.
        None takes the highest scores as they are.
    symmetric : "auto" or bool, default="auto"
        Whether scores are averaged over mirror pairs, and both or none of a pair are kept, which
        needs a full face mesh (468 or 478 landmarks). "auto" does so on a full mesh from k = 40
        up.
    step : int, float, sequence of int or None, default=None
        Reduce in rounds: train, attribute, drop, and train again on what is left, until `k` are.
        As in :class:`~sklearn.feature_selection.RFE`, an int is the number of landmarks dropped in
        a round, and a float the share of all landmarks; a sequence such as ``[234, 128]`` says how
        many are left after each round, and those above `k` count. None does it in one round. An
        `estimator` of one's own must then take as many columns as it is given.
    batch_size : int, default=1024
        Points of integration paths that are evaluated at once; it bounds the memory.
    memory : str, path, object with the joblib.Memory interface or None, default=None
        Where the trained network and its relevance are kept, to be found again by every fit on
        the same data that differs in `k`, `redundancy` or `symmetric` only: a search over `k` then
        trains one network a fold. With `step`, what a round found is kept by itself. Whatever else
        changes (data, labels, parameters, the code of `estimator`, versions of the libraries)
        leads to new work. Needs a `random_state`, of the selector or of `estimator`: without, every
        fit is meant to be another one.
        What is kept can be as personal as the data; None keeps nothing.
    n_frames : int, default=16
        Frames of a clip.
    n_coords : int, default=3
        Coordinates of a landmark.
    random_state : int, RandomState instance or None, default=None
        Of the network and of random baselines. A given `estimator` takes it where it has a
        `random_state` that is None; and torch's own generator is seeded by it during the
        training, for networks that draw from there, and given back afterwards.
    verbose : int, default=0
        Print how far the attribution is, about once a second.

    Attributes
    ----------
    estimator_ : estimator
        The fitted network; with `step`, that of the last round, for the columns that were left.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    baselines_ : ndarray of shape (n_baselines, n_features)
        Where the integrals of the first round began.
    landmark_scores_ : ndarray of shape (n_landmarks,)
        Score of each landmark: each class's scores divided by their sum, averaged over the
        classes. They sum to 1 in each round, and to 0 where nothing moves; with `step`, a
        landmark's score is that of the last round it took part in.
    landmark_scores_per_class_ : ndarray of shape (n_classes, n_landmarks)
        How far each landmark moves the logit of a class: the absolute value of its attribution,
        summed over its frames and coordinates, averaged over the samples of that class and the
        baselines.
    ranking_ : ndarray of int of shape (n_landmarks,)
        1 is the landmark that is chosen first; those that are kept have ranks up to `k`, and those
        that are not follow in the order in which they would be chosen.
    n_landmarks_in_rounds_ : list of int
        Landmarks that each round began with.
    completeness_gap_ : float
        Largest relative completeness gap of all pairs of sample and baseline, in all rounds.
    n_gradient_evaluations_ : int
        Gradients of the network that were computed for the integrals.
    n_features_in_ : int
        Columns seen in :meth:`fit`.

    See Also
    --------
    sklearn_temo.attribution.landmark_relevance : The computation, for networks without estimator.
    LandmarkRelevanceDisplay : Draws the scores on the face.
    sklearn.feature_selection.SelectFromModel : Selection by weights of a model.

    Notes
    -----
    Selection looks at labels: keep it inside the pipeline that is cross-validated.

    Under :class:`sklearn.multiclass.OneVsRestClassifier` each class gets landmarks of its own.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML. arXiv 1703.01365.

    Examples
    --------
    >>> from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> X = LandmarkAligner(n_frames=4).fit_transform(clips.data)
    >>> selector = IGLandmarkSelector(TEMOClassifier(max_epochs=5), k=64, n_frames=4)
    >>> selector.fit_transform(X, clips.target).shape
    (42, 768)
    >>> selector.get_landmark_support().sum()
    np.int64(64)
    """

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit"]), None],
        "k": "no_validation",
        "n_baselines": [Interval(Integral, 1, None, closed="left")],
        "baselines": [StrOptions(set(KINDS)), "array-like"],
        "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "redundancy": [StrOptions({"avoid"}), None],
        "symmetric": [StrOptions({"auto"}), "boolean"],
        "step": "no_validation",
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "n_coords": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        k=128,
        n_baselines=5,
        baselines="typical",
        n_steps="auto",
        tol=1e-3,
        redundancy="avoid",
        symmetric="auto",
        step=None,
        batch_size=1024,
        memory=None,
        n_frames=16,
        n_coords=3,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.k = k
        self.n_baselines = n_baselines
        self.baselines = baselines
        self.n_steps = n_steps
        self.tol = tol
        self.redundancy = redundancy
        self.symmetric = symmetric
        self.step = step
        self.batch_size = batch_size
        self.memory = memory
        self.n_frames = n_frames
        self.n_coords = n_coords
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X, y):
        """Train the network, attribute its decisions, and choose landmarks.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,)
            Labels.

        Returns
        -------
        self : IGLandmarkSelector
        """
        self._validate_params()
        with whole_on_failure(self):
            return self._fit(X, y)

    def _fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=np.float32)
        y = column_or_1d(y)
        layout = LandmarkLayout.from_n_features(X.shape[1], self.n_frames, self.n_coords)
        n_kept = count_kept(self.k, layout.n_landmarks)
        sizes = round_sizes(self.step, layout.n_landmarks, n_kept)
        baselines = self._check_baselines(X.shape[1])
        pairs = [self._mirror_pairs(layout.n_landmarks, n_left) for n_left in sizes]
        estimator, seed = self._make_estimator()
        progress = self._init_callback_context(max_subtasks=2 * len(sizes))
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)

        def gather(left):
            return self._gather(clone(estimator), X, y, layout, left, baselines, seed, progress)

        found = reduce_in_rounds(
            layout.n_landmarks,
            list(zip(sizes, pairs, strict=True)),
            gather,
            avoid_repeats=self.redundancy is not None,
        )
        if not all((evidence.relevance.overall > 0).any() for evidence in found.rounds):
            warnings.warn(
                f"no landmark has a score above 0: {type(estimator).__name__} answers all "
                f"{len(X)} clips alike, as where none of them moves, or with no number. Which "
                f"{n_kept} of {layout.n_landmarks} landmarks are kept says nothing.",
                UserWarning,
                stacklevel=4,
            )
        self.estimator_ = found.rounds[-1].estimator
        self.classes_ = self.estimator_.classes_
        self.baselines_ = found.rounds[0].baselines
        self.landmark_scores_, self.landmark_scores_per_class_ = found.scores, found.per_class
        self.ranking_ = found.ranking
        self.n_landmarks_in_rounds_ = [layout.n_landmarks, *sizes[:-1]]
        relevances = [evidence.relevance for evidence in found.rounds]
        self.completeness_gap_ = max(r.completeness_gap for r in relevances)
        self.n_gradient_evaluations_ = sum(r.n_gradient_evaluations for r in relevances)
        self._layout = layout
        self._landmark_support = np.isin(np.arange(layout.n_landmarks), found.kept)
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _gather(self, estimator, X, y, layout, left, baselines, seed, progress):
        """The evidence of one round, for the landmarks that are left."""
        from ._evidence import Evidence, gather_evidence

        if len(left) < layout.n_landmarks:
            columns = layout.feature_mask(np.isin(np.arange(layout.n_landmarks), left))
            X = X[:, columns]
            baselines = baselines if isinstance(baselines, str) else baselines[:, columns]
            layout = LandmarkLayout(layout.n_frames, len(left), layout.n_coords)
        integration = (baselines, self.n_baselines, self.n_steps, self.tol, self.batch_size)
        # Base arrays, since joblib tells a memory map from an array of the same numbers.
        depends_on = (np.ascontiguousarray(X), np.asarray(y), layout, seed, *integration)
        work = partial(gather_evidence, self, estimator, X, y, layout, baselines, seed, progress)
        memory = self.memory if self._can_be_found_again(seed) else None
        evidence = remember(memory, work, Evidence, estimator, depends_on)
        evidence.relevance.warn(self.tol, self.n_steps, stacklevel=9)
        return evidence

    def _check_baselines(self, n_features):
        """The kind of baselines, or the baselines themselves."""
        if isinstance(self.baselines, str):
            return self.baselines
        baselines = np.asarray(self.baselines, dtype=np.float32)
        if baselines.ndim != 2 or baselines.shape[1] != n_features or not len(baselines):
            raise ValueError(
                f"baselines must have shape (n_baselines, {n_features}), one column for each "
                f"feature of X; got {baselines.shape}."
            )
        return baselines

    def get_landmark_support(self, indices=False):
        """Which landmarks are kept.

        Parameters
        ----------
        indices : bool, default=False
            Return numbers of landmarks instead of a mask.

        Returns
        -------
        ndarray of bool of shape (n_landmarks,), or of int of shape (n_kept,)
        """
        check_is_fitted(self)
        return np.flatnonzero(self._landmark_support) if indices else self._landmark_support.copy()

    def get_feature_names_out(self, input_features=None):
        """Names of the kept columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in,), default=None
            Names of all columns; None for those seen in :meth:`fit`, or, where there were none,
            ``f{frame:03d}_p{landmark:03d}_{x|y|z}``.

        Returns
        -------
        ndarray of str of shape (n_kept_columns,)
        """
        check_is_fitted(self)
        if input_features is None and not hasattr(self, "feature_names_in_"):
            input_features = self._layout.feature_names()
        return _check_feature_names_in(self, input_features)[self.get_support()]

    def _get_support_mask(self):
        check_is_fitted(self)
        return self._layout.feature_mask(self._landmark_support)

    def _mirror_pairs(self, n_landmarks, n_kept):
        if self.symmetric == "auto":
            symmetric = mesh.is_full_mesh(n_landmarks) and n_kept >= _LEAST_SYMMETRIC
        else:
            symmetric = self.symmetric
        return mesh.mirror_pairs(n_landmarks) if symmetric else None

    def _make_estimator(self):
        """The network to train, and the seed of all that it leaves open."""
        seed = check_random_state(self.random_state).randint(2**31)
        if self.estimator is None:
            from ..classification import TEMOClassifier

            # Late components are jitter, by which landmarks that stand still would get a share:
            # few of them, and noise in which they drown.
            estimator = TEMOClassifier(n_components=32, noise=0.4)
        elif isinstance(self.estimator, Pipeline):
            raise TypeError(
                "estimator must be the network alone, got a Pipeline: put the steps before the "
                "network before the selector, so that both see the same columns."
            )
        else:
            estimator = clone(self.estimator)
        settings = {"n_frames": self.n_frames, "n_coords": self.n_coords}
        own = estimator.get_params(deep=False)
        if own.get("random_state", seed) is None:
            settings["random_state"] = seed
        elif isinstance(own.get("random_state"), Integral) and not self._draws_baselines():
            # Nothing is left to chance.
            seed = 0
        if self.memory is not None and not self._can_be_found_again(seed):
            warnings.warn(
                "memory is not used without random_state, since every fit trains another network: "
                "pass random_state=0, or any int, to the selector.",
                UserWarning,
                stacklevel=5,
            )
        return estimator.set_params(
            **{name: v for name, v in settings.items() if name in own}
        ), seed

    def _can_be_found_again(self, seed):
        return self.random_state is not None or not seed

    def _draws_baselines(self):
        return isinstance(self.baselines, str) and self.baselines == "random"

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_landmark_support")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags
