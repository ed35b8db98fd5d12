"""A drawing on screen: its panels in rows, kept and updated while their number stays the same."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from vitviz.core.data.drawing import Bars, Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Plot, Table
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

Arrangement = Literal["rows", "fitting", "stacked", "single", "first"]
SHORT = 6
"""Lines of a table that is to be seen whole."""
NARROW = 60
"""Pixels that a panel can do with in a narrow column."""


class DrawingWidget(QWidget):
    """Paints a `Drawing` and passes on what the mouse points at."""

    hovered = Signal(object)
    clicked = Signal(object)
    read = Signal(object)
    brushed = Signal(object)
    double_clicked = Signal()
    zoomed = Signal(int, object)
    """Which panel, and the window of it in shares that other panels understand."""
    painted = Signal()
    """A new drawing has been handed to the painter."""
    grew = Signal()
    """Words of a panel need more room than they had."""

    def __init__(self) -> None:
        super().__init__()
        self._drawing: Drawing | None = None
        self._chosen: Drawing | None = None
        self._rows: list[list[PanelWidget]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._body: QSplitter | None = None
        self._shape: list[list[int]] = []
        self._arrangement: Arrangement = "rows"
        self._shared: tuple[QSplitter | None, list[int]] = (None, [])
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
        if self._drawing is not None and self._fitting(self._drawing) != self._stand:
            self._turning.start()
        self._divide()

    def _turn(self) -> None:
        """Another size has room for the panels in another way."""
        if self._drawing is not None and self._fitting(self._drawing) != self._stand:
            self.show_drawing(self._drawing)

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
        match self._arrangement:
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
        self._chosen = _of_the_chosen(drawing, self._chosen)
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

    def _chosen_panels(self, rows: tuple[tuple[Panel, ...], ...]) -> list[Panel | None]:
        """The panels as they are for the chosen token, where those shown preview another."""
        found = () if self._chosen is None else self._arranged(self._chosen)
        if [len(row) for row in found] != [len(row) for row in rows]:
            return [None for row in rows for _ in row]
        return [panel for row in found for panel in row]

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
            widget.double_clicked.connect(self.double_clicked)
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

    def _zoomed(self, widget: PanelWidget, seen: Box) -> None:
        if widget.panel is not None and widget in self.panels:
            self.zoomed.emit(self.panels.index(widget), window_of(widget.panel, seen))

    def _hovered(self, found: PointedPlace | None) -> None:
        self.hovered.emit(found)

    def _clicked(self, found: PointedPlace | None) -> None:
        self.clicked.emit(found)


def _of_the_chosen(drawing: Drawing, before: Drawing | None) -> Drawing | None:
    """The drawing for the chosen token: this one unless it previews another, else the one before, if
    nothing but the token under the cursor differs; None where it is not there.
    """
    if drawing.made is None or drawing.made.selection.hover is None:
        return drawing
    if before is None or before.made is None:
        return None
    same = replace(drawing.made, selection=replace(drawing.made.selection, hover=None))
    return before if before.made == same else None


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
