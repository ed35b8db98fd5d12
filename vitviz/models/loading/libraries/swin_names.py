"""Swin and Swin V2 as Microsoft, transformers, torchvision and OpenMMLab name their tensors."""

from __future__ import annotations

import re

import torch
from einops import rearrange

from vitviz.models.loading.libraries.layout import Layout, LibraryConfig, LibraryState, Names

_TABLE = "attn.relative_position_bias_table"
_ENDS = "downsample_after"


def _moved(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """Patches are merged at the end of a stage there, and at the start of the next in timm."""
    return {
        re.sub(
            rf"layers\.(\d+)\.{_ENDS}\.", lambda m: f"layers.{int(m[1]) + 1}.downsample.", key
        ): value
        for key, value in state.items()
    }


_MICROSOFT: Names = (
    ("layers.*.downsample.", f"layers.*.{_ENDS}."),
    ("layers.*.", "layers.*."),
    ("patch_embed.", "patch_embed."),
    ("norm.", "norm."),
    ("absolute_pos_embed", "absolute_pos_embed"),
    ("head.", "head.fc."),
)

_SELF = "encoder.layers.*.blocks.*.attention.self"
_HERE = "layers.*.blocks.*.attn"
_TRANSFORMERS: Names = (
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("embeddings.norm.", "patch_embed.norm."),
    ("embeddings.mask_token", ""),
    (f"{_SELF}.query.", f"{_HERE}.qkv/q."),
    (f"{_SELF}.key.", f"{_HERE}.qkv/k."),
    (f"{_SELF}.value.", f"{_HERE}.qkv/v."),
    (f"{_SELF}.relative_position_bias_table", f"{_HERE}.relative_position_bias_table"),
    (f"{_SELF}.relative_position_index", f"{_HERE}.relative_position_index"),
    (f"{_SELF}.relative_coords_table", f"{_HERE}.relative_coords_table"),
    (f"{_SELF}.continuous_position_bias_mlp.", f"{_HERE}.cpb_mlp."),
    (f"{_SELF}.logit_scale", f"{_HERE}.logit_scale"),
    ("encoder.layers.*.blocks.*.attention.output.dense.", f"{_HERE}.proj."),
    ("encoder.layers.*.blocks.*.layernorm_before.", "layers.*.blocks.*.norm1."),
    ("encoder.layers.*.blocks.*.layernorm_after.", "layers.*.blocks.*.norm2."),
    ("encoder.layers.*.blocks.*.intermediate.dense.", "layers.*.blocks.*.mlp.fc1."),
    ("encoder.layers.*.blocks.*.output.dense.", "layers.*.blocks.*.mlp.fc2."),
    ("encoder.layers.*.downsample.", f"layers.*.{_ENDS}."),
    ("layernorm.", "norm."),
)
_FIRST = "encoder.layers.0.blocks.0.attention.self"


def _torchvision() -> Names:
    """Stages lie at 1, 3, 5, 7 of `features`, what merges patches between them."""
    names = [("features.0.0.", "patch_embed.proj."), ("features.0.2.", "patch_embed.norm.")]
    for stage in range(4):
        there, here = f"features.{2 * stage + 1}.*", f"layers.{stage}.blocks.*"
        names += [
            (f"{there}.mlp.0.", f"{here}.mlp.fc1."),
            (f"{there}.mlp.3.", f"{here}.mlp.fc2."),
            (f"{there}.", f"{here}."),
            (f"features.{2 * stage + 2}.", f"layers.{stage + 1}.downsample."),
        ]
    return (*names, ("norm.", "norm."), ("head.", "head.fc."))


def _split_bias(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """Swin V2's keys have no bias: torchvision sets its part to 0 in every pass."""
    found: LibraryState = {}
    for key, value in state.items():
        if key.endswith("attn.qkv.bias"):
            path = key.removesuffix("qkv.bias")
            query, _, values = value.chunk(3)
            found |= {f"{path}q_bias": query, f"{path}v_bias": values}
        else:
            found[key] = value
    return found


_OPENMMLAB: Names = (
    ("patch_embed.projection.", "patch_embed.proj."),
    ("patch_embed.norm.", "patch_embed.norm."),
    ("stages.*.blocks.*.attn.w_msa.", f"{_HERE}."),
    ("stages.*.blocks.*.ffn.layers.0.0.", "layers.*.blocks.*.mlp.fc1."),
    ("stages.*.blocks.*.ffn.layers.1.", "layers.*.blocks.*.mlp.fc2."),
    ("stages.*.blocks.*.", "layers.*.blocks.*."),
    ("stages.*.downsample.", f"layers.*.{_ENDS}."),
    ("norm3.", "norm."),
    ("norm0.", ""),
    ("norm1.", ""),
    ("norm2.", ""),
)


def _openmmlab(state: LibraryState, config: LibraryConfig) -> LibraryState:
    """Its merging of four patches orders them channel by channel; timm's patch by patch."""
    found = _moved(state, config)
    for key, value in found.items():
        if ".downsample." not in key:
            continue
        # Patches go down the columns in timm, along the rows there.
        order = torch.tensor([0, 2, 1, 3])
        last = rearrange(value, "... (dim patch) -> ... dim patch", patch=4)[..., order]
        found[key] = rearrange(last, "... dim patch -> ... (patch dim)").contiguous()
    return found


_AFTER = ("pooler.", "decoder.")


LAYOUTS = (
    Layout(
        "Microsoft's Swin Transformer",
        "SwinTransformer",
        (f"layers.0.blocks.0.{_TABLE}", "layers.0.downsample.reduction.weight"),
        _MICROSOFT,
        finish=_moved,
        as_timm=True,
    ),
    Layout(
        "Microsoft's Swin Transformer V2",
        "SwinTransformerV2",
        ("layers.0.blocks.0.attn.logit_scale", "layers.0.downsample.reduction.weight"),
        _MICROSOFT,
        finish=_moved,
        as_timm=True,
    ),
    Layout(
        "transformers' Swin",
        "SwinTransformer",
        ("embeddings.patch_embeddings.projection.weight", f"{_FIRST}.relative_position_bias_table"),
        _TRANSFORMERS,
        beside=(("classifier.", "head.fc."),),
        finish=_moved,
        after=_AFTER,
        usual={"layer_norm_eps": 1e-5, "hidden_act": "gelu"},
        model_type=("swin", "donut-swin"),
    ),
    Layout(
        "transformers' Swin V2",
        "SwinTransformerV2",
        ("embeddings.patch_embeddings.projection.weight", f"{_FIRST}.logit_scale"),
        _TRANSFORMERS,
        beside=(("classifier.", "head.fc."),),
        finish=_moved,
        after=_AFTER,
        usual={"layer_norm_eps": 1e-5, "hidden_act": "gelu"},
        model_type=("swinv2",),
        split_bias=True,
    ),
    Layout(
        "torchvision's Swin V2",
        "SwinTransformerV2",
        ("features.0.0.weight", "features.1.0.attn.logit_scale"),
        _torchvision(),
        finish=_split_bias,
        fixed={"layer_norm_eps": 1e-5, "hidden_act": "gelu"},
    ),
    Layout(
        "torchvision's Swin",
        "SwinTransformer",
        ("features.0.0.weight", f"features.1.0.{_TABLE}"),
        _torchvision(),
        fixed={"layer_norm_eps": 1e-5, "hidden_act": "gelu"},
    ),
    Layout(
        "OpenMMLab's Swin",
        "SwinTransformer",
        (
            "patch_embed.projection.weight",
            "stages.0.blocks.0.attn.w_msa.relative_position_bias_table",
        ),
        _OPENMMLAB,
        beside=(("head.fc.", "head.fc."), ("decode_head.", ""), ("auxiliary_head.", "")),
        finish=_openmmlab,
        fixed={"layer_norm_eps": 1e-5, "hidden_act": "gelu"},
    ),
)
