"""The columns side by side: each a model at work on a picture, in order, one of them active."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psygnal import Signal

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.session.columns.column import Column
from vitviz.session.columns.column_drawings import ColumnDrawings
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.columns.column_state import ColumnState, SelectionKept, TriedAgain
from vitviz.session.columns.column_trace import ColumnTrace


@dataclass(eq=False, slots=True)
class LiveColumn:
    """One column at work: what it is asked for, what is chosen in it, what was read and drawn.

    `trace` is what is shown; while another picture or model is on the way it is still the old one.
    """

    column: Column
    selection: Selection
    reading: ColumnTrace
    drawings: ColumnDrawings

    @property
    def id(self) -> int:
        """Its number, which never changes and is never given again."""
        return self.column.id

    @property
    def state(self) -> ColumnState:
        """What it is about to show, and how far it is."""
        return self.reading.state

    @property
    def trace(self) -> Trace | None:
        """What is on screen."""
        shown = self.reading.state.shown
        return None if shown is None else shown.trace

    def close(self) -> None:
        """Ends its work and lets go of what it holds."""
        self.reading.close()
        self.drawings.close()


Make = Callable[[Column, Selection], LiveColumn]


class Columns:
    """All columns, in order. There is always one.

    `make` builds a column at work, `start` has it read its picture.
    """

    changed = Signal()
    """A column came, went, moved, or has another model or picture."""
    active_changed = Signal(int, int)  # new, old
    links_changed = Signal(ColumnLinks)
    reference_changed = Signal()

    def __init__(self, make: Make, start: Callable[[LiveColumn], None], first: Column) -> None:
        self._make, self._start = make, start
        self._lives = [make(first, Selection())]
        self._active = self._lives[0]
        self._next = first.id + 1
        self._reference: int | None = None
        self._seen: tuple[int, ...] | None = None
        self.links = ColumnLinks()

    def __iter__(self) -> Iterator[LiveColumn]:
        return iter(tuple(self._lives))

    def __len__(self) -> int:
        return len(self._lives)

    @property
    def active(self) -> LiveColumn:
        """The column that keys, sliders and the inspector are about."""
        return self._active

    @property
    def all(self) -> tuple[Column, ...]:
        """What every column was asked for, in order."""
        return tuple(live.column for live in self._lives)

    def find(self, id: int | None) -> LiveColumn | None:
        """The column of that number; the active one for None."""
        if id is None:
            return self._active
        return next((live for live in self._lives if live.id == id), None)

    def index(self, id: int) -> int:
        """Its position; -1 where there is none such."""
        return next((at for at, live in enumerate(self._lives) if live.id == id), -1)

    def others(self, live: LiveColumn) -> list[LiveColumn]:
        """All columns but this one."""
        return [other for other in self._lives if other is not live]

    @property
    def follows_active(self) -> bool:
        """Whether the active column is seen, whichever it is."""
        return self._seen is None

    def see(self, columns: Iterable[int] | None) -> None:
        """These columns are seen (None: the active one, whichever it is)."""
        self._seen = None if columns is None else tuple(columns)

    def seen(self) -> list[LiveColumn]:
        """The columns that somebody sees, in order."""
        if self._seen is None:
            return [self._active]
        return [live for id in self._seen if (live := self.find(id)) is not None]

    def take_links(self, links: ColumnLinks) -> None:
        """Links columns otherwise."""
        self.links = links
        self.links_changed.emit(links)

    @property
    def reference(self) -> LiveColumn:
        """The column that the others are compared with: the first unless told."""
        return next((live for live in self._lives if live.id == self._reference), self._lives[0])

    def partner(self, live: LiveColumn) -> LiveColumn | None:
        """What a column is compared with: the reference, and that with its neighbour."""
        if live is not self.reference:
            return self.reference
        return next(iter(self.others(live)), None)

    def refer_to(self, id: int) -> None:
        """Has the others compared with this column."""
        if self.find(id) is not None and id != self.reference.id:
            self._reference = id
            self.changed.emit()
            self.reference_changed.emit()

    def change(self, live: LiveColumn, **changes: Any) -> None:
        """Gives a column another model or picture."""
        column = replace(live.column, **changes)
        if column != live.column:
            live.column = column
            self.changed.emit()

    def add(self, column: Column, selection: Selection, index: int | None = None) -> LiveColumn:
        """A new column, behind all others unless told; its number is chosen here, and it reads."""
        live = self._made(column, selection)
        self._lives.insert(len(self._lives) if index is None else index, live)
        self.changed.emit()
        self._start(live)
        return live

    def duplicate(self, id: int) -> LiveColumn | None:
        """The same beside it, to be changed in one thing."""
        live = self.find(id)
        return live and self.add(live.column, live.selection, self.index(id) + 1)

    def close(self, id: int) -> None:
        """Takes a column away; the last one stays."""
        live, index = self.find(id), self.index(id)
        if live is None or len(self._lives) == 1:
            return
        self._lives.remove(live)
        live.close()
        if live is self._active:
            self._activate(self._lives[min(index, len(self._lives) - 1)], live.id)
        self.changed.emit()

    def replace_all(self, columns: Sequence[tuple[Column, Selection]]) -> None:
        """These columns instead of those there are; the first is active."""
        before, was_active = self._lives, self._active.id
        self._lives = [self._made(column, selection) for column, selection in columns]
        self._active = self._lives[0]
        for live in before:
            live.close()
        self.changed.emit()
        self.active_changed.emit(self._active.id, was_active)
        for live in self._lives:
            self._start(live)

    def become(
        self,
        columns: Sequence[Column],
        chosen: Mapping[int, Selection],
        changed: Collection[int],
        *,
        reference: int,
        active: int,
    ) -> list[LiveColumn]:
        """These columns by their numbers, as they once were: those that are there go on as they are,
        the `changed` among them get their model, picture and selection back, others go or come again.
        Those that changed or came, about to read their pictures.
        """
        there = {live.id: live for live in self._lives}
        lives, again = [], []
        for column in columns:
            live = there.pop(column.id, None)
            if live is None:
                live = self._make(column, chosen[column.id])
                again.append(live)
            elif live.column != column and column.id in changed:
                live.reading.tell(SelectionKept(chosen[column.id]))
                live.reading.tell(TriedAgain())
                live.column = column
                if column.picture is None:
                    live.reading.clear()
                    live.drawings.forget()
                again.append(live)
            lives.append(live)
        self._lives, was_active = lives, self._active.id
        for gone in there.values():
            gone.close()
        self._reference = reference
        # The one that has just come or changed is what the next change is about.
        self._active = again[0] if len(again) == 1 else self.find(active) or lives[0]
        self.changed.emit()
        if self._active.id != was_active:
            self.active_changed.emit(self._active.id, was_active)
        self.reference_changed.emit()
        for live in again:
            self._start(live)
        return again

    def move(self, id: int, index: int) -> None:
        """Puts a column at another position."""
        live = self.find(id)
        if live is None or self.index(id) == index:
            return
        self._lives.remove(live)
        self._lives.insert(max(index, 0), live)
        self.changed.emit()

    def activate(self, id: int) -> None:
        """Makes a column the one that keys and sliders are about."""
        live = self.find(id)
        if live is not None and live is not self._active:
            self._activate(live, self._active.id)

    def _made(self, column: Column, selection: Selection) -> LiveColumn:
        self._next += 1
        return self._make(replace(column, id=self._next - 1), selection)

    def _activate(self, live: LiveColumn, before: int) -> None:
        self._active = live
        self.active_changed.emit(live.id, before)
