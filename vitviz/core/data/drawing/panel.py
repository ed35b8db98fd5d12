"""A pair of axes: its layers, the part that is visible, and what a position in it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing.drawn_layers import DrawnLayer
from vitviz.core.data.drawing.token_rows import TokenRows
from vitviz.core.data.geometry import Box, Crop, TokenGrid


@dataclass(frozen=True, slots=True)
class PixelSpace:
    """Positions are model pixels."""

    crop: Crop
    grid: TokenGrid


@dataclass(frozen=True, slots=True)
class PatchBrush:
    """Positions are model pixels whose patches are painted; which are is the view's `option`."""

    crop: Crop
    grid: TokenGrid
    option: str


@dataclass(frozen=True, slots=True)
class TokenTiles:
    """Tiles in reading order, one a patch token, `cols` tiles a row, of `tile` (rows, cols) + gap.

    Where a tile is itself a small map over the grid (`inner`), a position inside it is a token too.
    The first `front` tiles are prefix tokens.
    """

    crop: Crop
    grid: TokenGrid
    cols: int
    tile: tuple[int, int]
    gap: int = 1
    inner: bool = False
    front: int = 0


@dataclass(frozen=True, slots=True)
class HeadTiles:
    """Tiles of layers (down) x heads (across), each a small map over the grid.

    Without `by_layer` the tiles are the heads of something that goes over all layers, in reading
    order, `heads` in each of `layers` lines; a click there chooses a head only.
    """

    crop: Crop
    grid: TokenGrid
    layers: int
    heads: tuple[int, ...]
    """Heads of each line; tiles beyond are empty."""
    gap: int = 1
    by_layer: bool = True
    numbers: tuple[int, ...] = ()
    """What the layers are called; 1, 2, ... where nothing is said."""
    fold: int = 0
    """Layers below each other before the next block of them begins to the right, a tile's width away;
    0: all are below each other."""
    turned: bool = False
    """Whether layers go across and heads down."""


@dataclass(frozen=True, slots=True)
class LayerPairs:
    """Cells of the layers of one model (down) x those of another (across); a click chooses a depth.

    `names` are what the two models are called.
    """

    layers: int
    others: int
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class TokenPairs:
    """Cells of a grid's places as queries (down) x the same places as keys (across), a matrix."""

    crop: Crop
    grid: TokenGrid


@dataclass(frozen=True, slots=True)
class Listed:
    """The points of a plot over the panel's extent, or the lines of a table below its heading, one
    unit each; both may belong to one of so many `layers` and to a head.
    """

    layers: int


Space = (
    PixelSpace
    | PatchBrush
    | TokenTiles
    | HeadTiles
    | LayerPairs
    | TokenPairs
    | TokenRows
    | Listed
    | None
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: layers from bottom to top, the coordinates shown, and what they mean.

    >>> panel = drawing.panels[0]
    >>> panel.title, [type(layer).__name__ for layer in panel.layers]
    ('Heads fused by mean', ['Raster', 'Heat', 'Outlines', 'Outlines'])
    >>> from vitviz.core.data.drawing import aim
    >>> aim(panel, 120, 120).token == trace.grid.token(7, 7)  # what lies under row 120, column 120
    True

    `extent` is what is visible, in the panel's own (row, col); `bar` the scale to draw as a colour
    bar beside it; `facts` are (name, value) numbers shown with it; `weight` its share of the row's
    width. `query` names the token that its maps were drawn for, `arrow` says which way they read
    from there.
    """

    layers: tuple[DrawnLayer, ...]
    extent: Box
    title: str = ""
    space: Space = None
    bar: ColorScale | None = None
    facts: tuple[tuple[str, str], ...] = ()
    weight: float = 1.0
    query: str = ""
    arrow: Literal["→", "←"] = "→"
