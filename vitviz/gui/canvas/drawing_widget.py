"""A drawing on screen: its panels in rows, kept and updated while their number stays the same."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from vitviz.core.data.drawing import Bars, Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Plot, Table
from vitviz.core.drawings.folded_atlas import can_fold, folded, folds
from vitviz.gui.canvas.legend import (
    TITLE_LINES,
    bar_font,
    bar_height,
    facts_font,
    facts_lines,
    title_font,
)
from vitviz.gui.canvas.message_widget import message_height
from vitviz.gui.canvas.panel_fitting import PanelStand, beside_shares, fitting_stand
from vitviz.gui.canvas.table_widget import table_height, table_width
from vitviz.gui.canvas.zoom import seen_of, window_of
from vitviz.gui.widgets.fitting_labels import wrapped
from vitviz.gui.widgets.theme import UNIT

if TYPE_CHECKING:
    from vitviz.gui.canvas.panel_widget import PanelWidget, PointedPlace

Room = tuple[int, int]
Arrangement = Literal["rows", "fitting", "stacked", "single", "first"]
SQUARE = 1.2
"""The shape that a folded atlas comes near to in a card that is as high as it needs."""
SHORT = 6
"""Lines of a table that is to be seen whole."""
LOW = 4.5
"""So many times wider than it is high a card has all its panels beside each other."""
NARROW = 60
"""Pixels that a panel can do with in a narrow column."""


PanelRows = tuple[tuple[Panel, ...], ...]


class DrawingWidget(QWidget):
    """Paints a `Drawing` and passes on what the mouse points at."""

    hovered = Signal(object)
    clicked = Signal(object)
    read = Signal(object)
    brushed = Signal(object)
    double_clicked = Signal()
    panel_double_clicked = Signal(int)
    """Which panel, in reading order."""
    zoomed = Signal(int, object)
    """Which panel, and the window of it in shares that other panels understand."""
    painted = Signal()
    """A new drawing has been handed to the painter."""
    grew = Signal()
    """Words of a panel need more room than they had."""

    def __init__(self) -> None:
        super().__init__()
        self._drawing: Drawing | None = None
        self._chosen: tuple[Drawing, PanelRows] | None = None
        self._rows: list[list[PanelWidget]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._body: QSplitter | None = None
        self._shape: list[list[int]] = []
        self._arrangement: Arrangement = "rows"
        self._shared: tuple[QSplitter | None, list[int]] = (None, [])
        self._blocks: dict[object, int] = {}
        self._stand: PanelStand = "rows"
        self._turning = QTimer(self)
        self._turning.setSingleShot(True)
        self._turning.setInterval(0)
        self._turning.timeout.connect(self._turn)
        self._divided = True
        """Whether the height is divided by what the rows need, not by hand or from outside."""

    @property
    def shape(self) -> list[list[int]]:
        """The panels' shares of the width, row by row: what the room they need depends on."""
        return self._shape

    def arrange(self, arrangement: Arrangement) -> None:
        """Has panels as the view wants them, or as they are largest, the large ones below each other,
        each in a line of its own, or the first of them alone; they are built so by the next
        `show_drawing`.
        """
        self._arrangement = arrangement

    def must_build(self, drawing: Drawing) -> bool:
        """Whether showing it takes new panels: some 10 ms each, so not many at once."""
        return self._shape_of(self._arranged(drawing)) != self._shape

    def _shape_of(self, rows: tuple[tuple[Panel, ...], ...]) -> list[list[int]]:
        return [[_share(panel) for panel in row] for row in rows]

    def heights_at(self, width: int) -> list[int]:
        """The height that each row of panels needs at a width to be as large as it lets them."""
        return (
            [_needed(row, width) for row in self._arranged(self._drawing)] if self._drawing else []
        )

    def share_out(self, heights: list[int]) -> None:
        """Divides the height between the rows of panels."""
        if self._body is not None and self._shared != (self._body, heights):
            self._shared, self._divided = (self._body, heights), False
            self._body.setSizes(heights)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Divides the new height between the rows of panels."""
        super().resizeEvent(event)
        if self._drawing is not None and self._stands_otherwise(self._drawing):
            self._turning.start()
        self._divide()

    def _turn(self) -> None:
        """Another size has room for the panels in another way."""
        if self._drawing is not None and self._stands_otherwise(self._drawing):
            self.show_drawing(self._drawing)

    def _stands_otherwise(self, drawing: Drawing) -> bool:
        """Whether its panels have another place or shape in this size than they have."""
        return self._fitting(drawing) != self._stand or self.must_build(drawing)

    def _fitting(self, drawing: Drawing) -> PanelStand:
        """How its panels are to stand."""
        if self._arrangement != "fitting":
            return "rows"
        return fitting_stand(drawing, self.width(), self.height(), words_height)

    def _divide(self) -> None:
        """Gives each row what it needs; the rest goes to one that fills any height, else the last."""
        if not self._divided or self._body is None or self._drawing is None:
            return
        needs, rows = self.heights_at(self.width()), self._arranged(self._drawing)
        if len(needs) < 2:
            return
        spare = self.height() - sum(needs) - UNIT * (len(needs) - 1)
        if spare > 0:
            filling = [at for at, row in enumerate(rows) if any(map(_fills, row))]
            needs[filling[0] if filling else -1] += spare
        else:
            yielding = sum(need for need, row in zip(needs, rows, strict=True) if not _firm(row))
            share = max(1 + spare / yielding, 0.2) if yielding else 1.0
            needs = [
                need if _firm(row) else round(need * share)
                for need, row in zip(needs, rows, strict=True)
            ]
        self._body.setSizes(needs)

    def _moved(self) -> None:
        """Somebody has divided the height by hand: it stays so."""
        self._divided = False

    def _arranged(self, drawing: Drawing) -> tuple[tuple[Panel, ...], ...]:
        """The rows of panels; atlases have the shape of their room, or of a card that is as high as it
        needs."""
        rows = self._in_rows(drawing)
        if not any(can_fold(panel) for row in rows for panel in row):
            return rows
        room = (
            (self.width(), self.height() // len(rows))
            if self._arrangement in ("rows", "fitting")
            else None
        )
        return tuple(self._fitted(row, room) for row in rows)

    def _fitted(self, row: tuple[Panel, ...], room: Room | None) -> tuple[Panel, ...]:
        """A row whose atlas is folded as its room wants it: found once, as long as shapes stay."""
        at = next((at for at, panel in enumerate(row) if can_fold(panel)), -1)
        if at < 0:
            return row
        key = (room, at, tuple((panel.extent, panel.weight, panel.title == "") for panel in row))
        if key not in self._blocks:
            self._blocks = {
                **dict(list(self._blocks.items())[-20:]),
                key: fitting_blocks(row, at, room),
            }
        return (*row[:at], folded(row[at], self._blocks[key]), *row[at + 1 :])

    def _is_low(self, drawing: Drawing) -> bool:
        """Whether rows of panels would be too low here, beside free space."""
        return len(drawing.rows) > 1 and self.width() > LOW * self.height()

    def _in_rows(self, drawing: Drawing) -> tuple[tuple[Panel, ...], ...]:
        match self._arrangement:
            case "rows" | "fitting" if self._is_low(drawing):
                return (drawing.panels,)
            case "fitting" if self._fitting(drawing) == "single":
                return tuple((panel,) for panel in drawing.panels)
            case "rows" | "fitting":
                return drawing.rows
            case "stacked":
                return tuple(line for row in drawing.rows for line in _stacked(row))
            case "single":
                return tuple((panel,) for panel in drawing.panels)
            case "first":
                maps = [panel for panel in drawing.panels if not _is_message(panel)]
                return (((maps or list(drawing.panels))[0],),)

    @property
    def drawing(self) -> Drawing | None:
        """What is shown."""
        return self._drawing

    @property
    def panels(self) -> list[PanelWidget]:
        """The panels' widgets, row by row."""
        return [panel for row in self._rows for panel in row]

    def show_drawing(self, drawing: Drawing) -> None:
        """Replaces what is shown."""
        rows = self._arranged(drawing)
        shape, stand = self._shape_of(rows), self._fitting(drawing)
        new = (shape, stand) != (self._shape, self._stand)
        if new:
            self._shape, self._stand = shape, stand
            self._build(rows)
        self._drawing = drawing
        self._remember_chosen(drawing, rows)
        panels = [panel for row in rows for panel in row]
        for widget, panel, chosen in zip(
            self.panels, panels, self._chosen_panels(rows), strict=True
        ):
            widget.read_from(chosen)
            if widget.panel is not panel:
                widget.show_panel(panel)
        if new:
            self._divide()
        self.painted.emit()

    def _remember_chosen(self, drawing: Drawing, rows: PanelRows) -> None:
        """Keeps the drawing for the chosen token while this one previews another, as long as nothing
        but the token under the cursor differs.
        """
        made = drawing.made
        if made is None or made.selection.hover is None:
            self._chosen = drawing, rows
        elif self._chosen is not None:
            same = replace(made, selection=replace(made.selection, hover=None))
            if self._chosen[0].made != same:
                self._chosen = None
            elif _extents(self._chosen[1]) != _extents(rows):  # another size has come meanwhile
                self._chosen = self._chosen[0], self._arranged(self._chosen[0])

    def _chosen_panels(self, rows: PanelRows) -> list[Panel | None]:
        """The panels as they are for the chosen token, where those shown preview another."""
        if self._chosen is None or _extents(self._chosen[1]) != _extents(rows):
            return [None for row in rows for _ in row]
        return [panel for row in self._chosen[1] for panel in row]

    def reset_zoom(self) -> None:
        """Shows every panel whole again."""
        for panel in self.panels:
            panel.reset_zoom()

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for panel in self.panels:
            panel.restyle()

    def _build(self, rows: tuple[tuple[Panel, ...], ...]) -> None:
        if self._body is not None:
            self._layout.removeWidget(self._body)
            self._body.hide()  # it lives until the event loop turns
            self._body.deleteLater()
        body = QSplitter(Qt.Orientation.Vertical)
        body.setObjectName("canvas")
        body.setChildrenCollapsible(False)
        body.setHandleWidth(UNIT)
        self._rows = [self._build_row(body, row) for row in rows]
        body.setSizes([_height(row) for row in rows])
        body.splitterMoved.connect(self._moved)
        self._body, self._divided = body, True
        self._layout.addWidget(body)

    def _build_row(self, body: QSplitter, row: tuple[Panel, ...]) -> list[PanelWidget]:
        # pyqtgraph takes a third of a second to import: the window is there before it is needed.
        from vitviz.gui.canvas.panel_widget import PanelWidget

        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        beside = self._stand == "beside"
        left, shares = beside_shares(row) if beside else (0, [])
        column = QVBoxLayout()
        column.setSpacing(UNIT)
        made = []
        for at, panel in enumerate(row):
            widget = PanelWidget()
            if self._arrangement != "rows":
                widget.setMinimumSize(NARROW, NARROW)
            widget.hovered.connect(self._hovered)
            widget.clicked.connect(self._clicked)
            widget.read.connect(self.read)
            widget.brushed.connect(self.brushed)
            widget.double_clicked.connect(partial(self._double_clicked, widget))
            widget.zoomed.connect(partial(self._zoomed, widget))
            widget.grew.connect(self.grew)
            if len(row) > 1 and isinstance(panel.layers[0], Table):
                widget.setMaximumWidth(table_width(panel.layers[0]))
            if beside and at:
                column.addWidget(widget, shares[at - 1])
            else:
                layout.addWidget(widget, left if beside else _share(panel))
            made.append(widget)
        if beside:
            layout.addLayout(column, 1000 - left)
        body.addWidget(holder)
        return made

    def show_window(self, at: int, window: Box) -> None:
        """Zooms a panel to what another of its kind is zoomed to."""
        widgets = self.panels
        if at < len(widgets) and (panel := widgets[at].panel) is not None:
            widgets[at].show_range(seen_of(panel, window))

    def _double_clicked(self, widget: PanelWidget) -> None:
        self.double_clicked.emit()
        if widget in self.panels:
            self.panel_double_clicked.emit(self.panels.index(widget))

    def _zoomed(self, widget: PanelWidget, seen: Box) -> None:
        if widget.panel is not None and widget in self.panels:
            self.zoomed.emit(self.panels.index(widget), window_of(widget.panel, seen))

    def _hovered(self, found: PointedPlace | None) -> None:
        self.hovered.emit(found)

    def _clicked(self, found: PointedPlace | None) -> None:
        self.clicked.emit(found)


def _extents(rows: PanelRows) -> list[list[Box]]:
    return [[panel.extent for panel in row] for row in rows]


def fitting_blocks(row: tuple[Panel, ...], at: int, room: Room | None) -> int:
    """Into how many blocks a row's atlas is folded so that most of the room is filled; without a room,
    so that it is nearly square.
    """
    tried = {blocks: folded(row[at], blocks) for blocks in folds(row[at])}
    if room is None:
        return min(tried, key=lambda blocks: abs(math.log(_shape(tried[blocks]) / SQUARE)))
    rows = {blocks: (*row[:at], panel, *row[at + 1 :]) for blocks, panel in tried.items()}
    return max(rows, key=lambda blocks: _filled(rows[blocks], room))


def _filled(row: tuple[Panel, ...], room: Room) -> float:
    """How large the maps of a row are in a room: the product of their scales, so that twice the size
    of small tiles counts as much as twice the size of the large map beside them.
    """
    shares = [_share(panel) for panel in row]
    inside = room[0] - UNIT * (len(row) - 1)
    scale = 1.0
    for panel, share in zip(row, shares, strict=True):
        width = max(inside * share // sum(shares), 1)
        height = max(room[1] - words_height(panel, width), 1)
        scale *= min(width / panel.extent.width, height / panel.extent.height)
    return scale


def _shape(panel: Panel) -> float:
    return panel.extent.width / panel.extent.height


def _fills(panel: Panel) -> bool:
    """Whether a panel gets better by any height; a map has all it can use at its width."""
    return any(isinstance(layer, Plot) for layer in panel.layers)


def _firm(row: tuple[Panel, ...]) -> bool:
    """Whether a row of panels loses something in less height: bars and short tables have no smaller
    size.
    """
    return all(
        isinstance(layer, Bars) or (isinstance(layer, Table) and len(layer.rows) <= SHORT)
        for panel in row
        for layer in panel.layers
    )


def _is_message(panel: Panel) -> bool:
    return bool(panel.layers) and isinstance(panel.layers[0], Message)


def _stacked(row: tuple[Panel, ...]) -> list[tuple[Panel, ...]]:
    """A row for little width: what is large below each other, what is small beside each other."""
    most = max(panel.weight for panel in row)
    large: list[tuple[Panel, ...]] = [(panel,) for panel in row if panel.weight == most]
    small = tuple(panel for panel in row if panel.weight < most)
    return [*large, small] if small else large


def _share(panel: Panel) -> int:
    """A panel's share of its row's width: panels of one height are as wide as their shape says."""
    shape = panel.extent.width / panel.extent.height if panel.extent.height > 0 else 1.0
    return max(round(100 * panel.weight * min(max(shape, 0.4), 6.0)), 1)


def _needed(row: tuple[Panel, ...], width: int) -> int:
    """The height of a row of panels at a width, with their titles, colour bars and numbers."""
    shares = [_share(panel) for panel in row]
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


def _height(row: tuple[Panel, ...]) -> int:
    """A row's share of the height: at one width, a row of wide panels needs less of it."""
    tallest = max(panel.weight for panel in row)
    return round(10**6 * tallest / sum(_share(panel) for panel in row))
