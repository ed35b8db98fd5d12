"""Pictures of an index read by workers on a Ray cluster: each writes whole parts, one adds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitviz.core.data.geometry import Crop
from vitviz.core.files import whole
from vitviz.core.storage import StoragePath
from vitviz.folders.index.vector_reader import IndexOrder, ReadPicture, VectorReader
from vitviz.folders.picture_list import PART
from vitviz.folders.picture_traces import LeftOut, grouped
from vitviz.folders.ray_engine import LostPart, RayCluster, parts_on_ray


@dataclass(frozen=True, slots=True)
class WrittenPicture:
    """A picture whose vectors a worker has written: all of it but these."""

    file: Path
    key: str
    crop: Crop


class IndexWorker:
    """Reads parts in a process of its own; its model is loaded for the first of them."""

    def __init__(self, order: IndexOrder, place: Path) -> None:
        self._order, self._place = order, place
        self._reader: VectorReader | None = None

    def process(self) -> int:
        """The number of this process."""
        return os.getpid()

    def make(self, number: int, part: Sequence[Path]) -> list[WrittenPicture | LeftOut]:
        """Writes the vectors of a part. VitvizError where the model cannot be had or nothing be
        written."""
        if self._reader is None:
            self._reader = VectorReader(self._order.model.load(), self._order)
        found = list(self._reader.read(part))
        vectors = [each.vectors for each in found if isinstance(each, ReadPicture)]
        if vectors:
            with whole(_part(self._place, number)) as unfinished, unfinished.open("wb") as file:
                np.save(file, np.stack(vectors))
        return [
            each if isinstance(each, LeftOut) else WrittenPicture(each.file, each.key, each.crop)
            for each in found
        ]


def read_on_ray(
    order: IndexOrder,
    files: Sequence[Path],
    place: Path,
    cluster: RayCluster,
    tick: Callable[[], None],
) -> Generator[ReadPicture | LeftOut, None, None]:
    """Each picture in order, as one machine reads them; `place` is a folder for the parts between.

    VitvizError as `parts_on_ray`, and for a place that cannot be written.
    """
    _remove(place)
    place.mkdir(parents=True, exist_ok=True)
    # A whole number of groups, so that pictures run beside the same others as on one machine.
    each = order.size * max(1, PART // order.size)
    parts = list(enumerate(grouped(files, each)))
    answers = parts_on_ray(IndexWorker, (order, place), parts, cluster, tick=tick)
    held: dict[int, list[WrittenPicture | LeftOut] | LostPart] = {}
    expected = 0
    try:
        with closing(answers):
            for number, answer in answers:
                held[number] = answer
                while expected in held:
                    yield from _read(parts[expected][1], _part(place, expected), held.pop(expected))
                    expected += 1
    finally:
        _remove(place)


def _read(
    files: Sequence[Path], part: Path, answer: list[WrittenPicture | LeftOut] | LostPart
) -> Generator[ReadPicture | LeftOut, None, None]:
    if isinstance(answer, LostPart):
        why = f"the worker died each time that this part was read ({answer.why})"
        yield from (LeftOut(file, why) for file in files)
        return
    vectors = iter(())
    if part.is_file():
        with part.open("rb") as file:
            vectors = iter(np.load(file, allow_pickle=False))
        part.unlink()
    for each in answer:
        if isinstance(each, LeftOut):
            yield each
        else:
            yield ReadPicture(each.file, each.key, each.crop, next(vectors))


def _part(place: Path, number: int) -> Path:
    return place / f"part-{number:07}.npy"


def _remove(place: Path) -> None:
    if isinstance(place, StoragePath):
        place.remove()
    else:
        shutil.rmtree(place, ignore_errors=True)
