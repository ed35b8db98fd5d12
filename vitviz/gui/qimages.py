"""Pixels and numbers as Qt images."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PySide6.QtGui import QImage

from vitviz.core.colors import Scale, color_index, table_colors
from vitviz.core.drawing import Heat, Raster
from vitviz.core.tiles import upsampled


def image_of(pixels: UInt8[np.ndarray, "row col channel"]) -> QImage:
    """RGB or RGBA pixels as a QImage with its own copy of the data."""
    rows, cols, channels = pixels.shape
    kind = QImage.Format.Format_RGB888 if channels == 3 else QImage.Format.Format_RGBA8888
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, cols, rows, cols * channels, kind).copy()


def heat_image(heat: Heat) -> QImage:
    """A heat map in the colours of its scale; smooth ones interpolate the values, not the colours."""
    values = upsampled(heat.values) if heat.smooth else heat.values
    index = np.ascontiguousarray(color_index(values, heat.scale.low, heat.scale.high))
    rows, cols = index.shape
    image = QImage(index.data, cols, rows, cols, QImage.Format.Format_Indexed8)
    image.setColorTable(_color_table(heat.scale))
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _color_table(scale: Scale) -> list[int]:
    colors = table_colors(scale.table).astype(np.uint32)
    packed = 0xFF000000 | colors[:, 0] << 16 | colors[:, 1] << 8 | colors[:, 2]
    return [int(color) for color in packed]


def raster_image(raster: Raster) -> QImage:
    """A raster layer's picture."""
    return image_of(raster.pixels)
