"""The atlas of layers and heads, folded or turned so that it has the shape of its room."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from vitviz.core.data.drawing import (
    DrawnLayer,
    HeadTiles,
    HeatTiles,
    Label,
    Labels,
    Outlines,
    Panel,
)
from vitviz.core.data.geometry import Box, Spot

_ABOVE, _BESIDE, _DIGIT = 0.1, 0.04, 0.035
"""Room for the numbers, in shares of the longer side."""

TURNED = 0
"""Said instead of a number of blocks."""


def can_fold(panel: Panel) -> bool:
    """Whether a panel is an atlas of layers (down) and heads (across) that may be folded."""
    space = panel.space
    return (
        isinstance(space, HeadTiles)
        and space.by_layer
        and not (space.fold or space.turned)
        and all(isinstance(layer, HeatTiles | Labels | Outlines) for layer in panel.layers)
    )


def folds(panel: Panel) -> tuple[int, ...]:
    """Into how many blocks of layers it could be folded, the plain one first; `TURNED` last."""
    assert isinstance(panel.space, HeadTiles)
    return (*range(1, panel.space.layers + 1), TURNED)


def folded(panel: Panel, blocks: int) -> Panel:
    """The same panel with its layers in so many blocks side by side, each read downwards; a tile's
    width lies between two blocks. What is pointed at stays what it was. In `TURNED` blocks layers go
    across and heads down.
    """
    space = panel.space
    assert isinstance(space, HeadTiles)
    if blocks == TURNED:
        return _turned(panel, space)
    fold = _Fold(space, ceil(space.layers / blocks))
    if fold.blocks < 2:
        return panel
    size = fold.size
    longest = max(size)
    digits = max((len(label.text) for label in _beside(panel)), default=1)
    left = (_BESIDE + _DIGIT * digits) * longest
    extent = Box(-_ABOVE * longest, -left, size[0], size[1])
    title = panel.title.replace("layers down", "layers down, then right")
    return replace(
        panel,
        layers=tuple(_layer(layer, fold) for layer in panel.layers),
        extent=extent,
        title=title,
        space=replace(space, fold=fold.lines),
        weight=min(max(extent.width / extent.height, 0.7), 1.0),
    )


def _turned(panel: Panel, space: HeadTiles) -> Panel:
    turn = _Turn(space)
    longest = max(turn.size)
    digits = len(str(turn.heads))
    extent = Box(-_ABOVE * longest, -(_BESIDE + _DIGIT * digits) * longest, *turn.size)
    return replace(
        panel,
        layers=tuple(turn.layer(layer) for layer in panel.layers),
        extent=extent,
        title=panel.title.replace("layers down, heads across", "layers across, heads down"),
        space=replace(space, turned=True),
        weight=min(max(extent.width / extent.height, 0.7), 1.0),
    )


class _Turn:
    """Where a tile goes whose layer is counted across and whose head is counted down."""

    def __init__(self, space: HeadTiles) -> None:
        self.heads, self.layers = max(1, *space.heads, 1), space.layers
        self.tile = space.grid.rows, space.grid.cols
        self.pitch = self.tile[0] + space.gap, self.tile[1] + space.gap
        self.gap = space.gap

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of all tiles together."""
        return self.heads * self.pitch[0] - self.gap, self.layers * self.pitch[1] - self.gap

    def layer(self, layer: DrawnLayer) -> DrawnLayer:
        """A layer of the atlas."""
        match layer:
            case HeatTiles():
                values = np.ascontiguousarray(layer.values.swapaxes(0, 1))
                return replace(layer, values=values, low=layer.low.T, high=layer.high.T)
            case Labels():
                return replace(layer, labels=tuple(self._label(one) for one in layer.labels))
            case Outlines():
                return replace(layer, boxes=tuple(self._box(box) for box in layer.boxes))
            case _:
                raise TypeError(f"{type(layer).__name__} stands in no atlas")

    def _label(self, label: Label) -> Label:
        """What stood beside a line stands above a column, as far away as the other did."""
        if label.anchor == "right":
            which = int(label.at.row // self.pitch[0])
            at = Spot(label.at.col, which * self.pitch[1] + self.tile[1] / 2)
            return replace(label, at=at, anchor="bottom")
        which = int(label.at.col // self.pitch[1])
        return replace(
            label, at=Spot(which * self.pitch[0] + self.tile[0] / 2, label.at.row), anchor="right"
        )

    def _box(self, box: Box) -> Box:
        first = box.top / self.pitch[0], box.left / self.pitch[1]
        last = (
            (box.bottom - self.tile[0]) / self.pitch[0],
            (box.right - self.tile[1]) / self.pitch[1],
        )
        return Box(
            first[1] * self.pitch[0],
            first[0] * self.pitch[1],
            last[1] * self.pitch[0] + self.tile[0],
            last[0] * self.pitch[1] + self.tile[1],
        )


class _Fold:
    """Where a layer's tiles go: `lines` layers below each other in each block."""

    def __init__(self, space: HeadTiles, lines: int) -> None:
        self.lines, self.heads = lines, max(1, *space.heads, 1)
        self.layers, self.blocks = space.layers, ceil(space.layers / lines)
        self.pitch = space.grid.rows + space.gap, space.grid.cols + space.gap
        self.gap = space.gap

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of all tiles together."""
        across = self.blocks * (self.heads + 1) - 1
        return self.lines * self.pitch[0] - self.gap, across * self.pitch[1] - self.gap

    def moved(self, row: float) -> tuple[float, float]:
        """How far down and right what belongs to the layer at a row goes."""
        layer = min(max(int(row // self.pitch[0]), 0), self.layers - 1)
        block, line = divmod(layer, self.lines)
        return (line - layer) * self.pitch[0], block * (self.heads + 1) * self.pitch[1]


def _beside(panel: Panel) -> list[Label]:
    found = [layer for layer in panel.layers if isinstance(layer, Labels)]
    return [label for layer in found for label in layer.labels if label.anchor == "right"]


def _layer(layer: DrawnLayer, fold: _Fold) -> DrawnLayer:
    match layer:
        case HeatTiles():
            return _tiles(layer, fold)
        case Labels():
            return _labels(layer, fold)
        case Outlines():
            return replace(layer, boxes=tuple(_box(box, fold) for box in layer.boxes))
        case _:
            raise TypeError(f"{type(layer).__name__} stands in no atlas")


def _tiles(tiles: HeatTiles, fold: _Fold) -> HeatTiles:
    layers, heads, rows, cols = tiles.values.shape
    across = fold.blocks * (heads + 1) - 1
    values = np.full((fold.lines, across, rows, cols), np.nan, np.float32)
    low = np.full((fold.lines, across), np.nanmin(tiles.low), np.float32)
    high = np.full((fold.lines, across), np.nanmax(tiles.high), np.float32)
    for block in range(fold.blocks):
        some = slice(block * fold.lines, min((block + 1) * fold.lines, layers))
        there = slice(block * (heads + 1), block * (heads + 1) + heads)
        count = some.stop - some.start
        for whole, part in ((values, tiles.values), (low, tiles.low), (high, tiles.high)):
            whole[:count, there] = part[some]
    return replace(tiles, values=values, low=low, high=high)


def _labels(labels: Labels, fold: _Fold) -> Labels:
    """A layer's number goes with its layer; the heads' numbers stand above every block."""
    found = []
    for label in labels.labels:
        if label.anchor == "right":
            down, right = fold.moved(label.at.row)
            found.append(replace(label, at=Spot(label.at.row + down, label.at.col + right)))
            continue
        for block in range(fold.blocks):
            col = label.at.col + block * (fold.heads + 1) * fold.pitch[1]
            found.append(replace(label, at=Spot(label.at.row, col)))
    return replace(labels, labels=tuple(found))


def _box(box: Box, fold: _Fold) -> Box:
    down, right = fold.moved((box.top + box.bottom) / 2)
    return Box(box.top + down, box.left + right, box.bottom + down, box.right + right)
