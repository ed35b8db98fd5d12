"""Labels that never push the layout: what is too long is wrapped or elided, whole in the tooltip."""

from __future__ import annotations

from bisect import bisect_right

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

_SEAMS = "-_./"
"""Where a name may be broken that has no spaces."""


def wrapped(
    text: str,
    metrics: QFontMetrics,
    width: int,
    most: int,
    mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
) -> list[str]:
    """A text in at most so many lines, broken between words or at a name's seams."""
    lines: list[str] = []
    rest = text
    while metrics.horizontalAdvance(rest) > width:
        if len(lines) == most - 1:
            return [*lines, metrics.elidedText(rest, mode, width)]
        cut = _cut(rest, metrics, width)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, rest]


def _cut(text: str, metrics: QFontMetrics, width: int) -> int:
    """How much of a text stands on its first line."""
    lengths = range(1, len(text) + 1)
    fits = bisect_right(lengths, width, key=lambda n: metrics.horizontalAdvance(text[:n]))
    space = text.rfind(" ", 0, fits + 1)
    seam = max(text.rfind(sign, 0, fits) for sign in _SEAMS) + 1
    return (space if space > 0 else seam) or max(fits, 1)


class ElidedLabel(QLabel):
    """One line of text that takes the room it gets; a `tail` is never cut.

    Other words ask for no other room, so what is around it is not laid out anew for them.
    """

    _upright = Qt.AlignmentFlag.AlignVCenter

    def __init__(
        self, text: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__()
        self._mode = mode
        self._text = self._tail = ""
        self._known: tuple[tuple[str, int], list[str]] = (("", 0), [""])
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    def text(self) -> str:
        """All that it says, whether there is room for it or not."""
        return self._text

    def setText(self, text: str) -> None:
        """The same as `show_text`."""
        self.show_text(text)

    def show_text(self, text: str, tail: str = "") -> None:
        """Replaces the text; nothing happens when it is the same."""
        whole = f"{text} {tail}" if tail else text
        if whole != self._text:
            self._text, self._tail = whole, f" {tail}" if tail else ""
            self.setToolTip(whole)
            self.setAccessibleName(whole)
            self.update()

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self.fontMetrics().lineSpacing())

    def height_at(self, _width: int) -> int:
        """The height that it needs at a width."""
        return self.fontMetrics().lineSpacing()

    def lines(self) -> list[str]:
        """What is to be seen, line by line."""
        return self.lines_at(self.width())

    def lines_at(self, width: int) -> list[str]:
        """What is to be seen at a width: measured once, though both layout and painter ask for it."""
        now = self._text, width
        if self._known[0] != now:
            self._known = now, self._laid_out(width)
        return self._known[1]

    def _laid_out(self, width: int) -> list[str]:
        metrics, text = self.fontMetrics(), self._text.removesuffix(self._tail)
        room = width - (metrics.horizontalAdvance(self._tail) if self._tail else 0)
        return [line + self._tail for line in wrapped(text, metrics, room, 1, self._mode)]

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, metrics, lines = QPainter(self), self.fontMetrics(), self.lines()
        painter.setPen(self.palette().color(self.foregroundRole()))
        step = metrics.lineSpacing()
        free = self.height() - step * len(lines)
        top = free // 2 if self._upright == Qt.AlignmentFlag.AlignVCenter else 0
        right = self.alignment() & Qt.AlignmentFlag.AlignRight
        for at, line in enumerate(lines):
            # What was cut to fit may still be a pixel too wide.
            left = max(self.width() - metrics.horizontalAdvance(line), 0) if right else 0
            painter.drawText(left, top + at * step + metrics.ascent(), line)

    def changeEvent(self, event: QEvent) -> None:
        """Another font has other widths."""
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._known = (("", 0), [""])
        super().changeEvent(event)


class TitleLabel(ElidedLabel):
    """One line that asks for the room of its words, and ends in an ellipsis where it gets less."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 1, metrics.lineSpacing())


class WrappedLabel(ElidedLabel):
    """Text in as many lines as it needs, up to `most`.

    It never gets lower while its width stays: under a moving cursor nothing below it must jump.
    """

    grew = Signal()
    """It has more lines now than its width was laid out for."""

    _upright = Qt.AlignmentFlag.AlignTop

    def __init__(self, *, most: int, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        self._allowed = most
        self._reached = 0
        super().__init__(mode=mode)

    def show_text(self, text: str, tail: str = "") -> None:
        """Replaces the text; nothing happens when it is the same."""
        before = self.text()
        super().show_text(text, tail)
        if self.text() != before:
            self._fit()

    def height_at(self, width: int) -> int:
        """The height that it needs at a width."""
        return len(self.lines_at(width)) * self.fontMetrics().lineSpacing()

    def _laid_out(self, width: int) -> list[str]:
        return wrapped(self.text(), self.fontMetrics(), width, self._allowed, self._mode)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._reached = 0
            self._fit(told=False)  # who gave this width has reckoned with the lines at it

    def _fit(self, *, told: bool = True) -> None:
        needed = self.height_at(self.width())
        if needed > self._reached:
            before, self._reached = self.minimumHeight(), needed
            if needed != before:
                self.setFixedHeight(needed)
            if told and needed > before:
                self.grew.emit()
