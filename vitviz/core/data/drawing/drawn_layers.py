"""What a panel is made of: a small closed set of layers, each plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from vitviz.core.colors import ColorScale, Lay
from vitviz.core.data.drawing.diagram import Diagram
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.plots import Plot, Table

Role = Literal["grid", "seen", "pin", "hover", "chosen", "quiet"]
"""What an outline or a line is for; the theme decides how it looks."""
PictureTone = Literal["own colours", "dark grey", "light grey"]
"""What a picture is painted in: grey, on which a map's colours are seen as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A picture in RGB, stretched over a box; nearest or smooth. `tone` is what it is painted in.

    >>> raster = drawing.panels[0].layers[0]
    >>> raster.pixels.shape, raster.pixels.dtype.name, raster.box.height  # (row col rgb)
    ((160, 160, 3), 'uint8', 160.0)
    """

    pixels: UInt8[np.ndarray, "row col rgb"]
    box: Box
    smooth: bool = True
    tone: PictureTone = "own colours"


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A map of numbers over a box, coloured by a scale; `lay` says how over what lies below, how far
    is its `opacity`, 0 to 1.

    >>> heat = drawing.panels[0].layers[1]
    >>> heat.values.shape, heat.values.dtype.name, heat.scale.label  # (row col), one a patch
    ((10, 10), 'float32', 'contribution')
    """

    values: Float32[np.ndarray, "row col"]
    box: Box
    scale: ColorScale
    opacity: float = 1.0
    smooth: bool = False
    lay: Lay = "tint"


@dataclass(frozen=True, slots=True, eq=False)
class HeatTiles:
    """Many small maps as ONE tiled image: the atlas of heads, the grid of grids.

    >>> tiles = vitviz.draw("heads", trace).panels[1].layers[0]
    >>> tiles.values.shape, tiles.low.shape  # (tile_row tile_col row col): layers down, heads across
    ((6, 2, 10, 10), (6, 2))

    Tile (i, j) lies at rows `i * (row + gap)` and columns `j * (col + gap)`, one cell a value.
    `low` and `high` are the range of each tile (all equal where one range serves all).
    """

    values: Float32[np.ndarray, "tile_row tile_col row col"]
    low: Float32[np.ndarray, "tile_row tile_col"]
    high: Float32[np.ndarray, "tile_row tile_col"]
    scale: ColorScale
    gap: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class RasterTiles:
    """Many small pictures as one tiled image (the patches, taken apart); laid out as `HeatTiles`.

    >>> tiles = vitviz.draw("patches", trace).panels[3].layers[0]
    >>> tiles.pixels.ndim, tiles.pixels.shape[2:]  # (tile_row tile_col row col rgb)
    (5, (16, 16, 3))
    """

    pixels: UInt8[np.ndarray, "tile_row tile_col row col rgb"]
    gap: int = 1
    count: int | None = None
    """How many tiles are real, in reading order; None: all."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Thin lines between rows x cols cells over a box.

    >>> from vitviz.core.data.drawing import Grid
    >>> Grid(trace.grid.frame, trace.grid.rows, trace.grid.cols)
    Grid(box=Box(top=0.0, left=0.0, bottom=160.0, right=160.0), rows=10, cols=10, role='grid')
    """

    box: Box
    rows: int
    cols: int
    role: Role = "grid"


@dataclass(frozen=True, slots=True)
class Outlines:
    """Rectangles, drawn by their role: the pinned token, the hovered one, the chosen tile.

    >>> drawing.panels[0].layers[2]
    Outlines(boxes=(Box(top=112, left=112, bottom=128, right=128),), role='pin')
    """

    boxes: tuple[Box, ...]
    role: Role


@dataclass(frozen=True, slots=True)
class Segments:
    """Straight lines between two places each, drawn by their role: what belongs together.

    >>> from vitviz.core.data.drawing import Segments
    >>> from vitviz.core.data.geometry import Spot
    >>> len(Segments(((Spot(8, 8), Spot(120, 120)),), role="chosen").ends)
    1
    """

    ends: tuple[tuple[Spot, Spot], ...]
    role: Role


@dataclass(frozen=True, slots=True)
class Label:
    """One piece of text at a position; `anchor` is the side of the text that touches it."""

    text: str
    at: Spot
    anchor: Literal["centre", "left", "right", "top", "bottom"] = "centre"


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts in a panel: axis numbers, token numbers.

    >>> labels = drawing.panels[1].layers[1]
    >>> [label.text for label in labels.labels], labels.role
    (['1', '2'], 'number')
    """

    labels: tuple[Label, ...]
    role: Literal["axis", "number"] = "axis"


@dataclass(frozen=True, slots=True)
class Bars:
    """Named shares as horizontal bars, best first: predictions, masses on prefix tokens.

    >>> bars = vitviz.draw("predictions", trace).panels[0].layers[0]
    >>> len(bars.names), len(bars.values), list(bars.values) == sorted(bars.values, reverse=True)
    (5, 5, True)

    `values` are 0 to `high`; `texts` are what stands behind each bar.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    texts: tuple[str, ...]
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """Said instead of a map: why there is none, and what can be done.

    >>> from vitviz.core.data.drawing import Message
    >>> Message("No position embeddings are added", hint="Look at Position bias").hint
    'Look at Position bias'
    """

    text: str
    hint: str = ""


DrawnLayer = (
    Raster
    | Heat
    | HeatTiles
    | RasterTiles
    | Grid
    | Outlines
    | Segments
    | Labels
    | Bars
    | Message
    | Plot
    | Table
    | Diagram
)
