"""Display of landmark relevance on the face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_is_fitted

from .. import mesh
from ._face_drawing import draw_face, face_positions
from ._fitted_selectors import find_relevance, mean_relevance
from ._landmark_drawing import add_support_legend, draw_landmarks, panel_axes


class LandmarkRelevanceDisplay:
    """Relevance of landmarks, drawn on the face.

    Each class, or each output of a regression, has a panel with MediaPipe's canonical face from the
    front; the subject's left is on the right, as when one looks at a person. The colour and the
    size of a landmark show its relevance. Create a display with :meth:`from_estimator` or
    :meth:`from_scores`; all parameters are stored as attributes.

    Parameters
    ----------
    scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
        Relevance of each landmark, not negative, in any unit.
    class_names : array-like of str of shape (n_classes,), default=None
        Titles of the panels; None numbers the classes.
    support : array-like of bool of shape (n_landmarks,) or (n_classes, n_landmarks), default=None
        Landmarks that are kept: they are outlined, and the others are small and faint. None
        draws all landmarks in the same style.
    positions : array-like of shape (n_landmarks, 2), default=None
        Position of each landmark in the plot, with y **up** (extracted landmarks have y down).
        None uses the canonical face, for the 468 landmarks of the full mesh or 478 with the
        irises. Required for other landmarks, such as those of a hand.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
    scatters_ : list of matplotlib PathCollection
        Landmarks of each panel, in increasing order of relevance: the most relevant are on top.
    colorbar_ : matplotlib Colorbar or None

    See Also
    --------
    IGLandmarkSelector : Computes the relevance of landmarks.

    Notes
    -----
    The scores of each panel are divided by their mean, so that 1 is the relevance of an average
    landmark. All panels share one colour scale, which ends at the 99th percentile of the relevance.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import LandmarkRelevanceDisplay, mesh
    >>> scores = np.exp(-np.abs(mesh.canonical_face()[:, 1] + 4.3))
    >>> display = LandmarkRelevanceDisplay.from_scores(scores)
    >>> len(display.axes_)
    1
    """

    def __init__(self, scores, *, class_names=None, support=None, positions=None):
        self.scores = scores
        self.class_names = class_names
        self.support = support
        self.positions = positions

    @classmethod
    def from_scores(cls, scores, *, class_names=None, support=None, positions=None, **kwargs):
        """Draw the relevance of landmarks from an array.

        Parameters
        ----------
        scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
            Relevance of each landmark, not negative.
        class_names : array-like of str of shape (n_classes,), default=None
            Titles of the panels.
        support : array-like of bool, shaped as `scores` or (n_landmarks,), default=None
            Landmarks that are kept.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up; required unless they are the full mesh.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax` and `per_class`.

        Returns
        -------
        LandmarkRelevanceDisplay
        """
        display = cls(scores, class_names=class_names, support=support, positions=positions)
        return display.plot(**kwargs)

    @classmethod
    def from_estimator(cls, estimator, *, positions=None, per_class=True, **kwargs):
        """Draw the relevance that a fitted landmark selector computed.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~sklearn_temo.IGLandmarkSelector`, or a fitted estimator of
            scikit-learn that contains one or several at any depth: a Pipeline, FeatureUnion,
            search, ensemble, calibrated classifier and so on. For a OneVsRestClassifier, the panel
            of each class shows the relevance of the selector of that class.

            The relevance of several selectors, such as those of an ensemble, is the mean of their
            scores; the landmarks that at least half of them keep are drawn as kept. If the
            selectors were fitted on other classes than the estimator, such as pairs of classes in
            a OneVsOneClassifier, a single panel is drawn.

            The selector of a regressor with several outputs has a panel for each output, in the
            order of the columns of `y`.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up; required unless they are the full mesh.
        per_class : bool, default=True
            One panel per class or output, or a single panel for all.
        **kwargs : dict
            Other parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        LandmarkRelevanceDisplay

        Raises
        ------
        TypeError
            If `estimator` contains no landmark selector.
        ValueError
            If it contains selectors of different numbers of landmarks.
        NotFittedError
            If `estimator` is not fitted.
        """
        found = find_relevance(estimator)
        if not found:
            check_is_fitted(estimator)
            raise TypeError(
                f"{type(estimator).__name__} contains no fitted landmark selector; expected a "
                "fitted IGLandmarkSelector, or a Pipeline, search (with refit), ensemble or other "
                "estimator of scikit-learn that contains one. To draw the scores of another "
                "method, use LandmarkRelevanceDisplay.from_scores."
            )
        scores, support, classes = mean_relevance(
            found, getattr(estimator, "classes_", None), per_class
        )
        kwargs |= {"positions": positions, "per_class": per_class}
        return cls.from_scores(scores, class_names=classes, support=support, **kwargs)

    def plot(
        self, *, per_class=True, ax=None, cmap="magma_r", ncols=None, colorbar=True, scatter_kw=None
    ):
        """Draw the panels.

        Parameters
        ----------
        per_class : bool, default=True
            One panel per class. False draws a single panel, with the unweighted mean of the
            relevance over the classes and the landmarks that are kept for any class.
        ax : matplotlib Axes or array of them, default=None
            One Axes per panel. None creates a figure.
        cmap : str or matplotlib Colormap, default="magma_r"
            Colours of the relevance; light colours for low relevance are easiest to read.
        ncols : int, default=None
            Panels per row of a new figure. None uses at most 4, in rows of similar length.
        colorbar : bool, default=True
            Whether to draw the colour bar.
        scatter_kw : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : LandmarkRelevanceDisplay

        Raises
        ------
        ValueError
            If shapes do not match, or scores are negative or not finite.
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        relevance, support, titles = self._panels(per_class)
        points = self._points(relevance.shape[1])
        self.axes_ = panel_axes(ax, len(relevance), ncols, np.ptp(points, axis=0))
        self.figure_ = self.axes_[0].figure
        # A few landmarks with very high relevance must not compress the scale for all others.
        norm = Normalize(0, max(np.percentile(relevance, 99), 1.0), clip=True)
        style = {"cmap": cmap, "norm": norm} | (scatter_kw or {})
        self.scatters_ = []
        for i, axes in enumerate(self.axes_):
            if mesh.is_full_mesh(len(points)):
                draw_face(axes, points)
            kept = None if support is None else support[i]
            self.scatters_.append(draw_landmarks(axes, points, relevance[i], kept, **style))
            # Names of classes may contain "$", "_" or "\\", which are not meant as TeX.
            axes.set_title(titles[i], parse_math=False, usetex=False)
            axes.set_aspect("equal")
            axes.set_axis_off()
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                ScalarMappable(norm, cmap),
                ax=list(self.axes_),
                extend="max" if relevance.max() > norm.vmax else "neither",
                label="relevance (1 = average landmark)",
                shrink=0.7,
                aspect=25,
                pad=0.02,
            )
            self.colorbar_.outline.set_visible(False)
        if support is not None and ax is None:
            add_support_legend(self.figure_, support)
        return self

    def _panels(self, per_class: bool) -> tuple[NDArray[np.float64], Any, list[str]]:
        """Relevance (mean 1), support (or None) and title of each panel."""
        scores = check_array(self.scores, ensure_2d=False, dtype=np.float64, input_name="scores")
        if scores.min() < 0:
            raise ValueError(
                f"scores must not be negative, got a minimum of {scores.min():.3g}; pass the "
                "absolute values of signed attributions."
            )
        has_classes = scores.ndim > 1
        scores = np.atleast_2d(scores)
        mean = scores.mean(axis=1, keepdims=True)
        relevance = np.divide(scores, mean, out=np.zeros_like(scores), where=mean > 0)
        support: Any = self.support
        if support is not None:
            support = np.asarray(support, dtype=bool)
            if support.shape not in (scores.shape, scores.shape[1:]):
                raise ValueError(
                    f"support must have shape {scores.shape[1:]} or {scores.shape}, got "
                    f"{support.shape}."
                )
            support = np.broadcast_to(support, scores.shape)
        if self.class_names is not None:
            titles = [str(name) for name in np.atleast_1d(self.class_names)]
        else:
            titles = [f"class {i}" for i in range(len(scores))] if has_classes else [""]
        if len(titles) != len(scores):
            raise ValueError(
                f"class_names has {len(titles)} names, but scores has {len(scores)} classes."
            )
        if has_classes and not per_class:
            relevance = relevance.mean(axis=0, keepdims=True)
            support = None if support is None else support.any(axis=0, keepdims=True)
            titles = [""]
        return relevance, support, titles

    def _points(self, n_landmarks: int) -> NDArray[np.float64]:
        """Positions of the landmarks in a panel, ndarray of shape (n_landmarks, 2)."""
        if self.positions is not None:
            points = check_array(self.positions, dtype=np.float64, input_name="positions")
            if points.shape != (n_landmarks, 2):
                raise ValueError(
                    f"positions must have shape (n_landmarks, 2) = ({n_landmarks}, 2), "
                    f"got {points.shape}."
                )
            return points
        if not mesh.is_full_mesh(n_landmarks):
            raise ValueError(
                f"scores has {n_landmarks} landmarks, but the face mesh has 468 (478 with the "
                "irises); pass positions of shape (n_landmarks, 2), with y up, to draw other "
                "landmarks."
            )
        return face_positions(n_landmarks)
