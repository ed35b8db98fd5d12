"""The way from a wish (this model, this picture) to its trace; the newest wish wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.progress import BadModel, Progress, Unsupported
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """What a trace is kept under: the model as asked for, and the picture's key."""

    model: ModelRequest
    picture: str


TraceCache = ByteCache[TraceTarget, Trace]


class ColumnTrace:
    """One column's traces: taken from the shelf, or made in the run lane.

    `ready` is told of each trace to show, `failed` of the sentence why there is none. A model that
    could not be loaded, or makes no trace at all, is not tried again until `retry`; `worked` is the
    last one that made a trace, `given_up` one that somebody stopped.
    """

    def __init__(
        self,
        jobs: Jobs,
        engine: ModelCache,
        traces: TraceCache,
        ready: Callable[[TraceTarget, Trace], None],
        failed: Callable[[str], None],
    ) -> None:
        self.target: TraceTarget | None = None
        self.shown: TraceTarget | None = None
        self.worked: ModelRequest | None = None
        self.broken: ModelRequest | None = None
        self.given_up: ModelRequest | None = None
        self._jobs, self._engine, self._traces = jobs, engine, traces
        self._ready, self._failed = ready, failed
        self._loading: ModelRequest | None = None
        self._why = ""
        self._load, self._trace = ("load", id(self)), ("trace", id(self))

    def retry(self) -> None:
        """Lets a model be tried again that could not be used before."""
        self.broken = None

    def clear(self) -> None:
        """Shows nothing any more."""
        self.target = self.shown = None
        self._jobs.cancel(self._trace)

    def close(self) -> None:
        """Ends all work for this column."""
        self.clear()
        self._jobs.cancel(self._load)

    def let_go(self) -> None:
        """Gives up the trace that is shown; it is made or fetched again when it is wanted."""
        self.shown = None

    @property
    def busy(self) -> bool:
        """Whether its model is being loaded or is reading."""
        return bool(self._mine)

    @property
    def _mine(self) -> list[Job]:
        return [job for job in self._jobs.current if job.key in (self._load, self._trace)]

    def want(self, request: ModelRequest, picture: Picture | None) -> None:
        """Has the picture's trace made or fetched; without a picture only the model is loaded."""
        target = self.target = TraceTarget(request, picture.key) if picture else None
        self._jobs.cancel(self._trace)
        if request == self.given_up:
            self.given_up = None
        if not request.name:
            self._failed("no model is chosen; pick one from the list or open a checkpoint file")
            return
        if request == self.broken:
            self._failed(self._why)
            return
        kept = self._traces.get(target) if target else None
        if target and (target == self.shown or kept):
            self._jobs.cancel(self._load)
            if kept and target != self.shown:
                self._show(target, kept)
            return
        self._want_model(request)
        if picture and target == self.target and request != self.broken:
            self._want_trace(TraceTarget(request, picture.key), picture)

    def stopped(self, job: Job, request: ModelRequest) -> None:
        """Gives up what a stopped job was for, and says so."""
        missing = self.target is None or self.target != self.shown
        if job.key in (self._load, self._trace) and missing:
            self.give_up(request, job.label)

    def give_up(self, request: ModelRequest, doing: str = "") -> None:
        """Ends the work for a request and says so; it is `given_up`, and can be read again."""
        doing = doing or next((job.label for job in self._mine), "reading")
        doing += "" if request.words in doing else f" with {request.words}"
        self._jobs.cancel(self._load)
        self._jobs.cancel(self._trace)
        self.given_up = request
        back = self.worked is not None and self.worked != request
        then = "what was shown before is back" if back else "“Read again” goes on"
        self._failed(f"{doing} was stopped; {then}")

    def _want_model(self, request: ModelRequest) -> None:
        """Loading is a job of its own: another picture chosen meanwhile must not begin it anew."""
        busy = any(job.key == self._load for job in self._jobs.current)
        if busy and self._loading == request.model:
            return
        self._jobs.cancel(self._load)
        if request.model in self._engine.models:
            return
        self._loading, label = request.model, f"loading model {request.words}"
        self._jobs.submit(
            self._load,
            lambda progress: self._engine.load(request, progress),
            lane="run",
            done=lambda _: None,
            failed=partial(self._fail, request, label),
            label=label,
        )

    def _want_trace(self, target: TraceTarget, picture: Picture) -> None:
        label = f"reading {picture.name}"

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

    def _show(self, target: TraceTarget, trace: Trace) -> None:
        self.shown, self.worked = target, target.model
        self._ready(target, trace)

    def _fail(self, request: ModelRequest, doing: str, error: Exception) -> None:
        self._jobs.cancel(self._trace)
        self._why = sentence(error, doing)
        if isinstance(error, BadModel | Unsupported):
            self.broken = request
        self._failed(self._why)


def size_of(trace: Trace) -> int:
    """Bytes of a trace with what views keep for it: about one number for each pair of tokens."""
    pairs = 4 * trace.grid.tokens**2
    return trace.held_bytes + trace.pixels.nbytes + trace.seen.nbytes + pairs
