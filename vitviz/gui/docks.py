"""The panels around the middle of the window: pictures, library, inspector."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow, QWidget

from vitviz.gui import theme
from vitviz.gui.theme import UNIT

WIDE, SHELF, STRIP, INSPECTOR = 1300, 368, 152, 268
"""Pixels: in a window wider than the first, the library opens as wide as the second; the
pictures' strip and the inspector begin as wide as the others."""

_LEFT, _RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
_FEATURES = (
    QDockWidget.DockWidgetFeature.DockWidgetMovable
    | QDockWidget.DockWidgetFeature.DockWidgetClosable
    | QDockWidget.DockWidgetFeature.DockWidgetFloatable
)


class Docks(QObject):
    """Puts the panels where they begin, and makes room for the library while it is open."""

    def __init__(
        self, window: QMainWindow, pictures: QWidget, inspector: QWidget, library: QWidget
    ) -> None:
        super().__init__(window)
        self._window = window
        self._titles: dict[str, QLabel] = {}
        self._strip = STRIP
        self.pictures = self._add("Pictures", pictures, _LEFT)
        self.inspector = self._add("Inspector", inspector, _RIGHT)
        self._resize((self.pictures, STRIP), (self.inspector, INSPECTOR))
        self.library = self._add("Library", library, _LEFT)
        window.splitDockWidget(self.pictures, self.library, Qt.Orientation.Horizontal)
        self.library.hide()

    def toggles(self) -> list[QAction]:
        """For each panel the action that shows and hides it."""
        return [each.toggleViewAction() for each in (self.pictures, self.inspector, self.library)]

    def open_library(self, first: bool) -> None:
        """Shows the library, as wide as it wants to be when it is the `first` time."""
        if self.library.isHidden():
            self._strip = self.pictures.width()
        self.library.show()
        self.library.raise_()
        if first and self._window.width() > WIDE:
            self._resize((self.library, SHELF))

    def close_library(self) -> None:
        """Hides the library; the pictures are as wide as before."""
        self.library.hide()
        self._resize((self.pictures, self._strip))

    def _add(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(title)
        label = QLabel(title)
        label.setObjectName("quiet")
        label.setFont(theme.font(-1))
        label.setContentsMargins(12, 0, 0, UNIT - 2)
        dock.setTitleBarWidget(label)
        dock.topLevelChanged.connect(self._dress)
        self._titles[title] = label
        dock.setWidget(widget)
        dock.setFeatures(_FEATURES)
        self._window.addDockWidget(area, dock)
        return dock

    def _resize(self, *widths: tuple[QDockWidget, int]) -> None:
        docks, pixels = [dock for dock, _ in widths], [width for _, width in widths]
        self._window.resizeDocks(docks, pixels, Qt.Orientation.Horizontal)

    def _dress(self, floats: bool) -> None:
        """A floating panel has the desktop's own title, to be moved and closed by."""
        dock = cast(QDockWidget, self.sender())
        label = self._titles[dock.objectName()]
        dock.setTitleBarWidget(cast(QWidget, None) if floats else label)
        label.setVisible(not floats)
