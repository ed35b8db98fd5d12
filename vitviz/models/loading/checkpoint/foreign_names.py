"""Weights under other names than timm's: Google's .npz files, and the transformers library's ViTs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from vitviz.core.progress import BadModel

ForeignState = dict[str, Tensor]

_BLOCK = re.compile(r"Transformer/encoderblock_(\d+)/(.+)")
_NPZ = {
    "cls": "cls_token",
    "embedding/kernel": "patch_embed.proj.weight",
    "embedding/bias": "patch_embed.proj.bias",
    "Transformer/posembed_input/pos_embedding": "pos_embed",
    "Transformer/encoder_norm/scale": "norm.weight",
    "Transformer/encoder_norm/bias": "norm.bias",
    "head/kernel": "head.weight",
    "head/bias": "head.bias",
}
_NPZ_BLOCK = {
    "LayerNorm_0/scale": "norm1.weight",
    "LayerNorm_0/bias": "norm1.bias",
    "LayerNorm_2/scale": "norm2.weight",
    "LayerNorm_2/bias": "norm2.bias",
    "MlpBlock_3/Dense_0/kernel": "mlp.fc1.weight",
    "MlpBlock_3/Dense_0/bias": "mlp.fc1.bias",
    "MlpBlock_3/Dense_1/kernel": "mlp.fc2.weight",
    "MlpBlock_3/Dense_1/bias": "mlp.fc2.bias",
}

_HF_TOP = (
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.distillation_token", "dist_token"),
    ("embeddings.register_tokens", "reg_token"),
    ("embeddings.mask_token", "mask_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("layernorm.", "norm."),
    ("distillation_classifier.", "head_dist."),
    ("cls_classifier.", "head."),
    ("classifier.", "head."),
)
_HF_BLOCK = (
    ("attention.output.dense.", "attn.proj."),
    ("intermediate.dense.", "mlp.fc1."),
    ("output.dense.", "mlp.fc2."),
    ("layernorm_before.", "norm1."),
    ("layernorm_after.", "norm2."),
    ("layer_scale1.lambda1", "ls1.gamma"),
    ("layer_scale2.lambda1", "ls2.gamma"),
)
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_QKV = re.compile(r"attention\.attention\.(query|key|value)\.(weight|bias)")


def google_names(state: ForeignState, name: str) -> ForeignState:
    """The tensors of a google-research/vision_transformer file by timm's names; all others as they are.

    BadModel for one of its hybrids with a ResNet stem.
    """
    if "embedding/kernel" not in state or "cls" not in state:
        return state
    if any(key.startswith(("conv_root", "block1/")) for key in state):
        raise BadModel(
            f"{name} is a hybrid with a ResNet stem, which is not read from .npz; timm has the "
            "same weights: look for vit_*_r*_s* in the library"
        )
    return _from_jax({key: tensor.numpy() for key, tensor in state.items()})


def timm_names(state: ForeignState) -> ForeignState:
    """The tensors of transformers' ViT, DeiT and DINOv2 by timm's names; all others as they are."""
    keys = {re.sub(r"^(vit|deit|dinov2|dinov2_with_registers)\.", "", key): key for key in state}
    if "embeddings.patch_embeddings.projection.weight" not in keys:
        return state
    renamed: ForeignState = {}
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for short, key in keys.items():
        block = _LAYER.fullmatch(short)
        packed = _QKV.fullmatch(block[2]) if block else None
        if block and packed:
            parts.setdefault((block[1], packed[2]), {})[packed[1]] = state[key]
        elif block:
            renamed[f"blocks.{block[1]}.{_replaced(block[2], _HF_BLOCK)}"] = state[key]
        else:
            renamed[_replaced(short, _HF_TOP)] = state[key]
    for (number, kind), three in parts.items():
        renamed[f"blocks.{number}.attn.qkv.{kind}"] = torch.cat(
            [three[name] for name in ("query", "key", "value")]
        )
    head = renamed.get("head.weight")
    if head is not None and head.shape[1] == 2 * renamed["cls_token"].shape[-1]:
        # DINOv2's head reads class token and mean of the patches together; timm has none such.
        renamed["head.weight_of_both"], renamed["head.bias_of_both"] = (
            renamed.pop("head.weight"),
            renamed.pop("head.bias"),
        )
    return renamed


def _replaced(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def _from_jax(found: Mapping[str, np.ndarray]) -> ForeignState:
    state: dict[str, np.ndarray] = {}
    packed: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, array in found.items():
        block = _BLOCK.fullmatch(name)
        if not block:
            if name in _NPZ:
                state[_NPZ[name]] = _turned(name, array)
            elif not name.startswith("pre_logits/"):
                state[name.replace("/", ".")] = array
            continue
        number, rest = block[1], block[2]
        attention = re.fullmatch(
            r"MultiHeadDotProductAttention_1/(query|key|value|out)/(\w+)", rest
        )
        if attention is None:
            target = _NPZ_BLOCK.get(rest, rest.replace("/", "."))
            state[f"blocks.{number}.{target}"] = _turned(rest, array)
        elif attention[1] == "out":
            state[f"blocks.{number}.attn.proj.{_kind(attention[2])}"] = _output(array)
        else:
            packed.setdefault((number, attention[2]), {})[attention[1]] = _input(array)
    for (number, kind), three in packed.items():
        state[f"blocks.{number}.attn.qkv.{_kind(kind)}"] = np.concatenate(
            [three[name] for name in ("query", "key", "value")]
        )
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in state.items()}


def _kind(name: str) -> str:
    return "weight" if name == "kernel" else "bias"


def _turned(name: str, array: np.ndarray) -> np.ndarray:
    """A kernel with its output axis first, as torch has it."""
    if not name.endswith("kernel"):
        return array
    if array.ndim == 4:
        return rearrange(array, "row col rgb dim -> dim rgb row col")
    return rearrange(array, "before after -> after before")


def _input(array: np.ndarray) -> np.ndarray:
    if array.ndim == 3:
        return rearrange(array, "dim head part -> (head part) dim")
    return rearrange(array, "head part -> (head part)")


def _output(array: np.ndarray) -> np.ndarray:
    return rearrange(array, "head part dim -> dim (head part)") if array.ndim == 3 else array
