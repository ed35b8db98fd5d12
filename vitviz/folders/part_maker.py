"""The files of a part's pictures, made by whoever works on it: one machine, or a worker among many."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.shared_ranges import Key, ranges, with_ranges
from vitviz.core.files import whole
from vitviz.core.progress import BadImage, Unsupported
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.numbers_table import TABLE, TablePart
from vitviz.folders.picture_arrays import arrays_csv, arrays_npz, vector_rows
from vitviz.folders.picture_traces import LeftOut, PictureNumbers, PictureTraces, grouped
from vitviz.folders.stage_seconds import StageSeconds
from vitviz.views import View
from vitviz.views.api import selection_of, token_chosen
from vitviz.views.options import OptionValue

BEHIND = 2
"""Groups of pictures whose files are still being written while the next ones run."""

BatchRanges = Mapping[str, Mapping[Key, tuple[float, float]]]
"""By view: the range of each panel that all pictures are coloured in."""


@dataclass(frozen=True, slots=True)
class PartWork:
    """A part to make: all its pictures with their files, and those that are not finished yet.

    Pictures that are finished run again with the others of their group, so that a file's numbers never
    depend on where an earlier run was stopped.
    """

    number: int
    targets: Mapping[Path, Mapping[str, Path]]
    waiting: frozenset[Path]


@dataclass(frozen=True, slots=True)
class FinishedPicture:
    """A picture whose files are whole, or `why` it has none."""

    file: Path
    made: tuple[Path, ...] = ()
    why: str = ""


class PartMaker:
    """Decodes ahead, runs in groups, writes behind; to be entered, which starts its workers."""

    def __init__(
        self,
        order: BatchOrder,
        coloured: BatchRanges | None = None,
        clock: StageSeconds | None = None,
    ) -> None:
        self._order, self._ranges = order, coloured or {}
        self._clock = clock or StageSeconds()
        self._open = ExitStack()
        self._traces = PictureTraces(
            order.model,
            fit=order.fit,
            size=order.size,
            workers=order.workers,
            features=order.features or order.logits,
            qkv=order.qkv,
            only=self._pin if order.arrays == ("attention",) and not order.views else None,
            clock=self._clock,
            choice=order.choice,
        )

    def __enter__(self) -> Self:
        self._printers = self._open.enter_context(self._printing())
        self._writers = self._open.enter_context(ThreadPoolExecutor(self._order.workers))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            for pool in (self._writers, self._printers):
                pool.shutdown(wait=True, cancel_futures=True)
        self._open.__exit__(kind, error, trace)

    def _printing(self) -> ProcessPoolExecutor | ThreadPoolExecutor:
        """Who prints: processes, since printing is Python's own work; threads where there are numbers
        only, or where the application is frozen."""
        order = self._order
        printed = bool(order.views) and any(kind not in ("npz", "csv") for kind in order.kinds)
        if not printed or order.workers < 2 or getattr(sys, "frozen", False):
            return ThreadPoolExecutor(1)
        return ProcessPoolExecutor(order.workers, get_context("spawn"), _deaf)

    def make(self, parts: Iterable[PartWork]) -> Generator[FinishedPicture, None, None]:
        """Each waiting picture of the parts as it is finished; with a table, part by part."""
        coming: deque[PartWork] = deque()
        made = _PartFiles(self._order)
        try:
            for found in self._traces.of_groups(self._groups(parts, coming)):
                part = coming.popleft()
                yield from made.of(part)
                for one in found:
                    if one.file in part.waiting or self._order.table:
                        self._begin(part, one, made)
                yield from made.finished(BEHIND * self._order.size)
            yield from made.finished(0)
            yield from made.close()
        except BaseException as error:
            made.abandon(error)
            raise

    def _groups(
        self, parts: Iterable[PartWork], coming: deque[PartWork]
    ) -> Iterator[Sequence[Path]]:
        """The groups that have a picture to be made; `coming` gets the part of each."""
        for part in parts:
            for group in grouped(tuple(part.targets), self._order.size):
                if part.waiting and (self._order.table or not part.waiting.isdisjoint(group)):
                    coming.append(part)
                    yield group

    def _begin(self, part: PartWork, one: PictureNumbers | LeftOut, made: _PartFiles) -> None:
        """Has a picture's files written; its rows go into the table at once."""
        if isinstance(one, LeftOut):
            made.begun(one.file, one.why)
            return
        if made.table is not None:
            with self._clock.stage("rows"):
                chosen = self._chosen(one.trace)
                for row in vector_rows(one, chosen, self._order.arrays):
                    made.table.add(made.name(one.file), row)
        made.begun(one.file, self._writers.submit(self._write, one, part.targets[one.file]))

    def _write(self, one: PictureNumbers, targets: Mapping[str, Path]) -> tuple[Path, ...]:
        """All files of one picture, each whole."""
        from vitviz.figures.paper import PaperStyle
        from vitviz.figures.save import written

        order, made = self._order, []
        paper = order.paper or PaperStyle()
        selection = self._chosen(one.trace)
        for view, values in order.views:
            with self._clock.stage("rows"):
                drawing = self._drawing(view, one.trace, selection, values)
            for kind in order.kinds:
                with self._clock.stage("write"):
                    data = (
                        written(drawing, kind, paper)
                        if kind in ("npz", "csv")
                        else self._printers.submit(written, drawing, kind, paper).result()
                    )
                    made.append(_put(targets[f"{view.name}.{kind}"], data))
        if not order.table:
            for name in order.arrays:
                with self._clock.stage("rows"):
                    as_file = arrays_npz if order.numbers == "npz" else arrays_csv
                    data = as_file(one, selection, name)
                with self._clock.stage("write"):
                    made.append(_put(targets[f"{name}.{order.numbers}"], data))
        return tuple(made)

    def _pin(self, grid: TokenGrid, crop: Crop) -> Selection:
        """The token that is chosen in a picture, known before the model has run."""
        return token_chosen(self._order.token, grid, crop)

    def _chosen(self, trace: Trace) -> Selection:
        order = self._order
        return selection_of(trace, token=order.token, layer=order.layer, head=order.head)

    def _drawing(
        self, view: View, trace: Trace, selection: Selection, values: Mapping[str, OptionValue]
    ) -> Drawing:
        if why := view.applies(trace):
            raise Unsupported(why)
        drawing = view.draw(trace, selection, values)
        return with_ranges(drawing, self._ranges.get(view.name, {}))

    def measured(self, files: Sequence[Path]) -> Iterator[tuple[int, BatchRanges]]:
        """One range of each map over all pictures, growing with every group; how many it is over."""
        found: dict[str, dict[Key, tuple[float, float]]] = {}
        done = 0
        for group in self._traces.of_groups(grouped(files, self._order.size)):
            for one in group:
                if not isinstance(one, LeftOut):
                    self._stretch(found, one.trace)
            done += len(group)
            yield done, found

    def _stretch(self, found: dict[str, dict[Key, tuple[float, float]]], trace: Trace) -> None:
        for view, values in self._order.views:
            if view.applies(trace):
                continue  # said when its turn comes
            drawing = view.draw(trace, self._chosen(trace), values)
            for key, (low, high) in ranges([drawing, drawing]).items():
                known = found.setdefault(view.name, {})
                before = known.get(key, (low, high))
                known[key] = (min(low, before[0]), max(high, before[1]))


class _PartFiles:
    """Files on their way, in the pictures' order, and the table of the part at work."""

    def __init__(self, order: BatchOrder) -> None:
        self._order = order
        self._pending: deque[tuple[Path, Future[tuple[Path, ...]] | str]] = deque()
        self._part: PartWork | None = None
        self._held: list[FinishedPicture] = []
        self._open = ExitStack()
        self.table: TablePart | None = None

    def name(self, file: Path) -> str:
        """What a picture is called in the table."""
        inside = file.is_relative_to(self._order.folder)
        return (file.relative_to(self._order.folder) if inside else Path(file.name)).as_posix()

    def of(self, part: PartWork) -> Iterator[FinishedPicture]:
        """Goes over to a part; the pictures of the one before are finished with its table."""
        if part is self._part:
            return
        if self._order.table:
            yield from self.finished(0)
            yield from self.close()
            target = next(iter(part.targets.values()))[TABLE]
            self.table = self._open.enter_context(TablePart(target))
        self._part = part

    def begun(self, file: Path, what: Future[tuple[Path, ...]] | str) -> None:
        """One more picture: its files on their way, or why there are none."""
        self._pending.append((file, what))

    def finished(self, most: int) -> Iterator[FinishedPicture]:
        """Those that are done, until at most so many are left; held back where there is a table."""
        while len(self._pending) > most:
            file, what = self._pending.popleft()
            try:
                one = (
                    FinishedPicture(file, why=what)
                    if isinstance(what, str)
                    else FinishedPicture(file, what.result())
                )
            except (Unsupported, BadImage) as error:
                one = FinishedPicture(file, why=str(error))
            if self.table is None:
                yield one
            else:
                self._held.append(one)

    def close(self) -> Iterator[FinishedPicture]:
        """The table of the part at work is whole; its pictures are finished."""
        if self.table is None:
            return
        self._open.close()
        self._open = ExitStack()
        self.table = None
        held, self._held = self._held, []
        yield from held

    def abandon(self, error: BaseException) -> None:
        """Nothing half-written stays."""
        self._open.__exit__(type(error), error, error.__traceback__)


def _deaf() -> None:
    """Ctrl+C is for the one who gave the order; printers finish their page. When that one is killed
    they end too, on every system: nobody else would tell them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)  # the pool's own queue would wait for ever


def _put(target: Path, data: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as unfinished:
        unfinished.write_bytes(data)
    return target
