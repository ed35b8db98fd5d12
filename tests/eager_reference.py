"""Attention and its gradient by plain autograd, to compare with what one pass back gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.attribution.attributor import Attributor
from vitviz.models.loading.preprocess import normalised, prepare


def attributor_of(model: Any, photo: Any) -> Attributor:
    """A model over the picture, asked why."""
    prepared = prepare(open_picture(photo), model.preprocess, "crop")
    grid = model.family.grid(model.module, model.preprocess.size)
    return Attributor(model, normalised(prepared.pixels, model.preprocess), grid)


@dataclass(frozen=True, eq=False)
class EagerMaps:
    """Every layer's attention and the target's gradient with respect to it, by plain autograd."""

    maps: list[Tensor]
    gradients: list[Tensor]
    value: float


def eager_maps(model: Any, pixels: Tensor, index: int) -> EagerMaps:
    """Attention taken where timm's own unfused code drops it out, with its gradient."""
    kept: list[Tensor] = []
    attentions = [block.attn for block in model.module.blocks]
    fused = [each.fused_attn for each in attentions]
    hooks = [
        each.attn_drop.register_forward_hook(lambda _m, given, _o: kept.append(given[0]))
        for each in attentions
    ]
    try:
        for each in attentions:
            each.fused_attn = False
        logit = model.module(pixels.clone().requires_grad_())[0, index]
        found = torch.autograd.grad(logit, kept)
    finally:
        for each, was in zip(attentions, fused, strict=True):
            each.fused_attn = was
        for hook in hooks:
            hook.remove()
    maps = [each[0].detach() for each in kept]
    return EagerMaps(maps, [each[0] for each in found], float(logit.detach()))
