"""What is open and what is chosen. The window sends wishes here and shows what is announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from psygnal import Signal

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.progress import VitvizError
from vitviz.session.app.first_choices import (
    first_request,
    first_selection,
    first_sources,
    remembered_request,
)
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.columns import selection_steps
from vitviz.session.columns.background_traces import BackgroundTraces
from vitviz.session.columns.column import Column, ModelChoice
from vitviz.session.columns.column_drawings import ColumnDrawings
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.columns.column_ranges import ColumnRanges
from vitviz.session.columns.column_state import (
    ColumnChanged,
    SelectionKept,
    TraceLetGo,
    TraceTarget,
    TriedAgain,
)
from vitviz.session.columns.column_trace import ColumnTrace, TraceCache
from vitviz.session.columns.columns import Columns, LiveColumn
from vitviz.session.columns.comparisons import ComparedColumns, OfferedColumn, compared
from vitviz.session.columns.linked_selection import LinkedSelection
from vitviz.session.columns.visible_views import VisibleViews
from vitviz.session.files.session_format import SavedSession, known_options
from vitviz.session.files.settings import Settings, recent, write_settings
from vitviz.session.pictures.picture_list import PictureList, PictureSource
from vitviz.session.pictures.picture_loading import PictureLoading
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest, is_checkpoint
from vitviz.views import find
from vitviz.views.options import Look, OptionValue, arguments, wished

_MB = 2**20
_RECENT = 12
"""Pictures of a folder that are remembered as recent ones."""


class Session:
    """Columns of one model and one picture each, what is chosen, and the drawings that are visible.

    `current`, `request`, `trace`, `selection` and `drawings` are the active column's. Everything here
    is called, and announced, at home (the thread that owns the window); announcements about a column
    end with its number. `save` remembers the settings and returns a sentence when that failed.
    """

    pictures_changed = Signal()
    current_changed = Signal(object)  # Picture | None
    request_changed = Signal(ModelRequest)
    models_changed = Signal()
    trace_ready = Signal(Trace, int)
    trace_failed = Signal(str, int)
    selection_changed = Signal(Selection, Selection)  # new, old
    together_changed = Signal(ColumnLinks)
    look_changed = Signal(Look)
    range_changed = Signal(bool)
    options_changed = Signal(str)
    drawing_ready = Signal(str, Drawing, int)
    drawing_failed = Signal(str, str, int)
    problems = Signal(list)
    settings_changed = Signal(Settings)

    def __init__(
        self,
        jobs: Jobs,
        settings: Settings | None = None,
        *,
        save: Callable[[Settings], str] = write_settings,
    ) -> None:
        self.jobs = jobs
        self.settings = self._saved = settings or Settings()
        budget = self.settings.memory_mb * _MB
        self._save = save
        self._pictures = PictureList()
        self._traces: TraceCache = ByteCache(budget)
        self._engine = ModelCache(budget)
        self._others = BackgroundTraces(jobs, self._engine, self._traces)
        self.columns = Columns(self._live, self._read, Column(0, remembered_request(self.settings)))
        self.columns.active_changed.connect(self._activated)
        self._choosing = LinkedSelection(self.columns, lambda key: self._pictures.find(key))
        jobs.ended.connect(self._read_next)
        self._sight = VisibleViews(
            self.columns,
            self.settings.look,
            self._traces,
            self._others,
            ColumnRanges(jobs, self.drawing_ready.emit),
            pictures=lambda: self.pictures,
            busy=lambda: self.busy,
            read=self._read,
        )
        self._launch: LaunchOptions | None = None
        self._arriving = PictureLoading(jobs, self._opened, self._say)

    def start(self, launch: LaunchOptions | None = None) -> None:
        """Begins with what the command line asks for: model, pictures, token, layer, head.

        The model begins to load at once, while the first picture is still being opened.
        """
        launch = launch or LaunchOptions()
        self._launch = launch
        self.use_model(first_request(launch, self.settings))
        self.open_sources(first_sources(launch))

    # -- what is open ------------------------------------------------------------------------------

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The film strip, in order."""
        return self._pictures.open

    @property
    def current(self) -> Picture | None:
        """The picture of the active column; its trace may still be on the way."""
        return self._pictures.find(self.columns.active.column.picture)

    @property
    def request(self) -> ModelRequest:
        """The model chosen; it may still be on the way."""
        return self.columns.active.column.model

    @property
    def trace(self) -> Trace | None:
        """What the active column shows."""
        return self.columns.active.trace

    @property
    def selection(self) -> Selection:
        """What is chosen in the active column."""
        return self.columns.active.selection

    @property
    def together(self) -> ColumnLinks:
        """Which links there are between columns."""
        return self._choosing.together

    @property
    def drawings(self) -> dict[str, Drawing]:
        """The newest drawing of each view that is visible in the active column."""
        return self.columns.active.drawings.latest

    @property
    def busy(self) -> bool:
        """Whether a model is being loaded or is reading a picture."""
        return any(job.lane == "run" for job in self.jobs.current)

    @property
    def waiting(self) -> bool:
        """Whether anything at all is still on the way: pictures, models, drawings."""
        return bool(self.jobs.current)

    @property
    def held(self) -> tuple[tuple[str, int], ...]:
        """What is kept in memory, (what, bytes) each; each may take the settings' `memory_mb`."""
        return (
            ("models", self._engine.models.held),
            ("traces", self._traces.held),
            ("pictures", self._pictures.bytes),
        )

    def models(self) -> tuple[ModelChoice, ...]:
        """Models to pick from: the bundled ones, then checkpoints opened before."""
        from vitviz.models import bundled

        own = tuple(
            ModelChoice(
                m.name, m.title, True, tuple(m.patch_sizes), m.default_patch_size, m.positions
            )
            for m in bundled()
        )
        files = (name for name in self.settings.recent_models if Path(name).exists())
        return (*own, *(ModelChoice(name, Path(name).name, False) for name in files))

    def open_sources(self, sources: Sequence[PictureSource]) -> Job | None:
        """Opens pictures (files, folders, bytes, arrays); a checkpoint file becomes the model.

        The first picture opened is shown at once; what could not be opened is said in `problems`.
        """
        for source in sources:
            if isinstance(source, str | Path) and is_checkpoint(source):
                self.use_model(
                    replace(
                        self.request,
                        name=str(source),
                        patch_size=None,
                        input_size=None,
                        architecture=None,
                    )
                )
        rest = [s for s in sources if not (isinstance(s, str | Path) and is_checkpoint(s))]
        if not rest:
            return None
        return self._arriving.open(rest, self.settings.memory_mb * _MB - self._pictures.bytes)

    def close_picture(self, key: str) -> None:
        """Takes a picture off the film strip; its neighbour is shown where it was."""
        index = self._pictures.index(key)
        if index < 0:
            return
        showing = [live for live in self.columns if live.column.picture == key]
        self._pictures = self._pictures.without(key)
        kept = self._pictures.keys
        self._traces.drop(lambda target: target.picture not in kept)
        self.pictures_changed.emit()
        left = self.pictures
        for live in showing:
            self._set_picture(live, left[min(index, len(left) - 1)] if left else None)

    def reopen_closed(self) -> None:
        """Brings the last closed picture back to its place and shows it."""
        self._pictures, picture = self._pictures.reopened()
        if picture is not None:
            self.pictures_changed.emit()
            self._set_current(picture)

    def show(self, key: str, column: int | None = None) -> None:
        """Shows an open picture, in all columns that go on together, or in one alone."""
        picture, live = self._pictures.find(key), self.columns.find(column)
        if picture is None or live is None:
            return
        if key != live.column.picture:
            changed = self._with(live) if column is None else [live]
            self.columns.remember(changed, "former picture")
        if column is None:
            self._set_current(picture)
        else:
            self._set_picture(live, picture)

    def step(self, by: int) -> None:
        """The next (+1) or previous (-1) picture; after the last comes the first."""
        if self.pictures:
            index = max(self._pictures.index(self.columns.active.column.picture), 0)
            self._set_current(self.pictures[(index + by) % len(self.pictures)])

    def use_model(self, request: ModelRequest, column: int | None = None) -> None:
        """Has a column's picture read by another model; the old trace stays until it is there."""
        live = self.columns.find(column)
        if live is not None:
            if request != live.column.model:
                self.columns.remember([live], "former model")
            live.reading.tell(TriedAgain(also_stopped=True))
            self._give_model(live, request)

    def undo(self) -> LiveColumn | None:
        """Brings back what was lost last of the columns; which one, or None where nothing was lost."""
        live = self.columns.undo(lambda key: self._pictures.find(key) is not None)
        if live is not None:
            self.current_changed.emit(self.current)
            self.request_changed.emit(self.request)
        for back in self.columns:
            if back.state.on_screen == back.state.target:
                self._choose_again(back)
        return live

    def _choose_again(self, live: LiveColumn) -> None:
        """What was chosen before is chosen again, in linked columns too."""
        again = live.state.again
        if again is not None:
            live.reading.tell(SelectionKept(None))
            self._choose(live, again)

    def _give_model(self, live: LiveColumn, request: ModelRequest) -> None:
        live.reading.tell(TriedAgain())
        live.reading.tell(ColumnChanged())
        if request != live.column.model:
            self.columns.change(live, model=request)
            if live is self.columns.active:
                self.request_changed.emit(request)
        live.reading.want(request, self._pictures.find(live.column.picture))

    def add_column(
        self, model: ModelRequest | None = None, picture: str | None = None, **chosen: Any
    ) -> LiveColumn:
        """One more column: the active one's model, picture and selection where nothing else is said.

        The new one becomes active: what is chosen next is about it.
        """
        active = self.columns.active
        column = Column(0, model or active.column.model, picture or active.column.picture)
        live = self.columns.add(column, replace(active.selection, hover=None, **chosen))
        self.columns.activate(live.id)
        return live

    def compare(self, preset: str) -> ComparedColumns | None:
        """Sets up a comparison by name instead of the columns there are; says why it cannot be."""
        live = self.columns.active
        offered = OfferedColumn(
            live.column, live.selection, live.trace, self.models(), [p.key for p in self.pictures]
        )
        try:
            found = compared(preset, offered, self.together)
        except VitvizError as error:
            self._say([str(error)])
            return None
        self._choosing.together = found.together
        self.together_changed.emit(found.together)
        self.columns.replace_all(found.columns)
        return found

    def stop(self, job: Job) -> None:
        """Ends a job; what was shown before stays."""
        self._others.stopped(job)
        job.stop()
        for live in self.columns:
            live.reading.stopped(job, live.column.model)
            live.drawings.stopped(job)

    def stop_column(self, column: int) -> None:
        """Ends the work of one column; the others go on."""
        live = self.columns.find(column)
        if live is not None and (live.state.waits or live.reading.busy):
            live.reading.give_up(live.column.model)

    def read_again(self, column: int) -> None:
        """Tries once more what was stopped or has failed in a column."""
        live = self.columns.find(column)
        if live is not None:
            self.use_model(live.state.given_up or live.column.model, column)

    def stop_all(self) -> None:
        """Ends all work, also of columns whose turn has not come."""
        for live in self.columns:
            if live.state.waits:
                self.stop_column(live.id)
        for job in self.jobs.current:
            if job.announced and self.jobs.awaits(job.key):  # a model's picture goes with it
                self.stop(job)

    # -- what is chosen ----------------------------------------------------------------------------

    def select(self, *, column: int | None = None, **changes: Any) -> None:
        """Changes the selection (pin, hover, depth, head, target); says nothing when nothing changes.

        What was chosen in one column is chosen in all that are linked to it.
        """
        live = self.columns.find(column)
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

    def compare_with(self, column: int) -> None:
        """Has the views of two traces compare the other columns with this one."""
        self.columns.refer_to(column)
        self._sight.draw_comparisons()

    def link(self, **changes: bool) -> None:
        """Links columns or cuts a link; what is linked anew is as in the active column at once."""
        together = replace(self.together, **changes)
        if together != self.together:
            affected = self._choosing.link(together)
            self.together_changed.emit(together)
            self._sight.draw_all(affected)

    def move_token(self, rows: int, cols: int) -> None:
        """Moves the pinned token by whole patches."""
        self._try(partial(selection_steps.moved, rows=rows, cols=cols))

    def step_layer(self, by: int) -> None:
        """Goes so many layers deeper."""
        self._try(partial(selection_steps.layer_stepped, step=by))

    def first_layer(self) -> None:
        """Goes to the first layer."""
        self.select(depth=0.0)

    def last_layer(self) -> None:
        """Goes to the last layer."""
        self.select(depth=1.0)

    def step_head(self, by: int) -> None:
        """Goes to the next head; "all" lies between the last and the first."""
        self._try(partial(selection_steps.head_stepped, step=by))

    def all_heads(self) -> None:
        """Takes all heads together."""
        self.select(head=None)

    def choose_prefix(self, name: str) -> None:
        """Pins a prefix token by its name; says so where the model has none."""
        self._try(partial(selection_steps.prefix_chosen, name=name))

    # -- how it is drawn ---------------------------------------------------------------------------

    def want(self, views: Iterable[str], columns: Iterable[int] | None = None) -> None:
        """Says which views are visible, and in which columns (None: in the active one, whichever it
        is); those not visible before are drawn, and columns come to work in this order.
        """
        self._sight.see(views, columns)
        self._let_go()

    def show_again(self) -> None:
        """Announces once more what was drawn, for somebody who was not there to see it."""
        self._sight.beside.look(self._sight.columns(), again=True)

    @property
    def look(self) -> Look:
        """How heat maps are coloured."""
        return self._sight.look

    @property
    def look_chosen(self) -> frozenset[str]:
        """What of the look somebody chose; the rest is left to each view's own defaults."""
        return self._sight.look_chosen

    @property
    def options(self) -> dict[str, dict[str, OptionValue]]:
        """The options that were changed, view by view."""
        return self._sight.options

    def redraw(self, view: str) -> None:
        """Has a view drawn again, in every column."""
        self._sight.draw_all((live, [view]) for live in self.columns)

    def set_option(self, view: str, name: str, value: OptionValue) -> None:
        """Changes an option of a view; a wrong value is said in `problems` and not taken."""
        self.set_options(view, {name: value})

    def set_options(self, view: str, values: Mapping[str, OptionValue]) -> None:
        """Changes several options of a view at once, so that it is drawn once."""
        options = wished(find(view).options, self.options.get(view, {}), values)
        try:
            arguments(find(view).function, options)
        except VitvizError as error:
            self._say([str(error)])
            return
        if options != self.options.get(view, {}):
            self._set_options(view, options)

    def reset_options(self, view: str) -> None:
        """Gives a view its default options."""
        if self.options.get(view):
            self._set_options(view, {})

    def set_look(self, **changes: Any) -> None:
        """Changes how heat maps are coloured, in all views; an end of the range pushes the other."""
        look = replace(self.look, **changes)
        if look.low > look.high:
            end = look.low if "low" in changes else look.high
            look = replace(look, low=end, high=end)
        self._take_look(look, self.look_chosen | changes.keys())

    def reset_look(self) -> None:
        """Leaves the colours of maps to each view's own defaults again."""
        self._take_look(Look(), frozenset())

    def _take_look(self, look: Look, chosen: frozenset[str]) -> None:
        if (look, chosen) != (self.look, self.look_chosen):
            self._sight.look, self._sight.look_chosen = look, chosen
            self.look_changed.emit(look)
            self._sight.draw_all((live, live.drawings.looking()) for live in self.columns)

    @property
    def one_range(self) -> bool:
        """Whether the columns that are seen share the range of each view."""
        return self._sight.beside.one_range

    def share_range(self, on: bool) -> None:
        """Gives each view one range in all columns, or each column its own."""
        beside = self._sight.beside
        if on != beside.one_range:
            beside.one_range = on
            self.range_changed.emit(on)
            beside.look(self._sight.columns())

    # -- what is remembered ------------------------------------------------------------------------

    def remember(self, **changes: Any) -> None:
        """Changes settings (theme, memory_mb, window_state ...) and saves them."""
        settings = msgspec.structs.replace(self.settings, look=self.look, **changes)
        if settings == self._saved:
            return
        self.settings = self._saved = settings
        self._traces.budget = self._engine.models.budget = settings.memory_mb * _MB
        self.settings_changed.emit(settings)
        if problem := self._save(settings):
            self._say([problem])

    def close(self) -> None:
        """Remembers the look and ends all work."""
        self.remember()
        self.jobs.close()

    def restore(self, saved: SavedSession, pictures: Mapping[str, Picture]) -> None:
        """Opens a saved session instead of this one; `pictures` by the keys they were saved under."""
        self._arriving.turn_away()
        self._pictures = PictureList()
        for picture in pictures.values():
            if self._pictures.find(picture.key) is None:
                self._pictures = self._pictures.added(picture)
        kept = self._pictures.keys
        self._traces.drop(lambda target: target.picture not in kept)
        self.pictures_changed.emit()
        self._sight.look, self._sight.look_chosen = saved.look, frozenset(saved.look_chosen)
        self.look_changed.emit(self.look)
        self._choosing.together = saved.together
        self.together_changed.emit(saved.together)
        self.share_range(saved.one_range)
        before = set(self.options)
        self._sight.options, problems = known_options(saved)
        for view in before | set(self.options):
            self.options_changed.emit(view)
        self._say(problems)
        self._launch = None
        first = next(iter(self._pictures.open), None)
        columns = [
            (replace(column, picture=_key_now(column.picture, pictures, first)), selection)
            for column, selection in zip(saved.columns, saved.selections, strict=False)
        ]
        self.columns.replace_all(columns or [(Column(0, self.request), Selection())])
        self.columns.refer_to(self.columns.all[min(saved.reference, len(columns) - 1)].id)
        self.columns.activate(self.columns.all[min(saved.active, len(columns) - 1)].id)

    # -- the line from a wish to a trace -----------------------------------------------------------

    def _opened(self, pictures: Sequence[Picture], show: bool) -> list[str]:
        """Puts pictures on the film strip; a sentence for each that is there by another name."""
        before, (self._pictures, said) = self._pictures, self._pictures.joined(pictures)
        if self._pictures is not before:
            self.pictures_changed.emit()
        if show and (first := self._pictures.find(pictures[0].key)) is not None:
            self._set_current(first)
        files = self.settings.recent_files
        for picture in pictures[-_RECENT:]:
            files = recent(files, picture.path) if picture.path else files
        self.settings = msgspec.structs.replace(self.settings, recent_files=files)
        return said

    def _set_current(self, picture: Picture) -> None:
        """Shows a picture in the active column and in those that go on with it."""
        for live in self._with(self.columns.active):
            self._set_picture(live, picture)

    def _with(self, live: LiveColumn) -> list[LiveColumn]:
        """A column with those that go on to other pictures together with it."""
        others = self.columns.others(live) if self.together.picture else []
        return [live, *(one for one in others if one.column.picture == live.column.picture)]

    def _set_picture(self, live: LiveColumn, picture: Picture | None) -> None:
        key = picture.key if picture else None
        if key != live.column.picture:
            live.reading.tell(ColumnChanged())
            self.columns.change(live, picture=key)
            if picture is None:
                live.reading.clear()
                live.drawings.forget()
            if live is self.columns.active:
                self.current_changed.emit(picture)
        if picture is not None:
            self._read(live)

    def _live(self, column: Column, selection: Selection) -> LiveColumn:
        """A column at work. What it tells is told by its number: it may be closed by then."""
        show, failed = partial(self._show, column.id), partial(self._failed, column.id)
        drawn, undrawn = partial(self._drawn, column.id), partial(self._undrawn, column.id)
        return LiveColumn(
            column,
            selection,
            ColumnTrace(self.jobs, self._engine, self._traces, show, failed),
            ColumnDrawings(self.jobs, column.id, drawn, undrawn),
        )

    def _read(self, live: LiveColumn) -> None:
        """Has a column read its picture: at once where somebody sees it, else when there is time."""
        self._others.stop()
        waits = self.busy and live not in self._sight.columns()
        ask = live.reading.queue if waits else live.reading.want
        ask(live.column.model, self._pictures.find(live.column.picture))

    def _read_next(self, _ended: Job) -> None:
        if self.busy:
            return
        waiting = next((live for live in self.columns if live.state.waits), None)
        if waiting is not None:
            self._read(waiting)
        elif len(self.pictures) > 1:
            for live in self._sight.columns():
                self._sight.read_others(live)

    def _show(self, column: int, target: TraceTarget, trace: Trace, old: Trace | None) -> None:
        live = self.columns.find(column)
        if live is None:
            return
        self._choosing.take(live, selection_steps.carried_over(live.selection, old, trace))
        if live is self.columns.active and self._launch is not None:
            launch, self._launch = self._launch, None
            self._try(partial(first_selection, launch), draw=False)
        self._choose_again(live)
        self._let_go()
        self.trace_ready.emit(trace, column)
        self._sight.draw(live, live.drawings.wanted)
        self._sight.draw_comparisons(live)
        self._remember_model(target.model.name)

    def _let_go(self) -> None:
        """Columns that nobody sees give up a trace for which there is no room; it is made again."""
        for live in self.columns:
            shown = live.state.on_screen
            if (
                live not in self._sight.columns()
                and shown is not None
                and shown not in self._traces
            ):
                live.reading.tell(TraceLetGo())
                live.drawings.forget()

    def _remember_model(self, name: str) -> None:
        names = recent(self.settings.recent_models, name)
        if is_checkpoint(name) and names != self.settings.recent_models:
            self.remember(recent_models=names)
            self.models_changed.emit()

    def _failed(self, column: int, said: str) -> None:
        live = self.columns.find(column)
        if live is None:
            return
        worked = live.state.falls_back_to
        self.trace_failed.emit(said, column)
        if worked is not None and live.state.why == said:
            self._give_model(live, worked)

    def _activated(self, _new: int, _old: int) -> None:
        live = self.columns.active
        self.current_changed.emit(self.current)
        self.request_changed.emit(self.request)
        self.selection_changed.emit(live.selection, live.selection)
        if self._sight.follows_active:
            self.want(self._sight.views)

    # -- the line from a change to a drawing -------------------------------------------------------

    def _choose(self, origin: LiveColumn, new: Selection, *, draw: bool = True) -> None:
        before = self.selection
        affected = self._choosing.choose(origin, new)
        if self.selection != before:
            self.selection_changed.emit(self.selection, before)
        if draw:
            self._sight.draw_all(affected)

    def _try(self, step: Callable[[Selection, Trace], Selection], *, draw: bool = True) -> None:
        if self.trace is not None:
            try:
                self._choose(self.columns.active, step(self.selection, self.trace), draw=draw)
            except VitvizError as error:
                self._say([str(error)])

    def _set_options(self, view: str, options: dict[str, OptionValue]) -> None:
        self._sight.options = {**self.options, view: options}
        self._others.again()
        self.options_changed.emit(view)
        self.redraw(view)

    def _drawn(self, _column: int, view: str, _drawing: Drawing) -> None:
        self._sight.arrived(view)

    def _undrawn(self, column: int, view: str, said: str) -> None:
        self.drawing_failed.emit(view, said, column)
        self._sight.arrived(view)

    def _say(self, sentences: list[str]) -> None:
        if sentences:
            self.problems.emit(sentences)


def _key_now(key: str | None, pictures: Mapping[str, Picture], first: Picture | None) -> str | None:
    """The key of what was saved under a key; the first picture where that was not found."""
    found = pictures.get(key or "", first)
    return None if found is None else found.key
