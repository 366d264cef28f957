"""Display of the shares of regions over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh
from ._landmark_drawing import LITERAL, signed_cmap
from ._name_drawing import sum_names
from ._share_drawing import (
    as_text,
    draw_frame,
    face_pictures,
    find_images,
    share_colours,
    sum_regions,
)

_FIGURE_INCHES = (7.2, 4.4)
# Relative sizes of the Axes.
_ROWS = {"faces": 1.0, "shares": 2.6, "logit": 1.1}
_COLUMNS = {"reference ": 1.3, "": 7.0}
# Rows of named landmarks.
_MAX_NAMES = 12
# Height of the lines between the faces and their frames, as a share of their Axes.
_LEADER = 0.14


class RelevanceTimelineDisplay:
    """Signed shares of the regions of the face in a logit, frame by frame.

    The rows of the heat map are the regions from the forehead down, or the blendshapes with the
    largest shares, its columns are the frames. The
    faces above it are those of the frames with the largest absolute shares, each in its part of the
    clip. The steps below it lead from the logit at the baselines to the logit of the clip.

    If there is a reference frame, it has a column of its own on the left: its bars show the shares
    of the positions of the landmarks (identity), and the heat map those of the movement.

    Create a display with :meth:`from_explanation`; all parameters are stored as attributes.

    Parameters
    ----------
    shares : array-like of shape (n_regions, n_frames)
        Signed share of each region in each frame.
    regions : array-like of str of shape (n_regions,)
        Names of the regions.
    base_logit : float, default=0.0
        Logit at the baselines. The logit of the clip is the sum of it and all shares.
    times : array-like of shape (n_frames,), default=None
        Times of the frames in seconds; None numbers the frames.
    faces : array-like, default=None
        Either pictures of the face, of shape (n_frames, height, width, 3), or landmarks to draw, of
        shape (n_frames, n_landmarks, 2) with y down. None draws no faces.
    has_reference_frame : bool, default=False
        Whether frame 0 is a reference frame.
    title : str, default=None
        Title of the figure.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : dict of str to matplotlib Axes
        "faces", "shares" and "logit", and "reference faces", "reference shares" and "reference
        logit" if there is a reference frame. Without faces, there are no Axes for them.
    heatmap_ : matplotlib QuadMesh
    colorbar_ : matplotlib Colorbar

    See Also
    --------
    explain_clips : Computes the shares.
    ClipExplanationDisplay : Draws the shares of landmarks on the face.

    Notes
    -----
    The colours are centred at 0, and end at the largest absolute share of the movement: equal
    colours on both sides mean equal shares, and none is clipped. They are orange and blue, which
    differ for all common kinds of colour blindness.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import RelevanceTimelineDisplay
    >>> shares = np.array([[0.0, 0.2, 0.5], [0.1, -0.3, 0.4]])
    >>> display = RelevanceTimelineDisplay(shares, regions=["nose", "lips"]).plot()
    >>> print(*(label.get_text() for label in display.axes_["shares"].get_yticklabels()))
    nose lips
    """

    def __init__(
        self,
        shares,
        *,
        regions,
        base_logit=0.0,
        times=None,
        faces=None,
        has_reference_frame=False,
        title=None,
    ):
        self.shares = shares
        self.regions = regions
        self.base_logit = base_logit
        self.times = times
        self.faces = faces
        self.has_reference_frame = has_reference_frame
        self.title = title

    @classmethod
    def from_explanation(cls, explanation, clip=0, *, images="auto", regions=None, **kwargs):
        """Draw the shares of one clip, or the mean over several clips.

        Parameters
        ----------
        explanation : ClipExplanation
            As returned by :func:`explain_clips`.
        clip : int, array-like or None, default=0
            Index of a clip; or indices or a mask of several clips, whose shares are averaged. None
            selects all. The average uses the same frame number of each clip.
        images : {"auto", "frames", "drawn"} or None, default="auto"
            "frames" shows the face in the frames of the clip, which are read again, and "drawn"
            draws it from the landmarks. "auto" shows frames if the explanation has the clips, and
            draws otherwise. The mean face of several clips is drawn. None shows no faces, and
            blendshapes have none.
        regions : array-like of str of shape (n_landmarks,), default=None
            Region of each landmark. None uses those of :func:`sklearn_temo.mesh.regions`, for a
            full mesh. Of blendshapes, None draws the 12 with the largest shares by name, and the
            sum of the others.
        **kwargs : dict
            Parameters of :meth:`plot`, such as `ax`.

        Returns
        -------
        RelevanceTimelineDisplay

        Raises
        ------
        ValueError
            If the landmarks are not a full mesh and there are no `regions`, if no clip is selected,
            or if there are no images for ``images="frames"``.

        Examples
        --------
        >>> from sklearn_temo import RelevanceTimelineDisplay, explain_clips, make_temo_pipeline
        >>> from sklearn_temo.datasets import make_expression_clips
        >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
        >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
        >>> pipe = pipe.set_params(classify__randomized=True).fit(clips.data, clips.target)
        >>> explanation = explain_clips(pipe, clips.data[:1])
        >>> display = RelevanceTimelineDisplay.from_explanation(explanation)
        >>> print(display.regions[abs(display.shares).sum(axis=1).argmax()])
        lips
        """
        chosen = np.atleast_1d(np.arange(len(explanation))[slice(None) if clip is None else clip])
        if not len(chosen):
            raise ValueError(f"clip={clip!r} selects none of the {len(explanation)} clips.")
        shares = explanation.attributions[chosen].mean(axis=0)
        landmark_names = explanation.landmark_names
        if landmark_names is not None and regions is None:
            sums, names = sum_names(shares, landmark_names, _MAX_NAMES)
        else:
            sums, names = sum_regions(shares, regions)
        if images not in ("auto", "frames", "drawn", None):
            raise ValueError(f'images={images!r} must be "auto", "frames" or "drawn", or None.')
        if landmark_names is not None:
            # Named landmarks have no positions to draw, or to cut the face out by.
            faces = None
        elif len(chosen) == 1:
            faces = _faces(explanation, int(chosen[0]), images)
        elif images == "frames":
            raise ValueError('images="frames" needs a single clip; pass images="drawn" or "auto".')
        else:
            faces = None if images is None else _mean_faces(explanation.landmarks[chosen])
        targets = np.unique(explanation.target[chosen])
        subject = (
            Path(explanation.names[chosen[0]]).name
            if len(chosen) == 1
            else f"mean of {len(chosen)} clips"
        )
        times = explanation.times[chosen]
        display = cls(
            sums.T,
            regions=names,
            base_logit=float(explanation.base_logit[chosen].mean()),
            # Seconds of clips of different lengths cannot share an axis.
            times=times[0] if np.allclose(times, times[0], atol=1e-3) else None,
            faces=faces,
            has_reference_frame=explanation.has_reference_frame,
            title=f"target {', '.join(map(str, targets))}, {subject}",
        )
        return display.plot(**kwargs)

    def plot(self, *, ax=None, max_faces=8):
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place in the figure is used, and divided; it must be part of a grid, as those of
            ``plt.subplots(layout="constrained")``. None creates a figure.
        max_faces : int, default=8
            Largest number of faces above the heat map.

        Returns
        -------
        self : RelevanceTimelineDisplay

        Raises
        ------
        ValueError
            If shapes do not match, shares are not finite, or `max_faces` is less than 1.
        """
        shares = np.asarray(self.shares, dtype=np.float64)
        if shares.ndim != 2 or len(shares) != len(self.regions) or not np.isfinite(shares).all():
            raise ValueError(
                f"shares must be finite and of shape (n_regions, n_frames), with n_regions = "
                f"{len(self.regions)}; got shape {shares.shape}."
            )
        if max_faces < 1:
            raise ValueError(
                f"max_faces must be at least 1, got {max_faces}; pass images=None to "
                "from_explanation for no faces."
            )
        self._make_axes(ax)
        n_reference = int(self.has_reference_frame)
        movement = shares[:, n_reference:]
        self._draw_heatmap(movement)
        total = self.base_logit
        if n_reference:
            self._draw_identity(shares[:, 0])
            total = self._draw_steps("reference logit", shares[:, :1].sum(axis=0), total)
        total = self._draw_steps("logit", movement.sum(axis=0), total)
        self._label_axes(total)
        if self.faces is not None:
            n_frames = movement.shape[1]
            # Parts of equal length, so that each face is near its frame.
            n_parts = -(-n_frames // -(-n_frames // max_faces))
            parts = np.array_split(np.arange(n_frames), n_parts)
            strength = np.abs(movement.sum(axis=0))
            peaks = [part[strength[part].argmax()] for part in parts]
            places = (np.arange(len(parts)) + 0.5) / len(parts)
            self._draw_faces("faces", np.array(peaks) + n_reference, places, 1 / len(parts))
            if n_reference:
                width = _COLUMNS[""] / _COLUMNS["reference "] / len(places)
                self._draw_faces("reference faces", [0], [0.5], min(width, 1))
            self._draw_leaders((np.array(peaks) + 0.5) / n_frames, places)
        if self.title is not None:
            # Layout engines leave no room for a title of an Axes that is divided.
            top = self.axes_["shares" if self.faces is None else "faces"]
            write = self.figure_.suptitle if ax is None else top.set_title
            write(self.title, fontsize="medium", **LITERAL)
        return self

    def _make_axes(self, ax: Any) -> None:
        """Create the Axes by name."""
        import matplotlib.pyplot as plt

        rows, columns = dict(_ROWS), dict(_COLUMNS)
        if self.faces is None:
            del rows["faces"]
        if not self.has_reference_frame:
            del columns["reference "]
        ratios = {"height_ratios": list(rows.values()), "width_ratios": list(columns.values())}
        if ax is None:
            self.figure_ = plt.figure(figsize=_FIGURE_INCHES, layout="constrained")
            grid = self.figure_.add_gridspec(len(rows), len(columns), **ratios)
        else:
            place = ax.get_subplotspec()
            if place is None:
                raise ValueError(
                    "ax has no place in a grid that could be divided: create it with plt.subplots "
                    "or Figure.add_subplot."
                )
            self.figure_ = ax.figure
            ax.set_axis_off()
            grid = place.subgridspec(len(rows), len(columns), **ratios)
        self.axes_ = {
            column + row: self.figure_.add_subplot(grid[i, j])
            for i, row in enumerate(rows)
            for j, column in enumerate(columns)
        }
        self.axes_["logit"].sharex(self.axes_["shares"])
        if self.has_reference_frame:
            self.axes_["logit"].sharey(self.axes_["reference logit"])

    def _draw_heatmap(self, movement: NDArray[np.float64]) -> None:
        axes = self.axes_["shares"]
        limit = np.abs(movement).max() or 1.0
        self.heatmap_ = axes.pcolormesh(
            movement, cmap=signed_cmap(axes), vmin=-limit, vmax=limit, rasterized=True
        )
        axes.invert_yaxis()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelbottom=False)
        axes.set_yticks(np.arange(len(movement)) + 0.5, self.regions)
        self.colorbar_ = self.figure_.colorbar(
            self.heatmap_, cax=axes.inset_axes((1.02, 0, 0.02, 1)), label="share of the logit"
        )
        self.colorbar_.outline.set_visible(False)

    def _draw_identity(self, shares: NDArray[np.float64]) -> None:
        axes = self.axes_["reference shares"]
        axes.barh(
            np.arange(len(shares)) + 0.5, shares, height=0.7, color=_signed_colours(axes, shares)
        )
        axes.set_ylim(len(shares), 0)
        axes.set_yticks(np.arange(len(shares)) + 0.5, self.regions)
        self.axes_["shares"].tick_params(labelleft=False)
        largest = shares[np.abs(shares).argmax()]
        limit = 1.1 * abs(largest) or 1.0
        axes.set_xlim(-limit, limit)
        axes.axvline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.8)
        axes.set_xticks([largest], [as_text(largest, "+.2g")])
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)

    def _draw_steps(self, name: str, shares: NDArray[np.float64], start: float) -> float:
        """Draw steps from one level of the logit to the next; return the last level."""
        axes = self.axes_[name]
        levels = start + np.concatenate([[0], np.cumsum(shares)])
        axes.bar(
            np.arange(len(shares)) + 0.5,
            shares,
            bottom=levels[:-1],
            width=0.8,
            color=_signed_colours(axes, shares),
        )
        axes.stairs(
            levels[1:],
            np.arange(len(levels)),
            baseline=None,
            color=axes.xaxis.label.get_color(),
            linewidth=0.8,
        )
        axes.axhline(
            self.base_logit, color=axes.xaxis.label.get_color(), linewidth=0.6, linestyle=":"
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.use_sticky_edges = False
        axes.margins(y=0.15)
        return float(levels[-1])

    def _label_axes(self, logit: float) -> None:
        axes = self.axes_["logit"]
        first = self.axes_.get("reference logit", axes)
        first.set_ylabel("logit")
        rises = logit > self.base_logit
        for text, level, place in (
            (f"logit {as_text(logit, '.2f')}", logit, "bottom" if rises else "top"),
            (
                f"baselines {as_text(self.base_logit, '.2f')}",
                self.base_logit,
                "top" if rises else "bottom",
            ),
        ):
            axes.annotate(
                text,
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va=place,
                fontsize="small",
            )
        n_frames = np.shape(self.shares)[1] - int(self.has_reference_frame)
        times = None if self.times is None else np.asarray(self.times)[-n_frames:]
        ticks = np.arange(0, n_frames, -(-n_frames // 8))
        if times is None or np.isnan(times).any():
            axes.set_xticks(ticks + 0.5, ticks + int(self.has_reference_frame))
            axes.set_xlabel("frame")
        else:
            axes.set_xticks(ticks + 0.5, [f"{time:.2f}" for time in times[ticks]])
            axes.set_xlabel("time (s)")
        axes.set_xlim(0, n_frames)
        if first is not axes:
            axes.tick_params(labelleft=False)
            first.set_xlim(0, 1)
            first.set_xticks([])
            first.set_xlabel("identity")

    def _draw_faces(self, name: str, frames: Any, places: Any, width: float) -> None:
        """Draw the faces of some frames; places and widths are between 0 and 1 along an Axes."""
        strip = self.axes_[name]
        strip.set_axis_off()
        strip.set(xlim=(0, 1), ylim=(0, 1))
        faces = np.asarray(self.faces)
        for frame, place in zip(frames, places, strict=True):
            face = strip.inset_axes((place - width / 2, _LEADER, width, 1 - _LEADER))
            if faces.ndim == 4:
                face.imshow(faces[frame])
                face.set_axis_off()
            else:
                draw_frame(face, faces[frame])
            face.set_anchor("S")

    def _draw_leaders(self, columns: NDArray[np.float64], places: NDArray[np.float64]) -> None:
        """Connect each face to the column of its frame."""
        strip = self.axes_["faces"]
        for column, place in zip(columns, places, strict=True):
            strip.plot(
                [column, place], [0, _LEADER], color=strip.xaxis.label.get_color(), linewidth=0.6
            )


def _signed_colours(axes: Any, shares: NDArray[np.float64]) -> list[Any]:
    colours = share_colours(axes)
    return [colours[int(share > 0)] for share in shares]


def _faces(explanation: Any, clip: int, images: str | None) -> NDArray[Any] | None:
    """Pictures of the face of a clip, or its landmarks."""
    if images is None:
        return None
    points = explanation.landmarks[clip][..., :2]
    frames = find_images(explanation, clip, images)
    return points if frames is None else face_pictures(frames, points)


def _mean_faces(landmarks: NDArray[Any]) -> NDArray[np.float64] | None:
    """Mean of the faces of several clips, each placed and scaled by its eyes in frame 0."""
    points = landmarks[..., :2]
    if not mesh.is_full_mesh(points.shape[2]):
        return None
    eyes = mesh.eye_centres(points[:, 0])
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=-1)[:, None, None, None]
    return ((points - eyes.mean(axis=1)[:, None, None]) / distance).mean(axis=0)
