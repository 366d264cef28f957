"""Names of the columns of clips, and the layout that they describe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from . import blendshapes

_AXES = "xyz"
_OF_MESH = re.compile(r"f(\d{3,})_p(\d{3,})_([xyz]|\d+)")
_OF_NAME = re.compile(r"f(\d{3,})_(.+)")
_WITH_AXIS = re.compile(r"(.+)_([xyz])")


def check_names(names: Any, n_landmarks: int, n_coords: int) -> tuple[str, ...]:
    """Validate the names of landmarks, so that column names can be read without ambiguity."""
    if isinstance(names, str):
        raise ValueError(f"names must be a sequence of {n_landmarks} names, got {names!r}.")
    names = tuple(map(str, names))
    if len(names) != n_landmarks:
        raise ValueError(
            f"names must have one name for each of the {n_landmarks} landmarks, got {len(names)}."
        )
    if n_coords > len(_AXES):
        raise ValueError(
            f"named landmarks have at most {len(_AXES)} coordinates, got n_coords={n_coords}: pass "
            "names=None."
        )
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the name {name!r} is repeated: pass a name for each landmark.")
        seen.add(name)
        if not name or _WITH_AXIS.fullmatch(name) or re.match(r"p\d{3}", name):
            raise ValueError(
                f"the name {name!r} cannot be used: a name must not be empty, end in _x, _y or _z, "
                "or begin like the number of a landmark, as p000 does."
            )
    return names


def noun_of(names: Any) -> str:
    """What a landmark is called that has one of these names, or None for numbers."""
    is_blendshape = names is not None and {*names} <= {*blendshapes.NAMES}
    return "blendshape" if is_blendshape else "landmark"


def column_names(frames: Iterable[int], landmarks: Iterable[int | str], n_coords: int) -> list[str]:
    """Names of columns, frame-major. A landmark is the number of the mesh, or a name.

    The single coordinate of a named landmark has no letter.
    """
    axes = _AXES if n_coords <= len(_AXES) else [str(number) for number in range(n_coords)]
    found = []
    of_landmarks = [
        landmark if isinstance(landmark, str) else f"p{landmark:03d}" for landmark in landmarks
    ]
    is_named = any(isinstance(landmark, str) for landmark in landmarks)
    endings = [""] if is_named and n_coords == 1 else [f"_{axis}" for axis in axes[:n_coords]]
    for frame in frames:
        for landmark in of_landmarks:
            found += [f"f{frame:03d}_{landmark}{ending}" for ending in endings]
    return found


def read_column_names(
    columns: Any,
) -> tuple[int, int, int, tuple[str, ...] | None] | None:
    """Layout that column names describe: frames, landmarks, coordinates, and names of landmarks.

    None where the columns are not named after frames and landmarks.
    """
    columns = [str(name) for name in columns]
    if not columns:
        return None
    of_mesh = [match.groups() for name in columns if (match := _OF_MESH.fullmatch(name))]
    if len(of_mesh) == len(columns):
        frames, numbers, axes = map(dict.fromkeys, zip(*of_mesh, strict=True))
        _check_order(columns, column_names(map(int, frames), [*map(int, numbers)], len(axes)))
        return len(frames), len(numbers), len(axes), None
    of_names = [match.groups() for name in columns if (match := _OF_NAME.fullmatch(name))]
    if of_mesh or len(of_names) < len(columns):
        return None
    frames, names = map(dict.fromkeys, zip(*of_names, strict=True))
    with_axis = [match.groups() for name in names if (match := _WITH_AXIS.fullmatch(name))]
    n_coords = 1
    if len(with_axis) == len(names):
        names, axes = map(dict.fromkeys, zip(*with_axis, strict=True))
        n_coords = len(axes)
    expected = column_names(map(int, frames), list(names), n_coords)
    # Other columns may have such names too.
    if columns != expected and not {*names} <= {*blendshapes.NAMES}:
        return None
    _check_order(columns, expected)
    return len(frames), len(names), n_coords, check_names(names, len(names), n_coords)


def _check_order(columns: Sequence[str], expected: Sequence[str]) -> None:
    """Raise ValueError if columns are not those of all landmarks in all frames, in order."""
    if columns == expected:
        return
    missing = sorted({*expected} - {*columns})
    problem = f"{missing[0]!r} is missing" if missing else "they are in another order"
    raise ValueError(
        f"the {len(columns)} columns are named like landmarks, but do not form whole landmarks "
        f"in every frame: {problem}. Select whole landmarks, with IGLandmarkSelector or "
        "LandmarkLayout.feature_mask, and keep the order of the columns."
    )
