"""Networks built to see their shapes alone, without memory and without filling in first weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FILLS = frozenset(
    {
        torch.Tensor.add_,
        torch.Tensor.clamp_,
        torch.Tensor.erfinv_,
        torch.Tensor.fill_,
        torch.Tensor.mul_,
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        torch.Tensor.zero_,
    }
)
"""What first weights are drawn with: on numbers that are not there each takes a millisecond."""


@contextmanager
def shapes_only() -> Iterator[None]:
    """Modules made inside are on torch's "meta" device: tensors with shapes and no bytes."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """Leaves tensors without bytes as they are."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs what was called, unless it only fills in a tensor without bytes."""
        if func in _FILLS and args and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))
