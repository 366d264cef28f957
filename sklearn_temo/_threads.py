"""Limit of the threads of numerical libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
# The limit of BLAS applies to the whole process: the last block that ends in any thread restores
# it.
_n_blocks = 0
_blas_threads: list[int] = []
# Whether this package has let torch use several threads.
_used_several = False


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in BLAS, OpenMP and torch, and restore the limits afterwards.

    Small matrices do not gain from threads. On a busy machine, waiting for a thread on an occupied
    core can take many times longer than the computation; results would depend on the number of
    threads; and a process that is forked after torch used several threads would wait for them
    forever.
    """
    import torch

    global _n_blocks, _blas_threads
    # torch and OpenMP have a number for each thread.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    openmp = _controller("openmp").limit(limits=1)
    blas = _controller("blas").lib_controllers
    with _lock:
        if not _n_blocks:
            _blas_threads = [library.num_threads for library in blas]
            for library in blas:
                _set_num_threads(library, 1)
        _n_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _n_blocks -= 1
            if not _n_blocks:
                for library, n in zip(blas, _blas_threads, strict=True):
                    _set_num_threads(library, n)
        openmp.restore_original_limits()
        torch.set_num_threads(n_threads)


def note_torch_threads() -> None:
    """Note that torch may now use several threads, so that forked processes use one."""
    import torch

    global _used_several
    _used_several = _used_several or torch.get_num_threads() > 1


def _after_fork() -> None:
    """Use one thread in a forked process: it would wait forever for the threads of its parent."""
    if _used_several:
        import torch

        torch.set_num_threads(1)


os.register_at_fork(after_in_child=_after_fork)


def _set_num_threads(blas: Any, n_threads: int) -> None:
    """Set the number of threads of a BLAS library, from any thread.

    threadpoolctl 3.8 ignores all threads but the first one that set a number, while that one lives.
    """
    getattr(blas, "_real_set_num_threads", blas.set_num_threads)(n_threads)


@cache
def _controller(user_api: str) -> ThreadpoolController:
    """Find the loaded libraries of a kind, which takes about as long as a small fit."""
    return ThreadpoolController().select(user_api=user_api)
