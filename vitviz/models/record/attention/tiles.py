"""Attention in tiles of queries that stay in the processor's cache: the one walk under every flow.

With the log-sum-exp of a query's logits known, `A = exp(q k^T * scale + bias - log-sum-exp)`: one
product, one addition and one exponential in place, with no second pass for a maximum or a sum. What
has to be known of all maps (rollout, relevance, received attention, distance, entropy) is reckoned
from each tile while it lies in the cache; no map of all tokens is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Float32
from torch import Tensor

ENTRIES = 500_000
"""Attention entries (head query key) of a tile: 2 MB. Measured at 197, 785 and 1,370 tokens: 250,000
to 2 million take the same time within 5 %; more leave the cache."""

ENTRIES_APART = 32_000_000
"""The same on a device of its own, where starting an operation costs more than memory."""

_PER_BIT = math.log2(math.e)
"""Logits times this are powers of two, which take a third of the time of powers of e."""


@dataclass(frozen=True, slots=True, eq=False)
class AttentionTile:
    """The maps of some queries. `maps` are good until the next tile is asked for, and not to be
    written to where the call itself holds them. `logs` are their logarithms to base 2 where they were
    asked for; these may be written to.
    """

    queries: slice
    maps: Float32[Tensor, "head query key"]
    logs: Float32[Tensor, "head query key"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AttentionInputs:
    """What a fused call made its attention of: softmax(q k^T * scale + bias), in any floating type.

    `bias` is added to the logits, or a mask whose False entries nobody may look at; `causal` forbids
    keys after the query. Keys that several query heads share are given expanded.
    """

    query: Float[Tensor, "head query dim"]
    key: Float[Tensor, "head key dim"]
    scale: float
    bias: Tensor | None = None
    causal: bool = False

    @property
    def heads(self) -> int:
        """Number of heads."""
        return self.query.shape[0]

    def logits(self, queries: slice) -> Float32[Tensor, "head query key"]:
        """q k^T * scale + bias of some queries, in memory of its own."""
        found = torch.bmm(self.query[:, queries].float() * self.scale, self.key.float().mT)
        return self._placed(found, queries, 1.0)

    def of(self, heads: slice) -> AttentionInputs:
        """Some of the heads."""
        bias = None if self.bias is None else self.bias[heads]
        return replace(self, query=self.query[heads], key=self.key[heads], bias=bias)

    def tiles(
        self,
        log_sum_exp: Float32[Tensor, "head query"],
        entries: int | None = None,
        *,
        logs: bool = False,
    ) -> Iterator[AttentionTile]:
        """The whole attention, tile after tile in one piece of memory, which may be written to.

        With `logs` the logarithms stay beside it.
        """
        powers = torch.empty(0, device=self.query.device) if logs else None
        keys = self.key.float().mT
        shift = log_sum_exp * -_PER_BIT
        for queries, maps in self._memory(entries):
            torch.bmm(self.query[:, queries].float() * (self.scale * _PER_BIT), keys, out=maps)
            self._placed(maps, queries, _PER_BIT)
            maps.add_(rearrange(shift[:, queries], "head query -> head query 1"))
            if powers is None:
                yield AttentionTile(queries, maps.exp2_())
            else:
                if powers.shape != maps.shape:
                    powers = torch.empty_like(maps)
                torch.exp2(maps, out=powers)
                yield AttentionTile(queries, powers, maps)

    def log_sum_exp(self, entries: int | None = None) -> Float32[Tensor, "head query"]:
        """The log of the sum of each query's exponentials, by one walk; 0 where a query may look at
        nothing, as torch's fused kernel has it.
        """
        keys = self.key.float().mT
        found = torch.empty(self.query.shape[:2], device=self.query.device)
        for queries, powers in self._memory(entries):
            torch.bmm(self.query[:, queries].float() * (self.scale * _PER_BIT), keys, out=powers)
            self._placed(powers, queries, _PER_BIT)
            highest = powers.amax(-1, keepdim=True)
            highest.masked_fill_(highest == -torch.inf, 0.0)
            total = powers.sub_(highest).exp2_().sum(-1)
            some = (total.log2_() + highest[..., 0]) / _PER_BIT
            found[:, queries] = some.masked_fill_(some == -torch.inf, 0.0)
        return found

    def _placed(
        self, logits: Float32[Tensor, "head query key"], queries: slice, factor: float
    ) -> Float32[Tensor, "head query key"]:
        """With `factor` times the bias added, and minus infinity where nobody may look; in place."""
        if self.bias is not None:
            add_bias(logits, self.bias[:, queries], factor)
        if self.causal:
            logits.masked_fill_(later(logits, queries.start or 0), -torch.inf)
        return logits

    def _memory(
        self, entries: int | None
    ) -> Iterator[tuple[slice, Float32[Tensor, "head query key"]]]:
        """Queries that are walked over together, each time with the same memory for their tile."""
        keys, memory = self.key.shape[1], None
        entries = entries or tile_entries(self.query.device)
        for queries in query_runs(self.heads, self.query.shape[1], keys, entries):
            count = self.heads * (queries.stop - queries.start) * keys
            if memory is None:  # the first run is the longest
                memory = torch.empty(count, device=self.query.device)
            tile = memory[:count].view(self.heads, queries.stop - queries.start, keys)
            yield queries, tile


def tile_entries(device: torch.device) -> int:
    """Entries of a tile where it is reckoned."""
    return ENTRIES if device.type == "cpu" else ENTRIES_APART


def query_runs(heads: int, queries: int, keys: int, entries: int) -> Iterator[slice]:
    """All queries in runs whose attention has about so many entries (head query key)."""
    step = max(1, entries // max(1, heads * keys))
    for start in range(0, queries, step):
        yield slice(start, min(start + step, queries))


def add_bias(
    logits: Float32[Tensor, "*window head query key"], bias: Tensor, factor: float = 1.0
) -> None:
    """The bias times `factor` added, or what a mask of False forbids set to minus infinity; in
    place.
    """
    if bias.dtype == torch.bool:
        logits.masked_fill_(~bias, -torch.inf)
    elif bias.dtype == logits.dtype:
        logits.add_(bias, alpha=factor)
    else:
        logits.add_(bias.float(), alpha=factor)


def later(logits: Float32[Tensor, "head query key"], first: int) -> Tensor:
    """Which keys come after their query, for queries counted from `first`."""
    query = torch.arange(logits.shape[1], device=logits.device) + first
    key = torch.arange(logits.shape[2], device=logits.device)
    return repeat(key, "key -> query key", query=len(query)) > rearrange(query, "query -> query 1")
