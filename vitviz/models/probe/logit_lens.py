"""The model's own head applied early: what it would answer of a layer's tokens, or of any one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float32
from torch import Tensor, nn

from vitviz.core.progress import Unsupported
from vitviz.models.families import anatomy_of

CLOSE = 1e-3
"""Largest difference of logits, over the largest logit, for which the reading is the model's own."""

Logits = Float32[np.ndarray, "... label"]


def logits(module: nn.Module, tokens: Float32[np.ndarray, "token dim"]) -> Logits:
    """What the head would answer of each token, were all tokens that it reads this one.

    That is head(norm(x)) whether it reads the class token, two tokens with a head each, a mean of
    tokens or a pool of its own.
    """
    read = 1 + anatomy_of(module).prefixes
    with torch.no_grad():
        normed = _normed(module, tokens)
        found = _answer(module, repeat(normed, "token dim -> token read dim", read=read))
    return _numbers(found)


def readout(module: nn.Module, layers: Float32[np.ndarray, "layer token dim"]) -> Logits:
    """What the head would answer of each layer's tokens together, read just as the last layer's are."""
    with torch.no_grad():
        return _numbers(_answer(module, _normed(module, layers)))


def _normed(module: Any, tokens: Float32[np.ndarray, "... dim"]) -> Tensor:
    parameter = next(module.parameters())
    given = torch.from_numpy(np.array(tokens)).to(parameter.device, parameter.dtype)
    found: Tensor = module.norm(given)
    return found


def _answer(module: Any, normed: Tensor) -> Tensor:
    found: Tensor = module.forward_head(normed)
    return found


def _numbers(found: Tensor) -> Logits:
    values: Logits = found.float().cpu().numpy()
    return values


def check(
    module: Any, last: Float32[np.ndarray, "token dim"], answer: Tensor | None, called: str
) -> None:
    """Unsupported, with the reason, unless norm and head alone make the model's own `answer` of the
    last layer's tokens.
    """
    anatomy = anatomy_of(module)
    if not anatomy.reads_tokens or isinstance(anatomy.head, nn.Identity | None):
        raise Unsupported(f"{called} has no head that reads tokens, so there is no answer early")
    own = torch.from_numpy(readout(module, rearrange(last, "token dim -> 1 token dim")))
    if not isinstance(answer, Tensor) or answer.shape != own.shape:
        raise Unsupported(f"the answer of {called} is not one number for each class")
    off = float((answer - own).abs().max() / answer.abs().max())
    if not off <= CLOSE:
        raise Unsupported(
            f"norm and head alone give other logits than {called} itself (by {off:.1%} of the largest"
            "), so its head cannot be applied to the tokens of other layers"
        )
