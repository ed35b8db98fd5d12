"""Recorded calls into a trace's layers: checked first, then put where their tokens are."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.inner_words import InnerWords
from vitviz.core.data.trace import Layer, Matrix
from vitviz.core.data.windows import PADDING, TokenWindows
from vitviz.core.notation import shown_number
from vitviz.models.record.attention.lazy_attention import (
    EagerAttention,
    FusedAttention,
    LazyAttention,
    RowAttention,
)
from vitviz.models.record.attention.only_row import OnlyRow
from vitviz.models.record.attention.spread_attention import SpreadAttention
from vitviz.models.record.attention.windowed_attention import WindowedAttention
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.map_sizes import MapSize, map_of
from vitviz.models.record.verify import tolerance

GridSize = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TraceLayers:
    """What a family made of a pass: layers over shared tokens, pools that read them, what is refused.

    `pools` are calls with one query of their own (attention pooling, class attention); `matrices` are
    calls whose maps lie on no picture. `abreast`, `compared` and `taken` as in `Trace`.
    """

    layers: tuple[Layer, ...]
    pools: tuple[Layer, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    refused: tuple[str, ...] = ()
    verified: float = 0.0
    notes: tuple[str, ...] = ()
    words: InnerWords | None = None
    abreast: str = ""
    compared: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """Where a call's queries and keys are; `pooled` and `windows` as in `Layer`.

    `order` names the call's leading axes, which are window and head in the order of the model. `run`
    is how many tokens of the sequence one after the other are averaged to one key.
    """

    grid: TokenGrid
    pooled: TokenGrid | None = None
    windows: TokenWindows | None = None
    order: str = "window head"
    pool: bool = False
    run: int = 1


@dataclass(frozen=True, slots=True)
class UnplacedCall:
    """What a call's axes are, where they lie on no picture, and why they do not."""

    rows: str
    cols: str
    why: str


CallPlacing = Callable[[AttentionCall], PlacedCall | UnplacedCall]


def read_each(
    calls: Sequence[AttentionCall], place: CallPlacing, *, altered: bool = False
) -> TraceLayers:
    """Every call that is what the model used as layer, pool or matrix; the others refused.

    Layers, matrices and what is refused are counted through, so that one that cannot be placed leaves
    the others their numbers.

    `altered`: whether maps may have been changed between softmax and values.
    """
    layers: list[Layer] = []
    pools: list[Layer] = []
    matrices: list[Matrix] = []
    refused: list[tuple[str, str]] = []
    errors = [0.0]
    blocks = block_indices(call.name for call in calls)
    number, kinds = 0, Counter[str]()
    for call in calls:
        why = refusal(call, altered=altered)
        if why:
            refused.append((call.name or "the model", why))
            number += call.kind != "lost"  # a softmax that met no values may be no attention at all
            continue
        errors.append(call.verified)
        kinds[call.kind] += 1
        match found := place(call):
            case PlacedCall(pool=True):
                pools.append(_layer(call, blocks[call.name], found))
            case PlacedCall():
                number += 1
                layers.append(replace(_layer(call, blocks[call.name], found), number=number))
            case UnplacedCall():
                number += 1
                matrices.append(replace(_matrix(call, blocks[call.name], found), number=number))
            case _:
                assert_never(found)
    return TraceLayers(
        tuple(layers),
        tuple(pools),
        tuple(matrices),
        merged(refused),
        max(errors),
        compared=kinds["fused"],
        taken=kinds["eager"] + kinds["altered"],
    )


def read_calls(
    calls: Sequence[AttentionCall],
    grid: TokenGrid,
    size: GridSize | None = None,
    *,
    classed: bool = False,
    altered: bool = False,
) -> TraceLayers:
    """The calls that are over all tokens as layers, those of one query as pools, others as matrices.

    `grid` is the model's own; calls over another number of tokens get the map of that many that
    strides make of the picture, with or without a class token (`classed`). `size` is not needed any
    more: sizes follow from the calls; families written for 0.1 give it.
    """
    return read_each(calls, partial(_placed, grid=grid, classed=classed), altered=altered)


def _layer(call: AttentionCall, block: int, found: PlacedCall) -> Layer:
    pooled = None if found.pooled == found.grid else found.pooled
    windows = found.windows
    if windows is None:
        attention: LazyAttention = attention_of(call)
        if found.run > 1:
            attention = SpreadAttention(attention, found.run)
    elif len(windows.keys) == 1 and PADDING not in windows.keys and windows.regions is None:
        attention, windows = _in_order(call, windows, found.order), None
    else:
        keys = pooled or found.grid
        attention = _windowed(call, windows, found.order, found.grid.tokens, keys.tokens)
    return Layer(call.name, block, attention, found.grid, pooled, windows, _before(call))


def _before(call: AttentionCall) -> LazyAttention | None:
    """The softmax itself, where the model mixed its heads before it met the values."""
    return None if call.before is None else EagerAttention(_single(call.before))


Axes = Float[torch.Tensor, "window head slot last"]


def _apart(
    call: AttentionCall, windows: int, order: str
) -> tuple[Axes | None, Axes | None, Axes | None]:
    """(maps or None, q or None, k or None) of a call with its windows apart."""
    _check_whole(call)
    return (
        _one_apart(call.maps, windows, order),
        _one_apart(call.query, windows, order),
        _one_apart(call.key, windows, order),
    )


def _one_apart(tensor: torch.Tensor | None, windows: int, order: str) -> Axes | None:
    if tensor is None:
        return None
    count = {"window": windows} if "(" in order else {}
    return rearrange(tensor, f"{order} slot last -> window head slot last", **count)


def _bias(call: AttentionCall, windows: int, order: str) -> torch.Tensor | None:
    """The bias as it fits (window head query key)."""
    if call.bias is None or order == "window head":
        return call.bias
    count = {"window": windows} if "(" in order else {}
    every = call.bias.expand(*call.shape)
    return rearrange(every, f"{order} slot last -> window head slot last", **count)


def _windowed(
    call: AttentionCall, windows: TokenWindows, order: str, queries: int, keys: int
) -> WindowedAttention:
    """The call's windows apart, whatever the order of its axes."""
    maps, query, key = _apart(call, len(windows.queries), order)
    bias = _bias(call, len(windows.queries), order)
    found = WindowedAttention(
        windows, queries, keys, maps=maps, query=query, key=key, bias=bias, scale=call.scale
    )
    if call.gradient is not None:
        found.values = _one_apart(call.values, len(windows.queries), order)
        found.gradient = _one_apart(call.gradient, len(windows.queries), order)
    return found


def _in_order(call: AttentionCall, windows: TokenWindows, order: str) -> LazyAttention:
    """One window that is the whole map, its tokens put into reading order."""
    maps, query, key = _apart(call, 1, order)
    asking, looked_at = (np.argsort(tokens[0]) for tokens in (windows.queries, windows.keys))
    found = _reordered(call, order, (maps, query, key), asking, looked_at)
    if call.gradient is not None:
        values, gradient = (_one_apart(each, 1, order) for each in (call.values, call.gradient))
        found.values = None if values is None else values[0][:, looked_at]
        found.gradient = None if gradient is None else gradient[0][:, asking]
    return found


def _reordered(
    call: AttentionCall,
    order: str,
    parts: tuple[Axes | None, Axes | None, Axes | None],
    asking: np.ndarray,
    looked_at: np.ndarray,
) -> LazyAttention:
    maps, query, key = parts
    if maps is not None:
        return EagerAttention(maps[0][:, asking][:, :, looked_at])
    assert query is not None
    assert key is not None
    bias = _bias(call, 1, order)
    if bias is not None:
        bias = bias.expand(1, *query.shape[1:3], key.shape[2])[0][:, asking][:, :, looked_at]
    return FusedAttention(query[0][:, asking], key[0][:, looked_at], bias, call.scale, call.causal)


def _matrix(call: AttentionCall, block: int, found: UnplacedCall) -> Matrix:
    """All windows' heads side by side."""
    _check_whole(call)
    groups = math.prod(call.shape[:-3])

    def merge(tensor: torch.Tensor) -> torch.Tensor:
        return rearrange(tensor, "... slot last -> (...) slot last")

    if call.maps is not None:
        attention: LazyAttention = EagerAttention(merge(call.maps))
    else:
        assert call.query is not None
        assert call.key is not None
        bias = None if call.bias is None else merge(call.bias.expand(*call.shape))
        attention = FusedAttention(
            merge(call.query), merge(call.key), bias, call.scale, call.causal
        )
    return Matrix(call.name, block, attention, found.rows, found.cols, found.why, max(1, groups))


def attention_of(call: AttentionCall) -> LazyAttention:
    """The call as something to look at. Its axes are (1 head query dim) or (head query dim)."""
    found = _looked_at(call)
    found.gradient = _maybe(call.gradient)
    return found


def _looked_at(call: AttentionCall) -> LazyAttention:
    if call.maps is not None:
        return EagerAttention(_single(call.maps), _maybe(call.values))
    if call.row is not None:
        return RowAttention(call.row.query, call.row.queries, _single(call.row.shares, 2))
    assert call.query is not None
    assert call.key is not None
    bias = call.bias
    while bias is not None and bias.ndim > 3:
        bias = bias[0]
    return FusedAttention(
        _single(call.query),
        _single(call.key),
        bias,
        call.scale,
        call.causal,
        _maybe(call.values),
        None if call.log_sum_exp is None else _single(call.log_sum_exp, 2),
    )


def refusal(call: AttentionCall, *, altered: bool = False) -> str:
    """Why the call's map must not be shown, in a sentence; "" when it is what the model used.

    `altered`: whether maps may have been changed between softmax and values, as CaiT mixes heads.
    """
    if call.kind == "lost":
        return f"a {call.reason} was not seen to meet values, so it is not shown as attention"
    if call.kind == "altered" and not altered:
        return "the softmax was changed before it met the values, so its map is not shown"
    if call.touched():
        return "the model wrote into its queries or keys after the call, so its map is lost"
    error, limit = call.verified, tolerance(call.dtype)
    if not error <= limit:
        return (
            f"attention @ v differs from the module's own output by {shown_number(error, 2)} of its "
            f"largest value (allowed {shown_number(limit, 1)}), so its map is not shown"
        )
    if call.kind == "eager" and call.row_error is not None:
        rows = float(call.row_error)
        if not rows <= 10 * limit:
            return (
                f"its rows sum to 1 only within {shown_number(rows, 2)} (allowed "
                f"{shown_number(10 * limit, 1)}), so its map is not shown"
            )
    return ""


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
        return (
            {
                name: int(match[1]) if match else after
                for name, match in zip(distinct, numbered, strict=True)
            }
            if after
            else {name: index for index, name in enumerate(distinct)}
        )
    return {name: index for index, name in enumerate(distinct)}


def grid_of(
    tokens: int, sizes: Sequence[MapSize], prefix: tuple[str, ...] = ()
) -> TokenGrid | None:
    """The map of that many tokens, without the prefix where that fits, else behind it; None without."""
    plain = map_of(tokens, sizes)
    if plain is not None or not prefix or tokens <= len(prefix):
        return plain
    inner = map_of(tokens - len(prefix), sizes)
    return None if inner is None else replace(inner, prefix=prefix)


def no_map(call: AttentionCall, what: str) -> str:
    """Why tokens lie on no map of the picture: which ones strides make of it."""
    made = ", ".join(f"{each.rows} × {each.cols}" for each in call.maps_made[1:]) or "none"
    return f"{what} are no map that strides make of the picture (those made: {made})"


def _placed(call: AttentionCall, grid: TokenGrid, classed: bool) -> PlacedCall | UnplacedCall:
    """Where a call over one sequence of tokens is."""
    *batch, _, queries, keys = (1, *call.shape) if len(call.shape) == 3 else call.shape
    groups = math.prod(batch)
    patches = grid.rows * grid.cols
    if groups != 1:
        return UnplacedCall(
            "query",
            "key",
            f"it attends inside {groups} groups of {keys} tokens apart, and "
            "which tokens those are is not known",
        )
    if queries == keys == grid.tokens:
        return PlacedCall(grid)
    if queries == 1 and keys == grid.tokens:
        return PlacedCall(grid, pool=True)
    if queries == 1 and keys == patches + 1:
        return PlacedCall(replace(grid, prefix=("class",)), pool=True)
    if queries == keys:
        other = grid_of(keys, call.maps_made, ("class",) if classed else ())
        if other is not None:
            return PlacedCall(other)
    return UnplacedCall(
        "query",
        "key",
        f"its {queries} queries and {keys} keys do not lie on the grid of "
        f"{grid.rows} × {grid.cols} patches",
    )


def _check_whole(call: AttentionCall) -> None:
    """OnlyRow for a call whose tokens cannot be put into another order, since one row was kept."""
    if call.row is not None:
        raise OnlyRow(f"of {call.name} only the row of token {call.row.query} was kept")


def _single(tensor: torch.Tensor, axes: int = 3) -> torch.Tensor:
    while tensor.ndim > axes:
        tensor = tensor[0]
    return tensor


def _maybe(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else _single(tensor)
