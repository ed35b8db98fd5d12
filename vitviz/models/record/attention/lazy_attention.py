"""Recorded attention calls, evaluated where and when somebody looks, tile by tile."""

from __future__ import annotations

import itertools
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import assert_never

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, Float32
from torch import Tensor

from vitviz.core.data.attention import AttentionPlaces, AttentionSurvey, Fuse
from vitviz.core.measures.rollout import mixing
from vitviz.core.measures.token_pairs import MOST, check_pairs, too_many
from vitviz.core.progress import Unsupported
from vitviz.models.record.attention.kept_maps import kept_maps
from vitviz.models.record.attention.only_row import OnlyRow
from vitviz.models.record.attention.survey import surveyed
from vitviz.models.record.attention.tiles import (
    AttentionInputs,
    AttentionTile,
    add_bias,
    query_runs,
    tile_entries,
)
from vitviz.models.record.exact_numbers import evaluating

ALONE = 250_000
"""Most attention entries (head query key) of a call that one thread walks over alone."""

_serial = itertools.count()
_ALL = slice(None)


class LazyAttention(ABC):
    """One attention call as `core.attention.Attention` promises it; equal only to itself."""

    def __init__(self, heads: int, queries: int, keys: int) -> None:
        """The sizes of the call: maps are (head query key)."""
        self._sizes = (heads, queries, keys)
        self.values: Tensor | None = None
        self.gradient: Tensor | None = None
        """That of a target with respect to the call's output, laid out as q is, where one was taken."""
        self._owner = next(_serial)
        self._surveyed: tuple[AttentionPlaces | None, AttentionSurvey] | None = None
        weakref.finalize(self, kept_maps.drop, self._owner).atexit = False

    @property
    def heads(self) -> int:
        """Number of heads."""
        return self._sizes[0]

    @property
    def queries(self) -> int:
        """Number of query tokens."""
        return self._sizes[1]

    @property
    def keys(self) -> int:
        """Number of key tokens."""
        return self._sizes[2]

    @property
    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """What is held, for counting bytes."""

    @abstractmethod
    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The maps of some heads and queries, on the model's device. Must not be written to."""

    @abstractmethod
    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """What every query gives to one key, on the model's device."""

    def rows(self, query: int) -> Float32[np.ndarray, "head key"]:
        """Where one token looks, in every head: (head key). IndexError for a query out of range."""
        _check("query", query, self.queries)
        with evaluating(), one_thread():
            return _numpy(self.tile(_ALL, slice(query, query + 1))[:, 0])

    def columns(self, key: int) -> Float32[np.ndarray, "head query"]:
        """How much every token looks at one token, in every head."""
        _check("key", key, self.keys)
        with evaluating(), one_thread():
            return _numpy(self.column(key))

    def matrix(
        self, head: int | None = None, *, fuse: Fuse = "mean"
    ) -> Float32[np.ndarray, "query key"]:
        """One head's whole map, or all heads fused: (query key), read-only, kept while there is room.

        IndexError for a head that is not there, Unsupported for too many tokens.
        """
        if head is not None:
            _check("head", head, self.heads)
        check_pairs("the whole map", self.queries, self.keys)
        return self._kept(
            ("matrix", head if head is not None else fuse), lambda: self._matrix(head, fuse)
        )

    def flow(
        self,
        weight: Float32[np.ndarray, "*token head query"],
        *,
        fuse: Fuse | None = None,
        discard: float = 0.0,
    ) -> Float32[np.ndarray, "*token head key"]:
        """Weight on queries, (head query), moved to the keys they look at: (head key).

        ValueError for another shape, Unsupported where it takes the whole map of too many tokens;
        `fuse` and `discard` as `vitviz.core.data.attention` has them.
        """
        if fuse == "mean" and discard == 0 and self._kept_mean() is None:
            return self._mean_flow(weight)
        if (fuse is not None or discard > 0) and too_many(self.queries, self.keys):
            raise Unsupported(
                f"discarding, or fusing by {fuse or 'heads'}, needs the whole map of {self.queries} × "
                f"{self.keys} tokens, more than {MOST // 1_000_000} million; fuse by mean, discard none"
            )
        if fuse is not None:
            if discard == 0 and kept_maps.get(self._owner, ("matrix", fuse)) is None:
                return self._first_flow(weight, fuse)
            fused: np.ndarray = weight @ self._step(None, fuse, discard)
            return fused
        if weight.shape[-2:] != (self.heads, self.queries):
            raise ValueError(
                f"the weight has shape {weight.shape}, but each of {self.heads} heads needs one "
                f"for each of {self.queries} queries"
            )
        if discard > 0:
            rows = [
                weight[..., head, :] @ self._step(head, "mean", discard)
                for head in range(self.heads)
            ]
            return np.stack(rows, axis=-2)
        several = np.array(weight, np.float32, ndmin=3)
        with evaluating(), self._threads():
            moved = _numpy(self._flow(torch.from_numpy(several)))
        return moved if weight.ndim == 3 else moved[0]

    def sums(self, fuse: Fuse | None = None, discard: float = 0.0) -> Float32[np.ndarray, "..."]:
        """Row sums of the maps that `flow` moves through: (query), or (head query) with `fuse` None."""
        if fuse is not None:
            return self._kept(
                ("sums", fuse, discard),
                lambda: reduce(self._step(None, fuse, discard), "query key -> query", "sum"),
            )
        rows = [
            reduce(self._step(head, "mean", discard), "query key -> query", "sum")
            for head in range(self.heads)
        ]
        return np.stack(rows)

    def _kept_mean(self) -> np.ndarray | None:
        return kept_maps.get(self._owner, ("matrix", "mean"))

    def _mean_flow(
        self, weight: Float32[np.ndarray, "*token query"]
    ) -> Float32[np.ndarray, "*token key"]:
        """Through the mean over heads: its map is kept for the next look where there is room for
        those of all layers, else no map is made.
        """
        if self._in_parts or not kept_maps.has_room(4 * self.queries * self.keys):
            every = repeat(weight, "... query -> ... head query", head=self.heads)
            mean: np.ndarray = self.flow(every).mean(axis=-2)
            return mean
        return self._first_flow(weight, "mean")

    def _first_flow(
        self, weight: Float32[np.ndarray, "*token head query"], fuse: Fuse
    ) -> Float32[np.ndarray, "*token key"]:
        """Through the fused map that is made for it and kept. Multiplied by torch: numpy's threads
        spin for 50 ms behind a product, and those that make the next layer's map would wait for them.
        """
        with evaluating(), self._threads():
            fused = self._fused_heads(fuse)
            moved = _numpy(torch.from_numpy(np.array(weight, np.float32)).to(fused.device) @ fused)
            kept_maps.put(self._owner, ("matrix", fuse), _numpy(fused))
        return moved

    def _step(self, head: int | None, fuse: Fuse, discard: float) -> np.ndarray:
        if discard == 0:
            return self.matrix(head, fuse=fuse)
        return self._kept(
            ("step", head if head is not None else fuse, discard),
            lambda: mixing(self, head=head, fuse=fuse, discard=discard),
        )

    def _kept(self, kind: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        found = kept_maps.get(self._owner, kind)
        return kept_maps.put(self._owner, kind, make()) if found is None else found

    def _matrix(self, head: int | None, fuse: Fuse) -> np.ndarray:
        with evaluating(), self._threads():
            if head is None:
                return _numpy(self._fused_heads(fuse))
            one = slice(head, head + 1)
            runs = query_runs(1, self.queries, self.keys, tile_entries(self._device))
            parts = [self.tile(one, queries)[0] for queries in runs]
            return _numpy(torch.cat(parts) if len(parts) > 1 else parts[0])

    def _fused_heads(self, fuse: Fuse) -> Float32[Tensor, "query key"]:
        """All heads' maps made one, tile by tile."""
        found = torch.empty(self.queries, self.keys, device=self._device)
        each = torch.full((1, self.heads), 1 / self.heads, device=self._device)
        for tile in self.tiles():
            into = found[tile.queries]
            match fuse:
                case "mean":  # as a product it takes half the time of torch's mean
                    flat = rearrange(tile.maps, "head query key -> head (query key)")
                    torch.mm(each, flat, out=rearrange(into, "query key -> 1 (query key)"))
                case "max":
                    torch.amax(tile.maps, 0, out=into)
                case "min":
                    torch.amin(tile.maps, 0, out=into)
                case _:
                    assert_never(fuse)
        return found

    def _flow(
        self, weight: Float32[Tensor, "token head query"]
    ) -> Float32[Tensor, "token head key"]:
        given = rearrange(weight.to(self._device), "token head query -> head token query")
        moved = torch.zeros(*given.shape[:2], self.keys, device=self._device)
        for tile in self.tiles():
            torch.baddbmm(moved, given[..., tile.queries], tile.maps, out=moved)
        return rearrange(moved, "head token key -> token head key").contiguous()

    def survey(self, places: AttentionPlaces | None = None) -> AttentionSurvey:
        """Received attention, entropy and distances of all heads, by one walk; kept, being small."""
        if self._surveyed is None or self._surveyed[0] is not places:
            with torch.inference_mode(), self._threads():
                found = surveyed(self.tiles(logs=True), self._sizes, places, self._device)
            self._surveyed = (places, found)
        return self._surveyed[1]

    def overview(
        self, head: int | None = None, *, step: int
    ) -> Float32[np.ndarray, "query_run key_run"]:
        """One head's map, or the mean of all, averaged over squares of `step` entries."""
        heads = _ALL if head is None else slice(head, head + 1)
        entries = tile_entries(self._device)
        if head is not None:
            _check("head", head, self.heads)
        down, across = min(step, self.queries), min(step, self.keys)
        most = entries // (self.keys * (self.heads if head is None else 1))
        rows, end = max(down, most // down * down), self.queries // down * down
        found = []
        with torch.inference_mode(), self._threads():
            for start in range(0, end, rows):
                maps = self.tile(heads, slice(start, min(start + rows, end)))
                keys = self.keys // across * across
                lines = reduce(maps, "head (run down) key -> run key", "mean", down=down)
                runs = lines[:, :keys]
                found.append(reduce(runs, "row (run across) -> row run", "mean", across=across))
            return _numpy(torch.cat(found))

    def tiles(self, *, logs: bool = False) -> Iterator[AttentionTile]:
        """The maps of all heads, some queries after others: what every walk over the whole goes over.

        On the model's device; each tile is good until the next is asked for. Must not be written to.
        With `logs` a call that knows its maps' logarithms gives them too.
        """
        for queries in query_runs(self.heads, self.queries, self.keys, tile_entries(self._device)):
            yield AttentionTile(queries, self.tile(_ALL, queries))

    @property
    def _device(self) -> torch.device:
        return self.tensors[0].device

    @property
    def _in_parts(self) -> bool:
        """Whether the mean over heads flows head by head, so that no whole map is made."""
        return too_many(self.queries, self.keys)

    def _threads(self) -> AbstractContextManager[None]:
        """One thread where there is little to do, all threads where there is something to share."""
        heads, queries, keys = self._sizes
        return one_thread() if heads * queries * keys <= ALONE else nullcontext()


class FusedAttention(LazyAttention):
    """A fused call, kept as its q, k and bias: the softmax is made for what is looked at."""

    def __init__(
        self,
        query: Float[Tensor, "head query dim"],
        key: Float[Tensor, "head key dim"],
        bias: Tensor | None,
        scale: float,
        causal: bool = False,
        values: Float[Tensor, "head key value"] | None = None,
        normaliser: Float[Tensor, "head query"] | None = None,
    ) -> None:
        """`normaliser` is each query's log-sum-exp, where the kernel gave it; `values` where kept."""
        super().__init__(query.shape[0], query.shape[1], key.shape[1])
        self.query, self.key, self.scale, self.causal = query, key, scale, causal
        self.values = values
        self.bias = None if bias is None else bias.expand(*self._sizes)
        self._normaliser = None if normaliser is None else normaliser.float()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """q, k, the bias, and v and the log-sum-exp as far as they are kept."""
        kept = (self.query, self.key, self.bias, self.values, self._normaliser)
        return tuple(tensor for tensor in kept if tensor is not None)

    @property
    def inputs(self) -> AttentionInputs:
        """What the attention is made of."""
        self._settle()
        return AttentionInputs(self.query, self.key, self.scale, self.bias, self.causal)

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """softmax(q k^T * scale + bias) of some heads and queries."""
        logits = self.inputs.of(heads).logits(queries)
        if self.bias is None:
            return torch.softmax(logits, dim=-1)
        return torch._safe_softmax(logits, dim=-1)  # a query that may look at nothing gives nothing

    def tiles(self, *, logs: bool = False) -> Iterator[AttentionTile]:
        """exp(q k^T * scale + bias - log-sum-exp) of all heads, tile after tile."""
        return self.inputs.tiles(self.normaliser, logs=logs)

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """exp(logit - log-sum-exp of the query), the same number as in the query's softmax."""
        self._settle()
        keyed = self.key[:, key : key + 1].float() * self.scale
        found = torch.bmm(self.query.float(), keyed.mT)
        if self.bias is not None:
            add_bias(found, self.bias[:, :, key : key + 1])
        if self.causal:
            found[:, :key] = -torch.inf
        return torch.exp_(found[..., 0] - self.normaliser)

    def _settle(self) -> None:
        """Heads that lie between each other, as the model left them, are laid one after the other at
        the first look: each later one is two to three times as quick.
        """
        if not self.key.is_contiguous():
            self.query, self.key = self.query.contiguous(), self.key.contiguous()
            self.values = None if self.values is None else self.values.contiguous()

    @property
    def normaliser(self) -> Float32[Tensor, "head query"]:
        """The log-sum-exp of every query's logits: the fused kernel's own where it gave it, else made
        once. 0 where a query may look at nothing.
        """
        if self._normaliser is None:
            self._normaliser = self.inputs.log_sum_exp()
        return self._normaliser


class EagerAttention(LazyAttention):
    """A call whose softmax the model itself made; kept as it came."""

    def __init__(self, maps: Float[Tensor, "head query key"], values: Tensor | None = None) -> None:
        """`maps` are after the softmax; `values` is v as (head key value), where it is kept."""
        super().__init__(*maps.shape)
        self.maps = maps
        self.values = values

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The maps, and v as far as it is kept."""
        return (self.maps,) if self.values is None else (self.maps, self.values)

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The maps of some heads and queries."""
        return self.maps[heads, queries].float()

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """One column of the maps."""
        return self.maps[:, :, key].float()

    def tiles(self, *, logs: bool = False) -> Iterator[AttentionTile]:
        """The maps are there already: one product instead of one for each tile."""
        yield AttentionTile(slice(0, self.queries), self.tile(_ALL, _ALL))


class RowAttention(LazyAttention):
    """All that was kept of a call: where one token looks. OnlyRow for everything else."""

    def __init__(self, query: int, queries: int, shares: Float32[Tensor, "head key"]) -> None:
        """`shares` are what token `query` of `queries` gives to each key."""
        super().__init__(shares.shape[0], queries, shares.shape[1])
        self.query, self.shares = query, shares

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The row."""
        return (self.shares,)

    def rows(self, query: int) -> Float32[np.ndarray, "head key"]:
        """The row that was kept. OnlyRow for another one."""
        _check("query", query, self.queries)
        if query != self.query:
            raise self._only()
        return self.shares.cpu().numpy().copy()

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The row, where nothing else is asked for; else OnlyRow."""
        if range(self.queries)[queries] != range(self.query, self.query + 1):
            raise self._only()
        return rearrange(self.shares[heads], "head key -> head 1 key")

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """Never, always OnlyRow: other tokens' rows are gone."""
        raise self._only()

    def _only(self) -> OnlyRow:
        return OnlyRow(f"only the row of token {self.query} was kept of {self.queries}")


@contextmanager
def one_thread() -> Iterator[None]:
    """Work this small costs more to share out than to do, above all beside a running model.

    Measured on 2 busy cores: 12 layers' rows of 197 tokens take 15 to 180 ms shared, 0.7 ms alone.
    """
    _Threads.enter()
    try:
        yield
    finally:
        _Threads.leave()


class _Threads:
    """How many threads torch usually has, read while nobody has asked for fewer.

    A thread that first meets torch while another is inside would take 1 for the usual number.
    """

    lock = threading.Lock()
    inside = 0
    usual = 0

    @classmethod
    def enter(cls) -> None:
        with cls.lock:
            if not cls.inside:
                cls.usual = max(cls.usual, torch.get_num_threads())
            cls.inside += 1
            torch.set_num_threads(1)

    @classmethod
    def leave(cls) -> None:
        with cls.lock:
            cls.inside -= 1
            torch.set_num_threads(cls.usual)


def _numpy(values: Tensor) -> np.ndarray:
    """A float32 array on the CPU that nobody else holds."""
    array: np.ndarray = values.cpu().numpy()
    return array if array.base is None or values.is_contiguous() else np.ascontiguousarray(array)


def _check(what: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise IndexError(f"{what} {index} is out of range, this call has {count}")
