"""Pixels and numbers as Qt images."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import UInt8
from PySide6.QtGui import QImage

from vitviz.core.colors import ColorTable, color_index, table_colors
from vitviz.core.data.drawing import Heat, Raster
from vitviz.core.drawings.tiled_images import upsampled


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
    """A heat map in the colours of its scale; smooth ones interpolate the values, not the colours."""
    values = upsampled(heat.values) if heat.smooth else heat.values
    index = np.ascontiguousarray(color_index(values, heat.scale.low, heat.scale.high))
    rows, cols = index.shape
    image = QImage(index.data, cols, rows, cols, QImage.Format.Format_Indexed8)
    image.setColorTable(_color_table(heat.scale.table))
    return image.convertToFormat(QImage.Format.Format_RGB32)


@cache
def _color_table(table: ColorTable) -> list[int]:
    colors = table_colors(table).astype(np.uint32)
    packed = 0xFF000000 | colors[:, 0] << 16 | colors[:, 1] << 8 | colors[:, 2]
    return [int(color) for color in packed]


def raster_image(raster: Raster) -> QImage:
    """A raster layer's picture."""
    return image_of(raster.pixels)
