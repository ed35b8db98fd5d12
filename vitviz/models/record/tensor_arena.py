"""Memory for what is kept of a pass: the model's own where nothing else lies in it, else copies.

A copy leaves behind what is not wanted, v for example, which is then really freed. Copies lie side by
side in a few large pieces: fresh memory costs more in page faults than in copying, so on Linux it is
asked for in huge pages.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import sys
from collections.abc import Collection, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

PIECE = 64 * 1024 * 1024
"""Most bytes asked for at once; pages that are never written to cost nothing."""

_HUGE = 2 * 1024 * 1024
_ALIGNED = 64


FREED = 64 * 1024 * 1024
"""Most bytes of freed memory that stay with the process for the next pass."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's names of what mallopt sets
_MAPPED_FROM = 32 * 1024 * 1024  # as far as glibc itself raises it


@cache
def keep_freed() -> None:
    """Has glibc keep what a pass frees: the page faults of asking for it anew cost 3 % of the next.

    Elsewhere than on Linux's glibc nothing is changed.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _MAPPED_FROM)
        library.mallopt(_TRIM_THRESHOLD, FREED)


class KeepTensors(Protocol):
    """Copies a tensor into memory of its own, contiguous."""

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor's copy: the same numbers, shape and device."""


class TensorArena:
    """Copies tensors of one pass side by side; a piece is freed with the last tensor in it."""

    def __init__(self, expected: int) -> None:
        """`expected` tensors of about one size will come."""
        self._expected = max(1, expected)
        self._piece: mmap.mmap | None = None
        self._next = 0

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor's copy. `expected` more of its size are thought to follow."""
        size = tensor.numel() * tensor.element_size()
        if tensor.device.type != "cpu" or not hasattr(mmap, "MADV_HUGEPAGE") or size < _ALIGNED:
            return tensor.clone(memory_format=torch.contiguous_format)
        if self._piece is None or self._next + size > len(self._piece):
            self._ask(size)
        assert self._piece is not None
        flat = torch.frombuffer(
            self._piece, dtype=tensor.dtype, count=tensor.numel(), offset=self._next
        )
        self._next += math.ceil(size / _ALIGNED) * _ALIGNED
        kept = flat.view(tensor.shape)
        if tensor.dtype == torch.float32:
            # numpy's copy stays in this thread: torch's would wait for all threads 36 times a pass.
            np.copyto(kept.numpy(), tensor.detach().numpy())
            return kept
        return kept.copy_(tensor)

    def _ask(self, size: int) -> None:
        wanted = max(size, min(PIECE, (size + _ALIGNED) * self._expected))
        self._piece = mmap.mmap(-1, wanted + _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANON)
        with contextlib.suppress(OSError):  # a kernel without huge pages; small ones do
            self._piece.madvise(mmap.MADV_HUGEPAGE)
        address = torch.frombuffer(self._piece, dtype=torch.uint8, count=1).data_ptr()
        self._next = -address % _HUGE


def kept_of(
    tensors: Sequence[Tensor],
    keep: KeepTensors,
    owned: Collection[int] = (),
    *,
    always: bool = False,
) -> list[Tensor]:
    """The tensors as they are where together they fill the memory they lie in, else their copies.

    Memory at the addresses `owned` is the model's for longer than the pass, and always copied from.
    What the model writes into the rest later in it shows in their version (`recorder.Call.touched`);
    `always` copies even so.
    """
    if always:
        return [keep(tensor) for tensor in tensors]
    filled: dict[int, int] = {}
    for tensor in {(each.data_ptr(), each.shape): each for each in tensors}.values():
        where = begins(tensor)
        filled[where] = filled.get(where, 0) + tensor.numel() * tensor.element_size()

    def full(tensor: Tensor) -> bool:
        where = begins(tensor)
        return where not in owned and filled[where] >= tensor.untyped_storage().nbytes()

    return [tensor if full(tensor) else keep(tensor) for tensor in tensors]


def begins(tensor: Tensor) -> int:
    """The address of the memory that a tensor lies in, which it may share with others."""
    return tensor.data_ptr() - int(tensor.storage_offset()) * tensor.element_size()
