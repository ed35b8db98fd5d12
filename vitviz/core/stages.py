"""Attention rollout through stages: layers over coarser and coarser grids of the same picture.

Abnar and Zuidema's walk (core.rollout) needs the same tokens in every layer. Between two grids the
share of a token is divided among the tokens of the other grid by the area that they have in common,
and stays with a prefix token of the same name: this bridge is vitviz's own. What convolutions between
the stages mix is not followed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from einops import einsum, rearrange
from jaxtyping import Float32

from vitviz.core.attention import Fuse
from vitviz.core.geometry import TokenGrid
from vitviz.core.progress import Unsupported
from vitviz.core.trace import Layer


def staged_rollout(
    layers: Sequence[Layer],
    token: int,
    *,
    fuse: Fuse = "mean",
    keep: float = 0.5,
    discard: float = 0.0,
) -> Float32[np.ndarray, "token"]:
    """How much every token of the first layer contributes to one token of the last; sums to 1.

    Unsupported without layers, IndexError for a token that the last layer's grid does not have.
    """
    if not layers:
        raise Unsupported("rollout needs at least one layer; leave out fewer")
    last = layers[-1].grid
    if not 0 <= token < last.tokens:
        raise IndexError(f"token {token} is outside the sequence of {last.tokens}")
    weight: Float32[np.ndarray, "token"] = np.zeros(last.tokens, np.float32)
    weight[token] = 1
    for index in reversed(range(len(layers))):
        layer, below = layers[index], layers[max(index - 1, 0)].grid
        moved = layer.attention.flow(weight[None], fuse=fuse, discard=discard)[0]
        weight = np.float32(keep) * carried(weight, layer.grid, below) + np.float32(
            1 - keep
        ) * carried(moved, layer.keys, below)
    return weight


def carried(
    weight: Float32[np.ndarray, "token"], source: TokenGrid, target: TokenGrid
) -> Float32[np.ndarray, "token"]:
    """Shares of one grid's tokens divided among another grid's, by the area in common; same sum.

    A prefix token that the other grid does not have gives its share to all patches alike.
    """
    if source == target:
        return weight
    found = np.zeros(target.tokens, np.float32)
    for share, name in zip(weight, source.prefix, strict=False):
        if name in target.prefix:
            found[target.prefix.index(name)] += share
        else:
            found[target.patches] += share / (target.rows * target.cols)
    cells = rearrange(weight[source.patches], "(row col) -> row col", row=source.rows)
    spread = einsum(
        cells, _overlap(source.rows, target.rows), _overlap(source.cols, target.cols),
        "row col, row to_row, col to_col -> to_row to_col",
    )  # fmt: skip
    found[target.patches] += rearrange(spread, "row col -> (row col)")
    return found


def _overlap(count: int, into: int) -> Float32[np.ndarray, "cell to_cell"]:
    """How much of each of `count` cells of a line lies in each of `into` others; rows sum to 1."""
    cells, others = np.arange(count + 1) / count, np.arange(into + 1) / into
    start = np.maximum(cells[:-1, None], others[None, :-1])
    end = np.minimum(cells[1:, None], others[None, 1:])
    shared: Float32[np.ndarray, "cell to_cell"] = (np.clip(end - start, 0, None) * count).astype(
        np.float32
    )
    return shared
