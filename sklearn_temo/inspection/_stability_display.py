"""Display of the stability of a selection."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from .. import mesh
from .._column_names import noun_of
from ._face_drawing import draw_face, face_positions
from ._fitted_selectors import landmark_names
from ._landmark_drawing import draw_landmarks, relevance_cmap
from ._name_drawing import check_landmark_names, draw_bars, largest
from ._stability import fold_estimators, selection_stability

# Bars of named landmarks.
_MAX_BARS = 15


class SelectionStabilityDisplay:
    """Stability of the selected landmarks over folds or bootstrap samples.

    The left panel shows the face, with the frequency of each landmark: the part of the selections
    that keep it. For named landmarks, such as blendshapes, it shows the most frequent ones as bars
    with their names. The right panel shows the frequencies in decreasing order, and those that are
    expected if each selection draws as many landmarks at random; the colours are the same. The
    title is the stability with its confidence interval, see
    :func:`~sklearn_temo.selection_stability`. Create a display with :meth:`from_estimators`,
    :meth:`from_cv_results` or :meth:`from_supports`; all parameters are stored as attributes.

    Parameters
    ----------
    supports : array-like of bool of shape (n_selections, n_landmarks)
        Landmarks that each selection keeps.
    confidence_level : float, default=0.95
        Level of the confidence interval, between 0 and 1.
    positions : array-like of shape (n_landmarks, 2), default=None
        Position of each landmark in the left panel, with y **up** (extracted landmarks have y
        down). None uses the canonical face for the 468 landmarks of the full mesh or 478 with the
        irises, and omits the left panel for other landmarks without names.
    names : array-like of str of shape (n_landmarks,), default=None
        Names of the landmarks, such as those of blendshapes. None for landmarks with numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
    scatter_ : matplotlib PathCollection or None
        Landmarks of the left panel in increasing order of their frequency. Those that no selection
        keeps are hollow, and their values are masked. None of named landmarks.
    result_ : Bunch
        Result of :func:`~sklearn_temo.selection_stability`.

    See Also
    --------
    selection_stability : Computes the stability.
    LandmarkCountDisplay : Shows the score against the number of landmarks.

    Notes
    -----
    A selection that draws :math:`k` of :math:`d` landmarks at random keeps each of them with the
    probability :math:`k / d`, so the number of :math:`M` such selections that keep a landmark has
    the binomial distribution :math:`B(M, k / d)`, or the Poisson binomial distribution where the
    selections have different sizes. The expected number of landmarks that at least :math:`m`
    selections keep is :math:`d` times the probability of :math:`m` or more. It is drawn from half a
    landmark on.

    Folds of a cross-validation share most of their training data, so their selections are more
    alike than those from new data would be.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import SelectionStabilityDisplay
    >>> supports = np.zeros((5, 468), dtype=bool)
    >>> supports[:, :20] = True
    >>> supports[range(5), range(20, 25)] = True
    >>> display = SelectionStabilityDisplay.from_supports(supports)
    >>> round(display.result_.stability, 2)
    0.95
    """

    def __init__(self, supports, *, confidence_level=0.95, positions=None, names=None):
        self.supports = supports
        self.confidence_level = confidence_level
        self.positions = positions
        self.names = names

    @classmethod
    def from_supports(
        cls, supports, *, confidence_level=0.95, positions=None, names=None, **kwargs
    ):
        """Draw the stability of selections from arrays.

        Parameters
        ----------
        supports : array-like of bool of shape (n_selections, n_landmarks)
            Landmarks that each selection keeps, such as the attribute `supports` of the result of
            :func:`~sklearn_temo.selection_stability`.
        confidence_level : float, default=0.95
            Level of the confidence interval.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up.
        names : array-like of str of shape (n_landmarks,), default=None
            Names of the landmarks.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        SelectionStabilityDisplay

        Examples
        --------
        >>> from sklearn_temo import SelectionStabilityDisplay
        >>> supports = [[True, True, False, False], [True, False, True, False]]
        >>> display = SelectionStabilityDisplay.from_supports(
        ...     supports, names=["browInnerUp", "jawOpen", "mouthPucker", "cheekPuff"]
        ... )
        >>> display.result_.frequencies
        array([1. , 0.5, 0.5, 0. ])
        """
        display = cls(supports, confidence_level=confidence_level, positions=positions, names=names)
        return display.plot(**kwargs)

    @classmethod
    def from_estimators(cls, estimators, *, confidence_level=0.95, positions=None, **kwargs):
        """Draw the stability of the landmark selectors in fitted estimators.

        Parameters
        ----------
        estimators : list of estimators
            Fitted selectors, or estimators that contain one at any depth, from several folds or
            bootstrap samples. Each estimator is one selection, see
            :func:`~sklearn_temo.selection_stability`.
        confidence_level : float, default=0.95
            Level of the confidence interval.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        SelectionStabilityDisplay

        Raises
        ------
        TypeError
            If `estimators` is a single estimator, or one contains no fitted landmark selector.
        ValueError
            If there are fewer than two estimators, or they differ in the number of landmarks.
        """
        supports = selection_stability(estimators).supports
        kwargs |= {"confidence_level": confidence_level, "positions": positions}
        return cls.from_supports(supports, names=landmark_names(estimators), **kwargs)

    @classmethod
    def from_cv_results(cls, cv_results, *, confidence_level=0.95, positions=None, **kwargs):
        """Draw the stability of the landmark selectors of a cross-validation.

        Parameters
        ----------
        cv_results : dict
            Result of :func:`~sklearn.model_selection.cross_validate` with
            ``return_estimator=True``.
        confidence_level : float, default=0.95
            Level of the confidence interval.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        SelectionStabilityDisplay

        Raises
        ------
        TypeError
            If a single estimator, such as a fitted search, is passed.
        ValueError
            If `cv_results` has no estimators.
        """
        kwargs |= {"confidence_level": confidence_level, "positions": positions}
        return cls.from_estimators(fold_estimators(cv_results), **kwargs)

    def plot(self, ax=None, *, cmap=None):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Two Axes, for the face or the names and for the frequencies; a single one if the face is
            omitted.
            None creates a figure.
        cmap : str or matplotlib Colormap, default=None
            Colours of the frequencies in both panels. None uses those of
            :class:`~sklearn_temo.LandmarkRelevanceDisplay`, which follow the background.

        Returns
        -------
        self : SelectionStabilityDisplay

        Raises
        ------
        ValueError
            If shapes do not match, or `ax` has another number of Axes than panels.
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.result_ = selection_stability(self.supports, confidence_level=self.confidence_level)
        points = self._points(len(self.result_.frequencies))
        has_names = points is None and self.names is not None
        self.axes_ = _axes(ax, points, has_names)
        self.figure_ = self.axes_[-1].figure
        colours = ScalarMappable(Normalize(0, 1), cmap or relevance_cmap(self.axes_[-1]))
        self.scatter_ = None
        if points is not None:
            face, frequencies = self.axes_[0], self.result_.frequencies
            if mesh.is_full_mesh(len(points)):
                draw_face(face, points)
            style = {"cmap": colours.cmap, "norm": colours.norm}
            self.scatter_ = draw_landmarks(face, points, frequencies, frequencies > 0, 1.0, **style)
            face.set_aspect("equal")
            face.set_axis_off()
        if has_names:
            self._draw_names(self.axes_[0], colours)
        self._draw_frequencies(self.axes_[-1], colours)
        if ax is None:
            self.figure_.suptitle(self._title(), fontsize="large")
        else:
            self.axes_[-1].set_title(self._title())
        return self

    def _points(self, n_landmarks: int) -> NDArray[np.float64] | None:
        if self.positions is not None:
            points = check_array(self.positions, dtype=np.float64, input_name="positions")
            if points.shape != (n_landmarks, 2):
                raise ValueError(
                    f"positions must have shape (n_landmarks, 2) = ({n_landmarks}, 2), "
                    f"got {points.shape}."
                )
            return points
        return face_positions(n_landmarks) if mesh.is_full_mesh(n_landmarks) else None

    def _draw_names(self, axes: Any, colours: Any) -> None:
        frequencies = self.result_.frequencies
        names = check_landmark_names(self.names, len(frequencies))
        chosen = largest(frequencies, _MAX_BARS)
        values = frequencies[chosen]
        draw_bars(axes, values, [names[i] for i in chosen], colours.to_rgba(values))
        axes.set_xlim(0, 1)
        axes.set_xlabel("frequency")

    def _draw_frequencies(self, axes: Any, colours: Any) -> None:
        from matplotlib.patheffects import withStroke
        from matplotlib.ticker import MaxNLocator

        supports = self.result_.supports
        n_selections, n_landmarks = supports.shape
        n_kept = np.bincount(supports.sum(axis=0), minlength=n_selections + 1)
        # Distribution of the number of random selections, of the same sizes, that keep a landmark.
        sizes = supports.mean(axis=1)
        at_random = n_landmarks * reduce(np.convolve, [np.array([1 - p, p]) for p in sizes])
        # From the left: landmarks that all selections keep, that all but one keep, and so on.
        heights = np.arange(n_selections, 0, -1) / n_selections
        edges, random_edges = (
            np.concatenate([[0.0], np.cumsum(counts[:0:-1])]) for counts in (n_kept, at_random)
        )
        style = {"width": np.diff(edges), "align": "edge", "color": colours.to_rgba(heights)}
        axes.bar(edges[:-1], heights, **style)
        # Steps of less than half a landmark would hide the first bar.
        first = int(np.searchsorted(random_edges[1:], 0.5))
        axes.step(
            [0.0, *random_edges[first + 1 :]],
            [*heights[first:], 0.0],
            where="post",
            label="expected if the selections were random",
            color=axes.xaxis.label.get_color(),
            linewidth=1.4,
            path_effects=[withStroke(linewidth=3, foreground=axes.get_facecolor())],
        )
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.set_ylim(0, 1.15)  # with space for the legend
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.spines["left"].set(bounds=(0, 1), position=("outward", 4))
        axes.set_xlabel(f"{noun_of(self.names)}s (of {n_landmarks}) in decreasing order")
        axes.set_ylabel(f"frequency in {n_selections} selections")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper right", frameon=False)

    def _title(self) -> str:
        if np.isnan(self.result_.stability):
            return "stability undefined: all landmarks are kept, or none"
        low, high = self.result_.confidence_interval
        level = f"{100 * self.confidence_level:g} % interval"
        return f"stability {self.result_.stability:.2f} ({level}: {low:.2f} to {high:.2f})"


def _axes(ax: Any, points: NDArray[np.float64] | None, has_names: bool) -> NDArray[np.object_]:
    """Return the given Axes, or those of a new figure."""
    import matplotlib.pyplot as plt

    n_panels = 1 if points is None and not has_names else 2
    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(given) != n_panels:
            wanted = (
                "one Axes"
                if n_panels == 1
                else f"two Axes, for the {'names' if has_names else 'face'} and for the frequencies"
            )
            raise ValueError(f"ax must hold {wanted}; got {len(given)}.")
        return given
    if has_names:
        _, panels = plt.subplots(
            1, 2, figsize=(7.0, 3.6), width_ratios=[2.2, 3.8], layout="constrained"
        )
        return panels
    if points is None:
        _, axes = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
        return np.array([axes], dtype=object)
    height = 3.6
    width = height * np.ptp(points[:, 0]) / np.ptp(points[:, 1])
    size, ratios = (width + 4, height), [width, 3.8]
    _, panels = plt.subplots(1, 2, figsize=size, width_ratios=ratios, layout="constrained")
    return panels
