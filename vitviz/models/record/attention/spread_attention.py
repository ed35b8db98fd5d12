"""Keys that are averages of neighbours in the sequence, given back to the tokens they were made of."""

from __future__ import annotations

from einops import repeat
from jaxtyping import Float32
from torch import Tensor

from vitviz.models.record.attention.lazy_attention import LazyAttention


class SpreadAttention(LazyAttention):
    """Attention on keys that are each the mean of `run` tokens in a row, as attention on the tokens.

    Exact, since a mean gives each of its tokens the same share.
    """

    def __init__(self, inner: LazyAttention, run: int) -> None:
        """`inner` has one key for every `run` tokens."""
        super().__init__(inner.heads, inner.queries, inner.keys * run)
        self.inner, self.run = inner, run

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What is held of the call itself."""
        return self.inner.tensors

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The maps of some heads and queries."""
        found = self.inner.tile(heads, queries) / self.run
        return repeat(found, "head query key -> head query (key run)", run=self.run)

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """What every query gives to one key."""
        return self.inner.column(key // self.run) / self.run
