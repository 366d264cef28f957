"""The clips of a report, read once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from .. import mesh
from .._data_hash import rows_sha256
from .._pipelines import extracted_rows, find_layout, fitted_steps
from .._warnings import warn_user
from ..alignment import LandmarkAligner
from ..layout import LandmarkLayout, restore_positions


class NoUsableClip(ValueError):
    """None of the clips could be read."""


@dataclass(frozen=True, eq=False)
class ReportClips:
    """Clips as rows, and what is known of them.

    Parameters
    ----------
    rows : array-like of shape (n_clips, n_features)
        As passed by the user, or extracted; without the clips that could not be used.
    y : ndarray of shape (n_clips,)
    groups : ndarray of shape (n_clips,) or None
    names : list of str
        Paths of the clips, or "clip 3".
    indices : ndarray of int of shape (n_clips,)
        Indices of the clips among those that the user passed.
    times : ndarray of shape (n_clips, n_frames) or None
        Seconds from the first frame of a clip; None if they are not known.
    extraction : dict or None
        Section of the report on the extraction; None for rows.
    """

    rows: Any
    y: NDArray[Any]
    groups: NDArray[Any] | None
    names: list[str]
    indices: NDArray[np.intp]
    times: NDArray[np.float64] | None = None
    extraction: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: Any) -> Any:
        """Rows of some clips, in the type in which they were passed."""
        return _safe_indexing(self.rows, indices)

    def layout(self, estimator: Any) -> LandmarkLayout | None:
        """Layout of the rows; None if neither the estimator nor the rows tell it."""
        return find_layout(self.rows, estimator)

    def sha256(self) -> str:
        """Checksum of rows, labels and groups, as :func:`write_report` documents it."""
        return rows_sha256(self.rows, self.y, self.groups)


def read_clips(extractor: Any, X: Any, y: Any, groups: Any, verbose: int = 0) -> ReportClips:
    """Read clips once; those that cannot be used are left out, with one warning."""
    y = np.asarray(y)
    groups = None if groups is None else np.asarray(groups)
    if extractor is None:
        rows = X if hasattr(X, "iloc") else np.asanyarray(X)
        if rows.ndim != 2:
            raise ValueError(
                f"X must have the shape (n_clips, n_features) for this estimator, but has the "
                f"shape {rows.shape}. Pass rows of landmarks, or a pipeline that begins with a "
                "FaceLandmarkTransformer for paths or images."
            )
        names = [f"clip {i}" for i in range(len(rows))]
        return ReportClips(rows, y, groups, names, np.arange(len(rows)))
    return _extract(clone(extractor), X, y, groups, verbose)


def _extract(
    extractor: Any, X: Any, y: NDArray[Any], groups: NDArray[Any] | None, verbose: int
) -> ReportClips:
    from ..extraction import DoubtfulClipsWarning, SkippedClipsWarning
    from ..extraction._extraction_report import bare_reason

    extractor.set_params(on_error="skip-with-nan", verbose=max(verbose, extractor.verbose))
    with warnings.catch_warnings():
        # The report lists these clips.
        warnings.simplefilter("ignore", SkippedClipsWarning)
        warnings.simplefilter("ignore", DoubtfulClipsWarning)
        found = extractor.extract(X)
    report = extractor.report_
    skipped = {clip.index: (clip.source, bare_reason(clip)) for clip in report.skipped}
    for index, clip in enumerate(found):
        if index not in skipped and np.isnan(clip.landmarks).any():
            n_missing = int((~clip.detected).sum())
            reason = f"no face in {n_missing} of {len(clip.detected)} frames, which are NaN."
            skipped[index] = (clip.name, reason)
    kept = [index for index in range(len(found)) if index not in skipped]
    if not kept:
        source, reason = skipped[0]
        raise NoUsableClip(
            f"none of the {len(found)} clips could be used; the first, {source!r}: {reason}"
        )
    if skipped:
        source, reason = skipped[min(skipped)]
        warn_user(
            f"{len(skipped)} of {len(found)} clips could not be used and are left out; the report "
            f"lists all. The first, {source!r}: {reason}"
        )
    lengths = {len(found[index].times) for index in kept}
    if len(lengths) > 1:
        raise ValueError(
            f"the clips have from {min(lengths)} to {max(lengths)} frames: pass n_frames to the "
            "FaceLandmarkTransformer, so that all have the same number."
        )
    times = np.stack([found[index].times for index in kept])
    has_seconds = all(np.isfinite(found[index].fps) for index in kept)
    return ReportClips(
        extracted_rows(extractor, [found[index] for index in kept]),
        y[kept],
        None if groups is None else groups[kept],
        [found[index].name for index in kept],
        np.array(kept),
        times - times[:, :1] if has_seconds else None,
        {
            "n_clips": report.n_clips,
            "frames_seen": sum(report.n_frames_seen),
            "frames_with_face": sum(report.n_frames_with_face),
            "skipped": [
                {"clip": source, "reason": reason}
                for _, (source, reason) in sorted(skipped.items())
            ],
            "doubtful": [
                {"clip": clip.source, "reason": bare_reason(clip)} for clip in report.doubtful
            ],
        },
    )


def aligned_landmarks(clips: NDArray[Any], estimator: Any) -> NDArray[np.float32]:
    """Positions of the landmarks, with y up and z towards the viewer.

    Parameters
    ----------
    clips : ndarray of shape (n_clips, n_frames, n_landmarks, n_coords)
        With y down; positions, or displacements from frame 0.
    estimator : estimator
        Fitted.

    Returns
    -------
    ndarray of float32 of shape (n_clips, n_frames, n_landmarks, 3)
        Faces are aligned as by the LandmarkAligner of `estimator`, and in units of the distance
        between the eyes. Other landmarks are centred, and their root mean square distance from the
        centre is 1.
    """
    layout = LandmarkLayout(*clips.shape[1:])
    clips = clips.astype(np.float32)
    if mesh.is_full_mesh(layout.n_landmarks) and layout.n_coords in (2, 3):
        clips, _ = restore_positions(clips)
        aligners = [step for step in fitted_steps(estimator) if isinstance(step, LandmarkAligner)]
        aligner = clone(aligners[0]) if aligners else LandmarkAligner()
        settings = {"n_frames": layout.n_frames, "n_coords": layout.n_coords, "reference": None}
        rows = aligner.set_params(**settings).fit_transform(layout.flatten(clips))
        clips = layout.unflatten(rows)
    else:
        clips -= clips.mean(axis=2, keepdims=True)
        clips /= np.sqrt(np.square(clips).sum(axis=3).mean(axis=(1, 2)))[:, None, None, None]
    points = np.zeros((*clips.shape[:3], 3), dtype=np.float32)
    points[..., : layout.n_coords] = clips[..., :3]
    return points * np.array([1, -1, -1], dtype=np.float32)
