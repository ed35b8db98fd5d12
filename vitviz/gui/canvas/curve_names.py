"""The names of a plot's curves, each behind its line or its point, in as many lines as they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitviz.core.data.plots import Curve
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import tone_color

SIGN, GAP, DOT = 14, 12, 2.0
"""Pixels: of a line or a point before a name, between names, and of a point's radius."""


class CurveNames(QWidget):
    """Names in the order of the curves."""

    def __init__(self) -> None:
        super().__init__()
        self._curves: tuple[Curve, ...] = ()
        self.setFont(theme.font(-1.5))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def count(self) -> int:
        """How many names there are."""
        return len(self._curves)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Replaces the names; curves without one are left out."""
        named = tuple(each for each in curves if each.name)
        told = [(each.name, each.tone, each.kind) for each in named]
        if told != [(each.name, each.tone, each.kind) for each in self._curves]:
            self._curves = named
            self.setToolTip("\n".join(each.name for each in named))
            self.setVisible(bool(named))
            self._fit()
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(90, self._lines() * self.fontMetrics().height())

    def _fit(self) -> None:
        self.setFixedHeight(max(self._lines(), 1) * self.fontMetrics().height())

    def _lines(self) -> int:
        return max((line for line, *_ in self._placed()), default=-1) + 1

    def _placed(self) -> Iterator[tuple[int, int, Curve]]:
        """(line, left, curve) of every name."""
        metrics, line, left = self.fontMetrics(), 0, 0
        for curve in self._curves:
            width = metrics.horizontalAdvance(curve.name) + SIGN
            if left and left + width > self.width():
                line, left = line + 1, 0
            yield line, left, curve
            left += width + GAP

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, metrics = QPainter(self), self.fontMetrics()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = metrics.height()
        for row, left, curve in self._placed():
            middle, color = row * line + line / 2, tone_color(curve.tone)
            painter.setPen(QPen(color, 2))
            if curve.kind == "line":
                painter.drawLine(QPointF(left, middle), QPointF(left + 9, middle))
            else:
                painter.setBrush(color)
                painter.drawEllipse(QPointF(left + 5, middle), DOT, DOT)
            painter.setPen(QColor(theme.current().quiet))
            room = self.width() - left - SIGN
            name = metrics.elidedText(curve.name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(left + SIGN - 1, row * line + metrics.ascent()), name)
