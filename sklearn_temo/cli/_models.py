"""Saved models that are named on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._clips import GivenClips, check_extraction


@dataclass(frozen=True)
class GivenModel:
    """A saved model.

    Parameters
    ----------
    place : str
        Its file, for messages.
    estimator : estimator
        As it was saved.
    extractor : FaceLandmarkTransformer or None
        Its first step, if it takes clips.
    for_rows : estimator
        The steps after the extraction.
    """

    place: str
    estimator: Any
    extractor: Any
    for_rows: Any

    def take_clips(self, clips: GivenClips) -> GivenClips:
        """The clips, or the rows of a table that the model takes.

        Raises ValueError if the model cannot take them.
        """
        from .._pipelines import count_columns, fitted_steps
        from ..blendshapes import NAMES

        if clips.table is None:
            if self.extractor is None:
                raise ValueError(
                    f"{self.place!r} was trained on a table and takes landmarks, not clips: write "
                    f"them with sklearn-temo extract {clips.place} --out landmarks.npz, with the "
                    "--n-frames of the training table, and pass this table."
                )
            check_extraction(self.extractor, clips)
            return clips
        n_columns = count_columns(self.for_rows)
        layouts = [getattr(step, "layout_", None) for step in fitted_steps(self.for_rows)]
        # Of the steps that take the rows as they are.
        names = [found.names for found in layouts if found and found.n_features == n_columns]
        if NAMES in names:
            if clips.table.blendshapes is None:
                raise ValueError(
                    f"{self.place!r} takes blendshapes, which {clips.place!r} does not have: write "
                    "the table again with sklearn-temo extract, or pass the clips."
                )
            clips = clips.with_blendshapes()
        if n_columns not in (None, clips.data.shape[1]):
            raise ValueError(
                f"{clips.place!r} has {clips.data.shape[1]} columns for each clip "
                f"({clips.data.layout}), but {self.place!r} takes {n_columns}: write the table "
                "again with the --n-frames and --n-landmarks of the training clips."
            )
        return clips


def read_model(place: str) -> GivenModel:
    """Load a model; raises ValueError if the file is no model."""
    from .._pipelines import split_extraction
    from ..persistence import load_model

    try:
        estimator = load_model(Path(place).expanduser())
    except OSError as error:
        raise ValueError(
            f"the model {place!r} cannot be read ({error.strerror or error}): pass the .skops file "
            "that sklearn-temo train or save_model wrote."
        ) from error
    if not hasattr(estimator, "predict"):
        raise ValueError(f"{place!r} holds {type(estimator).__name__}, which cannot predict.")
    for_rows, extractor = split_extraction(estimator)
    return GivenModel(place, estimator, extractor, for_rows)
