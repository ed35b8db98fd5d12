"""Where every head of every layer looks from the chosen token."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from einops import reduce
from jaxtyping import Float32

from vitviz.core.counted import head_name
from vitviz.core.data.drawing import (
    Drawing,
    HeadTiles,
    HeatTiles,
    Labels,
    Message,
    Outlines,
    Panel,
    PixelSpace,
)
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.attention_unit import (
    UNIT_HELP,
    AttentionUnit,
    UnitFactor,
    unit_factor,
    unit_words,
)
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.own_mark import MARK, mark_words, own_mark

Direction = Literal["looks at", "is looked at by"]
Mixed = Literal["as used", "softmax before"]
_ARROWS: dict[Direction, Literal["→", "←"]] = {"looks at": "→", "is looked at by": "←"}


def without(trace: Trace) -> str:
    """Why there is no map among patches, "" where there is one or was to be one."""
    if trace.layers or trace.refused:
        return ""
    return _("{title} has no attention among patches{elsewhere}").format(
        title=trace.model.title, elsewhere=picture_layers.elsewhere(trace)
    )


@view(
    "heads",
    title="Attention heads",
    shows=(
        "Every head of every layer asks of each token: which other tokens matter to it? The atlas "
        "shows the answers from the chosen token as small maps, layers down and heads across, and "
        "the chosen layer and head large over the picture. Attention that falls on tokens without "
        "a place in the picture, such as the class token or registers, is given as numbers."
    ),
    formula="A = softmax(q kᵀ / √d + bias); the map is row A[token, patches]",
    source="Vaswani et al. 2017, arXiv:1706.03762; shown as in DINO, Caron et al. 2021, "
    "arXiv:2104.14294",
    follows=("token", "word", "layer", "head"),
    order=20,
    applies=without,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    direction: Annotated[
        Direction, OptionHelp("Where the token looks, or which tokens look at it")
    ] = "looks at",
    mixed: Annotated[
        Mixed,
        OptionHelp("Where a model mixes its heads after the softmax: what it then uses, or before"),
    ] = "as used",
    unit: Annotated[AttentionUnit, OptionHelp(UNIT_HELP)] = "automatic",
    mark: Annotated[str, MARK] = "",
    look: Look = Look(range="robust"),
) -> Drawing:
    """The atlas of all heads beside the chosen layer and head, large over the picture.

    VitvizError for a mark that is no box in the picture, Unsupported where no map of the model has a
    place in it.
    """
    if why := without(trace):
        raise Unsupported(why)
    if not any(_heads(trace)):
        none = (
            _("{model} has no attention among patches that could be verified")
            if trace.refused
            else _("{model} has no attention among patches")
        )
        raise Unsupported(
            none.format(model=trace.model.title)
            + "".join(f"; {reason}" for reason in trace.refused)
            + picture_layers.elsewhere(trace)
        )
    token = selection.token(trace.grid, trace.crop)
    layer = selection.layer(len(trace.layers))
    rows = [_rows(trace, one, selection, direction, mixed) for one in trace.layers]
    last = _heads(trace)[layer] - 1
    head = None if selection.head is None or last < 0 else min(selection.head, last)
    tiles, whole = _tiles(trace, rows, selection, look, direction, unit)
    large = _large(trace, selection, rows[layer], layer, head, look, direction, unit, whole)
    own = rows[layer]
    marked = None
    if own is not None:
        row = _one_row(own, head)
        seen = _seen(trace.layers[layer], direction)
        marked = own_mark(trace, row[seen.patches], seen, mark)
    large = large if marked is None else marked.on(large)
    panels = (large, _atlas(trace, tiles, layer, head))
    query, arrow = trace.grid.name(token), _ARROWS[direction]
    return Drawing(
        "heads",
        _title(trace, token, layer, head, direction, mixed),
        (tuple(replace(panel, query=query, arrow=arrow) for panel in panels),),
        picture_layers.caption(
            trace,
            *mark_words(marked),
            *unit_words(unit),
            *picture_layers.ranges_words(look, tiles.scale),
            *picture_layers.window_words(trace.layers[layer]),
            *_resampled(trace),
            *_left_out(trace),
        ),
    )


def _on_its_grid(layer: Layer) -> bool:
    """Whether a layer's attention is among the tokens of its grids, and so can be drawn."""
    sizes = (layer.attention.queries, layer.attention.keys)
    return sizes == (layer.grid.tokens, layer.keys.tokens)


def _seen(layer: Layer, direction: Direction) -> TokenGrid:
    """The tokens that the map is over."""
    return layer.keys if direction == "looks at" else layer.grid


def _rows(
    trace: Trace, layer: Layer, selection: Selection, direction: Direction, mixed: Mixed
) -> picture_layers.HeadRows | None:
    """What each head gives to the tokens of its layer's own grid; None where there is none."""
    if not _on_its_grid(layer):
        return None
    softmax = mixed == "softmax before" and layer.before is not None
    attention = layer.before if softmax and layer.before is not None else layer.attention
    if direction == "looks at":
        return attention.rows(selection.token(layer.grid, trace.crop))
    return attention.columns(selection.token(layer.keys, trace.crop))


@kept()
def _heads(trace: Trace) -> tuple[int, ...]:
    """Heads of each layer, none where it cannot be drawn."""
    return tuple(layer.attention.heads if _on_its_grid(layer) else 0 for layer in trace.layers)


def _tiles(
    trace: Trace,
    rows: list[picture_layers.HeadRows | None],
    selection: Selection,
    look: Look,
    direction: Direction,
    unit: AttentionUnit,
) -> tuple[HeatTiles, picture_layers.ViewRange]:
    """All heads' maps as one tiled image, tiles without a head NaN; and the range of all."""
    heads, grid = _heads(trace), trace.grid
    values = np.full((len(heads), max(1, *heads, 1), grid.rows, grid.cols), np.nan, np.float32)
    ranged = values.copy()
    for index, (layer, row) in enumerate(zip(trace.layers, rows, strict=True)):
        if row is not None:
            own, factor = _seen(layer, direction), np.float32(_unit(layer, unit).factor)
            window = picture_layers.reach(trace, layer, selection, looks=direction == "looks at")
            values[index, : len(row)] = picture_layers.laid(row, own, grid) * factor
            seen = picture_layers.inside(row, window)
            ranged[index, : len(row)] = picture_layers.laid(seen, own, grid) * factor
    whole = picture_layers.view_range(look, ranged)
    said = unit_factor(unit, 1).unit
    tiles = picture_layers.tiles_of(
        values, look, _("attention"), unit=said, ranged=ranged, whole=whole
    )
    return tiles, whole


def _unit(layer: Layer, unit: AttentionUnit) -> UnitFactor:
    """How shares are drawn: each token looks at all keys, or at those of its window."""
    windows = layer.windows
    return unit_factor(unit, layer.keys.tokens if windows is None else windows.keys.shape[1])


def _atlas(trace: Trace, tiles: HeatTiles, layer: int, head: int | None) -> Panel:
    labels, extent, space = _frame(trace)
    tile = (trace.grid.rows, trace.grid.cols)
    first = picture_layers.tile_box(layer, head or 0, tile)
    last = (
        first
        if head is not None
        else picture_layers.tile_box(layer, max(_heads(trace)[layer], 1) - 1, tile)
    )
    chosen = Box(first.top, first.left, last.bottom, last.right)
    return Panel(
        (tiles, labels, Outlines((chosen,), "chosen")),
        extent,
        _("Every head: layers down, heads across"),
        space,
        tiles.scale,
        weight=min(max(extent.width / extent.height, 0.7), 1.5),
    )


@kept()
def _frame(trace: Trace) -> tuple[Labels, Box, HeadTiles]:
    """What of the atlas never changes."""
    heads = _heads(trace)
    names = picture_layers.numbers(trace)
    tile = (trace.grid.rows, trace.grid.cols)
    labels, extent = picture_layers.axes(len(heads), max(1, *heads, 1), tile, names=names)
    return labels, extent, HeadTiles(trace.crop, trace.grid, len(heads), heads, numbers=names)


def _large(
    trace: Trace,
    selection: Selection,
    rows: picture_layers.HeadRows | None,
    layer: int,
    head: int | None,
    look: Look,
    direction: Direction,
    unit: AttentionUnit,
    whole: picture_layers.ViewRange,
) -> Panel:
    frame, one = trace.crop.frame, trace.layers[layer]
    if rows is None:
        return Panel((_not_on_grid(trace, layer),), frame, trace.layer_name(layer, "Layer"))
    row = _one_row(rows, head)
    own = _seen(one, direction)
    factor, said = _unit(one, unit)
    values = picture_layers.on_grid(row[own.patches], own) * np.float32(factor)
    window = picture_layers.reach(trace, one, selection, looks=direction == "looks at")
    seen = picture_layers.inside(row[None] * np.float32(factor), window)[0, own.patches]
    ranged = picture_layers.on_grid(seen, own)
    shared = None if look.range == "robust" else whole
    scale = picture_layers.scale_of(ranged, look, _("attention"), shared, said)
    size = "" if own == trace.grid else f", {picture_layers.grid_words(own, 'tokens')}"
    over = picture_layers.over_picture(trace, selection, values, scale, look, own)
    return Panel(
        (*over, *picture_layers.window_marks(trace, one, selection, looks=direction == "looks at")),
        frame,
        f"{trace.layer_name(layer, 'Layer')}, {picture_layers.head_words(head, len(rows))}{size}",
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        picture_layers.shares(row, own)
        if direction == "looks at"
        else picture_layers.lookers(row, own),
    )


def _one_row(rows: picture_layers.HeadRows, head: int | None) -> Float32[np.ndarray, "token"]:
    """One head's row, or the mean of all."""
    row: Float32[np.ndarray, "token"] = (
        reduce(rows, "head token -> token", "mean") if head is None else rows[head]
    )
    return row


def _not_on_grid(trace: Trace, index: int) -> Message:
    layer = trace.layers[index]
    attention = layer.attention
    return Message(
        _(
            "{layer} has {queries} queries and {keys} keys, which do not lie on its grid "
            "of {tokens} tokens."
        ).format(
            layer=trace.layer_name(index, "Layer"),
            queries=attention.queries,
            keys=attention.keys,
            tokens=layer.grid.tokens,
        ),
        _("Choose another layer in the atlas."),
    )


def _title(
    trace: Trace, token: int, layer: int, head: int | None, direction: Direction, mixed: Mixed
) -> str:
    who = picture_layers.token_words(trace.grid, token)
    what = (
        _("Where {who} looks").format(who=who)
        if direction == "looks at"
        else _("What looks at {who}").format(who=who)
    )
    which = _("all heads") if head is None else head_name(head)
    before = mixed == "softmax before" and trace.layers[layer].before is not None
    said = (
        _("{what}: {layer}, {which}, before they are mixed")
        if before
        else _("{what}: {layer}, {which}")
    )
    return said.format(what=what, layer=trace.layer_name(layer), which=which)


def _resampled(trace: Trace) -> tuple[str, ...]:
    """Said where layers have coarser or finer tokens than the grid of the tiles."""
    if all(layer.grid == layer.keys == trace.grid for layer in trace.layers):
        return ()
    return (_("Where a layer has other tokens, each cell shows the token that covers it."),)


def _left_out(trace: Trace) -> tuple[str, ...]:
    """Said where layers have no tile, because their attention is not among the grid's tokens."""
    names = [str(trace.number(at)) for at, one in enumerate(trace.layers) if not _on_its_grid(one)]
    if not names:
        return picture_layers.left_out(trace)
    listed = ", ".join(names[:9]) + (
        _(" and {count} more").format(count=len(names) - 9) if len(names) > 9 else ""
    )
    return (
        _("Left out, because their attention is over other tokens: layers {listed}.").format(
            listed=listed
        ),
        *picture_layers.left_out(trace),
    )
