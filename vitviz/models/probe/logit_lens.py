"""The model's own head applied early: what it would answer of a layer's tokens, or of any one."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, eq=False)
class NormAndHead:
    """A head that is a norm and timm's `forward_head`: nothing else of the module runs."""

    module: nn.Module

    def logits(self, tokens: Float32[np.ndarray, "token dim"]) -> Logits:
        """What the head would answer of each token, were all tokens that it reads this one.

        That is head(norm(x)) whether it reads the class token, two tokens with a head each, a mean of
        tokens or a pool of its own.
        """
        read = 1 + anatomy_of(self.module).prefixes
        with torch.no_grad():
            normed = _normed(self.module, tokens)
            given = repeat(normed, "token dim -> token read dim", read=read)
            return _numbers(_answer(self.module, given))

    def readout(self, layers: Float32[np.ndarray, "layer token dim"]) -> Logits:
        """What the head would answer of each layer's tokens together, read as the last layer's are."""
        with torch.no_grad():
            return _numbers(_answer(self.module, _normed(self.module, layers)))


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


def norm_and_head(
    module: Any, last: Float32[np.ndarray, "token dim"], answer: Tensor | None, called: str
) -> NormAndHead | None:
    """The head of a module that has timm's parts, after it has been seen to make the module's own
    `answer` of the last layer's tokens; None for a module without such parts.

    Unsupported where it makes another answer.
    """
    anatomy = anatomy_of(module)
    if not anatomy.reads_tokens or isinstance(anatomy.head, nn.Identity | None):
        return None
    head = NormAndHead(module)
    own = torch.from_numpy(head.readout(rearrange(last, "token dim -> 1 token dim")))
    if not isinstance(answer, Tensor) or answer.shape != own.shape:
        raise Unsupported(f"the answer of {called} is not one number for each class")
    off = float((answer - own).abs().max() / answer.abs().max())
    if not off <= CLOSE:
        raise Unsupported(
            f"norm and head alone give other logits than {called} itself (by {off:.1%} of the largest"
            "), so its head cannot be applied to the tokens of other layers"
        )
    return head
