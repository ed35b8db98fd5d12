"""How the maps of a drawing stand in a card: beside each other, below each other, or one large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from vitviz.core.data.drawing import Bars, Drawing, Message, Panel
from vitviz.core.data.plots import Plot, Table
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
    most = GAIN * _in_a_row(row, width, height, words)
    ways: list[tuple[PanelStand, float]] = [("single", _in_lines(row, width, height, words))]
    if len(row) > 2:
        ways.append(("beside", _beside(row, width, height, words)))
    for way, area in ways:
        if area > most:
            best, most = way, area
    return best


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


def _area(panel: Panel, width: float, height: float, words: Words) -> float:
    """What a panel covers in a place of that size, by its weight."""
    room = height - words(panel, max(round(width), 1))
    across = min(width, max(room, 0) * _shape(panel))
    return panel.weight * across * across / _shape(panel)


def _in_a_row(row: tuple[Panel, ...], width: int, height: int, words: Words) -> float:
    inside = width - UNIT * (len(row) - 1)
    shares = [panel.weight * min(max(_shape(panel), 0.4), 6.0) for panel in row]
    return sum(
        _area(panel, inside * share / sum(shares), height, words)
        for panel, share in zip(row, shares, strict=True)
    )


def _in_lines(row: tuple[Panel, ...], width: int, height: int, words: Words) -> float:
    inside = height - UNIT * (len(row) - 1)
    total = sum(1 / _shape(panel) for panel in row)
    return sum(_area(panel, width, inside / _shape(panel) / total, words) for panel in row)


def _beside(row: tuple[Panel, ...], width: int, height: int, words: Words) -> float:
    left, shares = beside_shares(row)
    inside = width - UNIT
    column, room = inside * (1 - left / 1000), height - UNIT * (len(row) - 2)
    return _area(row[0], inside * left / 1000, height, words) + sum(
        _area(panel, column, room * share / 1000, words)
        for panel, share in zip(row[1:], shares, strict=True)
    )
