"""Batches of clips that lie in memory, each clip as it is or as its mirror image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


class ClipBatches:
    """Iterator over batches for skorch, in place of a ``DataLoader``.

    A ``DataLoader`` collects a batch sample by sample, which for small nets costs more than their
    training. Here a batch is one indexing of a tensor.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset, or a torch ``Subset`` of one
        Over arrays.
    batch_size : int
        Clips of a batch.
    views : Tensor of shape (n_views, n_clips, n_reduced), default=None
        For training: the clips as the net reduces them, and their mirror images, if any.
        Batches come in a new order in each epoch, and show each clip in one of its views, by
        chance. With None, the clips of `dataset` come
        themselves, in their order.
    generator : torch.Generator, default=None
        Of the order and the views; None for torch's own.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        views: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        indices = getattr(dataset, "indices", None)
        whole = dataset if indices is None else dataset.dataset
        self._X = whole.X
        self._y = None if whole.y is None else torch.tensor(whole.y)
        self._indices = torch.as_tensor(np.arange(len(whole)) if indices is None else indices)
        self._batch_size = batch_size
        self._views = views
        self._generator = generator

    def __len__(self) -> int:
        return -(-len(self._indices) // self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor | dict[str, Tensor], Tensor]]:
        order = self._indices
        if self._views is not None:
            order = order[torch.randperm(len(order), generator=self._generator)]
        for batch in order.split(self._batch_size):
            # skorch wants a target of every batch; prediction ignores it.
            target = batch if self._y is None else self._y[batch]
            if self._views is None:
                # Rows by number, not by slice: a copy that torch may own, also of a read-only map.
                yield torch.from_numpy(self._X[batch.numpy()]), target
            else:
                n_views, n_clips, _ = self._views.shape
                view = torch.randint(n_views, (len(batch),), generator=self._generator)
                reduced = self._views.flatten(0, 1)[view * n_clips + batch]
                yield {"reduced": reduced}, target
