"""Attention with its gradient, piece by piece: d target / d attention = g v^T, never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from vitviz.core.data.trace import Layer
from vitviz.core.data.windows import PADDING
from vitviz.core.progress import Unsupported
from vitviz.models.record.attention.difference_attention import DifferenceAttention
from vitviz.models.record.attention.lazy_attention import LazyAttention
from vitviz.models.record.attention.spread_attention import SpreadAttention
from vitviz.models.record.attention.tiles import query_runs, tile_entries
from vitviz.models.record.attention.windowed_attention import WindowedAttention

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class PairPiece:
    """Attention and its gradient between some queries and keys; `queries` and `keys` say which.

    Where tokens attend inside windows each window has its own; -1 is a window's padding. `maps` are
    good until the next piece is asked for and not to be written to; `gradients` are the reader's own.
    """

    maps: Float32[Tensor, "window head query key"]
    gradients: Float32[Tensor, "window head query key"]
    queries: Int64[Tensor, "window query"]
    keys: Int64[Tensor, "window key"]


def has_gradient(attention: object) -> bool:
    """Whether a call was seen with v and with a gradient to its output."""
    match attention:
        case DifferenceAttention():
            return has_gradient(attention.first)
        case SpreadAttention():
            return has_gradient(attention.inner)
        case LazyAttention():
            return attention.gradient is not None and attention.values is not None
    return False


def with_gradient(layer: Layer, called: str) -> LazyAttention:
    """A layer's attention, with its gradient. Unsupported where there is none."""
    attention = layer.attention
    if not isinstance(attention, LazyAttention) or not has_gradient(attention):
        raise Unsupported(
            f"{layer.name} of {called} does not multiply values by one map, so its attention has no "
            "gradient that could be told apart; Grad-CAM, input x gradient and occlusion need none"
        )
    return attention


def gradient_tile(attention: LazyAttention, queries: slice) -> Float32[Tensor, "head query key"]:
    """d target / d attention for some queries of a call that is over all its tokens."""
    match attention:
        case DifferenceAttention():  # first - share * second: the difference is what meets the values
            assert isinstance(attention.first, LazyAttention)
            return gradient_tile(attention.first, queries)
        case SpreadAttention():  # a mean gives each of its tokens the value of the mean
            return gradient_tile(attention.inner, queries).repeat_interleave(attention.run, dim=-1)
        case _:
            assert attention.gradient is not None
            assert attention.values is not None
            given = attention.gradient[:, queries].float()
            return torch.bmm(given, attention.values.float().mT)


def pieces(
    attention: LazyAttention, rows: range | None = None, *, maps: bool = True
) -> Iterator[PairPiece]:
    """A call's attention and gradient in pieces that stay in the cache; of some rows, or of all.

    Without `maps` attention is not computed, and each piece has its gradient in its place.
    """
    if isinstance(attention, WindowedAttention):
        yield from _window_pieces(attention)
        return
    keys = torch.arange(attention.keys)[None]
    for queries, found in _tiles(attention, rows, maps):
        gradients = gradient_tile(attention, queries)
        asking = torch.arange(queries.start, queries.stop)[None]
        yield PairPiece(
            gradients[None] if found is None else found[None], gradients[None], asking, keys
        )


def _tiles(
    attention: LazyAttention, rows: range | None, maps: bool
) -> Iterator[tuple[slice, Tensor | None]]:
    """Queries that are looked at together, with their maps where these are wanted."""
    if rows is not None:
        wanted = slice(rows.start, rows.stop)
        yield wanted, attention.tile(ALL, wanted) if maps else None
    elif maps:
        for tile in attention.tiles():
            yield tile.queries, tile.maps
    else:
        entries = tile_entries(attention._device)
        for queries in query_runs(attention.heads, attention.queries, attention.keys, entries):
            yield queries, None


def _window_pieces(attention: WindowedAttention) -> Iterator[PairPiece]:
    assert attention.gradient is not None
    assert attention.values is not None
    for windows in attention._several():
        gradients = attention.gradient[windows].float() @ attention.values[windows].float().mT
        yield PairPiece(
            attention.inside(windows),
            gradients,
            _tokens(attention.windows.queries[windows]),
            _tokens(attention.windows.keys[windows]),
        )


def _tokens(tokens: np.ndarray) -> Int64[Tensor, "window slot"]:
    return torch.from_numpy(np.where(tokens == PADDING, -1, tokens).astype(np.int64))


def gathered(
    weight: Float[Tensor, "token"], tokens: Int64[Tensor, "window slot"]
) -> Float[Tensor, "window slot"]:
    """Weights of tokens by window; a window's padding has none."""
    found = weight[tokens.clamp(min=0).to(weight.device)]
    return found.masked_fill(tokens.to(weight.device) < 0, 0)


def add_to(
    weight: Float[Tensor, "token"],
    tokens: Int64[Tensor, "window slot"],
    given: Float[Tensor, "window slot"],
) -> None:
    """Gives windows' slots to their tokens, in place; what padding gets is on no token."""
    flat = tokens.flatten().to(weight.device)
    real = flat >= 0
    weight.index_add_(0, flat[real], given.flatten()[real])
