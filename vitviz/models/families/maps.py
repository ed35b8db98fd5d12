"""Feature maps: tokens are the cells of a map in reading order, coarser stage by stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.generic import patch_grid
from vitviz.models.families.vit import VisionTransformer, prefix_names
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

FILES = frozenset(
    {
        "convit",
        "cpubone",
        "csatv2",
        "efficientformer",
        "efficientformer_v2",
        "efficientnet",
        "fastvit",
        "iformer",
        "levit",
        "lowformer",
        "metaformer",
        "mobilenetv3",
        "mobilenetv5",
        "mvitv2",
        "nextvit",
        "pit",
        "pvt_v2",
        "shvit",
        "visformer",
        "vitamin",
    }
)
"""timm's files whose attention was read and found to be over maps in reading order."""

NO_TABLE = "no one table of position embeddings is added to its patches"


def file_of(module: nn.Module) -> str:
    """The file of timm that a model is from."""
    return type(module).__module__.rpartition(".")[2]


@family("feature maps", order=60)
class FeatureMaps:
    """Every call over the cells of a map; keys may be fewer than queries, each on a grid of its own."""

    def matches(self, module: nn.Module) -> bool:
        """A model from one of the files read."""
        return file_of(module) in FILES

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The patches, where the model cuts some; else squares of 16 pixels, until a pass is seen."""
        return patch_grid(module, size, prefix_names(module))

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Layers on grids of their own, in the proportions of the picture."""
        used = {call.name for call in calls if call.kind == "altered"}
        kept = [call for call in calls if call.kind != "lost" or call.name not in used]
        if file_of(module) == "convit":  # blends two softmaxes: neither is the map, the blend is
            kept = [replace(call, before=None) for call in kept]
        prefix = prefix_names(module)
        in_runs = file_of(module) == "nextvit"

        def place(call: AttentionCall) -> PlacedCall | UnplacedCall:
            found = in_the_stem(on_maps(call, prefix), grid)
            return averaged_in_runs(call, found) if in_runs else found

        return read_each(kept, place, altered=True)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table, where there is one for this grid."""
        return table_of(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def on_maps(call: AttentionCall, prefix: tuple[str, ...] = ()) -> PlacedCall | UnplacedCall:
    """Queries and keys each on the map of so many tokens, behind the prefix or without it."""
    *batch, _, queries, keys = (1, *call.shape) if len(call.shape) == 3 else call.shape
    if math.prod(batch) != 1:
        return UnplacedCall(
            "query",
            "key",
            f"it attends inside {math.prod(batch)} groups of {keys} tokens, "
            "and which tokens those are is not known",
        )
    looked_at = grid_of(keys, call.maps_made, prefix)
    if queries == 1 and looked_at is not None and keys > 1:
        return PlacedCall(looked_at, pool=True)
    asking = grid_of(queries, call.maps_made, prefix)
    if asking is None or looked_at is None:
        return UnplacedCall("query", "key", no_map(call, f"{queries} queries and {keys} keys"))
    return PlacedCall(asking, looked_at)


def in_the_stem(found: PlacedCall | UnplacedCall, grid: TokenGrid) -> PlacedCall | UnplacedCall:
    """Tokens of the map that the patch embedding makes, with the patches that they are made of."""
    if isinstance(found, UnplacedCall) or grid.stride is None:
        return found

    def own(other: TokenGrid | None) -> TokenGrid | None:
        same = other is not None and (other.rows, other.cols) == (grid.rows, grid.cols)
        return replace(grid, prefix=other.prefix) if same and other is not None else other

    first = own(found.grid)
    assert first is not None
    return replace(found, grid=first, pooled=own(found.pooled))


def averaged_in_runs(
    call: AttentionCall, found: PlacedCall | UnplacedCall
) -> PlacedCall | UnplacedCall:
    """NextViT averages tokens that follow each other in the sequence, not squares of the map."""
    queries, keys = call.shape[-2:]
    if isinstance(found, UnplacedCall) or keys == queries:
        return found
    if queries % keys:
        return UnplacedCall(
            "query", "run of tokens", f"{queries} tokens are averaged to {keys} keys"
        )
    return PlacedCall(found.grid, run=queries // keys)


def table_of(module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
    """The model's table of positions, where it has one row for each patch of this grid."""
    if file_of(module) == "hieradet_sam2":  # a coarse table and one window's, made one by the model
        model: Any = module
        with torch.no_grad():
            nothing = model.pos_embed.new_zeros(1, grid.rows, grid.cols, model.pos_embed.shape[1])
            return _rows(model._pos_embed(nothing), "1 row col dim -> (row col) dim"), ""
    table = getattr(module, "pos_embed", None)
    if isinstance(table, torch.Tensor):
        cells = (grid.rows, grid.cols)
        if table.ndim == 4 and tuple(table.shape[2:]) == cells:
            return _rows(table, "1 dim row col -> (row col) dim"), ""
        fits = table.ndim == 4 and tuple(table.shape[1:3]) == cells
        fits |= table.ndim == 3 and table.shape[1] in (grid.tokens, grid.rows * grid.cols)
        if not fits:
            return None, NO_TABLE
    return VisionTransformer().positions(module, grid)


def _rows(table: torch.Tensor, pattern: str) -> PositionTable:
    return np.array(rearrange(table.detach().float().cpu(), pattern).numpy(), np.float32)
