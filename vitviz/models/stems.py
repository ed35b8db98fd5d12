"""A model's patch embedding, as a convolution and as a matrix over rearranged patches."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from vitviz.core.inside import Stem
from vitviz.core.progress import Unsupported


def stem_of(module: nn.Module, pixels: Tensor, called: str) -> Stem:
    """The patch embedding's kernel, and the proof that it is a linear layer over patches.

    Unsupported, with the reason, for a stem that is no convolution with its kernel as stride.
    """
    conv = _convolution(module, pixels, called)
    high, wide = conv.kernel_size
    with torch.no_grad():
        own = rearrange(conv(pixels).float(), "1 dim row col -> (row col) dim")
        patches = rearrange(pixels, "1 rgb (row p) (col q) -> (row col) (rgb p q)", p=high, q=wide)
        matrix = rearrange(conv.weight, "dim rgb p q -> (rgb p q) dim")
        linear = (patches @ matrix).float()
        if conv.bias is not None:
            linear = linear + conv.bias.float()
    bias = None if conv.bias is None else conv.bias.detach().float().cpu().numpy()
    return Stem(
        conv.weight.detach().float().cpu().numpy(), bias, own.cpu().numpy(),
        float((own - linear).abs().max()), float(own.abs().max()),
    )  # fmt: skip


def _convolution(module: nn.Module, pixels: Tensor, called: str) -> nn.Conv2d:
    embed: Any = getattr(module, "patch_embed", None)
    conv = getattr(embed, "proj", None)
    if not isinstance(conv, nn.Conv2d):
        kind = type(conv if conv is not None else embed).__name__
        what = "no patch embedding" if embed is None else f"a stem of its own ({kind})"
        raise Unsupported(
            f"{called} has {what}, not one convolution that cuts the picture into patches, so there is "
            "no such matrix; take a ViT"
        )
    if conv.kernel_size != conv.stride or conv.groups != 1 or any(_padding(conv)):
        raise Unsupported(
            f"the convolution of {called} has a kernel of {conv.kernel_size} and steps of {conv.stride}"
            ": its patches overlap or are padded, so it is no linear layer over separate patches"
        )
    if any(side % step for side, step in zip(pixels.shape[-2:], conv.stride, strict=True)):
        raise Unsupported(
            f"{called} reads {tuple(pixels.shape[-2:])} pixels, which patches of {conv.stride} do not "
            "fill; take an input size that they do"
        )
    return conv


def _padding(conv: nn.Conv2d) -> tuple[int, ...]:
    return (0,) if isinstance(conv.padding, str) else tuple(conv.padding)
