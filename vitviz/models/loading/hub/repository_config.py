"""What a repository of the hub says of its model: a closed set of words, whatever else is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm

from vitviz.core.data.recipe import checked_arguments
from vitviz.core.progress import BadModel

MOST = 4 * 2**20
"""Bytes of a config.json; ImageNet-21k's names and descriptions take 2 MB."""

_CONFIG = (
    "input_size",
    "fixed_input_size",
    "pool_size",
    "num_classes",
    "crop_pct",
    "crop_mode",
    "interpolation",
    "mean",
    "std",
    "first_conv",
    "classifier",
    "license",
    "label_names",
    "label_descriptions",
    "min_input_size",
)
"""What is taken of `pretrained_cfg`; an address or a file in it would be fetched or read by timm."""


def described(file: Path, repository: str) -> tuple[str, dict[str, Any]]:
    """timm's architecture that a config.json names, and the arguments that `timm.create_model` gets.

    BadModel for a file that is too large, damaged, or asks for more than an architecture's sizes.
    """
    found = _read(file, repository)
    architecture = found.get("architecture")
    if not isinstance(architecture, str) or not timm.is_model(architecture):
        raise BadModel(
            f"the config.json of {repository} names no architecture that timm {timm.__version__} has "
            f"({str(architecture)[:60]!r}); download its weights, open the file, and name one"
        )
    config = {**found, **_mapping(found.get("pretrained_cfg"))}
    config = {key: config[key] for key in _CONFIG if config.get(key) is not None}
    own = _mapping(found.get("model_args"))
    arguments = checked_arguments({key: _plain(value) for key, value in own.items()}, repository)
    return architecture, {
        "pretrained_cfg": {**config, "architecture": architecture, "hf_hub_id": repository},
        **arguments,
    }


def _read(file: Path, repository: str) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > MOST:
            raise BadModel(
                f"the config.json of {repository} has {file.stat().st_size:,} bytes, more than the "
                f"{MOST:,} that are read; it is no model's description"
            )
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(
            f"the config.json of {repository} is damaged ({type(error).__name__}); download the "
            "weights, open the file, and name the architecture"
        ) from error
    if not isinstance(found, dict):
        raise BadModel(f"the config.json of {repository} describes no model: it is no JSON object")
    return found


def _mapping(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> Any:
    """JSON has lists where timm's sizes are tuples."""
    return tuple(value) if isinstance(value, list) else value
