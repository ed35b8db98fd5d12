"""The model library: search, filters, one model in full, its download, and the memory in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.gui import theme
from vitviz.gui.links import Links
from vitviz.gui.memory import MemoryLine
from vitviz.gui.modelfacts import ModelFacts
from vitviz.gui.modelrows import ModelList
from vitviz.gui.theme import UNIT
from vitviz.session.column import ModelRequest
from vitviz.session.library import Library
from vitviz.session.shelves import Filters, Item, Order, Shelf, patches

SHELVES: tuple[tuple[Shelf, str, str], ...] = (
    ("all", "All", "All of timm's pretrained transformers, bundled models and files"),
    ("disk", "Here", "What is on this computer and works without a network"),
    ("favourites", "★", "Models with a star"),
    ("bundled", "Bundled", "What came with vitviz"),
    ("files", "Files", "Checkpoint files opened before"),
)
SIZES: tuple[tuple[str, tuple[int, int]], ...] = (
    ("Any size", (0, 0)),
    ("Up to 10 M", (0, 10_000_000)),
    ("10 to 50 M", (10_000_000, 50_000_000)),
    ("50 to 150 M", (50_000_000, 150_000_000)),
    ("150 to 500 M", (150_000_000, 500_000_000)),
    ("Over 500 M", (500_000_000, 0)),
)
LEARNED = (
    ("Any training", ""), ("From labels", "labels"), ("Self-supervised", "self-supervised"),
    ("Pictures and words", "image and text"),
)  # fmt: skip
ORDERS: tuple[tuple[str, Order], ...] = (
    ("By name", "name"), ("Smallest first", "parameters"), ("Fewest tokens first", "tokens"),
)  # fmt: skip

EMPTY: dict[Shelf, str] = {
    "all": "No model fits.",
    "disk": "None of these is on this computer yet.",
    "favourites": "No model has a star yet.\nClick the star at the right of a model to find it here.",
    "bundled": "No bundled model fits.",
    "files": "No checkpoint file was opened yet.\nOpen one with Ctrl+M, or drop it on the window.",
}


class LibraryPanel(QWidget):
    """Shows the library; says which model is wished for. Keeps nothing but what is looked for."""

    requested = Signal(ModelRequest)
    beside_requested = Signal(ModelRequest)
    file_wished = Signal()
    closed = Signal()
    budget_wished = Signal(int)

    def __init__(self, library: Library, request: Callable[[], ModelRequest]) -> None:
        super().__init__()
        self._library, self._request = library, request
        self._wish: tuple[str, ModelRequest, SignalInstance] | None = None
        """What is to be shown when its download is there."""
        self.filters = Filters()
        self._build()
        self._links = Links()
        library.open()
        self._links.connect(library.changed, self.refresh)
        self._links.connect(library.download_changed, self._show_download)
        self._links.connect(library.downloaded, self._downloaded)
        self.refresh()

    # -- what it looks like -------------------------------------------------------------------------

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search models")
        self.search.setPlaceholderText("dinov2 small, patch14, swin, laion …")
        self.search.textChanged.connect(self._text_changed)
        self.search.installEventFilter(self)
        self.list = ModelList()
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(self._list_opened)
        self.list.starred.connect(self._starred)
        self.list.installEventFilter(self)
        self.facts = ModelFacts()
        self.facts.opened.connect(self._open)
        self.facts.fetched.connect(self._fetch)
        self.facts.stopped.connect(self._stop)
        self.facts.beside.connect(self._open_beside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(UNIT, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(self.search)
        layout.addLayout(self._build_shelves())
        layout.addWidget(self._build_filters())
        layout.addLayout(self._build_count())
        layout.addLayout(self._build_list(), 1)
        layout.addWidget(self.facts)
        self.memory = MemoryLine()
        self.memory.wished.connect(self.budget_wished)
        layout.addWidget(self.memory)
        self.setMinimumWidth(300)

    def _build_shelves(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.shelves: dict[Shelf, QToolButton] = {}
        for name, words, tip in SHELVES:
            button = _tool(words, tip, check=True)
            button.setAutoExclusive(True)
            button.setProperty("shelf", name)
            button.clicked.connect(self._shelf_chosen)
            self.shelves[name] = button
            row.addWidget(button)
        self.shelves["all"].setChecked(True)
        row.addStretch()
        self.more = _tool("Filters", "Patch size, size, training, registers, licence", check=True)
        self.more.toggled.connect(self._more_toggled)
        row.addWidget(self.more)
        return row

    def _build_filters(self) -> QWidget:
        self._filters = QWidget()
        self.patch, self.amount, self.learning, self.order = (QComboBox() for _ in range(4))
        for words, bounds in SIZES:
            self.amount.addItem(words, bounds)
        for words, way in LEARNED:
            self.learning.addItem(words, way)
        for words, order in ORDERS:
            self.order.addItem(words, order)
        self.registers, self.free = QCheckBox("Registers"), QCheckBox("Licence for any use")
        self.registers.setToolTip("Models with register tokens")
        self.free.setToolTip("Apache, MIT, BSD, CC BY, CC0")
        grid = QGridLayout(self._filters)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        named = {"Patch size": self.patch, "Number of parameters": self.amount,
                 "Training": self.learning, "Order": self.order}  # fmt: skip
        for place, (name, box) in enumerate(named.items()):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.currentIndexChanged.connect(self._filter_changed)
            grid.addWidget(box, place // 2, place % 2)
        for place, switch in enumerate((self.registers, self.free)):
            switch.toggled.connect(self._filter_changed)
            grid.addWidget(switch, 2, place)
        self._filters.setVisible(False)
        return self._filters

    def _build_count(self) -> QHBoxLayout:
        self.count, self.network = QLabel(), QLabel("No network")
        for label in (self.count, self.network):
            label.setObjectName("quiet")
            label.setFont(theme.font(-1, numbers=True))
        self.network.setToolTip(
            "The model hub cannot be reached, or offline mode is on (HF_HUB_OFFLINE).\n"
            "What is on this computer works; the shelf “Here” has it."
        )
        again = QToolButton()
        again.setObjectName("quiet")
        again.setText("↻")
        again.setToolTip("Look again: what is on disk, is there a network")
        again.clicked.connect(self._library.look_at_disk)
        row = QHBoxLayout()
        row.addWidget(self.count)
        row.addStretch()
        row.addWidget(self.network)
        row.addWidget(again)
        return row

    def _build_list(self) -> QStackedLayout:
        self._nothing, self.empty = QWidget(), QLabel()
        self.empty.setObjectName("quiet")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.widen = QPushButton("Show all models")
        self.widen.clicked.connect(self.clear)
        self.named = QPushButton()
        self.named.clicked.connect(self._open_by_name)
        self.file = QPushButton("Open checkpoint file…")
        self.file.clicked.connect(self.file_wished)
        inside = QVBoxLayout(self._nothing)
        inside.addStretch()
        inside.addWidget(self.empty)
        for button in (self.named, self.widen, self.file):
            inside.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addStretch()
        self._pages = QStackedLayout()
        self._pages.addWidget(self.list)
        self._pages.addWidget(self._nothing)
        return self._pages

    # -- what is shown ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows what is looked for now."""
        library = self._library
        self._offer_patches()
        items = library.search(self.filters)
        current = self.list.current
        self.list.show_items(items, library.favourites, current.name if current else "")
        self.count.setText(f"{len(items):,} of {len(library.items):,} models")
        self.network.setVisible(library.offline)
        self._pages.setCurrentIndex(0 if items else 1)
        self.empty.setText(self._why_empty())
        named = self._name_typed()
        self.named.setVisible(bool(named))
        self.named.setText(f"Try to open {named}")
        self.named.setToolTip(
            "A repository of the hub (hf-hub:…) or any other name that timm knows"
        )
        self.file.setVisible(self.filters.shelf == "files")
        self.widen.setVisible(self.filters != Filters())
        self.more.setText("Filters •" if self.filters != self._plain() else "Filters")

    def show_memory(self, held: Sequence[tuple[str, int]], budget: int) -> None:
        """Shows what is kept in memory, (what, bytes), each under the budget in bytes."""
        self.memory.show_use(held, budget)
        self.facts.show_budget(budget)

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

    def clear(self) -> None:
        """Shows all models again."""
        self.filters = Filters()
        for box in (self.patch, self.amount, self.learning, self.order):
            blocker = QSignalBlocker(box)
            box.setCurrentIndex(0)
            blocker.unblock()
        for switch in (self.registers, self.free):
            blocker = QSignalBlocker(switch)
            switch.setChecked(False)
            blocker.unblock()
        self.shelves["all"].setChecked(True)
        blocker = QSignalBlocker(self.search)
        self.search.clear()
        blocker.unblock()
        self.refresh()

    def _plain(self) -> Filters:
        return Filters(text=self.filters.text, shelf=self.filters.shelf)

    def _why_empty(self) -> str:
        said = EMPTY[self.filters.shelf]
        asked = self.filters.text.strip()
        narrow = self.filters != Filters(shelf=self.filters.shelf)
        if not narrow:
            return said
        fits = f"fits “{asked}”" if asked else "fits"
        also = " with these filters" if self.filters != self._plain() else ""
        return f"No model {fits}{also}."

    def _offer_patches(self) -> None:
        sizes = patches(self._library.items)
        if self.patch.count() == len(sizes) + 1:
            return
        blocker = QSignalBlocker(self.patch)
        self.patch.clear()
        self.patch.addItem("Any patch", 0)
        for size in sizes:
            self.patch.addItem(f"Patch {size}", size)
        self.patch.setCurrentIndex(max(self.patch.findData(self.filters.patch), 0))
        blocker.unblock()

    def _chosen(self, item: Item | None) -> None:
        state = self._library.state(item.name if item else "")
        self.facts.show_item(item, state, offline=self._library.offline)

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

    def _text_changed(self, text: str) -> None:
        self.filters = replace(self.filters, text=text)
        self.refresh()

    def _shelf_chosen(self) -> None:
        shelf = cast(Shelf, self.sender().property("shelf"))
        self.filters = replace(self.filters, shelf=shelf)
        self.refresh()

    def _more_toggled(self, on: bool) -> None:
        self._filters.setVisible(on)

    def _filter_changed(self) -> None:
        self.filters = replace(
            self.filters,
            patch=self.patch.currentData() or 0,
            parameters=self.amount.currentData(),
            learning=self.learning.currentData(),
            registers=self.registers.isChecked(),
            free=self.free.isChecked(),
            order=self.order.currentData(),
        )
        self.refresh()

    def _starred(self, name: str) -> None:
        self._library.favour(name, name not in self._library.favourites)

    def _fetch(self) -> None:
        if self.list.current is not None:
            self._library.download(self.list.current.name)

    def _stop(self) -> None:
        if self.list.current is not None:
            self._library.stop(self.list.current.name)

    def _list_opened(self, item: Item | None) -> None:
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
                self._request(), name=name, pretrained=True, patch_size=None, input_size=None,
                architecture=None,
            )  # fmt: skip
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
            self._request(), name=item.name, patch_size=None, architecture=None,
            input_size=self.facts.chosen_side, pretrained=not random,
        )  # fmt: skip
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
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        match event.key():
            case Qt.Key.Key_Escape:
                self.closed.emit()
                return True
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if watched is self.search:
                self._list_opened(self.list.current)
                return True
            case Qt.Key.Key_Down | Qt.Key.Key_Up if watched is self.search:
                self.list.step(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
        return False


def _tool(words: str, tip: str, *, check: bool = False) -> QToolButton:
    button = QToolButton()
    button.setObjectName("quiet")
    button.setText(words)
    button.setToolTip(tip)
    button.setCheckable(check)
    button.setFont(theme.font(-0.5))
    return button
