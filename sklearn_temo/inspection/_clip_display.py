"""Display of the shares of landmarks on the face of one clip."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from .. import mesh
from ._face_drawing import ink, relative_width
from ._landmark_drawing import LITERAL, draw_labels, signed_cmap
from ._name_drawing import check_landmark_names, draw_bars, largest
from ._share_drawing import (
    as_text,
    draw_frame,
    find_images,
    share_colours,
    sum_regions,
)

# Area of the landmark with the largest share, in points squared.
_LARGEST_DOT = 90
# Bars of named landmarks.
_MAX_BARS = 12
# Colours of the smallest and the largest shares, of 1: the sign of small shares must stay visible,
# and the darkest colours have too little hue for dots on an image.
_COLOURS = (0.35, 0.7)


class ClipExplanationDisplay:
    """Signed shares of the landmarks in a logit, on the face of the clip or by name.

    Orange landmarks raised the logit of the target, compared with the baselines, and blue ones
    lowered it. The area and the strength of the colour are proportional to the absolute share.
    Landmarks with names, such as blendshapes, are drawn as bars, beside the frame if there is one.
    Create a display with :meth:`from_explanation`; all parameters are stored as attributes.

    Parameters
    ----------
    shares : array-like of shape (n_landmarks,)
        Signed share of each landmark.
    landmarks : array-like of shape (n_landmarks, 2) or (n_landmarks, 3), default=None
        Positions of the landmarks with y down, in pixels of `image` if there is one. Required
        unless there are `names`.
    image : ndarray of uint8 of shape (height, width, 3), default=None
        Image on which the landmarks lie. None draws a face.
    support : array-like of bool of shape (n_landmarks,), default=None
        Landmarks that are drawn. None draws all with a share.
    regions : array-like of str of shape (n_landmarks,), default=None
        Region of each landmark, for the bars. None uses those of
        :func:`sklearn_temo.mesh.regions`, for a full mesh.
    target : str, default="the target"
        Name of the target in the legend.
    title : str, default=None
        Title of the figure.
    names : array-like of str of shape (n_landmarks,), default=None
        Names of the landmarks. The 12 with the largest absolute shares are drawn as bars.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes or None
        The face, or the frame beside the bars of named landmarks.
    bars_ax_ : matplotlib Axes or None
        The bars of the regions, or of the named landmarks.
    scatter_ : matplotlib PathCollection or None
        Landmarks of the support, in increasing order of absolute share. None of named landmarks.

    See Also
    --------
    explain_clips : Computes the shares.
    RelevanceTimelineDisplay : Draws the shares of regions over time.

    Notes
    -----
    The scale ends at the largest absolute share, so that no share is clipped. Neighbouring
    landmarks move together, and the model may divide a share among them in many ways. The bars of
    the regions are more reliable than the shares of single landmarks.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import ClipExplanationDisplay, mesh
    >>> face = mesh.canonical_face() * [1, -1, 1]
    >>> shares = np.where(mesh.regions() == "lips", 0.02, -0.001)
    >>> display = ClipExplanationDisplay(shares, face, target="happiness").plot()
    >>> print(mesh.regions()[display.shares.argmax()], display.target)
    lips happiness
    """

    def __init__(
        self,
        shares,
        landmarks=None,
        *,
        image=None,
        support=None,
        regions=None,
        target="the target",
        title=None,
        names=None,
    ):
        self.shares = shares
        self.landmarks = landmarks
        self.image = image
        self.support = support
        self.regions = regions
        self.target = target
        self.title = title
        self.names = names

    @classmethod
    def from_explanation(
        cls,
        explanation,
        clip=0,
        *,
        part="movement",
        frame=None,
        images="auto",
        regions=None,
        **kwargs,
    ):
        """Draw the shares of one clip, summed over its frames.

        Parameters
        ----------
        explanation : ClipExplanation
            As returned by :func:`explain_clips`.
        clip : int, default=0
            Index of the clip.
        part : {"movement", "identity", "all"}, default="movement"
            "movement" sums the shares of all frames but the reference frame, "identity" draws those
            of the reference frame, "all" sums both.
        frame : int, default=None
            Frame whose face is drawn. None draws the frame with the largest absolute share of the
            movement, and for ``part="identity"`` the reference frame.
        images : {"auto", "frames", "drawn"}, default="auto"
            "frames" shows the frame of the clip, which is read again; "drawn" draws a face from the
            landmarks. "auto" shows the frame if the explanation has the clips, and draws otherwise.
        regions : array-like of str of shape (n_landmarks,), default=None
            Region of each landmark, for the bars. None uses those of a full mesh.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax` and `annotate`.

        Returns
        -------
        ClipExplanationDisplay

        Raises
        ------
        TypeError
            If `clip` is not a single index.
        ValueError
            If `part`, `images` or `frame` is unknown, or there are no images for
            ``images="frames"``, or no reference frame for ``part="identity"``.

        Examples
        --------
        >>> from sklearn_temo import ClipExplanationDisplay, explain_clips, make_temo_pipeline, mesh
        >>> from sklearn_temo.datasets import load_london_smiles
        >>> smiles = load_london_smiles()
        >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
        >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
        >>> explanation = explain_clips(pipe, smiles.data[:1])
        >>> display = ClipExplanationDisplay.from_explanation(explanation)
        >>> print(display.target, mesh.regions()[abs(display.shares).argmax()], sep=": ")
        neutral: left cheek
        """
        parts = {
            "movement": "the movement",
            "identity": "identity",
            "all": "identity and movement",
        }
        if not isinstance(clip, Integral):
            raise TypeError(
                f"clip must be the index of a single clip, got {clip!r}; RelevanceTimelineDisplay "
                "averages several clips."
            )
        if part not in parts:
            raise ValueError(f"part={part!r} must be one of {sorted(parts)}.")
        has_reference = explanation.has_reference_frame
        if part == "identity" and not has_reference:
            raise ValueError(
                'part="identity" needs a reference frame, as after '
                'LandmarkAligner(reference="first"), but the frames of the explanation hold '
                'positions; pass part="all".'
            )
        shares = {
            "movement": explanation.movement[clip].sum(axis=0),
            "identity": explanation.identity[clip],
            "all": explanation.attributions[clip].sum(axis=0),
        }[part]
        if frame is None:
            frame = 0 if part == "identity" else int(explanation.peak_frame()[clip])
        n_frames = explanation.attributions.shape[1]
        if not -n_frames <= frame < n_frames:
            raise ValueError(f"frame={frame} does not exist: the clip has {n_frames} frames.")
        frame %= n_frames
        frames = find_images(explanation, int(clip), images)
        names = explanation.landmark_names
        target = str(explanation.target[clip])
        time = explanation.times[clip, frame]
        shown = f", frame {frame}{'' if np.isnan(time) else f' ({time:.2f} s)'}"
        if names is not None and frames is None:
            shown = ""
        title = (
            f"{Path(explanation.names[clip]).name}{shown}\n"
            f"{target}: logit {as_text(explanation.logit[clip], '.2f')}, "
            f"baselines {as_text(explanation.base_logit[clip], '.2f')}"
        )
        if has_reference:
            title += f"\nshares of {parts[part]}"
        display = cls(
            shares,
            explanation.landmarks[clip, frame] if names is None else None,
            image=None if frames is None else frames[frame],
            support=explanation.support[clip],
            regions=regions,
            target=target,
            title=title,
            names=names,
        )
        return display.plot(**kwargs)

    def plot(self, *, ax=None, bars=None, annotate=0):
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes or array of two, default=None
            Axes of the face, or of the face and the bars; of named landmarks, of the bars, or of
            the frame and the bars. None creates a figure.
        bars : bool, default=None
            Whether bars beside the face show the sum of the positive and of the negative shares of
            each region. None draws them if there are regions and Axes for them.
        annotate : int, default=0
            Number of landmarks with the largest absolute shares that are marked with their numbers.

        Returns
        -------
        self : ClipExplanationDisplay

        Raises
        ------
        ValueError
            If shapes do not match, or shares are not finite.
        """
        shares = check_array(self.shares, ensure_2d=False, dtype=np.float64, input_name="shares")
        given = [] if ax is None else list(np.atleast_1d(np.asarray(ax, dtype=object)).ravel())
        if self.names is not None:
            self._plot_names(shares, given)
            return self
        points = check_array(self.landmarks, dtype=np.float64, input_name="landmarks")[:, :2]
        if shares.shape != points.shape[:1]:
            raise ValueError(
                f"shares must have one value for each of the {len(points)} landmarks, got shape "
                f"{shares.shape}."
            )
        support = shares != 0 if self.support is None else np.asarray(self.support, dtype=bool)
        if bars is None:
            can_sum = self.regions is not None or mesh.is_full_mesh(len(points))
            bars = can_sum and len(given) != 1
        if given and len(given) != 1 + bars:
            raise ValueError(
                f"ax must hold {1 + bars} Axes with bars={bars}, for the face"
                f"{' and the bars' if bars else ''}; got {len(given)}."
            )
        self.ax_, self.bars_ax_ = (given or _new_axes(bars)) + [None] * (not bars)
        self.figure_ = self.ax_.figure
        draw_frame(self.ax_, points, self.image)
        self._draw_landmarks(shares[support], points[support] * [1, -1])
        if annotate:
            top = np.argsort(-np.abs(shares) * support, kind="stable")[:annotate]
            corners = np.transpose([self.ax_.get_xlim(), self.ax_.get_ylim()])
            draw_labels(self.ax_, corners, points[top] * [1, -1], [str(i) for i in top])
        if bars:
            self._draw_bars(shares)
        self._write_title(self.ax_, is_new=not given)
        return self

    def _write_title(self, axes: Any, is_new: bool) -> None:
        if self.title is not None:
            write = self.figure_.suptitle if is_new else axes.set_title
            write(self.title, fontsize="medium", **LITERAL)
        if is_new:
            # The first layout of a new figure may cut off the last tick label of the bars.
            self.figure_.draw_without_rendering()

    def _plot_names(self, shares: NDArray[np.float64], given: list[Any]) -> None:
        """Draw bars of the named landmarks, beside the frame if there is one."""
        names = check_landmark_names(self.names, len(shares))
        has_image = self.image is not None and len(given) != 1
        if given and len(given) != 1 + has_image:
            raise ValueError(
                f"ax must hold {1 + has_image} Axes, for {'the frame and ' * has_image}the bars; "
                f"got {len(given)}."
            )
        self.ax_, self.bars_ax_ = [None] * (not has_image) + (given or _new_axes(has_image))
        self.figure_, self.scatter_ = self.bars_ax_.figure, None
        if self.ax_ is not None:
            self.ax_.imshow(self.image)
            self.ax_.set_axis_off()
        chosen = largest(shares, _MAX_BARS)
        against, supporting = share_colours(self.bars_ax_)
        colours = [supporting if share > 0 else against for share in shares[chosen]]
        draw_bars(self.bars_ax_, shares[chosen], [names[i] for i in chosen], colours)
        self.bars_ax_.set_xlabel("share of the logit")
        self._draw_legend(self.bars_ax_, shares, -0.22)
        self._write_title(self.bars_ax_, is_new=not given)

    def _draw_landmarks(self, shares: NDArray[np.float64], points: NDArray[np.float64]) -> None:
        order = np.argsort(np.abs(shares), kind="stable")
        shares, points = shares[order], points[order]
        limit = np.abs(shares).max(initial=0) or 1.0
        strength = np.abs(shares) / limit
        unit = relative_width(self.ax_)
        colour = np.sign(shares) * np.interp(strength, [0, 1], _COLOURS)
        self.scatter_ = self.ax_.scatter(
            *points.T,
            c=colour,
            s=unit * (2 + _LARGEST_DOT * strength),
            cmap=signed_cmap(self.ax_),
            vmin=-1,
            vmax=1,
            edgecolors=[ink(self.ax_, 0.0)],
            linewidths=0.4,
            zorder=2,
        )
        self._draw_legend(self.ax_, shares, 0.0)

    def _draw_legend(self, axes: Any, shares: NDArray[np.float64], height: float) -> None:
        """Sums of the shares for and against the target, below an Axes."""
        from matplotlib.lines import Line2D

        against, supporting = share_colours(axes)
        dots = [
            Line2D([], [], linestyle="none", marker="o", markeredgewidth=0, color=colour)
            for colour in (supporting, against)
        ]
        axes.legend(
            dots,
            [
                f"for {self.target} ({as_text(shares[shares > 0].sum(), '+.2g')})",
                f"against ({as_text(shares[shares < 0].sum(), '+.2g')})",
            ],
            loc="upper center",
            bbox_to_anchor=(0.5, height),
            ncols=2,
            frameon=False,
            handletextpad=0.1,
            columnspacing=1.0,
            fontsize="small",
        )

    def _draw_bars(self, shares: NDArray[np.float64]) -> None:
        axes = self.bars_ax_
        against, supporting = share_colours(axes)
        negative, names = sum_regions(np.minimum(shares, 0), self.regions)
        positive, _ = sum_regions(np.maximum(shares, 0), self.regions)
        axes.barh(names, positive, height=0.7, color=supporting)
        axes.barh(names, negative, height=0.7, color=against)
        text = axes.xaxis.label.get_color()
        axes.axvline(0, color=text, linewidth=0.8)
        axes.plot(
            positive + negative,
            names,
            "|",
            color=text,
            markersize=9,
            markeredgewidth=1.5,
            label="sum",
        )
        axes.legend(frameon=False, fontsize="small", handletextpad=0.1, loc="best")
        axes.invert_yaxis()
        axes.set_xlabel("share of the logit")
        if not shares.any():
            axes.set_xlim(-1, 1)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "left", "right"]].set_visible(False)


def _new_axes(bars: bool) -> list[Any]:
    """Axes of a new figure."""
    import matplotlib.pyplot as plt

    if not bars:
        _, axes = plt.subplots(figsize=(3.6, 4.2), layout="constrained")
        return [axes]
    _, grid = plt.subplots(1, 2, figsize=(6.4, 4.0), width_ratios=[1.5, 1.0], layout="constrained")
    return list(grid)
