"""Vision transformers with global attention: ViT, DeiT, DINO, SigLIP, CLIP, EVA, BEiT, FlexiViT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from einops import rearrange
from timm.layers import resample_abs_pos_embed
from torch import nn

from vitviz.core.data.geometry import ADDED_REGISTER, TokenGrid
from vitviz.core.data.trace import Layer
from vitviz.models.families import PositionTable, family
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.generic import patch_grid
from vitviz.models.record.attention.difference_attention import DifferenceAttention
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import TraceLayers, read_calls

SIGNED = (
    "differential attention: a share of a second softmax is taken off the first, so maps may be "
    "negative and rows sum to less than 1"
)

IN_PAIRS = "each block adds what several attentions give that all read the same tokens"


@family("vit", order=100)
class VisionTransformer:
    """Blocks over one sequence: prefix tokens, then the patches in reading order."""

    def matches(self, module: nn.Module) -> bool:
        """Blocks, a patch embedding, and a known number of prefix tokens."""
        return all(hasattr(module, name) for name in ("blocks", "patch_embed", "num_prefix_tokens"))

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid | None:
        """The patches behind the prefix tokens."""
        return patch_grid(module, size, prefix_names(module))

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        """Every block over the whole sequence; an attention pool apart."""
        reading = read_calls(calls, grid)
        if any(".attns." in layer.name for layer in reading.layers):
            return replace(reading, abreast=IN_PAIRS)
        shares = [_share(module, layer.name) for layer in reading.layers]
        if not any(shares):
            return reading
        layers = differences(reading.layers, shares)
        return replace(reading, layers=layers, notes=(*reading.notes, SIGNED))

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table, without prefix rows, resampled where the model resamples it."""
        table = getattr(module, "pos_embed", None)
        if not isinstance(table, torch.Tensor):
            return None, no_table(module)
        prefix = 0 if getattr(module, "no_embed_class", False) else len(grid.prefix)
        with torch.no_grad():
            rows = table.detach().float().cpu()
            if rows.ndim == 4:
                rows = rearrange(rows, "1 row col dim -> 1 (row col) dim")
            if rows.shape[1] == grid.rows * grid.cols:
                prefix = 0
            if rows.shape[1] - prefix == grid.rows * grid.cols and not _moves(module, grid):
                rows = rows[:, prefix:]
            else:
                rows = resample_abs_pos_embed(
                    rows,
                    new_size=[grid.rows, grid.cols],
                    old_size=getattr(module.patch_embed, "grid_size", None),
                    num_prefix_tokens=prefix,
                )[:, prefix:]
        return np.array(rows[0].numpy(), np.float32), beside_table(module)

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def differences(layers: Sequence[Layer], shares: Sequence[float | None]) -> tuple[Layer, ...]:
    """Layers with a share are pairs, one softmax and the other that is taken off; the rest stay."""
    found: list[Layer] = []
    taken = iter(zip(layers, shares, strict=True))
    for layer, share in taken:
        if share is None:
            found.append(layer)
            continue
        other, _ = next(taken)
        attention = DifferenceAttention(layer.attention, other.attention, share)
        found.append(replace(layer, attention=attention))
    return tuple(found)


def _share(module: nn.Module, name: str) -> float | None:
    """How much of its second softmax a differential attention takes off; None for any other."""
    own: Any = module.get_submodule(name)
    if not hasattr(own, "_compute_lambda"):
        return None
    with torch.no_grad():
        return float(own._compute_lambda())


def prefix_names(module: nn.Module) -> tuple[str, ...]:
    """The prefix tokens by their true names, in the order of the sequence."""
    names: list[str] = []
    if getattr(module, "cls_token", None) is not None:
        names.append("class")
    if getattr(module, "dist_token", None) is not None:
        names.append("distillation")
    registers = getattr(module, "reg_token", None)
    if registers is not None:
        names += [f"register {index + 1}" for index in range(registers.shape[1])]
    count = int(getattr(module, "num_prefix_tokens", len(names)))
    if vars(module).get(ADDED_REGISTER):
        names.append(ADDED_REGISTER)
    names += [f"prefix {index + 1}" for index in range(len(names), count)]
    return tuple(names[:count])


_BIASED: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def no_table(module: nn.Module) -> str:
    """Why a model has no position embeddings to compare."""
    return {
        "rotary": "this model turns queries and keys by their position (rotary), it adds no table",
        "bias": "this model adds a bias for the distance of two patches, not a table of positions",
        "": "this model adds no table of position embeddings to its patches",
    }[_told_by(module)]


def beside_table(module: nn.Module) -> str:
    """What tells places apart beside a table of positions; "" where nothing does."""
    return {
        "rotary": "queries and keys are turned by their position (rotary) too",
        "bias": "scores have a bias for the distance of two patches too",
        "": "",
    }[_told_by(module)]


def _told_by(module: nn.Module) -> Literal["rotary", "bias", ""]:
    """What tells places apart other than a table of positions."""
    if getattr(module, "rope", None) is not None:
        return "rotary"
    return "bias" if _has_bias(module) else ""


def _has_bias(module: nn.Module) -> bool:
    """Whether a part is named for the bias of a distance; of each network looked for once."""
    found = _BIASED.get(module)
    if found is None:
        found = _BIASED[module] = any(
            word in name
            for path, part in module.named_modules()
            for name in (path.rpartition(".")[2], *part._parameters, *part._buffers)
            for word in ("rel_pos", "relative_position", "attention_biases")
        )
    return found


def _moves(module: nn.Module, grid: TokenGrid) -> bool:
    """Whether the model resamples its table for this grid."""
    own = getattr(module.patch_embed, "grid_size", None)
    return own is not None and tuple(own) != (grid.rows, grid.cols)
