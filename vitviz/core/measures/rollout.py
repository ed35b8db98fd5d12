"""Attention rollout: where a token's content comes from, walked back through the layers.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers", arXiv:2005.00928. With
A' = keep * I + (1 - keep) * A the rollout is R = A'_last ... A'_first. One token's row of R is that
token's one-hot vector pushed through the layers from last to first, which never needs a product of
two matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from einops import reduce, repeat
from jaxtyping import Float32

from vitviz.core.data.attention import Attention, Fuse
from vitviz.core.progress import Unsupported

FEW = 8
"""Below so many tokens their rows are asked for one by one, without the whole map."""


def rollout(
    attentions: Sequence[Attention],
    token: int,
    *,
    head: int | None = None,
    fuse: Fuse = "mean",
    keep: float = 0.5,
    discard: float = 0.0,
    start: int = 0,
) -> Float32[np.ndarray, "key"]:
    """How much every token contributes to one token, over all layers; sums to 1.

    `attentions` are the layers, first to last. `head` walks through that head's maps alone, None
    through the heads' maps fused by `fuse`. `keep` is the share that the residual connection keeps,
    `discard` the share of each map's lowest entries set to zero (vit-explain), `start` the number of
    first layers left out. Unsupported where the layers are not over the same tokens, IndexError for
    a token out of range.
    """
    row: Float32[np.ndarray, "key"] = rollout_rows(
        attentions,
        range(token, token + 1),
        head=head,
        fuse=fuse,
        keep=keep,
        discard=discard,
        start=start,
    )[0]
    return row


def rollout_rows(
    attentions: Sequence[Attention],
    tokens: range,
    *,
    head: int | None = None,
    fuse: Fuse = "mean",
    keep: float = 0.5,
    discard: float = 0.0,
    start: int = 0,
) -> Float32[np.ndarray, "token key"]:
    """`rollout` from a run of tokens at once. Arguments and errors as `rollout`.

    Making the maps costs more than walking through them, so a window that will be pointed at again
    next door asks for the neighbours too.
    """
    weight = _one_hot(tokens, _tokens(attentions, start))
    for number, attention in enumerate(reversed(attentions[start:])):
        if head is not None:
            moved = weight @ mixing(attention, head=head, discard=discard)
        elif number == 0 and discard == 0 and len(tokens) < FEW:
            moved = np.stack([_fused_row(attention.rows(token), fuse) for token in tokens])
        else:
            moved = attention.flow(weight, fuse=fuse, discard=discard)
        weight = np.float32(keep) * weight + np.float32(1 - keep) * moved
    return weight


def rollout_heads(
    attentions: Sequence[Attention],
    tokens: range,
    *,
    keep: float = 0.5,
    discard: float = 0.0,
    start: int = 0,
) -> Float32[np.ndarray, "token head key"]:
    """`rollout_rows` for every head at once, each through its own maps. Errors as `rollout`."""
    first = _one_hot(tokens, _tokens(attentions, start))
    weight = repeat(first, "token key -> token head key", head=_heads(attentions, start))
    for number, attention in enumerate(reversed(attentions[start:])):
        if number == 0 and discard == 0 and len(tokens) < FEW:
            moved = np.stack([attention.rows(token) for token in tokens])
        else:
            moved = attention.flow(weight, discard=discard)
        weight = np.float32(keep) * weight + np.float32(1 - keep) * moved
    return weight


def mixing(
    attention: Attention,
    *,
    head: int | None = None,
    fuse: Fuse = "mean",
    discard: float = 0.0,
) -> Float32[np.ndarray, "query key"]:
    """One layer's map as the rollout uses it: fused, its lowest entries discarded, rows sum to 1."""
    values = attention.matrix(head, fuse=fuse)
    if discard > 0:
        values = _discarded(values, discard)
    fused_unevenly = head is None and fuse != "mean"
    return _summing_to_one(values) if discard > 0 or fused_unevenly else values


def _discarded(
    values: Float32[np.ndarray, "query key"], share: float
) -> Float32[np.ndarray, "query key"]:
    """The lowest share of the entries set to zero; entry [0, 0] stays, as in vit-explain."""
    dropped = min(int(values.size * share), values.size - 1)
    threshold = np.partition(values, dropped, axis=None)[dropped]
    left = np.where(values < threshold, np.float32(0), values)
    left[0, 0] = values[0, 0]
    return left


def _summing_to_one(
    values: Float32[np.ndarray, "query key"],
) -> Float32[np.ndarray, "query key"]:
    """Rows divided by their sum; a row that discarding emptied keeps its own token."""
    total = reduce(values, "query key -> query 1", "sum")
    empty = total[:, 0] <= 0
    left: Float32[np.ndarray, "query key"] = values / np.where(total > 0, total, 1)
    if empty.any():
        left[empty] = np.eye(len(left), dtype=np.float32)[empty]
    return left


def _fused_row(rows: Float32[np.ndarray, "head key"], fuse: Fuse) -> Float32[np.ndarray, "key"]:
    """One token's rows fused: all that the first step of the walk needs of the map."""
    row: Float32[np.ndarray, "key"] = reduce(rows, "head key -> key", fuse)
    total = row.sum()
    return row if fuse == "mean" or total <= 0 else row / total


def _one_hot(tokens: range, total: int) -> Float32[np.ndarray, "token key"]:
    """Each token's own weight, all on itself."""
    if len(tokens) == 0 or tokens[0] < 0 or tokens[-1] >= total:
        raise IndexError(f"token {tokens[-1:] or tokens} is outside the sequence of {total}")
    weight: Float32[np.ndarray, "token key"] = np.eye(
        len(tokens), total, tokens.start, dtype=np.float32
    )
    return weight


def _tokens(attentions: Sequence[Attention], start: int) -> int:
    """Tokens of the sequence that all layers share."""
    if not 0 <= start < len(attentions):
        raise Unsupported(
            f"rollout needs at least one layer: {start} of {len(attentions)} are left out; "
            f"leave out at most {len(attentions) - 1}"
        )
    sizes = {(attention.queries, attention.keys) for attention in attentions[start:]}
    if len(sizes) > 1 or any(queries != keys for queries, keys in sizes):
        listed = ", ".join(f"{queries} × {keys}" for queries, keys in sorted(sizes))
        raise Unsupported(
            "rollout multiplies the layers' maps, so all must be over the same tokens; this "
            f"model's are {listed} (queries × keys); look at single heads instead"
        )
    return attentions[start].keys


def _heads(attentions: Sequence[Attention], start: int) -> int:
    """Heads that all layers share."""
    counts = sorted({attention.heads for attention in attentions[start:]})
    if len(counts) != 1:
        raise Unsupported(
            f"rollout per head needs the same heads in every layer; this model has "
            f"{' and '.join(map(str, counts))}; fuse the heads instead"
        )
    return counts[0]
