"""flex_attention in eager form as q, k and a bias, or as the maps that its score function makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator

Flexed = tuple[Tensor, Tensor, Tensor, Tensor | None, float, Tensor | None]
"""q, k, v, what is added to the scores, their scale, and the maps where no sum says them."""


def is_flex(func: Any) -> bool:
    """Whether torch's flex_attention is at work: the operator that its function ends in."""
    return isinstance(func, HigherOrderOperator) and func.__name__ == "flex_attention"


def flexed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Any,
    block_mask: Sequence[Any],
    scale: float,
    kernel_options: Any = None,
    score_buffers: Sequence[Any] = (),
    mask_buffers: Sequence[Any] = (),
) -> Flexed:
    """A call of the operator, read. Its score function is run over all scores, and over none."""
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    shape = (*query.shape[:-1], key.shape[-2])
    scores = (query.float() * scale) @ key.float().mT
    allowed = _everywhere(partial(_masked, block_mask[-1]), shape, mask_buffers, scores)
    allowed = allowed.bool()
    modified = _everywhere(score_mod, shape, score_buffers, scores)
    added = _everywhere(score_mod, shape, score_buffers, torch.zeros_like(scores))
    if torch.allclose(scores + added, modified, atol=1e-5, rtol=1e-5):
        bias = added.masked_fill(~allowed, -torch.inf)
        plain = bool(allowed.all()) and not bool(added.any())
        return query, key, value, None if plain else bias, scale, None
    maps = torch.softmax(modified.masked_fill(~allowed, -torch.inf), dim=-1).nan_to_num(0.0)
    return query, key, value, None, scale, maps.to(query.dtype)


def _masked(mask: Callable[..., Tensor], score: Tensor, *where: Tensor) -> Tensor:
    return mask(*where)


def _everywhere(
    what: Callable[..., Any], shape: Sequence[int], buffers: Sequence[Any], scores: Tensor
) -> Tensor:
    """A function of one score and its place, of all of them."""
    rest = (None,) * len(buffers)
    asked: Callable[..., Any] = what
    for axis in (3, 2, 1, 0):  # key, query, head, batch: the innermost first
        places: list[int | None] = [None] * 4
        places[axis] = 0
        asked = torch.vmap(asked, in_dims=(0, *places, *rest))
    numbers = (torch.arange(each, device=scores.device) for each in shape)
    found: Tensor = asked(scores, *numbers, *buffers)
    return found.expand(*shape)
