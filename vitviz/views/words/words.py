"""Inside one patch: where each of its words looks, in every head of every inner layer."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import (
    Drawing,
    Grid,
    HeadTiles,
    Heat,
    HeatTiles,
    Label,
    Labels,
    Outlines,
    Panel,
    PixelSpace,
    TokenPairs,
)
from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.inner_sentences import (
    ChosenWord,
    around,
    chosen,
    cut,
    fused,
    inner_layer,
    no_words,
    reach_words,
    receptive,
    shape_of,
    words_of,
)

WordDirection = Literal["looks at", "is looked at by"]
LABEL = N_("attention")


@view(
    "words",
    title="Inside a patch",
    shows=(
        "A Transformer in Transformer reads every patch as a sentence of smaller patches, its "
        "words. In each inner layer the words of one sentence look at each other, never at those "
        "of another. Point at a place of the picture: its patch is shown large with the word that "
        "you point at and where it looks; the small maps show the same for every inner layer and "
        "head, and the matrix has all words of the sentence at once. The grey frame around a "
        "word is "
        "what it was read from before any attention."
    ),
    formula="A = softmax(q kᵀ / √d) over the words of one sentence; the map is row A[word]",
    source="Han et al. 2021, Transformer in Transformer, arXiv:2103.00112",
    follows=("token", "word", "layer", "head"),
    order=52,
    applies=no_words,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    direction: Annotated[
        WordDirection, OptionHelp("Where the word looks, or which words look at it")
    ] = "looks at",
    field: Annotated[bool, OptionHelp("Outline the pixels that the word was read from")] = True,
    look: Look = Look(range="robust", opacity=0.5),
) -> Drawing:
    """The patch enlarged, the atlas of inner layers and heads, and all words of the sentence."""
    words_of(trace)
    one = chosen(trace, selection)
    layer, head = inner_layer(trace, selection)
    maps = _maps(trace, one.sentence)
    rows = [each[:, one.word] if direction == "looks at" else each[:, :, one.word] for each in maps]
    whole = _whole(trace, one.sentence, look)
    tiles = _tiles(trace, rows, look, whole)
    which = f"{layer_name(layer)}, {picture_layers.head_words(head, len(rows[layer]))}"
    values = rearrange(
        fused(rows[layer], head), "(down across) -> down across", down=shape_of(trace)[0]
    )
    panels = (
        _large(trace, selection, one, values, which, field, look, whole),
        _atlas(trace, one, tiles, layer, head),
        _matrix(trace, one, fused(maps[layer], head), look, whole),
    )
    return Drawing(
        "words",
        (
            _("Inside {token}: where word {name} looks, {which}")
            if direction == "looks at"
            else _("Inside {token}: where word {name} is looked at from, {which}")
        ).format(
            token=picture_layers.token_words(trace.grid, one.token),
            name=one.name,
            which=which,
        ),
        (panels,),
        picture_layers.caption(
            trace, reach_words(trace), *picture_layers.ranges_words(look, tiles.scale)
        ),
    )


@kept(most=4)
def _maps(trace: Trace, sentence: int) -> tuple[Float32[np.ndarray, "head query key"], ...]:
    """Every inner layer's maps of one sentence: made once for all of its words."""
    return tuple(layer.attention.maps(sentence) for layer in words_of(trace).layers)


@kept()
def _heads(trace: Trace) -> tuple[int, ...]:
    return tuple(layer.attention.heads for layer in words_of(trace).layers)


@kept(most=4)
def _whole(trace: Trace, sentence: int, look: Look) -> picture_layers.ViewRange:
    """One range for all of the card: every map of the sentence, whichever word is chosen."""
    return picture_layers.view_range(look, *_maps(trace, sentence))


def _tiles(
    trace: Trace,
    rows: list[Float32[np.ndarray, "head word"]],
    look: Look,
    whole: picture_layers.ViewRange,
) -> HeatTiles:
    """One small map of the sentence for each inner layer and head; no head, no number."""
    heads, shape = _heads(trace), shape_of(trace)
    values = np.full((len(heads), max(heads), *shape), np.nan, np.float32)
    for layer, row in enumerate(rows):
        values[layer, : len(row)] = rearrange(
            row, "head (down across) -> head down across", down=shape[0]
        )
    return picture_layers.tiles_of(values, look, _(LABEL), whole=whole)


def _large(
    trace: Trace,
    selection: Selection,
    one: ChosenWord,
    values: picture_layers.GridMap,
    which: str,
    field: bool,
    look: Look,
    whole: picture_layers.ViewRange,
) -> Panel:
    scale = picture_layers.scale_of(values, look, _(LABEL), whole)
    rows, cols = shape_of(trace)
    below = cut(trace, around(trace, one))
    layers = [*picture_layers.map_over(below, values, one.box, scale, look)]
    layers.append(Grid(one.box, rows, cols))
    if field:
        layers.append(Outlines((receptive(trace, one),), "quiet"))
    layers.append(Outlines((one.word_box,), "pin" if selection.hover is None else "hover"))
    return Panel(
        tuple(layers),
        around(trace, one),
        _("Word {name}: {which}").format(name=one.name, which=which),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        weight=1.1,
    )


def _atlas(trace: Trace, one: ChosenWord, tiles: HeatTiles, layer: int, head: int | None) -> Panel:
    labels, extent, heads = _frame(trace)
    shape = shape_of(trace)
    first = picture_layers.tile_box(layer, head or 0, shape)
    last = first if head is not None else picture_layers.tile_box(layer, heads[layer] - 1, shape)
    frame = Box(first.top, first.left, last.bottom, last.right)
    crop, grid = _inside(trace, one)
    space = HeadTiles(crop, grid, len(heads), heads)
    return Panel(
        (tiles, labels, Outlines((frame,), "chosen")),
        extent,
        _("Inner layers and heads"),
        space,
        tiles.scale,
        weight=1.3,
        query=_("word {name}").format(name=one.name),
    )


@kept()
def _frame(trace: Trace) -> tuple[Labels, Box, tuple[int, ...]]:
    """What of the atlas never changes."""
    heads = _heads(trace)
    labels, extent = picture_layers.axes(len(heads), max(heads), shape_of(trace))
    return labels, extent, heads


def _inside(trace: Trace, one: ChosenWord) -> tuple[Crop, TokenGrid]:
    """The patch as a small picture of its own, whose tokens are its words."""
    return trace.crop.within(one.box), trace.grid.word_grid(alone=True)


def _matrix(
    trace: Trace,
    one: ChosenWord,
    values: Float32[np.ndarray, "query key"],
    look: Look,
    whole: picture_layers.ViewRange,
) -> Panel:
    count = len(values)
    box = Box(0, 0, count, count)
    scale = picture_layers.scale_of(values, look, _(LABEL), whole)
    crop, grid = _inside(trace, one)
    return Panel(
        (
            Heat(values, box, scale),
            _numbers(grid),
            Outlines((Box(one.word, 0, one.word + 1, count),), "chosen"),
        ),
        Box(-0.2 * count, -0.42 * count, count, count),
        _("All words: each line looks across"),
        TokenPairs(crop, grid),
        scale,
    )


def _numbers(grid: TokenGrid) -> Labels:
    """Every word's row and column down the side, the words' rows above; of many the first of a row."""
    count, cols = grid.rows * grid.cols, grid.cols
    step = 1 if count <= 16 else cols
    down = tuple(
        Label(", ".join(map(str, divmod(index, cols))), Spot(index + 0.5, -0.02 * count), "right")
        for index in range(0, count, step)
    )
    across = tuple(
        Label(f"{row}, …", Spot(-0.02 * count, (row + 0.5) * cols), "bottom")
        for row in range(grid.rows)
    )
    return Labels(down + across)
