"""What stands beside a map: its colour bar with the range, its numbers, bars and messages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from vitviz.core.colors import Scale, table_colors
from vitviz.core.drawing import Bars, Message
from vitviz.gui import theme
from vitviz.gui.qimages import image_of


def number(value: float) -> str:
    """A number for a colour bar: four significant digits, no noise."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 1e-3 else f"{value:.3g}"


class ColorBar(QWidget):
    """A slim bar of the colour table between the range's ends, with label and unit."""

    def __init__(self) -> None:
        super().__init__()
        self._scale: Scale | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(theme.font(-1.5, numbers=True))

    def sizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() + 4)

    def show_scale(self, scale: Scale | None) -> None:
        """Replaces what is shown; None hides the bar."""
        self.setVisible(scale is not None)
        if scale != self._scale:
            self._scale = scale
            if scale is not None:
                unit = f" ({scale.unit})" if scale.unit else ""
                self.setToolTip(f"{scale.label}{unit}: {scale.low:.6g} to {scale.high:.6g}")
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._scale is None:
            return
        painter = QPainter(self)
        metrics = self.fontMetrics()
        low, high = number(self._scale.low), number(self._scale.high)
        label = " ".join(part for part in (self._scale.label, self._scale.unit) if part)
        left = metrics.horizontalAdvance(low) + 6
        right = metrics.horizontalAdvance(high) + 6
        if (
            left + right + 4 > self.width()
        ):  # the range is always said, the colours if there is room
            painter.setPen(QColor(theme.current().quiet))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, f"{low} … {high}")
            return
        room = self.width() - left - right
        named = metrics.horizontalAdvance(label) + 12
        bar = max(min(max(room - named, min(room, 48)), 180), 4)
        painter.setPen(QColor(theme.current().quiet))
        centre = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, left, self.height()), centre, low)
        table = image_of(np.ascontiguousarray(table_colors(self._scale.table)[None]))
        painter.drawImage(QRectF(left, self.height() / 2 - 3, bar, 6), table)
        painter.drawText(QRectF(left + bar + 6, 0, right, self.height()), centre, high)
        painter.setPen(QColor(theme.current().faint))
        rest = QRectF(
            left + bar + right + 6, 0, self.width() - left - bar - right - 6, self.height()
        )
        elided = metrics.elidedText(label, Qt.TextElideMode.ElideRight, int(rest.width()))
        painter.drawText(rest, centre, elided)


class FactsLabel(QWidget):
    """Numbers that belong to a panel: quiet names, clear values, as many on a line as fit.

    It never gets lower while its width stays: under a moving cursor the map must not jump.
    """

    GAP = 14

    def __init__(self) -> None:
        super().__init__()
        self.setFont(theme.font(-1, numbers=True))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._facts: tuple[tuple[str, str], ...] = ()
        self._most = 0
        self.setVisible(False)

    def show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Replaces what is shown."""
        if facts == self._facts:
            return
        self._facts = facts
        self.setVisible(bool(facts))
        self.setAccessibleName(", ".join(f"{name} {value}" for name, value in facts))
        self.setToolTip("\n".join(f"{name}: {value}" for name, value in facts))
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._most = 0
            self._fit()

    def _fit(self) -> None:
        lines = max((line for line, *_ in self._placed()), default=-1) + 1
        if lines > self._most:
            self._most = lines
            self.setFixedHeight(lines * self.fontMetrics().lineSpacing())

    def _placed(self) -> Iterator[tuple[int, int, str, str]]:
        """(line, left, name, value) of every fact."""
        metrics, line, left = self.fontMetrics(), 0, 0
        for name, value in self._facts:
            width = metrics.horizontalAdvance(f"{name} {value}")
            if left and left + width > self.width():
                line, left = line + 1, 0
            yield line, left, name, value
            left += width + self.GAP

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, metrics = QPainter(self), self.fontMetrics()
        for line, left, name, value in self._placed():
            base = line * metrics.lineSpacing() + metrics.ascent()
            painter.setPen(QColor(theme.current().quiet))
            painter.drawText(left, base, name)
            at = left + metrics.horizontalAdvance(f"{name} ")
            painter.setPen(QColor(theme.current().text))
            elided = metrics.elidedText(value, Qt.TextElideMode.ElideRight, self.width() - at)
            painter.drawText(at, base, elided)


class BarsWidget(QWidget):
    """Named shares as horizontal bars, best first."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = Bars((), (), ())
        self.setMinimumSize(120, 60)
        self.setFont(theme.font(-0.5, numbers=True))

    def show_bars(self, bars: Bars) -> None:
        """Replaces what is shown."""
        if bars != self._bars:
            self._bars = bars
            self.setToolTip(
                "\n".join(f"{a}: {b}" for a, b in zip(bars.names, bars.texts, strict=True))
            )
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, colors = self.fontMetrics(), theme.current()
        step = min(max(self.height() / max(len(self._bars.names), 1), metrics.height() + 8), 44.0)
        for index, (name, value, text) in enumerate(
            zip(self._bars.names, self._bars.values, self._bars.texts, strict=True)
        ):
            top = index * step
            if top + metrics.height() + 6 > self.height():
                break
            behind = metrics.horizontalAdvance(text) + 8
            line = QRectF(0, top, self.width() - behind, metrics.height() + 2)
            painter.setPen(QColor(colors.text if index == 0 else colors.quiet))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(line.width()))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
            painter.drawText(
                QRectF(0, top, self.width(), metrics.height() + 2),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                text,
            )
            track = QRectF(0, top + metrics.height() + 3, self.width(), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.line))
            painter.drawRoundedRect(track, 2, 2)
            share = min(max(value / self._bars.high, 0.0), 1.0) if self._bars.high > 0 else 0.0
            painter.setBrush(QColor(colors.accent if index == 0 else colors.faint))
            track.setWidth(max(self.width() * share, 2.0))
            painter.drawRoundedRect(track, 2, 2)


class MessageWidget(QWidget):
    """Said instead of a map: why there is none, and what can be done."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addStretch()
        self._text, self._hint = QLabel(), QLabel()
        for label, name in ((self._text, "title"), (self._hint, "quiet")):
            label.setObjectName(name)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        layout.addStretch()

    def show_message(self, message: Message) -> None:
        """Replaces what is shown."""
        self._text.setText(message.text)
        self._hint.setText(message.hint)
        self._hint.setVisible(bool(message.hint))
