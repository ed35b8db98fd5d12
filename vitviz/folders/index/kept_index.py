"""Indexes that the window makes: kept among what can be made again, found by what they are of."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from vitviz.core.files import cache_folder
from vitviz.folders.index.vector_index import IndexKind


def kept_index(folder: Path, model: str, kind: IndexKind, layer: int) -> Path:
    """Where the index of a folder is kept; `model` is everything that was said of the model.

    The same folder, model, kind and layer have the same place, so that an index is gone on with.
    """
    asked = "\n".join((str(folder.resolve()), model, kind, str(layer)))
    name = re.sub(r"[^\w.-]+", "-", folder.name)[:40] or "folder"
    digest = sha256(asked.encode(errors="surrogateescape")).hexdigest()[:12]
    return cache_folder() / "indexes" / f"{name}-{digest}.index"


def is_index(folder: Path) -> bool:
    """Whether a folder is an index and not one of pictures."""
    return (folder / "about.json").is_file() and (folder / "pictures.jsonl").is_file()
