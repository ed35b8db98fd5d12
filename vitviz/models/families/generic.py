"""Any other model: its attention as matrices, since which token is where is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import TraceLayers, UnplacedCall, read_each

UNKNOWN = "vitviz does not know this kind of model, nor where its tokens lie in the picture"


@family("generic", order=1000)
class Generic:
    """Every call as it is."""

    def matches(self, module: nn.Module) -> bool:
        """Always."""
        return True

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The grid of the patch embedding, where there is one."""
        return patch_grid(module, size)

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        """Matrices: whether tokens lie in reading order is not known, so none is laid out."""
        return read_each(calls, lambda call: UnplacedCall("query", "key", UNKNOWN), altered=True)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """None: where a model of no known family adds positions is not known."""
        return None, "this model adds no table of position embeddings to its patches"

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def patch_grid(
    module: nn.Module, size: tuple[int, int], prefix: tuple[str, ...] = (), *, embed: Any = None
) -> TokenGrid:
    """The grid that the patch embedding makes of a picture; squares of 16 pixels without one."""
    embed = embed or getattr(module, "patch_embed", None)
    if hasattr(embed, "dynamic_feat_size"):
        rows, cols = embed.dynamic_feat_size(size)
    elif getattr(embed, "grid_size", None):
        rows, cols = embed.grid_size
    else:
        patch = getattr(embed, "patch_size", None) or (16, 16)
        sides = (patch, patch) if isinstance(patch, int) else tuple(patch)
        stride = getattr(getattr(embed, "proj", None), "stride", sides)
        rows, cols = (max(1, side // each) for side, each in zip(size, stride, strict=True))
        return TokenGrid(rows, cols, (size[0] / rows, size[1] / cols), prefix)
    patch = getattr(embed, "patch_size", None)
    sides = (patch, patch) if isinstance(patch, int) else tuple(patch or ())
    if overlapping := _overlapping(embed, sides):
        return TokenGrid(int(rows), int(cols), sides, prefix, stride=overlapping)
    # A hybrid's "patch" is one of its backbone's cells, and padded pictures have a part patch.
    padded = tuple(-(-side // each) for side, each in zip(size, sides, strict=False))
    exact = len(sides) == 2 and padded == (rows, cols)
    height, width = sides if exact else (size[0] / rows, size[1] / cols)
    return TokenGrid(int(rows), int(cols), (height, width), prefix)


def _overlapping(embed: Any, patch: tuple[int, ...]) -> tuple[float, float] | None:
    """The stride of an embedding whose one convolution takes patches that overlap (PiT); else None."""
    convolution = getattr(embed, "conv", None)
    if not isinstance(convolution, nn.Conv2d) or tuple(convolution.kernel_size) != patch:
        return None
    stride = (float(convolution.stride[0]), float(convolution.stride[1]))
    return stride if stride != patch and not any(convolution.padding) else None
