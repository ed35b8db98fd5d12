"""The map of a panel: layers over each other in one scale, which can be panned and zoomed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import QGraphicsItem

from vitviz.core.data.drawing import DrawnLayer
from vitviz.core.data.geometry import Box, Spot
from vitviz.gui.canvas.layer_painters import Painted, painted
from vitviz.gui.canvas.layer_placing import LayerPlacing
from vitviz.gui.widgets import theme

MARGIN = 0.01
"""Share of a panel that is left free around it when it is shown whole."""
CLICK = 5
"""Pixels that the mouse may move between press and release of a click; farther is a drag."""
_NOTCH = 1.02 ** (1 / 8)  # a wheel's notch is 120 of these
_NEAREST, _FARTHEST = 1000.0, 8.0


class MapSheet:
    """All layers of a map, painted together: of a scene with an item for each layer, half of the time
    of painting goes into asking the items where they lie. What has not changed comes from memory.
    """

    def __init__(self) -> None:
        self.layers: list[Painted] = []
        self.placing = LayerPlacing(1.0, 0.0, 0.0)
        self.size = QSizeF()
        self._still = 0
        self._ground: tuple[object, QPixmap] | None = None

    def show_layers(self, layers: Sequence[DrawnLayer]) -> list[Painted]:
        """Replaces what is shown; what came and what went."""
        before = self.layers
        kept = [
            before[at] if at < len(before) and before[at].shows(layer) else painted(layer)
            for at, layer in enumerate(layers)
        ]
        if kept == before:
            return []  # and what the next change leaves as it is stays known
        self.layers = kept
        self._still = next(
            (at for at, (old, new) in enumerate(zip(before, kept, strict=False)) if old is not new),
            min(len(before), len(kept)),
        )
        return [
            one for one in dict.fromkeys((*before, *kept)) if one not in before or one not in kept
        ]

    def clear(self) -> None:
        """Shows nothing, and holds nothing."""
        self.layers, self._still, self._ground = [], 0, None

    def forget(self) -> None:
        """Paints all of it anew, in other colours perhaps."""
        self._ground = None

    def paint(self, painter: QPainter) -> None:
        """Paints the layers, in the pixels of the view."""
        if self._still:
            painter.drawPixmap(0, 0, self._grounded(self.placing))
        else:
            painter.fillRect(QRectF(QPointF(), self.size), QColor(theme.current().surface))
        for layer in self.layers[self._still :]:
            layer.paint(painter, self.placing)

    def _grounded(self, at: LayerPlacing) -> QPixmap:
        """The layers that were the same the last time: painted once."""
        known = (at, self.size.toTuple(), *self.layers[: self._still])
        if self._ground is None or self._ground[0] != known:
            ground = QPixmap((self.size * at.sharp).toSize())
            ground.setDevicePixelRatio(at.sharp)
            ground.fill(QColor(theme.current().surface))
            painter = QPainter(ground)
            for layer in self.layers[: self._still]:
                layer.paint(painter, at)
            painter.end()
            self._ground = known, ground
        return self._ground[1]


class MapWidget(pg.GraphicsView):  # type: ignore[misc]
    """Shows layers in the panel's coordinates, as large as they fit; whoever zooms or pans sees more
    of one place.
    """

    zoomed = Signal(object)
    """The `Box` that somebody zoomed or panned to."""

    _resized = True
    """Whether the view box has yet to learn of another size: only the last of many is asked for."""

    def __init__(self) -> None:
        super().__init__(background=None)
        self._extent = Box(0, 0, 1, 1)
        self._held: QPointF | None = None
        self._dragged = False
        self._sheet = MapSheet()
        self._view = pg.ViewBox(
            lockAspect=True, invertY=True, enableMenu=False, enableMouse=False, defaultPadding=0
        )
        self._view.setFlag(QGraphicsItem.GraphicsItemFlag.ItemHasNoContents, True)
        self.setCentralItem(self._view)
        self.setCacheMode(self.CacheModeFlag.CacheNone)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumSize(1, 1)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._view.sigRangeChanged.connect(self._place)
        self._view.sigResized.connect(self._place)

    def show_layers(self, layers: Sequence[DrawnLayer], extent: Box) -> None:
        """Replaces what is shown, from bottom to top; `extent` is what `reset` goes back to."""
        self._extent = extent
        changed, at = self._sheet.show_layers(layers), self._placed()
        for one in changed:
            self.viewport().update(one.bounds(at).toAlignedRect())

    def clear(self) -> None:
        """Shows nothing, and holds nothing."""
        self._sheet.clear()

    @property
    def seen(self) -> Box:
        """What is to be seen of the panel's coordinates."""
        self._placed()
        rect = self._view.viewRect()
        return Box(rect.top(), rect.left(), rect.bottom(), rect.right())

    def see(self, part: Box) -> None:
        """Shows a part of the panel, as large as it fits."""
        self._view.setRange(QRectF(part.left, part.top, part.width, part.height), padding=0)

    def reset(self) -> None:
        """Shows the whole panel again."""
        down, across = self._extent.height * MARGIN, self._extent.width * MARGIN
        whole = self._extent
        self.see(
            Box(whole.top - down, whole.left - across, whole.bottom + down, whole.right + across)
        )

    def spot(self, position: QPointF) -> Spot:
        """What lies under a position of the widget."""
        at = self._placed()
        return Spot((position.y() - at.top) / at.scale, (position.x() - at.left) / at.scale)

    def position_of(self, spot: Spot) -> QPointF:
        """Where a position of the panel lies in the widget."""
        return self._placed().point(spot.row, spot.col)

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        self._sheet.forget()
        self.viewport().update()

    def resizeEvent(self, event: Any) -> None:
        """A column that comes gives every map many sizes one after the other."""
        self._resized = True

    def _placed(self) -> LayerPlacing:
        """Where the panel's coordinates lie in the widget, as it is now."""
        if self._resized:
            self._resized = False
            super().resizeEvent(None)
        return self._sheet.placing

    def _place(self, *_: object) -> None:
        """Another part is seen, or the same part in another size."""
        rect, size = self._view.viewRect(), self._view.size()
        scale = size.width() / max(rect.width(), 1e-9)
        self._sheet.size = size
        self._sheet.placing = LayerPlacing(
            scale,
            -rect.left() * scale,
            size.height() / 2 - rect.center().y() * scale,
            self.devicePixelRatioF(),
        )
        self.viewport().update()

    def paintEvent(self, event: Any) -> None:
        if self._placed().sharp != self.devicePixelRatioF():
            self._place()  # the window went to another screen
        super().paintEvent(event)

    def drawForeground(self, painter: QPainter, _exposed: QRectF) -> None:
        """The layers, by pixels: the scene's own coordinates would blur their edges."""
        painter.resetTransform()
        self._sheet.paint(painter)

    # Panning and zooming

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._held, self._dragged = event.position(), False
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is None or not event.buttons():
            return
        moved = event.position() - self._held
        if not self._dragged and moved.manhattanLength() < CLICK:
            return
        self._held, self._dragged = event.position(), True
        scale = self._placed().scale
        self._view.translateBy(x=-moved.x() / scale, y=-moved.y() / scale)
        self.zoomed.emit(self.seen)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """What is under the mouse stays there."""
        factor = _NOTCH ** (event.angleDelta().y() or event.angleDelta().x())
        seen, extent = self.seen, self._extent
        share = max(seen.width / extent.width, seen.height / extent.height)
        factor = min(max(factor, share / _FARTHEST), share * _NEAREST)
        spot = self.spot(event.position())
        self._view.scaleBy(s=(1 / factor, 1 / factor), center=QPointF(spot.col, spot.row))
        self.zoomed.emit(self.seen)
        event.accept()
