"""Layout of the landmarks of clips in the columns of a 2-D array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import mesh
from ._warnings import warn_user

__all__ = ["LandmarkArray", "LandmarkLayout", "restore_positions"]

_AXES = "xyz"
_COLUMN_NAME = re.compile(r"f(\d{3,})_p(\d{3,})_([xyz]|\d+)")

# Smallest and largest number of clips on which an inferred layout is checked.
_MIN_CHECKED, _MAX_CHECKED = 4, 64
# Mean squared difference of neighbouring landmarks, as a share of that of random pairs. Faces give
# 0.02 to 0.35, columns that are not a full mesh 0.5 to 1.
_MAX_NEIGHBOUR_DIFFERENCE = 0.45
# Displacements from frame 0 vary over a face less than the positions in frame 0, by this factor or
# more.
_MAX_DISPLACEMENT = 0.5


@dataclass(frozen=True)
class LandmarkLayout:
    """Frames, landmarks and coordinates of a clip, flattened to one row.

    Between the steps of a pipeline a set of clips is one 2-D array, so that every scikit-learn
    estimator can be used as a step. Only this class knows the order of the columns: frame, then
    landmark, then coordinate, ``column = (frame * n_landmarks + landmark) * n_coords + coord``.

    Parameters
    ----------
    n_frames : int
        Frames of a clip.
    n_landmarks : int
        Landmarks of a frame.
    n_coords : int
        Coordinates of a landmark: 3 for x, y, z.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import LandmarkLayout
    >>> layout = LandmarkLayout(n_frames=2, n_landmarks=4, n_coords=3)
    >>> layout.n_features
    24
    >>> X = np.arange(48.0).reshape(2, 24)
    >>> layout.unflatten(X).shape
    (2, 2, 4, 3)
    >>> layout.feature_mask([True, False, False, False]).sum()
    np.int64(6)
    """

    n_frames: int
    n_landmarks: int
    n_coords: int

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"every size of a layout must be at least 1, got {self!r}.")

    def __str__(self) -> str:
        frames = "1 frame" if self.n_frames == 1 else f"{self.n_frames} frames"
        return f"{frames} of {self.n_landmarks} landmarks with {self.n_coords} coordinates"

    @classmethod
    def infer(cls, X: Any, *, n_frames: int | None = None, n_coords: int = 3) -> LandmarkLayout:
        """Infer the layout of a set of clips.

        The layout is taken from the first of these sources that exists: the layout that the
        previous step attached (see :class:`LandmarkArray`), the column names of a DataFrame, the
        parameter `n_frames`, or a number of columns that only a full face mesh (468 or 478
        landmarks) has.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips, before they are converted to an array.
        n_frames : int or None, default=None
            Frames of a clip. None infers it.
        n_coords : int, default=3
            Coordinates of a landmark.

        Returns
        -------
        LandmarkLayout

        Raises
        ------
        ValueError
            If no source gives the layout, or two of them disagree.

        Warns
        -----
        UserWarning
            If the number of columns is that of a full mesh, but the columns do not vary like a
            face.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_temo import LandmarkLayout
        >>> LandmarkLayout.infer(np.zeros((2, 16 * 468 * 3)))
        LandmarkLayout(n_frames=16, n_landmarks=468, n_coords=3)
        """
        n_features = (X.shape if hasattr(X, "shape") else np.asarray(X).shape)[-1]
        attached = X.layout if isinstance(X, LandmarkArray) else None
        named = _layout_of_names(getattr(X, "columns", ()))
        for layout, source in ((attached, "the previous step gave"), (named, "the columns name")):
            if layout is None:
                continue
            if n_frames not in (None, layout.n_frames) or n_coords != layout.n_coords:
                raise ValueError(
                    f"n_frames={n_frames} and n_coords={n_coords} do not fit X: {source} {layout}. "
                    f"Pass n_frames={layout.n_frames} (or None) and n_coords={layout.n_coords}."
                )
            return layout
        full_meshes = [
            cls(n_features // (n_landmarks * n_coords), n_landmarks, n_coords)
            for n_landmarks in mesh.FULL_MESHES
            if n_features % (n_landmarks * n_coords) == 0
        ]
        if n_frames is not None:
            return cls._from_n_frames(n_features, n_frames, n_coords, full_meshes)
        if len(full_meshes) == 1:
            _warn_unless_faces(X, full_meshes[0])
            return full_meshes[0]
        found = " or ".join(map(str, full_meshes)) or (
            f"no multiple of 468 or 478 landmarks with {n_coords} coordinates"
        )
        raise ValueError(
            f"n_frames is not known: X has {n_features} features, which is {found}. Pass the "
            "n_frames that the clips were extracted with. (After a landmark selector n_frames is "
            "known, unless a step in between, such as a scaler, returns a plain array.)"
        )

    @classmethod
    def _from_n_frames(
        cls, n_features: int, n_frames: int, n_coords: int, full_meshes: list[LandmarkLayout]
    ) -> LandmarkLayout:
        n_landmarks, rest = divmod(n_features, n_frames * n_coords)
        if rest or not n_landmarks:
            raise ValueError(
                f"X has {n_features} features, which is not a multiple of "
                f"n_frames * n_coords = {n_frames} * {n_coords} = {n_frames * n_coords}: "
                "pass the n_frames and n_coords that the clips were extracted with."
            )
        # Columns of several full meshes belong to more frames than n_frames.
        for layout in full_meshes:
            if n_landmarks > max(mesh.FULL_MESHES) and n_landmarks % layout.n_landmarks == 0:
                raise ValueError(
                    f"n_frames={n_frames} does not fit X: its {n_features} features are {layout}, "
                    f"but would be {n_landmarks} landmarks with n_frames={n_frames}. Pass "
                    f"n_frames={layout.n_frames} (or None)."
                )
        return cls(n_frames, n_landmarks, n_coords)

    @property
    def n_features(self) -> int:
        """Number of columns of a row."""
        return self.n_frames * self.n_landmarks * self.n_coords

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one clip, ``(n_frames, n_landmarks, n_coords)``."""
        return self.n_frames, self.n_landmarks, self.n_coords

    def attach(self, X: NDArray[Any]) -> LandmarkArray:
        """Attach this layout to the rows of an array.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)

        Returns
        -------
        LandmarkArray of shape (n_clips, n_features)
            A view, no copy.
        """
        rows = X.view(LandmarkArray)
        rows._layout = self
        return rows

    def unflatten(self, X: Any) -> Any:
        """View rows as clips.

        Parameters
        ----------
        X : ndarray or Tensor of shape (..., n_features)

        Returns
        -------
        ndarray or Tensor of shape (..., n_frames, n_landmarks, n_coords)
            A view, no copy.
        """
        return X.reshape(*X.shape[:-1], *self.shape)

    def flatten(self, clips: NDArray[Any]) -> NDArray[Any]:
        """View clips as rows: the inverse of :meth:`unflatten`.

        Parameters
        ----------
        clips : ndarray of shape (..., n_frames, n_landmarks, n_coords)

        Returns
        -------
        ndarray of shape (..., n_features)
            A view where `clips` is contiguous.
        """
        return clips.reshape(*clips.shape[:-3], self.n_features)

    def feature_mask(self, landmark_mask: ArrayLike) -> NDArray[np.bool_]:
        """Mask of the columns that belong to the given landmarks.

        Parameters
        ----------
        landmark_mask : array-like of bool of shape (n_landmarks,)

        Returns
        -------
        ndarray of bool of shape (n_features,)
        """
        mask = np.asarray(landmark_mask, dtype=bool)
        if mask.shape != (self.n_landmarks,):
            raise ValueError(
                f"landmark_mask must have shape ({self.n_landmarks},), got {mask.shape}."
            )
        return self.flatten(np.broadcast_to(mask[None, :, None], self.shape))

    def feature_names(self, landmarks: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the columns, ``f{frame:03d}_p{landmark:03d}_{x|y|z}``.

        Parameters
        ----------
        landmarks : array-like of int of shape (n_landmarks,), default=None
            Number of each landmark in the full mesh; None counts from 0.

        Returns
        -------
        ndarray of str of shape (n_features,)
        """
        numbers = range(self.n_landmarks) if landmarks is None else np.asarray(landmarks).tolist()
        return np.array(_column_names(range(self.n_frames), numbers, self.n_coords), dtype=object)


class LandmarkArray(np.ndarray):
    """Rows of clips that carry their layout to the next step.

    Otherwise an ndarray. The layout is kept when rows are selected, in arithmetic, by pickle and by
    joblib. It is None after columns were selected by indexing, and where the number of columns is
    no longer that of the layout.

    Attributes
    ----------
    layout : LandmarkLayout or None
    """

    _layout: LandmarkLayout | None = None

    @property
    def layout(self) -> LandmarkLayout | None:
        """Layout of the columns; None where it is lost."""
        layout = self._layout
        is_valid = layout is not None and self.ndim == 2 and self.shape[1] == layout.n_features
        return layout if is_valid else None

    def __array_finalize__(self, source: Any) -> None:
        self._layout = getattr(source, "_layout", None)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        picks_columns = isinstance(key, tuple) and any(
            part is not Ellipsis and not (isinstance(part, slice) and part == slice(None))
            for part in key[1:]
        )
        if picks_columns and isinstance(found, LandmarkArray):
            found._layout = None
        return found

    def __reduce__(self) -> Any:
        rebuilt: Any = super().__reduce__()
        rebuild, arguments, state = rebuilt
        return rebuild, arguments, (state, self._layout)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self._layout = state[1]


def restore_positions(clips: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Positions in every frame, where clips may hold displacements from frame 0.

    Displacements, as :class:`~sklearn_temo.LandmarkAligner` returns them, are recognised by their
    size.

    Parameters
    ----------
    clips : ndarray of shape (n_clips, n_frames, n_landmarks, n_coords)

    Returns
    -------
    positions : ndarray of shape (n_clips, n_frames, n_landmarks, n_coords)
        A copy if `clips` holds displacements, else `clips` itself.
    is_displaced : bool
        Whether the frames after the first hold displacements.
    """
    complete = clips[np.isfinite(clips).all(axis=(1, 2, 3))]
    if clips.shape[1] == 1 or not len(complete):
        return clips, False
    size = complete.std(axis=2).mean(axis=(0, 2))
    is_displaced = bool(size[1:].max() < _MAX_DISPLACEMENT * size[0])
    if is_displaced:
        clips = np.concatenate([clips[:, :1], clips[:, 1:] + clips[:, :1]], axis=1)
    return clips, is_displaced


def _column_names(frames: Any, landmarks: Any, n_coords: int) -> list[str]:
    axes = _AXES if n_coords <= len(_AXES) else [str(number) for number in range(n_coords)]
    return [
        f"f{frame:03d}_p{landmark:03d}_{axis}"
        for frame in frames
        for landmark in landmarks
        for axis in axes[:n_coords]
    ]


def _layout_of_names(columns: Any) -> LandmarkLayout | None:
    """Layout that column names describe; None where they are not names of landmarks."""
    names = [str(name) for name in columns]
    parts = [match.groups() for name in names if (match := _COLUMN_NAME.fullmatch(name))]
    if not names or len(parts) < len(names):
        return None
    frames, landmarks, axes = map(dict.fromkeys, zip(*parts, strict=True))
    expected = _column_names(map(int, frames), list(map(int, landmarks)), len(axes))
    if names != expected:
        missing = sorted({*expected} - {*names})
        problem = f"{missing[0]!r} is missing" if missing else "they are in another order"
        raise ValueError(
            f"the {len(names)} columns are named like landmarks, but do not form whole landmarks "
            f"in every frame: {problem}. Select whole landmarks, with IGLandmarkSelector or "
            "LandmarkLayout.feature_mask, and keep the order of the columns."
        )
    return LandmarkLayout(len(frames), len(landmarks), len(axes))


def _warn_unless_faces(X: Any, layout: LandmarkLayout) -> None:
    """Warn if the values do not vary like faces, though the number of columns fits a full mesh.

    On a face, neighbours on the mesh move together, also in standardised data.
    """
    landmarks = layout.unflatten(np.asarray(X[:_MAX_CHECKED], dtype=np.float64))[:, 0]
    landmarks = landmarks[np.isfinite(landmarks).all(axis=(1, 2))]
    if len(landmarks) < _MIN_CHECKED:
        return
    landmarks -= landmarks.mean(axis=0)
    size = landmarks.std(axis=0)
    landmarks /= np.where(size > 0, size, np.inf)
    first, second = mesh.edges().T
    others = np.random.default_rng(0).permutation(second)
    of_neighbours = np.square(landmarks[:, first] - landmarks[:, second]).mean()
    of_others = np.square(landmarks[:, first] - landmarks[:, others]).mean()
    if of_neighbours > _MAX_NEIGHBOUR_DIFFERENCE * of_others:
        warn_user(
            f"the {layout.n_features} features of X are interpreted as {layout}, but neighbouring "
            "landmarks do not vary together as on a face. Pass n_frames if X holds selected "
            "landmarks, or if its rows are not faces."
        )
