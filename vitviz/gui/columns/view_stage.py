"""What board and table have in common: a place where views of columns are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from PySide6.QtCore import SignalInstance

from vitviz.core.data.drawing import Drawing
from vitviz.gui.columns.column_header import ColumnHeader
from vitviz.gui.columns.view_card import ViewCard


class ViewStage(Protocol):
    """A widget with a card for every view of every column that it shows.

    It lays out what it is told, shows what it is given and sends on what its cards say, with the
    number of their column. Which views and columns there are is decided elsewhere.
    """

    @property
    def hovered(self) -> SignalInstance:
        """(`PointedPlace` or None, column): what is under the cursor."""

    @property
    def clicked(self) -> SignalInstance:
        """(`PointedPlace` or None, column)."""

    @property
    def read(self) -> SignalInstance:
        """(`PointedPlace` or None): the value under the cursor is to be read, no more."""

    @property
    def brushed(self) -> SignalInstance:
        """(view, `BrushedPatch`): somebody paints on a view that is painted on."""

    @property
    def double_clicked(self) -> SignalInstance:
        """(view, column)."""

    @property
    def zoomed(self) -> SignalInstance:
        """(view, column, panel, window): what is visible of a panel was changed by hand."""

    @property
    def wished(self) -> SignalInstance:
        """(wish, view, column): a button of a card, or of a row of all columns (-1)."""

    @property
    def focused(self) -> SignalInstance:
        """(view): its options and help are to be offered."""

    @property
    def visible_changed(self) -> SignalInstance:
        """Other views or columns may have come into sight."""

    @property
    def placed(self) -> tuple[str, ...]:
        """The views that are laid out, in sight or not; one that has all the room alone."""

    @property
    def offered(self) -> tuple[str, ...]:
        """The views that are on, in the order they have here, behind a large one or not."""

    @property
    def visible(self) -> tuple[str, ...]:
        """The views that are scrolled into sight: those worth drawing."""

    @property
    def visible_columns(self) -> tuple[int, ...] | None:
        """The columns that are scrolled into sight; None: the active one, whichever it is."""

    def show_columns(
        self, headers: Sequence[ColumnHeader], views: Sequence[str], *, large: str = ""
    ) -> None:
        """Lays out these columns and views; the `large` one has all the room."""

    def forget(self, columns: Collection[int]) -> None:
        """Lets go what it has of closed columns, whether it is shown or not."""

    def rest(self) -> None:
        """It is not shown: nothing is built or fitted until it is."""

    def settle(self) -> None:
        """Something in it or above it needs another height."""

    def card(self, view: str, column: int) -> ViewCard | None:
        """The card of a view in a column; None where there is none."""

    def all_cards(self) -> list[ViewCard]:
        """All cards there are."""

    def show_drawing(self, view: str, column: int, drawing: Drawing) -> None:
        """Shows a view's new drawing of a column."""

    def show_message(self, view: str, column: int, text: str, hint: str = "") -> None:
        """Says in a view of a column why there is nothing to see."""

    def show_focus(self, view: str) -> None:
        """Marks the view whose options and help are offered."""

    def reveal(self, view: str) -> None:
        """Scrolls a view into sight."""

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
