"""What one recorded attention call offers to the rest, whatever computes it and wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

Fuse = Literal["mean", "max", "min"]
"""How heads are made one: the entry's mean, maximum or minimum over the heads."""


@dataclass(frozen=True, slots=True, eq=False)
class AttentionPlaces:
    """Where queries and keys are, in model pixels; NaN for those that are nowhere in the picture."""

    queries: Float32[np.ndarray, "query side"]
    keys: Float32[np.ndarray, "key side"]


@dataclass(frozen=True, slots=True, eq=False)
class AttentionSurvey:
    """Sums over all of a call's maps.

    `received` is what all queries together give to a key; `entropy` -sum A ln A of each query's row, in
    nats, NaN in a head with entries below zero; `among` the share of a row that falls on keys with a
    place, `reached` sum A D over them in pixels, NaN for a query without one. The last two are empty
    where no places were given.
    """

    received: Float32[np.ndarray, "head key"]
    entropy: Float32[np.ndarray, "head query"]
    among: Float32[np.ndarray, "head query"]
    reached: Float32[np.ndarray, "head query"]


@runtime_checkable
class Attention(Protocol):
    """One attention call of one layer: softmax rows, made when somebody looks.

    >>> attention = trace.layers[0].attention
    >>> attention.heads, attention.queries, attention.keys
    (2, 101, 101)
    >>> attention.rows(0).shape, attention.columns(0).shape, attention.matrix(1).shape
    ((2, 101), (2, 101), (101, 101))
    >>> bool(np.allclose(attention.rows(0).sum(axis=1), 1, atol=1e-5))
    True
    >>> bool(np.allclose(attention.matrix(fuse="mean")[0], attention.rows(0).mean(axis=0), atol=1e-5))
    True

    Rows sum to 1 unless the model says otherwise. All results are float32 numpy arrays on the CPU.
    Nothing of size heads x queries x keys is held between calls.

    Source: Vaswani et al., Attention is all you need (https://arxiv.org/abs/1706.03762).
    """

    @property
    def heads(self) -> int:
        """Number of heads."""

    @property
    def queries(self) -> int:
        """Number of query tokens."""

    @property
    def keys(self) -> int:
        """Number of key tokens; fewer than queries where keys were pooled."""

    def rows(self, query: int) -> Float32[np.ndarray, "head key"]:
        """Where one token looks, in every head. IndexError for a query out of range."""

    def columns(self, key: int) -> Float32[np.ndarray, "head query"]:
        """How much every token looks at one token, in every head. IndexError out of range."""

    def matrix(
        self, head: int | None = None, *, fuse: Fuse = "mean"
    ) -> Float32[np.ndarray, "query key"]:
        """One head's whole map, or all heads fused when `head` is None (not renormalised)."""

    def survey(self, places: AttentionPlaces | None = None) -> AttentionSurvey:
        """What can be said of all maps by one walk over them; distances where `places` are given."""

    def overview(
        self, head: int | None = None, *, step: int
    ) -> Float32[np.ndarray, "query_run key_run"]:
        """One head's map, or the mean of all, averaged over squares of `step` entries; what is left
        over at the far edges is left out. No whole map is made.
        """

    def flow(
        self,
        weight: Float32[np.ndarray, "*token head query"],
        *,
        fuse: Fuse | None = None,
        discard: float = 0.0,
    ) -> Float32[np.ndarray, "*token head key"]:
        """`weight @ attention`: weight on queries moved to the keys they look at.

        With `fuse` None every head moves its own weight through its own map. Otherwise the heads'
        maps are fused first and every row of `weight` (one is enough) moves through that one map.
        A leading axis moves the weights of several tokens at once, for about the price of one.
        `discard` is the share of the map's lowest entries set to zero first, entry [0, 0] kept.
        After max, min and discarding rows no longer sum to 1; nothing is divided here (`sums`).
        """

    def sums(self, fuse: Fuse | None = None, discard: float = 0.0) -> Float32[np.ndarray, "..."]:
        """The sums of the rows of the maps that `flow` moves through: (query) of the fused map, or
        (head query) with `fuse` None.
        """
