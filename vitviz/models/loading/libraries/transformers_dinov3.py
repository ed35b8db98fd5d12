"""transformers' DINOv3: rotations in place of position embeddings, and registers."""

from __future__ import annotations

from typing import Any

from vitviz.models.loading.libraries.layout import Layout, LibraryConfig, LibraryState

_BLOCK = (
    ("norm1.", "norm1."),
    ("norm2.", "norm2."),
    ("attention.q_proj.", "attn.qkv/q."),
    ("attention.k_proj.", "attn.qkv/k."),
    ("attention.v_proj.", "attn.qkv/v."),
    ("attention.o_proj.", "attn.proj."),
    ("layer_scale1.lambda1", "gamma_1"),
    ("layer_scale2.lambda1", "gamma_2"),
)
_PLAIN = (("mlp.up_proj.", "mlp.fc1."), ("mlp.down_proj.", "mlp.fc2."))
_GATED = (
    ("mlp.gate_proj.", "mlp.fc1_g."),
    ("mlp.up_proj.", "mlp.fc1_x."),
    ("mlp.down_proj.", "mlp.fc2."),
)


def _names(mlp: tuple[tuple[str, str], ...], layer: str) -> tuple[tuple[str, str], ...]:
    return (
        ("embeddings.cls_token", "cls_token"),
        ("embeddings.register_tokens", "reg_token"),
        ("embeddings.mask_token", ""),
        ("embeddings.patch_embeddings.", "patch_embed.proj."),
        *((f"{layer}.*.{there}", f"blocks.*.{here}") for there, here in (*_BLOCK, *mlp)),
        ("rope_embeddings.inv_freq", ""),
        ("norm.", "norm."),
    )


def _finished(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    """A table of no registers is none."""
    if "reg_token" in state and state["reg_token"].shape[1] == 0:
        return {key: value for key, value in state.items() if key != "reg_token"}
    return state


def _arguments(_state: LibraryState, config: LibraryConfig) -> dict[str, Any]:
    return {
        "rope_type": "dinov3",
        "rope_temperature": float(config.get("rope_theta", 100.0)),
        "rope_rotate_half": True,
        "use_rot_pos_emb": True,
        "use_abs_pos_emb": False,
        "dynamic_img_size": True,
        "global_pool": "token",
        "use_fc_norm": False,
    }


def _layout(layer: str, *, gated: bool) -> Layout:
    act = {"hidden_act": "silu"} if gated else {"hidden_act": "gelu"}
    marks = (
        "embeddings.patch_embeddings.weight",
        f"{layer}.0.attention.o_proj.weight",
        f"{layer}.0.layer_scale1.lambda1",
    )
    gate = f"{layer}.0.mlp.gate_proj.weight"
    return Layout(
        "transformers' DINOv3",
        "Eva",
        (*marks, gate) if gated else marks,
        _names(_GATED if gated else _PLAIN, layer),
        beside=(("classifier.", "head."),),
        without=() if gated else (gate,),
        finish=_finished,
        arguments=_arguments,
        usual={**act, "layer_norm_eps": 1e-5},
        model_type=("dinov3_vit",),
        split_bias=True,
    )


LAYOUTS = tuple(
    _layout(layer, gated=gated) for layer in ("layer", "model.layer") for gated in (True, False)
)
