"""Predict, then reveal: paint where you think a head looks, then see where it does."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Bool, Float32, UInt8

from vitviz.core.data.drawing import (
    Drawing,
    DrawnLayer,
    Grid,
    Outlines,
    Panel,
    PatchBrush,
    PixelSpace,
    Raster,
)
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.painted_overlap import PaintedOverlap, painted_overlap
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import heads_over_depth, picture_layers
from vitviz.views.shared.cache_per_trace import kept

_PATCH = re.compile(r"(\d{1,4}),(\d{1,4})")
PAINT = (255, 122, 80)
"""What painted patches are tinted with, in RGB."""

PaintedPatches = Bool[np.ndarray, "row col"]


@view(
    "predict",
    title="Predict, then reveal",
    shows=(
        "For learning and teaching: paint the patches that you think the chosen token looks at, "
        "in the "
        "chosen layer and head, then reveal where it does. Two numbers say how well you knew: the "
        "share of its attention on patches that lies inside what you painted, beside what would "
        "lie "
        "there if it looked everywhere alike, and the largest intersection over union of your "
        "patches "
        "with those above a threshold, over all thresholds."
    ),
    formula="share = Σ aⱼ over painted j / Σ aⱼ over all patches;  "
    "IoU = max over t of |P ∩ {a ≥ t}| / |P ∪ {a ≥ t}|",
    source="Jaccard 1901; Zhou et al. 2016, arXiv:1512.04150, for the overlap of maps and regions",
    follows=("token", "layer", "head"),
    order=98,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    painted: Annotated[
        str,
        OptionHelp("The painted patches, row,col each, such as 3,4 3,5; paint over the picture"),
    ] = "",
    reveal: Annotated[bool, OptionHelp("Show where the token looks, and the overlap")] = False,
    look: Look = Look(),
) -> Drawing:
    """The picture to paint on; revealed, the map with what was painted, and the overlap in numbers.

    Unsupported for a model without attention among patches, VitvizError for patches that are not
    there.
    """
    if not trace.layers:
        raise Unsupported(
            _("{title} has no attention among tokens to guess{elsewhere}").format(
                title=trace.model.title, elsewhere=picture_layers.elsewhere(trace)
            )
        )
    layer = trace.layers[selection.layer(len(trace.layers))]
    grid = layer.keys
    where = painted_patches(painted, grid)
    token = selection.token(layer.grid, trace.crop)
    head = picture_layers.head_words(selection.head, layer.shares.heads)
    which = f"{picture_layers.layer_words(trace, selection.layer(len(trace.layers)))}, {head}"
    named = picture_layers.token_words(layer.grid, token)
    canvas = _canvas(trace, selection, grid, where, reveal)
    title = _("Where does {named} look, {which}?").format(named=named, which=which)
    if not reveal:
        said = picture_layers.caption(trace, _("Nothing of the attention is shown yet."))
        return Drawing("predict", title, ((canvas,),), said)
    row = layer.shares.rows(token)
    head_row = (
        reduce(row, "head key -> key", "mean")
        if selection.head is None
        else row[min(selection.head, len(row) - 1)]
    )
    weights = picture_layers.on_grid(head_row[grid.patches], grid)
    panels = (canvas, _revealed(trace, selection, weights, where, grid, look))
    return Drawing(
        "predict",
        title,
        (panels, (_numbers(where, weights),)),
        picture_layers.caption(
            trace, _("Outlined: what was painted."), *picture_layers.window_words(layer)
        ),
    )


def painted_patches(text: str, grid: TokenGrid) -> PaintedPatches:
    """The patches of a text such as "3,4 3,5". VitvizError for one that the grid has not."""
    found = np.zeros((grid.rows, grid.cols), bool)
    for word in text.replace(";", " ").split():
        match = _PATCH.fullmatch(word)
        place = None if match is None else (int(match[1]), int(match[2]))
        if place is None or place[0] >= grid.rows or place[1] >= grid.cols:
            raise VitvizError(
                _(
                    "{word!r} is no patch of this picture; give row,col from 0,0 to "
                    "{rows},{cols}, with a space between two of them"
                ).format(word=word, rows=grid.rows - 1, cols=grid.cols - 1)
            )
        found[place] = True
    return found


def repainted(painted: str, place: tuple[int, int], sides: tuple[int, int], *, wipes: bool) -> str:
    """The text with one patch more, or without it; patches of a larger grid before are let go.

    >>> from vitviz.views.learn.predict import repainted
    >>> repainted("3,4 20,1", (1, 2), (12, 12), wipes=False)
    '1,2 3,4'
    """
    known = [match for word in painted.split() if (match := _PATCH.fullmatch(word))]
    places = {(int(match[1]), int(match[2])) for match in known}
    kept = {each for each in places if each[0] < sides[0] and each[1] < sides[1]}
    kept = kept - {place} if wipes else kept | {place}
    return " ".join(f"{row},{col}" for row, col in sorted(kept))


def painted_words(where: PaintedPatches) -> str:
    """Patches as a text that `painted_patches` reads."""
    return " ".join(f"{row},{col}" for row, col in np.argwhere(where).tolist())


def _boxes(where: PaintedPatches, grid: TokenGrid) -> tuple[Box, ...]:
    found = (grid.box(grid.token(row, col)) for row, col in np.argwhere(where).tolist())
    return tuple(box for box in found if box is not None)


def _canvas(
    trace: Trace, selection: Selection, grid: TokenGrid, where: PaintedPatches, reveal: bool
) -> Panel:
    """What is painted on."""
    count = int(where.sum())
    layers: tuple[DrawnLayer, ...] = (
        *picture_layers.picture(trace)[:-1],
        _tinted(trace, grid, painted_words(where)),
        Grid(grid.frame, grid.rows, grid.cols),
        Outlines(picture_layers.marks(trace, selection)[0].boxes, "pin"),
    )
    return Panel(
        layers,
        trace.crop.frame,
        _("What you painted: {count} patches").format(count=count)
        if reveal
        else _("Paint here: press and drag; on a painted patch it wipes"),
        PatchBrush(trace.crop, grid, "painted"),
        facts=(
            (_("painted"), _("{count} of {size} patches").format(count=count, size=where.size)),
        ),
    )


@kept(most=2)
def _tinted(trace: Trace, grid: TokenGrid, painted: str) -> Raster:
    """The picture with the painted patches tinted."""
    pixels: UInt8[np.ndarray, "row col rgb"] = trace.seen.copy()
    box = trace.seen_box
    down, across = pixels.shape[0] / box.height, pixels.shape[1] / box.width
    for patch in _boxes(painted_patches(painted, grid), grid):
        rows = slice(*(round(max(side - box.top, 0) * down) for side in (patch.top, patch.bottom)))
        cols = slice(
            *(round(max(side - box.left, 0) * across) for side in (patch.left, patch.right))
        )
        mixed = 0.45 * pixels[rows, cols] + 0.55 * np.array(PAINT, np.float32)
        pixels[rows, cols] = mixed.astype(np.uint8)
    return Raster(pixels, box)


def _revealed(
    trace: Trace,
    selection: Selection,
    weights: Float32[np.ndarray, "row col"],
    where: PaintedPatches,
    grid: TokenGrid,
    look: Look,
) -> Panel:
    """Where it looks, with what was painted outlined."""
    scale = picture_layers.scale_of(weights, look, _("attention"))
    return Panel(
        (
            *picture_layers.over_picture(trace, selection, weights, scale, look, grid),
            Outlines(_boxes(where, grid), "seen"),
        ),
        trace.crop.frame,
        _("Where it looks"),
        PixelSpace(trace.crop, grid),
        scale,
    )


def _numbers(where: PaintedPatches, weights: Float32[np.ndarray, "row col"]) -> Panel:
    """The overlap in numbers, each with what it is."""
    title = _("How well you knew")
    if not where.any() or float(weights.sum()) <= 0:
        rows: tuple[tuple[str, str], ...] = ((_("nothing is painted yet"), "–"),)
    else:
        flat, hit = (rearrange(each, "row col -> (row col)") for each in (weights, where))
        found: PaintedOverlap = painted_overlap(flat, hit)
        times = found.share / found.even
        rows = (
            (_("share of its attention on patches inside what you painted"), f"{found.share:.0%}"),
            (_("the same if it looked at all patches alike"), f"{found.even:.0%}"),
            (_("times an even share"), f"{times:.2f}"),
            (_("intersection over union, at the best threshold"), f"{found.iou:.2f}"),
            (
                _("that threshold: attention of at least {threshold}").format(
                    threshold=shown_number(found.threshold)
                ),
                _("{above} patches").format(above=found.above),
            ),
        )
    table = Table((_("overlap"), _("number")), rows)
    return Panel((table,), Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths)), title)
