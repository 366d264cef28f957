"""Sanity checks of explanations: networks with shuffled weights, and with permuted labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from .._progress import Progress
from .._threads import one_thread
from ._compared_networks import Attribute, Setting, mean_rank_correlation, with_shuffled_weights

# Largest share of the variance of ranks that may be in common with a meaningless network, relative
# to what is in common with a network that was fitted again.
_MAX_COMMON_VARIANCE = 0.5
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

    Examples
    --------
    >>> from sklearn_temo import make_temo_pipeline
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> from sklearn_temo.explanation import check_random_weights
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> check = check_random_weights(pipe, smiles.data, smiles.target, n_repeats=3, random_state=0)
    >>> print(check)
    random weights: passed. The rank correlation ... with shuffled weights is 0.2...
    >>> bool(check.similarities.max() < check.reference.min())
    True
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
    verbose: int = 0,
) -> SanityCheck:
    r"""Check that shares change when the weights of the network are shuffled.

    An explanation that does not depend on the weights describes the clips, not the network. This is
    the model parameter randomization test of [1]_.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, search or predictor, as in :func:`~sklearn_temo.explain_clips`, except a
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
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    SanityCheck
        The verdict, and the similarities that it is based on.

    Raises
    ------
    TypeError
        If the estimator has no network and is not linear, or is a OneVsRestClassifier.
    ValueError
        If `y` has other labels than the estimator, lacks some of them or has several outputs, the
        estimator uses fewer than 5 landmarks, `n_repeats` is less than 3, or `attribute` returns
        another shape or NaN.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    check_random_labels : Compares with networks that were fitted to permuted labels.
    sklearn_temo.explain_clips : Computes shares.

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

    def without_learning(setting: Setting, rng: np.random.RandomState) -> Any:
        return with_shuffled_weights(setting.chain.function(setting.rows), rng)

    return _check(
        "random weights",
        "with shuffled weights",
        without_learning,
        Setting.of(estimator, X, y, attribute),
        n_repeats,
        random_state,
        verbose,
    )


def check_random_labels(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    attribute: Attribute | None = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> SanityCheck:
    r"""Check that shares change when the network is fitted to permuted labels.

    An explanation that is the same for a network that learned wrong labels shows the structure of
    the clips, not their relation to the labels. This is the data randomization test of [1]_.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, search or predictor, as in :func:`~sklearn_temo.explain_clips`, except a
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
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    SanityCheck
        The verdict, and the similarities that it is based on.

    Raises
    ------
    TypeError
        If the estimator has no network and is not linear, or is a OneVsRestClassifier.
    ValueError
        If `y` has other labels than the estimator, lacks some of them or has several outputs, the
        estimator uses fewer than 5 landmarks, `n_repeats` is less than 3, or `attribute` returns
        another shape or NaN.
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

    def without_learning(setting: Setting, rng: np.random.RandomState) -> Any:
        return setting.fit_again(rng.permutation(setting.y), rng)

    return _check(
        "random labels",
        "fitted to permuted labels",
        without_learning,
        Setting.of(estimator, X, y, attribute),
        n_repeats,
        random_state,
        verbose,
    )


@one_thread()
def _check(
    name: str,
    kind: str,
    without_learning: Callable[[Setting, np.random.RandomState], Any],
    setting: Setting,
    n_repeats: int,
    random_state: int | np.random.RandomState | None,
    verbose: int,
) -> SanityCheck:
    if n_repeats < _MIN_REPEATS:
        raise ValueError(f"n_repeats must be at least {_MIN_REPEATS}, got {n_repeats}.")
    rng = check_random_state(random_state)
    shares = setting.shares(setting.chain.function(setting.rows))

    progress = Progress(name, 2 * n_repeats, "networks", verbose)

    def similarities(make: Callable[[], Any]) -> NDArray[np.float64]:
        found = []
        for _ in range(n_repeats):
            found.append(mean_rank_correlation(shares, setting.shares(make())))
            progress.advance()
        return np.array(found)

    with progress:
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
