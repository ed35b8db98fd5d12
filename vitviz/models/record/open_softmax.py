"""A softmax on its way to the values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class OpenSoftmax:
    """A softmax that has not met values yet, made `depth` modules deep.

    `whole` is what the model holds, which sums to 1 along `axis`; `maps` the same with keys last.
    `elsewhere`: keys are on an axis that only a product written with letters can name. `origin` is the
    softmax itself, of which `whole` may be a copy in another number type.
    """

    depth: int
    maps: Tensor
    whole: Tensor
    axis: int
    origin: Tensor
    elsewhere: bool = False

    @property
    def missed(self) -> bool:
        """Whether it is said where it never met values: a softmax over tokens, once for its copies."""
        return self.maps.ndim >= 4 and not self.elsewhere and self.whole is self.origin


def same(operand: Any, maps: Tensor) -> bool:
    """Whether an operand is that tensor, itself or as a view that only groups the leading axes."""
    if operand is maps:
        return True
    return (
        isinstance(operand, Tensor)
        and operand.shape[-2:] == maps.shape[-2:]
        and operand.numel() == maps.numel()
        and operand.data_ptr() == maps.data_ptr()
        and operand.stride()[-2:] == maps.stride()[-2:]
    )
