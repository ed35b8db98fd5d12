"""Where every head of every layer looks from the chosen token."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from einops import reduce
from jaxtyping import Float32

from vitviz.core.drawing import (
    Drawing,
    HeadTiles,
    HeatTiles,
    Labels,
    Message,
    Outlines,
    Panel,
    PixelSpace,
)
from vitviz.core.geometry import Box
from vitviz.core.progress import Unsupported
from vitviz.core.selection import Selection
from vitviz.core.trace import Layer, Trace
from vitviz.views import parts, view
from vitviz.views.kept import kept
from vitviz.views.options import Help, Look

Direction = Literal["looks at", "is looked at by"]
Rows = Float32[np.ndarray, "head token"]


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
    follows=("token", "layer", "head"),
    order=20,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    direction: Annotated[
        Direction, Help("Where the token looks, or which tokens look at it")
    ] = "looks at",
    look: Look = Look(),
) -> Drawing:
    """The atlas of all heads beside the chosen layer and head, large over the picture."""
    if not trace.layers:
        raise Unsupported(
            f"{trace.model.title} has no attention that could be verified"
            + "".join(f"; {reason}" for reason in trace.refused)
        )
    token = selection.token(trace.grid, trace.crop)
    layer = selection.layer(len(trace.layers))
    rows = [_rows(one, token, direction) if _shared(trace, one) else None for one in trace.layers]
    head = None if selection.head is None else min(selection.head, _heads(trace)[layer] - 1)
    head = None if head is None or head < 0 else head
    tiles = _tiles(trace, rows, look)
    large = _large(trace, selection, rows[layer], layer, head, look, direction, _whole(tiles))
    return Drawing(
        "heads",
        _title(trace, token, layer, head, direction),
        ((large, _atlas(trace, tiles, layer, head)),),
        parts.caption(trace, *_left_out(trace)),
    )


def _shared(trace: Trace, layer: Layer) -> bool:
    """Whether a layer's attention is among the tokens that the selection speaks of."""
    tokens = trace.grid.tokens
    return layer.attention.queries == tokens and layer.attention.keys == tokens


def _rows(layer: Layer, token: int, direction: Direction) -> Rows:
    attention = layer.attention
    return attention.rows(token) if direction == "looks at" else attention.columns(token)


@kept()
def _heads(trace: Trace) -> tuple[int, ...]:
    """Heads of each layer, none where its tokens are others."""
    return tuple(layer.attention.heads if _shared(trace, layer) else 0 for layer in trace.layers)


def _tiles(trace: Trace, rows: list[Rows | None], look: Look) -> HeatTiles:
    """All heads' maps as one tiled image; tiles without a head are NaN."""
    heads = _heads(trace)
    patches = trace.grid.rows * trace.grid.cols
    values = np.full((len(heads), max(1, *heads, 1), patches), np.nan, np.float32)
    for index, row in enumerate(rows):
        if row is not None:
            values[index, : len(row)] = row[:, trace.grid.patches]
    tiles = parts.on_grid(values, trace.grid)
    low, high = parts.tile_ranges(tiles, look)
    return HeatTiles(tiles, low, high, parts.tiles_scale(low, high, look, "attention"))


def _whole(tiles: HeatTiles) -> tuple[float, float]:
    return float(np.nanmin(tiles.low)), float(np.nanmax(tiles.high))


def _atlas(trace: Trace, tiles: HeatTiles, layer: int, head: int | None) -> Panel:
    labels, extent, space = _frame(trace)
    tile = (trace.grid.rows, trace.grid.cols)
    first = parts.tile_box(layer, head or 0, tile)
    last = (
        first if head is not None else parts.tile_box(layer, max(_heads(trace)[layer], 1) - 1, tile)
    )
    chosen = Box(first.top, first.left, last.bottom, last.right)
    return Panel(
        (tiles, labels, Outlines((chosen,), "chosen")),
        extent,
        "Every head: layers down, heads across",
        space,
        tiles.scale,
        weight=min(max(extent.width / extent.height, 0.3), 1.5),
    )


@kept()
def _frame(trace: Trace) -> tuple[Labels, Box, HeadTiles]:
    """What of the atlas never changes."""
    heads = _heads(trace)
    labels, extent = parts.axes(len(heads), max(1, *heads, 1), (trace.grid.rows, trace.grid.cols))
    return labels, extent, HeadTiles(trace.crop, trace.grid, len(heads), heads)


def _large(
    trace: Trace,
    selection: Selection,
    rows: Rows | None,
    layer: int,
    head: int | None,
    look: Look,
    direction: Direction,
    whole: tuple[float, float],
) -> Panel:
    frame = trace.crop.frame
    title = f"Layer {layer + 1}"
    if rows is None:
        attention = trace.layers[layer].attention
        return Panel(
            (Message(
                f"Layer {layer + 1} is over {attention.queries} queries and {attention.keys} keys, "
                f"not over the {trace.grid.tokens} tokens of this grid.",
                "Choose another layer in the atlas.",
            ),),
            frame,
            title,
        )  # fmt: skip
    row = reduce(rows, "head token -> token", "mean") if head is None else rows[head]
    values = parts.on_grid(row[trace.grid.patches], trace.grid)
    scale = parts.scale_of(values, look, "attention", whole)
    return Panel(
        parts.over_picture(trace, selection, values, scale, look),
        frame,
        f"{title}, {parts.head_words(head, len(rows))}",
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        parts.shares(row, trace.grid) if direction == "looks at" else (),
    )


def _title(trace: Trace, token: int, layer: int, head: int | None, direction: Direction) -> str:
    who = parts.token_words(trace.grid, token)
    what = f"Where {who} looks" if direction == "looks at" else f"What looks at {who}"
    which = "all heads" if head is None else f"head {head + 1}"
    return f"{what}: layer {layer + 1}, {which}"


def _left_out(trace: Trace) -> tuple[str, ...]:
    """Said where layers have no tile, because their tokens are others."""
    names = [layer.name for layer in trace.layers if not _shared(trace, layer)]
    if not names:
        return ()
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (f"Left out, because their attention is over other tokens: {listed}.",)
