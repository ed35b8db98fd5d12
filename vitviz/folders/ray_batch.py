"""A batch on a Ray cluster: the same parts, files and manifest as on one machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vitviz.core.files import clear_leftovers
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.folders.batch import BatchOutcome, BatchPlan, files_of, kept, write_report
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.manifest import BatchManifest
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.part_maker import FinishedPicture, PartMaker, PartWork
from vitviz.folders.ray_engine import LostPart, RayCluster, parts_on_ray
from vitviz.views import find


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """A batch order in plain data: views by name, the model by what loads it."""

    model: ModelToLoad
    views: tuple[tuple[str, Mapping[str, Any]], ...]
    rest: Mapping[str, Any]

    def loaded(self) -> BatchOrder:
        """The order, with its model loaded here."""
        views = tuple((find(name), values) for name, values in self.views)
        return BatchOrder(self.model.load(), views=views, **self.rest)


def remote_order(order: BatchOrder, model: ModelToLoad) -> RemoteOrder:
    """What a worker needs of an order."""
    own = ("model", "views", "one_range", "workers")
    rest = {each.name: getattr(order, each.name) for each in fields(order) if each.name not in own}
    views = tuple((view.name, dict(values)) for view, values in order.views)
    return RemoteOrder(model, views, {**rest, "workers": 1})


class BatchWorker:
    """Makes parts of a batch in a process of its own; its model is loaded for the first of them."""

    def __init__(self, order: RemoteOrder) -> None:
        self._order = order
        self._maker: PartMaker | None = None

    def process(self) -> int:
        """The number of this process."""
        return os.getpid()

    def make(self, number: int, part: PartWork) -> list[FinishedPicture]:
        """Every file of a part. VitvizError where the model cannot be had or nothing be written."""
        if self._maker is None:
            self._maker = PartMaker(self._order.loaded()).__enter__()
        return list(self._maker.make([part]))


def batch_on_ray(
    order: BatchOrder,
    model: ModelToLoad,
    cluster: RayCluster,
    progress: Progress = silent,
    *,
    started: Callable[[int], None] = lambda _process: None,
) -> BatchOutcome:
    """Makes what was ordered on a Ray cluster; goes on where it, or a run on one machine, stopped.

    `order.model` says only what the settings are; every worker loads its own. Folder and results lie
    where all machines find them under the same path. Errors as `run_batch`, and VitvizError without
    Ray or for one range over all pictures, which takes them all twice.
    """
    if order.one_range:
        raise VitvizError(
            "one range for all pictures is measured on one machine; leave --engine or --one-range out"
        )
    files = files_of(order)
    with BatchManifest(order.out, order.shard, order.settings, anew=order.anew) as manifest:
        plan = BatchPlan(order, files, manifest)
        finished_now = 0.0

        def counted(done: float, total: float, what: str = "") -> None:
            nonlocal finished_now
            finished_now = done
            progress(done, total, what)

        parts = [(part.number, part) for part in plan.parts()]
        answers = parts_on_ray(
            BatchWorker,
            (remote_order(order, model),),
            parts,
            cluster,
            tick=lambda: progress(finished_now, plan.waiting, ""),
            started=started,
        )
        with closing(_pictures(answers, dict(parts))) as finished:
            broken = kept(finished, plan.waiting, manifest, counted)
        broken += plan.taken_away({Path(file) for file, _ in broken})
        clear_leftovers(order.out)  # of a worker that died while it wrote
        plan.drop_stale()
    made = plan.waiting - len(broken)
    return BatchOutcome(made, len(files) - plan.waiting, broken, write_report(order, broken))


def _pictures(
    answers: Iterator[tuple[int, Any]], parts: Mapping[int, PartWork]
) -> Generator[FinishedPicture, None, None]:
    """Every picture of each part; those of a lost one with the reason."""
    for number, answer in answers:
        if not isinstance(answer, LostPart):
            yield from answer
            continue
        why = f"the worker died each time that this part was made ({answer.why})"
        for file in parts[number].waiting:
            yield FinishedPicture(file, why=why)
