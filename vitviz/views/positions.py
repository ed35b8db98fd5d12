"""How alike the model's position embeddings are: which places it takes for neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float32

from vitviz.core.colors import DIVERGING, Scale
from vitviz.core.drawing import (
    Drawing,
    DrawnLayer,
    HeadTiles,
    Heat,
    HeatTiles,
    Message,
    Outlines,
    Panel,
    PixelSpace,
    TokenTiles,
)
from vitviz.core.geometry import Box
from vitviz.core.plots import Curve, Plot, axis
from vitviz.core.selection import Selection
from vitviz.core.similarity import cosine
from vitviz.core.trace import Trace
from vitviz.views import asked, parts, view
from vitviz.views.kept import kept
from vitviz.views.options import Help, Look

LABEL = "cosine similarity"


@view(
    "positions",
    title="Position similarity",
    shows=(
        "A transformer does not know where a patch lies: a learned vector, one for every place, "
        "is added to tell it. Each small map compares the vector of one place with those of all "
        "places, and stands where that place is. In a trained model the neighbours are alike, "
        "often whole rows and columns too; the chosen place is shown large. Models that turn queries "
        "and keys by their place, or add a bias to the scores, show that instead."
    ),
    formula="cos(pᵢ, pⱼ) = pᵢ · pⱼ / (‖pᵢ‖ ‖pⱼ‖); rotations: mean over all angles of cos(θᵢ − θⱼ); "
    "bias: Bᵢⱼ of the head, added to q·kᵀ/√d",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, figure 7 (centre); Su et al. 2021 (RoPE), "
    "arXiv:2104.09864; Shaw et al. 2018, arXiv:1803.02155",
    follows=("token", "word", "layer", "head"),
    order=40,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    over_picture: Annotated[bool, Help("Lay the chosen place's map over the picture")] = False,
    profile: Annotated[
        bool, Help("Add how likeness falls with the distance along rows and along columns")
    ] = False,
    look: Look = Look(range="view"),
) -> Drawing:
    """The grid of grids, and the map of the chosen place large."""
    if _table(trace) is None:
        return _otherwise(trace, selection, look)
    token = selection.token(trace.grid, trace.crop)
    place = trace.grid.place(token)
    of = "" if place is None else f" to that of {parts.token_words(trace.grid, token)}"
    return Drawing(
        "positions",
        f"Similarity of {_what(trace)}{of}",
        (
            (
                _large(trace, selection, place, over_picture, look),
                _grid_of_grids(trace, place, look),
                *((_profile(trace),) if profile else ()),
            ),
        ),
        parts.caption(trace, *parts.ranges_words(look), *_words(trace)),
    )


def _table(trace: Trace) -> Float32[np.ndarray, "patch dim"] | None:
    """A vector for each place: the learned one, or sines and cosines of its rotation."""
    if trace.positions is not None:
        return trace.positions
    if trace.source is None or not trace.layers:
        return None
    found = asked.rotations(trace, 0)
    return None if isinstance(found, str) else found


def _what(trace: Trace) -> str:
    return "position embeddings" if trace.positions is not None else "rotations by place"


def _words(trace: Trace) -> tuple[str, ...]:
    """Said of a table that was made for another size, and of rotations."""
    if trace.positions is None:
        return ("Mean cosine of the differences of all angles, in the first layer.",)
    notes = (note for note in trace.model.notes if note.startswith("the position embeddings are"))
    return tuple(f"{note[:1].upper()}{note[1:]}." for note in notes)


def _otherwise(trace: Trace, selection: Selection, look: Look) -> Drawing:
    """The bias that each head adds to its scores, or why there is nothing to draw."""
    layer = selection.layer(len(trace.layers))
    asking = trace.source is not None and bool(trace.layers)
    found = asked.position_bias(trace, layer) if asking else ""
    if isinstance(found, str):
        return _none(trace)
    grid = trace.grid
    token = selection.token(grid, trace.crop)
    maps = parts.on_grid(found[:, token, grid.patches], grid)
    look = replace(look, table=look.table if look.table in DIVERGING else "vik")
    head = None if selection.head is None else min(selection.head, len(maps) - 1)
    large = reduce(maps, "head row col -> row col", "mean") if head is None else maps[head]
    scale = parts.scale_of(large, look, "bias on scores")
    panels = (
        Panel(
            (Heat(large, grid.frame, scale, smooth=look.smooth), *parts.marks(trace, selection)),
            trace.crop.frame, f"Layer {layer + 1}, {parts.head_words(head, len(maps))}",
            PixelSpace(trace.crop, grid), scale, query=grid.name(token),
        ),
        _bias_tiles(trace, maps, look),
    )  # fmt: skip
    title = f"What is added to the scores of {parts.token_words(grid, token)} by place"
    said = "The same for every picture."
    return Drawing(
        "positions", title, (panels,), parts.caption(trace, said, *parts.ranges_words(look))
    )


def _bias_tiles(trace: Trace, maps: Float32[np.ndarray, "head row col"], look: Look) -> Panel:
    """Every head's bias as a small map, in lines of four."""
    grid, heads = trace.grid, len(maps)
    across = min(4, heads)
    down = -(-heads // across)
    filled = np.full((down * across, grid.rows, grid.cols), np.nan, np.float32)
    filled[:heads] = maps
    values = rearrange(filled, "(down across) row col -> down across row col", down=down)
    low, high = parts.tile_ranges(values, look)
    low, high = (np.nan_to_num(each) for each in (low, high))
    scale = parts.tiles_scale(low, high, look, "bias")
    lines = tuple(min(across, heads - line * across) for line in range(down))
    space = HeadTiles(trace.crop, grid, down, lines, by_layer=False)
    extent = Box(0, 0, down * (grid.rows + 1) - 1, across * (grid.cols + 1) - 1)
    return Panel((HeatTiles(values, low, high, scale),), extent, "Every head", space, scale)


@kept(most=1)
def _profile(trace: Trace) -> Panel:
    """How alike places are on average, by how far apart they are along a row or a column."""
    alike = _similarity(trace).astype(np.float64)
    rows, cols = trace.grid.rows, trace.grid.cols
    down = [np.mean([alike[row, col, row + gap, col] for row in range(rows - gap)
                     for col in range(cols)]) for gap in range(rows)]  # fmt: skip
    along = [np.mean([alike[row, col, row, col + gap] for row in range(rows)
                      for col in range(cols - gap)]) for gap in range(cols)]  # fmt: skip
    curves = (
        Curve(np.arange(float(cols)), np.array(along), "along a row", tone="chosen"),
        Curve(np.arange(float(rows)), np.array(down), "along a column", tone="second"),
    )
    across = axis("patches apart", np.arange(float(max(rows, cols))), low=0, whole=True)
    plot = Plot(curves, across, axis(f"mean {LABEL}", down, along))
    return Panel((plot,), Box(0, 0, 1, 1), "Mean over all places")


def _none(trace: Trace) -> Drawing:
    reason = trace.positions_note or "This model has no table of position embeddings."
    panel = Panel((Message(reason),), Box(0, 0, 1, 4), "Position embeddings")
    return Drawing("positions", "No position embeddings", ((panel,),), parts.caption(trace))


@kept(most=2)
def _tiles(trace: Trace, look: Look) -> HeatTiles:
    """All places' maps; what a painter uploads once."""
    values = _similarity(trace)
    low, high = parts.tile_ranges(values, look)
    return HeatTiles(values, low, high, parts.tiles_scale(low, high, look, LABEL))


@kept(most=1)
def _similarity(trace: Trace) -> Float32[np.ndarray, "tile_row tile_col row col"]:
    table = _table(trace)
    assert table is not None
    return rearrange(
        cosine(table),
        "(tile_row tile_col) (row col) -> tile_row tile_col row col",
        tile_row=trace.grid.rows,
        row=trace.grid.rows,
    )


@kept(most=2)
def _frame(trace: Trace) -> tuple[Box, TokenTiles]:
    rows, cols = trace.grid.rows, trace.grid.cols
    space = TokenTiles(trace.crop, trace.grid, cols, (rows, cols), inner=True)
    return Box(0, 0, rows * (rows + 1) - 1, cols * (cols + 1) - 1), space


def _grid_of_grids(trace: Trace, place: tuple[int, int] | None, look: Look) -> Panel:
    extent, space = _frame(trace)
    tiles = _tiles(trace, look)
    boxes = () if place is None else (parts.tile_box(*place, space.tile),)
    return Panel(
        (tiles, Outlines(boxes, "chosen")),
        extent,
        "Every place: its map stands where it lies",
        space,
        tiles.scale,
    )


def _large(
    trace: Trace,
    selection: Selection,
    place: tuple[int, int] | None,
    over_picture: bool,
    look: Look,
) -> Panel:
    frame = trace.crop.frame
    if place is None:
        message = Message(
            "This token lies nowhere in the picture.", "Point at a patch to compare its place."
        )
        return Panel((message,), frame, "No place")
    values = _similarity(trace)[place]
    scale = parts.scale_of(values, look, LABEL, _whole(trace))
    return Panel(
        _large_layers(trace, selection, values, scale, over_picture, look),
        frame,
        f"Row {place[0]}, column {place[1]} compared with every place",
        PixelSpace(trace.crop, trace.grid),
        scale,
    )


def _large_layers(
    trace: Trace,
    selection: Selection,
    values: parts.Map,
    scale: Scale,
    over_picture: bool,
    look: Look,
) -> tuple[DrawnLayer, ...]:
    if over_picture:
        return parts.over_picture(trace, selection, values, scale, look)
    heat = Heat(values, trace.grid.frame, scale, smooth=look.smooth)
    return (heat, *parts.marks(trace, selection))


@kept(most=1)
def _whole(trace: Trace) -> tuple[float, float]:
    values = _similarity(trace)
    return float(values.min()), float(values.max())
