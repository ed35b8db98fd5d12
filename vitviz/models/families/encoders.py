"""Encoders of vision-language models and NaFlexViT: one sequence of patches, at any size of picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, embedded, timm_anatomy
from vitviz.models.families.maps import file_of
from vitviz.models.families.vit import no_table, prefix_names
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import GridSize, TraceLayers, read_calls

FILES = frozenset({"deepseek_vit", "gemma4_vit", "naflexvit", "qwen3_vit"})


@family("encoders", order=50)
class Encoders:
    """Prefix tokens, where there are some, then the patches in reading order."""

    def matches(self, module: nn.Module) -> bool:
        """timm's DeepSeek, Gemma 4, NaFlex and Qwen 3 vision transformers."""
        return file_of(module) in FILES

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The patches behind the prefix tokens."""
        encoder = _encoder(module)
        embed = _embed(encoder)
        height, width = embed.patch_size
        padded = getattr(embed, "dynamic_img_pad", False)
        rows, cols = (
            -(-side // each) if padded else side // each
            for side, each in zip(size, (height, width), strict=True)
        )
        prefix = prefix_names(embed) if encoder.num_prefix_tokens else ()
        return TokenGrid(rows, cols, (height, width), prefix)

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Every block over the whole sequence; an attention pool apart."""
        return read_calls(calls, grid)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """What the model itself adds to patches that are zero."""
        encoder = _encoder(module)
        with torch.no_grad():
            match file_of(module):
                case "qwen3_vit":
                    nothing = torch.zeros(1, grid.rows, grid.cols, encoder.embed_dim)
                    found = encoder._pos_embed(nothing.to(encoder.pos_embed.device))[0]
                case "gemma4_vit":
                    coords, _ = encoder.patch_embed._default_patch_coord(
                        1, grid.rows, grid.cols, next(module.parameters()).device
                    )
                    found = encoder.patch_embed._position_embeddings(coords.flip(-1), None)
                case "naflexvit" if encoder.embeds.pos_embed_type == "learned":
                    table = encoder.embeds.pos_embed
                    found = torch.zeros(1, grid.rows * grid.cols, table.shape[-1]).to(table)
                    encoder.embeds._apply_learned_pos_embed(found, grid_size=[grid.rows, grid.cols])
                case _:
                    return None, no_table(encoder)
        rows = rearrange(found.float().cpu(), "1 patch dim -> patch dim")
        return np.array(rows.numpy(), np.float32), ""

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names; the encoder may be inside a classifier."""
        return replace(timm_anatomy(module), **embedded(_embed(_encoder(module))))


def _embed(encoder: Any) -> Any:
    """What cuts the picture into patches."""
    return getattr(encoder, "embeds", None) or encoder.patch_embed


def _encoder(module: nn.Module) -> Any:
    """The transformer itself, inside a classifier around it."""
    return getattr(module, "encoder", module)
