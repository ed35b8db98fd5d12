"""Notices: sentences about what went wrong, where it happened, without stopping anybody."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

MOST = 6


class Notices(QFrame):
    """A strip above the board with one sentence for each problem, until it is dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._sentences: list[str] = []
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        close = QToolButton()
        close.setObjectName("quiet")
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.addWidget(self._label, 1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setVisible(False)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said at present."""
        return tuple(self._sentences)

    def say(self, sentences: list[str]) -> None:
        """Adds sentences, the newest first; repeated ones are said once."""
        self._sentences = list(dict.fromkeys([*sentences, *self._sentences]))
        if not self._sentences:
            return
        shown = self._sentences[:MOST]
        more = len(self._sentences) - len(shown)
        self._label.setText("\n".join(shown + ([f"… and {more} more"] if more else [])))
        self._label.setToolTip("\n".join(self._sentences) if more else "")
        self.setVisible(True)

    def dismiss(self) -> None:
        """Takes the notice away."""
        self._sentences = []
        self.setVisible(False)
