"""How a map lies over a picture, in colours: one place for the screen, for paper and for colour bars.

A map that lies over a picture is its values' places in the table, 0 to 255, looked up in 256 colours
with an opacity each (`laid_colors`); so every way costs the same. Contours are lines: pieces
(`contours`), or pixels of a screen (`contour_pixels`).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, assert_never
from weakref import ref

import numpy as np
from jaxtyping import Float64, Int, UInt8

from vitviz.core.colors import DIVERGING, ColorTable, Lay, scale_index, table_colors
from vitviz.core.data.drawing import Heat, Panel, PictureTone, Raster
from vitviz.core.drawings.tiled_images import upsampled

LEVELS = 8
"""Lines of equal value between the ends of a range."""
_RISE = 1.5
"""How late a fading map rises at an opacity of one half: 1 is in a straight line."""
_DARK = 0.6
"""The power of the value by which a picture is lit: the eye tells dark tones apart badly."""
_LUMINANCE = np.array([54, 183, 19], np.uint32)
"""Red, green and blue in 256 parts of a grey (ITU-R BT.709)."""
_BAND = 3
"""Entries of a colour bar to each side of a line's value that have its colour."""

_TONED: dict[tuple[int, PictureTone], tuple[ref[np.ndarray], np.ndarray]] = {}

Colors = UInt8[np.ndarray, "256 rgba"]


class ContourLine(NamedTuple):
    """All places of one value: its colour, and straight pieces in the panel's (row, col)."""

    color: tuple[int, int, int]
    pieces: Float64[np.ndarray, "piece end row_col"]


@cache
def laid_colors(table: ColorTable, lay: Lay, opacity: float) -> Colors:
    """The 256 colours of a table as they lie over a picture, lowest first, with their opacity.

    A table for signed numbers rises from its middle to both ends; it has no light or dark side, and
    fades where it is asked to light.
    """
    place = np.linspace(0.0, 1.0, 256)
    strength = np.abs(2 * place - 1) if table in DIVERGING else place
    colors = np.empty((256, 4), np.uint8)
    colors[:, :3] = table_colors(table)
    match "fade" if lay == "light" and table in DIVERGING else lay:
        case "fade":
            cover = _faded(strength, opacity)
        case "light":
            colors[:, :3] = 0
            cover = (1 - (1 - opacity) ** 1.5) * (1 - strength**_DARK)
        case "tint":
            cover = np.full(256, opacity)
        case "contours":
            cover = np.zeros(256)
            for level in level_places():
                cover[max(level - _BAND, 0) : level + _BAND + 1] = 1
        case "map alone":
            cover = np.ones(256)
        case _:
            assert_never(lay)
    colors[:, 3] = np.round(255 * cover)
    colors.setflags(write=False)
    return colors


def _faded(strength: Float64[np.ndarray, "256"], opacity: float) -> Float64[np.ndarray, "256"]:
    """Nothing where the value is lowest, nearly all where it is highest; sooner with more opacity."""
    if opacity <= 0:
        return np.zeros(256)
    cover: Float64[np.ndarray, "256"] = opacity ** (1 / 6) * strength ** (
        _RISE * (1 - opacity) / opacity
    )
    return cover


def tone_under(table: ColorTable, lay: Lay) -> PictureTone:
    """What a picture is painted in below a map: grey where the map's colours are to be told, dark or
    light as the table's weakest colour is, so that the strongest stands out.
    """
    match lay:
        case "fade" | "contours":
            pass
        case "light" if table in DIVERGING:
            pass
        case _:
            return "own colours"
    weakest = table_colors(table)[128 if table in DIVERGING else 0]
    return "light grey" if weakest @ _LUMINANCE > 128 * 256 else "dark grey"


def toned(raster: Raster) -> UInt8[np.ndarray, "row col rgb"]:
    """The pixels of a picture in its tone, the very same ones while the picture's own live."""
    pixels, tone = raster.pixels, raster.tone
    if tone == "own colours":
        return pixels
    key = id(pixels), tone
    known = _TONED.get(key)
    if known is not None and known[0]() is pixels:
        return known[1]
    grey = _grey(tone)[(pixels @ _LUMINANCE) >> 8]
    made = np.repeat(grey[..., None], 3, axis=-1)
    _TONED[key] = ref(pixels, lambda _: _TONED.pop(key, None)), made
    return made


@cache
def _grey(tone: PictureTone) -> UInt8[np.ndarray, "256"]:
    """Each lightness as a tone paints it: less of it, kept away from the colours' own end."""
    lightness = np.arange(256)
    painted = 0.75 * lightness if tone == "dark grey" else 255 - 0.6 * (255 - lightness)
    return np.round(painted).astype(np.uint8)


def heat_pixels(heat: Heat) -> UInt8[np.ndarray, "row col rgba"]:
    """A map as it lies over what is below it, one pixel a cell; smooth ones interpolate the values."""
    colors = laid_colors(heat.scale.table, heat.lay, heat.opacity)
    pixels: UInt8[np.ndarray, "row col rgba"] = colors[heat_index(heat)]
    return pixels


def heat_index(heat: Heat) -> UInt8[np.ndarray, "row col"]:
    """The places of a map's values in its 256 colours."""
    values = upsampled(heat.values) if heat.smooth else heat.values
    return scale_index(values, heat.scale)


def bar_colors(panel: Panel) -> UInt8[np.ndarray, "256 rgb"]:
    """What the panel's colour bar shows: the colours as they are seen over a middling grey.

    ValueError for a panel without a bar.
    """
    bar = panel.bar
    if bar is None:
        raise ValueError(f"panel {panel.title!r} has no colour bar")
    heats = [one for one in panel.layers if isinstance(one, Heat) and one.scale == bar]
    if not heats or not any(isinstance(layer, Raster) for layer in panel.layers):
        return table_colors(bar.table)
    return seen_colors(bar.table, heats[0].lay, heats[0].opacity)


@cache
def seen_colors(table: ColorTable, lay: Lay, opacity: float) -> UInt8[np.ndarray, "256 rgb"]:
    """The colours of a table as they are seen over the middling grey of a picture."""
    colors = laid_colors(table, lay, opacity).astype(float)
    tone = tone_under(table, lay)
    below = 128 if tone == "own colours" else int(_grey(tone)[128])
    below = 192 if lay == "light" and tone == "own colours" else below  # what is lit is not dark
    cover = colors[:, 3:] / 255
    seen: UInt8[np.ndarray, "256 rgb"] = np.round(
        cover * colors[:, :3] + (1 - cover) * below
    ).astype(np.uint8)
    seen.setflags(write=False)
    return seen


def level_places() -> list[int]:
    """The places of the contours' values in the table."""
    return [round(255 * (at + 1) / (LEVELS + 1)) for at in range(LEVELS)]


def contours(heat: Heat) -> tuple[ContourLine, ...]:
    """Lines of equal value of a map, interpolated between the middles of its cells.

    Values are evenly apart on the map's scale, so that lines and colour bar agree.
    """
    cells = _continued(heat)
    colors = table_colors(heat.scale.table)
    found = []
    for place in level_places():
        pieces = _crossed(cells, place / 255)
        if len(pieces):
            red, green, blue = (int(each) for each in colors[place])
            box = heat.box
            rows, cols = (count - 1 for count in cells.shape)
            scale = np.array([box.height / rows, box.width / cols])
            found.append(
                ContourLine((red, green, blue), pieces * scale + np.array([box.top, box.left]))
            )
    return tuple(found)


def scale_places(heat: Heat) -> Float64[np.ndarray, "row col"]:
    """Each value's place on the map's scale, 0 to 1; what is no number has the lowest."""
    scale = heat.scale
    values = np.nan_to_num(np.clip(heat.values, scale.low, scale.high), nan=scale.low)
    ends = (np.log(scale.low), np.log(scale.high)) if scale.powers else (scale.low, scale.high)
    width = ends[1] - ends[0]
    share = (np.log(values) if scale.powers else values.astype(np.float64)) - ends[0]
    places: Float64[np.ndarray, "row col"] = np.asarray(
        share / width if width > 0 else np.zeros_like(share), np.float64
    )
    return places


def _continued(heat: Heat) -> Float64[np.ndarray, "fine_row fine_col"]:
    """Places on the scale, 0 to 1, at the corners of a fine net over the map's box; as far out as the
    outermost middles the values go on as they are.
    """
    share = scale_places(heat)
    factor = max(2, 96 // max(share.shape))
    for axis in (0, 1):
        count = share.shape[axis]
        at = np.clip(np.linspace(-0.5, count - 0.5, count * factor + 1), 0, count - 1)
        low = np.minimum(at.astype(int), max(count - 2, 0))
        part = (at - low)[:, None] if axis == 0 else (at - low)[None, :]
        high = np.minimum(low + 1, count - 1)
        share = np.take(share, low, axis) * (1 - part) + np.take(share, high, axis) * part
    cells: Float64[np.ndarray, "fine_row fine_col"] = share
    return cells


_EDGES = np.array([[[0, 0], [0, 1]], [[0, 1], [1, 1]], [[1, 1], [1, 0]], [[1, 0], [0, 0]]])
"""The four edges of a cell from corner to corner, clockwise from the top."""


@cache
def _ways() -> Int[np.ndarray, "pattern two ends"]:
    """Which edges a line joins, for each pattern of corners above the level (top left, top right,
    bottom right, bottom left: 1, 2, 4, 8); -1 for none.
    """
    ways = np.full((16, 2, 2), -1)
    for pattern in range(16):
        above = [bool(pattern & 1 << corner) for corner in range(4)]
        crossed = [edge for edge in range(4) if above[edge] != above[(edge + 1) % 4]]
        if len(crossed) == 2:
            ways[pattern, 0] = crossed
        elif len(crossed) == 4:  # two opposite corners: each is cut off on its own
            ways[pattern] = [[0, 3], [1, 2]] if above[0] else [[0, 1], [2, 3]]
    return ways


def _crossed(
    cells: Float64[np.ndarray, "row col"], level: float
) -> Float64[np.ndarray, "piece end row_col"]:
    """The straight pieces along which a net of values crosses a level (marching squares)."""
    above = (cells > level).astype(np.int64)
    pattern = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    rows, cols = np.nonzero((pattern > 0) & (pattern < 15))
    corner = np.stack([rows, cols], axis=-1)
    joined = _ways()[pattern[rows, cols]]
    pieces = []
    for which in (0, 1):
        some = joined[:, which, 0] >= 0
        starts = corner[some]
        ends = [_on_edge(cells, starts, joined[some, which, end], level) for end in (0, 1)]
        pieces.append(np.stack(ends, axis=1))
    return np.concatenate(pieces)


def _on_edge(
    cells: Float64[np.ndarray, "row col"],
    corner: Int[np.ndarray, "piece two"],
    edge: Int[np.ndarray, "piece"],
    level: float,
) -> Float64[np.ndarray, "piece two"]:
    """Where each cell's edge has the level."""
    first, last = (corner + _EDGES[edge, end] for end in (0, 1))
    one, other = (cells[each[:, 0], each[:, 1]] for each in (first, last))
    share = (level - one) / (other - one)
    place: Float64[np.ndarray, "piece two"] = first + share[:, None] * (last - first)
    return place
