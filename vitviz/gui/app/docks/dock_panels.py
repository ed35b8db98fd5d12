"""The panels around the middle of the window: pictures, library, inspector."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QWidget,
)

from vitviz.core.language import N_, _
from vitviz.gui.app.docks.dock_strip import DockStrip
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.quiet_button import quiet_button
from vitviz.gui.widgets.theme import UNIT

WIDE, SHELF, STRIP, INSPECTOR = 1300, 368, 152, 268
"""Pixels: in a window wider than the first, the library opens as wide as the second; the
pictures' strip and the inspector begin as wide as the others."""

FOLDED_BELOW = 1200
"""Pixels of a window's width below which the panels beside the views are folded into strips."""

PICTURES_KEY, INSPECTOR_KEY = "F7", "F8"

_LEFT, _RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
_FEATURES = (
    QDockWidget.DockWidgetFeature.DockWidgetMovable
    | QDockWidget.DockWidgetFeature.DockWidgetClosable
    | QDockWidget.DockWidgetFeature.DockWidgetFloatable
)


class PanelTitle(QWidget):
    """A panel's title, to drag it by; while it floats with what puts it back and what closes it.

    The desktop's own title is not to be had everywhere: with X11 and Wayland Qt paints one itself.
    """

    def __init__(self, title: str, dock: QDockWidget) -> None:
        super().__init__(dock)
        label = QLabel(title)
        label.setObjectName("quiet")
        label.setFont(theme.font(-1))
        self.back = quiet_button(
            _("Put back"),
            _("Put {title} back into the window (or double-click here)").format(title=title),
        )
        self.close_panel = quiet_button(
            "✕", _("Close {title}; View, Panels brings it back").format(title=title)
        )
        self.back.clicked.connect(lambda: dock.setFloating(False))
        self.close_panel.clicked.connect(dock.close)
        self._layout = QHBoxLayout(self)
        self._layout.setSpacing(UNIT)
        self._layout.addWidget(label, 1)
        self._layout.addWidget(self.back)
        self._layout.addWidget(self.close_panel)
        dock.topLevelChanged.connect(self.show_floating)
        self.show_floating(dock.isFloating())

    def show_floating(self, floats: bool) -> None:
        """Offers its buttons while the panel floats."""
        self.back.setVisible(floats)
        self.close_panel.setVisible(floats)
        self._layout.setContentsMargins(12, 4 if floats else 0, 4 if floats else 0, UNIT - 2)


class DockPanels(QObject):
    """Puts the panels where they begin, and makes room for the library while it is open."""

    toggled = Signal()
    """Somebody showed or closed a panel."""

    def __init__(
        self, window: QMainWindow, pictures: QWidget, inspector: QWidget, library: QWidget
    ) -> None:
        super().__init__(window)
        self._window = window
        self._late: list[QDockWidget] = []
        self._strip = STRIP
        self.pictures = self._add(N_("Pictures"), pictures, _LEFT)
        self.inspector = self._add(N_("Inspector"), inspector, _RIGHT)
        self._resize((self.pictures, STRIP), (self.inspector, INSPECTOR))
        self.library = self._add("Library", library, _LEFT)
        window.splitDockWidget(self.pictures, self.library, Qt.Orientation.Horizontal)
        self.library.hide()
        self._narrow = False
        self._folded: set[QDockWidget] = set()
        self._strips = {
            self.pictures: self._strip_for(self.pictures, PICTURES_KEY, "Left"),
            self.inspector: self._strip_for(self.inspector, INSPECTOR_KEY, "Right"),
        }
        for dock in self._strips:
            dock.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A panel is shown or hidden, by whatever hand."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            for dock, strip in self._strips.items():
                strip.button.setChecked(not dock.isHidden())
            self.toggled.emit()
        return False

    def fold(self) -> None:
        """Folds the panels beside the views where the window has become narrow; a wide one has them
        back. Between the two each is as somebody left it.
        """
        narrow = self._window.width() < FOLDED_BELOW
        if narrow == self._narrow:
            return
        self._narrow = narrow
        for dock in self._strips:
            if narrow and not dock.isHidden() and not dock.isFloating():
                self._folded.add(dock)
                dock.hide()
            elif not narrow and dock in self._folded:
                self._folded.discard(dock)
                dock.show()
        self._show_strips()

    def toggle(self, dock: QDockWidget) -> None:
        """Shows a panel that is closed or folded away, and the other way round."""
        if self._narrow and dock.isHidden() and dock not in self._folded:
            self._folded.add(dock)
            self._show_strips()
        dock.setVisible(dock.isHidden())

    @property
    def folded(self) -> str:
        """The names of the panels that have a strip."""
        return " ".join(dock.objectName() for dock in self._strips if dock in self._folded)

    def unfold(self, names: str) -> None:
        """Shows the panels of these names, which were folded when the window was closed; a narrow
        window folds them again."""
        for dock in self._strips:
            if dock.objectName() in names.split():
                dock.show()
        self._narrow = False
        self._folded.clear()
        self.fold()
        self._show_strips()

    def _show_strips(self) -> None:
        for dock, strip in self._strips.items():
            strip.setVisible(dock in self._folded)
            strip.button.setChecked(not dock.isHidden())

    def _strip_for(self, dock: QDockWidget, keys: str, side: str) -> DockStrip:
        strip = DockStrip(dock.objectName(), keys)
        strip.wished.connect(lambda: self.toggle(dock))
        self._window.addToolBar(Qt.ToolBarArea[f"{side}ToolBarArea"], strip)
        return strip

    @property
    def shown(self) -> str:
        """The names of the panels beside the views that are not closed; the library comes and goes."""
        beside = self.pictures, self.inspector
        there = (dock for dock in beside if not dock.isHidden() or dock in self._folded)
        return " ".join(dock.objectName() for dock in there)

    def show_only(self, names: str) -> None:
        """Shows these of the panels beside the views and closes the others."""
        for dock in (self.pictures, self.inspector):
            wanted = dock.objectName() in names.split()
            if wanted != (not dock.isHidden() or dock in self._folded):
                self._folded.discard(dock)
                dock.setVisible(wanted)
        self._show_strips()

    @property
    def _panels(self) -> tuple[QDockWidget, ...]:
        return self.pictures, self.inspector, self.library

    def toggles(self) -> list[QAction]:
        """For each panel the action that shows and hides it."""
        return [each.toggleViewAction() for each in self._panels]

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

    def hold_back(self) -> None:
        """Hides panels that float until `follow`: shown before their window they would lie below it."""
        self._late = [dock for dock in self._panels if dock.isFloating() and not dock.isHidden()]
        for dock in self._late:
            dock.hide()

    def follow(self) -> None:
        """Shows the panels that were held back."""
        late, self._late = self._late, []
        for dock in late:
            dock.show()

    def _add(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(_(title), self._window)
        dock.setObjectName(title)
        dock.setTitleBarWidget(PanelTitle(_(title), dock))
        dock.setWidget(widget)
        dock.setFeatures(_FEATURES)
        self._window.addDockWidget(area, dock)
        return dock

    def _resize(self, *widths: tuple[QDockWidget, int]) -> None:
        docks, pixels = [dock for dock, _ in widths], [width for _, width in widths]
        self._window.resizeDocks(docks, pixels, Qt.Orientation.Horizontal)
