"""The model's own head applied to any token of any layer: what it would answer from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float32
from torch import Tensor, nn

from vitviz.core.geometry import TokenGrid
from vitviz.core.progress import Unsupported

CLOSE = 1e-3
"""Largest difference of logits, over the largest logit, for which the reading is the model's own."""


def logits(
    module: nn.Module, tokens: Float32[np.ndarray, "token dim"]
) -> Float32[np.ndarray, "token label"]:
    """head(fc_norm(norm(x))) of every token."""
    parameter = next(module.parameters())
    with torch.no_grad():
        found = _read(
            module, torch.from_numpy(np.array(tokens)).to(parameter.device, parameter.dtype)
        )
    values: Float32[np.ndarray, "token label"] = found.float().cpu().numpy()
    return values


def _read(module: Any, tokens: Tensor) -> Tensor:
    found: Tensor = module.head(_after(module)(module.norm(tokens)))
    return found


def _after(module: Any) -> Any:
    """What lies between pooling and the head."""
    return getattr(module, "fc_norm", None) or nn.Identity()


def check(
    module: Any,
    last: Float32[np.ndarray, "token dim"],
    grid: TokenGrid,
    pixels: Tensor,
    called: str,
) -> None:
    """Unsupported, with the reason, unless the head reads the last layer's tokens just so.

    `last` is every token after the last block. The model's own answer is computed to compare with.
    """
    parts = [getattr(module, each, None) for each in ("norm", "head")]
    if not all(isinstance(each, nn.Module) for each in parts) or isinstance(parts[1], nn.Identity):
        raise Unsupported(
            f"{called} has no head that reads single tokens, so there is no answer early"
        )
    with torch.no_grad():
        answer = module(pixels)
        tokens = torch.from_numpy(np.array(last)).to(pixels)
        pooled = _pooled(module, module.norm(tokens), grid, called)
        own = module.head(_after(module)(pooled))
    if not isinstance(answer, Tensor) or answer.shape[-1] != own.shape[-1]:
        raise Unsupported(f"the answer of {called} is not one number for each class")
    off = float((answer[0] - own).abs().max() / answer.abs().max())
    if not off <= CLOSE:
        raise Unsupported(
            f"norm and head alone give other logits than {called} itself (by {off:.1%} of the largest"
            "), so its head cannot be applied to single tokens"
        )


def _pooled(module: Any, tokens: Tensor, grid: TokenGrid, called: str) -> Tensor:
    """The last layer's tokens as the head is given them."""
    if getattr(module, "attn_pool", None) is not None:
        raise Unsupported(
            f"the head of {called} reads all patches through an attention pool of its own, not single "
            "tokens; take a model whose head reads the class token or the mean"
        )
    pool = getattr(module, "global_pool", "token") or "token"
    if pool == "token":
        return tokens[0]
    if pool == "avg":
        first = 0 if getattr(module, "pool_include_prefix", False) else len(grid.prefix)
        return reduce(tokens[first:], "token dim -> dim", "mean")
    raise Unsupported(f"{called} pools its tokens by {pool!r}, so its head reads no single token")
