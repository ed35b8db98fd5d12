"""Plots on screen: numbers that lie on no picture, with axes that can be read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from vitviz.core.data.plots import Curve, Plot, Tone
from vitviz.gui.widgets import theme

GAP = 6
DOT = 2.6
"""A point's radius, in pixels."""
TICKS = 11
"""Numbers beside an axis, at most: more are no easier to read in a large plot."""


def _tone(tone: Tone) -> QColor:
    colors = theme.current()
    dark = colors.name == "dark"
    named = {
        "plain": colors.quiet,
        "chosen": colors.accent,
        "quiet": colors.faint,
        "second": "#6aa9e9" if dark else "#2f6fb3",
        "third": "#63c79a" if dark else "#23845a",
    }
    return QColor(named[tone])


class PlotWidget(QWidget):
    """Curves between two axes; says at which share of the plot the mouse is."""

    def __init__(self) -> None:
        super().__init__()
        self._plot: Plot | None = None
        self.setFont(theme.font(-1.5, numbers=True))
        self.setMouseTracking(True)
        self.setMinimumSize(90, 80)

    def show_plot(self, plot: Plot) -> None:
        """Replaces what is shown."""
        if plot is not self._plot:
            self._plot = plot
            self.update()

    def shares(self, at: QPointF) -> tuple[float, float] | None:
        """(down, across) of a position in the plotted area, 0 to 1; None outside."""
        area = self._area()
        if area.width() <= 0 or area.height() <= 0:
            return None
        down = (at.y() - area.top()) / area.height()
        across = (at.x() - area.left()) / area.width()
        inside = -0.03 <= down <= 1.03 and -0.03 <= across <= 1.03
        return (min(max(down, 0.0), 1.0), min(max(across, 0.0), 1.0)) if inside else None

    def position_of(self, down: float, across: float) -> QPointF:
        """Where these shares of the plotted area lie in this widget."""
        area = self._area()
        return QPointF(area.left() + across * area.width(), area.top() + down * area.height())

    def _area(self) -> QRectF:
        """The plotted area, between the numbers of both axes and the legend."""
        if self._plot is None:
            return QRectF()
        metrics = self.fontMetrics()
        line = metrics.height()
        numbers = (_said(tick) for most in range(1, TICKS + 1) for tick in self._plot.y.ticks(most))
        left = max((metrics.horizontalAdvance(each) for each in numbers), default=0) + GAP
        top = line * (1.5 + self._legend_lines()) + 2 * GAP  # half a line for the highest number
        bottom = 2 * line + GAP
        return QRectF(left, top, self.width() - left - GAP, self.height() - top - bottom)

    def numbers(self, high: float | None = None) -> tuple[float, ...]:
        """The numbers beside the upright axis at a height, as many as are easy to read."""
        high = self._area().height() if high is None else high
        most = min(max(int(high / (2.2 * self.fontMetrics().height())), 1), TICKS)
        return () if self._plot is None else self._plot.y.ticks(most)

    def _named(self) -> list[Curve]:
        return [] if self._plot is None else [each for each in self._plot.curves if each.name]

    def _legend_lines(self) -> int:
        return max((line for line, *_ in self._legend()), default=-1) + 1

    def _legend(self) -> Iterator[tuple[int, int, Curve]]:
        """(line, left, curve) of every name."""
        metrics, line, left = self.fontMetrics(), 0, 0
        for curve in self._named():
            width = metrics.horizontalAdvance(curve.name) + 14
            if left and left + width > self.width():
                line, left = line + 1, 0
            yield line, left, curve
            left += width + 2 * GAP

    def paintEvent(self, _event: QPaintEvent) -> None:
        plot, area = self._plot, self._area()
        if plot is None or area.width() < 20 or area.height() < 20:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter, plot, area)
        painter.setClipRect(area.adjusted(-4, -4, 4, 4))
        for curve in plot.curves:
            self._paint_curve(painter, plot, curve, area)

    def _paint_axes(self, painter: QPainter, plot: Plot, area: QRectF) -> None:
        colors, metrics = theme.current(), self.fontMetrics()
        line, flags = metrics.height(), Qt.AlignmentFlag
        for row, left, curve in self._legend():
            middle = row * line + line / 2
            painter.setPen(QPen(_tone(curve.tone), 2))
            if curve.kind == "line":
                painter.drawLine(QPointF(left, middle), QPointF(left + 9, middle))
            else:
                painter.setBrush(_tone(curve.tone))
                painter.drawEllipse(QPointF(left + 5, middle), DOT - 1, DOT - 1)
            painter.setPen(QColor(colors.quiet))
            painter.drawText(QPointF(left + 13, row * line + metrics.ascent()), curve.name)
        painter.setPen(QColor(colors.quiet))
        above = QRectF(0, area.top() - GAP - 1.5 * line, self.width(), line)
        elide = Qt.TextElideMode.ElideRight
        label = metrics.elidedText(plot.y.label, elide, self.width())
        painter.drawText(above, flags.AlignLeft, label)
        below = QRectF(0, area.bottom() + GAP + line - 2, self.width() - GAP, line)
        label = metrics.elidedText(plot.x.label, elide, int(below.width()))
        painter.drawText(below, flags.AlignRight, label)
        for tick in self.numbers(area.height()):
            y = area.bottom() - plot.y.at(tick) * area.height()
            painter.setPen(QPen(QColor(colors.line), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(colors.quiet))
            beside = QRectF(0, y - line / 2, area.left() - GAP + 2, line)
            painter.drawText(beside, flags.AlignRight | flags.AlignVCenter, _said(tick))
        wide = max((metrics.horizontalAdvance(_said(each)) for each in plot.x.ticks(6)), default=9)
        for tick in plot.x.ticks(max(int(area.width() / (wide + 18)), 1)):
            x = area.left() + plot.x.at(tick) * area.width()
            beneath = QRectF(x - 40, area.bottom() + GAP - 2, 80, line)
            painter.drawText(beneath, flags.AlignHCenter, _said(tick))

    def _paint_curve(self, painter: QPainter, plot: Plot, curve: Curve, area: QRectF) -> None:
        across = area.left() + plot.x.share(np.asarray(curve.x, np.float64)) * area.width()
        down = area.bottom() - plot.y.share(np.asarray(curve.y, np.float64)) * area.height()
        color, firm = _tone(curve.tone), curve.tone == "chosen"
        if curve.kind == "points":
            painter.setPen(Qt.PenStyle.NoPen)
            color.setAlphaF(1.0 if firm else 0.75)
            painter.setBrush(color)
            size = DOT + (1.4 if firm else 0)
            for x, y in zip(across, down, strict=True):
                if np.isfinite(y):
                    painter.drawEllipse(QPointF(x, y), size, size)
            return
        painter.setPen(QPen(color, 2.0 if firm else 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for part in _runs(down):
            points = [QPointF(float(across[i]), float(down[i])) for i in part]
            painter.drawPolyline(QPolygonF(points))


def _runs(values: np.ndarray) -> Iterator[np.ndarray]:
    """The unbroken parts of a line."""
    good = np.flatnonzero(np.isfinite(values))
    if good.size:
        yield from np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)


def _said(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")
