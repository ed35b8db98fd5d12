"""Libraries that models come from beside timm: one file each, found by the first word of a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from torch import Tensor, nn

from vitviz.core.progress import BadModel
from vitviz.models.loading.text_tower import TextTower


@dataclass(frozen=True, slots=True, eq=False)
class SourcedModule:
    """What a library gives: the module, how it is called, its own preprocessing as a function, and
    what it says of itself. `classes`: whether the answer has a number for each class. `text`: its side
    that reads words.
    """

    module: nn.Module
    architecture: str
    transform: Callable[[Image.Image], Any] | None = None
    call: Callable[[Any, Tensor], Any] | None = None
    labels: tuple[str, ...] = ()
    classes: bool = True
    source: str = ""
    weights_hash: str = ""
    text: TextTower | None = None


class SourceLibrary(Protocol):
    """A library of models."""

    def build(self, name: str, *, pretrained: bool, allow_download: bool) -> SourcedModule:
        """The model of that name in the library. BadModel, in a sentence, where there is none."""


_SOURCES = {
    "torchvision": ("torchvision_models", "torchvision", "vitviz"),
    "transformers": ("transformers_models", "transformers", "vitviz[transformers]"),
    "open_clip": ("open_clip_models", "open_clip", "vitviz[openclip]"),
}
"""By the first word of a name: the file here, what it imports, and what to install."""


def source_of(name: str | Path) -> tuple[SourceLibrary, str] | None:
    """The library that a name asks for and the name in it; None for a name of vitviz's or timm's own.

    BadModel where the library is not installed.
    """
    library, slash, rest = str(name).partition("/")
    if isinstance(name, Path) or not slash or library not in _SOURCES or not rest:
        return None
    return library_named(library, name), rest


def library_named(library: str, name: str | Path) -> SourceLibrary:
    """A library that models come from. BadModel, which says what to install, where it is not there."""
    file, wanted, extra = _SOURCES[library]
    if find_spec(wanted) is None:
        raise BadModel(f"{name} needs {wanted}, which is not installed; pip install '{extra}'")
    source: SourceLibrary = import_module(f"{__name__}.{file}").SOURCE
    return source
