"""All sentences at once: what every word is given by the others, stitched back over the picture."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import (
    Drawing,
    HeadTiles,
    HeatTiles,
    Labels,
    Outlines,
    Panel,
    PixelSpace,
)
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.inner_sentences import inner_layer, no_words, stitched, words_of

Unit = Literal["share", "times even"]
_LABELS: dict[Unit, str] = {
    "share": N_("attention received"),
    "times even": N_("attention received, even = 1"),
}
_SUMS: dict[Unit, str] = {
    "share": N_("The words of every patch sum to 1."),
    "times even": N_("Words that are looked at as much as any other are 1, in every patch."),
}


@view(
    "mosaic",
    title="What words receive",
    shows=(
        "Every sentence of a Transformer in Transformer shares out its words' attention among its "
        "words. This map stitches all sentences back together: a bright word is one that the "
        "others "
        "of its patch look at most. Every patch has the same total, so the map says where inside a "
        "patch, not which patch matters; the view of words that reach the class joins both."
    ),
    formula="M[n, j] = mean over i of A_in[n, i, j]; sentence n, words i and j",
    source="Han et al. 2021, arXiv:2103.00112, where inner attention is drawn for single patches",
    follows=("token", "word", "layer", "head"),
    order=53,
    applies=no_words,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    unit: Annotated[
        Unit, OptionHelp("Shares of each sentence, or how many times an even share")
    ] = "times even",
    look: Look = Look(range="robust"),
) -> Drawing:
    """The chosen inner layer and head large over the picture, and all of them small."""
    words_of(trace)
    layer, head = inner_layer(trace, selection)
    tiles, _unused = _tiles(trace, unit, look)
    heads = words_of(trace).layers[layer].attention.heads
    which = _("inner {layer}, {head}").format(
        layer=layer_name(layer), head=picture_layers.head_words(head, heads)
    )
    return Drawing(
        "mosaic",
        _("What each word receives from the words of its patch: {which}").format(which=which),
        ((_large(trace, selection, layer, head, unit, look), _atlas(trace, tiles, layer, head)),),
        picture_layers.caption(
            trace, _(_SUMS[unit]), *picture_layers.ranges_words(look, tiles.scale)
        ),
    )


@kept(most=32)
def _map(trace: Trace, layer: int, head: int | None, unit: Unit) -> Float32[np.ndarray, "row col"]:
    """What every word receives, where it lies."""
    attention = words_of(trace).layers[layer].attention
    received = attention.received(head)
    values: Float32[np.ndarray, "row col"] = stitched(
        received * np.float32(attention.words) if unit == "times even" else received, trace.grid
    )
    return values


@kept(most=2)
def _tiles(trace: Trace, unit: Unit, look: Look) -> tuple[HeatTiles, picture_layers.ViewRange]:
    """All inner layers and heads, what a painter uploads once; and their range."""
    heads, grid = _heads(trace), trace.grid.word_grid(alone=False)
    values = np.full((len(heads), max(heads), grid.rows, grid.cols), np.nan, np.float32)
    for layer, count in enumerate(heads):
        for head in range(count):
            values[layer, head] = _map(trace, layer, head, unit)
    whole = picture_layers.view_range(look, values)
    return picture_layers.tiles_of(values, look, _(_LABELS[unit]), whole=whole, gap=GAP), whole


GAP = 4
"""Cells between the small maps, which have many."""


@kept()
def _heads(trace: Trace) -> tuple[int, ...]:
    return tuple(layer.attention.heads for layer in words_of(trace).layers)


def _large(
    trace: Trace, selection: Selection, layer: int, head: int | None, unit: Unit, look: Look
) -> Panel:
    values = _map(trace, layer, head, unit)
    _unused, whole = _tiles(trace, unit, look)
    scale = picture_layers.scale_of(values, look, _(_LABELS[unit]), whole)
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look),
        trace.crop.frame,
        _("Inner {layer}").format(layer=layer_name(layer)),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
    )


def _atlas(trace: Trace, tiles: HeatTiles, layer: int, head: int | None) -> Panel:
    labels, extent, space = _frame(trace)
    tile = (space.grid.rows, space.grid.cols)
    first = picture_layers.tile_box(layer, head or 0, tile, GAP)
    count = _heads(trace)[layer]
    last = first if head is not None else picture_layers.tile_box(layer, count - 1, tile, GAP)
    box = Box(first.top, first.left, last.bottom, last.right)
    return Panel(
        (tiles, labels, Outlines((box,), "chosen")),
        extent,
        _("Inner layers and heads"),
        space,
        tiles.scale,
        weight=min(max(extent.width / extent.height, 0.6), 1.5),
    )


@kept()
def _frame(trace: Trace) -> tuple[Labels, Box, HeadTiles]:
    """What of the atlas never changes."""
    heads, grid = _heads(trace), trace.grid.word_grid(alone=False)
    labels, extent = picture_layers.axes(len(heads), max(heads), (grid.rows, grid.cols), GAP)
    return labels, extent, HeadTiles(trace.crop, grid, len(heads), heads, GAP)
