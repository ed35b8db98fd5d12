"""A model of the library in full: what is known of it, its download, and how it shall be opened."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import _
from vitviz.gui.library.model_words import facts_of, linked, megabytes, table
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.progress_line import ProgressLine
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.library.library_items import LibraryItem, needs
from vitviz.session.library.model_library import ModelDownload

LARGEST = 2048
"""Most pixels a side to ask for."""
LEAST = 56
"""Pixels of height in which a model's facts can still be read, a few lines at a time."""


class FittedLabel(QScrollArea):
    """Widgets at their full height where there is room for them, else to be scrolled."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        inside = QWidget()
        self._inside = QVBoxLayout(inside)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setSpacing(6)
        for widget in widgets:
            self._inside.addWidget(widget)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(LEAST)

    def sizeHint(self) -> QSize:
        return QSize(200, max(self._inside.totalHeightForWidth(self.width()), LEAST))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()


class ModelFacts(QFrame):
    """Shows one model; says that it is wished for, or its download to begin or to end."""

    opened = Signal()
    beside = Signal()
    fetched = Signal()
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("side")
        self._name = QLabel()
        self._name.setObjectName("title")
        self._name.setWordWrap(True)
        self._name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts = QLabel()
        self._facts.setWordWrap(True)
        self._facts.setTextFormat(Qt.TextFormat.RichText)
        self._facts.setOpenExternalLinks(True)
        self._facts.setFont(theme.font(-0.5, numbers=True))
        self._facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.open = QPushButton(_("Show"))
        self.open.setDefault(True)
        self.open.clicked.connect(self.opened)
        self.aside = QPushButton(_("Beside"))
        self.aside.setToolTip(_("Show it in a column of its own, beside what is shown now"))
        self.aside.clicked.connect(self.beside)
        self.fetch = QPushButton(_("Download"))
        self.fetch.clicked.connect(self.fetched)
        self.stop = QPushButton(_("Stop"))
        self.stop.setToolTip(_("What has arrived is kept for the next try"))
        self.stop.clicked.connect(self.stopped)
        self._item: LibraryItem | None = None
        self._download = ModelDownload()
        self.over = False
        self.problem = ""
        """Why it cannot read pictures of the chosen size."""
        self.budget = 0
        """Bytes that may be kept; what takes more is asked about. 0: not known."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, UNIT, 12, UNIT)
        layout.setSpacing(6)
        layout.addWidget(self._name)
        self._room = FittedLabel(self._facts, self._build_options())
        layout.addWidget(self._room)
        layout.addWidget(self._build_transfer())
        buttons = QHBoxLayout()
        buttons.setSpacing(UNIT)
        buttons.addWidget(self.open, 1)
        buttons.addWidget(self.aside)
        buttons.addWidget(self.fetch)
        layout.addLayout(buttons)
        self.show_item(None, ModelDownload(), offline=False)

    def _build_options(self) -> QWidget:
        """The input's size and whether the weights shall be random."""
        self._options = QWidget()
        self.side = QSpinBox()
        self.side.setSuffix(" px")
        self.side.setAccessibleName(_("Input size"))
        self.side.setToolTip(_("Side of the picture that the model reads; positions are resampled"))
        self.side.valueChanged.connect(self._size_changed)
        self.random = QCheckBox(_("Random weights"))
        self.random.setToolTip(
            _("The architecture only: no download; said to be untrained everywhere")
        )
        self.random.toggled.connect(self._random_toggled)
        self.cost = QLabel()
        self.cost.setObjectName("quiet")
        self.cost.setWordWrap(True)
        self.cost.setFont(theme.font(-1, numbers=True))
        self.cost.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        grid = QGridLayout(self._options)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        grid.addWidget(QLabel(_("Input")), 0, 0)
        grid.addWidget(self.side, 0, 1)
        grid.addWidget(self.random, 0, 2, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.cost, 1, 0, 1, 3)
        grid.setColumnStretch(2, 1)
        return self._options

    def _build_transfer(self) -> QWidget:
        """A download as it goes, or what went wrong with it."""
        self._transfer = QWidget()
        self._bar = ProgressLine()
        self.said = QLabel()
        self.said.setObjectName("quiet")
        self.said.setWordWrap(True)
        self.said.setFont(theme.font(-1, numbers=True))
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.said.setTextFormat(Qt.TextFormat.RichText)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.said.setOpenExternalLinks(True)
        grid = QGridLayout(self._transfer)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(self._bar, 0, 0)
        grid.addWidget(self.said, 1, 0)
        grid.addWidget(self.stop, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(0, 1)
        return self._transfer

    @property
    def chosen_side(self) -> int | None:
        """The side that was asked for; None where it is the model's own."""
        item = self._item
        if item is None or not item.size[0] or self.side.value() == item.size[0]:
            return None
        return self.side.value()

    @property
    def _running(self) -> bool:
        return self._download.state in ("waiting", "running")

    def show_item(
        self, item: LibraryItem | None, download: ModelDownload, *, offline: bool
    ) -> None:
        """Shows a model; None where nothing is chosen."""
        self.setVisible(item is not None)
        if item is None:
            self._item = None
            return
        other = self._item is None or item.name != self._item.name
        self._item = item
        if other:
            self._show_size(item)
            self.random.setChecked(False)
        self._name.setText(item.title.replace("_", "_\u200b").replace("/", "/\u200b"))
        self._facts.setText(table(facts_of(item)))
        self._room.updateGeometry()
        self.random.setVisible(item.source != "file")
        self.show_download(download, offline=offline)

    def show_budget(self, budget: int) -> None:
        """Asks about what takes more bytes than this."""
        if budget != self.budget:
            self.budget = budget
            self._size_changed()

    def show_download(self, download: ModelDownload, *, offline: bool) -> None:
        """Shows how far the download of this model is."""
        item, self._download = self._item, download
        if item is None:
            return
        focused, running = self._has_keys, self._running
        said = download.said
        if not said and offline and not item.on_disk:
            said = _("No network, and not on this computer. Random weights work without.")
        if download.state == "stopped" and download.done:
            said = _("Stopped; {megabytes} are here already.").format(
                megabytes=megabytes(download.done)
            )
        self._transfer.setVisible(bool(said) or running)
        self._bar.setVisible(running)
        self.stop.setVisible(running)
        self._bar.setRange(0, 1000 if download.total else 0)
        self._bar.setValue(round(1000 * download.done / download.total) if download.total else 0)
        self.said.setText(linked(said.partition(": ")[2] if running and ": " in said else said))
        _color(self.said, "bad" if download.state == "failed" else "quiet")
        self._show_buttons(item, download, running=running)
        if focused and not self._has_keys:  # the button that had them has gone
            (self.stop if running else self.open).setFocus()

    @property
    def _has_keys(self) -> bool:
        focused = self.window().focusWidget()
        return focused is not None and self.isAncestorOf(focused)

    def _show_buttons(self, item: LibraryItem, download: ModelDownload, *, running: bool) -> None:
        missing = not item.on_disk and bool(item.repository)
        self.fetch.setVisible(missing and not running)
        self.fetch.setText(_("Go on") if download.state == "stopped" else _("Download"))
        self.fetch.setToolTip(
            _("Fetch about {megabytes} and keep them on this computer").format(
                megabytes=megabytes(item.download)
            )
        )
        words = "Get" if missing and not self.random.isChecked() else "Show"
        after = " anyway" if self.over else _(" and show") if words == "Get" else ""
        self.open.setText(words + after)
        first = (
            _("Downloads about {megabytes} first").format(megabytes=megabytes(item.download))
            if words == "Get"
            else ""
        )
        self.open.setToolTip(self.cost.text() if self.over else first)
        for button in (self.open, self.aside):
            ready = not running or self.random.isChecked()
            button.setEnabled(ready and not self.problem)
        self.fetch.setEnabled(not self.random.isChecked())

    def _show_size(self, item: LibraryItem) -> None:
        rows = item.size[0]
        self._options.setVisible(rows > 0)
        blocked = self.side.blockSignals(True)
        step = item.patch or 16
        self.side.setRange(min(2 * step, rows or 2 * step), max(LARGEST, rows))
        self.side.setSingleStep(step)
        self.side.setValue(rows)
        self.side.blockSignals(blocked)
        self._show_cost(item)

    def _show_cost(self, item: LibraryItem) -> None:
        """Says what it will take, before it runs."""
        cost = needs(item, self.chosen_side)
        parts = [_("{tokens:,} tokens").format(tokens=cost.tokens)] if cost.tokens else []
        parts += (
            [_("weights {megabytes}").format(megabytes=megabytes(cost.weights))]
            if cost.weights
            else []
        )
        parts += (
            [_("a picture keeps {megabytes}").format(megabytes=megabytes(cost.picture))]
            if cost.picture
            else []
        )
        said = " · ".join(parts)
        self.over = self.budget > 0 and cost.over(self.budget)
        if self.over:
            said += _("; that is over the memory budget of {budget:,.0f} MB").format(
                budget=self.budget / 2**20
            )
        self.problem = cost.problem
        self.cost.setText(cost.problem or said)
        self.cost.setVisible(bool(said or cost.problem))
        _color(self.cost, "bad" if self.over or cost.problem else "quiet")
        self._room.updateGeometry()

    def _size_changed(self) -> None:
        if self._item is not None:
            self._show_cost(self._item)
            self._show_buttons(self._item, self._download, running=self._running)

    def _random_toggled(self) -> None:
        if self._item is not None:
            self._show_buttons(self._item, self._download, running=self._running)


def _color(label: QLabel, name: str) -> None:
    label.setObjectName(name)
    label.style().unpolish(label)
    label.style().polish(label)
