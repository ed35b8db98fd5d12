"""Parts of a folder made by workers on a Ray cluster, one model each; a dead one's part is repeated.

Part numbers and names of files go to the workers and status comes back; pictures are read, and files
written, by the workers themselves, from storage that all machines share.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from vitviz.core.progress import VitvizError

TRIES = 3
"""How often a part is given to a worker before it is given up."""
_TICK = 1.0
"""Seconds after which somebody who wants to stop is asked again."""


class PartWorker(Protocol):
    """Who makes parts; made once in a process of its own."""

    def make(self, number: int, part: Any) -> Any:
        """What came of a part, in plain data."""

    def process(self) -> int:
        """The number of its process."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """How many workers there are, and what share of a GPU each is given.

    `threads` are those of each worker's arithmetic: with as many as on one machine, files are the same
    byte for byte.
    """

    actors: int = 2
    gpus_per_actor: float = 0.0
    threads: int = 1

    def __post_init__(self) -> None:
        if self.actors < 1 or self.gpus_per_actor < 0 or self.threads < 1:
            raise VitvizError("a cluster has 1 actor or more, 1 thread or more, and 0 GPUs or more")


def threads_of(actors: int) -> int:
    """Threads of each worker: as many as OMP_NUM_THREADS says, else an even share of this machine."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else max(1, (os.cpu_count() or 1) // actors)


@dataclass(frozen=True, slots=True)
class LostPart:
    """A part whose workers died every time, with what Ray said last."""

    why: str


def parts_on_ray(
    make_worker: Callable[..., PartWorker],
    arguments: tuple[Any, ...],
    parts: Sequence[tuple[int, Any]],
    cluster: RayCluster,
    *,
    tick: Callable[[], None] = lambda: None,
    started: Callable[[int], None] = lambda _process: None,
) -> Generator[tuple[int, Any], None, None]:
    """What came of each part, as it comes: (number, what `make` answered, or a LostPart).

    `make_worker(*arguments)` makes a worker in each process. `tick` is called again and again and may
    raise, which ends all workers; `started` is told each new worker's process. VitvizError without
    Ray, and with the sentence of a worker that cannot do its work.
    """
    with _ray() as ray:
        crew = _Crew(ray, make_worker, arguments, cluster, started)
        try:
            yield from crew.run(deque(parts), tick)
        finally:
            crew.dismiss()


class _Crew:
    """The workers, and which of them has which part."""

    def __init__(
        self,
        ray: Any,
        make_worker: Callable[..., PartWorker],
        arguments: tuple[Any, ...],
        cluster: RayCluster,
        started: Callable[[int], None],
    ) -> None:
        self._ray, self._arguments, self._started = ray, arguments, started
        self._cluster = cluster
        variables = {"OMP_NUM_THREADS": str(cluster.threads)}
        self._kind = ray.remote(
            num_cpus=1, num_gpus=cluster.gpus_per_actor, runtime_env={"env_vars": variables}
        )(make_worker)
        self._busy: dict[Any, tuple[Any, int, Any]] = {}
        self._deaths: Counter[int] = Counter()

    def run(
        self, waiting: deque[tuple[int, Any]], tick: Callable[[], None]
    ) -> Iterator[tuple[int, Any]]:
        """Gives out every part until all are made or given up."""
        for _ in range(min(self._cluster.actors, len(waiting))):
            self._give(self._hire(), waiting.popleft())
        while self._busy:
            done, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_TICK)
            tick()
            for task in done:
                yield from self._taken(task, waiting)

    def _taken(self, task: Any, waiting: deque[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        """One answer, or the part of a dead worker given out again."""
        worker, number, part = self._busy.pop(task)
        died = self._ray.exceptions.RayActorError
        try:
            answer = self._ray.get(task)
        except died as error:
            worker = self._hire()
            self._deaths[number] += 1
            if self._deaths[number] < TRIES:
                self._give(worker, (number, part))
                return
            answer = LostPart(_said(error))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, VitvizError):
                raise VitvizError(str(error.cause)) from None
            raise
        if waiting:
            self._give(worker, waiting.popleft())
        yield number, answer

    def _hire(self) -> Any:
        worker = self._kind.remote(*self._arguments)
        try:
            self._started(self._ray.get(worker.process.remote()))
        except self._ray.exceptions.RayActorError as error:
            raise VitvizError(
                f"a worker cannot be started ({_said(error)}); install vitviz with what this machine "
                "has on every machine of the cluster"
            ) from None
        return worker

    def _give(self, worker: Any, what: tuple[int, Any]) -> None:
        number, part = what
        self._busy[worker.make.remote(number, part)] = (worker, number, part)

    def dismiss(self) -> None:
        """Ends all workers; what they had half-made is not there."""
        for worker, _, _ in self._busy.values():
            self._ray.kill(worker)
        self._busy = {}


@contextmanager
def _ray() -> Iterator[Any]:
    """Ray, connected to the cluster that RAY_ADDRESS names, else to one of this machine alone."""
    try:
        import ray
    except ImportError:
        raise VitvizError(
            "--engine ray needs Ray, which is not installed; pip install 'vitviz[ray]', or leave the "
            "engine out"
        ) from None
    own = not ray.is_initialized()
    if own:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise VitvizError(
                f"there is no Ray cluster to be reached ({_said(error)}); check RAY_ADDRESS"
            ) from error
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


def _said(error: BaseException) -> str:
    """The first line of what Ray says, without the colours and the traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
