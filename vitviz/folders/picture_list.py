"""The pictures of a folder in a fixed order, cut into fixed parts, whoever makes which of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vitviz.core.pictures.picture_files import picture_files
from vitviz.core.progress import VitvizError
from vitviz.core.storage import place_of

PART = 64
"""Pictures of a part: what is done, or repeated, as a whole."""


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """All pictures of a folder, in natural order; part `n` is pictures `n * PART` to `(n + 1) * PART`.

    The same folder gives the same parts on every machine.
    """

    folder: Path
    files: tuple[Path, ...]

    @property
    def parts(self) -> int:
        """How many parts there are, the last one maybe shorter."""
        return -(-len(self.files) // PART)

    def part(self, number: int) -> tuple[Path, ...]:
        """The pictures of a part."""
        return self.files[number * PART : (number + 1) * PART]

    def shard(self, at: int, count: int) -> Iterator[int]:
        """The parts of one machine of `count`; `at` counts from 1."""
        return iter(range(at - 1, self.parts, count))

    def inside(self, file: Path) -> str:
        """What to call a picture: its path in the folder, with slashes."""
        within = file.is_relative_to(self.folder)
        return file.relative_to(self.folder).as_posix() if within else file.name

    @property
    def digest(self) -> str:
        """Of all names in order: two lists with the same one have the same parts."""
        names = hashlib.sha256()
        for file in self.files:
            names.update(self.inside(file).encode("utf-8", "surrogatepass") + b"\0")
        return names.hexdigest()


def pictures_in(folder: str | Path) -> FolderPictures:
    """The pictures of a folder and of the folders in it. VitvizError where there are none."""
    where = place_of(folder)
    if not where.exists():
        raise VitvizError(f"there is no folder {where}; name one with pictures")
    files = tuple(picture_files([where]))
    if not files:
        raise VitvizError(f"there are no pictures in {where}; name a folder that has some")
    return FolderPictures(where, files)
