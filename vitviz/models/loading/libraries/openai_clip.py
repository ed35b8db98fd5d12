"""OpenAI's CLIP and open_clip: the tower that sees, of the whole file."""

from __future__ import annotations

from vitviz.models.loading.libraries.layout import (
    CLIP,
    Layout,
    LibraryConfig,
    LibraryState,
    Names,
    with_axis,
)

_NAMES: Names = (
    ("class_embedding", "cls_token"),
    ("positional_embedding", "pos_embed"),
    ("conv1.", "patch_embed.proj."),
    ("ln_pre.", "norm_pre."),
    ("ln_post.", "norm."),
    ("transformer.resblocks.*.ln_1.", "blocks.*.norm1."),
    ("transformer.resblocks.*.ln_2.", "blocks.*.norm2."),
    ("transformer.resblocks.*.ls_1.gamma", "blocks.*.ls1.gamma"),
    ("transformer.resblocks.*.ls_2.gamma", "blocks.*.ls2.gamma"),
    ("transformer.resblocks.*.attn.in_proj_weight", "blocks.*.attn.qkv.weight"),
    ("transformer.resblocks.*.attn.in_proj_bias", "blocks.*.attn.qkv.bias"),
    ("transformer.resblocks.*.attn.out_proj.", "blocks.*.attn.proj."),
    ("transformer.resblocks.*.mlp.c_fc.", "blocks.*.mlp.fc1."),
    ("transformer.resblocks.*.mlp.c_proj.", "blocks.*.mlp.fc2."),
    ("proj", ""),
)


def _finished(state: LibraryState, _config: LibraryConfig) -> LibraryState:
    state = state | {"cls_token": state["cls_token"].reshape(1, 1, -1)}
    return with_axis(state, "pos_embed")


LAYOUTS = (
    Layout(
        "CLIP",
        "VisionTransformer",
        (
            "class_embedding",
            "conv1.weight",
            "positional_embedding",
            "ln_pre.weight",
            "transformer.resblocks.0.attn.in_proj_weight",
        ),
        _NAMES,
        finish=_finished,
        fixed={"layer_norm_eps": 1e-5},
        prepared=CLIP,
        as_timm=True,
    ),
)
