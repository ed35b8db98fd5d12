"""A figure made again from the recipe inside it: the same picture, weights and numbers."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import PageRecipe, Recipe, RunRecipe
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.drawings.shared_ranges import in_ranges
from vitviz.core.pictures.picture_files import bundled_pictures, open_picture
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.session.columns.column import is_checkpoint
from vitviz.session.files.settings import read_settings
from vitviz.views import find

if TYPE_CHECKING:
    from vitviz.models import Model

PanelRanges = tuple[tuple[int, float, float], ...]


class PagePart(msgspec.Struct, frozen=True):
    """One drawing's recipe and the ranges that it was coloured in."""

    made: Recipe
    ranges: PanelRanges = ()


class RawNumbers(msgspec.Struct, frozen=True):
    """One token's attention of all layers and heads, or whole matrices too, of one run."""

    run: RunRecipe
    selection: Selection
    matrices: bool = False


class FigureBook(msgspec.Struct, frozen=True):
    """All that a figure's file says: one drawing, a page of several, or the frames of an animation."""

    made: Recipe | None = None
    ranges: PanelRanges = ()
    parts: tuple[PagePart, ...] = ()
    sheet: PageRecipe | None = None
    raw: RawNumbers | None = None
    paper: dict[str, Any] = msgspec.field(default_factory=dict)
    movie: dict[str, Any] = msgspec.field(default_factory=dict)
    versions: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplayedFigure:
    """What came out: the drawings (several only for an animation), their paper, and remarks."""

    drawings: tuple[Drawing, ...]
    book: FigureBook
    notes: tuple[str, ...]


@dataclass
class FigureReplay:
    """Makes drawings again. `pictures` and `model` are files that the user named, asked first."""

    folder: Path
    pictures: Sequence[str | Path] = ()
    model: str = ""
    device: str = "auto"
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)
    _models: dict[RunRecipe, Model] = field(default_factory=dict)
    _opened: dict[str, Picture] = field(default_factory=dict)
    _traces: dict[RunRecipe, Trace] = field(default_factory=dict)

    def drawing(self, part: PagePart) -> Drawing:
        """One drawing. VitvizError, in a sentence, for a picture, weights or a view that are gone."""
        made = part.made
        # Copies: what views keep from one drawing for the next one can change the last digits.
        trace = replace(self.trace(made.run))
        other = None if made.against is None else replace(self.trace(made.against))
        also = [(self.trace(one), self.trace(two)) for one, two in made.also]
        others = [self.trace(one) for one in made.others]
        view, options = find(made.view), dict(made.options)
        more = {"others": others} if others else {}
        drawn = view.draw(trace, made.selection, options, other, also, **more)
        return in_ranges(drawn, part.ranges)

    def trace(self, run: RunRecipe) -> Trace:
        """The model run over the picture again."""
        if run not in self._traces:
            from vitviz import models

            picture, model = self.picture(run), self.loaded(run)
            self._traces[run] = models.trace(
                model, picture, fit=run.fit, intervention=run.intervention, progress=self.progress
            )
        return self._traces[run]

    def picture(self, run: RunRecipe) -> Picture:
        """The picture, found by its name and known by its pixels."""
        if run.picture_key not in self._opened:
            self._opened[run.picture_key] = self._found_picture(run)
        return self._opened[run.picture_key]

    def _found_picture(self, run: RunRecipe) -> Picture:
        others = []
        for file in self._picture_files(run.picture):
            picture = open_picture(file, name=run.picture)
            if picture.key == run.picture_key:
                return picture
            others.append(file)
        if others:
            raise VitvizError(
                f"{others[0]} is another picture than the {run.picture} of this figure, its pixels "
                "differ; name the right one with --picture"
            )
        raise VitvizError(
            f"the picture {run.picture} is neither beside the figure nor in this folder; "
            "name its file with --picture"
        )

    def _picture_files(self, name: str) -> list[Path]:
        if self.pictures:
            return [Path(each) for each in self.pictures]
        settings, _ = read_settings()
        named = [Path(each) for each in settings.recent_files if Path(each).name == name]
        folders = [self.folder, Path()]
        if settings.picture_folder:
            folders.append(Path(settings.picture_folder))
        own = [each for each in bundled_pictures() if each.name == name]
        return [
            file
            for file in (*(Path(folder, name) for folder in folders), *named, *own)
            if file.is_file()
        ]

    def loaded(self, run: RunRecipe) -> Model:
        """The model with the same weights."""
        key = replace(run, picture="", picture_key="", fit="crop", intervention=None)
        if key not in self._models:
            self._models[key] = self._load(run)
        return self._models[key]

    def _load(self, run: RunRecipe) -> Model:
        if run.weights == "untrained":
            raise VitvizError(
                f"this figure was made with random weights of {run.model}, which cannot be had "
                "again; only figures of trained or saved weights can"
            )
        from vitviz import models

        asked: dict[str, Any] = dict(run.asked)
        name = self.model or self._model_file(run.model)
        device = run.device if self.device == "auto" and _is_here(run.device) else self.device
        model = models.load(
            name, device=device, precision=run.precision, progress=self.progress, **asked
        )
        found = model.info.weights_hash
        if run.weights_hash and found != run.weights_hash:
            raise VitvizError(
                f"the weights of {name} are others ({found[:12]}) than this figure's "
                f"({run.weights_hash[:12]}); name the right ones with --model"
            )
        if model.info.device != run.device:
            self.notes.append(
                f"{run.model} ran on {run.device} and now runs on {model.info.device}: last digits "
                "may differ"
            )
        return model

    def _model_file(self, name: str) -> str:
        """A bundled or timm name as it is; a checkpoint where it lies now."""
        settings, _ = read_settings()
        recent = [each for each in settings.recent_models if Path(each).name == name]
        for file in (self.folder / name, Path(name), *map(Path, recent)):
            if file.exists() and is_checkpoint(file):
                return os.fspath(file)
        if not is_checkpoint(name):
            return name
        raise VitvizError(
            f"the weights {name} are neither beside the figure nor in this folder; "
            "name their file with --model"
        )


def replayed(known: dict[str, Any], name: str, kitchen: FigureReplay) -> ReplayedFigure:
    """Everything in a recipe as it was read from a file of that name."""
    book = _book(known, name)
    if book.made is not None and not book.parts:
        drawings: tuple[Drawing, ...] = (kitchen.drawing(PagePart(book.made, book.ranges)),)
    else:
        parts = tuple(kitchen.drawing(part) for part in book.parts)
        drawings = (page(parts, book.sheet),) if book.sheet is not None else parts
    return ReplayedFigure(drawings, book, (*_newer(book), *kitchen.notes))


def raw_again(
    known: dict[str, Any], file: Path, kitchen: FigureReplay
) -> tuple[bytes, tuple[str, ...]]:
    """A file of raw attention made again, and remarks: above all by how much its numbers differ.

    In a batch a picture was run among others, which changes the last digits.
    """
    from vitviz.figures.raw import raw_attention

    book = _book(known, file.name)
    assert book.raw is not None
    trace = replace(kitchen.trace(book.raw.run))
    data, _ = raw_attention(trace, book.raw.selection, matrices=book.raw.matrices)
    apart = _apart(file.read_bytes(), data)
    differs = (f"the numbers differ from the file's by {apart:.0e} at most",) if apart else ()
    return data, (*_newer(book), *kitchen.notes, *differs)


def _apart(one: bytes, other: bytes) -> float:
    """The largest difference of the numbers in two files of arrays."""
    with np.load(io.BytesIO(one)) as before, np.load(io.BytesIO(other)) as now:
        names = [name for name in now if name != "about"]
        return max(float(np.abs(before[name] - now[name]).max()) for name in names)


def _book(known: dict[str, Any], name: str) -> FigureBook:
    try:
        return msgspec.convert(known, FigureBook, strict=False)
    except msgspec.ValidationError as error:
        raise VitvizError(
            f"the recipe in {name} is damaged ({error}); take the file as it was saved"
        ) from None


def _newer(book: FigureBook) -> tuple[str, ...]:
    """What was installed otherwise when the figure was made."""
    from vitviz.figures.recipes import versions

    return tuple(
        f"the figure was made with {name} {book.versions[name]}, this is {now}: last digits may differ"
        for name, now in versions()
        if now and book.versions.get(name, now) != now
    )


def _is_here(device: str) -> bool:
    from vitviz import models

    return device in {str(each.name) for each in models.devices()}
