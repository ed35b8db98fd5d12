"""Windows: Swin, SAM, TinyViT, NesT, MaxViT, Twins, GCViT, DaViT, put back into the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import PADDING, TokenWindows, combs, shifted, squares, whole
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.channels import CHANNELS, between_channels
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.maps import file_of, on_maps, table_of
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    grid_of,
    no_map,
    read_each,
)
from vitviz.models.record.map_sizes import map_sized
from vitviz.models.record.verify import relative

FILES = frozenset(
    {
        "davit",
        "efficientvit_msra",
        "gcvit",
        "hieradet_sam2",
        "maxxvit",
        "nest",
        "swin_transformer",
        "swin_transformer_v2",
        "swin_transformer_v2_cr",
        "tiny_vit",
        "twins",
        "vision_transformer_sam",
    }
)

SIDES = ("ws", "partition_size", "window_resolution", "window_size", "block_size")
"""What the files call the sides of a window; the first one that a block has is taken."""

QueryTokens = Int[np.ndarray, "window query"]

PADDED = "windows reach over the edge of the map: what a token gives to that padding is on no token"


@family("windows", order=60)
class WindowedMaps:
    """Attention inside windows of a feature map, shifted or spread, and over whole maps beside it."""

    def matches(self, module: nn.Module) -> bool:
        """A model from one of the files read."""
        return file_of(module) in FILES

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The patches."""
        return patch_grid(module, size)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Every call over the map of its stage; the windows where there are some."""
        if file_of(module) == "efficientvit_msra":
            calls = one_a_module(calls)
        return with_padding_said(
            read_each(calls, lambda call: in_windows(module, call, size), altered=True)
        )

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """SAM's table; the others add a bias for the distance inside a window."""
        return table_of(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def with_padding_said(reading: TraceLayers) -> TraceLayers:
    """The reading with a note where windows reach over the edge of the map."""
    windows = [layer.windows for layer in reading.layers if layer.windows is not None]
    padded = any((each.keys == PADDING).any() for each in windows)
    return replace(reading, notes=(*reading.notes, PADDED)) if padded else reading


def one_a_module(calls: Sequence[AttentionCall]) -> list[AttentionCall]:
    """Heads that are computed one after the other, each from the last one's output, as one call."""
    merged = []
    for _, group in groupby(calls, key=lambda call: call.name):
        heads = list(group)
        maps = [call.maps for call in heads if call.maps is not None]
        errors = [call.error for call in heads if call.error is not None]
        sums = [call.row_error for call in heads if call.row_error is not None]
        if any(call.touched() for call in heads) or not len(maps) == len(errors) == len(heads):
            merged += heads
            continue
        worst = max(errors, key=relative)
        merged.append(
            AttentionCall(
                heads[0].name,
                heads[0].kind,
                worst,
                torch.stack(sums).max(),
                maps=torch.stack(maps, dim=1),
                given=heads[0].given,
                maps_made=heads[0].maps_made,
            )
        )
    return merged


def in_windows(module: nn.Module, call: AttentionCall, size: GridSize) -> PlacedCall | UnplacedCall:
    """Where the windows of a call lie, as the block around it says."""
    if type(module.get_submodule(call.name)).__name__ in CHANNELS:
        return between_channels(call)
    name, block = _block(module, call.name)
    sides = (0, 0) if block is None else _sides(block)
    order, groups = _order(module, call)
    if block is None or 0 in sides:
        return on_maps(call)
    nested = file_of(module) == "nest"
    grid = _nested(groups, sides, size) if nested else map_given(call, name, module)
    if grid is None:
        return UnplacedCall(
            "query",
            "key",
            f"it attends inside {groups} windows of a map of which "
            + no_map(call, f"the {_listed(call.given[name])} numbers"),
        )
    return _cut(call, block, grid, sides, order, groups)


def _cut(
    call: AttentionCall,
    block: Any,
    grid: TokenGrid,
    sides: tuple[int, int],
    order: str,
    groups: int,
) -> PlacedCall | UnplacedCall:
    """The map cut into windows as the block does it, if that gives the windows there were."""
    numbers = whole(grid.rows, grid.cols)
    if call.name.endswith("attn_grid") or getattr(block, "partition_block", True) is False:
        tokens = combs(numbers, sides)
        windows = TokenWindows(tokens, tokens)
    else:
        windows = shifted(numbers, sides, _pair(getattr(block, "shift_size", 0)))
    asking = grid
    if getattr(block, "q_stride", None):
        asking, queries = _pooled(grid, sides, _pair(block.q_stride))
        windows = TokenWindows(queries, windows.keys)
    found = (len(windows.keys), windows.queries.shape[1], windows.keys.shape[1])
    if found != (groups, *call.shape[-2:]):
        return UnplacedCall(
            "query",
            "key",
            f"it attends inside {groups} windows, but a map of {grid.rows} × "
            f"{grid.cols} tokens is cut into {found[0]}",
        )
    return PlacedCall(asking, grid, windows, order)


def _block(module: nn.Module, name: str) -> tuple[str, Any]:
    """The module around a call that cuts the windows, innermost first; None where none does."""
    if hasattr(own := module.get_submodule(name), "ws"):
        return name, own
    while "." in name:
        name = name.rpartition(".")[0]
        block = module.get_submodule(name)
        if any(hasattr(block, sides) for sides in SIDES):
            return name, block
    return name, None


def _sides(block: Any) -> tuple[int, int]:
    """Rows and cols of a block's windows, 0 where it attends to all."""
    if hasattr(block, "window_resolution"):
        return _pair(block.attn.resolution)
    found = (getattr(block, name) for name in SIDES if hasattr(block, name))
    return _pair(next(found, 0) or 0)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _order(module: nn.Module, call: AttentionCall) -> tuple[str, int]:
    """The call's leading axes by name, and how many windows there are."""
    match call.shape[:-2], file_of(module):
        case (_, windows, _), "twins":
            return "1 window head", windows
        case (_, _, windows), "nest":
            return "1 head window", windows
        case (windows, _), _:
            return "window head", windows
        case (both,), _:
            heads: Any = module.get_submodule(call.name).num_heads
            return "(window head)", both // int(heads)
    return "window head", math.prod(call.shape[:-3])


def map_given(call: AttentionCall, name: str, module: nn.Module) -> TokenGrid | None:
    """The map that a module at work was given, channels first, last or as a sequence.

    Which of its axes are rows and columns follows from the sizes that strides make of the picture;
    where both readings are such sizes, from how many channels its norm has.
    """
    given, sizes = call.given[name], call.maps_made
    if len(given) == 3:
        return grid_of(given[1], sizes)
    last, first = map_sized(given[1], given[2], sizes), map_sized(given[2], given[3], sizes)
    if last is not None and first is not None and last != first:
        channels = _channels(module.get_submodule(name))
        if (given[3] == channels) == (given[1] == channels):
            return None
        return last if given[3] == channels else first
    return last or first


def _listed(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _channels(block: nn.Module) -> int:
    """How many channels the first norm of a block has; 0 without one."""
    norms = (
        getattr(each, "weight", None) for each in block.modules() if "Norm" in type(each).__name__
    )
    return next((len(each) for each in norms if isinstance(each, torch.Tensor)), 0)


def _nested(blocks: int, sides: tuple[int, int], size: GridSize) -> TokenGrid | None:
    """NesT's map, which its levels cut into a square number of blocks."""
    across = math.isqrt(blocks)
    rows, cols = across * sides[0], across * sides[1]
    return TokenGrid(rows, cols, (size[0] / rows, size[1] / cols))


def _pooled(
    grid: TokenGrid, sides: tuple[int, int], stride: tuple[int, int]
) -> tuple[TokenGrid, QueryTokens]:
    """The coarser grid of queries pooled by a stride inside each window, and their windows."""
    asking = coarser(grid, stride)
    inner = (sides[0] // stride[0], sides[1] // stride[1])
    return asking, squares(whole(asking.rows, asking.cols), inner)


def coarser(grid: TokenGrid, stride: tuple[int, int]) -> TokenGrid:
    """A grid of which each token stands for `stride` (rows, cols) tokens of another."""
    rows, cols = -(-grid.rows // stride[0]), -(-grid.cols // stride[1])
    height, width = grid.patch
    return TokenGrid(rows, cols, (height * stride[0], width * stride[1]))
