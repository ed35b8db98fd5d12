"""A model's entrance: the convolution that the pixels meet, and the same as a matrix over windows."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from vitviz.core.data.block_steps import PatchStem
from vitviz.core.progress import Unsupported
from vitviz.models.record.verify import tolerance


class _Reached(Exception):
    """The first convolution has run: the rest of the pass is not wanted."""


def stem_of(module: nn.Module, pixels: Tensor, called: str) -> PatchStem:
    """The first convolution's kernel, and the proof that it is a linear layer over its windows.

    Where its steps are as large as its kernel, the windows are the patches. Unsupported, with the
    reason, for a model without such a convolution, or with one that does more.
    """
    conv, given, output = _first(module, pixels, called)
    high, wide = conv.kernel_size
    own = rearrange(output.float(), "b dim row col -> (b row col) dim")
    with torch.no_grad():
        windows = rearrange(
            functional.unfold(
                given,
                (high, wide),
                dilation=conv.dilation,
                padding=_padding(conv),
                stride=conv.stride,
            ),
            "b numbers window -> (b window) numbers",
        )
        matrix = rearrange(conv.weight, "dim rgb p q -> (rgb p q) dim")
        linear = (windows @ matrix).float()
        if conv.bias is not None:
            linear = linear + conv.bias.float()
    if linear.shape != own.shape or not _close(linear, own, given.dtype):
        raise Unsupported(
            f"the first convolution of {called} does more than multiply its windows with its kernel "
            f"({type(conv).__name__}), so it is no such matrix"
        )
    bias = None if conv.bias is None else conv.bias.detach().float().cpu().numpy()
    return PatchStem(
        conv.weight.detach().float().cpu().numpy(),
        bias,
        own.cpu().numpy(),
        float((own - linear).abs().max()),
        float(own.abs().max()),
        (conv.stride[0], conv.stride[1]),
        _padding(conv),
    )


def _first(module: nn.Module, pixels: Tensor, called: str) -> tuple[nn.Conv2d, Tensor, Tensor]:
    """The first convolution that runs, with what it was given and what it made of it."""
    found: list[tuple[nn.Conv2d, Tensor, Tensor]] = []

    def keep(conv: Any, given: tuple[Any, ...], output: Any) -> None:
        found.append((conv, given[0].detach(), output.detach()))
        raise _Reached

    convolutions = [each for each in module.modules() if isinstance(each, nn.Conv2d)]
    hooks = [each.register_forward_hook(keep) for each in convolutions]
    try:
        with torch.no_grad():
            module(pixels)
    except _Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise Unsupported(
            f"no convolution reads the pixels of {called}, so there are no filters to see; take a ViT"
        )
    conv = found[0][0]
    if conv.groups != 1 or isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise Unsupported(
            f"the first convolution of {called} has {conv.groups} groups and padding {conv.padding!r} "
            f"of {conv.padding_mode}, so it is not one matrix over its windows"
        )
    return found[0]


def _close(linear: Tensor, own: Tensor, dtype: torch.dtype) -> bool:
    limit = 10 * tolerance(dtype) * float(own.abs().max())
    return bool((linear - own).abs().max() <= limit)


def _padding(conv: nn.Conv2d) -> tuple[int, int]:
    assert not isinstance(conv.padding, str)
    return conv.padding[0], conv.padding[1]
