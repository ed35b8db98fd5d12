"""The atlas of layers and heads, folded so that it has the shape of the room there is for it."""

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


def can_fold(panel: Panel) -> bool:
    """Whether a panel is an atlas of layers (down) and heads (across) that may be folded."""
    space = panel.space
    return (
        isinstance(space, HeadTiles)
        and space.by_layer
        and not space.fold
        and all(isinstance(layer, HeatTiles | Labels | Outlines) for layer in panel.layers)
    )


def folds(panel: Panel) -> range:
    """Into how many blocks of layers it could be folded."""
    assert isinstance(panel.space, HeadTiles)
    return range(1, panel.space.layers + 1)


def folded(panel: Panel, blocks: int) -> Panel:
    """The same panel with its layers in so many blocks side by side, each read downwards; a tile's
    width lies between two blocks. What is pointed at stays what it was.
    """
    space = panel.space
    assert isinstance(space, HeadTiles)
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
