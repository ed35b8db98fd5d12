"""What any module makes of its last block's tokens, applied to the tokens of other layers.

Whoever calls norm and head what, whatever lies between them (a projection, a pool, prompts): the module
itself runs, with its blocks passing on what they are given and the last one giving the tokens that are
asked about. That this is the model's own way is checked with the tokens of the last layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Float32
from torch import Tensor, nn

from vitviz.core.progress import Unsupported
from vitviz.models.probe.logit_lens import CLOSE, Logits

_BYTES = 128 * 1024 * 1024
"""Of tokens that are given to the head at once."""

Tokens = Float[Tensor, "sequence token dim"]


@dataclass(frozen=True, slots=True, eq=False)
class UsualBlock:
    """A block, and what it gives on behind its tokens: None where it gives them on alone."""

    module: nn.Module
    beside: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class EarlyHead:
    """The part of a module behind its blocks, for the length of a question.

    Only to be asked while nobody else runs the module. `pixels` are one picture as it reads it,
    `length` is the number of its tokens.
    """

    module: nn.Module
    blocks: Sequence[UsualBlock]
    pixels: Tensor
    length: int

    def logits(self, tokens: Float32[np.ndarray, "token dim"]) -> Logits:
        """What would be answered of each token, were all tokens that the head reads this one."""
        at_once = max(1, _BYTES // (4 * self.length * tokens.shape[1]))
        parts = [
            self._run(
                repeat(
                    torch.from_numpy(np.array(part)),
                    "token dim -> token same dim",
                    same=self.length,
                )
            )
            for part in np.split(tokens, range(at_once, len(tokens), at_once))
        ]
        found: Logits = torch.cat(parts).numpy()
        return found

    def readout(self, layers: Float32[np.ndarray, "layer token dim"]) -> Logits:
        """What would be answered of each layer's tokens together."""
        found: Logits = self._run(torch.from_numpy(np.array(layers))).numpy()
        return found

    def _run(self, tokens: Tokens) -> Float[Tensor, "sequence label"]:
        like = next(self.module.parameters())
        with torch.inference_mode(False), torch.no_grad():
            with _passing_on(self.blocks, tokens.to(like.device, like.dtype)):
                found: Tensor = self.module(self.pixels)
            return found.float().cpu()


@contextmanager
def _passing_on(blocks: Sequence[UsualBlock], tokens: Tensor) -> Iterator[None]:
    """Every block gives on what it is given, as it usually gives it, the last one these tokens."""
    before = [vars(block.module).get("forward") for block in blocks]
    try:
        for block in blocks:
            last = tokens if block is blocks[-1] else None
            vars(block.module)["forward"] = partial(_given_on, block.beside, last)
        yield
    finally:
        for block, own in zip(blocks, before, strict=True):
            vars(block.module).pop("forward", None)
            if own is not None:
                vars(block.module)["forward"] = own


def _given_on(
    beside: tuple[Any, ...] | None, tokens: Tensor | None, *given: Any, **words: Any
) -> Any:
    first = given[0] if given else next(iter(words.values()))
    found = first if tokens is None else tokens
    return found if beside is None else (found, *beside)


def early_head(
    module: nn.Module,
    blocks: Sequence[nn.Module],
    pixels: Tensor,
    last: Float32[np.ndarray, "token dim"],
    answer: Tensor | None,
    called: str,
) -> EarlyHead:
    """What lies behind the blocks, after it has been seen to make `answer` of `last`, the last block's
    tokens, beside another row that does not change it.

    Unsupported, with the reason, where it does not.
    """
    if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != 1:
        raise Unsupported(f"the answer of {called} is not one number for each class")
    head = EarlyHead(module, _as_usual(module, blocks, pixels, called), pixels, len(last))
    found = head.readout(np.stack([last, np.zeros_like(last)]))
    if found.shape != (2, answer.shape[1]):
        raise Unsupported(
            f"{called} gives {found.shape} for two rows of tokens, so its head cannot be applied to "
            "the tokens of other layers"
        )
    own = answer.float().cpu().numpy()
    off = float(np.abs(own - found[:1]).max() / np.abs(own).max())
    if not off <= CLOSE:
        raise Unsupported(
            f"what {called} has behind its blocks gives another answer than {called} itself (by "
            f"{off:.1%} of the largest), so its head cannot be applied to the tokens of other layers"
        )
    return head


def _as_usual(
    module: nn.Module, blocks: Sequence[nn.Module], pixels: Tensor, called: str
) -> list[UsualBlock]:
    """The blocks with what they usually give on beside their tokens; seen in a pass."""
    given: dict[nn.Module, Any] = {}
    with ExitStack() as hooks, torch.inference_mode(False), torch.no_grad():
        for block in blocks:
            hooks.callback(block.register_forward_hook(partial(_note, given)).remove)
        module(pixels)
    found = []
    for block in blocks:
        output = given.get(block)
        first = output[0] if isinstance(output, tuple) and output else output
        if not isinstance(first, Tensor) or first.ndim != 3:
            raise Unsupported(
                f"the blocks of {called} do not give one row of tokens first, so its head cannot be "
                "applied to the tokens of other layers"
            )
        found.append(UsualBlock(block, output[1:] if isinstance(output, tuple) else None))
    return found


def _note(given: dict[nn.Module, Any], block: nn.Module, _inputs: Any, output: Any) -> None:
    given[block] = output
