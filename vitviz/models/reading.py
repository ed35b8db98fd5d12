"""Recorded calls into a trace's layers: checked first, then put where their tokens are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from vitviz.core.geometry import TokenGrid
from vitviz.core.trace import Layer
from vitviz.core.words import Words
from vitviz.models.calls import EagerAttention, FusedAttention, Recorded
from vitviz.models.recorder import Call
from vitviz.models.verify import tolerance

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a family made of a pass: layers over shared tokens, pools that read them, what is refused.

    `pools` are calls with one query of their own (attention pooling, class attention).
    """

    layers: tuple[Layer, ...]
    pools: tuple[Layer, ...] = ()
    refused: tuple[str, ...] = ()
    verified: float = 0.0
    notes: tuple[str, ...] = ()
    words: Words | None = None


def attention_of(call: Call) -> Recorded:
    """The call as something to look at. Its axes are (1 head query dim) or (head query dim)."""
    if call.maps is not None:
        return EagerAttention(_single(call.maps), _maybe(call.values))
    assert call.query is not None
    assert call.key is not None
    bias = call.bias
    while bias is not None and bias.ndim > 3:
        bias = bias[0]
    return FusedAttention(
        _single(call.query), _single(call.key), bias, call.scale, call.causal, _maybe(call.values)
    )


def relative_error(call: Call) -> float:
    """Largest difference of attention @ v from the module's own output, over its largest value."""
    if call.error is None:
        return math.inf
    difference, largest = (float(each) for each in call.error)
    return difference / largest if largest > 0 else difference


def refusal(call: Call, *, altered: bool = False) -> str:
    """Why the call's map must not be shown, in a sentence; "" when it is what the model used.

    `altered`: whether maps may have been changed between softmax and values, as CaiT mixes heads.
    """
    if call.kind == "lost":
        return f"a {call.reason} was not seen to meet values, so it is not shown as attention"
    if call.kind == "altered" and not altered:
        return "the softmax was changed before it met the values, so its map is not shown"
    if call.touched():
        return "the model wrote into its queries or keys after the call, so its map is lost"
    error, limit = relative_error(call), tolerance(_dtype(call))
    if not error <= limit:
        return (
            f"attention @ v differs from the module's own output by {error:.1e} of its "
            f"largest value (allowed {limit:.0e}), so its map is not shown"
        )
    if call.kind == "eager" and call.row_error is not None:
        rows = float(call.row_error)
        if not rows <= 10 * limit:
            return (
                f"its rows sum to 1 only within {rows:.1e} (allowed {10 * limit:.0e}), so "
                "its map is not shown"
            )
    return ""


def read_calls(
    calls: Sequence[Call],
    grid: TokenGrid,
    size: Size,
    *,
    classed: bool = False,
    altered: bool = False,
) -> Reading:
    """The calls that are over all tokens as layers, those of one query as pools, others refused.

    `grid` is the model's own; calls over another number of tokens get the grid of that many, with
    or without a class token (`classed`), in the proportions of the picture's `size`.
    """
    layers: list[Layer] = []
    pools: list[Layer] = []
    refused: list[tuple[str, str]] = []
    errors = [0.0]
    blocks = block_indices(call.name for call in calls)
    for call in calls:
        why = refusal(call, altered=altered)
        if not why:
            placed, over = _placed(call, grid, size, classed)
            if over is not None:
                layer = Layer(call.name, blocks[call.name], attention_of(call), over)
                (pools if placed == "pool" else layers).append(layer)
                errors.append(relative_error(call))
                continue
            why = placed
        refused.append((call.name or "the model", why))
    return Reading(tuple(layers), tuple(pools), merged(refused), max(errors))


def merged(refused: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """One sentence for all modules that are refused for the same reason."""
    names: dict[str, list[str]] = {}
    for name, why in refused:
        names.setdefault(why, []).append(name)
    return tuple(f"{_several(found)}: {why}" for why, found in names.items())


def _several(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} and {len(distinct) - 1} more"


def block_indices(names: Iterable[str]) -> dict[str, int]:
    """The depth of each module: its number in `blocks`, else the order in which they ran."""
    distinct = list(dict.fromkeys(names))
    numbered = [re.match(r"(?:\w+\.)?blocks\.(\d+)\b", name) for name in distinct]
    if all(match is None or match[0].startswith("blocks.") for match in numbered):
        after = max((int(match[1]) for match in numbered if match), default=-1) + 1
        return {
            name: int(match[1]) if match else after
            for name, match in zip(distinct, numbered, strict=True)
        } if after else {name: index for index, name in enumerate(distinct)}  # fmt: skip
    return {name: index for index, name in enumerate(distinct)}


def grid_of(tokens: int, size: Size, *, classed: bool = False) -> TokenGrid | None:
    """A grid of that many tokens in the proportions of the picture; None where there is none."""
    rows = round(math.sqrt(tokens * size[0] / size[1]))
    if rows > 0 and tokens % rows == 0:
        cols = tokens // rows
        if abs(rows * size[1] / (cols * size[0]) - 1) < 0.1:
            return TokenGrid(rows, cols, (size[0] / rows, size[1] / cols))
    if not classed:
        return None
    inner = grid_of(tokens - 1, size)
    return None if inner is None else TokenGrid(inner.rows, inner.cols, inner.patch, ("class",))


def _placed(call: Call, grid: TokenGrid, size: Size, classed: bool) -> tuple[str, TokenGrid | None]:
    """("layer" or "pool", grid of its keys), or (why there is none, None)."""
    *batch, _, queries, keys = (1, *call.shape) if len(call.shape) == 3 else call.shape
    groups = math.prod(batch)
    patches = grid.rows * grid.cols
    if groups != 1:
        return (
            f"attends inside {groups} groups of {keys} tokens apart, which are not "
            "put together into one map"
        ), None
    if queries == keys == grid.tokens:
        return "layer", grid
    if queries == 1 and keys == grid.tokens:
        return "pool", grid
    if queries == 1 and keys == patches + 1:
        return "pool", TokenGrid(grid.rows, grid.cols, grid.patch, ("class",))
    if queries == keys:
        other = grid_of(keys, size, classed=classed)
        if other is not None:
            return "layer", other
    return (
        f"its map has {queries} queries and {keys} keys, which do not lie on the "
        f"grid of {grid.rows} × {grid.cols} patches"
    ), None


def _dtype(call: Call) -> torch.dtype:
    return call.held[0].dtype if call.held else torch.float32


def _single(tensor: torch.Tensor) -> torch.Tensor:
    while tensor.ndim > 3:
        tensor = tensor[0]
    return tensor


def _maybe(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else _single(tensor)
