"""The badge of a trace: a click opens the place where what is assumed can be said."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLabel

LONGEST = 44
"""Letters of the badge; all of it is in its tooltip."""


class BadgeLabel(QLabel):
    """Words with a colour; pressed, where there is something to say."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._opens = False

    def show_words(self, words: str, opens: bool) -> None:
        """The badge's words, and whether a click has somewhere to lead."""
        self._opens = opens
        self.setText(words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…")
        self.setAccessibleName(words)
        shape = Qt.CursorShape.PointingHandCursor if opens else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        focus = Qt.FocusPolicy.TabFocus if opens else Qt.FocusPolicy.NoFocus
        self.setFocusPolicy(focus)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        inside = self.rect().contains(event.position().toPoint())
        if self._opens and inside and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._opens and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.clicked.emit()
            return
        super().keyPressEvent(event)
