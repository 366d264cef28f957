"""Landmark selection by Integrated Gradients."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone, is_regressor
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    has_fit_parameter,
    validate_data,
)

from .._cache_folder import CachingEstimator
from .._progress import Progress
from .._threads import one_thread
from .._validation import check_rows
from .._warnings import warn_user
from ..attribution._baselines import KINDS
from ..attribution._integrated_gradients import IntegrationSettings, warn_of_gaps
from ..attribution._relevance import LandmarkRelevance
from ..classification._classifier import TEMOClassifier
from ..layout import LandmarkLayout
from ..mirror import known_mirror_pairs
from ._landmark_support import LandmarkSelectorMixin
from ._ranking import count_kept, rank_landmarks, round_sizes
from ._round import ProgressTarget, RoundSettings, cached_rounds

# Keeping mirror pairs together costs no accuracy with 40 landmarks or more, or with half of the
# blendshapes. With fewer, it wastes places, since the two sides of the face are redundant.
_MIN_SYMMETRIC = {"landmark": 40, "blendshape": 26}


class IGLandmarkSelector(
    CallbackSupportMixin, MetaEstimatorMixin, LandmarkSelectorMixin, CachingEstimator
):
    """Select landmarks by their Integrated Gradients in a fitted network.

    A network is fitted to the data. The Integrated Gradients [1]_ of the logit of each sample's
    class, or of all outputs of a regression, are computed against several baselines, and aggregated
    to a score for each class or output and landmark. The `k` best landmarks are kept, with all
    their columns; a redundancy penalty avoids landmarks that move together.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Network, cloned and fitted. None for :meth:`default_estimator`. Any classifier is accepted
        whose fitted attribute ``module_`` is a ``torch.nn.Module`` from rows of `X` to logits in
        the order of ``classes_``, such as a skorch ``NeuralNetClassifier`` with
        ``criterion=torch.nn.CrossEntropyLoss``, which gets the labels as integers from 0 on. So is
        any regressor whose ``module_`` maps rows to outputs of shape ``(n, n_outputs)`` or
        ``(n,)``, such as a ``NeuralNetRegressor``, which gets `y` in two dimensions. The parameters
        `n_frames` and `n_coords`, if the estimator has them, are set to those of `X`.
    k : int, float or "all", default=128
        Landmarks to keep: a number, a share of them, or all. There are only 52 blendshapes: pass a
        smaller number for them.
    n_baselines : int, default=5
        Number of baselines of the kinds "typical" and "random".
    baselines : {"typical", "per_class", "mean", "zero", "random"} or array-like, default="typical"
        Kind of baselines, see :func:`~sklearn_temo.attribution.make_baselines`, or an array of
        baselines of shape (n_baselines, n_features). "per_class" is for classifiers only.
    n_steps : int or "auto", default="auto"
        Nodes of the integral. "auto" needs none where the integral has a closed form, as for the
        networks of T-EMO, and otherwise takes as many as `tol` needs.
    tol : float, default=1e-3
        Largest relative completeness gap of a pair of sample and baseline that is accepted.
    redundancy : "avoid" or None, default="avoid"
        Neighbours on a face move together: their scores are similar, and any one of them carries
        most of the information. "avoid" selects greedily. The first landmarks, about 20, are those
        that explain most variance of `y` and of the movements of all landmarks, given their scores.
        Each further landmark has the highest score after a penalty for moving like a selected
        landmark. None selects the highest scores.
    symmetric : "auto" or bool, default="auto"
        Whether to average scores over mirror pairs and to keep both landmarks of a pair or none. A
        single pair is split if the number of landmarks to keep requires it. True needs a full face
        mesh (468 or 478 landmarks), or blendshapes, which are paired by their names. "auto" is
        decided in each round: it is True if `X` has a full mesh and the round keeps at least 40
        landmarks, or if `X` has all blendshapes and the round keeps at least 26.
    step : int, float, sequence of int or None, default=None
        Landmarks to drop in each of several rounds. Each round fits a new network to the
        remaining landmarks. As in :class:`~sklearn.feature_selection.RFE`, an int is a number of
        landmarks, and a float a share of all landmarks. A sequence such as ``[234, 128]`` gives
        the number of landmarks that remain after each round; numbers that are not between `k` and
        the number of landmarks are ignored, and the last round always keeps `k`. None is a single
        round. With several rounds, `estimator` must accept any number of landmarks.
    batch_size : int, default=1024
        Number of points at which the network is evaluated at once: samples times nodes of the
        integral. A larger number takes more memory.
    memory : str, path, object with the joblib.Memory interface or None, default=None
        Cache of the fitted networks and their attributions, a folder or a ``joblib.Memory``. Fits
        on the same data that differ only in `k`, `redundancy` or `symmetric` share an entry, so
        that a search over `k` fits one network for each fold; with `step`, each round has an
        entry of its own. An entry is valid for the same `X`, `y`, `sample_weight`, parameters of
        `estimator`, other parameters of the selector and version of this package. **Clear the
        cache after changing the code of a network of your own.** Nothing is cached, with a
        warning, if fits cannot be compared: the parameters of `estimator` contain an initialised
        module or a local function, or the selector has no `random_state`. The selector needs none
        if `estimator` has an int as `random_state` and `baselines` is not "random". The cache
        contains personal data if `X` does; a new folder may be used by its owner only. **Entries
        are pickles of joblib: whoever can write to the folder can run code in your process.** Use
        only a folder that nobody else can write to. A relative path is resolved when the parameter
        is set; if the selector is unpickled where the path means another folder, `memory` becomes
        None, with a warning. None caches nothing.
    n_frames : int or None, default=None
        Frames of a clip. None infers it, see :meth:`LandmarkLayout.infer`.
    n_coords : int or None, default=None
        Coordinates of a landmark, 1 for blendshapes. None infers it, see
        :meth:`LandmarkLayout.infer`.
    random_state : int, RandomState instance or None, default=None
        Determines random baselines and the fit of the network. If `estimator` has a parameter
        `random_state` that is None, it is set to a seed drawn from this one. For an estimator
        other than :class:`TEMOClassifier` and :class:`TEMORegressor`, torch's global generator is
        also seeded during the training and restored afterwards; the seed is 0 if `estimator` has an
        int as `random_state` and `baselines` is not "random". Pass an int for reproducible results.
    verbose : int, default=0
        If positive, show the progress of the rounds, of the training of T-EMO and of the
        attribution, and the estimated time left. Other networks have a `verbose` of their own.

    Attributes
    ----------
    estimator_ : estimator
        The fitted network. With `step`, that of the last round, which takes the columns of the
        landmarks that the round started with.
    classes_ : ndarray of shape (n_classes,)
        Labels. Not available for a regressor.
    baselines_ : ndarray of shape (n_baselines, n_features)
        Baselines of the first round. None in a model that was saved without baselines.
    landmark_scores_ : ndarray of shape (n_landmarks,)
        Score of each landmark: the scores of each class, or output of a regression, divided by
        their sum, averaged over the classes or outputs. With `step`, a landmark's score is that of
        the last round it took part in. The scores of a round sum to 1, or to 0 if no landmark
        moves.
    landmark_scores_per_class_ : ndarray of shape (n_classes, n_landmarks)
        Effect of each landmark on the logit of each class. The attributions of a landmark are
        summed over frames and coordinates; the absolute values of the sums are averaged over the
        baselines and the (weighted) samples of the class. Rows are ordered as `classes_`; NaN for
        a class without samples. Not available for a regressor.
    landmark_scores_per_output_ : ndarray of shape (n_outputs, n_landmarks)
        Effect of each landmark on each output of a regression, averaged over all samples. Rows are
        ordered as the columns of `y`. Only available for a regressor.
    ranking_ : ndarray of int of shape (n_landmarks,)
        Rank of each landmark, 1 for the one that is selected first. Kept landmarks have the ranks
        up to `k`.
    n_landmarks_in_rounds_ : list of int
        Number of landmarks that each round started with.
    completeness_gap_ : float
        Largest relative completeness gap of all pairs of sample and baseline in all rounds.
    n_gradient_evaluations_ : int
        Number of gradients of the network that were computed for the integrals; one for each pair
        of sample and baseline in closed form.
    layout_ : LandmarkLayout
        Layout of the columns of `X`.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in :meth:`fit`, if all are strings.

    See Also
    --------
    sklearn_temo.attribution.landmark_relevance : The relevance of landmarks for any torch network.
    LandmarkRelevanceDisplay : Draws the scores on the face.
    sklearn.feature_selection.SelectFromModel : Selection by the weights of a model.

    Notes
    -----
    The selection depends on the labels: keep it inside the pipeline that is cross-validated.

    Inside :class:`sklearn.multiclass.OneVsRestClassifier` each class gets its own landmarks, and
    inside :class:`sklearn.multioutput.MultiOutputRegressor` each output.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML. arXiv 1703.01365.

    Examples
    --------
    >>> from sklearn_temo import IGLandmarkSelector, LandmarkAligner, mesh
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> X = LandmarkAligner().fit_transform(smiles.data)
    >>> selector = IGLandmarkSelector(k=32, random_state=0).fit(X, smiles.target)

    The 32 selected landmarks by region of the face:

    >>> from collections import Counter
    >>> regions = mesh.regions()[selector.get_landmark_support()]
    >>> for region, number in Counter(regions.tolist()).most_common(2):
    ...     print(region, number)
    lips 18
    nose 4
    """

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit"]), None],
        "k": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            StrOptions({"all"}),
        ],
        "n_baselines": [Interval(Integral, 1, None, closed="left")],
        "baselines": [StrOptions(set(KINDS)), "array-like"],
        "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "redundancy": [StrOptions({"avoid"}), None],
        "symmetric": [StrOptions({"auto"}), "boolean"],
        "step": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            "array-like",
            None,
        ],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_coords": [Interval(Integral, 1, None, closed="left"), None],
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
        n_frames=None,
        n_coords=None,
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

    @staticmethod
    def default_estimator():
        """Unfitted network that ``estimator=None`` stands for.

        It is fitted in closed form, with few principal components and a large penalty:
        low-variance components are noise and would give a score to landmarks that barely move.

        Returns
        -------
        TEMOClassifier

        Examples
        --------
        >>> from sklearn_temo import IGLandmarkSelector
        >>> IGLandmarkSelector.default_estimator()
        TEMOClassifier(n_components=32, randomized=True, weight_decay=1.0)
        """
        return TEMOClassifier(randomized=True, n_components=32, weight_decay=1.0)

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the network, attribute its outputs, and select landmarks.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            Labels, or numbers for a regressor, with one column for each output.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, in the fit of the network, which must accept them, in the
            baselines, the scores and the redundancy. An integer weight is equivalent to repeating
            the clip if the network treats it so (see :meth:`TEMOClassifier.fit`), and a weight of
            0 to leaving it out. None for equal weights.

        Returns
        -------
        self : IGLandmarkSelector
        """
        self._validate_params()
        X_original = X
        dtypes, finite = [np.float32, np.float64], "allow-nan"
        X, y = validate_data(self, X, y, dtype=dtypes, ensure_all_finite=finite, multi_output=True)
        y = self._check_targets(y)
        X = check_rows(X, check_range=True)
        layout = LandmarkLayout.infer(X_original, n_frames=self.n_frames, n_coords=self.n_coords)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            used = sample_weight > 0
            X, y, sample_weight = X[used], y[used], sample_weight[used]
        n_landmarks = layout.n_landmarks
        n_kept = count_kept(self.k, n_landmarks, layout.noun)
        n_remaining_in_rounds = round_sizes(self.step, n_landmarks, n_kept)
        baselines = self.baselines
        if not isinstance(baselines, str):
            baselines = check_array(baselines, dtype=np.float32, input_name="baselines")
            if baselines.shape[1] != X.shape[1]:
                raise ValueError(
                    f"baselines must have shape (n_baselines, {X.shape[1]}), with the columns of "
                    f"X; got {baselines.shape}."
                )
        integration = IntegrationSettings(self.n_steps, self.tol, self.batch_size)
        estimator = self._make_estimator(layout, sample_weight)
        seed, is_seeded = self._set_random_state(estimator)
        train_and_attribute = cached_rounds(self._joblib_memory(), estimator, is_seeded=is_seeded)
        progress = self._init_callback_context(max_subtasks=2 * len(n_remaining_in_rounds))
        progress.call_on_fit_task_begin(estimator=self, X=X, y=y)
        progress_target = ProgressTarget(self, progress, self.verbose)
        n_rounds = len(n_remaining_in_rounds)
        shown = Progress(type(self).__name__, n_rounds, "rounds", self.verbose)

        remaining = np.arange(n_landmarks)
        scores = np.zeros(n_landmarks)
        ranking = np.empty(n_landmarks, dtype=np.intp)
        relevances: list[LandmarkRelevance] = []
        for n_remaining in n_remaining_in_rounds:
            pairs = self._mirror_pairs(layout, n_remaining)
            mask = layout.feature_mask(np.isin(np.arange(n_landmarks), remaining))
            columns = slice(None) if mask.all() else mask
            settings = RoundSettings(
                layout=replace(layout, n_landmarks=len(remaining), names=None),
                baselines=baselines if isinstance(baselines, str) else baselines[:, columns],
                n_baselines=self.n_baselines,
                integration=integration,
                seed=seed,
            )
            # Contiguous, since the key of a cache entry depends on the memory order.
            clips = np.ascontiguousarray(X[:, columns])
            with shown:
                result = train_and_attribute(
                    clone(estimator), clips, y, sample_weight, settings, progress_target
                )
                shown.advance()
            relevance, gap = result.relevance, result.relevance.completeness_gap
            warn_of_gaps(relevance.n_unconverged, relevance.n_pairs, gap, integration)
            if not relevances:
                first_baselines = result.baselines
                per_class = np.zeros((len(relevance.per_class), n_landmarks))
            relevances.append(relevance)
            scores[remaining], per_class[:, remaining] = relevance.overall, relevance.per_class
            partners = None
            if pairs is not None:
                # A landmark whose partner was dropped is its own partner.
                is_remaining = np.isin(np.arange(n_landmarks), remaining)
                pairs = np.where(is_remaining & is_remaining[pairs], pairs, np.arange(n_landmarks))
                scores, per_class = ((v + v[..., pairs]) / 2 for v in (scores, per_class))
                partners = np.searchsorted(remaining, pairs[remaining])
            components = None if self.redundancy is None else result.components
            with one_thread():
                best_first = rank_landmarks(scores[remaining], n_remaining, partners, components)
            order = remaining[best_first]
            ranking[order] = np.arange(1, len(remaining) + 1)
            remaining = np.sort(order[:n_remaining])

        if not all((relevance.overall > 0).any() for relevance in relevances):
            warn_user(
                f"no landmark has a score above 0: {type(estimator).__name__} gives all {len(X)} "
                "clips the same output, as when no landmark moves. The selection of "
                f"{n_kept} of {n_landmarks} landmarks is arbitrary."
            )
        self.estimator_ = result.estimator
        self.baselines_ = first_baselines
        self.landmark_scores_ = scores
        # Those of an earlier fit with another kind of estimator must not remain.
        for name in ("classes_", "landmark_scores_per_class_", "landmark_scores_per_output_"):
            self.__dict__.pop(name, None)
        if result.classes is None:
            self.landmark_scores_per_output_ = per_class
        else:
            self.classes_, self.landmark_scores_per_class_ = result.classes, per_class
        self.ranking_ = ranking
        self.n_landmarks_in_rounds_ = [n_landmarks, *n_remaining_in_rounds[:-1]]
        self.completeness_gap_ = max(r.completeness_gap for r in relevances)
        self.n_gradient_evaluations_ = sum(r.n_gradient_evaluations for r in relevances)
        self.layout_ = layout
        self._landmark_support = ranking <= n_kept
        progress.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _mirror_pairs(self, layout, n_kept):
        pairs = known_mirror_pairs(layout)
        if self.symmetric == "auto":
            return pairs if n_kept >= _MIN_SYMMETRIC[layout.noun] else None
        if self.symmetric and pairs is None:
            raise ValueError(
                f"symmetric=True needs the mirror partner of each landmark, which is known for a "
                f"full mesh of 468 or 478 landmarks, and for blendshapes by their names, but X has "
                f"{layout}: pass symmetric=False."
            )
        return pairs if self.symmetric else None

    def _is_regression(self):
        return self.estimator is not None and is_regressor(self.estimator)

    def _check_targets(self, y):
        """Labels for a classifier, or numbers for a regressor."""
        estimator = self.default_estimator() if self.estimator is None else self.estimator
        name = type(estimator).__name__
        if not self._is_regression():
            if y.dtype.kind == "f" and (y % 1).any():
                found = y[y % 1 != 0][0]
                raise ValueError(
                    f"Unknown label type: continuous. y contains numbers such as {found}, but "
                    f"{name} is not a regressor: pass a regressor as estimator, such as "
                    "estimator=TEMORegressor(), or labels of classes as y."
                )
            return column_or_1d(y, warn=True)
        if y.dtype.kind == "O":
            with suppress(TypeError, ValueError):
                y = y.astype(np.float64)
        if y.dtype.kind not in "fiub":
            raise ValueError(
                f"y must contain numbers, since {name} is a regressor, but contains "
                f"{y.item(0)!r}: pass numbers as y, or a classifier as estimator."
            )
        if isinstance(self.baselines, str) and self.baselines == "per_class":
            raise ValueError(
                f'baselines="per_class" needs classes, but {name} is a regressor: pass '
                'baselines="typical" or another kind.'
            )
        # The key of a cache entry depends on the memory order.
        return np.ascontiguousarray(y)

    def _make_estimator(self, layout, sample_weight):
        """Unfitted network for clips of a layout."""
        estimator = self.default_estimator() if self.estimator is None else clone(self.estimator)
        if isinstance(estimator, Pipeline):
            raise TypeError(
                "estimator must be a network, got a Pipeline: move the preprocessing steps in "
                "front of the selector."
            )
        if sample_weight is not None and not has_fit_parameter(estimator, "sample_weight"):
            raise TypeError(
                f"sample_weight was passed, but {type(estimator).__name__}.fit does not accept "
                "it: pass another estimator, or no sample_weight."
            )
        shape = {"n_frames": layout.n_frames, "n_coords": layout.n_coords}
        own = estimator.get_params(deep=False)
        return estimator.set_params(**{name: n for name, n in shape.items() if name in own})

    def _set_random_state(self, estimator):
        """Set the random state of a network that has none.

        Returns the seed of a fit, and whether an entry of the cache may be used for it.
        """
        seed = check_random_state(self.random_state).randint(2**31)
        own = estimator.get_params(deep=False)
        if own.get("random_state", seed) is None:
            estimator.set_params(random_state=seed)
        draws_baselines = isinstance(self.baselines, str) and self.baselines == "random"
        if isinstance(own.get("random_state"), Integral) and not draws_baselines:
            # Nothing depends on the seed.
            return 0, True
        return seed, self.random_state is not None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = self._is_regression()
        tags.non_deterministic = self.random_state is None
        return tags
