"""A folder or repository that transformers wrote, built by it where no table maps its names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.checkpoint_files import checkpoint_path
from vitviz.models.loading.checkpoint.json_file import read_mapping
from vitviz.models.loading.hub.repository_folder import cached_folder
from vitviz.models.loading.model import Model
from vitviz.models.loading.sources import library_named
from vitviz.models.loading.sources.sourced_loading import load_sourced
from vitviz.models.loading.timm_models import HUB


def saved_by_transformers(name: str | Path) -> Path | None:
    """The folder of save_pretrained that a path or a repository of the hub means; None for another."""
    path = checkpoint_path(name)
    if path is None and str(name).startswith(HUB):
        path = cached_folder(str(name).removeprefix(HUB))
    folder = path if path is None or path.is_dir() else path.parent
    if folder is None or not (folder / "config.json").is_file():
        return None
    config = read_mapping(folder / "config.json")  # of transformers alone, not open_clip's
    return folder if "model_type" in config and "quantization_config" not in config else None


def by_transformers(error: BadModel, name: str | Path, **wishes: Any) -> Callable[..., Model]:
    """How transformers makes the model of a folder that it wrote and whose names are not mapped here.

    The error itself, or a BadModel that adds to it, where the folder is not of save_pretrained, or
    transformers is not there.
    """
    folder = saved_by_transformers(name)
    if folder is None:
        raise error
    try:
        library = library_named("transformers", name)
    except BadModel as missing:
        raise BadModel(f"{error}; {missing}") from error
    return partial(
        load_sourced,
        library,
        str(folder),
        called=name,
        pretrained=True,
        allow_download=False,
        **wishes,
    )
