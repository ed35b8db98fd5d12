"""The table: rows are views, columns are models with a picture; or one view of all columns, large."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing
from vitviz.gui.columns.column_header import ColumnHeader, HeaderStrip
from vitviz.gui.columns.table_row import TableRow
from vitviz.gui.columns.view_card import ViewCard
from vitviz.gui.widgets.theme import UNIT
from vitviz.views import View

_ALWAYS = Qt.ScrollBarPolicy.ScrollBarAlwaysOn
NARROWEST = 176
"""Pixels of a column; where more are wanted than fit, the table scrolls."""


class ColumnTable(QWidget):
    """Headers above, rows of cards below; scrolls where there are many. A `ViewStage`."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    read = Signal(object)
    brushed = Signal(str, object)
    double_clicked = Signal(str, int)
    zoomed = Signal(str, int, int, object)
    wished = Signal(str, str, int)
    focused = Signal(str)
    visible_changed = Signal()
    built = Signal()
    """A card has got its panels."""

    def __init__(self, views: Mapping[str, View]) -> None:
        super().__init__()
        self._views = views
        self.rows: dict[str, TableRow] = {}
        self._columns: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._offered: tuple[str, ...] = ()
        self._large = ""
        self._laid_out: object = None
        self._shown: tuple[ColumnHeader, ...] = ()
        self.headers = HeaderStrip()
        self._above = _area(self.headers, fixed=True)
        self._body = QWidget()
        self._stack = QVBoxLayout(self._body)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.setSpacing(2)
        self._stack.addStretch()
        self._area = _area(self._body)
        self._area.viewport().installEventFilter(self)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(40)
        self._settled.timeout.connect(self.visible_changed)
        self._due: dict[ViewCard, Drawing] = {}
        self._building = QTimer(self)
        self._building.setSingleShot(True)
        self._building.timeout.connect(self._build_next)
        self._fitting = QTimer(self)
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self._fit)
        self._area.horizontalScrollBar().valueChanged.connect(self._scrolled)
        self._area.verticalScrollBar().valueChanged.connect(self._settled.start)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._above)
        layout.addWidget(self._area, 1)

    def show_columns(
        self, headers: Sequence[ColumnHeader], views: Sequence[str], *, large: str = ""
    ) -> None:
        """Lays out these columns and views; the `large` one has all the room."""
        columns = tuple(header.column for header in headers)
        self.forget(set(self._columns) - set(columns))
        self._columns, self._offered, self._large = columns, tuple(views), large
        self._names = (large,) if large else self._offered
        self._shown = tuple(headers)
        if not large:
            self.headers.place(headers)
        for at, name in enumerate(self._names):
            row = self._row(name)
            if self._stack.indexOf(row) != at:
                self._stack.insertWidget(at, row)
            for column in columns:
                if column not in row.cards:
                    row.cards[column] = self._card(name, column)
        self._above.setVisible(not large)
        for name, row in self.rows.items():
            row.setVisible(name in self._names)
            row.offer([self._views[view] for view in views] if large else [])
        laid_out = (self._columns, self._names, self._large)
        if laid_out == self._laid_out:
            self._settled.start()  # what grows says so itself
        else:
            self._laid_out = laid_out
            self._fit()

    def forget(self, columns: Collection[int]) -> None:
        """Takes the cards of closed columns away, at once and whatever page is shown: what is still to
        be built or fitted must not meet a header that has gone."""
        for column in columns:
            for row in self.rows.values():
                self._due.pop(row.cards.get(column), None)  # type: ignore[arg-type]
                row.drop(column)
        self._columns = tuple(each for each in self._columns if each not in columns)
        self._shown = tuple(header for header in self._shown if header.column not in columns)

    def rest(self) -> None:
        """The page is not shown: nothing is built or fitted until it is."""
        self._due.clear()
        for timer in (self._building, self._fitting, self._settled):
            timer.stop()

    def settle(self) -> None:
        """Rows may need another height, once for all drawings and sizes that come now."""
        self._fitting.start()

    def card(self, view: str, column: int) -> ViewCard | None:
        """The card of a view in a column; None where it is not in the table."""
        row = self.rows.get(view)
        return None if row is None else row.cards.get(column)

    def all_cards(self) -> list[ViewCard]:
        """All cards, of views that are in the table or were."""
        return [card for row in self.rows.values() for card in row.cards.values()]

    def show_drawing(self, view: str, column: int, drawing: Drawing) -> None:
        """Shows a new drawing in its place; cards that must be built first take turns."""
        card = self.card(view, column)
        if card is None:
            return
        if card.canvas.must_build(drawing):
            self._due[card] = drawing
            self._building.start()
        else:
            self._due.pop(card, None)
            appears = card.drawing is None
            card.show_drawing(drawing)
            if appears:  # its row was fitted without it
                self.settle()

    def _build_next(self) -> None:
        """One card a turn of the event loop: the window stays at hand while many come."""
        card = next(iter(self._due), None)
        if card is not None:
            card.show_drawing(self._due.pop(card))
            self.settle()
            self.built.emit()
            self._building.start()

    def _rebuild(self) -> None:
        """Cards whose panels have to be arranged otherwise take turns too."""
        for name in self._names:
            for card in self.rows[name].cards.values():
                drawing = self._due.get(card) or card.canvas.drawing
                if drawing is not None and card.canvas.must_build(drawing):
                    self._due[card] = drawing
                    self._building.start()

    def show_message(self, view: str, column: int, text: str, hint: str = "") -> None:
        """Says in a card why there is nothing to see."""
        card = self.card(view, column)
        if card is not None:
            self._due.pop(card, None)
            card.show_message(text, hint)

    def show_focus(self, view: str) -> None:
        """Marks the view whose options and help are offered."""
        for name, row in self.rows.items():
            row.show_focus(name == view and not self._large)

    def reveal(self, view: str) -> None:
        """Scrolls a view into sight."""
        self._area.ensureWidgetVisible(self.rows[view], 0, 0)

    @property
    def placed(self) -> tuple[str, ...]:
        """The views in the table, in sight or not; a large one alone."""
        return self._names

    @property
    def offered(self) -> tuple[str, ...]:
        """The views that are on, behind a large one or not."""
        return self._offered

    @property
    def visible(self) -> tuple[str, ...]:
        """The views that are scrolled into sight: those worth drawing."""
        return tuple(name for name in self._names if self._sees(self.rows[name]))

    @property
    def visible_columns(self) -> tuple[int, ...]:
        """The columns that are scrolled into sight."""
        cards = self.rows[self._names[0]].cards if self._names else {}
        columns = [column for column in self._columns if self._sees(cards.get(column), across=True)]
        return tuple(columns) or self._columns

    def _sees(self, widget: QWidget | None, *, across: bool = False) -> bool:
        if widget is None:
            return False
        port = self._area.viewport()
        if not port.isAncestorOf(widget):  # it has no place yet, and may well get one in sight
            return True
        place = QRect(widget.mapTo(port, QPoint(0, 0)), widget.size())
        if across:
            return place.right() > 0 and place.left() < port.width()
        return place.bottom() > 0 and place.top() < port.height()

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for card in self.all_cards():
            card.restyle()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """What can be seen at once has another size: everything is fitted into it."""
        if event.type() == QEvent.Type.Resize:
            self.settle()
        return False

    def _row(self, name: str) -> TableRow:
        if name not in self.rows:
            row = self.rows[name] = TableRow(self._views[name])
            row.wished.connect(self._row_wished)
            row.focused.connect(self.focused)
        return self.rows[name]

    def _card(self, name: str, column: int) -> ViewCard:
        card = ViewCard(self._views[name], column, titled=False)
        card.hovered.connect(self.hovered)
        card.clicked.connect(self._clicked)
        card.read.connect(self.read)
        card.brushed.connect(self.brushed)
        card.double_clicked.connect(self.double_clicked)
        card.zoomed.connect(self.zoomed)
        card.focused.connect(self.focused)
        card.grew.connect(self.settle)
        card.wished.connect(self.wished)
        return card

    def _row_wished(self, wish: str, view: str) -> None:
        self.focused.emit(view)
        if wish != "instead":
            self.wished.emit(wish, view, -1)

    def _clicked(self, found: object, column: int) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.clicked.emit(found, column)

    def _scrolled(self, value: int) -> None:
        self._above.horizontalScrollBar().setValue(value)
        self._settled.start()

    def _fit(self) -> None:
        if not self._columns or not self._names:
            return
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if self._large else _ALWAYS
        self._area.setVerticalScrollBarPolicy(policy)  # rows that come must not change the width
        if self._large:
            self._fit_large(self.rows[self._names[0]])
        else:
            self._fit_rows()
        self._rebuild()
        self._settled.start()

    def _fit_rows(self) -> None:
        count, port = len(self._columns), self._area.viewport()
        least = NARROWEST * count + UNIT * (count - 1)
        self._body.setMinimumWidth(least)
        gap = self._area.verticalScrollBar().sizeHint().width()
        self.headers.show_gap(gap)
        self.headers.setMinimumWidth(least + gap)
        width = (max(port.width(), least) - UNIT * (count - 1)) // count
        self._above.setFixedHeight(max(header.height_at(width) for header in self._shown))
        for name in self._names:
            self.rows[name].place(self._columns)
            self.rows[name].fit(width)

    def _fit_large(self, row: TableRow) -> None:
        """As many lines of cards as make them largest."""
        count, port = len(self._columns), self._area.viewport()
        self._body.setMinimumWidth(0)

        def side(lines: int) -> tuple[int, int]:
            across = -(-count // lines)
            width = (port.width() - UNIT * (across - 1)) // across
            above = max(header.height_at(width) for header in self._shown) + UNIT
            room = (port.height() - row.line_height - UNIT) // lines - above - UNIT
            return width, room

        lines = max(range(1, count + 1), key=lambda many: min(side(many)))
        row.place(self._columns, self._shown, -(-count // lines))
        row.fill(*side(lines))


def _area(widget: QWidget, *, fixed: bool = False) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    if fixed:
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    return area
