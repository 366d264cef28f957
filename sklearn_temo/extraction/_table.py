"""Tables of landmarks on disk, one row per clip and frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

from .._atomic_files import check_writable, replacing
from ..blendshapes import NAMES
from ..layout import LandmarkLayout
from ._landmarks import ClipLandmarks
from ._table_columns import OF_CLIPS, Arrays, TableClip, find_optional, unescape
from ._table_files import COLUMNS, FORMATS


def check_table_place(path: str | os.PathLike[str], columns: str = "temo") -> Path:
    """Check, before the extraction, that a table can be written.

    Raises ValueError for an unknown file name extension or form of the columns, ImportError if the
    format needs a package that is not installed, and the errors of
    :func:`~sklearn_temo._atomic_files.check_writable`.
    """
    path = _check_extension(path)
    if columns not in COLUMNS:
        raise ValueError(f"columns={columns!r} must be one of {', '.join(map(repr, COLUMNS))}.")
    if columns != "temo" and path.suffix.casefold() == ".npz":
        raise ValueError(
            f"{str(path)!r}: an .npz file holds arrays, not columns; columns={columns!r} needs the "
            "extension .csv or .parquet."
        )
    check_writable(path)
    return path


def save_landmarks(
    path: str | os.PathLike[str],
    clips: Sequence[ClipLandmarks],
    *,
    columns: Literal["temo", "openface"] = "temo",
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> None:
    """Write landmarks of clips as a table, one row per clip and frame.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.parquet``, for pandas, polars, R and others, which needs pyarrow; in ``.npz``,
        a compressed numpy archive; or in ``.csv``, text in UTF-8 with a header, which is the
        largest and slowest. An existing file is replaced when the new one is complete.
    clips : sequence of ClipLandmarks
        As returned by :meth:`sklearn_temo.FaceLandmarkTransformer.extract`. Their lengths may
        differ. Skipped clips, which have an `error`, are left out.
    columns : {"temo", "openface"}, default="temo"
        Names, units and axes of the columns: those of this package, or those of OpenFace 2, see
        Notes. A ``.npz`` file always holds the first.
    labels, groups : array-like of shape (n_clips,), default=None
        Label and subject of each clip, the skipped ones included. They are written as text.

    Raises
    ------
    TypeError
        If `clips` are not ClipLandmarks.
    ValueError
        If the path has another extension, no clip is left, the clips differ in the number of
        landmarks, or `labels` or `groups` have another length or a missing value.
    OSError
        If the file cannot be written.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    load_landmarks : Reads the table.

    Notes
    -----
    The columns are ``source``; ``label`` and ``group``, if they are given; ``onset`` and
    ``offset`` in seconds, if a clip is a :class:`ClipWindow`; ``frame`` (counted from 0 in each
    clip), ``time`` in seconds, ``detected``, ``width`` and ``height`` in pixels, ``fps``; if the
    clips have them, the head pose ``pose_00`` to ``pose_33`` (row, column), the gaze
    ``gaze_right_x`` to ``gaze_left_z`` and the 52 blendshapes by name, as described by
    :class:`ClipLandmarks`; and the coordinates in isotropic pixels: ``p000_x``, ``p000_y``,
    ``p000_z``, ``p001_x`` and so on. An ``.npz`` file holds these columns as arrays, with
    `head_pose`, `gaze`, `blendshapes` and `landmarks` in the shapes of :class:`ClipLandmarks`.

    With ``columns="openface"`` the first columns are those of OpenFace 2 [1]_, with the same units
    and axes (x to the right, y down, z away from the camera): ``frame`` (counted from 1),
    ``face_id`` (0), ``timestamp`` in seconds, ``confidence`` and ``success`` (both 1 where a face
    was found, otherwise 0: MediaPipe gives no confidence), ``gaze_0_x`` to ``gaze_1_z`` (eye 0 is
    on the left in the picture), ``gaze_angle_x`` and ``gaze_angle_y`` in radians, ``pose_Tx`` to
    ``pose_Tz`` in millimetres, ``pose_Rx`` to ``pose_Rz`` in radians, with R = Rx Ry Rz, and
    ``x_0``, ``x_1`` ... ``y_0``, ``y_1`` ... in pixels. The numbers of the landmarks are those of
    MediaPipe's mesh, not of OpenFace's 68 landmarks. The other columns follow: ``z_0``, ``z_1`` ...
    in isotropic pixels, ``source`` to ``offset``, ``width``, ``height``, ``fps`` and the
    blendshapes. OpenFace's columns of action units, eye landmarks and landmarks in millimetres are
    missing.

    In a CSV file, missing values are empty, and numbers have all digits that are needed to read the
    same float32 again. A text that a spreadsheet would run as a formula, because it begins with
    ``=``, ``+``, ``-`` or ``@``, has an apostrophe before it, which :func:`load_landmarks` removes.

    References
    ----------
    .. [1] T. Baltrusaitis, A. Zadeh, Y. C. Lim, L.-P. Morency, "OpenFace 2.0: Facial Behavior
       Analysis Toolkit", FG 2018. The columns:
       https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import load_landmarks, save_landmarks
    >>> sample = load_cremad_sample()
    >>> clips = FaceLandmarkTransformer(n_frames=2).extract(sample.data[:2])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "landmarks.csv")
    ...     save_landmarks(file, clips, labels=sample.target[:2], groups=sample.groups[:2])
    ...     header, first, *others = file.read_text().splitlines()
    >>> print(header)
    source,label,group,frame,time,detected,width,height,fps,pose_00,...,p467_z
    >>> print(len(others) + 1, "rows")
    4 rows
    """
    path = check_table_place(path, columns)
    if not all(isinstance(clip, ClipLandmarks) for clip in clips):
        raise TypeError(
            "clips must be a list of ClipLandmarks, as FaceLandmarkTransformer.extract returns it; "
            "rows, as transform returns them, do not have the times and the sources."
        )
    texts = [_as_text(name, v, len(clips)) for name, v in (("labels", labels), ("groups", groups))]
    good = [TableClip(*each) for each in zip(clips, *texts, strict=True) if each[0].error is None]
    if not good:
        raise ValueError(f"{str(path)!r}: none of the {len(clips)} clips has landmarks to save.")
    shapes = {clip.landmarks.shape[1:] for clip, *_ in good}
    if len(shapes) > 1:
        numbers = " and ".join(str(shape[0]) for shape in sorted(shapes))
        raise ValueError(
            f"clips have {numbers} landmarks, but those of a table must have the same number; "
            "extract all of them with the same n_landmarks."
        )
    optional = find_optional(clip for clip, *_ in good)
    with replacing(path) as file:
        FORMATS[path.suffix.casefold()].write(file, good, optional, COLUMNS[columns])


def _as_text(name: str, values: Any, n_clips: int) -> list[Any]:
    """Texts of labels or groups; None for each clip if there are none."""
    if values is None:
        return [None] * n_clips
    values = np.asarray(values, dtype=object)
    if values.shape != (n_clips,):
        raise ValueError(
            f"{name} must have one value for each of the {n_clips} clips, got an array of shape "
            f"{values.shape}."
        )
    for number, value in enumerate(values):
        if value is None or is_pandas_na(value) or is_scalar_nan(value) or not str(value):
            raise ValueError(f"{name}[{number}] is missing; leave the clip out, or complete it.")
    return [str(value) for value in values]


def load_landmarks(path: str | os.PathLike[str]) -> Bunch:
    r"""Read a table of landmarks, as rows for a pipeline.

    Parameters
    ----------
    path : str or path-like
        Written by :func:`save_landmarks` or ``sklearn-temo extract``; the names of the columns may
        be either form. If the table was edited, additional columns and the order of columns do not
        matter. Clips may be removed, single frames may not.

    Returns
    -------
    table : Bunch
        With

        data : ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
            As returned by :meth:`sklearn_temo.FaceLandmarkTransformer.transform`.
        sources : ndarray of str of shape (n_clips,)
            The paths of the clips, as they were passed. The table holds a byte of a name that is
            not UTF-8 as ``\udce9``; here it is restored, so that the path opens the clip.
        onsets, offsets : ndarray of float64 of shape (n_clips,) or None
            Start and end in seconds of clips that are parts of files: ``ClipWindow(source, onset,
            offset)`` opens the clip. NaN is the start or the end of the file.
        labels, groups : ndarray of str of shape (n_clips,) or None
            The labels and the subjects.
        times : ndarray of float64 of shape (n_clips, n_frames)
            Presentation times of the frames in seconds.
        detected : ndarray of bool of shape (n_clips, n_frames)
            Whether a face was found in each frame.
        blendshapes : ndarray of float32 of shape (n_clips, n_frames * 52) or None
            Rows of blendshapes, in the order of `sklearn_temo.blendshapes.NAMES`, with their
            layout, as ``FaceLandmarkTransformer(output="blendshapes")`` returns them.
        head_pose : ndarray of float32 of shape (n_clips, n_frames, 4, 4) or None
            As in :class:`ClipLandmarks`. From the columns of OpenFace, a rigid transformation.
        gaze : ndarray of float32 of shape (n_clips, n_frames, 2, 3) or None
            As in :class:`ClipLandmarks`.
        n_frames, n_landmarks : int
            Number of frames per clip and of landmarks per frame.

        What the table does not have is None.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a table, if the clips differ in length, so that they cannot be rows
        of one array, or if the label or the group of a clip is missing or differs between frames.
    ImportError
        If pyarrow is needed and not installed.

    See Also
    --------
    save_landmarks : Writes the table.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> from sklearn_temo.extraction import load_landmarks, save_landmarks
    >>> sample = load_cremad_sample()
    >>> clips = FaceLandmarkTransformer(n_frames=2).extract(sample.data[:2])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "landmarks.npz")
    ...     save_landmarks(file, clips, labels=sample.target[:2])
    ...     table = load_landmarks(file)
    >>> print(*table.labels)
    anger disgust
    >>> table.times.round(2)
    array([[0.03, 2.23],
           [0.03, 2.33]])
    >>> from sklearn_temo import LandmarkLayout
    >>> LandmarkLayout.infer(table.data)
    LandmarkLayout(n_frames=2, n_landmarks=468, n_coords=3)
    """
    path = _check_extension(path)
    with open(path, "rb") as file:
        try:
            arrays = FORMATS[path.suffix.casefold()].read(file)
            if not len(arrays["landmarks"]):
                raise ValueError("it has no rows")
        except Exception as error:  # numpy and pyarrow raise many types for a damaged file
            raise ValueError(
                f"{str(path)!r} cannot be read as a table of landmarks ({type(error).__name__}: "
                f"{error}); write it again."
            ) from error
    n_frames = _count_frames(path, arrays["source"], arrays["frame"])
    of_clips = _values_of_clips(path, arrays, n_frames)

    def per_clip(name: str, *shape: int) -> NDArray[Any] | None:
        array = arrays.get(name)
        if array is None:
            return None
        array = np.ascontiguousarray(array, dtype=np.float32)
        return array.reshape(len(array) // n_frames, *shape)

    blendshapes = per_clip("blendshapes", -1)
    if blendshapes is not None:
        blendshapes = LandmarkLayout(n_frames, len(NAMES), 1, NAMES).attach(blendshapes)
    return Bunch(
        data=per_clip("landmarks", -1),
        sources=np.array([unescape(name) for name in arrays["source"][::n_frames].tolist()]),
        **of_clips,
        times=arrays["time"].astype(np.float64).reshape(-1, n_frames),
        detected=arrays["detected"].reshape(-1, n_frames),
        blendshapes=blendshapes,
        head_pose=per_clip("head_pose", n_frames, 4, 4),
        gaze=per_clip("gaze", n_frames, 2, 3),
        n_frames=n_frames,
        n_landmarks=arrays["landmarks"].shape[1],
    )


def _check_extension(path: str | os.PathLike[str]) -> Path:
    path = Path(path).expanduser()
    extension = path.suffix.casefold()
    if extension not in FORMATS:
        raise ValueError(f"{str(path)!r} must end in .parquet, .npz or .csv.")
    if extension == ".parquet":
        try:
            import_module("pyarrow.parquet")
        except ImportError as error:
            raise ImportError(
                f"{str(path)!r}: Parquet needs pyarrow, which is not installed ({error}); "
                "pip install 'sklearn-temo[parquet]', or use the extension .npz or .csv."
            ) from error
    return path


def _values_of_clips(path: Path, arrays: Arrays, n_frames: int) -> dict[str, Any]:
    """Labels, groups, onsets and offsets, one for each clip; None if the table has none."""
    values: dict[str, Any] = {}
    for name in OF_CLIPS:
        column = arrays.get(name)
        if column is None:
            values[f"{name}s"] = None
            continue
        is_text = column.dtype.kind == "U"
        rows = column.reshape(-1, n_frames)
        first = rows[:, :1]
        is_wrong = (rows != first) & ((rows == rows) | (first == first))
        if is_text:
            is_wrong |= rows == ""
        if is_wrong.any():
            row = int(is_wrong.argmax())
            raise ValueError(
                f"{str(path)!r}: row {row} has the {name} {str(column[row])!r}, but every clip "
                f"must have one {name}, the same in all of its frames; complete the column, or "
                "rename it if it is another one."
            )
        clips = first[:, 0]
        if is_text:
            clips = np.array([unescape(text) for text in clips.tolist()])
        values[f"{name}s"] = clips
    return values


def _count_frames(path: Path, source: NDArray[np.str_], frame: NDArray[np.integer]) -> int:
    """Number of frames per clip. Raises ValueError if clips differ in length or lack frames."""
    n_frames = int(np.flatnonzero(np.append(frame[1:] == 0, True))[0]) + 1
    rows = np.arange(len(frame))
    is_wrong = (frame != rows % n_frames) | (source != source[rows - rows % n_frames])
    is_wrong[-1] |= len(rows) % n_frames != 0
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ValueError(
            f"{str(path)!r}: row {row} is frame {frame[row]} of {str(source[row])!r}, but every "
            f"clip must have {n_frames} frames in consecutive rows, like the first clip; keep all "
            "frames of a clip in their order, and extract all clips with the same n_frames, or "
            "read the table with pandas."
        )
    return n_frames
