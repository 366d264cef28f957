"""How landmarks of clips lie in the columns of a 2-D array."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LandmarkLayout"]

_AXES = "xyz"


@dataclass(frozen=True)
class LandmarkLayout:
    """Frames, landmarks and coordinates of a clip, flattened to one row.

    Between the steps of a pipeline a set of clips is one 2-D array, so that every scikit-learn
    estimator can take its place anywhere. This class is the only one that knows the order of its
    columns: frame-major, then landmark, then coordinate,
    ``column = (frame * n_landmarks + landmark) * n_coords + coord``.

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
        for name in ("n_frames", "n_landmarks", "n_coords"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}.")

    @classmethod
    def from_n_features(cls, n_features: int, n_frames: int, n_coords: int) -> LandmarkLayout:
        """Layout of an array whose number of columns is known.

        Parameters
        ----------
        n_features : int
            Number of columns.
        n_frames, n_coords : int
            Frames of a clip, and coordinates of a landmark.

        Returns
        -------
        LandmarkLayout
            The number of landmarks follows from the other three.

        Raises
        ------
        ValueError
            If the columns cannot be divided into whole landmarks.

        Warns
        -----
        UserWarning
            If there are several times as many landmarks as a face has: `n_frames` is then likely
            not that of the clips.
        """
        n_landmarks, rest = divmod(n_features, n_frames * n_coords)
        if rest or not n_landmarks:
            raise ValueError(
                f"X has {n_features} features, which is not a multiple of "
                f"n_frames * n_coords = {n_frames} * {n_coords} = {n_frames * n_coords}: "
                "pass the n_frames and n_coords that the clips were extracted with."
            )
        whole_faces = [
            face for face in (468, 478) if n_landmarks > face and n_landmarks % face == 0
        ]
        if whole_faces:
            warnings.warn(
                f"with n_frames={n_frames} and n_coords={n_coords}, {n_features} features are "
                f"{n_landmarks} landmarks, a multiple of the {whole_faces[0]} of a face: is "
                f"n_frames={n_frames * n_landmarks // whole_faces[0]} meant?",
                UserWarning,
                stacklevel=3,
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

    def unflatten(self, X: Any) -> Any:
        """View of rows as clips.

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
        """View of clips as rows: the inverse of :meth:`unflatten`.

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
        """Mask of the columns that belong to some landmarks.

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
            What each landmark is called; None counts from 0.

        Returns
        -------
        ndarray of str of shape (n_features,)
        """
        numbers = range(self.n_landmarks) if landmarks is None else np.asarray(landmarks)
        axes = _AXES if self.n_coords <= len(_AXES) else [str(c) for c in range(self.n_coords)]
        return np.array(
            [
                f"f{frame:03d}_p{landmark:03d}_{axis}"
                for frame in range(self.n_frames)
                for landmark in numbers
                for axis in axes[: self.n_coords]
            ],
            dtype=object,
        )
