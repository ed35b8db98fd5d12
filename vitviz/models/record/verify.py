"""Checks that what was captured is what the model used: attention @ v against its own output."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

SAMPLED = 8
"""Queries compared in every call, and sequences where a call has many (windows, sentences)."""

ComparedOutputs = tuple[Tensor, Tensor]
"""attention @ v minus the module's own output over the sampled queries, and attention @ v there.

Their largest values are taken when the pass is over (`relative`): in the midst of it every operation
costs several times what it does alone.
"""

_TOLERANCES = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}


def tolerance(dtype: torch.dtype) -> float:
    """The largest relative error that is still the same map, in a model of this number type."""
    return _TOLERANCES.get(dtype, 5e-2)


def sampled(queries: int) -> slice:
    """The first query and others at even steps: a view, nothing is gathered. All of a few queries."""
    return slice(None, None, max(1, (queries - 1) // (SAMPLED - 1)))


def relative(compared: ComparedOutputs) -> float:
    """The largest difference over the largest value."""
    difference, value = (float(each.abs().max()) for each in compared)
    return difference / value if value > 0 else difference


_Parameters = ParamSpec("_Parameters")


def _in_full(
    function: Callable[_Parameters, ComparedOutputs],
) -> Callable[_Parameters, ComparedOutputs]:
    """Compares in full precision where somebody's autocast would have the comparison rounded too."""

    @wraps(function)
    def compare(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> ComparedOutputs:
        device = next(each for each in args if isinstance(each, Tensor)).device.type
        if not torch.is_autocast_enabled(device):
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return compare


@_in_full
def sampled_error(
    query: Float[Tensor, "*batch head query dim"],
    key: Float[Tensor, "*batch head key dim"],
    value: Float[Tensor, "*batch head key value"],
    bias: Tensor | None,
    scale: float,
    causal: bool,
    output: Float[Tensor, "*batch head query value"],
) -> ComparedOutputs:
    """A fused call's attention @ v against its own output, over the sampled queries."""
    few = _groups(query)
    if few is not None:
        query, key, value, output = query[few], key[few], value[few], output[few]
        bias = bias[few] if bias is not None and bias.ndim == 4 and len(bias) > 1 else bias
    chosen = sampled(query.shape[-2])
    if query.ndim == 4 and query.shape[0] == 1 and bias is None and not causal:
        return _plain_error(query[0, :, chosen], key[0], value[0], scale, output[0, :, chosen])
    logits = (query[..., chosen, :].float() * scale) @ key.float().mT
    if bias is not None:
        every = bias.expand(*bias.shape[:-2], query.shape[-2], key.shape[-2])[..., chosen, :]
        logits = biased(logits, every)
    if causal:
        keys = torch.arange(key.shape[-2], device=key.device)
        asking = torch.arange(query.shape[-2], device=key.device)[chosen]
        logits = logits.masked_fill(keys > rearrange(asking, "query -> query 1"), -torch.inf)
    expected = torch.softmax(logits, dim=-1) @ value.float()
    return expected - output[..., chosen, :], expected


def _plain_error(
    query: Float[Tensor, "head sample dim"],
    key: Float[Tensor, "head key dim"],
    value: Float[Tensor, "head key value"],
    scale: float,
    output: Float[Tensor, "head sample value"],
) -> ComparedOutputs:
    """The common case with as few operations as it takes: it runs inside every pass."""
    logits = torch.bmm(query.float(), key.float().mT).mul_(scale)
    expected = torch.bmm(torch.softmax(logits, dim=-1), value.float())
    return expected - output, expected


def biased(logits: Tensor, bias: Tensor) -> Tensor:
    """The logits with a bias added, or with what a mask of False forbids at minus infinity."""
    if bias.dtype == torch.bool:
        return logits.masked_fill(~bias, -torch.inf)
    return logits + bias


@_in_full
def product_error(
    maps: Float[Tensor, "*batch query key"],
    values: Float[Tensor, "*batch key value"],
    output: Float[Tensor, "*batch query value"],
) -> ComparedOutputs:
    """The same for a product that the model made itself."""
    few = _groups(maps)
    if few is not None and values.ndim == 4 and len(values) == len(maps):
        maps, values, output = maps[few], values[few], output[few]
    chosen = sampled(maps.shape[-2])
    expected = maps[..., chosen, :].float() @ values.float()
    return expected - output[..., chosen, :], expected


@_in_full
def sum_error(
    maps: Float[Tensor, "*batch query key"],
    values: Float[Tensor, "*batch query key"],
    output: Float[Tensor, "*batch query 1"],
) -> ComparedOutputs:
    """The same where each query weighs values of its own: one product for each channel apart."""
    chosen = sampled(maps.shape[-2])
    shares, weighed = maps[..., chosen, :].float(), values[..., chosen, :].float()
    expected = (shares[..., None, :] @ weighed[..., None])[..., 0]
    return expected - output[..., chosen, :], expected


def _groups(tensor: Tensor) -> slice | None:
    """Which of many sequences that attend apart to compare; None where there are few."""
    if tensor.ndim != 4 or len(tensor) <= SAMPLED:
        return None
    return sampled(len(tensor))
