"""The blocks of a model in the order in which they run, and the tokens that they give on."""

from __future__ import annotations

from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.progress import Unsupported
from vitviz.models.families import anatomy_of


def block_list(module: nn.Module, called: str) -> list[nn.Module]:
    """The blocks. Unsupported where there is no list of them."""
    found = anatomy_of(module).stage_blocks()
    if not found:
        raise Unsupported(
            f"{called} has no list of blocks whose outputs could be read; take a model with blocks, "
            "such as a ViT"
        )
    return found


def tokens_of(output: Any) -> Float[Tensor, "picture token dim"]:
    """A block's tokens in reading order, whatever it gives on beside them. Unsupported without."""
    if isinstance(output, tuple) and output:  # TNT: (words, sentences); others: (tokens, attention)
        tensors = [each for each in output if isinstance(each, Tensor)]
        output = tensors[-1] if len(output) == 2 and len(tensors) == 2 else tensors[0]
    if isinstance(output, Tensor) and output.ndim == 4:
        return rearrange(output, "picture row col dim -> picture (row col) dim")
    if not isinstance(output, Tensor) or output.ndim != 3:
        raise Unsupported("a block gives no rows of tokens")
    return output
