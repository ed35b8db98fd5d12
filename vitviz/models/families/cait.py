"""CaiT: heads mixed before and after the softmax, a class token that only reads at the end.

Touvron et al., "Going deeper with image transformers", arXiv:2103.17239.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.vit import VisionTransformer
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import TraceLayers, read_calls

MIXED = "heads are mixed after the softmax, so maps may be negative and rows need not sum to 1"


@family("cait", order=50)
class Cait:
    """Patches only in the body; the two class-attention blocks are pools."""

    def matches(self, module: nn.Module) -> bool:
        """timm's Cait."""
        return type(module).__name__ == "Cait"

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The patches, without a class token."""
        return patch_grid(module, size)

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        """What really multiplies the values, after the heads are mixed."""
        reading = read_calls(calls, grid, altered=True)
        return replace(reading, notes=(*reading.notes, MIXED))

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The patches' table."""
        return VisionTransformer().positions(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)
