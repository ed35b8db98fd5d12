"""How alike the model's position embeddings are: which places it takes for neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float32

from vitviz.core.colors import DIVERGING, ColorScale
from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import (
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
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.plots import Curve, Plot, axis
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.similarity import cosine, cosine_with, directions
from vitviz.core.measures.token_pairs import too_many
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

LABEL = N_("cosine similarity")

PositionSignal = Literal["the first it has", "embeddings", "rotations", "bias on scores"]


@view(
    "positions",
    title="Position similarity",
    shows=(
        "A transformer does not know where a patch lies: a learned vector, one for every place, "
        "is added to tell it. Each small map compares the vector of one place with those of all "
        "places, and stands where that place is. In a trained model the neighbours are alike, "
        "often whole rows and columns too; the chosen place is shown large. Models that turn "
        "queries "
        "and keys by their place, or add a bias to the scores, show that instead; where a "
        "model has several of these, choose which."
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
    kind: Annotated[
        PositionSignal,
        OptionHelp("What tells places apart; some models have more than one of them"),
    ] = "the first it has",
    over_picture: Annotated[
        bool, OptionHelp("Lay the chosen place's map over the picture")
    ] = False,
    profile: Annotated[
        bool, OptionHelp("Add how likeness falls with the distance along rows and along columns")
    ] = False,
    look: Look = Look(range="view"),
) -> Drawing:
    """The grid of grids, and the map of the chosen place large."""
    if _table(trace, kind) is None:
        return _otherwise(trace, selection, kind, look)
    token = selection.token(trace.grid, trace.crop)
    place = trace.grid.place(token)
    of = _(" to that of {token}").format(token=picture_layers.token_words(trace.grid, token))
    if place is None and (not _embedded(trace, kind) or _prefix_position(trace, token) is None):
        of = ""
    return Drawing(
        "positions",
        _("Similarity of {what}{of}").format(what=_what(trace, kind), of=of),
        (
            (
                _large(trace, selection, kind, place, over_picture, look),
                _grid_of_grids(trace, kind, place, look),
                *((_profile(trace, kind),) if profile else ()),
            ),
        ),
        picture_layers.caption(trace, *picture_layers.ranges_words(look), *_words(trace, kind)),
    )


def _embedded(trace: Trace, kind: PositionSignal) -> bool:
    """Whether the learned table is shown."""
    return trace.positions is not None and kind in ("the first it has", "embeddings")


def _table(trace: Trace, kind: PositionSignal) -> Float32[np.ndarray, "patch dim"] | None:
    """A vector for each place: the learned one, or sines and cosines of its rotation."""
    if _embedded(trace, kind):
        return trace.positions
    if trace.source is None or not trace.layers or kind in ("embeddings", "bias on scores"):
        return None
    found = model_questions.rotations(trace, 0)
    return None if isinstance(found, str) else found


def _what(trace: Trace, kind: PositionSignal) -> str:
    return _("position embeddings") if _embedded(trace, kind) else _("rotations by place")


def _words(trace: Trace, kind: PositionSignal) -> tuple[str, ...]:
    """Said of a table that is not alone, and of rotations."""
    if not _embedded(trace, kind):
        return (_("Mean cosine of the differences of all angles, in the first layer."),)
    return (picture_layers.sentence(trace.positions_note),) if trace.positions_note else ()


def _otherwise(trace: Trace, selection: Selection, kind: PositionSignal, look: Look) -> Drawing:
    """The bias that each head adds to its scores, or why there is nothing to draw."""
    number = selection.layer(len(trace.layers))
    asking = (
        trace.source is not None and trace.layers and kind in ("the first it has", "bias on scores")
    )
    found = model_questions.position_bias(trace, number) if asking else ""
    if isinstance(found, str):
        return _none(trace, kind)
    layer = trace.layers[number]
    grid = layer.grid
    token = selection.token(grid, trace.crop)
    maps = picture_layers.on_grid(_bias_from(found, layer, token)[:, grid.patches], grid)
    look = replace(look, table=look.table if look.table in DIVERGING else "vik")
    head = None if selection.head is None else min(selection.head, len(maps) - 1)
    large = reduce(maps, "head row col -> row col", "mean") if head is None else maps[head]
    scale = picture_layers.scale_of(large, look, _("bias on scores"))
    panels = (
        Panel(
            (
                _where_known(large, grid, scale, look),
                *picture_layers.window_marks(trace, layer, selection),
                *picture_layers.marks(trace, selection),
            ),
            trace.crop.frame,
            f"{layer_name(number, 'Layer')}, {picture_layers.head_words(head, len(maps))}",
            PixelSpace(trace.crop, grid),
            scale,
            query=grid.name(token),
        ),
        _bias_tiles(trace, grid, maps, look),
    )
    title = _("What is added to the scores of {token} by place").format(
        token=picture_layers.token_words(grid, token)
    )
    said = (
        _("The same for every picture."),
        *picture_layers.window_words(layer),
        *picture_layers.ranges_words(look),
    )
    return Drawing("positions", title, (panels,), picture_layers.caption(trace, *said))


def _where_known(
    values: Float32[np.ndarray, "row col"], grid: TokenGrid, scale: ColorScale, look: Look
) -> Heat:
    """The part of a map that has values: a window, or all of it."""
    rows, cols = (np.flatnonzero(np.isfinite(values).any(axis=other)) for other in (1, 0))
    (top, bottom), (left, right) = ((each[0], each[-1] + 1) for each in (rows, cols))
    (first, begin), (high, wide) = grid.corner, grid.cell
    box = Box(first + top * high, begin + left * wide, first + bottom * high, begin + right * wide)
    inside = np.ascontiguousarray(values[top:bottom, left:right])
    return Heat(inside, box, scale, smooth=look.smooth)


def _bias_from(
    bias: Float32[np.ndarray, "head query slot"], layer: Layer, token: int
) -> Float32[np.ndarray, "head key"]:
    """What is added to a token's scores for every other; NaN outside of its window."""
    if layer.windows is None:
        return bias[:, token]
    found = np.full((len(bias), layer.keys.tokens), np.nan, np.float32)
    for window, slot in layer.windows.slots(token)[:1]:
        keys = layer.windows.keys[window]
        seen = np.isin(keys, layer.windows.seen_from(token))
        found[:, keys[seen]] = bias[:, slot, seen]
    return found


def _bias_tiles(
    trace: Trace, grid: TokenGrid, maps: Float32[np.ndarray, "head row col"], look: Look
) -> Panel:
    """Every head's bias as a small map, in lines of four."""
    heads = len(maps)
    across = min(4, heads)
    down = -(-heads // across)
    least = np.nanmin(maps, axis=(1, 2), keepdims=True)
    inside = np.where(
        np.isnan(maps), least, maps
    )  # what is out of the window has no say in the range
    missing = ((0, down * across - heads), (0, 0), (0, 0))
    pattern = "(down across) row col -> down across row col"
    values = rearrange(np.pad(maps, missing, constant_values=np.nan), pattern, down=down)
    ranged: picture_layers.Tiles = rearrange(
        np.pad(inside, missing, mode="edge"), pattern, down=down
    )
    tiles = picture_layers.tiles_of(values, look, _("bias"), ranged=ranged)
    lines = tuple(min(across, heads - line * across) for line in range(down))
    space = HeadTiles(trace.crop, grid, down, lines, by_layer=False)
    extent = Box(0, 0, down * (grid.rows + 1) - 1, across * (grid.cols + 1) - 1)
    return Panel((tiles,), extent, _("Every head"), space, tiles.scale)


@kept(most=1)
def _profile(trace: Trace, kind: PositionSignal) -> Panel:
    """How alike places are on average, by how far apart they are along a row or a column."""
    try:
        alike = _similarity(trace, kind).astype(np.float64)
    except Unsupported as why:
        return Panel(
            (Message(picture_layers.sentence(why)),), Box(0, 0, 3, 4), _("Mean over all places")
        )
    rows, cols = trace.grid.rows, trace.grid.cols
    down = [
        np.mean(
            [alike[row, col, row + gap, col] for row in range(rows - gap) for col in range(cols)]
        )
        for gap in range(rows)
    ]
    along = [
        np.mean(
            [alike[row, col, row, col + gap] for row in range(rows) for col in range(cols - gap)]
        )
        for gap in range(cols)
    ]
    curves = (
        Curve(np.arange(float(cols)), np.array(along), _("along a row"), tone="chosen"),
        Curve(np.arange(float(rows)), np.array(down), _("along a column"), tone="second"),
    )
    across = axis(_("patches apart"), np.arange(float(max(rows, cols))), low=0, whole=True)
    plot = Plot(curves, across, axis(_("mean {label}").format(label=_(LABEL)), down, along))
    return Panel((plot,), Box(0, 0, 1, 1), _("Mean over all places"))


def _none(trace: Trace, kind: PositionSignal) -> Drawing:
    reason = trace.positions_note or _("this model has no table of position embeddings")
    name = _("position embeddings")
    if kind in ("rotations", "bias on scores"):
        name = _("rotations by place") if kind == "rotations" else _(kind)
        reason = _("{called} has no {name} that could be read").format(
            called=trace.model.called, name=name
        )
    panel = Panel((Message(picture_layers.sentence(reason)),), Box(0, 0, 1, 4), name.capitalize())
    return Drawing(
        "positions", _("No {name}").format(name=name), ((panel,),), picture_layers.caption(trace)
    )


@kept(most=2)
def _tiles(trace: Trace, kind: PositionSignal, look: Look) -> HeatTiles:
    """All places' maps; what a painter uploads once."""
    values = _similarity(trace, kind)
    return picture_layers.tiles_of(values, look, _(LABEL))


@kept(most=1)
def _similarity(
    trace: Trace, kind: PositionSignal
) -> Float32[np.ndarray, "tile_row tile_col row col"]:
    table = _table(trace, kind)
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


def _grid_of_grids(
    trace: Trace, kind: PositionSignal, place: tuple[int, int] | None, look: Look
) -> Panel:
    extent, space = _frame(trace)
    try:
        tiles = _tiles(trace, kind, look)
    except Unsupported as why:
        message = Message(_("Too many places to show at once."), picture_layers.sentence(why))
        return Panel((message,), Box(0, 0, 3, 4), _("Every place"))
    boxes = () if place is None else (picture_layers.tile_box(*place, space.tile),)
    return Panel(
        (tiles, Outlines(boxes, "chosen")),
        extent,
        _("Every place: its map stands where it lies"),
        space,
        tiles.scale,
    )


def _large(
    trace: Trace,
    selection: Selection,
    kind: PositionSignal,
    place: tuple[int, int] | None,
    over_picture: bool,
    look: Look,
) -> Panel:
    frame = trace.crop.frame
    if place is None:
        values, whole, title = _from_prefix(trace, selection, kind, look)
    else:
        values, whole = _from(trace, kind, place, look)
        title = _("Row {row}, column {col} compared with every place").format(
            row=place[0], col=place[1]
        )
    scale = picture_layers.scale_of(values, look, _(LABEL), whole)
    return Panel(
        _large_layers(trace, selection, values, scale, over_picture, look),
        frame,
        title,
        PixelSpace(trace.crop, trace.grid),
        scale,
    )


def _from_prefix(
    trace: Trace, selection: Selection, kind: PositionSignal, look: Look
) -> tuple[picture_layers.GridMap, picture_layers.ViewRange, str]:
    """The position of a token without a place, where one is added to it; else the middle place."""
    token = selection.token(trace.grid, trace.crop)
    name = picture_layers.token_words(trace.grid, token)
    own = _prefix_position(trace, token) if _embedded(trace, kind) else None
    table = _table(trace, kind)
    if own is None or table is None:
        middle = trace.grid.place(trace.grid.middle)
        assert middle is not None
        values, whole = _from(trace, kind, middle, look)
        return (
            values,
            whole,
            _("{upper}{name} has no position: row {row}, column {col} instead").format(
                upper=name[0].upper(), name=name[1:], row=middle[0], col=middle[1]
            ),
        )
    alike = cosine_with(directions(np.concatenate([own[None], table])), 0)[1:]
    values = picture_layers.on_grid(alike, trace.grid)
    whole = picture_layers.view_range(look, values)
    return values, whole, _("The position of {name} compared with every place").format(name=name)


@kept(most=2)
def _prefix_position(trace: Trace, token: int) -> Float32[np.ndarray, "dim"] | None:
    """What is added to a prefix token for its position; None where nothing is, or nobody knows."""
    if trace.source is None:
        return None
    try:
        found = model_questions.sequence(trace).positions
    except Unsupported:
        return None
    return None if found is None or not found[token].any() else found[token]


def _large_layers(
    trace: Trace,
    selection: Selection,
    values: picture_layers.GridMap,
    scale: ColorScale,
    over_picture: bool,
    look: Look,
) -> tuple[DrawnLayer, ...]:
    if over_picture:
        return picture_layers.over_picture(trace, selection, values, scale, look)
    heat = Heat(values, trace.grid.frame, scale, smooth=look.smooth)
    return (heat, *picture_layers.marks(trace, selection))


def _from(
    trace: Trace, kind: PositionSignal, place: tuple[int, int], look: Look
) -> tuple[picture_layers.GridMap, picture_layers.ViewRange]:
    """One place compared with every place, and the range of all such maps, or of it alone."""
    rows, cols = trace.grid.rows, trace.grid.cols
    if not too_many(rows * cols, rows * cols):
        return _similarity(trace, kind)[place], _whole(trace, kind, look)
    table = _table(trace, kind)
    assert table is not None
    alike = rearrange(
        cosine_with(directions(table), place[0] * cols + place[1]), "(row col) -> row col", row=rows
    )
    return alike, picture_layers.view_range(look, alike)


@kept(most=2)
def _whole(trace: Trace, kind: PositionSignal, look: Look) -> picture_layers.ViewRange:
    return picture_layers.view_range(look, _similarity(trace, kind))
