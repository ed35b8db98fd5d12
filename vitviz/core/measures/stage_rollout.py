"""Attention rollout through stages: layers over coarser and coarser grids of the same picture.

Abnar and Zuidema's walk (core.rollout) needs the same tokens in every layer. Between two grids the
share of a token is divided among the tokens of the other grid by the area that they have in common,
and stays with a prefix token of the same name: this bridge is vitviz's own. What convolutions between
the stages mix is not followed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from einops import einsum, rearrange, repeat
from jaxtyping import Float32

from vitviz.core.data.attention import Fuse
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import Layer
from vitviz.core.language import _
from vitviz.core.measures.rollout import parts_of, sums
from vitviz.core.progress import Unsupported


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
    found: Float32[np.ndarray, "token"] = _walk(layers, _one(layers, token), keep, discard, fuse)[0]
    return found


def staged_heads(
    layers: Sequence[Layer], token: int, *, keep: float = 0.5, discard: float = 0.0
) -> Float32[np.ndarray, "head token"]:
    """The same through each head alone, where every layer has as many heads as the others.

    Unsupported where they do not: then no head of one stage goes on in the next.
    """
    one = _one(layers, token)
    counts = head_counts(layers)
    if len(counts) > 1:
        raise Unsupported(
            _("one head cannot be followed through layers of {counts} heads").format(
                counts=", ".join(map(str, counts))
            )
        )
    return _walk(layers, repeat(one, "1 token -> head token", head=counts[0]), keep, discard, None)


def head_counts(layers: Sequence[Layer]) -> list[int]:
    """How many heads layers have, each number once."""
    return sorted({layer.attention.heads for layer in layers})


def _one(layers: Sequence[Layer], token: int) -> Float32[np.ndarray, "1 token"]:
    """All weight on one token of the last layer."""
    if not layers:
        raise Unsupported(_("rollout needs at least one layer; leave out fewer"))
    last = layers[-1].grid
    if not 0 <= token < last.tokens:
        raise IndexError(f"token {token} is outside the sequence of {last.tokens}")
    weight: Float32[np.ndarray, "1 token"] = np.zeros((1, last.tokens), np.float32)
    weight[0, token] = 1
    return weight


def _walk(
    layers: Sequence[Layer],
    weight: Float32[np.ndarray, "head token"],
    keep: float,
    discard: float,
    fuse: Fuse | None,
) -> Float32[np.ndarray, "head first"]:
    """Weight on the last layer's tokens brought to the first one's; `fuse` as for a flow."""
    for index in reversed(range(len(layers))):
        layer, below = layers[index], layers[max(index - 1, 0)].grid
        stay, go, _ = parts_of(sums(layer.attention, fuse, discard), keep)
        moved = layer.attention.flow(go * weight, fuse=fuse, discard=discard)
        weight = carried(stay * weight, layer.grid, below) + carried(moved, layer.keys, below)
    return weight


def carried(
    weight: Float32[np.ndarray, "*more token"], source: TokenGrid, target: TokenGrid
) -> Float32[np.ndarray, "*more other"]:
    """Shares of one grid's tokens divided among another grid's, by the area in common; same sum.

    A prefix token that the other grid does not have gives its share to all patches alike.
    """
    if source == target:
        return weight
    found = np.zeros((*weight.shape[:-1], target.tokens), np.float32)
    for index, name in enumerate(source.prefix):
        if name in target.prefix:
            found[..., target.prefix.index(name)] += weight[..., index]
        else:
            found[..., target.patches] += weight[..., [index]] / (target.rows * target.cols)
    cells = rearrange(weight[..., source.patches], "... (row col) -> ... row col", row=source.rows)
    spread = einsum(
        cells,
        _overlap(source, target, 0),
        _overlap(source, target, 1),
        "... row col, row to_row, col to_col -> ... to_row to_col",
    )
    found[..., target.patches] += rearrange(spread, "... row col -> ... (row col)")
    return found


def _overlap(
    source: TokenGrid, target: TokenGrid, axis: int
) -> Float32[np.ndarray, "cell to_cell"]:
    """How much of each cell of a line lies in each of another's; rows sum to 1.

    A cell that begins where the other line ends, since a map was rounded up, goes to its last cell.
    """
    cells, others = (
        each.corner[axis] + np.arange((each.rows, each.cols)[axis] + 1) * each.cell[axis]
        for each in (source, target)
    )
    start = np.maximum(cells[:-1, None], others[None, :-1])
    end = np.minimum(cells[1:, None], others[None, 1:])
    common = np.clip(end - start, 0, None)
    beyond = common.sum(axis=1) == 0
    common[beyond, np.where(cells[:-1][beyond] < others[0], 0, -1)] = 1
    shared: Float32[np.ndarray, "cell to_cell"] = (
        common / common.sum(axis=1, keepdims=True)
    ).astype(np.float32)
    return shared
