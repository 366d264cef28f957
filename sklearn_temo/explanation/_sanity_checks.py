"""Sanity checks of explanations: networks with shuffled weights, and with permuted labels."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils import check_random_state

from .._threads import one_thread
from ..layout import LandmarkLayout
from ._explained_function import FittedChain

Attribute = Callable[[Any, NDArray[Any], NDArray[Any], Any], NDArray[Any]]

# Largest share of the variance of ranks that may be in common with a meaningless network, relative
# to what is in common with a network that was fitted again.
_MAX_COMMON_VARIANCE = 0.5
# With fewer landmarks, a rank correlation takes few values.
_MIN_LANDMARKS = 5
# With fewer, two samples of equal distribution are often apart by chance.
_MIN_REPEATS = 3


@dataclass(frozen=True, eq=False)
class SanityCheck:
    """Result of a sanity check of explanations. Printing it shows the verdict and its reason.

    Attributes
    ----------
    name : str
        "random weights" or "random labels".
    passed : bool
        Whether ``statistic < threshold``, and all `similarities` are below all `reference` values.
    statistic : float
        Mean of `similarities`.
    threshold : float
        ``sqrt(0.5)`` times the mean of `reference`.
    similarities : ndarray of shape (n_repeats,)
        Rank correlation of the absolute shares with those of each network that learned nothing.
    reference : ndarray of shape (n_repeats,)
        Rank correlation of the absolute shares with those of each network that was fitted again
        with another seed.
    message : str
        The numbers, and what they mean.

    See Also
    --------
    check_random_weights : Compares with networks whose weights are shuffled.
    check_random_labels : Compares with networks that were fitted to permuted labels.
    """

    name: str
    passed: bool
    statistic: float
    threshold: float
    similarities: NDArray[np.float64]
    reference: NDArray[np.float64]
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {'passed' if self.passed else 'failed'}. {self.message}"


def check_random_weights(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    attribute: Attribute | None = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> SanityCheck:
    r"""Check that shares change when the weights of the network are shuffled.

    An explanation that does not depend on the weights describes the clips, not the network. This is
    the model parameter randomization test of [1]_.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, search or predictor, as in :func:`explain_clips`, except a
        OneVsRestClassifier.
    X : list of clips, or array-like of shape (n_clips, n_features)
        Clips as the estimator takes them, for example the training clips.
    y : array-like of shape (n_clips,)
        Labels of the clips, or numbers for a regressor. The logit of the label is explained, and
        networks are fitted again to these clips.
    attribute : callable or None, default=None
        Explanation to check: ``attribute(module, rows, baselines, target)`` returns attributions of
        the shape of `rows`. `module` is a torch network from rows to logits, with one output for
        two classes, the logit of the second. `target` has the index of the class of each row; it is
        None for a regressor. None stands for :func:`sklearn_temo.attribution.integrated_gradients`,
        averaged over the baselines.
    n_repeats : int, default=5
        Number of networks with shuffled weights, and of networks that are fitted again; at least 3.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffled weights, and of the networks that are fitted again.

    Returns
    -------
    SanityCheck
        The verdict, and the similarities that it is based on.

    Raises
    ------
    TypeError
        If the estimator has no network and is not linear, or is a OneVsRestClassifier.
    ValueError
        If `y` has other labels than the estimator or several outputs, the estimator uses fewer than
        5 landmarks, or `n_repeats` is less than 3.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    check_random_labels : Compares with networks that were fitted to permuted labels.
    explain_clips : Computes shares.

    Notes
    -----
    The share of a landmark is the sum of its attributions over frames and coordinates. Two
    explanations of a clip are compared by Spearman's rank correlation of the absolute shares of the
    landmarks that the estimator uses; the similarity is the mean over the clips.

    The entries of each parameter of the network are shuffled, all at once, since the network of
    T-EMO has no more than two layers of parameters; they keep their distribution. The principal
    components stay, which are computed without labels. So even a network that has learned nothing
    gives larger absolute shares to landmarks that move more, and the expected similarity is above
    0: with the landmarks of faces 0.2 to 0.5. Therefore the similarity is compared with that of a
    network that is fitted again with another seed. The check is passed if two conditions hold:

    - Shuffled weights explain less than half as much of the variance of the ranks: the mean
      similarity is less than :math:`\sqrt{1/2}` times the mean reference.
    - Each network with shuffled weights is less similar than each network that is fitted again. If
      both were equally similar, as for random numbers in place of shares, this would happen with a
      probability of 1/252 for 5 repeats, by a permutation test.

    A passed check is necessary, not sufficient: it does not show that the shares are right.

    References
    ----------
    .. [1] Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M., Kim, B. (2018). Sanity
       checks for saliency maps. NeurIPS. arXiv 1810.03292.

    Examples
    --------
    >>> from sklearn_temo import make_temo_pipeline
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> from sklearn_temo.explanation import check_random_weights
    >>> clips = make_expression_clips(n_clips=70, n_frames=4, random_state=0)
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(clips.data, clips.target)
    >>> check = check_random_weights(pipe, clips.data, clips.target, random_state=0)
    >>> check.passed
    True
    >>> print(check)
    random weights: passed. ...
    """

    def without_learning(setting: _Setting, rng: np.random.RandomState) -> Any:
        return _with_shuffled_weights(setting.chain.function(), rng)

    return _check(
        "random weights",
        "with shuffled weights",
        without_learning,
        _Setting.of(estimator, X, y, attribute),
        n_repeats,
        random_state,
    )


def check_random_labels(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    attribute: Attribute | None = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> SanityCheck:
    r"""Check that shares change when the network is fitted to permuted labels.

    An explanation that is the same for a network that learned wrong labels shows the structure of
    the clips, not their relation to the labels. This is the data randomization test of [1]_.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, search or predictor, as in :func:`explain_clips`, except a
        OneVsRestClassifier.
    X : list of clips, or array-like of shape (n_clips, n_features)
        Clips as the estimator takes them, for example the training clips.
    y : array-like of shape (n_clips,)
        Labels of the clips, or numbers for a regressor. The logit of the label is explained.
        Networks are fitted again to these clips, with these labels and with permuted ones.
    attribute : callable or None, default=None
        Explanation to check, as in :func:`check_random_weights`.
    n_repeats : int, default=5
        Number of permutations, and of networks that are fitted again to the true labels; at least
        3.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations, and of the networks.

    Returns
    -------
    SanityCheck
        The verdict, and the similarities that it is based on.

    Raises
    ------
    TypeError
        If the estimator has no network and is not linear, or is a OneVsRestClassifier.
    ValueError
        If `y` has other labels than the estimator or several outputs, the estimator uses fewer than
        5 landmarks, or `n_repeats` is less than 3.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    check_random_weights : Compares with networks whose weights are shuffled.
    sklearn.model_selection.permutation_test_score : Does the same for a score.

    Notes
    -----
    Similarity and threshold are those of :func:`check_random_weights`. The last step of the
    estimator is fitted again; the steps in front of it, such as the selection of landmarks, are
    kept. The check does not show that the labels can be learned: see
    :func:`sklearn.model_selection.permutation_test_score`.

    References
    ----------
    .. [1] Adebayo, J., Gilmer, J., Muelly, M., Goodfellow, I., Hardt, M., Kim, B. (2018). Sanity
       checks for saliency maps. NeurIPS. arXiv 1810.03292.

    Examples
    --------
    >>> from sklearn_temo import make_temo_pipeline
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> from sklearn_temo.explanation import check_random_labels
    >>> clips = make_expression_clips(n_clips=70, n_frames=4, random_state=0)
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(clips.data, clips.target)
    >>> check_random_labels(pipe, clips.data, clips.target, n_repeats=3, random_state=0).passed
    True
    """

    def without_learning(setting: _Setting, rng: np.random.RandomState) -> Any:
        return setting.fit_again(rng.permutation(setting.y), rng)

    return _check(
        "random labels",
        "fitted to permuted labels",
        without_learning,
        _Setting.of(estimator, X, y, attribute),
        n_repeats,
        random_state,
    )


@dataclass(frozen=True)
class _Setting:
    """Clips of a fitted estimator, and how they are explained.

    `rows` are the clips in front of the steps that are explained, `final_rows` those in front of
    the predictor. `used` is a mask of the landmarks that it uses.
    """

    chain: FittedChain
    rows: NDArray[Any]
    final_rows: NDArray[Any]
    y: NDArray[Any]
    target: NDArray[np.intp] | None
    baselines: NDArray[Any]
    layout: LandmarkLayout
    used: NDArray[np.bool_]
    attribute: Attribute

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, attribute: Attribute | None) -> _Setting:
        chain = FittedChain.of(estimator)
        if isinstance(chain.final, OneVsRestClassifier):
            raise TypeError(
                "the networks of a OneVsRestClassifier are checked one by one: pass one of its "
                "estimators_, and as y whether each clip has the label of that estimator."
            )
        prepared = chain.prepare(X)
        layout = chain.layout(prepared)
        rows, y = np.asarray(prepared), np.asarray(y)
        if y.shape != (len(rows),):
            raise ValueError(
                f"y must have one label, or one number, for each of the {len(rows)} clips of X; "
                f"got shape {y.shape}. Check the outputs of a regressor one by one."
            )
        target = None if chain.classes is None else chain.class_indices(y, "y")
        used = layout.unflatten(chain.uses(layout.n_features)[None]).any(axis=(0, 1, 3))
        if used.sum() < _MIN_LANDMARKS:
            raise ValueError(
                f"the estimator uses {used.sum()} landmarks, but their ranks can be compared from "
                f"{_MIN_LANDMARKS} landmarks up: pass an estimator that keeps more."
            )
        return cls(
            chain,
            rows,
            chain.reduce(prepared),
            y,
            target,
            np.asarray(chain.baselines()),
            layout,
            used,
            _integrated_gradients if attribute is None else attribute,
        )

    def shares(self, module: Any) -> NDArray[np.float64]:
        """Absolute shares of the landmarks that are used, of shape (n_clips, n_used)."""
        found = np.asarray(self.attribute(module, self.rows, self.baselines, self.target))
        if found.shape != self.rows.shape:
            raise ValueError(
                f"attribute must return attributions of shape {self.rows.shape}, that of the rows "
                f"that it gets, but returned shape {found.shape}."
            )
        return np.abs(self.layout.unflatten(found).sum(axis=(1, 3)))[:, self.used]

    def fit_again(self, y: NDArray[Any], rng: np.random.RandomState) -> Any:
        """The explained function, with a new predictor fitted to `y`."""
        import torch

        seed = rng.randint(2**31)
        final = clone(self.chain.final)
        if "random_state" in final.get_params(deep=False):
            final.set_params(random_state=seed)
        # skorch nets use the global generator.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            final.fit(self.final_rows, y)
        return replace(self.chain, final=final).function()


@one_thread()
def _check(
    name: str,
    kind: str,
    without_learning: Callable[[_Setting, np.random.RandomState], Any],
    setting: _Setting,
    n_repeats: int,
    random_state: int | np.random.RandomState | None,
) -> SanityCheck:
    if n_repeats < _MIN_REPEATS:
        raise ValueError(f"n_repeats must be at least {_MIN_REPEATS}, got {n_repeats}.")
    rng = check_random_state(random_state)
    shares = setting.shares(setting.chain.function())

    def similarities(make: Callable[[], Any]) -> NDArray[np.float64]:
        return np.array(
            [mean_rank_correlation(shares, setting.shares(make())) for _ in range(n_repeats)]
        )

    found = similarities(lambda: without_learning(setting, rng))
    reference = similarities(lambda: setting.fit_again(setting.y, rng))
    statistic, threshold = found.mean(), np.sqrt(_MAX_COMMON_VARIANCE) * reference.mean()
    message = (
        f"The rank correlation of the absolute shares with those of networks {kind} is "
        f"{statistic:.2f} (at most {found.max():.2f}). Expected less than {threshold:.2f}, that is "
        f"sqrt(1/2) times the {reference.mean():.2f} (at least {reference.min():.2f}) for networks "
        "fitted with other seeds, and no overlap."
    )
    passed = bool(statistic < threshold and found.max() < reference.min())
    if not passed:
        message += (
            " The shares depend more on the clips than on what the network has learned, or on the "
            "seed of the network: do not interpret them."
        )
    return SanityCheck(name, passed, float(statistic), float(threshold), found, reference, message)


def mean_rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's correlation of each row of `a` with the same row of `b`, averaged.

    It is 0 for a row whose entries are all equal: its ranks say nothing about another row.
    """
    ranks = [rankdata(values, axis=1) for values in (a, b)]
    first, second = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return float(((first * second).sum(axis=1) / np.where(size > 0, size, 1)).mean())


def _integrated_gradients(
    module: Any, rows: NDArray[Any], baselines: NDArray[Any], target: Any
) -> NDArray[Any]:
    from ..attribution import integrated_gradients

    return integrated_gradients(module, rows, baselines, target, average=True)[0]


def _with_shuffled_weights(module: Any, rng: np.random.RandomState) -> Any:
    """A copy of a network in which the entries of each parameter are shuffled."""
    import torch

    module = deepcopy(module)
    with torch.no_grad():
        for parameter in module.parameters():
            shuffled = rng.permutation(parameter.numel())
            parameter.copy_(parameter.flatten()[shuffled].view_as(parameter))
    return module
