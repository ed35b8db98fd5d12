"""Attention rollout: where a token's content comes from, walked back through the layers.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers", arXiv:2005.00928. With
A' = keep * I + (1 - keep) * A the rollout is R = A'_last ... A'_first. One token's row of R is that
token's one-hot vector pushed through the layers from last to first, which never needs a product of
two matrices.

Heads fused by maximum or minimum, and maps whose lowest entries are discarded, have rows that do not
sum to 1. As in vit-explain the identity is added first and the sum divided afterwards, so that what
discarding takes from a row is not given back to its other entries alone. vit-explain divides each
entry by the sum of its *key's* row (its sum lacks keepdim) where the definition divides by the sum of
the query's: `preset="vit-explain"` is that code's own number, the default is divided rightly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from einops import reduce, repeat
from jaxtyping import Float32

from vitviz.core.data.attention import Attention, Fuse
from vitviz.core.language import _
from vitviz.core.progress import Unsupported, watched

Preset = Literal["none", "vit-explain"]
"""Whose arithmetic: the definition's, or that of github.com/jacobgil/vit-explain with its division."""

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
    preset: Preset = "none",
) -> Float32[np.ndarray, "key"]:
    """How much every token contributes to one token, over all layers; sums to 1.

    `attentions` are the layers, first to last. `head` walks through that head's maps alone, None
    through the heads' maps fused by `fuse`. `keep` is the share that the residual connection keeps,
    `discard` the share of each map's lowest entries set to zero (vit-explain), `start` the number of
    first layers left out. With `preset="vit-explain"` each entry is divided as that code does it, and
    the result need not sum to 1. Unsupported where the layers are not over the same tokens,
    IndexError for a token out of range.
    """
    row: Float32[np.ndarray, "key"] = rollout_rows(
        attentions,
        range(token, token + 1),
        head=head,
        fuse=fuse,
        keep=keep,
        discard=discard,
        start=start,
        preset=preset,
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
    preset: Preset = "none",
) -> Float32[np.ndarray, "token key"]:
    """`rollout` from a run of tokens at once. Arguments and errors as `rollout`.

    Making the maps costs more than walking through them, so a window that will be pointed at again
    next door asks for the neighbours too.
    """
    weight, progress = _one_hot(tokens, _tokens(attentions, start)), watched()
    for number, attention in enumerate(reversed(attentions[start:])):
        progress(number, len(attentions) - start, _("following the attention"))
        if head is not None:
            step = mixing(attention, head=head, discard=discard)
            total = None if discard == 0 else reduce(step, "query key -> query", "sum")
            stay, go, divide = parts_of(total, keep, preset)
            weight = (stay * weight + (go * weight) @ step) * divide
        elif number == 0 and discard == 0 and preset == "none" and len(tokens) < FEW:
            rows = [_fused_row(attention.rows(token), fuse) for token in tokens]
            weight = _first(weight, np.stack(rows), keep, even=fuse == "mean")
        else:
            stay, go, divide = parts_of(sums(attention, fuse, discard), keep, preset)
            moved = attention.flow(go * weight, fuse=fuse, discard=discard)
            weight = (stay * weight + moved) * divide
    return weight


def rollout_heads(
    attentions: Sequence[Attention],
    tokens: range,
    *,
    keep: float = 0.5,
    discard: float = 0.0,
    start: int = 0,
    preset: Preset = "none",
) -> Float32[np.ndarray, "token head key"]:
    """`rollout_rows` for every head at once, each through its own maps. Errors as `rollout`."""
    first = _one_hot(tokens, _tokens(attentions, start))
    weight = repeat(first, "token key -> token head key", head=_heads(attentions, start))
    progress = watched()
    for number, attention in enumerate(reversed(attentions[start:])):
        progress(number, len(attentions) - start, _("following the attention"))
        if number == 0 and discard == 0 and len(tokens) < FEW:
            rows = np.stack([attention.rows(token) for token in tokens])
            weight = _first(weight, rows, keep, even=True)
        else:
            stay, go, divide = parts_of(sums(attention, None, discard), keep, preset)
            weight = (stay * weight + attention.flow(go * weight, discard=discard)) * divide
    return weight


Part = Float32[np.ndarray, "*head token"]
"""A factor for the weight on every token, or one for all of them."""


def parts_of(
    total: Float32[np.ndarray, "*head query"] | None, keep: float, preset: Preset = "none"
) -> tuple[Part, Part, Part]:
    """What of the weight on a query stays there, what moves on by its map, what divides the result.

    `total` are the sums of the rows of the map, None where each is 1. A' = keep * I + (1 - keep) * map
    is divided by the sum of its rows: before the step, since these are the queries' own; behind it
    in vit-explain, where they are taken for those of the keys. A row without any weight, which only
    keep = 0 leaves, keeps its own token.
    """
    one, mixed = np.ones((), np.float32), np.asarray(1 - keep, np.float32)
    if total is None:
        return np.asarray(keep, np.float32), mixed, one
    whole = np.float32(keep) + mixed * total
    empty = whole <= 0
    left = np.where(empty, one, np.float32(keep))
    whole = np.where(empty, one, whole)
    if preset == "vit-explain":
        return left, mixed, np.asarray(one / whole)
    return np.asarray(left / whole), np.asarray(mixed / whole), one


def sums(
    attention: Attention, fuse: Fuse | None, discard: float
) -> Float32[np.ndarray, "*head query"] | None:
    """The sums of the rows that a walk moves through; None where softmax makes each of them 1."""
    return None if fuse in (None, "mean") and discard == 0 else attention.sums(fuse, discard)


def mixing(
    attention: Attention,
    *,
    head: int | None = None,
    fuse: Fuse = "mean",
    discard: float = 0.0,
) -> Float32[np.ndarray, "query key"]:
    """One layer's map as the rollout uses it: fused, its lowest entries discarded, not divided."""
    values = attention.matrix(head, fuse=fuse)
    return _discarded(values, discard) if discard > 0 else values


def _discarded(
    values: Float32[np.ndarray, "query key"], share: float
) -> Float32[np.ndarray, "query key"]:
    """The lowest share of the entries set to zero; entry [0, 0] stays, as in vit-explain."""
    dropped = min(int(values.size * share), values.size - 1)
    threshold = np.partition(values, dropped, axis=None)[dropped]
    left = np.where(values < threshold, np.float32(0), values)
    left[0, 0] = values[0, 0]
    return left


def _fused_row(rows: Float32[np.ndarray, "head key"], fuse: Fuse) -> Float32[np.ndarray, "key"]:
    """One token's rows fused: all that the first step of the walk needs of the map."""
    row: Float32[np.ndarray, "key"] = reduce(rows, "head key -> key", fuse)
    return row


def _first(
    weight: Float32[np.ndarray, "token *head key"],
    rows: Float32[np.ndarray, "token *head key"],
    keep: float,
    *,
    even: bool,
) -> Float32[np.ndarray, "token *head key"]:
    """The first step from each token's own row; `even` where rows sum to 1 as they are."""
    if even:
        return np.float32(keep) * weight + np.float32(1 - keep) * rows
    total = reduce(rows, "token key -> token", "sum")
    stay, go, _ = parts_of(total, keep)
    found: Float32[np.ndarray, "token *head key"] = stay[:, None] * weight + go[:, None] * rows
    return found


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
            _(
                "rollout needs at least one layer: {start} of {count} are "
                "left out; leave out at most {most}"
            ).format(start=start, count=len(attentions), most=len(attentions) - 1)
        )
    sizes = {(attention.queries, attention.keys) for attention in attentions[start:]}
    if len(sizes) > 1 or any(queries != keys for queries, keys in sizes):
        listed = ", ".join(f"{queries} × {keys}" for queries, keys in sorted(sizes))
        raise Unsupported(
            _(
                "rollout multiplies the layers' maps, so all must be over the same "
                "tokens; this model's are {listed} (queries × keys); look at single "
                "heads instead"
            ).format(listed=listed)
        )
    return attentions[start].keys


def _heads(attentions: Sequence[Attention], start: int) -> int:
    """Heads that all layers share."""
    counts = sorted({attention.heads for attention in attentions[start:]})
    if len(counts) != 1:
        raise Unsupported(
            _(
                "rollout per head needs the same heads in every layer; this model has "
                "{counts}; fuse the heads instead"
            ).format(counts=" and ".join(map(str, counts)))
        )
    return counts[0]
