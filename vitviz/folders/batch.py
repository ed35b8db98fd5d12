"""Any number of pictures through one model: figures and numbers in a folder, stopped and continued."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from vitviz.core.files import whole
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.manifest import BatchManifest
from vitviz.folders.numbers_table import TABLE, stale_parts, table_part
from vitviz.folders.output_files import OutputFiles, pictures_of
from vitviz.folders.part_maker import BatchRanges, FinishedPicture, PartMaker, PartWork
from vitviz.folders.picture_list import PART
from vitviz.folders.picture_traces import grouped
from vitviz.folders.stage_seconds import StageSeconds


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of it: pictures done now, done before, and those left out with the reason.

    `seconds` are those spent in each stage (decode, model, rows, write), by all threads together, and
    "elapsed" ones.
    """

    done: int
    before: int
    broken: tuple[tuple[str, str], ...]
    report: Path | None
    seconds: Mapping[str, float] = field(default_factory=dict)


def run_batch(order: BatchOrder, progress: Progress = silent) -> BatchOutcome:
    """Makes what was ordered of every picture that is not finished yet.

    What `progress` raises stops it: what is finished stays, and the same order goes on from there.
    VitvizError for a folder without pictures, or one that holds results of another order.
    """
    clock = StageSeconds()
    files = files_of(order)
    with BatchManifest(order.out, order.shard, order.settings, anew=order.anew) as manifest:
        plan = BatchPlan(order, files, manifest)
        with PartMaker(order, clock=clock) as measuring:
            coloured = _measured(order, measuring, progress) if plan.waiting else {}
        with (
            PartMaker(order, coloured, clock) as maker,
            closing(maker.make(plan.parts())) as finished,
        ):
            broken = kept(finished, plan.waiting, manifest, progress)
        broken += plan.taken_away({Path(file) for file, _ in broken})
        plan.drop_stale()
    done = plan.waiting - len(broken)
    before = len(files) - plan.waiting
    return BatchOutcome(done, before, broken, write_report(order, broken), clock.seconds)


def files_of(order: BatchOrder) -> list[Path]:
    """This machine's share of the pictures. VitvizError where the whole folder has none."""
    files = pictures_of(order.folder, order.shard)
    if not files and order.shard == (1, 1):
        raise VitvizError(f"there are no pictures in {order.folder}; name a folder that has some")
    return files


class BatchPlan:
    """The parts of a run: which pictures become which files, and which of them are still to be made.

    Of a million pictures only those that are waiting are held; a part's files are named when it comes.
    """

    def __init__(self, order: BatchOrder, files: Sequence[Path], manifest: BatchManifest) -> None:
        self._order, self._files = order, files
        self._targets = OutputFiles(order.folder, order.out, order.endings)
        self._tables: set[Path] = set()
        self._waiting: dict[int, frozenset[Path]] = {}
        for number, part in enumerate(grouped(files, PART)):
            targets = self._named(number, part)
            waiting = [file for file, each in targets.items() if not manifest.has(file, each)]
            if waiting:
                self._waiting[number] = frozenset(part if order.table else waiting)
        self.waiting = sum(map(len, self._waiting.values()))

    def parts(self) -> Iterator[PartWork]:
        """Those with something to make, in order."""
        for number, waiting in self._waiting.items():
            yield PartWork(number, self._named(number, self.part(number)), waiting)

    @property
    def numbers(self) -> list[int]:
        """Of the parts with something to make."""
        return list(self._waiting)

    def part(self, number: int) -> Sequence[Path]:
        """All pictures of a part."""
        return self._files[number * PART : (number + 1) * PART]

    def taken_away(self, broken: Collection[Path]) -> tuple[tuple[str, str], ...]:
        """Pictures whose files were made and are there no more: only what is there is counted."""
        why = "its files were taken away while the batch ran; start it again"
        made = ((file, part.targets[file]) for part in self.parts() for file in part.waiting)
        return tuple(
            (str(file), why)
            for file, targets in made
            if file not in broken and not all(target.is_file() for target in targets.values())
        )

    def drop_stale(self) -> None:
        """Takes tables away whose pictures are in others since the folder has changed."""
        if self._order.table:
            for file in stale_parts(self._order.out, self._order.shard, self._tables):
                file.unlink(missing_ok=True)

    def _named(self, number: int, files: Sequence[Path]) -> dict[Path, Mapping[str, Path]]:
        targets: dict[Path, Mapping[str, Path]] = {file: self._targets.of(file) for file in files}
        if not self._order.table:
            return targets
        names = [file.as_posix() for file in files]
        table = table_part(self._order.out, self._order.shard, number, names)
        self._tables.add(table)
        return {file: {**each, TABLE: table} for file, each in targets.items()}


def _measured(order: BatchOrder, maker: PartMaker, progress: Progress) -> BatchRanges:
    """One range of each map over all pictures of the folder, whatever share is this machine's."""
    found: BatchRanges = {}
    if not (order.one_range and order.views):
        return found
    every = pictures_of(order.folder, (1, 1))
    for done, ranged in maker.measured(every):
        progress(done, len(every), "measuring the range")
        found = ranged
    return found


def kept(
    finished: Iterator[FinishedPicture], total: int, manifest: BatchManifest, progress: Progress
) -> tuple[tuple[str, str], ...]:
    """Writes down every finished picture; those that were left out, with the reasons."""
    broken = []
    progress(0, total, "")
    for done, one in enumerate(finished, start=1):
        if one.why:
            broken.append((str(one.file), one.why))
        else:
            manifest.add(one.file, one.made)
        progress(done, total, one.file.name)
    return tuple(broken)


def write_report(order: BatchOrder, broken: Sequence[tuple[str, str]]) -> Path | None:
    """The pictures that were left out, with the reasons; the file goes when there are none."""
    at, parts = order.shard
    target = order.out / ("report.json" if parts == 1 else f"report-{at}-of-{parts}.json")
    if not broken:
        target.unlink(missing_ok=True)
        return None
    lines = [{"picture": file, "why": why} for file, why in broken]
    with whole(target) as unfinished:
        unfinished.write_text(json.dumps(lines, ensure_ascii=False, indent=1), "utf-8")
    return target
