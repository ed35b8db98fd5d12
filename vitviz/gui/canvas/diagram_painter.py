"""Boxes, arrows and their words, painted over a map's coordinates."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox, DiagramTone
from vitviz.core.data.geometry import Box
from vitviz.gui.canvas.layer_placing import LayerPlacing
from vitviz.gui.widgets import theme

LARGEST, READABLE, SMALLEST = 17.0, 9.0, 6.0
"""Type in pixels: no larger than reads well, without notes where they would make it smaller than the
second, left out below what can be read.
"""
NOTE = 0.86
"""Size of a note over that of its text."""
AIR = 0.86
"""Share of a box that its words may fill."""
HEAD = 7.0
"""Length of an arrow's head in pixels."""


class DiagramPainter:
    """A diagram: its arrows, then its boxes, whose words have one size."""

    def __init__(self, diagram: Diagram) -> None:
        self._diagram = diagram
        self._sizes: tuple[LayerPlacing | None, tuple[dict[int, float], bool]] = (None, ({}, True))

    def shows(self, layer: object) -> bool:
        """Whether it looks as this layer does."""
        return layer == self._diagram

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        covered = QRectF()
        for one in self._diagram.boxes:
            covered = covered.united(at.rect(one.box))
        for arrow in self._diagram.arrows:
            rows, cols = [spot.row for spot in arrow.path], [spot.col for spot in arrow.path]
            covered = covered.united(at.rect(Box(min(rows), min(cols), max(rows), max(cols))))
        return covered.adjusted(-HEAD, -HEAD, HEAD, HEAD)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        ground = [one for one in self._diagram.boxes if one.ground]
        for one in ground:
            _frame(painter, one, at)
        for arrow in self._diagram.arrows:
            _arrow(painter, arrow, at)
        for one in self._diagram.boxes:
            if one.frame and not one.ground:
                _frame(painter, one, at)
        sizes, noted = self._type(at)
        for index, one in enumerate(self._diagram.boxes):
            if sizes[index] >= SMALLEST:
                _words(painter, one, at.rect(one.box), sizes[index], noted=noted or not one.frame)
        painter.restore()

    def _type(self, at: LayerPlacing) -> tuple[dict[int, float], bool]:
        """The size of every box's words, one for all that have a frame, and whether notes have room;
        measured once for a placing.
        """
        if self._sizes[0] != at:
            least = self._framed(at, notes=True)
            noted = least >= READABLE
            least = least if noted else self._framed(at, notes=False)
            loose = max(least * 1.25, 10.0)
            sizes = {
                index: least
                if one.frame
                else min(_fitting(one, at.rect(one.box), notes=True), loose)
                for index, one in enumerate(self._diagram.boxes)
            }
            self._sizes = at, (sizes, noted)
        return self._sizes[1]

    def _framed(self, at: LayerPlacing, *, notes: bool) -> float:
        """The largest type that fits all boxes with a frame."""
        framed = [one for one in self._diagram.boxes if one.frame and not one.ground]
        return min(
            (_fitting(one, at.rect(one.box), notes=notes) for one in framed), default=LARGEST
        )


def _color(tone: DiagramTone) -> QColor:
    colors = theme.current()
    return QColor({"plain": colors.quiet, "chosen": colors.accent, "quiet": colors.faint}[tone])


def _frame(painter: QPainter, one: DiagramBox, at: LayerPlacing) -> None:
    colors = theme.current()
    pen = QPen(_color(one.tone), 2.0 if one.tone == "chosen" else 1.0)
    if one.tone == "plain":
        pen.setColor(QColor(colors.faint))
    painter.setPen(pen)
    painter.setBrush(QColor(colors.surface if one.tone == "quiet" else colors.raised))
    painter.drawRoundedRect(at.rect(one.box), 5, 5)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _arrow(painter: QPainter, arrow: DiagramArrow, at: LayerPlacing) -> None:
    points = [at.point(spot.row, spot.col) for spot in arrow.path]
    if len(points) < 2:
        return
    color = _color(arrow.tone)
    pen = QPen(color, 2.0 if arrow.tone == "chosen" else 1.3)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    last, before = points[-1], points[-2]
    long = math.hypot(last.x() - before.x(), last.y() - before.y())
    if not arrow.head or long < 1e-6:
        painter.drawPolyline(QPolygonF(points))
        return
    head = min(HEAD, 0.6 * long)
    along = QPointF((last.x() - before.x()) / long, (last.y() - before.y()) / long)
    foot = last - along * head
    painter.drawPolyline(QPolygonF([*points[:-1], foot]))
    beside = QPointF(-along.y(), along.x()) * (0.5 * head)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(QPolygonF([last, foot + beside, foot - beside]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _font(size: float, bold: bool = False) -> QFont:
    font = QFont(theme.font(0, numbers=True))
    font.setPixelSize(max(round(size), 1))
    font.setBold(bold)
    return font


def _fitting(one: DiagramBox, place: QRectF, *, notes: bool) -> float:
    """The largest type, up to a limit, at which a box's words lie inside of it."""
    lines = [*one.text.split("\n"), *(one.note.split("\n") if one.note and notes else [])]
    metrics = QFontMetricsF(_font(100, one.tone == "chosen"))
    widest = max((metrics.horizontalAdvance(line) for line in lines), default=1.0) / 100
    high = sum(
        NOTE if index >= len(one.text.split("\n")) else 1.0 for index in range(len(lines))
    ) * (metrics.lineSpacing() / 100)
    room = AIR if one.frame else 1.0
    return float(
        min(
            LARGEST,
            place.width() * room / max(widest, 1e-6),
            place.height() * room / max(high, 1e-6),
        )
    )


def _words(painter: QPainter, one: DiagramBox, place: QRectF, size: float, *, noted: bool) -> None:
    colors = theme.current()
    said = [
        (line, _font(size, one.tone == "chosen"), False) for line in one.text.split("\n") if line
    ]
    said += [(line, _font(size * NOTE), True) for line in one.note.split("\n") if line and noted]
    heights = [QFontMetricsF(font).lineSpacing() for _, font, _ in said]
    top = place.center().y() - sum(heights) / 2
    side = {
        "centre": Qt.AlignmentFlag.AlignHCenter,
        "left": Qt.AlignmentFlag.AlignLeft,
        "right": Qt.AlignmentFlag.AlignRight,
    }[one.align]
    for (line, font, note), height in zip(said, heights, strict=True):
        faint = note or one.tone == "quiet" or (not one.frame and one.tone != "chosen")
        ink = colors.accent if one.tone == "chosen" and not one.frame else colors.text
        painter.setFont(font)
        painter.setPen(QColor(colors.quiet if faint else ink))
        painter.drawText(
            QRectF(place.left(), top, place.width(), height),
            int(side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip),
            line,
        )
        top += height
