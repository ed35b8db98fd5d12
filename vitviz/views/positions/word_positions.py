"""How alike the places of words are: one table, shared by all sentences."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.data.drawing import (
    Drawing,
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Outlines,
    Panel,
    PixelSpace,
    TokenTiles,
)
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.similarity import cosine
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.inner_sentences import (
    ChosenWord,
    chosen,
    cut,
    no_words,
    shape_of,
    words_of,
)

LABEL = N_("cosine similarity")


def _applies(trace: Trace) -> str:
    """As for all views of words, and a table of places must be there."""
    if trace.words is not None and trace.words.positions is None:
        return _("{title} adds no places to its words; take a model that does").format(
            title=trace.model.title
        )
    return no_words(trace)


@view(
    "word_positions",
    title="Word position similarity",
    shows=(
        "Words are told where they lie inside their patch by a learned vector for every place, and "
        "all patches share these vectors. Each small map compares one place with all others and "
        "stands where that place is; the chosen word's is shown large, over its patch. The places "
        "of the patches themselves are in the view of position similarity."
    ),
    formula="cos(pᵢ, pⱼ) = pᵢ · pⱼ / (‖pᵢ‖ ‖pⱼ‖)",
    source="Han et al. 2021, arXiv:2103.00112: word position encodings",
    follows=("token", "word"),
    order=55,
    applies=_applies,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    over_picture: Annotated[bool, OptionHelp("Lay the chosen word's map over its patch")] = False,
    look: Look = Look(range="view"),
) -> Drawing:
    """The grid of grids, and the map of the chosen word's place large."""
    words_of(trace)
    one = chosen(trace, selection)
    return Drawing(
        "word_positions",
        _("Similarity of word positions to that of word {name}").format(name=one.name),
        ((_large(trace, one, over_picture, look), _grid_of_grids(trace, one, look)),),
        picture_layers.caption(
            trace, _("All patches share these places."), *picture_layers.ranges_words(look)
        ),
    )


@kept(most=1)
def _similarity(trace: Trace) -> Float32[np.ndarray, "tile_row tile_col row col"]:
    positions = words_of(trace).positions
    assert positions is not None
    down, across = shape_of(trace)
    return rearrange(
        cosine(positions),
        "(tile_row tile_col) (row col) -> tile_row tile_col row col",
        tile_row=down,
        tile_col=across,
        row=down,
        col=across,
    )


@kept(most=2)
def _tiles(trace: Trace, look: Look) -> HeatTiles:
    values = _similarity(trace)
    return picture_layers.tiles_of(values, look, _(LABEL))


def _large(trace: Trace, one: ChosenWord, over_picture: bool, look: Look) -> Panel:
    rows, cols = shape_of(trace)
    every = _similarity(trace)
    values = every[divmod(one.word, cols)]
    scale = picture_layers.scale_of(values, look, _(LABEL), picture_layers.view_range(look, every))
    over: tuple[DrawnLayer, ...] = (Heat(values, one.box, scale, smooth=look.smooth),)
    if over_picture:
        over = picture_layers.map_over(cut(trace, one.box), values, one.box, scale, look)
    return Panel(
        (*over, Grid(one.box, rows, cols), Outlines((one.word_box,), "hover")),
        one.box,
        _("Word {name} compared with every word of a patch").format(name=one.name),
        PixelSpace(trace.crop, trace.grid),
        scale,
    )


def _grid_of_grids(trace: Trace, one: ChosenWord, look: Look) -> Panel:
    rows, cols = shape_of(trace)
    tiles = _tiles(trace, look)
    crop, grid = trace.crop.within(one.box), trace.grid.word_grid(alone=True)
    return Panel(
        (
            tiles,
            Outlines((picture_layers.tile_box(*divmod(one.word, cols), (rows, cols)),), "chosen"),
        ),
        Box(0, 0, rows * (rows + 1) - 1, cols * (cols + 1) - 1),
        _("Every place: its map stands where it lies"),
        TokenTiles(crop, grid, cols, (rows, cols), inner=True),
        tiles.scale,
    )
