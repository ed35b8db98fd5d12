"""Which files each picture of a batch becomes, and which machine makes them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from vitviz.core.files import fitting_name
from vitviz.core.pictures.picture_files import picture_files


class OutputFiles:
    """Files in `out`, in folders as the pictures lie in `folder`: a stem and each of the endings."""

    def __init__(self, folder: Path, out: Path, endings: Sequence[str]) -> None:
        self._folder, self._out, self._endings = folder, out, tuple(endings)

    def of(self, picture: Path) -> dict[str, Path]:
        """A picture's files by their endings, such as "heads.png"."""
        inside = self._inside(picture)
        twin = inside.with_suffix("") in self._twins
        stem = inside.name.replace(".", "-") if twin else inside.stem
        place = self._out / inside.parent
        return {ending: place / fitting_name(stem, f"-{ending}") for ending in self._endings}

    @cached_property
    def _twins(self) -> frozenset[Path]:
        """Names that several pictures share but for their suffix."""
        names = [self._inside(file).with_suffix("") for file in picture_files([self._folder])]
        return frozenset(name for name, count in Counter(names).items() if count > 1)

    def _inside(self, picture: Path) -> Path:
        """A picture's place in its folder."""
        inside = picture.is_relative_to(self._folder)
        return picture.relative_to(self._folder) if inside else Path(picture.name)


def pictures_of(folder: Path, shard: tuple[int, int]) -> list[Path]:
    """This machine's part of the pictures in a folder: by their names, so that parts never overlap."""
    at, parts = shard
    return [file for file in picture_files([folder]) if _part(file, folder, parts) == at - 1]


def _part(file: Path, folder: Path, parts: int) -> int:
    name = file.relative_to(folder).as_posix().encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:8]) % parts
