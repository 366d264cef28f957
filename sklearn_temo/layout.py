"""Layout of the landmarks of clips in the columns of a 2-D array."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import blendshapes, mesh
from ._column_names import check_names, column_names, noun_of, read_column_names
from ._face_checks import varies_like_blendshapes, varies_like_mesh
from ._warnings import warn_user

__all__ = ["LandmarkArray", "LandmarkLayout", "known_layout", "restore_positions"]

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
        Coordinates of a landmark: 3 for x, y, z; 1 for a blendshape.
    names : sequence of str of length n_landmarks or None, default=None
        Names of the landmarks, such as those of blendshapes. Where they are given, they are part
        of the column names, ``f000_browDownLeft``, and results are labelled with them. None for
        landmarks that have numbers. At most 3 coordinates can be named.

    Notes
    -----
    A :term:`blendshape` is a landmark with a name and one coordinate: parameters such as `k` count
    both alike.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_temo import LandmarkLayout
    >>> layout = LandmarkLayout(n_frames=2, n_landmarks=4, n_coords=3)
    >>> layout.n_features
    24
    >>> X = np.arange(48.0).reshape(2, 24)
    >>> layout.unflatten(X)[0, 1, 2]  # of the first row: frame 1, landmark 2
    array([18., 19., 20.])
    >>> layout.feature_names()[layout.feature_mask([True, False, False, False])]
    array(['f000_p000_x', 'f000_p000_y', 'f000_p000_z', 'f001_p000_x',
           'f001_p000_y', 'f001_p000_z'], dtype=object)

    Named landmarks:

    >>> layout = LandmarkLayout(1, 2, 1, names=["mouthSmileLeft", "mouthSmileRight"])
    >>> layout.feature_names()
    array(['f000_mouthSmileLeft', 'f000_mouthSmileRight'], dtype=object)
    """

    n_frames: int
    n_landmarks: int
    n_coords: int
    names: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"every size of a layout must be at least 1, got {self!r}.")
        if self.names is not None:
            names = check_names(self.names, self.n_landmarks, self.n_coords)
            object.__setattr__(self, "names", names)

    def __str__(self) -> str:
        frames = "1 frame" if self.n_frames == 1 else f"{self.n_frames} frames"
        coordinates = "1 coordinate" if self.n_coords == 1 else f"{self.n_coords} coordinates"
        return f"{frames} of {self.n_landmarks} {self.noun}s with {coordinates}"

    @classmethod
    def infer(
        cls, X: Any, *, n_frames: int | None = None, n_coords: int | None = None
    ) -> LandmarkLayout:
        """Infer the layout of a set of clips.

        The layout is taken from the first of these sources that exists: the layout that the
        previous step attached (a ``LandmarkArray``), the column names of a DataFrame, the
        parameter `n_frames`, or a number of columns that only a full face mesh (468 or 478
        landmarks) has or, with ``n_coords=1``, only the 52 blendshapes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Clips, before they are converted to an array.
        n_frames : int or None, default=None
            Frames of a clip. None infers it.
        n_coords : int or None, default=None
            Coordinates of a landmark. None takes those of the attached layout or of the column
            names, and 3 where there is neither.

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
            If the number of columns is that of a full mesh or of blendshapes, but the columns do
            not vary like a face.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_temo import LandmarkLayout
        >>> LandmarkLayout.infer(np.zeros((2, 16 * 468 * 3)))
        LandmarkLayout(n_frames=16, n_landmarks=468, n_coords=3)
        """
        n_features = (X.shape if hasattr(X, "shape") else np.asarray(X).shape)[-1]
        layout = known_layout(X)
        if layout is not None:
            source = _source_of_layout(X)
            if n_frames not in (None, layout.n_frames) or n_coords not in (None, layout.n_coords):
                raise ValueError(
                    f"n_frames={n_frames} and n_coords={n_coords} do not fit X: {source} {layout}. "
                    f"Pass n_frames={layout.n_frames} (or None) and n_coords={layout.n_coords} "
                    "(or None)."
                )
            return layout
        n_coords = 3 if n_coords is None else n_coords
        full_faces = cls._full_faces(n_features, n_coords)
        if n_frames is not None:
            return cls._from_n_frames(X, n_features, n_frames, n_coords, full_faces)
        if len(full_faces) == 1:
            return _checked_face(X, full_faces[0])
        n_names = len(blendshapes.NAMES)
        found = " or ".join(map(str, full_faces)) or (
            f"no multiple of 468 or 478 landmarks with {n_coords} coordinates"
            if n_coords > 1
            else f"no multiple of {n_names} blendshapes, or of 468 or 478 landmarks"
        )
        hint = (
            " If they are blendshapes, pass n_coords=1 too."
            if n_coords > 1 and n_features % n_names == 0 and not full_faces
            else ""
        )
        raise ValueError(
            f"n_frames is not known: X has {n_features} features, which is {found}. Pass the "
            "n_frames that the clips were extracted with. (After a landmark selector n_frames is "
            f"known, unless a step in between, such as a scaler, returns a plain array.){hint}"
        )

    @classmethod
    def _full_faces(cls, n_features: int, n_coords: int) -> list[LandmarkLayout]:
        """Layouts of whole faces that have a number of columns."""
        found = [
            cls(n_features // (n_landmarks * n_coords), n_landmarks, n_coords)
            for n_landmarks in mesh.FULL_MESHES
            if n_features % (n_landmarks * n_coords) == 0
        ]
        names = blendshapes.NAMES
        if n_coords == 1 and n_features % len(names) == 0:
            found.append(cls(n_features // len(names), len(names), 1, names))
        return found

    @classmethod
    def _from_n_frames(
        cls,
        X: Any,
        n_features: int,
        n_frames: int,
        n_coords: int,
        full_faces: list[LandmarkLayout],
    ) -> LandmarkLayout:
        n_landmarks, rest = divmod(n_features, n_frames * n_coords)
        if rest or not n_landmarks:
            raise ValueError(
                f"X has {n_features} features, which is not a multiple of "
                f"n_frames * n_coords = {n_frames} * {n_coords} = {n_frames * n_coords}: "
                "pass the n_frames and n_coords that the clips were extracted with."
            )
        for layout in full_faces:
            if layout.names is not None and not _varies_like_face(X, layout):
                continue
            if layout.n_frames == n_frames:
                return layout
            # Columns of several full meshes belong to more frames than n_frames.
            smallest = layout.n_landmarks if layout.names else max(mesh.FULL_MESHES)
            if n_landmarks > smallest and n_landmarks % layout.n_landmarks == 0:
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

    @property
    def noun(self) -> str:
        """What a landmark of this layout is called: "landmark" or "blendshape"."""
        return noun_of(self.names)

    def keep(self, landmarks: ArrayLike) -> LandmarkLayout:
        """Layout of some of the landmarks.

        Parameters
        ----------
        landmarks : array-like of bool of shape (n_landmarks,), or of int of shape (n_kept,)
            Mask or indices of the landmarks to keep.

        Returns
        -------
        LandmarkLayout
            With the names of those landmarks.

        Examples
        --------
        >>> from sklearn_temo import LandmarkLayout
        >>> LandmarkLayout(1, 2, 1, names=["jawLeft", "jawRight"]).keep([False, True]).names
        ('jawRight',)
        """
        kept = np.arange(self.n_landmarks)[np.asarray(landmarks)]
        names = None if self.names is None else tuple(self.names[i] for i in kept)
        return replace(self, n_landmarks=len(kept), names=names)

    def check(self, X: Any) -> None:
        """Raise ValueError if another layout is attached to rows, or in their column names.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Rows. An array without a layout passes.

        Raises
        ------
        ValueError
            If the sizes or the names of the landmarks differ. A layout without names fits all
            names.
        """
        layout = known_layout(X)
        if layout is None:
            return
        source = _source_of_layout(X)
        if layout.shape != self.shape:
            raise ValueError(f"expected {self}, but {source} {layout}.")
        for name, other in zip(self.names or (), layout.names or (), strict=False):
            if name != other:
                raise ValueError(f"expected the {self.noun} {name!r}, but {source} {other!r}.")

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

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_temo import LandmarkLayout
        >>> layout = LandmarkLayout(n_frames=2, n_landmarks=2, n_coords=1)
        >>> layout.unflatten(np.array([[1, 2, 3, 4]])).tolist()
        [[[[1], [2]], [[3], [4]]]]
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

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_temo import LandmarkLayout
        >>> layout = LandmarkLayout(n_frames=2, n_landmarks=2, n_coords=1)
        >>> layout.flatten(np.array([[[[1], [2]], [[3], [4]]]]))
        array([[1, 2, 3, 4]])
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

        Examples
        --------
        The columns of landmark 1:

        >>> from sklearn_temo import LandmarkLayout
        >>> layout = LandmarkLayout(n_frames=2, n_landmarks=2, n_coords=2)
        >>> layout.feature_mask([False, True])
        array([False, False,  True,  True, False, False,  True,  True])
        """
        mask = np.asarray(landmark_mask, dtype=bool)
        if mask.shape != (self.n_landmarks,):
            raise ValueError(
                f"landmark_mask must have shape ({self.n_landmarks},), got {mask.shape}."
            )
        return self.flatten(np.broadcast_to(mask[None, :, None], self.shape))

    def feature_names(self, landmarks: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the columns, ``f{frame:03d}_p{landmark:03d}_{x|y|z}``.

        Those of named landmarks are ``f{frame:03d}_{name}``, followed by ``_{x|y|z}`` where a
        landmark has several coordinates.

        Parameters
        ----------
        landmarks : array-like of int of shape (n_landmarks,), default=None
            Number of each landmark in the full mesh; None counts from 0. Named landmarks have no
            numbers.

        Returns
        -------
        ndarray of str of shape (n_features,)

        Examples
        --------
        >>> from sklearn_temo import LandmarkLayout
        >>> print(*LandmarkLayout(n_frames=2, n_landmarks=1, n_coords=2).feature_names())
        f000_p000_x f000_p000_y f001_p000_x f001_p000_y
        """
        if self.names is not None and landmarks is not None:
            raise ValueError(f"landmarks must be None, since the {self.noun}s have names.")
        of_landmarks: Any = self.names or range(self.n_landmarks)
        if landmarks is not None:
            of_landmarks = np.asarray(landmarks).tolist()
        names = column_names(range(self.n_frames), of_landmarks, self.n_coords)
        return np.array(names, dtype=object)


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


def known_layout(X: Any) -> LandmarkLayout | None:
    """Layout that is attached to rows, or that their column names describe.

    Parameters
    ----------
    X : array-like of shape (n_clips, n_features)

    Returns
    -------
    LandmarkLayout or None
        None where neither says it.

    Raises
    ------
    ValueError
        If the columns are named like landmarks, but are incomplete or in another order.
    """
    if isinstance(X, LandmarkArray):
        return X.layout
    found = read_column_names(getattr(X, "columns", ()))
    return None if found is None else LandmarkLayout(*found)


def restore_positions(clips: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Positions in every frame, where clips may hold displacements from frame 0.

    Displacements, as :class:`~sklearn_temo.LandmarkAligner` returns them, are recognised by their
    size. Clips of a single coordinate, such as blendshapes, hold none.

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
    if 1 in (clips.shape[1], clips.shape[3]) or not len(complete):
        return clips, False
    size = complete.std(axis=2).mean(axis=(0, 2))
    is_displaced = bool(size[1:].max() < _MAX_DISPLACEMENT * size[0])
    if is_displaced:
        clips = np.concatenate([clips[:, :1], clips[:, 1:] + clips[:, :1]], axis=1)
    return clips, is_displaced


def _source_of_layout(X: Any) -> str:
    return "the previous step gave" if isinstance(X, LandmarkArray) else "the columns name"


def _varies_like_face(X: Any, layout: LandmarkLayout) -> bool:
    clips = layout.unflatten(np.asarray(X))
    return varies_like_mesh(clips) if layout.names is None else varies_like_blendshapes(clips)


def _checked_face(X: Any, layout: LandmarkLayout) -> LandmarkLayout:
    """Layout of a whole face; with a warning, and without names, if X does not vary like one."""
    if _varies_like_face(X, layout):
        return layout
    if layout.names is None:
        reason = "neighbouring landmarks do not vary together as on a face"
        other = "if X holds selected landmarks, or if its rows are not faces"
    else:
        reason = "they are not between 0 and 1, or the left and the right do not vary together"
        other = "if X holds selected or scaled blendshapes, or if its rows are not faces"
    warn_user(
        f"the {layout.n_features} features of X are interpreted as {layout}, but {reason}. Pass "
        f"n_frames {other}."
    )
    return replace(layout, names=None)
