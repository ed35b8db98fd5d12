"""Attention followed from the chosen token back to the pixels, through all layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, sqrt
from typing import Annotated, Any, Literal

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.counted import head_name
from vitviz.core.data.attention import Fuse
from vitviz.core.data.drawing import (
    Drawing,
    HeadTiles,
    HeatTiles,
    Label,
    Labels,
    Outlines,
    Panel,
    PixelSpace,
)
from vitviz.core.data.geometry import Box, Spot, TokenGrid
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.rollout import Preset
from vitviz.core.measures.stage_rollout import head_counts, staged_heads, staged_rollout
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.attention.rollout_runs import (
    RolloutWalk,
    fused_row,
    fused_run,
    head_rows,
    heads_run,
    runs_around,
    walked_layers,
)
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.attention_unit import (
    UNIT_HELP,
    AttentionUnit,
    unit_factor,
    unit_words,
)
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.own_mark import MARK, mark_words, own_mark

HeadShares = Float32[np.ndarray, "head key"]
EACH_AHEAD, FUSED_AHEAD = 12, 3
"""Runs made ahead to each side; as many are remembered."""

BRIDGE = N_(
    "Between stages a token's share is divided among the finer tokens that it covers; what "
    "convolutions between them mix is not followed."
)

AS_PUBLISHED = N_(
    "As github.com/jacobgil/vit-explain computes it, unlike the definition: each entry is "
    "divided by "
    "the sum of its key's row instead of its own row's, so that the shares need not sum to 1, "
    "and the "
    "map by its maximum."
)


def neighbours_ahead(
    trace: Trace, selection: Selection, *, preset: Preset = "none", **options: Any
) -> Iterator[None]:
    """The runs around the chosen token, nearest first: the next move of the hand finds them made."""
    if staged(trace):
        return
    walk, chosen = _walk(trace, selection, preset, **options)
    token, tokens = selection.token(trace.grid, trace.crop), trace.grid.tokens
    for near in runs_around(tokens, token, trace.heads, EACH_AHEAD):
        heads_run(trace, near, walk)
        yield
    for near in runs_around(tokens, token, 1, FUSED_AHEAD) if chosen is None else ():
        fused_run(trace, near, walk, options["fuse"])
        yield


def _walk(
    trace: Trace, selection: Selection, preset: Preset, **options: Any
) -> tuple[RolloutWalk, int | None]:
    """The walk that these options ask for, and the head chosen for the large map."""
    end = len(trace.layers)
    if options["until"] == "chosen layer":
        end = selection.layer(end) + 1
    discard = options["discard"]
    walk = RolloutWalk(options["keep"], discard, min(options["skip"], end - 1), end)
    if preset == "vit-explain":
        walk = RolloutWalk(0.5, discard, 0, len(trace.layers), preset)
    return walk, selection.head if options["heads"] == "chosen" else None


@view(
    "rollout",
    title="Attention rollout",
    shows=(
        "One layer's attention mixes what earlier layers have mixed already. Rollout follows the "
        "attention from the chosen token through all layers down to the picture, counting the "
        "share that each layer simply passes on, and shows how much every patch contributes. The "
        "small maps walk through one head's attention alone, the large one through the chosen "
        "head, "
        "or through the heads fused while none is chosen. It follows attention only: what the "
        "layers "
        "do with the values is not in it."
    ),
    formula="R = A'_L … A'_1; A' = B / (row sums of B), B = keep · I + (1 − keep) · D, D = fuse(A) "
    "with its lowest entries at 0 (A[0, 0] stays); the map is row R[token]. vit-explain: keep = "
    "0.5, "
    "A'[q, k] = B[q, k] / (sum of row k of B), the map over its maximum",
    source="Abnar and Zuidema 2020, arXiv:2005.00928; fusing by maximum and discarding as in "
    "github.com/jacobgil/vit-explain",
    follows=("token", "word", "layer", "head"),
    order=30,
    ahead=neighbours_ahead,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    heads: Annotated[
        Literal["chosen", "fused"],
        OptionHelp(
            "Large map: the chosen head (all fused while none is chosen), or always all fused"
        ),
    ] = "chosen",
    fuse: Annotated[Fuse, OptionHelp("How the heads' maps are made one")] = "mean",
    until: Annotated[
        Literal["chosen layer", "last layer"], OptionHelp("Where the walk back begins")
    ] = "chosen layer",
    skip: Annotated[int, OptionHelp("Number of first layers left out", 0, 100, 1)] = 0,
    keep: Annotated[
        float, OptionHelp("Share that each layer passes on unchanged, its residual", 0, 1, 0.05)
    ] = 0.5,
    discard: Annotated[
        float, OptionHelp("Share of each map's lowest entries set to zero first", 0, 0.95, 0.05)
    ] = 0.0,
    preset: Annotated[
        Preset,
        OptionHelp(
            "vit-explain: just what that code computes with this fusing and discarding (it is "
            "often "
            "run with max or mean and 0.9): half kept, all layers, its own division, over its "
            "maximum"
        ),
    ] = "none",
    unit: Annotated[
        AttentionUnit, OptionHelp(f"{UNIT_HELP}. As vit-explain only the share")
    ] = "automatic",
    mark: Annotated[str, MARK] = "",
    look: Look = Look(range="robust"),
) -> Drawing:
    """The walk through the fused heads large over the picture, and through every head alone.

    VitvizError for a mark that is no box in the picture; Unsupported for a preset over several
    grids, and as `core.measures.rollout.rollout`.
    """
    token = selection.token(trace.grid, trace.crop)
    walk, chosen = _walk(
        trace,
        selection,
        preset,
        heads=heads,
        until=until,
        skip=skip,
        keep=keep,
        discard=discard,
    )
    unit = unit if walk.preset == "none" else "share of attention"
    if staged(trace):
        return _through_stages(trace, selection, walk, chosen, fuse, unit, mark, look)
    rows = head_rows(trace, token, walk)
    chosen = None if chosen is None else min(chosen, len(rows) - 1)
    row = fused_row(trace, token, walk, fuse) if chosen is None else rows[chosen]
    which = _("heads fused by {fuse}").format(fuse=_(fuse)) if chosen is None else head_name(chosen)
    tiles, whole = _tiles(trace.grid, rows, row, unit, look)
    marked = own_mark(trace, row[trace.grid.patches], trace.grid, mark)
    large = _large(trace, selection, trace.grid, row, which, unit, look, whole)
    panels = (
        large if marked is None else marked.on(large),
        _each(trace, trace.grid, tiles, len(rows), chosen),
    )
    query = trace.grid.name(token)
    return Drawing(
        "rollout",
        _("Attention rollout from {token}: {layers}, {which}").format(
            token=picture_layers.token_words(trace.grid, token),
            layers=_layers(trace, walk),
            which=which,
        ),
        (tuple(replace(panel, query=query) for panel in panels),),
        picture_layers.caption(
            trace,
            *mark_words(marked),
            _sentence(walk),
            *unit_words(unit),
            *picture_layers.ranges_words(look, tiles.scale),
        ),
    )


def staged(trace: Trace) -> bool:
    """Whether layers are over several grids, so that a bridge between them is needed."""
    return any(not layer.grid == layer.keys == trace.grid for layer in trace.layers)


def _through_stages(
    trace: Trace,
    selection: Selection,
    walk: RolloutWalk,
    chosen: int | None,
    fuse: Fuse,
    unit: AttentionUnit,
    mark: str,
    look: Look,
) -> Drawing:
    """The walk over bridges, through every head alone too where all layers have the same ones."""
    if walk.preset != "none":
        raise Unsupported(
            _(
                "{preset} multiplies maps over the same tokens, and those of {title} are "
                "over several grids; choose the preset none"
            ).format(preset=walk.preset, title=trace.model.title)
        )
    start, end = walk.start, walk.end
    walked_layers(trace, walk)
    layers = trace.layers[start:end]
    last, grid = layers[-1].grid, layers[0].grid
    token = selection.token(last, trace.crop)
    counts = head_counts(layers)
    if len(counts) == 1:
        rows: HeadShares | None = _staged_heads(trace, token, walk)
        chosen = None if chosen is None else min(chosen, counts[0] - 1)
        apart = ""
    else:
        rows, chosen = None, None
        apart = _("Stages of {listed} heads: none goes on in the next, so they are fused.").format(
            listed=_listed(counts)
        )
    if rows is None or chosen is None:
        row, which = (
            _staged_row(trace, token, walk, fuse),
            _("heads fused by {fuse}").format(fuse=_(fuse)),
        )
    else:
        row, which = rows[chosen], head_name(chosen)
    tiles, whole = (None, None) if rows is None else _tiles(grid, rows, row, unit, look)
    large = _large(trace, selection, grid, row, which, unit, look, whole)
    marked = own_mark(trace, row[grid.patches], grid, mark)
    large = large if marked is None else marked.on(large)
    panels = [replace(large, title=f"{large.title}, {picture_layers.grid_words(grid, 'tokens')}")]
    if tiles is not None:
        panels.append(_each(trace, grid, tiles, counts[0], chosen))
    of = _("{token} of {grid}").format(
        token=picture_layers.token_words(last, token),
        grid=picture_layers.grid_words(last, _("tokens")),
    )
    return Drawing(
        "rollout",
        _("Attention rollout from {of}: {layers}, {which}").format(
            of=of, layers=_layers(trace, walk), which=which
        ),
        (tuple(replace(panel, query=last.name(token)) for panel in panels),),
        picture_layers.caption(
            trace,
            *mark_words(marked),
            *((apart,) if apart else ()),
            _sentence(walk),
            *unit_words(unit),
            *(() if tiles is None else picture_layers.ranges_words(look, tiles.scale)),
            _(BRIDGE),
        ),
    )


def _listed(counts: Sequence[int]) -> str:
    return _("{first} and {last}").format(first=", ".join(map(str, counts[:-1])), last=counts[-1])


@kept(most=64)
def _staged_row(
    trace: Trace, token: int, walk: RolloutWalk, fuse: Fuse
) -> Float32[np.ndarray, "token"]:
    keep, discard, start, end, _ = walk
    return staged_rollout(trace.layers[start:end], token, fuse=fuse, keep=keep, discard=discard)


@kept(most=64)
def _staged_heads(trace: Trace, token: int, walk: RolloutWalk) -> Float32[np.ndarray, "head token"]:
    keep, discard, start, end, _ = walk
    return staged_heads(trace.layers[start:end], token, keep=keep, discard=discard)


def _layers(trace: Trace, walk: RolloutWalk) -> str:
    start, end = walk.start, walk.end
    last, first = trace.number(end - 1), trace.number(start)
    return (
        _("layer {last}").format(last=last)
        if end - start == 1
        else _("layers {last} to {first}").format(last=last, first=first)
    )


def _sentence(walk: RolloutWalk) -> str:
    keep, discard, start, preset = walk.keep, walk.discard, walk.start, walk.preset
    dropped = (
        _(", the lowest {discard:.0%} of each map discarded").format(discard=discard)
        if discard > 0
        else ""
    )
    first = (
        _("the first layer") if start == 1 else _("the first {start} layers").format(start=start)
    )
    left = _("; {first} left out").format(first=first) if start else ""
    published = f" {_(AS_PUBLISHED)}" if preset == "vit-explain" else ""
    return _(
        "Each layer passes {keep:.0%} on and mixes {mixed:.0%} by its "
        "attention{dropped}{left}.{published}"
    ).format(keep=keep, mixed=1 - keep, dropped=dropped, left=left, published=published)


def _tiles(
    grid: TokenGrid,
    rows: HeadShares,
    row: Float32[np.ndarray, "key"],
    unit: AttentionUnit,
    look: Look,
) -> tuple[HeatTiles, picture_layers.ViewRange]:
    """Every head's map, in lines of about a square; and the range of these and of the large one."""
    lines, cols = _shape(len(rows))
    padded = np.full((lines * cols, rows.shape[1]), np.nan, np.float32)
    factor, said = unit_factor(unit, grid.tokens)
    padded[: len(rows)] = rows * np.float32(factor)
    maps = picture_layers.on_grid(padded[:, grid.patches], grid)
    values = rearrange(maps, "(line head) row col -> line head row col", line=lines)
    large = row[grid.patches] * np.float32(factor)
    whole = picture_layers.view_range(look, values, large)
    return picture_layers.tiles_of(values, look, _("contribution"), unit=said, whole=whole), whole


def _shape(heads: int) -> tuple[int, int]:
    """Lines, and heads in each."""
    cols = ceil(sqrt(heads))
    return ceil(heads / cols), cols


def _large(
    trace: Trace,
    selection: Selection,
    grid: TokenGrid,
    row: Float32[np.ndarray, "key"],
    which: str,
    unit: AttentionUnit,
    look: Look,
    whole: picture_layers.ViewRange | None,
) -> Panel:
    """One walk over the picture; its own robust range, else one with the small maps."""
    factor, said = unit_factor(unit, grid.tokens)
    values = picture_layers.on_grid(row[grid.patches], grid) * np.float32(factor)
    shared = None if look.range == "robust" else whole
    scale = picture_layers.scale_of(values, look, _("contribution"), shared, said)
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look, grid),
        trace.crop.frame,
        which[0].upper() + which[1:],
        PixelSpace(trace.crop, grid),
        scale if look.heat else None,
        picture_layers.shares(row, grid),
    )


def _each(trace: Trace, grid: TokenGrid, tiles: HeatTiles, heads: int, chosen: int | None) -> Panel:
    labels, extent, space = _frame(trace, grid, heads)
    boxes: tuple[Box, ...] = ()
    if chosen is not None:
        boxes = (picture_layers.tile_box(*divmod(chosen, space.heads[0]), (grid.rows, grid.cols)),)
    return Panel(
        (tiles, labels, Outlines(boxes, "chosen")), extent, _("Each head alone"), space, tiles.scale
    )


@kept()
def _frame(trace: Trace, grid: TokenGrid, heads: int) -> tuple[Labels, Box, HeadTiles]:
    """What of the small maps never changes."""
    lines, cols = _shape(heads)
    tile = (grid.rows, grid.cols)
    boxes = [picture_layers.tile_box(*divmod(head, cols), tile) for head in range(heads)]
    labels = Labels(
        tuple(
            Label(str(head + 1), Spot(box.top + 0.04 * box.height, box.centre.col), "top")
            for head, box in enumerate(boxes)
        ),
        "number",
    )
    counts = tuple(min(cols, heads - line * cols) for line in range(lines))
    corner = picture_layers.tile_box(lines - 1, cols - 1, tile)
    space = HeadTiles(trace.crop, grid, lines, counts, by_layer=False)
    return labels, Box(0, 0, corner.bottom, corner.right), space
