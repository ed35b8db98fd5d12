"""What is seen of the columns, and how: which views are drawn of what, with which look and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vitviz.core.data.trace import Picture, Trace
from vitviz.session.columns.background_traces import BackgroundTraces
from vitviz.session.columns.column_drawings import DrawingScene, chosen_of
from vitviz.session.columns.column_ranges import ColumnRanges
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache
from vitviz.session.columns.columns import Columns, LiveColumn
from vitviz.views import View, find
from vitviz.views.options import Look, OptionValue


class VisibleViews:
    """Draws what somebody sees, and knows who does. Called at home, as the session is.

    `pictures` are the open ones, `busy` says whether a model reads, `read` has a column read.
    """

    def __init__(
        self,
        columns: Columns,
        look: Look,
        traces: TraceCache,
        others: BackgroundTraces,
        beside: ColumnRanges,
        *,
        pictures: Callable[[], Sequence[Picture]],
        busy: Callable[[], bool],
        read: Callable[[LiveColumn], None],
    ) -> None:
        self.look, self.look_chosen = look, chosen_of(look)
        self.options: dict[str, dict[str, OptionValue]] = {}
        self.views: tuple[str, ...] = ()
        self.beside = beside
        self._columns, self._traces, self._others = columns, traces, others
        self._pictures, self._busy, self._read = pictures, busy, read
        self._seen: tuple[int, ...] | None = None

    @property
    def follows_active(self) -> bool:
        """Whether the active column is seen, whichever it is."""
        return self._seen is None

    def columns(self) -> list[LiveColumn]:
        """The columns that are seen, in order."""
        if self._seen is None:
            return [self._columns.active]
        return [live for id in self._seen if (live := self._columns.find(id)) is not None]

    def see(self, views: Iterable[str], columns: Iterable[int] | None) -> None:
        """Other views are seen, or other columns; those not seen before are drawn."""
        self.views = tuple(find(view).name for view in dict.fromkeys(views))
        self._seen = None if columns is None else tuple(columns)
        seen = self.columns()
        for live in (*seen, *(live for live in self._columns if live not in seen)):
            self._want(live, self.views if live in seen else ())
        self.beside.look(seen)

    def _want(self, live: LiveColumn, wanted: tuple[str, ...]) -> None:
        drawings = live.drawings
        new = [view for view in wanted if view not in drawings.wanted]
        for view in set(drawings.wanted) - set(wanted):
            drawings.latest.pop(view, None)
        drawings.wanted = wanted
        state = live.state
        let_go = state.shown is None and not state.busy and not state.why
        if wanted and live.column.picture and (state.waits or let_go):
            self._read(live)
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
        )
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
        if not views or live.trace is None or shown is None or self._busy():
            return

        def drawn_again() -> None:
            self.draw(live, [view for view in views if view in live.drawings.wanted])

        self._others.want(shown.model, shown.picture, self._pictures(), live.trace, drawn_again)

    def arrived(self, view: str) -> None:
        """A drawing of this view has come in one of the columns, or will not come."""
        self.beside.drawn(view, self.columns())

    def _further(
        self, live: LiveColumn, other: LiveColumn | None
    ) -> tuple[tuple[Trace, Trace], ...]:
        """The other open pictures that both models have read already."""
        models = live.column.model, (other or live).column.model
        found = []
        for picture in self._pictures():
            if picture.key != live.column.picture:
                one, two = (self._traces.peek(TraceTarget(model, picture.key)) for model in models)
                if one is not None and two is not None:
                    found.append((one, two))
        return tuple(found)


def _takes_more(view: View) -> bool:
    return view.pairs or view.many
