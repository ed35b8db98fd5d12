"""How alike the model's position embeddings are: which places it takes for neighbours."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.colors import Scale
from vitviz.core.drawing import (
    Drawing,
    DrawnLayer,
    Heat,
    HeatTiles,
    Message,
    Outlines,
    Panel,
    PixelSpace,
    TokenTiles,
)
from vitviz.core.geometry import Box
from vitviz.core.selection import Selection
from vitviz.core.similarity import cosine
from vitviz.core.trace import Trace
from vitviz.views import parts, view
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
        "often whole rows and columns too; the chosen place is shown large."
    ),
    formula="cos(pᵢ, pⱼ) = pᵢ · pⱼ / (‖pᵢ‖ ‖pⱼ‖)",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, figure 7 (centre)",
    follows=("token", "word"),
    order=40,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    over_picture: Annotated[bool, Help("Lay the chosen place's map over the picture")] = False,
    look: Look = Look(range="view"),
) -> Drawing:
    """The grid of grids, and the map of the chosen place large."""
    if trace.positions is None:
        return _none(trace)
    token = selection.token(trace.grid, trace.crop)
    place = trace.grid.place(token)
    of = "" if place is None else f" to that of {parts.token_words(trace.grid, token)}"
    return Drawing(
        "positions",
        f"Similarity of position embeddings{of}",
        (
            (
                _large(trace, selection, place, over_picture, look),
                _grid_of_grids(trace, place, look),
            ),
        ),
        parts.caption(trace, *parts.ranges_words(look)),
    )


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
    assert trace.positions is not None
    return rearrange(
        cosine(trace.positions),
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
