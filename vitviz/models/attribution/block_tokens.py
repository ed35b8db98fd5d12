"""The blocks of a model in the order in which they run, and the tokens that they give on."""

from __future__ import annotations

from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.progress import Unsupported

_LISTS = nn.Sequential | nn.ModuleList


def find_blocks(module: nn.Module) -> list[nn.Module]:
    """The list `blocks`, else those of its stages one after the other; [] where there are none."""
    own: Any = getattr(module, "blocks", None)
    if isinstance(own, _LISTS):
        return list(own)
    found = [
        part
        for name, part in module.named_modules()
        if name.rpartition(".")[2] in ("blocks", "layer", "resblocks", "layers")
        and isinstance(part, _LISTS)
        and not any(isinstance(getattr(each, "blocks", None), _LISTS) for each in part)
    ]
    return [block for part in found for block in part]


def block_list(module: nn.Module, called: str) -> list[nn.Module]:
    """The blocks. Unsupported where there is no list of them."""
    found = find_blocks(module)
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
