"""The table: rows are views, columns are models with a picture; or one view of all columns, large."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.drawing import Drawing
from vitviz.core.geometry import Box
from vitviz.gui.canvas import Arrangement
from vitviz.gui.card import Card
from vitviz.gui.headers import ColumnHeader, HeaderStrip
from vitviz.gui.theme import UNIT
from vitviz.views import View

_ALWAYS = Qt.ScrollBarPolicy.ScrollBarAlwaysOn
NARROWEST = 176
"""Pixels of a column; where more are wanted than fit, the table scrolls."""
LOWEST = 190
STACKED, SINGLE = 280, 240
"""Narrower columns show a drawing's large panels one below the other, and all of them."""
ROOMY = 560
"""Pixels each way that one view of a column needs to be shown with all its panels."""


class Row(QWidget):
    """One view of all columns: a line that says which, and a card for each column."""

    wished = Signal(str, str)
    focused = Signal(str)

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.cards: dict[int, Card] = {}
        self._laid_out: object = None
        self._needs: list[list[int]] = []
        self._words = 0
        self._line = QWidget()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(12, UNIT - 4, UNIT, 0)
        line.setSpacing(2)
        self._title = QLabel(view.title)
        self._title.setObjectName("title")
        self._title.setToolTip(view.shows)
        self._others = QToolButton()
        self._others.setObjectName("quiet")
        self._others.setText("▾")
        self._others.setToolTip("Another view of all columns")
        self._others.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._others.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._others.setMenu(QMenu(self._others))
        line.addWidget(self._title)
        line.addWidget(self._others)
        for wish, sign, tip in (
            ("help", "?", "What this shows, its formula and source (F1)"),
            ("options", "⚙", "Options of this view, the same in all columns"),
            ("maximise", "⤢", "This view of all columns, large (F)"),
        ):
            line.addWidget(self._button(wish, sign, tip))
        line.addStretch()
        self._cells = QGridLayout()
        self._cells.setSpacing(UNIT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._line)
        layout.addLayout(self._cells)

    def place(
        self, columns: Sequence[int], above: Sequence[ColumnHeader] = (), across: int = 0
    ) -> None:
        """Puts the cards in the columns' order, `across` in a line, each below its own header."""
        across = across or len(columns)
        for at, column in enumerate(columns):
            line, place = divmod(at, across)
            if above:
                self._put(above[at], 2 * line, place)
            self._put(self.cards[column], 2 * line + 1, place)
        for place in range(self._cells.columnCount()):
            self._cells.setColumnStretch(place, int(place < across))

    def _put(self, widget: QWidget, line: int, place: int) -> None:
        at = self._cells.indexOf(widget)
        if at >= 0 and self._cells.getItemPosition(at)[:2] == (line, place):  # type: ignore[index]
            return
        self._cells.removeWidget(widget)
        self._cells.addWidget(widget, line, place)
        widget.show()

    def offer(self, views: Sequence[View]) -> None:
        """Other views to show instead of this one; none where all are on the page."""
        self._others.setVisible(bool(views))
        menu = self._others.menu()
        menu.clear()
        for view in views:
            action = menu.addAction(view.title)
            action.setCheckable(True)
            action.setChecked(view.name == self.view.name)
            action.triggered.connect(partial(self.wished.emit, "instead", view.name))

    def drop(self, column: int) -> None:
        """Takes a column's card away."""
        if (card := self.cards.pop(column, None)) is not None:
            self._cells.removeWidget(card)
            card.hide()
            card.deleteLater()

    def show_focus(self, on: bool) -> None:
        """Marks the row whose options and help are offered."""
        self._title.setProperty("focused", "true" if on else "false")
        self._title.style().unpolish(self._title)
        self._title.style().polish(self._title)

    def fit(self, width: int) -> None:
        """Takes the height that its drawings need in columns of this width.

        While panels and width stay it gets no lower: words change under a moving cursor.
        """
        self._arrange("single" if width < SINGLE else "stacked" if width < STACKED else "rows")
        inside = width - 2 * (12 + 1)
        cards = [card for card in self.cards.values() if card.drawing is not None]
        needs = [card.canvas.heights_at(inside) for card in cards]
        words = max((card.words_height(inside) for card in cards), default=0)
        laid_out = width, [card.canvas.shape for card in cards]
        if self._laid_out == laid_out:
            needs, words = [*needs, *self._needs], max(words, self._words)
        self._laid_out, self._words = laid_out, words
        self._needs = [list(map(max, zip(*group, strict=True))) for group in _alike(needs)]
        for card, own in zip(cards, needs, strict=False):
            card.canvas.share_out(next(each for each in self._needs if len(each) == len(own)))
        panels = max((sum(each) + UNIT * (len(each) - 1) for each in self._needs), default=0)
        self._set_heights(max(words + panels, LOWEST))

    def fill(self, width: int, room: int) -> None:
        """Takes all the height there is for each of its cards."""
        self._arrange("first" if min(width, room) < ROOMY else "rows")
        self._set_heights(max(room, LOWEST))

    @property
    def line_height(self) -> int:
        """What the line above the cards needs."""
        return self._line.sizeHint().height()

    def _arrange(self, arrangement: Arrangement) -> None:
        for card in self.cards.values():
            card.canvas.arrange(arrangement)

    def _set_heights(self, height: int) -> None:
        for card in self.cards.values():
            card.setFixedHeight(height)
        layout = cast(QVBoxLayout, self.layout())
        self._cells.invalidate()
        layout.invalidate()  # on a page that is hidden nobody else does
        self.setFixedHeight(layout.sizeHint().height())

    def _button(self, wish: str, sign: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("quiet")
        button.setText(sign)
        button.setToolTip(tip)
        button.setAccessibleName(f"{wish} {self.view.title}")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(partial(self.wished.emit, wish, self.view.name))
        return button


def _alike(needs: Sequence[list[int]]) -> list[list[list[int]]]:
    """Cards whose panels stand in as many lines: these lines are as high in all of them."""
    counts = dict.fromkeys(len(each) for each in needs)
    return [[each for each in needs if len(each) == count] for count in counts]


class Table(QWidget):
    """Headers above, rows of cards below; scrolls where there are many."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    read = Signal(object)
    double_clicked = Signal(str, int)
    wished = Signal(str, str, int)
    focused = Signal(str)
    instead = Signal(str)
    """This view is to be the large one."""
    visible_changed = Signal()
    built = Signal()
    """A card has got its panels."""

    def __init__(self, views: dict[str, View]) -> None:
        super().__init__()
        self._views = views
        self.zoom_linked = False
        self.rows: dict[str, Row] = {}
        self._columns: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._large = False
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
        self._due: dict[Card, Drawing] = {}
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

    def offer(self, views: Sequence[str]) -> None:
        """The views that the large one can be changed for."""
        for row in self.rows.values():
            row.offer([self._views[name] for name in views] if self._large else [])

    def show_columns(
        self, headers: Sequence[ColumnHeader], names: Sequence[str], *, large: bool
    ) -> None:
        """Lays out these columns and views; `large` gives all the room to the one view."""
        columns = tuple(header.column for header in headers)
        for column in set(self._columns) - set(columns):
            for row in self.rows.values():
                self._due.pop(row.cards.get(column), None)  # type: ignore[arg-type]
                row.drop(column)
        before = self._columns, self._names, self._large
        self._columns, self._names, self._large = columns, tuple(names), large
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
        if before == (self._columns, self._names, self._large):
            self._settled.start()  # what grows says so itself
        else:
            self._fit()

    def settle(self) -> None:
        """Rows may need another height, once for all drawings and sizes that come now."""
        self._fitting.start()

    def card(self, view: str, column: int) -> Card | None:
        """The card of a view in a column; None where it is not in the table."""
        row = self.rows.get(view)
        return None if row is None else row.cards.get(column)

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
            card.show_drawing(drawing)

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
            row.show_focus(name == view)

    @property
    def names(self) -> tuple[str, ...]:
        """The views in the table, in sight or not."""
        return self._names

    @property
    def visible(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The views and the columns that are scrolled into sight, the only ones worth drawing."""
        views = [name for name in self._names if self._sees(self.rows[name])]
        cards = self.rows[self._names[0]].cards if self._names else {}
        columns = [column for column in self._columns if self._sees(cards.get(column), across=True)]
        return tuple(views), tuple(columns) or self._columns

    def _sees(self, widget: QWidget | None, *, across: bool = False) -> bool:
        if widget is None:
            return False
        port = self._area.viewport()
        place = QRect(widget.mapTo(port, QPoint(0, 0)), widget.size())
        if across:
            return place.right() > 0 and place.left() < port.width()
        return place.bottom() > 0 and place.top() < port.height()

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for row in self.rows.values():
            for card in row.cards.values():
                card.restyle()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """What can be seen at once has another size: everything is fitted into it."""
        if event.type() == QEvent.Type.Resize:
            self.settle()
        return False

    def _row(self, name: str) -> Row:
        if name not in self.rows:
            row = self.rows[name] = Row(self._views[name])
            row.wished.connect(self._row_wished)
        return self.rows[name]

    def _card(self, name: str, column: int) -> Card:
        card = Card(self._views[name], titled=False)
        card.hovered.connect(lambda found: self.hovered.emit(found, column))
        card.clicked.connect(lambda found: self._clicked(found, column))
        card.read.connect(self.read)
        card.double_clicked.connect(lambda view: self.double_clicked.emit(view, column))
        card.focused.connect(self.focused)
        card.grew.connect(self.settle)
        card.canvas.zoomed.connect(partial(self._zoomed, name, column))
        card.wished.connect(lambda wish, view: self.wished.emit(wish, view, column))
        return card

    def _zoomed(self, view: str, column: int, panel: int, window: Box) -> None:
        if self.zoom_linked:
            for other, card in self.rows[view].cards.items():
                if other != column:
                    card.canvas.show_window(panel, window)

    def _row_wished(self, wish: str, view: str) -> None:
        self.focused.emit(view)
        if wish == "instead":
            self.instead.emit(view)
        else:
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

    def _fit_large(self, row: Row) -> None:
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
