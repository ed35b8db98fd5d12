"""How the maps of a drawing stand in a card: beside each other, below each other, or one large."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Literal

from vitviz.core.data.drawing import Bars, Drawing, HeadTiles, Message, Panel
from vitviz.core.data.plots import Plot, Table
from vitviz.core.drawings.folded_atlas import can_fold, folded, folds
from vitviz.gui.widgets.theme import UNIT

PanelStand = Literal["rows", "beside", "single"]
"""As the view has them; the first with the others in a column beside it; each in a line of its own."""

GAIN = 1.15
"""How much more area another way must give to be taken."""

Words = Callable[[Panel, int], int]
"""The height of all that is said around a panel at a width."""


def fitting_stand(drawing: Drawing, width: int, height: int, words: Words) -> PanelStand:
    """The way in which a single row of maps is largest in a card of that size."""
    if len(drawing.rows) != 1 or len(drawing.rows[0]) < 2 or min(width, height) < 200:
        return "rows"
    row = drawing.rows[0]
    if not all(_is_plain_map(panel) for panel in row):
        return "rows"
    best: PanelStand = "rows"
    shapes = _shapes(row)
    gain = GAIN if len(shapes) < 2 else GAIN ** (len(row) / 2)  # of lengths instead of areas
    most = gain * max(_size(one, _in_a_row(one, width, height, words)) for one in shapes.values())
    lines = max(_size(one, _in_lines(one, width, height, words)) for one in shapes.values())
    ways: list[tuple[PanelStand, float]] = [("single", lines)]
    if len(row) > 2:
        ways.append(("beside", _size(row, _beside(row, width, height, words))))
    for way, size in ways:
        if size > most:
            best, most = way, size
    return best


def blocks_in_lines(row: tuple[Panel, ...], width: int, height: int, words: Words) -> int:
    """Into how many blocks the atlas of a row is folded whose panels stand below each other."""
    shapes = _shapes(row)

    def size(blocks: int) -> float:
        return _size(shapes[blocks], _in_lines(shapes[blocks], width, height, words))

    return max(shapes, key=size)


def _shapes(row: tuple[Panel, ...]) -> dict[int, tuple[Panel, ...]]:
    """The row with its atlas in every shape that it can have, by the number of its blocks."""
    at = next((at for at, panel in enumerate(row) if can_fold(panel)), None)
    if at is None:
        return {1: row}
    return {
        blocks: (*row[:at], folded(row[at], blocks), *row[at + 1 :]) for blocks in folds(row[at])
    }


def beside_shares(row: tuple[Panel, ...]) -> tuple[int, list[int]]:
    """Of 1000: the first panel's share of the width, and of each other one of the column's height."""
    others = [1 / _shape(panel) for panel in row[1:]]
    total = sum(others)
    left = _shape(row[0]) * total / (1 + _shape(row[0]) * total)
    return round(1000 * left), [round(1000 * each / total) for each in others]


def _is_plain_map(panel: Panel) -> bool:
    return bool(panel.layers) and not any(
        isinstance(layer, Bars | Message | Plot | Table) for layer in panel.layers
    )


def _shape(panel: Panel) -> float:
    extent = panel.extent
    shape = extent.width / extent.height if extent.height > 0 else 1.0
    return min(max(shape, 0.2), 8.0)


def _size(row: tuple[Panel, ...], widths: list[float]) -> float:
    """How large maps of these widths are together: the area that they cover, by their weights.

    With an atlas the product of their scales, so that twice the size of its small tiles counts as much
    as twice the size of the large map beside it.
    """
    if any(can_fold(panel) or _is_folded(panel) for panel in row):
        return prod(width / panel.extent.width for panel, width in zip(row, widths, strict=True))
    return sum(
        panel.weight * width * width / _shape(panel)
        for panel, width in zip(row, widths, strict=True)
    )


def _is_folded(panel: Panel) -> bool:
    return isinstance(panel.space, HeadTiles) and bool(panel.space.fold or panel.space.turned)


def _width(panel: Panel, width: float, height: float, words: Words) -> float:
    """How wide a panel's map is in a place of that size."""
    room = height - words(panel, max(round(width), 1))
    return min(width, max(room, 1) * _shape(panel))


def _in_a_row(row: tuple[Panel, ...], width: int, height: int, words: Words) -> list[float]:
    inside = width - UNIT * (len(row) - 1)
    shares = [panel.weight * min(max(_shape(panel), 0.4), 6.0) for panel in row]
    return [
        _width(panel, inside * share / sum(shares), height, words)
        for panel, share in zip(row, shares, strict=True)
    ]


def _in_lines(row: tuple[Panel, ...], width: int, height: int, words: Words) -> list[float]:
    inside = height - UNIT * (len(row) - 1)
    total = sum(1 / _shape(panel) for panel in row)
    return [_width(panel, width, inside / _shape(panel) / total, words) for panel in row]


def _beside(row: tuple[Panel, ...], width: int, height: int, words: Words) -> list[float]:
    left, shares = beside_shares(row)
    inside = width - UNIT
    column, room = inside * (1 - left / 1000), height - UNIT * (len(row) - 2)
    return [
        _width(row[0], inside * left / 1000, height, words),
        *(
            _width(panel, column, room * share / 1000, words)
            for panel, share in zip(row[1:], shares, strict=True)
        ),
    ]
