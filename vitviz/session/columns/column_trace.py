"""The way from a wish (this model, this picture) to its trace; the newest wish wins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _
from vitviz.core.progress import BadModel, Progress, Unsupported
from vitviz.session.columns.column_state import (
    ColumnEvent,
    ColumnState,
    Failed,
    ModelCame,
    PictureClosed,
    Shown,
    TraceCame,
    TraceTarget,
    Wanted,
    WorkFailed,
    WorkStopped,
    step,
)
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest

TraceCache = ByteCache[TraceTarget, Trace]


class ColumnTrace:
    """One column's trace: taken from what is kept, or made in the run lane.

    `state` is all that is known of it; only events change it. `ready` is told of another trace on
    screen, with the one before, `failed` of the sentence why there is none.
    """

    def __init__(
        self,
        jobs: Jobs,
        engine: ModelCache,
        traces: TraceCache,
        ready: Callable[[TraceTarget, Trace, Trace | None], None],
        failed: Callable[[str], None],
    ) -> None:
        self.state = ColumnState()
        self._jobs, self._engine, self._traces = jobs, engine, traces
        self._ready, self._failed = ready, failed
        self._loading: ModelRequest | None = None
        self._load, self._trace = ("load", id(self)), ("trace", id(self))

    def tell(self, event: ColumnEvent) -> None:
        """Takes an event that asks for no work."""
        self.state = step(self.state, event)

    def clear(self) -> None:
        """Shows nothing any more."""
        self.tell(PictureClosed())
        self._jobs.cancel(self._trace)

    def close(self) -> None:
        """Ends all work for this column."""
        self.clear()
        self._jobs.cancel(self._load)

    @property
    def busy(self) -> bool:
        """Whether its model is being loaded or is reading."""
        return bool(self._mine)

    @property
    def _mine(self) -> list[Job]:
        return [job for job in self._jobs.current if job.key in (self._load, self._trace)]

    def queue(self, request: ModelRequest, picture: Picture | None) -> None:
        """Wants a trace when there is time for it."""
        self.tell(Wanted(request, _key(picture), now=False))

    def want(self, request: ModelRequest, picture: Picture | None) -> None:
        """Has the picture's trace made or fetched; without a picture only the model is loaded."""
        self._jobs.cancel(self._trace)
        self.tell(Wanted(request, _key(picture)))
        match self.state.phase:
            case Failed(why):
                self._failed(why)
            case Shown():
                self._jobs.cancel(self._load)
            case _:
                self._begin(request, picture)

    def _begin(self, request: ModelRequest, picture: Picture | None) -> None:
        target = self.state.target
        kept = self._traces.get(target) if target else None
        if target and kept:
            self._jobs.cancel(self._load)
            self._show(target, kept)
            return
        self._want_model(request)
        if picture and target and target == self.state.target and self.state.busy:
            self._want_trace(target, picture)

    def stopped(self, job: Job, request: ModelRequest) -> None:
        """Gives up what a stopped job was for, and says so."""
        missing = self.state.target is None or self.state.target != self.state.on_screen
        if job.key in (self._load, self._trace) and missing:
            self.give_up(request, job.label)

    def give_up(self, request: ModelRequest, doing: str = "") -> None:
        """Ends the work for a request and says so; it can be read again."""
        doing = doing or next((job.label for job in self._mine), "reading")
        doing += "" if request.words in doing else _(" with {words}").format(words=request.words)
        self._jobs.cancel(self._load)
        self._jobs.cancel(self._trace)
        self.tell(WorkStopped(request, doing))
        self._failed(self.state.why)

    def _want_model(self, request: ModelRequest) -> None:
        """Loading is a job of its own: another picture chosen meanwhile must not begin it anew."""
        busy = any(job.key == self._load for job in self._jobs.current)
        if busy and self._loading == request.model:
            return
        self._jobs.cancel(self._load)
        if request.model in self._engine.models:
            self.tell(ModelCame(request))
            return
        self._loading, label = request.model, _("loading model {words}").format(words=request.words)
        self._jobs.submit(
            self._load,
            lambda progress: self._engine.load(request, progress),
            lane="run",
            done=partial(self._loaded, request),
            failed=partial(self._fail, request, label),
            label=label,
        )

    def _want_trace(self, target: TraceTarget, picture: Picture) -> None:
        label = _("reading {name}").format(name=picture.name)

        def work(progress: Progress) -> Trace:
            # Another column may have had it made while this one waited.
            made = self._traces.get(target)
            return made or self._engine.trace(target.model, picture, progress)

        self._jobs.submit(
            self._trace,
            work,
            lane="run",
            done=partial(self._traced, target),
            failed=partial(self._fail, target.model, label),
            label=label,
        )

    def _traced(self, target: TraceTarget, trace: Trace) -> None:
        self._traces.put(target, trace, size_of(trace))
        self._show(target, trace)

    def _loaded(self, request: ModelRequest, _model: object) -> None:
        self.tell(ModelCame(request))

    def _show(self, target: TraceTarget, trace: Trace) -> None:
        before = self.state.shown
        self.tell(TraceCame(target, trace))
        self._ready(target, trace, None if before is None else before.trace)

    def _fail(self, request: ModelRequest, doing: str, error: Exception) -> None:
        self._jobs.cancel(self._trace)
        lasting = isinstance(error, BadModel | Unsupported)
        self.tell(WorkFailed(request, sentence(error, doing), lasting))
        self._failed(self.state.why)


def size_of(trace: Trace) -> int:
    """Bytes of a trace with what views keep for it: about one number for each pair of tokens."""
    pairs = 4 * trace.grid.tokens**2
    return trace.held_bytes + trace.pixels.nbytes + trace.seen.nbytes + pairs


def _key(picture: Picture | None) -> str | None:
    return None if picture is None else picture.key
