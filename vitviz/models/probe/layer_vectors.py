"""Queries, keys and values of one layer, as they meet in its fused attention call."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitviz.core.data.block_steps import LayerVectors
from vitviz.core.progress import Unsupported

_NAMES = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


def layer_vectors_of(
    module: nn.Module, name: str, pixels: Tensor, tokens: int, called: str
) -> LayerVectors:
    """What the module of that name asks and answers with, in one more pass.

    Unsupported where it makes no single fused call over the picture's tokens.
    """
    tap = _TappedModule()
    with ExitStack() as hooks, torch.inference_mode(False), torch.no_grad():
        part = module.get_submodule(name)
        hooks.callback(part.register_forward_pre_hook(tap.enter).remove)
        hooks.callback(part.register_forward_hook(tap.leave).remove)
        with tap:
            module(pixels)
    shapes = [each["query"].shape for each in tap.calls]
    if len(tap.calls) != 1 or shapes[0][0] != 1 or shapes[0][2] != tokens:
        raise Unsupported(
            f"{name} of {called} makes {len(tap.calls)} fused attention calls, not one over the "
            f"{tokens} tokens of the picture, so its queries and keys are not told apart; compare "
            "tokens instead"
        )
    call = tap.calls[0]
    scale = call.get("scale")
    query, key, value = (call[each][0].float().cpu().numpy() for each in _NAMES[:3])
    if key.shape[1] != tokens:
        raise Unsupported(
            f"{name} of {called} has {key.shape[1]} keys for {tokens} tokens, so its keys are not of "
            "single tokens; compare tokens instead"
        )
    return LayerVectors(
        query,
        key,
        value,
        query.shape[-1] ** -0.5 if scale is None else float(scale),
        call.get("attn_mask") is not None or bool(call.get("is_causal")),
        _bias(call, query.shape[0], tokens),
    )


MOST_BIAS = 32_000_000
"""Numbers of a bias that are kept: those of 12 heads over 1,600 tokens."""


def _bias(
    call: dict[str, Any], heads: int, tokens: int
) -> Float32[np.ndarray, "head token key"] | None:
    """What is added to the scores, where it is numbers and not too many."""
    mask = call.get("attn_mask")
    if not isinstance(mask, Tensor) or mask.dtype == torch.bool or call.get("is_causal"):
        return None
    if heads * tokens * tokens > MOST_BIAS:
        return None
    whole = mask.float().expand(1, heads, tokens, tokens)
    found: Float32[np.ndarray, "head token key"] = whole[0].cpu().numpy()
    return found


class _TappedModule(TorchFunctionMode):
    """The fused calls that are made while one module is at work."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = False
        self.calls: list[dict[str, Any]] = []

    def enter(self, _module: nn.Module, _given: Any) -> None:
        """The module begins."""
        self._inside = True

    def leave(self, _module: nn.Module, _given: Any, _output: Any) -> None:
        """The module has ended."""
        self._inside = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs what was called, and keeps what a fused call was given."""
        kwargs = kwargs or {}
        if self._inside and func is functional.scaled_dot_product_attention:
            given = dict(zip(_NAMES, args, strict=False)) | kwargs
            for each in _NAMES[:3]:
                given[each] = given[each].clone()
            self.calls.append(given)
        return func(*args, **kwargs)
