"""One attention call as the model made it, with what of it is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from vitviz.models.record.map_sizes import MapSize
from vitviz.models.record.verify import ComparedOutputs, relative


@dataclass(frozen=True, eq=False)
class RecordedRow:
    """Where one of `queries` tokens looks, (... head key); `dtype` is the one the model reckoned in."""

    query: int
    queries: int
    shares: Tensor
    dtype: torch.dtype


@dataclass(eq=False)
class AttentionCall:
    """One attention call as the model made it, batch first: (... head query dim).

    A fused call has `query`, `key`, `bias`, `scale` and, where its kernel gave it, `log_sum_exp` (...
    head query), or one `row` where no more was asked for; an eager one the `maps`. "altered" maps are
    what met the values after the softmax, kept as `before`, had been changed. `error` is what attention
    @ v was compared by with the module's own output. `given` has the shape of what each module at work
    was given, by its name, outermost first; `maps_made` are the sizes of the maps that the pass had
    made of the picture by then. `output` is what attention @ v gave, kept where a gradient
    is taken to it, which is then `gradient`; `turned` where the model multiplied the other way round,
    so that the output's last two axes are exchanged.
    """

    name: str
    kind: Literal["fused", "eager", "altered", "lost"]
    error: ComparedOutputs | None = None
    row_error: Tensor | None = None
    query: Tensor | None = None
    key: Tensor | None = None
    bias: Tensor | None = None
    scale: float = 1.0
    causal: bool = False
    log_sum_exp: Tensor | None = None
    maps: Tensor | None = None
    values: Tensor | None = None
    before: Tensor | None = None
    reason: str = ""
    row: RecordedRow | None = None
    versions: tuple[int, ...] = field(default=())
    made: torch.dtype | None = None
    given: dict[str, tuple[int, ...]] = field(default_factory=dict)
    output: Tensor | None = None
    turned: bool = False
    gradient: Tensor | None = None
    maps_made: tuple[MapSize, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(... head query key) of the call's attention."""
        if self.maps is not None:
            return tuple(self.maps.shape)
        if self.row is not None:
            *before, keys = self.row.shares.shape
            return (*before, self.row.queries, keys)
        if self.query is None or self.key is None:
            return ()
        return (*self.query.shape[:-1], self.key.shape[-2])

    @property
    def held(self) -> tuple[Tensor, ...]:
        """The tensors kept."""
        row = None if self.row is None else self.row.shares
        kept = (self.query, self.key, self.bias, self.maps, self.values, row)
        return tuple(tensor for tensor in kept if tensor is not None)

    @cached_property
    def verified(self) -> float:
        """The largest relative error of attention @ v; infinite where it was not compared."""
        return math.inf if self.error is None else relative(self.error)

    @property
    def dtype(self) -> torch.dtype:
        """The number type the model reckoned in: that of what came out, where autocast chose it."""
        if self.made is not None:
            return self.made
        if self.row is not None:
            return self.row.dtype
        return self.held[0].dtype if self.held else torch.float32

    def touched(self) -> bool:
        """Whether the model wrote into what was kept after the call."""
        return bool(self.versions) and self.versions != versions(self.held)


def versions(tensors: Sequence[Tensor]) -> tuple[int, ...]:
    """How often each was written to in place."""
    return tuple(tensor._version for tensor in tensors)
