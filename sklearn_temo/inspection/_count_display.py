"""Display of the score of a search against the number of landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from .._column_names import noun_of
from .._search_results import fewest_landmarks, read_search, standard_errors
from .._warnings import warn_user
from ._candidate_names import best_of_each, name_candidates
from ._fitted_selectors import find_relevance, landmark_names
from ._method_styles import method_name, method_styles

_GUIDE: dict[str, Any] = {"color": "0.5", "linewidth": 1.2, "linestyle": "--", "zorder": 1}
# As parts of the logarithmic axis: between the lines at one k, and between labels of ticks.
_SHIFT = 0.009
_LABEL_DISTANCE = 0.08


class LandmarkCountDisplay:
    """Score of a search against the number of landmarks.

    The mean score over the folds is drawn for each number of landmarks, with one line for each
    classifier or other parameter that the search varied. Error bars are standard errors over the
    folds. The candidate with the fewest landmarks within one standard error of the best score is
    marked, and a dotted line shows the best score with all landmarks. Create a display with
    :meth:`from_cv_results`; all parameters are stored as attributes.

    Parameters
    ----------
    k : array-like of shape (n_candidates,)
        Numbers of landmarks, or shares of all landmarks, of the candidates. ``"all"`` is the last
        on the axis.
    scores : array-like of shape (n_candidates, n_folds)
        Score of each candidate in each fold; larger is better. Candidates with NaN are not drawn.
    names : array-like of str of shape (n_candidates,), default=None
        Line that each candidate belongs to. None for a single line.
    score_name : str, default="score"
        Name of the score.
    unit : str, default="landmarks"
        What is counted, such as "blendshapes".
    n_landmarks : int, default=None
        Number of all landmarks, which tells which candidates keep all. None if it is not known:
        those with ``"all"`` or a share of 1.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    errorbars_ : list of matplotlib ErrorbarContainer
        Points, error bars and line of each name.
    smallest_ : int or None
        Index of the marked candidate.

    See Also
    --------
    smallest_k : Chooses the marked candidate in a search.
    SelectionStabilityDisplay : Shows how much the selection depends on the clips.

    Notes
    -----
    The standard error is the standard deviation of the scores (with ``ddof=1``) divided by the root
    of the number of folds. Folds share training data, so it is a rough estimate; with repeated
    cross-validation it is too small. Candidates are compared on the same folds: overlapping error
    bars do not mean that two candidates are equal.

    The marked candidate follows the one-standard-error rule, see :func:`~sklearn_temo.smallest_k`.
    The dashed line is the best mean score minus its standard error.

    A method has the same colour and marker in all pictures: T-EMO, trained, is a blue line with
    circles, T-EMO, randomized, an orange one with diamonds, a linear SVM a green one with squares,
    and an RBF SVM a pink one with triangles. The colours are those of Okabe and Ito [1]_, which are
    different for people with any type of colour vision.

    References
    ----------
    .. [1] Okabe, M., Ito, K. (2008). Color universal design.
       https://jfly.uni-koeln.de/color/

    Examples
    --------
    >>> from sklearn_temo import LandmarkCountDisplay
    >>> display = LandmarkCountDisplay(
    ...     k=[16, 64, "all"], scores=[[0.6, 0.7], [0.8, 0.9], [0.81, 0.9]]
    ... ).plot(chance_level=0.5)
    >>> display.k[display.smallest_]
    64
    """

    def __init__(
        self,
        k,
        scores,
        *,
        names=None,
        score_name="score",
        unit="landmarks",
        n_landmarks=None,
    ):
        self.k = k
        self.scores = scores
        self.names = names
        self.score_name = score_name
        self.unit = unit
        self.n_landmarks = n_landmarks

    @classmethod
    def from_cv_results(
        cls, cv_results, *, scoring=None, param=None, by=None, score_name=None, **kwargs
    ):
        """Draw the scores of a search over the number of landmarks.

        Parameters
        ----------
        cv_results : dict or search
            The attribute ``cv_results_`` of a search over `k`, in one grid or in a list of grids;
            or the fitted search.
        scoring : str, default=None
            Name of the metric, where the search has several. None for the only one.
        param : str, default=None
            Name of the parameter with the number of landmarks, such as ``"select__k"``. None finds
            it: the parameter of each candidate that is named `k` or ends with ``__k``.
        by : str or list of str, default=None
            Names of the parameters that distinguish the lines, such as ``"classify"``. Of the
            candidates that differ only in other parameters, the one with the best mean score is
            drawn. None draws all candidates.
        score_name : str, default=None
            Name of the score. None uses the name of the metric. ``cv_results_`` calls the only
            metric of a search "score"; a fitted search knows its name.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        LandmarkCountDisplay

        Raises
        ------
        ValueError
            If the metric is ambiguous or unknown, a candidate has no `k` or several, all candidates
            failed, some candidates have a number of landmarks and others a share, or no candidate
            has a parameter `by`.
        NotFittedError
            If the search is not fitted.

        Warns
        -----
        UserWarning
            If candidates failed, with their names; if there is a single fold.

        Notes
        -----
        The score of the best of many candidates is optimistic, the more so the more there are.

        Examples
        --------
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sklearn.svm import SVC
        >>> from sklearn_temo import LandmarkCountDisplay, make_temo_pipeline
        >>> from sklearn_temo.datasets import make_expression_clips
        >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
        >>> pipe = make_temo_pipeline(landmarks="passthrough", random_state=0)
        >>> grid = {"classify": [SVC(), SVC(kernel="linear")], "select__k": [64]}
        >>> search = GridSearchCV(pipe, grid, cv=2, refit=False).fit(clips.data, clips.target)
        >>> display = LandmarkCountDisplay.from_cv_results(search)
        >>> display.names
        ['RBF SVM', 'linear SVM']
        """
        unit, n_landmarks, only_name = "landmarks", None, ""
        if hasattr(cv_results, "fit"):
            check_is_fitted(cv_results, "cv_results_")
            relevance = find_relevance(cv_results)
            n_landmarks = relevance[0].support.shape[-1] if relevance else None
            only_name = method_name(getattr(cv_results, "best_estimator_", None))
            unit = f"{noun_of(landmark_names([cv_results]))}s"
            if score_name is None and isinstance(cv_results.scoring, str):
                score_name = _words(cv_results.scoring)
            cv_results = cv_results.cv_results_
        results = read_search(cv_results, scoring, param)
        others = results.other_params
        if "n_resources" in cv_results:  # each round of a successive halving is a line
            for params, n_resources in zip(others, cv_results["n_resources"], strict=True):
                params["n_resources"] = int(n_resources)
        names = name_candidates(others, by)
        if not any(names):
            names = [only_name] * len(names)
        _warn_of_failures(results.params, results.scores)
        points = range(len(names)) if by is None else best_of_each(names, results.k, results.scores)
        return cls(
            [results.k[i] for i in points],
            results.scores[points],
            names=[names[i] for i in points],
            score_name=score_name or _words(results.metric),
            unit=unit,
            n_landmarks=n_landmarks,
        ).plot(**kwargs)

    def plot(self, ax=None, *, chance_level=None, mark_smallest=True, errorbar_kw=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        chance_level : float, default=None
            Score of a classifier that guesses, drawn as a dotted line: one divided by the number of
            classes, for the balanced accuracy.
        mark_smallest : bool, default=True
            Whether to mark the candidate with the fewest landmarks within one standard error of the
            best score.
        errorbar_kw : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        self : LandmarkCountDisplay

        Raises
        ------
        ValueError
            If lengths do not match, all scores are NaN, or `k` has numbers and shares.
        """
        import matplotlib.pyplot as plt

        k = list(self.k)
        names = [""] * len(k) if self.names is None else list(self.names)
        scores = check_array(self.scores, ensure_all_finite=False, dtype=float, input_name="scores")
        check_consistent_length(k, scores, names)
        places, ticks = _places(k, self.n_landmarks)
        mean, errors = _mean_and_errors(scores)

        own_figure = ax is None
        if own_figure:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_xscale("log")
        width = np.log(max(ticks) / min(ticks)) or 1.0
        lines = list(dict.fromkeys(names))
        shown = places.copy()
        self.errorbars_ = []
        for i, (name, method) in enumerate(zip(lines, method_styles(lines), strict=True)):
            of_line = np.array([each == name for each in names])
            # Lines are shifted, since error bars at the same place would hide each other.
            shown[of_line] *= np.exp(width * _SHIFT * (i - (len(lines) - 1) / 2))
            order = np.flatnonzero(of_line)[np.argsort(places[of_line], kind="stable")]
            style = method.curve | {"capsize": 2, "markersize": 5, "linewidth": 1.2}
            style |= {"elinewidth": 1, "label": name}
            self.errorbars_.append(
                ax.errorbar(
                    shown[order], mean[order], yerr=errors[order], **style | (errorbar_kw or {})
                )
            )
        guides = []
        self.smallest_ = fewest_landmarks(k, scores) if mark_smallest else None
        if self.smallest_ is not None:
            best = np.nanargmax(mean)
            threshold = mean[best] - np.nan_to_num(errors[best])
            guides.append(ax.axhline(threshold, label="best − 1 standard error", **_GUIDE))
            guides += ax.plot(
                shown[self.smallest_],
                mean[self.smallest_],
                "o",
                markersize=12,
                markerfacecolor="none",
                markeredgecolor=ax.xaxis.label.get_color(),
                label=f"fewest within 1 standard error: {k[self.smallest_]}",
            )
        keeps_all = self._keeps_all(k)
        if not keeps_all.all() and np.isfinite(mean[keeps_all]).any():
            number = "" if self.n_landmarks is None else f" {self.n_landmarks}"
            label = f"all{number} {self.unit}: best score"
            style = _GUIDE | {"linewidth": 1, "linestyle": ":"}
            guides.append(ax.axhline(np.nanmax(mean[keeps_all]), label=label, **style))
        if chance_level is not None:
            guides.append(ax.axhline(chance_level, label="chance", **_GUIDE | {"linestyle": "-."}))
        handles = [*(self.errorbars_ if any(names) else []), *guides]
        if own_figure:
            style = {"loc": "outside lower center", "ncols": 2, "frameon": False}
        else:
            style = {"fontsize": "small"}
        if handles:
            legend = (self.figure_ if own_figure else ax).legend(handles=handles, **style)
            for text in legend.get_texts():
                text.set_parse_math(False)
        _label_ticks(ax, ticks)
        ax.set_xlabel(f"{self.unit} kept (k)")
        n_folds = scores.shape[1]
        statistic = f"mean ± standard error over {n_folds} folds" if n_folds > 1 else "one fold"
        ax.set_ylabel(f"{self.score_name}\n{statistic}")
        ax.spines[["top", "right"]].set_visible(False)
        return self

    def _keeps_all(self, k):
        """Whether each candidate keeps all landmarks."""
        return np.array(
            [
                each == "all"
                if isinstance(each, str)
                else each == (self.n_landmarks if isinstance(each, Integral) else 1.0)
                for each in k
            ]
        )


def _warn_of_failures(params: Sequence[Any], scores: NDArray[np.float64]) -> None:
    failed = np.flatnonzero(~np.isfinite(scores.mean(axis=1))).tolist()
    if 0 < len(failed) < len(params):
        first = ", ".join(f"{i} ({dict(params[i])})" for i in failed[:3])
        warn_user(
            f"{len(failed)} of {len(params)} candidates have a mean test score that is NaN or "
            f"infinite and are not drawn: {first}{', ...' if len(failed) > 3 else ''}. Pass "
            'error_score="raise" to the search to see why they failed.'
        )


def _words(metric: str) -> str:
    return metric.replace("neg_", "negative ").replace("_", " ")


def _mean_and_errors(scores: NDArray[np.float64]) -> tuple[Any, Any]:
    """Mean score and standard error of each candidate, NaN for those that failed."""
    finite = np.where(np.isfinite(scores), scores, np.nan)
    return finite.mean(axis=1), standard_errors(finite)


def _places(
    k: Sequence[Any], n_landmarks: int | None
) -> tuple[NDArray[np.float64], dict[float, str]]:
    """Place of each candidate on the logarithmic axis, and the label of each place."""
    numbers = [each for each in k if not isinstance(each, str)]
    shares = [each for each in numbers if isinstance(each, Real) and not isinstance(each, Integral)]
    if 0 < len(shares) < len(numbers):
        raise ValueError(
            f"k has shares of the landmarks, such as {shares[0]}, and numbers of landmarks, which "
            "have no common axis: pass numbers only, or shares only."
        )
    sorted_k = np.unique(np.array(numbers, dtype=float))
    ratio = np.median(sorted_k[1:] / sorted_k[:-1]) if len(sorted_k) > 1 else 2.0
    everything = 1.0 if shares or not numbers else float(n_landmarks or sorted_k[-1] * ratio)
    labels = {float(each): f"{each:g}" for each in sorted_k}
    if not shares and n_landmarks in labels:
        labels[float(n_landmarks)] = f"all\n{n_landmarks}"
    elif len(numbers) < len(k):
        labels[everything] = "all" if n_landmarks is None else f"all\n{n_landmarks}"
    places = [everything if isinstance(each, str) else float(each) for each in k]
    return np.array(places), labels


def _label_ticks(ax: Any, labels: dict[float, str]) -> None:
    """Tick at each k; labels only where there is space, and always at the first and the last."""
    ticks = sorted(labels)
    distance = _LABEL_DISTANCE * np.log(ticks[-1] / ticks[0])
    labelled = ticks[:1]
    for tick in ticks[1:-1]:
        if min(np.log(tick / labelled[-1]), np.log(ticks[-1] / tick)) >= distance:
            labelled.append(tick)
    labelled += ticks[1:][-1:]
    ax.set_xticks(labelled, [labels[tick] for tick in labelled])
    rest = [tick for tick in ticks if tick not in labelled]
    ax.set_xticks(rest, [""] * len(rest), minor=True)
