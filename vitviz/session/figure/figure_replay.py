"""A figure made again from the recipe inside it: the same picture, weights and numbers."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.recipe import NEWEST, PageRecipe, Recipe, RunRecipe, checked_arguments
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.drawings.shared_ranges import in_ranges
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_files import bundled_pictures, open_picture
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.session.files.settings import read_settings
from vitviz.session.work.request import is_checkpoint
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
    vitviz: int = NEWEST


@dataclass(frozen=True, slots=True)
class ReplayedFigure:
    """What came out: the drawings (several only for an animation), their paper, and remarks."""

    drawings: tuple[Drawing, ...]
    book: FigureBook
    notes: tuple[str, ...]


@dataclass
class FigureReplay:
    """Makes drawings again. `pictures` and `model` are what the user named, asked first; a model that
    only the recipe names is fetched from the network with `allow_download` alone."""

    folder: Path
    pictures: Sequence[str | Path] = ()
    model: str = ""
    device: str = "auto"
    progress: Progress = silent
    allow_download: bool = False
    notes: list[str] = field(default_factory=list)
    _models: dict[RunRecipe, Model] = field(default_factory=dict)
    _opened: dict[str, Picture] = field(default_factory=dict)
    _traces: dict[RunRecipe, Trace] = field(default_factory=dict)

    def drawing(self, part: PagePart, version: int = NEWEST) -> Drawing:
        """One drawing, its options meant as they were in that version of recipes.

        VitvizError, in a sentence, for a picture, weights or a view that are gone."""
        made = part.made
        # Copies: what views keep from one drawing for the next one can change the last digits.
        trace = replace(self.trace(made.run))
        against = None if made.against is None else replace(self.trace(made.against))
        pairs = [(self.trace(one), self.trace(two)) for one, two in made.also]
        more = [self.trace(one) for one in made.others]
        view, options = find(made.view), self._as_meant(made, version)
        drawn = view.draw(trace, made.selection, options, against, pairs, more)
        return in_ranges(drawn, part.ranges)

    def _as_meant(self, made: Recipe, version: int) -> dict[str, Any]:
        """The options, with what an older version took where nothing was said."""
        options = dict(made.options)
        if version < 4 and any(option.name == "lay" for option in find(made.view).options):
            options = {"lay": "tint", **options}
            if made.view in _ROBUST_NOW:
                options = {"range": _ROBUST_NOW[made.view], **options}
        if version < 3 and made.view == "whatif":
            options = {"positions": "removed", **options}
        if version < 3 and made.view == "rollout":
            uneven = options.get("fuse", "mean") != "mean" or options.get("discard", 0) != 0
            if uneven:
                self.notes.append(
                    _(
                        "rollout of max, min or discarded maps was divided before the identity was "
                        "added when the figure was made, and is divided afterwards now: its "
                        "numbers differ"
                    )
                )
        return options

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
            choice = PictureChoice.of(dict(run.opened))
            picture = open_picture(file, name=run.picture, choice=choice)
            if picture.key == run.picture_key:
                return picture
            others.append(file)
        if others:
            raise VitvizError(
                _(
                    "{others} is another picture than the {picture} of this figure, its "
                    "pixels differ; name the right one with --picture"
                ).format(others=others[0], picture=run.picture)
            )
        raise VitvizError(
            _(
                "the picture {picture} is neither beside the figure nor in this folder; "
                "name its file with --picture"
            ).format(picture=run.picture)
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
                _(
                    "this figure was made with random weights of {model}, which cannot "
                    "be had again; only figures of trained or saved weights can"
                ).format(model=run.model)
            )
        if run.precision.endswith("autocast"):
            raise VitvizError(
                _(
                    "this figure was made under torch.autocast ({precision}), which only "
                    "the program that asked for it can do again; trace without it for "
                    "figures that can be made again"
                ).format(precision=run.precision)
            )
        from vitviz import models

        asked: dict[str, Any] = dict(run.asked)
        name = self.model or self._model_file(run.model)
        device = run.device if self.device == "auto" and _is_here(run.device) else self.device
        model = models.load(
            name,
            device=device,
            precision=run.precision,
            progress=self.progress,
            allow_download=self.allow_download or bool(self.model),
            **asked,
        )
        found = model.info.weights_hash
        if run.weights_hash and found != run.weights_hash:
            raise VitvizError(
                _(
                    "the weights of {name} are others ({found}) than this figure's "
                    "({weights_hash}); name the right ones with --model"
                ).format(name=name, found=found[:12], weights_hash=run.weights_hash[:12])
            )
        if model.info.device != run.device:
            self.notes.append(
                _("{model} ran on {before} and now runs on {now}: last digits may differ").format(
                    model=run.model, before=run.device, now=model.info.device
                )
            )
        return model

    def _model_file(self, name: str) -> str:
        """A bundled or timm name as it is; a checkpoint where it lies now."""
        settings, _unused = read_settings()
        recent = [each for each in settings.recent_models if Path(each).name == name]
        for file in (self.folder / name, Path(name), *map(Path, recent)):
            if file.exists() and is_checkpoint(file):
                return os.fspath(file)
        if not is_checkpoint(name):
            return name
        raise VitvizError(
            _(
                "the weights {name} are neither beside the figure nor in this folder; "
                "name their file with --model"
            ).format(name=name)
        )


def replayed(known: dict[str, Any], name: str, kitchen: FigureReplay) -> ReplayedFigure:
    """Everything in a recipe as it was read from a file of that name."""
    book = _book(known, name)
    if book.made is not None and not book.parts:
        drawings: tuple[Drawing, ...] = (
            kitchen.drawing(PagePart(book.made, book.ranges), book.vitviz),
        )
    else:
        parts = tuple(kitchen.drawing(part, book.vitviz) for part in book.parts)
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
    if book.raw is None:
        raise VitvizError(
            _("{name} says of no picture whose attention it is; it is damaged").format(
                name=file.name
            )
        )
    trace = replace(kitchen.trace(book.raw.run))
    data, _unused = raw_attention(trace, book.raw.selection, matrices=book.raw.matrices)
    apart = _apart(file.read_bytes(), data)
    said = _("the numbers differ from the file's by {value} at most").format(
        value=shown_number(apart, 1)
    )
    differs = (said,) if apart else ()
    return data, (*_newer(book), *kitchen.notes, *differs)


def _apart(one: bytes, other: bytes) -> float:
    """The largest difference of the numbers in two files of arrays."""
    try:
        with np.load(io.BytesIO(one)) as before, np.load(io.BytesIO(other)) as now:
            names = [name for name in now if name != "about"]
            # Asked of the archive first: a damaged file may say any size, and be unpacked to it.
            sizes = {each.filename: each.file_size for each in before.zip.infolist()}
            if any(sizes.get(f"{name}.npy", 0) > now[name].nbytes + 4096 for name in names):
                raise ValueError(_("its arrays have other sizes"))
            return max(float(np.abs(before[name] - now[name]).max()) for name in names)
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        TypeError,
        zipfile.BadZipFile,
        TokenError,
    ) as error:  # numpy reads the heads of arrays as Python's tokens
        raise VitvizError(
            _(
                "the numbers in the file are damaged ({error}); take the file as it was saved"
            ).format(error=error)
        ) from error


def _book(known: dict[str, Any], name: str) -> FigureBook:
    """All that the recipe says. VitvizError for what no vitviz has written."""
    from vitviz.figures.paper import PaperStyle

    try:
        book = msgspec.convert(known, FigureBook, strict=False)
        msgspec.convert(book.paper, PaperStyle)
    except (msgspec.ValidationError, RecursionError) as error:
        raise VitvizError(
            _("the recipe in {name} is damaged ({error}); take the file as it was saved").format(
                name=name, error=error
            )
        ) from None
    if why := next(filter(None, map(_wrong, _drawn(book))), "") or _wrong_page(book):
        raise VitvizError(
            _("the recipe in {name} is damaged ({why}); take the file as it was saved").format(
                name=name, why=why
            )
        )
    for run in _runs(book):
        checked_arguments(dict(run.asked), name)
        is_path = is_checkpoint(run.model) or run.model.startswith((".", "~", "/", "\\"))
        files = [
            run.picture,
            *([run.model] if is_path or PurePath(run.model).is_absolute() else []),
        ]
        if outside := next((one for one in files if one != PurePath(one).name), ""):
            raise VitvizError(
                _(
                    "the recipe in {name} names {outside!r}, a file in another folder, "
                    "which is not opened; name the file with --picture or --model"
                ).format(name=name, outside=outside[:80])
            )
    return book


def _drawn(book: FigureBook) -> list[PagePart | RawNumbers]:
    made = [] if book.made is None else [PagePart(book.made, book.ranges)]
    return [*made, *book.parts, *([] if book.raw is None else [book.raw])]


def _runs(book: FigureBook) -> list[RunRecipe]:
    """Every run that the recipe names."""
    runs = [] if book.raw is None else [book.raw.run]
    for made in (part.made for part in _drawn(book) if isinstance(part, PagePart)):
        pairs = [run for pair in made.also for run in pair]
        runs += [made.run, *([made.against] if made.against else []), *pairs, *made.others]
    return runs


def _wrong(part: PagePart | RawNumbers) -> str:
    """What of the choices cannot be, in a clause; "" for nothing."""
    chosen = part.selection if isinstance(part, RawNumbers) else part.made.selection
    if not 0 <= chosen.depth <= 1:
        return _("the depth {depth:g} is not between 0 and 1").format(depth=chosen.depth)
    if chosen.head is not None and chosen.head < 0:
        return _("there is no head {head}").format(head=chosen.head)
    ranges = () if isinstance(part, RawNumbers) else part.ranges
    for at, low, high in ranges:
        if at < 0 or low > high:
            return _("there is no panel {at} with a range from {low:g} to {high:g}").format(
                at=at, low=low, high=high
            )
    return ""


def _wrong_page(book: FigureBook) -> str:
    if book.sheet is not None and not 1 <= book.sheet.across <= _MOST_ACROSS:
        return _("{across} drawings do not stand beside each other").format(
            across=book.sheet.across
        )
    if (book.sheet is not None or book.made is None) and not (book.parts or book.raw):
        return _("it says of no drawing how it was made")
    seconds = book.movie.get("seconds", 0.4)
    if not isinstance(seconds, int | float) or not 0 < seconds <= 600:
        return _("a frame is not shown for {seconds} seconds").format(seconds=str(seconds)[:20])
    return ""


_MOST_ACROSS = 256
_ROBUST_NOW = {"heads": "map", "rollout": "map", "pools": "map", "mosaic": "map", "words": "view"}
"""The range that views took before version 4 which take a robust one now."""


def _newer(book: FigureBook) -> tuple[str, ...]:
    """What was installed otherwise when the figure was made."""
    from vitviz.figures.recipes import versions

    return tuple(
        _(
            "the figure was made with {name} {versions}, this is {now}: last digits may differ"
        ).format(name=name, versions=book.versions[name], now=now)
        for name, now in versions()
        if now and book.versions.get(name, now) != now
    )


def _is_here(device: str) -> bool:
    from vitviz import models

    return device in {str(each.name) for each in models.devices()}
