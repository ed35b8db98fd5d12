"""Any number of pictures through one model: figures and numbers in a folder, stopped and continued."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.shared_ranges import Key, ranges, with_ranges
from vitviz.core.files import whole
from vitviz.core.progress import BadImage, Progress, Unsupported, VitvizError, silent
from vitviz.folders.manifest import BatchManifest
from vitviz.folders.output_files import OutputFiles, pictures_of
from vitviz.views import View
from vitviz.views.api import Token, selection_of, token_chosen
from vitviz.views.options import OptionValue

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle
    from vitviz.models import Model
    from vitviz.models.tracing.batch_tracing import BatchTracing, Ready

AHEAD = 2
"""How many batches are decoded, and how many are being written, beyond the one at work."""
ROWS = "attention.npz"
"""The ending of files of raw attention."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What to make of every picture.

    `views` are views with their options; `kinds` the files of each ("png", "npz"); `rows` also writes
    one token's attention of all layers and heads. `token`, `layer` and `head` are as `draw` takes them;
    `choice` says which page and bands of a file are the picture; `anew` makes again what is finished.
    """

    model: Model
    folder: Path
    out: Path
    views: tuple[tuple[View, Mapping[str, OptionValue]], ...] = ()
    kinds: tuple[str, ...] = ("png",)
    rows: bool = False
    token: Token = None
    layer: int | None = None
    head: int | None = None
    fit: Any = "crop"
    paper: PaperStyle | None = None
    one_range: bool = False
    shard: tuple[int, int] = (1, 1)
    size: int = 8
    workers: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)
    choice: PictureChoice = AS_IT_IS
    anew: bool = False


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of it: pictures done now, done before, and those left out with the reason."""

    done: int
    before: int
    broken: tuple[tuple[str, str], ...]
    report: Path | None


def batch(order: BatchOrder, progress: Progress = silent) -> BatchOutcome:
    """Makes what was ordered of every picture that is not finished yet.

    What `progress` raises stops it: what is finished stays, and the same order goes on from there.
    VitvizError for a folder without pictures, or one that holds results of another order.
    """
    return _Batch(order, progress).run()


class _Batch:
    """One run over the pictures: decoded ahead, traced in batches, written behind."""

    def __init__(self, order: BatchOrder, progress: Progress) -> None:
        from vitviz.models.tracing.batch_tracing import BatchTracing

        self._order, self._progress = order, progress
        rows_alone = order.rows and not order.views
        self._several: BatchTracing = BatchTracing(
            order.model, order.fit, self._pin if rows_alone else None, order.choice
        )
        self._broken: list[tuple[str, str]] = []
        self._ranges: dict[str, dict[Key, tuple[float, float]]] = {}
        endings = [f"{view.name}.{kind}" for view, _ in order.views for kind in order.kinds]
        self._targets = OutputFiles(
            order.folder, order.out, [*endings, *([ROWS] if order.rows else [])]
        )

    def run(self) -> BatchOutcome:
        """All pictures, the finished ones left as they are."""
        order = self._order
        files = pictures_of(order.folder, order.shard)
        if not files and order.shard == (1, 1):
            raise VitvizError(
                f"there are no pictures in {order.folder}; name a folder that has some"
            )
        with BatchManifest(order.out, order.shard, order.settings, anew=order.anew) as manifest:
            waiting = [file for file in files if not manifest.has(file, self._targets.of(file))]
            if order.one_range and order.views and waiting:
                self._measure(pictures_of(order.folder, (1, 1)))
            with ExitStack() as stack:
                printers = self._printers(stack)
                writers = stack.enter_context(ThreadPoolExecutor(order.workers))
                try:
                    self._make(waiting, manifest, writers, printers)
                except BaseException:
                    for pool in (writers, printers):
                        pool.shutdown(wait=True, cancel_futures=True)
                    raise
        self._check(waiting)
        report = self._report()
        left_out = len(self._broken)
        return BatchOutcome(
            len(waiting) - left_out, len(files) - len(waiting), tuple(self._broken), report
        )

    def _check(self, waiting: Sequence[Path]) -> None:
        """Only what is there is counted: somebody may have taken files away meanwhile."""
        known = {file for file, _ in self._broken}
        for file in waiting:
            targets = self._targets.of(file).values()
            if str(file) not in known and not all(target.is_file() for target in targets):
                self._broken.append(
                    (str(file), "its files were taken away while the batch ran; start it again")
                )

    def _printers(self, stack: ExitStack) -> ProcessPoolExecutor | ThreadPoolExecutor:
        """Who prints: processes, since printing is Python's own work; threads where there is one view's
        numbers only, or where the application is frozen."""
        order = self._order
        printed = bool(order.views) and any(kind not in ("npz", "csv") for kind in order.kinds)
        if not printed or order.workers < 2 or getattr(sys, "frozen", False):
            return stack.enter_context(ThreadPoolExecutor(1))
        return stack.enter_context(ProcessPoolExecutor(order.workers, get_context("spawn"), _deaf))

    def _make(
        self,
        waiting: Sequence[Path],
        manifest: BatchManifest,
        writers: ThreadPoolExecutor,
        printers: ProcessPoolExecutor | ThreadPoolExecutor,
    ) -> None:
        pending: deque[tuple[Path, Future[list[Path]]]] = deque()
        done, total = 0, len(waiting)
        self._progress(0, total, "")

        def finish(most: int) -> None:
            nonlocal done
            while len(pending) > most:
                file, future = pending.popleft()
                try:
                    manifest.add(file, future.result())
                except (Unsupported, BadImage) as error:
                    self._leave_out(file, error)
                done += 1
                self._progress(done, total, file.name)

        for traced in self._traced(waiting):
            for file, found in traced:
                if isinstance(found, Exception):
                    done += 1
                    self._leave_out(file, found)
                    self._progress(done, total, file.name)
                    continue
                targets = self._targets.of(file)
                pending.append((file, writers.submit(self._write, found, targets, printers)))
            finish(AHEAD * self._order.size)
        finish(0)

    def _traced(self, files: Sequence[Path]) -> Iterator[list[tuple[Path, Trace | Exception]]]:
        """The traces of all files in batches; decoding goes on meanwhile."""
        size = self._order.size
        with ThreadPoolExecutor(self._order.workers) as readers:
            for opened in _in_batches(
                _ahead(readers, self._several.ready, files, AHEAD * size), size
            ):
                good = [(file, one) for file, one in opened if not isinstance(one, Exception)]
                yield [
                    *((file, one) for file, one in opened if isinstance(one, Exception)),
                    *self._traces(good),
                ]

    def _traces(self, good: Sequence[tuple[Path, Ready]]) -> list[tuple[Path, Trace | Exception]]:
        files = [file for file, _ in good]
        try:
            traces = self._several.trace([one for _, one in good])
        except Unsupported as error:
            if len(good) == 1:
                return [(files[0], error)]
            return [each for one in good for each in self._traces([one])]
        return list(zip(files, traces, strict=True))

    def _write(
        self,
        trace: Trace,
        targets: Mapping[str, Path],
        printers: ProcessPoolExecutor | ThreadPoolExecutor,
    ) -> list[Path]:
        """All files of one picture, each whole."""
        from vitviz.figures.paper import PaperStyle
        from vitviz.figures.save import written

        order, made = self._order, []
        paper = order.paper or PaperStyle()
        selection = self._chosen(trace)
        for view, values in order.views:
            drawing = self._drawing(view, trace, selection, values)
            for kind in order.kinds:
                data = (
                    written(drawing, kind, paper)
                    if kind in ("npz", "csv")
                    else printers.submit(written, drawing, kind, paper).result()
                )
                made.append(_put(targets[f"{view.name}.{kind}"], data))
        if order.rows:
            from vitviz.figures.raw import raw_attention

            made.append(_put(targets[ROWS], raw_attention(trace, selection)[0]))
        return made

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

    def _measure(self, files: Sequence[Path]) -> None:
        """One range of each map over all pictures of the folder, whatever part is this machine's."""
        for at, traced in enumerate(self._traced(files)):
            self._progress(
                min(at * self._order.size, len(files)), len(files), "measuring the range"
            )
            for _, trace in traced:
                if isinstance(trace, Exception):
                    continue
                for view, values in self._order.views:
                    if view.applies(trace):
                        continue  # said when its turn comes
                    drawing = view.draw(trace, self._chosen(trace), values)
                    for key, (low, high) in ranges([drawing, drawing]).items():
                        found = self._ranges.setdefault(view.name, {})
                        before = found.get(key, (low, high))
                        found[key] = (min(low, before[0]), max(high, before[1]))

    def _leave_out(self, file: Path, error: Exception) -> None:
        self._broken.append((str(file), str(error)))

    def _report(self) -> Path | None:
        """The pictures that were left out, with the reasons; the file goes when there are none."""
        at, parts = self._order.shard
        target = self._order.out / ("report.json" if parts == 1 else f"report-{at}-of-{parts}.json")
        if not self._broken:
            target.unlink(missing_ok=True)
            return None
        lines = [{"picture": file, "why": why} for file, why in self._broken]
        _put(target, json.dumps(lines, ensure_ascii=False, indent=1).encode())
        return target


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


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Path], Ready], files: Iterable[Path], most: int
) -> Iterator[tuple[Path, Ready | Exception]]:
    """What `work` makes of each file, in order, begun for so many before it is asked for."""
    begun: deque[tuple[Path, Future[Ready]]] = deque()
    coming = iter(files)
    while True:
        for file in coming:
            begun.append((file, pool.submit(work, file)))
            if len(begun) >= most:
                break
        if not begun:
            return
        file, future = begun.popleft()
        try:
            yield file, future.result()
        except BadImage as error:
            yield file, error


def _in_batches(
    each: Iterable[tuple[Path, Ready | Exception]], size: int
) -> Iterator[list[tuple[Path, Ready | Exception]]]:
    held: list[tuple[Path, Ready | Exception]] = []
    for one in each:
        held.append(one)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held
