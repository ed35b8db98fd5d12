"""A home thread without a window, for tests of what other threads bring home."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable


class Home:
    """What is delivered waits here until somebody opens it."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def deliver(self, letter: Callable[[], None]) -> None:
        self._letters.put(letter)

    def until(self, reached: Callable[[], object], seconds: float = 10) -> None:
        """Runs what arrives until something is reached; fails after so many seconds."""
        end = time.monotonic() + seconds
        while not reached():
            self._letters.get(timeout=max(end - time.monotonic(), 0.001))()

    def open_all(self) -> None:
        """Runs what has arrived already."""
        while not self._letters.empty():
            self._letters.get()()
