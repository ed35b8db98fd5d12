"""What is open and what is chosen. The window sends wishes here and shows what is announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from psygnal import Signal

from vitviz.core.drawing import Drawing
from vitviz.core.progress import Progress, VitvizError
from vitviz.core.selection import Place, Selection
from vitviz.core.trace import Picture, Trace
from vitviz.session import moves
from vitviz.session.column import Column, ModelChoice, ModelRequest, is_checkpoint
from vitviz.session.drawings import Drawings, Scene, chosen_of
from vitviz.session.engine import Engine
from vitviz.session.jobs import Job, Jobs
from vitviz.session.launch import Launch
from vitviz.session.log import sentence
from vitviz.session.pictures import Pictures, Source, read_sources
from vitviz.session.reading import Reading, Target, Traces
from vitviz.session.settings import Settings, recent, write_settings
from vitviz.session.shelf import Shelf
from vitviz.session.start import first_request, first_selection, first_sources, remembered_request
from vitviz.views import find
from vitviz.views.options import Look, Value, arguments

_MB = 2**20


class Session:
    """One model and one picture, the selection, and the drawings of the views that are visible.

    Everything here is called, and announced, at home (the thread that owns the window). `save`
    remembers the settings and returns a sentence when that failed.
    """

    pictures_changed = Signal()
    current_changed = Signal(object)  # Picture | None
    request_changed = Signal(ModelRequest)
    models_changed = Signal()
    trace_ready = Signal(Trace)
    trace_failed = Signal(str)
    selection_changed = Signal(Selection, Selection)  # new, old
    look_changed = Signal(Look)
    options_changed = Signal(str)
    drawing_ready = Signal(str, Drawing)
    drawing_failed = Signal(str, str)
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
        self.selection = Selection()
        self.look = self.settings.look
        self.look_chosen = chosen_of(self.look)
        self.options: dict[str, dict[str, Value]] = {}
        self.trace: Trace | None = None
        self.columns: tuple[Column, ...] = (Column(0, remembered_request(self.settings)),)
        budget = self.settings.memory_mb * _MB
        self._save = save
        self._pictures = Pictures()
        self._traces: Traces = Shelf(budget)
        self._engine = Engine(budget)
        self._reading = Reading(jobs, self._engine, self._traces, self._show, self._failed)
        self._drawings = Drawings(jobs, self.drawing_ready.emit, self.drawing_failed.emit)
        self._launch: Launch | None = None
        self._reads = count()

    def start(self, launch: Launch | None = None) -> None:
        """Begins with what the command line asks for: model, pictures, token, layer, head.

        The model begins to load at once, while the first picture is still being opened.
        """
        launch = launch or Launch()
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
        """The picture chosen in the film strip; its trace may still be on the way."""
        return self._pictures.find(self.columns[0].picture)

    @property
    def request(self) -> ModelRequest:
        """The model chosen; it may still be on the way."""
        return self.columns[0].model

    @property
    def drawings(self) -> dict[str, Drawing]:
        """The newest drawing of each view that is visible."""
        return self._drawings.latest

    @property
    def busy(self) -> bool:
        """Whether a model is being loaded or is reading a picture."""
        return any(job.lane == "run" for job in self.jobs.current)

    @property
    def waiting(self) -> bool:
        """Whether anything at all is still on the way: pictures, models, drawings."""
        return bool(self.jobs.current)

    def models(self) -> tuple[ModelChoice, ...]:
        """Models to pick from: the bundled ones, then checkpoints opened before."""
        from vitviz.models import bundled

        own = tuple(
            ModelChoice(m.name, m.title, True, tuple(m.patch_sizes), m.default_patch_size)
            for m in bundled()
        )
        files = (name for name in self.settings.recent_models if Path(name).is_file())
        return (*own, *(ModelChoice(name, Path(name).name, False) for name in files))

    def open_sources(self, sources: Sequence[Source]) -> Job | None:
        """Opens pictures (files, folders, bytes, arrays); a checkpoint file becomes the model.

        The first picture opened is shown at once; what could not be opened is said in `problems`.
        """
        for source in sources:
            if isinstance(source, str | Path) and is_checkpoint(source):
                self.use_model(replace(self.request, name=str(source), patch_size=None,
                                       input_size=None, architecture=None))  # fmt: skip
        rest = [s for s in sources if not (isinstance(s, str | Path) and is_checkpoint(s))]
        if not rest:
            return None
        room = self.settings.memory_mb * _MB - self._pictures.bytes
        first = iter((True,))
        doubles: list[str] = []

        def at_home(picture: Picture) -> None:
            doubles.extend(self._opened(picture, show=next(first, False)))

        def opened(picture: Picture) -> None:
            self.jobs.deliver(lambda: at_home(picture))

        def work(progress: Progress) -> list[str]:
            return read_sources(rest, progress, opened, room)

        what = _file_name(rest[0]) if len(rest) == 1 else f"{len(rest)} files"
        return self.jobs.submit(
            ("read", next(self._reads)), work, lane="read",
            done=lambda problems: self._say([*problems, *doubles]),
            failed=lambda error: self._say([sentence(error, "opening pictures")]),
            label=f"opening {what}",
        )  # fmt: skip

    def close_picture(self, key: str) -> None:
        """Takes a picture off the film strip; its neighbour is shown when it was the current one."""
        index = self._pictures.index(key)
        if index < 0:
            return
        was_current = key == self.columns[0].picture
        self._pictures = self._pictures.without(key)
        kept = self._pictures.keys
        self._traces.drop(lambda target: target.picture not in kept)
        self.pictures_changed.emit()
        if was_current:
            left = self.pictures
            self._set_current(left[min(index, len(left) - 1)] if left else None)

    def reopen_closed(self) -> None:
        """Brings the last closed picture back to its place and shows it."""
        self._pictures, picture = self._pictures.reopened()
        if picture is not None:
            self.pictures_changed.emit()
            self._set_current(picture)

    def show(self, key: str) -> None:
        """Makes an open picture the current one."""
        picture = self._pictures.find(key)
        if picture is not None:
            self._set_current(picture)

    def step(self, by: int) -> None:
        """The next (+1) or previous (-1) picture; after the last comes the first."""
        if self.pictures:
            index = max(self._pictures.index(self.columns[0].picture), 0)
            self._set_current(self.pictures[(index + by) % len(self.pictures)])

    def use_model(self, request: ModelRequest) -> None:
        """Has the current picture read by another model; the old trace stays until it is there."""
        self._reading.retry()
        if request != self.request:
            self._set_column(model=request)
            self.request_changed.emit(request)
        self._reading.want(request, self.current)

    def stop(self, job: Job) -> None:
        """Ends a job; what was shown before stays."""
        job.stop()
        self._reading.stopped(job)

    # -- what is chosen ----------------------------------------------------------------------------

    def select(self, **changes: Any) -> None:
        """Changes the selection (pin, hover, depth, head); says nothing when nothing changes."""
        self._set_selection(replace(self.selection, **changes))

    def hover(self, place: Place | None) -> None:
        """Previews a token everywhere; None when the cursor has left."""
        self.select(hover=place)

    def pin(self, place: Place) -> None:
        """Keeps a token chosen."""
        self.select(pin=place, hover=None)

    def move_token(self, rows: int, cols: int) -> None:
        """Moves the pinned token by whole patches."""
        self._try(partial(moves.moved, rows=rows, cols=cols))

    def step_layer(self, by: int) -> None:
        """Goes so many layers deeper."""
        self._try(partial(moves.layer_stepped, step=by))

    def first_layer(self) -> None:
        """Goes to the first layer."""
        self.select(depth=0.0)

    def last_layer(self) -> None:
        """Goes to the last layer."""
        self.select(depth=1.0)

    def step_head(self, by: int) -> None:
        """Goes to the next head; "all" lies between the last and the first."""
        self._try(partial(moves.head_stepped, step=by))

    def all_heads(self) -> None:
        """Takes all heads together."""
        self.select(head=None)

    def choose_prefix(self, name: str) -> None:
        """Pins a prefix token by its name; says so where the model has none."""
        self._try(partial(moves.prefix_chosen, name=name))

    # -- how it is drawn ---------------------------------------------------------------------------

    def want(self, views: Iterable[str]) -> None:
        """Says which views are visible; those not visible before are drawn."""
        wanted = tuple(find(view).name for view in dict.fromkeys(views))
        new = [view for view in wanted if view not in self._drawings.wanted]
        for view in set(self._drawings.wanted) - set(wanted):
            self.drawings.pop(view, None)
        self._drawings.wanted = wanted
        self._draw(new)

    def redraw(self, view: str) -> None:
        """Has a view drawn again."""
        self._draw([view])

    def set_option(self, view: str, name: str, value: Value) -> None:
        """Changes an option of a view; a wrong value is said in `problems` and not taken."""
        options = {**self.options.get(view, {}), name: value}
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
        self.look_chosen = frozenset() if look == Look() else self.look_chosen | changes.keys()
        if look != self.look:
            self.look = look
            self.look_changed.emit(look)
            self._draw(self._drawings.looking())

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

    # -- the line from a wish to a trace -----------------------------------------------------------

    def _opened(self, picture: Picture, *, show: bool) -> tuple[str, ...]:
        """Puts a picture on the film strip; the sentence when it is there by another name."""
        there = self._pictures.find(picture.key)
        if there is None:
            self._pictures = self._pictures.added(picture)
            self.pictures_changed.emit()
        if show:
            self._set_current(there or picture)
        if picture.path:
            files = recent(self.settings.recent_files, picture.path)
            self.settings = msgspec.structs.replace(self.settings, recent_files=files)
        if there is None or there.name == picture.name:
            return ()
        return (f"{picture.name} is open already (as {there.name})",)

    def _set_column(self, **changes: Any) -> None:
        self.columns = (replace(self.columns[0], **changes), *self.columns[1:])

    def _set_current(self, picture: Picture | None) -> None:
        key = picture.key if picture else None
        if key != self.columns[0].picture:
            self._set_column(picture=key)
            if picture is None:
                self._show_nothing()
            self.current_changed.emit(picture)
        if picture is not None:
            self._reading.want(self.request, picture)

    def _show_nothing(self) -> None:
        self.trace = None
        self._reading.clear()
        self._drawings.forget()

    def _show(self, target: Target, trace: Trace) -> None:
        old, self.trace = self.trace, trace
        self._set_selection(moves.carried_over(self.selection, old, trace), draw=False)
        launch, self._launch = self._launch, None
        if launch is not None:
            self._try(partial(first_selection, launch), draw=False)
        self.trace_ready.emit(trace)
        self._draw(self._drawings.wanted)
        self._remember_model(target.model.name)

    def _remember_model(self, name: str) -> None:
        names = recent(self.settings.recent_models, name)
        if is_checkpoint(name) and names != self.settings.recent_models:
            self.remember(recent_models=names)
            self.models_changed.emit()

    def _failed(self, said: str) -> None:
        self.trace_failed.emit(said)
        worked = self._reading.worked
        if worked is not None and worked != self.request:
            self.use_model(worked)

    # -- the line from a change to a drawing -------------------------------------------------------

    def _set_selection(self, new: Selection, *, draw: bool = True) -> None:
        old = self.selection
        if new == old:
            return
        self.selection = new
        self.selection_changed.emit(new, old)
        if draw:
            self._draw(self._drawings.following(old, new))

    def _try(self, step: Callable[[Selection, Trace], Selection], *, draw: bool = True) -> None:
        if self.trace is not None:
            try:
                self._set_selection(step(self.selection, self.trace), draw=draw)
            except VitvizError as error:
                self._say([str(error)])

    def _set_options(self, view: str, options: dict[str, Value]) -> None:
        self.options = {**self.options, view: options}
        self.options_changed.emit(view)
        self._draw([view])

    def _draw(self, views: Iterable[str]) -> None:
        if self.trace is not None:
            scene = Scene(self.trace, self.selection, self.look, self.options, self.look_chosen)
            self._drawings.draw(views, scene)

    def _say(self, sentences: list[str]) -> None:
        if sentences:
            self.problems.emit(sentences)


def _file_name(source: Source) -> str:
    match source:
        case (str() as name, bytes()):
            return name
        case bytes() | np.ndarray():
            return "pasted picture"
        case _:
            return Path(str(source)).name
