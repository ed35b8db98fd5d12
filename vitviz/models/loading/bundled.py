"""The models that come with vitviz, found by their cards; read without importing torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vitviz.core.resources import resource_folder


@dataclass(frozen=True, slots=True, eq=False)
class BundledModel:
    """A model in the installation: what `load` takes as `name`, its sizes, its whole card, its file."""

    name: str
    title: str
    patch_sizes: tuple[int, ...]
    default_patch_size: int
    input_size: tuple[int, int]
    card: dict[str, Any]
    file: Path

    @property
    def positions(self) -> bool:
        """Whether position embeddings tell it where a patch lies."""
        return bool(self.card["architecture"]["arguments"].get("pos_embed") != "none")


@cache
def bundled() -> tuple[BundledModel, ...]:
    """The bundled models, by name; () where the installation has none."""
    return bundled_in(resource_folder() / "models")


def bundled_in(folder: Path) -> tuple[BundledModel, ...]:
    """The models in a folder: cards `<stem>.json` with weights `<stem>.safetensors` beside them."""
    found = []
    for path in sorted(folder.glob("*.json")):
        file = path.with_suffix(".safetensors")
        if not file.is_file():
            continue
        card = json.loads(path.read_text(encoding="utf-8"))
        found.append(_model(card, file))
    return tuple(sorted(found, key=lambda model: (model.card.get("order", 100), model.name)))


def _model(card: dict[str, Any], file: Path) -> BundledModel:
    default = int(card.get("default_patch_size") or card["architecture"]["arguments"]["patch_size"])
    rows, cols = card["input_size"][-2:]
    return BundledModel(
        name=str(card["name"]),
        title=str(card.get("title") or card["name"]),
        patch_sizes=tuple(map(int, card.get("patch_sizes") or (default,))),
        default_patch_size=default,
        input_size=(int(rows), int(cols)),
        card=card,
        file=file,
    )
