"""The layers of a drawing as scene items: pictures, grids, outlines and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from vitviz.core.drawing import Grid, Label, Labels, Outlines
from vitviz.core.geometry import Box
from vitviz.gui import theme


def rect(box: Box) -> QRectF:
    """A box as Qt's rectangle: x is the column, y the row."""
    return QRectF(box.left, box.top, box.width, box.height)


class PixelsItem(pg.GraphicsObject):  # type: ignore[misc]
    """An image stretched over a box; large pictures are averaged down, not skipped through."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._box = QRectF()
        self._smooth = False
        self._scaled: QImage | None = None

    def show_image(self, image: QImage, box: Box, *, smooth: bool, opacity: float = 1.0) -> None:
        """Replaces what is shown."""
        target = rect(box)
        if target != self._box:
            self.prepareGeometryChange()
            self._box = target
        self.setOpacity(opacity)
        if image is not self._image or smooth != self._smooth:
            self._image, self._smooth, self._scaled = image, smooth, None
            self.update()

    def boundingRect(self) -> QRectF:
        return self._box

    def paint(self, painter: QPainter, *_: Any) -> None:
        if self._image.isNull():
            return
        device = painter.deviceTransform().mapRect(self._box)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._smooth)
        painter.drawImage(self._box, self._fitted(device))

    def _fitted(self, device: QRectF) -> QImage:
        """Qt's own scaling samples four pixels only, or one: shrink by averaging, and remember it."""
        width, height = max(round(device.width()), 1), max(round(device.height()), 1)
        if self._image.width() <= width * (1.3 if self._smooth else 1):
            return self._image
        if self._scaled is None or self._scaled.width() != width:
            self._scaled = self._image.scaled(
                width,
                height,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        return self._scaled


class LinesItem(pg.GraphicsObject):  # type: ignore[misc]
    """The thin lines between cells."""

    def __init__(self) -> None:
        super().__init__()
        self._grid: Grid | None = None

    def show_grid(self, grid: Grid) -> None:
        """Replaces what is shown."""
        if grid != self._grid:
            self.prepareGeometryChange()
            self._grid = grid
            self.update()

    def boundingRect(self) -> QRectF:
        return QRectF() if self._grid is None else rect(self._grid.box)

    def paint(self, painter: QPainter, *_: Any) -> None:
        if self._grid is None:
            return
        pen = QPen(theme.role_color(self._grid.role), painter.device().devicePixelRatio())
        pen.setCosmetic(True)
        painter.setPen(pen)
        box = self._grid.box
        for row in np.linspace(box.top, box.bottom, self._grid.rows + 1):
            painter.drawLine(QPointF(box.left, row), QPointF(box.right, row))
        for col in np.linspace(box.left, box.right, self._grid.cols + 1):
            painter.drawLine(QPointF(col, box.top), QPointF(col, box.bottom))


class OutlinesItem(pg.GraphicsObject):  # type: ignore[misc]
    """Rectangles by role: accent for what is chosen, with a dark halo so that it shows on anything."""

    def __init__(self) -> None:
        super().__init__()
        self._outlines = Outlines((), "quiet")

    def show_outlines(self, outlines: Outlines) -> None:
        """Replaces what is shown."""
        if outlines != self._outlines:
            self.prepareGeometryChange()
            self._outlines = outlines
            self.update()

    def boundingRect(self) -> QRectF:
        bounds = QRectF()
        for box in self._outlines.boxes:
            bounds = bounds.united(rect(box))
        margin = max(bounds.width(), bounds.height()) * 0.2 + 2
        return bounds.adjusted(-margin, -margin, margin, margin)

    def paint(self, painter: QPainter, *_: Any) -> None:
        firm = self._outlines.role in ("pin", "chosen")
        sharp = painter.device().devicePixelRatio()  # a cosmetic pen counts the screen's own pixels
        strokes = [(QColor(0, 0, 0, 150), 4.5 if firm else 3.0)]
        strokes.append((theme.role_color(self._outlines.role), 2.2 if firm else 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in strokes:
            pen = QPen(color, width * sharp)
            pen.setCosmetic(True)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            for box in self._outlines.boxes:
                painter.drawRect(rect(box))


class LabelsItem(pg.GraphicsObject):  # type: ignore[misc]
    """Axis and token numbers, of one size on screen whatever the zoom; left out where too small."""

    def __init__(self) -> None:
        super().__init__()
        self._labels = Labels(())
        self._bounds = QRectF()

    def show_labels(self, labels: Labels, bounds: Box) -> None:
        """Replaces what is shown."""
        if labels is not self._labels:
            self.prepareGeometryChange()
            self._labels, self._bounds = labels, rect(bounds)
            self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, *_: Any) -> None:
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        number = self._labels.role == "number"
        painter.setFont(theme.font(-2.5, numbers=True))
        taken: list[QRectF] = []
        for label in self._labels.labels:
            at = transform.map(QPointF(label.at.col, label.at.row))
            box = _text_box(painter, label, at)
            if any(box.intersects(other) for other in taken[-40:]):
                continue
            taken.append(box.adjusted(-2, -1, 2, 1))
            if number:
                painter.setPen(QColor(0, 0, 0, 200))
                painter.drawText(box.translated(1, 1), Qt.AlignmentFlag.AlignCenter, label.text)
            painter.setPen(QColor("#ffffff") if number else QColor(theme.current().quiet))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label.text)
        painter.restore()


def _text_box(painter: QPainter, label: Label, at: QPointF) -> QRectF:
    metrics = painter.fontMetrics()
    width, height = metrics.horizontalAdvance(label.text) + 2, metrics.height()
    left = {"left": at.x() + 3, "right": at.x() - width - 3}.get(label.anchor, at.x() - width / 2)
    top = {"top": at.y() + 2, "bottom": at.y() - height - 2}.get(label.anchor, at.y() - height / 2)
    return QRectF(left, top, width, height)
