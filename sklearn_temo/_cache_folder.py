"""Folder that the `memory` parameter of an estimator names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from joblib import Memory
from sklearn.base import BaseEstimator

from ._doc_links import DocLinkMixin
from ._warnings import warn_user


class CachingEstimator(DocLinkMixin, BaseEstimator):
    """Estimator with a parameter `memory`, whose folder is resolved when the parameter is set.

    A relative path means the same folder after a change of the working directory, also in a clone.
    If an unpickled estimator would use another folder than the original, its `memory` becomes None.
    """

    memory: Any

    # Absolute path of `memory` if it is relative or begins with ~. Text, since a Path of one
    # operating system cannot be unpickled on another.
    _memory_folder: str | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "memory":
            self._memory_folder = _resolve(value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        before, now = self._memory_folder, _resolve(self.memory)
        if before != now:
            warn_user(
                f"{type(self).__name__}: memory={self.memory!r} meant the folder "
                f"{before or '(unknown)'!r} where it was set, and means {now!r} here. It is None "
                "now, so that nothing is cached; to use a cache, set memory again."
            )
            self.memory = None

    def __sklearn_clone__(self) -> CachingEstimator:
        cloned = super().__sklearn_clone__()
        cloned._memory_folder = self._memory_folder
        return cloned

    def _cache_folder(self) -> Path | None:
        """Folder that `memory` names; None if nothing is cached.

        Raises ValueError if the path is empty, which would otherwise mean the working directory.
        """
        location = _location(self.memory)
        if location is None:
            return None
        if not os.fspath(location):
            raise ValueError(
                'memory="" names no folder: pass None to cache nothing, or "." for the working '
                "directory."
            )
        return Path(self._memory_folder or location).expanduser()

    def _joblib_memory(self) -> Any:
        """`memory` as an object with the interface of ``joblib.Memory``; None if it is None."""
        memory, folder = self.memory, self._cache_folder()
        if folder is not None and _location(memory) is memory:
            make_private_folder(folder / "joblib")  # the subfolder that joblib would create
            # Compressed entries have a checksum.
            return Memory(str(folder), compress=1, verbose=0)
        if self._memory_folder is not None and isinstance(memory, Memory):
            # joblib itself would use the present working directory.
            return Memory(
                type(memory.location)(self._memory_folder),
                mmap_mode=memory.mmap_mode,
                compress=memory.compress,
                verbose=memory._verbose,
                backend_options=memory.backend_options,
            )
        return memory


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents so that only their owner may use them."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _location(memory: Any) -> str | os.PathLike[str] | None:
    """Path in a `memory` parameter, which may be a ``joblib.Memory``; None if it has none."""
    return memory if isinstance(memory, str | os.PathLike) else getattr(memory, "location", None)


def _resolve(memory: Any) -> str | None:
    """Absolute path that `memory` names now; None if it names the same everywhere."""
    location = _location(memory)
    if not location or os.path.isabs(location) or getattr(memory, "backend", "local") != "local":
        return None
    try:
        # joblib.Memory does not expand ~.
        path = Path(location).expanduser() if location is memory else Path(location)
    except RuntimeError:  # There is no such home folder, which is an error when it is used.
        return None
    return str(path.absolute())
