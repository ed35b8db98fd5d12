"""One panel of a drawing on screen: its title, its map that can be zoomed, its colour bar and facts."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import ceil
from typing import Any, assert_never

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.drawing import (
    Aim,
    Bars,
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Labels,
    LayerPairs,
    Listed,
    Message,
    Outlines,
    Panel,
    Raster,
    RasterTiles,
    aim,
)
from vitviz.core.drawing import HeadTiles as HeadSpace
from vitviz.core.geometry import Box
from vitviz.core.plots import Plot, Table
from vitviz.core.selection import Place, place_of
from vitviz.core.tiles import heat_mosaic, mosaic_box, raster_mosaic
from vitviz.gui import theme
from vitviz.gui.items import LabelsItem, LinesItem, OutlinesItem, PixelsItem, rect
from vitviz.gui.labels import WrappedLabel
from vitviz.gui.legend import BarsWidget, ColorBar, FactsLabel, title_font
from vitviz.gui.message import MessageWidget
from vitviz.gui.plots import PlotWidget, TableWidget
from vitviz.gui.qimages import heat_image, image_of, raster_image

_Item = PixelsItem | LinesItem | OutlinesItem | LabelsItem
_Pixels = Raster | Heat | HeatTiles | RasterTiles
_Key = tuple[Hashable, ...]

HIGHEST = (1 << 24) - 1
"""Qt's own limit: as high as there is room."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """What the mouse points at, said so that any trace understands it: a place, a depth, a head.

    Resolved by the panel that was drawn, which may be an older trace's than the session's.
    """

    words: str
    place: Place | None = None
    depth: float | None = None
    head: int | None = None


def pointed(panel: Panel, found: Aim) -> Pointed:
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
    return Pointed(found.words, place, depth, found.head)


class PanelWidget(QWidget):
    """Shows a `Panel` and says what the mouse points at; it keeps nothing but what it shows."""

    hovered = Signal(object)
    """`Pointed` under the cursor, None when it leaves or nothing is there."""
    clicked = Signal(object)
    """`Pointed` that was clicked, None beside everything."""
    double_clicked = Signal()
    read = Signal(object)
    """`Pointed` whose value is to be read while nothing is chosen: new numbers came under the
    cursor, or Shift is held."""

    zoomed = Signal(object)
    """The `Box` that somebody zoomed or panned to."""

    grew = Signal()
    """Its words need more room than they had."""

    def __init__(self, *, title_lines: int = 1) -> None:
        super().__init__()
        self._panel: Panel | None = None
        self._items: list[_Item] = []
        self._images: dict[_Key, tuple[_Pixels, QImage]] = {}
        self._pressed: QPointF | None = None
        self._cursor: QPointF | None = None
        self._title = WrappedLabel(most=title_lines)
        self._title.setObjectName("quiet")
        self._title.setFont(title_font())
        self._bar, self._facts = ColorBar(tall=title_lines > 1), FactsLabel()
        self._bars, self._message = BarsWidget(), MessageWidget()
        for words in (self._title, self._facts, self._message):
            words.grew.connect(self.grew)
        self._plot, self._table = PlotWidget(), TableWidget()
        self._graph: Any
        self._graph, self._box = _graph()
        self._box.sigRangeChangedManually.connect(self._zoomed)
        for watched in (self._graph.viewport(), self._plot, self._table.rows):
            watched.installEventFilter(self)
        self._content = content = QWidget()
        self._stack = QStackedLayout(content)
        for widget in (self._graph, self._bars, self._message, self._plot, self._table):
            self._stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget, stretch in (
            (self._title, 0), (content, 1), (self._bar, 0), (self._facts, 0)
        ):  # fmt: skip
            layout.addWidget(widget, stretch)
        layout.addStretch()
        self.setMinimumSize(90, 90)
        # Panels beside each other are as wide as their shares say, whatever is in them.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    @property
    def panel(self) -> Panel | None:
        """What is shown."""
        return self._panel

    def show_panel(self, panel: Panel) -> None:
        """Replaces what is shown; items are kept where the kinds of layers match."""
        before, self._panel = self._panel, panel
        self._title.show_text(panel.title)
        self._title.setVisible(bool(panel.title))
        self._bar.show_scale(panel.bar)
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
                self._plot.show_plot(first)
                self._stack.setCurrentWidget(self._plot)
            case Table():
                self._table.show_table(first)
                self._stack.setCurrentWidget(self._table)
            case _:
                self._stack.setCurrentWidget(self._graph)
                self._show_layers(panel)
                if before is None or before.extent != panel.extent or not _is_map(before):
                    self.reset_zoom()
        self._fit_content()
        if self._cursor is not None:
            self.read.emit(self._pointed(self._cursor))

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
        if self._panel is not None:
            self._box.setRange(rect(self._panel.extent), padding=0.01)

    def show_range(self, seen: Box) -> None:
        """Shows a part of the panel."""
        self._box.setRange(rect(seen), padding=0)

    def _zoomed(self, *_axes: object) -> None:
        seen = self._box.viewRect()
        self.zoomed.emit(Box(seen.top(), seen.left(), seen.bottom(), seen.right()))

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        self._graph.setBackground(QColor(theme.current().surface))
        for widget in (self._bar, self._bars, self._facts, self._plot, self._table.rows):
            widget.update()
        self._graph.viewport().update()

    def aim_at(self, position: QPointF) -> Aim | None:
        """What lies under a position of the map's viewport, of the plot or of the table's lines."""
        if self._panel is None:
            return None
        shown: Any = self._stack.currentWidget()
        extent = self._panel.extent
        if shown is self._plot:
            found = self._plot.shares(position)
            return None if found is None else aim(
                self._panel, extent.top + found[0] * extent.height,
                extent.left + found[1] * extent.width,
            )  # fmt: skip
        if shown is self._table:
            return aim(self._panel, self._table.line_at(position), extent.left)
        if shown is not self._graph:  # bars and messages have no places
            return None
        point = self._box.mapSceneToView(self._graph.mapToScene(position.toPoint()))
        return aim(self._panel, float(point.y()), float(point.x()))

    def _pointed(self, position: QPointF) -> Pointed | None:
        found = self.aim_at(position)
        return None if found is None or self._panel is None else pointed(self._panel, found)

    def position_of(self, row: float, col: float) -> QPointF:
        """Where a position of the panel lies in this widget, for tests and tooltips."""
        scene = self._box.mapViewToScene(QPointF(col, row))
        inside = self._graph.mapFromScene(scene)
        return QPointF(self._graph.viewport().mapTo(self, inside))

    @property
    def viewport(self) -> QWidget:
        """The widget that receives the mouse over the map."""
        viewport: QWidget = self._graph.viewport()
        return viewport

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
            self.hovered.emit(None)
        elif isinstance(event, QMouseEvent):
            return self._mouse(kind, event)
        return False

    def _mouse(self, kind: QEvent.Type, event: QMouseEvent) -> bool:
        left = event.button() == Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseMove and not event.buttons():
            self._cursor = event.position()
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.read if shift else self.hovered).emit(self._pointed(self._cursor))
        elif kind == QEvent.Type.MouseButtonPress and left:
            self._pressed = event.position()
        elif kind == QEvent.Type.MouseButtonRelease and left and self._pressed is not None:
            moved = (event.position() - self._pressed).manhattanLength()
            self._pressed = None
            if moved < 5:
                self.clicked.emit(self._pointed(event.position()))
        elif kind == QEvent.Type.MouseButtonDblClick and left:
            self.double_clicked.emit()
            return True
        return False

    def _show_layers(self, panel: Panel) -> None:
        kinds = [_item_kind(layer) for layer in panel.layers]
        if [type(item) for item in self._items] != kinds:
            for item in self._items:
                self._box.removeItem(item)
            self._items = [kind() for kind in kinds]
            for depth, item in enumerate(self._items):
                item.setZValue(depth)
                self._box.addItem(item, ignoreBounds=True)
        used: dict[_Key, tuple[_Pixels, QImage]] = {}
        for item, layer in zip(self._items, panel.layers, strict=True):
            self._show_layer(item, layer, panel, used)
        self._images = used

    def _show_layer(
        self, item: _Item, layer: DrawnLayer, panel: Panel, used: dict[_Key, tuple[_Pixels, QImage]]
    ) -> None:
        match item, layer:
            case PixelsItem(), Raster() | Heat() | HeatTiles() | RasterTiles():
                key = _image_key(layer)
                known = self._images.get(key)
                image = known[1] if known is not None else _image(layer)
                used[key] = (layer, image)
                box, smooth, opacity = _placing(layer, image)
                item.show_image(image, box, smooth=smooth, opacity=opacity)
            case LinesItem(), Grid():
                item.show_grid(layer)
            case OutlinesItem(), Outlines():
                item.show_outlines(layer)
            case LabelsItem(), Labels():
                item.show_labels(layer, panel.extent)
            case _:
                raise TypeError(f"{type(layer).__name__} cannot be drawn over a map")


def _is_map(panel: Panel) -> bool:
    """Whether a panel has coordinates to look at; bars and messages have none."""
    return bool(panel.layers) and not isinstance(panel.layers[0], Bars | Message | Plot | Table)


def _graph() -> tuple[pg.GraphicsView, pg.ViewBox]:
    view = pg.GraphicsView(background=QColor(theme.current().surface))
    box = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0.01)
    view.setCentralItem(box)
    view.viewport().setMouseTracking(True)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the board has the keys
    return view, box


def _item_kind(layer: DrawnLayer) -> type[_Item]:
    match layer:
        case Raster() | Heat() | HeatTiles() | RasterTiles():
            return PixelsItem
        case Grid():
            return LinesItem
        case Outlines():
            return OutlinesItem
        case Labels():
            return LabelsItem
        case _:
            raise TypeError(f"{type(layer).__name__} cannot be drawn over a map")


def _image_key(layer: _Pixels) -> _Key:
    """What an image depends on: the same arrays need not be coloured and uploaded again."""
    match layer:
        case Raster():
            return (id(layer.pixels),)
        case Heat():
            return (id(layer.values), layer.scale, layer.smooth)
        case HeatTiles():
            ranges = layer.low.tobytes() + layer.high.tobytes()
            return (id(layer.values), ranges, layer.scale, layer.gap)
        case RasterTiles():
            return (id(layer.pixels), layer.gap, layer.count)
        case _:
            assert_never(layer)


def _image(layer: _Pixels) -> QImage:
    match layer:
        case Raster():
            return raster_image(layer)
        case Heat():
            return heat_image(layer)
        case HeatTiles():
            return image_of(heat_mosaic(layer))
        case RasterTiles():
            return image_of(raster_mosaic(layer))
        case _:
            assert_never(layer)


def _placing(layer: _Pixels, image: QImage) -> tuple[Box, bool, float]:
    """Where an image goes, whether it is smoothed, and its opacity."""
    match layer:
        case Raster():
            return layer.box, layer.smooth, 1.0
        case Heat():
            return layer.box, False, layer.opacity
        case HeatTiles():
            down, across, rows, cols = layer.values.shape
            return mosaic_box(down, across, rows, cols, layer.gap), False, 1.0
        case RasterTiles():
            down, across, rows, cols, _rgb = layer.pixels.shape
            smooth = image.width() > 400
            return mosaic_box(down, across, rows, cols, layer.gap), smooth, 1.0
        case _:
            assert_never(layer)


def _zooms(event: QWheelEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)


def _board_bar(widget: QWidget) -> QScrollBar | None:
    """What scrolls the board that a widget lies on; None where all of it is seen."""
    around = widget.parentWidget()
    while around is not None and not isinstance(around, QScrollArea):
        around = around.parentWidget()
    bar = None if around is None else around.verticalScrollBar()
    return bar if bar is not None and bar.maximum() > 0 else None
