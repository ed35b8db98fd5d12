"""Models: loaded, run once over a picture, and every attention call recorded and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitviz.models.api import (
    cost,
    devices,
    dimensions,
    load,
    names,
    to_fetch,
    trace,
    with_prompts,
    write_card,
)
from vitviz.models.loading.bundled import BundledModel, bundled

if TYPE_CHECKING:
    from vitviz.models.loading.model import Model

__all__ = [
    "BundledModel",
    "Model",
    "bundled",
    "cost",
    "devices",
    "dimensions",
    "load",
    "names",
    "to_fetch",
    "trace",
    "with_prompts",
    "write_card",
]


def __getattr__(name: str) -> Any:
    """`Model` is found when it is first used: it brings torch."""
    if name == "Model":
        from vitviz.models.loading import model

        return model.Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
