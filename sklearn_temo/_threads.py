"""Limit of the threads of numerical libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
# The limits of BLAS and OpenMP apply to the whole process: the last block that ends in any thread
# restores them.
_n_blocks = 0
_limiter: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in BLAS, OpenMP and torch, and restore the limits afterwards.

    Small matrices do not gain from threads. On a busy machine, waiting for a thread on an occupied
    core can take many times longer than the computation; results would depend on the number of
    threads; and a process that is forked after torch used several threads would wait for them
    forever.
    """
    import torch

    global _n_blocks, _limiter
    # torch has a number for each thread.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with _lock:
        if not _n_blocks:
            _limiter = _controller().limit(limits=1)
        _n_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _n_blocks -= 1
            if not _n_blocks:
                _limiter.restore_original_limits()
        torch.set_num_threads(n_threads)


@cache
def _controller() -> ThreadpoolController:
    """Find the loaded libraries, which takes about as long as a small fit."""
    return ThreadpoolController()
