"""Brings work home: what other threads post is run in the GUI thread, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal


class Mailbox(QObject):
    """`deliver` may be called from any thread; the callables run in the thread that owns this."""

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._letters: deque[Callable[[], None]] = deque()
        self._arrived.connect(self._open, Qt.ConnectionType.QueuedConnection)

    def deliver(self, letter: Callable[[], None]) -> None:
        """Posts a callable home."""
        self._letters.append(letter)
        self._arrived.emit()

    def _open(self) -> None:
        if self._letters:
            self._letters.popleft()()
