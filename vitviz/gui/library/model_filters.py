"""What is looked for in the library: words, a shelf, and filters that open on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import N_, _
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.library.library_items import (
    LibraryFilters,
    LibraryItem,
    LibraryShelf,
    SortKey,
    patches,
)

SHELVES: tuple[tuple[LibraryShelf, str, str], ...] = (
    ("all", N_("All"), N_("All of timm's pretrained transformers, bundled models and files")),
    ("disk", N_("Here"), N_("What is on this computer and works without a network")),
    ("favourites", "★", N_("Models with a star")),
    ("bundled", N_("Bundled"), N_("What came with vitviz")),
    ("files", N_("Files"), N_("Checkpoint files opened before")),
)
SIZES: tuple[tuple[str, tuple[int, int]], ...] = (
    (N_("Any size"), (0, 0)),
    (N_("Up to 10 M"), (0, 10_000_000)),
    (N_("10 to 50 M"), (10_000_000, 50_000_000)),
    (N_("50 to 150 M"), (50_000_000, 150_000_000)),
    (N_("150 to 500 M"), (150_000_000, 500_000_000)),
    (N_("Over 500 M"), (500_000_000, 0)),
)
LEARNED = (
    (N_("Any training"), ""),
    (N_("From labels"), "labels"),
    (N_("Self-supervised"), "self-supervised"),
    (N_("Pictures and words"), "image and text"),
)
ORDERS: tuple[tuple[str, SortKey], ...] = (
    (N_("By name"), "name"),
    (N_("Smallest first"), "parameters"),
    (N_("Fewest tokens first"), "tokens"),
)


class FilterBar(QWidget):
    """Search field, shelves and filters; says so when something else is looked for."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.filters = LibraryFilters()
        self._items: Sequence[LibraryItem] = ()
        self._choices: FilterChoices | None = None
        self.search = QLineEdit()
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(_("Search models"))
        self.search.setPlaceholderText(_("dinov2 small, patch14, swin, laion …"))
        self.search.textChanged.connect(self._text_changed)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(UNIT)
        self._layout.addWidget(self.search)
        self._layout.addLayout(self._build_shelves())

    def _build_shelves(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.shelves: dict[LibraryShelf, QToolButton] = {}
        for name, words, tip in SHELVES:
            button = _tool(_(words), _(tip), check=True)
            button.setAutoExclusive(True)
            button.setProperty("shelf", name)
            button.clicked.connect(self._shelf_chosen)
            self.shelves[name] = button
            row.addWidget(button)
        self.shelves["all"].setChecked(True)
        row.addStretch()
        self.more = _tool(
            _("Filters"), _("Patch size, size, training, registers, licence"), check=True
        )
        self.more.toggled.connect(self._more_toggled)
        row.addWidget(self.more)
        return row

    @property
    def choices(self) -> FilterChoices:
        """The filters, built when they are first asked for: the library opens without them."""
        if self._choices is None:
            self._choices = FilterChoices()
            self._choices.setVisible(self.more.isChecked())
            self._choices.offer(self._items)
            self._choices.changed.connect(self._filter_changed)
            self._layout.addWidget(self._choices)
        return self._choices

    @property
    def plain(self) -> LibraryFilters:
        """The same without the filters: words and shelf."""
        return LibraryFilters(text=self.filters.text, shelf=self.filters.shelf)

    def offer(self, items: Sequence[LibraryItem]) -> None:
        """Offers what there is among the models."""
        self._items = items
        if self._choices is not None:
            self._choices.offer(items)

    def clear(self) -> None:
        """Shows all models again."""
        if self._choices is not None:
            self._choices.clear()
        self.shelves["all"].setChecked(True)
        blocker = QSignalBlocker(self.search)
        self.search.clear()
        blocker.unblock()
        self._look_for(LibraryFilters())

    def _text_changed(self, text: str) -> None:
        self._look_for(replace(self.filters, text=text))

    def _shelf_chosen(self) -> None:
        shelf = cast(LibraryShelf, self.sender().property("shelf"))
        self._look_for(replace(self.filters, shelf=shelf))

    def _more_toggled(self, on: bool) -> None:
        self.choices.setVisible(on)

    def _filter_changed(self) -> None:
        self._look_for(self.choices.among(self.filters))

    def _look_for(self, filters: LibraryFilters) -> None:
        self.filters = filters
        self.more.setText(_("Filters •") if filters != self.plain else _("Filters"))
        self.changed.emit()


class FilterChoices(QWidget):
    """What narrows the list: patch size, size, training, registers, licence; and its order."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.amount, self.learning, self.order = (QComboBox() for _unused in range(4))
        for words, bounds in SIZES:
            self.amount.addItem(_(words), bounds)
        for words, way in LEARNED:
            self.learning.addItem(_(words), way)
        for words, order in ORDERS:
            self.order.addItem(_(words), order)
        self.registers, self.free = QCheckBox(_("Registers")), QCheckBox(_("Licence for any use"))
        self.registers.setToolTip(_("Models with register tokens"))
        self.free.setToolTip(_("Apache, MIT, BSD, CC BY, CC0"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        named = {
            _("Patch size"): self.patch,
            _("Number of parameters"): self.amount,
            _("Training"): self.learning,
            _("Order"): self.order,
        }
        for place, (name, box) in enumerate(named.items()):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.currentIndexChanged.connect(self.changed)
            grid.addWidget(box, place // 2, place % 2)
        for place, switch in enumerate((self.registers, self.free)):
            switch.toggled.connect(self.changed)
            grid.addWidget(switch, 2, place)

    def among(self, filters: LibraryFilters) -> LibraryFilters:
        """The same words and shelf with what is chosen here."""
        return replace(
            filters,
            patch=self.patch.currentData() or 0,
            parameters=self.amount.currentData(),
            learning=self.learning.currentData(),
            registers=self.registers.isChecked(),
            free=self.free.isChecked(),
            order=self.order.currentData(),
        )

    def offer(self, items: Sequence[LibraryItem]) -> None:
        """Offers the patch sizes that there are among the models."""
        sizes = patches(items)
        if self.patch.count() == len(sizes) + 1:
            return
        blocker, chosen = QSignalBlocker(self), self.patch.currentData()
        self.patch.clear()
        self.patch.addItem(_("Any patch"), 0)
        for size in sizes:
            self.patch.addItem(_("Patch {size}").format(size=size), size)
        self.patch.setCurrentIndex(max(self.patch.findData(chosen), 0))
        blocker.unblock()

    def clear(self) -> None:
        """Goes back to what leaves everything, without saying so."""
        blocker = QSignalBlocker(self)
        for box in (self.patch, self.amount, self.learning, self.order):
            box.setCurrentIndex(0)
        for switch in (self.registers, self.free):
            switch.setChecked(False)
        blocker.unblock()


def _tool(words: str, tip: str, *, check: bool = False) -> QToolButton:
    button = QToolButton()
    button.setObjectName("quiet")
    button.setText(words)
    button.setToolTip(tip)
    button.setCheckable(check)
    button.setFont(theme.font(-0.5))
    return button
