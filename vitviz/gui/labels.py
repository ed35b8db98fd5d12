"""Labels that never push the layout: what is too long is wrapped or elided, whole in the tooltip."""

from __future__ import annotations

from bisect import bisect_right

from PySide6.QtCore import QSize, Qt, Signal
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
    while len(lines) < most - 1 and metrics.horizontalAdvance(rest) > width:
        cut = _cut(rest, metrics, width)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, metrics.elidedText(rest, mode, width)]


def _cut(text: str, metrics: QFontMetrics, width: int) -> int:
    """How much of a text stands on its first line."""
    lengths = range(1, len(text) + 1)
    fits = bisect_right(lengths, width, key=lambda n: metrics.horizontalAdvance(text[:n]))
    space = text.rfind(" ", 0, fits + 1)
    seam = max(text.rfind(sign, 0, fits) for sign in _SEAMS) + 1
    return (space if space > 0 else seam) or max(fits, 1)


class ElidedLabel(QLabel):
    """One line of text that takes the room it gets; a `tail` is never cut."""

    _upright = Qt.AlignmentFlag.AlignVCenter

    def __init__(
        self, text: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__(text)
        self._mode = mode
        self._tail = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str, tail: str = "") -> None:
        """Replaces the text; nothing happens when it is the same."""
        whole = f"{text} {tail}" if tail else text
        if whole != self.text():
            self._tail = f" {tail}" if tail else ""
            self.setText(whole)
            self.setToolTip(whole)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, super().minimumSizeHint().height())

    def height_at(self, _width: int) -> int:
        """The height that it needs at a width."""
        return self.fontMetrics().lineSpacing()

    def lines(self) -> list[str]:
        """What is to be seen, line by line."""
        metrics, text = self.fontMetrics(), self.text().removesuffix(self._tail)
        room = self.width() - metrics.horizontalAdvance(self._tail)
        return [metrics.elidedText(text, self._mode, room) + self._tail]

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        across = self.alignment() & Qt.AlignmentFlag.AlignHorizontal_Mask
        painter.drawText(self.rect(), across | self._upright, "\n".join(self.lines()))


class WrappedLabel(ElidedLabel):
    """Text in as many lines as it needs, up to `most`.

    It never gets lower while its width stays: under a moving cursor nothing below it must jump.
    """

    grew = Signal()
    """It has more lines now than its width was laid out for."""

    _upright = Qt.AlignmentFlag.AlignTop

    def __init__(self, *, most: int, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__(mode=mode)
        self._allowed = most
        self._reached = 0
        self._known: tuple[tuple[str, int], list[str]] = (("", 0), [""])

    def show_text(self, text: str, tail: str = "") -> None:
        """Replaces the text; nothing happens when it is the same."""
        if f"{text} {tail}".strip() != self.text():
            super().show_text(text, tail)
            self._fit()

    def lines(self) -> list[str]:
        """What is to be seen, line by line."""
        return self._wrapped(self.width())

    def height_at(self, width: int) -> int:
        """The height that it needs at a width."""
        return len(self._wrapped(width)) * self.fontMetrics().lineSpacing()

    def _wrapped(self, width: int) -> list[str]:
        """Measured once for what is said now: it is asked for when laid out and when painted."""
        now = self.text(), width
        if self._known[0] != now:
            lines = wrapped(now[0], self.fontMetrics(), width, self._allowed, self._mode)
            self._known = now, lines
        return self._known[1]

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
