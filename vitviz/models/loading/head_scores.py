"""Whether a head chooses one class or answers yes or no for each: read beside the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.json_file import read_mapping


def multi_label_beside(path: Path) -> bool | None:
    """What a card or a config.json beside a checkpoint (or in its folder) says; None for nothing.

    Hugging Face writes `problem_type` ("multi_label_classification", "single_label_classification").
    """
    folder = path if path.is_dir() else path.parent
    own = [] if path.is_dir() else [path.with_suffix(".json")]
    for file in (*own, folder / "config.json"):
        said = _said(file)
        if said is not None:
            return said
    return None


def _said(file: Path) -> bool | None:
    try:
        found: Any = read_mapping(file)
    except BadModel:
        return None
    match found:
        case {"multi_label": bool() as said}:
            return said
        case {"problem_type": "multi_label_classification"}:
            return True
        case {"problem_type": "single_label_classification"}:
            return False
    return None
