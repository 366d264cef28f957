"""Landmark selection with control of the number of false landmarks."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_regressor
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import validate_data

from .._doc_links import DocLinkMixin
from .._progress import Progress
from .._validation import check_rows
from .._warnings import warn_user
from ..layout import LandmarkLayout
from ._ig import IGLandmarkSelector
from ._landmark_support import LandmarkSelectorMixin


class StabilityLandmarkSelector(
    MetaEstimatorMixin, LandmarkSelectorMixin, DocLinkMixin, BaseEstimator
):
    r"""Select landmarks that are chosen on most halves of the clips.

    This is stability selection with complementary pairs [1]_ [2]_. The clips are split at random
    into two halves, `n_pairs` times. On each half, a landmark selector is fitted to the labels and
    to permuted labels, and the landmarks are chosen whose score with the labels is largest in
    relation to their mean score with permuted labels. Landmarks that are chosen on at least the
    share `threshold` of all halves are kept. `max_false` bounds the expected number of false
    landmarks among them, and determines how many landmarks a half may choose.

    Parameters
    ----------
    estimator : IGLandmarkSelector or None, default=None
        Landmark selector, cloned and fitted ``4 * n_pairs`` times. None for an
        :class:`IGLandmarkSelector` with its defaults. Its parameters `k`, `redundancy` and `step`
        have no effect, and its random states are replaced by a seed for each half.
    max_false : float, default=5.0
        Bound on the expected number of false landmarks that are kept. With a smaller one, each half
        chooses fewer landmarks, and fewer are kept.
    threshold : float, default=0.75
        Share of the halves, above 0.5, on which a landmark must be chosen.
    n_pairs : int, default=25
        Number of random splits into two halves. The bound holds for any number; with more, the
        result depends less on chance.
    n_jobs : int or None, default=None
        Number of processes that fit selectors, see :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Determines the halves, the permutations and the random states of `estimator`. Pass an int
        for reproducible results.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Attributes
    ----------
    selection_frequencies_ : ndarray of shape (n_landmarks,)
        Share of the halves on which each landmark is chosen.
    n_per_half_ : int
        Largest number of landmarks that a half may choose.
    false_bound_ : float
        Estimated bound on the expected number of false landmarks that are kept, at most
        `max_false`.
    landmark_scores_ : ndarray of shape (n_landmarks,)
        Score of each landmark with the labels, averaged over the halves.
    layout_ : LandmarkLayout
        Layout of the columns of `X`.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns seen in :meth:`fit`, if all are strings.

    See Also
    --------
    IGLandmarkSelector : Keeps a given number of landmarks, and avoids redundant ones.
    selection_stability : Measures how stable a selection is.

    Notes
    -----
    A landmark counts as false if a half chooses it no more often than with permuted labels. If
    :math:`p_j` is the probability that half of the clips, with permuted labels, chooses landmark
    :math:`j`, and :math:`\tau` is `threshold`, the expected number of false landmarks that are
    kept is at most

    .. math::

        \frac{1}{2 \tau - 1} \sum_j p_j^2 .

    This follows from [2]_: a landmark that is chosen on a share of at least :math:`\tau` of the
    halves is chosen on both halves of at least a share :math:`2 \tau - 1` of the pairs, and the
    two halves of a pair are independent, except that they share the mean of the scores with
    permuted labels. The sum is estimated by the mean number of landmarks that two halves with
    permuted labels have in common. A half may choose the largest number :math:`q` of landmarks for
    which the bound is at most `max_false`.

    If all landmarks were equally likely to be chosen (*exchangeable*), the bound would be
    :math:`q^2 / ((2 \tau - 1) p)` for :math:`p` landmarks, the usual form. Landmarks are not
    exchangeable: those that move much, such as those of the mouth, have high scores also with
    permuted labels. So scores are divided by those for permuted labels, and the bound is computed
    from the choices with permuted labels instead of assuming that they are uniform.

    Two assumptions remain. Clips are independent, or groups of clips are: pass the subjects as
    `groups`. And a landmark that does not move with the labels is chosen no more often than with
    permuted labels. The second cannot be verified on real faces, where alignment, tracking and
    skin pass movements on to other landmarks, which then count as true.

    Neighbouring landmarks are highly correlated and have similar scores: all or none of a region
    may be kept. A redundancy penalty would choose one of them, another one on each half, so that
    none reaches the threshold. At most ``n_per_half_ / threshold`` landmarks are kept; those that
    are not kept may still be relevant.

    References
    ----------
    .. [1] Meinshausen, N., Buehlmann, P. (2010). Stability selection. Journal of the Royal
       Statistical Society B 72(4), 417-473.

    .. [2] Shah, R. D., Samworth, R. J. (2013). Variable selection with error control: another look
       at stability selection. Journal of the Royal Statistical Society B 75(1), 55-80.

    Examples
    --------
    >>> from sklearn_temo import LandmarkAligner, StabilityLandmarkSelector
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(
    ...     n_clips=60,
    ...     n_frames=4,
    ...     emotions=["happiness", "surprise"],
    ...     n_subjects=10,
    ...     random_state=0,
    ... )
    >>> X = LandmarkAligner().fit_transform(clips.data)
    >>> selector = StabilityLandmarkSelector(n_pairs=5, random_state=0)
    >>> selector = selector.fit(X, clips.target, groups=clips.groups)
    >>> bool(selector.false_bound_ <= selector.max_false)
    True

    All selected landmarks are among those that move in these synthetic clips:

    >>> kept = selector.get_landmark_support()
    >>> moving = clips.moving.any(axis=0)
    >>> print(f"{(kept & moving).sum()} of {kept.sum()}")
    24 of 24
    """

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit", "get_landmark_support"]), None],
        "max_false": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0.5, 1, closed="right")],
        "n_pairs": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        max_false=5.0,
        threshold=0.75,
        n_pairs=25,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.max_false = max_false
        self.threshold = threshold
        self.n_pairs = n_pairs
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, groups=None):
        """Select landmarks on random halves of the clips.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames * n_landmarks * n_coords)
            Clips.
        y : array-like of shape (n_clips,)
            Labels, or numbers for a regression.
        groups : array-like of shape (n_clips,), default=None
            Subjects. The clips of a subject are in the same half. None splits clips at random. The
            labels must vary within subjects, as emotions do.

        Returns
        -------
        self : StabilityLandmarkSelector

        Raises
        ------
        ValueError
            If `max_false` is too small for a half to choose a single landmark, or each subject has
            several clips with the same label.

        Warns
        -----
        UserWarning
            If no landmark reaches the threshold.
        """
        self._validate_params()
        X_original = X
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
        )
        X = check_rows(X, check_range=True)
        check_consistent_length(X, groups)
        _check_groups(y, groups)
        selector = IGLandmarkSelector() if self.estimator is None else clone(self.estimator)
        layout = LandmarkLayout.infer(
            X_original, n_frames=selector.n_frames, n_coords=selector.n_coords
        )
        # With k=1, symmetric="auto" is False: a landmark gets no score from its mirror partner.
        selector.set_params(
            k=1, redundancy=None, step=None, n_frames=layout.n_frames, n_coords=layout.n_coords
        )
        random = check_random_state(self.random_state)
        network = selector.get_params().get("estimator")
        is_regression = network is not None and is_regressor(network)
        # Numbers of a regression may look like labels.
        is_stratified = not is_regression and type_of_target(y) in ("binary", "multiclass")
        splitter = _splitter(groups, random, is_stratified)
        halves = [half for _ in range(self.n_pairs) for _, half in splitter.split(y, y, groups)]
        seeds = random.randint(2**31, size=len(halves))
        found = []
        with Progress(type(self).__name__, len(halves), "halves", self.verbose) as progress:
            for of_half in Parallel(n_jobs=self.n_jobs, return_as="generator")(
                delayed(_fit_half)(selector, X[half], y[half], int(seed))
                for half, seed in zip(halves, seeds, strict=True)
            ):
                found.append(of_half)
                progress.advance()
        scores = np.array(found)
        ranks, permuted_ranks = _rank_by_ratio(scores)
        n_per_half, false_bound = self._limit_choices(permuted_ranks)
        frequencies = (ranks < n_per_half).mean(axis=0)
        support = frequencies >= self.threshold
        if not support.any():
            best = int(frequencies.argmax())
            warn_user(
                f"no landmark was chosen on {self.threshold:.0%} of the {len(halves)} halves; "
                f"landmark {best} was chosen most often, on {frequencies[best]:.0%}. Pass more "
                f"clips, a larger max_false (it is {self.max_false}) or a lower threshold. If that "
                "does not help, the labels may not depend on the landmarks."
            )
        self.selection_frequencies_ = frequencies
        self.n_per_half_ = n_per_half
        self.false_bound_ = false_bound
        self.landmark_scores_ = scores[:, 0].mean(axis=0)
        self.layout_ = layout
        self._landmark_support = support
        return self

    def _limit_choices(self, permuted_ranks):
        """Largest number of landmarks that a half may choose, and the bound for this number."""
        n_halves, n_landmarks = permuted_ranks.shape
        bounds = []
        for n_per_half in range(1, n_landmarks + 1):
            n_chosen = (permuted_ranks < n_per_half).sum(axis=0)
            # Mean number of landmarks that two different halves have in common.
            n_common = (n_chosen * (n_chosen - 1)).sum() / (n_halves * (n_halves - 1))
            bounds.append(float(n_common / (2 * self.threshold - 1)))
        n_per_half = int(np.searchsorted(bounds, self.max_false, side="right"))
        if not n_per_half:
            raise ValueError(
                f"max_false={self.max_false} is too small: with one landmark per half, the bound "
                f"is {bounds[0]:.3g}. Pass a larger max_false or threshold."
            )
        return n_per_half, bounds[n_per_half - 1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags


def _check_groups(y: NDArray[Any], groups: Any) -> None:
    """Raise ValueError if labels belong to groups: the clips of a group are then not permutable."""
    if groups is None:
        return
    _, group = np.unique(groups, return_inverse=True)
    _, label = np.unique(y, return_inverse=True)
    n_groups = group.max() + 1
    if n_groups == len(np.unique(np.column_stack([group, label]), axis=0)) < len(group):
        raise ValueError(
            f"all clips of each of the {n_groups} groups have the same label, so that permuted "
            "labels, which vary within a group, are no reference. Pass a single clip, or the mean "
            "of the clips, of each group."
        )


def _splitter(groups: Any, random: np.random.RandomState, is_stratified: bool) -> Any:
    """Splitter of clips into two random halves, which have no group in common."""
    splitter = GroupKFold if groups is not None else StratifiedKFold if is_stratified else KFold
    return splitter(2, shuffle=True, random_state=random)


def _fit_half(
    selector: Any, X: NDArray[np.float32], y: NDArray[Any], seed: int
) -> list[NDArray[np.float64]]:
    """Scores of landmarks for the labels and for permuted labels."""
    # With the same initial weights on all halves, the same landmarks would be chosen by chance.
    names = [name for name in selector.get_params() if f"__{name}".endswith("__random_state")]
    permuted = np.random.RandomState(seed).permutation(y)
    return [
        clone(selector).set_params(**dict.fromkeys(names, seed)).fit(X, labels).landmark_scores_
        for labels in (y, permuted)
    ]


def _rank_by_ratio(scores: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rank landmarks by their score in relation to that of permuted labels, 0 for the largest.

    `scores` has shape (n_halves, 2, n_landmarks), with the scores for the labels and for permuted
    labels. Returns the ranks for both, of shape (n_halves, n_landmarks). The rank of a landmark
    whose score is not above that of permuted labels is infinite.
    """
    permuted = scores[:, 1]
    # The other halves, so that both scores of a half are compared with independent ones.
    others = (permuted.sum(axis=0) - permuted) / (len(permuted) - 1)
    others = others[:, None]
    ratio = np.divide(scores, others, out=np.zeros_like(scores), where=others > 0)
    ranks = np.argsort(np.argsort(-ratio, kind="stable")).astype(float)
    ranks[ratio <= 1] = np.inf
    return ranks[:, 0], ranks[:, 1]
