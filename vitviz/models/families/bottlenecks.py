"""Residual networks with attention in their bottlenecks: BoTNet, HaloNet's blocks, LambdaNetworks.

Vaswani et al., "Scaling Local Self-Attention for Parameter Efficient Visual Backbones",
arXiv:2103.12731; Bello, "LambdaNetworks: Modeling Long-Range Interactions Without Attention",
arXiv:2102.08602.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from einops import rearrange
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import PADDING, TokenWindows, WindowTokens, squares, whole
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.channels import gathering
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.maps import NO_TABLE, file_of, on_maps
from vitviz.models.families.windows import coarser, map_given, with_padding_said
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    read_each,
)


@family("bottlenecks", order=60)
class Bottlenecks:
    """Attention over whole maps, in blocks that see a halo around themselves, or of key channels."""

    def matches(self, module: nn.Module) -> bool:
        """timm's networks of bring-your-own blocks."""
        return file_of(module) in {"byoanet", "byobnet"}

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """Squares of 16 pixels, until a pass is seen."""
        return patch_grid(module, size)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Every call over the map of its stage."""
        return with_padding_said(read_each(calls, lambda call: _placed(module, call)))

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """None: places are told apart by biases and convolutions."""
        return None, NO_TABLE

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def _placed(module: nn.Module, call: AttentionCall) -> PlacedCall | UnplacedCall:
    own: Any = module.get_submodule(call.name)
    match type(own).__name__:
        case "HaloAttn":
            return _with_halo(module, own, call)
        case "LambdaLayer":
            return gathering("what it gathers by place is learned, not attention")
    return on_maps(call)


def _with_halo(module: nn.Module, own: Any, call: AttentionCall) -> PlacedCall | UnplacedCall:
    """Blocks of queries, each with the keys of its own block and of a rim around it.

    Rims reach into the neighbouring blocks, and over the edge of the map into padding.
    """
    grid = map_given(call, call.name, module)
    if grid is None:
        return UnplacedCall("query", "key", "the size of the map that it reads is not known")
    step = int(own.block_stride)
    asking = coarser(grid, (step, step))
    side = int(own.block_size_ds)
    queries = squares(whole(asking.rows, asking.cols), (side, side))
    keys = _rimmed(grid, int(own.block_size), int(own.halo_size))
    found = (len(keys), queries.shape[1], keys.shape[1])
    if found != call.shape[1:]:
        return UnplacedCall(
            "query",
            "key",
            f"{call.shape[1]} blocks are not those of a map of {grid.rows} × {grid.cols} tokens",
        )
    return PlacedCall(asking, grid, TokenWindows(queries, keys), "head window")


def _rimmed(grid: TokenGrid, side: int, rim: int) -> WindowTokens:
    """Squares of `side` tokens, each with a rim of its neighbours."""
    padded = np.pad(whole(grid.rows, grid.cols), rim, constant_values=PADDING)
    wide = side + 2 * rim
    views = np.lib.stride_tricks.sliding_window_view(padded, (wide, wide))[::side, ::side]
    tokens: WindowTokens = rearrange(views, "down across row col -> (down across) (row col)")
    return tokens
