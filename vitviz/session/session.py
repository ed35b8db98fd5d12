"""What is open and what is chosen: one lifetime around pictures, columns, views and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.language import _
from vitviz.core.pictures.likely_preparations import PreparationAnswer
from vitviz.core.progress import Progress
from vitviz.session.app.first_choices import (
    first_request,
    first_selection,
    first_sources,
    remembered_request,
)
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.app.sources import Source, classify
from vitviz.session.columns.background_traces import BackgroundTraces
from vitviz.session.columns.column import Column, ModelChoice
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.likeness_order import LikenessOrder
from vitviz.session.columns.linked_selection import LinkedSelection
from vitviz.session.columns.page_turning import PageTurning
from vitviz.session.columns.place_following import PlaceFollowing
from vitviz.session.columns.visible_views import VisibleViews
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.files.session_format import SavedSession, known_options
from vitviz.session.files.settings import Settings, write_settings
from vitviz.session.files.settings_store import SettingsStore
from vitviz.session.history.session_history import SessionHistory
from vitviz.session.pictures.open_pictures import OpenPictures
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest, checkpoint_request

if TYPE_CHECKING:
    from vitviz.models import Model

_MB = 2**20
MOST_TRIED = 4
"""Pictures that are predicted in every likely preparation."""


class Session:
    """One lifetime: `pictures` are open, `columns` show them through models, `pages` turns to other
    frames of their files and `following` follows a place through them, `chosen` is what is looked at,
    `views` are drawn, `settings` remembered, `history` takes back. Each has its own signals.

    Everything is called, and announced, at home (the thread that owns the window); announcements about
    a column end with its number. `request`, `trace` and `selection` are the active column's. `save`
    writes the settings and returns a sentence when that failed.
    """

    problems = Signal(list)
    checkpoint_asked = Signal(str)
    """A checkpoint file shall be opened; without a listener it is used as it seems to be."""
    session_asked = Signal(object)  # Path
    """A saved session shall be opened."""

    def __init__(
        self,
        jobs: Jobs,
        settings: Settings | None = None,
        *,
        save: Callable[[Settings], str] = write_settings,
    ) -> None:
        self.jobs = jobs
        self.settings = SettingsStore(settings, save)
        budget = self.settings.now.memory_mb * _MB
        self._traces: TraceCache = ByteCache(budget)
        self._engine = ModelCache(budget)
        others = BackgroundTraces(jobs, self._engine, self._traces)
        self.pictures = OpenPictures(jobs, self._room)
        first = Column(0, remembered_request(self.settings.now))
        self.columns = WorkingColumns(
            jobs, self.pictures, self._traces, self._engine, others, first
        )
        self.chosen = LinkedSelection(self.columns, self.pictures)
        look = self.settings.now.look
        self.pages = PageTurning(jobs, self.pictures, self.columns, self._engine, self._traces)
        self.following = PlaceFollowing(self.columns, self.chosen)
        self.views = VisibleViews(self.columns, self.pictures, look, self._traces, others, jobs)
        self.history = SessionHistory(
            self.pictures, self.columns, self.chosen, self.views, jobs.deliver
        )
        self._connect()

    def _connect(self) -> None:
        self.chosen.affected.connect(self.views.draw_all)
        self.views.look_changed.connect(self.settings.take_look)
        self.settings.changed.connect(self._take_budget)
        self.columns.trace_settled.connect(self._settled)
        self.pictures.arrived.connect(self._pictures_arrived)
        for part in (
            self.pictures,
            self.columns,
            self.pages,
            self.chosen,
            self.views,
            self.settings,
        ):
            part.problems.connect(self._say)

    def start(self, launch: LaunchOptions | None = None) -> None:
        """Begins with what the command line asks for: model, pictures, token, layer, head.

        The model begins to load at once, while the first picture is still being opened.
        """
        launch = launch or LaunchOptions()
        self.chosen.at_first = partial(first_selection, launch)
        self.columns.use_model(first_request(launch, self.settings.now))
        self.open(first_sources(launch))

    def open(self, sources: Sequence[Source]) -> Job | None:
        """Opens whatever comes, whichever way it comes: pictures, a checkpoint, a saved session.

        Pictures are loaded in the background and the first is shown at once; a checkpoint and a session
        are asked for (`checkpoint_asked`, `session_asked`). The job of the pictures, None without any.
        """
        found = classify(sources)
        for session in found.sessions[:1]:
            self.session_asked.emit(session)
        for checkpoint in found.checkpoints[:1]:
            if len(self.checkpoint_asked):
                self.checkpoint_asked.emit(checkpoint)
            else:
                self.use_checkpoint(checkpoint)
        return self.pictures.load(found.pictures) if found.pictures else None

    @property
    def models_at_work(self) -> ModelCache:
        """Loads models for work beside the columns, or gives those that are there. Called in a lane."""
        return self._engine

    def use_checkpoint(self, path: str, architecture: str | None = None) -> None:
        """Has the active column read by a checkpoint file's model, as what it was confirmed to be."""
        wished = replace(checkpoint_request(self.request, path), architecture=architecture)
        self.columns.use_model(self.settings.confirmed(wished))

    @property
    def tried_pictures(self) -> tuple[Picture, ...]:
        """The pictures that `try_preparations` asks about: the shown one, then others that are open."""
        shown = self.pictures.find(self.columns.active.column.picture)
        others = [each for each in self.pictures if each is not shown]
        return (*(() if shown is None else (shown,)), *others)[:MOST_TRIED]

    def try_preparations(
        self,
        request: ModelRequest,
        done: Callable[[tuple[PreparationAnswer, ...]], None],
        failed: Callable[[Exception], None],
    ) -> Job:
        """Has a model predict the open pictures, the shown one first, prepared in each likely way."""
        asked = self.tried_pictures

        def work(progress: Progress) -> tuple[PreparationAnswer, ...]:
            model = self._engine.load(request, progress)
            from vitviz.models.tracing.preparation_answers import preparation_answers

            return preparation_answers(model, asked, fit=request.fit, progress=progress)

        return self.jobs.submit(
            "preparations",
            work,
            lane="run",
            done=done,
            failed=failed,
            label=_("trying preparations for {words}").format(words=request.words),
        )

    def order_pictures(self) -> Job | None:
        """Puts the open pictures into the order in which they show what is chosen."""
        asked = LikenessOrder(self.jobs, self.pictures, self.columns, self._engine, self._traces)
        return asked.begin(self._tell)

    def show_model(self, model: Model, sources: Sequence[Source] = ()) -> None:
        """Begins with a model that somebody has in memory, and pictures; without any, the bundled ones.

        The model is kept as long as this session lives, under a name that `ModelRequest` takes.
        """
        self.columns.use_model(self._engine.keep(model))
        self.pictures.load(sources or first_sources(LaunchOptions()))

    # What the active column is

    @property
    def request(self) -> ModelRequest:
        """The model chosen; it may still be on the way."""
        return self.columns.request

    @property
    def trace(self) -> Trace | None:
        """What the active column shows."""
        return self.columns.active.trace

    @property
    def selection(self) -> Selection:
        """What is chosen in the active column."""
        return self.columns.active.selection

    @property
    def engine(self) -> ModelCache:
        """The models at work. To be asked in the run lane."""
        return self._engine

    @property
    def waiting(self) -> bool:
        """Whether anything at all is still on the way: pictures, models, drawings."""
        return any(job.lane != "ahead" for job in self.jobs.current)

    @property
    def held(self) -> tuple[tuple[str, int], ...]:
        """What is kept in memory, (what, bytes) each; each may take the settings' `memory_mb`."""
        return (
            ("models", self._engine.models.held),
            ("traces", self._traces.held),
            ("pictures", self.pictures.bytes),
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
        files = self.settings.checkpoints
        return (*own, *(ModelChoice(name, Path(name).name, False) for name in files))

    # Its lifetime

    def close(self) -> None:
        """Remembers the look and ends all work."""
        self.settings.remember()
        self.history.close()
        self.jobs.close()

    def restore(self, saved: SavedSession, pictures: Mapping[str, Picture]) -> None:
        """Opens a saved session instead of this one; `pictures` by the keys they were saved under."""
        self.pictures.replace_all(pictures.values())
        kept = self.pictures.keys
        self._traces.drop(lambda target: target.picture not in kept)
        options, problems = known_options(saved)
        self.columns.take_links(saved.together)
        self.views.share_range(saved.one_range)
        self.views.restore(saved.look, frozenset(saved.look_chosen), options)
        self._say(problems)
        self.chosen.at_first = None
        first = next(iter(self.pictures), None)
        columns = [
            (replace(column, picture=_key_now(column.picture, pictures, first)), selection)
            for column, selection in zip(saved.columns, saved.selections, strict=False)
        ]
        self.columns.replace_all(columns or [(Column(0, self.request), Selection())])
        self.columns.refer_to(self.columns.all[min(saved.reference, len(columns) - 1)].id)
        self.columns.activate(self.columns.all[min(saved.active, len(columns) - 1)].id)
        self.history.clear()

    def _room(self) -> int:
        return self.settings.now.memory_mb * _MB

    def _take_budget(self, settings: Settings) -> None:
        self._traces.budget = self._engine.models.budget = settings.memory_mb * _MB

    def _settled(self, _live: LiveColumn, target: TraceTarget) -> None:
        if not is_in_memory(target.model.name):
            self.settings.remember_model(target.model.name)

    def _pictures_arrived(self, pictures: Sequence[Picture], _show: bool) -> None:
        self.settings.take_files([picture.path for picture in pictures if picture.path])

    def _tell(self, sentence: str) -> None:
        self._say([sentence])

    def _say(self, sentences: list[str]) -> None:
        if sentences:
            self.problems.emit(sentences)


def _key_now(key: str | None, pictures: Mapping[str, Picture], first: Picture | None) -> str | None:
    """The key of what was saved under a key; the first picture where that was not found."""
    found = pictures.get(key or "", first)
    return None if found is None else found.key
