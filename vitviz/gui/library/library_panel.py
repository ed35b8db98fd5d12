"""The model library: search, filters, one model in full, its download, and the memory in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import N_, _
from vitviz.gui.library.memory_line import MemoryLine
from vitviz.gui.library.model_facts import ModelFacts
from vitviz.gui.library.model_filters import FilterBar
from vitviz.gui.library.model_rows import ModelList
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.library.library_items import LibraryFilters, LibraryItem, LibraryShelf
from vitviz.session.library.model_library import ModelLibrary
from vitviz.session.work.request import ModelRequest

EMPTY: dict[LibraryShelf, str] = {
    "all": N_("No model fits."),
    "disk": N_("None of these is on this computer yet."),
    "favourites": N_(
        "No model has a star yet.\nClick the star at the right of a model to find it here."
    ),
    "bundled": N_("No bundled model fits."),
    "files": N_(
        "No checkpoint file was opened yet.\nOpen one with Ctrl+M, or drop it on the window."
    ),
}


class LibraryPanel(QWidget):
    """Shows the library; says which model is wished for. Keeps nothing but what is looked for."""

    requested = Signal(ModelRequest)
    beside_requested = Signal(ModelRequest)
    file_wished = Signal()
    closed = Signal()
    budget_wished = Signal(int)

    def __init__(self, library: ModelLibrary, request: Callable[[], ModelRequest]) -> None:
        super().__init__()
        self._library, self._request = library, request
        self._wish: tuple[str, ModelRequest, SignalInstance] | None = None
        """What is to be shown when its download is there."""
        self._facts: ModelFacts | None = None
        self._memory: tuple[Sequence[tuple[str, int]], int] = ((), 0)
        self._build()
        self._links = Subscriptions()
        library.read()
        self._links.connect(library.changed, self.refresh)
        self._links.connect(library.download_changed, self._show_download)
        self._links.connect(library.downloaded, self._downloaded)
        self.refresh()

    # -- what it looks like -------------------------------------------------------------------------

    def _build(self) -> None:
        self.bar = FilterBar()
        self.bar.changed.connect(self.refresh)
        self.search = self.bar.search
        self.search.installEventFilter(self)
        self.list = ModelList()
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(self._list_opened)
        self.list.starred.connect(self._starred)
        self.list.installEventFilter(self)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(UNIT, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(self.bar)
        layout.addLayout(self._build_count())
        layout.addWidget(self._build_list(), 1)
        self.setMinimumWidth(300)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.is_complete:
            QTimer.singleShot(0, self.complete)

    def complete(self) -> None:
        """Adds what is not looked at first: the chosen model in full, memory, what is on disk."""
        if self.is_complete:
            return
        self._facts = facts = ModelFacts()
        facts.opened.connect(self._open)
        facts.fetched.connect(self._fetch)
        facts.stopped.connect(self._stop)
        facts.beside.connect(self._open_beside)
        self._line = MemoryLine()
        self._line.wished.connect(self.budget_wished)
        self._layout.addWidget(facts)
        self._layout.addWidget(self._line)
        self._line.show()  # a child that comes later waits for the next turn
        self.show_memory(*self._memory)
        self._chosen(self.list.current)
        self._library.open()

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there, not the list alone."""
        return self._facts is not None

    @property
    def facts(self) -> ModelFacts:
        """The chosen model in full."""
        self.complete()
        assert self._facts is not None
        return self._facts

    @property
    def memory(self) -> MemoryLine:
        """The memory in use, and its budget."""
        self.complete()
        return self._line

    def _build_count(self) -> QHBoxLayout:
        self.count, self.network = QLabel(), QLabel(_("No network"))
        for label in (self.count, self.network):
            label.setObjectName("quiet")
            label.setFont(theme.font(-1, numbers=True))
        self.network.setToolTip(
            _(
                "The model hub cannot be reached, or offline mode is on (HF_HUB_OFFLINE).\n"
                "What is on this computer works; the shelf “Here” has it."
            )
        )
        again = QToolButton()
        again.setObjectName("quiet")
        again.setText("↻")
        again.setAccessibleName(_("Look again what is on this computer"))
        again.setToolTip(_("Look again: what is on disk, is there a network"))
        again.clicked.connect(self._library.look_at_disk)
        row = QHBoxLayout()
        row.addWidget(self.count)
        row.addStretch()
        row.addWidget(self.network)
        row.addWidget(again)
        return row

    def _build_list(self) -> QWidget:
        self._nothing, self.empty = QWidget(), QLabel()
        self.empty.setObjectName("quiet")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.widen = QPushButton(_("Show all models"))
        self.widen.clicked.connect(self.bar.clear)
        self.named = QPushButton()
        self.named.clicked.connect(self._open_by_name)
        self.file = QPushButton(_("Open checkpoint file…"))
        self.file.clicked.connect(self.file_wished)
        inside = QVBoxLayout(self._nothing)
        inside.addStretch()
        inside.addWidget(self.empty)
        for button in (self.named, self.widen, self.file):
            inside.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addStretch()
        room = QWidget()
        self._pages = QStackedLayout(room)  # without its widget it would show a window of its own
        self._pages.addWidget(self.list)
        self._pages.addWidget(self._nothing)
        return room

    # -- what is shown ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows what is looked for now."""
        library = self._library
        self.bar.offer(library.items)
        filters = self.bar.filters
        items = library.search(filters)
        current = self.list.current
        self.list.show_items(items, library.favourites, current.name if current else "")
        self.count.setText(
            _("{shown:,} of {there:,} models").format(shown=len(items), there=len(library.items))
        )
        self.network.setVisible(library.offline)
        self._pages.setCurrentIndex(0 if items else 1)
        self.empty.setText(self._why_empty())
        named = self._name_typed()
        self.named.setVisible(bool(named))
        self.named.setText(_("Try to open {named}").format(named=named))
        self.named.setToolTip(
            _("A repository of the hub (hf-hub:…) or any other name that timm knows")
        )
        self.file.setVisible(filters.shelf == "files")
        self.widen.setVisible(filters != LibraryFilters())

    def show_memory(self, held: Sequence[tuple[str, int]], budget: int) -> None:
        """Shows what is kept in memory, (what, bytes), each under the budget in bytes."""
        self._memory = (held, budget)
        if self._facts is not None:
            self._line.show_use(held, budget)
            self._facts.show_budget(budget)

    def begin(self, text: str = "") -> None:
        """Takes the keys, with everything shown that fits the text."""
        if text:
            self.search.setText(text)
        self.search.setFocus()
        self.search.selectAll()

    def choose(self, name: str) -> None:
        """Goes to a model, where it is among those that are shown."""
        item = self._library.find(name)
        row = -1 if item is None else self.list.rows.row_of(item.name)
        if row >= 0:
            self.list.setCurrentIndex(self.list.rows.index(row))

    def cut(self) -> None:
        """Ends all connections to the library."""
        self._links.cut()

    def _why_empty(self) -> str:
        filters = self.bar.filters
        said, asked = _(EMPTY[filters.shelf]), filters.text.strip()
        narrow = filters != LibraryFilters(shelf=filters.shelf)
        if not narrow:
            return said
        fits = _("fits “{asked}”").format(asked=asked) if asked else "fits"
        also = _(" with these filters") if filters != self.bar.plain else ""
        return _("No model {fits}{also}.").format(fits=fits, also=also)

    def _chosen(self, item: LibraryItem | None) -> None:
        if self._facts is not None:
            state = self._library.state(item.name if item else "")
            self._facts.show_item(item, state, offline=self._library.offline)

    def _show_download(self, name: str) -> None:
        state = self._library.state(name)
        running = state.state == "running"
        self.list.show_share(name, state.done / state.total if running and state.total else None)
        current = self.list.current
        if current is not None and current.name == name:
            self.facts.show_download(state, offline=self._library.offline)
        if state.state in ("stopped", "failed") and self._wish and self._wish[0] == name:
            self._wish = None

    # -- what the user wished -----------------------------------------------------------------------

    def _starred(self, name: str) -> None:
        self._library.favour(name, name not in self._library.favourites)

    def _fetch(self) -> None:
        if self.list.current is not None:
            self._library.download(self.list.current.name)

    def _stop(self) -> None:
        if self.list.current is not None:
            self._library.stop(self.list.current.name)

    def _list_opened(self, item: LibraryItem | None) -> None:
        """Enter or a double click; what is over the budget has its button pressed on purpose."""
        if item is None:
            self._open_by_name()
        elif self.facts.over:
            self.facts.open.setFocus()
        elif self.facts.open.isEnabled():
            self._open()

    def _open_by_name(self) -> None:
        """A name that is not in the list: a repository of the hub, an architecture without weights."""
        if name := self._name_typed():
            request = replace(
                self._request(),
                name=name,
                pretrained=True,
                patch_size=None,
                input_size=None,
                architecture=None,
            )
            self.requested.emit(request)

    def _name_typed(self) -> str:
        text = self.search.text().strip()
        return text if re.fullmatch(r"(hf-hub:)?[\w.\-/@]{4,}", text) else ""

    def _open(self) -> None:
        self._wish_for(self.requested)

    def _open_beside(self) -> None:
        self._wish_for(self.beside_requested)

    def _wish_for(self, signal: SignalInstance) -> None:
        """Has the model shown; one that is not here is downloaded first."""
        item = self.list.current
        if item is None:
            return
        random = self.facts.random.isChecked()
        request = replace(
            self._request(),
            name=item.name,
            patch_size=None,
            architecture=None,
            input_size=self.facts.chosen_side,
            pretrained=not random,
        )
        if item.on_disk or random or not item.repository:
            signal.emit(request)
            return
        self._wish = (item.name, request, signal)
        self._library.download(item.name)

    def _downloaded(self, name: str) -> None:
        wish, self._wish = self._wish, None
        if wish is not None and wish[0] == name:
            wish[2].emit(wish[1])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search field the arrows go through the list, Enter opens; Escape leaves."""
        wish = self._wish_of(watched, event) if isinstance(event, QKeyEvent) else None
        if wish is None or event.type() == QEvent.Type.KeyRelease:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the window has other uses for these keys
        else:
            wish()
        return True

    def _wish_of(self, watched: QObject, event: QKeyEvent) -> Callable[[], None] | None:
        match event.key():
            case Qt.Key.Key_Escape:
                return self.closed.emit
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if watched is self.search:
                return partial(self._list_opened, self.list.current)
            case Qt.Key.Key_Down | Qt.Key.Key_Up if watched is self.search:
                return partial(self.list.step, 1 if event.key() == Qt.Key.Key_Down else -1)
        return None
