"""What should be drawn, as plain frozen data: Qt paints it, matplotlib prints it, scripts read it.

A `Drawing` is rows of `Panel`s; a panel is a stack of layers from one small closed set, in the
panel's own (row, col) coordinates (row down, col right). A panel's `space` says what a position in it
means (a model pixel, a token's tile, a head's tile), so that every view can be pointed at.
"""

from __future__ import annotations

from vitviz.core.data.drawing.drawing import Drawing, numbers
from vitviz.core.data.drawing.drawing_numbers import DrawingNumbers
from vitviz.core.data.drawing.drawn_layers import (
    Bars,
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Label,
    Labels,
    Message,
    Outlines,
    PictureTone,
    Raster,
    RasterTiles,
    Role,
    Segments,
)
from vitviz.core.data.drawing.panel import (
    HeadTiles,
    LayerPairs,
    Listed,
    Panel,
    PatchBrush,
    PixelSpace,
    Space,
    TokenPairs,
    TokenTiles,
)
from vitviz.core.data.drawing.panel_aim import Aim, aim

__all__ = [
    "Aim",
    "Bars",
    "Drawing",
    "DrawingNumbers",
    "DrawnLayer",
    "Grid",
    "HeadTiles",
    "Heat",
    "HeatTiles",
    "Label",
    "Labels",
    "LayerPairs",
    "Listed",
    "Message",
    "Outlines",
    "Panel",
    "PatchBrush",
    "PictureTone",
    "PixelSpace",
    "Raster",
    "RasterTiles",
    "Role",
    "Segments",
    "Space",
    "TokenPairs",
    "TokenTiles",
    "aim",
    "numbers",
]
