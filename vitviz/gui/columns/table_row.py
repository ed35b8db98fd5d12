"""A row of the table: one view of all columns, its cards as high as its drawings need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import _
from vitviz.gui.canvas.drawing_widget import Arrangement
from vitviz.gui.columns.column_header import ColumnHeader
from vitviz.gui.columns.view_card import ViewCard
from vitviz.gui.widgets.quiet_button import quiet_button
from vitviz.gui.widgets.theme import UNIT
from vitviz.views import View

LOWEST = 190
STACKED, SINGLE = 280, 240
"""Narrower columns show a drawing's large panels one below the other, and all of them."""
ROOMY = 560
"""Pixels each way that one view of a column needs to be shown with all its panels."""


class TableRow(QWidget):
    """One view of all columns: a line that says which, and a card for each column."""

    wished = Signal(str, str)
    focused = Signal(str)

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.cards: dict[int, ViewCard] = {}
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
        self._others = quiet_button("▾", _("Another view of all columns"))
        self._others.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._others.setMenu(QMenu(self._others))
        line.addWidget(self._title)
        line.addWidget(self._others)
        for wish, sign, tip in (
            ("help", "?", _("What this shows, its formula and source (F1)")),
            ("options", "⚙", _("Options of this view, the same in all columns")),
            ("maximise", "⤢", _("This view of all columns, large (F)")),
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

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Options and help are about the view whose line was pressed."""
        self.focused.emit(self.view.name)
        super().mousePressEvent(event)

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
        button = quiet_button(sign, tip, f"{wish} {self.view.title}")
        button.clicked.connect(partial(self.wished.emit, wish, self.view.name))
        return button


def _alike(needs: Sequence[list[int]]) -> list[list[list[int]]]:
    """Cards whose panels stand in as many lines: these lines are as high in all of them."""
    counts = dict.fromkeys(len(each) for each in needs)
    return [[each for each in needs if len(each) == count] for count in counts]
