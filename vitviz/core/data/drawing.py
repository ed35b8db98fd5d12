"""What should be drawn, as plain frozen data: Qt paints it, matplotlib prints it, scripts read it.

A `Drawing` is rows of `Panel`s; a panel is a stack of layers from one small closed set, in the
panel's own (row, col) coordinates (row down, col right). A panel's `space` says what a position in it
means (a model pixel, a token's tile, a head's tile), so that every view can be pointed at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, assert_never

import numpy as np
from einops import rearrange
from jaxtyping import Float32, UInt8

from vitviz.core.colors import ColorScale
from vitviz.core.data.diagram import Diagram
from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid
from vitviz.core.data.plots import Plot, Table
from vitviz.core.data.recipe import PageRecipe, Recipe
from vitviz.core.data.token_rows import TokenRows

Role = Literal["grid", "seen", "pin", "hover", "chosen", "quiet"]
"""What an outline or a line is for; the theme decides how it looks."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A picture in RGB, stretched over a box; nearest or smooth.

    >>> raster = drawing.panels[0].layers[0]
    >>> raster.pixels.shape, raster.pixels.dtype.name, raster.box.height  # (row col rgb)
    ((160, 160, 3), 'uint8', 160.0)
    """

    pixels: UInt8[np.ndarray, "row col rgb"]
    box: Box
    smooth: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A map of numbers over a box, coloured by a scale; `opacity` 0 to 1 over what lies below.

    >>> heat = drawing.panels[0].layers[1]
    >>> heat.values.shape, heat.values.dtype.name, heat.scale.label  # (row col), one a patch
    ((10, 10), 'float32', 'contribution')
    """

    values: Float32[np.ndarray, "row col"]
    box: Box
    scale: ColorScale
    opacity: float = 1.0
    smooth: bool = False


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


@dataclass(frozen=True, slots=True)
class PixelSpace:
    """Positions are model pixels."""

    crop: Crop
    grid: TokenGrid


@dataclass(frozen=True, slots=True)
class TokenTiles:
    """Tiles in reading order, one a patch token, `cols` tiles a row, of `tile` (rows, cols) + gap.

    Where a tile is itself a small map over the grid (`inner`), a position inside it is a token too.
    """

    crop: Crop
    grid: TokenGrid
    cols: int
    tile: tuple[int, int]
    gap: int = 1
    inner: bool = False


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


Space = PixelSpace | TokenTiles | HeadTiles | LayerPairs | TokenPairs | TokenRows | Listed | None


@dataclass(frozen=True, slots=True)
class Aim:
    """What lies under a position in a panel; None where that is nothing.

    `token` is what hovering should show, `layer` and `head` what a click in an atlas chooses, `value`
    the raw number there, `words` the same said for the read-out. `spot` is the very point in model
    pixels, so that a finer grid beside this one can tell where in the patch it was.
    """

    token: int | None = None
    layer: int | None = None
    head: int | None = None
    value: float | None = None
    words: str = ""
    spot: Spot | None = None


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


@dataclass(frozen=True, slots=True)
class Drawing:
    """A view, drawn: rows of panels, with a title that says in words what is shown.

    >>> drawing.view, len(drawing.rows), len(drawing.panels)
    ('rollout', 1, 2)
    >>> {name: values.shape for name, values in drawing.arrays.items()}
    {'panel1': (10, 10), 'panel2': (2, 10, 10)}
    >>> dict(drawing.recipe)["token"], dict(drawing.recipe)["weights"]
    ('(7, 7)', 'untrained')

    `options` are those that were given, `recipe` the model, picture and selection it was made from
    in words, `made` the same exactly. `parts` are the drawings that a page was put together from,
    as its `sheet` says. `implied` says what options that were left empty stand for. `ranges` are
    (panel, low, high) of panels that are coloured in the range of drawings beside them instead of
    their own. `known` says in a sentence how the numbers, the places and the model are known:
    printed, not shown on screen, where a badge says it.
    """

    view: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    caption: str = ""
    options: tuple[tuple[str, str | float | int | bool | None], ...] = field(default=())
    recipe: tuple[tuple[str, str], ...] = ()
    made: Recipe | None = None
    parts: tuple[Drawing, ...] = ()
    sheet: PageRecipe | None = None
    implied: tuple[tuple[str, str], ...] = ()
    ranges: tuple[tuple[int, float, float], ...] = ()
    known: str = ""

    def __repr__(self) -> str:
        """In a line, for notebooks: its arrays would fill pages."""
        return f"<Drawing {self.view}: {self.title}, {len(self.panels)} panels>"

    @property
    def arrays(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """The numbers that are drawn, by the names that they have in a .npz of the drawing.

        One entry a map, atlas ("panel1": layer head row col) or list of bars; pictures are left out.
        """
        return {each.name: each.values for each in numbers(self)}

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, row by row."""
        return tuple(panel for row in self.rows for panel in row)


def aim(panel: Panel, row: float, col: float) -> Aim | None:
    """What a position in a panel means; None outside of everything that has a meaning."""
    match panel.space:
        case None:
            return None
        case PixelSpace() as space:
            return _aim_pixels(panel, space, Spot(row, col))
        case TokenTiles() as space:
            return _aim_tokens(panel, space, row, col)
        case HeadTiles() as space:
            return _aim_heads(panel, space, row, col)
        case LayerPairs() as space:
            return _aim_layers(panel, space, row, col)
        case TokenPairs() as space:
            return _aim_pairs(panel, space, row, col)
        case TokenRows() as space:
            return _aim_rows(panel, space, Spot(row, col))
        case Listed():
            return _aim_listed(panel, row, col)
        case _:
            assert_never(panel.space)


def _aim_pixels(panel: Panel, space: PixelSpace, spot: Spot) -> Aim | None:
    token = space.grid.at(spot)
    if token is None:
        return None
    value = None
    for layer in panel.layers:
        if isinstance(layer, Heat) and layer.box.contains(spot):
            rows, cols = layer.values.shape
            value = float(
                layer.values[
                    min(int((spot.row - layer.box.top) / layer.box.height * rows), rows - 1),
                    min(int((spot.col - layer.box.left) / layer.box.width * cols), cols - 1),
                ]
            )
    if panel.query and value is not None and np.isfinite(value):
        words = f"{_asked(panel, space.grid, token)}: {_number(value, panel.bar)}"
    else:
        words = _words(space.grid, token, value, panel.bar, spot)
    return Aim(token=token, value=value, words=words, spot=spot)


def _tile(position: float, size: int, gap: int) -> tuple[int, int] | None:
    """(tile, cell inside it) on one axis; None in the gap or before the first tile."""
    tile, inside = divmod(position, size + gap)
    return None if position < 0 or inside >= size else (int(tile), int(inside))


def _aim_tokens(panel: Panel, space: TokenTiles, row: float, col: float) -> Aim | None:
    down, across = _tile(row, space.tile[0], space.gap), _tile(col, space.tile[1], space.gap)
    if down is None or across is None or across[0] >= space.cols:
        return None
    patch = down[0] * space.cols + across[0]
    if patch >= space.grid.rows * space.grid.cols:
        return None
    token = patch + len(space.grid.prefix)
    if not space.inner:
        inside = (row % (space.tile[0] + space.gap)) / space.tile[0]
        across_it = (col % (space.tile[1] + space.gap)) / space.tile[1]
        spot = _inside(space.grid.box(token), inside, across_it)
        return Aim(token=token, words=_words(space.grid, token, None, None), spot=spot)
    value = _tile_value(panel, down, across)
    other = space.grid.token(down[1], across[1])
    words = f"{space.grid.name(token)} and {space.grid.name(other)}"
    middle = _inside(space.grid.box(token), 0.5, 0.5)
    return Aim(token=token, value=value, words=_valued(words, value, panel.bar), spot=middle)


def _aim_heads(panel: Panel, space: HeadTiles, row: float, col: float) -> Aim | None:
    down = _tile(row, space.grid.rows, space.gap)
    across = _tile(col, space.grid.cols, space.gap)
    if down is None or across is None or down[0] >= space.layers:
        return None
    if across[0] >= space.heads[down[0]]:
        return None
    token = space.grid.token(down[1], across[1])
    value = _tile_value(panel, down, across)
    layer = down[0] if space.by_layer else None
    head = across[0] + (0 if space.by_layer else sum(space.heads[: down[0]]))
    called = space.numbers[down[0]] if space.numbers else down[0] + 1
    where = f"head {head + 1}" if layer is None else f"layer {called} head {head + 1}"
    words = f"{where} · {_asked(panel, space.grid, token)}"
    inside = Spot(
        row % (space.grid.rows + space.gap) * space.grid.cell[0] + space.grid.corner[0],
        col % (space.grid.cols + space.gap) * space.grid.cell[1] + space.grid.corner[1],
    )
    return Aim(token, layer, head, value, _valued(words, value, panel.bar), inside)


def _aim_layers(panel: Panel, space: LayerPairs, row: float, col: float) -> Aim | None:
    if not (0 <= row < space.layers and 0 <= col < space.others):
        return None
    layer, other = int(row), int(col)
    heat = next((each for each in panel.layers if isinstance(each, Heat)), None)
    value = None if heat is None else float(heat.values[layer, other])
    words = f"{space.names[0]} layer {layer + 1}, {space.names[1]} layer {other + 1}"
    return Aim(layer=layer, value=value, words=_valued(words, value, panel.bar))


def _aim_pairs(panel: Panel, space: TokenPairs, row: float, col: float) -> Aim | None:
    count = space.grid.rows * space.grid.cols
    if not (0 <= row < count and 0 <= col < count):
        return None
    query, key = (int(each) + len(space.grid.prefix) for each in (row, col))
    heat = next((each for each in panel.layers if isinstance(each, Heat)), None)
    value = None if heat is None else float(heat.values[int(row), int(col)])
    words = _valued(f"{space.grid.name(query)} → {space.grid.name(key)}", value, panel.bar)
    return Aim(query, value=value, words=words, spot=_inside(space.grid.box(query), 0.5, 0.5))


def _aim_rows(panel: Panel, space: TokenRows, spot: Spot) -> Aim | None:
    token = space.token_at(spot)
    if token is None:
        return None
    value, where = None, ""
    for layer in panel.layers:
        if isinstance(layer, Heat) and layer.box.contains(spot):
            rows, cols = layer.values.shape
            row = min(int((spot.row - layer.box.top) / layer.box.height * rows), rows - 1)
            col = min(int((spot.col - layer.box.left) / layer.box.width * cols), cols - 1)
            value, where = float(layer.values[row, col]), f", number {col + 1} of {cols}"
    words = _valued(_words(space.grid, token, None, None) + where, value, panel.bar)
    return Aim(token, value=value, words=words, spot=_inside(space.grid.box(token), 0.5, 0.5))


def _aim_listed(panel: Panel, row: float, col: float) -> Aim | None:
    extent = panel.extent
    match panel.layers:
        case (Plot() as plot, *_):
            found = plot.near(
                (col - extent.left) / extent.width, (extent.bottom - row) / extent.height
            )
            if found is None:
                return None
            whose, value = found
            words = f"{whose.words}: {value:.4g} · {plot.y.label}"
            return Aim(layer=whose.layer, head=whose.head, value=value, words=words)
        case (Table() as table, *_) if 1 <= row < len(table.whose) + 1:
            one = table.whose[int(row) - 1]
            return Aim(layer=one.layer, head=one.head, words=one.words)
        case _:
            return None


def _inside(box: Box | None, down: float, across: float) -> Spot | None:
    """The point at these shares of a box."""
    if box is None:
        return None
    return Spot(box.top + down * box.height, box.left + across * box.width)


def _tile_value(panel: Panel, down: tuple[int, int], across: tuple[int, int]) -> float | None:
    for layer in panel.layers:
        if isinstance(layer, HeatTiles):
            return float(layer.values[down[0], across[0], down[1], across[1]])
    return None


def _asked(panel: Panel, grid: TokenGrid, token: int) -> str:
    """The token, after the one that the map was drawn for."""
    name = grid.name(token)
    return f"{panel.query} {panel.arrow} {name}" if panel.query else name


def _words(
    grid: TokenGrid,
    token: int,
    value: float | None,
    bar: ColorScale | None,
    spot: Spot | None = None,
) -> str:
    word = None if spot is None or grid.words is None else grid.word_at(spot)
    within = "" if word is None or grid.words is None else f" word {divmod(word, grid.words[1])}"
    return _valued(f"token {token} {grid.name(token)}{within}", value, bar)


def _valued(words: str, value: float | None, bar: ColorScale | None) -> str:
    if value is None or not np.isfinite(value):
        return words
    return f"{words} · {_number(value, bar)}"


def _number(value: float, bar: ColorScale | None) -> str:
    unit = f" {bar.unit}" if bar is not None and bar.unit else ""
    return f"{value:.4g}{unit}"


@dataclass(frozen=True, slots=True, eq=False)
class DrawingNumbers:
    """One array that is drawn: its name, its axes in order, and what its numbers are."""

    name: str
    axes: tuple[str, ...]
    values: Float32[np.ndarray, "..."]
    title: str
    scale: ColorScale | None = None
    names: tuple[str, ...] = ()
    """What stands at each place of the first axis, where that has a name."""


def numbers(drawing: Drawing) -> tuple[DrawingNumbers, ...]:
    """Every map, atlas and list of bars of a drawing; pictures are left out."""
    return tuple(
        found
        for at, panel in enumerate(drawing.panels, start=1)
        for found in _of_panel(panel, f"panel{at}")
    )


def _of_panel(panel: Panel, name: str) -> Iterator[DrawingNumbers]:
    count = 0
    for layer in panel.layers:
        if not isinstance(layer, Heat | HeatTiles | Bars | Plot):
            continue
        count += 1
        own = name if count == 1 else f"{name}_{count}"
        match layer:
            case Heat():
                yield DrawingNumbers(own, _heat_axes(panel), layer.values, panel.title, layer.scale)
            case HeatTiles():
                axes, values = _tiles(panel, layer)
                yield DrawingNumbers(own, axes, values, panel.title, layer.scale)
            case Bars():
                values = np.array(layer.values, np.float32)
                yield DrawingNumbers(own, ("name",), values, panel.title, names=layer.names)
            case Plot():
                for at, curve in enumerate(layer.curves, start=1):
                    both = np.stack([curve.x, curve.y], axis=-1).astype(np.float32)
                    title = f"{panel.title}: {curve.name or layer.y.label}"
                    whose = tuple(each.words for each in curve.whose)
                    yield DrawingNumbers(
                        f"{own}_curve{at}", ("point", "side"), both, title, names=whose
                    )
            case _:
                assert_never(layer)


def _heat_axes(panel: Panel) -> tuple[str, ...]:
    match panel.space:
        case LayerPairs():
            return "layer", "other_layer"
        case TokenPairs():
            return "query", "key"
        case _:
            return "row", "col"


def _tiles(panel: Panel, tiles: HeatTiles) -> tuple[tuple[str, ...], np.ndarray]:
    match panel.space:
        case HeadTiles(by_layer=True):
            return ("layer", "head", "row", "col"), tiles.values
        case HeadTiles() as space:
            heads = rearrange(tiles.values, "line head row col -> (line head) row col")
            return ("head", "row", "col"), heads[: sum(space.heads)]
        case TokenTiles() as space:
            patches = rearrange(tiles.values, "down across row col -> (down across) row col")
            return ("patch", "row", "col"), patches[: space.grid.rows * space.grid.cols]
        case _:
            return ("tile_row", "tile_col", "row", "col"), tiles.values
