"""Pixels and numbers as Qt images."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import UInt8
from PySide6.QtGui import QImage

from vitviz.core.colors import ColorTable, Lay
from vitviz.core.data.drawing import Heat, Raster
from vitviz.core.drawings.laid_maps import heat_index, laid_colors, toned


def image_of(pixels: UInt8[np.ndarray, "row col channel"]) -> QImage:
    """RGB or RGBA pixels as a QImage with its own data, in the form painted fastest."""
    rows, cols, channels = pixels.shape
    formats = QImage.Format
    kind, fast = (
        (formats.Format_RGB888, formats.Format_RGB32)
        if channels == 3
        else (formats.Format_RGBA8888, formats.Format_ARGB32_Premultiplied)
    )
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, cols, rows, cols * channels, kind).convertToFormat(fast)


def heat_image(heat: Heat) -> QImage:
    """A heat map in the colours that it has over a picture, with their opacity."""
    index = np.ascontiguousarray(heat_index(heat))
    rows, cols = index.shape
    image = QImage(index.data, cols, rows, cols, QImage.Format.Format_Indexed8)
    colors = _color_table(heat.scale.table, heat.lay, heat.opacity)
    image.setColorTable(colors)
    formats = QImage.Format
    opaque = all(color >> 24 == 255 for color in (colors[0], colors[128], colors[255]))
    fast = formats.Format_RGB32 if opaque else formats.Format_ARGB32_Premultiplied
    return image.convertToFormat(fast)


@cache
def _color_table(table: ColorTable, lay: Lay, opacity: float) -> list[int]:
    red, green, blue, cover = laid_colors(table, lay, opacity).astype(np.uint32).T
    return [int(color) for color in cover << 24 | red << 16 | green << 8 | blue]


def raster_image(raster: Raster) -> QImage:
    """A raster layer's picture, in its tone."""
    return image_of(toned(raster))
