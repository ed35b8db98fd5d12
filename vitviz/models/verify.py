"""Checks that what was captured is what the model used: attention @ v against its own output."""

from __future__ import annotations

from functools import lru_cache

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

SAMPLED = 8
"""Queries compared in every call, and sequences where a call has many (windows, sentences)."""

_TOLERANCES = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}


def tolerance(dtype: torch.dtype) -> float:
    """The largest relative error that is still the same map, in a model of this number type."""
    return _TOLERANCES.get(dtype, 5e-2)


@lru_cache(maxsize=64)
def sampled(queries: int, device: torch.device) -> Int64[Tensor, "sample"]:
    """First, last and some queries between, always the same ones."""
    random = torch.Generator().manual_seed(queries)
    between = torch.randint(queries, (SAMPLED - 2,), generator=random)
    ends = torch.tensor([0, queries - 1])
    chosen: Tensor = torch.unique(torch.cat([ends, between]))
    return chosen.to(device)


def sampled_error(
    query: Float[Tensor, "*batch head query dim"],
    key: Float[Tensor, "*batch head key dim"],
    value: Float[Tensor, "*batch head key value"],
    bias: Tensor | None,
    scale: float,
    causal: bool,
    output: Float[Tensor, "*batch head query value"],
) -> tuple[Tensor, Tensor]:
    """(largest difference, largest output) of a fused call over the sampled queries."""
    few = _groups(query)
    if few is not None:
        query, key, value, output = query[few], key[few], value[few], output[few]
        bias = bias[few] if bias is not None and bias.ndim == 4 and len(bias) > 1 else bias
    chosen = sampled(query.shape[-2], query.device)
    if query.ndim == 4 and query.shape[0] == 1 and bias is None and not causal:
        return _plain_error(query[0], key[0], value[0], scale, output[0], chosen)
    logits = (query[..., chosen, :].float() * scale) @ key.float().mT
    if bias is not None:
        every = bias.expand(*bias.shape[:-2], query.shape[-2], key.shape[-2])[..., chosen, :]
        logits = biased(logits, every)
    if causal:
        keys = torch.arange(key.shape[-2], device=key.device)
        logits = logits.masked_fill(keys > rearrange(chosen, "query -> query 1"), -torch.inf)
    expected = torch.softmax(logits, dim=-1) @ value.float()
    return _difference(expected, output[..., chosen, :])


def _plain_error(
    query: Float[Tensor, "head query dim"],
    key: Float[Tensor, "head key dim"],
    value: Float[Tensor, "head key value"],
    scale: float,
    output: Float[Tensor, "head query value"],
    chosen: Int64[Tensor, "sample"],
) -> tuple[Tensor, Tensor]:
    """The common case with as few operations as it takes: it runs inside every pass."""
    logits = torch.bmm(query.index_select(1, chosen).float(), key.float().mT).mul_(scale)
    expected = torch.bmm(torch.softmax(logits, dim=-1), value.float())
    return _difference(expected, output.index_select(1, chosen))


def biased(logits: Tensor, bias: Tensor) -> Tensor:
    """The logits with a bias added, or with what a mask of False forbids at minus infinity."""
    if bias.dtype == torch.bool:
        return logits.masked_fill(~bias, -torch.inf)
    return logits + bias


def product_error(
    maps: Float[Tensor, "*batch query key"],
    values: Float[Tensor, "*batch key value"],
    output: Float[Tensor, "*batch query value"],
) -> tuple[Tensor, Tensor]:
    """(largest difference, largest output) of a product the model made, over the sampled queries."""
    few = _groups(maps)
    if few is not None and values.ndim == 4 and len(values) == len(maps):
        maps, values, output = maps[few], values[few], output[few]
    chosen = sampled(maps.shape[-2], maps.device)
    expected = maps[..., chosen, :].float() @ values.float()
    return _difference(expected, output[..., chosen, :])


def sum_error(
    maps: Float[Tensor, "*batch query key"],
    values: Float[Tensor, "*batch query key"],
    output: Float[Tensor, "*batch query 1"],
) -> tuple[Tensor, Tensor]:
    """The same where each query weighs values of its own: one product for each channel apart."""
    chosen = sampled(maps.shape[-2], maps.device)
    shares, weighed = maps[..., chosen, :].float(), values[..., chosen, :].float()
    expected = (shares[..., None, :] @ weighed[..., None])[..., 0]
    return _difference(expected, output[..., chosen, :])


def _groups(tensor: Tensor) -> Int64[Tensor, "sample"] | None:
    """Which of many sequences that attend apart to compare; None where there are few."""
    if tensor.ndim != 4 or len(tensor) <= SAMPLED:
        return None
    return sampled(len(tensor), tensor.device)


def _difference(expected: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
    found = output.float()
    return (expected - found).abs().max(), found.abs().max()
