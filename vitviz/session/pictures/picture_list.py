"""The pictures that are open, and those closed by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.trace import Picture
from vitviz.core.language import _
from vitviz.core.pictures.foreign_formats import counted
from vitviz.core.pictures.picture_files import SUFFIXES, open_picture, picture_files
from vitviz.core.progress import Cancelled, Progress
from vitviz.session.pictures.web_picture import fetch, file_name
from vitviz.session.work.log import sentence


def is_address(source: object) -> bool:
    """Whether a source is the address of something on the web."""
    return isinstance(source, str) and urlsplit(source).scheme in ("http", "https")


@dataclass(frozen=True, slots=True)
class PicturePart:
    """Another page, other bands or converted colours of a picture's file."""

    file: Path
    choice: PictureChoice


PictureSource = str | Path | bytes | tuple[str, bytes] | np.ndarray | PicturePart | Picture
_REMEMBERED = 10
_REMEMBERED_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class PictureList:
    """The film strip: open pictures in order, and the last closed ones with where they were."""

    open: tuple[Picture, ...] = ()
    closed: tuple[tuple[int, Picture], ...] = ()

    def find(self, key: str | None) -> Picture | None:
        """The open picture of that key."""
        return next((picture for picture in self.open if picture.key == key), None)

    def index(self, key: str | None) -> int:
        """Its position; -1 where it is not open."""
        return next((i for i, picture in enumerate(self.open) if picture.key == key), -1)

    def added(self, *pictures: Picture) -> PictureList:
        """With more at the end."""
        return replace(self, open=(*self.open, *pictures))

    def with_open(self, pictures: tuple[Picture, ...]) -> PictureList:
        """With these open, instead of those there are."""
        return replace(self, open=pictures)

    def exchanged(self, key: str, picture: Picture) -> PictureList:
        """With another picture in the place of one: another page of its file."""
        there = tuple(picture if one.key == key else one for one in self.open)
        return replace(self, open=there)

    def joined(self, pictures: Sequence[Picture]) -> tuple[PictureList, list[str]]:
        """With those that are not open yet; a sentence for each that is, by another name."""
        there = {one.key: one for one in self.open}
        new, said = [], []
        for picture in pictures:
            known = there.setdefault(picture.key, picture)
            if known is picture:
                new.append(picture)
            elif known.name != picture.name:
                said.append(
                    _("{name} is open already (as {other})").format(
                        name=picture.name, other=known.name
                    )
                )
        return (self.added(*new) if new else self), said

    def without(self, key: str) -> PictureList:
        """With one closed, which is remembered."""
        index = self.index(key)
        if index < 0:
            return self
        closed = [*self.closed, (index, self.open[index])][-_REMEMBERED:]
        while len(closed) > 1 and _bytes(picture for _, picture in closed) > _REMEMBERED_BYTES:
            del closed[0]
        return PictureList((*self.open[:index], *self.open[index + 1 :]), tuple(closed))

    def reopened(self) -> tuple[PictureList, Picture | None]:
        """With the last closed one back where it was; None where nothing was closed."""
        if not self.closed:
            return self, None
        *rest, (index, picture) = self.closed
        if self.find(picture.key) is not None:
            return replace(self, closed=tuple(rest)), picture
        opened = (*self.open[:index], picture, *self.open[index:])
        return PictureList(opened, tuple(rest)), picture

    @property
    def bytes(self) -> int:
        """Memory of the open pictures' pixels."""
        return _bytes(self.open)

    @property
    def keys(self) -> frozenset[str]:
        """Of all pictures that are open or can be reopened."""
        return frozenset(p.key for p in (*self.open, *(picture for _, picture in self.closed)))


def _bytes(pictures: Iterable[Picture]) -> int:
    return sum(picture.pixels.nbytes for picture in pictures)


def read_sources(
    sources: Sequence[PictureSource],
    progress: Progress,
    opened: Callable[[Picture], None],
    room: int,
) -> list[str]:
    """Opens what was dropped, one after the other; the sentences about what could not be opened.

    Folders are walked. `opened` is called with each picture; reading ends when `room` bytes are full.
    """
    problems: list[str] = []
    entries = list(_entries(sources, problems))
    held = 0
    for number, (name, source) in enumerate(entries):
        of = (
            _("{number} of {entries_count}: ").format(number=number + 1, entries_count=len(entries))
            if len(entries) > 1
            else ""
        )
        progress(number, len(entries), _("opening {of}{name}").format(of=of, name=name))
        try:
            match source:
                case Picture():
                    picture = source
                case PicturePart():
                    picture = open_picture(source.file, name=name, choice=source.choice)
                case str():
                    picture = open_picture(fetch(source, progress), name=name)
                case _:
                    picture = open_picture(source, name=name)
        except Cancelled:
            raise
        except Exception as error:
            problems.append(sentence(error, _("opening {name}").format(name=name)))
            continue
        held += picture.pixels.nbytes
        opened(picture)
        if held > room and number + 1 < len(entries):
            problems.append(
                _(
                    "{number} of {entries_count} pictures were opened, then the memory "
                    "for pictures was full; close some to open more"
                ).format(number=number + 1, entries_count=len(entries))
            )
            break
    return counted(problems)


def _entries(
    sources: Sequence[PictureSource], problems: list[str]
) -> Iterator[tuple[str, str | Path | bytes | np.ndarray | PicturePart | Picture]]:
    """(name, source) of everything to open; a source that is a str is an address on the web."""
    for source in sources:
        match source:
            case str() if is_address(source):
                yield file_name(source), source
            case (str() as name, bytes() as data):
                yield name, data
            case PicturePart():
                yield source.file.name, source
            case Picture():
                yield source.name, source
            case bytes() | np.ndarray():
                yield _("pasted picture"), source
            case str() | Path():
                files = picture_files([source])
                if not files:
                    endings = " ".join(SUFFIXES[:8])
                    problems.append(
                        _("{name} holds no picture; its files would end in {endings}").format(
                            name=Path(source).name, endings=endings
                        )
                    )
                yield from ((file.name, file) for file in files)
