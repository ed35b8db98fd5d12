"""The library's models as rows: what they are, which of them are wanted, in which order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vitviz.core.measures.cost import ModelDimensions, cost
from vitviz.core.progress import Unsupported
from vitviz.models.catalogue.catalogue import CatalogueEntry
from vitviz.models.catalogue.training_words import TrainingFacts
from vitviz.models.loading.bundled import BundledModel

ModelSource = Literal["timm", "bundled", "file"]
LibraryShelf = Literal["all", "disk", "favourites", "bundled", "files"]
SortKey = Literal["name", "parameters", "tokens"]

FREE = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc0-1.0")
"""Licences that allow any use."""
_LONGEST_HEADER = 2**24
_BYTES = 4  # of a number in float32


@dataclass(frozen=True, slots=True)
class LibraryItem:
    """A model in the library; 0 and "" where a fact is not known.

    `download` is the download's size in bytes, `exact` when it is that of the file on disk;
    `repository` is "" for what is no download.
    """

    name: str
    title: str
    source: ModelSource
    kind: str = ""
    patch: int = 0
    size: tuple[int, int] = (0, 0)
    tokens: int = 0
    registers: int = 0
    depth: int = 0
    dim: int = 0
    parameters: int = 0
    classes: int = 0
    trained_on: str = ""
    learning: TrainingFacts = ""
    licence: str = ""
    repository: str = ""
    download: int = 0
    exact: bool = False
    on_disk: bool = False
    words: str = ""
    """All that a search looks through, in small letters."""


@dataclass(frozen=True, slots=True)
class ModelNeeds:
    """What a model takes before it runs: tokens, bytes of its weights, and bytes kept a picture.

    `problem` says why it cannot read pictures of that size, "" where it can.
    """

    tokens: int
    weights: int
    picture: int
    problem: str = ""

    def over(self, budget: int) -> bool:
        """Whether it does not fit in what may be kept."""
        return max(self.weights, self.picture) > budget


@dataclass(frozen=True, slots=True)
class LibraryFilters:
    """What the user looks for; the defaults leave everything."""

    text: str = ""
    shelf: LibraryShelf = "all"
    patch: int = 0
    parameters: tuple[int, int] = (0, 0)  # from, up to; 0 is no bound
    learning: TrainingFacts = ""
    registers: bool = False
    free: bool = False
    order: SortKey = "name"

    @property
    def narrow(self) -> bool:
        """Whether anything beside the text leaves models out."""
        return replace(self, text="", order="name") != LibraryFilters()


def timm_item(entry: CatalogueEntry, on_disk: int = 0) -> LibraryItem:
    """A pretrained model of timm; `on_disk` the bytes of its file, 0 where it is not here."""
    trained, learned = entry.trained_on, entry.learning
    words = (entry.name, entry.kind, trained, learned, entry.licence)
    return LibraryItem(
        entry.name,
        entry.name,
        "timm",
        entry.kind,
        entry.patch,
        entry.size,
        entry.tokens,
        entry.registers,
        entry.depth,
        entry.dim,
        entry.parameters,
        entry.classes,
        trained,
        learned,
        entry.licence,
        entry.repository,
        on_disk or entry.bytes_estimated,
        bool(on_disk),
        bool(on_disk),
        " ".join(words).lower(),
    )


def bundled_item(model: BundledModel) -> LibraryItem:
    """A model that came with vitviz."""
    card, patch = model.card, model.default_patch_size
    described = card.get("architecture", {})
    arguments = described.get("arguments", {}) if isinstance(described, dict) else {}
    rows, cols = model.input_size
    prefix = int(arguments.get("class_token", True)) + int(arguments.get("reg_tokens", 0))
    return LibraryItem(
        model.name,
        model.title,
        "bundled",
        str(described.get("class", "")),
        patch,
        model.input_size,
        (rows // patch) * (cols // patch) + prefix,
        int(arguments.get("reg_tokens", 0)),
        int(arguments.get("depth", 0)),
        int(arguments.get("embed_dim", 0)),
        numbers_in(model.file),
        len(card.get("classes") or ()),
        str(card.get("data", "")).partition(":")[0],
        "labels",
        str(card.get("licence", "")),
        "",
        _size(model.file),
        True,
        True,
        f"{model.name} {model.title} bundled".lower(),
    )


def file_item(path: str) -> LibraryItem:
    """A checkpoint file that was opened before."""
    size = _size(Path(path))
    return LibraryItem(
        path,
        Path(path).name,
        "file",
        parameters=numbers_in(Path(path)),
        download=size,
        exact=True,
        on_disk=size > 0,
        words=f"{path} file".lower(),
    )


def found(
    items: Iterable[LibraryItem], filters: LibraryFilters, favourites: frozenset[str]
) -> list[LibraryItem]:
    """The items that are wanted, in order: first what begins with the text, else what is at hand."""
    words = filters.text.lower().split()
    kept = [item for item in items if _wanted(item, filters, words, favourites)]
    match filters.order:
        case "parameters":
            kept.sort(key=lambda item: (item.parameters or 10**12, item.name))
        case "tokens":
            kept.sort(key=lambda item: (item.tokens or 10**12, item.name))
        case "name" if words:
            kept.sort(key=lambda item: not item.name.startswith(words[0]))
        case "name":
            kept.sort(key=lambda item: not (item.on_disk or item.name in favourites))
    return kept


def needs(item: LibraryItem, side: int | None = None) -> ModelNeeds:
    """What a model takes for pictures of `side` pixels (None: its own); 0 where that is not known."""
    rows, cols = item.size
    weights = _BYTES * item.parameters
    if not (item.patch and item.tokens and rows):
        return ModelNeeds(0, weights, 0)
    prefix = max(item.tokens - (rows // item.patch) * (cols // item.patch), 0)
    known = ModelDimensions(item.name, item.patch, item.size, item.depth, item.dim, prefix, 0, ())
    # Its own size may be padded by the model; another has to be divided by the patches.
    own = (rows // item.patch * item.patch, cols // item.patch * item.patch)
    try:
        found = cost(replace(known, input_size=own), size=(side, side) if side else own)
    except Unsupported as error:
        return ModelNeeds(0, weights, 0, str(error))
    return ModelNeeds(found.tokens, weights, found.trace_bytes)


def in_order(items: Iterable[LibraryItem]) -> tuple[LibraryItem, ...]:
    """Bundled models first, then files, then timm's; each as they came, timm's own order is by name."""
    ranks = {"bundled": 0, "file": 1, "timm": 2}
    return tuple(sorted(items, key=lambda item: ranks[item.source]))


def patches(items: Sequence[LibraryItem]) -> list[int]:
    """The patch sizes there are, rising."""
    return sorted({item.patch for item in items if item.patch})


def _wanted(
    item: LibraryItem, filters: LibraryFilters, words: Sequence[str], favourites: frozenset[str]
) -> bool:
    low, high = filters.parameters
    return (
        all(word in item.words for word in words)
        and _on_shelf(item, filters.shelf, favourites)
        and filters.patch in (0, item.patch)
        and low <= item.parameters
        and (high == 0 or 0 < item.parameters <= high)
        and (filters.learning in ("", item.learning))
        and (not filters.registers or item.registers > 0)
        and (not filters.free or item.licence.lower() in FREE)
    )


def _on_shelf(item: LibraryItem, shelf: LibraryShelf, favourites: frozenset[str]) -> bool:
    match shelf:
        case "all":
            return True
        case "disk":
            return item.on_disk
        case "favourites":
            return item.name in favourites
        case "bundled":
            return item.source == "bundled"
        case "files":
            return item.source == "file"


def numbers_in(path: Path) -> int:
    """How many numbers a .safetensors file says it holds; 0 for other files."""
    if path.suffix.lower() != ".safetensors":
        return 0
    with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        header.pop("__metadata__", None)
        return sum(math.prod(tensor["shape"]) for tensor in header.values())
    return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
