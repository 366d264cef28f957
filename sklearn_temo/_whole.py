"""Fits that are whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.base import BaseEstimator


@contextmanager
def whole_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Give an estimator its attributes back where a fit fails or is interrupted.

    Parameters
    ----------
    estimator : BaseEstimator
        To be fitted within; an earlier fit of it stays as it was, and after a failed first one it
        is not fitted.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
