"""The face, coloured by what mattered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array, check_is_fitted

from .. import mesh
from ._face_drawing import add_support_legend, draw_face, draw_landmarks, face_positions, panel_axes


class LandmarkRelevanceDisplay:
    """Relevance of landmarks, drawn on the face.

    A panel per class shows MediaPipe's canonical face from the front; the subject's left is on
    the right, as when looking at somebody. Colour and size of a landmark say how relevant it is.
    Use :meth:`from_estimator` or :meth:`from_scores` to create one; all parameters are stored as
    attributes.

    Parameters
    ----------
    scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
        Relevance of each landmark, not negative, in any unit.
    class_names : array-like of str of shape (n_classes,), default=None
        Titles of the panels; None numbers the classes.
    support : array-like of bool of shape (n_landmarks,) or (n_classes, n_landmarks), default=None
        Landmarks that were kept: they are outlined, and the others drawn small and faint. None
        draws all alike.
    positions : array-like of shape (n_landmarks, 2), default=None
        Where to draw the landmarks, y **up** (extracted landmarks have y down). None is the
        canonical face, for the 468 landmarks of the full mesh or 478 with the irises; other sets
        of landmarks, such as those of a hand, need it.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
    scatters_ : list of matplotlib PathCollection
        The points of each panel, from the least relevant to the most: those lie on top.
    colorbar_ : matplotlib Colorbar or None

    See Also
    --------
    IGLandmarkSelector : Computes the relevance that is shown here.

    Notes
    -----
    The scores of a panel are divided by their mean: 1 is what a landmark would have if all
    mattered alike. Panels share one scale, which ends at the 99th percentile of what they show.

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
    def from_scores(
        cls,
        scores,
        *,
        class_names=None,
        support=None,
        positions=None,
        per_class=True,
        ax=None,
        **kwargs,
    ):
        """Draw relevance that was computed elsewhere.

        Parameters
        ----------
        scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
            Relevance of each landmark, not negative.
        class_names : array-like of str of shape (n_classes,), default=None
            Titles of the panels.
        support : array-like of bool, shaped as `scores` or (n_landmarks,), default=None
            Landmarks that were kept.
        positions : array-like of shape (n_landmarks, 2), default=None
            Where to draw landmarks that are not the full mesh, y up.
        per_class : bool, default=True
            A panel per class, or one for all.
        ax : matplotlib Axes or array of them, default=None
            One for each panel; None makes a figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LandmarkRelevanceDisplay
        """
        display = cls(scores, class_names=class_names, support=support, positions=positions)
        return display.plot(per_class=per_class, ax=ax, **kwargs)

    @classmethod
    def from_estimator(cls, estimator, *, positions=None, per_class=True, ax=None, **kwargs):
        """Draw what a fitted landmark selector found.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~sklearn_temo.IGLandmarkSelector`, or a fitted Pipeline or search
            (GridSearchCV and its kin) that contains one. From a OneVsRestClassifier of such
            pipelines, each class shows what its own selector found.
        positions : array-like of shape (n_landmarks, 2), default=None
            Where to draw landmarks that are not the full mesh, y up.
        per_class : bool, default=True
            A panel per class, or one for all.
        ax : matplotlib Axes or array of them, default=None
            One for each panel; None makes a figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LandmarkRelevanceDisplay

        Raises
        ------
        TypeError
            If there is no landmark selector in `estimator`.
        NotFittedError
            If it is not fitted.
        """
        found = _find_selectors(estimator)
        if found is None:
            raise TypeError(
                f"{type(estimator).__name__} holds no landmark selector: pass a fitted "
                "IGLandmarkSelector, a Pipeline or search that contains one, or a "
                "OneVsRestClassifier of such pipelines. Relevance from elsewhere can be drawn with "
                "LandmarkRelevanceDisplay.from_scores."
            )
        selectors, classes = found
        if classes is not None:
            scores = np.stack([selector.landmark_scores_ for selector in selectors])
            support = np.stack([selector.get_landmark_support() for selector in selectors])
        else:
            (selector,) = selectors
            scores = selector.landmark_scores_per_class_ if per_class else selector.landmark_scores_
            support = selector.get_landmark_support()
            classes = _classes_of(selector) if per_class else None
        return cls.from_scores(
            scores,
            class_names=classes,
            support=support,
            positions=positions,
            per_class=per_class,
            ax=ax,
            **kwargs,
        )

    def plot(
        self,
        *,
        per_class=True,
        ax=None,
        cmap="magma_r",
        ncols=None,
        colorbar=True,
        scatter_kw=None,
    ):
        """Draw the panels.

        Parameters
        ----------
        per_class : bool, default=True
            A panel per class. False draws one panel with the mean over the classes, each counting
            alike, and as kept what any class keeps.
        ax : matplotlib Axes or array of them, default=None
            One for each panel; None makes a figure.
        cmap : str or matplotlib Colormap, default="magma_r"
            Light where relevance is low, so that the face recedes.
        ncols : int, default=None
            Panels in a row of a new figure; None is 4 at most, in rows as even as can be.
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
            If shapes do not fit, or scores are negative or not finite.
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        relevance, support, titles = self._panels(per_class)
        points = self._points(relevance.shape[1])
        self.axes_ = panel_axes(ax, len(relevance), ncols, np.ptp(points, axis=0))
        self.figure_ = self.axes_[0].figure
        # A few landmarks can outdo all others by far: they must not take the scale for themselves.
        norm = Normalize(0, max(np.percentile(relevance, 99), 1.0), clip=True)
        style = {"cmap": cmap, "norm": norm} | (scatter_kw or {})
        self.scatters_ = []
        for i, axes in enumerate(self.axes_):
            if mesh.is_full_mesh(len(points)):
                draw_face(axes, points)
            kept = None if support is None else support[i]
            self.scatters_.append(draw_landmarks(axes, points, relevance[i], kept, **style))
            axes.set_title(titles[i])
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

    def _panels(
        self, per_class: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None, list[str]]:
        """Relevance (mean 1), support and title of each panel."""
        scores = check_array(self.scores, ensure_2d=False, dtype=np.float64, input_name="scores")
        if scores.min() < 0:
            raise ValueError(
                f"scores must not be negative, their minimum is {scores.min():.3g}: of signed "
                "attributions, pass the absolute values."
            )
        one_for_all = scores.ndim == 1
        scores = np.atleast_2d(scores)
        mean = scores.mean(axis=1, keepdims=True)
        relevance = np.divide(scores, mean, out=np.zeros_like(scores), where=mean > 0)
        support: NDArray[np.bool_] | None = None
        if self.support is not None:
            mask = np.asarray(self.support, dtype=bool)
            if mask.shape not in (scores.shape, scores.shape[1:]):
                raise ValueError(
                    f"support must have shape {scores.shape[1:]} or that of scores, "
                    f"{scores.shape}, got {mask.shape}."
                )
            support = np.broadcast_to(mask, scores.shape)
        if self.class_names is None:
            titles = [""] if one_for_all else [f"class {i}" for i in range(len(scores))]
        else:
            titles = [str(name) for name in np.atleast_1d(self.class_names)]
        if len(titles) != len(scores):
            raise ValueError(
                f"class_names has {len(titles)} names, but scores are of {len(scores)} classes."
            )
        if not per_class and not one_for_all:
            relevance = relevance.mean(axis=0, keepdims=True)
            support = None if support is None else np.any(support, axis=0, keepdims=True)
            titles = [""]
        return relevance, support, titles

    def _points(self, n_landmarks: int) -> NDArray[np.float64]:
        """Where to draw the landmarks, ndarray of shape (n_landmarks, 2)."""
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
                f"scores are of {n_landmarks} landmarks, which are not the face mesh of 468 (478 "
                "with the irises): pass positions of shape (n_landmarks, 2), y up, to draw them."
            )
        return face_positions(n_landmarks)


def _find_selectors(estimator: Any) -> tuple[list[Any], Any] | None:
    """Find the fitted selectors in an estimator; of one-vs-rest, the class of each as well."""
    if hasattr(estimator, "get_landmark_support"):
        check_is_fitted(estimator, "landmark_scores_")
        return [estimator], None
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator, "best_estimator_")
        return _find_selectors(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        found = (_find_selectors(step) for _, step in estimator.steps)
        return next((selectors for selectors in found if selectors is not None), None)
    if isinstance(estimator, OneVsRestClassifier):
        check_is_fitted(estimator, "estimators_")
        each = [_find_selectors(one) for one in estimator.estimators_]
        if any(found is None for found in each):
            return None
        # Of two classes there is one classifier, for the second.
        return [found[0][0] for found in each if found], estimator.classes_[-len(each) :]
    return None


def _classes_of(selector: Any) -> Any:
    return selector.classes_ if hasattr(selector, "classes_") else selector.estimator_.classes_
