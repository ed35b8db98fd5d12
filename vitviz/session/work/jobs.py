"""Work off the window's thread: the newest request wins, progress is told, anything can be stopped."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from psygnal import Signal

from vitviz.core.language import current_language, language
from vitviz.core.progress import Cancelled, Progress

Lane = Literal["read", "run", "draw", "fetch", "web", "ahead", "folder"]
"""Pictures are read, models run, views drawn, models downloaded, web pages waited for and a folder of
pictures worked through side by side; what has one key comes in order. Ahead is made what is likely to
be asked for next, once its key has been quiet for a while."""
JobState = Literal["waiting", "running", "done", "failed", "stopped"]
Deliver = Callable[[Callable[[], None]], None]
T = TypeVar("T")

_WORKERS: dict[Lane, int] = {
    "read": 2,
    "run": 1,
    "draw": 2,
    "fetch": 2,
    "web": 2,
    "ahead": 1,
    "folder": 1,
}
"""Threads of each lane: a slow view holds up no other, a slow web page no file."""

_QUIET: dict[Lane, float] = {"ahead": 0.15}
"""Seconds that a task of a lane waits for a newer one of its key: between two steps of a hand nothing
begins that would be in the way of the second."""
_TELL_EVERY = 0.05  # seconds; nobody reads faster than 20 a second
_PATIENCE = 0.25  # seconds that a quiet job goes on unnoticed
_DIGITS = re.compile(r"\d+")


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work as the jobs bar shows it; `done` of `total`, and `what` it is at just now."""

    key: Hashable
    lane: Lane
    label: str
    state: JobState = "waiting"
    done: float = 0.0
    total: float = 0.0
    what: str = ""
    announced: bool = False
    _stop: Callable[[Job], None] = field(default=lambda _: None, repr=False)
    _unwanted: bool = field(default=False, repr=False)

    def stop(self) -> None:
        """Ends the work soon; its result is thrown away."""
        self._stop(self)

    @property
    def words(self) -> str:
        """What it is for and what it is at, said once where the one begins with the other."""
        if self.what.startswith(self.label):
            return self.what
        return f"{self.label}: {self.what}" if self.what else self.label

    @property
    def share(self) -> float | None:
        """0 to 1, None while nothing is known."""
        return min(self.done / self.total, 1.0) if self.total > 0 else None


@dataclass(slots=True)
class _Task:
    job: Job
    work: Callable[[Progress], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    since: float = field(default_factory=time.monotonic)
    speaks: str = field(default_factory=current_language)


class _Line:
    """The tasks of one lane, the newest of each key, in the order in which the keys came."""

    def __init__(self, quiet: float = 0.0) -> None:
        self._quiet = quiet
        self.tasks: dict[Hashable, _Task] = {}
        self.busy: set[Hashable] = set()
        self.wake = threading.Condition()
        self.open = True

    def put(self, task: _Task) -> None:
        with self.wake:
            # A key keeps its turn, so that a burst for one view never starves another.
            self.tasks[task.job.key] = task
            self.wake.notify()

    def take(self) -> _Task | None:
        """The next task, now running; waits for one. None when the lane is closed.

        A key whose older task still runs waits, so that results of a key come home in order.
        """
        with self.wake:
            while self.open and (key := self._next()) is None:
                self.wake.wait(self._quiet or None)
            if not self.open or key is None:
                return None
            task = self.tasks.pop(key)
            task.job.state = "running"
            self.busy.add(key)
            return task

    def _next(self) -> Hashable | None:
        ripe = time.monotonic() - self._quiet
        return next(
            (k for k, task in self.tasks.items() if k not in self.busy and task.since <= ripe), None
        )

    def release(self, task: _Task) -> None:
        """The task has been done; a newer one of its key may run."""
        with self.wake:
            self.busy.discard(task.job.key)
            self.wake.notify_all()

    def give_way(self, job: Job, *, spare_running: bool = False) -> bool:
        """Marks a job as unwanted, unless it runs and is to be spared; whether it was marked."""
        with self.wake:
            if spare_running and job.state == "running":
                return False
            job._unwanted = True
            return True

    def drop(self, job: Job) -> None:
        with self.wake:
            if (task := self.tasks.get(job.key)) is not None and task.job is job:
                del self.tasks[job.key]

    def close(self) -> None:
        with self.wake:
            self.open = False
            self.tasks.clear()
            self.wake.notify_all()


class Jobs:
    """The only place that starts threads: a few a lane, begun when first needed.

    `submit` and `stop` are called at home (the thread that owns the window); `deliver` must bring a
    callable home, from any thread. `done`, `failed` and the signals always run at home. Signals are
    announced only for jobs with a label, so that drawing stays quiet.
    """

    started = Signal(Job)
    progressed = Signal(Job)
    ended = Signal(Job)

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self._lines: dict[Lane, _Line] = {}
        self._threads: list[threading.Thread] = []
        self._current: dict[Hashable, Job] = {}
        self._closed = False

    @property
    def current(self) -> tuple[Job, ...]:
        """What waits or runs, oldest first."""
        return tuple(self._current.values())

    def awaits(self, key: Hashable) -> bool:
        """Whether work of that key waits or runs."""
        return key in self._current

    def submit(
        self,
        key: Hashable,
        work: Callable[[Progress], T],
        *,
        lane: Lane,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        label: str = "",
        quiet: bool = False,
    ) -> Job:
        """Has `work(progress)` done in a lane and its result brought home to `done`.

        An older job of the same key gives way: a waiting one is dropped, a running one is told to
        stop and its result forgotten. In the draw lane a running one may finish and is delivered
        first: under a moving cursor something slightly old is better than nothing. A `quiet` job is
        announced only when it reports progress after a while.
        """
        job = Job(key, lane, label, _stop=self.stop)
        if self._closed:
            job.state = "stopped"
            return job
        if (older := self._current.get(key)) is not None and self._lines[older.lane].give_way(
            older, spare_running=lane == "draw"
        ):
            self._finish(older, "stopped")
        self._current[key] = job
        if label and not quiet:
            self._announce(job)
        self._hand_over(_Task(job, work, done, failed))
        return job

    def stop(self, job: Job) -> None:
        """Ends a job: one that waits at once, one that runs at its next report of progress."""
        if job.state not in ("waiting", "running"):
            return
        line = self._lines[job.lane]
        line.give_way(job)
        line.drop(job)
        self._finish(job, "stopped")

    def cancel(self, key: Hashable) -> None:
        """Stops the job of that key, if there is one."""
        if (job := self._current.get(key)) is not None:
            self.stop(job)

    def close(self, timeout: float = 2.0) -> None:
        """Stops everything and waits for the threads; one that does not listen is left behind."""
        self._closed = True
        for job in self.current:
            self.stop(job)
        for line in self._lines.values():
            line.close()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _hand_over(self, task: _Task) -> None:
        lane = task.job.lane
        if lane not in self._lines:
            line = self._lines[lane] = _Line(_QUIET.get(lane, 0.0))
            for _ in range(_WORKERS[lane]):
                # A daemon: work deep inside a library must not keep a closed application alive.
                thread = threading.Thread(
                    target=self._serve, args=(line,), name=f"vitviz-{lane}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
        self._lines[lane].put(task)

    def _serve(self, line: _Line) -> None:
        while self._serve_one(line):
            pass

    def _serve_one(self, line: _Line) -> bool:
        """One task; its own frame, so that a waiting lane holds on to no picture and no model."""
        task = line.take()
        if task is None:
            return False
        try:
            if not task.job._unwanted:
                outcome = self._outcome(task)
                if not self._closed:
                    self.deliver(outcome)
        finally:
            line.release(task)
        return True

    def _outcome(self, task: _Task) -> Callable[[], None]:
        try:
            with language(task.speaks):  # as who asked for it, whatever this thread would speak
                result = task.work(self._progress(task.job))
        except Cancelled:
            return lambda: self._finish(task.job, "stopped")
        except BaseException as error:  # a library's SystemExit must not end the lane either
            failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
            return lambda: self._bring(task.job, "failed", lambda: task.failed(failure))
        return lambda: self._bring(task.job, "done", lambda: task.done(result))

    def _bring(self, job: Job, state: JobState, then: Callable[[], None]) -> None:
        if not job._unwanted and not self._closed:
            self._finish(job, state)
            then()

    def _finish(self, job: Job, state: JobState) -> None:
        if job.state not in ("waiting", "running"):
            return
        job.state = state
        if self._current.get(job.key) is job:
            del self._current[job.key]
        if job.announced:
            self.ended.emit(job)

    def _announce(self, job: Job) -> None:
        job.announced = True
        self.started.emit(job)

    def _progress(self, job: Job) -> Progress:
        told, step = 0.0, ""
        if not job.announced:
            told = time.monotonic() + _PATIENCE - _TELL_EVERY

        def report(done: float, total: float, what: str = "") -> None:
            nonlocal told, step
            if job._unwanted:
                raise Cancelled
            job.done, job.total, job.what = done, total, what
            if not job.label:
                return
            now, kind = time.monotonic(), _DIGITS.sub("", what)
            # A new kind of step is told at once: the next report may be seconds away.
            if now - told >= _TELL_EVERY or (kind != step and job.announced):
                told, step = now, kind
                self.deliver(lambda: self._tell(job))

        return report

    def _tell(self, job: Job) -> None:
        if job.state != "running":
            return
        if not job.announced and job.label:
            self._announce(job)
        self.progressed.emit(job)


class InlineJobs(Jobs):
    """Jobs done at once in the calling thread: for tests, scripts and the command line."""

    def __init__(self) -> None:
        super().__init__(lambda call: call())

    def _hand_over(self, task: _Task) -> None:
        self._lines.setdefault(task.job.lane, _Line())
        task.job.state = "running"
        self.deliver(self._outcome(task))
