"""torchvision's ViTs, and OpenMMLab's: q, k and v are one matrix already."""

from __future__ import annotations

from vitviz.models.loading.libraries.layout import Layout, Names

_BLOCK = "encoder.layers.encoder_layer_*"
_TORCHVISION: Names = (
    ("class_token", "cls_token"),
    ("conv_proj.", "patch_embed.proj."),
    ("encoder.pos_embedding", "pos_embed"),
    (f"{_BLOCK}.ln_1.", "blocks.*.norm1."),
    (f"{_BLOCK}.ln_2.", "blocks.*.norm2."),
    (f"{_BLOCK}.self_attention.in_proj_weight", "blocks.*.attn.qkv.weight"),
    (f"{_BLOCK}.self_attention.in_proj_bias", "blocks.*.attn.qkv.bias"),
    (f"{_BLOCK}.self_attention.out_proj.", "blocks.*.attn.proj."),
    # Before torchvision 0.13 the parts of an MLP had names.
    (f"{_BLOCK}.mlp.linear_1.", "blocks.*.mlp.fc1."),
    (f"{_BLOCK}.mlp.linear_2.", "blocks.*.mlp.fc2."),
    (f"{_BLOCK}.mlp.0.", "blocks.*.mlp.fc1."),
    (f"{_BLOCK}.mlp.3.", "blocks.*.mlp.fc2."),
    ("encoder.ln.", "norm."),
    ("heads.head.", "head."),
    ("heads.", "heads."),
)
_OPENMMLAB: Names = (
    ("cls_token", "cls_token"),
    ("pos_embed", "pos_embed"),
    ("patch_embed.projection.", "patch_embed.proj."),
    ("layers.*.ln1.", "blocks.*.norm1."),
    ("layers.*.ln2.", "blocks.*.norm2."),
    ("layers.*.norm1.", "blocks.*.norm1."),
    ("layers.*.norm2.", "blocks.*.norm2."),
    ("layers.*.attn.qkv.", "blocks.*.attn.qkv."),
    ("layers.*.attn.proj.", "blocks.*.attn.proj."),
    ("layers.*.attn.gamma1.weight", "blocks.*.ls1.gamma"),
    ("layers.*.ffn.gamma2.weight", "blocks.*.ls2.gamma"),
    ("layers.*.attn.attn.in_proj_weight", "blocks.*.attn.qkv.weight"),
    ("layers.*.attn.attn.in_proj_bias", "blocks.*.attn.qkv.bias"),
    ("layers.*.attn.attn.out_proj.", "blocks.*.attn.proj."),
    ("layers.*.ffn.layers.0.0.", "blocks.*.mlp.fc1."),
    ("layers.*.ffn.layers.1.", "blocks.*.mlp.fc2."),
    ("layers.*.ffn.w12.", "blocks.*.mlp.fc1."),
    ("layers.*.ffn.w3.", "blocks.*.mlp.fc2."),
    ("pre_norm.", "norm_pre."),
    ("ln2.", "fc_norm."),
    ("ln1.", "norm."),
    ("norm1.", "norm."),
)
_BESIDE: Names = (
    ("head.layers.head.", "head."),
    ("head.fc.", "head."),
    ("decode_head.", ""),
    ("auxiliary_head.", ""),
    ("neck.", ""),
)

LAYOUTS = (
    Layout(
        "torchvision's ViT",
        "VisionTransformer",
        (
            "conv_proj.weight",
            "encoder.pos_embedding",
            "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
        ),
        _TORCHVISION,
        fixed={"layer_norm_eps": 1e-6, "hidden_act": "gelu"},
    ),
    Layout(
        "mmpretrain's ViT",
        "VisionTransformer",
        (
            "patch_embed.projection.weight",
            "layers.0.attn.qkv.weight",
            "layers.0.ffn.layers.0.0.weight",
        ),
        _OPENMMLAB,
        beside=_BESIDE,
        fixed={"layer_norm_eps": 1e-6, "hidden_act": "gelu"},
        prepared_always=False,
    ),
    Layout(
        "mmsegmentation's ViT",
        "VisionTransformer",
        (
            "patch_embed.projection.weight",
            "layers.0.attn.attn.in_proj_weight",
            "layers.0.ffn.layers.0.0.weight",
        ),
        _OPENMMLAB,
        beside=_BESIDE,
        fixed={"hidden_act": "gelu"},
        usual={"layer_norm_eps": 1e-6},
        prepared_always=False,
    ),
)
