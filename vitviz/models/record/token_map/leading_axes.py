"""Which of a call's axes before queries and keys are heads, and which are groups that attend apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from vitviz.models.record.token_map.noise_pictures import Magnitudes

LEAST = 2e-5
"""Change of a token, over the largest number of all tokens, that is more than rounding."""

PARTLY = 0.3
"""Of a token's largest change, what counts where it reads everything a little."""

ALIKE = 0.9
"""Share of masks and tokens in which two heads agree; two windows do in about half."""


@dataclass(frozen=True, slots=True)
class LeadingAxes:
    """For each axis before (query key) whether it is heads; the others are groups.

    `merged` heads lie in one axis with the groups, (group head).
    """

    heads: tuple[bool, ...] = ()
    merged: int = 1

    def apart(self, tensor: Tensor) -> Float[Tensor, "group head slot last"]:
        """A tensor of the call with its groups and its heads in one axis each."""
        if self.merged > 1:
            flat = tensor.reshape(-1, *tensor.shape[-2:])
            pattern = "(group head) slot last -> group head slot last"
            return rearrange(flat, pattern, head=self.merged)
        names = [f"h{at}" if head else f"g{at}" for at, head in enumerate(self.heads)]
        groups = " ".join(each for each in names if each[0] == "g")
        heads = " ".join(each for each in names if each[0] == "h")
        return rearrange(tensor, f"{' '.join(names)} slot last -> ({groups}) ({heads}) slot last")

    def summed(
        self, numbers: Float32[np.ndarray, "*lead slot"]
    ) -> Float32[np.ndarray, "group slot"]:
        """Numbers of every slot, summed over the heads."""
        slots = numbers.shape[-1]
        found: Float32[np.ndarray, "group slot"]
        if self.merged > 1:
            both = numbers.reshape(-1, self.merged, slots)
            found = reduce(both, "group head slot -> group slot", "sum")
        else:
            found = numbers.sum(axis=tuple(at for at, head in enumerate(self.heads) if head))
        together: Float32[np.ndarray, "group slot"] = found.reshape(-1, slots)
        return together


def leading_axes(magnitudes: Magnitudes) -> LeadingAxes:
    """Told by what changes together: all heads under the same masks, windows under others."""
    stacked = np.stack(magnitudes)
    most = stacked.max(axis=0, keepdims=True)
    changed = (stacked >= LEAST) & (stacked >= PARTLY * most)
    heads = tuple(_alike(changed, axis) for axis in range(1, changed.ndim - 1))
    if any(heads):
        return LeadingAxes(heads)
    return LeadingAxes(heads, _merged(changed.reshape(len(changed), -1, changed.shape[-1])))


def by_slot(magnitudes: Magnitudes, axes: LeadingAxes) -> Float32[np.ndarray, "pattern slot"]:
    """The changes of (group slot), one for all heads: of the head that changes most."""
    stacked = np.stack(magnitudes)
    heads: tuple[int, ...]
    if axes.merged > 1:
        pattern = "pattern (group head) slot -> pattern group head slot"
        flat = stacked.reshape(len(stacked), -1, stacked.shape[-1])
        stacked, heads = rearrange(flat, pattern, head=axes.merged), (2,)
    else:
        heads = tuple(at for at, head in enumerate(axes.heads, start=1) if head)
    found: Float32[np.ndarray, "pattern slot"] = stacked.max(axis=heads) if heads else stacked
    return found.reshape(len(stacked), -1)


def _alike(changed: Bool[np.ndarray, "..."], axis: int) -> bool:
    """Whether all along an axis change under the same masks."""
    if changed.shape[axis] == 1:
        return False
    others = tuple(each for each in range(changed.ndim) if each != axis)
    return bool((changed == changed.take([0], axis)).mean(axis=others).min() >= ALIKE)


def _merged(changed: Bool[np.ndarray, "pattern both slot"]) -> int:
    """How many neighbours along an axis of (group head) always change alike: the heads."""
    patterns, both, slots = changed.shape
    for heads in range(both, 1, -1):
        if both % heads:
            continue
        apart = changed.reshape(patterns, both // heads, heads, slots)
        if (apart == apart[:, :, :1]).mean(axis=(0, 3)).min() >= ALIKE:
            return heads
    return 1
