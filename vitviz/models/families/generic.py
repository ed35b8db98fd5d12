"""Any other model: what of its attention lies on a grid of patches, and a sentence for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from vitviz.core.geometry import TokenGrid
from vitviz.models.families import Positions, family
from vitviz.models.reading import Reading, grid_of, read_calls
from vitviz.models.recorder import Call

_REORDERED = {
    "Hiera": "its tokens are not in reading order (units are unrolled), so no map can be laid out",
    "HieraDet": "its tokens lie in windows of several sizes, so no map can be laid out",
    "NaFlexVit": "its patches come in the picture's own number, padded, which is not laid out yet",
}
"""Models whose tokens lie otherwise than in reading order: a map of theirs would be drawn wrong."""


@family("generic", order=1000)
class Generic:
    """Grids by the number of tokens and the picture's proportions."""

    def matches(self, module: nn.Module) -> bool:
        """Always."""
        return True

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The grid of the patch embedding, where there is one."""
        return patch_grid(module, size)

    def read(
        self, module: nn.Module, calls: Sequence[Call], grid: TokenGrid, size: tuple[int, int]
    ) -> Reading:
        """Layers over any grid of the picture's proportions, with or without a class token."""
        for why in (why for kind, why in _REORDERED.items() if kind == type(module).__name__):
            return Reading((), refused=(why,))
        return read_calls(calls, grid, size, classed=getattr(module, "cls_token", None) is not None)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[Positions | None, str]:
        """None: where a model of no known family adds positions is not known."""
        return None, "this model adds no table of position embeddings to its patches"


def patch_grid(
    module: nn.Module, size: tuple[int, int], prefix: tuple[str, ...] = (), *, embed: Any = None
) -> TokenGrid | None:
    """The grid that the patch embedding makes of a picture; None where there is no such module."""
    embed = embed or getattr(module, "patch_embed", None)
    if hasattr(embed, "dynamic_feat_size"):
        rows, cols = embed.dynamic_feat_size(size)
    elif getattr(embed, "grid_size", None):
        rows, cols = embed.grid_size
    else:
        return grid_of(size[0] * size[1] // 256, size)
    patch = getattr(embed, "patch_size", None)
    sides = (patch, patch) if isinstance(patch, int) else tuple(patch or ())
    # A hybrid's "patch" is one of its backbone's cells, and padded pictures have a part patch.
    padded = tuple(-(-side // each) for side, each in zip(size, sides, strict=False))
    exact = len(sides) == 2 and padded == (rows, cols)
    height, width = sides if exact else (size[0] / rows, size[1] / cols)
    return TokenGrid(int(rows), int(cols), (height, width), prefix)
