"""Lines of equal value as the pixels of a screen: as many lines as there may be, they cost the same.

A pixel's distance from the nearest line follows from its value and from how steeply the values rise
there. Paper has the same lines as pieces (`laid_maps.contours`), which a vector file keeps sharp.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32, UInt8

from vitviz.core.colors import ColorTable, table_colors
from vitviz.core.data.drawing import Heat
from vitviz.core.drawings.laid_maps import LEVELS, level_places, scale_places

LINE, HALO = 1.6, 3.0
"""Pixels across of a line, and of the dark halo below it."""
_DARKNESS = 150 / 255
_STEPS = 64
"""Distances from the middle of a line that are told apart, up to where its halo ends."""
_FLAT = 1e-6
"""A rise a pixel, of a level's height, that is none: a plain has no line, whatever its value."""

_Ways = Float32[np.ndarray, "pixel cell"]


def contour_pixels(
    heat: Heat, size: tuple[int, int], rows: range, cols: range, sharp: float = 1.0
) -> UInt8[np.ndarray, "row col rgba"]:
    """The lines of a map whose box is `size` (rows, cols) of pixels: these rows and columns of them.

    `sharp` is how many pixels of the screen a pixel of the line's width has.
    """
    cells = (scale_places(heat) * (LEVELS + 1)).astype(np.float32)
    down, falls = _between(size[0], rows, cells.shape[0])
    across, rises = _between(size[1], cols, cells.shape[1])
    beside = cells @ across.T
    height = down @ beside
    slope = np.square(falls @ beside)
    slope += np.square(down @ (cells @ rises.T))
    np.sqrt(slope, out=slope)
    level = np.rint(height)
    np.clip(level, 1, LEVELS, out=level)
    height -= level
    np.abs(height, out=height)
    height += _FLAT
    np.maximum(slope, _FLAT**2, out=slope)
    height /= slope
    height *= (_STEPS - 1) / _reach(sharp)
    np.minimum(height, _STEPS - 1, out=height)
    level -= 1
    level *= _STEPS
    level += np.rint(height, out=height)
    colors = _line_colors(heat.scale.table, sharp)
    found: UInt8[np.ndarray, "row col rgba"] = colors[level.astype(np.intp)].view(np.uint8)
    return found.reshape(*height.shape, 4)


def _between(size: int, wanted: range, cells: int) -> tuple[_Ways, _Ways]:
    """Each pixel's shares of the cells between whose middles it lies, and what of them it rises by."""
    at = np.clip((np.arange(wanted.start, wanted.stop) + 0.5) / size * cells - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), max(cells - 2, 0))
    pixel, high = np.arange(len(at)), np.minimum(low + 1, cells - 1)
    shares, rises = np.zeros((2, len(at), cells), np.float32)
    shares[pixel, low] = 1 - (at - low)
    shares[pixel, high] += at - low
    inside = (at > 0) & (at < cells - 1)
    rises[pixel[inside], low[inside]] = -cells / size
    rises[pixel[inside], high[inside]] = cells / size
    return shares, rises


def _reach(sharp: float) -> float:
    """How far from its middle a line and its halo are to be seen."""
    return HALO * sharp / 2 + 0.5


@cache
def _line_colors(table: ColorTable, sharp: float) -> np.ndarray:
    """Red, green, blue and opacity in one number, for each level and each distance from its line."""
    away = np.linspace(0, _reach(sharp), _STEPS)
    line = np.clip(LINE * sharp / 2 + 0.5 - away, 0, 1)
    halo = _DARKNESS * np.clip(_reach(sharp) - away, 0, 1)
    cover = line + (1 - line) * halo
    colors = np.zeros((LEVELS, _STEPS, 4))
    light = np.divide(line, cover, out=np.zeros_like(line), where=cover > 0)
    for level, place in enumerate(level_places()):
        colors[level, :, :3] = light[:, None] * table_colors(table)[place]
    colors[..., 3] = 255 * cover
    found: np.ndarray = np.round(colors).astype(np.uint8).view(np.uint32).ravel()
    return found
