"""The columns side by side: each a model at work on a picture, in order, one of them active."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psygnal import Signal

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.session.columns.column import Column
from vitviz.session.columns.column_drawings import ColumnDrawings
from vitviz.session.columns.column_history import ColumnHistory, KeptColumn, LostColumn
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
        self._past = ColumnHistory()
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
        """Takes a column away and remembers it; the last one stays."""
        live, index = self.find(id), self.index(id)
        if live is None or len(self._lives) == 1:
            return
        self._lives.remove(live)
        self._put_away(index, live)
        if live is self._active:
            self._activate(self._lives[min(index, len(self._lives) - 1)], live.id)
        self.changed.emit()

    def replace_all(self, columns: Sequence[tuple[Column, Selection]]) -> None:
        """These columns instead of those there are, which can be reopened; the first is active."""
        before, was_active = self._lives, self._active.id
        self._lives = [self._made(column, selection) for column, selection in columns]
        self._active = self._lives[0]
        for at, live in enumerate(before):
            self._put_away(at, live)
        self.changed.emit()
        self.active_changed.emit(self._active.id, was_active)
        for live in self._lives:
            self._start(live)

    @property
    def undoes(self) -> str:
        """What `undo` would bring back, in words; "" where nothing was lost."""
        return self._past.words

    def remember(self, lives: Sequence[LiveColumn], words: str) -> None:
        """Keeps what these columns are, before they get another model or picture."""
        kept = tuple(self._kept(live) for live in lives if live.trace is not None)
        if kept:
            self._past.remember(LostColumn(words, kept))

    def take_back(self, is_open: Callable[[str | None], bool]) -> LiveColumn | None:
        """Brings back what was lost last: a closed column to its place, or a column's former model,
        picture and selection. None where nothing was lost. `is_open` knows the pictures there are:
        a column whose picture was closed keeps the one it has.
        """
        step = self._past.last(lambda lost: lost.closed or bool(self._differing(lost, is_open)))
        if step is None:
            return None
        if step.closed:
            return [self._reopened(kept, is_open) for kept in step.columns][-1]
        found = self._differing(step, is_open)
        for live, kept in found:
            live.reading.tell(SelectionKept(kept.selection))
            live.reading.tell(TriedAgain())
            live.column = kept.column
        self.changed.emit()
        for live, _ in found:
            self._start(live)
        return found[0][0]

    def _differing(
        self, lost: LostColumn, is_open: Callable[[str | None], bool]
    ) -> list[tuple[LiveColumn, KeptColumn]]:
        """The columns that are something else now than they were before a step."""
        found = []
        for kept in lost.columns:
            live = self.find(kept.column.id)
            if live is not None:
                kept = _with_picture(kept, is_open, live.column.picture)
                if kept.column != live.column:
                    found.append((live, kept))
        return found

    def _reopened(self, kept: KeptColumn, is_open: Callable[[str | None], bool]) -> LiveColumn:
        kept = _with_picture(kept, is_open, self._active.column.picture)
        live = self.add(kept.column, kept.selection, min(kept.index, len(self._lives)))
        self._past.renumber(kept.column.id, live.id)
        return live

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

    def _kept(self, live: LiveColumn) -> KeptColumn:
        return KeptColumn(self.index(live.id), live.column, replace(live.selection, hover=None))

    def _put_away(self, index: int, live: LiveColumn) -> None:
        kept = replace(self._kept(live), index=index)
        self._past.remember(LostColumn("closed column", (kept,), closed=True))
        live.close()

    def _activate(self, live: LiveColumn, before: int) -> None:
        self._active = live
        self.active_changed.emit(live.id, before)


def _with_picture(
    kept: KeptColumn, is_open: Callable[[str | None], bool], instead: str | None
) -> KeptColumn:
    """With another picture where its own was closed since."""
    if is_open(kept.column.picture):
        return kept
    return replace(kept, column=replace(kept.column, picture=instead))
