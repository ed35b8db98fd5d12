"""Tables on screen: lines of words and numbers in columns, which scroll where there are many."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from vitviz.core.data.plots import Table, is_number
from vitviz.gui.widgets import theme

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
