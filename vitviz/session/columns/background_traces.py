"""The other open pictures read by a model too, for views that show all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache, size_of
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest

MOST = 24
"""Pictures that are read without being looked at: the nearest in the film strip."""


class BackgroundTraces:
    """Reads one picture after the other while nobody waits for a picture of his own.

    `read` is told after each. It ends where the shelf has no room left, does not try again what
    failed, and begins again after a stop when it is asked `again`.
    """

    KEY = "others"

    def __init__(self, jobs: Jobs, engine: ModelCache, traces: TraceCache) -> None:
        self._jobs, self._engine, self._traces = jobs, engine, traces
        self._given_up: set[TraceTarget] = set()
        self._wanted: TraceTarget | None = None
        self._off = False

    def want(
        self,
        request: ModelRequest,
        current: str,
        pictures: Sequence[Picture],
        trace: Trace,
        read: Callable[[], None],
    ) -> None:
        """Has the next of the pictures read that the model has not; `trace` is one as large as it."""
        missing = None if self._off else self._next(request, current, pictures)
        if missing is None or self._traces.held + size_of(trace) > self._traces.budget:
            return
        target = TraceTarget(request, missing.key)
        if target == self._wanted:
            return
        self._wanted, label = target, _("reading {name} too").format(name=missing.name)

        def work(progress: Progress) -> Trace:
            return self._engine.trace(request, missing, progress)

        self._jobs.submit(
            self.KEY,
            work,
            lane="run",
            done=partial(self._done, target, read),
            failed=lambda _error: self._give_up(target, read),
            label=label,
        )

    def stop(self) -> None:
        """Makes way for a picture that somebody waits for; to be wanted again behind it."""
        self._wanted = None
        self._jobs.cancel(self.KEY)

    def stopped(self, job: Job) -> None:
        """Reads no further when somebody has stopped it."""
        if job.key == self.KEY:
            self._wanted, self._off = None, True

    def again(self) -> None:
        """Goes on after a stop."""
        self._off = False

    def _next(
        self, request: ModelRequest, current: str, pictures: Sequence[Picture]
    ) -> Picture | None:
        keys = [picture.key for picture in pictures]
        here = keys.index(current) if current in keys else 0
        near = sorted(range(len(keys)), key=lambda at: abs(at - here))[: MOST + 1]
        targets = {at: TraceTarget(request, keys[at]) for at in near if keys[at] != current}
        for at, target in targets.items():
            if target not in self._traces and target not in self._given_up:
                return pictures[at]
        return None

    def _done(self, target: TraceTarget, read: Callable[[], None], trace: Trace) -> None:
        self._traces.put(target, trace, size_of(trace))
        self._wanted = None
        read()

    def _give_up(self, target: TraceTarget, read: Callable[[], None]) -> None:
        self._given_up.add(target)
        self._wanted = None
        read()
