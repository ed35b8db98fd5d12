"""transformers' ViT, DeiT, MAE and DINOv2, with and without registers."""

from __future__ import annotations

from typing import Any

from vitviz.models.loading.libraries.layout import (
    HALF,
    IMAGENET,
    Layout,
    LibraryConfig,
    LibraryState,
    Names,
)

_EMBEDDINGS: Names = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.distillation_token", "dist_token"),
    ("embeddings.register_tokens", "reg_token"),
    ("embeddings.mask_token", ""),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
)
_ATTENTION: Names = (
    ("encoder.layer.*.attention.attention.query.", "blocks.*.attn.qkv/q."),
    ("encoder.layer.*.attention.attention.key.", "blocks.*.attn.qkv/k."),
    ("encoder.layer.*.attention.attention.value.", "blocks.*.attn.qkv/v."),
    ("encoder.layer.*.attention.output.dense.", "blocks.*.attn.proj."),
)
_VIT: Names = (
    *_EMBEDDINGS,
    *_ATTENTION,
    ("encoder.layer.*.intermediate.dense.", "blocks.*.mlp.fc1."),
    ("encoder.layer.*.output.dense.", "blocks.*.mlp.fc2."),
    ("encoder.layer.*.layernorm_before.", "blocks.*.norm1."),
    ("encoder.layer.*.layernorm_after.", "blocks.*.norm2."),
    ("layernorm.", "norm."),
)
_DINO: Names = (
    *_EMBEDDINGS,
    *_ATTENTION,
    ("encoder.layer.*.norm1.", "blocks.*.norm1."),
    ("encoder.layer.*.norm2.", "blocks.*.norm2."),
    ("encoder.layer.*.layer_scale1.lambda1", "blocks.*.ls1.gamma"),
    ("encoder.layer.*.layer_scale2.lambda1", "blocks.*.ls2.gamma"),
    ("encoder.layer.*.mlp.fc1.", "blocks.*.mlp.fc1."),
    ("encoder.layer.*.mlp.fc2.", "blocks.*.mlp.fc2."),
    ("encoder.layer.*.mlp.weights_in.", "blocks.*.mlp.fc1."),
    ("encoder.layer.*.mlp.weights_out.", "blocks.*.mlp.fc2."),
    ("layernorm.", "norm."),
)
_PATCHES = "embeddings.patch_embeddings.projection.weight"
_BEFORE = "encoder.layer.0.layernorm_before.weight"
_HEADS: Names = (
    ("classifier.", "head."),
    ("cls_classifier.", "head."),
    ("distillation_classifier.", "head_dist."),
)
_USUAL = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}


def _deit(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """One classifier reads the class token alone: the distillation token is then one more register."""
    if "head_dist.weight" in state or "dist_token" not in state:
        return state
    kept = dict(state)
    return kept | {"reg_token": kept.pop("dist_token")}


def _dinov2(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """Positions of the class token are added once; the head over two vectors has no place in timm."""
    kept = {key: value for key, value in state.items() if not key.startswith("head.")}
    if "reg_token" not in kept:
        return kept
    table = kept["pos_embed"]
    return kept | {"cls_token": kept["cls_token"] + table[:, :1], "pos_embed": table[:, 1:]}


def _registers(state: LibraryState, _config: LibraryConfig) -> dict[str, Any]:
    gated = (
        state["blocks.0.mlp.fc1.weight"].shape[0] == 2 * state["blocks.0.mlp.fc2.weight"].shape[1]
    )
    return {"mlp_layer": "swiglu_packed", "act_layer": "silu"} if gated else {}


LAYOUTS = (
    Layout(
        "transformers' DeiT",
        "VisionTransformer",
        (_PATCHES, _BEFORE, "embeddings.distillation_token"),
        _VIT,
        beside=_HEADS,
        finish=_deit,
        usual=_USUAL,
        model_type=("deit",),
        after=("pooler.",),
        prepared=IMAGENET,
    ),
    Layout(
        "transformers' MAE",
        "VisionTransformer",
        (_PATCHES, _BEFORE),
        _VIT,
        beside=(*_HEADS, ("decoder.", "")),
        usual=_USUAL,
        model_type=("vit_mae", "vit_msn"),
        after=("pooler.",),
        prepared=IMAGENET,
        near=("decoder.decoder_embed.weight",),
    ),
    Layout(
        "transformers' ViT",
        "VisionTransformer",
        (_PATCHES, _BEFORE),
        _VIT,
        beside=_HEADS,
        usual=_USUAL,
        model_type=("vit",),
        after=("pooler.",),
        prepared=HALF,
        prepared_always=False,
    ),
    Layout(
        "transformers' DINOv2",
        "VisionTransformer",
        (_PATCHES, "encoder.layer.0.norm1.weight"),
        _DINO,
        finish=_dinov2,
        arguments=_registers,
        usual={"hidden_act": "gelu", "layer_norm_eps": 1e-6},
        model_type=("dinov2", "dinov2_with_registers"),
    ),
)
