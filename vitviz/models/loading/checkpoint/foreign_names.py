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
