"""The picture cut into patches, one token each, and the sequence that the model reads."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Annotated, Literal

import numpy as np
from einops import rearrange
from jaxtyping import Float32, Int, UInt8
from PIL import Image

from vitviz.core.colors import colored
from vitviz.core.data.drawing import (
    Drawing,
    DrawnLayer,
    Grid,
    Label,
    Labels,
    Message,
    Outlines,
    Panel,
    PixelSpace,
    Raster,
    RasterTiles,
    TokenTiles,
)
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.progress import VitvizError
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import model_questions, picture_layers, token_matrices
from vitviz.views.shared.cache_per_trace import kept

PixelSource = Literal["sharp", "model pixels"]
THUMBNAIL = 512
"""Longest side, in pixels, of the whole picture shown beside the part that the model saw."""


@view(
    "patches",
    title="Patches",
    shows=(
        "A vision transformer does not read pixels one by one: the picture is cut into equal "
        "squares, and each square becomes one token of a sequence. Point at a patch to see its "
        "pixels as the model gets them and its place in the sequence. Where the model saw only a "
        "part of your picture, the whole one is shown with that part outlined."
    ),
    formula='rearrange(x, "c (row p1) (col p2) -> (row col) (p1 p2 c)")',
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1",
    follows=("token", "word"),
    order=10,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    source: Annotated[
        PixelSource,
        OptionHelp("The picture at display resolution, or the very pixels that the model reads"),
    ] = "sharp",
    grid: Annotated[bool, OptionHelp("Show the patch grid over the picture")] = True,
    numbers: Annotated[bool, OptionHelp("Number the tokens in reading order")] = False,
    whole: Annotated[
        Literal["when cropped", "always", "never"],
        OptionHelp("Show the whole picture with the part that the model saw outlined"),
    ] = "when cropped",
) -> Drawing:
    """The picture with its grid, the chosen patch enlarged, and all patches as the sequence."""
    token = selection.token(trace.grid, trace.crop)
    show_whole = whole == "always" or (whole == "when cropped" and trace.crop.seen_share < 0.995)
    above = (_seen(trace, selection, source, grid, numbers), _enlarged(trace, token))
    beside = (_whole(trace, selection),) if show_whole else ()
    return Drawing(
        "patches",
        _title(trace, token),
        ((*above, *beside), (_sequence(trace, token),)),
        " ".join(
            filter(None, (picture_layers.caption(trace), _pattern(trace)))
        ),  # no sentence: it ends all
    )


def _title(trace: Trace, token: int) -> str:
    words, grid = picture_layers.token_words(trace.grid, token), trace.grid
    patches = picture_layers.grid_words(grid, "patches")
    return _("{patches}, {words} is number {token} of {tokens}").format(
        patches=patches, words=words, token=token, tokens=grid.tokens
    )


def _seen(
    trace: Trace, selection: Selection, source: PixelSource, grid: bool, numbers: bool
) -> Panel:
    layers: list[DrawnLayer] = [*_picture(trace, source)]
    if grid:
        layers.append(Grid(trace.grid.frame, trace.grid.rows, trace.grid.cols))
    if numbers:
        layers.append(_numbers(trace))
    prefix = trace.grid.prefix
    counted = f"{len(prefix)}: {_listed(prefix)}" if prefix else "none"
    return Panel(
        (*layers, *picture_layers.marks(trace, selection)),
        trace.crop.frame,
        _("What the model sees"),
        PixelSpace(trace.crop, trace.grid),
        facts=(
            (_("patches"), f"{trace.grid.rows * trace.grid.cols}"),
            (_("prefix tokens"), counted),
        ),
        weight=2,
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} … {names[-1]}"


@kept()
def _picture(trace: Trace, source: PixelSource) -> tuple[Raster, ...]:
    if source == "sharp":
        return picture_layers.picture(trace)
    return (Raster(trace.pixels, trace.crop.frame, smooth=False),)


@kept()
def _numbers(trace: Trace) -> Labels:
    """Every token's number at the centre of its patch."""
    boxes = ((token, trace.grid.box(token)) for token in range(trace.grid.tokens))
    return Labels(
        tuple(Label(str(token), box.centre) for token, box in boxes if box is not None), "number"
    )


def _enlarged(trace: Trace, token: int) -> Panel:
    """The chosen patch, pixel for pixel, and where it lies."""
    place = trace.grid.place(token)
    tiles = patch_pixels(trace)
    rows, cols = tiles.shape[2:4]
    extent = Box(0, 0, rows, cols)
    if place is None:
        return _without_patch(trace, token, extent)
    return Panel(
        (Raster(tiles[place], extent, smooth=False),),
        extent,
        _("One patch, pixel for pixel"),
        facts=_facts(trace, token, place),
    )


def _without_patch(trace: Trace, token: int, extent: Box) -> Panel:
    """A token that no pixels become: its learned vector as a row of colours, where it is known."""
    learned, name = _learned(trace), picture_layers.token_words(trace.grid, token)
    facts = ((_("token"), _("{token} of {tokens}").format(token=token, tokens=trace.grid.tokens)),)
    if learned is None or token >= len(learned):
        words = _("{upper}{name} has no patch.").format(upper=name[0].upper(), name=name[1:])
        hint = _("Point at a patch to see its pixels.")
        return Panel((Message(words, hint),), extent, _("No patch"), facts=facts)
    vector = learned[token]
    scale = token_matrices.signed_scale(vector)
    box = Box(0, 0, extent.height, extent.width)
    more = (
        (_("numbers"), str(len(vector))),
        (_("length"), shown_number(float(np.linalg.norm(vector)))),
    )
    return Panel(
        (token_matrices.matrix(vector[None], box, scale),),
        extent,
        _("{upper}{name}: a learned vector, no pixels").format(
            upper=name[0].upper(), name=name[1:]
        ),
        bar=scale,
        facts=(*facts, *more),
    )


@kept(most=1)
def _learned(trace: Trace) -> Float32[np.ndarray, "prefix dim"] | None:
    """The vectors of the prefix tokens; None where there are none, or the model does not tell."""
    if not trace.grid.prefix or trace.source is None:
        return None
    try:
        return model_questions.sequence(trace).prefix
    except VitvizError:
        return None


def _as_tiles(
    vectors: Float32[np.ndarray, "prefix dim"], size: tuple[int, ...]
) -> UInt8[np.ndarray, "prefix p1 p2 rgb"]:
    """Each vector as a tile of colours in place of pixels, its numbers line after line."""
    high, wide = size
    cells = min(high, max(1, round(sqrt(vectors.shape[1] * high / wide))))
    across = ceil(vectors.shape[1] / cells)
    tiles = []
    for vector in vectors:
        laid = np.zeros(cells * across, np.float32)
        laid[: len(vector)] = vector
        colours = colored(
            rearrange(laid, "(row col) -> row col", row=cells), token_matrices.signed_scale(vector)
        )
        rows = np.arange(high) * cells // high
        cols = np.arange(wide) * across // wide
        tiles.append(colours[rows][:, cols])
    return np.stack(tiles)


def _facts(trace: Trace, token: int, place: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    box = trace.grid.box(token)
    assert box is not None
    there = trace.crop.box_to_original(box)
    height, width = trace.grid.patch
    stride = trace.grid.stride
    apart = (
        (
            (
                _("one every"),
                _("{width:g} × {height:g} model pixels").format(width=stride[1], height=stride[0]),
            ),
        )
        if stride
        else ()
    )
    return (
        (_("token"), _("{token} of {tokens}").format(token=token, tokens=trace.grid.tokens)),
        (_("row, column"), f"{place[0]}, {place[1]}"),
        (_("size"), _("{width:g} × {height:g} model pixels").format(width=width, height=height)),
        *apart,
        (
            _("original rows"),
            _("{top:.0f} to {bottom:.0f}").format(top=there.top, bottom=there.bottom),
        ),
        (_("columns"), _("{left:.0f} to {right:.0f}").format(left=there.left, right=there.right)),
    )


@kept()
def patch_pixels(trace: Trace) -> UInt8[np.ndarray, "row col p1 p2 rgb"]:
    """The model's pixels, taken apart into patches."""
    grid = trace.grid
    down = _pixel_indices(grid.rows, grid.patch[0], grid.cell[0], trace.pixels.shape[0])
    across = _pixel_indices(grid.cols, grid.patch[1], grid.cell[1], trace.pixels.shape[1])
    pixels: UInt8[np.ndarray, "row col p1 p2 rgb"] = trace.pixels[
        rearrange(down, "row p1 -> row 1 p1 1"), rearrange(across, "col p2 -> 1 col 1 p2")
    ]
    return pixels


def _pixel_indices(
    count: int, size: float, stride: float, limit: int
) -> Int[np.ndarray, "patch pixel"]:
    """Which pixels each of `count` patches covers along one axis."""
    pixels = max(1, round(size))
    start = rearrange(np.arange(count) * stride, "patch -> patch 1")
    index = np.floor(start + (np.arange(pixels) + 0.5) * size / pixels).astype(np.intp)
    return np.minimum(index, limit - 1)


def _sequence(trace: Trace, token: int) -> Panel:
    tiles, extent, space = _laid_out(trace)
    chosen: tuple[Box, ...] = ()
    tile = token if token < space.front else token - len(trace.grid.prefix) + space.front
    if trace.grid.place(token) is not None or token < space.front:
        down, across = divmod(tile, space.cols)
        chosen = (picture_layers.tile_box(down, across, space.tile, space.gap),)
    first = (
        _(", {listed} first").format(listed=_listed(trace.grid.prefix[: space.front]))
        if space.front
        else ""
    )
    return Panel(
        (tiles, Outlines(chosen, "chosen")),
        extent,
        _("The sequence that the model reads, line after line{first}").format(first=first),
        space,
    )


@kept()
def _laid_out(trace: Trace) -> tuple[RasterTiles, Box, TokenTiles]:
    """The sequence broken into lines about five times as wide as they are many."""
    patches = rearrange(patch_pixels(trace), "row col p1 p2 rgb -> (row col) p1 p2 rgb")
    learned = _learned(trace)
    if learned is not None:
        patches = np.concatenate([_as_tiles(learned, patches.shape[1:3]), patches])
    count, height, width, _ = patches.shape
    cols = min(count, ceil(sqrt(5 * count * height / width)))
    rows = ceil(count / cols)
    gap = max(1, round(min(height, width) / 8))
    padded = np.zeros((rows * cols, height, width, 3), np.uint8)
    padded[:count] = patches
    tiles = rearrange(
        padded, "(tile_row tile_col) row col rgb -> tile_row tile_col row col rgb", tile_col=cols
    )
    extent = Box(0, 0, rows * (height + gap) - gap, cols * (width + gap) - gap)
    front = 0 if learned is None else len(learned)
    space = TokenTiles(trace.crop, trace.grid, cols, (height, width), gap, front=front)
    return RasterTiles(tiles, gap, count), extent, space


def _whole(trace: Trace, selection: Selection) -> Panel:
    """The whole picture in the model's coordinates, so that pointing at it chooses tokens too."""
    raster = _thumbnail(trace)
    frame, box = trace.crop.frame, raster.box
    extent = Box(
        min(box.top, frame.top),
        min(box.left, frame.left),
        max(box.bottom, frame.bottom),
        max(box.right, frame.right),
    )
    rows, cols = trace.crop.original
    return Panel(
        (raster, Outlines((frame.clip(box),), "seen"), *picture_layers.marks(trace, selection)),
        extent,
        _("The whole picture"),
        PixelSpace(trace.crop, trace.grid),
        facts=(
            (_("seen"), trace.crop.seen_words),
            (
                _("decoded to") if "decoded at" in trace.picture.note else _("original"),
                _("{cols} × {rows} px").format(cols=cols, rows=rows),
            ),
        ),
    )


@kept()
def _thumbnail(trace: Trace) -> Raster:
    pixels = trace.picture.pixels
    rows, cols = pixels.shape[:2]
    shrink = min(1.0, THUMBNAIL / max(rows, cols))
    if shrink < 1:
        size = (max(1, round(cols * shrink)), max(1, round(rows * shrink)))
        small = Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=2)
        pixels = np.asarray(small)
    return Raster(pixels, trace.crop.box_to_model(Box(0, 0, *trace.crop.original)))


def _pattern(trace: Trace) -> str:
    """The cut as an einops pattern, with this model's numbers; where it is no plain cut, its sizes."""
    grid = trace.grid
    p1, p2 = grid.patch
    if (p1, p2) != trace.model.patch:
        own = " × ".join(f"{size:g}" for size in reversed(trace.model.patch))
        return _(
            "The model's own patches are {own} pixels; a token of this grid stands "
            "for {p2} × {p1} pixels."
        ).format(own=own, p2=shown_number(p2), p1=shown_number(p1))
    if grid.stride is not None:
        return _(
            "A patch of {p2:g} × {p1:g} pixels every {across:g} × {down:g}: they "
            "overlap, so the cut is no rearrangement."
        ).format(p2=p2, p1=p1, across=grid.stride[1], down=grid.stride[0])
    rows, cols = round(grid.rows * p1), round(grid.cols * p2)
    return _(
        'rearrange(x, "c (row p1) (col p2) -> (row col) (p1 p2 c)", p1={p1:g}, '
        "p2={p2:g}): 3 × {rows} × {cols} -> {rows_2} × {p1_2}"
    ).format(
        p1=p1, p2=p2, rows=rows, cols=cols, rows_2=grid.rows * grid.cols, p1_2=round(p1 * p2 * 3)
    )
