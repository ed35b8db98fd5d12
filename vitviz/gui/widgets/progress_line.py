"""How far something is, in a thin line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtWidgets import QProgressBar, QWidget


class ProgressLine(QProgressBar):
    """A bar without text that is painted in its turn.

    Qt's own paints itself at once whenever it changes, and with it whatever else of the window waits to
    be painted: in the middle of a job's beginning or end the window stands still for all of it.
    """

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        if name:
            self.setAccessibleName(name)

    def setRange(self, least: int, most: int) -> None:
        """From where to where it goes; both 0 where nobody knows."""
        with self._in_turn():
            super().setRange(least, most)

    def setValue(self, value: int) -> None:
        """How far it is."""
        with self._in_turn():
            super().setValue(value)

    def reset(self) -> None:
        """Nothing is done yet."""
        with self._in_turn():
            super().reset()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        self.setUpdatesEnabled(False)
        try:
            yield
        finally:
            self.setUpdatesEnabled(True)
