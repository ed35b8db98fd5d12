"""What is seen of the columns, and how: which views are drawn of what, with which look and options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from psygnal import Signal

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.session.columns.background_traces import BackgroundTraces
from vitviz.session.columns.column_drawings import DrawingScene, chosen_of
from vitviz.session.columns.column_ranges import ColumnRanges
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.pictures.open_pictures import OpenPictures
from vitviz.session.work.jobs import Job, Jobs
from vitviz.views import View, find
from vitviz.views.options import Look, OptionValue, arguments, wished
from vitviz.views.shared.attention_unit import has_unit, uneven


class VisibleViews:
    """Draws what somebody sees, with which look and options. Called at home, as the session is.

    Drawings are announced together where columns share one range.
    """

    look_changed = Signal(Look)
    range_changed = Signal(bool)
    options_changed = Signal(str)
    drawing_due = Signal(str, int)
    """(view, column): it is being drawn anew, and what is seen of it is of what was chosen before."""
    drawing_ready = Signal(str, Drawing, int)
    drawing_failed = Signal(str, str, int)
    problems = Signal(list)

    def __init__(
        self,
        columns: WorkingColumns,
        pictures: OpenPictures,
        look: Look,
        traces: TraceCache,
        others: BackgroundTraces,
        jobs: Jobs,
    ) -> None:
        self.look, self.look_chosen = look, chosen_of(look)
        self.options: dict[str, dict[str, OptionValue]] = {}
        self.wanted: tuple[str, ...] = ()
        self._beside = ColumnRanges(jobs, self.drawing_ready.emit)
        self._columns, self._traces, self._others = columns, traces, others
        self._pictures, self._uneven = pictures, False
        columns.trace_settled.connect(self._trace_settled)
        columns.active_changed.connect(self._activated)
        columns.reference_changed.connect(self._reference_changed)
        columns.drawn.connect(self._arrived)
        columns.undrawn.connect(self._failed)
        jobs.ended.connect(self._job_ended)

    @property
    def drawings(self) -> dict[str, Drawing]:
        """The newest drawing of each view that is visible in the active column."""
        return self._columns.active.drawings.latest

    # What is seen

    def want(self, views: Iterable[str], columns: Iterable[int] | None = None) -> None:
        """Says which views are visible, and in which columns (None: in the active one, whichever it
        is); those not visible before are drawn, and columns come to work in this order.
        """
        self.wanted = tuple(find(view).name for view in dict.fromkeys(views))
        self._columns.see(columns)
        self._compare_grids()
        seen = self._columns.seen()
        for live in (*seen, *(live for live in self._columns if live not in seen)):
            self._want(live, self.wanted if live in seen else ())
        self._beside.look(seen)
        self._columns.let_go()

    def show_again(self) -> None:
        """Announces once more what was drawn, for somebody who was not there to see it."""
        self._beside.look(self._columns.seen(), again=True)

    def redraw(self, view: str) -> None:
        """Has a view drawn again, in every column."""
        self.draw_all((live, [view]) for live in self._columns)

    # How it is drawn

    def set_option(self, view: str, name: str, value: OptionValue) -> None:
        """Changes an option of a view; a wrong value is said in `problems` and not taken."""
        self.set_options(view, {name: value})

    def set_options(self, view: str, values: Mapping[str, OptionValue]) -> None:
        """Changes several options of a view at once, so that it is drawn once."""
        options = wished(find(view).options, self.options.get(view, {}), values)
        try:
            arguments(find(view).function, options)
        except VitvizError as error:
            self.problems.emit([str(error)])
            return
        if options != self.options.get(view, {}):
            self.take_options(view, options)

    def reset_options(self, view: str) -> None:
        """Gives a view its default options."""
        if self.options.get(view):
            self.take_options(view, {})

    def take_options(self, view: str, options: dict[str, OptionValue]) -> None:
        """Gives a view exactly these options, which were checked before."""
        self.options = {**self.options, view: options}
        self._others.again()
        self.options_changed.emit(view)
        self.redraw(view)

    def set_look(self, **changes: Any) -> None:
        """Changes how heat maps are coloured, in all views; an end of the range pushes the other."""
        look = replace(self.look, **changes)
        if look.low > look.high:
            end = look.low if "low" in changes else look.high
            look = replace(look, low=end, high=end)
        self.take_look(look, self.look_chosen | changes.keys())

    def reset_look(self) -> None:
        """Leaves the colours of maps to each view's own defaults again."""
        self.take_look(Look(), frozenset())

    def take_look(self, look: Look, chosen: frozenset[str]) -> None:
        """Colours all maps exactly so; `chosen` is what of it was somebody's choice."""
        if (look, chosen) != (self.look, self.look_chosen):
            self.look, self.look_chosen = look, chosen
            self.look_changed.emit(look)
            self.draw_all((live, live.drawings.looking()) for live in self._columns)

    @property
    def one_range(self) -> bool:
        """Whether the columns that are seen share the range of each view."""
        return self._beside.one_range

    def share_range(self, on: bool) -> None:
        """Gives each view one range in all columns, or each column its own."""
        if on != self._beside.one_range:
            self._beside.one_range = on
            self.range_changed.emit(on)
            self._beside.look(self._columns.seen())

    def restore(
        self, look: Look, chosen: frozenset[str], options: dict[str, dict[str, OptionValue]]
    ) -> None:
        """Takes what a saved session had; columns are drawn once they are there."""
        self.look, self.look_chosen = look, chosen
        self.look_changed.emit(look)
        before, self.options = set(self.options), options
        for view in before | set(options):
            self.options_changed.emit(view)

    # The line from a change to a drawing

    def _want(self, live: LiveColumn, wanted: tuple[str, ...]) -> None:
        drawings = live.drawings
        new = [view for view in wanted if view not in drawings.wanted]
        for view in set(drawings.wanted) - set(wanted):
            drawings.latest.pop(view, None)
        drawings.wanted = wanted
        state = live.state
        let_go = state.shown is None and not state.busy and not state.why
        if wanted and live.column.picture and (state.waits or let_go):
            self._columns.read(live)
        self.draw(live, new)

    def draw_all(self, views: Iterable[tuple[LiveColumn, Iterable[str]]]) -> None:
        """Has views drawn, column by column."""
        for live, names in views:
            self.draw(live, names)

    def draw(self, live: LiveColumn, views: Iterable[str]) -> None:
        """Has these views of a column drawn, as far as they are wanted and there is a trace."""
        if live.trace is None:
            return
        views = tuple(views)
        other = self._columns.partner(live)
        scene = DrawingScene(
            live.trace,
            live.selection,
            self.look,
            self.options,
            self.look_chosen,
            None if other is None else other.trace,
            self._further(live, other) if any(_takes_more(find(v)) for v in views) else (),
            self._uneven,
        )
        for view in views:
            if view in live.drawings.wanted:
                self.drawing_due.emit(view, live.id)
        live.drawings.draw(views, scene)
        if any(find(view).takes_all(self.options.get(view, {})) for view in views):
            self.read_others(live)

    def draw_comparisons(self, partner: LiveColumn | None = None) -> None:
        """Draws again what is compared with a column that shows something else now (None: all)."""
        for live in self._columns:
            if partner is None or self._columns.partner(live) is partner:
                self.draw(live, [view for view in live.drawings.wanted if find(view).traces == 2])

    def read_others(self, live: LiveColumn) -> None:
        """Has the other open pictures read, where a view that is seen shows all of them together."""
        views = [v for v in live.drawings.wanted if find(v).takes_all(self.options.get(v, {}))]
        shown = live.state.on_screen
        if not views or live.trace is None or shown is None or self._columns.busy:
            return

        def drawn_again() -> None:
            self.draw(live, [view for view in views if view in live.drawings.wanted])

        self._others.want(shown.model, shown.picture, self._pictures.open, live.trace, drawn_again)

    def _compare_grids(self) -> None:
        """Where grids of different size have come beside each other, or no longer are, what can be
        drawn so that it compares is drawn again.
        """
        now = uneven(live.trace.grid for live in self._columns.seen() if live.trace is not None)
        if now != self._uneven:
            self._uneven = now
            for live in self._columns.seen():
                self.draw(live, [view for view in live.drawings.wanted if has_unit(find(view))])

    def _trace_settled(self, live: LiveColumn, _target: TraceTarget) -> None:
        self._compare_grids()
        self.draw(live, live.drawings.wanted)
        self.draw_comparisons(live)

    def _activated(self, _new: int, _old: int) -> None:
        if self._columns.follows_active:
            self.want(self.wanted)

    def _reference_changed(self) -> None:
        self.draw_comparisons()

    def _arrived(self, view: str) -> None:
        """A drawing of this view has come in one of the columns, or will not come."""
        self._beside.drawn(view, self._columns.seen())

    def _failed(self, view: str, said: str, column: int) -> None:
        self.drawing_failed.emit(view, said, column)
        self._arrived(view)

    def _job_ended(self, _job: Job) -> None:
        """While nobody waits for a picture of his own, the others are read for views of all."""
        waits = self._columns.busy or any(live.state.waits for live in self._columns)
        if not waits and len(self._pictures) > 1:
            for live in self._columns.seen():
                self.read_others(live)

    def _further(
        self, live: LiveColumn, other: LiveColumn | None
    ) -> tuple[tuple[Trace, Trace], ...]:
        """The other open pictures that both models have read already."""
        models = live.column.model, (other or live).column.model
        found = []
        for picture in self._pictures:
            if picture.key != live.column.picture:
                one, two = (self._traces.peek(TraceTarget(model, picture.key)) for model in models)
                if one is not None and two is not None:
                    found.append((one, two))
        return tuple(found)


def _takes_more(view: View) -> bool:
    return view.takes_pairs or view.takes_more
