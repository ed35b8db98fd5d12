"""Where the library is in the window: built when it is first opened, so that starting is not slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.session.library.model_library import ModelLibrary
from vitviz.session.session import Session
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.gui.library.library_panel import LibraryPanel

_MB = 2**20


class LibraryDock(QWidget):
    """An empty widget until it is shown; then the library of this session."""

    requested = Signal(ModelRequest)
    file_wished = Signal()
    closed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._links = Subscriptions()
        self.panel: LibraryPanel | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def sizeHint(self) -> QSize:
        return QSize(380, 640)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.panel is None:
            self._build()

    def begin(self) -> None:
        """Takes the keys."""
        if self.panel is not None:
            self.panel.begin()

    def cut(self) -> None:
        """Ends all connections to the session."""
        self._links.cut()
        if self.panel is not None:
            self.panel.cut()

    def _build(self) -> None:
        from vitviz.gui.library.library_panel import LibraryPanel

        session = self._session
        library = ModelLibrary(
            session.jobs, lambda: session.settings.now, session.settings.remember
        )
        self.panel = panel = LibraryPanel(library, lambda: session.request)
        panel.requested.connect(self.requested)
        panel.beside_requested.connect(self._beside)
        panel.file_wished.connect(self.file_wished)
        panel.closed.connect(self.closed)
        panel.budget_wished.connect(self._budget_wished)
        self._links.connect(session.settings.models_changed, library.refill)
        self._links.connect(session.columns.trace_ready, self._show_memory)
        self._links.connect(session.settings.changed, self._show_memory)
        self._links.connect(session.pictures.changed, self._show_memory)
        self._show_memory()
        self._layout.addWidget(panel)
        panel.show()  # children that come while their parent is being shown wait for the next turn
        panel.choose(session.request.name)

    def _show_memory(self, *_: object) -> None:
        session = self._session
        if self.panel is not None:
            self.panel.show_memory(session.held, session.settings.now.memory_mb * _MB)

    def _beside(self, request: ModelRequest) -> None:
        self._session.columns.add_beside(request)

    def _budget_wished(self, megabytes: int) -> None:
        self._session.settings.remember(memory_mb=megabytes)
