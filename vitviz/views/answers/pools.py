"""What a model reads from its patches at the end: attention pooling and class attention."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from einops import rearrange, reduce

from vitviz.core.data.drawing import Drawing, HeadTiles, HeatTiles, Outlines, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look
from vitviz.views.shared import picture_layers


def without(trace: Trace) -> str:
    """Why a model has no pool, "" where it has."""
    if trace.pools:
        return ""
    has = _("its class token") if "class" in trace.grid.prefix else _("the mean over its patches")
    return _("{called} has no query that only reads: it answers from {has}").format(
        called=trace.model.called, has=has
    )


@view(
    "pools",
    title="Attention pooling",
    shows=(
        "Some models let their patches look at each other without a class token, and gather "
        "them at "
        "the end by a query of its own: a learned one, or a class token that nobody looks at. The "
        "map shows which patches it reads; every head reads others. It is the same wherever you "
        "point."
    ),
    formula="A = softmax(q_pool kᵀ / √d); the map is its one row over the patches",
    source="Zhai et al. 2022, arXiv:2106.04560 (MAP head); Touvron et al. 2021, arXiv:2103.17239, "
    "section 3 (class attention)",
    follows=("token", "layer", "head"),
    order=92,
    applies=without,
    shown=False,
    comes=lambda trace: bool(trace.pools),
)
def draw(trace: Trace, selection: Selection, *, look: Look = Look(range="robust")) -> Drawing:
    """The pool at the chosen depth: its heads together large over the picture, and each alone.

    Unsupported for a model that does not pool by attention.
    """
    if why := without(trace):
        raise Unsupported(why)
    number = selection.layer(len(trace.pools))
    pool = trace.pools[number]
    rows = pool.attention.rows(0)
    head = None if selection.head is None else min(selection.head, len(rows) - 1)
    tiles, whole = _tiles(pool, rows, look)
    name = (
        ""
        if len(trace.pools) == 1
        else _(", {number} of {count} ({name})").format(
            number=number + 1, count=len(trace.pools), name=pool.name
        )
    )
    which = picture_layers.head_words(head, len(rows))
    return Drawing(
        "pools",
        _("What is read from the patches{name}: {which}").format(name=name, which=which),
        (
            (
                _large(trace, selection, pool, rows, head, look, whole),
                _each(trace, pool, tiles, head),
            ),
        ),
        picture_layers.caption(trace, *picture_layers.ranges_words(look, tiles.scale)),
    )


def _tiles(
    pool: Layer, rows: picture_layers.HeadRows, look: Look
) -> tuple[HeatTiles, picture_layers.ViewRange]:
    """Every head's map, in lines of about a square; and the range of all."""
    cols = ceil(sqrt(len(rows)))
    lines = ceil(len(rows) / cols)
    padded = np.full((lines * cols, rows.shape[1]), np.nan, np.float32)
    padded[: len(rows)] = rows
    maps = picture_layers.on_grid(padded[:, pool.grid.patches], pool.grid)
    values = rearrange(maps, "(line head) row col -> line head row col", line=lines)
    whole = picture_layers.view_range(look, values)
    return picture_layers.tiles_of(values, look, _("attention"), whole=whole), whole


def _large(
    trace: Trace,
    selection: Selection,
    pool: Layer,
    rows: picture_layers.HeadRows,
    head: int | None,
    look: Look,
    whole: picture_layers.ViewRange,
) -> Panel:
    row = reduce(rows, "head token -> token", "mean") if head is None else rows[head]
    values = picture_layers.on_grid(row[pool.grid.patches], pool.grid)
    scale = picture_layers.scale_of(values, look, _("attention"), whole)
    which = picture_layers.head_words(head, len(rows))
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look, pool.grid),
        trace.crop.frame,
        f"{which[0].upper()}{which[1:]}",
        PixelSpace(trace.crop, pool.grid),
        scale if look.heat else None,
        picture_layers.shares(row, pool.grid),
    )


def _each(trace: Trace, pool: Layer, tiles: HeatTiles, head: int | None) -> Panel:
    lines, cols = tiles.values.shape[:2]
    heads = pool.attention.heads
    counts = tuple(min(cols, heads - line * cols) for line in range(lines))
    tile = (pool.grid.rows, pool.grid.cols)
    corner = picture_layers.tile_box(lines - 1, cols - 1, tile)
    down, across = divmod(head or 0, cols)
    boxes = () if head is None else (picture_layers.tile_box(down, across, tile),)
    return Panel(
        (tiles, Outlines(boxes, "chosen")),
        Box(0, 0, corner.bottom, corner.right),
        _("Each head alone"),
        HeadTiles(trace.crop, pool.grid, lines, counts, by_layer=False),
        tiles.scale,
    )
