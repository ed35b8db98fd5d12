"""Columns at work: from a wish (this model, this picture) to what is on screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from psygnal import Signal

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.progress import VitvizError
from vitviz.session.columns.background_traces import BackgroundTraces
from vitviz.session.columns.column import Column, ModelChoice
from vitviz.session.columns.column_drawings import ColumnDrawings
from vitviz.session.columns.column_state import (
    ColumnChanged,
    TraceLetGo,
    TraceTarget,
    TriedAgain,
)
from vitviz.session.columns.column_trace import ColumnTrace, TraceCache
from vitviz.session.columns.columns import Columns, LiveColumn
from vitviz.session.columns.comparisons import ComparedColumns, OfferedColumn, compared
from vitviz.session.pictures.open_pictures import OpenPictures
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest


class WorkingColumns(Columns):
    """The session's columns: which model reads which picture, begun, shown, stopped, tried again.

    A column that nobody sees begins when the model's lane is free. `trace_came` goes before
    `trace_ready` (for what is chosen), `trace_settled` after it (for what is drawn).
    """

    trace_came = Signal(LiveColumn, object, Trace)  # the trace before (or None), the new one
    trace_ready = Signal(Trace, int)
    trace_settled = Signal(LiveColumn, TraceTarget)
    trace_failed = Signal(str, int)
    current_changed = Signal(object)  # Picture | None
    request_changed = Signal(ModelRequest)
    taken_back = Signal(list)  # columns that are again what they were, and show it already
    falls_back = (
        Signal()
    )  # a model that cannot be used is about to make way for the one that worked
    drawn = Signal(str)
    undrawn = Signal(str, str, int)
    problems = Signal(list)

    def __init__(
        self,
        jobs: Jobs,
        pictures: OpenPictures,
        traces: TraceCache,
        engine: ModelCache,
        others: BackgroundTraces,
        first: Column,
    ) -> None:
        self._jobs, self._pictures, self._traces = jobs, pictures, traces
        self._engine, self._background = engine, others
        super().__init__(self._live, self._read, first)
        self.active_changed.connect(self._activated)
        pictures.arrived.connect(self._pictures_arrived)
        pictures.closed.connect(self._picture_closed)
        jobs.ended.connect(self._read_next)

    @property
    def current(self) -> Picture | None:
        """The picture of the active column; its trace may still be on the way."""
        return self._pictures.find(self.active.column.picture)

    @property
    def request(self) -> ModelRequest:
        """The active column's model; it may still be on the way."""
        return self.active.column.model

    @property
    def busy(self) -> bool:
        """Whether a model is being loaded or is reading a picture."""
        return any(job.lane == "run" for job in self._jobs.current)

    # Which picture

    def show(self, key: str, column: int | None = None) -> None:
        """Shows an open picture, in all columns that go on together, or in one alone."""
        picture, live = self._pictures.find(key), self.find(column)
        if picture is None or live is None:
            return
        if column is None:
            self._set_current(picture)
        else:
            self._set_picture(live, picture)

    def turn_page(self, key: str, picture: Picture) -> None:
        """Shows another page of a picture's file wherever the picture is shown, in its place."""
        shown = [live for live in self if live.column.picture == key]
        self._pictures.exchange(key, picture)
        for live in shown:
            self._set_picture(live, picture)

    def step_picture(self, by: int) -> None:
        """The next (+1) or previous (-1) picture; after the last comes the first."""
        if open_now := self._pictures.open:
            index = max(self._pictures.index(self.active.column.picture), 0)
            self._set_current(open_now[(index + by) % len(open_now)])

    def _pictures_arrived(self, pictures: Sequence[Picture], show: bool) -> None:
        if show and pictures:
            self._set_current(pictures[0])

    def _picture_closed(self, key: str, index: int) -> None:
        """Its neighbour is shown where it was."""
        kept, left = self._pictures.keys, self._pictures.open
        self._traces.drop(lambda target: target.picture not in kept)
        for live in [live for live in self if live.column.picture == key]:
            self._set_picture(live, left[min(index, len(left) - 1)] if left else None)

    def _set_current(self, picture: Picture) -> None:
        """Shows a picture in the active column and in those that go on with it."""
        for live in self._with(self.active):
            self._set_picture(live, picture)

    def _with(self, live: LiveColumn) -> list[LiveColumn]:
        """A column with those that go on to other pictures together with it."""
        others = self.others(live) if self.links.picture else []
        return [live, *(one for one in others if one.column.picture == live.column.picture)]

    def _set_picture(self, live: LiveColumn, picture: Picture | None) -> None:
        key = picture.key if picture else None
        if key != live.column.picture:
            live.reading.tell(ColumnChanged())
            self.change(live, picture=key)
            if picture is None:
                live.reading.clear()
                live.drawings.forget()
            if live is self.active:
                self.current_changed.emit(picture)
        if picture is not None:
            self.read(live)

    # Which model

    def use_model(self, request: ModelRequest, column: int | None = None) -> None:
        """Has a column's picture read by another model; the old trace stays until it is there."""
        live = self.find(column)
        if live is not None:
            live.reading.tell(TriedAgain(also_stopped=True))
            self._give_model(live, request)

    def _give_model(self, live: LiveColumn, request: ModelRequest) -> None:
        live.reading.tell(TriedAgain())
        live.reading.tell(ColumnChanged())
        if request != live.column.model:
            self.change(live, model=request)
            if live is self.active:
                self.request_changed.emit(request)
        live.reading.want(request, self._pictures.find(live.column.picture))

    # Which columns

    def add_beside(
        self, model: ModelRequest | None = None, picture: str | None = None, **chosen: Any
    ) -> LiveColumn:
        """One more column: the active one's model, picture and selection where nothing else is said.

        The new one becomes active: what is chosen next is about it.
        """
        active = self.active
        column = Column(0, model or active.column.model, picture or active.column.picture)
        live = self.add(column, replace(active.selection, hover=None, **chosen))
        self.activate(live.id)
        return live

    def set_up(self, preset: str, models: Sequence[ModelChoice]) -> ComparedColumns | None:
        """Sets up a comparison by name instead of the columns there are; says why it cannot be."""
        live = self.active
        keys = [picture.key for picture in self._pictures]
        offered = OfferedColumn(live.column, live.selection, live.trace, models, keys)
        try:
            found = compared(preset, offered, self.links)
        except VitvizError as error:
            self.problems.emit([str(error)])
            return None
        self.take_links(found.together)
        self.replace_all(found.columns)
        return found

    def become(
        self,
        columns: Sequence[Column],
        chosen: Mapping[int, Selection],
        changed: Collection[int],
        *,
        reference: int,
        active: int,
    ) -> list[LiveColumn]:
        """As `Columns.become`; tells what is current and asked for then."""
        again = super().become(columns, chosen, changed, reference=reference, active=active)
        self.current_changed.emit(self.current)
        self.request_changed.emit(self.request)
        self.taken_back.emit([one for one in again if one.state.on_screen == one.state.target])
        return again

    def leave_closed(self) -> None:
        """Columns whose picture is open no more show the first that is."""
        for live in self:
            key = live.column.picture
            if not self._pictures.is_open(key) and (key is not None or len(self._pictures)):
                self._set_picture(live, next(iter(self._pictures), None))

    # Stopped and tried again

    def stop(self, job: Job) -> None:
        """Ends a job; what was shown before stays."""
        self._background.stopped(job)
        job.stop()
        for live in self:
            live.reading.stopped(job, live.column.model)
            live.drawings.stopped(job)

    def stop_column(self, column: int) -> None:
        """Ends the work of one column; the others go on."""
        live = self.find(column)
        if live is not None and (live.state.waits or live.reading.busy):
            live.reading.give_up(live.column.model)

    def stop_all(self) -> None:
        """Ends all work, also of columns whose turn has not come."""
        for live in self:
            if live.state.waits:
                self.stop_column(live.id)
        for job in self._jobs.current:
            if job.announced and self._jobs.awaits(job.key):  # a model's picture goes with it
                self.stop(job)

    def read_again(self, column: int) -> None:
        """Tries once more what was stopped or has failed in a column."""
        live = self.find(column)
        if live is not None:
            self.use_model(live.state.given_up or live.column.model, column)

    # The line from a wish to a trace

    def read(self, live: LiveColumn) -> None:
        """Has a column read its picture: at once where somebody sees it, else when there is time."""
        self._background.stop()
        waits = self.busy and live not in self.seen()
        ask = live.reading.queue if waits else live.reading.want
        ask(live.column.model, self._pictures.find(live.column.picture))

    def _read(self, live: LiveColumn) -> None:
        self.read(live)

    def _read_next(self, _ended: Job) -> None:
        waiting = None if self.busy else next((live for live in self if live.state.waits), None)
        if waiting is not None:
            self.read(waiting)

    def _live(self, column: Column, selection: Selection) -> LiveColumn:
        """A column at work. What it tells is told by its number: it may be closed by then."""
        came, failed = partial(self._came, column.id), partial(self._failed, column.id)
        undrawn = partial(self._undrawn, column.id)
        return LiveColumn(
            column,
            selection,
            ColumnTrace(self._jobs, self._engine, self._traces, came, failed),
            ColumnDrawings(self._jobs, column.id, self.drawn.emit, undrawn),
        )

    def _came(self, column: int, target: TraceTarget, trace: Trace, old: Trace | None) -> None:
        live = self.find(column)
        if live is None:
            return
        self.trace_came.emit(live, old, trace)
        self.let_go()
        self.trace_ready.emit(trace, column)
        self.trace_settled.emit(live, target)

    def let_go(self) -> None:
        """Columns that nobody sees give up a trace for which there is no room; it is made again."""
        for live in self:
            shown = live.state.on_screen
            if live not in self.seen() and shown is not None and shown not in self._traces:
                live.reading.tell(TraceLetGo())
                live.drawings.forget()

    def _failed(self, column: int, said: str) -> None:
        live = self.find(column)
        if live is None:
            return
        self.trace_failed.emit(said, column)
        worked = live.state.falls_back_to
        if worked is not None and live.state.why == said:
            self.falls_back.emit()
            self._give_model(live, worked)

    def _activated(self, _new: int, _old: int) -> None:
        self.current_changed.emit(self.current)
        self.request_changed.emit(self.request)

    def _undrawn(self, column: int, view: str, said: str) -> None:
        self.undrawn.emit(view, said, column)
