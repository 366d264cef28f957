"""Display of landmark relevance on the face."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import mesh
from .._column_names import noun_of
from ._class_faces import class_faces
from ._face_drawing import draw_face
from ._fitted_selectors import find_relevance, landmark_names, mean_relevance
from ._landmark_drawing import (
    LITERAL,
    add_support_legend,
    draw_labels,
    draw_landmarks,
    draw_movement,
    panel_axes,
    relevance_cmap,
    signed_cmap,
)
from ._name_drawing import bar_axes, check_landmark_names, draw_bars
from ._name_drawing import largest as largest_values
from ._relevance_panels import relevance_panels
from ._stability import fold_estimators, selection_stability


class LandmarkRelevanceDisplay:
    """Relevance of landmarks, drawn on the face, or as bars with their names.

    Each class, or each output of a regression, has a panel with a face from the front; the
    subject's left is on the right, as when one looks at a person. The colour and the area of a
    landmark show its relevance. Landmarks with names, such as blendshapes, have no place on the
    face: each panel shows the most relevant ones as bars with their names. Create a display with
    :meth:`from_estimator`, :meth:`from_scores` or :meth:`from_cv_results`; all parameters are
    stored as attributes.

    Parameters
    ----------
    scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
        Relevance of each landmark, not negative, in any unit.
    class_names : array-like of str of shape (n_classes,), default=None
        Titles of the panels; None numbers the classes.
    support : array-like of bool of shape (n_landmarks,) or (n_classes, n_landmarks), default=None
        Landmarks that are kept. The others are drawn as small hollow points without a colour. None
        draws all landmarks in the same style.
    positions : array-like of shape (n_landmarks, 2) or (n_classes, n_landmarks, 2), default=None
        Position of each landmark in the plot, with y **up** (extracted landmarks have y down), for
        all panels or for each of them. None uses MediaPipe's canonical face, for the 468 landmarks
        of the full mesh or 478 with the irises. Required for other landmarks without names, such as
        those of a hand.
    movement : array-like, shaped as `positions`, default=None
        Displacement that leads to the position of each landmark, in the same unit. It is drawn by
        ``plot(arrows=True)``.
    normalize : bool, default=True
        Whether to divide the scores of each panel by their mean, so that 1 is an average landmark.
    score_name : str, default="relevance"
        What the scores are: the label of the colour bar, or of the axis of the bars.
    names : array-like of str of shape (n_landmarks,), default=None
        Names of the landmarks, such as those of blendshapes, which are drawn as bars unless there
        are `positions`. None for landmarks that have numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
    scatters_ : list of matplotlib PathCollection
        Landmarks of each panel in increasing order of relevance, so that the most relevant are on
        top; dropped landmarks come first, and their values are masked. Empty where there are bars.
    bars_ : list of matplotlib BarContainer
        Bars of each panel, the most relevant first. Empty where landmarks are drawn.
    colorbar_ : matplotlib Colorbar or None

    See Also
    --------
    IGLandmarkSelector : Computes the relevance of landmarks.
    selection_stability : Measures how much the selections of several folds agree.

    Notes
    -----
    All panels share one colour scale from 0 to the largest score. The relevance is very unequal: a
    few landmarks often have ten times the mean. The colour therefore follows the square root of
    the relevance, which shows differences between the most relevant landmarks as well as those
    between average ones. The area of a landmark is proportional to its relevance.

    The colours follow the background of the figure: landmarks with low relevance are close to it,
    and those with high relevance are dark on a light background and light on a dark one. The
    colour maps can be read with the common deficiencies of colour vision.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import LandmarkRelevanceDisplay, mesh
    >>> scores = np.exp(-np.abs(mesh.canonical_face()[:, 1] + 4.3))
    >>> display = LandmarkRelevanceDisplay.from_scores(scores)
    >>> print(mesh.regions()[display.scores.argmax()])
    lips

    Blendshapes:

    >>> display = LandmarkRelevanceDisplay.from_scores(
    ...     [[0.5, 0.1], [0.2, 0.6]],
    ...     class_names=["happiness", "surprise"],
    ...     names=["mouthSmileLeft", "jawOpen"],
    ... )
    >>> [label.get_text() for label in display.axes_[1].get_yticklabels()]
    ['jawOpen', 'mouthSmileLeft']
    """

    def __init__(
        self,
        scores,
        *,
        class_names=None,
        support=None,
        positions=None,
        movement=None,
        normalize=True,
        score_name="relevance",
        names=None,
    ):
        self.scores = scores
        self.class_names = class_names
        self.support = support
        self.positions = positions
        self.movement = movement
        self.normalize = normalize
        self.score_name = score_name
        self.names = names

    @classmethod
    def from_scores(
        cls,
        scores,
        *,
        class_names=None,
        support=None,
        positions=None,
        movement=None,
        normalize=True,
        score_name="relevance",
        names=None,
        **kwargs,
    ):
        """Draw the relevance of landmarks from an array.

        Parameters
        ----------
        scores : array-like of shape (n_landmarks,) or (n_classes, n_landmarks)
            Relevance of each landmark, not negative.
        class_names : array-like of str of shape (n_classes,), default=None
            Titles of the panels.
        support : array-like of bool, shaped as `scores` or (n_landmarks,), default=None
            Landmarks that are kept.
        positions : array-like of shape ([n_classes,] n_landmarks, 2), default=None
            Position of each landmark with y up; required unless they are the full mesh.
        movement : array-like, shaped as `positions`, default=None
            Displacement that leads to the positions, for ``arrows=True``.
        normalize : bool, default=True
            Whether to divide the scores of each panel by their mean.
        score_name : str, default="relevance"
            What the scores are.
        names : array-like of str of shape (n_landmarks,), default=None
            Names of the landmarks, which are then drawn as bars.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax` and `per_class`.

        Returns
        -------
        LandmarkRelevanceDisplay

        Examples
        --------
        The landmarks that move in synthetic clips:

        >>> from sklearn_temo import LandmarkRelevanceDisplay
        >>> from sklearn_temo.datasets import make_expression_clips
        >>> clips = make_expression_clips(n_clips=7, n_frames=2, random_state=0)
        >>> display = LandmarkRelevanceDisplay.from_scores(
        ...     clips.moving, class_names=clips.target_names, normalize=False, score_name="moves"
        ... )
        >>> print(*(axes.get_title() for axes in display.axes_), sep=", ")
        anger, contempt, disgust, fear, happiness, sadness, surprise
        """
        display = cls(
            scores,
            class_names=class_names,
            support=support,
            positions=positions,
            movement=movement,
            normalize=normalize,
            score_name=score_name,
            names=names,
        )
        return display.plot(**kwargs)

    @classmethod
    def from_estimator(
        cls, estimator, X=None, y=None, *, positions=None, movement=None, per_class=True, **kwargs
    ):
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
        X : array-like of shape (n_clips, n_features) or list of clips, default=None
            Clips whose mean face is drawn, as `estimator` takes them, or aligned. The landmarks are
            at their mean positions in the last frame, after the
            :class:`~sklearn_temo.LandmarkAligner` of `estimator`. None draws MediaPipe's canonical
            face. Has no effect for blendshapes, which are drawn as bars.
        y : array-like of shape (n_clips,), default=None
            Labels of the clips: the panel of a class shows the mean of its clips. None, or a
            single panel, shows the mean of all clips.
        positions : array-like of shape ([n_panels,] n_landmarks, 2), default=None
            Position of each landmark with y up, instead of those of `X`. Required without `X`
            unless the landmarks are the full mesh.
        movement : array-like, shaped as `positions`, default=None
            Displacement of each landmark for ``arrows=True``. None uses that from the first to the
            last frame of `X`.
        per_class : bool, default=True
            One panel per class or output, or a single panel for all.
        **kwargs : dict
            Other parameters of :meth:`plot`, such as `ax` and `arrows`.

        Returns
        -------
        LandmarkRelevanceDisplay

        Raises
        ------
        TypeError
            If `estimator` contains no landmark selector.
        ValueError
            If it contains selectors of different numbers of landmarks, if `y` is passed without `X`
            or lacks clips of a class, or if `X` has other landmarks than the selector.
        NotFittedError
            If `estimator` is not fitted.

        Examples
        --------
        >>> from sklearn_temo import IGLandmarkSelector, LandmarkAligner
        >>> from sklearn_temo import LandmarkRelevanceDisplay, mesh
        >>> from sklearn_temo.datasets import load_london_smiles
        >>> smiles = load_london_smiles()
        >>> X = LandmarkAligner().fit_transform(smiles.data)
        >>> selector = IGLandmarkSelector(k=64, random_state=0).fit(X, smiles.target)
        >>> display = LandmarkRelevanceDisplay.from_estimator(selector, X, smiles.target)
        >>> for name, scores in zip(display.class_names, display.scores):
        ...     print(name, mesh.regions()[scores.argmax()])
        happiness lips
        neutral lips
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
        if X is None and y is not None:
            raise ValueError("y labels the clips of X, but X is None; pass both, or neither.")
        layout = found[0].layout
        names = None if layout is None else layout.names
        if X is not None and names is None:
            apex, displacement = class_faces(estimator, X, y, classes, layout)
            if apex.shape[-2] != scores.shape[-1]:
                raise ValueError(
                    f"X has {apex.shape[-2]} landmarks, but the selector was fitted on "
                    f"{scores.shape[-1]}; pass clips as the estimator takes them."
                )
            positions = apex if positions is None else positions
            movement = displacement if movement is None else movement
        kwargs |= {"positions": positions, "movement": movement, "names": names}
        kwargs["per_class"] = per_class
        return cls.from_scores(scores, class_names=classes, support=support, **kwargs)

    @classmethod
    def from_cv_results(cls, cv_results, *, positions=None, scatter_kw=None, **kwargs):
        """Draw the frequency of each landmark in the selections of the folds.

        Parameters
        ----------
        cv_results : dict or list of estimators
            What ``cross_validate(..., return_estimator=True)`` returns, or its fitted estimators,
            each of which contains a landmark selector.
        positions : array-like of shape (n_landmarks, 2), default=None
            Position of each landmark with y up; required unless they are the full mesh.
        scatter_kw : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.scatter`.
        **kwargs : dict
            Other parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        LandmarkRelevanceDisplay

        Raises
        ------
        TypeError
            If a single estimator, such as a fitted search, is passed, or if the estimator of a fold
            contains no landmark selector.
        ValueError
            If the dict contains no estimators, or there are fewer than two folds.

        See Also
        --------
        selection_stability : The same frequencies, and a measure of stability.

        Examples
        --------
        >>> from sklearn.model_selection import cross_validate
        >>> from sklearn_temo import LandmarkRelevanceDisplay, make_temo_pipeline, mesh
        >>> from sklearn_temo.datasets import load_london_smiles
        >>> smiles = load_london_smiles()
        >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
        >>> pipe = pipe.set_params(classify__randomized=True)
        >>> cv_results = cross_validate(
        ...     pipe, smiles.data, smiles.target, cv=3, return_estimator=True
        ... )
        >>> display = LandmarkRelevanceDisplay.from_cv_results(cv_results)
        >>> print(mesh.regions()[display.scores.argmax()])
        lips
        """
        from matplotlib.colors import Normalize

        estimators = fold_estimators(cv_results)
        return cls.from_scores(
            selection_stability(estimators).frequencies,
            positions=positions,
            names=landmark_names(estimators),
            normalize=False,
            score_name="frequency in the folds",
            scatter_kw={"norm": Normalize(0, 1)} | (scatter_kw or {}),
            **kwargs,
        )

    def plot(
        self,
        *,
        per_class=True,
        contrast=False,
        arrows=False,
        annotate=None,
        n_annotated=10,
        ax=None,
        cmap=None,
        ncols=None,
        colorbar=True,
        scatter_kw=None,
    ):
        """Draw the panels.

        Parameters
        ----------
        per_class : bool, default=True
            One panel per class. False draws a single panel, with the unweighted mean of the
            relevance over the classes and the landmarks that are kept for any class.
        contrast : bool, default=False
            Draw the relevance for a class minus the mean over the classes: what is special to the
            class, beside what matters for it. The colour scale is symmetric about 0.
        arrows : bool or float, default=False
            Draw the movement that leads to the position of each landmark, which is where the arrow
            ends. True draws it in the scale of the face; a number enlarges it. A movement below a
            quarter of the largest one of the panel is left out.
        annotate : {"numbers", "regions"} or None, default=None
            Labels with a line to what they name: the numbers of the most relevant landmarks, or the
            regions of the face, see :func:`sklearn_temo.mesh.regions`.
        n_annotated : int, default=10
            How many landmarks have a number. Of landmarks with names, how many have a bar.
        ax : matplotlib Axes or array of them, default=None
            One Axes per panel. None creates a figure.
        cmap : str or matplotlib Colormap, default=None
            Colours of the relevance. None uses those of "magma" without its darkest part, light to
            dark on a light background and dark to light on a dark one; with `contrast`, blue below
            and orange above 0.
        ncols : int, default=None
            Panels per row of a new figure. None uses at most 4, or 3 of bars, in rows of similar
            length.
        colorbar : bool, default=True
            Whether to draw the colour bar. Bars have none.
        scatter_kw : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.scatter`. A ``"norm"`` replaces the colour
            scale. Of bars, only the ``"norm"`` is used.

        Returns
        -------
        self : LandmarkRelevanceDisplay

        Raises
        ------
        ValueError
            If shapes do not match, scores are negative or not finite, or what an option needs is
            missing: several classes for `contrast`, `movement` for `arrows`, and a full mesh for
            ``annotate="regions"``. Bars have neither arrows nor `annotate`.
        """
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import CenteredNorm, PowerNorm

        panels = relevance_panels(self, per_class, contrast, arrows)
        has_bars = self.names is not None and self.positions is None
        if has_bars:
            if annotate is not None or arrows:
                raise ValueError(
                    "landmarks with names are drawn as bars, which have no arrows and no "
                    "annotations: leave out arrows and annotate."
                )
            n_bars = min(n_annotated, panels.values.shape[1])
            self.axes_ = bar_axes(ax, len(panels.values), n_bars, ncols)
        else:
            labels = panels.labels(annotate, n_annotated)
            self.axes_ = panel_axes(ax, panels.points, ncols, labels)
        self.figure_ = self.axes_[0].figure
        largest = float(np.abs(panels.values).max()) or 1.0
        if cmap is None:
            cmap = (signed_cmap if contrast else relevance_cmap)(self.axes_[0])
        norm = CenteredNorm(0, largest) if contrast else PowerNorm(0.5, 0, largest)
        style = {"cmap": cmap, "norm": norm} | (scatter_kw or {})
        self.scatters_, self.bars_, self.colorbar_ = [], [], None
        if has_bars:
            self._draw_bars(panels, style, n_annotated, contrast)
            if panels.support is not None and ax is None:
                add_support_legend(self.figure_, self.axes_[0], panels.support, "s")
            return self
        for i, axes in enumerate(self.axes_):
            points = panels.points[i]
            if mesh.is_full_mesh(len(points)):
                draw_face(axes, points)
            kept = None if panels.support is None else panels.support[i]
            self.scatters_.append(
                draw_landmarks(axes, points, panels.values[i], kept, largest, **style)
            )
            if panels.movement is not None:
                draw_movement(axes, points, panels.movement[i], float(arrows))
            if labels:
                draw_labels(axes, points, *labels[i])
            axes.set_title(panels.titles[i], **LITERAL)
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                ScalarMappable(style["norm"], style["cmap"]),
                ax=list(self.axes_),
                label=self._value_label(contrast),
                shrink=0.7,
                aspect=25,
                pad=0.02,
            )
            self.colorbar_.outline.set_visible(False)
        if panels.support is not None and ax is None:
            add_support_legend(self.figure_, self.axes_[0], panels.support)
        return self

    def _value_label(self, contrast):
        if contrast:
            return f"{self.score_name} minus the mean over the classes"
        if self.normalize:
            return f"{self.score_name} (1 = average {noun_of(self.names)})"
        return self.score_name

    def _draw_bars(self, panels, style, n_bars, contrast):
        """Draw the most relevant landmarks of each panel as bars with their names."""
        from matplotlib.cm import ScalarMappable

        names = check_landmark_names(self.names, panels.values.shape[1])
        colours = ScalarMappable(style["norm"], style["cmap"])
        for i, (axes, values) in enumerate(zip(self.axes_, panels.values, strict=True)):
            chosen = largest_values(values, n_bars)
            kept = None if panels.support is None else panels.support[i, chosen]
            self.bars_.append(
                draw_bars(
                    axes,
                    values[chosen],
                    [names[j] for j in chosen],
                    colours.to_rgba(values[chosen]),
                    kept,
                )
            )
            axes.set_title(panels.titles[i], fontsize="medium", **LITERAL)
            # One scale, so that panels can be compared.
            size = float(np.abs(panels.values).max()) or 1.0
            axes.set_xlim(-1.05 * size if contrast else 0, 1.05 * size)
            # Short lines: constrained layout ignores the width of labels, and panels are narrow.
            label = self._value_label(contrast).replace(" (", "\n(")
            for word in ("average", "minus", "over"):
                label = label.replace(f" {word} ", f" {word}\n")
            axes.set_xlabel(label, fontsize="small")
