"""Words instead of a map: why there is none, and what can be done, in the room there is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from vitviz.core.data.drawing import Message
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import wrapped

StyledLine = tuple[QFont, str, bool]
"""Font, words, and whether they are quiet; a line without words is a gap."""


class MessageWidget(QWidget):
    """Said instead of a map: why there is none, and what can be done.

    Where there is little room the words get smaller, then the hint is left to the tooltip.
    """

    grew = Signal()
    """It says something that finds no room at its full size."""

    SMALLER = (0.0, -1.0, -2.0)
    GAP = 6

    def __init__(self) -> None:
        super().__init__()
        self._message = Message("")

    @property
    def message(self) -> Message:
        """What is said."""
        return self._message

    def show_message(self, message: Message) -> None:
        """Replaces what is shown."""
        if message == self._message:
            return
        self._message = message
        said = "\n".join(filter(None, (message.text, message.hint)))
        self.setToolTip(said)
        self.setAccessibleName(said)
        self.update()
        if self.isVisible() and message_height(message, self.width()) > self.height():
            self.grew.emit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, lines = QPainter(self), self.laid_out()
        top = max((self.height() - _height(lines)) // 2, 0)
        for font, words, quiet in lines:
            metrics = QFontMetrics(font)
            painter.setFont(font)
            painter.setPen(QColor(theme.current().quiet if quiet else theme.current().text))
            left = (self.width() - metrics.horizontalAdvance(words)) // 2
            painter.drawText(left, top + metrics.ascent(), words)
            top += metrics.lineSpacing() if words else self.GAP

    def laid_out(self) -> list[StyledLine]:
        """(font, words, whether quiet) of every line; a line without words is a gap."""
        lines: list[StyledLine] = []
        for message in (self._message, Message(self._message.text)):
            for size in self.SMALLER:
                lines = _lines(message, self.width(), size)
                if _height(lines) <= self.height():
                    return lines
        return lines


def message_height(message: Message, width: int) -> int:
    """The height that a message needs at a width, with some air."""
    return _height(_lines(message, width, 0.0)) + 2 * MessageWidget.GAP


def _lines(message: Message, width: int, size: float) -> list[StyledLine]:
    found: list[StyledLine] = []
    for text, quiet in ((message.text, False), (message.hint, True)):
        font = theme.font(size, bold=not quiet)
        if text and found:
            found.append((font, "", quiet))
        for line in wrapped(text, QFontMetrics(font), max(width - 8, 1), 99) if text else ():
            found.append((font, line, quiet))
    return found


def _height(lines: Sequence[StyledLine]) -> int:
    return sum(
        QFontMetrics(font).lineSpacing() if words else MessageWidget.GAP for font, words, _ in lines
    )
