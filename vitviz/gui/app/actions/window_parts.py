"""What an action may touch: the window's parts, each by its name, and what only the window can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtWidgets import QMainWindow

from vitviz.gui.app.area_painting import AreaPainting
from vitviz.gui.app.docks.dock_panels import DockPanels
from vitviz.gui.app.docks.library_dock import LibraryDock
from vitviz.gui.app.session_menu import SessionMenu
from vitviz.gui.app.window_place import WindowPlace
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.columns.shown_views import ShownViews
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.widgets.theme import ThemeName
from vitviz.session.session import Session
from vitviz.session.work.request import ModelRequest
from vitviz.views import View


@dataclass(frozen=True, slots=True)
class WindowParts:
    """The parts of one window. `frame` is the parent of dialogs; `is_on` tells a switch's state."""

    session: Session
    frame: QMainWindow
    views: Mapping[str, View]
    shown: ShownViews
    columns: ColumnArea
    notices: NoticeStack
    library: LibraryDock
    docks: DockPanels
    sessions: SessionMenu
    painting: AreaPainting
    request_model: Callable[[ModelRequest], None]
    hide_library: Callable[[], None]
    place: WindowPlace
    set_theme: Callable[[ThemeName], None]
    is_on: Callable[[str], bool]
