"""A folder read into an index, resumed where it stopped; only what is new or changed is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.geometry import Crop
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Fit, Trace
from vitviz.core.pictures.picture_files import ImageSource
from vitviz.core.progress import BadImage, Progress, Unsupported, VitvizError, silent
from vitviz.core.storage import file_state, place_of
from vitviz.folders.index.vector_index import IndexAbout, IndexKind, IndexWriter, index_writer
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.picture_list import FolderPictures, pictures_in
from vitviz.folders.picture_traces import LeftOut, decoded_ahead

if TYPE_CHECKING:
    from vitviz.models import Model
    from vitviz.models.tracing.batch_tracing import Ready
    from vitviz.models.tracing.batch_vectors import BatchVectors


@dataclass(frozen=True, slots=True)
class IndexOrder:
    """What is indexed: one kind of vector at one layer, of every picture of a folder.

    `layer` counts from 0, negative from the end; `choice` says which page and bands of a file are the
    picture.
    """

    folder: Path
    kind: IndexKind = "tokens"
    layer: int = -1
    model: ModelToLoad = field(default_factory=ModelToLoad)
    fit: Fit = "crop"
    size: int = 8
    workers: int = 1
    choice: PictureChoice = AS_IT_IS


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
    progress: Progress = silent,
) -> IndexOutcome:
    """Reads every picture that the index at `place` does not have as it is now.

    What `progress` raises stops it; the pictures that are in stay. VitvizError for a folder without
    pictures, an index of another model or layer, or a second run; Unsupported for vectors that this
    model does not have.
    """
    place, pictures = place_of(place), pictures_in(order.folder)
    loaded = model or order.model.load(progress)
    reader = VectorReader(loaded, order)
    about = reader.about(pictures)
    with index_writer(place, about, pictures.folder, overwrite=overwrite) as writer:
        return _added(reader, pictures, writer, progress)


def _added(
    reader: VectorReader, pictures: FolderPictures, writer: IndexWriter, progress: Progress
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
    progress(0, len(waiting), "")
    for done, each in enumerate(reader.read(waiting), start=1):
        if isinstance(each, LeftOut):
            broken.append((str(each.file), each.why))
        else:
            name = pictures.inside(each.file)
            writer.add(name, each.key, file_state(each.file), each.crop, each.vectors)
        progress(done, len(waiting), each.file.name)
    added = len(waiting) - len(broken)
    return IndexOutcome(writer.about, added, before, len(gone), tuple(broken))


@dataclass(frozen=True, slots=True, eq=False)
class ReadPicture:
    """One picture's vectors at the indexed layer, (token dim), with what the model saw of it."""

    file: Path
    key: str
    crop: Crop
    vectors: Float32[np.ndarray, "token dim"]


class VectorReader:
    """One kind of vector at one layer, of any number of pictures, without their attention."""

    def __init__(self, model: Model, order: IndexOrder) -> None:
        from vitviz.models.tracing.batch_tracing import BatchTracing

        self.model, self._order = model, order
        self._several = BatchTracing(model, order.fit, choice=order.choice)
        self._vectors: BatchVectors | None = None

    def about(self, pictures: FolderPictures) -> IndexAbout:
        """What the index is of, from the first picture that can be used.

        VitvizError where none can, Unsupported for vectors that this model does not have.
        """
        why = ""
        for file in pictures.files:
            try:
                trace = self.of_picture(file)[0]
            except BadImage as error:
                why = why or str(error)
            else:
                return self._about(trace, file)
        raise VitvizError(
            f"none of the {len(pictures.files)} pictures of {pictures.folder} could be used: {why}"
        )

    def of_picture(self, source: ImageSource) -> tuple[Trace, ReadPicture]:
        """One picture by itself, with its trace. BadImage, Unsupported."""
        from vitviz.models.tracing.batch_vectors import BatchVectors

        ready = self._several.ready(source)
        trace = self._several.trace([ready])[0]
        if self._vectors is None:
            order = self._order
            self._vectors = BatchVectors(self.model, trace, order.kind, [order.layer])
        found = self._vectors.of([ready])[0]
        name = Path(trace.picture.path or trace.picture.name)
        return trace, ReadPicture(name, trace.picture.key, trace.crop, found.layers[0])

    def _about(self, trace: Trace, file: Path) -> IndexAbout:
        assert self._vectors is not None
        info, grid, order = trace.model, trace.grid, self._order
        _, read = self.of_picture(file)
        return IndexAbout(
            model=info.name,
            weights=info.weights_hash or info.weights,
            asked=info.asked,
            precision=info.precision,
            fit=order.fit,
            kind=order.kind,
            layer=self._vectors.layers[0],
            layers=len(trace.layers),
            rows=grid.rows,
            cols=grid.cols,
            patch=grid.patch,
            prefix=grid.prefix,
            dim=read.vectors.shape[-1],
            read=tuple(order.choice.said.items()),
        )

    def read(self, files: Sequence[Path]) -> Iterator[ReadPicture | LeftOut]:
        """Each picture in order, decoded ahead and run in groups. `about` was asked before."""
        size = self._order.size
        groups = [files[at : at + size] for at in range(0, len(files), size)]
        for group in decoded_ahead(self._several.ready, groups, self._order.workers):
            good = [(file, one) for file, one in group if not isinstance(one, Exception)]
            made = iter(self._read(good))
            for file, one in group:
                yield LeftOut(file, str(one)) if isinstance(one, Exception) else next(made)

    def _read(self, good: Sequence[tuple[Path, Ready]]) -> list[ReadPicture | LeftOut]:
        assert self._vectors is not None
        if not good:
            return []
        try:
            found = self._vectors.of([one for _, one in good])
        except Unsupported as error:
            if len(good) == 1:
                return [LeftOut(good[0][0], str(error))]
            return [each for one in good for each in self._read([one])]
        return [
            ReadPicture(file, picture.key, prepared.crop, each.layers[0])
            for (file, (picture, prepared, _)), each in zip(good, found, strict=True)
        ]
