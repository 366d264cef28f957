"""Display of the stability of a selection."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from .. import mesh
from ._face_drawing import draw_face, face_positions, ink, is_dark, relative_width
from ._stability import selection_stability


class SelectionStabilityDisplay:
    """Stability of the selected landmarks over folds or bootstrap samples.

    The left panel shows the face, with the share of the selections that keep each landmark. The
    right panel shows these shares in decreasing order, and those that are expected if each selection
    draws as many landmarks at random. The title is the stability with its confidence interval, see
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
        irises, and omits the left panel for other landmarks.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
    scatter_ : matplotlib PathCollection or None
        Landmarks of the left panel, in increasing order of their share.
    colorbar_ : matplotlib Colorbar or None
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
    selections keep is :math:`d` times the probability of :math:`m` or more.

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

    def __init__(self, supports, *, confidence_level=0.95, positions=None):
        self.supports = supports
        self.confidence_level = confidence_level
        self.positions = positions

    @classmethod
    def from_supports(cls, supports, *, confidence_level=0.95, positions=None, **kwargs):
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
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        SelectionStabilityDisplay
        """
        return cls(supports, confidence_level=confidence_level, positions=positions).plot(**kwargs)

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
        return cls.from_supports(supports, **kwargs)

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
        ValueError
            If `cv_results` has no estimators.
        """
        if "estimator" not in cv_results:
            raise ValueError(
                f"cv_results has no key 'estimator', only {list(cv_results)}; expected the result "
                "of cross_validate(..., return_estimator=True). A search keeps no estimators of "
                "its folds: cross-validate its best_estimator_."
            )
        kwargs |= {"confidence_level": confidence_level, "positions": positions}
        return cls.from_estimators(cv_results["estimator"], **kwargs)

    def plot(self, ax=None, *, cmap=None, colorbar=True):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Two Axes, for the face and for the shares; a single one if the face is omitted. None
            creates a figure.
        cmap : str or matplotlib Colormap, default=None
            Colours of the shares. None for "viridis_r", or "viridis" on a dark background.
        colorbar : bool, default=True
            Whether to draw the colour bar of the face.

        Returns
        -------
        self : SelectionStabilityDisplay

        Raises
        ------
        ValueError
            If shapes do not match, or `ax` has another number of Axes than panels.
        """
        self.result_ = selection_stability(self.supports, confidence_level=self.confidence_level)
        points = self._points(len(self.result_.frequencies))
        self.axes_ = _axes(ax, points)
        self.figure_ = self.axes_[-1].figure
        self.scatter_ = self.colorbar_ = None
        if points is not None:
            self._draw_landmarks(points, cmap, colorbar)
        self._draw_shares()
        title = self._title()
        if ax is None:
            self.figure_.suptitle(title, fontsize="large")
        else:
            self.axes_[-1].set_title(title)
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

    def _draw_landmarks(self, points: NDArray[np.float64], cmap: Any, colorbar: bool) -> None:
        axes = self.axes_[0]
        if mesh.is_full_mesh(len(points)):
            draw_face(axes, points)
        shares = self.result_.frequencies
        order = np.argsort(shares, kind="stable")
        never = int((shares == 0).sum())
        unit = relative_width(axes) ** 2
        axes.scatter(*points[order[:never]].T, s=1.5 * unit, color=[ink(axes, 0.35)], linewidths=0)
        self.scatter_ = axes.scatter(
            *points[order].T,
            s=np.where(shares > 0, 4 + 20 * shares, 0)[order] * unit,
            c=shares[order],
            cmap=cmap or ("viridis" if is_dark(axes) else "viridis_r"),
            vmin=0,
            vmax=1,
            linewidths=0,
            zorder=2,
        )
        axes.set_aspect("equal")
        axes.set_axis_off()
        if colorbar:
            label = "share of the selections that keep it"
            style = {"orientation": "horizontal", "shrink": 0.8, "aspect": 30, "pad": 0.02}
            self.colorbar_ = self.figure_.colorbar(self.scatter_, ax=axes, label=label, **style)
            self.colorbar_.outline.set_visible(False)

    def _draw_shares(self) -> None:
        axes = self.axes_[-1]
        supports = self.result_.supports
        n_selections, n_landmarks = supports.shape
        observed = np.bincount(supports.sum(axis=0), minlength=n_selections + 1)
        # Distribution of the number of random selections, of the same sizes, that keep a landmark.
        sizes = supports.mean(axis=1)
        chance = n_landmarks * reduce(np.convolve, [np.array([1 - p, p]) for p in sizes])
        colour = axes.xaxis.label.get_color()
        for counts, label, style in (
            (observed, f"{n_selections} selections", {"color": "#0072B2", "linewidth": 1.8}),
            (chance, "random selections", {"color": colour, "linewidth": 1.2, "linestyle": "--"}),
        ):
            # Landmarks that exactly m selections keep are a step at the height m.
            edges = np.concatenate([[0.0], np.cumsum(counts[:0:-1])])
            heights = np.arange(n_selections, 0, -1) / n_selections
            axes.stairs(heights, edges, baseline=None, label=label, **style)
