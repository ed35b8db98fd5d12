"""A model whose weights are replaced by chance, from the head down, for as long as a check lasts.

Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv:1810.03292: a map that stays the same says
nothing about what the model learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from vitviz.core.progress import Unsupported
from vitviz.models.attribution.block_tokens import block_list
from vitviz.models.families import anatomy_of


def stage_names(module: nn.Module, called: str) -> tuple[str, ...]:
    """What is randomised, in this order: the head, then the blocks from last to first."""
    count = len(block_list(module, called))
    return ("head", *(f"block {number}" for number in range(count, 0, -1)))


@contextmanager
def randomised(module: nn.Module, stages: int, called: str, *, seed: int = 0) -> Iterator[None]:
    """The model with its first `stages` parts, counted from the head, at random; put back behind it.

    Each weight becomes normal noise of the mean and deviation that its own numbers had. Unsupported
    for a model without a head.
    """
    parts = [_head(module, called), *reversed(block_list(module, called))][:stages]
    kept: list[tuple[nn.Parameter, torch.Tensor]] = []
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            for part in parts:
                for parameter in part.parameters():
                    kept.append((parameter, parameter.detach().clone()))
                    _replace(parameter, generator)
        yield
    finally:
        with torch.no_grad():
            for parameter, values in kept:
                parameter.copy_(values)


def _replace(parameter: nn.Parameter, generator: torch.Generator) -> None:
    values = parameter.detach().float()
    spread = float(values.std()) if values.numel() > 1 else 0.0
    noise = torch.randn(parameter.shape, generator=generator)
    parameter.copy_((noise * spread + float(values.mean())).to(parameter))


def _head(module: nn.Module, called: str) -> nn.Module:
    head = anatomy_of(module).head
    if head is None or not any(True for _ in head.parameters()):
        raise Unsupported(f"{called} has no head to be randomised first")
    return head
