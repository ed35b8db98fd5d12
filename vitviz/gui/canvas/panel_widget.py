"""One panel of a drawing on screen: its title, its map that can be zoomed, its colour bar and facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import (
    Aim,
    Bars,
    DrawnLayer,
    LayerPairs,
    Listed,
    Message,
    Panel,
    PatchBrush,
    PixelSpace,
    Segments,
    aim,
)
from vitviz.core.data.drawing import HeadTiles as HeadSpace
from vitviz.core.data.drawing.panel_aim import number_words
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.plots import Plot, Table
from vitviz.core.data.selection import Place, place_of
from vitviz.core.drawings.laid_maps import bar_colors
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_area import border
from vitviz.gui.canvas.area_brush import AreaBrush, AreaStroke, brush_of
from vitviz.gui.canvas.legend import TITLE_LINES, BarsWidget, ColorBar, FactsLabel, title_font
from vitviz.gui.canvas.map_widget import CLICK, MapWidget
from vitviz.gui.canvas.message_widget import MessageWidget
from vitviz.gui.canvas.plot_widget import PlotWidget
from vitviz.gui.canvas.table_widget import TableWidget
from vitviz.gui.canvas.zoom import inside, shares_of
from vitviz.gui.widgets.fitting_labels import WrappedLabel

HIGHEST = (1 << 24) - 1
"""Qt's own limit: as high as there is room."""


@dataclass(frozen=True, slots=True)
class PointedPlace:
    """What the mouse points at, said so that any trace understands it: a place, a depth, a head.

    Resolved by the panel that was drawn, which may be an older trace's than the session's.
    """

    words: str
    place: Place | None = None
    depth: float | None = None
    head: int | None = None
    ticks: bool = False
    """Whether it was clicked with Ctrl: to be one of several."""


@dataclass(frozen=True, slots=True)
class BrushedPatch:
    """A patch under the pressed mouse in a panel that is painted on: the option that it belongs to.

    `begins` says that the button was pressed here: the stroke paints, or wipes where this one is
    painted.
    """

    option: str
    row: int
    col: int
    rows: int
    cols: int
    begins: bool


def pointed(panel: Panel, found: Aim) -> PointedPlace:
    """An aim in the terms that columns share."""
    space = panel.space
    place = depth = None
    if space is not None and not isinstance(space, LayerPairs | Listed):
        if found.spot is not None:
            place = Place(space.crop.to_original(found.spot))
        elif found.token is not None:
            place = place_of(found.token, space.grid, space.crop)
    if isinstance(space, HeadSpace | LayerPairs | Listed) and found.layer is not None:
        depth = found.layer / (space.layers - 1) if space.layers > 1 else 1.0
    return PointedPlace(found.words, place, depth, found.head)


class PanelWidget(QWidget):
    """Shows a `Panel` and says what the mouse points at; it keeps nothing but what it shows."""

    hovered = Signal(object)
    """`PointedPlace` under the cursor, None when it leaves or nothing is there."""
    clicked = Signal(object)
    """`PointedPlace` that was clicked, None beside everything."""
    double_clicked = Signal()
    read = Signal(object)
    """`PointedPlace` whose value is to be read while nothing is chosen: new numbers came under the
    cursor, or Shift is held."""

    brushed = Signal(object)
    """`BrushedPatch`: a panel that is painted on is painted on."""

    zoomed = Signal(object)
    """The `Box` that somebody zoomed or panned to."""

    grew = Signal()
    """Its words need more room than they had."""

    def __init__(self) -> None:
        super().__init__()
        self._panel: Panel | None = None
        self._chosen: Panel | None = None
        self._pressed: QPointF | None = None
        self._cursor: QPointF | None = None
        self._stroke: AreaStroke | None = None
        self._brushing: AreaStroke | None = None
        self._title = WrappedLabel(most=TITLE_LINES)
        self._title.setObjectName("quiet")
        self._title.setFont(title_font())
        self._bar, self._facts = ColorBar(), FactsLabel()
        self._bars, self._message = BarsWidget(), MessageWidget()
        for words in (self._title, self._facts, self._message):
            words.grew.connect(self.grew)
        self._plot: PlotWidget | None = None  # made when one comes: axes take some milliseconds
        self._table = TableWidget()
        self._map = MapWidget()
        self._map.zoomed.connect(self.zoomed)
        for watched in (self._map.viewport(), self._table.rows):
            watched.installEventFilter(self)
        self._content = content = QWidget()
        self._stack = QStackedLayout(content)
        shown: tuple[QWidget, ...] = (self._map, self._bars, self._message, self._table)
        for widget in shown:
            self._stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self._title, content, self._bar, self._facts):
            layout.addWidget(part, int(part is content))
        layout.addStretch()
        self.setMinimumSize(56, 90)
        # Panels beside each other are as wide as their shares say, whatever is in them.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    @property
    def panel(self) -> Panel | None:
        """What is shown."""
        return self._panel

    def read_from(self, chosen: Panel | None) -> None:
        """Reads values from the panel as it is for the chosen token, while it previews another."""
        self._chosen = chosen

    @property
    def content(self) -> QWidget:
        """What is drawn, without its title and its legend."""
        return self._content

    def show_panel(self, panel: Panel) -> None:
        """Replaces what is shown; items are kept where the kinds of layers match."""
        before, self._panel = self._panel, panel
        self._title.show_text(panel.title)
        self._title.setVisible(bool(panel.title))
        self._bar.show_scale(panel.bar, None if panel.bar is None else bar_colors(panel))
        self._facts.show_facts(panel.facts)
        first = panel.layers[0] if panel.layers else Message("")
        match first:
            case Bars():
                self._bars.show_bars(first)
                self._stack.setCurrentWidget(self._bars)
            case Message():
                self._message.show_message(first)
                self._stack.setCurrentWidget(self._message)
            case Plot():
                plot = self._plotted()
                plot.show_plot(first)
                self._stack.setCurrentWidget(plot)
            case Table():
                self._table.show_table(first)
                self._stack.setCurrentWidget(self._table)
            case _:
                self._stack.setCurrentWidget(self._map)
                self._map.show_layers(panel.layers, panel.extent)
                if before is None or before.extent != panel.extent or not _is_map(before):
                    self.reset_zoom()
        self._fit_content()
        if self._cursor is not None:
            self.read.emit(self._pointed(self._cursor))

    def _plotted(self) -> PlotWidget:
        if self._plot is None:
            self._plot = PlotWidget()
            self._plot.viewport.installEventFilter(self)
            self._plot.zoomed.connect(self._plot_zoomed)
            self._stack.addWidget(self._plot)
        return self._plot

    def _plot_zoomed(self, shares: Box) -> None:
        if self._panel is not None:
            self.zoomed.emit(inside(shares, self._panel.extent))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A map gets the height that the new width lets it use."""
        super().resizeEvent(event)
        self._fit_content()

    def _fit_content(self) -> None:
        """No more height for a map than it fills: its bar and numbers stand right below it."""
        most = HIGHEST
        if self._panel is not None and _is_map(self._panel) and self._panel.extent.width > 0:
            extent = self._panel.extent
            most = ceil(self.width() * extent.height / extent.width)
        if self._content.maximumHeight() != most:
            self._content.setMaximumHeight(most)

    def reset_zoom(self) -> None:
        """Shows the whole panel again."""
        self._map.reset()
        if self._plot is not None:
            self._plot.reset()

    def show_range(self, seen: Box) -> None:
        """Shows a part of the panel."""
        if self.plot is not None and self._panel is not None:
            self.plot.see(shares_of(seen, self._panel.extent))
        else:
            self._map.see(seen)

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        self._map.restyle()
        if self._plot is not None:
            self._plot.restyle()
        for widget in (self._bar, self._bars, self._facts, self._table.rows):
            widget.update()

    def aim_at(self, position: QPointF) -> Aim | None:
        """What lies under a position of the map's viewport, of the plot or of the table's lines."""
        if self._panel is None:
            return None
        shown: Any = self._stack.currentWidget()
        extent = self._panel.extent
        if self.plot is not None:
            return self._aim_plotted(self.plot, position)
        if shown is self._table:
            return aim(self._panel, self._table.line_at(position), extent.left)
        if shown is not self._map:  # bars and messages have no places
            return None
        spot = self._map.spot(position)
        return aim(self._panel, spot.row, spot.col)

    def _aim_plotted(self, plot: PlotWidget, position: QPointF) -> Aim | None:
        """The point of a curve near a position, in the panel's own coordinates."""
        point, panel = plot.point_at(position), self._panel
        plot.show_point(point)
        if point is None or panel is None or not isinstance(panel.layers[0], Plot):
            return None
        x, y, extent = panel.layers[0].x, panel.layers[0].y, panel.extent
        found = aim(
            panel,
            extent.top + (1 - y.at(point.value)) * extent.height,
            extent.left + x.at(point.x) * extent.width,
        )
        return found or Aim(
            value=point.value, words=f"{point.whose.words}: {shown_number(point.value, 4)}"
        )

    def _pointed(self, position: QPointF) -> PointedPlace | None:
        """What is pointed at, with what the chosen token gives to it; the colour bar shows that too."""
        found = self.aim_at(position)
        if found is None or self._panel is None:
            self._bar.show_value(None, "")
            return None
        value, panel = found, self._panel
        if self._chosen is not None and self._stack.currentWidget() is self._map:
            spot, panel = self._map.spot(position), self._chosen
            value = aim(panel, spot.row, spot.col) or found
        if value.value is None:
            self._bar.show_value(None, "")
        else:
            number = number_words(value.value, panel.bar)
            whose = value.words.removesuffix(number).rstrip(" ·:")
            self._bar.show_value(value.value, f"{number} · {whose}" if whose else number)
        return replace(pointed(self._panel, found), words=value.words)

    def position_of(self, row: float, col: float) -> QPointF:
        """Where a position of the panel lies in this widget, for tests and tooltips."""
        inside: QPointF = self._map.position_of(Spot(row, col))
        port: QWidget = self._map.viewport()
        return port.mapTo(self, inside)

    @property
    def plot(self) -> PlotWidget | None:
        """The plot, where it shows one."""
        return self._plot if self._stack.currentWidget() is self._plot else None

    @property
    def map(self) -> MapWidget:
        """The map, where it shows one."""
        return self._map

    @property
    def viewport(self) -> QWidget:
        """The widget that receives the mouse over the map."""
        port: QWidget = self._map.viewport()
        return port

    def eventFilter(self, _watched: object, event: QEvent) -> bool:
        """Hover and clicks; drags and the wheel go on to the map, which pans and zooms.

        On a board that scrolls the wheel is the board's, and zooms with Ctrl.
        """
        kind = event.type()
        if isinstance(event, QWheelEvent) and not _zooms(event):
            bar = _board_bar(self)
            if bar is not None:
                return QCoreApplication.sendEvent(bar, event)
        if kind == QEvent.Type.Leave:
            self._cursor = None
            self._bar.show_value(None, "")
            if self._plot is not None:
                self._plot.show_point(None)
            self.hovered.emit(None)
        elif isinstance(event, QMouseEvent):
            return self._mouse(kind, event)
        return False

    def _brush(self, space: PatchBrush, kind: QEvent.Type, event: QMouseEvent) -> bool:
        """Whether the mouse paints: then the map is neither moved nor chosen from."""
        left = bool((event.buttons() | event.button()) & Qt.MouseButton.LeftButton)
        if kind == QEvent.Type.MouseButtonRelease or not left:
            self._brushing = None
            return left
        spot = self._map.spot(event.position())
        stroke = None if kind != QEvent.Type.MouseMove else self._brushing
        stroke = stroke or AreaStroke(space.grid, space.crop, "brush", spot, spot)
        before, self._brushing = len(stroke.patches), stroke.to(spot)
        sides = space.grid.rows, space.grid.cols
        for number, patch in enumerate(self._brushing.patches[before:], before):
            place = divmod(patch, space.grid.cols)
            self.brushed.emit(BrushedPatch(space.option, *place, *sides, number == 0))
        return True

    def _paint_area(self, brush: AreaBrush, kind: QEvent.Type, event: QMouseEvent) -> bool:
        """A stroke of the window's brush over a picture; whether the event belongs to one."""
        if self._panel is None or not isinstance(self._panel.space, PixelSpace):
            return False
        spot = self._map.spot(event.position())
        if kind == QEvent.Type.MouseButtonPress and event.button() in _PAINTS:
            taken = event.modifiers() & Qt.KeyboardModifier.AltModifier
            adds = event.button() == Qt.MouseButton.LeftButton and not taken
            self._stroke = brush.stroke_at(self._panel.space, spot, adds=adds)
        elif self._stroke is None:
            return kind == QEvent.Type.MouseButtonDblClick
        elif kind == QEvent.Type.MouseMove:
            self._stroke = self._stroke.to(spot)
        elif kind == QEvent.Type.MouseButtonRelease:
            ended, self._stroke = self._stroke, None
            brush.painted.emit(ended)
        self._show_stroke()
        return True

    def _show_stroke(self) -> None:
        """The patches of the stroke, outlined over what is shown."""
        panel, stroke = self._panel, self._stroke
        if panel is None:
            return
        over: tuple[DrawnLayer, ...] = ()
        if stroke is not None:
            covered = np.zeros(stroke.grid.rows * stroke.grid.cols, bool)
            covered[list(stroke.patches)] = True
            over = (Segments(border(covered, stroke.grid), "chosen" if stroke.adds else "quiet"),)
        self._map.show_layers((*panel.layers, *over), panel.extent)

    def _mouse(self, kind: QEvent.Type, event: QMouseEvent) -> bool:
        brush = brush_of(self)
        self._map.viewport().setCursor(_ARROW if brush is None else _CROSS)
        if brush is not None and self._paint_area(brush, kind, event):
            return True
        if self._panel is not None and isinstance(self._panel.space, PatchBrush):
            painting = self._brush(self._panel.space, kind, event)
            if painting:
                return True
        left = event.button() == Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseMove and not event.buttons():
            self._cursor = event.position()
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.read if shift else self.hovered).emit(self._pointed(self._cursor))
            # A scene would ask every curve whether it is below the mouse.
            return self.plot is not None
        if kind == QEvent.Type.MouseButtonPress and left:
            self._pressed = event.position()
        elif kind == QEvent.Type.MouseButtonRelease and left and self._pressed is not None:
            moved = (event.position() - self._pressed).manhattanLength()
            self._pressed = None
            if moved < CLICK:
                found = self._pointed(event.position())
                ticks = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
                self.clicked.emit(replace(found, ticks=True) if found and ticks else found)
        elif kind == QEvent.Type.MouseButtonDblClick and left:
            if self.plot is not None and self.plot.is_zoomed():
                self.plot.reset()
                self._plot_zoomed(self.plot.seen)
            else:
                self.double_clicked.emit()
            return True
        return False


_PAINTS = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_CROSS, _ARROW = Qt.CursorShape.CrossCursor, Qt.CursorShape.ArrowCursor


def _is_map(panel: Panel) -> bool:
    """Whether a panel has coordinates to look at; bars and messages have none."""
    return bool(panel.layers) and not isinstance(panel.layers[0], Bars | Message | Plot | Table)


def _zooms(event: QWheelEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)


def _board_bar(widget: QWidget) -> QScrollBar | None:
    """What scrolls the board that a widget lies on; None where all of it is seen."""
    around = widget.parentWidget()
    while around is not None and not isinstance(around, QScrollArea):
        around = around.parentWidget()
    bar = None if around is None else around.verticalScrollBar()
    return bar if bar is not None and bar.maximum() > 0 else None
