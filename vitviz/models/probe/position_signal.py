"""How a model without a table tells places apart: by rotations of q and k, or by a bias on scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32
from torch import Tensor, nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Unsupported
from vitviz.models.families.anatomy import place_bias, window_bias
from vitviz.models.record.recorder import record


def rotations_of(
    module: nn.Module, layer: str, pixels: Tensor, grid: TokenGrid, called: str
) -> Float32[np.ndarray, "patch angle"]:
    """Sine and cosine of every angle by which a patch's q and k are turned in a layer.

    Unsupported where the block is given no such rotations, one row a patch.
    """
    seen: list[Tensor] = []

    def look(_module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.extend(each for key, each in named.items() if key == "rope" and each is not None)

    hook = module.get_submodule(layer.rpartition(".")[0]).register_forward_pre_hook(
        look, with_kwargs=True
    )
    try:
        with torch.no_grad():
            module(pixels)
    finally:
        hook.remove()
    if not seen:
        raise Unsupported(f"{called} does not turn queries and keys by their place")
    values = seen[0].detach().float().cpu()
    if values.ndim == 3:  # rotations of each head's own
        values = rearrange(values, "head patch angle -> patch (head angle)")
    if values.ndim != 2 or values.shape[0] not in (grid.rows * grid.cols, grid.tokens):
        raise Unsupported(
            f"the rotations of {called} have shape {tuple(seen[0].shape)}, which is not one row for "
            f"each of its {grid.rows * grid.cols} patches"
        )
    return np.array(values[-grid.rows * grid.cols :].numpy(), np.float32)


def _in_windows(attention: Any) -> Float32[np.ndarray, "head query key"] | None:
    """The bias between the places of a Swin's window, as its module lays it out; None in others."""
    read = window_bias(attention)
    if read is None:
        return None
    with torch.no_grad():
        bias = read().float().cpu()
    return np.array(rearrange(bias, "1 head query key -> head query key").numpy(), np.float32)


def _learned_by_place(attention: Any) -> Float32[np.ndarray, "head query key"] | None:
    """The bias that LeViT, TinyViT and their like keep for every two places; None in others."""
    read = place_bias(attention)
    if read is None:
        return None
    with torch.no_grad():
        bias = read().float().cpu()
    return np.array(bias.numpy(), np.float32)


def bias_of(
    module: nn.Module, layer: str, pixels: Tensor, grid: TokenGrid, called: str
) -> Float32[np.ndarray, "head query key"]:
    """What a layer adds to its scores for each query and key, whatever the picture.

    Where it attends inside windows, what it adds between the slots of each of them. Unsupported where
    its attention call is given no bias over the tokens of the grid.
    """
    attention = module.get_submodule(layer)
    for own in (_in_windows(attention), _learned_by_place(attention)):
        if own is not None:
            return own
    bias = _added(module, layer, pixels)
    if bias is None:
        raise Unsupported(f"{called} adds no bias to its scores that could be seen")
    if bias.shape[-2:] != (grid.tokens, grid.tokens):
        raise Unsupported(f"the bias of {called} is not over the {grid.tokens} tokens of one grid")
    other = _added(module, layer, torch.zeros_like(pixels))
    if other is None or not torch.allclose(bias, other, atol=1e-5):
        raise Unsupported(
            f"what {called} adds to its scores depends on the picture too: its queries times a learned "
            "vector for each distance"
        )
    return np.array(bias.cpu().numpy(), np.float32)


def _added(
    module: nn.Module, layer: str, pixels: Tensor
) -> Float32[Tensor, "head query key"] | None:
    """What the attention call of a layer is given to add to its scores; None where that is nothing."""
    _, calls = record(module, pixels, values=False)
    call = next((each for each in calls if each.name == layer), None)
    if call is None or call.bias is None or call.bias.dtype == torch.bool:
        return None
    every = call.bias.float().expand(*call.shape)
    return rearrange(every, "... head query key -> (...) head query key")[0]
