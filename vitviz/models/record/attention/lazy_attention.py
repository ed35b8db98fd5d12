"""Recorded attention calls, evaluated where and when somebody looks, tile by tile."""

from __future__ import annotations

import itertools
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, Float32
from torch import Tensor

from vitviz.core.data.attention import Fuse
from vitviz.core.measures.rollout import mixing
from vitviz.core.measures.token_pairs import MOST, check_pairs, too_many
from vitviz.core.progress import Unsupported
from vitviz.models.record.attention.kept_maps import kept_maps
from vitviz.models.record.recorder import OnlyRow

TILE = 1_000_000
"""Most attention entries (head query key) made at once: 4 MB, which stays in a processor's cache."""

_serial = itertools.count()
_ALL = slice(None)


class LazyAttention(ABC):
    """One attention call as `core.attention.Attention` promises it; equal only to itself."""

    def __init__(self, heads: int, queries: int, keys: int) -> None:
        self._sizes = (heads, queries, keys)
        self.values: Tensor | None = None
        self.gradient: Tensor | None = None
        """That of a target with respect to the call's output, laid out as q is, where one was taken."""
        self._owner = next(_serial)
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
        with torch.inference_mode(), one_thread():
            return _numpy(self.tile(_ALL, slice(query, query + 1))[:, 0])

    def columns(self, key: int) -> Float32[np.ndarray, "head query"]:
        """How much every token looks at one token, in every head."""
        _check("key", key, self.keys)
        with torch.inference_mode(), one_thread():
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
        if fuse == "mean" and discard == 0 and self._in_parts:
            every = repeat(weight, "... query -> ... head query", head=self.heads)
            mean: np.ndarray = self.flow(every).mean(axis=-2)
            return mean
        if (fuse is not None or discard > 0) and too_many(self.queries, self.keys):
            raise Unsupported(
                f"discarding, or fusing by {fuse or 'heads'}, needs the whole map of {self.queries} × "
                f"{self.keys} tokens, more than {MOST // 1_000_000} million; fuse by mean, discard none"
            )
        if fuse is not None:
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
        with torch.inference_mode(), self._threads():
            moved = _numpy(self._flow(torch.from_numpy(several)))
        return moved if weight.ndim == 3 else moved[0]

    def _step(self, head: int | None, fuse: Fuse, discard: float) -> np.ndarray:
        if discard == 0 and (head is not None or fuse == "mean"):
            return self.matrix(head, fuse=fuse)
        return self._kept(
            ("step", head if head is not None else fuse, discard),
            lambda: mixing(self, head=head, fuse=fuse, discard=discard),
        )

    def _kept(self, kind: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        found = kept_maps.get(self._owner, kind)
        return kept_maps.put(self._owner, kind, make()) if found is None else found

    def _matrix(self, head: int | None, fuse: Fuse) -> np.ndarray:
        heads = _ALL if head is None else slice(head, head + 1)
        with torch.inference_mode(), self._threads():
            parts = [
                reduce(self.tile(heads, queries), "head query key -> query key", fuse)
                for queries in self._tiles(self.heads if head is None else 1)
            ]
            return _numpy(torch.cat(parts) if len(parts) > 1 else parts[0])

    def _flow(
        self, weight: Float32[Tensor, "token head query"]
    ) -> Float32[Tensor, "token head key"]:
        moved: Tensor | None = None
        for queries in self._tiles(self.heads):
            maps = self.tile(_ALL, queries)
            given = rearrange(
                weight[..., queries].to(maps.device), "token head query -> head token query"
            )
            part = torch.bmm(given, maps)
            moved = part if moved is None else moved.add_(part)
        assert moved is not None
        return rearrange(moved, "head token key -> token head key").contiguous()

    @property
    def _in_parts(self) -> bool:
        """Whether the mean over heads flows head by head, so that no whole map is made."""
        return too_many(self.queries, self.keys)

    def _threads(self) -> AbstractContextManager[None]:
        """One thread where all maps are one tile, all threads where there is something to share."""
        heads, queries, keys = self._sizes
        return one_thread() if heads * queries * keys <= TILE else nullcontext()

    def _tiles(self, heads: int) -> Iterator[slice]:
        step = max(1, TILE // (heads * self.keys))
        for start in range(0, self.queries, step):
            yield slice(start, min(start + step, self.queries))


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
    ) -> None:
        super().__init__(query.shape[0], query.shape[1], key.shape[1])
        self.query, self.key, self.scale, self.causal = query, key, scale, causal
        self.values = values
        self.bias = None if bias is None else bias.expand(*self._sizes)
        self._normaliser: Float32[Tensor, "head query"] | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """q, k, the bias and v as far as it is kept."""
        kept = (self.query, self.key, self.bias, self.values)
        return tuple(tensor for tensor in kept if tensor is not None)

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """softmax(q k^T * scale + bias) of some heads and queries."""
        return torch.softmax(self.logits(heads, queries), dim=-1)

    def logits(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """q k^T * scale + bias of some heads and queries."""
        self._settle()
        query = self.query[heads, queries].float() * self.scale
        found = torch.bmm(query, self.key[heads].float().mT)
        if self.bias is not None:
            add_bias(found, self.bias[heads, queries])
        if self.causal:
            first = queries.start or 0
            found.masked_fill_(_later(found, first), -torch.inf)
        return found

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
        the first look: each later one is two to three times as quick."""
        if not self.key.is_contiguous():
            self.query, self.key = self.query.contiguous(), self.key.contiguous()
            self.values = None if self.values is None else self.values.contiguous()

    @property
    def normaliser(self) -> Float32[Tensor, "head query"]:
        """The log-sum-exp of every query's logits; made once, small."""
        if self._normaliser is None:
            parts = [
                torch.logsumexp(self.logits(_ALL, queries), dim=-1)
                for queries in self._tiles(self.heads)
            ]
            self._normaliser = torch.cat(parts, dim=1)
        return self._normaliser


class EagerAttention(LazyAttention):
    """A call whose softmax the model itself made; kept as it came."""

    def __init__(self, maps: Float[Tensor, "head query key"], values: Tensor | None = None) -> None:
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

    def _tiles(self, heads: int) -> Iterator[slice]:
        # The maps are there already: one product instead of one for each tile.
        yield slice(0, self.queries)


class RowAttention(LazyAttention):
    """All that was kept of a call: where one token looks. OnlyRow for everything else."""

    def __init__(self, query: int, queries: int, shares: Float32[Tensor, "head key"]) -> None:
        super().__init__(shares.shape[0], queries, shares.shape[1])
        self.query, self.shares = query, shares

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The row."""
        return (self.shares,)

    def rows(self, query: int) -> Float32[np.ndarray, "head key"]:
        """The row that was kept."""
        _check("query", query, self.queries)
        if query != self.query:
            raise self._only()
        return self.shares.cpu().numpy().copy()

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The row, where nothing else is asked for."""
        if range(self.queries)[queries] != range(self.query, self.query + 1):
            raise self._only()
        return rearrange(self.shares[heads], "head key -> head 1 key")

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """Never: other tokens' rows are gone."""
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


def add_bias(logits: Float32[Tensor, "*window head query key"], bias: Tensor) -> None:
    """The bias added, or what a mask of False forbids set to minus infinity; in place."""
    if bias.dtype == torch.bool:
        logits.masked_fill_(~bias, -torch.inf)
    else:
        logits.add_(bias)


def _later(logits: Float32[Tensor, "head query key"], first: int) -> Tensor:
    """Which keys come after their query, for queries counted from `first`."""
    query = torch.arange(logits.shape[1], device=logits.device) + first
    key = torch.arange(logits.shape[2], device=logits.device)
    return repeat(key, "key -> query key", query=len(query)) > rearrange(query, "query -> query 1")


def _numpy(values: Tensor) -> np.ndarray:
    """A float32 array on the CPU that nobody else holds."""
    array: np.ndarray = values.cpu().numpy()
    return array if array.base is None or values.is_contiguous() else np.ascontiguousarray(array)


def _check(what: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise IndexError(f"{what} {index} is out of range, this call has {count}")
