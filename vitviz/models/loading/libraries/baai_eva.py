"""BAAI's own EVA-02 files: projections apart, a gated MLP, norms within, a rope kept as buffers."""

from __future__ import annotations

from vitviz.models.loading.libraries.layout import CLIP, Layout, LibraryConfig, LibraryState, Names

_EVA: Names = (
    ("cls_token", "cls_token"),
    ("pos_embed", "pos_embed"),
    ("mask_token", ""),
    ("lm_head.", ""),
    ("patch_embed.", "patch_embed."),
    ("norm.", "norm."),
    ("fc_norm.", "fc_norm."),
    ("head.", "head."),
    ("rope.freqs_cos", ""),
    ("rope.freqs_sin", ""),
    ("blocks.*.attn.rope.freqs_cos", ""),
    ("blocks.*.attn.rope.freqs_sin", ""),
    ("blocks.*.attn.inner_attn_ln.", "blocks.*.attn.norm."),
    ("blocks.*.mlp.ffn_ln.", "blocks.*.mlp.norm."),
    ("blocks.*.mlp.w12.", "blocks.*.mlp.fc1."),
    ("blocks.*.mlp.w1.", "blocks.*.mlp.fc1_g."),
    ("blocks.*.mlp.w2.", "blocks.*.mlp.fc1_x."),
    ("blocks.*.mlp.w3.", "blocks.*.mlp.fc2."),
    ("blocks.*.", "blocks.*."),
)
_ROPE = "rope.freqs_cos"


def _finished(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """q and v have their bias with their weight where all three have a weight of their own."""
    found: LibraryState = {}
    for key, value in state.items():
        path, _, last = key.rpartition(".")
        if last in ("q_bias", "v_bias") and f"{path}.q_proj.weight" in state:
            key = f"{path}.{last[0]}_proj.bias"
        found[key] = value
    return found


def _layout(*marks: str) -> Layout:
    return Layout(
        "BAAI's EVA-02",
        "Eva",
        marks,
        _EVA,
        without=("storage_tokens", "rope_embed.periods"),
        finish=_finished,
        prepared=CLIP,
        as_timm=True,
        only="eva02",
    )


LAYOUTS = (
    _layout(
        "blocks.0.mlp.w3.weight", "blocks.0.mlp.w1.weight", "blocks.0.attn.q_proj.weight", _ROPE
    ),
    _layout("blocks.0.mlp.w3.weight", "blocks.0.mlp.w12.weight", "blocks.0.attn.qkv.weight", _ROPE),
)
