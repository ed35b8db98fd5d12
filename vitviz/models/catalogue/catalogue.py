"""All of timm's pretrained transformers with their facts, read in a moment; imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vitviz.core.files import cache_folder, whole
from vitviz.core.resources import resource
from vitviz.models.catalogue.training_words import TrainingFacts, learning, trained_on

FILE = "catalogue.json"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A pretrained model; 0 and "" where a fact is not known.

    `patch` is the side of what one token covers at the first attention, `size` (rows, cols) of the
    input in pixels, `tokens` counts those of the first attention with their prefix, `registers`
    those that are registers, `depth` blocks and `dim` the width of the last; `numbers` are in the
    file, with buffers; `shapes` marks the architecture (`shapes.fingerprint`); `repository` is the
    hub's.
    """

    name: str
    kind: str
    patch: int
    size: tuple[int, int]
    tokens: int
    registers: int
    depth: int
    dim: int
    parameters: int
    numbers: int
    shapes: str
    classes: int
    licence: str
    repository: str

    @property
    def architecture(self) -> str:
        """The name without its tag."""
        return self.name.partition(".")[0]

    @property
    def tag(self) -> str:
        """What timm calls the training."""
        return self.name.partition(".")[2]

    @property
    def trained_on(self) -> str:
        """Method and data in words; "" where the tag is not known."""
        return trained_on(self.tag)

    @property
    def learning(self) -> TrainingFacts:
        """How the weights were learned last."""
        return learning(self.architecture, self.tag)

    @property
    def bytes_estimated(self) -> int:
        """The size of the download if it is in float32, as nearly all are."""
        return 4 * self.numbers


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    """The entries by name, and the version of timm that they were read from.

    `others` are timm's architectures without attention, which need not be looked at again.
    """

    timm: str
    entries: tuple[CatalogueEntry, ...]
    others: frozenset[str] = frozenset()


def installed_timm() -> str:
    """The version of timm that is installed; "" where it is not. Does not import it."""
    try:
        return version("timm")
    except PackageNotFoundError:
        return ""


def catalogue() -> ModelCatalogue:
    """The catalogue of the installed timm where one has been made, else the one in the package."""
    own = cache_file(installed_timm())
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _read(own, own.stat().st_mtime_ns)
    return bundled_catalogue()


def bundled_catalogue() -> ModelCatalogue:
    """The catalogue that comes with vitviz."""
    file = resource(FILE)
    return _read(file, file.stat().st_mtime_ns)


def cache_file(timm: str) -> Path:
    """Where the catalogue of another version of timm is kept."""
    return cache_folder() / f"catalogue-timm-{timm}.json"


def write(found: ModelCatalogue, file: Path) -> None:
    """Writes a catalogue, all or nothing. VitvizError where the folder cannot be written."""
    names = [field.name for field in fields(CatalogueEntry)]
    rows = ",\n".join(json.dumps(astuple(entry), separators=(",", ":")) for entry in found.entries)
    text = (
        f'{{"timm": "{found.timm}",\n"fields": {json.dumps(names)},\n"models": [\n{rows}\n],\n'
        f'"others": {json.dumps(sorted(found.others))}}}\n'
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@cache
def _read(file: Path, _changed: int) -> ModelCatalogue:
    found = json.loads(file.read_text(encoding="utf-8"))
    if found["fields"] != [field.name for field in fields(CatalogueEntry)]:
        raise ValueError(f"{file} was written by another vitviz")
    entries = tuple(_entry(row) for row in found["models"])
    return ModelCatalogue(found["timm"], entries, frozenset(found["others"]))


def _entry(row: Sequence[object]) -> CatalogueEntry:
    name, kind, patch, size, *rest = row
    return CatalogueEntry(name, kind, patch, tuple(size), *rest)  # type: ignore[arg-type]
