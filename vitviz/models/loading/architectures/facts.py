"""What no tensor's shape shows about a network: heads, windows, activations, epsilons, rotations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import heads_inside, windows_inside

FACTS = ("heads", "window", "activation", "norm eps", "rope", "pooling", "rest")
"""The facts by the words of `Evidence.fact`; "rest" is all else that computes."""

_HEADS = frozenset({"num_heads", "heads", "head_dim", "dim_head", "scale", "num_kv_heads"})
_WINDOWS = frozenset(
    {
        "window_size",
        "window_area",
        "partition_size",
        "shift_size",
        "target_shift_size",
        "mu_size",
        "mask_unit_size",
        "bias_shape",
    }
)
_POOLING = frozenset({"global_pool", "pool_type", "pool_include_prefix"})
_ROTATIONS = frozenset({"rotate_half"})
_IDLE = frozenset(
    {
        # Training only.
        "training",
        "p",
        "inplace",
        "drop_prob",
        "drop_rate",
        "scale_by_keep",
        "momentum",
        "grad_checkpointing",
        "fix_init",
        "weight_init_mode",
        "init_values",
        "head_init_scale",
        "aug_active",
        "jitter_coords",
        "rescale_coords",
        "shift_coords",
        "patch_drop_rate",
        "distilled_training",
        "return_interm_layers",
        "zero_init_last",
        "init_scale",
        # Ways to compute the same.
        "fused_attn",
        "flatten",
        "output_fmt",
        "strict_img_size",
        "dynamic_img_size",
        "reshape",
        "dynamic_img_pad",
        "channels_last",
        "feature_info",
        "num_classes",
        "in_chans",
        "in_chs",
        "in_channels",
        "out_channels",
        "in_features",
        "out_features",
        "head_hidden_size",
        "fast_norm",
        "_fast_norm",
        "use_naflex",
        "dynamic_mask",
        "always_partition",
        # The picture's size: a fact of its own.
        "img_size",
        "grid_size",
        "num_patches",
        "feat_shape",
        "feat_size",
        "input_resolution",
        "output_resolution",
        "resolution",
        "size",
        "tokens_spatial_shape",
        "mask_spatial_shape",
        "num_relative_distance",
        "default_img_size",
        "pos_embed_grid_size",
        "max_res",
        "feature_size",
    }
)
_NOTHING = (nn.Identity, nn.Dropout)
_NOTHINGS = ("DropPath", "PatchDropout", "PatchDropoutWithIndices", "Dropout2d", "DropBlock2d")
_GATES = ("Softmax", "Sigmoid", "Tanh", "Hardsigmoid")
_PLAIN = (int, float, bool, str, tuple, list)

Fact = tuple[str, str]
"""In words, and a mark of all that it was made of."""


def facts_of(module: nn.Module) -> dict[str, Fact]:
    """The facts of a network, which may be on torch's "meta" device, by the words of `FACTS`."""
    found: dict[str, list[str]] = {fact: [] for fact in FACTS}
    for path, part in module.named_modules():
        kind = type(part).__name__
        if isinstance(part, _NOTHING) or kind in _NOTHINGS:
            continue
        if _is_activation(part):
            found["activation"].append(f"{path}:{_named(part)}")
            continue
        found["rest"].append(f"{path}:{kind}" if path else "")
        rotates = "Rotary" in kind or "Rope" in kind
        for name, value in _computing(part):
            fact = "rope" if rotates else _fact(name)
            found[fact].append(f"{path}.{name}={value}")
    said = _in_words(module)
    return {fact: (said.get(fact, ""), _mark(lines)) for fact, lines in found.items()}


def _in_words(module: nn.Module) -> dict[str, str]:
    parts = list(module.modules())
    return {
        "heads": counted(heads_inside(parts)),
        "window": counted(windows_inside(parts)),
        "activation": activations(parts),
        "norm eps": ", ".join(dict.fromkeys(f"{each:g}" for each in _epsilons(parts))),
        "rope": ", ".join(
            dict.fromkeys(type(p).__name__ for p in parts if "Rotary" in type(p).__name__)
        ),
        "pooling": anatomy_of(module).pooling,
    }


def heads_of(module: nn.Module) -> tuple[int, ...]:
    """The heads of every attention of a network, in its order."""
    return tuple(heads_inside(list(module.modules())))


def windows_of(module: nn.Module) -> tuple[int, ...]:
    """The side of the window of every attention that has one, in order; other shapes as their rows."""
    return tuple(windows_inside(list(module.modules())))


def counted(numbers: Iterable[int]) -> str:
    """Numbers over depth in words: "3, 6, 12", each once where it stays the same."""
    said: list[int] = []
    for number in numbers:
        if not said or said[-1] != number:
            said.append(number)
    if len(said) > 2 * len(set(said)):  # in turns, as a TNT's words and patches
        said = list(dict.fromkeys(said))
    return ", ".join(map(str, said))


def activations(parts: Iterable[nn.Module]) -> str:
    """The activations in words, without those that make weights or gates of 0 to 1."""
    named = (_named(part) for part in parts if _is_activation(part))
    return ", ".join(dict.fromkeys(each for each in named if each not in _GATES))


def _epsilons(parts: list[nn.Module]) -> list[float]:
    """Of the normalisations of tokens; of those of batches where there are no others."""
    norms = [part for part in parts if "Norm" in type(part).__name__]
    tokens = [part for part in norms if "Batch" not in type(part).__name__]
    found = (getattr(part, "eps", None) for part in tokens or norms)
    return [eps for eps in found if isinstance(eps, float)]


def _is_activation(part: nn.Module) -> bool:
    return "activation" in type(part).__module__ or type(part).__name__ in (
        "GELUTanh",
        "QuickGELU",
        "Swish",
        "Mish",
        "HardMish",
    )


def _named(part: nn.Module) -> str:
    """An activation by name; GELU's two forms apart, timm's class for one of them as torch's."""
    kind = type(part).__name__
    if kind == "GELU" and getattr(part, "approximate", "none") == "tanh":
        return "GELUTanh"
    return kind


def _computing(part: nn.Module) -> Iterator[tuple[str, Any]]:
    """The plain attributes of a module that say how it computes."""
    for name, value in sorted(vars(part).items()):
        if name.startswith("_") or name in _IDLE:
            continue
        if isinstance(value, torch.Size):
            value = tuple(value)
        if isinstance(value, _PLAIN):
            yield name, tuple(value) if isinstance(value, list) else value


def _fact(name: str) -> str:
    if name == "eps":
        return "norm eps"
    sets = {"heads": _HEADS, "window": _WINDOWS, "pooling": _POOLING, "rope": _ROTATIONS}
    return next((fact for fact, names in sets.items() if name in names), "rest")


def _mark(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
