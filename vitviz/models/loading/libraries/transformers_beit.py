"""transformers' BEiT: a bias over places in every block, or one for all."""

from __future__ import annotations

from typing import Any

from vitviz.models.loading.libraries.layout import HALF, Layout, LibraryConfig, LibraryState, Names

_TABLE = "relative_position_bias.relative_position_bias_table"
_NAMES: Names = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.mask_token", ""),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("encoder.layer.*.attention.attention.query.", "blocks.*.attn.qkv/q."),
    ("encoder.layer.*.attention.attention.key.", "blocks.*.attn.qkv/k."),
    ("encoder.layer.*.attention.attention.value.", "blocks.*.attn.qkv/v."),
    (
        f"encoder.layer.*.attention.attention.{_TABLE}",
        "blocks.*.attn.relative_position_bias_table",
    ),
    ("encoder.layer.*.attention.attention.relative_position_bias.relative_position_index", ""),
    (f"encoder.{_TABLE}", "rel_pos_bias.relative_position_bias_table"),
    ("encoder.relative_position_bias.relative_position_index", ""),
    ("encoder.layer.*.attention.output.dense.", "blocks.*.attn.proj."),
    ("encoder.layer.*.intermediate.dense.", "blocks.*.mlp.fc1."),
    ("encoder.layer.*.output.dense.", "blocks.*.mlp.fc2."),
    ("encoder.layer.*.layernorm_before.", "blocks.*.norm1."),
    ("encoder.layer.*.layernorm_after.", "blocks.*.norm2."),
    ("encoder.layer.*.lambda_1", "blocks.*.gamma_1"),
    ("encoder.layer.*.lambda_2", "blocks.*.gamma_2"),
    ("pooler.layernorm.", "fc_norm."),
    ("layernorm.", "norm."),
)


def _arguments(state: LibraryState, _config: LibraryConfig) -> dict[str, Any]:
    mean = "fc_norm.weight" in state
    return {"global_pool": "avg" if mean else "token", "use_fc_norm": mean}


LAYOUTS = (
    Layout(
        "transformers' BEiT",
        "Beit",
        (
            "embeddings.patch_embeddings.projection.weight",
            "encoder.layer.0.layernorm_before.weight",
            "encoder.layer.0.lambda_1",
        ),
        _NAMES,
        beside=(("classifier.", "head."), ("decode_head.", ""), ("auxiliary_head.", "")),
        arguments=_arguments,
        fixed={"hidden_act": "gelu"},
        usual={"layer_norm_eps": 1e-12},
        model_type=("beit", "data2vec-vision"),
        split_bias=True,
        prepared=HALF,
    ),
    Layout(
        "transformers' BEiT",
        "Beit",
        (
            "embeddings.patch_embeddings.projection.weight",
            f"encoder.layer.0.attention.attention.{_TABLE}",
        ),
        _NAMES,
        beside=(("classifier.", "head."), ("decode_head.", ""), ("auxiliary_head.", "")),
        arguments=_arguments,
        fixed={"hidden_act": "gelu"},
        usual={"layer_norm_eps": 1e-12},
        model_type=("beit", "data2vec-vision"),
        split_bias=True,
        prepared=HALF,
    ),
)
