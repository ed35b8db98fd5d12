"""A drawing on screen: its panels in rows, kept and updated while their number stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from vitviz.core.drawing import Drawing, Panel
from vitviz.gui.theme import UNIT

if TYPE_CHECKING:
    from vitviz.gui.panel import PanelWidget, Pointed


class Canvas(QWidget):
    """Paints a `Drawing` and passes on what the mouse points at."""

    hovered = Signal(object)
    clicked = Signal(object)
    read = Signal(object)
    double_clicked = Signal()
    painted = Signal()
    """A new drawing has been handed to the painter."""

    def __init__(self) -> None:
        super().__init__()
        self._drawing: Drawing | None = None
        self._rows: list[list[PanelWidget]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._body: QWidget | None = None
        self._shape: list[list[int]] = []

    @property
    def drawing(self) -> Drawing | None:
        """What is shown."""
        return self._drawing

    @property
    def panels(self) -> list[PanelWidget]:
        """The panels' widgets, row by row."""
        return [panel for row in self._rows for panel in row]

    def show_drawing(self, drawing: Drawing) -> None:
        """Replaces what is shown."""
        shape = [[_share(panel) for panel in row] for row in drawing.rows]
        if shape != self._shape:
            self._build(drawing.rows)
            self._shape = shape
        self._drawing = drawing
        for widget, panel in zip(self.panels, drawing.panels, strict=True):
            if widget.panel is not panel:
                widget.show_panel(panel)
        self.painted.emit()

    def reset_zoom(self) -> None:
        """Shows every panel whole again."""
        for panel in self.panels:
            panel.reset_zoom()

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for panel in self.panels:
            panel.restyle()

    def _build(self, rows: tuple[tuple[Panel, ...], ...]) -> None:
        if self._body is not None:
            self._layout.removeWidget(self._body)
            self._body.hide()  # it lives until the event loop turns
            self._body.deleteLater()
        body = QSplitter(Qt.Orientation.Vertical)
        body.setObjectName("canvas")
        body.setChildrenCollapsible(False)
        body.setHandleWidth(UNIT)
        self._rows = [self._build_row(body, row) for row in rows]
        body.setSizes([_height(row) for row in rows])
        self._body = body
        self._layout.addWidget(body)

    def _build_row(self, body: QSplitter, row: tuple[Panel, ...]) -> list[PanelWidget]:
        # pyqtgraph takes a third of a second to import: the window is there before it is needed.
        from vitviz.gui.panel import PanelWidget

        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        made = []
        for panel in row:
            widget = PanelWidget()
            widget.hovered.connect(self._hovered)
            widget.clicked.connect(self._clicked)
            widget.read.connect(self.read)
            widget.double_clicked.connect(self.double_clicked)
            layout.addWidget(widget, _share(panel))
            made.append(widget)
        body.addWidget(holder)
        return made

    def _hovered(self, found: Pointed | None) -> None:
        self.hovered.emit(found)

    def _clicked(self, found: Pointed | None) -> None:
        self.clicked.emit(found)


def _share(panel: Panel) -> int:
    """A panel's share of its row's width: panels of one height are as wide as their shape says."""
    shape = panel.extent.width / panel.extent.height if panel.extent.height > 0 else 1.0
    return max(round(100 * panel.weight * min(max(shape, 0.4), 6.0)), 1)


def _height(row: tuple[Panel, ...]) -> int:
    """A row's share of the height: at one width, a row of wide panels needs less of it."""
    tallest = max(panel.weight for panel in row)
    return round(10**6 * tallest / sum(_share(panel) for panel in row))
