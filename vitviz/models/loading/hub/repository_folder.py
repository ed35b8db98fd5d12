"""A repository of the hub as a folder: its weights, and what describes them for whatever library."""

from __future__ import annotations

import re
from pathlib import Path

import timm
from huggingface_hub.errors import EntryNotFoundError

from vitviz.core.progress import BadModel, Progress
from vitviz.models.loading.checkpoint.json_file import read_mapping
from vitviz.models.loading.hub.download import fetch
from vitviz.models.loading.hub.hub_files import CONFIGS, FILES, INDEX, cached, check_name
from vitviz.models.loading.hub.repository_config import MOST

_SHARDS = 256
"""Most files that one model may be cut into."""


def repository_folder(
    repository: str, name: str, progress: Progress, *, allowed: bool
) -> Path | None:
    """The folder with all that a model of transformers or open_clip needs, fetched where it is not.

    None for a repository that timm's own words describe, or that nothing describes. BadModel as
    `fetch`.
    """
    try:
        config = fetch(repository, name, progress, files=CONFIGS, allowed=allowed, most=MOST)
    except BadModel as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            return None
        raise
    found = read_mapping(config)
    is_timms = timm.is_model(str(found.get("architecture", "")))
    if is_timms or (config.name == CONFIGS[0] and "model_type" not in found):
        return None
    _fetch_if_there(repository, name, "preprocessor_config.json", progress, allowed=allowed)
    return _weights(repository, name, progress, allowed=allowed).parent


def cached_folder(repository: str) -> Path | None:
    """The same folder where it is on this computer already; None for what is no repository's name."""
    try:
        check_name(repository)
    except BadModel:
        return None
    found = cached(repository, (*FILES, INDEX))
    return None if found is None else found.parent


def _fetch_if_there(
    repository: str, name: str, file: str, progress: Progress, *, allowed: bool
) -> None:
    if cached(repository, (file,)) is not None or not allowed:
        return
    try:
        fetch(repository, name, progress, files=(file,), allowed=allowed, most=MOST)
    except BadModel as error:
        if not isinstance(error.__cause__, EntryNotFoundError):
            raise


def _weights(repository: str, name: str, progress: Progress, *, allowed: bool) -> Path:
    """The weights' file, or the index of several that are all here then."""
    file = fetch(repository, name, progress, files=(*FILES, INDEX), allowed=allowed)
    if file.name != INDEX:
        return file
    named = read_mapping(file).get("weight_map")
    shards = set(named.values()) if isinstance(named, dict) else set()
    plain = [each for each in shards if isinstance(each, str) and re.fullmatch(r"[\w.\-]+", each)]
    if not plain or len(plain) != len(shards) or len(plain) > _SHARDS:
        raise BadModel(
            f"the index of {repository} names no files of weights beside itself; nothing is fetched"
        )
    for each in sorted(plain):
        if not each.endswith(".safetensors") or each.startswith("."):
            raise BadModel(
                f"the index of {repository} names {each[:60]!r}, which is no safetensors"
            )
        fetch(repository, name, progress, files=(each,), allowed=allowed)
    return file
