"""Work that was done before: what its result depends on, and where it is kept."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import pickle
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import joblib
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_memory

from .._memory import memory_folder as named_folder

# Their code is known by their versions; all other code is told by its text.
_KNOWN_BY_VERSION = ("numpy", "scikit-learn", "sklearn-temo", "skorch", "torch")
# A file that is younger may not be what was imported.
_STARTED = time.time()
_KNOWN_MODULES = {"builtins", "functools", "numpy", "sklearn", "sklearn_temo", "skorch", "torch"}


def remember(
    memory: Any,
    work: Callable[[], Any],
    kind: type,
    estimator: BaseEstimator,
    depends_on: tuple[Any, ...],
) -> Any:
    """Do some work, unless its result is kept from an earlier time.

    Parameters
    ----------
    memory : str, path, joblib.Memory or None
        Where results are kept. An entry is written when the work is done, under another name
        first, so that neither an interrupt nor a second process leaves half of one; what cannot
        be read is done again.
    work : callable
        Without arguments. Its result can be pickled.
    kind : type
        Of the result.
    estimator : estimator
        Not fitted. The result depends on its parameters and on their code.
    depends_on : tuple
        All else that the result depends on, by content.

    Returns
    -------
    object
        What `work` returned, now or then.

    Raises
    ------
    OSError
        If `memory` cannot be read or written.
    """
    if memory is None:
        return work()
    # Who listens to a fit does not change what comes of it.
    estimator = clone(estimator)
    vars(estimator).pop("_skl_callbacks", None)
    try:
        key = joblib.hash(
            (estimator, sorted(_source_texts(estimator)), _versions(), depends_on),
            # Processors have instructions for it: half the time of joblib's default.
            hash_name="sha1",
        )
    # What it is that cannot be pickled decides which of these is raised.
    except (pickle.PicklingError, AttributeError, TypeError, OSError) as error:
        # Pickle prints all that was to be pickled, the data among it.
        reason = "a part of it has no name" if isinstance(error, pickle.PicklingError) else error
        warnings.warn(
            f"memory is not used, since {type(estimator).__name__} cannot be told from others like "
            f"it: {reason}. Keep its classes and functions, by name, in a module that is imported "
            "(not in the script that is run), and restart Python after changing it.",
            UserWarning,
            stacklevel=8,
        )
        return work()
    done = _Work(work)
    try:
        if isinstance(memory, str | os.PathLike):
            memory = named_folder(memory)
        memory = check_memory(memory)
        kept = memory.cache(_keyed, ignore=["work"])
        found = kept(key, done)
        # An entry may be whole and yet be something else.
        return found if isinstance(found, kind) else kept.call(key, done)[0]
    except OSError as error:
        if error is done.error:
            raise
        place = getattr(memory, "location", memory)
        raise OSError(
            error.errno or errno.EIO,
            f"memory={str(place)!r} cannot be used ({error.strerror or error}, at "
            f"{error.filename!r}); name a folder that can be written to and has room, or None to "
            "keep nothing",
        ) from error


class _Work:
    """Work whose own errors are known, and which does not print the data where it is printed."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.error: BaseException | None = None

    def __call__(self) -> Any:
        try:
            return self._work()
        except OSError as error:
            self.error = error
            raise

    def __repr__(self) -> str:
        return "..."


def _keyed(key, work):
    return work()


@functools.cache
def _versions() -> list[tuple[str, str]]:
    return [(name, version(name)) for name in _KNOWN_BY_VERSION]


def _source_texts(estimator: BaseEstimator) -> Iterator[str]:
    """The code of classes and functions that are an estimator, or are parameters of one."""
    from torch import Tensor, nn

    for value in _flat([estimator, *estimator.get_params(deep=True).values()]):
        while isinstance(value, functools.partial):
            value = value.func
        if isinstance(value, nn.Module | Tensor):
            # The bytes of pickled tensors are others each time.
            raise TypeError(
                f"a {type(value).__name__} is among its parameters; pass the module's class, with "
                "what it takes as further parameters"
            )
        named = inspect.isclass(value) or inspect.isroutine(value)
        cls = value if named else type(value)
        for code in inspect.getmro(cls) if inspect.isclass(cls) else (cls,):
            if (code.__module__ or "builtins").partition(".")[0] not in _KNOWN_MODULES:
                yield _source_text(code)


def _source_text(code: Any) -> str:
    """The whole file, with the functions that are called there; or what was typed."""
    module = inspect.getmodule(code)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return inspect.getsource(code)
    status = os.stat(file)
    # The first tells when it was written, the second when it was put there.
    if max(status.st_mtime, status.st_ctime) > _STARTED:
        raise OSError(f"{file} was changed after Python was started")
    return inspect.getsource(module)


def _flat(values: Any) -> Iterator[Any]:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, list | tuple | dict):
            yield from _flat(value)
        else:
            yield value
