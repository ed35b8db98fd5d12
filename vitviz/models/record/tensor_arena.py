"""Memory for what is kept of a pass: the model's own where nothing else lies in it, else copies.

A copy leaves behind what is not wanted, v for example, which is then really freed. Fresh memory costs
more in page faults than in copying, so copies lie where an earlier pass has freed some: 50 MB take
8 to 13 ms there. In pages mapped for each pass they took 40, in huge ones 15 to 130, as the kernel
found them.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Collection, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

FREED = 64 * 1024 * 1024
"""Most bytes of freed memory that stay with the process for the next pass."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # glibc's names of what mallopt sets
_MAPPED_FROM = 32 * 1024 * 1024  # as far as glibc itself raises it


@cache
def keep_freed() -> None:
    """Has glibc keep what a pass frees: the page faults of asking for it anew cost 3 % of the next.

    New threads take their memory from the same heap: with one for each thread that decodes, what they
    freed lay there twice and three times. Elsewhere than on Linux's glibc nothing is changed.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _MAPPED_FROM)
        library.mallopt(_TRIM_THRESHOLD, FREED)
        library.mallopt(_ARENA_MAX, 1)


class KeepTensors(Protocol):
    """Copies a tensor into memory of its own, contiguous."""

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor's copy: the same numbers, shape and device."""


class TensorArena:
    """Copies tensors of a pass into memory of their own, which a pass before may have freed."""

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor's copy, contiguous, on its device."""
        kept = torch.empty_like(tensor, memory_format=torch.contiguous_format)
        if tensor.device.type == "cpu" and tensor.dtype == torch.float32:
            # numpy's copy stays in this thread: torch's would wait for all threads 36 times a pass.
            np.copyto(kept.numpy(), tensor.detach().numpy())
            return kept
        return kept.copy_(tensor)


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
