"""Transformer in transformer: the outer stream of patches, and the words inside each of them.

Han et al., "Transformer in Transformer", arXiv:2103.00112.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, embedded, timm_anatomy
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.inner_attention import read_words, words_grid
from vitviz.models.record.layers_from_calls import TraceLayers, read_calls


@family("tnt", order=50)
class TransformerInTransformer:
    """Class token, then patches: the calls of `attn_out`; those of `attn_in` are among words."""

    def matches(self, module: nn.Module) -> bool:
        """timm's TNT, or any model with pixel and patch embeddings like it."""
        return all(hasattr(module, name) for name in ("pixel_embed", "patch_pos", "blocks"))

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The sentences, one a patch, behind the class token, each divided into words."""
        embed: Any = module.pixel_embed
        if embed is None:
            return None
        # timm's class leaves pixels over at the right and below where patches do not fill the picture.
        (rows, cols), (down, across) = embed.grid_size, embed.patch_size
        grid = TokenGrid(rows, cols, (float(down), float(across)), ("class",))
        return replace(grid, words=words_grid(grid, module))

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        """The outer attention as layers, the inner one beside them."""
        inner = [call for call in calls if "attn_in" in call.name]
        words, refused, error, compared = read_words(module, inner, grid)
        outer = read_calls([call for call in calls if call not in inner], grid)
        return replace(
            outer,
            words=words,
            refused=(*outer.refused, *refused),
            verified=max(outer.verified, error),
            compared=outer.compared + compared,
            taken=outer.taken + (len(words.layers) if words else 0) - compared,
        )

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The patches' table; words share another one inside every patch."""
        table: Any = module.patch_pos
        rows = table.detach().float().cpu().numpy()[0, len(grid.prefix) :]
        return np.array(rows, np.float32), ""

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names; what cuts the picture makes the words of its patches too."""
        words: Any = module.pixel_embed
        return replace(timm_anatomy(module), words=words, **embedded(words))
