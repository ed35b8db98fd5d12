"""What is chosen in one column is chosen in all that are linked to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, cast

from psygnal import Signal

from vitviz.core.data.selection import PARTS, Place, Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.session.columns import selection_steps
from vitviz.session.columns.column_links import (
    ColumnSizes,
    GridSides,
    carried,
    one_model,
)
from vitviz.session.columns.column_state import SelectionKept
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.pictures.open_pictures import OpenPictures

Affected = list[tuple[LiveColumn, list[str]]]
"""Columns with those of their views that look different now."""

HOVER = frozenset({"hover"})

SelectionStep = Callable[[Selection, Trace], Selection]


class LinkedSelection:
    """Chooses a token, a layer and a head: by mouse, by keys, in every column that is linked.

    `at_first` is a step to be tried with the first trace: what somebody asked for before there was one.
    """

    changed = Signal(Selection, Selection)  # of the active column: new, old; more than its hover
    pointed = Signal(Selection)  # of the active column: only what is under the cursor is another
    chosen = Signal(list)  # Affected: where more than the hover is another
    affected = Signal(list)  # Affected: what is to be drawn anew
    problems = Signal(list)

    def __init__(self, columns: WorkingColumns, pictures: OpenPictures) -> None:
        self.at_first: SelectionStep | None = None
        self._columns, self._pictures = columns, pictures
        columns.trace_came.connect(self._trace_came)
        columns.taken_back.connect(self._taken_back)
        columns.active_changed.connect(self._activated)

    @property
    def now(self) -> Selection:
        """What is chosen in the active column."""
        return self._columns.active.selection

    def select(self, *, column: int | None = None, **changes: Any) -> None:
        """Changes the selection (pin, hover, depth, head, target); silent where nothing changes."""
        live = self._columns.find(column)
        if live is not None:
            self._choose(live, replace(live.selection, **changes))

    def ask_about(self, target: Target) -> None:
        """Has maps of the answer explain another number."""
        self.select(target=target)

    def hover(self, place: Place | None, column: int | None = None) -> None:
        """Previews a token everywhere; None when the cursor has left."""
        self.select(column=column, hover=place)

    def pin(self, place: Place, column: int | None = None) -> None:
        """Keeps a token chosen."""
        self.select(column=column, pin=place, hover=None)

    def move_token(self, rows: int, cols: int) -> None:
        """Moves the pinned token by whole patches."""
        self._try(partial(selection_steps.moved, rows=rows, cols=cols))

    def step_layer(self, by: int) -> None:
        """Goes so many layers deeper."""
        self._try(partial(selection_steps.layer_stepped, step=by))

    def step_head(self, by: int) -> None:
        """Goes to the next head; "all" lies between the last and the first."""
        self._try(partial(selection_steps.head_stepped, step=by))

    def choose_prefix(self, name: str) -> None:
        """Pins a prefix token by its name; says so where the model has none."""
        self._try(partial(selection_steps.prefix_chosen, name=name))

    def link(self, **changes: bool) -> None:
        """Links columns or cuts a link; what is linked anew is as in the active column at once."""
        links = replace(self._columns.links, **changes)
        if links != self._columns.links:
            self._columns.links = links
            carried_over = self._carry(self._columns.active, PARTS)
            self._columns.links_changed.emit(links)
            self.affected.emit(carried_over)

    def _choose(self, origin: LiveColumn, new: Selection, *, draw: bool = True) -> None:
        """Gives a column a selection, and what is linked of it to the others."""
        before, parts = self.now, origin.selection.differing(new)
        if not parts:
            return
        affected = [(origin, self._take(origin, new)), *self._carry(origin, parts)]
        if self.now.differing(before) == HOVER:
            self.pointed.emit(self.now)
        elif self.now != before:
            self.changed.emit(self.now, before)
        if parts != HOVER:
            self.chosen.emit(affected)
        if draw:
            self.affected.emit(affected)

    def _try(self, step: SelectionStep, *, draw: bool = True) -> None:
        active = self._columns.active
        if active.trace is None:
            return
        try:
            self._choose(active, step(active.selection, active.trace), draw=draw)
        except VitvizError as error:
            self.problems.emit([str(error)])

    def _trace_came(self, live: LiveColumn, old: Trace | None, trace: Trace) -> None:
        """The same place, depth and head in the new trace, and what was to be chosen in it."""
        self._take(live, selection_steps.carried_over(live.selection, old, trace))
        if live is self._columns.active and self.at_first is not None:
            first, self.at_first = self.at_first, None
            self._try(first, draw=False)
        self._choose_again(live)

    def _taken_back(self, lives: list[LiveColumn]) -> None:
        for live in lives:
            self._choose_again(live)

    def _choose_again(self, live: LiveColumn) -> None:
        """What was chosen before is chosen again, in linked columns too."""
        again = live.state.again
        if again is not None:
            live.reading.tell(SelectionKept(None))
            self._choose(live, again)

    def _activated(self, _new: int, _old: int) -> None:
        self.changed.emit(self.now, self.now)

    def _take(self, live: LiveColumn, new: Selection) -> list[str]:
        """Gives one column a selection; the views that look different for it."""
        old, live.selection = live.selection, new
        if live.trace is None or new == old:
            return []
        partner = self._columns.partner(live)
        other = None if partner is None else partner.trace
        return live.drawings.following(old, new, live.trace, other)

    def _carry(self, origin: LiveColumn, parts: Collection[str]) -> Affected:
        taken = []
        for live in self._columns.others(origin):
            same = one_model(live.column.model, origin.column.model)
            sizes = self._size(origin), self._size(live)
            between = None if sizes[0] == sizes[1] or None in sizes else cast(ColumnSizes, sizes)
            new = carried(
                live.selection,
                origin.selection,
                parts,
                self._columns.links,
                same_model=same,
                sizes=between,
            )
            taken.append((live, self._take(live, new)))
        return taken

    def _size(self, live: LiveColumn) -> GridSides | None:
        """Rows and columns of the picture that a column's places are in."""
        if live.trace is not None:
            return live.trace.crop.original
        picture = self._pictures.find(live.column.picture)
        return None if picture is None else (picture.pixels.shape[0], picture.pixels.shape[1])
