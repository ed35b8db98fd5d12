"""What several views draw alike: the picture below, the marked tokens, the ranges, the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from einops import rearrange
from jaxtyping import Float32, Int

from vitviz.core.colors import ColorScale, Lay
from vitviz.core.counted import head_name
from vitviz.core.data.drawing import DrawnLayer, Grid, Heat, Label, Labels, Outlines, Raster
from vitviz.core.data.geometry import Box, Spot, TokenGrid
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.selection import token_words as token_words
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.data.windows import boxes_of
from vitviz.core.drawings.laid_maps import tone_under
from vitviz.core.language import _
from vitviz.views.options import Look
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.map_ranges import GridMap as GridMap
from vitviz.views.shared.map_ranges import Tiles as Tiles
from vitviz.views.shared.map_ranges import ViewRange as ViewRange
from vitviz.views.shared.map_ranges import ranges_words as ranges_words
from vitviz.views.shared.map_ranges import scale_of as scale_of
from vitviz.views.shared.map_ranges import tile_ranges as tile_ranges
from vitviz.views.shared.map_ranges import tiles_of as tiles_of
from vitviz.views.shared.map_ranges import tiles_scale as tiles_scale
from vitviz.views.shared.map_ranges import view_range as view_range

HeadRows = Float32[np.ndarray, "head token"]


@kept()
def picture(trace: Trace) -> tuple[Raster, ...]:
    """What the model saw of the picture, sharper than its own pixels; below it the padding."""
    sharp, frame, box = Raster(trace.seen, trace.seen_box), trace.crop.frame, trace.seen_box
    padded = max(box.top, box.left, frame.bottom - box.bottom, frame.right - box.right) > 0.5
    return (Raster(trace.pixels, frame, smooth=False), sharp) if padded else (sharp,)


def over_picture(
    trace: Trace,
    selection: Selection,
    values: GridMap,
    scale: ColorScale,
    look: Look,
    grid: TokenGrid | None = None,
) -> tuple[DrawnLayer, ...]:
    """A map over the picture, with the marked tokens; on the trace's grid unless told."""
    grid = grid or trace.grid
    return (
        *map_over(picture(trace), values, grid.frame, scale, look),
        *((Grid(grid.frame, grid.rows, grid.cols),) if look.grid else ()),
        *marks(trace, selection),
    )


class LookOfMaps(Protocol):
    """What a view's options say of maps over pictures."""

    @property
    def lay(self) -> Lay:
        """How they lie over it."""

    @property
    def opacity(self) -> float:
        """How far."""

    @property
    def smooth(self) -> bool:
        """Whether they are interpolated."""

    @property
    def heat(self) -> bool:
        """Whether they are shown at all."""


def map_over(
    below: Sequence[Raster], values: GridMap, box: Box, scale: ColorScale, look: LookOfMaps
) -> tuple[DrawnLayer, ...]:
    """A map laid over pictures as the look says; the pictures alone where it shows no maps."""
    if not look.heat:
        return tuple(below)
    heat = Heat(values, box, scale, look.opacity, look.smooth, look.lay)
    if look.lay == "map alone":
        return (heat,)
    tone = tone_under(scale.table, look.lay)
    return (*(replace(one, tone=tone) for one in below), heat)


def marks(trace: Trace, selection: Selection) -> tuple[Outlines, Outlines]:
    """The pinned and the hovered token, and the word in it, outlined over model pixels."""
    return (
        Outlines(_boxes(trace, selection.pin), "pin"),
        Outlines(_boxes(trace, selection.hover), "hover"),
    )


def _boxes(trace: Trace, place: Place | None) -> tuple[Box, ...]:
    grid = trace.grid
    token = None if place is None else place.token(grid, trace.crop)
    box = None if token is None else grid.box(token)
    if place is None or token is None or box is None:
        return ()
    word = None if place.spot is None else grid.word_at(trace.crop.to_model(place.spot))
    inner = None if word is None else grid.word_box(token, word)
    return (box,) if inner is None else (box, inner)


def reach(
    trace: Trace, layer: Layer, selection: Selection, *, looks: bool
) -> Int[np.ndarray, "token"] | None:
    """The tokens that the chosen one can look at (or be looked at by) at all; None for all."""
    if layer.windows is None:
        return None
    token = selection.token(layer.grid if looks else layer.keys, trace.crop)
    return layer.windows.seen_from(token) if looks else layer.windows.seeing(token)


def window_marks(
    trace: Trace, layer: Layer, selection: Selection, *, looks: bool = True
) -> tuple[Outlines, ...]:
    """The chosen token's window outlined; nothing where it may look anywhere."""
    tokens = reach(trace, layer, selection, looks=looks)
    if tokens is None:
        return ()
    return (Outlines(boxes_of(tokens, layer.keys if looks else layer.grid), "chosen"),)


def inside(rows: HeadRows, tokens: Int[np.ndarray, "inside"] | None) -> HeadRows:
    """Rows for choosing a range: the zeros outside of a window have no say in it, and are NaN."""
    if tokens is None or not len(tokens):
        return rows
    seen: HeadRows = np.full_like(rows, np.nan)
    seen[:, tokens] = rows[:, tokens]
    return seen


def window_words(layer: Layer) -> tuple[str, ...]:
    """What a window means for a map."""
    if layer.windows is None:
        return ()
    count = layer.windows.keys.shape[1]
    return (
        _(
            "This layer attends inside windows of {count} tokens (outlined): nothing is "
            "seen outside."
        ).format(count=count),
    )


def elsewhere(trace: Trace) -> str:
    """Where else to look, in a model whose tokens do not look at each other."""
    pools = _("; see its pools, which read the patches") if trace.pools else ""
    matrices = _("; see its matrices") if trace.matrices else ""
    return f"{pools}{matrices}"


def left_out(trace: Trace) -> tuple[str, ...]:
    """What a view over all layers does not show, with their numbers and why; () where it shows all."""
    if not trace.layers:
        return ()
    reasons: dict[str, list[int]] = {}
    for matrix in trace.matrices:
        reasons.setdefault(matrix.why, []).append(matrix.number)
    return (
        *(
            _("{layers} of {calls} left out: {why}.").format(
                layers=_layers_words(numbers), calls=trace.calls, why=why
            )
            for why, numbers in reasons.items()
        ),
        *(_("Not shown: {reason}.").format(reason=reason) for reason in trace.refused),
    )


def _layers_words(numbers: Sequence[int]) -> str:
    """Layers by their numbers: "Layer 3", "Layers 2, 4 and 6"."""
    listed = [str(number) for number in numbers if number]
    if not listed:
        return _("{count} layers").format(count=len(numbers))
    if len(listed) == 1:
        return _("Layer {layer}").format(layer=listed[0])
    return _("Layers {layers} and {last}").format(layers=", ".join(listed[:-1]), last=listed[-1])


def layer_words(trace: Trace, index: int) -> str:
    """A layer by its number, of how many."""
    return _("{layer} of {count}").format(
        layer=trace.layer_name(index), count=max(trace.calls, trace.depths)
    )


def numbers(trace: Trace) -> tuple[int, ...]:
    """What the layers are called, in order."""
    return tuple(trace.number(index) for index in range(len(trace.layers)))


def on_grid(
    values: Float32[np.ndarray, "... patch"], grid: TokenGrid
) -> Float32[np.ndarray, "..."]:
    """Values of the patch tokens laid out as their grid."""
    laid: Float32[np.ndarray, "..."] = rearrange(
        values, "... (row col) -> ... row col", row=grid.rows, col=grid.cols
    )
    return laid


def laid(
    rows: HeadRows, own: TokenGrid, grid: TokenGrid
) -> Float32[np.ndarray, "head tile_row tile_col"]:
    """Rows as maps over the grid of the tiles."""
    maps = on_grid(rows[:, own.patches], own)
    return maps if own == grid else _stretched(maps, own, grid)


def _stretched(
    maps: Float32[np.ndarray, "head row col"], from_grid: TokenGrid, grid: TokenGrid
) -> Float32[np.ndarray, "head tile_row tile_col"]:
    """Maps of another grid, cell by cell the value of the token that covers the cell's middle."""
    down, across = (
        np.clip((begin + (np.arange(count) + 0.5) * size - first) // own, 0, limit - 1).astype(
            np.intp
        )
        for count, size, begin, own, first, limit in (
            (
                grid.rows,
                grid.cell[0],
                grid.corner[0],
                from_grid.cell[0],
                from_grid.corner[0],
                from_grid.rows,
            ),
            (
                grid.cols,
                grid.cell[1],
                grid.corner[1],
                from_grid.cell[1],
                from_grid.corner[1],
                from_grid.cols,
            ),
        )
    )
    stretched: Float32[np.ndarray, "head tile_row tile_col"] = maps[:, down][:, :, across]
    return stretched


def tile_box(row: int, col: int, tile: tuple[int, int], gap: int = 1) -> Box:
    """Where a tile of a mosaic lies."""
    top, left = row * (tile[0] + gap), col * (tile[1] + gap)
    return Box(top, left, top + tile[0], left + tile[1])


def numbered(
    names: Sequence[int], size: int, *, down: bool, gap: int = 1, apart: float
) -> tuple[Label, ...]:
    """Numbers beside the tiles of a mosaic; every second or fourth where there are many."""
    step = 1 if len(names) <= 16 else 2 if len(names) <= 32 else 4
    middles = [
        (names[index], index * (size + gap) + size / 2) for index in range(0, len(names), step)
    ]
    return tuple(
        Label(str(name), Spot(middle, -apart), "right")
        if down
        else Label(str(name), Spot(-apart, middle), "bottom")
        for name, middle in middles
    )


def axes(
    rows: int, cols: int, tile: tuple[int, int], gap: int = 1, *, names: Sequence[int] = ()
) -> tuple[Labels, Box]:
    """Numbers beside and above a mosaic of tiles, and the extent that holds both; `names` number the
    rows, 1, 2, ... unless given.

    Numbers keep their size on screen: their room is that of a panel about 100 pixels long.
    """
    height, width = rows * (tile[0] + gap) - gap, cols * (tile[1] + gap) - gap
    longest = max(height, width)
    labels = numbered(range(1, cols + 1), tile[1], down=False, gap=gap, apart=0.01 * longest)
    named = names or range(1, rows + 1)
    labels += numbered(named, tile[0], down=True, gap=gap, apart=0.01 * longest)
    digits = max(len(label.text) for label in labels if label.anchor == "right")
    return Labels(labels), Box(-0.15 * longest, -(0.05 + 0.05 * digits) * longest, height, width)


def grid_words(grid: TokenGrid, what: str) -> str:
    """How many patches or tokens a grid has each way, said so that nobody takes one for the other."""
    if grid.rows == grid.cols:
        return f"{grid.rows} × {grid.cols} {what}"
    return _("{rows} rows × {cols} columns of {what}").format(
        rows=grid.rows, cols=grid.cols, what=what
    )


def head_words(head: int | None, heads: int) -> str:
    """What to call the chosen head."""
    if heads == 1:
        return _("its one head")
    return _("mean of {heads} heads").format(heads=heads) if head is None else head_name(head)


def shares(row: Float32[np.ndarray, "key"], grid: TokenGrid) -> tuple[tuple[str, str], ...]:
    """How much of a token's attention falls on each prefix token, and on all patches."""
    named = [(name, f"{row[index]:.3f}") for index, name in enumerate(grid.prefix)]
    return (*named, (_("patches"), f"{row[grid.patches].sum():.3f}"))


def lookers(row: Float32[np.ndarray, "query"], grid: TokenGrid) -> tuple[tuple[str, str], ...]:
    """How much of its attention each prefix token gives to a token."""
    return tuple(
        (_("from {name}").format(name=name), f"{row[index]:.3f}")
        for index, name in enumerate(grid.prefix)
    )


def sentence(why: object) -> str:
    """A reason as a sentence of its own; a model's name at its beginning stays as it is written."""
    text = str(why).rstrip(".。")
    first = text.partition(" ")[0]
    return _("{reason}.").format(reason=text[:1].upper() + text[1:] if first.isalpha() else text)


def caption(trace: Trace, *sentences: str) -> str:
    """A drawing's caption: what was computed, and what must be known of the pass and the weights."""
    change = trace.intervention
    passed = (
        ()
        if change is None
        else (_("Not the model's own pass: {words}.").format(words=change.words),)
    )
    return " ".join([*sentences, *passed, *weights_words(trace)]).replace("。 ", "。")


def weights_words(trace: Trace) -> Sequence[str]:
    """What must be said of weights that are not simply trained ones."""
    match trace.model.weights:
        case "untrained":
            return (_("Untrained weights: what is shown was never learned."),)
        case "partly loaded":
            return (_("Partly loaded weights: some of the model is untrained."),)
        case "trained":
            return tuple(
                f"{note[0].upper()}{note[1:]}." for note in trace.model.notes if "resampled" in note
            )
