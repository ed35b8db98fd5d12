"""What lies under a position in a panel: the token, layer or head, the value, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from vitviz.core.colors import ColorScale
from vitviz.core.counted import head_name, layer_name
from vitviz.core.data.drawing.drawn_layers import Heat, HeatTiles
from vitviz.core.data.drawing.panel import (
    HeadTiles,
    LayerPairs,
    Listed,
    Panel,
    PatchBrush,
    PixelSpace,
    TokenPairs,
    TokenTiles,
)
from vitviz.core.data.drawing.token_rows import TokenRows
from vitviz.core.data.geometry import Box, Spot, TokenGrid
from vitviz.core.data.plots import Plot, Table
from vitviz.core.notation import shown_number


@dataclass(frozen=True, slots=True)
class Aim:
    """What lies under a position in a panel; None where that is nothing.

    `token` is what hovering should show, `layer` and `head` what a click in an atlas chooses, `value`
    the raw number there, `words` the same said for the read-out. `spot` is the very point in model
    pixels, so that a finer grid beside this one can tell where in the patch it was.
    """

    token: int | None = None
    layer: int | None = None
    head: int | None = None
    value: float | None = None
    words: str = ""
    spot: Spot | None = None


def aim(panel: Panel, row: float, col: float) -> Aim | None:
    """What a position in a panel means; None outside of everything that has a meaning."""
    match panel.space:
        case None:
            return None
        case PixelSpace() as space:
            return _aim_pixels(panel, space, Spot(row, col))
        case PatchBrush() as space:
            return _aim_brush(space, Spot(row, col))
        case TokenTiles() as space:
            return _aim_tokens(panel, space, row, col)
        case HeadTiles() as space:
            return _aim_heads(panel, space, row, col)
        case LayerPairs() as space:
            return _aim_layers(panel, space, row, col)
        case TokenPairs() as space:
            return _aim_pairs(panel, space, row, col)
        case TokenRows() as space:
            return _aim_rows(panel, space, Spot(row, col))
        case Listed():
            return _aim_listed(panel, row, col)
        case _:
            assert_never(panel.space)


def _aim_pixels(panel: Panel, space: PixelSpace, spot: Spot) -> Aim | None:
    token = space.grid.at(spot)
    if token is None:
        return None
    value = None
    for layer in panel.layers:
        if isinstance(layer, Heat) and layer.box.contains(spot):
            rows, cols = layer.values.shape
            value = float(
                layer.values[
                    min(int((spot.row - layer.box.top) / layer.box.height * rows), rows - 1),
                    min(int((spot.col - layer.box.left) / layer.box.width * cols), cols - 1),
                ]
            )
    if panel.query and value is not None and np.isfinite(value):
        words = f"{_asked(panel, space.grid, token)}: {number_words(value, panel.bar)}"
    else:
        words = _words(space.grid, token, value, panel.bar, spot)
    return Aim(token=token, value=value, words=words, spot=spot)


def _aim_brush(space: PatchBrush, spot: Spot) -> Aim | None:
    """The patch under the brush: read out, not chosen."""
    token = space.grid.at(spot)
    return None if token is None else Aim(words=_words(space.grid, token, None, None))


def _tile(position: float, size: int, gap: int) -> tuple[int, int] | None:
    """(tile, cell inside it) on one axis; None in the gap or before the first tile."""
    tile, inside = divmod(position, size + gap)
    return None if position < 0 or inside >= size else (int(tile), int(inside))


def _aim_tokens(panel: Panel, space: TokenTiles, row: float, col: float) -> Aim | None:
    down, across = _tile(row, space.tile[0], space.gap), _tile(col, space.tile[1], space.gap)
    if down is None or across is None or across[0] >= space.cols:
        return None
    tile = down[0] * space.cols + across[0]
    if tile < space.front:
        return Aim(token=tile, words=_words(space.grid, tile, None, None))
    patch = tile - space.front
    if patch >= space.grid.rows * space.grid.cols:
        return None
    token = patch + len(space.grid.prefix)
    if not space.inner:
        inside = (row % (space.tile[0] + space.gap)) / space.tile[0]
        across_it = (col % (space.tile[1] + space.gap)) / space.tile[1]
        spot = _inside(space.grid.box(token), inside, across_it)
        return Aim(token=token, words=_words(space.grid, token, None, None), spot=spot)
    value = _tile_value(panel, down, across)
    other = space.grid.token(down[1], across[1])
    words = f"{space.grid.name(token)} and {space.grid.name(other)}"
    middle = _inside(space.grid.box(token), 0.5, 0.5)
    return Aim(token=token, value=value, words=_valued(words, value, panel.bar), spot=middle)


def _aim_heads(panel: Panel, space: HeadTiles, row: float, col: float) -> Aim | None:
    down = _tile(row, space.grid.rows, space.gap)
    across = _tile(col, space.grid.cols, space.gap)
    if down is None or across is None:
        return None
    line, beside = _line_of(space, down[0], across[0])
    if line >= space.layers or beside >= space.heads[line]:
        return None
    token = space.grid.token(down[1], across[1])
    value = _tile_value(panel, down, across)
    layer = line if space.by_layer else None
    head = beside + (0 if space.by_layer else sum(space.heads[:line]))
    called = space.numbers[line] if space.numbers else line + 1
    where = head_name(head) if layer is None else f"layer {called} {head_name(head)}"
    words = f"{where} · {_asked(panel, space.grid, token)}"
    inside = Spot(
        row % (space.grid.rows + space.gap) * space.grid.cell[0] + space.grid.corner[0],
        col % (space.grid.cols + space.gap) * space.grid.cell[1] + space.grid.corner[1],
    )
    return Aim(token, layer, head, value, _valued(words, value, panel.bar), inside)


def _line_of(space: HeadTiles, down: int, across: int) -> tuple[int, int]:
    """The line (a layer) of a tile, and its place in it; also where layers stand otherwise."""
    if space.turned:
        return across, down
    if not space.fold:
        return down, across
    block, beside = divmod(across, max(1, *space.heads, 1) + 1)
    return (block * space.fold + down if down < space.fold else space.layers), beside


def _aim_layers(panel: Panel, space: LayerPairs, row: float, col: float) -> Aim | None:
    if not (0 <= row < space.layers and 0 <= col < space.others):
        return None
    layer, other = int(row), int(col)
    heat = next((each for each in panel.layers if isinstance(each, Heat)), None)
    value = None if heat is None else float(heat.values[layer, other])
    words = f"{space.names[0]} {layer_name(layer)}, {space.names[1]} {layer_name(other)}"
    return Aim(layer=layer, value=value, words=_valued(words, value, panel.bar))


def _aim_pairs(panel: Panel, space: TokenPairs, row: float, col: float) -> Aim | None:
    count = space.grid.rows * space.grid.cols
    if not (0 <= row < count and 0 <= col < count):
        return None
    query, key = (int(each) + len(space.grid.prefix) for each in (row, col))
    heat = next((each for each in panel.layers if isinstance(each, Heat)), None)
    value = None if heat is None else float(heat.values[int(row), int(col)])
    words = _valued(f"{space.grid.name(query)} → {space.grid.name(key)}", value, panel.bar)
    return Aim(query, value=value, words=words, spot=_inside(space.grid.box(query), 0.5, 0.5))


def _aim_rows(panel: Panel, space: TokenRows, spot: Spot) -> Aim | None:
    token = space.token_at(spot)
    if token is None:
        return None
    value, where = None, ""
    for layer in panel.layers:
        if isinstance(layer, Heat) and layer.box.contains(spot):
            rows, cols = layer.values.shape
            row = min(int((spot.row - layer.box.top) / layer.box.height * rows), rows - 1)
            col = min(int((spot.col - layer.box.left) / layer.box.width * cols), cols - 1)
            value, where = float(layer.values[row, col]), f", number {col + 1} of {cols}"
    words = _valued(_words(space.grid, token, None, None) + where, value, panel.bar)
    return Aim(token, value=value, words=words, spot=_inside(space.grid.box(token), 0.5, 0.5))


def _aim_listed(panel: Panel, row: float, col: float) -> Aim | None:
    extent = panel.extent
    match panel.layers:
        case (Plot() as plot, *_):
            found = plot.near(
                (col - extent.left) / extent.width, (extent.bottom - row) / extent.height
            )
            if found is None:
                return None
            whose, value = found.whose, found.value
            words = f"{whose.words}: {shown_number(value, 4)} · {plot.y.label}"
            return Aim(layer=whose.layer, head=whose.head, value=value, words=words)
        case (Table() as table, *_) if 1 <= row < len(table.whose) + 1:
            one = table.whose[int(row) - 1]
            return Aim(layer=one.layer, head=one.head, words=one.words)
        case _:
            return None


def _inside(box: Box | None, down: float, across: float) -> Spot | None:
    """The point at these shares of a box."""
    if box is None:
        return None
    return Spot(box.top + down * box.height, box.left + across * box.width)


def _tile_value(panel: Panel, down: tuple[int, int], across: tuple[int, int]) -> float | None:
    for layer in panel.layers:
        if isinstance(layer, HeatTiles):
            return float(layer.values[down[0], across[0], down[1], across[1]])
    return None


def _asked(panel: Panel, grid: TokenGrid, token: int) -> str:
    """The token, after the one that the map was drawn for."""
    name = grid.name(token)
    return f"{panel.query} {panel.arrow} {name}" if panel.query else name


def _words(
    grid: TokenGrid,
    token: int,
    value: float | None,
    bar: ColorScale | None,
    spot: Spot | None = None,
) -> str:
    word = None if spot is None or grid.words is None else grid.word_at(spot)
    within = "" if word is None or grid.words is None else f" word {divmod(word, grid.words[1])}"
    return _valued(f"token {token} {grid.name(token)}{within}", value, bar)


def _valued(words: str, value: float | None, bar: ColorScale | None) -> str:
    if value is None or not np.isfinite(value):
        return words
    return f"{words} · {number_words(value, bar)}"


def number_words(value: float, bar: ColorScale | None) -> str:
    """A value as the read-out says it, with its unit."""
    unit = f" {bar.unit}" if bar is not None and bar.unit else ""
    return f"{shown_number(value, 4)}{unit}"
