"""A session in a file: open pictures, columns, options and what is chosen, as JSON with a version."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from PIL import Image

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.recipe import checked_arguments
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture
from vitviz.core.files import whole
from vitviz.core.language import _
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadImage, Progress, VitvizError
from vitviz.session.columns.column import Column
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.work.log import sentence
from vitviz.session.work.request import is_checkpoint
from vitviz.views import find
from vitviz.views.options import Look, OptionValue, arguments

SUFFIX = ".vitviz"
NEWEST = 2
"""2: maps fade over the picture unless told (before: they tinted it)."""
LARGEST = 2**30
"""Bytes of a session: pasted pictures are in it as PNG."""
MOST_COLUMNS, MOST_PICTURES = 64, 100_000
_KIND = "vitviz session"


class SavedPicture(msgspec.Struct, frozen=True, omit_defaults=True):
    """An open picture: the file it came from, or its pixels where it came from none.

    `path` is the whole path, `beside` the way from the session's folder, which still leads there when
    both were moved together; `png` holds a pasted picture. `page`, `bands` and `to_srgb` say what of
    the file was opened.
    """

    key: str
    name: str
    path: str = ""
    beside: str = ""
    png: bytes = b""
    page: int = 0
    bands: tuple[int, ...] = ()
    to_srgb: bool = False

    @property
    def choice(self) -> PictureChoice:
        """What of the file was the picture."""
        return PictureChoice(self.page, self.bands, self.to_srgb)


class MissingFiles(msgspec.Struct, frozen=True):
    """A file of a session, a picture's or a model's weights, that is not where it was."""

    key: str
    name: str
    path: str


class SavedSession(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is open and chosen. `active` and `reference` are positions among the columns; `window`
    is what the window wants to find again (layout, views); `file` is where it was saved to last, where
    this was written for the case of a crash."""

    kind: str
    version: int
    pictures: tuple[SavedPicture, ...] = ()
    columns: tuple[Column, ...] = ()
    selections: tuple[Selection, ...] = ()
    active: int = 0
    reference: int = 0
    together: ColumnLinks = ColumnLinks()
    look: Look = Look()
    look_chosen: tuple[str, ...] = ()
    options: dict[str, dict[str, OptionValue]] = {}
    one_range: bool = True
    window: dict[str, str] = {}
    file: str = ""


def header() -> dict[str, str | int]:
    """What every session of this vitviz begins with."""
    return {"kind": _KIND, "version": NEWEST}


def kept_pictures(pictures: Iterable[Picture]) -> tuple[SavedPicture, ...]:
    """The pictures as a session keeps them; those without a file become PNG data, which takes time."""
    return tuple(
        SavedPicture(picture.key, picture.name, picture.path, **picture.choice.said)
        if picture.path and Path(picture.path).is_file()
        else SavedPicture(picture.key, picture.name, png=_png(picture))
        for picture in pictures
    )


def write(saved: SavedSession, file: Path, *, private: bool = False) -> None:
    """Saves a session, all or nothing; a `private` one for this user alone. VitvizError with the reason
    when that fails.
    """
    pictures = tuple(_beside(picture, file.absolute().parent) for picture in saved.pictures)
    text = msgspec.json.format(
        msgspec.json.encode(msgspec.structs.replace(saved, pictures=pictures)), indent=1
    )
    with whole(file, private=private) as unfinished:
        unfinished.write_bytes(text)


def read(file: Path) -> SavedSession:
    """The session in a file. VitvizError where it cannot be read, is none, or is of a newer vitviz."""
    data = _bytes_of(file)
    _check(data, file.name)
    try:
        found = msgspec.json.decode(data, type=SavedSession)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VitvizError(
            _("{name} is damaged ({error}); choose another session").format(
                name=file.name, error=error
            )
        ) from error
    if why := _wrong(found):
        raise VitvizError(
            _("{name} is damaged ({why}); choose another session").format(name=file.name, why=why)
        )
    return found if found.version >= 2 else _tinted(found)


def _tinted(found: SavedSession) -> SavedSession:
    """A session from before maps could lie over a picture in other ways than by tinting it."""
    look = replace(found.look, lay="tint")
    return msgspec.structs.replace(found, look=look, look_chosen=(*found.look_chosen, "lay"))


def _bytes_of(file: Path) -> bytes:
    """All of the file. VitvizError where it is none, cannot be read, or is too large."""
    try:
        if file.exists() and not file.is_file():
            raise VitvizError(
                _("{name} is not an ordinary file; choose another session").format(name=file.name)
            )
        if (size := file.stat().st_size) > LARGEST:
            raise VitvizError(
                _(
                    "{name} has {size:,} bytes, more than the {largest:,} that a session "
                    "may have; choose another session"
                ).format(name=file.name, size=size, largest=LARGEST)
            )
        return file.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise VitvizError(
            _("{name} cannot be read ({why}); choose another session").format(
                name=file.name, why=why
            )
        ) from error


def _wrong(found: SavedSession) -> str:
    """What no vitviz has written, in a clause; "" for nothing."""
    if len(found.columns) > MOST_COLUMNS or len(found.pictures) > MOST_PICTURES:
        return _(
            "{columns} columns and {pictures:,} pictures are more than "
            "the {most_columns} and {most_pictures:,} that can be open"
        ).format(
            columns=len(found.columns),
            pictures=len(found.pictures),
            most_columns=MOST_COLUMNS,
            most_pictures=MOST_PICTURES,
        )
    if min(found.active, found.reference) < 0:
        return _("there is no column {column}").format(column=min(found.active, found.reference))
    for chosen in found.selections:
        if not 0 <= chosen.depth <= 1 or (chosen.head is not None and chosen.head < 0):
            return _("there is no depth {depth:g} or no head {head}").format(
                depth=chosen.depth, head=chosen.head
            )
    for column in found.columns:
        asked = {
            name: value
            for name in ("patch_size", "input_size", "architecture")
            if (value := getattr(column.model, name)) is not None
        }
        try:
            checked_arguments(asked, column.model.words)
        except VitvizError as error:
            return str(error)
    return ""


def to_fetch(saved: SavedSession) -> dict[str, str]:
    """The models that are not on this computer, with the repository that they would come from."""
    from vitviz import models

    asked = dict.fromkeys(one.model.name for one in saved.columns if one.model.pretrained)
    return {name: where for name in asked if (where := models.to_fetch(name))}


def without_models(saved: SavedSession, names: Collection[str]) -> SavedSession:
    """The session without the columns of these models. VitvizError where none would be left."""
    kept = [
        (column, selection)
        for column, selection in zip(saved.columns, saved.selections, strict=False)
        if column.model.name not in names
    ]
    if not kept:
        raise VitvizError(
            _(
                "no model of this session is on this computer ({names}); allow the "
                "download, or get them in the library"
            ).format(names=", ".join(names))
        )
    columns, selections = zip(*kept, strict=True)
    return msgspec.structs.replace(
        saved, columns=columns, selections=selections, active=0, reference=0
    )


class _Kind(msgspec.Struct):
    kind: str = ""
    version: int = 0


def _check(data: bytes, name: str) -> None:
    """Version first: the rest of a newer file may well look wrong to this vitviz."""
    try:
        found = msgspec.json.decode(data, type=_Kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _Kind()
    if found.kind != _KIND:
        raise VitvizError(
            _("{name} is no session of vitviz; choose a file that ends in {suffix}").format(
                name=name, suffix=SUFFIX
            )
        )
    if found.version > NEWEST:
        raise VitvizError(
            _(
                "{name} was saved by a newer vitviz (version {version} of the format, "
                "this one reads up to {newest}); update vitviz to open it"
            ).format(name=name, version=found.version, newest=NEWEST)
        )


def found_files(saved: SavedSession, file: Path, told: Mapping[str, str]) -> dict[str, Path]:
    """Where the pictures lie by key: where somebody told, where they were, or beside the session."""
    there = {}
    for picture in saved.pictures:
        tries = (told.get(picture.key, ""), picture.path, _from(file, picture.beside))
        path = next((Path(one) for one in tries if one and Path(one).exists()), None)
        if path is not None:
            there[picture.key] = path
    return there


def found_weights(saved: SavedSession, file: Path, told: Mapping[str, str]) -> SavedSession:
    """The session with the weights of its models where they lie now: where somebody told, where they
    were, or beside the session."""

    def there(column: Column) -> Column:
        name = column.model.name
        tries = (told.get(name, ""), name, str(file.absolute().parent / Path(name).name))
        found = next((one for one in tries if one and Path(one).exists()), name)
        return replace(column, model=replace(column.model, name=found))

    columns = tuple(
        there(column) if is_checkpoint(column.model.name) else column for column in saved.columns
    )
    return msgspec.structs.replace(saved, columns=columns)


def missing_files(saved: SavedSession, there: Mapping[str, Path]) -> list[MissingFiles]:
    """The pictures and the weights whose files have gone."""
    pictures = [one for one in saved.pictures if not one.png and one.key not in there]
    names = dict.fromkeys(column.model.name for column in saved.columns)
    weights = [one for one in names if is_checkpoint(one) and not Path(one).exists()]
    return [
        *(MissingFiles(one.key, one.name, one.path) for one in pictures),
        *(MissingFiles(one, Path(one).name, one) for one in weights),
    ]


def beside_this(path: Path, missing: Sequence[MissingFiles]) -> dict[str, str]:
    """Where one file was found again, others of the same names may lie: key to path."""
    found = {}
    for picture in missing:
        candidate = path.parent / Path(picture.path).name
        if candidate.is_file():
            found[picture.key] = str(candidate)
    return found


def opened_pictures(
    saved: SavedSession, there: Mapping[str, Path], progress: Progress
) -> tuple[dict[str, Picture], list[str]]:
    """The pictures by the key they were saved under, and the sentences about those that changed."""
    pictures, problems = {}, []
    for number, one in enumerate(saved.pictures):
        progress(number, len(saved.pictures), _("opening {name}").format(name=one.name))
        source = there.get(one.key)
        try:
            if source is not None:
                pictures[one.key] = open_picture(source, name=one.name, choice=one.choice)
            elif one.png:
                pictures[one.key] = open_picture(one.png, name=one.name)
            else:
                problems.append(_("{name} was not found and left out").format(name=one.name))
                continue
        except BadImage as error:
            problems.append(sentence(error, _("opening {name}").format(name=one.name)))
            continue
        if pictures[one.key].key != one.key:
            problems.append(
                _("{name} has changed since the session was saved").format(name=one.name)
            )
    return pictures, problems


def known_options(saved: SavedSession) -> tuple[dict[str, dict[str, OptionValue]], list[str]]:
    """The options that there still are, and a sentence for each that is no more."""
    known: dict[str, dict[str, OptionValue]] = {}
    problems = []
    for view, values in saved.options.items():
        for name, value in values.items():
            try:
                arguments(find(view).function, {name: value})
            except VitvizError as error:
                problems.append(_("not restored: {error}").format(error=error))
            else:
                known.setdefault(view, {})[name] = value
    return known, problems


def _png(picture: Picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture.pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _beside(picture: SavedPicture, folder: Path) -> SavedPicture:
    if not picture.path:
        return picture
    try:
        way = os.path.relpath(picture.path, folder)
    except ValueError:  # another drive
        way = ""
    return msgspec.structs.replace(picture, beside=Path(way).as_posix() if way else "")


def _from(file: Path, way: str) -> str:
    return str(file.absolute().parent / way) if way else ""
