"""Plots and tables on screen: numbers that lie on no picture, with axes that can be read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QScrollArea, QWidget

from vitviz.core.data.plots import Curve, Plot, Table, Tone, is_number
from vitviz.core.notation import shown_number
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
    return shown_number(value, 6)


SPREAD = 1.6
"""How much wider than its words a table is made where there is room."""
LEAST = 13
"""Letters of a column of words that stay to be read where there is little room."""


def _rows_font() -> QFont:
    return theme.font(-1, numbers=True)


def cut(text: str, metrics: QFontMetrics, room: int) -> str:
    """A cell's text as far as there is room; the share at its end is never what is cut."""
    name, _, share = text.rpartition(" ")
    tail = f" {share}" if name and share.endswith("%") else ""
    elided = metrics.elidedText(
        text.removesuffix(tail), Qt.TextElideMode.ElideRight, room - metrics.horizontalAdvance(tail)
    )
    return elided + tail


def _line_height(metrics: QFontMetrics) -> int:
    return metrics.height() + 5


def table_height(table: Table) -> int:
    """The height of all lines of a table with its heading."""
    return _line_height(QFontMetrics(_rows_font())) * (len(table.rows) + 1)


def _in_words(cell: str) -> bool:
    """Whether a cell is no number and no shape: such as may be cut where there is little room."""
    return not is_number(cell) and any(map(str.isalpha, cell))


def table_width(table: Table) -> int:
    """The width beyond which a table gets no better."""
    return round(SPREAD * sum(_needs(table, QFontMetrics(_rows_font()))))


def _needs(table: Table, metrics: QFontMetrics) -> list[float]:
    """The width of the longest text of every column."""
    columns = zip(table.columns, *table.rows, strict=True)
    return [max(map(metrics.horizontalAdvance, cells)) + 10 for cells in columns]


class _Rows(QWidget):
    """The lines of a table, as high as they need."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table((), ())
        self.setFont(_rows_font())
        self.setMouseTracking(True)

    @property
    def line(self) -> int:
        """Height of a line."""
        return _line_height(self.fontMetrics())

    def sizeHint(self) -> QSize:
        return QSize(120, self.line * (len(self.table.rows) + 1))

    def _needs(self) -> list[float]:
        return _needs(self.table, self.fontMetrics())

    def _least(self) -> list[float]:
        """The width that every column can do with: words may be cut, numbers and shapes not."""
        few = LEAST * self.fontMetrics().averageCharWidth()
        columns = zip(self._needs(), zip(*self.table.rows, strict=True), strict=False)
        return [min(need, few) if any(map(_in_words, cells)) else need for need, cells in columns]

    @property
    def least(self) -> float:
        """The width below which a table is scrolled."""
        return sum(self._least())

    def spans(self) -> list[tuple[float, float]]:
        """(left, width) of every column."""
        needs, least = self._needs(), self._least()
        spread = min(self.width() / max(sum(needs), 1), SPREAD)
        free = max(self.width() - sum(least), 0) / max(sum(needs) - sum(least), 1)
        spans, left = [], 0.0
        for need, few in zip(needs, least, strict=True):
            span = need * spread if spread >= 1 else few + (need - few) * free
            spans.append((left, span))
            left += span
        return spans

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, colors, table = QPainter(self), theme.current(), self.table
        if not table.columns:
            return
        spans, line = self.spans(), self.line
        whole = spans[-1][0] + spans[-1][1]
        if table.chosen is not None:
            marked = QColor(colors.accent)
            marked.setAlphaF(0.18)
            painter.fillRect(QRectF(0, (table.chosen + 1) * line, whole, line), marked)
        for index, row in enumerate(table.rows):
            for column, text in enumerate(row):
                painter.setPen(QColor(colors.text if column else colors.quiet))
                self._cell(painter, text, spans[column], (index + 1) * line, table.numeric[column])
        self._heading(painter, spans, whole)

    def _heading(self, painter: QPainter, spans: list[tuple[float, float]], whole: float) -> None:
        """The columns' names, which stay in sight where the lines are scrolled."""
        colors, line = theme.current(), self.line
        top = max(0, -self.y())
        painter.fillRect(QRectF(0, top, self.width(), line), QColor(colors.surface))
        painter.setPen(QColor(colors.line))
        painter.drawLine(QPointF(0, top + line - 1), QPointF(whole, top + line - 1))
        painter.setPen(QColor(colors.quiet))
        for column, text in enumerate(self.table.columns):
            self._cell(painter, text, spans[column], top, self.table.numeric[column])

    def _cell(
        self, painter: QPainter, text: str, span: tuple[float, float], top: float, number: bool
    ) -> None:
        box = QRectF(span[0] + 3, top, span[1] - 8, self.line)
        shown = cut(text, self.fontMetrics(), int(box.width()) + 1)
        side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, shown)


class TableWidget(QScrollArea):
    """A table that scrolls where there are more lines than room; the chosen one stays in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Rows()
        self.setWidget(self.rows)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().valueChanged.connect(lambda _: self.rows.update())
        self.verticalScrollBar().rangeChanged.connect(lambda _low, _high: self._reveal())
        self.horizontalScrollBar().rangeChanged.connect(lambda _low, _high: self._fit_lines())
        self.verticalScrollBar().setSingleStep(self.rows.line)

    def show_table(self, table: Table) -> None:
        """Replaces what is shown."""
        if table == self.rows.table:
            return
        self.rows.table = table
        self.rows.setMinimumSize(round(self.rows.least), self.rows.sizeHint().height())
        self.rows.update()
        self._reveal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the chosen line in sight, and lets only whole lines be seen."""
        super().resizeEvent(event)
        self._fit_lines()
        self._reveal()

    def _fit_lines(self) -> None:
        room = self.viewport().height() + self.viewportMargins().bottom()
        self.setViewportMargins(0, 0, 0, room % self.rows.line)

    def _reveal(self) -> None:
        chosen, line = self.rows.table.chosen, self.rows.line
        if chosen is not None:
            across, up = self.horizontalScrollBar(), self.verticalScrollBar()
            self.ensureVisible(across.value(), round((chosen + 1.5) * line), 0, round(2.5 * line))
            up.setValue(-(-up.value() // line) * line)

    def line_at(self, at: QPointF) -> float:
        """The line at a position of the rows, the heading being line 0."""
        heading = at.y() + self.rows.y() < self.rows.line
        return 0.0 if heading else at.y() / self.rows.line
