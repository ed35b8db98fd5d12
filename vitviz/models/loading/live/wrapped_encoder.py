"""The encoder inside what people wrap around one: compiled, parallel, before a head, in a net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import Family, PositionTable, anatomy_of, family_of
from vitviz.models.families.anatomy import Anatomy
from vitviz.models.families.generic import Generic
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import GridSize, TraceLayers

OUTSIDE = "it is not in the encoder whose tokens are known"

_SHELLS = ("_orig_mod", "module")
"""What torch.compile and the parallel wrappers call the module inside them."""

_SHELL_KINDS = (
    "OptimizedModule",
    "DataParallel",
    "DistributedDataParallel",
    "FullyShardedDataParallel",
)


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, out of what torch puts around it to run it faster or on several devices."""
    while type(module).__name__ in _SHELL_KINDS:
        module = next(getattr(module, each) for each in _SHELLS if hasattr(module, each))
    return module


@dataclass(frozen=True, slots=True, eq=False)
class KnownEncoder:
    """A part of a module that is of a family vitviz knows, under its path; "" for the module itself."""

    path: str
    module: nn.Module
    name: str
    family: Family


def known_encoder(
    module: nn.Module, run: Callable[[Tensor], Any], pixels: Tensor
) -> KnownEncoder | None:
    """The outermost part of a known family that is given the very picture; None where there is none."""
    found: list[KnownEncoder] = []
    for path, part in module.named_modules():
        if any(path.startswith(f"{each.path}.") or not each.path for each in found):
            continue
        name, family = family_of(part)
        if not isinstance(family, Generic) and _meant(family, part):
            found.append(KnownEncoder(path, part, name, family))
    given: dict[str, tuple[int, ...]] = {}
    hooks = [each.module.register_forward_pre_hook(_seeing(given, each.path)) for each in found]
    try:
        with torch.no_grad():
            run(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return next((each for each in found if given.get(each.path) == tuple(pixels.shape)), None)


def _meant(family: Family, part: nn.Module) -> bool:
    """Whether a family may judge a module: vitviz's own know timm's classes, not namesakes."""
    own = type(family).__module__.startswith("vitviz.")
    homes = tuple(kind.__module__ for kind in type(part).__mro__)
    return not own or any(home.startswith(("timm.", "vitviz.")) for home in homes)


def _seeing(
    given: dict[str, tuple[int, ...]], path: str
) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def see(_module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            given[path] = tuple(args[0].shape)

    return see


class EncoderFamily:
    """A known family, asked about the encoder itself whatever stands around it."""

    def __init__(self, found: KnownEncoder) -> None:
        """`found` is the encoder inside the module, with the family that fits it."""
        self._family, self._encoder = found.family, found.module

    def matches(self, module: nn.Module) -> bool:
        """Never: it is made for one module."""
        return False

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """As the family says of the encoder."""
        return self._family.grid(self._encoder, size)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """As the family reads the encoder's calls; those outside it are refused."""
        inside = [call for call in calls if call.name]
        reading = self._family.read(self._encoder, inside, grid, size)
        outside = len(calls) - len(inside)
        if not outside:
            return reading
        said = f"{outside} attention call{'s' if outside > 1 else ''} not shown: {OUTSIDE}"
        return replace(reading, refused=(*reading.refused, said))

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """As the family says of the encoder."""
        return self._family.positions(self._encoder, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """As the family says of the encoder."""
        return anatomy_of(self._encoder)
