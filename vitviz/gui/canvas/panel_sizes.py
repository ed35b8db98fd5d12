"""How large panels are: the height of what is said around them, and the shape of an atlas."""

from __future__ import annotations

import math
from functools import cache

from PySide6.QtGui import QFontMetrics

from vitviz.core.data.drawing import Bars, Message, Panel
from vitviz.core.data.plots import Table
from vitviz.core.drawings.folded_atlas import folded, folds
from vitviz.gui.canvas.legend import (
    TITLE_LINES,
    bar_font,
    bar_height,
    facts_font,
    facts_lines,
    title_font,
)
from vitviz.gui.canvas.message_widget import message_height
from vitviz.gui.canvas.table_widget import table_height
from vitviz.gui.widgets.fitting_labels import wrapped
from vitviz.gui.widgets.theme import UNIT

Room = tuple[int, int]
SQUARE = 1.2
"""The shape that a folded atlas comes near to in a card that is as high as it needs."""
SLIGHTLY = 1.1
"""How much larger maps must get for an atlas to be folded or turned."""


def shape_key(row: tuple[Panel, ...]) -> object:
    """What the shapes of a row's panels depend on."""
    return tuple(
        (panel.extent, panel.weight, panel.title == "", panel.bar is None, len(panel.facts))
        for panel in row
    )


def fitting_blocks(row: tuple[Panel, ...], at: int, room: Room | None) -> int:
    """Into how many blocks a row's atlas is folded, or whether it is turned, so that most of the room
    is filled; without a room, so that it is nearly square. As the view has it where that is as good.
    """
    tried = {blocks: folded(row[at], blocks) for blocks in folds(row[at])}
    if room is None:
        return min(tried, key=lambda blocks: abs(math.log(_shape(tried[blocks]) / SQUARE)))
    rows = {blocks: (*row[:at], panel, *row[at + 1 :]) for blocks, panel in tried.items()}
    filled = {blocks: _filled(row, room) for blocks, row in rows.items()}
    best = max(filled, key=lambda blocks: filled[blocks])
    return 1 if filled[best] < SLIGHTLY * filled[1] else best


def _filled(row: tuple[Panel, ...], room: Room) -> float:
    """How large the maps of a row are in a room: the product of their scales, so that twice the size
    of small tiles counts as much as twice the size of the large map beside them.
    """
    shares = [share_of(panel) for panel in row]
    inside = room[0] - UNIT * (len(row) - 1)
    scale = 1.0
    for panel, share in zip(row, shares, strict=True):
        width = max(inside * share // sum(shares), 1)
        height = max(room[1] - words_height(panel, width), 1)
        scale *= min(width / panel.extent.width, height / panel.extent.height)
    return scale


def _shape(panel: Panel) -> float:
    return panel.extent.width / panel.extent.height


def share_of(panel: Panel) -> int:
    """A panel's share of its row's width: panels of one height are as wide as their shape says."""
    shape = panel.extent.width / panel.extent.height if panel.extent.height > 0 else 1.0
    return max(round(100 * panel.weight * min(max(shape, 0.4), 6.0)), 1)


def needed_height(row: tuple[Panel, ...], width: int) -> int:
    """The height of a row of panels at a width, with their titles, colour bars and numbers."""
    shares = [share_of(panel) for panel in row]
    inside = width - UNIT * (len(row) - 1)
    return max(
        _panel_height(panel, inside * share // sum(shares))
        for panel, share in zip(row, shares, strict=True)
    )


def _panel_height(panel: Panel, width: int) -> int:
    around = words_height(panel, width)
    match panel.layers:
        case (Bars() as bars, *_):
            return around + 24 * len(bars.names)
        case (Message() as message, *_):
            return around + message_height(message, width)
        case (Table() as table, *_):
            return around + table_height(table)
        case _:
            extent = panel.extent
            shape = extent.width / extent.height if extent.height > 0 else 1.0
            return around + round(width / max(shape, 0.4))


@cache
def _metrics() -> tuple[QFontMetrics, QFontMetrics, QFontMetrics]:
    """How wide and high titles, bars and facts are written."""
    return QFontMetrics(title_font()), QFontMetrics(bar_font()), QFontMetrics(facts_font())


def words_height(panel: Panel, width: int) -> int:
    """The height of all that is said around a panel's map at a width."""
    title, bar, facts = _metrics()
    heights = [
        len(wrapped(panel.title, title, width, TITLE_LINES)) * title.lineSpacing()
        if panel.title
        else 0,
        bar_height(panel.bar, bar, width) if panel.bar else 0,
        facts_lines(panel.facts, facts, width) * facts.lineSpacing(),
    ]
    return sum(height + 4 for height in heights if height)
