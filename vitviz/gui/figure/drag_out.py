"""A view dragged out of the window: a PNG with its recipe inside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDrag, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import _


class DragHandle(QWidget):
    """A view's header: dragged out of the window, it takes the view along as a PNG."""

    def __init__(self, canvas: QWidget, drawn: Callable[[], Drawing | None]) -> None:
        super().__init__()
        self._canvas, self._drawn, self._start = canvas, drawn, QPointF()
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip(_("Drag it out of the window to have this view as a PNG"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag may begin here."""
        self._start = event.position()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begins a drag once the mouse has moved far enough."""
        far = (event.position() - self._start).manhattanLength() > QApplication.startDragDistance()
        held = bool(event.buttons() & Qt.MouseButton.LeftButton)
        drawing = self._drawn() if held and far else None
        if drawing is not None:
            self._drag(drawing)
        else:
            super().mouseMoveEvent(event)

    def _drag(self, drawing: Drawing) -> None:
        drag = QDrag(self._canvas)
        shown = self._canvas.grab()
        drag.setPixmap(shown.scaledToWidth(160, Qt.TransformationMode.SmoothTransformation))
        drag.setMimeData(figure_to_drop(drawing, shown.toImage()))
        drag.exec(Qt.DropAction.CopyAction)


def figure_to_drop(drawing: Drawing, shown: QImage) -> QMimeData:
    """The view as it is on screen, as a picture and as a PNG's file, its recipe inside."""
    from vitviz.figures.recipes import ascii_recipe

    picture = Path(dict(drawing.recipe).get("picture", "")).stem
    file = Path(_folder().name, f"{picture or 'figure'}-{drawing.view}.png")
    shown.setText("vitviz", ascii_recipe(drawing))
    shown.save(str(file))
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    mime.setImageData(shown)
    return mime


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Files that were dragged out live as long as the process: who took them may read them late."""
    return tempfile.TemporaryDirectory(prefix="vitviz-", ignore_cleanup_errors=True)
