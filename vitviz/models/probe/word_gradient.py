"""How strongly an answer depends on every word of a TNT: one pass forward and one back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.families import anatomy_of


def word_gradient(
    module: nn.Module, pixels: Float[Tensor, "1 rgb row col"], label: int | None, name: str
) -> Float32[np.ndarray, "sentence word"]:
    """The length of the gradient of a class's logit (None: the likeliest) with respect to each word.

    A word is its vector as the pixel embedding gives it, place included: what enters the first inner
    block and the first sentences, so every way on from it counts. Weights are left as they are.

    Unsupported for a model without words inside its patches, VitvizError for a class that is not there.
    """
    embed = anatomy_of(module).words
    if embed is None:
        raise Unsupported(f"{name} has no words inside its patches; take a TNT")
    found: list[Tensor] = []

    def detach(_module: nn.Module, _given: Any, words: Tensor) -> Tensor:
        found[:] = [words.detach().requires_grad_()]
        return found[0]

    hook = embed.register_forward_hook(detach)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            answer = module(pixels)
            (gradient,) = torch.autograd.grad(_logit(answer, label, name), found)
    finally:
        hook.remove()
    length: np.ndarray = gradient.float().norm(dim=-1).cpu().numpy()
    return length


def _logit(answer: Any, label: int | None, name: str) -> Tensor:
    """The class's number in the model's answer."""
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        raise Unsupported(f"{name} does not answer with one number for each class")
    classes = answer.shape[1]
    if label is not None and not 0 <= label < classes:
        raise VitvizError(f"{name} has no class {label}; its {classes} classes count from 0")
    logit: Tensor = answer[0].max() if label is None else answer[0, label]
    return logit
