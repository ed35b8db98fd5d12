"""Brings work home: what other threads post is run in the GUI thread, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

TURN = 0.012
"""Seconds of a turn of the event loop for what came home; the rest waits for the next one."""


class Mailbox(QObject):
    """`deliver` may be called from any thread; the callables run in the thread that owns this.

    Many that come at once take turns with keys, clicks and painting.
    """

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._letters: deque[Callable[[], None]] = deque()
        self._arrived.connect(self._open, Qt.ConnectionType.QueuedConnection)
        self._next_turn = QTimer(self, interval=0, singleShot=True)
        self._next_turn.timeout.connect(self._open_some)

    def deliver(self, letter: Callable[[], None]) -> None:
        """Posts a callable home."""
        self._letters.append(letter)
        self._arrived.emit()

    def _open(self) -> None:
        if not self._next_turn.isActive():
            self._open_some()

    def _open_some(self) -> None:
        until = time.monotonic() + TURN
        try:
            while self._letters:
                self._letters.popleft()()
                if time.monotonic() > until:
                    break
        finally:
            if self._letters:
                self._next_turn.start()
