"""Hiera: tokens in an order of its own, units first, rolled up into reading order again.

Ryali et al., "Hiera: A Hierarchical Vision Transformer without the Bells-and-Whistles",
arXiv:2306.00989. Each pooling takes the maximum over tokens that lie 2 x 2 together in the picture
and far apart in the sequence, so a stage's order follows from that of the stage before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Int
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import TokenWindows
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.maps import file_of, table_of
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    read_each,
)

TokenOrder = Int[np.ndarray, "token"]
"""The token, in reading order, that each place of the sequence holds."""


@family("hiera", order=60)
class Hiera:
    """Mask units as windows in the first stages, attention over the whole map in the later ones."""

    def matches(self, module: nn.Module) -> bool:
        """timm's Hiera."""
        return file_of(module) == "hiera"

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The finest tokens."""
        own: Any = module
        rows, cols = own.unroll.size
        return TokenGrid(rows, cols, (size[0] / rows, size[1] / cols))

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Every call over the tokens of its stage, in reading order."""
        stages = {stage.tokens: (stage, order) for stage, order in stages_of(module, grid)}
        return read_each(calls, lambda call: _placed(call, stages))

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table, which is in reading order."""
        return table_of(module, grid)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def stages_of(module: Any, grid: TokenGrid) -> list[tuple[TokenGrid, TokenOrder]]:
    """Each stage's grid and order, as the model's own unrolling and pooling make them."""
    numbers = torch.arange(grid.tokens, device=next(module.parameters()).device)
    unrolled = module.unroll(rearrange(numbers, "token -> 1 token 1"))
    order: TokenOrder = rearrange(unrolled, "1 token 1 -> token").cpu().numpy()
    found = [(grid, order)]
    for down, across in module.unroll.schedule:
        fine, order = found[-1]
        rows, cols = fine.rows // down, fine.cols // across
        coarse = TokenGrid(rows, cols, (fine.patch[0] * down, fine.patch[1] * across))
        first = order[: coarse.tokens]
        found.append((coarse, first // fine.cols // down * cols + first % fine.cols // across))
    return found


def _placed(
    call: AttentionCall, stages: dict[int, tuple[TokenGrid, TokenOrder]]
) -> PlacedCall | UnplacedCall:
    units = call.shape[-3] if len(call.shape) == 5 else 1
    asking, looked_at = (stages.get(units * count) for count in call.shape[-2:])
    if asking is None or looked_at is None:
        return UnplacedCall(
            "query",
            "key",
            f"its {call.shape[-2]} queries and {call.shape[-1]} keys in "
            f"{units} units are those of no stage",
        )
    queries, keys = (
        rearrange(order, "(slot unit) -> unit slot", unit=units) for _, order in (asking, looked_at)
    )
    order = "1 head window" if len(call.shape) == 5 else "window head"
    return PlacedCall(asking[0], looked_at[0], TokenWindows(queries, keys), order)
