"""Attention between channels: XCiT, EdgeNeXt, DaViT's channel blocks, CoaT; matrices, never pictures.

El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", arXiv:2106.09681; Xu et al., "Co-Scale
Conv-Attentional Image Transformers", arXiv:2104.06399.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.maps import file_of, on_maps, table_of
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    read_each,
)

CHANNELS = frozenset({"XCA", "CrossCovarianceAttn", "ChannelAttention", "ChannelAttentionV2"})
"""Attention modules whose maps are channel by channel."""

FACTORED = frozenset({"FactorAttnConvRelPosEnc"})
"""Attention modules whose softmax says, for each channel, which tokens it gathers."""


def between_channels(call: AttentionCall) -> UnplacedCall:
    """A map of channels."""
    count = call.shape[-1]
    return UnplacedCall(
        "channel",
        "channel",
        f"each of {count} channels of a head attends to the others, for all patches alike",
    )


def gathering(more: str = "") -> UnplacedCall:
    """Channels that each have shares in all tokens, the same for every token that asks."""
    why = "each channel of the keys gathers from all tokens, whichever token asks"
    return UnplacedCall("channel", "token", f"{why}; {more}" if more else why)


@family("channels", order=60)
class Channels:
    """Patches that exchange nothing but channels; class attention at the end, where there is some."""

    def matches(self, module: nn.Module) -> bool:
        """timm's Xcit, EdgeNeXt and CoaT."""
        return file_of(module) in {"coat", "edgenext", "xcit"}

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The patches, without a class token."""
        return patch_grid(module, size)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Matrices, and the class attention as pools."""

        def place(call: AttentionCall) -> PlacedCall | UnplacedCall:
            kind = type(module.get_submodule(call.name)).__name__
            if kind in CHANNELS:
                return between_channels(call)
            if kind in FACTORED:
                return gathering()
            return on_maps(call, ("class",))

        return read_each(calls, place)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table, where there is one for this grid."""
        if isinstance(getattr(module, "pos_embed", None), nn.Module):
            return (
                None,
                "this model computes its positions from sines and a convolution, not a table",
            )
        return table_of(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)
