"""transformers' CLIP, SigLIP and SigLIP 2: the tower that sees."""

from __future__ import annotations

import math
from typing import Any

from einops import rearrange

from vitviz.models.loading.libraries.layout import (
    CLIP,
    HALF,
    Layout,
    LibraryConfig,
    LibraryState,
    Names,
    with_axis,
)

_BLOCKS: Names = (
    ("encoder.layers.*.self_attn.q_proj.", "blocks.*.attn.qkv/q."),
    ("encoder.layers.*.self_attn.k_proj.", "blocks.*.attn.qkv/k."),
    ("encoder.layers.*.self_attn.v_proj.", "blocks.*.attn.qkv/v."),
    ("encoder.layers.*.self_attn.out_proj.", "blocks.*.attn.proj."),
    ("encoder.layers.*.layer_norm1.", "blocks.*.norm1."),
    ("encoder.layers.*.layer_norm2.", "blocks.*.norm2."),
    ("encoder.layers.*.mlp.fc1.", "blocks.*.mlp.fc1."),
    ("encoder.layers.*.mlp.fc2.", "blocks.*.mlp.fc2."),
    ("embeddings.patch_embedding.", "patch_embed.proj."),
    ("embeddings.position_embedding.weight", "pos_embed"),
    ("embeddings.position_ids", ""),
)
_POOL: Names = (
    ("head.probe", "attn_pool.latent"),
    ("head.attention.in_proj_weight", "attn_pool.in_proj.weight"),
    ("head.attention.in_proj_bias", "attn_pool.in_proj.bias"),
    ("head.attention.out_proj.", "attn_pool.proj."),
    ("head.layernorm.", "attn_pool.norm."),
    ("head.mlp.fc1.", "attn_pool.mlp.fc1."),
    ("head.mlp.fc2.", "attn_pool.mlp.fc2."),
)
_PATCHES = "embeddings.patch_embedding.weight"
_FIRST = "encoder.layers.0.self_attn.k_proj.weight"


def _clip(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    state = state | {"cls_token": state["cls_token"].reshape(1, 1, -1)}
    return with_axis(state, "pos_embed")


def _siglip(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """The pool's queries and keys apart, as timm has them; patches that were rows are kernels again."""
    kept = with_axis(state, "pos_embed")
    for kind in ("weight", "bias"):
        if f"attn_pool.in_proj.{kind}" in kept:
            three = kept.pop(f"attn_pool.in_proj.{kind}")
            dim = three.shape[0] // 3
            kept |= {f"attn_pool.q.{kind}": three[:dim], f"attn_pool.kv.{kind}": three[dim:]}
    kernel = kept["patch_embed.proj.weight"]
    if kernel.ndim == 2:
        side = math.isqrt(kernel.shape[1] // 3)
        kept["patch_embed.proj.weight"] = rearrange(
            kernel, "dim (row col rgb) -> dim rgb row col", row=side, col=side
        )
    return kept


def _classified(state: LibraryState, _config: LibraryConfig) -> dict[str, Any]:
    """A classifier of transformers' reads the mean of the patches, without the pool."""
    return {} if "head.weight" not in state else {"global_pool": "avg", "fc_norm": False}


def _without_pool(state: LibraryState, config: LibraryConfig) -> LibraryState:
    kept = _siglip(state, config)
    if "head.weight" in kept:
        kept = {key: value for key, value in kept.items() if not key.startswith("attn_pool.")}
    return kept


LAYOUTS = (
    Layout(
        "transformers' CLIP",
        "VisionTransformer",
        (_PATCHES, _FIRST, "embeddings.class_embedding"),
        (
            *_BLOCKS,
            ("embeddings.class_embedding", "cls_token"),
            ("pre_layrnorm.", "norm_pre."),
            ("post_layernorm.", "norm."),
        ),
        finish=_clip,
        usual={"layer_norm_eps": 1e-5},
        prepared=CLIP,
        model_type=("clip", "clip_vision_model"),
    ),
    Layout(
        "transformers' SigLIP",
        "VisionTransformer",
        (_PATCHES, _FIRST),
        (*_BLOCKS, *_POOL, ("post_layernorm.", "norm.")),
        beside=(("classifier.", "head."),),
        without=("embeddings.class_embedding",),
        finish=_without_pool,
        arguments=_classified,
        usual={"layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh"},
        prepared=HALF,
        model_type=("siglip", "siglip_vision_model", "siglip2", "siglip2_vision_model"),
    ),
)
