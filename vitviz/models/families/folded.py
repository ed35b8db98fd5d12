"""Maps taken apart otherwise: MobileViT's combs, VOLO's neighbourhoods, CrossViT's two branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from einops import rearrange
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import PADDING, TokenWindows, combs, whole
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.maps import file_of, on_maps, table_of
from vitviz.models.families.windows import map_given
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    read_each,
)

OVERLAPPING = (
    "outlook attention adds what overlapping neighbourhoods give a token, so its rows sum to the "
    "number of neighbourhoods that the token is in"
)

BRANCHES = "a branch of fine tokens and one of coarse ones run side by side"
MOBILE = frozenset({"MobileVitBlock", "MobileVitV2Block"})


@family("folded", order=55)
class Folded:
    """Calls over parts of a map that are no windows, and over whole maps beside it."""

    def matches(self, module: nn.Module) -> bool:
        """timm's MobileViT and MobileViTv2, VOLO and CrossViT."""
        if file_of(module) in {"crossvit", "volo"}:
            return True
        return any(type(part).__name__ in MOBILE for part in module.modules())

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The patches."""
        return patch_grid(module, size)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Every call over the map that it was taken from."""
        reading = read_each(calls, lambda call: _placed(module, call))
        if file_of(module) == "crossvit":
            return replace(reading, abreast=BRANCHES)
        outlook = any(layer.name.startswith("network.0") for layer in reading.layers)
        return replace(reading, notes=(OVERLAPPING,)) if outlook else reading

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table, where there is one for this grid."""
        if hasattr(module, "pos_embed_0"):
            return None, "this model has two tables of positions, one for each of its two branches"
        return table_of(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def _placed(module: nn.Module, call: AttentionCall) -> PlacedCall | UnplacedCall:
    own: Any = module.get_submodule(call.name)
    if type(own).__name__ == "OutlookAttention":
        return _neighbourhoods(module, own, call)
    if type(own).__name__ == "LinearSelfAttention":
        return UnplacedCall(
            "place inside patches",
            "patch",
            "the patches' tokens at one place give shares to "
            "one sum, which is the same for every token that asks",
        )
    if ".transformer." in call.name:
        name = call.name.partition(".transformer.")[0]
        return _combs(module, name, call)
    return on_maps(call, ("class",))


def _combs(module: nn.Module, name: str, call: AttentionCall) -> PlacedCall | UnplacedCall:
    """MobileViT: the pixels at the same place of every patch attend together."""
    block: Any = module.get_submodule(name)
    grid = map_given(call, name, module)
    down, across = block.patch_size
    if grid is None or grid.rows % down or grid.cols % across:
        return UnplacedCall(
            "query",
            "key",
            "the map is stretched before it is taken apart, so its tokens are no cells of it",
        )
    tokens = combs(whole(grid.rows, grid.cols), (grid.rows // down, grid.cols // across))
    return PlacedCall(grid, grid, TokenWindows(tokens, tokens))


def _neighbourhoods(module: nn.Module, own: Any, call: AttentionCall) -> PlacedCall | UnplacedCall:
    """VOLO: each token of a coarser map says how its neighbours mix, and the results are added."""
    grid = map_given(call, call.name, module)
    if grid is None:
        return UnplacedCall("query", "key", "the size of the map that it reads is not known")
    sides, step, edge = own.kernel_size, own.stride, own.padding
    padded = np.pad(whole(grid.rows, grid.cols), edge, constant_values=PADDING)
    views = np.lib.stride_tricks.sliding_window_view(padded, (sides, sides))[::step, ::step]
    tokens = rearrange(views, "down across row col -> (down across) (row col)")
    if tokens.shape != (call.shape[-3], call.shape[-1]):
        return UnplacedCall(
            "query",
            "key",
            f"{call.shape[-3]} neighbourhoods are not those of a map of "
            f"{grid.rows} × {grid.cols} tokens",
        )
    return PlacedCall(grid, grid, TokenWindows(tokens, tokens), "1 head window")
