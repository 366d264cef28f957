"""Signed shares of the landmarks and frames of single clips in a logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh


@dataclass(frozen=True, eq=False)
class ClipExplanation:
    """Why clips got their logits: the share of each frame and landmark.

    Made by :func:`explain_clips`. ``explanation[i]`` is the explanation of clip `i` alone, and
    printing an explanation lists the regions that spoke for and against the target.

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
        Landmarks of each frame before alignment, with y down: pixels if they were extracted.
    support : ndarray of bool of shape (n_clips, n_landmarks)
        Landmarks that the estimator uses for the target.
    has_reference_frame : bool
        Whether frame 0 holds positions, and the other frames hold displacements from it, as after
        ``LandmarkAligner(reference="first")``: see `identity` and `movement`.
    names : list of str of length n_clips
        Paths of the clips, or "clip 3".
    clips : list or None
        The clips, where they were passed as paths or images; see :meth:`images`. None for rows.

    See Also
    --------
    explain_clips : Computes the shares.
    ClipExplanationDisplay : Draws them on the face of the clip.
    RelevanceTimelineDisplay : Draws them over time.
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

    def __len__(self) -> int:
        return len(self.attributions)

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

    def by_region(self) -> dict[str, NDArray[np.float32]]:
        """Share of each region of the face in each frame.

        Returns
        -------
        dict of str to ndarray of shape (n_clips, n_frames)
            By the name of the region, as in :func:`sklearn_temo.mesh.regions`. The ten landmarks of
            the irises belong to the eyes.

        Raises
        ------
        ValueError
            If the landmarks are not a full mesh.
        """
        n_landmarks = self.attributions.shape[2]
        regions = mesh.regions(n_landmarks)
        return {
            name: self.attributions[:, :, regions == name].sum(axis=2)
            for name in np.unique(regions).tolist()
        }

    def top(self, n: int = 10) -> NDArray[np.intp]:
        """Landmarks with the largest absolute share over all frames.

        Parameters
        ----------
        n : int, default=10

        Returns
        -------
        ndarray of int of shape (n_clips, n)
            Numbers of the landmarks, the largest share first.
        """
        shares = np.abs(self.attributions.sum(axis=1))
        return np.argsort(-shares, axis=1, kind="stable")[:, :n]
