"""Validation of rows and targets of networks, which compute in single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOAT32 = np.finfo(np.float32)
# Smaller numbers lose digits.
_SMALLEST = 1e-35
# Columns must differ between clips by this share of their values: single precision has seven
# digits, of which two are left.
_MIN_RELATIVE_RANGE = 100 * _FLOAT32.eps


def check_no_nan(X: NDArray[Any]) -> None:
    """Raise ValueError if rows contain NaN, and say where it comes from."""
    if np.isnan(X).any():
        rows = np.flatnonzero(np.isnan(X).any(axis=1)).tolist()
        first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise ValueError(
            f"X contains NaN in {len(rows)} of {len(X)} rows ({first}). FaceLandmarkTransformer "
            "gives NaN for clips that it skipped and for frames without a face; its report_ names "
            "the clips. Leave these rows out: keep = ~np.isnan(X).any(axis=1)."
        )


def check_rows(X: NDArray[Any], *, check_range: bool = False) -> NDArray[np.float32]:
    """Convert rows to float32, and explain what is wrong with rows that a network cannot use.

    Parameters
    ----------
    X : ndarray of float of shape (n_clips, n_features)
        Rows without infinite values.
    check_range : bool, default=False
        Whether to raise an error if the differences between clips are lost in single precision.

    Returns
    -------
    ndarray of float32 of shape (n_clips, n_features)

    Raises
    ------
    ValueError
        If values are NaN or too large, or the differences between clips are lost.
    """
    check_no_nan(X)
    if X.dtype == np.float32 and not check_range:
        return X
    largest, smallest = X.max(axis=0, initial=-np.inf), X.min(axis=0, initial=np.inf)
    size = np.maximum(np.abs(largest), np.abs(smallest))
    if size.max(initial=0) > _FLOAT32.max or 0 < size.max(initial=0) < _SMALLEST:
        raise ValueError(
            f"X contains values up to {size.max():.1e}, but single precision, dtype('float32'), "
            f"holds numbers from {_SMALLEST:.0e} to {_FLOAT32.max:.0e}: pass X in another unit."
        )
    if check_range:
        with np.errstate(over="ignore"):
            difference = largest - smallest
        moves = difference > 0
        if moves.any() and (difference[moves] < _MIN_RELATIVE_RANGE * size[moves]).all():
            raise ValueError(
                f"the clips in X differ by at most {difference.max():.1e}, but have values up to "
                f"{size.max():.1e}: single precision cannot resolve the differences. Subtract a "
                "constant from X, or align the clips with LandmarkAligner."
            )
    return X.astype(np.float32, copy=False)


def check_targets(y: NDArray[Any], *, check_range: bool = False) -> None:
    """Raise ValueError if single precision cannot hold the numbers of a regression.

    Parameters
    ----------
    y : ndarray of shape (n_clips, n_outputs)
        Finite numbers.
    check_range : bool, default=False
        Whether to raise an error if the differences between clips are lost in single precision.
    """
    for i, output in enumerate(y.astype(np.float64).T):
        size, difference = np.abs(output).max(), np.ptp(output)
        if size > _FLOAT32.max or 0 < size < _SMALLEST:
            raise ValueError(
                f"output {i} of y contains values up to {size:.1e}, but single precision, "
                f"dtype('float32'), holds numbers from {_SMALLEST:.0e} to {_FLOAT32.max:.0e}: pass "
                "it in another unit."
            )
        if check_range and 0 < difference < _MIN_RELATIVE_RANGE * size:
            raise ValueError(
                f"the values of output {i} of y differ by at most {difference:.1e}, but are up to "
                f"{size:.1e}: single precision cannot resolve the differences. Subtract a constant "
                "from it."
            )
