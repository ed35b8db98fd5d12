"""The board: all views of the current picture, in rows that can be resized; one can be maximised."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from vitviz.core.data.drawing import Drawing
from vitviz.gui.columns.column_header import ColumnHeader
from vitviz.gui.columns.view_card import ViewCard
from vitviz.gui.widgets.theme import UNIT
from vitviz.views import View

LAYOUT = (
    (("patches", 10), ("heads", 11), ("matrix", 6)),
    (("rollout", 10), ("positions", 9), ("predictions", 5)),
)
"""Rows of (view, share of the width); views that are not named here follow in rows of three."""

LAID_OUT = frozenset(name for row in LAYOUT for name, _share in row)

SHARES = {"block": 3, "norms": 2}
"""Shares of the width of views further down that are not alike: a table has many columns."""

LOWEST, MOST_ROWS = 232, 2
"""Pixels of each of several rows, what does not fit is scrolled; of more rows than so many only those
in sight are drawn."""


class ViewBoard(QWidget):
    """Cards of one column's views in rows, a `ViewStage`: whichever column is the active one."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    read = Signal(object)
    brushed = Signal(str, object)
    double_clicked = Signal(str, int)
    zoomed = Signal(str, int, int, object)
    wished = Signal(str, str, int)
    focused = Signal(str)
    visible_changed = Signal()

    def __init__(self, views: Mapping[str, View]) -> None:
        super().__init__()
        self.cards: dict[str, ViewCard] = {}
        self._large, self._focus = "", ""
        self._offered: frozenset[str] = frozenset()
        self._column = QSplitter(Qt.Orientation.Vertical)
        self._column.setChildrenCollapsible(False)
        self._column.setHandleWidth(UNIT)
        self._rows: list[QSplitter] = []
        for row in _rows(list(views)):
            self._add_row([(views[name], share) for name, share in row])
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(40)
        self._settled.timeout.connect(self.visible_changed)
        area = self._area = QScrollArea()  # many views together would be too low to see anything
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._column)
        area.verticalScrollBar().valueChanged.connect(self._settled.start)
        area.viewport().installEventFilter(self)
        layout.addWidget(area)
        self._default = self.sizes()

    @property
    def placed(self) -> tuple[str, ...]:
        """The views that are on the board, the large one alone."""
        return (self._large,) if self._large else self.offered

    @property
    def offered(self) -> tuple[str, ...]:
        """The views that are on the board, behind a large one or not."""
        return tuple(name for name in self.cards if name in self._offered)

    @property
    def visible(self) -> tuple[str, ...]:
        """The views that are scrolled into sight: those worth drawing."""
        rows = [row for row in self._rows if not row.isHidden()]
        seen = {row for at, row in enumerate(rows) if self._sees(row, at, len(rows))}
        return tuple(name for name in self.placed if self.cards[name].parentWidget() in seen)

    @property
    def visible_columns(self) -> None:
        """The active one, whichever it is."""
        return None

    def _sees(self, row: QSplitter, at: int, rows: int) -> bool:
        port = self._area.viewport()
        if rows <= MOST_ROWS:
            return True
        if self._settled.isActive():  # rows are not where they will be: reckoned from even ones
            high = max(LOWEST, port.height() // rows)
            top = at * high - self._area.verticalScrollBar().value()
        else:
            top, high = row.mapTo(port, QPoint(0, 0)).y(), row.height()
        return top + high > 0 and top < port.height()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Another height brings other views into sight."""
        if event.type() == QEvent.Type.Resize:
            self._turn()
            self._settled.start()
        return False

    def show_columns(
        self, headers: Sequence[ColumnHeader], views: Sequence[str], *, large: str = ""
    ) -> None:
        """Lays out these views of the one column; the `large` one has all the room."""
        for header in headers:
            for card in self.cards.values():
                card.column = header.column
        if (frozenset(views), large) != (self._offered, self._large):
            self._offered, self._large = frozenset(views), large
            self._arrange()

    def forget(self, columns: Collection[int]) -> None:
        """(Its cards are any column's.)"""

    def rest(self) -> None:
        """It is not shown: nobody asks what is in sight."""
        self._settled.stop()

    def settle(self) -> None:
        """Something in it or above it needs another height."""
        self._settled.start()

    def card(self, view: str, _column: int) -> ViewCard | None:
        """The card of a view."""
        return self.cards.get(view)

    def all_cards(self) -> list[ViewCard]:
        """All cards, of views that are on the board or not."""
        return list(self.cards.values())

    def show_drawing(self, view: str, _column: int, drawing: Drawing) -> None:
        """Shows a view's new drawing."""
        self.cards[view].show_drawing(drawing)

    def show_message(self, view: str, _column: int, text: str, hint: str = "") -> None:
        """Says in a view why there is nothing to see."""
        self.cards[view].show_message(text, hint)

    def show_focus(self, view: str) -> None:
        """Marks the view whose options and help are offered."""
        for name in (self._focus, view):
            if name in self.cards:
                self.cards[name].show_focus(name == view)
        self._focus = view

    def reveal(self, view: str) -> None:
        """Scrolls a view into sight."""
        self._area.ensureWidgetVisible(self.cards[view], 0, 0)

    def sizes(self) -> str:
        """Sizes of rows and of the views in them, as text."""
        parts = [self._column, *self._rows]
        return ",".join(base64.b64encode(part.saveState().data()).decode() for part in parts)

    def restore_sizes(self, sizes: str = "") -> None:
        """Takes sizes back, without any the first ones; those of another layout are ignored."""
        parts, saved = [self._column, *self._rows], (sizes or self._default).split(",")
        if len(saved) == len(parts):
            for part, text in zip(parts, saved, strict=True):
                part.restoreState(QByteArray.fromBase64(text.encode()))
            self._turn()

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for card in self.cards.values():
            card.restyle()

    def _add_row(self, row: list[tuple[View, int]]) -> None:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(UNIT)
        for index, (view, share) in enumerate(row):
            card = self.cards[view.name] = ViewCard(view, -1)
            card.hovered.connect(self.hovered)
            card.clicked.connect(self._clicked)
            card.read.connect(self.read)
            card.brushed.connect(self.brushed)
            card.double_clicked.connect(self.double_clicked)
            card.zoomed.connect(self.zoomed)
            card.focused.connect(self.focused)
            card.wished.connect(self.wished)
            splitter.addWidget(card)
            splitter.setStretchFactor(index, share)
        splitter.setSizes([share * 1000 for _view, share in row])
        self._rows.append(splitter)
        self._column.addWidget(splitter)
        self._column.setSizes([1200] + [900] * (self._column.count() - 1))

    def _arrange(self) -> None:
        seen = set(self.placed)
        # First what goes, then what comes: both together may be wider than the window.
        for name, card in sorted(self.cards.items(), key=lambda item: item[0] in seen):
            card.setVisible(name in seen)
            card.show_maximised(name == self._large)
        for row in self._rows:
            inside = (row.widget(index) for index in range(row.count()))
            row.setVisible(
                any(isinstance(card, ViewCard) and card.view.name in seen for card in inside)
            )
        self._turn()
        rows = sum(not row.isHidden() for row in self._rows)
        below = self._column.orientation() == Qt.Orientation.Vertical
        self._column.setMinimumHeight(rows * LOWEST if rows > 1 and below else 0)
        self._settled.start()

    def _clicked(self, found: object, column: int) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.clicked.emit(found, column)

    def _turn(self) -> None:
        """Two views that are alone in their rows stand beside each other where there is the width."""
        rows = [row for row in self._rows if not row.isHidden()]
        port = self._area.viewport()
        beside = len(rows) == len(self.placed) == 2 and port.width() > port.height()
        wanted = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if self._column.orientation() != wanted:
            self._column.setOrientation(wanted)
            self._column.setSizes([1000] * self._column.count())


def _rows(names: list[str]) -> list[list[tuple[str, int]]]:
    placed = [[(name, share) for name, share in row if name in names] for row in LAYOUT]
    known = {name for row in placed for name, _share in row}
    rest = [(name, SHARES.get(name, 2)) for name in names if name not in known]
    return [row for row in placed if row] + [rest[i : i + 3] for i in range(0, len(rest), 3)]
