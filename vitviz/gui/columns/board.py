"""The board: all views of the current picture, in rows that can be resized; one can be maximised."""

from __future__ import annotations

import base64
from collections.abc import Collection

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from vitviz.core.data.drawing import Drawing
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
    """Cards of views in rows."""

    hovered = Signal(object)
    clicked = Signal(object)
    read = Signal(object)
    double_clicked = Signal(str)
    wished = Signal(str, str)
    focus_changed = Signal(str)
    visible_changed = Signal()
    chosen = Signal()
    """Somebody chose which views are on the board, or gave one all the room."""
    scrolled = Signal()
    """Other views may have come into sight."""

    def __init__(self, views: dict[str, View]) -> None:
        super().__init__()
        self.cards: dict[str, ViewCard] = {}
        self._hidden = {name for name, view in views.items() if not view.shown}
        self._first_hidden = frozenset(self._hidden)
        self._impossible: frozenset[str] = frozenset()
        self._called: frozenset[str] = frozenset()
        self._answered: frozenset[str] = frozenset()
        """Those of the called that were taken off by hand, or by a choice of other views."""
        self._maximised = ""
        self._focus = ""
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
        self._settled.timeout.connect(self.scrolled)
        area = self._area = QScrollArea()  # many views together would be too low to see anything
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._column)
        area.verticalScrollBar().valueChanged.connect(self._settled.start)
        area.viewport().installEventFilter(self)
        layout.addWidget(area)
        self._default = self.state()

    @property
    def focus(self) -> str:
        """The view whose options and help are offered."""
        return self._focus

    @property
    def maximised(self) -> str:
        """The view that has all the room, or ""."""
        return self._maximised

    @property
    def placed(self) -> tuple[str, ...]:
        """The views that are on the board, the maximised one alone."""
        return (self._maximised,) if self._maximised else self.offered

    @property
    def offered(self) -> tuple[str, ...]:
        """The views that are on the board, behind a maximised one or not."""
        return tuple(
            name for name in self.cards if self.is_shown(name) and name not in self._impossible
        )

    @property
    def visible(self) -> tuple[str, ...]:
        """The views that are scrolled into sight, and the one in focus: those worth drawing."""
        rows = [row for row in self._rows if not row.isHidden()]
        seen = {row for at, row in enumerate(rows) if self._sees(row, at, len(rows))}
        return tuple(
            name
            for name in self.placed
            if name == self._focus or self.cards[name].parentWidget() in seen
        )

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

    def show_drawing(self, view: str, drawing: Drawing) -> None:
        """Shows a view's new drawing."""
        self.cards[view].show_drawing(drawing)

    def show_message(self, view: str, text: str, hint: str = "") -> None:
        """Says in a view why there is nothing to see."""
        self.cards[view].show_message(text, hint)

    def _clicked(self, found: object) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.clicked.emit(found)

    def set_focus(self, view: str) -> None:
        """Marks the view whose options and help are offered."""
        if view == self._focus or view not in self.cards:
            return
        if self._focus:
            self.cards[self._focus].show_focus(False)
        self._focus = view
        self.cards[view].show_focus(True)
        self.focus_changed.emit(view)

    def reveal(self, view: str) -> None:
        """Scrolls a view into sight."""
        self._area.ensureWidgetVisible(self.cards[view], 0, 0)

    def maximise(self, view: str) -> None:
        """Gives one view all the room, and its options; "" or the same view again gives it back."""
        self._maximised = "" if view == self._maximised else view
        self.chosen.emit()
        self._arrange()
        self.set_focus(self._maximised)

    def set_shown(self, view: str, on: bool) -> None:
        """Takes a view off the board, or puts it back."""
        self._hidden.discard(view) if on else self._hidden.add(view)
        self._answered |= {view}
        self.chosen.emit()
        self._arrange()

    def set_all_shown(self, names: Collection[str]) -> None:
        """Shows these views and takes all others off the board."""
        self._hidden = set(self.cards) - set(names)
        self._answered = self._called
        self.chosen.emit()
        self._arrange()

    def show_possible(self, names: Collection[str], called: Collection[str] = ()) -> None:
        """Shows only cards of these views, since the others have nothing to show for this model; those
        that it calls for come by themselves, until somebody takes them off."""
        impossible, calls = frozenset(self.cards) - frozenset(names), frozenset(called)
        if (impossible, calls) == (self._impossible, self._called):
            return
        if calls != self._called:
            self._answered = frozenset()
        self._impossible, self._called = impossible, calls
        self._arrange()

    def is_shown(self, view: str) -> bool:
        """Whether a view is on the board (behind a maximised one or not)."""
        return view not in self._hidden or view in self._called - self._answered

    def state(self) -> str:
        """Sizes of rows and columns and the views taken off, as text."""
        parts = [self._column, *self._rows]
        sizes = ",".join(base64.b64encode(part.saveState().data()).decode() for part in parts)
        shown = set(self.cards) - self._hidden
        return f"{sizes}|{' '.join(sorted(self._hidden))}|{' '.join(sorted(shown))}"

    def restore(self, state: str) -> None:
        """Takes sizes back; a state of another layout is ignored."""
        parts = [self._column, *self._rows]
        sizes, hidden, shown = (*state.split("|"), "", "")[:3]
        known = set(hidden.split()) | set(shown.split())
        new = self._first_hidden - known  # views that this state does not know are as at first
        self._hidden = set(hidden.split()) & set(self.cards) | new
        self._arrange()
        saved = sizes.split(",")
        if len(saved) == len(parts):
            for part, text in zip(parts, saved, strict=True):
                part.restoreState(QByteArray.fromBase64(text.encode()))
            self._turn()

    def reset(self) -> None:
        """Puts all views back, at their first sizes."""
        self._hidden = set(self._first_hidden)
        self._answered = frozenset()
        self._maximised = ""
        self.chosen.emit()
        self._arrange()
        self.restore(self._default)

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for card in self.cards.values():
            card.restyle()

    def _add_row(self, row: list[tuple[View, int]]) -> None:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(UNIT)
        for index, (view, share) in enumerate(row):
            card = ViewCard(view)
            card.hovered.connect(self.hovered)
            card.clicked.connect(self._clicked)
            card.read.connect(self.read)
            card.double_clicked.connect(self.double_clicked)
            card.focused.connect(self.set_focus)
            card.wished.connect(self.wished)
            self.cards[view.name] = card
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
            card.show_maximised(name == self._maximised)
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
        self.visible_changed.emit()

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
