"""What transformers' config.json beside a checkpoint says of the network that sees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Config = Mapping[str, Any]


def config_beside(path: Path) -> dict[str, Any]:
    """The part about the network that sees, with `model_type`; {} where there is no such file."""
    found: Any = None
    with suppress(OSError, ValueError):
        found = json.loads(path.with_name("config.json").read_text(encoding="utf-8-sig"))
    if not isinstance(found, dict) or "model_type" not in found or "architecture" in found:
        return {}
    vision = found.get("vision_config")
    if isinstance(vision, dict):
        return {"model_type": found["model_type"], **vision}
    return dict(found)


def picture_of(config: Config) -> tuple[int, int] | None:
    """The picture (rows, cols) of `image_size`; None where it is not said."""
    size = config.get("image_size")
    if isinstance(size, int):
        return size, size
    if isinstance(size, list | tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    if isinstance(size, dict) and {"height", "width"} <= set(size):
        return int(size["height"]), int(size["width"])
    return None


def width_of(config: Config) -> int | None:
    """The width of the first tokens; None where it is not said."""
    width = config.get("embed_dim", config.get("hidden_size"))
    return width if isinstance(width, int) else None
