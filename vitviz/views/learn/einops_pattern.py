"""einops by doing: the picture through a pattern that can be edited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, sqrt
from typing import Annotated, Literal
from weakref import ref

import numpy as np
from einops import rearrange
from jaxtyping import UInt8

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import (
    Drawing,
    DrawnLayer,
    Heat,
    Message,
    Panel,
    PixelSpace,
    Raster,
    RasterTiles,
)
from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.einops_pattern import AxisOrder, Operation, Reduction, lengths_of, run
from vitviz.core.notation import shown_number
from vitviz.core.progress import VitvizError
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import picture_layers, token_matrices
from vitviz.views.shared.cache_per_trace import kept

PatternStart = Literal[
    "picture",
    "patches in a row",
    "all open pictures",
    "a batch as the model reads it",
    "a batch of patches",
]
Example = Literal[
    "a batch into patches",
    "a batch back together",
    "mean of every patch",
    "cut into patches",
    "patches in a row",
    "put back together",
    "mean of 2 × 2",
    "twice as large",
    "merge columns: halves side by side",
    "merge rows: halves below each other",
    "all open pictures, a batch side by side",
    "all open pictures, a batch below each other",
]

CUT, ROW = "(row p1) (col p2) c", "(row col) (p1 p2 c)"
BATCH, SEQUENCE = "b c (h p1) (w p2)", "b (h w) (p1 p2 c)"
EXAMPLES: dict[Example, tuple[PatternStart, Operation, str, str]] = {
    "a batch into patches": (
        "a batch as the model reads it",
        "rearrange",
        f"{BATCH} -> {SEQUENCE}",
        "p1={p1} p2={p2}",
    ),
    "a batch back together": (
        "a batch of patches",
        "rearrange",
        f"{SEQUENCE} -> {BATCH}",
        "h={row} p1={p1} p2={p2}",
    ),
    "mean of every patch": (
        "a batch as the model reads it",
        "reduce",
        f"{BATCH} -> (b h) w c",
        "p1={p1} p2={p2}",
    ),
    "cut into patches": ("picture", "rearrange", f"{CUT} -> row col p1 p2 c", "p1={p1} p2={p2}"),
    "patches in a row": ("picture", "rearrange", f"{CUT} -> {ROW}", "p1={p1} p2={p2}"),
    "put back together": (
        "patches in a row",
        "rearrange",
        f"{ROW} -> {CUT}",
        "row={row} p1={p1} p2={p2}",
    ),
    "mean of 2 × 2": ("picture", "reduce", "(row y) (col x) c -> row col c", "y=2 x=2"),
    "twice as large": ("picture", "repeat", "row col c -> (row y) (col x) c", "y=2 x=2"),
    "merge columns: halves side by side": (
        "picture",
        "rearrange",
        "(half row) col c -> row (half col) c",
        "half=2",
    ),
    "merge rows: halves below each other": (
        "picture",
        "rearrange",
        "row (half col) c -> (half row) col c",
        "half=2",
    ),
    "all open pictures, a batch side by side": (
        "all open pictures",
        "rearrange",
        "picture row col c -> row (picture col) c",
        "",
    ),
    "all open pictures, a batch below each other": (
        "all open pictures",
        "rearrange",
        "picture row col c -> (picture row) col c",
        "",
    ),
}
LARGEST = 4_000_000
"""Pixels of a result that are shown; more are thinned out."""


@view(
    "einops",
    title="Patches by pattern",
    shows=(
        "A pattern names the axes before and after the arrow, and einops moves the numbers "
        "accordingly: that is all there is to cutting a picture into patches. Take an example, or "
        "write a pattern of your own; what does not fit is said in einops' own words."
    ),
    formula="rearrange(x, '(row p1) (col p2) c -> (row col) (p1 p2 c)', p1=P, p2=P)",
    source="Rogozhnikov 2022, Einops, ICLR; Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1",
    follows=("token",),
    order=79,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    more: Sequence[Trace] = (),
    *,
    example: Annotated[
        Example, OptionHelp("What is done while no pattern is written")
    ] = "patches in a row",
    pattern: Annotated[
        str, OptionHelp("A pattern of your own; click to change the example's, Enter runs it")
    ] = "",
    lengths: Annotated[
        str,
        OptionHelp(
            "Lengths of axes in your pattern, such as p1=16 p2=16; empty takes the example's"
        ),
    ] = "",
    operation: Annotated[
        Literal["as the example", "rearrange", "reduce", "repeat"],
        OptionHelp("What your pattern is for"),
    ] = "as the example",
    reduction: Annotated[Reduction, OptionHelp("How reduce makes one number of many")] = "mean",
    start: Annotated[
        Literal[
            "as the example",
            "picture",
            "patches in a row",
            "all open pictures",
            "a batch as the model reads it",
            "a batch of patches",
        ],
        OptionHelp(
            "What your pattern is given: row col c, (row col) (p1 p2 c), picture row col c, b c "
            "h w, "
            "b (h w) (p1 p2 c)"
        ),
    ] = "as the example",
) -> Drawing:
    """What goes in, and what einops makes of it."""
    begin, kind, shown, sizes = EXAMPLES[example]
    said, filled = pattern.strip() or shown, _filled(sizes, trace)
    if pattern.strip():
        begin = begin if start == "as the example" else start
        kind = kind if operation == "as the example" else operation
        filled = lengths.strip() or _needed(filled, said)
    every = tuple(ref(each) for each in (trace, *more))
    panels = [_marked(trace, selection, _given_panel(trace, begin, every))]
    try:
        order = AxisOrder(kind, said, lengths_of(filled), reduction)
        title = order.words
        panels.append(_marked(trace, selection, _result_panel(trace, begin, every, order)))
    except VitvizError as error:
        title = f"{kind}(x, {said!r}{', ' * bool(filled)}{filled})"
        message = Message(
            str(error), _("Every name on one side must be found, or made, on the other.")
        )
        panels.append(Panel((message,), Box(0, 0, 3, 4), _("einops says")))
    return Drawing(
        "einops",
        title,
        (tuple(panels),),
        picture_layers.caption(trace, *_lit_words(panels)),
        implied=(("pattern", shown), ("lengths", filled)),
    )


def _needed(lengths: str, pattern: str) -> str:
    """Those of an example's lengths that a pattern of one's own has use for: of axes put together."""
    inside = " ".join(re.findall(r"\(([^()]*)\)", pattern)).split()
    return " ".join(each for each in lengths.split() if each.partition("=")[0] in inside)


def _filled(lengths: str, trace: Trace) -> str:
    """An example's lengths with this model's own patch."""
    grid = trace.grid
    return lengths.format(p1=round(grid.patch[0]), p2=round(grid.patch[1]), row=grid.rows)


@kept(most=4)
def _given_panel(trace: Trace, start: PatternStart, every: tuple[ref[Trace], ...]) -> Panel:
    """What goes in, as a picture."""
    return _with_places(trace, _panel(_given(trace, start, every), _("In"), _(start)))


@kept(most=4)
def _result_panel(
    trace: Trace, start: PatternStart, every: tuple[ref[Trace], ...], order: AxisOrder
) -> Panel:
    """What einops makes of it, as a picture."""
    return _with_places(trace, _panel(_result(trace, start, every, order), _("Out"), ""))


def _with_places(trace: Trace, panel: Panel) -> Panel:
    """A panel that can be pointed at: the model's own picture, or a matrix with a line a patch."""
    grid = trace.grid
    whole = (round(grid.patch[0] * grid.rows), round(grid.patch[1] * grid.cols))
    match panel.layers:
        case (Raster() as raster,) if raster.pixels.shape[:2] == trace.pixels.shape[:2]:
            return replace(panel, space=PixelSpace(trace.crop, grid))
        case (Heat() as heat,) if (
            dict(panel.facts).get(_("lines")) == str(grid.rows * grid.cols)
            and whole == trace.pixels.shape[:2]
            and grid.stride is None
        ):
            tokens = tuple(range(grid.tokens)[grid.patches])
            part = RowsPart(heat.box, tokens)
            box = heat.box
            around = Box(box.top, box.left - 4, box.bottom, box.right + 4)
            return replace(panel, space=TokenRows(trace.crop, grid, (part,)), extent=around)
        case _:
            return panel


def _marked(trace: Trace, selection: Selection, panel: Panel) -> Panel:
    """With the chosen patch lit, where it is a place in it."""
    match panel.space:
        case PixelSpace():
            lit: tuple[DrawnLayer, ...] = picture_layers.marks(trace, selection)
        case TokenRows() as rows:
            lit = token_matrices.chosen_lines(rows, trace, selection)
        case _:
            lit = ()
    return replace(panel, layers=(*panel.layers, *lit)) if lit else panel


def _lit_words(panels: list[Panel]) -> tuple[str, ...]:
    lit = any(isinstance(panel.space, TokenRows) for panel in panels)
    return (
        _("Every line is a patch, its numbers side by side; arrows point at the chosen one."),
    ) * lit


@kept(most=4)
def _given(trace: Trace, start: PatternStart, every: tuple[ref[Trace], ...]) -> np.ndarray:
    """What the pattern is run on; of all pictures those that the model reads."""
    match start:
        case "picture":
            return trace.pixels
        case "a batch as the model reads it":
            return np.ascontiguousarray(rearrange(trace.pixels, "row col c -> 1 c row col"))
        case "patches in a row" | "a batch of patches":
            high, wide = (round(side) for side in trace.grid.patch)
            rows, cols = (
                side // patch * patch
                for side, patch in zip(trace.pixels.shape[:2], (high, wide), strict=True)
            )
            cut = rearrange(trace.pixels[:rows, :cols], f"{CUT} -> {ROW}", p1=high, p2=wide)
            return np.asarray(cut if start == "patches in a row" else cut[None])
        case "all open pictures":
            found = [one for each in every if (one := each()) is not None]
            return np.stack([each.pixels for each in found])


@kept(most=4)
def _result(
    trace: Trace, start: PatternStart, every: tuple[ref[Trace], ...], order: AxisOrder
) -> np.ndarray:
    return run(order, _given(trace, start, every))


def _panel(values: np.ndarray, title: str, what: str) -> Panel:
    """An array as a picture, as far as its shape lets it be one, with its shape."""
    shape = " × ".join(map(str, values.shape)) or _("one number")
    facts = ((_("shape"), shape), (_("numbers"), f"{values.size:,}"))
    named = f"{title}: {what}, {shape}" if what else f"{title}: {shape}"
    if values.ndim == 0:
        return Panel(
            (Message(shown_number(float(values), 6)),), Box(0, 0, 3, 4), named, facts=facts
        )
    if values.size == 0 or values.ndim > 5:
        return Panel(
            (Message(_("An array of {ndim} axes is no picture.").format(ndim=values.ndim)),),
            Box(0, 0, 3, 4),
            named,
            facts=facts,
        )
    colored = values.shape[-1] in (1, 3) and values.ndim >= 3
    if values.ndim == 4 and values.shape[0] == 1 and values.shape[1] in (1, 3) and not colored:
        shown = rearrange(values, "1 c row col -> row col c")
        return _flat(_thin(_bytes(shown)), named, facts)
    if values.ndim == 3 and values.shape[0] == 1 and not colored:
        return _numbers(values[0], named, (*facts, (_("lines"), str(values.shape[1]))))
    match values.ndim:
        case 3 if colored:
            return _flat(_thin(_bytes(values)), named, facts)
        case 4 | 5 if colored:
            return _tiles(_bytes(values), named, facts)
        case 2:
            return _numbers(values, named, (*facts, (_("lines"), str(values.shape[0]))))
        case 1:
            return _numbers(values, named, facts)
        case _:
            words = Message(
                _("This shape is no picture: its last axis has no 3 colours."),
                _("Put c last to see it, or merge axes until two are left."),
            )
            return Panel((words,), Box(0, 0, 3, 4), named, facts=facts)


def _bytes(values: np.ndarray) -> UInt8[np.ndarray, "... rgb"]:
    """Numbers as colours; a sum is scaled down to be seen."""
    floats = values.astype(np.float32)
    if floats.size and floats.max() > 255:
        floats *= 255 / floats.max()
    pixels: UInt8[np.ndarray, "... rgb"] = np.clip(floats + 0.5, 0, 255).astype(np.uint8)
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


def _thin(pixels: UInt8[np.ndarray, "row col rgb"]) -> UInt8[np.ndarray, "row col rgb"]:
    step = ceil(sqrt(pixels.shape[0] * pixels.shape[1] / LARGEST))
    return pixels if step <= 1 else np.ascontiguousarray(pixels[::step, ::step])


def _flat(
    pixels: UInt8[np.ndarray, "row col rgb"], title: str, facts: tuple[tuple[str, str], ...]
) -> Panel:
    rows, cols = pixels.shape[:2]
    box = Box(0, 0, rows, cols)
    return Panel((Raster(pixels, box, smooth=False),), box, title, facts=facts)


def _tiles(
    values: UInt8[np.ndarray, "..."], title: str, facts: tuple[tuple[str, str], ...]
) -> Panel:
    """Many small pictures: as they are numbered by two axes, or one after the other."""
    count = values.shape[0]
    if values.ndim == 4:
        across = ceil(sqrt(count))
        empty = np.zeros((-count % across, *values.shape[1:]), np.uint8)
        values = rearrange(
            np.concatenate([values, empty]), "(down across) ... -> down across ...", across=across
        )
    else:
        count = values.shape[0] * values.shape[1]
    down, across, rows, cols, _ = values.shape
    gap = max(1, min(rows, cols) // 8)
    extent = Box(0, 0, down * (rows + gap) - gap, across * (cols + gap) - gap)
    return Panel((RasterTiles(values, gap, count),), extent, title, facts=facts)


def _numbers(values: np.ndarray, title: str, facts: tuple[tuple[str, str], ...]) -> Panel:
    """One or two axes as a map of numbers, thinned out where there are too many."""
    laid = values.astype(np.float32)
    laid = laid[None] if laid.ndim == 1 else laid
    down, across = (max(1, ceil(side / 2048)) for side in laid.shape)
    laid = np.ascontiguousarray(laid[::down, ::across])
    scale = ColorScale(float(laid.min()), float(laid.max()), "gray", "value")
    # A long thin array is drawn as a picture of a proportion that can be seen.
    shape = min(max(laid.shape[1] / laid.shape[0], 0.5), 2.0)
    box = Box(0, 0, 100, 100 * shape)
    return Panel((Heat(laid, box, scale),), box, title, bar=scale, facts=facts)
