"""A folder read into an index, resumed where it stopped; only what is new or changed is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitviz.core.progress import Progress, silent
from vitviz.core.storage import file_state, place_of
from vitviz.folders.index.ray_index import read_on_ray
from vitviz.folders.index.vector_index import IndexAbout, IndexWriter, index_writer
from vitviz.folders.index.vector_reader import IndexOrder, ReadPicture, VectorReader
from vitviz.folders.picture_list import FolderPictures, pictures_in
from vitviz.folders.picture_traces import LeftOut
from vitviz.folders.ray_engine import RayCluster, check_shared

__all__ = ["IndexOrder", "IndexOutcome", "index_folder"]

if TYPE_CHECKING:
    from vitviz.models import Model

ReadFiles = Callable[[list[Path], Callable[[], None]], Iterator[ReadPicture | LeftOut]]
"""Who reads pictures, here or on a cluster; asked between them whether it shall stop."""


@dataclass(frozen=True, slots=True)
class IndexOutcome:
    """What came of it: pictures read now, there before, no longer in the folder, and left out."""

    about: IndexAbout
    added: int
    before: int
    gone: int
    broken: tuple[tuple[str, str], ...]


def index_folder(
    order: IndexOrder,
    place: Path,
    *,
    model: Model | None = None,
    overwrite: bool = False,
    cluster: RayCluster | None = None,
    progress: Progress = silent,
) -> IndexOutcome:
    """Reads every picture that the index at `place` does not have as it is now.

    `cluster` is whose workers read, else this machine does: the same numbers. What `progress` raises
    stops it; the pictures that are in stay. VitvizError for a folder without
    pictures, an index of another model or layer, or a second run; Unsupported for vectors that this
    model does not have.
    """
    place, pictures = place_of(place), pictures_in(order.folder)
    loaded = model or order.model.load(progress)
    reader = VectorReader(loaded, order)
    about = reader.about(pictures)
    with index_writer(place, about, pictures.folder, overwrite=overwrite) as writer:
        if cluster is None:
            return _added(lambda files, _tick: reader.read(files), pictures, writer, progress)
        check_shared((pictures.folder, place), about.weights)

        def read(files: list[Path], tick: Callable[[], None]) -> Iterator[ReadPicture | LeftOut]:
            return read_on_ray(order, files, place / "parts", cluster, tick)

        return _added(read, pictures, writer, progress)


def _added(
    read: ReadFiles, pictures: FolderPictures, writer: IndexWriter, progress: Progress
) -> IndexOutcome:
    names = {pictures.inside(file): file for file in pictures.files}
    gone = [name for name in writer.entries if name not in names]
    for name in gone:
        writer.gone(name)
    waiting = [
        file
        for name, file in names.items()
        if name not in writer.entries or writer.entries[name].state != file_state(file)
    ]
    broken, before = [], len(names) - len(waiting)
    done = 0

    def tick() -> None:
        progress(done, len(waiting), "")

    tick()
    for each in read(waiting, tick):
        done += 1
        if isinstance(each, LeftOut):
            broken.append((str(each.file), each.why))
        else:
            name = pictures.inside(each.file)
            writer.add(name, each.key, file_state(each.file), each.crop, each.vectors)
        progress(done, len(waiting), each.file.name)
    added = len(waiting) - len(broken)
    return IndexOutcome(writer.about, added, before, len(gone), tuple(broken))
