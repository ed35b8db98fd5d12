"""Where something may be dropped: the frame that shows while it is held over the window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QLabel, QWidget

from vitviz.gui.app.dropped_sources import DroppedSource, carries_pictures, sources_of


class DropLanding(QLabel):
    """A frame around the whole window that lets everything through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("landing")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def offer(self, event: QDragEnterEvent) -> None:
        """Shows itself where what is dragged can be opened."""
        if carries_pictures(event.mimeData()):
            _take_a_copy(event)
            self.setGeometry(self.window().rect().adjusted(4, 4, -4, -4))
            self.show()
            self.raise_()

    def take(self, event: QDropEvent) -> list[DroppedSource]:
        """What was dropped, to be opened."""
        self.hide()
        found = sources_of(event.mimeData())
        _take_a_copy(event)
        return found


def _take_a_copy(event: QDropEvent) -> None:
    """What is dropped stays where it was: whoever hears that it was moved may delete it."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
