"""Averages over a folder, part by part: stopped and continued, alone or as one of many machines."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np
from filelock import Timeout

from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Fit, Trace
from vitviz.core.files import check_place, whole
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.core.storage import StoragePath, place_of
from vitviz.folders.averages.folder_measures import CKA, FolderMeasure, measures_named
from vitviz.folders.averages.folder_statistics import (
    FolderStatistics,
    PictureRows,
    StatisticsAbout,
    differences,
    read_statistics,
    save_npz,
)
from vitviz.folders.averages.statistics_files import check_kind, save_statistics
from vitviz.folders.averages.statistics_part import MeasuredPart, PartMeasurer
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.picture_list import PART, FolderPictures, pictures_in
from vitviz.folders.picture_traces import PictureTraces
from vitviz.folders.ray_engine import LostPart, RayCluster, parts_on_ray
from vitviz.folders.run_lock import lock_of
from vitviz.views.api import Token, selection_of

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle
    from vitviz.models import Model


@dataclass(frozen=True, slots=True)
class StatisticsOrder:
    """What is averaged over which pictures.

    `views` are names of measures, `token` the token that maps are of, as `vitviz.draw` takes it,
    `rows` whether every picture's own numbers are kept, `shard` which parts are this machine's,
    `choice` which page and bands of a file are the picture.
    """

    folder: Path
    views: tuple[str, ...]
    model: ModelToLoad = field(default_factory=ModelToLoad)
    token: Token = None
    fit: Fit = "crop"
    rows: bool = False
    shard: tuple[int, int] = (1, 1)
    size: int = 8
    workers: int = 1
    choice: PictureChoice = AS_IT_IS

    @property
    def measures(self) -> tuple[FolderMeasure, ...]:
        """What is measured. VitvizError for a name that is none."""
        if not self.views:
            raise VitvizError("say what to average with --view; see vitviz stats --help")
        return measures_named(self.views)


def statistics_of(
    order: StatisticsOrder,
    out: Path,
    *,
    model: Model | None = None,
    paper: PaperStyle | None = None,
    overwrite: bool = False,
    cluster: RayCluster | None = None,
    progress: Progress = silent,
    grown: Callable[[FolderStatistics], None] = lambda _found: None,
) -> FolderStatistics:
    """Averages over a folder, saved in `out`; goes on where an earlier run was stopped.

    `out` is an .npz, a .csv or .parquet table, or a figure. `model` is one that is loaded already,
    `paper` how a figure is printed, `cluster` whose workers measure the parts. `grown` is told after
    every part. What `progress` raises stops the run; the parts that are finished stay beside `out`.
    VitvizError for a folder without pictures or one that another run is at work on, Unsupported for
    a measure that this model does not have.
    """
    out = place_of(out)
    check_kind(out)
    check_place(out, overwrite=overwrite)
    pictures = pictures_in(order.folder)
    loaded = model or order.model.load(progress)
    with unfinished_beside(out) as place:
        run = _StatisticsRun(order, pictures, loaded, place, cluster, progress)
        for so_far in run.parts():
            grown(so_far)
        found = run.kept.finished(order)
        names = tuple(map(pictures.inside, pictures.files)) if order.rows else ()
        save_statistics(found, out, names=names, paper=paper, overwrite=overwrite)
    _remove(place)
    return found


class _StatisticsRun:
    """The parts of one machine, in order; after each the sum so far is on the disk."""

    def __init__(
        self,
        order: StatisticsOrder,
        pictures: FolderPictures,
        model: Model,
        place: Path,
        cluster: RayCluster | None,
        progress: Progress,
    ) -> None:
        self._order, self._pictures, self._cluster = order, pictures, cluster
        self._progress, self._done = progress, 0
        self._measurer = part_measurer(order, model)
        self.about = about_of(order, pictures, first_trace(self._measurer, pictures))
        self.kept = UnfinishedStatistics(place, self.about)

    def parts(self) -> Iterator[FolderStatistics]:
        """The sum after each part of this machine, in the order of the parts."""
        numbers = list(self._pictures.shard(*self._order.shard))
        sizes = {number: len(self._pictures.part(number)) for number in numbers}
        total = sum(sizes.values())
        waiting = [number for number in numbers if number not in self.kept.sum.done]
        self._done = total - sum(sizes[number] for number in waiting)
        self._progress(self._done, total, "")
        measured = self._here if self._cluster is None else self._on_ray
        for part in measured(waiting, total):
            self.kept.add(part)
            yield self.kept.sum

    def _here(self, numbers: Sequence[int], total: int) -> Iterator[MeasuredPart]:
        done = self._finished(total)
        for number in numbers:
            yield self._measurer.measure(number, self._pictures.part(number), done=done)

    def _on_ray(self, numbers: Sequence[int], total: int) -> Iterator[MeasuredPart]:
        """Measured by workers as they come, handed on in their order."""
        assert self._cluster is not None
        parts = [(number, self._pictures.part(number)) for number in numbers]
        answers = parts_on_ray(
            StatisticsWorker,
            (self._order,),
            parts,
            self._cluster,
            tick=lambda: self._progress(self._done, total, ""),
        )
        held: dict[int, MeasuredPart] = {}
        coming = iter(numbers)
        expected = next(coming, None)
        with closing(answers):
            for number, answer in answers:
                files = self._pictures.part(number)
                held[number] = (
                    _lost(number, files, answer) if isinstance(answer, LostPart) else answer
                )
                self._done += len(files)
                while expected in held:
                    yield held.pop(expected)
                    expected = next(coming, None)

    def _finished(self, total: int) -> Callable[[Path], None]:
        def finished(file: Path) -> None:
            self._done += 1
            self._progress(self._done, total, file.name)

        return finished


class StatisticsWorker:
    """Measures parts in a process of its own; its model is loaded for the first of them."""

    def __init__(self, order: StatisticsOrder) -> None:
        self._order = order
        self._measurer: PartMeasurer | None = None

    def process(self) -> int:
        """The number of this process."""
        return os.getpid()

    def make(self, number: int, part: Sequence[Path]) -> MeasuredPart:
        """The moments of a part. VitvizError where the model cannot be had."""
        if self._measurer is None:
            self._measurer = part_measurer(self._order, self._order.model.load())
        return self._measurer.measure(number, part, done=lambda _file: None)


def _lost(number: int, files: Sequence[Path], lost: LostPart) -> MeasuredPart:
    """A part that no worker could make: all its pictures are left out, with the reason."""
    why = f"the worker died each time that this part was measured ({lost.why})"
    return MeasuredPart(number, {}, (), tuple((str(file), why) for file in files), {})


def part_measurer(order: StatisticsOrder, model: Model) -> PartMeasurer:
    """Who measures parts, here or in a worker."""
    measures = order.measures
    traces = PictureTraces(
        model,
        fit=order.fit,
        size=order.size,
        workers=order.workers,
        features=any(each.asks for each in measures),
        choice=order.choice,
    )
    return PartMeasurer(traces, measures, order.token, rows=order.rows)


def first_trace(measurer: PartMeasurer, pictures: FolderPictures) -> Trace:
    """Of the first picture that can be used. Unsupported for a measure that the model does not have,
    VitvizError where no picture can be used."""
    why = ""
    for file in pictures.files:
        found = measurer.first(file)
        if isinstance(found, Trace):
            return found
        why = why or found.why
    raise VitvizError(
        f"none of the {len(pictures.files)} pictures of {pictures.folder} could be used: {why}"
    )


def about_of(order: StatisticsOrder, pictures: FolderPictures, trace: Trace) -> StatisticsAbout:
    """What the statistics are of, the same on every machine."""
    info, grid = trace.model, trace.grid
    asked = selection_of(trace, token=order.token).token(grid, trace.crop)
    return StatisticsAbout(
        model=info.called,
        weights=info.weights_hash or info.weights,
        precision=info.precision,
        patch=info.patch,
        input_size=info.input_size,
        fit=order.fit,
        views=tuple(each.name for each in order.measures),
        token=grid.name(asked),
        folder=pictures.folder.resolve().name,
        digest=pictures.digest,
        pictures=len(pictures.files),
        parts=pictures.parts,
        minibatch=PART,
        grid=(grid.rows, grid.cols),
        prefix=grid.prefix,
        notes=(*info.notes, *info.said, *order.choice.words),
    )


class UnfinishedStatistics:
    """What is finished so far, in a folder beside the file that it will become."""

    def __init__(self, place: Path, about: StatisticsAbout) -> None:
        self._place = place
        self._state = place / "sum.npz"
        empty = FolderStatistics(about, (), {})
        self.sum = read_statistics(self._state) if self._state.is_file() else empty
        if self.sum.about != about:
            names = ", ".join(differences(self.sum.about, about))
            raise VitvizError(
                f"{place} holds parts of another run ({names} differs); remove that folder, or name "
                "another file with --out"
            )

    def add(self, part: MeasuredPart) -> None:
        """One more part: its rows first, then the sum that counts it."""
        about = self.sum.about
        for name, rows in part.rows.items():
            with whole(self._rows(name, part.number)) as unfinished:
                unfinished.write_bytes(rows.tobytes())
        if part.rows:
            used = np.array(part.used, np.int64) + part.number * PART
            with whole(self._rows("pictures", part.number)) as unfinished:
                unfinished.write_bytes(used.tobytes())
        alone = FolderStatistics(about, (part.number,), part.moments, part.broken)
        self.sum = self.sum.merged(alone)
        save_npz(self.sum, self._state, overwrite=True)

    def finished(self, order: StatisticsOrder) -> FolderStatistics:
        """The sum, with every picture's own numbers mapped from the disk where they were asked for.

        VitvizError where this machine could use no picture.
        """
        if self.sum.used == 0:
            broken = f": {self.sum.broken[0][1]}" if self.sum.broken else ""
            raise VitvizError(f"no picture of {order.folder} could be used{broken}")
        if not order.rows:
            return self.sum
        shapes = {
            each.name: self.sum.moments[each.name].shape
            for each in order.measures
            if each.name != CKA
        }
        values = {
            name: self._joined(name, np.dtype(np.float32)).reshape(-1, *shape)
            for name, shape in shapes.items()
        }
        pictures = self._joined("pictures", np.dtype(np.int64))
        return replace(self.sum, rows=PictureRows(pictures, values))

    def _rows(self, name: str, part: int) -> Path:
        return self._place / f"{name}-{part:07}.rows"

    def _joined(self, name: str, kind: np.dtype) -> np.ndarray:
        """All parts' rows one behind the other, in one file."""
        joined = self._place / f"{name}.joined"
        far = isinstance(joined, StoragePath)
        with TemporaryFile() if far else joined.open("w+b") as file:
            for part in self.sum.done:
                each = self._rows(name, part)
                if each.is_file():
                    file.write(each.read_bytes())
            file.flush()
            return np.memmap(file, kind, "r") if file.tell() else np.empty(0, kind)


@contextmanager
def unfinished_beside(out: Path) -> Iterator[Path]:
    """The folder of what is finished so far, for one run at a time. VitvizError for a second one."""
    place = out.with_name(f"{out.name}.unfinished")
    try:
        place.mkdir(exist_ok=True)
        lock = lock_of(place / "lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise VitvizError(
            f"another run is making {out} already; wait for it, or name another file with --out"
        ) from None
    except OSError as error:
        raise VitvizError(
            f"{place} cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    try:
        yield place
    finally:
        lock.release()


def _remove(place: Path) -> None:
    if isinstance(place, StoragePath):
        place.remove()
    else:
        shutil.rmtree(place, ignore_errors=True)
