"""The map of a panel: layers over each other in one scale, which can be panned and zoomed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from vitviz.core.drawing import DrawnLayer
from vitviz.core.geometry import Box, Spot
from vitviz.gui import theme
from vitviz.gui.painted import Painted, Placing, painted

MARGIN = 0.01
"""Share of a panel that is left free around it when it is shown whole."""
CLICK = 5
"""Pixels that the mouse may move between press and release of a click; farther is a drag."""
_NOTCH = 1.02 ** (1 / 8)  # a wheel's notch is 120 of these
_NEAREST, _FARTHEST = 1000.0, 8.0


class MapWidget(QWidget):
    """Paints layers in the panel's coordinates, as large as they fit; whoever zooms or pans sees more
    of one place. What has not changed is painted from memory.
    """

    zoomed = Signal(object)
    """The `Box` that somebody zoomed or panned to."""

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[Painted] = []
        self._extent = self._wanted = Box(0, 0, 1, 1)
        self._placing: Placing | None = None
        self._still = 0
        self._ground: tuple[object, QPixmap] | None = None
        self._held: QPointF | None = None
        self._dragged = False
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_layers(self, layers: Sequence[DrawnLayer], extent: Box) -> None:
        """Replaces what is shown, from bottom to top; `extent` is what `reset` goes back to."""
        before, self._extent = self._layers, extent
        kept = [
            before[at] if at < len(before) and before[at].shows(layer) else painted(layer)
            for at, layer in enumerate(layers)
        ]
        if kept == before:
            return  # and what the next change leaves as it is stays known
        self._layers = kept
        self._still = next(
            (at for at, (old, new) in enumerate(zip(before, kept, strict=False)) if old is not new),
            min(len(before), len(kept)),
        )
        placing = self._placed()
        for one in dict.fromkeys((*before, *kept)):
            if one not in before or one not in kept:
                self.update(one.bounds(placing).toAlignedRect())

    def clear(self) -> None:
        """Shows nothing, and holds nothing."""
        self._layers, self._still, self._ground = [], 0, None

    @property
    def seen(self) -> Box:
        """What is to be seen of the panel's coordinates."""
        corner = self.spot(QPointF(0, 0))
        opposite = self.spot(QPointF(self.width(), self.height()))
        return Box(corner.row, corner.col, opposite.row, opposite.col)

    def see(self, part: Box) -> None:
        """Shows a part of the panel, as large as it fits."""
        if part != self._wanted:
            self._wanted, self._placing = part, None
            self.update()

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
        self._ground = None
        self.update()

    def _placed(self) -> Placing:
        if self._placing is None:
            wanted = self._wanted
            scale = min(
                max(self.width(), 1) / max(wanted.width, 1e-9),
                max(self.height(), 1) / max(wanted.height, 1e-9),
            )
            centre = wanted.centre
            left = self.width() / 2 - centre.col * scale
            top = self.height() / 2 - centre.row * scale
            self._placing = Placing(scale, left, top, self.devicePixelRatioF())
        return self._placing

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._placing is not None and self._placing.sharp != self.devicePixelRatioF():
            self._placing = None  # the window went to another screen
        painter, at = QPainter(self), self._placed()
        if self._still:
            painter.drawPixmap(0, 0, self._grounded(at))
        else:
            painter.fillRect(event.rect(), QColor(theme.current().surface))
        for layer in self._layers[self._still :]:
            layer.paint(painter, at)

    def _grounded(self, at: Placing) -> QPixmap:
        """The layers that were the same the last time: painted once."""
        known = (at, self.size(), *self._layers[: self._still])
        if self._ground is None or self._ground[0] != known:
            ground = QPixmap((QSizeF(self.size()) * at.sharp).toSize())
            ground.setDevicePixelRatio(at.sharp)
            ground.fill(QColor(theme.current().surface))
            painter = QPainter(ground)
            for layer in self._layers[: self._still]:
                layer.paint(painter, at)
            painter.end()
            self._ground = known, ground
        return self._ground[1]

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._placing = None

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
        scale, wanted = self._placed().scale, self._wanted
        down, across = moved.y() / scale, moved.x() / scale
        self.see(
            Box(
                wanted.top - down, wanted.left - across, wanted.bottom - down, wanted.right - across
            )
        )
        self.zoomed.emit(self.seen)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """What is under the mouse stays there."""
        factor = _NOTCH ** (event.angleDelta().y() or event.angleDelta().x())
        wanted, extent = self._wanted, self._extent
        share = max(wanted.width / extent.width, wanted.height / extent.height)
        factor = min(max(factor, share / _FARTHEST), share * _NEAREST)
        spot = self.spot(event.position())
        self.see(
            Box(
                spot.row + (wanted.top - spot.row) / factor,
                spot.col + (wanted.left - spot.col) / factor,
                spot.row + (wanted.bottom - spot.row) / factor,
                spot.col + (wanted.right - spot.col) / factor,
            )
        )
        self.zoomed.emit(self.seen)
        event.accept()
