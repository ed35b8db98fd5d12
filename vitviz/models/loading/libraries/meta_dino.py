"""Meta's own DINOv2, DINOv3 and DeiT III files, and those of its Segment Anything."""

from __future__ import annotations

from typing import Any

import torch

from vitviz.models.loading.libraries.layout import Layout, LibraryConfig, LibraryState, Names

_SAME: Names = (
    ("cls_token", "cls_token"),
    ("pos_embed", "pos_embed"),
    ("mask_token", ""),
    ("patch_embed.", "patch_embed."),
    ("norm.", "norm."),
    ("head.", "head."),
)
_DINOV2: Names = (
    *_SAME,
    ("register_tokens", "reg_token"),
    # In chunks of blocks, as they were trained: blocks.<chunk>.<block>.
    ("blocks.*.*.mlp.w12.", "blocks.{2}.mlp.fc1."),
    ("blocks.*.*.mlp.w3.", "blocks.{2}.mlp.fc2."),
    ("blocks.*.*.", "blocks.{2}."),
    ("blocks.*.mlp.w12.", "blocks.*.mlp.fc1."),
    ("blocks.*.mlp.w3.", "blocks.*.mlp.fc2."),
    ("blocks.*.", "blocks.*."),
)
_DINOV3: Names = (
    *_SAME,
    ("storage_tokens", "reg_token"),
    ("rope_embed.periods", "rope_embed.periods"),
    ("blocks.*.ls1.gamma", "blocks.*.gamma_1"),
    ("blocks.*.ls2.gamma", "blocks.*.gamma_2"),
    ("blocks.*.mlp.w1.", "blocks.*.mlp.fc1_g."),
    ("blocks.*.mlp.w2.", "blocks.*.mlp.fc1_x."),
    ("blocks.*.mlp.w3.", "blocks.*.mlp.fc2."),
    ("blocks.*.", "blocks.*."),
    ("local_cls_norm.", ""),
)
_DEIT3: Names = (
    *_SAME,
    ("blocks.*.gamma_1", "blocks.*.ls1.gamma"),
    ("blocks.*.gamma_2", "blocks.*.ls2.gamma"),
    ("blocks.*.", "blocks.*."),
)
_SAM: Names = (
    ("pos_embed", "pos_embed"),
    ("patch_embed.", "patch_embed."),
    ("neck.", "neck."),
    ("blocks.*.mlp.lin1.", "blocks.*.mlp.fc1."),
    ("blocks.*.mlp.lin2.", "blocks.*.mlp.fc2."),
    ("blocks.*.", "blocks.*."),
)
_SAM_OF_TRANSFORMERS: Names = (
    ("pos_embed", "pos_embed"),
    ("patch_embed.projection.", "patch_embed.proj."),
    ("neck.conv1.", "neck.0."),
    ("neck.layer_norm1.", "neck.1."),
    ("neck.conv2.", "neck.2."),
    ("neck.layer_norm2.", "neck.3."),
    ("layers.*.attn.", "blocks.*.attn."),
    ("layers.*.layer_norm1.", "blocks.*.norm1."),
    ("layers.*.layer_norm2.", "blocks.*.norm2."),
    ("layers.*.mlp.lin1.", "blocks.*.mlp.fc1."),
    ("layers.*.mlp.lin2.", "blocks.*.mlp.fc2."),
)


def _dinov2(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """With registers, timm adds the class token's position to the token itself, once."""
    table = state.get("pos_embed")
    if "reg_token" not in state or table is None:
        return state
    return state | {"cls_token": state["cls_token"] + table[:, :1], "pos_embed": table[:, 1:]}


def _dinov3(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """Keys have no bias there (a mask takes it away); where all others are 0, timm has none."""
    found, biases = {}, {}
    for key, value in state.items():
        if key.endswith("attn.qkv.bias"):
            mask = state.get(f"{key}_mask")
            # The masked part is stored as NaN.
            biases[key] = value if mask is None else torch.where(mask == 0, mask * 0, value * mask)
        elif not key.endswith("bias_mask"):
            found[key] = value
    if any(bool(value.any()) for value in biases.values()):
        for key, value in biases.items():
            path, (query, _, values) = key.removesuffix("qkv.bias"), value.chunk(3)
            found |= {f"{path}q_bias": query, f"{path}v_bias": values}
    return found


def _sam(_state: LibraryState, config: LibraryConfig) -> dict[str, Any]:
    return {"window_size": config["window_size"]} if "window_size" in config else {}


LAYOUTS = (
    Layout(
        "Meta's DINOv3",
        "Eva",
        ("storage_tokens", "rope_embed.periods", "blocks.0.attn.qkv.weight"),
        _DINOV3,
        after=("projectors.", "dino_head.", "ibot_head."),
        finish=_dinov3,
        as_timm=True,
        only="dinov3",
    ),
    Layout(
        "Meta's DINOv2",
        "VisionTransformer",
        ("mask_token", "blocks.0.ls1.gamma", "pos_embed"),
        _DINOV2,
        without=("storage_tokens", "rope_embed.periods"),
        after=("dino_head.", "ibot_head."),
        finish=_dinov2,
        as_timm=True,
    ),
    Layout(
        "Meta's DINOv2",
        "VisionTransformer",
        ("mask_token", "blocks.0.0.ls1.gamma", "pos_embed"),
        _DINOV2,
        after=("dino_head.", "ibot_head."),
        finish=_dinov2,
        as_timm=True,
    ),
    Layout(
        "Meta's DeiT III",
        "VisionTransformer",
        ("blocks.0.gamma_1", "blocks.0.attn.qkv.bias", "blocks.0.mlp.fc1.weight", "pos_embed"),
        _DEIT3,
        without=(
            "blocks.0.attn.proj_l.weight",
            "blocks.0.attn.temperature",
            "rope.freqs",
            "norm_pre.weight",
        ),
        as_timm=True,
    ),
    Layout(
        "Segment Anything",
        "VisionTransformerSAM",
        ("patch_embed.proj.weight", "blocks.0.mlp.lin1.weight", "blocks.0.attn.qkv.weight"),
        _SAM,
        arguments=_sam,
        fixed={"hidden_act": "gelu", "layer_norm_eps": 1e-6},
    ),
    Layout(
        "transformers' SAM",
        "VisionTransformerSAM",
        ("patch_embed.projection.weight", "layers.0.mlp.lin1.weight", "layers.0.attn.qkv.weight"),
        _SAM_OF_TRANSFORMERS,
        arguments=_sam,
        usual={"hidden_act": "gelu", "layer_norm_eps": 1e-6},
        model_type=("sam", "sam_vision_model"),
    ),
)
