"""Families of models: which token is where. One file a family; they find and register themselves."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.old_paths import renamed
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import TraceLayers

PositionTable = Float32[np.ndarray, "patch dim"]


class Family(Protocol):
    """What vitviz must know of a kind of model beyond its attention calls.

    >>> from vitviz.models.families import families, family_of
    >>> name, found = family_of(model.module)
    >>> name, found.grid(model.module, (160, 160)).tokens
    ('vit', 101)
    >>> table, why_none = found.positions(model.module, trace.grid)
    >>> table.shape, why_none  # (patch dim)
    ((100, 64), '')
    """

    def matches(self, module: nn.Module) -> bool:
        """Whether a model is of this family."""

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The patches of a picture of (rows, cols) pixels, behind their prefix tokens by true name."""

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        """The recorded calls as layers."""

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """Position embeddings as added for this grid, or None and why there are none."""

    def anatomy(self, module: nn.Module) -> Anatomy:
        """Where the parts of a model are; a family without it has them by timm's names."""


_registered: dict[str, tuple[int, Family]] = {}
_Make = Callable[[], Family]


def family(name: str, *, order: int = 100) -> Callable[[Any], Any]:
    """Registers a class as the family of that name; lower `order` is asked first.

    >>> from vitviz.models.families import family
    >>> @family("narrow", order=5)
    ... class Narrow:
    ...     def matches(self, module):
    ...         return getattr(module, "embed_dim", 0) == 1
    >>> Narrow().matches(model.module)
    False

    The class has the methods of `Family` and is made without arguments. Returns the class as it
    was. Raises ValueError when the name is taken. An entry point of the group `vitviz.models`
    brings a plugin's; resources/guide/examples/lens.py is a whole one.
    """

    def register(make: _Make) -> _Make:
        known = _registered.get(name)
        if known is not None and type(known[1]).__module__ != make.__module__:
            raise ValueError(f"the family {name!r} is in {type(known[1]).__module__} already")
        _registered[name] = (order, make())
        return make

    return register


@cache
def families() -> dict[str, Family]:
    """All families by name, the most particular first; plugins come from `vitviz.models`."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for entry in entry_points(group="vitviz.models"):
        entry.load()
    ordered = sorted(_registered.items(), key=lambda item: (item[1][0], item[0]))
    return {name: found for name, (_, found) in ordered}


def family_of(module: nn.Module) -> tuple[str, Family]:
    """The family of a model, and its name; the generic one fits every model."""
    return next((name, found) for name, found in families().items() if found.matches(module))


def anatomy_of(module: nn.Module) -> Anatomy:
    """Where the parts of a model are, as its family says."""
    _, found = family_of(module)
    read = getattr(found, "anatomy", timm_anatomy)  # plugins for 0.1 have none
    anatomy: Anatomy = read(module)
    return anatomy


__getattr__ = renamed("models.families", "models.families")
