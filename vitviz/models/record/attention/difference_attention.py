"""Differential attention: one softmax less a share of another, so what is drawn may be negative."""

from __future__ import annotations

from jaxtyping import Float32
from torch import Tensor

from vitviz.core.data.attention import Attention
from vitviz.models.record.attention.lazy_attention import LazyAttention


class DifferenceAttention(LazyAttention):
    """first - share * second, as it multiplies the values; rows sum to 1 - share.

    Ye et al., "Differential Transformer", arXiv:2410.05258.
    """

    def __init__(self, first: Attention, second: Attention, share: float) -> None:
        """Both (head query key) of one shape; `share` is the model's lambda of this layer."""
        assert isinstance(first, LazyAttention)
        assert isinstance(second, LazyAttention)
        super().__init__(first.heads, first.queries, first.keys)
        self.first, self.second, self.share = first, second, share

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those of both."""
        return (*self.first.tensors, *self.second.tensors)

    def tile(self, heads: slice, queries: slice) -> Float32[Tensor, "head query key"]:
        """The maps of some heads and queries."""
        return self.first.tile(heads, queries) - self.share * self.second.tile(heads, queries)

    def column(self, key: int) -> Float32[Tensor, "head query"]:
        """What every query gives to one key."""
        return self.first.column(key) - self.share * self.second.column(key)
