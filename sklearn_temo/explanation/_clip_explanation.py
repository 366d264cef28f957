"""Signed shares of the landmarks and frames of single clips in a logit."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh

if TYPE_CHECKING:
    from pandas import DataFrame

# Clips and regions that are printed.
_MAX_CLIPS = 10
_MAX_REGIONS = 3


@dataclass(frozen=True, eq=False, repr=False)
class ClipExplanation:
    """Why clips got their logits: the share of each frame and landmark.

    Made by :func:`explain_clips`. ``explanation[i]`` is the explanation of clip `i` alone; slices,
    arrays of indices and masks select several clips. Printing an explanation lists the regions that
    spoke for and against the target.

    Attributes
    ----------
    attributions : ndarray of float32 of shape (n_clips, n_frames, n_landmarks)
        Signed share of each landmark in each frame: positive shares raise the logit, compared with
        the baselines. Landmarks have the numbers of the full mesh, and those that were not selected
        have a share of 0. The shares of a clip add up to ``logit - base_logit``.
    target : ndarray of shape (n_clips,)
        Class that is explained, or the index of the output of a regressor.
    logit : ndarray of float64 of shape (n_clips,)
        Logit of the target, as in `decision_function`, or output of a regressor.
    base_logit : ndarray of float64 of shape (n_clips,)
        Mean logit of the target at the baselines.
    completeness_gap : ndarray of float64 of shape (n_clips,)
        Relative difference between the sum of the shares and ``logit - base_logit``.
    times : ndarray of float64 of shape (n_clips, n_frames)
        Times of the frames in seconds; NaN if they are not known.
    landmarks : ndarray of float32 of shape (n_clips, n_frames, n_landmarks, n_coords)
        Landmarks of each frame before alignment, with y down: pixels if they were extracted; or
        values of the blendshapes.
    support : ndarray of bool of shape (n_clips, n_landmarks)
        Landmarks that the estimator uses for the target.
    has_reference_frame : bool
        Whether frame 0 holds positions, and the other frames hold displacements from it, as after
        ``LandmarkAligner(reference="first")``: see `identity` and `movement`.
    names : list of str of length n_clips
        Paths of the clips, or "clip 3".
    clips : list or None
        The clips, where they were passed as paths or images; see :meth:`images`. None for rows.
    extractor : FaceLandmarkTransformer or None
        Step that extracted the landmarks of `clips`. None for rows.
    landmark_names : tuple of str of length n_landmarks or None
        Names of the landmarks, such as those of blendshapes. None for landmarks that have numbers.

    See Also
    --------
    explain_clips : Computes the shares.
    ClipExplanationDisplay : Draws them on the face of the clip.
    RelevanceTimelineDisplay : Draws them over time.

    Examples
    --------
    >>> from sklearn_temo import explain_clips, make_temo_pipeline
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=4, random_state=0)
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True)
    >>> explanation = explain_clips(pipe.fit(clips.data, clips.target), clips.data[:3])
    >>> print(explanation[0])
    clip 0: target ...
        logit ..., at the baselines ...
        identity ..., movement ...
        for: ...
        against: ...
        most telling frame: ..., movement ...

    The share of the lips in each frame of the first clip, and the table of all shares:

    >>> explanation.by_region()["lips"][0].round(1)
    array([0. , 0.7, 0.5, 0.3], dtype=float32)
    >>> explanation.to_frame().groupby("region")["share"].sum().idxmax()
    'lips'
    """

    attributions: NDArray[np.float32]
    target: NDArray[Any]
    logit: NDArray[np.float64]
    base_logit: NDArray[np.float64]
    completeness_gap: NDArray[np.float64]
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    support: NDArray[np.bool_]
    has_reference_frame: bool
    names: list[str]
    clips: list[Any] | None = None
    extractor: Any = None
    landmark_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.attributions)

    def __getitem__(self, key: Any) -> ClipExplanation:
        chosen = np.atleast_1d(np.arange(len(self))[key])
        parts: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                parts[field.name] = value[chosen]
            elif isinstance(value, list):
                parts[field.name] = [value[i] for i in chosen]
        return replace(self, **parts)

    def __str__(self) -> str:
        parts = [self[i]._describe() for i in range(min(len(self), _MAX_CLIPS))]
        if len(self) > _MAX_CLIPS:
            parts.append(f"... and {len(self) - _MAX_CLIPS} more clips")
        return "\n".join(parts)

    __repr__ = __str__

    def _describe(self) -> str:
        """Text of the explanation of a single clip."""
        (logit,), (base_logit,), (frame,) = self.logit, self.base_logit, self.peak_frame()
        lines = [
            f"{Path(*Path(self.names[0]).parts[-2:])}: target {self.target[0]!s}",
            f"logit {logit:.3g}, at the baselines {base_logit:.3g}: {logit - base_logit:+.3g}",
        ]
        movement = self.movement[0].sum(axis=1)
        if self.has_reference_frame:
            lines.append(f"identity {self.identity.sum():+.3g}, movement {movement.sum():+.3g}")
        by_name = self._by_name_or_region()
        if by_name is not None:
            shares = {name: share.sum() for name, share in by_name.items()}
            for title, sign in (("for", 1), ("against", -1)):
                names = [name for name in shares if sign * shares[name] > 0]
                names = sorted(names, key=lambda name: -abs(shares[name]))[:_MAX_REGIONS]
                listed = ", ".join(f"{name} {shares[name]:+.3g}" for name in names)
                none = "no region" if self.landmark_names is None else "none"
                lines.append(f"{title}: {listed or none}")
        time = self.times[0, frame]
        seconds = "" if np.isnan(time) else f" ({time:.2f} s)"
        part = "movement" if self.has_reference_frame else "share"
        lines.append(f"most telling frame: {frame}{seconds}, {part} {movement[frame]:+.3g}")
        return "\n    ".join(lines)

    @property
    def identity(self) -> NDArray[np.float32]:
        """Shares of the positions in the reference frame, of shape (n_clips, n_landmarks).

        They show how the shape of the face, which differs from person to person, changed the logit.
        0 if there is no reference frame.
        """
        if self.has_reference_frame:
            return self.attributions[:, 0]
        return np.zeros_like(self.attributions[:, 0])

    @property
    def movement(self) -> NDArray[np.float32]:
        """Shares without those of the reference frame, of the shape of `attributions`.

        They show how the displacements from the reference frame changed the logit.
        """
        shares = self.attributions
        if self.has_reference_frame:
            shares = shares.copy()
            shares[:, 0] = 0
        return shares

    def by_frame(self) -> NDArray[np.float32]:
        """Share of each frame, ndarray of shape (n_clips, n_frames)."""
        return self.attributions.sum(axis=2)

    def peak_frame(self) -> NDArray[np.intp]:
        """Frame with the largest absolute share of the movement, ndarray of shape (n_clips,)."""
        return np.abs(self.movement.sum(axis=2)).argmax(axis=1)

    def by_region(self) -> dict[str, NDArray[np.float32]]:
        """Share of each region of the face in each frame.

        Returns
        -------
        dict of str to ndarray of shape (n_clips, n_frames)
            By the name of the region, as in :func:`sklearn_temo.mesh.regions`, from the forehead
            down. The ten landmarks of the irises belong to the eyes.

        Raises
        ------
        ValueError
            If the landmarks are not a full mesh.

        See Also
        --------
        by_name : Share of each blendshape.
        """
        n_landmarks = self.attributions.shape[2]
        regions = mesh.regions(n_landmarks)
        return {name: self.attributions[:, :, regions == name].sum(axis=2) for name in mesh.REGIONS}

    def by_name(self) -> dict[str, NDArray[np.float32]]:
        """Share of each named landmark, such as a blendshape, in each frame.

        Returns
        -------
        dict of str to ndarray of shape (n_clips, n_frames)
            By the name of the landmark, in the order of `landmark_names`.

        Raises
        ------
        ValueError
            If the landmarks have no names.
        """
        if self.landmark_names is None:
            raise ValueError(
                "the landmarks have numbers, no names: use by_region for a full mesh, or the "
                "shares of each landmark in attributions."
            )
        shares = np.moveaxis(self.attributions, 2, 0)
        return dict(zip(self.landmark_names, shares, strict=True))

    def _by_name_or_region(self) -> dict[str, NDArray[np.float32]] | None:
        """Shares by name, or by region of a full mesh; None for other landmarks."""
        if self.landmark_names is not None:
            return self.by_name()
        return self.by_region() if mesh.is_full_mesh(self.attributions.shape[2]) else None

    def top(self, n: int = 10) -> NDArray[np.intp]:
        """Landmarks with the largest absolute share over all frames.

        Parameters
        ----------
        n : int, default=10

        Returns
        -------
        ndarray of int of shape (n_clips, n)
            Numbers of the landmarks, or indices of their names, the largest share first.
        """
        shares = np.abs(self.attributions.sum(axis=1))
        return np.argsort(-shares, axis=1, kind="stable")[:, :n]

    def images(self, i: int) -> NDArray[np.uint8] | None:
        """Read the frames of a clip, as they were given to MediaPipe.

        Parameters
        ----------
        i : int
            Index of the clip.

        Returns
        -------
        ndarray of uint8 of shape (n_frames, height, width, 3), or None
            RGB images at the times of `landmarks`, which are positions in them. None if the
            explanation was computed from rows.

        Raises
        ------
        FileNotFoundError, ValueError
            If the file of the clip is no longer there, or was changed so that it cannot be read.
        """
        return None if self.clips is None else self.extractor.read_frames(self.clips[i])

    def to_frame(self) -> DataFrame:
        """Shares as a table with one row per clip, frame and landmark of the support.

        Returns
        -------
        pandas.DataFrame
            With the columns clip (index), name, target, frame, time (in seconds, or NaN), landmark
            (its number, or its name), region (None if the landmarks are not a full mesh) and share.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas; install it with pip install pandas."
            ) from error

        n_landmarks = self.attributions.shape[2]
        used = np.broadcast_to(self.support[:, None], self.attributions.shape)
        clip, frame, landmark = np.nonzero(used)
        is_face = mesh.is_full_mesh(n_landmarks)
        return pd.DataFrame(
            {
                "clip": clip,
                "name": np.array(self.names, dtype=object)[clip],
                "target": self.target[clip],
                "frame": frame,
                "time": self.times[clip, frame],
                "landmark": (
                    landmark
                    if self.landmark_names is None
                    else np.array(self.landmark_names, dtype=object)[landmark]
                ),
                "region": mesh.regions(n_landmarks).astype(object)[landmark] if is_face else None,
                "share": self.attributions[used],
            }
        )
