"""What transformers' config.json beside a checkpoint says of the network that sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitviz.models.loading.libraries.layout import LibraryConfig


def vision_part(config: LibraryConfig) -> dict[str, Any]:
    """The part of a config.json about the network that sees, with `model_type`.

    {} where it is no config of transformers' (timm's names an architecture).
    """
    if "model_type" not in config or "architecture" in config:
        return {}
    vision = config.get("vision_config")
    if isinstance(vision, Mapping):
        return {"model_type": config["model_type"], **vision}
    return dict(config)


def picture_of(config: LibraryConfig) -> tuple[int, int] | None:
    """The picture (rows, cols) of `image_size`; None where it is not said."""
    size = config.get("image_size")
    if isinstance(size, int):
        return size, size
    if isinstance(size, list | tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    if isinstance(size, dict) and {"height", "width"} <= set(size):
        return int(size["height"]), int(size["width"])
    return None


def width_of(config: LibraryConfig) -> int | None:
    """The width of the first tokens; None where it is not said."""
    width = config.get("embed_dim", config.get("hidden_size"))
    return width if isinstance(width, int) else None
