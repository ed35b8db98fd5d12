"""Where the window is on the screen, and how its parts are laid out: kept as text, taken back."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QPoint, Qt
from PySide6.QtWidgets import QMainWindow

from vitviz.gui.app.docks.dock_panels import DockPanels
from vitviz.gui.columns.column_area import ColumnArea


class WindowPlace:
    """Place, docks, rows and columns of one window."""

    def __init__(self, window: QMainWindow, docks: DockPanels, columns: ColumnArea) -> None:
        self._window, self._docks, self._columns = window, docks, columns
        self._default = window.saveState()

    @property
    def geometry(self) -> str:
        """Where the window is and how large, as text."""
        return _text(self._window.saveGeometry())

    @property
    def state(self) -> str:
        """Where docks, rows and columns are, as text."""
        docks = _text(self._window.saveState())
        return f"{docks};{self._columns.board_state()};{self._docks.folded}"

    def restore(self, geometry: str, state: str) -> None:
        """Takes back what was remembered; anything unreadable is ignored."""
        window = self._window
        if geometry:
            window.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        docks, rows, folded = (*state.split(";"), "", "")[:3]
        if docks and window.restoreState(QByteArray.fromBase64(docks.encode())):
            self._columns.restore_board(rows)
        self._docks.unfold(folded)
        if not window.isVisible():
            self._docks.hold_back()

    def reset(self) -> None:
        """Puts the panels and the views back where they were at first."""
        self._window.restoreState(self._default)
        self._docks.unfold("Pictures Inspector")
        self._columns.reset_board()

    def take_size(self, width: int, height: int) -> None:
        """Takes a size that was asked for; where it was before it might reach beyond the screen."""
        window = self._window
        window.resize(width, height)
        if window.testAttribute(Qt.WidgetAttribute.WA_Moved):  # else the desktop finds it a place
            room, place = window.screen().availableGeometry(), window.geometry()
            place.moveRight(min(place.right(), room.right()))
            place.moveBottom(min(place.bottom(), room.bottom()))
            place.moveTopLeft(QPoint(max(place.left(), room.left()), max(place.top(), room.top())))
            window.setGeometry(place)


def _text(state: QByteArray) -> str:
    return bytes(state.toBase64().data()).decode()
