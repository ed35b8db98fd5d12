"""Rollouts of neighbouring tokens made together, remembered while their trace lives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.attention import Attention, Fuse
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import Trace
from vitviz.core.data.windows import PADDING, TokenWindows
from vitviz.core.language import _
from vitviz.core.measures.rollout import Preset, rollout_heads, rollout_rows
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept

BLOCK = 600_000
"""About so many values (token head key) are made at once, so that hovering next door costs nothing."""

AT_ONCE, SMALL = 75_000, 300
"""The same where somebody waits for them, and the tokens up to which whole runs are as quick: at 785
tokens of 12 heads a run of 63 takes twice as long as these 7, most of which is making the maps."""


class RolloutWalk(NamedTuple):
    """keep, discard, first layer, last layer (exclusive), whose arithmetic."""

    keep: float
    discard: float
    start: int
    end: int
    preset: Preset = "none"


def walked_layers(trace: Trace, walk: RolloutWalk) -> tuple[Attention, ...]:
    """The layers of the walk. Unsupported where one of them is missing."""
    if trace.refused:
        raise Unsupported(
            _("rollout needs the map of every layer, and {why}").format(why=trace.refused[0])
        )
    if not trace.layers:
        raise Unsupported(
            _("{title} has no attention among tokens to follow{elsewhere}").format(
                title=trace.model.title, elsewhere=picture_layers.elsewhere(trace)
            )
        )
    if trace.matrices:
        raise Unsupported(
            _(
                "rollout follows tokens through every layer, but in {title} they are "
                "mixed by {name} too, where {why}; see its heads instead"
            ).format(
                title=trace.model.title, name=trace.matrices[0].name, why=trace.matrices[0].why
            )
        )
    if trace.abreast:
        raise Unsupported(
            _(
                "rollout follows tokens from one layer to the next, but in {title} "
                "{abreast}; see its heads instead"
            ).format(title=trace.model.title, abreast=trace.abreast)
        )
    padded = [each for each in _windows(trace) if PADDING in each.keys]
    if padded:
        size = (
            ""
            if any(each.overlap for each in padded)
            else _("choose an input size that its windows divide, or ")
        )
        raise Unsupported(
            _(
                "rollout follows shares, but a part of {title}'s attention falls on "
                "padding around the picture; {size}see its heads"
            ).format(title=trace.model.title, size=size)
        )
    worst = _largest_gap(trace)
    if worst > 1e-2:
        raise Unsupported(
            _(
                "rollout follows shares, but the rows of {title}'s attention differ from "
                "a sum of 1 by up to {most}; see its heads instead"
            ).format(title=trace.model.title, most=shown_number(worst, 2))
        )
    return tuple(layer.attention for layer in trace.layers[: walk[3]])


def _windows(trace: Trace) -> list[TokenWindows]:
    return [layer.windows for layer in trace.layers if layer.windows is not None]


@kept()
def _largest_gap(trace: Trace) -> float:
    """How far the rows of any layer are from summing to 1, as mixed (talking) heads are."""
    sums = (layer.attention.rows(0).sum(axis=-1) for layer in trace.layers)
    return max((float(np.abs(each - 1).max()) for each in sums), default=0.0)


def fused_row(
    trace: Trace, token: int, walk: RolloutWalk, fuse: Fuse
) -> Float32[np.ndarray, "key"]:
    """What each token contributes to one, the heads fused; remembered with its neighbours'."""
    near = _neighbours(trace.grid.tokens, token, 1, BLOCK)
    rows = fused_run.known(trace, near, walk, fuse)
    if rows is None:
        near = _at_once(trace, token, walk)
        rows = _fused_few(trace, near, walk, fuse)
    row: Float32[np.ndarray, "key"] = rows[token - near.start]
    return row


def head_rows(trace: Trace, token: int, walk: RolloutWalk) -> Float32[np.ndarray, "head key"]:
    """The same through every head alone."""
    near = _neighbours(trace.grid.tokens, token, trace.heads, BLOCK)
    rows = heads_run.known(trace, near, walk)
    if rows is None:
        near = _at_once(trace, token, walk)
        rows = _heads_few(trace, near, walk)
    found: Float32[np.ndarray, "head key"] = rows[token - near.start]
    return found


def _at_once(trace: Trace, token: int, walk: RolloutWalk) -> range:
    """The tokens to make while somebody waits: the first of a walk alone, for whoever moves the layer
    slider; from the second on, when the cursor moves, a few neighbours too.
    """
    asked = _asked(trace, walk)
    asked.add(token)
    if len(asked) == 1:
        return range(token, token + 1)
    tokens = trace.grid.tokens
    return _neighbours(tokens, token, trace.heads, BLOCK if tokens <= SMALL else AT_ONCE)


@kept(most=32)
def _asked(trace: Trace, walk: RolloutWalk) -> set[int]:
    """The tokens that this walk was drawn for so far."""
    return set()


def _neighbours(tokens: int, token: int, heads: int, values: int) -> range:
    """The run of neighbours that this token belongs to, of so many tokens and about so many values."""
    block = min(tokens, max(1, values // (heads * tokens)))
    first = token // block * block
    return range(first, min(first + block, tokens))


@kept(most=8)
def fused_run(
    trace: Trace, tokens: range, walk: RolloutWalk, fuse: Fuse
) -> Float32[np.ndarray, "token key"]:
    """What each token contributes to each of `tokens`, the heads fused by `fuse`."""
    return _fused(trace, tokens, walk, fuse)


@kept(most=25)
def heads_run(
    trace: Trace, tokens: range, walk: RolloutWalk
) -> Float32[np.ndarray, "token head key"]:
    """What each token contributes to each of `tokens`, through every head alone."""
    return _heads(trace, tokens, walk)


@kept(most=8)
def _fused_few(
    trace: Trace, tokens: range, walk: RolloutWalk, fuse: Fuse
) -> Float32[np.ndarray, "token key"]:
    """`fused_run` of a few tokens, which drives no run away."""
    return _fused(trace, tokens, walk, fuse)


@kept(most=24)
def _heads_few(
    trace: Trace, tokens: range, walk: RolloutWalk
) -> Float32[np.ndarray, "token head key"]:
    """`heads_run` of a few tokens, which drives no run away."""
    return _heads(trace, tokens, walk)


def _fused(
    trace: Trace, tokens: range, walk: RolloutWalk, fuse: Fuse
) -> Float32[np.ndarray, "token key"]:
    keep, discard, start, _, preset = walk
    rows = rollout_rows(
        walked_layers(trace, walk),
        tokens,
        fuse=fuse,
        keep=keep,
        discard=discard,
        start=start,
        preset=preset,
    )
    return rows if preset == "none" else _over_maximum(rows, trace.grid)


def _heads(trace: Trace, tokens: range, walk: RolloutWalk) -> Float32[np.ndarray, "token head key"]:
    keep, discard, start, _, preset = walk
    rows = rollout_heads(
        walked_layers(trace, walk), tokens, keep=keep, discard=discard, start=start, preset=preset
    )
    return rows if preset == "none" else _over_maximum(rows, trace.grid)


def _over_maximum(
    rows: Float32[np.ndarray, "*token key"], grid: TokenGrid
) -> Float32[np.ndarray, "*token key"]:
    """Rows over the largest value among their patches, as vit-explain gives its mask."""
    largest = rows[..., grid.patches].max(axis=-1, keepdims=True)
    divided: Float32[np.ndarray, "*token key"] = rows / np.where(largest > 0, largest, 1)
    return divided


def runs_around(tokens: int, token: int, heads: int, most: int) -> Iterator[range]:
    """The run of a token, then the ones before and behind it, so many to each side."""
    yield (near := _neighbours(tokens, token, heads, BLOCK))
    size = max(len(near), len(_neighbours(tokens, 0, heads, BLOCK)))
    for away in range(1, most + 1):
        for first in (near.start + away * size, near.start - away * size):
            if 0 <= first < tokens:
                yield _neighbours(tokens, first, heads, BLOCK)
