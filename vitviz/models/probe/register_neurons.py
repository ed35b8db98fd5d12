"""Test-time registers: what a few neurons write into outlying patches goes to a token added for it.

Jiang et al. 2025, Vision Transformers Don't Need Trained Registers, arXiv:2506.08010. Neurons of an MLP
whose activations are large where a patch's vector is far longer than the others write these outliers.
Their largest activation is given to an added token that starts from zeros, and their activation at the
patches is 0.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from vitviz.core.data.geometry import ADDED_REGISTER, TokenGrid
from vitviz.core.data.intervention import Intervention, LayerNeurons
from vitviz.core.measures.norm_outliers import norm_outliers
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.attribution.block_tokens import tokens_of
from vitviz.models.attribution.hidden_patches import tells_places_inside
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import Anatomy, block_anatomy

Activations = Float[Tensor, "picture token neuron"]


def own_grid(grid: TokenGrid) -> TokenGrid:
    """A grid without tokens that were added to the model's own."""
    own = tuple(name for name in grid.prefix if name != ADDED_REGISTER)
    return replace(grid, prefix=own)


def found_neurons(
    module: nn.Module,
    pixels: Float[Tensor, "1 rgb row col"],
    grid: TokenGrid,
    count: int,
    threshold: float,
) -> LayerNeurons:
    """The neurons that write a picture's outliers, the strongest first, as (layer, neuron) from 0.

    Outliers are those of the layer where they stick out most, by more than `threshold` robust
    deviations; neurons are those of the layers up to the first in which one of them does. Unsupported
    where no patch sticks out, or the neurons of the MLPs cannot be seen.
    """
    parts = _neurons(module)
    lengths = _lengths(module, pixels)[:, grid.patches]
    each = [norm_outliers(row, threshold) for row in lengths]
    reach = [
        (row.max() - one.median) / one.spread if one.spread > 0 else 0.0
        for row, one in zip(lengths, each, strict=True)
    ]
    most = int(np.argmax(reach))
    outliers = each[most].which
    if not outliers.any():
        raise Unsupported(
            f"no patch of this picture sticks out in {type(module).__name__}: the longest "
            f"is {reach[most]:.1f} robust deviations above the median, and {threshold:g} make an "
            "outlier, so no neuron writes any; larger models have them"
        )
    first = next(at for at, one in enumerate(each) if (one.which & outliers).any())
    at = torch.from_numpy(np.flatnonzero(outliers) + len(grid.prefix))
    strengths: list[Tensor] = []

    def keep(_module: nn.Module, _given: Any, output: Activations) -> None:
        strengths.append(output[0, at.to(output.device)].abs().float().mean(dim=0).cpu())

    with ExitStack() as hooks:
        for part in parts[: first + 1]:
            hooks.callback(part.register_forward_hook(keep).remove)
        module(pixels)
    width = len(strengths[0])
    ranked = torch.cat(strengths).argsort(descending=True, stable=True)[:count].tolist()
    return tuple(divmod(place, width) for place in ranked)


def move_neurons(module: nn.Module, change: Intervention, undo: ExitStack) -> None:
    """Takes the neurons' activations out of the patches; to an added token, unless they go nowhere.

    Unsupported where no token can be added exactly, VitvizError for a neuron that is not there.
    """
    parts = _neurons(module)
    by_layer: dict[int, list[int]] = {}
    for layer, neuron in change.neurons:
        if not 0 <= layer < len(parts):
            raise VitvizError(f"there is no layer {layer}; the {len(parts)} count from 0")
        by_layer.setdefault(layer, []).append(neuron)
    anatomy = anatomy_of(module)
    prefixes = anatomy.prefixes
    added = change.neurons_go == "to an added token"
    if added:
        _add_token(module, anatomy, undo)
    for layer, neurons in by_layer.items():
        hook = partial(_moved, neurons=neurons, prefixes=prefixes, added=added)
        undo.callback(parts[layer].register_forward_hook(hook).remove)


def _moved(
    _module: nn.Module,
    _given: Any,
    output: Activations,
    *,
    neurons: list[int],
    prefixes: int,
    added: bool,
) -> Activations:
    if max(neurons) >= output.shape[-1]:
        raise VitvizError(
            f"there is no neuron {max(neurons)}; the MLP has {output.shape[-1]}, which count from 0"
        )
    found = output.clone()
    largest = found[..., neurons].amax(dim=1)
    found[:, prefixes + added :, neurons] = 0
    if added:
        found[:, prefixes, neurons] = largest
    return found


def _neurons(module: nn.Module) -> list[nn.Module]:
    """What gives out the neurons of each block's MLP. Unsupported where that cannot be seen."""
    parts = [block_anatomy(block).act for block in anatomy_of(module).blocks]
    found = [part for part in parts if part is not None]
    if not found or len(found) < len(parts):
        raise Unsupported(
            f"the blocks of {type(module).__name__} are not in one list, each with an MLP of two "
            "layers and an activation between them, so which neurons write what cannot be seen"
        )
    return found


def _add_token(module: nn.Module, anatomy: Anatomy, undo: ExitStack) -> None:
    """One more token behind the prefix, zero in front of the first block."""
    own = vars(module).get("num_prefix_tokens")
    if own is None or anatomy.embed is None or tells_places_inside(module):
        raise Unsupported(
            f"{type(module).__name__} tells its tokens apart by number or place inside its blocks, "
            "so none can be added exactly; have the neurons write nowhere instead"
        )
    marks: Any = module

    def begin(_module: nn.Module, _given: Any) -> None:
        marks.num_prefix_tokens = own
        vars(module).pop(ADDED_REGISTER, None)

    def add(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        tokens = given[0]
        zeros = torch.zeros_like(tokens[:, :1])
        marks.num_prefix_tokens = own + 1
        vars(module)[ADDED_REGISTER] = 1
        return (torch.cat([tokens[:, :own], zeros, tokens[:, own:]], dim=1), *given[1:])

    undo.callback(begin, module, None)
    undo.callback(anatomy.embed.register_forward_pre_hook(begin).remove)
    undo.callback(anatomy.blocks[0].register_forward_pre_hook(add).remove)


def _lengths(module: nn.Module, pixels: Tensor) -> Float32[np.ndarray, "layer token"]:
    """How long every token's vector is after each block."""
    found: list[Tensor] = []

    def keep(_module: nn.Module, _given: Any, output: Any) -> None:
        found.append(tokens_of(output)[0].float().norm(dim=-1).cpu())

    with ExitStack() as hooks:
        for block in anatomy_of(module).blocks:
            hooks.callback(block.register_forward_hook(keep).remove)
        module(pixels)
    lengths: Float32[np.ndarray, "layer token"] = torch.stack(found).numpy()
    return lengths
